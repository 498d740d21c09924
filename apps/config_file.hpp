#pragma once
// Options from TOML files and from --section.key flags, through their description (<cartan/core/config.hpp>).

#include <cartan/core/config.hpp>
#include <functional>
#include <string>
#include <vector>

namespace cartan::app {

/// Describes one struct; called again after a choice has changed which fields there are.
using Describe = std::function<config::Fields()>;
template <class Options>
Describe described(Options& options) {
  return [&options] { return config::fields_of(options); };
}

/// A key of the file as a flag gives it, its value taken as it is.
struct Override {
  std::string key, value;
};

/// Sets fields from the tables of a TOML file, then from overrides. Throws IoError; FormatError naming the
/// line for TOML that does not parse, keys that are unknown (with the nearest) and values that do not fit;
/// std::invalid_argument naming the flag for the same in an override.
void read_toml(const std::string& path, const Describe& fields, const std::vector<Override>& overrides);

/// The same from the text of a file, which errors call `name`.
void read_toml_text(const std::string& text, const std::string& name, const Describe& fields,
                    const std::vector<Override>& overrides = {});

/// Every field with its value, as TOML that read_toml() reads back.
std::string to_toml(const Describe& fields);

/// The reference: every key with its default, help and limits, as a run file with comments. The keys of kinds
/// that are not the default are comments.
std::string reference(const Describe& fields);
/// Every key there is, those of all kinds included.
std::vector<std::string> all_keys(const Describe& fields);

}  // namespace cartan::app
