#include "verbs.hpp"

namespace cartan::app {

void add_chebyshev_verbs(CLI::App& app) {
  CLI::App* chebyshev =
      app.add_subcommand("chebyshev", "Low-rank Chebyshev functions, and fields of point charges");
  chebyshev->require_subcommand(1);
  add_chebyshev_fit(*chebyshev);
  add_chebyshev_eval(*chebyshev);
  add_chebyshev_electrostatics(*chebyshev);
}

}  // namespace cartan::app
