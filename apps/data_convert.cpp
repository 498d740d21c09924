// cartan data convert IN OUT: from one kind of file to another.

#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>

#include <cmath>
#include <iostream>
#include <map>
#include <memory>

#include "app.hpp"
#include "frame_files.hpp"
#include "unused_list.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  data::ReadOptions read;
  std::string in, out, range, energy = "eV", length = "angstrom", force;
  bool force_overwrite = false;
};

const std::map<std::string, double> energy_units{{"eV", 1},
                                                 {"meV", 1e-3},
                                                 {"kcal/mol", units::kcal_per_mol},
                                                 {"kJ/mol", units::kj_per_mol},
                                                 {"hartree", units::hartree},
                                                 {"rydberg", units::hartree / 2}};
const std::map<std::string, double> length_units{{"angstrom", 1}, {"bohr", units::bohr}, {"nm", 10}};

// eV/Angstrom of a unit such as "hartree/bohr" or "kcal/mol/angstrom".
double force_unit(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  const auto energy = energy_units.find(name.substr(0, slash));
  const auto length =
      slash == std::string::npos ? length_units.end() : length_units.find(name.substr(slash + 1));
  require(energy != energy_units.end() && length != length_units.end(), "--force-units ", name,
          ": expected an energy and a length, e.g. hartree/bohr or kcal/mol/angstrom");
  return energy->second / length->second;
}

void scale(std::vector<double>& values, double factor) {
  for (double& x : values) x *= factor;
}

void to_own_units(data::Frame& frame, double energy, double length, double force) {
  if (frame.energy) *frame.energy *= energy;
  scale(frame.positions, length);
  scale(frame.velocities, length);
  scale(frame.forces, force);
  for (double& x : frame.cell) x *= length;
  if (frame.stress)
    for (double& x : *frame.stress) x *= energy / (length * length * length);
}

void run(const Options& o) {
  refuse_existing({o.out}, o.force_overwrite);
  const double energy = energy_units.at(o.energy), length = length_units.at(o.length);
  const double force = o.force.empty() ? energy / length : force_unit(o.force);
  const bool own_units = energy == 1 && length == 1 && force == 1;
  if (!own_units) {
    const auto format = data::frame_format(o.in);
    require(!format.own_units, o.in, ": a file of the kind ", format.title,
            " has units of its own; --units is for files that do not say theirs");
  }
  auto frames = data::read_frames(o.in, o.range, o.read);
  stop_if_asked();
  if (!own_units)
    for (auto& frame : frames) to_own_units(frame, energy, length, force);
  UnusedList lost;
  for (const auto& frame : frames) lost.add_lost(frame);
  for (const std::string& line : lost.lines(static_cast<Index>(frames.size()), false))
    std::cerr << "cartan: warning: " << printable(o.in) << ": not converted: " << line << "\n";
  save_frames(o.out, frames);
  std::cout << frames.size() << (frames.size() == 1 ? " frame" : " frames") << " from " << o.in << " to "
            << o.out << "\n";
}

}  // namespace

void add_data_convert(CLI::App& data) {
  CLI::App* verb = data.add_subcommand("convert", "Convert frames from one kind of file to another");
  auto o = std::make_shared<Options>();
  verb->add_option("in", o->in, "Frames: " + data::frame_format_names())->required();
  verb->add_option("out", o->out, "File to write: " + data::frame_format_names(true))->required();
  verb->add_option("--range", o->range, "Which frames, as a Python slice: 0:100, ::10, -1")
      ->type_name("A:B:C");
  std::vector<std::string> energies, lengths;
  for (const auto& unit : energy_units) energies.push_back(unit.first);
  for (const auto& unit : length_units) lengths.push_back(unit.first);
  verb->add_option("--units", o->energy,
                   "Energies of IN: eV (default), meV, kcal/mol, kJ/mol, hartree, rydberg")
      ->check(CLI::IsMember(energies).description(""))
      ->type_name("UNIT");
  verb->add_option("--length-units", o->length, "Positions and cells of IN: angstrom (default), bohr, nm")
      ->check(CLI::IsMember(lengths).description(""))
      ->type_name("UNIT");
  verb->add_option("--force-units", o->force, "Forces of IN, e.g. hartree/bohr (default: energy by length)")
      ->type_name("UNIT");
  add_read_options(verb, o->read);
  add_force_option(verb, o->force_overwrite);
  add_threads_option(verb);
  add_example(verb, "cartan data convert data/xtb_molecules.h5 molecules.extxyz");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
