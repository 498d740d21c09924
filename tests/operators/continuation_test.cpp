// Fields continued to periodic ones.
#include "cartan/operators/continuation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/fft.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/fno.hpp"
#include "cartan/operators/model.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

using cartan::testing::worst_of;

double deviation(const Array& a, const Array& b) {
  if (a.shape() != b.shape()) return INFINITY;
  double worst = 0;
  for (Index k = 0; k < a.size(); ++k)
    worst = worst_of(worst, std::abs(a.data<double>()[k] - b.data<double>()[k]));
  return worst;
}

Array samples_of(Index n, double step, double (*f)(double)) {
  std::vector<double> v;
  for (Index k = 0; k < n; ++k) v.push_back(f(step * static_cast<double>(k)));
  return Array::from(v);
}

// What neuraloperator 2.0.0 makes of exp(j / 8): FCLegendre(d=2, n_additional_pts=4) and (3, 6).
TEST(Continuation, IsThatOfNeuraloperator) {
  const auto f = [](double t) { return std::exp(t); };
  const std::vector<double> two{1.3404885338932506, 1.1024453375503231, 1.0,
                                1.1331484530668263, 1.2840254166877414, 1.4549914146182013,
                                1.6487212707001282, 1.8682459574322223, 1.8233847756587447,
                                1.61413365720424};
  EXPECT_LE(deviation(continue_periodic(samples_of(6, 0.125, f), 0, 2, 2, 2), Array::from(two)), 1e-14);
  const std::vector<double> three{
      1.6638940410577137, 1.2814981337821179, 1.03998445972065,   1.0,
      1.1331484530668263, 1.2840254166877414, 1.4549914146182013, 1.6487212707001282,
      1.8682459574322223, 2.117000016612675,  2.398875293967098,  2.511517288702126,
      2.3913171253444347, 2.0754467357407247};
  EXPECT_LE(deviation(continue_periodic(samples_of(8, 0.125, f), 0, 3, 3, 3), Array::from(three)), 2e-14);
}

// Polynomials of degree 2d - 1 in place of the field on both sides of the gap stand in the gap too.
TEST(Continuation, IsExactOnPolynomials) {
  for (const Index d : {1, 2, 3, 5, 8})
    for (const Index gap : {1, 6, 17}) {
      const Array m = continuation_matrix(d, gap);
      ASSERT_EQ(m.shape(), (Shape{gap, 2 * d}));
      const double middle = static_cast<double>(gap - 1) / 2, half = middle + static_cast<double>(d);
      for (Index degree = 0; degree < 2 * d; ++degree) {
        const auto p = [&](double s) { return std::pow((s - middle) / half, static_cast<double>(degree)); };
        double worst = 0;
        for (Index s = 0; s < gap; ++s) {
          double value = 0;
          for (Index j = 0; j < 2 * d; ++j)
            value += m.data<double>()[s * 2 * d + j] * p(static_cast<double>(j < d ? j - d : j - d + gap));
          worst = worst_of(worst, std::abs(value - p(static_cast<double>(s))));
        }
        EXPECT_LE(worst, 1e-15 * continuation_growth(d, gap) * 4) << d << " " << gap << " " << degree;
      }
    }
}

// Rows are of binomial numbers: of an even gap the largest sum of absolute values is C(gap/2 + d - 1, d - 1).
TEST(Continuation, GrowthIsABinomialNumber) {
  for (const Index gap : {2, 4, 16, 64})
    for (const Index d : {1, 2, 3, 4, 6}) {
      double binomial = 1;
      for (Index k = 1; k < d; ++k) binomial *= static_cast<double>(gap / 2 + k) / static_cast<double>(k);
      EXPECT_LE(std::abs(continuation_growth(d, gap) - binomial), 1e-12 * binomial) << gap << " " << d;
    }
}

// d/dt exp(t) on [0, 1) by the series of the continued field: order d - 1 in the distance of the points.
double error_of_derivative(Index n, Index d) {
  const Index gap = n / 2, all = n + gap;
  const Array y = continue_periodic(
      samples_of(n, 1 / static_cast<double>(n), [](double t) { return std::exp(t); }), 0, 0, gap, d);
  std::vector<double> frequency;
  for (Index k = 0; k <= all / 2; ++k)
    frequency.push_back(2 * k == all ? 0 : 2 * M_PI * static_cast<double>(k * n) / static_cast<double>(all));
  const Array k = Array::from(frequency);
  const Array slope = slice(irfft(rfft(y, {0}) * make_complex(k * 0.0, k), {0}, {all}), 0, 0, n);
  return deviation(slope, slice(y, 0, 0, n)) / std::exp(1.0);
}
TEST(Continuation, DerivativesOfSeriesConverge) {
  for (const Index d : {2, 3, 4, 5}) {
    const double coarse = error_of_derivative(128, d), fine = error_of_derivative(256, d),
                 order = std::log2(coarse / fine);
    EXPECT_GE(order, static_cast<double>(d) - 1.35) << d;
    EXPECT_LE(order, static_cast<double>(d) - 1) << d;
  }
  EXPECT_LE(error_of_derivative(256, 6), 5e-6);
  // Samples alone, rounded, change the eighth order by 1e-16 times its growth: 2e-9 here, 1e-7 at 256 points.
  EXPECT_LE(error_of_derivative(128, 8), 4.6e-6);
  EXPECT_LE(error_of_derivative(192, 8), 5.2e-7);
}

