// Values on the grid against harmonics at its points; exactness of the quadrature; products pointwise.
#include "cartan/so3/sphere_grid.hpp"

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/fourier.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "nn/check_twice.hpp"
#include "so3/gaunt_oracle.hpp"

namespace cartan::so3 {
namespace {

// Harmonics (points, (l + 1)^2) at the points of a grid.
Array harmonics_on(const SphereGrid& grid, int l) {
  std::vector<double> xyz;
  for (int i = 0; i < grid.n_theta(); ++i)
    for (int k = 0; k < grid.n_phi(); ++k)
      for (double x : grid.point(i, k)) xyz.push_back(x);
  return spherical_harmonics(Array::from(xyz, {grid.points(), 3}), l);
}

TEST(SphereGrid, ValuesAreThoseOfHarmonicsAtThePoints) {
  for (const int l : {0, 1, 2, 5, 9})
    for (const auto& [n_theta, n_phi] : {std::pair{1, 2}, {3, 6}, {4, 8}, {7, 14}, {10, 20}}) {
      const SphereGrid grid(n_theta, n_phi);
      const Array x = features(3, l, 1, 1);
      EXPECT_LE(difference(to_grid(x, l, grid), matmul(x, harmonics_on(grid, l), false, true)), 1e-13)
          << l << n_theta;
    }
}

TEST(SphereGrid, IntegratesExactlyWhatItPromises) {
  for (const int degrees : {0, 1, 2, 5, 8, 11, 20}) {
    const SphereGrid grid = SphereGrid::exact(degrees);
    double total = 0;
    for (int i = 0; i < grid.n_theta(); ++i) total += grid.weight(i) * grid.n_phi();
    EXPECT_LE(std::abs(total - 1), 1e-15);
    // means of products of two harmonics of degrees up to a and b, a + b = degrees: the identity
    const int a = degrees / 2, b = degrees - a;
    const Array ya = harmonics_on(grid, a), yb = harmonics_on(grid, b);
    std::vector<double> weights;
    for (int i = 0; i < grid.n_theta(); ++i)
      for (int k = 0; k < grid.n_phi(); ++k) weights.push_back(grid.weight(i));
    const auto gram =
        matmul(ya * Array::from(weights, {grid.points(), 1}), yb, true, false).to_vector<double>();
    const Index na = (a + 1) * (a + 1), nb = (b + 1) * (b + 1);
    for (Index i = 0; i < na; ++i)
      for (Index j = 0; j < nb; ++j)
        ASSERT_LE(std::abs(gram[i * nb + j] - (i == j ? 1 : 0)), 2e-14) << degrees;
  }
}

TEST(SphereGrid, RoundTripAndAdjoint) {
  for (const int l : {0, 1, 3, 6, 12})
    for (const Index c : {1, 3, 20}) {
      const Array x = features(4, l, c, 1);
      for (const int more : {0, 1, 2, 3, 4}) {
        const SphereGrid grid = SphereGrid::exact(2 * l + more);
        const Array values = to_grid(x, l, grid);
        EXPECT_LE(difference(from_grid(values, l, grid), x), 1e-13) << l << " " << more;
        // dot tests of both vjps
        const Array v = normal(values.shape(), 2), tx = track(x), tv = track(v);
        const double forward = sum(values * v).item();
        EXPECT_LE(std::abs(forward - sum(x * gradients(to_grid(tx, l, grid), {tx}, v)[0]).item()),
                  1e-12 * sum(abs(values * v)).item());
        const Array back = from_grid(v, l, grid);
        EXPECT_LE(
            std::abs(sum(back * x).item() - sum(v * gradients(from_grid(tv, l, grid), {tv}, x)[0]).item()),
            1e-12 * sum(abs(back * x)).item());
      }
    }
}

TEST(SphereGrid, ProductsOfValuesAreGauntProducts) {
  const int l1 = 4, l2 = 3, l3 = 5;
  const Array x = features(3, l1, 2, 1), y = features(3, l2, 2, 2);
  const SphereGrid grid = SphereGrid::exact(l1 + l2 + l3);
  const Array z = from_grid(to_grid(x, l1, grid) * to_grid(y, l2, grid), l3, grid);
  EXPECT_LE(difference(z, by_gaunt(x, l1, y, l2, l3)), 1e-13);
  check_twice([&](const Arrays& a) { return sum(from_grid(square(to_grid(a[0], 2, grid)), 2, grid) * a[0]); },
              {features(1, 2, 2, 3)}, 1e-8);
}

TEST(SphereGrid, RefusesWhatDoesNotFit) {
  EXPECT_THROW(SphereGrid(0, 4), std::invalid_argument);
  EXPECT_THROW(SphereGrid(3, 5), std::invalid_argument);
  EXPECT_THROW(SphereGrid(3, 6).point(3, 0), std::invalid_argument);
  EXPECT_THROW(to_grid(normal({2, 8}, 1), 2, SphereGrid(3, 6)), std::invalid_argument);
  EXPECT_THROW(from_grid(normal({2, 17}, 1), 2, SphereGrid(3, 6)), std::invalid_argument);
}

// The series at an angle, against harmonics there: also beyond the poles, theta in [0, 2 pi).
TEST(Fourier, SeriesAreTheFunction) {
  const int l = 6;
  const Array x = features(1, l, 1, 1);
  const auto f = to_fourier(x, l).to_vector<double>();
  for (const auto& [theta, phi] : {std::pair{0.3, 1.1}, {2.9, -2.0}, {0.0, 0.4}, {4.0, 0.7}, {-1.2, 3.0}}) {
    double value = 0;
    for (int m = -l; m <= l; ++m)
      for (int u = 0; u <= l; ++u)
        value += f[(m + l) * (l + 1) + u] * (m % 2 == 0 ? std::cos(u * theta) : std::sin(u * theta)) *
                 (m >= 0 ? std::cos(m * phi) : std::sin(-m * phi));
    const std::vector<double> r{std::sin(theta) * std::sin(phi), std::cos(theta),
                                std::sin(theta) * std::cos(phi)};
    const double expected = sum(x * spherical_harmonics(Array::from(r, {1, 3}), l)).item();
    EXPECT_LE(std::abs(value - expected), 1e-13 * std::max(1.0, std::abs(expected)));
  }
  // u <= l and u = l mod 2 for a single degree
  for (int k = 0; k <= l; ++k) {
    std::vector<double> one(49, 0.0);
    for (Index r = k * k; r < (k + 1) * (k + 1); ++r) one[r] = 1;
    const auto g = to_fourier(Array::from(one, {1, 49}), l).to_vector<double>();
    for (int m = -l; m <= l; ++m)
      for (int u = 0; u <= l; ++u)
        if (u > k || (u - k) % 2 != 0) {
          EXPECT_EQ(g[(m + l) * (l + 1) + u], 0);
        }
  }
}

TEST(Fourier, RoundTripAdjointAndBothConvolutions) {
  for (const int l : {0, 1, 2, 5, 10}) {
    const Array x = features(3, l, 2, 1);
    EXPECT_LE(difference(from_fourier(to_fourier(x, l), l, l), x), 1e-13) << l;
    const Array f = to_fourier(x, l), v = normal(f.shape(), 2), tx = track(x), tv = track(v);
    EXPECT_LE(std::abs(sum(f * v).item() - sum(x * gradients(to_fourier(tx, l), {tx}, v)[0]).item()),
              1e-12 * sum(abs(f * v)).item());
    const Array g = from_fourier(v, l, l);
    EXPECT_LE(std::abs(sum(g * x).item() - sum(v * gradients(from_fourier(tv, l, l), {tv}, x)[0]).item()),
              1e-12 * sum(abs(g * x)).item());
  }
  for (const auto& [l1, l2, l3] : {std::tuple{3, 2, 4}, {2, 5, 7}, {4, 4, 2}, {0, 3, 3}}) {
    const Array x = features(3, l1, 2, 1), y = features(3, l2, 2, 2), z = by_gaunt(x, l1, y, l2, l3);
    for (const FourierMethod method : {FourierMethod::direct, FourierMethod::fft}) {
      const Array product = fourier_product(to_fourier(x, l1), l1, to_fourier(y, l2), l2, l1 + l2, method);
      EXPECT_LE(difference(from_fourier(product, l1 + l2, l3), z), 1e-13);
    }
  }
}

TEST(Fourier, DerivativesTwice) {
  const Array u = normal({2, 5 * 3 * 2}, 3);
  for (const FourierMethod method : {FourierMethod::direct, FourierMethod::fft})
    check_twice(
        [&](const Arrays& a) {
          return sum(fourier_product(to_fourier(a[0], 2), 2, to_fourier(a[1], 1), 1, 2, method) * u) +
                 sum(square(from_fourier(
                     fourier_product(to_fourier(a[0], 2), 2, to_fourier(a[1], 1), 1, 3, method), 3, 2)));
        },
        {features(2, 2, 2, 1), features(2, 1, 2, 2)}, 1e-8);
}

TEST(Fourier, RefusesWhatDoesNotFit) {
  EXPECT_THROW(to_fourier(normal({2, 8}, 1), 2), std::invalid_argument);
  EXPECT_THROW(from_fourier(normal({2, 14}, 1), 2, 2), std::invalid_argument);
  EXPECT_THROW(fourier_product(normal({2, 15}, 1), 2, normal({2, 14}, 1), 2, 2), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::so3
