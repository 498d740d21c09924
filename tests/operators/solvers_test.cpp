// Reference solvers against exact solutions and independent ones, with their orders of convergence.

#include <gtest/gtest.h>

#include <boost/math/quadrature/trapezoidal.hpp>
#include <cmath>
#include <complex>
#include <functional>
#include <vector>

#include "cartan/core/random.hpp"
#include "cartan/operators/random_field.hpp"
#include "cartan/operators/solvers.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

constexpr double pi = 3.14159265358979323846;
using Values = std::vector<double>;

Values on_grid(Index n, const std::function<double(double, double)>& f, double length = 1) {
  Values out;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      out.push_back(f(length * static_cast<double>(i) / static_cast<double>(n),
                      length * static_cast<double>(j) / static_cast<double>(n)));
  return out;
}
double distance(const Values& a, const Values& b) {
  double worst = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    worst = cartan::testing::worst_of(worst, std::abs(a[k] - b[k]));
  }
  return worst;
}
// The order by which errors fall from step to step.
void expect_order(const std::function<double(int)>& error, double order, double slack = 0.25) {
  const double coarse = error(1), fine = error(2);
  EXPECT_NEAR(std::log2(coarse / fine), order, slack) << coarse << " " << fine;
}

TEST(RandomField, PeriodicOnEveryGridTheSame) {
  const GaussianField field{2.5, 7, 3, 2};
  // A finer grid resolves more: compared where the coarse one's frequencies are all there is.
  Values coarse(17 * 17), fine(51 * 51);
  const GaussianField smooth{40, 7, 1e30, 2};
  draw_periodic(smooth, {17, 17}, Random(3, 5), 1, coarse.data());
  draw_periodic(smooth, {51, 51}, Random(3, 5), 1, fine.data());
  double largest = 0, worst = 0;
  for (Index i = 0; i < 17; ++i)
    for (Index j = 0; j < 17; ++j) {
      const double a = coarse[static_cast<std::size_t>(17 * i + j)];
      largest = std::max(largest, std::abs(a));
      worst =
          cartan::testing::worst_of(worst, std::abs(a - fine[static_cast<std::size_t>(51 * 3 * i + 3 * j)]));
    }
  EXPECT_LE(worst, 1e-9 * largest);
  Values other(17 * 17);
  draw_periodic(field, {17, 17}, Random(3, 6), 1, other.data());
  draw_periodic(field, {17, 17}, Random(3, 6), 2, coarse.data());
  EXPECT_GT(distance(other, coarse), 0);
}

TEST(RandomField, HasTheVarianceOfItsSeries) {
  const GaussianField field{2, 5, 25, 1};
  const Index n = 32;
  double expected = 0, found = 0, mean = 0;
  for (int k = 1; k < n / 2; ++k) expected += 2 * std::pow(25 / (4 * pi * pi * k * k + 25), 2);
  const int draws = 4000;
  Values u(static_cast<std::size_t>(n));
  for (int s = 0; s < draws; ++s) {
    draw_periodic(field, {n}, Random(1, static_cast<std::uint64_t>(s)), 0, u.data());
    for (double v : u) found += v * v, mean += v;
  }
  EXPECT_NEAR(found / (draws * static_cast<double>(n)) / expected, 1, 0.05);
  EXPECT_LE(std::abs(mean), 1e-9);

  double neumann = 0, exact = 0;
  const GaussianField rough{2, 3, 3, 1};
  for (int k = 1; k < 9; ++k)  // at x = 0: phi = sqrt(2)
    exact += 2 * 9 * std::pow(pi * pi * k * k + 9, -2);
  Values v(9);
  for (int s = 0; s < draws; ++s) {
    draw_neumann(rough, {9}, Random(2, static_cast<std::uint64_t>(s)), 0, v.data());
    neumann += v[0] * v[0];
  }
  EXPECT_NEAR(neumann / draws / exact, 1, 0.1);
}

