#include <gtest/gtest.h>
#include <cartan/autodiff/fft.hpp>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cmath>
#include <numbers>
#include <thread>

#include "worst.hpp"

using namespace cartan;
using Complex = std::complex<double>;

namespace {

constexpr double pi = std::numbers::pi;
const FftNorm norms[] = {FftNorm::backward, FftNorm::forward, FftNorm::ortho};

Array normal(const Shape& shape, std::uint64_t stream) {
  return random_normal(shape, DType::f64, Random(17, stream));
}
Array complex_normal(const Shape& shape, std::uint64_t stream) {
  return make_complex(normal(shape, stream), normal(shape, stream + 100));
}

// y[.., a, ..] = sum over i of m(a, i) x[.., i, ..], by the definition.
template <class M>
Array along(const Array& x, int axis, Index rows, M&& m) {
  Shape shape = x.shape();
  const Index n = shape[axis];
  shape[axis] = rows;
  Index left = 1, right = 1;
  for (int k = 0; k < axis; ++k) left *= shape[k];
  for (int k = axis + 1; k < x.ndim(); ++k) right *= shape[k];
  Array y = Array::zeros(shape, x.dtype());
  const Complex* from = x.data<Complex>();
  Complex* to = y.mutable_data<Complex>();
  for (Index l = 0; l < left; ++l)
    for (Index a = 0; a < rows; ++a)
      for (Index i = 0; i < n; ++i)
        for (Index r = 0; r < right; ++r)
          to[(l * rows + a) * right + r] += m(a, i) * from[(l * n + i) * right + r];
  return y;
}

Array naive_fft(Array x, const std::vector<int>& axes, double sign) {
  for (int axis : axes) {
    const Index n = x.dim(axis);
    x = along(x, axis, n, [&](Index k, Index j) {
      return std::polar(1.0, sign * 2 * pi * static_cast<double>(j * k % n) / static_cast<double>(n));
    });
  }
  return x;
}

double cosine(int type, Index n, Index k, Index j) {
  const double a = static_cast<double>(k), b = static_cast<double>(j), m = static_cast<double>(n);
  if (type == 1) return (j == 0 || j == n - 1 ? 1 : 2) * std::cos(pi * a * b / (m - 1));
  if (type == 2) return 2 * std::cos(pi * a * (2 * b + 1) / (2 * m));
  return (j == 0 ? 1 : 2) * std::cos(pi * b * (2 * a + 1) / (2 * m));
}

Array to_complex(const Array& x) {
  return is_real(x.dtype()) ? cast(x, DType::c128) : x;
}
double distance(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return std::nan("");
  const Array x = to_complex(a), y = to_complex(b);
  double worst = 0;
  for (Index k = 0; k < x.size(); ++k) {
    const double d = std::abs(x.data<Complex>()[k] - y.data<Complex>()[k]);
    worst = cartan::testing::worst_of(worst, d);
  }
  return worst;
}
double scale_of(FftNorm norm, bool inverse, double n) {
  if (norm == FftNorm::ortho) return 1 / std::sqrt(n);
  return inverse == (norm == FftNorm::backward) ? 1 / n : 1;
}
double real_dot(const Array& a, const Array& b) {  // Re sum conj(a) b
  if (is_complex(a.dtype())) return sum(real(conjugate(a) * b)).item();
  return sum(a * b).item();
}

// <c, f(x)> = <f^T c, x> for a linear f.
void check_adjoint(const std::function<Array(const Array&)>& f, const Array& x) {
  const Array y = f(x);
  const Array c = is_complex(y.dtype()) ? complex_normal(y.shape(), 31) : normal(y.shape(), 31);
  const Arrays g = vjp([&](const Arrays& a) { return Arrays{f(a[0])}; }, {x}, {c}).second;
  const double left = real_dot(c, y), right = real_dot(g[0], x);
  const double size = std::sqrt(real_dot(c, c) * real_dot(y, y));
  EXPECT_LE(std::abs(left - right), 1e-12 * size) << left << " and " << right;
}

}  // namespace

