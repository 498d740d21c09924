// Canonical decomposition of a sparse tensor whose other entries are zero.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "cartan/completion/canonical.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "completion/normal.hpp"
#include "completion/statistics.hpp"
#include "completion/walk.hpp"
#include "core/gemm.hpp"
#include "linalg/matrix.hpp"

namespace cartan::completion {

using linalg::Canonical;
using linalg::Matrix;

void describe(config::Fields& f, AlsOptions& o) {
  f("rank", o.rank, "terms").from(1).to(4096);
  f("max_iterations", o.max_iterations, "sweeps over all modes at most").from(1);
  f("tolerance", o.tolerance, "converged when the relative error falls by no more in a sweep").from(0);
  f("nonnegative", o.nonnegative, "factors that are not negative");
  f("restarts", o.restarts, "random starts, of which the best is kept").from(1).to(1000);
  f("seed", o.seed, "of the random starts");
}

namespace {

class Iteration {
 public:
  Iteration(const Fibres& x, const AlsOptions& o, std::uint64_t start)
      : x_(x),
        rank_(o.rank),
        nonnegative_(o.nonnegative),
        walk_(x, o.rank, static_cast<std::size_t>(x.tensor().size()) * sizeof(double) * 2),
        weights_(static_cast<std::size_t>(o.rank), 1.0) {
    Index largest = 1;
    for (int l = 0; l < x.order(); ++l) {
      const Index n = extent(l);
      largest = std::max(largest, n);
      const Random draws(o.seed,
                         start * 64 + static_cast<std::uint64_t>(x.modes()[static_cast<std::size_t>(l)]));
      double* u = walk_.factor(l);
      parallel_for(n, 1024, [&](Index b, Index e) {
        for (Index i = b; i < e; ++i)
          for (Index r = 0; r < rank_; ++r) {
            const std::uint64_t at = static_cast<std::uint64_t>(i * rank_ + r);
            u[i * walk_.width() + r] = nonnegative_ ? draws.uniform(at) : draws.normal(at);
          }
      });
      grams_.push_back(gram(l));
      normalize(l);
    }
    product_ = Array::uninitialized({largest, walk_.width()}, DType::f64);
  }

  /// Every mode once; returns ||y||^2 - 2 <x, y>.
  double sweep() {
    const int d = x_.order();
    if (nonnegative_ || walk_.width() > 64) {
      for (int l = 0; l < d; ++l) {
        walk_.product(l, product_.mutable_data<double>());
        update(l);
      }
      return change_;
    }
    {
      const Normal normal(matrix(0), rank_);
      double* u = walk_.factor(0);
      clear_rows_without_entries(u);
      walk_.root_pair([&](Index, double* row) { normal.solve(row); }, product_.mutable_data<double>());
      grams_[0] = gram(0);
      const std::vector<double> by = normalize(0);
      // the product for level 1 is linear in the columns that have just been scaled
      double* m = product_.mutable_data<double>();
      for (Index i = 0; i < extent(1); ++i)
        for (Index r = 0; r < rank_; ++r) m[i * walk_.width() + r] *= by[static_cast<std::size_t>(r)];
    }
    update(1);
    for (int l = 2; l < d; ++l) {
      walk_.product(l, product_.mutable_data<double>());
      update(l);
    }
    return change_;
  }

  /// Terms by falling weight; their columns have unit length already.
  Canonical result() {
    product_ = {};
    walk_.release();
    std::vector<Index> by(static_cast<std::size_t>(rank_));
    std::iota(by.begin(), by.end(), Index{0});
    const auto weight = [&](Index r) { return weights_[static_cast<std::size_t>(r)]; };
    std::stable_sort(by.begin(), by.end(), [&](Index a, Index b) { return weight(a) > weight(b); });
    Canonical out;
    out.factors.resize(static_cast<std::size_t>(x_.order()));
    for (int l = 0; l < x_.order(); ++l) {
      Array a = Array::uninitialized({extent(l), rank_}, DType::f64);
      double* to = a.mutable_data<double>();
      for (Index i = 0; i < extent(l); ++i)
        for (Index r = 0; r < rank_; ++r)
          *to++ = walk_.factor(l)[i * walk_.width() + by[static_cast<std::size_t>(r)]];
      out.factors[static_cast<std::size_t>(x_.modes()[static_cast<std::size_t>(l)])] = a;
    }
    std::vector<double> sorted;
    for (const Index r : by) sorted.push_back(weight(r));
    out.weights = Array::from(sorted);
    return out;
  }

