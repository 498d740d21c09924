// Functions from tensors: on grids, at nodes, and in canonical format.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/basis.hpp"
#include "cartan/chebyshev/fit.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "chebyshev/series.hpp"
#include "chebyshev/spline.hpp"
#include "core/gemm.hpp"

namespace cartan::chebyshev {
namespace {

void check_degrees(const char* caller, const std::vector<Index>& degrees, int d) {
  require(static_cast<int>(degrees.size()) == d, "[", caller, "] ", degrees.size(), " degrees for ", d,
          " variables");
  for (const Index n : degrees)
    require(n >= 0 && n <= (1 << 24), "[", caller, "] degree ", n, "; expected from 0 to 2^24");
}

// Values on a uniform grid of [-1, 1] along an axis, as Chebyshev coefficients: splines and DCT, a linear map
// K. Where K is small and there is much to map, it is applied as a matrix. Grid and nodes are symmetric, so
// K_{i, n-1-j} = (-1)^i K_ij: even and odd coefficients are products of half the size with f_j +- f_{n-1-j}.
class GridToCoefficients {
 public:
  explicit GridToCoefficients(Grid grid) : grid_(grid) {}

  Array operator()(const Array& values, int axis, Index degree) {
    const Index n = values.dim(axis), m = degree + 1, half = (n + 1) / 2;
    Index right = 1;
    for (int k = axis + 1; k < values.ndim(); ++k) right *= values.dim(k);
    if (right < 16 || values.size() / n < 2 * n || n * m > largest_map)
      return by_splines(values, axis, degree);
    if (map_.ndim() != 2 || n_ != n || map_.shape() != Shape{m, half}) {
      Array unit = Array::zeros({n, half}, DType::f64);
      for (Index j = 0; j < half; ++j) unit.mutable_data<double>()[j * half + j] = 1;
      map_ = by_splines(unit, 0, degree);
      n_ = n;
    }
    Shape shape = values.shape();
    shape[axis] = m;
    Array out = Array::uninitialized(shape, DType::f64);
    constexpr Index width = 256;
    const Index left = values.size() / (n * right), strips = (right + width - 1) / width;
    double* to = out.mutable_data<double>();
    parallel_for(left * strips, 1, [&](Index begin, Index end) {
      const auto even = std::make_unique_for_overwrite<double[]>(half * width),
                 odd = std::make_unique_for_overwrite<double[]>(half * width);
      for (Index t = begin; t < end; ++t) {
        const Index first = t % strips * width, count = std::min(width, right - first);
        const double* f = values.data<double>() + t / strips * n * right + first;
        for (Index j = 0; j < half; ++j) {
          const double *low = f + j * right, *high = f + (n - 1 - j) * right;
          const double twice = j == n - 1 - j ? 0 : 1;
          for (Index c = 0; c < count; ++c) {
            even[j * count + c] = low[c] + twice * high[c];
            odd[j * count + c] = low[c] - high[c];
          }
        }
        double* y = to + t / strips * m * right + first;
        for (const Index parity : {Index{0}, Index{1}})
          gemm_serial<double>((m + 1 - parity) / 2, count, half,
                              {map_.data<double>() + parity * half, 2 * half},
                              {(parity ? odd : even).get(), count}, y + parity * right, 2 * right);
      }
    });
    return out;
  }

 private:
  static constexpr Index largest_map = Index{1} << 16;

  Array by_splines(const Array& values, int axis, Index degree) const {
    const double n = static_cast<double>(values.dim(axis));
    require(grid_ == Grid::cells || n > 1, "[fit_grid] one vertex in variable ", axis,
            "; expected at least 2");
    const double step = grid_ == Grid::cells ? 2 / n : 2 / (n - 1);
    const double first = grid_ == Grid::cells ? -1 + 1 / n : -1;
    return values_to_coefficients(spline(values, axis, first, step, nodes(degree + 1)), axis);
  }

