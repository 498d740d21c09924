// The cost of the engines, and the choice.
#include "so3/gaunt_plan.hpp"

namespace cartan::so3 {

Plan plan_form(const Form& form, int out, const PlanOptions& options) {
  std::vector<Candidate> all;
  for (const Engine engine : {Engine::cg, Engine::grid, Engine::fourier}) {
    Candidate c;
    c.engine = engine;
    c.flops = coupling_flops(form, out);
    c.seconds = engine == Engine::grid ? 1 : engine == Engine::cg ? 2 : 3;
    all.push_back(c);
  }
  return choose(std::move(all), options.engine);
}

}  // namespace cartan::so3
