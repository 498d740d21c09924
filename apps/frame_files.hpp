#pragma once
// What verbs that read and write frames share: options for what files do not say, warnings for what is lost.

#include <cartan/data/readers.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace cartan::app {

/// Adds `--elements`, `--lammps-units`, `--atom-style`, and the names of labels (`--energy-key`, ...).
void add_read_options(CLI::App* verb, data::ReadOptions& options);

/// data::write_frames, with a warning on standard error of what the kind of file does not keep.
void save_frames(const std::string& path, const std::vector<data::Frame>& frames);

}  // namespace cartan::app
