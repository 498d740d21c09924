#include <cartan/chebyshev/fit.hpp>
#include <cartan/chebyshev/gaussian_sum.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "real_data.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::chebyshev;

namespace {

double worst_on(const RadialKernel& k, const GaussianSum& s, double low, double high) {
  double worst = 0;
  for (int i = 0; i <= 5000; ++i) {
    const double r = low * std::pow(high / low, i / 5000.0);
    const double e = std::abs(k(r) - s(r)) / k(low);
    worst = cartan::testing::worst_of(worst, e);
  }
  return worst;
}

// The papers' grid form: cell means differ from values by O(h^2), the rest is the quadrature's own sum.
TEST(GridForm, PotentialOfManyChargesConvergesWithTheGrid) {
  const GaussianSum smooth = sinc_newton(0.2621, 26).terms(0, 10);
  auto numbers = [](Index n, double bound, std::uint64_t stream) {
    return random_uniform({n}, -bound, bound, DType::f64, Random(7, stream)).to_vector<double>();
  };
  const auto x = numbers(45, 0.6, 0), q = numbers(15, 1, 1), points = numbers(300, 0.9, 2);
  auto error = [&](Index n) {
    const linalg::Canonical t = on_cells(smooth, n, 1, Array::from(x, {15, 3}), Array::from(q));
    EXPECT_EQ(t.rank(), 150);
    const auto f = fit_canonical(t, cube(3, 1), {64, 64, 64}, 1e-9);
    const Array value = f.tensor(Array::from(points, {100, 3}));
    double worst = 0, largest = 0;
    for (std::size_t p = 0; p < 100; ++p) {
      double sum = 0;
      for (std::size_t i = 0; i < 15; ++i)
        sum += q[i] * smooth(std::hypot(points[3 * p] - x[3 * i], points[3 * p + 1] - x[3 * i + 1],
                                        points[3 * p + 2] - x[3 * i + 2]));
      worst = cartan::testing::worst_of(worst, std::abs(value.data<double>()[p] - sum));
      largest = std::max(largest, std::abs(sum));
    }
    return worst / largest;
  };
  const double coarse = error(64), fine = error(128);
  EXPECT_LE(fine, 1e-3);
  EXPECT_LE(std::abs(coarse / fine - 4), 0.5);
  EXPECT_THROW(on_cells(smooth, 64, 1, Array::from(x, {15, 3}), Array::from(points)), std::invalid_argument);
}

}  // namespace

TEST(SincQuadrature, MeetsItsTolerance) {
  for (const RadialKernel& kernel : {RadialKernel{Kernel::newton, 0}, RadialKernel{Kernel::yukawa, 0.3},
                                     RadialKernel{Kernel::yukawa, 0}, RadialKernel{Kernel::slater, 0.5}})
    for (const double tolerance : {1e-3, 1e-6, 1e-9, 1e-12})
      for (const auto& [low, high] : {std::pair{0.01, 1.0}, std::pair{8.0, 100.0}, std::pair{1.0, 1000.0}}) {
        const SincQuadrature q = sinc_quadrature(kernel, tolerance, low, high);
        EXPECT_TRUE(q.converged) << name_of(kernel.kind) << tolerance << " " << low;
        EXPECT_LE(worst_on(kernel, q.sum, low, high), 1.05 * tolerance)
            << name_of(kernel.kind) << kernel.screening << " " << tolerance << " " << low;
        EXPECT_LE(q.sum.size(), 150);
        for (std::size_t k = 1; k < q.sum.rate.size(); ++k) EXPECT_LE(q.sum.rate[k - 1], q.sum.rate[k]);
      }
  EXPECT_THROW(sinc_quadrature({}, 1e-6, 0, 1), std::invalid_argument);
  EXPECT_THROW(sinc_quadrature({}, 1e-6, 2, 1), std::invalid_argument);
  EXPECT_THROW(sinc_quadrature({}, 1e-20, 1, 2), std::invalid_argument);
  EXPECT_THROW(sinc_quadrature({}, NAN, 1, 2), std::invalid_argument);
  EXPECT_THROW(sinc_quadrature({Kernel::slater, 0}, 1e-6, 1, 2), std::invalid_argument);
  EXPECT_THROW(sinc_quadrature({Kernel::yukawa, 1000}, 1e-6, 1, 2), std::invalid_argument);  // vanishes
}

