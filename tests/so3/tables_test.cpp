// Tables against e3nn's, against identities, against an exact rational evaluation of another formula.
#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>

#include "cartan/data/hdf5.hpp"
#include "cartan/so3/tables.hpp"
#include "so3/reference.hpp"
#include "worst.hpp"

namespace cartan::so3 {
namespace {

TEST(Wigner3j, EqualsE3nn) {
  CARTAN_E3NN_REFERENCE(reference);
  double worst = 0;
  int tables = 0;
  for (const auto& [name, item] : reference.group("wigner_3j").items()) {
    int l[3];
    ASSERT_EQ(std::sscanf(name.c_str(), "%d_%d_%d", l, l + 1, l + 2), 3);
    const auto& c = wigner_3j(l[0], l[1], l[2]);
    const auto expected = item.array.to_vector<double>();
    ASSERT_EQ(c.size(), expected.size()) << name;
    for (std::size_t k = 0; k < c.size(); ++k)
      worst = cartan::testing::worst_of(worst, std::abs(c[k] - expected[k]));
    ++tables;
  }
  EXPECT_EQ(tables, 65);
  EXPECT_LE(worst, 1e-14);
}

TEST(Wigner3j, UnitNormAndPermutations) {
  for (int a = 0; a <= 7; ++a)
    for (int b = 0; b <= 7; ++b)
      for (int c = std::abs(a - b); c <= std::min(a + b, 7); ++c) {
        const auto &abc = wigner_3j(a, b, c), &bac = wigner_3j(b, a, c), &acb = wigner_3j(a, c, b);
        const int da = 2 * a + 1, db = 2 * b + 1, dc = 2 * c + 1, sign = (a + b + c) % 2 == 0 ? 1 : -1;
        double norm = 0;
        for (int i = 0; i < da; ++i)
          for (int j = 0; j < db; ++j)
            for (int k = 0; k < dc; ++k) {
              const double v = abc[(i * db + j) * dc + k];
              norm += v * v;
              ASSERT_EQ(bac[(j * da + i) * dc + k], sign * v) << a << b << c;
              ASSERT_EQ(acb[(i * dc + k) * db + j], sign * v) << a << b << c;
            }
        ASSERT_LE(std::abs(norm - 1), 1e-14);
      }
}

// Orthogonality sum over i, j of C[i,j,k] C'[i,j,k'] = delta / (2 l3 + 1), also at high degree.
TEST(Wigner3j, Orthogonality) {
  for (const auto& [a, b] : {std::pair{3, 5}, {12, 12}, {20, 7}, {23, 24}})
    for (int c = std::abs(a - b); c <= std::min(a + b, std::abs(a - b) + 6); c += 3)
      for (int d = c; d <= std::min(a + b, c + 1); ++d) {
        const int da = 2 * a + 1, db = 2 * b + 1, dc = 2 * c + 1, dd = 2 * d + 1;
        const auto &p = wigner_3j(a, b, c), &q = wigner_3j(a, b, d);
        for (int k = 0; k < dc; ++k)
          for (int m = 0; m < dd; ++m) {
            double sum = 0;
            for (int ij = 0; ij < da * db; ++ij) sum += p[ij * dc + k] * q[ij * dd + m];
            ASSERT_LE(std::abs(sum - (c == d && k == m ? 1.0 / dc : 0)), 2e-16 * da) << a << b << c << d;
          }
      }
}

// The square of the complex symbol as an exact rational, from the formula with factorials in denominators.
using Integer = boost::multiprecision::cpp_int;

struct Fraction {
  Integer above, under;
};

// The square of the 3j symbol, from Racah's formula over one denominator. (Not by Boost's rationals, which
// change their meaning between versions.)
Fraction exact_square(int a, int b, int c, int al, int be) {
  auto f = [](int n) {
    Integer x = 1;
    for (int k = 2; k <= n; ++k) x *= k;
    return x;
  };
  const Integer every = f(a + b + c);  // all factorials below divide it
  Integer sum = 0;
  for (int t = 0; t <= a + b - c; ++t) {
    const int n[] = {t, c - b + t + al, c - a + t - be, a + b - c - t, a - t - al, b - t + be};
    if (*std::min_element(n, n + 6) < 0) continue;
    Integer term = t % 2 == 0 ? 1 : -1;
    for (int k : n) term *= every / f(k);
    sum += term;
  }
  const int ga = -al - be;
  Integer under = f(a + b + c + 1);
  for (int k = 0; k < 12; ++k) under *= every;
  return {sum * sum * f(a + b - c) * f(a - b + c) * f(b + c - a) * f(a + al) * f(a - al) * f(b + be) *
              f(b - be) * f(c + ga) * f(c - ga),
          under};
}

// x 2^scale, exactly.
constexpr int scale = 200;
Integer scaled(double x) {
  int exponent;
  const double mantissa = std::frexp(x, &exponent);
  return static_cast<std::int64_t>(std::ldexp(mantissa, 53)) *
         pow(Integer(2), static_cast<unsigned>(scale + exponent - 53));
}

TEST(Wigner3j, LastBitFromExactIntegers) {
  int checked = 0;
  for (int a : {0, 1, 2, 5, 9, 12})
    for (int b : {1, 4, 7, 12})
      for (int c = std::abs(a - b); c <= std::min(12, a + b); c += 2)
        for (int al = -a; al <= a; al += 2)
          for (int be = -b; be <= b; be += 3) {
            if (std::abs(al + be) > c) continue;
            const double v = wigner_3j(a, b, c, al, be, -al - be);
            const Fraction square = exact_square(a, b, c, al, be);
            // the exact root lies within half a unit in the last place: compare the squares of the borders
            const double up = std::nextafter(std::abs(v), 2.0), down = std::nextafter(std::abs(v), -1.0);
            const auto beyond = [&](double border) {  // the square of twice the border, times the denominator
              const Integer twice = scaled(std::abs(v)) + scaled(border);
              return Integer(twice * twice * square.under);
            };
            const Integer exact = square.above * pow(Integer(2), 2 * scale + 2);
            if (v == 0) {
              ASSERT_TRUE(exact == 0) << a << b << c << al << be;
            } else {
              ASSERT_TRUE(exact <= beyond(up)) << a << b << c << al << be;
              ASSERT_TRUE(exact >= beyond(down)) << a << b << c << al << be;
            }
            ++checked;
          }
  EXPECT_GT(checked, 1000);
}

TEST(Wigner3j, KnownSymbols) {
  EXPECT_EQ(wigner_3j(1, 1, 0, 0, 0, 0), -std::sqrt(1.0 / 3));
  EXPECT_EQ(wigner_3j(2, 2, 2, 0, 0, 0), -std::sqrt(2.0 / 35));
  EXPECT_EQ(wigner_3j(2, 1, 1, 0, 1, -1), std::sqrt(1.0 / 30));
  EXPECT_EQ(wigner_3j(1, 1, 1, 0, 0, 0), 0);
  EXPECT_TRUE(wigner_3j(1, 1, 3).empty());
  EXPECT_THROW(wigner_3j(-1, 0, 0), std::invalid_argument);
}

TEST(Couplings, AreTheEntriesThatAreNotZero) {
  std::size_t total = 0;
  for (int a = 0; a <= 4; ++a)
    for (int b = 0; b <= 4; ++b)
      for (int c = std::abs(a - b); c <= std::min(4, a + b); ++c) {
        double norm = 0;
        for (const auto& e : couplings(a, b, c)) {
          norm += e.value * e.value;
          const int m1 = std::abs(e.i - a), m2 = std::abs(e.j - b), m3 = std::abs(e.k - c);
          ASSERT_TRUE(m3 == m1 + m2 || m3 == std::abs(m1 - m2));
        }
        ASSERT_LE(std::abs(norm - 1), 1e-14);
        total += couplings(a, b, c).size();
      }
  EXPECT_EQ(total, 2052u);
}

TEST(GaussLegendre, IntegratesPolynomials) {
  for (int n : {1, 2, 3, 8, 25, 60}) {
    const auto& q = gauss_legendre(n);
    ASSERT_EQ(q.nodes.size(), n);
    for (int k = 0; k <= 2 * n - 1; ++k) {
      double sum = 0;
      for (int i = 0; i < n; ++i) sum += q.weights[i] * std::pow(q.nodes[i], k);
      ASSERT_LE(std::abs(sum - (k % 2 == 0 ? 2.0 / (k + 1) : 0)), 1e-15 * 4) << n << " " << k;
    }
  }
}

}  // namespace
}  // namespace cartan::so3
