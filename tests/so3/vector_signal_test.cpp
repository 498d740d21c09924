// Brackets of gradients and the complete product against the 3j tensor; path weights and their factors.
#include "cartan/so3/vector_signal.hpp"

#include "cartan/autodiff/transforms.hpp"
#include "cartan/so3/gaunt_weights.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "cartan/so3/wigner.hpp"
#include "nn/check_twice.hpp"
#include "so3/gaunt_oracle.hpp"
#include "worst.hpp"

namespace cartan::so3 {
namespace {

PlanOptions by(const std::string& engine) {
  PlanOptions options;
  options.engine = engine;
  return options;
}
// {f, g} = r . (grad f x grad g) at points of the sphere, by the gradients of the harmonics.
TEST(Bracket, IsTheCrossProductOfGradients) {
  const int l1 = 3, l2 = 2;
  const Array x = features(1, l1, 1, 1), y = features(1, l2, 1, 2);
  const Array z = BracketProduct(l1, l2, l1 + l2, by("grid"))(x, y);
  const Array r = normal({20, 3}, 3);
  const Array unit = r / sqrt(sum(square(r), 1, true)), tr = track(unit);
  const auto gradient = [&](const Array& c, int l) {
    return gradients(sum(spherical_harmonics(tr, l) * c), {tr})[0].to_vector<double>();
  };
  const auto a = gradient(x, l1), b = gradient(y, l2), n = unit.to_vector<double>();
  const auto value = sum(spherical_harmonics(unit, l1 + l2) * z, 1).to_vector<double>();
  for (std::size_t p = 0; p < 20; ++p) {
    const double *u = &a[3 * p], *v = &b[3 * p], *e = &n[3 * p];
    const double triple = e[0] * (u[1] * v[2] - u[2] * v[1]) + e[1] * (u[2] * v[0] - u[0] * v[2]) +
                          e[2] * (u[0] * v[1] - u[1] * v[0]);
    EXPECT_LE(std::abs(value[p] - triple), 1e-11 * (1 + std::abs(triple)));
  }
}

TEST(Bracket, CouplesTheOddSums) {
  for (int a = 0; a <= 8; ++a)
    for (int b = 0; b <= 8; ++b)
      for (int c = 0; c <= 8; ++c) {
        const bool odd = (a + b + c) % 2 != 0 && c >= std::abs(a - b) && c <= a + b;
        EXPECT_EQ(bracket_coefficient(a, b, c) > 1, odd) << a << b << c;
      }
  for (const auto& [l1, l2, l3] : {std::tuple{1, 1, 1}, {3, 2, 4}, {6, 6, 6}, {2, 5, 7}, {4, 0, 3}}) {
    const Array x = features(3, l1, 3, 1), y = features(3, l2, 3, 2);
    const Array z = by_couplings(x, l1, y, l2, l3,
                                 [](int a, int b, int c, Index) { return bracket_coefficient(a, b, c); });
    for (const char* e : {"cg", "grid"})
      EXPECT_LE(difference(BracketProduct(l1, l2, l3, by(e))(x, y), z), 1e-13) << e << l1 << l2 << l3;
  }
  EXPECT_THROW(BracketProduct(2, 2, 2, by("fourier")), std::invalid_argument);
}

TEST(Bracket, DerivativesTwice) {
  const Array u = features(2, 2, 2, 9);
  for (const char* e : {"cg", "grid"}) {
    const BracketProduct product(2, 2, 2, by(e));
    check_twice(
        [&](const Arrays& a) {
          return sum(square(product(a[0], a[1], {a[2], {}, a[3]})) * u);
        },
        {features(2, 2, 2, 1), features(2, 2, 2, 2), normal({2, 3}, 3), normal({2, 3, 2}, 4)}, 2e-8);
  }
}

// Products of one rank share their couplings: values, gradients and derivatives of these beside those of the
// grid, with weights on both factors or on one, also where not all degrees can reach the result.
TEST(Ranks, ShareTheirCouplings) {
  for (const auto& [l1, l2, l3] :
       {std::tuple{3, 3, 3}, {3, 3, 0}, {3, 1, 0}, {1, 3, 1}, {3, 2, 1}, {2, 3, 4}, {0, 2, 2}})
    for (int sides = 1; sides <= 3; ++sides)
      for (const bool bracket : {false, true}) {
        const Index c = 3, samples = 2, rank = 3;
        const Arrays at{features(samples, l1, c, 1), features(samples, l2, c, 2),
                        normal({samples, rank, l1 + 1, c}, 3), normal({rank, l2 + 1, c}, 4)};
        const Array u = features(samples, l3, c, 5), v = features(samples, l1, c, 6);
        const auto found = [&, l1 = l1, l2 = l2, l3 = l3](const std::string& engine) {
          Arrays in;
          for (const Array& a : at) in.push_back(track(a));
          const GauntWeights w{sides & 1 ? in[2] : Array(), sides & 2 ? in[3] : Array(), {}};
          const Array z = bracket ? BracketProduct(l1, l2, l3, by(engine))(in[0], in[1], w)
                                  : GauntProduct(l1, l2, l3, by(engine), rank)(in[0], in[1], w);
          const Array by_x = gradients(sum(square(z) * u), {in[0]}, {}, true)[0];
          Arrays all = gradients(sum(square(by_x) * v), in);
          all.push_back(detach(by_x));
          all.push_back(detach(z));
          return all;
        };
        const Arrays a = found("cg"), b = found("grid");
        for (std::size_t k = 0; k < a.size(); ++k)  // beside 1: some are zero
          EXPECT_LE(difference(a[k] + 1.0, b[k] + 1.0), 1e-12)
              << l1 << l2 << l3 << " sides " << sides << (bracket ? " bracket " : " product ") << k;
      }
}

TEST(CompleteProduct, EveryPathToDegreeSix) {
  for (const auto& [l1, l2, l3, c] : {std::tuple{6, 6, 6, 1}, {2, 3, 5, 3}, {1, 1, 2, 20}, {4, 2, 1, 2}}) {
    const Array x = features(2, l1, c, 1), y = features(2, l2, c, 2);
    for (const char* e : {"cg", "grid"}) {
      const CompleteProduct product(l1, l2, l3, by(e));
      const Array z = product(x, y);
      double worst = 0;
      for (const ProductPath& p : product.paths()) {
        const Array one = by_couplings(x, l1, y, l2, p.l3, [&, q = p](int a, int b, int k, Index) {
          return a == q.l1 && b == q.l2 && k == q.l3 ? 1.0 : 0.0;
        });
        const Array expected = slice(one, 1, p.l3 * p.l3 * c, (p.l3 + 1) * (p.l3 + 1) * c);
        worst = cartan::testing::worst_of(
            worst, difference(slice(z, 1, p.offset * c, (p.offset + 2 * p.l3 + 1) * c), expected));
      }
      EXPECT_LE(worst, 2e-13) << e << l1 << l2 << l3;
    }
  }
  EXPECT_EQ(CompleteProduct(6, 6, 6).paths().size(), 175u);
  EXPECT_EQ(CompleteProduct(3, 3, 3).paths().size(), 34u);
}

TEST(CompleteProduct, DerivativesTwiceAndBothEngines) {
  for (const char* e : {"cg", "grid"}) {
    const CompleteProduct product(2, 1, 2, by(e));
    const Array u = normal({2, product.rows() * 2}, 5);
    check_twice([&](const Arrays& a) { return sum(square(product(a[0], a[1])) * u); },
                {features(2, 2, 2, 1), features(2, 1, 2, 2)}, 2e-8);
  }
}

TEST(PathWeights, ProductsWithRankWeightsAreTheWeightedCouplings) {
  const int l1 = 3, l2 = 2, l3 = 4;
  const Index c = 3;
  for (const bool channels : {false, true}) {
    const Array w = normal(channels ? Shape{l1 + 1, l2 + 1, l3 + 1, c} : Shape{l1 + 1, l2 + 1, l3 + 1}, 1);
    const RankWeights f = factorize_path_weights(w, 12);
    EXPECT_TRUE(f.converged);
    EXPECT_LE(f.residual, 1e-12);
    const Array x = features(4, l1, c, 2), y = features(4, l2, c, 3);
    const auto values = w.to_vector<double>();
    const Array z = by_couplings(x, l1, y, l2, l3, [&](int p, int q, int r, Index channel) {
      const Index k = (Index{p} * (l2 + 1) + q) * (l3 + 1) + r;
      return values[channels ? k * c + channel : k];
    });
    const Array even = GauntProduct(l1, l2, l3)(x, y, f.even), odd = BracketProduct(l1, l2, l3)(x, y, f.odd);
    EXPECT_LE(difference(even + odd, z), 1e-12);
    // back to path weights: entries that are paths
    const auto back = path_weights(f, l1, l2, l3).to_vector<double>();
    for (int p = 0; p <= l1; ++p)
      for (int q = 0; q <= l2; ++q)
        for (int r = std::abs(p - q); r <= std::min(p + q, l3); ++r)
          for (Index k = 0; k < (channels ? c : 1); ++k) {
            const Index place = ((Index{p} * (l2 + 1) + q) * (l3 + 1) + r) * (channels ? c : 1) + k;
            EXPECT_LE(std::abs(back[place] - values[place]), 1e-12) << p << q << r;
          }
  }
}

TEST(PathWeights, LeastSquaresFindsTheRankThatIsThere) {
  // path weights of rank 2
  RankWeights made;
  made.even = {normal({2, 5}, 1), normal({2, 5}, 2), normal({2, 5}, 3)};
  made.odd = {normal({2, 5}, 4), normal({2, 5}, 5), normal({2, 5}, 6)};
  const Array w = path_weights(made, 4, 4, 4);
  FactorizeOptions options;
  options.tolerance = 1e-9;
  const RankWeights two = factorize_path_weights(w, 2, options);
  EXPECT_TRUE(two.converged) << two.residual;
  EXPECT_LE(two.residual, 1e-9);
  EXPECT_EQ(two.even.first.dim(0), 2);
  // less cannot be exact, and says so; more rank, less residual
  const RankWeights one = factorize_path_weights(w, 1, options);
  EXPECT_FALSE(one.converged);
  EXPECT_GT(one.residual, 1e-3);
  const Array random = normal({5, 5, 5}, 7);
  double last = 1;
  for (const int rank : {1, 3, 6, 25}) {
    const RankWeights f = factorize_path_weights(random, rank, options);
    const Array back = path_weights(f, 4, 4, 4);
    EXPECT_LE(f.residual, last * (1 + 1e-9));
    last = f.residual;
    if (rank == 25) {
      EXPECT_LE(f.residual, 1e-13);
    }
  }
  EXPECT_THROW(factorize_path_weights(random.as(DType::f32), 2), std::invalid_argument);
  EXPECT_THROW(factorize_path_weights(random, 0), std::invalid_argument);
  EXPECT_THROW(factorize_path_weights(normal({5, 5}, 7), 2), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::so3
