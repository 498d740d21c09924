#include "cartan/nn/radial.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "cartan/autodiff/transforms.hpp"
#include "nn/check_twice.hpp"

using namespace cartan;
using namespace cartan::nn;

namespace {
constexpr double pi = std::numbers::pi;
using F = std::function<Array(const Array&)>;

const std::vector<double> distances{0, 1e-5, 0.02, 0.3, 0.7, 1.1, 1.9, 2.6, 3.4, 4.1, 4.45, 4.6, 7};

// First and second derivatives at distances away from the cutoff 4.5 by more than the difference step.
void check_derivatives(const F& f, Index columns, double tolerance = 1e-7) {
  const Array d = Array::from(distances);
  const Index n = d.size();
  const Array u = random_normal(columns ? Shape{n, columns} : Shape{n}, DType::f64, Random(3));
  check_twice([&](const Arrays& t) { return sum(u * f(t[0])); }, {d}, tolerance, 2e-4);
}

// third derivative, by differentiating the second
double third(const F& f, double at) {
  const Function d2 =
      grad([&](const Arrays& t) { return sum(grad([&](const Arrays& s) { return sum(f(s[0])); })(t)[0]); });
  return grad([&](const Arrays& t) { return sum(d2(t)[0]); })({Array::from(std::vector<double>{at})})[0]
      .item();
}
}  // namespace

TEST(Cutoff, Values) {
  const Array d = Array::from(std::vector<double>{0, 1, 4.5, 9, 4.4999999});
  const Array c = cosine_cutoff(d, 0, 4.5), p = polynomial_cutoff(d, 4.5);
  EXPECT_EQ(c.data<double>()[0], 1);
  EXPECT_NEAR(c.data<double>()[1], 0.5 * (std::cos(pi / 4.5) + 1), 1e-15);
  EXPECT_EQ(p.data<double>()[0], 1);
  const double x = 1 / 4.5;
  EXPECT_NEAR(p.data<double>()[1], 1 - 28 * std::pow(x, 6) + 48 * std::pow(x, 7) - 21 * std::pow(x, 8),
              1e-15);
  for (const Array& a : {c, p}) {
    EXPECT_EQ(a.data<double>()[2], 0);
    EXPECT_EQ(a.data<double>()[3], 0);
    EXPECT_NEAR(a.data<double>()[4], 0, 1e-14);
  }
  const Array band = cosine_cutoff(Array::from(std::vector<double>{0, 1, 2, 3, 3.5}), 1, 3);
  const std::vector<double> expected{0, 0, 1, 0, 0};
  for (int k = 0; k < 5; ++k)
    EXPECT_NEAR(band.data<double>()[k], expected[static_cast<std::size_t>(k)], 1e-15);
  EXPECT_THROW(cosine_cutoff(d, 3, 3), std::invalid_argument);
  EXPECT_THROW(polynomial_cutoff(d, 0), std::invalid_argument);
}

TEST(Cutoff, Derivatives) {
  check_derivatives([](const Array& d) { return cosine_cutoff(d, 0, 4.5); }, 0);
  check_derivatives([](const Array& d) { return cosine_cutoff(d, 0.5, 4.5); }, 0);
  check_derivatives([](const Array& d) { return polynomial_cutoff(d, 4.5); }, 0);
  check_derivatives([](const Array& d) { return polynomial_cutoff(d, 4.5, 2); }, 0);
  // two continuous derivatives at the cutoff
  const F p = [](const Array& d) { return polynomial_cutoff(d, 4.5); };
  const Arrays near{Array::from(std::vector<double>{4.5 - 1e-7})};
  const ScalarFunction f = [&](const Arrays& t) { return sum(p(t[0])); };
  EXPECT_NEAR(grad(f)(near)[0].item(), 0, 1e-12);
  EXPECT_NEAR(grad([&](const Arrays& t) { return sum(grad(f)(t)[0]); })(near)[0].item(), 0, 1e-6);
}

TEST(Radial, ExpNormValues) {
  const RadialBasis e({RadialKind::expnorm, 16, 0, 4.5}, DType::f64);
  const Array d = Array::from(distances), y = e(d);
  ASSERT_EQ(y.shape(), (Shape{d.size(), 16}));
  const double s = std::exp(-4.5), beta = std::pow(2.0 / 16 * (1 - s), -2), alpha = 5 / 4.5;
  for (Index p = 0; p < d.size(); ++p)
    for (Index k = 0; k < 16; ++k) {
      const double r = distances[static_cast<std::size_t>(p)];
      const double mu = s + (1 - s) * static_cast<double>(k) / 15,
                   c = r < 4.5 ? 0.5 * (std::cos(pi * r / 4.5) + 1) : 0;
      const double expected = c * std::exp(-beta * std::pow(std::exp(-alpha * r) - mu, 2));
      EXPECT_NEAR(y.data<double>()[p * 16 + k], expected, 1e-14);
    }
}

