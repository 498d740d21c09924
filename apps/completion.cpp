#include "verbs.hpp"

namespace cartan::app {

AddVerb add_completion_fit, add_completion_eval, add_completion_predict, add_completion_compare,
    add_completion_ranks;

void add_completion_verbs(CLI::App& app) {
  CLI::App* completion =
      app.add_subcommand("completion", "Entries of tensors that are not known, from those that are");
  completion->require_subcommand(1);
  for (AddVerb* add : {add_completion_fit, add_completion_eval, add_completion_predict,
                       add_completion_compare, add_completion_ranks})
    add(*completion);
}

}  // namespace cartan::app
