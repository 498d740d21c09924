#include "cartan/completion/select.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/completion/canonical.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/modes.hpp"
#include "completion/assignment.hpp"
#include "completion/statistics.hpp"
#include "linalg/matrix.hpp"

namespace cartan::completion {

void describe(config::Fields& f, StabilityOptions& o) {
  f("runs", o.runs, "perturbed copies of the data for each rank").from(2).to(1000);
  f("perturbation", o.perturbation, "every value times 1 + U(-p, p)").above(0).below(1);
  f("silhouette", o.silhouette, "least for a rank to be stable").from(-1).to(1);
  f("seed", o.seed, "of perturbations and starts");
}

namespace {

void check_ranks(const char* caller, const std::vector<Index>& ranks) {
  require(!ranks.empty(), "[", caller, "] there is no rank to try");
  for (std::size_t k = 0; k < ranks.size(); ++k)
    require(ranks[k] >= 1 && (k == 0 || ranks[k] > ranks[k - 1]), "[", caller, "] ranks ", ranks,
            "; expected rising ones from 1 on");
}

}  // namespace

RankChoice cross_validate(const SparseTensor& x, const std::vector<Index>& ranks, const FitAndPredict& fit,
                          int count, std::uint64_t seed, const StopFlag* stop) {
  check_ranks("cross_validate", ranks);
  const auto parts = folds(x, count, seed);
  RankChoice out;
  for (const Index rank : ranks) {
    std::vector<double> errors;
    double square = 0;
    for (const auto& part : parts) {
      stop_if_set(stop);
      std::vector<Index> rest;
      std::size_t next = 0;
      for (Index n = 0; n < x.size(); ++n)
        if (next < part.size() && part[next] == n)
          ++next;
        else
          rest.push_back(n);
      const SparseTensor judged = x.chosen(part);
      errors.push_back(rmse_of(judged, fit(x.chosen(rest), rank, judged)));
      square += errors.back() * errors.back() * static_cast<double>(part.size());
    }
    RankScore s;
    s.rank = rank, s.error = std::sqrt(square / static_cast<double>(x.size()));
    for (const double e : errors) s.deviation += (e - s.error) * (e - s.error);
    s.deviation = std::sqrt(s.deviation / (static_cast<double>(count) * (count - 1)));
    out.scores.push_back(s);
  }
  const auto best =
      std::min_element(out.scores.begin(), out.scores.end(),
                       [](const RankScore& a, const RankScore& b) { return a.error < b.error; });
  for (const RankScore& s : out.scores)
    if (s.error <= best->error + best->deviation) {
      out.rank = s.rank;
      break;
    }
  return out;
}

namespace {

// 1 - the product over the modes of the cosines of two components.
double distance(const Components& a, Index p, const Components& b, Index q) {
  double similar = 1;
  for (std::size_t k = 0; k < a.factors.size(); ++k) {
    const Array &u = a.factors[k], &v = b.factors[k];
    double uv = 0, uu = 0, vv = 0;
    for (Index i = 0; i < u.dim(0); ++i) {
      const double x = u.data<double>()[i * u.dim(1) + p], y = v.data<double>()[i * v.dim(1) + q];
      uv += x * y, uu += x * x, vv += y * y;
    }
    similar *= uu > 0 && vv > 0 ? uv / std::sqrt(uu * vv) : 0;
  }
  return 1 - similar;
}

// Clusters of one component from every run, and the least mean silhouette of a cluster.
double least_silhouette(const std::vector<Components>& runs, Index rank) {
  const std::size_t count = runs.size(), r = static_cast<std::size_t>(rank);
  if (rank == 1) return 1;
  // d[a][p][b][q], a run against another
  const auto at = [&](std::size_t a, std::size_t p, std::size_t b, std::size_t q) {
    return ((a * r + p) * count + b) * r + q;
  };
  std::vector<double> d(count * r * count * r, 0.0);
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = a; b < count; ++b)
      for (std::size_t p = 0; p < r; ++p)
        for (std::size_t q = 0; q < r; ++q)
          d[at(a, p, b, q)] = d[at(b, q, a, p)] =
              distance(runs[a], static_cast<Index>(p), runs[b], static_cast<Index>(q));
  // member[a][c]: the component of run a in cluster c; each run is matched to all others until nothing moves
  std::vector<std::vector<std::size_t>> member(count, std::vector<std::size_t>(r));
  for (auto& m : member) std::iota(m.begin(), m.end(), std::size_t{0});
  for (int pass = 0; pass < 20; ++pass) {
    bool moved = false;
    for (std::size_t a = 0; a < count; ++a) {
      std::vector<double> cost(r * r, 0.0);
      const std::size_t others = pass == 0 ? a : count;  // the first time: those before
      for (std::size_t b = 0; b < others; ++b)
        if (b != a)
          for (std::size_t p = 0; p < r; ++p)
            for (std::size_t c = 0; c < r; ++c) cost[p * r + c] += d[at(a, p, b, member[b][c])];
      if (pass == 0 && a == 0) continue;
      const std::vector<std::size_t> cluster = least_assignment(cost, r);
      for (std::size_t p = 0; p < r; ++p) {
        moved = moved || member[a][cluster[p]] != p;
        member[a][cluster[p]] = p;
      }
    }
    if (!moved && pass > 0) break;
  }
  double least = 1;
  for (std::size_t c = 0; c < r; ++c) {
    double mean = 0;
    for (std::size_t a = 0; a < count; ++a) {
      double own = 0, other = INFINITY;
      for (std::size_t e = 0; e < r; ++e) {
        double sum = 0;
        for (std::size_t b = 0; b < count; ++b) sum += d[at(a, member[a][c], b, member[b][e])];
        if (e == c)
          own = sum / static_cast<double>(count - 1);  // the distance to itself is zero
        else
          other = std::min(other, sum / static_cast<double>(count));
      }
      const double larger = std::max(own, other);
      mean += larger > 0 ? (other - own) / larger : 0;
    }
    least = std::min(least, mean / static_cast<double>(count));
  }
  return least;
}

}  // namespace