TEST(Burgers, ColeHopf) {
  // phi_x = -u phi/(2 nu), phi a heat kernel times phi_0; u_0 = sin(2 pi x).
  const double nu = 0.02, time = 0.3;
  const auto exact = [&](double x) {
    const double width = std::sqrt(4 * nu * time);
    const auto weight = [&](double s) {
      return std::exp(-s * s) * std::exp(-(1 - std::cos(2 * pi * (x - width * s))) / (4 * pi * nu));
    };
    using boost::math::quadrature::trapezoidal;
    const double top = trapezoidal([&](double s) { return weight(s) * s; }, -7.0, 7.0, 1e-13, 16);
    const double bottom = trapezoidal(weight, -7.0, 7.0, 1e-13, 16);
    return width * top / bottom / time;  // (x - y)/t averaged
  };
  const Index n = 256;
  const auto solve = [&](Index steps) {
    Values u;
    for (Index i = 0; i < n; ++i) u.push_back(std::sin(2 * pi * static_cast<double>(i) / n));
    EXPECT_TRUE(Burgers(n, nu, time / static_cast<double>(steps)).advance(u.data(), steps));
    return u;
  };
  Values truth;
  for (Index i = 0; i < n; ++i) truth.push_back(exact(static_cast<double>(i) / n));
  EXPECT_LE(distance(solve(400), truth), 1e-9);
  expect_order([&](int k) { return distance(solve(10 * k), truth); }, 4, 0.4);
}

TEST(KuramotoSivashinsky, OrderFourAndLinearGrowth) {
  const Index n = 64;
  const double length = 2 * pi * 8;
  const auto start = [&](double size) {
    Values u;
    for (Index i = 0; i < n; ++i) {
      const double x = length * static_cast<double>(i) / n;
      u.push_back(size * (std::cos(x / 8) * (1 + std::sin(x / 8))));
    }
    return u;
  };
  const auto solve = [&](Index steps) {
    Values u = start(1);
    EXPECT_TRUE(KuramotoSivashinsky(n, length, 4.0 / static_cast<double>(steps)).advance(u.data(), steps));
    return u;
  };
  const Values reference = solve(4096);
  expect_order([&](int k) { return distance(solve(128 * k), reference); }, 4, 0.4);
  // Tiny waves grow by exp((k^2 - k^4) t), k = 1/8 and 2/8.
  Values tiny = start(1e-7), expected;
  EXPECT_TRUE(KuramotoSivashinsky(n, length, 0.05).advance(tiny.data(), 40));
  for (Index i = 0; i < n; ++i) {
    const double x = length * static_cast<double>(i) / n, k1 = 1.0 / 8, k2 = 2.0 / 8;
    expected.push_back(1e-7 * (std::cos(x / 8) * std::exp(2 * (k1 * k1 - std::pow(k1, 4))) +
                               0.5 * std::sin(x / 4) * std::exp(2 * (k2 * k2 - std::pow(k2, 4)))));
  }
  EXPECT_LE(distance(tiny, expected), 1e-13);
}

// -(v . grad w) by sums over frequencies, written as the equations stand.
Values advection(Index n, const Values& w, double length) {
  using C = std::complex<double>;
  const Index cut = (n - 1) / 3;
  const double scale = 2 * pi / length;
  std::vector<C> series(static_cast<std::size_t>(n * n)), fields[4];
  const auto wave = [&](Index k) { return static_cast<double>(k); };
  const auto phase = [&](Index k, Index x, double sign) {
    return std::polar(1.0, sign * 2 * pi * static_cast<double>((k * x) % n) / static_cast<double>(n));
  };
  const auto transform = [&](const std::function<C(Index, Index)>& in, double sign) {
    std::vector<C> half(static_cast<std::size_t>(n * n)), out(half.size());
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        for (Index l = 0; l < n; ++l)
          half[static_cast<std::size_t>(i * n + j)] += in(i, l) * phase(l, j, sign);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        for (Index l = 0; l < n; ++l)
          out[static_cast<std::size_t>(i * n + j)] +=
              half[static_cast<std::size_t>(l * n + j)] * phase(l, i, sign);
    return out;
  };
  series = transform(
      [&](Index i, Index j) {
        return C(w[static_cast<std::size_t>(i * n + j)] / static_cast<double>(n * n));
      },
      -1);
  const auto frequency = [&](Index i) { return 2 * i > n ? i - n : i; };
  const auto at = [&](Index i, Index j, int which) {
    const double k1 = scale * wave(frequency(i)), k2 = scale * wave(frequency(j)), square = k1 * k1 + k2 * k2;
    if (square == 0 || std::abs(frequency(i)) > cut || std::abs(frequency(j)) > cut) return C(0);
    const C v = series[static_cast<std::size_t>(i * n + j)], I(0, 1);
    switch (which) {
      case 0:
        return I * k2 * v / square;
      case 1:
        return -I * k1 * v / square;
      case 2:
        return I * k1 * v;
      default:
        return I * k2 * v;
    }
  };
  for (int f = 0; f < 4; ++f) fields[f] = transform([&](Index i, Index j) { return at(i, j, f); }, 1);
  std::vector<C> product = transform(
      [&](Index i, Index j) {
        const auto p = static_cast<std::size_t>(i * n + j);
        return -(fields[0][p] * fields[2][p] + fields[1][p] * fields[3][p]) / static_cast<double>(n * n);
      },
      -1);
  const std::vector<C> cut_back = transform(
      [&](Index i, Index j) {
        const bool in = std::abs(frequency(i)) <= cut && std::abs(frequency(j)) <= cut;
        return in ? product[static_cast<std::size_t>(i * n + j)] : C(0);
      },
      1);
  Values out;
  for (const C& c : cut_back) out.push_back(c.real());
  return out;
}

