// Contractions against sums index by index.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/parallel.hpp"
#include "cartan/linalg/modes.hpp"
#include "linalg/oracle.hpp"

using namespace oracle;

namespace {

const std::vector<Shape> shapes = {{5},       {4, 6},       {1, 5},   {5, 4, 3},
                                   {1, 7, 1}, {3, 4, 2, 5}, {70, 33}, {40, 30, 50}};
double eps(DType t) {
  return t == DType::f32 ? 1e-6 : 1e-15;
}

Array brute_mode_product(const Array& x, const Array& m, int mode, bool transpose) {
  const std::size_t k = static_cast<std::size_t>(mode);
  const Index p = m.dim(transpose ? 1 : 0), n = x.dim(mode);
  Shape s = x.shape();
  s[k] = p;
  std::vector<double> y(static_cast<std::size_t>(size_of(s)), 0.0);
  for (Index e = 0; e < x.size(); ++e) {
    auto i = multi_index(e, x.shape());
    const Index from = i[k];
    for (Index a = 0; a < p; ++a) {
      i[k] = a;
      Index at = 0;
      for (std::size_t j = 0; j < s.size(); ++j) at = at * s[j] + i[j];
      y[static_cast<std::size_t>(at)] += value(m, transpose ? from * p + a : a * n + from) * value(x, e);
    }
  }
  return Array::from(y, s);
}

}  // namespace

TEST(ModeProduct, EqualsTheSumAndItsPlanTellsTheWork) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : shapes)
      for (int mode = 0; mode < static_cast<int>(s.size()); ++mode)
        for (bool transpose : {false, true})
          for (Index p : {1, 3, 17}) {
            const Array x = normal(s, t, 1, 0),
                        m = normal(transpose ? Shape{s[static_cast<std::size_t>(mode)], p}
                                             : Shape{p, s[static_cast<std::size_t>(mode)]},
                                   t, 2, 0);
            const Array y = mode_product(x, m, mode, transpose),
                        z = brute_mode_product(x, m, mode, transpose);
            EXPECT_LE(distance(y, z), 10 * eps(t) * size(x) * size(m));
            const ModeProduct plan(s, t, mode, p);
            EXPECT_EQ(plan.flops(), 2.0 * static_cast<double>(p * size_of(s)));
            EXPECT_TRUE(identical(plan(x, m, transpose), y));
          }
}

TEST(ModeProduct, AdjointByDotTest) {
  const Array x = normal({6, 5, 7}, DType::f64, 3, 0), m = normal({4, 5}, DType::f64, 3, 1),
              y = normal({6, 4, 7}, DType::f64, 3, 2);
  EXPECT_LE(std::abs(dot(mode_product(x, m, 1), y) - dot(x, mode_product(y, m, 1, true))), 1e-12);
}

TEST(ModeProduct, RefusesWhatDoesNotFit) {
  const Array x = normal({6, 5}, DType::f64, 3, 0);
  EXPECT_THROW(mode_product(x, normal({4, 6}, DType::f64, 1, 0), 1), std::invalid_argument);
  EXPECT_THROW(mode_product(x, normal({4, 5}, DType::f32, 1, 0), 1), std::invalid_argument);
  EXPECT_THROW(mode_product(x, normal({4, 5}, DType::f64, 1, 0), 2), std::invalid_argument);
  EXPECT_THROW(mode_product(x.as(DType::c128), normal({4, 5}, DType::f64, 1, 0), 1), std::invalid_argument);
  EXPECT_EQ(mode_product(Array::zeros({0, 5}, DType::f64), normal({4, 5}, DType::f64, 1, 0), -1).shape(),
            (Shape{0, 4}));
}

TEST(ModeProducts, InAnyOrderAreTheSame) {
  const Shape s{4, 5, 6};
  const Array x = normal(s, DType::f64, 4, 0);
  std::vector<Array> m;
  for (std::size_t k = 0; k < 3; ++k)
    m.push_back(normal({static_cast<Index>(2 + 2 * k), s[k]}, DType::f64, 5, k));
  Array y = x;
  for (int k : {2, 0, 1}) y = brute_mode_product(y, m[static_cast<std::size_t>(k)], k, false);
  EXPECT_LE(distance(mode_products(x, m), y), 1e-12 * size(y));
  m[1] = Array();
  EXPECT_EQ(mode_products(x, m).shape(), (Shape{2, 5, 6}));
}

TEST(Unfolding, FoldsBackAndItsGramIsItsProduct) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : shapes)
      for (int mode = 0; mode < static_cast<int>(s.size()); ++mode) {
        const Array x = normal(s, t, 6, 0), u = unfold(x, mode);
        EXPECT_TRUE(identical(fold(u, mode, s), x));
        EXPECT_EQ(value(u, 0), value(x, 0));
        const Array g = gram(x, mode), w = u.as(DType::f64);
        EXPECT_LE(distance(g, brute_mode_product(w, w, 1, false)),
                  1e-14 * dot(x, x));  // float64 whatever the type
      }
}

TEST(KhatriRao, AndMttkrpEqualTheirSums) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : shapes) {
      const Index rank = 4;
      const Array x = normal(s, t, 7, 0);
      std::vector<Array> f;
      for (std::size_t k = 0; k < s.size(); ++k) f.push_back(normal({s[k], rank}, t, 8, k));
      const Array kr = khatri_rao(f);
      for (Index e = 0; e < std::min<Index>(500, x.size()); ++e)
        for (Index r = 0; r < rank; ++r) {
          double term = 1;
          for (std::size_t k = 0; k < s.size(); ++k) term *= value(f[k], multi_index(e, s)[k] * rank + r);
          EXPECT_LE(std::abs(value(kr, e * rank + r) - term), 20 * eps(t) * (1 + std::abs(term)));
        }
      for (int mode = 0; mode < static_cast<int>(s.size()); ++mode) {
        std::vector<double> sum(static_cast<std::size_t>(x.dim(mode) * rank), 0.0);
        for (Index e = 0; e < x.size(); ++e) {
          const auto i = multi_index(e, s);
          for (Index r = 0; r < rank; ++r) {
            double term = value(x, e);
            for (std::size_t k = 0; k < s.size(); ++k)
              if (static_cast<int>(k) != mode) term *= value(f[k], i[k] * rank + r);
            sum[static_cast<std::size_t>(i[static_cast<std::size_t>(mode)] * rank + r)] += term;
          }
        }
        const Array expected = Array::from(sum, {x.dim(mode), rank});
        EXPECT_LE(distance(mttkrp(x, f, mode), expected),
                  20 * eps(t) * (size(expected) + size(x) * size(kr) / size(x)));
      }
    }
}

TEST(Modes, SameBitsForAnyNumberOfThreads) {
  const Array x = normal({60, 70, 80}, DType::f64, 9, 0);
  std::vector<Array> f;
  for (std::size_t k = 0; k < 3; ++k) f.push_back(normal({x.shape()[k], 5}, DType::f64, 10, k));
  for (int mode = 0; mode < 3; ++mode) {
    set_threads(1);
    const Array g = gram(x, mode), p = mode_product(x, f[static_cast<std::size_t>(mode)], mode, true),
                m = mttkrp(x, f, mode);
    set_threads(2);
    EXPECT_TRUE(identical(g, gram(x, mode)));
    EXPECT_TRUE(identical(p, mode_product(x, f[static_cast<std::size_t>(mode)], mode, true)));
    EXPECT_TRUE(identical(m, mttkrp(x, f, mode)));
    set_threads(0);
  }
}
