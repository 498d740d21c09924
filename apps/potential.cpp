#include "verbs.hpp"

namespace cartan::app {

AddVerb add_potential_train, add_potential_eval, add_potential_md, add_potential_relax, add_potential_import;

void add_potential_verbs(CLI::App& app) {
  CLI::App* potential = app.add_subcommand("potential", "Train, evaluate and run interatomic potentials");
  potential->require_subcommand(1);
  for (AddVerb* add :
       {add_potential_train, add_potential_eval, add_potential_md, add_potential_relax, add_potential_import})
    add(*potential);
}

}  // namespace cartan::app