TEST(NavierStokes, RightSideAsTheEquationsStand) {
  for (const Index n : {16, 15, 24}) {
    const double length = 2.5, step = 1e-7;
    Values w(static_cast<std::size_t>(n * n));
    draw_periodic({2, 3, 30, length}, {n, n}, Random(7, 0), 0, w.data());
    // Fields that are cut already stay what they are.
    Values cut = w;
    ASSERT_TRUE(
        NavierStokes(n, 0, step, NavierStokesScheme::crank_nicolson, length).advance(cut.data(), nullptr, 0));
    const Values rate = advection(n, cut, length);
    Values moved = cut;
    ASSERT_TRUE(NavierStokes(n, 0, step, NavierStokesScheme::crank_nicolson, length)
                    .advance(moved.data(), nullptr, 1));
    double largest = 0, worst = 0;
    for (std::size_t k = 0; k < cut.size(); ++k) {
      largest = std::max(largest, std::abs(rate[k]));
      worst = cartan::testing::worst_of(worst, std::abs((moved[k] - cut[k]) / step - rate[k]));
    }
    EXPECT_LE(worst, 1e-6 * largest) << n;
    EXPECT_GT(largest, 0.1);
  }
}

TEST(NavierStokes, TaylorGreenDecaysAndForcingAddsUp) {
  const Index n = 32;
  const double nu = 0.01, length = 2 * pi, time = 1;
  const auto vortex = [&](double size) {
    return on_grid(
        n, [&](double x, double y) { return size * 2 * std::cos(x) * std::cos(y); }, length);
  };
  for (const auto scheme : {NavierStokesScheme::etdrk4, NavierStokesScheme::crank_nicolson}) {
    Values w = vortex(1);
    EXPECT_TRUE(NavierStokes(n, nu, 0.01, scheme, length).advance(w.data(), nullptr, 100));
    EXPECT_LE(distance(w, vortex(std::exp(-2 * nu * time))),
              scheme == NavierStokesScheme::etdrk4 ? 1e-13 : 1e-8);
    // Held in place by a force: w_t = 0.
    Values held = vortex(1);
    const Values force = vortex(2 * nu);
    EXPECT_TRUE(NavierStokes(n, nu, 0.01, scheme, length).advance(held.data(), force.data(), 100));
    EXPECT_LE(distance(held, vortex(1)), 1e-12);
  }
  Values v1(static_cast<std::size_t>(n * n)), v2 = v1;
  NavierStokes(n, nu, 0.01, NavierStokesScheme::etdrk4, length)
      .velocity(vortex(1).data(), v1.data(), v2.data());
  // psi = cos x cos y
  EXPECT_LE(distance(v1, on_grid(
                             n, [](double x, double y) { return -std::cos(x) * std::sin(y); }, length)),
            1e-13);
  EXPECT_LE(distance(v2, on_grid(
                             n, [](double x, double y) { return std::sin(x) * std::cos(y); }, length)),
            1e-13);
}

