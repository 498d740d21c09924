#include "frame_files.hpp"

#include <cartan/core/printable.hpp>

#include <iostream>

#include "config_flags.hpp"

namespace cartan::app {

void add_read_options(CLI::App* verb, data::ReadOptions& o) {
  verb->add_option("--elements", o.elements, "LAMMPS: elements of the atom types 1, 2, ..., as H,O")
      ->delimiter(',')
      ->type_name("A,B,..");
  verb->add_option("--lammps-units", o.units,
                   "LAMMPS files that do not say theirs: metal (default), real, electron")
      ->check(CLI::IsMember({"metal", "real", "electron"}).description(""))
      ->type_name("STYLE");
  verb->add_option("--atom-style", o.atom_style,
                   "LAMMPS data files that do not say theirs: atomic, charge, full, ...")
      ->type_name("STYLE");
  add_field_options(verb, config::fields_of(o.labels));
}

void save_frames(const std::string& path, const std::vector<data::Frame>& frames) {
  std::string lost;
  for (const std::string& name : data::write_frames(path, frames)) lost += (lost.empty() ? "" : ", ") + name;
  if (!lost.empty())
    std::cerr << "cartan: warning: " << printable(path)
              << ": this kind of file has no place for, and lacks: " << printable(lost) << "\n";
}

}  // namespace cartan::app
