#include "cartan/completion/splits.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"

namespace cartan::completion {

void describe(config::Fields& f, SplitOptions& o) {
  f("validation", o.validation, "share of the entries that guide the fit and calibrate its intervals")
      .from(0)
      .below(1);
  f("test", o.test, "share of the entries that no fit sees").from(0).below(1);
  f("seed", o.seed, "of splits, starts and draws");
}

Split split(const SparseTensor& x, const SplitOptions& o) {
  config::validate("split", o);
  const Index n = x.size();
  const auto share = [&](double s) { return static_cast<Index>(std::llround(s * static_cast<double>(n))); };
  const Index test = share(o.test), validation = share(o.validation), train = n - test - validation;
  require(train >= 1, "[split] of ", n, " entries ", test, " are to test and ", validation,
          " to validate; none is left to train on");
  std::vector<Index> order = Random(o.seed, 4711).permutation(n);
  const auto part = [&](Index begin, Index end) {
    std::vector<Index> chosen(order.begin() + begin, order.begin() + end);
    std::sort(chosen.begin(), chosen.end());
    return x.chosen(chosen);
  };
  return {part(0, train), part(train, train + validation), part(train + validation, n)};
}

std::vector<std::vector<Index>> folds(const SparseTensor& x, int count, std::uint64_t seed) {
  require(count >= 2 && count <= x.size(), "[folds] ", count, " folds of ", x.size(),
          " entries; expected 2 or more, each with an entry");
  const std::vector<Index> order = Random(seed, 4712).permutation(x.size());
  std::vector<std::vector<Index>> out(static_cast<std::size_t>(count));
  for (std::size_t n = 0; n < order.size(); ++n) out[n % out.size()].push_back(order[n]);
  for (auto& fold : out) std::sort(fold.begin(), fold.end());
  return out;
}

}  // namespace cartan::completion