TEST(NavierStokes, OrdersInTimeAndSinglePrecision) {
  const Index n = 32;
  Values start(static_cast<std::size_t>(n * n));
  draw_periodic({3, 7, 300, 1}, {n, n}, Random(1, 0), 0, start.data());
  const Values force = on_grid(
      n, [](double x, double y) { return 0.1 * (std::sin(2 * pi * (x + y)) + std::cos(2 * pi * (x + y))); });
  const auto solve = [&](NavierStokesScheme scheme, Index steps, DType precision = DType::f64) {
    Values w = start;
    EXPECT_TRUE(NavierStokes(n, 1e-3, 0.5 / static_cast<double>(steps), scheme, 1, precision)
                    .advance(w.data(), force.data(), steps));
    return w;
  };
  const Values truth = solve(NavierStokesScheme::etdrk4, 1024);
  EXPECT_GT(distance(truth, start), 0.1);
  expect_order([&](int k) { return distance(solve(NavierStokesScheme::etdrk4, 32 * k), truth); }, 4, 0.4);
  expect_order([&](int k) { return distance(solve(NavierStokesScheme::crank_nicolson, 400 * k), truth); }, 1);
  EXPECT_LE(distance(solve(NavierStokesScheme::etdrk4, 256, DType::f32), truth), 1e-4);
}

TEST(NavierStokes, KeepsEnergyAndEnstrophyWithoutViscosity) {
  const Index n = 32;
  Values w(static_cast<std::size_t>(n * n)), v1 = w, v2 = w;
  draw_periodic({3, 7, 300, 1}, {n, n}, Random(4, 0), 0, w.data());
  const NavierStokes solver(n, 0, 1e-3, NavierStokesScheme::etdrk4);
  ASSERT_TRUE(solver.advance(w.data(), nullptr, 0));
  const auto invariants = [&] {
    solver.velocity(w.data(), v1.data(), v2.data());
    double energy = 0, enstrophy = 0;
    for (std::size_t k = 0; k < w.size(); ++k)
      energy += v1[k] * v1[k] + v2[k] * v2[k], enstrophy += w[k] * w[k];
    return std::pair(energy, enstrophy);
  };
  const auto before = invariants();
  ASSERT_TRUE(solver.advance(w.data(), nullptr, 500));
  const auto after = invariants();
  EXPECT_NEAR(after.first / before.first, 1, 1e-8);
  EXPECT_NEAR(after.second / before.second, 1, 1e-8);
}

TEST(Wave, StandingWaveAndOrderFour) {
  const Index n = 24;
  const double speed = 1.3, length = 2;
  const Values c(static_cast<std::size_t>(n * n), speed);
  const double k = 2 * pi / length, omega = speed * k * std::sqrt(5.0), time = 0.7;
  const auto shape = [&](double size) {
    return on_grid(
        n, [&](double x, double y) { return size * std::cos(k * x) * std::sin(2 * k * y); }, length);
  };
  const auto solve = [&](Index steps) {
    Values u = shape(1), v(u.size(), 0.0);
    EXPECT_TRUE(
        Wave(n, time / static_cast<double>(steps), length).advance(u.data(), v.data(), c.data(), steps));
    return u;
  };
  const Values truth = shape(std::cos(omega * time));
  EXPECT_LE(distance(solve(400), truth), 1e-9);
  expect_order([&](int f) { return distance(solve(20 * f), truth); }, 4);
  // Just within and beyond the bound of stability.
  for (const double part : {0.95, 1.2}) {
    Values u(static_cast<std::size_t>(n * n)), v(u.size(), 0.0);
    draw_periodic({1, 5, 1, length}, {n, n}, Random(1, 1), 0, u.data());
    u[5] += 1;
    const bool sound = Wave(n, part * Wave::longest_step(n, speed, length), length)
                           .advance(u.data(), v.data(), c.data(), 3000);
    double largest = 0;
    for (double x : u) largest = std::max(largest, std::isfinite(x) ? std::abs(x) : 1e300);
    if (part < 1)
      EXPECT_TRUE(sound && largest < 10) << largest;
    else
      EXPECT_TRUE(!sound || largest > 1e6) << largest;
  }
}

