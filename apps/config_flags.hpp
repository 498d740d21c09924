#pragma once
// Flags of a verb from the description of its options (<cartan/core/config.hpp>).

#include <cartan/core/config.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "config_file.hpp"

namespace cartan::app {

/// --name, with hyphens.
std::string flag_of(std::string name);
/// What the field is, its unit, choices and default.
std::string help_of(const config::Field& f);
/// N, X, TEXT, or a list of them.
const char* type_of(const config::Value& value);

/// Adds `--name VALUE` for every field, underscores as hyphens, with help, unit, default and limits; a field
/// that is true or false becomes a flag, `--no-name` where it is true by default. What does not fit is a
/// usage error that names the flag. The struct that is described must outlive the verb.
/// @param only  names of the fields to add, in this order; none: all
void add_field_options(CLI::App* verb, config::Fields fields, const std::vector<std::string>& only = {});

/// Adds `--section.key VALUE` for every key of a run file, hidden in the help, collected into `overrides` as
/// typed.
void add_override_options(CLI::App* verb, const std::vector<std::string>& keys,
                          std::vector<Override>& overrides);

/// "; perhaps --out is meant" for the option of `verb` nearest to a flag, or "".
std::string nearest_option(const CLI::App* verb, const std::string& flag);

}  // namespace cartan::app
