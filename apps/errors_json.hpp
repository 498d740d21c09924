#pragma once
// Errors of a potential for people and for programs.

#include <cartan/potentials/training.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace cartan::app {

/// The fixed keys; a label that the frames lack has no keys.
nlohmann::json to_json(const potentials::Errors& errors);
/// A small table in meV and A.
std::string table(const potentials::Errors& errors);

}  // namespace cartan::app