TEST(ReactionDiffusion, UniformFieldsFollowTheReactionAndOrderFour) {
  const GrayScottOptions o{2e-3, 1e-3, 0.04, 0.06};
  const Index n = 16;
  // The reaction alone, by small steps of Heun.
  double u = 0.6, v = 0.3;
  const auto rate_u = [&](double a, double b) { return -a * b * b + o.feed * (1 - a); };
  const auto rate_v = [&](double a, double b) { return a * b * b - (o.feed + o.kill) * b; };
  for (int s = 0; s < 100000; ++s) {
    const double h = 5.0 / 100000, u1 = u + h * rate_u(u, v), v1 = v + h * rate_v(u, v);
    const double du = rate_u(u, v) + rate_u(u1, v1), dv = rate_v(u, v) + rate_v(u1, v1);
    u += h / 2 * du, v += h / 2 * dv;
  }
  Values fu(static_cast<std::size_t>(n * n), 0.6), fv(static_cast<std::size_t>(n * n), 0.3);
  ASSERT_TRUE(ReactionDiffusion(n, o, 0.05).advance(fu.data(), fv.data(), 100));
  EXPECT_LE(distance(fu, Values(fu.size(), u)), 1e-8);
  EXPECT_LE(distance(fv, Values(fv.size(), v)), 1e-8);

  // Without v: diffusion and feed, exactly.
  const double k = 2 * pi, rate = o.feed + o.diffusion_u * 2 * k * k;
  Values a = on_grid(n, [&](double x, double y) { return 1 + 0.2 * std::cos(k * x) * std::cos(k * y); }),
         b(a.size(), 0.0);
  ASSERT_TRUE(ReactionDiffusion(n, o, 0.1).advance(a.data(), b.data(), 30));
  EXPECT_LE(distance(a, on_grid(n,
                                [&](double x, double y) {
                                  return 1 + 0.2 * std::exp(-rate * 3) * std::cos(k * x) * std::cos(k * y);
                                })),
            1e-12);

  const auto solve = [&](Index steps) {
    Values p = on_grid(n, [&](double x, double y) { return 0.6 + 0.2 * std::cos(k * x) * std::sin(k * y); });
    Values q = on_grid(n, [&](double x, double y) { return 0.4 + 0.2 * std::cos(k * (x + y)); });
    EXPECT_TRUE(ReactionDiffusion(n, o, 8.0 / static_cast<double>(steps)).advance(p.data(), q.data(), steps));
    p.insert(p.end(), q.begin(), q.end());
    return p;
  };
  const Values truth = solve(512);
  expect_order([&](int f) { return distance(solve(8 * f), truth); }, 4, 0.5);
}

TEST(Darcy, ManufacturedSolutionAtOrderTwo) {
  const auto error = [&](int k) {
    const Index n = 20 * k + 1;  // an even and an odd number of unknowns on the way down
    Values a, f, truth, u(static_cast<std::size_t>(n * n));
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const double x = static_cast<double>(i) / static_cast<double>(n - 1),
                     y = static_cast<double>(j) / static_cast<double>(n - 1);
        // u = sin(pi x) sin(2 pi y), a = 2 + x + y^2
        const double s = std::sin(pi * x), sy = std::sin(2 * pi * y), coefficient = 2 + x + y * y;
        a.push_back(coefficient);
        truth.push_back(s * sy);
        f.push_back(5 * pi * pi * coefficient * s * sy - pi * std::cos(pi * x) * sy -
                    2 * y * 2 * pi * s * std::cos(2 * pi * y));
      }
    const Darcy::Report report = Darcy(n).solve(a.data(), f.data(), u.data());
    EXPECT_TRUE(report.converged);
    EXPECT_LE(report.iterations, 12);
    return distance(u, truth);
  };
  expect_order(error, 2, 0.1);
}

// The lower half of a symmetric matrix and its factorisation by Cholesky.
struct Band {
  Index n, width;
  Values rows;
  Band(Index size, Index band) : n(size), width(band), rows(static_cast<std::size_t>(size * (band + 1))) {}
  double& operator()(Index i, Index j) {
    return rows[static_cast<std::size_t>(i * (width + 1) + j - i + width)];
  }
  Values solve(Values b) {
    const auto first = [&](Index i) { return std::max<Index>(0, i - width); };
    for (Index i = 0; i < n; ++i)
      for (Index j = first(i); j <= i; ++j) {
        double sum = (*this)(i, j);
        for (Index k = std::max(first(i), first(j)); k < j; ++k) sum -= (*this)(i, k) * (*this)(j, k);
        (*this)(i, j) = i == j ? std::sqrt(sum) : sum / (*this)(j, j);
      }
    const auto at = [&](Index i) -> double& { return b[static_cast<std::size_t>(i)]; };
    for (Index i = 0; i < n; ++i) {
      for (Index k = first(i); k < i; ++k) at(i) -= (*this)(i, k) * at(k);
      at(i) /= (*this)(i, i);
    }
    for (Index i = n; i-- > 0;) {
      at(i) /= (*this)(i, i);
      for (Index k = first(i); k < i; ++k) at(k) -= (*this)(i, k) * at(i);
    }
    return b;
  }
};

