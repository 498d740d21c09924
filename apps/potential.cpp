#include "verbs.hpp"

namespace cartan::app {

void add_potential_verbs(CLI::App& app) {
  CLI::App* potential = app.add_subcommand("potential", "Train, evaluate and run interatomic potentials");
  potential->require_subcommand(1);
  add_potential_train(*potential);
  add_potential_eval(*potential);
  add_potential_md(*potential);
  add_potential_relax(*potential);
}

}  // namespace cartan::app
