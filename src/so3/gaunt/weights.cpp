#include "cartan/so3/gaunt_weights.hpp"

#include <Eigen/Dense>
#include <array>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/tables.hpp"
#include "cartan/so3/vector_signal.hpp"
#include "so3/tables/degrees.hpp"

namespace cartan::so3 {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Factors = std::array<Matrix, 3>;  // (degrees, rank)

// A path: degrees, weight of the product's own coefficient, and the wanted weight.
struct WeightedPath {
  std::array<int, 3> l;
  double coefficient, weight;
};

std::vector<WeightedPath> entries_of(const double* w, Index stride, const std::array<int, 3>& n, bool odd) {
  std::vector<WeightedPath> out;
  for (int a = 0; a < n[0]; ++a)
    for (int b = 0; b < n[1]; ++b)
      for (int c = 0; c < n[2]; ++c) {
        const double coefficient = odd ? bracket_coefficient(a, b, c) : gaunt(a, b, c);
        if (coefficient != 0)
          out.push_back({{a, b, c}, coefficient, w[((Index{a} * n[1] + b) * n[2] + c) * stride]});
      }
  return out;
}

double residual_of(const std::vector<WeightedPath>& entries, const Factors& f) {
  double sum = 0;
  for (const WeightedPath& e : entries) {
    const double v = (f[0].row(e.l[0]).array() * f[1].row(e.l[1]).array() * f[2].row(e.l[2]).array()).sum() *
                     e.coefficient;
    sum += (v - e.weight) * (v - e.weight);
  }
  return std::sqrt(sum);
}

// One term for every pair of degrees of two of the axes that has a weight; the axes with fewest such pairs.
Factors by_pairs(const std::vector<WeightedPath>& entries, const std::array<int, 3>& n) {
  Factors best;
  for (int free = 0; free < 3; ++free) {
    const int p = (free + 1) % 3, q = (free + 2) % 3;
    std::vector<int> number(
        static_cast<std::size_t>(n[static_cast<std::size_t>(p)] * n[static_cast<std::size_t>(q)]), -1);
    int rank = 0;
    const auto pair = [&](const WeightedPath& e) {
      return static_cast<std::size_t>(e.l[static_cast<std::size_t>(p)] * n[static_cast<std::size_t>(q)] +
                                      e.l[static_cast<std::size_t>(q)]);
    };
    for (const WeightedPath& e : entries)
      if (e.weight != 0 && number[pair(e)] < 0) number[pair(e)] = rank++;
    if (free > 0 && rank >= best[0].cols()) continue;
    for (std::size_t k = 0; k < 3; ++k) best[k] = Matrix::Zero(n[k], rank);
    for (const WeightedPath& e : entries) {
      if (e.weight == 0) continue;
      const int r = number[pair(e)];
      best[static_cast<std::size_t>(p)](e.l[static_cast<std::size_t>(p)], r) = 1;
      best[static_cast<std::size_t>(q)](e.l[static_cast<std::size_t>(q)], r) = 1;
      best[static_cast<std::size_t>(free)](e.l[static_cast<std::size_t>(free)], r) = e.weight / e.coefficient;
    }
  }
  return best;
}

// Rows of one factor by least squares, with the others fixed: slightly regularised, since a degree may occur
// in fewer paths than there are terms.
void update(const std::vector<WeightedPath>& entries, Factors& f, std::size_t axis) {
  const Eigen::Index rank = f[0].cols();
  for (int l = 0; l < f[axis].rows(); ++l) {
    Matrix normal = Matrix::Zero(rank, rank);
    Vector right = Vector::Zero(rank);
    for (const WeightedPath& e : entries) {
      if (e.l[axis] != l) continue;
      const std::size_t p = (axis + 1) % 3, q = (axis + 2) % 3;
      const Vector row =
          (f[p].row(e.l[p]).array() * f[q].row(e.l[q]).array()).matrix().transpose() * e.coefficient;
      normal += row * row.transpose();
      right += row * e.weight;
    }
    const double size = normal.trace();
    if (size == 0) continue;
    normal.diagonal().array() += 1e-13 * size;
    right += 1e-13 * size * f[axis].row(l).transpose();
    f[axis].row(l) = normal.ldlt().solve(right).transpose();
  }
}

void balance(Factors& f) {
  for (Eigen::Index r = 0; r < f[0].cols(); ++r) {
    const double size = f[0].col(r).norm() * f[1].col(r).norm() * f[2].col(r).norm();
    for (auto& m : f)
      if (const double n = m.col(r).norm(); n > 0) m.col(r) *= std::cbrt(size) / n;
  }
}

// All factors at once by Levenberg-Marquardt: alternating steps alone creep along valleys.
double refine(const std::vector<WeightedPath>& entries, Factors& f, double target, int iterations) {
  const Eigen::Index rank = f[0].cols();
  const std::array<Eigen::Index, 3> first{0, f[0].size(), f[0].size() + f[1].size()};
  const Eigen::Index unknowns = first[2] + f[2].size();
  double residual = residual_of(entries, f), damping = 1e-3;
  for (int i = 0; i < iterations && residual > target; ++i) {
    Matrix normal = Matrix::Zero(unknowns, unknowns);
    Vector right = Vector::Zero(unknowns);
    Vector row(3 * rank);
    std::vector<Eigen::Index> column(static_cast<std::size_t>(3 * rank));
    for (const WeightedPath& e : entries) {
      double error = e.weight;
      for (Eigen::Index r = 0; r < rank; ++r) {
        const double v[3] = {f[0](e.l[0], r), f[1](e.l[1], r), f[2](e.l[2], r)};
        error -= e.coefficient * v[0] * v[1] * v[2];
        for (std::size_t k = 0; k < 3; ++k) {
          row[3 * r + static_cast<Eigen::Index>(k)] = e.coefficient * v[(k + 1) % 3] * v[(k + 2) % 3];
          column[static_cast<std::size_t>(3 * r) + k] = first[k] + r * f[k].rows() + e.l[k];
        }
      }
      for (Eigen::Index p = 0; p < 3 * rank; ++p) {
        right[column[static_cast<std::size_t>(p)]] += row[p] * error;
        for (Eigen::Index q = 0; q < 3 * rank; ++q)
          normal(column[static_cast<std::size_t>(p)], column[static_cast<std::size_t>(q)]) += row[p] * row[q];
      }
    }
    const double scale = normal.trace() / static_cast<double>(unknowns);
    bool better = false;
    for (int attempt = 0; attempt < 12 && !better; ++attempt) {
      Matrix damped = normal;
      damped.diagonal().array() += damping * scale;
      const Vector step = damped.ldlt().solve(right);
      Factors next = f;
      for (std::size_t k = 0; k < 3; ++k)
        for (Eigen::Index j = 0; j < f[k].size(); ++j) next[k].data()[j] += step[first[k] + j];
      const double now = residual_of(entries, next);
      better = now < residual;
      damping = better ? std::max(damping / 5, 1e-15) : damping * 4;
      if (better) {
        const bool stalled = now > residual * (1 - 1e-9);
        f = next;
        residual = now;
        if (stalled) return residual;
      }
    }
    if (!better) break;
  }
  return residual;
}

Factors least_squares(const std::vector<WeightedPath>& entries, const std::array<int, 3>& n, int rank,
                      double target, const FactorizeOptions& options) {
  constexpr int sweeps = 20;
  Factors best;
  double least = INFINITY;
  for (int start = 0; start < options.starts && !(least <= target); ++start) {
    const Random random(options.seed, static_cast<std::uint64_t>(start));
    std::uint64_t draw = 0;
    Factors f;
    for (std::size_t k = 0; k < 3; ++k) {
      f[k].resize(n[k], rank);
      for (Eigen::Index i = 0; i < f[k].size(); ++i) f[k].data()[i] = random.normal(draw++);
    }
    for (int i = 0; i < sweeps; ++i) {
      for (std::size_t axis = 0; axis < 3; ++axis) update(entries, f, axis);
      balance(f);
    }
    const double residual = refine(entries, f, target, options.iterations);
    if (residual < least) {
      least = residual;
      best = f;
    }
  }
  return best;
}

// Factors of all channels as weights (R, l + 1) or (R, l + 1, C).
GauntWeights weights_of(const std::vector<Factors>& factors, const std::array<int, 3>& n, bool channels) {
  Eigen::Index rank = 0;
  for (const auto& f : factors) rank = std::max(rank, f[0].cols());
  GauntWeights out;
  if (rank == 0) return out;
  const auto count = static_cast<Index>(factors.size());
  for (std::size_t k = 0; k < 3; ++k) {
    Array a = Array::zeros(channels ? Shape{rank, n[k], count} : Shape{rank, n[k]}, DType::f64);
    double* p = a.mutable_data<double>();
    for (std::size_t c = 0; c < factors.size(); ++c)
      for (Eigen::Index r = 0; r < factors[c][k].cols(); ++r)
        for (int l = 0; l < n[k]; ++l)
          p[(r * n[k] + l) * count + static_cast<Index>(c)] = factors[c][k](l, r);
    (k == 0 ? out.first : k == 1 ? out.second : out.out) = a;
  }
  return out;
}

void add_paths(const GauntWeights& w, const std::array<int, 3>& n, bool odd, Index channels, double* out) {
  if (w.first.empty()) return;
  const Array* a[3] = {&w.first, &w.second, &w.out};
  for (std::size_t k = 0; k < 3; ++k)
    require((a[k]->ndim() == 2 || (a[k]->ndim() == 3 && a[k]->dim(2) == channels)) && a[k]->dim(1) == n[k] &&
                a[k]->dim(0) == w.first.dim(0),
            "[path_weights] weights ", a[k]->shape(), ": they must be (R, ", n[k], ") or (R, ", n[k], ", C)");
  std::vector<double> v[3];
  for (std::size_t k = 0; k < 3; ++k) v[k] = a[k]->to_vector<double>();
  const auto value = [&](std::size_t k, Index r, int l, Index c) {
    const Index stride = a[k]->ndim() == 3 ? channels : 1;
    return v[k][static_cast<std::size_t>((r * n[k] + l) * stride + (stride == 1 ? 0 : c))];
  };
  for (int i = 0; i < n[0]; ++i)
    for (int j = 0; j < n[1]; ++j)
      for (int k = 0; k < n[2]; ++k) {
        const double coefficient = odd ? bracket_coefficient(i, j, k) : gaunt(i, j, k);
        if (coefficient == 0) continue;
        for (Index c = 0; c < channels; ++c) {
          double sum = 0;
          for (Index r = 0; r < w.first.dim(0); ++r)
            sum += value(0, r, i, c) * value(1, r, j, c) * value(2, r, k, c);
          out[((Index{i} * n[1] + j) * n[2] + k) * channels + c] += coefficient * sum;
        }
      }
}

}  // namespace

