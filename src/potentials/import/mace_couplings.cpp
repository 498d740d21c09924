#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/so3/tables.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {
namespace {

// A coupling of n factors to one irrep: (2 l + 1) times d^n numbers.
struct Coupling {
  int l, p;
  std::vector<double> values;
};

// e3nn 0.4.4's sign, relative to that of 0.6 and ours.
double old_sign(int a, int b, int c) {
  const auto is = [](int one, int l, int m) { return one == 1 && l == m && l >= 2; };
  return is(a, b, c) || is(b, a, c) || is(c, a, b) ? -1 : 1;
}

}  // namespace

Array mace_couplings(int lmax, int degree, int nu) {
  const Index d = Index{lmax + 1} * (lmax + 1);
  const int parity = degree % 2 ? -1 : 1;
  std::vector<Coupling> all;
  for (int l = 0; l <= lmax; ++l) {
    Coupling c{l, l % 2 ? -1 : 1, std::vector<double>((2 * l + 1) * d, 0.0)};
    for (int m = 0; m <= 2 * l; ++m) c.values[m * d + l * l + m] = 1;
    all.push_back(std::move(c));
  }
  Index size = d;  // d^n
  for (int n = 2; n <= nu; ++n, size *= d) {
    std::vector<Coupling> next;
    for (const Coupling& old : all)
      for (int k = 0; k <= lmax; ++k)
        for (int m = std::abs(old.l - k); m <= old.l + k; ++m) {
          const int p = old.p * (k % 2 ? -1 : 1);
          if (n == nu && (m != degree || p != parity)) continue;
          Coupling made{m, p, std::vector<double>((2 * m + 1) * size * d, 0.0)};
          const double factor = std::sqrt(2.0 * m + 1) * old_sign(m, old.l, k);
          const std::vector<double>& c = so3::wigner_3j(m, old.l, k);
          const int na = 2 * old.l + 1, nb = 2 * k + 1;
          for (int M = 0; M <= 2 * m; ++M)
            for (int a = 0; a < na; ++a)
              for (int b = 0; b < nb; ++b) {
                const double w = factor * c[(M * na + a) * nb + b];
                if (w == 0) continue;
                for (Index i = 0; i < size; ++i)
                  made.values[(M * size + i) * d + k * k + b] += w * old.values[a * size + i];
              }
          next.push_back(std::move(made));
        }
    // By degree, odd first: e3nn's order.
    std::stable_sort(next.begin(), next.end(),
                     [](const Coupling& x, const Coupling& y) { return x.l != y.l ? x.l < y.l : x.p < y.p; });
    all = std::move(next);
  }
  std::vector<const Coupling*> kept;
  for (const Coupling& c : all)
    if (c.l == degree && c.p == parity) kept.push_back(&c);
  const Index columns = static_cast<Index>(kept.size()), rows = (2 * degree + 1) * size;
  std::vector<double> out(rows * columns);
  for (Index e = 0; e < columns; ++e)
    for (Index i = 0; i < rows; ++i) out[i * columns + e] = kept[e]->values[i];
  Shape shape(nu, d);
  if (degree > 0) shape.insert(shape.begin(), 2 * degree + 1);
  shape.push_back(columns);
  return Array::from<double>(out, shape);
}

}  // namespace cartan::potentials
