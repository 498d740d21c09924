// Harmonics against e3nn, Boost's Legendre functions, identities and differences.
#include "cartan/so3/spherical_harmonics.hpp"

#include <gtest/gtest.h>

#include <boost/math/special_functions/legendre.hpp>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "so3/reference.hpp"
#include "worst.hpp"

namespace cartan::so3 {
namespace {

constexpr Normalization component = Normalization::component;
constexpr HarmonicsOptions solid{false, component};

Array random_points(Index n, std::uint64_t seed = 1, DType dtype = DType::f64) {
  return random_normal({n, 3}, dtype, Random(seed));
}

double largest_difference(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  const auto x = a.as(DType::f64).to_vector<double>(), y = b.as(DType::f64).to_vector<double>();
  double worst = 0;
  for (std::size_t k = 0; k < x.size(); ++k) worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
  return worst;
}

TEST(SphericalHarmonics, EqualsE3nn) {
  CARTAN_E3NN_REFERENCE(reference);
  const Array points = reference.array("sh/points");
  for (const auto& [name, normalization] : {std::pair{"component", component},
                                            {"norm", Normalization::norm},
                                            {"integral", Normalization::integral}}) {
    const Array y = spherical_harmonics(points.as(DType::f64), 8, {true, normalization});
    for (int l = 0; l <= 8; ++l) {
      const Array expected = reference.array(std::string("sh/") + name + "/l" + std::to_string(l));
      EXPECT_LE(largest_difference(slice(y, 1, l * l, (l + 1) * (l + 1)), expected), 1e-12) << name << l;
    }
  }
}

TEST(SphericalHarmonics, LowDegreesAsPolynomials) {
  const Array p = random_points(37);
  const Array y = spherical_harmonics(p, 2, solid);
  for (Index i = 0; i < 37; ++i) {
    const double *v = p.data<double>() + 3 * i, a = v[0], b = v[1], c = v[2], s3 = std::sqrt(3.0),
                 s5 = std::sqrt(5.0), s15 = std::sqrt(15.0);
    const double expected[] = {1,
                               s3 * a,
                               s3 * b,
                               s3 * c,
                               s15 * a * c,
                               s15 * a * b,
                               s5 * (b * b - (a * a + c * c) / 2),
                               s15 * b * c,
                               s15 / 2 * (c * c - a * a)};
    for (int k = 0; k < 9; ++k) EXPECT_LE(std::abs(y.data<double>()[9 * i + k] - expected[k]), 1e-13) << k;
  }
}

// Definition with Boost's Legendre functions (which carry the Condon-Shortley phase) and angles.
TEST(SphericalHarmonics, EqualsLegendreFunctions) {
  for (int lmax : {0, 1, 5, 12, 20, 40}) {
    const Array p = random_points(9, 3);
    const Array y = spherical_harmonics(p, lmax);
    const Index width = (lmax + 1) * (lmax + 1);
    for (Index i = 0; i < 9; ++i) {
      const double* v = p.data<double>() + 3 * i;
      const double r = std::hypot(v[0], v[1], v[2]), phi = std::atan2(v[0], v[2]);
      for (int l = 0; l <= lmax; ++l)
        for (int m = 0; m <= l; ++m) {
          double f = (m == 0 ? 1 : 2) * (2 * l + 1.0);
          for (int k = l - m + 1; k <= l + m; ++k) f /= k;
          const double q = (m % 2 == 0 ? 1 : -1) * std::sqrt(f) * boost::math::legendre_p(l, m, v[1] / r);
          const double* row = y.data<double>() + i * width + l * l + l;
          EXPECT_LE(std::abs(row[m] - q * std::cos(m * phi)), 2e-13 * (l + 1)) << l << " " << m;
          const double sine = m == 0 ? row[0] : q * std::sin(m * phi);
          EXPECT_LE(std::abs(row[-m] - sine), 2e-13 * (l + 1)) << l << " " << m;
        }
    }
  }
}

// sum over m of Y_lm(u) Y_lm(v) = (2 l + 1) P_l(u.v), at high degree.
TEST(SphericalHarmonics, AdditionTheorem) {
  for (int lmax : {3, 10, 60, 100}) {
    const Array a = random_points(21, 5), b = random_points(21, 6);
    const Array y = spherical_harmonics(a, lmax), z = spherical_harmonics(b, lmax);
    const Index width = (lmax + 1) * (lmax + 1);
    for (Index i = 0; i < 21; ++i) {
      const double *u = a.data<double>() + 3 * i, *v = b.data<double>() + 3 * i;
      const double cosine = (u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) /
                            (std::hypot(u[0], u[1], u[2]) * std::hypot(v[0], v[1], v[2]));
      for (int l = 0; l <= lmax; ++l) {
        double same = 0, other = 0;
        for (Index k = i * width + l * l; k < i * width + (l + 1) * (l + 1); ++k) {
          same += y.data<double>()[k] * y.data<double>()[k];
          other += y.data<double>()[k] * z.data<double>()[k];
        }
        EXPECT_LE(std::abs(same / (2 * l + 1) - 1), 2e-15 * (l + 4)) << l;
        EXPECT_LE(std::abs(other / (2 * l + 1) - boost::math::legendre_p(l, cosine)), 4e-15 * (l + 4)) << l;
      }
    }
  }
}

TEST(SphericalHarmonics, FloatIsRoundedDouble) {
  for (int lmax : {3, 8, 20}) {
    const Array p = random_points(333, 2, DType::f32);
    const Array y = spherical_harmonics(p, lmax), exact = spherical_harmonics(p.as(DType::f64), lmax);
    EXPECT_LE(largest_difference(y, exact), 6e-7 * (lmax + 1) * std::sqrt(2 * lmax + 1.0)) << lmax;
  }
}

TEST(SphericalHarmonics, AxesAndPoles) {
  const Array axes =
      Array::from(std::vector<double>{0, 1, 0, 0, -1, 0, 1, 0, 0, 0, 0, 1, 0, 0, -3, 0, 1e-200, 0}, {6, 3});
  const Array y = spherical_harmonics(axes, 6);
  EXPECT_TRUE(all_finite(y));
  for (int l = 0; l <= 6; ++l) {  // at the poles only m = 0: (+-1)^l sqrt(2 l + 1)
    for (int m = -l; m <= l; ++m) {
      const double expected = m == 0 ? std::sqrt(2 * l + 1.0) : 0;
      EXPECT_LE(std::abs(y.data<double>()[l * l + l + m] - expected), 1e-14);
      EXPECT_LE(std::abs(y.data<double>()[49 + l * l + l + m] - (l % 2 == 0 ? 1 : -1) * expected), 1e-14);
      EXPECT_EQ(y.data<double>()[5 * 49 + l * l + l + m], y.data<double>()[l * l + l + m]);
    }
  }
}

// Lengths far from 1 give the bits of the same direction at length of order 1 (powers of two apart).
template <class T>
void check_lengths(std::initializer_list<int> exponents) {
  const DType dtype = dtype_of<T>::value;
  const Array p = random_points(23, 4, dtype);
  const Array w = random_normal({23, 36}, dtype, Random(7));
  const auto gradient = [&](const Array& x) {
    return vjp([](const Arrays& a) { return Arrays{spherical_harmonics(a[0], 5)}; }, {x}, {w});
  };
  const auto [y, g] = gradient(p);
  for (int e : exponents) {
    const Array q = scale(p, std::ldexp(1.0, e));
    const auto [y2, g2] = gradient(q);
    EXPECT_LE(largest_difference(y[0], y2[0]), std::numeric_limits<T>::epsilon() * 20) << e;
    EXPECT_TRUE(all_finite(g2[0]));
    if (std::abs(e) < std::numeric_limits<T>::max_exponent - 10) {
      EXPECT_LE(largest_difference(g[0], scale(g2[0], std::ldexp(1.0, e))),
                1e3 * std::numeric_limits<T>::epsilon())
          << e;
    }
  }
}
TEST(SphericalHarmonics, TinyAndHugeVectors) {
  check_lengths<float>({-100, -70, -30, 40, 70, 100, 120});
  check_lengths<double>({-1000, -600, -100, 300, 600, 1000});
  const Array tiny = Array::from(std::vector<float>{1e-30f, 2e-30f, -2e-30f, 1e-44f, 0, 0}, {2, 3});
  const Array y = spherical_harmonics(tiny, 1);
  const float expected[] = {1, 1 / 3.0f, 2 / 3.0f, -2 / 3.0f, 1, 1, 0, 0};
  for (int k = 0; k < 8; ++k)
    EXPECT_LE(std::abs(y.data<float>()[k] / (k % 4 == 0 ? 1 : std::sqrt(3.0f)) - expected[k]), 1e-6) << k;
}

TEST(SphericalHarmonics, ZeroVector) {
  for (const bool normalize : {true, false})
    for (const DType dtype : {DType::f32, DType::f64}) {
      const HarmonicsOptions options{normalize, component};
      const Array w = random_normal({2, 25}, dtype, Random(3)), v = random_normal({2, 3}, dtype, Random(4));
      const Array x = track(Array::from(std::vector<double>{0, 0, 0, 1, 2, 3}, {2, 3}).as(dtype));
      const Array y = spherical_harmonics(x, 4, options);
      const auto values = y.as(DType::f64).to_vector<double>();
      for (std::size_t k = 0; k < 25; ++k) EXPECT_EQ(values[k], k == 0 ? 1.0 : 0.0);
      const Array g = gradients(y, {x}, w, true)[0];
      const Array h = gradients(g, {x}, v, true)[0];
      const Array third = gradients(h, {x}, v, true)[0];
      for (const Array& a : {g, h, third}) EXPECT_TRUE(all_finite(a)) << normalize << dtype;
      for (int axis = 0; axis < 3; ++axis) {
        const double expected =
            normalize ? 0 : std::sqrt(3.0) * w.as(DType::f64).data<double>()[1 + axis];  // the linear part
        EXPECT_LE(std::abs(g.as(DType::f64).data<double>()[axis] - expected), 1e-6);
        if (normalize) {
          EXPECT_EQ(h.as(DType::f64).data<double>()[axis], 0);
        }
      }
    }
}

// First, second and third derivatives against differences of the ones before.
TEST(SphericalHarmonics, Derivatives) {
  for (const bool normalize : {true, false})
    for (const int lmax : {0, 1, 2, 3, 4, 5, 7}) {
      const HarmonicsOptions options{normalize, Normalization::norm};
      const Index n = 3, width = (lmax + 1) * (lmax + 1);
      // the poles and an axis among the points
      const Array x = concatenate(
          {Array::from(std::vector<double>{0, 1.2, 0, 0, -0.9, 0, 1.1, 0, 0}, {3, 3}), random_points(n, 8)},
          0);
      const Array w = random_normal({n + 3, width}, DType::f64, Random(9));
      const Array u = random_normal({n + 3, 3}, DType::f64, Random(10)),
                  t = random_normal({n + 3, 3}, DType::f64, Random(11));
      const ScalarFunction f = [&](const Arrays& a) {
        return sum(spherical_harmonics(a[0], lmax, options) * a[1]);
      };
      const ScalarFunction df = [&](const Arrays& a) {
        const Arrays g = grad(f)({a[0], a[1]});
        return sum(g[0] * a[2]) + sum(square(g[1]));
      };
      const ScalarFunction ddf = [&](const Arrays& a) {
        const Arrays g = grad(df)({a[0], a[1], u});
        return sum(g[0] * t) + sum(square(g[1])) + sum(square(g[2]));
      };
      EXPECT_LE(check_gradients(f, {x, w}).max_error, 1e-8) << normalize << lmax;
      EXPECT_LE(check_gradients(df, {x, w, u}).max_error, 1e-8) << normalize << lmax;
      EXPECT_LE(check_gradients(ddf, {x, w}).max_error, 1e-8) << normalize << lmax;
    }
}

TEST(SphericalHarmonics, FourthDerivative) {
  for (const bool normalize : {true, false}) {
    const Array x = random_points(2, 12), w = random_normal({2, 25}, DType::f64, Random(13)),
                v = random_points(2, 14);
    ScalarFunction f = [&](const Arrays& a) {
      return sum(spherical_harmonics(a[0], 4, {normalize, component}) * w);
    };
    for (int order = 1; order <= 3; ++order) f = [f, v](const Arrays& a) { return sum(grad(f)(a)[0] * v); };
    EXPECT_LE(check_gradients(f, {x}).max_error, 1e-7);
  }
}

// Solid harmonics are harmonic: the trace of the Hessian vanishes; and homogeneous: x.dR = l R.
TEST(SphericalHarmonics, LaplaceAndEuler) {
  const int lmax = 9;
  const Index width = 100;
  const Array x = random_points(width, 15);
  const Array each = [&] {
    std::vector<double> unit(100 * 100, 0.0);
    for (std::size_t k = 0; k < 100; ++k) unit[k * 101] = 1;
    return Array::from(unit, {100, 100});
  }();
  const Array t = track(x);
  const Array y = spherical_harmonics(t, lmax, solid);
  const Array g = gradients(y, {t}, each, true)[0];
  std::vector<double> trace(100, 0.0), scale(100, 0.0);
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> v(300, 0.0);
    for (std::size_t k = 0; k < 100; ++k) v[3 * k + static_cast<std::size_t>(axis)] = 1;
    const Array h = gradients(g, {t}, Array::from(v, {100, 3}), true)[0];
    for (std::size_t k = 0; k < 100; ++k) {
      trace[k] += h.data<double>()[3 * k + static_cast<std::size_t>(axis)];
      scale[k] += std::abs(h.data<double>()[3 * k + static_cast<std::size_t>(axis)]);
    }
  }
  for (int l = 0; l <= lmax; ++l)
    for (int i = l * l; i < (l + 1) * (l + 1); ++i) {
      EXPECT_LE(std::abs(trace[static_cast<std::size_t>(i)]),
                1e-13 * (1 + scale[static_cast<std::size_t>(i)]));
      double euler = 0, size = 0;
      for (int axis = 0; axis < 3; ++axis) {
        euler += x.data<double>()[3 * i + axis] * g.data<double>()[3 * i + axis];
        size += std::abs(x.data<double>()[3 * i + axis] * g.data<double>()[3 * i + axis]);
      }
      EXPECT_LE(std::abs(euler - l * y.data<double>()[i * 101]), 1e-14 * (1 + size) * (l + 4));
    }
}

TEST(SphericalHarmonics, SameBitsForAnyThreadsAndPlaces) {
  const Array x = random_points(5000, 16, DType::f32);
  const Array all = spherical_harmonics(x, 6);
  const int before = threads();
  set_threads(1);
  EXPECT_TRUE(identical(spherical_harmonics(x, 6), all));
  set_threads(before);
  EXPECT_TRUE(identical(spherical_harmonics(x.rows(1037, 1066), 6), all.rows(1037, 1066)));
  std::vector<float> plain(5000 * 49);
  spherical_harmonics(x.data<float>(), 5000, 6, plain.data());
  EXPECT_TRUE(identical(Array::from(plain, {5000, 49}), all));
}

// Rows go to memory in whole lines: any place and number of them, small arrays and large ones, and nothing
// beside them is touched.
TEST(SphericalHarmonics, AnyPlaceInMemory) {
  constexpr double guard = -7;
  for (const auto& [lmax, n] :
       {std::pair<int, Index>{0, 1}, {0, 37}, {1, 5}, {2, 16}, {3, 530}, {6, 1041}, {10, 9500}}) {
    const Index width = Index{lmax + 1} * (lmax + 1), size = n * width;
    const Array x = random_points(n, 17);
    std::vector<double> expected;
    for (Index p = 0; p < n; p += 100) {
      const auto part = spherical_harmonics(x.rows(p, std::min(n, p + 100)), lmax).to_vector<double>();
      expected.insert(expected.end(), part.begin(), part.end());
    }
    for (const Index offset : {0, 1, 3, 7}) {
      std::vector<double> out(static_cast<std::size_t>(size + 24), guard);
      double* first = out.data();
      while (reinterpret_cast<std::uintptr_t>(first) % 64 != 0) ++first;
      double* target = first + offset;
      spherical_harmonics(x.data<double>(), n, lmax, target);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), target)) << lmax << " " << n << " " << offset;
      for (const double* p = out.data(); p < out.data() + out.size(); ++p)
        if (p < target || p >= target + size) {
          ASSERT_EQ(*p, guard) << lmax << " " << n << " " << offset;
        }
    }
  }
}

