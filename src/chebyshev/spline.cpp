#include "chebyshev/spline.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {
namespace {

// Second derivatives, times step^2/6, at the grid points: with s_i the second difference of the values,
// M_{i-1} + 4 M_i + M_{i+1} = s_i. Not-a-knot on a uniform grid, M_0 = 2 M_1 - M_2, makes the first equation
// 6 M_1 = s_1, and likewise at the other end: what is left is tridiagonal with known ends.
void curvatures(const double* y, Index n, Index stride, Index count, double* curvature) {
  const auto second = [&](Index i, Index c) {
    return y[(i - 1) * stride + c] - 2 * y[i * stride + c] + y[(i + 1) * stride + c];
  };
  double* m = curvature;
  if (n < 3) {
    std::fill_n(m, n * count, 0.0);
    return;
  }
  for (Index c = 0; c < count; ++c) {
    m[count + c] = second(1, c) / 6;
    m[(n - 2) * count + c] = second(n - 2, c) / 6;
  }
  std::vector<double> pivot(n, 0.0);
  for (Index i = 2; i <= n - 3; ++i) {  // forward elimination; pivot[i] = 1 / diagonal
    pivot[i] = 1 / (4 - pivot[i - 1]);
    for (Index c = 0; c < count; ++c) m[i * count + c] = (second(i, c) - m[(i - 1) * count + c]) * pivot[i];
  }
  for (Index i = n - 3; i >= 2; --i)
    for (Index c = 0; c < count; ++c) m[i * count + c] -= pivot[i] * m[(i + 1) * count + c];
  for (Index c = 0; c < count; ++c) {
    m[c] = n == 3 ? m[count + c] : 2 * m[count + c] - m[2 * count + c];
    m[(n - 1) * count + c] = n == 3 ? m[count + c] : 2 * m[(n - 2) * count + c] - m[(n - 3) * count + c];
  }
}

}  // namespace

Array spline(const Array& values, int axis, double first, double step, const Array& points) {
  if (axis < 0) axis += values.ndim();
  require(axis >= 0 && axis < values.ndim() && !values.empty(), "[spline] axis ", axis, " of shape ",
          values.shape());
  require(std::isfinite(first) && step > 0, "[spline] grid from ", first, " in steps of ", step);
  const Index n = values.dim(axis), m = points.size();
  Index inner = 1;
  for (int k = axis + 1; k < values.ndim(); ++k) inner *= values.dim(k);
  const Index outer = values.size() / (n * inner), width = std::min<Index>(inner, 32),
              strips = (inner + width - 1) / width;
  Shape shape = values.shape();
  shape[axis] = m;
  Array out = Array::uninitialized(shape, DType::f64);
  const double *y = values.data<double>(), *x = points.data<double>();
  double* z = out.mutable_data<double>();
  parallel_for(outer * strips, 1, [&](Index begin, Index end) {
    std::vector<double> curvature(n * width);
    for (Index t = begin; t < end; ++t) {
      const Index column = t % strips * width, count = std::min(width, inner - column);
      const double* from = y + t / strips * n * inner + column;
      double* to = z + t / strips * m * inner + column;
      curvatures(from, n, inner, count, curvature.data());
      for (Index j = 0; j < m; ++j) {
        const double place = (x[j] - first) / step;
        const Index i =
            n < 2 ? 0 : static_cast<Index>(std::clamp(std::floor(place), 0.0, static_cast<double>(n - 2)));
        const double b = n < 2 ? 0 : place - static_cast<double>(i), a = 1 - b;
        const double ca = a * a * a - a, cb = b * b * b - b;
        const double *low = from + i * inner, *high = n < 2 ? low : low + inner;
        const double *m_low = curvature.data() + i * count, *m_high = n < 2 ? m_low : m_low + count;
        for (Index c = 0; c < count; ++c)
          to[j * inner + c] = a * low[c] + b * high[c] + ca * m_low[c] + cb * m_high[c];
      }
    }
  });
  return out;
}

}  // namespace cartan::chebyshev
