// Products of complex numbers as products of twice as many real ones. With i x beside x,
//   Re and Im of sum_r U_r x_r = sum_r Re(U_r) x_r + Im(U_r) (i x_r),
// numbers x stay as they lie in memory, and weights are real. Along the last axis it is the other way round:
// a row of numbers is a row of twice as many real weights of a matrix with pairs of rows (U, i U).
#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/workspace.hpp"
#include "operators/cpu/panel.hpp"
#include "operators/spectral.hpp"

namespace cartan::operators {
namespace {

// out (left, to, right) = sum over f of in (left, from, right) W (to, from)
template <class T>
struct Apply {
  Index left, from, to, right;
  const std::complex<T>*in, *u;
  Index row, column;  // strides of W in u
  bool conj_in, conj_u;
  std::complex<T>* out;

  std::complex<T> w(Index t, Index f) const {
    const std::complex<T> v = u[t * row + f * column];
    return conj_u ? std::conj(v) : v;
  }

  void inner_axis() const {
    Scratch<T> weights(to * 2 * from);  // (to, Re then Im)
    for (Index t = 0; t < to; ++t)
      for (Index f = 0; f < from; ++f) {
        weights[t * 2 * from + f] = w(t, f).real();
        weights[t * 2 * from + from + f] = w(t, f).imag();
      }
    // columns at a time, so that the panel stays in the first-level cache or nearly so
    constexpr Index strip = strip_points<T>;
    const Index fit =
        std::max<Index>(strip, 65536 / (2 * std::max<Index>(1, from) * static_cast<Index>(sizeof(T))));
    const Index block = std::min(right, fit / strip * strip / 2), wide = padded<T>(2 * block);
    const Index blocks = (right + block - 1) / block;
    const Index grain = std::max<Index>(1, 200000 / (8 * std::max<Index>(1, from) * to * block));
    parallel_for(left * blocks, grain, [&](Index begin, Index end) {
      Scratch<T> panel(2 * from * wide);
      for (Index n = begin; n < end; ++n) {
        const Index l = n / blocks, j = n % blocks * block, count = std::min(block, right - j);
        const std::complex<T>* x = in + l * from * right + j;
        for (Index f = 0; f < from; ++f) {
          const T s = conj_in ? T(-1) : T(1);
          const T* numbers = reinterpret_cast<const T*>(x + f * right);
          T *a = panel.data() + f * wide, *b = panel.data() + (from + f) * wide;
          for (Index i = 0; i < count; ++i) {
            const T re = numbers[2 * i], im = s * numbers[2 * i + 1];
            a[2 * i] = re, a[2 * i + 1] = im;
            b[2 * i] = -im, b[2 * i + 1] = re;
          }
        }
        T* y = reinterpret_cast<T*>(out + l * to * right + j);
        multiply<T>(to, 2 * count, 2 * from, {weights.data(), 2 * from, 1}, panel.data(), wide, y, 2 * right,
                    false);
      }
    });
  }

