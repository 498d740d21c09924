#include "cartan/operators/continuation.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/linalg/modes.hpp"

namespace cartan::operators {

Array continuation_matrix(Index points, Index gap) {
  require(points >= 1 && points <= 16 && gap >= 0, "[continuation_matrix] ", points,
          " points a border and a gap of ", gap, "; points are 1 to 16, a gap is 0 at least");
  // Lagrange's basis. All differences of places are whole numbers, so that each product is exact to rounding.
  std::vector<double> places;
  for (Index j = 0; j < 2 * points; ++j)
    places.push_back(static_cast<double>(j < points ? j - points : j - points + gap));
  Array m = Array::uninitialized({gap, 2 * points}, DType::f64);
  double* out = m.mutable_data<double>();
  for (Index s = 0; s < gap; ++s)
    for (Index j = 0; j < 2 * points; ++j) {
      double value = 1;
      for (Index i = 0; i < 2 * points; ++i)
        if (i != j) value *= (static_cast<double>(s) - places[i]) / (places[j] - places[i]);
      *out++ = value;
    }
  return m;
}

double continuation_growth(Index points, Index gap) {
  const Array m = continuation_matrix(points, gap);
  double most = 0;
  for (Index s = 0; s < gap; ++s) {
    double row = 0;
    for (Index j = 0; j < 2 * points; ++j) row += std::abs(m.data<double>()[s * 2 * points + j]);
    most = std::max(most, row);
  }
  return most;
}

Array continue_periodic(const Array& x, int axis, Index before, Index after, Index points) {
  require(axis >= 0 && axis < x.ndim() && x.dim(axis) >= 1 && before >= 0 && after >= 0,
          "[continue_periodic] axis ", axis, " of ", x.shape(), " with ", before, " points before and ",
          after, " after; the axis must be there and have a point");
  require(points >= 1 && points <= 16, "[continue_periodic] ", points, " points a border; 1 to 16");
  if (before + after == 0) return x;
  const Index n = x.dim(axis), d = std::min(points, n);
  const auto extended = [&](const Array& field) {
    const Array matrix = continuation_matrix(d, before + after).as(field.dtype()).to(field.device());
    const Array ends = concatenate({slice(field, axis, n - d, n), slice(field, axis, 0, d)}, axis);
    const Array gap = linalg::mode_product(ends, matrix, axis);
    Arrays parts;
    if (before > 0) parts.push_back(slice(gap, axis, after, after + before));
    parts.push_back(field);
    if (after > 0) parts.push_back(slice(gap, axis, 0, after));
    return concatenate(parts, axis);
  };
  if (!is_complex(x.dtype())) return extended(x);
  return make_complex(extended(real(x)), extended(imag(x)));
}

}  // namespace cartan::operators