TEST(Radial, GaussValues) {
  const RadialBasis g({RadialKind::gauss, 10, 0.5, 5}, DType::f64);
  EXPECT_NEAR(g.widths.item(), -2, 1e-15);
  const Array y = g(Array::from(distances));
  for (std::size_t p = 0; p < distances.size(); ++p)
    for (std::size_t k = 0; k < 10; ++k)
      EXPECT_NEAR(y.data<double>()[p * 10 + k],
                  std::exp(-2 * std::pow(distances[p] - 0.5 - 0.5 * static_cast<double>(k), 2)), 1e-14);
}

TEST(Radial, BesselValues) {
  for (int envelope : {0, 6}) {
    RadialOptions o{RadialKind::bessel, 8, 0, 4.5};
    o.envelope = envelope;
    const Array d = Array::from(distances), y = RadialBasis(o, DType::f64)(d);
    const Array cut = polynomial_cutoff(d, 4.5);
    for (std::size_t p = 0; p < distances.size(); ++p)
      for (std::size_t k = 0; k < 8; ++k) {
        const double r = distances[p], w = pi * static_cast<double>(k + 1) / 4.5;
        double expected = r == 0 ? w : r < 4.5 ? std::sin(w * r) / r : 0;
        expected *= std::sqrt(2 / 4.5) * (envelope ? cut.data<double>()[p] : 1);
        EXPECT_NEAR(y.data<double>()[p * 8 + k], expected, 2e-14) << r;
      }
  }
}

TEST(Radial, Derivatives) {
  for (RadialKind kind : {RadialKind::expnorm, RadialKind::gauss, RadialKind::bessel})
    for (int envelope : {0, 6}) {
      RadialOptions o{kind, 7, 0, 4.5};
      o.envelope = envelope;
      const RadialBasis e(o, DType::f64);
      SCOPED_TRACE(name_of(kind));
      check_derivatives([&](const Array& d) { return e(d); }, 7);
      // the lower cutoff of expnorm moves the centres alone
      if (kind == RadialKind::expnorm)
        check_derivatives(
            [](const Array& d) {
              return RadialBasis({RadialKind::expnorm, 7, 0.5, 4.5}, DType::f64)(d);
            },
            7);
    }
}

TEST(Radial, ThirdDerivatives) {
  RadialOptions o{RadialKind::bessel, 6, 0, 4.5};
  o.envelope = 6;
  for (const RadialBasis& e :
       {RadialBasis(o, DType::f64), RadialBasis({RadialKind::expnorm, 6, 0, 4.5}, DType::f64)})
    for (double d : {0.0, 0.31, 1.43, 3.0}) {
      const F f = [&](const Array& x) { return e(x); };
      const ScalarFunction second = [&](const Arrays& t) {
        return sum(grad([&](const Arrays& s) {
          return sum(grad([&](const Arrays& r) { return sum(f(r[0])); })(s)[0]);
        })(t)[0]);
      };
      const double h = 1e-3;
      auto at = [&](double x) { return second({Array::from(std::vector<double>{x})}).item(); };
      const double numeric = (8 * (at(d + h) - at(d - h)) - (at(d + 2 * h) - at(d - 2 * h))) / (12 * h);
      EXPECT_TRUE(std::abs(third(f, d) - numeric) <= 1e-6 * (1 + std::abs(numeric)))
          << d << ' ' << third(f, d) << ' ' << numeric;
    }
}