RankChoice stable_rank(const SparseTensor& x, const std::vector<Index>& ranks, const FitComponents& fit,
                       const StabilityOptions& o, const StopFlag* stop) {
  config::validate("stable_rank", o);
  check_ranks("stable_rank", ranks);
  require(!x.empty(), "[stable_rank] there is no entry");
  RankChoice out;
  for (const Index rank : ranks) {
    std::vector<Components> runs;
    RankScore s;
    s.rank = rank;
    for (int run = 0; run < o.runs; ++run) {
      stop_if_set(stop);
      const Random random(o.seed, 100 + static_cast<std::uint64_t>(run));
      std::vector<double> v(x.values().begin(), x.values().end());
      for (std::size_t n = 0; n < v.size(); ++n) v[n] *= 1 + o.perturbation * (2 * random.uniform(n) - 1);
      runs.push_back(fit(x.with_values(std::move(v)), rank, o.seed * 1000 + static_cast<std::uint64_t>(run)));
      s.error += runs.back().error / o.runs;
    }
    s.silhouette = least_silhouette(runs, rank);
    if (s.silhouette >= o.silhouette) out.rank = rank;
    out.scores.push_back(s);
  }
  if (out.rank == 0) out.rank = ranks.front();
  return out;
}

RankChoice stable_nonnegative_rank(const SparseTensor& x, const std::vector<Index>& ranks,
                                   const StabilityOptions& options, const StopFlag* stop) {
  const bool whole = x.size() == size_of(x.shape()) && x.order() >= 2;
  return stable_rank(
      x, ranks,
      [whole](const SparseTensor& copy, Index rank, std::uint64_t seed) {
        Fitted<linalg::Canonical> made;
        if (whole) {
          AlsOptions o;
          o.rank = rank, o.nonnegative = true, o.seed = seed, o.max_iterations = 1000, o.tolerance = 1e-7;
          o.restarts = 3;
          made = cp_als(copy, o);
        } else {
          LowRankOptions o;
          o.ranks = {rank}, o.nonnegative = true, o.seed = seed, o.max_iterations = 1000, o.tolerance = 1e-7;
          o.ridge = 1e-6, o.restarts = 3;
          made = complete_canonical(copy, {}, o);
        }
        return Components{made.tensor.factors, made.summary.relative_error};
      },
      options, stop);
}

double core_consistency(const SparseTensor& x, const linalg::Canonical& model) {
  model.check("core_consistency");
  require(model.shape() == x.shape(), "[core_consistency] a model of shape ", model.shape(),
          " for a tensor of shape ", x.shape());
  Array filled = model.full().as(DType::f64);
  double* to = filled.mutable_data<double>();
  for (Index n = 0; n < x.size(); ++n) {
    Index at = 0;
    for (int k = 0; k < x.order(); ++k) at = at * x.shape()[static_cast<std::size_t>(k)] + x.index(k)[n];
    to[at] = x.values()[n];
  }
  // the core in the factors, weights in the first one: the product with their pseudo-inverses
  std::vector<Array> inverses;
  const Index r = model.rank();
  for (std::size_t k = 0; k < model.factors.size(); ++k) {
    linalg::Matrix a = linalg::matrix_of(model.factors[k].as(DType::f64));
    if (k == 0) linalg::scale_columns(a, model.weights.to_vector<double>());
    inverses.push_back(linalg::array_of(
        linalg::transposed(linalg::solve_symmetric(linalg::product(a, a, true, false), a)), DType::f64));
  }
  const Array core = linalg::mode_products(filled, inverses);
  double sum = 0;
  for (Index n = 0; n < core.size(); ++n) {
    Index rest = n;
    const Index first = rest % r;
    bool diagonal = true;
    for (int k = 0; k < x.order(); ++k) diagonal = diagonal && rest % r == first, rest /= r;
    const double e = core.data<double>()[n] - (diagonal ? 1 : 0);
    sum += e * e;
  }
  return 100 * (1 - sum / static_cast<double>(r));
}

}  // namespace cartan::completion
