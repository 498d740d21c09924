#pragma once
// The groups of verbs. Each verb is a function in a file of its own.

#include <CLI/CLI.hpp>

namespace cartan::app {

void add_data_verbs(CLI::App& app);
void add_potential_verbs(CLI::App& app);
void add_chebyshev_verbs(CLI::App& app);

// data
void add_data_info(CLI::App& data);
void add_data_convert(CLI::App& data);
void add_data_split(CLI::App& data);

// potential
void add_potential_train(CLI::App& potential);
void add_potential_eval(CLI::App& potential);
void add_potential_md(CLI::App& potential);
void add_potential_relax(CLI::App& potential);

// chebyshev
void add_chebyshev_fit(CLI::App& chebyshev);
void add_chebyshev_eval(CLI::App& chebyshev);
void add_chebyshev_electrostatics(CLI::App& chebyshev);

}  // namespace cartan::app
