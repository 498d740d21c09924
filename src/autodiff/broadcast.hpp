#pragma once
// Shapes that broadcast against each other, and loops over them.

#include <algorithm>
#include <vector>

#include "cartan/core/array.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"

namespace cartan {

inline constexpr Index elementwise_grain = 16384;

// The axis counted from the front; throws for one that the array does not have.
inline std::size_t axis_of(const char* op, const Array& a, int axis) {
  const int n = a.ndim();
  require(axis >= -n && axis < n, "[", op, "] axis ", axis, " of an array of shape ", a.shape());
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

inline Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  Shape out(std::max(a.size(), b.size()), 1);
  for (std::size_t k = 0; k < out.size(); ++k) {
    const Index da = k < a.size() ? a[a.size() - 1 - k] : 1, db = k < b.size() ? b[b.size() - 1 - k] : 1;
    require(da == db || da == 1 || db == 1, "[", op, "] shapes ", a, " and ", b, " do not broadcast");
    out[out.size() - 1 - k] = da == 1 ? db : da;
  }
  return out;
}

// Two operands walked together in the order of the output. Neighbouring axes are merged where both
// operands allow, so most cases have one or two axes; the last one has strides 0 or 1.
struct BroadcastWalk {
  std::vector<Index> extent, stride_a, stride_b;

  BroadcastWalk(const Shape& out, const Shape& a, const Shape& b) {
    const std::size_t n = out.size();
    std::vector<Index> sa(n), sb(n);
    auto strides = [&](const Shape& s, std::vector<Index>& stride) {
      Index step = 1;
      for (std::size_t k = n; k-- > 0;) {
        const std::size_t missing = n - s.size();
        const Index d = k >= missing ? s[k - missing] : 1;
        stride[k] = d == 1 ? 0 : step;
        step *= d;
      }
    };
    strides(a, sa);
    strides(b, sb);
    for (std::size_t k = 0; k < n; ++k) {
      if (out[k] == 1) continue;
      if (!extent.empty() && stride_a.back() == sa[k] * out[k] && stride_b.back() == sb[k] * out[k]) {
        extent.back() *= out[k];
        stride_a.back() = sa[k];
        stride_b.back() = sb[k];
      } else {
        extent.push_back(out[k]);
        stride_a.push_back(sa[k]);
        stride_b.push_back(sb[k]);
      }
    }
    if (extent.empty()) extent = {1}, stride_a = stride_b = {0};
  }

  // run(out offset, a offset, b offset, length) for contiguous pieces of [begin, end) of the output.
  template <class Run>
  void pieces(Index begin, Index end, Run&& run) const {
    const std::size_t last = extent.size() - 1;
    while (begin < end) {
      Index rest = begin / extent[last];
      const Index inner = begin % extent[last];
      Index a = inner * stride_a[last], b = inner * stride_b[last];
      for (std::size_t k = last; k-- > 0;) {
        const Index i = rest % extent[k];
        rest /= extent[k];
        a += i * stride_a[k];
        b += i * stride_b[k];
      }
      const Index length = std::min(end - begin, extent[last] - inner);
      run(begin, a, b, length);
      begin += length;
    }
  }
};

}  // namespace cartan