TEST(Continuation, KeepsTheFieldAndIsLinear) {
  const Array x = random_normal({2, 7, 3}, DType::f64, Random(1, 1));
  for (const auto& [before, after] : {std::pair<Index, Index>{3, 2}, {0, 4}, {5, 0}, {0, 0}}) {
    const Array y = continue_periodic(x, 1, before, after, 3);
    EXPECT_EQ(y.shape(), (Shape{2, before + 7 + after, 3}));
    EXPECT_TRUE(identical(slice(y, 1, before, before + 7), x));
    // behind and before the field are two ends of one gap
    const Array moved = continue_periodic(x, 1, 0, before + after, 3);
    EXPECT_TRUE(identical(slice(y, 1, 0, before), slice(moved, 1, 7 + after, 7 + after + before)));
    // <Ax, c> = <x, A'c>, and twice differentiable
    const auto f = [b = before, a = after](const Arrays& in) {
      return Arrays{continue_periodic(in[0], 1, b, a, 3)};
    };
    const Array c = random_normal(y.shape(), DType::f64, Random(1, 2));
    const auto [value, slope] = vjp(f, {x}, {c});
    const double left = sum(value[0] * c).item(), right = sum(x * slope[0]).item();
    EXPECT_LE(std::abs(left - right), 1e-12 * std::sqrt(sum(square(y)).item() * sum(square(c)).item()));
  }
  const auto square_of = [](const Arrays& in) { return sum(square(continue_periodic(in[0], 1, 2, 2, 2))); };
  EXPECT_LE(check_gradients(square_of, {x}, 1e-3, 20).max_error, 1e-8);

  const Array z = random_normal({2, 7, 3}, DType::f64, Random(1, 3)),
              both = continue_periodic(make_complex(x, z), 1, 2, 3, 2);
  EXPECT_TRUE(identical(real(both), continue_periodic(x, 1, 2, 3, 2)));
  EXPECT_TRUE(identical(imag(both), continue_periodic(z, 1, 2, 3, 2)));
  const Array narrow = continue_periodic(x.as(DType::f32), 1, 2, 3, 2);
  EXPECT_LE(deviation(narrow.as(DType::f64), continue_periodic(x, 1, 2, 3, 2)), 2e-6);
}

// An axis shorter than the border is used whole: one point is a constant.
TEST(Continuation, ShortAxesAndBadInput) {
  const Array one = Array::from(std::vector<double>{2.5});
  EXPECT_TRUE(identical(continue_periodic(one, 0, 2, 3, 4), Array::full({6}, 2.5, DType::f64)));
  EXPECT_EQ(continue_periodic(samples_of(3, 1, [](double t) { return t; }), 0, 2, 2, 8).shape(), Shape({7}));
  EXPECT_THROW(continue_periodic(one, 1, 1, 1, 1), std::invalid_argument);
  EXPECT_THROW(continue_periodic(one, 0, -1, 1, 1), std::invalid_argument);
  EXPECT_THROW(continue_periodic(one, 0, 1, 1, 0), std::invalid_argument);
  EXPECT_THROW(continue_periodic(one, 0, 1, 1, 17), std::invalid_argument);
  EXPECT_THROW(continuation_matrix(0, 4), std::invalid_argument);
  EXPECT_THROW(continuation_matrix(3, -1), std::invalid_argument);
}

FnoConfig padded(Index continuation) {
  FnoConfig c;
  c.spectral.modes = {4, 4};
  c.hidden_channels = 4, c.layers = 2, c.dtype = DType::f64;
  c.grid_embedding = false;
  c.padding = {0.25}, c.continuation = continuation;
  return c;
}

// Constants go through an operator without a border being seen; padded by zeros they do not.
TEST(Continuation, OperatorsDoNotSeeTheBorderOfConstants) {
  const Array x = Array::full({1, 1, 8, 8}, 0.7, DType::f64);
  for (const Index points : {0, 1, 3}) {
    const Array y = Model(padded(points), 3).predict(x);
    const double spread = deviation(y, broadcast_to(slice(slice(y, 2, 0, 1), 3, 0, 1), y.shape()));
    if (points == 0)
      EXPECT_GE(spread, 1e-3);
    else
      EXPECT_LE(spread, 1e-13) << points;
  }
}

TEST(Continuation, IsAnOptionOfFno) {
  FnoConfig c = padded(2);
  c.grid_embedding = true;
  Model model(c, 1);
  const Array x = random_normal({2, 1, 8, 6}, DType::f64, Random(1, 1)), y = model.predict(x);
  EXPECT_EQ(y.shape(), (Shape{2, 1, 8, 6}));
  data::Group group;
  model.save(group);
  EXPECT_TRUE(identical(Model::load(group).predict(x), y));
  EXPECT_LE(
      check_gradients([&](const Arrays& a) { return sum(square(model(a[0]))); }, {x}, 1e-3, 20).max_error,
      1e-7);
  // files from before there was one mean zeros
  c.continuation = 0;
  Model before(c, 1);
  data::Group old;
  before.save(old);
  ASSERT_EQ(old.attributes.erase("continuation"), 1u);
  EXPECT_TRUE(identical(Model::load(old).predict(x), before.predict(x)));

  c.continuation = 2, c.padding = {0, 0};
  EXPECT_THROW(c.validate(), std::invalid_argument);
  c.padding = {0, 0.5};
  EXPECT_EQ(Model(c, 1).predict(x).shape(), y.shape());
  c.spectral.complex_fields = true, c.padding = {0.25};
  EXPECT_TRUE(all_finite(Model(c, 1).predict(make_complex(x, x))));
}

}  // namespace
}  // namespace cartan::operators