 private:
  Index extent(int l) const {
    return x_.shape()[static_cast<std::size_t>(x_.modes()[static_cast<std::size_t>(l)])];
  }
  // Columns beyond the rank are zero, and stay so.
  Matrix gram(int l) const {
    Matrix g(rank_, rank_);
    const MatrixView<double> u{walk_.factor(l), walk_.width(), false};
    gemm<double>(rank_, rank_, extent(l), transposed(u), u, g.data.data(), rank_);
    return g;
  }
  Matrix matrix(int without) const {
    Matrix m(rank_, rank_);
    std::fill(m.data.begin(), m.data.end(), 1.0);
    for (int l = 0; l < x_.order(); ++l)
      if (l != without)
        for (std::size_t i = 0; i < m.data.size(); ++i)
          m.data[i] *= grams_[static_cast<std::size_t>(l)].data[i];
    return m;
  }
  // Columns to unit length; what each was multiplied by.
  std::vector<double> normalize(int l) {
    Matrix& g = grams_[static_cast<std::size_t>(l)];
    std::vector<double> by;
    for (Index r = 0; r < rank_; ++r) {
      weights_[static_cast<std::size_t>(r)] = std::sqrt(std::max(0.0, g(r, r)));
      by.push_back(weights_[static_cast<std::size_t>(r)] > 0 ? 1 / weights_[static_cast<std::size_t>(r)] : 0);
    }
    for (Index r = 0; r < rank_; ++r)
      for (Index q = 0; q < rank_; ++q)
        g(r, q) *= by[static_cast<std::size_t>(r)] * by[static_cast<std::size_t>(q)];
    double* u = walk_.factor(l);
    parallel_for(extent(l), 1024, [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        for (Index r = 0; r < rank_; ++r) u[i * walk_.width() + r] *= by[static_cast<std::size_t>(r)];
    });
    return by;
  }
  void clear_rows_without_entries(double* u) {
    std::vector<char> seen(static_cast<std::size_t>(extent(0)), 0);
    for (const std::int32_t i : x_.ids(0)) seen[static_cast<std::size_t>(i)] = 1;
    for (Index i = 0; i < extent(0); ++i)
      if (!seen[static_cast<std::size_t>(i)]) std::fill_n(u + i * walk_.width(), rank_, 0.0);
  }

  // The factor of a level from its product, and what the sweep's error needs.
  void update(int l) {
    const double* m = product_.data<double>();
    double* u = walk_.factor(l);
    const Index n = extent(l), w = walk_.width();
    const Matrix normal = matrix(l);
    if (nonnegative_) {
      // weights stand in the columns of this level while it moves
      for (Index i = 0; i < n; ++i)
        for (Index r = 0; r < rank_; ++r) u[i * w + r] *= weights_[static_cast<std::size_t>(r)];
      descend_nonnegative(normal, rank_, m, u, n, w);
    } else {
      const Normal solver(normal, rank_);
      parallel_for(n, std::clamp<Index>(100000 / (rank_ * rank_), 16, 4096), [&](Index b, Index e) {
        for (Index i = b; i < e; ++i) {
          std::copy_n(m + i * w, rank_, u + i * w);
          solver.solve(u + i * w);
        }
      });
    }
    Matrix& g = grams_[static_cast<std::size_t>(l)] = gram(l);
    change_ = 0;
    for (std::size_t i = 0; i < g.data.size(); ++i) change_ += normal.data[i] * g.data[i];
    std::vector<double> rows(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) {
      double s = 0;
      for (Index r = 0; r < rank_; ++r) s += u[i * w + r] * m[i * w + r];
      rows[static_cast<std::size_t>(i)] = s;
    }
    change_ -= 2 * deterministic_sum(rows.data(), n);
    normalize(l);
  }

  Fibres x_;
  Index rank_;
  bool nonnegative_;
  Walk walk_;
  std::vector<double> weights_;
  std::vector<Matrix> grams_;
  Array product_;
  double change_ = 0;
};

}  // namespace

Fitted<Canonical> cp_als(const SparseTensor& x, const AlsOptions& options, const FitContext& context) {
  return cp_als(Fibres(x), options, context);
}

Fitted<Canonical> cp_als(const Fibres& x, const AlsOptions& options, const FitContext& context) {
  config::validate("cp_als", options);
  require(x.order() >= 2, "[cp_als] fibres of no tensor");
  const auto begin = std::chrono::steady_clock::now();
  const double square = square_of(x.tensor());
  Fitted<Canonical> best;
  for (int start = 0; start < options.restarts; ++start) {
    Fitted<Canonical> made;
    Summary& s = made.summary;
    Iteration iteration(x, options, static_cast<std::uint64_t>(start));
    double last = INFINITY;
    s.converged = square == 0;
    for (int k = 0; k < options.max_iterations && !s.converged; ++k) {
      stop_if_set(context.stop);
      s.objective.push_back(std::max(0.0, square + iteration.sweep()));
      const double error = std::sqrt(s.objective.back() / square);
      s.relative_error = error;
      ++s.iterations;
      s.converged = last - error <= options.tolerance && std::isfinite(last);
      last = error;
      if (context.progress) context.progress({k + 1, options.max_iterations, text("relative error ", error)});
    }
    made.tensor = iteration.result();
    if (start == 0 || s.relative_error < best.summary.relative_error) best = std::move(made);
  }
  Summary& s = best.summary;
  s.method = options.nonnegative ? "hals" : "als";
  s.ranks = {options.rank};
  s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  s.message = text(s.iterations, " sweeps, ", s.converged ? "converged" : "not converged");
  return best;
}

}  // namespace cartan::completion
