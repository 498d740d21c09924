// Loops of registers: gelu and its slope on rows of numbers, by every way that this processor has, and
// transposition. Compiled as the library is.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "operators/activation.hpp"
#include "operators/cpu/normal.hpp"
#include "operators/cpu/transposed.hpp"
#include "operators/pointwise.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

// Not a whole number of registers.
template <class T>
std::vector<T> numbers() {
  std::vector<T> x;
  for (double at = -14; at <= 14; at += 0.00137) x.push_back(static_cast<T>(at));
  while (x.size() % 16 != 7) x.push_back(T(0));
  return x;
}
template <class T>
struct Rows {
  std::vector<T> value, same, slope;  // by gelu_row alone, and with the slope
};
template <class T>
Rows<T> by_rows(const std::vector<T>& x) {
  Rows<T> out{std::vector<T>(x.size()), std::vector<T>(x.size()), std::vector<T>(x.size())};
  const Index n = static_cast<Index>(x.size());
  gelu_row(x.data(), out.value.data(), n);
  gelu_row(x.data(), out.same.data(), out.slope.data(), n);
  return out;
}
// By the normal distribution, whatever gelu_row takes.
template <class T>
Rows<T> by_normal(const std::vector<T>& x) {
  Rows<T> out{std::vector<T>(x.size()), std::vector<T>(x.size()), std::vector<T>(x.size())};
  const Index n = static_cast<Index>(x.size());
  for_numbers(x.data(), n, [&](auto v, auto access, Index i) {
    auto value = v;
    access.store(out.value.data() + i, GeluByNormal<decltype(v)>{}(v));
    access.store(out.slope.data() + i, GeluSlopeByNormal<decltype(v)>{}(v, value));
    access.store(out.same.data() + i, value);
  });
  return out;
}

double exact_value(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}
double exact_slope(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0)) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
}

// Worst errors: of values above and below zero in units of eps |x|, of slopes.
template <class T>
void check(const Rows<T>& rows, const std::vector<T>& x, double above, double below, double slope) {
  const double eps = std::numeric_limits<T>::epsilon();
  double worst[3] = {};
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double at = x[k], exact = exact_value(at), unit = eps * std::abs(at) + 1e-300;
    for (const T y : {rows.value[k], rows.same[k]})
      worst[at < 0] =
          cartan::testing::worst_of(worst[at < 0], std::abs(static_cast<double>(y) - exact) / unit);
    worst[2] =
        cartan::testing::worst_of(worst[2], std::abs(static_cast<double>(rows.slope[k]) - exact_slope(at)));
  }
  EXPECT_LE(worst[0], above);
  EXPECT_LE(worst[1], below);
  EXPECT_LE(worst[2], slope);
}

TEST(Gelu, RowsAreWithinAFewUlps) {
  const std::vector<float> x = numbers<float>();
  constexpr bool pieces = register_bytes == 64;  // of AVX-512
  check(by_rows(x), x, pieces ? 1 : 2, pieces ? 1 : 2, pieces ? 2e-7 : 3e-7);
  check(by_normal(x), x, 2, 2, 3e-7);
  const std::vector<double> wide = numbers<double>();
  check(by_rows(wide), wide, 2, 2, 1e-15);
}

template <class T>
void check_special(const Rows<T>& rows, std::size_t k) {
  for (const std::vector<T>* value : {&rows.value, &rows.same}) {
    EXPECT_TRUE(std::isnan((*value)[k]));
    EXPECT_EQ((*value)[k + 1], std::numeric_limits<T>::infinity());
    EXPECT_TRUE(std::isnan((*value)[k + 2]));  // -infinity times 0
  }
  EXPECT_TRUE(std::isnan(rows.slope[k]));
  EXPECT_EQ(rows.slope[k + 1], T(1));
  EXPECT_EQ(rows.slope[k + 2], T(0));
}
template <class T>
void special() {
  constexpr T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> x(20, T(0.5));
  // in a whole register, and in what is left
  for (const std::size_t k : {3, 17}) x[k] = nan, x[k + 1] = inf, x[k + 2] = -inf;
  const Rows<T> rows = by_rows(x), normal = by_normal(x);
  for (const std::size_t k : {3, 17}) check_special(rows, k), check_special(normal, k);
}
TEST(Gelu, NaNStaysAndInfinityHasItsLimit) {
  special<float>();
  special<double>();
}

// Higher derivatives fall to zero, whatever powers stand before the density.
TEST(Gelu, DerivativesVanishFarAway) {
  for (const DType type : {DType::f32, DType::f64}) {
    const Array x = Array::of({INFINITY, -INFINITY, 1e20, -1e20, NAN, 0.5}).as(type);
    ScalarFunction f = [](const Arrays& a) { return sum(gelu(a[0])); };
    for (int order = 1; order <= 3; ++order) {
      const std::vector<double> d = grad(f)({x})[0].as(DType::f64).to_vector<double>();
      for (std::size_t k = 0; k < 4; ++k)
        EXPECT_EQ(d[k], order == 1 && k % 2 == 0 ? 1 : 0) << order << " " << k;
      EXPECT_TRUE(std::isnan(d[4]));
      EXPECT_NE(d[5], 0);
      f = [f](const Arrays& a) { return sum(grad(f)(a)[0]); };
    }
  }
}

// A NaN in v: the derivatives of all that it goes into are NaN.
TEST(Gelu, NaNStaysInPointwise) {
  for (const DType type : {DType::f32, DType::f64}) {
    const Index points = 40;
    Array v = Array::full({1, 1, points}, 0.5, DType::f64);
    v.mutable_data<double>()[7] = NAN;
    Arrays in{v, Array::full({2, 1}, 1, DType::f64), Array::full({2}, 0, DType::f64),
              Array::full({1, 2}, 1, DType::f64), Array::full({1}, 0, DType::f64)};
    for (Array& a : in) a = track(a.as(type));
    const Array y = pointwise({}, in);
    const std::vector<double> values = detach(y).as(DType::f64).to_vector<double>();
    const Arrays g = gradients({y}, in, {Array::full(y.shape(), 1, type)});
    const std::vector<double> slopes = g[0].as(DType::f64).to_vector<double>();
    for (std::size_t k = 0; k < values.size(); ++k) {
      EXPECT_EQ(std::isnan(values[k]), k == 7) << k;
      EXPECT_EQ(std::isnan(slopes[k]), k == 7) << k;
    }
    for (std::size_t k = 1; k < 4; ++k)
      EXPECT_TRUE(std::isnan(g[k].as(DType::f64).to_vector<double>()[0])) << k;
  }
}

template <class T>
void transposes() {
  for (const Index rows : {1, 5, 16, 37})
    for (const Index n : {1, 8, 15, 50}) {
      const Index stride = n + 3, wide = padded<T>(rows);
      std::vector<T> from(static_cast<std::size_t>(rows * stride)),
          to(static_cast<std::size_t>(n * wide), T(-1));
      for (std::size_t k = 0; k < from.size(); ++k) from[k] = static_cast<T>(k + 1);
      transpose(from.data(), stride, rows, n, to.data());
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < wide; ++i)
          ASSERT_EQ(to[static_cast<std::size_t>(j * wide + i)],
                    i < rows ? from[static_cast<std::size_t>(i * stride + j)] : T(0))
              << rows << " by " << n << " at " << i << ", " << j;
    }
}
TEST(Registers, TurnMatrices) {
  transposes<float>();
  transposes<double>();
}

}  // namespace
}  // namespace cartan::operators
