#include "cartan/so3/plan.hpp"

#include <cstdio>

#include "cartan/core/error.hpp"

namespace cartan::so3 {

const char* name_of(Engine engine) {
  switch (engine) {
    case Engine::automatic:
      return "automatic";
    case Engine::cg:
      return "cg";
    case Engine::grid:
      return "grid";
    case Engine::fourier:
      return "fourier";
    case Engine::escn:
      return "escn";
  }
  return "?";
}

void PlanOptions::validate() const {
  require(batch >= 1, "[plan] a batch of ", batch, ": the choice is made for at least one sample or edge");
}

Plan choose(std::vector<Candidate> candidates, Engine forced) {
  Plan plan;
  plan.forced = forced != Engine::automatic;
  const Candidate* best = nullptr;
  for (const auto& c : candidates) {
    if (plan.forced && c.engine == forced) {
      require(c.possible, "[plan] the engine ", name_of(forced), " cannot express this product: ", c.why_not);
      best = &c;
      break;
    }
    if (!plan.forced && c.possible && (best == nullptr || c.seconds < best->seconds)) best = &c;
  }
  require(best != nullptr, "[plan] no engine ", plan.forced ? name_of(forced) : "", " for this product");
  plan.engine = best->engine;
  plan.candidates = std::move(candidates);
  return plan;
}

std::string Plan::text() const {
  std::string out;
  char line[160];
  for (const auto& c : candidates) {
    if (c.possible)
      std::snprintf(line, sizeof line, "%c %-8s %10.3g flop %10.3g byte %10.3g s %s\n",
                    c.engine == engine ? '*' : ' ', name_of(c.engine), c.flops, c.bytes, c.seconds,
                    c.measured ? "measured" : "expected");
    else
      std::snprintf(line, sizeof line, "  %-8s not possible: %.100s\n", name_of(c.engine), c.why_not.c_str());
    out += line;
  }
  return out;
}

}  // namespace cartan::so3