// A NaN is seen in its row and in no other.
TEST(SphericalHarmonics, NotANumberStaysInItsRow) {
  for (double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    const Array v = Array::from(std::vector<double>{1, 2, 3, 0, bad, 1, -1, 0, 2}, {3, 3});
    const Array y = spherical_harmonics(v, 5);
    for (Index l = 1; l <= 5; ++l) {
      Index count = 0;
      for (Index k = l * l; k < (l + 1) * (l + 1); ++k) count += std::isnan(y.data<double>()[36 + k]);
      EXPECT_GT(count, 0) << bad << " " << l;
    }
    EXPECT_TRUE(all_finite(y.rows(0, 1)) && all_finite(y.rows(2, 3)));
  }
}

TEST(SphericalHarmonics, RefusesWhatItCannotDo) {
  const Array x = random_points(4);
  EXPECT_THROW(spherical_harmonics(x, -1), std::invalid_argument);
  EXPECT_THROW(spherical_harmonics(x, 201), std::invalid_argument);
  EXPECT_THROW(spherical_harmonics(reshape(x, {3, 4}), 2), std::invalid_argument);
  EXPECT_THROW(spherical_harmonics(reshape(x, {12}), 2), std::invalid_argument);
  EXPECT_THROW(spherical_harmonics(x.as(DType::c128), 2), std::invalid_argument);
  EXPECT_EQ(spherical_harmonics(Array::zeros({0, 3}, DType::f32), 3).shape(), (Shape{0, 16}));
}

}  // namespace
}  // namespace cartan::so3
