#pragma once
// Scores as JSON and as lines of a table.

#include <cartan/core/score.hpp>

#include <nlohmann/json.hpp>
#include <string>

namespace cartan::app {

/// n, rmse, mae and, where known, nll and coverage_90.
nlohmann::ordered_json score_json(const Score& s);
/// A line of the table that print_score_head() begins.
void print_score_head(const std::string& title);
void print_score(const std::string& name, const Score& s);

}  // namespace cartan::app