  void last_axis() const {
    const Index wide = padded<T>(2 * to);
    Scratch<T> matrix(2 * from * wide, T(0));  // rows of pairs: W and i W
    const T s = conj_in ? T(-1) : T(1);
    for (Index f = 0; f < from; ++f)
      for (Index t = 0; t < to; ++t) {
        T *a = matrix.data() + 2 * f * wide + 2 * t, *b = a + wide;
        a[0] = w(t, f).real(), a[1] = w(t, f).imag();
        b[0] = -s * a[1], b[1] = s * a[0];
      }
    const Index block = std::clamp<Index>(32768 / wide / 8 * 8, 8, 256);
    parallel_for((left + block - 1) / block, 1, [&](Index begin, Index end) {
      for (Index n = begin; n < end; ++n) {
        const Index l = n * block, count = std::min(block, left - l);
        multiply<T>(count, 2 * to, 2 * from, {reinterpret_cast<const T*>(in + l * from), 2 * from, 1},
                    matrix.data(), wide, reinterpret_cast<T*>(out + l * to), 2 * to, false);
      }
    });
  }
};

// out (n, r) = sum over l, m of x (l, r, m) y (l, n, m), by parts whose number depends on the sizes alone.
template <class T>
void contract(Index left, Index r, Index n, Index right, const std::complex<T>* x, bool conj_x,
              const std::complex<T>* y, bool conj_y, std::complex<T>* out) {
  const Index parts = std::min<Index>(16, left), size = 2 * n * r, wide = padded<T>(2 * r);
  Scratch<T> sums(parts * size, T(0));
  parallel_for(parts, 1, [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p) {
      const Index first = left * p / parts, last = left * (p + 1) / parts;
      T* sum = sums.data() + p * size;
      if (right == 1) {
        // (2 n, 2 r) products of parts, then those that belong together; a block of both fits into the
        // first-level cache
        const Index block =
            std::clamp<Index>(24576 / static_cast<Index>(sizeof(T)) / (2 * n + wide), 16, 512);
        Scratch<T> all(2 * n * wide, T(0));
        for (Index l = first; l < last; l += block)
          multiply<T>(2 * n, 2 * r, std::min(block, last - l),
                      {reinterpret_cast<const T*>(y + l * n), 1, 2 * n},
                      reinterpret_cast<const T*>(x + l * r), 2 * r, all.data(), wide, true);
        const T sx = conj_x ? T(-1) : T(1), sy = conj_y ? T(-1) : T(1);
        for (Index i = 0; i < n; ++i)
          for (Index k = 0; k < r; ++k) {
            const T *re = all.data() + 2 * i * wide + 2 * k, *im = re + wide;
            sum[2 * (i * r + k)] = re[0] - sx * sy * im[1];
            sum[2 * (i * r + k) + 1] = sx * re[1] + sy * im[0];
          }
        continue;
      }
      // a number of y and its two parts beside those of x: (Re y) x + (Im y) (i x)
      const T sx = conj_x ? T(-1) : T(1), sy = conj_y ? T(-1) : T(1);
      const Index block = std::min(right, std::max<Index>(8, 8192 / (2 * r)));
      Scratch<T> panel(2 * block * 2 * r);
      for (Index l = first; l < last; ++l)
        for (Index m = 0; m < right; m += block) {
          const Index count = std::min(block, right - m);
          for (Index k = 0; k < r; ++k) {
            const T* from = reinterpret_cast<const T*>(x + (l * r + k) * right + m);
            T* to = panel.data() + 2 * k;
            for (Index j = 0; j < count; ++j, to += 4 * r) {
              const T re = from[2 * j], im = sx * from[2 * j + 1];
              to[0] = re, to[1] = im;
              to[2 * r] = -sy * im, to[2 * r + 1] = sy * re;
            }
          }
          multiply<T>(n, 2 * r, 2 * count, {reinterpret_cast<const T*>(y + l * n * right + m), 2 * right, 1},
                      panel.data(), 2 * r, sum, 2 * r, true);
        }
    }
  });
  T* to = reinterpret_cast<T*>(out);
  std::fill_n(to, size, T(0));
  for (Index p = 0; p < parts; ++p)
    for (Index k = 0; k < size; ++k) to[k] += sums[p * size + k];
}

}  // namespace

Arrays AxisProduct::eval_cpu(const Arrays& in) const {
  const Array &a = in[0], &b = in[1];
  const Index left = a.dim(0), right = a.dim(2);
  const Shape shape = slot_ == r   ? Shape{b.dim(1), a.dim(1)}
                      : slot_ == y ? Shape{left, b.dim(0), right}
                                   : Shape{left, b.dim(1), right};
  Array out = Array::uninitialized(shape, a.dtype());
  if (out.empty()) return {out};
  dispatch_real(name(), a.dtype() == DType::c64 ? DType::f32 : DType::f64, [&]<class T>(T) {
    using C = std::complex<T>;
    C* to = out.mutable_data<C>();
    if (slot_ == r)
      return contract<T>(left, a.dim(1), b.dim(1), right, a.data<C>(), conj_a_, b.data<C>(), conj_b_, to);
    const Index n = b.dim(0), ranks = b.dim(1);
    const bool forward = slot_ == y;
    const Apply<T> apply{left,        forward ? ranks : n, forward ? n : ranks, right,   a.data<C>(),
                         b.data<C>(), forward ? ranks : 1, forward ? 1 : ranks, conj_a_, conj_b_,
                         to};
    right == 1 ? apply.last_axis() : apply.inner_axis();
  });
  return {out};
}

}  // namespace cartan::operators
