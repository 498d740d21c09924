#include "operators/resample.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/operators/spectral.hpp"

namespace cartan::operators {
namespace {

// Rows of y = M x along an axis, M (to, from).
Array along(const Array& x, int axis, const std::vector<double>& m, Index to, Index from) {
  const Array matrix = Array::from(m, {to, from}).as(x.dtype()).to(x.device());
  const int last = x.ndim() - 1;
  if (axis == last) return matmul(x, matrix, false, true);
  std::vector<int> swap;
  for (int k = 0; k <= last; ++k) swap.push_back(k == axis ? last : k == last ? axis : k);
  return permute(matmul(permute(x, swap), matrix, false, true), swap);
}

double source(Index i, Index to, Index from) {
  return to > 1 ? static_cast<double>(i) * static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0;
}

// The Dirichlet kernel: sum over the common frequencies of exp(2 pi i k (y - x)), ends halved of an even
// number.
std::vector<double> trigonometric(Index to, Index from) {
  const Index n = std::min(to, from);
  std::vector<double> m;
  for (Index i = 0; i < to; ++i)
    for (Index j = 0; j < from; ++j) {
      const double d = 2 * M_PI *
                       (static_cast<double>(i) / static_cast<double>(to) -
                        static_cast<double>(j) / static_cast<double>(from));
      double s = 1;
      for (Index k = 1; 2 * k < n; ++k) s += 2 * std::cos(static_cast<double>(k) * d);
      if (n % 2 == 0) s += std::cos(static_cast<double>(n / 2) * d);
      m.push_back(s / static_cast<double>(from));
    }
  return m;
}

std::vector<double> linear_rows(Index to, Index from) {
  std::vector<double> m(static_cast<std::size_t>(to * from), 0.0);
  for (Index i = 0; i < to; ++i) {
    const double s = source(i, to, from);
    const Index j = std::min(static_cast<Index>(s), from - 1), next = std::min(j + 1, from - 1);
    m[i * from + j] += 1 - (s - static_cast<double>(j));
    m[i * from + next] += s - static_cast<double>(j);
  }
  return m;
}

// Keys' kernel with a = -0.75; the border is repeated.
std::vector<double> cubic_rows(Index to, Index from) {
  constexpr double a = -0.75;
  const auto near = [](double t) { return ((a + 2) * t - (a + 3)) * t * t + 1; };
  const auto far = [](double t) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; };
  std::vector<double> m(static_cast<std::size_t>(to * from), 0.0);
  for (Index i = 0; i < to; ++i) {
    const double s = source(i, to, from), floor = std::floor(s), t = s - floor;
    const double w[4] = {far(t + 1), near(t), near(1 - t), far(2 - t)};
    for (Index k = 0; k < 4; ++k)
      m[i * from + std::clamp<Index>(static_cast<Index>(floor) + k - 1, 0, from - 1)] += w[k];
  }
  return m;
}

void check(const Array& x, const Shape& grid) {
  require(x.ndim() == static_cast<int>(grid.size()) + 2 && is_real(x.dtype()), "[resample] fields ",
          x.shape(), " of ", x.dtype(), " to a grid ", grid,
          "; give real fields (samples, channels, grid) and an extent for each axis");
  for (const Index n : grid) require(n >= 1, "[resample] a grid ", grid, "; extents are at least 1");
}

}  // namespace

Array resample_spectral(const Array& x, const Shape& grid) {
  if (is_complex(x.dtype()))
    return make_complex(resample_spectral(real(x), grid), resample_spectral(imag(x), grid));
  check(x, grid);
  Array y = x;
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const int axis = static_cast<int>(a) + 2;
    const Index from = x.dim(axis), to = grid[a];
    if (from != to) y = along(y, axis, trigonometric(to, from), to, from);
  }
  return y;
}

Array resample_compat(const Array& x, const Shape& grid) {
  if (is_complex(x.dtype()))
    return make_complex(resample_compat(real(x), grid), resample_compat(imag(x), grid));
  check(x, grid);
  const std::size_t d = grid.size();
  if (d < 3) {
    Array y = x;
    for (std::size_t a = 0; a < d; ++a) {
      const int axis = static_cast<int>(a) + 2;
      const Index from = x.dim(axis), to = grid[a];
      y = along(y, axis, d == 1 ? linear_rows(to, from) : cubic_rows(to, from), to, from);
    }
    return y;
  }
  KeptModes in, out;
  in.grid.assign(x.shape().begin() + 2, x.shape().end());
  out.grid = grid;
  double points = 1;
  for (std::size_t a = 0; a < d; ++a) {
    const Index from = in.grid[a], to = grid[a];
    points *= static_cast<double>(from);
    std::vector<std::int32_t> read, write;
    if (a + 1 == d) {
      for (Index k = 0; k < std::min(from / 2 + 1, to / 2 + 1); ++k)
        read.push_back(static_cast<std::int32_t>(k));
      write = read;
    } else {
      const Index m = std::min(from, to);
      for (Index k = -(m - m / 2); k < m / 2; ++k) {
        read.push_back(static_cast<std::int32_t>((k + from) % from));
        write.push_back(static_cast<std::int32_t>((k + to) % to));
      }
    }
    in.bins.push_back(read), out.bins.push_back(write);
  }
  return field_of(modes_of(x, in, 1 / points), out);
}

}  // namespace cartan::operators
