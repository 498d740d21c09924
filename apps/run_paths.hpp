#pragma once
// File names in run files.

#include <string>
#include <vector>

#include "config_file.hpp"

namespace cartan::app {

std::string absolute(const std::string& path);
/// A dollar as a run file writes it, $$.
std::string with_dollars(const std::string& path);
/// Makes the name of a file that `key` gives absolute; "" stays. One of the run file counts from its folder
/// (with $NAME and ${NAME} of the environment), or else from the current one; one of an override the other
/// way round.
void locate(const std::string& run_file, const std::vector<Override>& overrides, const std::string& key,
            std::string& path);

}  // namespace cartan::app
