// Values at the nodes <-> Chebyshev coefficients: DCT-I by FFTW along one axis.
#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/basis.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/fft.hpp"

namespace cartan::chebyshev {
namespace {

// FFTW's REDFT00: y_k = x_0 + (-1)^k x_{m-1} + 2 sum_j x_j cos(pi j k/(m-1)).
Array dct(Array a, int axis, bool to_coefficients) {
  const char* op = to_coefficients ? "[values_to_coefficients]" : "[coefficients_to_values]";
  refuse_tracked(to_coefficients ? "values_to_coefficients" : "coefficients_to_values", a);
  if (axis < 0) axis += a.ndim();
  require(axis >= 0 && axis < a.ndim(), op, " axis ", axis, " of shape ", a.shape());
  const Index m = a.dim(axis);
  require(m <= (1 << 24), op, " ", m, " nodes; at most 2^24");
  if (m <= 1 || a.empty()) return a;
  Index inner = 1;
  for (int k = axis + 1; k < a.ndim(); ++k) inner *= a.dim(k);
  const Index outer = a.size() / (m * inner), width = std::min<Index>(inner, 64),
              strips = (inner + width - 1) / width;
  double* x = a.mutable_data<double>();
  const auto plan_of = [&](Index count) {
    return fft_plan<double>(FftKind::dct1, {{m, inner, inner}}, {{count, 1, 1}}, true, false);
  };
  const Index rest = inner - (strips - 1) * width;
  const auto plan = plan_of(width), last = plan_of(rest);
  const double unit = 1 / static_cast<double>(m - 1);
  const Index grain = std::max<Index>(1, (Index{1} << 15) / (m * width));
  parallel_for(outer * strips, grain, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const bool short_one = t % strips == strips - 1;
      const Index count = short_one ? rest : width;
      double* p = x + t / strips * m * inner + t % strips * width;
      // The nodes ascend while cos(pi j/(m-1)) descends: T_k(-x) = (-1)^k T_k(x).
      const auto scale = [&](double ends, double middle) {
        for (Index k = 0; k < m; ++k) {
          const double f = (k == 0 || k == m - 1 ? ends : middle) * (k % 2 ? -1 : 1);
          for (Index i = 0; i < count; ++i) p[k * inner + i] *= f;
        }
      };
      if (!to_coefficients) scale(1, 0.5);
      (short_one ? *last : *plan)(p, p);
      if (to_coefficients) scale(0.5 * unit, unit);
    }
  });
  return a;
}

}  // namespace

Array values_to_coefficients(const Array& values, int axis) {
  return dct(values, axis, true);
}
Array coefficients_to_values(const Array& coefficients, int axis) {
  return dct(coefficients, axis, false);
}

}  // namespace cartan::chebyshev
