#pragma once
// Errors of operators for people and for programs.

#include <cartan/operators/training.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace cartan::app {

nlohmann::json to_json(const operators::FieldErrors& errors);
std::string table(const operators::FieldErrors& errors);

}  // namespace cartan::app
