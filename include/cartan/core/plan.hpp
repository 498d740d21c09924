#pragma once
/// Plan, then execute: anything whose best algorithm depends on sizes (a tensor product, a spectral
/// convolution, a mode product) is planned once. The candidates give the same numbers; the plan lists them
/// with their cost, says which was chosen and why another is not possible, and the choice can be forced:
///
///     PlanOptions options;
///     options.engine = "grid";                        // or "", the fastest
///     const so3::GauntProduct product(4, 4, 4, options);
///     std::cout << product.plan().text();

#include <functional>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>

namespace cartan {

struct PlanOptions {
  std::string engine;         ///< a candidate's name; empty: the one expected to be fastest
  bool measure = false;       ///< time the candidates on random data instead of trusting the cost model
  std::int64_t batch = 1000;  ///< samples or edges that the choice is made for, at least 1

  void validate() const;  ///< throws std::invalid_argument
};
void describe(config::Fields& f, PlanOptions& o);

/// One way to compute it, and its cost for the planned batch.
struct Candidate {
  std::string engine;   ///< its name
  std::string why_not;  ///< why it cannot be used here; empty where it can
  double flops = 0;     ///< additions and multiplications of one forward pass
  double bytes = 0;     ///< least traffic with memory
  double seconds = 0;   ///< expected, or measured
  bool measured = false;

  bool possible() const { return why_not.empty(); }
};

/// The choice and what it was made from.
struct Plan {
  std::string engine;  ///< of the candidate that was chosen
  bool forced = false;
  std::vector<Candidate> candidates;

  std::string text() const;  ///< a table to read
};

/// The possible candidate of least `seconds`, or the one that is forced by name (not empty). Throws
/// std::invalid_argument where there is no such candidate, or where it is not possible, saying why.
Plan choose(std::vector<Candidate> candidates, const std::string& forced);

/// Sets the candidate's seconds to the least time of three calls, times `factor`; a call before them makes
/// tables.
void measure(Candidate& candidate, const std::function<void()>& call, double factor = 1);

}  // namespace cartan
