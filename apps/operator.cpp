#include "verbs.hpp"

namespace cartan::app {

AddVerb add_operator_generate, add_operator_train, add_operator_eval, add_operator_predict,
    add_operator_import, add_operator_compress;

void add_operator_verbs(CLI::App& app) {
  CLI::App* verbs =
      app.add_subcommand("operator", "Surrogates of partial differential equations: neural operators");
  verbs->require_subcommand(1);
  for (AddVerb* add : {add_operator_generate, add_operator_train, add_operator_eval, add_operator_predict,
                       add_operator_import, add_operator_compress})
    add(*verbs);
}

}  // namespace cartan::app
