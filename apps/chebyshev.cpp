#include "verbs.hpp"

namespace cartan::app {

AddVerb add_chebyshev_fit, add_chebyshev_eval, add_chebyshev_electrostatics;

void add_chebyshev_verbs(CLI::App& app) {
  CLI::App* chebyshev =
      app.add_subcommand("chebyshev", "Low-rank Chebyshev functions, and fields of point charges");
  chebyshev->require_subcommand(1);
  for (AddVerb* add : {add_chebyshev_fit, add_chebyshev_eval, add_chebyshev_electrostatics}) add(*chebyshev);
}

}  // namespace cartan::app
