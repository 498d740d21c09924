// The cost of the engines, and the choice.
#include "so3/gaunt_plan.hpp"

#include <algorithm>

namespace cartan::so3 {

Plan plan_form(const SphereForm& form, int out, const PlanOptions& options) {
  std::vector<Candidate> all;
  for (const Engine engine : {Engine::cg, Engine::grid, Engine::fourier}) {
    Candidate c;
    c.engine = engine;
    c.flops = coupling_flops(form, out);
    c.seconds = engine == Engine::grid ? 1 : engine == Engine::cg ? 2 : 3;
    all.push_back(c);
  }
  if (std::any_of(form.terms.begin(), form.terms.end(), [](const SphereTerm& t) { return t.bracket; })) {
    all.back().possible = false;
    all.back().why_not = "gradients are formed on the grid only";
  }
  return choose(std::move(all), options.engine);
}

Plan plan_convolution(const ConvolutionDegrees& l, const SphereForm& form, Index channels,
                      const PlanOptions& options) {
  Plan spatial = plan_form(form, 2, {Engine::automatic, options.measure, options.batch * channels});
  Candidate escn;
  escn.engine = Engine::escn;
  escn.flops = frame_flops(l, channels);
  escn.seconds = 0.5;
  spatial.candidates.push_back(escn);
  return choose(std::move(spatial.candidates), options.engine);
}

Plan plan_complete(int, int, int, const PlanOptions& options) {
  std::vector<Candidate> all(2);
  all[0].engine = Engine::cg;
  all[1].engine = Engine::grid;
  return choose(std::move(all), options.engine);
}

}  // namespace cartan::so3
