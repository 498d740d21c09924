#include "verbs.hpp"

namespace cartan::app {

AddVerb add_functional_fit, add_functional_eval, add_functional_predict;

void add_functional_verbs(CLI::App& app) {
  CLI::App* functional =
      app.add_subcommand("functional", "Functions of scattered data, with their uncertainty");
  functional->require_subcommand(1);
  for (AddVerb* add : {add_functional_fit, add_functional_eval, add_functional_predict}) add(*functional);
}

}  // namespace cartan::app