TEST(Fft, FollowsTheDefinition) {
  for (Index n : {1, 2, 3, 4, 5, 8, 9, 12, 13, 31}) {
    const Array x = complex_normal({3, n, 2}, 1 + n);
    for (FftNorm norm : norms) {
      const double m = static_cast<double>(n);
      EXPECT_LE(distance(fft(x, {1}, {}, norm),
                         naive_fft(x, {1}, -1) *
                             cast(Array::scalar(scale_of(norm, false, m), DType::f64), DType::c128)),
                1e-12);
      EXPECT_LE(distance(ifft(fft(x, {1}, {}, norm), {1}, {}, norm), x), 1e-13);
    }
  }
  const Array x = complex_normal({4, 5, 6}, 3);
  for (const std::vector<int>& axes : {std::vector<int>{0}, {2, 0}, {1, 2}, {-1, -2, -3}}) {
    std::vector<int> positive;
    for (int a : axes) positive.push_back(a < 0 ? a + 3 : a);
    EXPECT_LE(distance(fft(x, axes), naive_fft(x, positive, -1)), 1e-12);
    EXPECT_LE(distance(fft(real(x), axes), naive_fft(to_complex(real(x)), positive, -1)), 1e-12);
  }
}

TEST(Fft, CutsAndFillsUp) {
  const Array x = complex_normal({4, 6}, 5);
  EXPECT_LE(distance(fft(x, {0, 1}, {3, 9}), naive_fft(pad(slice(x, 0, 0, 3), 1, 0, 3), {0, 1}, -1)), 1e-12);
  const Array y = normal({4, 6}, 6);
  EXPECT_LE(distance(rfft(y, {0, 1}, {7, 5}), rfft(slice(pad(y, 0, 0, 3), 1, 0, 5), {0, 1})), 1e-13);
  EXPECT_LE(distance(irfft(x, {0, 1}, {5, 7}), irfft(slice(pad(x, 0, 0, 1), 1, 0, 4), {0, 1}, {5, 7})),
            1e-13);
}

TEST(Fft, RealTransformsAreHalfOfTheComplexOnes) {
  for (Index n : {1, 2, 3, 4, 6, 7, 11, 16})
    for (Index m : {1, 2, 5, 6}) {
      const Array x = normal({2, m, n}, 40 + n);
      for (FftNorm norm : norms) {
        const Array half = rfft(x, {1, 2}, {}, norm);
        EXPECT_LE(distance(half, slice(fft(x, {1, 2}, {}, norm), 2, 0, n / 2 + 1)), 1e-12);
        EXPECT_LE(distance(irfft(half, {1, 2}, {m, n}, norm), x), 1e-13) << m << " x " << n;
      }
      // any numbers, with those planes that are their own mirror image not the spectrum of real ones:
      // Re sum of c_k z_k exp(+...)
      const Array z = complex_normal({2, m, n / 2 + 1}, 60 + n);
      Array counted = naive_fft(z, {1}, 1);
      counted = along(counted, 2, n, [&](Index j, Index k) {
        const double c = k == 0 || 2 * k == n ? 1 : 2;
        return std::polar(c, 2 * pi * static_cast<double>(j * k % n) / static_cast<double>(n));
      });
      EXPECT_LE(distance(irfft(z, {1, 2}, {m, n}, FftNorm::forward), real(counted)), 1e-12)
          << m << " x " << n;
    }
  EXPECT_EQ(irfft(complex_normal({3, 5}, 1)).shape(), (Shape{3, 8}));
}

TEST(Fft, CosineTransformsFollowTheDefinition) {
  for (int type : {1, 2, 3})
    for (Index n : {2, 3, 4, 7, 16, 17}) {
      const Array x = normal({2, n, 3}, 80 + n);
      const Array y =
          along(to_complex(x), 1, n, [&](Index k, Index j) { return Complex(cosine(type, n, k, j)); });
      EXPECT_LE(distance(dct(x, type, {1}), y), 1e-12) << type << " " << n;
      for (FftNorm norm : norms)
        EXPECT_LE(distance(idct(dct(x, type, {1}, norm), type, {1}, norm), x), 1e-13);
      const Array o = dct(x, type, {0, 1}, FftNorm::ortho);
      EXPECT_LE(std::abs(real_dot(o, o) - real_dot(x, x)), 1e-12 * real_dot(x, x)) << type << " " << n;
    }
}

TEST(Fft, AdjointsAreExact) {
  for (Index n : {1, 2, 5, 8, 13}) {
    for (FftNorm norm : norms) {
      check_adjoint(
          [&](const Array& x) {
            return fft(x, {0, 1}, {4, n}, norm);
          },
          complex_normal({5, n, 2}, 1));
      check_adjoint([&](const Array& x) { return ifft(x, {1}, {}, norm); }, complex_normal({3, n}, 2));
      check_adjoint([&](const Array& x) { return rfft(x, {0, 1}, {}, norm); }, normal({3, n, 2}, 3));
      check_adjoint(
          [&](const Array& x) {
            return irfft(x, {0, 1}, {4, n}, norm);
          },
          complex_normal({4, n / 2 + 1, 2}, 4));
      check_adjoint([&](const Array& x) { return fft(x, {1}, {}, norm); }, normal({3, n}, 5));
      for (int type : {1, 2, 3}) {
        check_adjoint([&](const Array& x) { return dct(x, type, {0, 1}, norm); }, normal({3, n + 1, 2}, 6));
        check_adjoint([&](const Array& x) { return idct(x, type, {1}, norm); }, normal({3, n + 1}, 7));
      }
    }
  }
}

