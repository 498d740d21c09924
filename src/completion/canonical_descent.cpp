#include "completion/canonical_descent.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"

namespace cartan::completion {

CanonicalDescent::CanonicalDescent(const SparseTensor& x, const Penalties& penalties, Solver solver,
                                   std::uint64_t seed)
    : x_(x),
      penalties_(penalties),
      solver_(solver),
      seed_(seed),
      rows_(x, loss_, penalties),
      columns_(completion::columns_of(x)) {
  for (int k = 0; k < x.order(); ++k) {
    const std::vector<Index> counts = x.counts(k);
    std::vector<std::uint32_t> begin(counts.size() + 1, 0), list(static_cast<std::size_t>(x.size()));
    std::vector<double> share;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      begin[i + 1] = begin[i] + static_cast<std::uint32_t>(counts[i]);
      share.push_back(counts[i] > 0 ? 1 / static_cast<double>(counts[i]) : 0);
    }
    std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
    for (Index n = 0; n < x.size(); ++n)
      list[next[static_cast<std::size_t>(x.index(k)[n])]++] = static_cast<std::uint32_t>(n);
    begin_.push_back(std::move(begin)), list_.push_back(std::move(list)), share_.push_back(std::move(share));
  }
}

double CanonicalDescent::sweep(CanonicalParts& parts) {
  if (solver_ == Solver::ccd) {
    terms_in_turn(parts);
    return objective_ = rows_.objective(parts);
  }
  if (!std::isfinite(objective_)) objective_ = rows_.objective(parts);
  for (int attempt = 0; attempt < 20; ++attempt) {  // shorter steps until one pays
    CanonicalParts next = parts;
    entries_in_turn(next);
    const double value = rows_.objective(next);
    if (value < objective_) {
      parts = std::move(next), objective_ = value, rate_ *= 1.05;
      break;
    }
    rate_ /= 2;
  }
  ++epoch_;
  return objective_;
}

void CanonicalDescent::terms_in_turn(CanonicalParts& parts) {
  const Index n = x_.size(), rank = parts.width[0];
  const int d = x_.order();
  std::vector<double> rest(x_.values().begin(), x_.values().end());
  {
    const Array m = parts.values(x_);
    for (std::size_t e = 0; e < rest.size(); ++e) rest[e] -= m.data<double>()[e];
  }
  const auto at = [&](int k, Index e, Index r) -> double& {
    return parts.row(k, columns_[static_cast<std::size_t>(k)][e])[r];
  };
  const auto add_term = [&](Index r, double by) {
    parallel_for(n, 16384, [&](Index b, Index e) {
      for (Index q = b; q < e; ++q) {
        double p = by;
        for (int k = 0; k < d; ++k) p *= at(k, q, r);
        rest[static_cast<std::size_t>(q)] += p;
      }
    });
  };
  for (Index r = 0; r < rank; ++r) {
    add_term(r, 1);
    for (int k = 0; k < d; ++k) {
      const auto& begin = begin_[static_cast<std::size_t>(k)];
      const auto& list = list_[static_cast<std::size_t>(k)];
      const Index rows = parts.rows(k);
      parallel_for(rows, std::clamp<Index>(16384 * rows / n, 1, rows), [&](Index b, Index e) {
        for (Index i = b; i < e; ++i) {
          double up = 0, down = penalties_.ridge;
          for (std::uint32_t p = begin[static_cast<std::size_t>(i)];
               p < begin[static_cast<std::size_t>(i) + 1]; ++p) {
            const Index q = list[p];
            double z = 1;
            for (int j = 0; j < d; ++j)
              if (j != k) z *= at(j, q, r);
            up += rest[static_cast<std::size_t>(q)] * z, down += z * z;
          }
          double v = 0;
          const double cut = penalties_.lasso / 2;
          if (down > 0) v = up > cut ? (up - cut) / down : up < -cut ? (up + cut) / down : 0;
          parts.row(k, i)[r] = penalties_.nonnegative ? std::max(v, 0.0) : v;
        }
      });
    }
    add_term(r, -1);
  }
}

// One thread: every step sees the one before.
void CanonicalDescent::entries_in_turn(CanonicalParts& parts) {
  const Index rank = parts.width[0];
  const int d = x_.order();
  std::vector<double> z(static_cast<std::size_t>(d * rank));
  for (const Index n : Random(seed_, 2000 + epoch_).permutation(x_.size())) {
    double m = 0;
    for (int k = 0; k < d; ++k) parts.design(k, columns_, n, z.data() + k * rank, nullptr);
    const double* u0 = parts.row(0, columns_[0][n]);
    for (Index r = 0; r < rank; ++r) m += z[static_cast<std::size_t>(r)] * u0[r];
    const double e = x_.values()[n] - m;
    for (int k = 0; k < d; ++k) {
      const Index i = columns_[static_cast<std::size_t>(k)][n];
      const double share = share_[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)];
      double* u = parts.row(k, i);
      for (Index r = 0; r < rank; ++r) {
        const double pull = penalties_.ridge * u[r] + (u[r] > 0   ? 0.5
                                                       : u[r] < 0 ? -0.5
                                                                  : 0) *
                                                          penalties_.lasso;
        u[r] += rate_ * (e * z[static_cast<std::size_t>(k * rank + r)] - share * pull);
        if (penalties_.nonnegative) u[r] = std::max(u[r], 0.0);
      }
    }
  }
}

}  // namespace cartan::completion
