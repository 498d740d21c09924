// Exact tables. The 3j symbol is the square root of a rational: in Racah's formula with binomials,
//   3j = (-1)^(a - b - c') sqrt(T(a, a') T(b, b') T(c, c') / P) S,   T(l, m) = (l + m)! (l - m)!,
//   P = (a + b + c + 1)! (a + b - c)! (a - b + c)! (-a + b + c)!,
//   S = sum over t of (-1)^t (a+b-c over t) (a-b+c over a-a'-t) (-a+b+c over b+b'-t),  an integer,
// primes marking the m's. S is exact; the rest is done in 113 bits and rounded once.
#include "cartan/so3/tables.hpp"

#include <algorithm>
#include <array>
#include <boost/math/special_functions/legendre.hpp>
#include <cmath>

#include "cartan/core/error.hpp"
#include "so3/tables/degrees.hpp"
#include "so3/tables/exact.hpp"

namespace cartan::so3 {
namespace {

// One triple of degrees, prepared for every (m1, m2). Int holds products of three binomials.
template <class Int>
class Racah {
 public:
  Racah(int a, int b, int c)
      : a_(a),
        b_(b),
        c_(c),
        ab_(binomials<Int>(a + b - c)),
        ac_(binomials<Int>(a - b + c)),
        bc_(binomials<Int>(b + c - a)) {
    for (int l : {a, b, c}) {
      std::vector<Quad> t;
      for (int m = -l; m <= l; ++m) t.push_back(factorial<Quad>(l + m) * factorial<Quad>(l - m));
      t_.push_back(std::move(t));
    }
    prefactor_ = Quad(1) / (factorial<Quad>(a + b + c + 1) * factorial<Quad>(a + b - c) *
                            factorial<Quad>(a - b + c) * factorial<Quad>(b + c - a));
  }

  // sign of the 3j symbol times its square
  Quad signed_square(int m1, int m2) const {
    const int m3 = -m1 - m2;
    Int sum = 0;
    const int first = std::max({0, b_ - c_ - m1, a_ - c_ + m2});
    const int last = std::min({a_ + b_ - c_, a_ - m1, b_ + m2});
    for (int t = first; t <= last; ++t) {
      const Int term = ab_[t] * ac_[a_ - m1 - t] * bc_[b_ + m2 - t];
      if (t % 2 == 0)
        sum += term;
      else
        sum -= term;
    }
    const Quad s(sum);
    const Quad square = s * s * t_[0][a_ + m1] * t_[1][b_ + m2] * t_[2][c_ + m3] * prefactor_;
    const bool negative = (sum < 0) != ((a_ - b_ - m3) % 2 != 0);
    return negative ? Quad(-square) : square;
  }