TEST(Fft, GradientsOfGradients) {
  const Arrays x{normal({3, 5}, 8), normal({3, 4}, 9)};
  const Array u = normal({3, 5}, 10), w = normal({4, 6}, 11);
  const auto f = [&](const Arrays& a) {  // |spectrum|^2 filtered and back, and a cosine series
    const Array z = rfft(a[0], {0, 1}, {4, 6});
    const Array back = irfft(z * conjugate(z) * z, {0, 1}, {4, 6}, FftNorm::ortho);
    return sum(w * back) + sum(square(dct(square(a[1]), 2, {1}, FftNorm::ortho))) +
           sum(square(idct(a[0], 1, {0}) * u));
  };
  EXPECT_LE(check_gradients(f, x).max_error, 1e-8);
  const Arrays t{normal({3, 5}, 12), normal({3, 4}, 13)};
  const auto second = [&](const Arrays& a) {
    const Arrays g = grad(f)(a);
    return sum(g[0] * t[0]) + sum(g[1] * t[1]);
  };
  EXPECT_LE(check_gradients(second, x).max_error, 1e-8);
}

TEST(Fft, LargeOnesHaveTheSameBitsForAnyThreads) {
  const Array x = normal({300, 256}, 14), z = complex_normal({2, 40, 30, 50}, 15);
  Arrays first;
  for (int n : {1, 2, 3}) {
    set_threads(n);
    const Arrays now{rfft(x, {0, 1}), irfft(rfft(x, {0, 1}), {0, 1}), fft(z, {1, 2}), dct(x, 2, {0, 1})};
    if (first.empty()) first = now;
    for (std::size_t k = 0; k < now.size(); ++k) EXPECT_TRUE(identical(first[k], now[k])) << n << " " << k;
  }
  set_threads(0);
  EXPECT_LE(distance(first[1], x), 1e-13);
  EXPECT_LE(distance(first[0], slice(naive_fft(to_complex(x), {0, 1}, -1), 1, 0, 129)), 1e-10);
  EXPECT_LE(distance(first[2], naive_fft(z, {1, 2}, -1)), 1e-10);
}

TEST(Fft, SinglePrecisionAndPlansFromManyThreads) {
  const Array x = normal({64, 24}, 16);
  const Array expected = rfft(x);
  std::vector<std::thread> threads;
  std::vector<double> error(4, 1);
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (Index n = 8; n < 24; ++n) rfft(x, {-1}, {n + static_cast<Index>(t)});
      error[t] = distance(cast(real(rfft(cast(x, DType::f32))), DType::f64), real(expected));
    });
  for (auto& t : threads) t.join();
  for (double e : error) EXPECT_LE(e, 1e-5);
  set_fft_effort(FftEffort::measure);
  EXPECT_LE(distance(rfft(x), expected), 1e-12);
  EXPECT_LE(distance(dct(x), dct(x, 2, {1})), 1e-12);
  set_fft_effort(FftEffort::estimate);
}

TEST(Fft, RefusesWhatDoesNotFit) {
  const Array x = normal({3, 4}, 1);
  EXPECT_THROW(fft(x, {2}), std::invalid_argument);
  EXPECT_THROW(fft(x, {0, -2}), std::invalid_argument);
  EXPECT_THROW(fft(x, {}), std::invalid_argument);
  EXPECT_THROW(fft(x, {0, 1}, {3}), std::invalid_argument);
  EXPECT_THROW(rfft(x, {1}, {0}), std::invalid_argument);
  EXPECT_THROW(rfft(complex_normal({3}, 1)), std::invalid_argument);
  EXPECT_THROW(irfft(x), std::invalid_argument);
  EXPECT_THROW(irfft(complex_normal({3, 1}, 1)), std::invalid_argument);  // 2 (1 - 1) real numbers
  EXPECT_THROW(dct(x, 4), std::invalid_argument);
  EXPECT_THROW(dct(normal({3, 1}, 1), 1), std::invalid_argument);
  EXPECT_THROW(fft(Array::zeros({3}, DType::i32)), std::invalid_argument);
}
