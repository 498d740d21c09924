#pragma once
// The groups of verbs. Each verb is a function in a file of its own, listed in the file of its group.

#include <CLI/CLI.hpp>

namespace cartan::app {

void add_data_verbs(CLI::App& app);
void add_potential_verbs(CLI::App& app);
void add_chebyshev_verbs(CLI::App& app);
void add_functional_verbs(CLI::App& app);
void add_completion_verbs(CLI::App& app);
void add_operator_verbs(CLI::App& app);

/// Adds a verb to its group.
using AddVerb = void(CLI::App& group);

}  // namespace cartan::app