 private:
  int a_, b_, c_;
  std::vector<Int> ab_, ac_, bc_;
  std::vector<std::vector<Quad>> t_;
  Quad prefactor_;
};

bool triangle(int a, int b, int c) {
  return a >= 0 && b >= 0 && c >= std::abs(a - b) && c <= a + b;
}

// The real basis in terms of the complex one, times sqrt(2) for m != 0: the coefficient of the complex
// harmonic mu in the real one m is i^power (mu = +-m); e3nn multiplies by (-i)^l, which makes all C real.
int phase(int l, int m, int mu) {
  int power = -l;
  if (m > 0) power += mu > 0 ? 2 * m : 0;       // Y_m = ((-1)^m Y^m + Y^-m) / sqrt(2)
  if (m < 0) power += mu > 0 ? 1 - 2 * m : -1;  // Y_-m = i ((-1)^m Y^m - Y^-m) / sqrt(2)
  return ((power % 4) + 4) % 4;
}

template <class Int>
std::vector<double> real_3j(int a, int b, int c) {
  const int da = 2 * a + 1, db = 2 * b + 1, dc = 2 * c + 1;
  std::vector<double> out(da * db * dc, 0.0);
  const Racah<Int> racah(a, b, c);
  // The complex Clebsch-Gordan coefficient <a mu1 b mu2 | c mu3> is (-1)^(a - b + mu3) sqrt(2 c + 1) times
  // the 3j symbol with -mu3; divided by the norm sqrt(2 c + 1) of the tensor, the symbol with that sign
  // remains.
  for (int mu1 = 0; mu1 <= a; ++mu1)
    for (int mu2 = mu1 == 0 ? 0 : -b; mu2 <= b; ++mu2) {
      const int mu3 = mu1 + mu2;
      if (std::abs(mu3) > c) continue;
      // (mu) and (-mu) have the same size; every real entry with these |m| takes both of them, once
      const Quad square = racah.signed_square(mu1, mu2);
      if (square == 0) continue;
      const double root = signed_root(square), half = signed_root(square / 2);
      const bool self = mu1 == 0 && mu2 == 0;
      const int flip = (a + b + c) % 2 == 0 ? 1 : -1;            // 3j(-mu) = flip 3j(mu)
      const int sign = (a - b + mu3) % 2 == 0 ? 1 : -1;          // the same for -mu
      const int nonzero = (mu1 != 0) + (mu2 != 0) + (mu3 != 0);  // 0, 2 or 3 factors 1/sqrt(2)
      for (int m1 : {-std::abs(mu1), std::abs(mu1)})
        for (int m2 : {-std::abs(mu2), std::abs(mu2)})
          for (int m3 : {-std::abs(mu3), std::abs(mu3)}) {
            // real part of i^(p1 + p2 - p3), summed over (mu) and (-mu)
            auto part = [&](int s) {
              const int power = phase(a, m1, s * mu1) + phase(b, m2, s * mu2) - phase(c, m3, s * mu3);
              static constexpr std::array<int, 4> real{1, 0, -1, 0};
              return real[((power % 4) + 4) % 4];
            };
            const int total = self ? part(1) : part(1) + flip * part(-1);
            if (total != 0) {
              // two equal parts of 2^(-nonzero / 2): one root for two factors, root(1/2) for three
              const double size = nonzero == 3 ? half : root;
              out[((a + m1) * db + b + m2) * dc + c + m3] = (total > 0 ? sign : -sign) * size;
            }
          }
    }
  return out;
}

using Triple = std::array<int, 3>;
// Products of three binomials of rows up to 40 stay below 2^127.
constexpr int small_row = 40;

}  // namespace

double wigner_3j(int l1, int l2, int l3, int m1, int m2, int m3) {
  if (!triangle(l1, l2, l3) || m1 + m2 + m3 != 0 || std::abs(m1) > l1 || std::abs(m2) > l2 ||
      std::abs(m3) > l3)
    return 0;
  return signed_root(Racah<Integer>(l1, l2, l3).signed_square(m1, m2));
}

const std::vector<double>& wigner_3j(int l1, int l2, int l3) {
  check_degrees("wigner_3j", {l1, l2, l3});
  static auto& cache = *new Cache<Triple, std::vector<double>>;
  return cache.get({l1, l2, l3}, [&]() -> std::vector<double> {
    if (!triangle(l1, l2, l3)) return {};
    if (2 * std::max({l1, l2, l3}) <= small_row) return real_3j<boost::multiprecision::int128_t>(l1, l2, l3);
    return real_3j<Integer>(l1, l2, l3);
  });
}

const std::vector<Coupling>& couplings(int l1, int l2, int l3) {
  static auto& cache = *new Cache<Triple, std::vector<Coupling>>;
  const auto& c = wigner_3j(l1, l2, l3);
  return cache.get({l1, l2, l3}, [&] {
    std::vector<Coupling> out;
    if (c.empty()) return out;
    const int d1 = 2 * l1 + 1, d2 = 2 * l2 + 1, d3 = 2 * l3 + 1;
    for (int k = 0; k < d3; ++k)
      for (int i = 0; i < d1; ++i)
        for (int j = 0; j < d2; ++j)
          if (const double v = c[(i * d2 + j) * d3 + k]; v != 0) out.push_back({i, j, k, v});
    return out;
  });
}

double gaunt(int l1, int l2, int l3) {
  static auto& cache = *new Cache<Triple, double>;
  if (!triangle(l1, l2, l3) || (l1 + l2 + l3) % 2 != 0) return 0;
  return cache.get({l1, l2, l3}, [&] {
    const Quad square = abs(Racah<Integer>(l1, l2, l3).signed_square(0, 0));
    return signed_root(square * ((2 * l1 + 1) * (2 * l2 + 1) * (2 * l3 + 1)));
  });
}

const Quadrature& gauss_legendre(int n) {
  require(n >= 1, "[gauss_legendre] ", n, " points: there must be at least one");
  static auto& cache = *new Cache<int, Quadrature>;
  return cache.get(n, [&] {
    Quadrature q;
    const auto positive = boost::math::legendre_p_zeros<long double>(n);  // ascending, from 0 on
    auto add = [&](long double x) {
      const long double slope = boost::math::legendre_p_prime(n, x);
      q.nodes.push_back(static_cast<double>(x));
      q.weights.push_back(static_cast<double>(2 / ((1 - x * x) * slope * slope)));
    };
    for (auto it = positive.rbegin(); it != positive.rend(); ++it)
      if (*it != 0) add(-*it);
    for (const long double x : positive) add(x);
    return q;
  });
}

}  // namespace cartan::so3