TEST(Darcy, AgreesWithAFactorisationForEverySize) {
  for (const Index n : {3, 4, 5, 8, 13, 16, 22, 33, 48}) {
    Values g(static_cast<std::size_t>(n * n)), u(g.size());
    draw_neumann({2, 3, 3, 1}, {n, n}, Random(9, static_cast<std::uint64_t>(n)), 0, g.data());
    Values a;
    for (double v : g) a.push_back(v >= 0 ? 12 : 3);
    const Index m = n - 2;
    Band matrix(m * m, m);
    const auto at = [&](Index i, Index j) { return a[static_cast<std::size_t>(i * n + j)]; };
    for (Index i = 1; i <= m; ++i)
      for (Index j = 1; j <= m; ++j) {
        const Index row = (i - 1) * m + j - 1;
        double sum = 0;
        for (const auto& [di, dj] : std::vector<std::pair<int, int>>{{0, 1}, {0, -1}, {1, 0}, {-1, 0}}) {
          const double face = (at(i, j) + at(i + di, j + dj)) / 2;
          sum += face;
          if (di + dj < 0 && i + di >= 1 && j + dj >= 1) matrix(row, row + di * m + dj) = -face;
        }
        matrix(row, row) = sum;
      }
    const Values direct =
        matrix.solve(Values(static_cast<std::size_t>(m * m), 1.0 / static_cast<double>((n - 1) * (n - 1))));
    const Darcy solver(n, 1e-12);
    const Darcy::Report report = solver.solve(a.data(), nullptr, u.data());
    EXPECT_TRUE(report.converged) << n;
    EXPECT_LE(report.iterations, 20) << n;
    double worst = 0, largest = 0;
    for (Index i = 1; i <= m; ++i)
      for (Index j = 1; j <= m; ++j) {
        const double expected = direct[static_cast<std::size_t>((i - 1) * m + j - 1)];
        largest = std::max(largest, std::abs(expected));
        worst = cartan::testing::worst_of(worst, std::abs(expected - u[static_cast<std::size_t>(i * n + j)]));
      }
    EXPECT_LE(worst, 1e-10 * largest) << n;
    EXPECT_LE(solver.residual(a.data(), nullptr, u.data()), 1e-11) << n;
    u[static_cast<std::size_t>((n / 2) * n + n / 2)] *= 1.1;
    EXPECT_GT(solver.residual(a.data(), nullptr, u.data()), 1e-3) << n;
  }
}

TEST(Solvers, SayWhatIsWrong) {
  const auto refuses = [](const std::function<void()>& f) { EXPECT_THROW(f(), std::invalid_argument); };
  refuses([] { Burgers(2, 0.1, 1e-3); });
  refuses([] { Burgers(64, -1, 1e-3); });
  refuses([] { Burgers(64, NAN, 1e-3); });
  refuses([] { Burgers(64, 0.1, 0); });
  refuses([] { KuramotoSivashinsky(64, -1, 0.1); });
  refuses([] { NavierStokes(64, 1e-3, 1e-3, NavierStokesScheme::etdrk4, 1, DType::c64); });
  refuses([] { Wave(64, NAN); });
  refuses([] { ReactionDiffusion(64, {-1, 0, 0, 0}, 1); });
  refuses([] { Darcy(2); });
  refuses([] {
    const Values a(25, -1.0);
    Values u(25);
    (void)Darcy(5).solve(a.data(), nullptr, u.data());
  });
  refuses([] {
    Values u(8);
    draw_periodic({-1, 5, 1, 1}, {8}, Random(1), 0, u.data());
  });
  // A step that is far too long ends in a status.
  Values u;
  for (int i = 0; i < 64; ++i) u.push_back(1e6 * std::sin(2 * pi * i / 64));
  EXPECT_FALSE(Burgers(64, 1e-6, 1).advance(u.data(), 50));
  Values w(64 * 64);
  draw_periodic({1, 7, 1e6, 1}, {64, 64}, Random(1, 0), 0, w.data());
  EXPECT_FALSE(NavierStokes(64, 1e-9, 1, NavierStokesScheme::crank_nicolson).advance(w.data(), nullptr, 50));
}

}  // namespace
}  // namespace cartan::operators
