// The form sum over u, m of x_um s_u y_um: one number s for every irrep and channel.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/layers.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"

namespace cartan::so3 {
namespace {

constexpr Index grain_of(Index width) {
  return std::max<Index>(1, 16384 / std::max<Index>(width, 1));
}

class ScaledDot : public Multilinear {
 public:
  enum Slot { X, S, Y };  // members: S, the dot product of irreps, and Y, irreps scaled
  ScaledDot(const Irreps& irreps, bool dot) : Multilinear(3, dot ? S : Y), irreps_(irreps), dot_(dot) {}
  const char* name() const override { return dot_ ? "irrep_dot" : "irrep_scale"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index width = irreps_.dim(), channels = irreps_.num_irreps();
    Shape shape = in[0].shape();
    shape.back() = dot_ ? channels : width;
    const Index rows = in[0].size() / std::max<Index>(width, 1);
    Array out = Array::uninitialized(shape, in[0].dtype());
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      const T *x = in[0].data<T>(), *second = in[1].data<T>();
      T* o = out.mutable_data<T>();
      parallel_for(rows, grain_of(width), [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          if (dot_)
            dot(x + r * width, second + r * width, o + r * channels);
          else
            scale(x + r * width, second + r * channels, o + r * width);
        }
      });
    });
    return {out};
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    if (k == S) return irrep_dot(full[X], full[Y], irreps_);
    return irrep_scale(full[k == X ? Y : X], full[S], irreps_);
  }

 private:
  template <class T>
  void dot(const T* x, const T* y, T* s) const {
    for (const auto& part : irreps_) {
      const Index mul = part.mul, d = part.ir.dim();
      for_strips<T>(mul, [&]<class V>(V, Index u) {
        V total{};
        for (Index m = 0; m < d; ++m) total += load<V>(x + m * mul + u) * load<V>(y + m * mul + u);
        store(s + u, total);
      });
      x += mul * d, y += mul * d, s += mul;
    }
  }
  template <class T>
  void scale(const T* x, const T* s, T* o) const {
    for (const auto& part : irreps_) {
      const Index mul = part.mul, d = part.ir.dim();
      for_strips<T>(mul, [&]<class V>(V, Index u) {
        const V f = load<V>(s + u);
        for (Index m = 0; m < d; ++m) store(o + m * mul + u, V(f * load<V>(x + m * mul + u)));
      });
      x += mul * d, o += mul * d, s += mul;
    }
  }

  Irreps irreps_;
  bool dot_;
};

void check(const char* op, const Array& a, const Array& like, Index width, const Irreps& irreps) {
  require(is_real(a.dtype()) && a.dtype() == like.dtype(), "[", op, "] types ", like.dtype(), " and ",
          a.dtype(), ": both float32 or both float64; use cast");
  require(a.ndim() >= 1 && a.dim(-1) == width && a.ndim() == like.ndim() &&
              std::equal(a.shape().begin(), a.shape().end() - 1, like.shape().begin()),
          "[", op, "] an array ", a.shape(), " beside ", like.shape(), " for ", irreps,
          ": its last axis must have ", width, ", the others be equal");
}

// A power of two for every irrep that brings its largest element near 1 (1 for zero, NaN and infinity); empty
// where no square can overflow or lose digits.
Array scales(const Array& x, const Irreps& irreps) {
  const Index width = irreps.dim(), channels = irreps.num_irreps(),
              rows = x.size() / std::max<Index>(width, 1);
  Shape shape = x.shape();
  shape.back() = channels;
  const Array host = x.to(Device::cpu);
  Array out = Array::full(shape, 1, x.dtype());
  std::atomic<bool> needed{false};
  dispatch_real("norm", x.dtype(), [&]<class T>(T) {
    constexpr int safe = std::numeric_limits<T>::max_exponent / 4;
    const T* values = host.data<T>();
    T* scale = out.mutable_data<T>();
    parallel_for(rows, grain_of(width), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const T* p = values + r * width;
        T* s = scale + r * channels;
        for (const auto& [mul, ir] : irreps) {
          const Index d = ir.dim();
          for (Index u = 0; u < mul; ++u) {
            T largest = 0;
            for (Index m = 0; m < d; ++m) largest = std::max(largest, std::abs(p[m * mul + u]));
            if (largest == 0 || !std::isfinite(largest)) continue;
            const int exponent = std::ilogb(largest);
            if (std::abs(exponent) > safe) needed = true;
            // both it and its reciprocal are normal numbers
            s[u] = std::ldexp(T(1), std::clamp(exponent, std::numeric_limits<T>::min_exponent,
                                               -std::numeric_limits<T>::min_exponent));
          }
          p += mul * d, s += mul;
        }
      }
    });
  });
  return needed ? out.to(x.device()) : Array();
}

}  // namespace

Array irrep_dot(const Array& x, const Array& y, const Irreps& irreps) {
  check("irrep_dot", x, x, irreps.dim(), irreps);
  check("irrep_dot", y, x, irreps.dim(), irreps);
  return run(std::make_shared<ScaledDot>(irreps, true), {x, y});
}

Array irrep_scale(const Array& x, const Array& s, const Irreps& irreps) {
  check("irrep_scale", x, x, irreps.dim(), irreps);
  check("irrep_scale", s, x, irreps.num_irreps(), irreps);
  return run(std::make_shared<ScaledDot>(irreps, false), {x, s});
}

Array norm(const Array& x, const Irreps& irreps) {
  check("norm", x, x, irreps.dim(), irreps);
  // |x| = s |x / s| for any s, which is therefore a constant for derivatives
  const Array s = scales(x, irreps);
  const Array square = squared_norm(s.empty() ? x : irrep_scale(x, reciprocal(s), irreps), irreps);
  const Array positive = sign(square), length = positive * sqrt(square + (1.0 - positive));
  return s.empty() ? length : s * length;
}

}  // namespace cartan::so3
