// J matrices and generators. For a rotation by pi about (1, 1, 0)/sqrt(2) the complex D of degree l is, up to
// a phase that is a power of i,
//   Delta(m', m) = 2^-l sqrt((l + m')! (l - m')! / ((l + m)! (l - m)!)) S,
//   S = sum over k of (-1)^(l + m' - k) (l + m over k) (l - m over l + m' - k),
// with S an integer. In the real basis entries are sums and differences of S, so zero or exact too.
#include <array>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/so3/tables.hpp"
#include "so3/tables/degrees.hpp"
#include "so3/tables/exact.hpp"

namespace cartan::so3 {
namespace {

Integer krawtchouk(int l, int mp, int m) {
  const auto plus = binomials<Integer>(l + m), minus = binomials<Integer>(l - m);
  Integer s = 0;
  for (int k = std::max(0, m + mp); k <= std::min(l + m, l + mp); ++k) {
    const int j = l + mp - k;
    const Integer term = plus[k] * minus[j];
    s += j % 2 == 0 ? term : Integer(-term);
  }
  return s;
}

std::vector<double> make_j(int l) {
  const int dim = 2 * l + 1;
  std::vector<double> out(dim * dim, 0.0);
  const Quad scale = pow(Quad(0.25), l);
  // cos and sin of the quarter turns of (-i)^n
  static constexpr std::array<int, 4> cosine{1, 0, -1, 0}, sine{0, -1, 0, 1};
  const int sign = l % 2 == 0 ? 1 : -1;
  for (int p = 0; p <= l; ++p)
    for (int q = 0; q <= l; ++q) {
      const Integer s1 = krawtchouk(l, q, p), s2 = krawtchouk(l, -q, p);
      const Quad ratio = scale * factorial<Quad>(l + q) * factorial<Quad>(l - q) /
                         (factorial<Quad>(l + p) * factorial<Quad>(l - p));
      const auto set = [&](int m1, int m2, const Integer& s, int turn, int factor) {
        if (turn == 0 || s == 0) return;
        const Quad value(s);
        const double root = signed_root(value * value * ratio * factor);
        out[(l + m1) * dim + l + m2] = (s < 0 ? -turn : turn) * sign * root;
      };
      const int c = cosine[(p + q) % 4], s = sine[(p + q) % 4];
      if (p == 0 || q == 0) {
        set(p, q, s1, c, p == q ? 1 : 2);
        if (p > 0) set(-p, 0, s1, -s, 2);
        if (q > 0) set(0, -q, s1, s, 2);
      } else {
        const Integer sum = s1 + s2, difference = s1 - s2;
        set(p, q, sum, c, 1);
        set(p, -q, difference, s, 1);
        set(-p, q, sum, -s, 1);
        set(-p, -q, difference, c, 1);
      }
    }
  return out;
}

// X_y turns the pair (m, -m); X_x and X_z are combinations of the ladder operators, which in the real basis
// join |m| and |m| + 1 with sqrt((l - m)(l + m + 1)) / 2, times sqrt(2) at m = 0.
std::vector<Entry> make_generator(int l, int axis) {
  const int dim = 2 * l + 1;
  std::vector<double> x(dim * dim, 0.0);
  const auto set = [&](int row, int column, double value) {
    x[(l + row) * dim + l + column] = value;
    x[(l + column) * dim + l + row] = -value;
  };
  for (int m = 0; m <= l; ++m) {
    if (axis == 1) {
      if (m > 0) set(-m, m, m);
      continue;
    }
    if (m == l) break;
    const double step = std::sqrt(static_cast<double>((l - m) * (l + m + 1)) / (m == 0 ? 2.0 : 4.0));
    if (axis == 0) {
      set(m + 1, m, step);
      if (m > 0) set(-m - 1, -m, step);
    } else {
      set(-m - 1, m, -step);
      if (m > 0) set(m + 1, -m, step);
    }
  }
  std::vector<Entry> out;
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j)
      if (const double v = x[i * dim + j]; v != 0) out.push_back({i, j, v});
  return out;
}

}  // namespace

const std::vector<double>& wigner_j(int l) {
  check_degrees("wigner_j", {l});
  static auto& cache = *new Cache<int, std::vector<double>>;
  return cache.get(l, [&] { return make_j(l); });
}

const std::vector<Entry>& wigner_j_entries(int l) {
  static auto& cache = *new Cache<int, std::vector<Entry>>;
  const auto& j = wigner_j(l);
  return cache.get(l, [&] {
    std::vector<Entry> out;
    const int dim = 2 * l + 1;
    for (int row = 0; row < dim; ++row)
      for (int column = 0; column < dim; ++column)
        if (const double v = j[row * dim + column]; v != 0) out.push_back({row, column, v});
    return out;
  });
}

const std::vector<Entry>& generator(int l, int axis) {
  check_degrees("generator", {l});
  require(axis >= 0 && axis <= 2, "[generator] axis ", axis, " is not 0, 1 or 2");
  static auto& cache = *new Cache<std::array<int, 2>, std::vector<Entry>>;
  return cache.get({l, axis}, [&] { return make_generator(l, axis); });
}

}  // namespace cartan::so3