  Grid grid_;
  Index n_ = 0;
  Array map_;  // columns j < half of K, for the last axis that was mapped
};

linalg::HosvdOptions truncation(double tolerance, const std::vector<Index>& ranks) {
  linalg::HosvdOptions h;
  h.tolerance = tolerance;
  h.ranks = ranks;
  return h;
}

void check_values(const char* caller, const Array& values, const Box& box) {
  box.check(caller);
  refuse_tracked(caller, values);
  require(values.ndim() == box.dim() && !values.empty() && is_real(values.dtype()), "[", caller,
          "] values of shape ", values.shape(), " in ", values.dtype(), " on a box of ", box.dim(),
          " variables");
  const Array v = values.as(DType::f64);
  for (Index i = 0; i < v.size(); ++i) {
    if (std::isfinite(v.data<double>()[i])) continue;
    std::string index;
    Index rest = i, inner = v.size();
    for (int k = 0; k < v.ndim(); ++k) {
      inner /= v.dim(k);
      index += text(k ? ", " : "", rest / inner);
      rest %= inner;
    }
    require(false, "[", caller, "] the value at index (", index, ") is ", v.data<double>()[i],
            "; expected finite numbers");
  }
}

}  // namespace

linalg::Result<ChebyshevTucker> fit_nodes(const Array& values, const Box& box, double tolerance,
                                          const std::vector<Index>& ranks) {
  check_values("fit_nodes", values, box);
  Array c = values.as(DType::f64);
  for (int k = 0; k < box.dim(); ++k) c = values_to_coefficients(c, k);
  auto t = linalg::st_hosvd(c, truncation(tolerance, ranks));
  return {ChebyshevTucker(box, std::move(t.tensor)), t.report};
}

linalg::Result<ChebyshevTucker> fit_grid(const Array& values, const Box& box,
                                         const std::vector<Index>& degrees, double tolerance, Grid grid,
                                         const std::vector<Index>& ranks) {
  check_values("fit_grid", values, box);
  check_degrees("fit_grid", degrees, box.dim());
  Array c = values.as(DType::f64);
  GridToCoefficients coefficients(grid);
  for (int k = 0; k < box.dim(); ++k) c = coefficients(c, k, degrees[k]);
  auto t = linalg::st_hosvd(c, truncation(tolerance, ranks));
  return {ChebyshevTucker(box, std::move(t.tensor)), t.report};
}

linalg::Canonical canonical_coefficients(const linalg::Canonical& values, const std::vector<Index>& degrees,
                                         Grid grid) {
  values.check("canonical_coefficients");
  check_degrees("canonical_coefficients", degrees, values.order());
  linalg::Canonical c;
  c.weights = values.weights.as(DType::f64);
  GridToCoefficients coefficients(grid);
  for (int k = 0; k < values.order(); ++k)
    c.factors.push_back(coefficients(values.factors[k].as(DType::f64), 0, degrees[k]));
  return c;
}

linalg::Result<ChebyshevTucker> fit_canonical(const linalg::Canonical& values, const Box& box,
                                              const std::vector<Index>& degrees, double tolerance, Grid grid,
                                              const std::vector<Index>& ranks) {
  box.check("fit_canonical");
  require(values.order() == box.dim(), "[fit_canonical] a tensor of ", values.order(), " modes on a box of ",
          box.dim(), " variables");
  auto t = linalg::to_tucker(canonical_coefficients(values, degrees, grid), truncation(tolerance, ranks));
  return {ChebyshevTucker(box, std::move(t.tensor)), t.report};
}

double flops_full(int d, Index m) {
  const double x = static_cast<double>(m);
  return d * std::pow(x, d) * (5 * std::log2(std::max(x, 2.0)) + x);
}
double flops_grid(int d, Index n, Index m) {
  double splines = 0;
  for (int k = 1; k <= d; ++k)
    splines += 10 * std::pow(static_cast<double>(m), k) * std::pow(static_cast<double>(n), d - k);
  return splines + flops_full(d, m);
}
double flops_canonical(int d, Index n, Index m, Index rank, Index tucker_rank) {
  const double x = static_cast<double>(m), r = static_cast<double>(rank);
  return d * r * (10 * static_cast<double>(n) + 5 * x * std::log2(std::max(x, 2.0)) + x * x) +
         2 * r * std::pow(static_cast<double>(tucker_rank), d);
}
double stored_numbers(int d, Index m, Index tucker_rank) {
  return d * static_cast<double>(m) * static_cast<double>(tucker_rank) +
         std::pow(static_cast<double>(tucker_rank), d);
}

}  // namespace cartan::chebyshev