TEST(Radial, TrainableAgreesWithFixed) {
  for (RadialKind kind : {RadialKind::expnorm, RadialKind::gauss}) {
    RadialOptions o{kind, 9, 0, 4.5};
    const RadialBasis fixed(o, DType::f64);
    o.trainable = true;
    RadialBasis trained(o, DType::f64);
    ParameterRefs p, none;
    trained.collect("distance_expansion", p);
    trained.collect_buffers("distance_expansion", none);
    ASSERT_EQ(p.size(), 2u);
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(p[0].name,
              kind == RadialKind::expnorm ? "distance_expansion.means" : "distance_expansion.offset");
    EXPECT_EQ(p[1].name,
              kind == RadialKind::expnorm ? "distance_expansion.betas" : "distance_expansion.coeff");
    const Array d = Array::from(distances);
    const Array a = fixed(d);
    track_parameters(p);
    const Array b = trained(d);
    EXPECT_TRUE(b.tracked());
    for (Index k = 0; k < a.size(); ++k) EXPECT_NEAR(a.data<double>()[k], b.data<double>()[k], 1e-14);
    detach_parameters(p);
    const Array u = random_normal(a.shape(), DType::f64, Random(3));
    check_twice(
        [&](const Arrays& t) {
          RadialBasis e = trained;
          e.centers = t[1];
          e.widths = t[2];
          return sum(u * e(t[0]));
        },
        {d, trained.centers, trained.widths}, 1e-6, 2e-4);
  }
}

TEST(Radial, FloatIsCloseToDouble) {
  for (RadialKind kind : {RadialKind::expnorm, RadialKind::gauss, RadialKind::bessel}) {
    const RadialOptions o{kind, 32, 0, 4.5};
    const Array d = Array::from(distances);
    auto both = [&](DType t) {
      const RadialBasis e(o, t);
      const ScalarFunction f = [&](const Arrays& x) { return sum(square(e(x[0]))); };
      return std::pair{e(d.as(t)), grad(f)({d.as(t)})[0]};
    };
    const auto [y32, g32] = both(DType::f32);
    const auto [y64, g64] = both(DType::f64);
    for (Index k = 0; k < y64.size(); ++k) EXPECT_NEAR(y32.data<float>()[k], y64.data<double>()[k], 3e-5);
    for (Index k = 0; k < g64.size(); ++k)
      EXPECT_NEAR(g32.data<float>()[k], g64.data<double>()[k], 2e-4 * (1 + std::abs(g64.data<double>()[k])));
  }
}

TEST(Radial, NamesAndErrors) {
  EXPECT_EQ(radial_kind("gauss"), RadialKind::gauss);
  EXPECT_THROW(radial_kind("gaussian"), std::invalid_argument);
  EXPECT_THROW(RadialBasis({RadialKind::expnorm, 1, 0, 5}, DType::f32), std::invalid_argument);
  EXPECT_THROW(RadialBasis({RadialKind::expnorm, 8, 5, 5}, DType::f32), std::invalid_argument);
  EXPECT_THROW(RadialBasis({RadialKind::bessel, 8, 0, 5, false, 0, 6.0}, DType::f32), std::invalid_argument);
  EXPECT_THROW(RadialBasis({RadialKind::bessel, 8, 0, 5, false, 6, 4.0}, DType::f32), std::invalid_argument);
  RadialBasis e({RadialKind::bessel, 8, 0, 5}, DType::f32);
  ParameterRefs p;
  e.collect("r", p);
  EXPECT_TRUE(p.empty());
  e.collect_buffers("r", p);
  ASSERT_EQ(p.size(), 1u);
  EXPECT_EQ(p[0].name, "r.frequencies");
  EXPECT_THROW(e(Array::zeros({3}, DType::f64)), std::invalid_argument);
}

// 1 up to the onset, 0 at the end, and between as written out; trained frequencies give the same basis.
TEST(Radial, CutoffOfXplorAndTrainedFrequencies) {
  const Array d = Array::of({0.5, 2, 2.5, 3, 3.9, 4, 5});
  const std::vector<double> f = xplor_cutoff(d, 2, 4).to_vector<double>();
  const auto at = [](double x) {
    const double s = x * x, u = 16, n = 4;
    return (u - s) * (u - s) * (u + 2 * s - 3 * n) / std::pow(u - n, 3);
  };
  const std::vector<double> want{1, 1, at(2.5), at(3), at(3.9), 0, 0};
  for (std::size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(f[k], want[k], 1e-14) << k;
  for (const auto& [envelope, onset] : {std::pair{0, 0.0}, {6, 0.0}, {0, 3.0}}) {
    RadialOptions o{RadialKind::bessel, 5, 0, 4, true, envelope, onset};
    RadialBasis trained(o, DType::f64);
    o.trainable = false;
    const RadialBasis fixed(o, DType::f64);
    const std::vector<double> plain = fixed(d).to_vector<double>();
    trained.centers = track(trained.centers);
    const std::vector<double> tape = trained(d).to_vector<double>();
    for (std::size_t k = 0; k < plain.size(); ++k) EXPECT_NEAR(tape[k], plain[k], 1e-13) << k;
  }
}
