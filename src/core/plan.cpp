#include "cartan/core/plan.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>

#include "cartan/core/error.hpp"

namespace cartan {

void describe(config::Fields& f, PlanOptions& o) {
  f("engine", o.engine, "the algorithm, by its name in the plan").optional("the one expected to be fastest");
  f("measure", o.measure, "time the algorithms instead of trusting the cost model");
  f("batch", o.batch, "samples or edges that the choice is made for").from(1);
}

void PlanOptions::validate() const {
  config::validate("plan", *this);
}

Plan choose(std::vector<Candidate> candidates, const std::string& forced) {
  Plan plan;
  plan.forced = !forced.empty();
  const Candidate* best = nullptr;
  std::string names;
  for (const Candidate& c : candidates) {
    names += (names.empty() ? "" : ", ") + c.engine;
    if (plan.forced ? c.engine == forced : c.possible() && (best == nullptr || c.seconds < best->seconds))
      best = &c;
  }
  require(best != nullptr, "[plan] no engine ", forced, plan.forced ? " " : "",
          "can compute this; there are: ", names);
  require(best->possible(), "[plan] the engine ", best->engine, " cannot compute this: ", best->why_not);
  plan.engine = best->engine;
  plan.candidates = std::move(candidates);
  return plan;
}

void measure(Candidate& candidate, const std::function<void()>& call, double factor) {
  double least = std::numeric_limits<double>::infinity();
  for (int k = 0; k < 4; ++k) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    if (k > 0) least = std::min(least, time.count());
  }
  candidate.seconds = least * factor;
  candidate.measured = true;
}

std::string Plan::text() const {
  std::size_t width = 8;
  for (const Candidate& c : candidates) width = std::max(width, c.engine.size());
  std::string out;
  for (const Candidate& c : candidates) {
    const bool chosen = c.engine == engine;
    out += (chosen ? "* " : "  ") + c.engine + std::string(width - c.engine.size(), ' ');
    char line[120];
    std::snprintf(line, sizeof line, " %10.3g flop %10.3g byte %10.3g s %s", c.flops, c.bytes, c.seconds,
                  c.measured ? "measured" : "expected");
    out += c.possible() ? line : " not possible: " + c.why_not;
    out += chosen && forced ? ", forced\n" : "\n";
  }
  return out;
}

}  // namespace cartan