RankWeights factorize_path_weights(const Array& w, int rank, const FactorizeOptions& options) {
  require((w.ndim() == 3 || w.ndim() == 4) && !w.empty() && w.dtype() == DType::f64,
          "[factorize_path_weights] path weights ", w.dtype(), " ", w.shape(),
          ": they must be float64 (l1 + 1, l2 + 1, l3 + 1), or with channels last");
  require(rank >= 1 && options.iterations >= 1 && options.starts >= 1, "[factorize_path_weights] rank ", rank,
          ", ", options.iterations, " iterations, ", options.starts, " starts: all must be positive");
  require(all_finite(w), "[factorize_path_weights] path weights are not finite");
  const std::array<int, 3> n{static_cast<int>(w.dim(0)), static_cast<int>(w.dim(1)),
                             static_cast<int>(w.dim(2))};
  const Index channels = w.ndim() == 4 ? w.dim(3) : 1;
  RankWeights out;
  double residual = 0, size = 0;
  for (const bool odd : {false, true}) {
    std::vector<Factors> all;
    for (Index c = 0; c < channels; ++c) {
      const auto entries = entries_of(w.data<double>() + c, channels, n, odd);
      double norm = 0;
      for (const WeightedPath& e : entries) norm += e.weight * e.weight;
      Factors f = by_pairs(entries, n);
      if (f[0].cols() > rank)
        f = least_squares(entries, n, rank, options.tolerance * std::sqrt(norm), options);
      balance(f);
      const double r = residual_of(entries, f);
      residual += r * r;
      size += norm;
      all.push_back(std::move(f));
    }
    (odd ? out.odd : out.even) = weights_of(all, n, w.ndim() == 4);
  }
  out.residual = size > 0 ? std::sqrt(residual / size) : 0;
  out.converged = out.residual <= options.tolerance;
  return out;
}

Array path_weights(const RankWeights& weights, int l1, int l2, int l3) {
  check_degrees("path_weights", {l1, l2, l3});
  Index channels = 1;
  bool by_channel = false;
  for (const GauntWeights* w : {&weights.even, &weights.odd})
    for (const Array* a : {&w->first, &w->second, &w->out})
      if (a->ndim() == 3) {
        by_channel = true;
        channels = a->dim(2);
      }
  Shape shape{l1 + 1, l2 + 1, l3 + 1};
  if (by_channel) shape.push_back(channels);
  Array out = Array::zeros(shape, DType::f64);
  const std::array<int, 3> n{l1 + 1, l2 + 1, l3 + 1};
  add_paths(weights.even, n, false, channels, out.mutable_data<double>());
  add_paths(weights.odd, n, true, channels, out.mutable_data<double>());
  return out;
}

}  // namespace cartan::so3
