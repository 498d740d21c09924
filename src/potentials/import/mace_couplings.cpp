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

// One factor more, of the irrep `factor` whose coordinates begin at `first`, coupled to `to`.
Coupling longer(const Coupling& old, so3::Irrep factor, so3::Irrep to, Index size, Index d, Index first) {
  Coupling made{to.l, to.p, std::vector<double>(to.dim() * size * d, 0.0)};
  const double scale = std::sqrt(2.0 * to.l + 1) * e3nn_sign(to.l, old.l, factor.l);
  const std::vector<double>& c = so3::wigner_3j(to.l, old.l, factor.l);
  const int na = 2 * old.l + 1, nb = 2 * factor.l + 1;
  for (int m = 0; m <= 2 * to.l; ++m)
    for (int a = 0; a < na; ++a)
      for (int b = 0; b < nb; ++b) {
        const double w = scale * c[(m * na + a) * nb + b];
        if (w == 0) continue;
        for (Index i = 0; i < size; ++i)
          made.values[(m * size + i) * d + first + b] += w * old.values[a * size + i];
      }
  return made;
}

}  // namespace

double e3nn_sign(int a, int b, int c) {
  const auto is = [](int one, int l, int m) { return one == 1 && l == m && l >= 2; };
  return is(a, b, c) || is(b, a, c) || is(c, a, b) ? -1 : 1;
}

Array mace_couplings(const so3::Irreps& in, so3::Irrep out, int nu) {
  std::vector<Coupling> all;
  std::vector<Index> first{0};
  for (const so3::MulIrrep& t : in) first.push_back(first.back() + t.ir.dim());
  const Index d = first.back();
  for (std::size_t t = 0; t < in.size(); ++t) {
    const so3::Irrep ir = in[t].ir;
    Coupling c{ir.l, ir.p, std::vector<double>(ir.dim() * d, 0.0)};
    for (int m = 0; m < ir.dim(); ++m) c.values[m * d + first[t] + m] = 1;
    all.push_back(std::move(c));
  }
  Index size = d;  // d^n
  for (int n = 2; n <= nu; ++n, size *= d) {
    std::vector<Coupling> next;
    for (const Coupling& old : all)
      for (std::size_t t = 0; t < in.size(); ++t)
        for (const so3::Irrep ir : so3::Irrep{old.l, old.p} * in[t].ir) {
          if (n == nu && ir != out) continue;
          if (nu == 4 && ir.p != (ir.l % 2 ? -1 : 1)) continue;  // mace-torch leaves them out
          next.push_back(longer(old, in[t].ir, ir, size, d, first[t]));
        }
    // By degree, odd first: e3nn's order.
    std::stable_sort(next.begin(), next.end(),
                     [](const Coupling& x, const Coupling& y) { return x.l != y.l ? x.l < y.l : x.p < y.p; });
    all = std::move(next);
  }
  std::vector<const Coupling*> kept;
  for (const Coupling& c : all)
    if (c.l == out.l && c.p == out.p) kept.push_back(&c);
  // Where there is none, mace-torch keeps a column of zeros.
  const Index columns = std::max<Index>(1, static_cast<Index>(kept.size())), rows = out.dim() * size;
  std::vector<double> values(rows * columns, 0.0);
  for (std::size_t e = 0; e < kept.size(); ++e)
    for (Index i = 0; i < rows; ++i) values[i * columns + static_cast<Index>(e)] = kept[e]->values[i];
  Shape shape(nu, d);
  if (out.l > 0) shape.insert(shape.begin(), out.dim());
  shape.push_back(columns);
  return Array::from<double>(values, shape);
}

}  // namespace cartan::potentials