// Halving the step squares the error: exp(-c/h).
TEST(SincQuadrature, ErrorFallsExponentiallyInTheStep) {
  const auto error = [](double h) { return worst_on({}, sinc_newton(h, static_cast<Index>(8 / h)), 0.2, 1); };
  const double coarse = std::log(error(0.6)), middle = std::log(error(0.4)), fine = std::log(error(0.3));
  EXPECT_LE(std::abs((middle - coarse) / (1 / 0.4 - 1 / 0.6) / ((fine - middle) / (1 / 0.3 - 1 / 0.4)) - 1),
            0.25);
}

TEST(SincQuadrature, KernelsAndTheirDerivatives) {
  for (const RadialKernel& k :
       {RadialKernel{}, RadialKernel{Kernel::yukawa, 0.7}, RadialKernel{Kernel::slater, 0.7}})
    for (const double r : {0.3, 1.0, 4.0})
      EXPECT_LE(std::abs(k.derivative(r) - (k(r + 1e-5) - k(r - 1e-5)) / 2e-5), 1e-7) << name_of(k.kind);
  EXPECT_EQ(kernel_from_name("yukawa"), Kernel::yukawa);
  EXPECT_THROW(kernel_from_name("bessel"), std::invalid_argument);
}

// Cell means against Simpson's rule in every cell.
TEST(SincQuadrature, CellsHoldMeans) {
  const GaussianSum s{{0, 0.5, 3, 40}, {1, 2, 3, 4}};
  const auto c = on_cells(s, 20, 1.5, {0.1, -0.2});
  for (int k = 0; k < 2; ++k)
    for (Index i = 0; i < 20; ++i)
      for (Index j = 0; j < 4; ++j) {
        const double h = 0.15, x = -1.5 + h * static_cast<double>(i) - (k ? -0.2 : 0.1),
                     t = s.rate[static_cast<std::size_t>(j)];
        double sum = 0;
        constexpr int parts = 400;
        for (int p = 0; p <= parts; ++p) {
          const double y = x + h * p / parts, w = p == 0 || p == parts ? 1 : p % 2 ? 4 : 2;
          sum += w * std::exp(-t * t * y * y) / (3 * parts);
        }
        EXPECT_LE(std::abs(c.factors[static_cast<std::size_t>(k)].data<double>()[i * 4 + j] -
                           std::sqrt(s.weight[static_cast<std::size_t>(j)]) * sum),
                  1e-8);
      }
}

// The stored vectors of the ChebTuck authors: h = 0.2621 for n = 256, columns a^(1/3) times cell integrals.
TEST(SincQuadrature, IsTheRuleOfThePublishedTensors) {
  CARTAN_REAL_DATA(path, "chebtuck/Newt_canon_256.h5");
  const data::Group file = data::load(path);
  const Array u = file.array("U1r").as(DType::f64);
  constexpr Index n = 256, stored = 26;
  ASSERT_EQ(u.shape(), (Shape{n, stored}));
  // h from the first two columns: the ratio at the box's end to that in the middle
  double best = 1, step = 0;
  for (double h = 0.25; h < 0.28; h += 0.0001) {
    const auto c = on_cells(sinc_newton(h, stored - 1), n, 1, {0, 0, 0});
    double worst = 0;
    for (Index j = 0; j < stored - 1; ++j)
      for (Index i = 0; i < n; ++i) {
        const double a = std::abs(u.data<double>()[i * stored + j]) * n / 2;
        worst =
            cartan::testing::worst_of(worst, std::abs(a - c.factors[0].data<double>()[i * (stored - 1) + j]) /
                                                 c.factors[0].data<double>()[n / 2 * (stored - 1) + j]);
      }
    if (worst < best) best = worst, step = h;
  }
  EXPECT_LE(std::abs(step - 0.2621), 2e-4);
  EXPECT_LE(best, 1e-3);
}
