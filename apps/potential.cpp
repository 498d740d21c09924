#include "verbs.hpp"

namespace cartan::app {

void add_potential_verbs(CLI::App& app) {
  CLI::App* potential = app.add_subcommand("potential", "Train, evaluate and run interatomic potentials");
  potential->require_subcommand(1);
}

}  // namespace cartan::app
