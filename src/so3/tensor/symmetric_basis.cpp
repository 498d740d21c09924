#include "so3/tensor/symmetric_basis.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/so3/tables.hpp"

namespace cartan::so3 {
namespace {

using Polynomial = std::map<Monomial, double>;

// 2 l + 1 polynomials that turn as an irrep.
struct Multiplet {
  Irrep ir;
  std::vector<Polynomial> components;
};

// (p x coordinates of a term) coupled to `ir`. Factors commute: this symmetrises.
Multiplet couple(const Multiplet& p, Irrep term, int first, Irrep ir) {
  Multiplet out{ir, std::vector<Polynomial>(ir.dim())};
  const double scale = std::sqrt(static_cast<double>(ir.dim()));
  for (const Coupling& c : couplings(p.ir.l, term.l, ir.l))
    for (const auto& [monomial, value] : p.components[c.i]) {
      Monomial product = monomial;
      product.insert(std::upper_bound(product.begin(), product.end(), first + c.j), first + c.j);
      out.components[c.k][product] += scale * c.value * value;
    }
  return out;
}

// Scalar product of symmetric tensors, over all components.
double inner(const Multiplet& a, const Multiplet& b) {
  double sum = 0;
  for (std::size_t m = 0; m < a.components.size(); ++m)
    for (const auto& [monomial, value] : a.components[m])
      if (const auto it = b.components[m].find(monomial); it != b.components[m].end())
        sum += value * it->second / orders(monomial);
  return sum;
}

void add(Multiplet& a, double factor, const Multiplet& b) {
  for (std::size_t m = 0; m < a.components.size(); ++m)
    for (const auto& [monomial, value] : b.components[m]) a.components[m][monomial] += factor * value;
}

// The part of a at right angles to the orthonormal ones, scaled to components of norm 1; false when nothing
// is left.
bool orthonormalize(Multiplet& a, const std::vector<Multiplet>& basis) {
  constexpr double independent = 1e-6;
  const double dim = a.ir.dim(), before = inner(a, a);
  if (!(before > 1e-20)) return false;
  for (int pass = 0; pass < 3; ++pass)
    for (const Multiplet& b : basis) add(a, -inner(a, b) / dim, b);
  const double left = inner(a, a);
  if (left < independent * independent * before) return false;
  for (Polynomial& p : a.components)
    for (auto& [monomial, value] : p) value *= std::sqrt(dim / left);
  return true;
}

}  // namespace

double orders(const Monomial& monomial) {
  double n = 1;
  int run = 0;
  for (std::size_t k = 0; k < monomial.size(); ++k) {
    run = k > 0 && monomial[k] == monomial[k - 1] ? run + 1 : 1;
    n *= static_cast<double>(k + 1) / run;
  }
  return n;
}

SymmetricBasis symmetric_basis(const Irreps& in, Irrep out, int nu) {
  std::vector<int> first{0};
  for (const auto& t : in) first.push_back(first.back() + t.ir.dim());

  SymmetricBasis result;
  std::vector<std::size_t> terms(nu, 0);  // a multiset, ascending
  while (true) {
    std::vector<Multiplet> chains;
    for (int k = 0; k < nu; ++k) {
      const Irrep ir = in[terms[k]].ir;
      const int place = first[terms[k]];
      std::vector<Multiplet> longer;
      if (k == 0) {
        Multiplet start{ir, std::vector<Polynomial>(ir.dim())};
        for (int m = 0; m < ir.dim(); ++m) start.components[m][{place + m}] = 1;
        longer.push_back(std::move(start));
      }
      int reach = 0;  // what the remaining terms can still change l by
      for (int rest = k + 1; rest < nu; ++rest) reach += in[terms[rest]].ir.l;
      for (const Multiplet& chain : chains)
        for (const Irrep next : chain.ir* ir)
          if (std::abs(next.l - out.l) <= reach) longer.push_back(couple(chain, ir, place, next));
      chains = std::move(longer);
    }
    std::vector<Multiplet> basis;
    for (Multiplet& chain : chains)
      if (chain.ir == out && orthonormalize(chain, basis)) basis.push_back(std::move(chain));
    for (const Multiplet& b : basis) {
      for (std::size_t m = 0; m < b.components.size(); ++m)
        for (const auto& [monomial, value] : b.components[m]) {
          if (std::abs(value) < 1e-13) continue;  // zero but for rounding
          auto& components = result.values[monomial];
          components.resize(b.components.size());
          components[m].resize(result.paths + 1, 0.0);
          components[m].back() = value;
        }
      ++result.paths;
    }
    // the next multiset
    int k = nu - 1;
    while (k >= 0 && terms[k] + 1 == in.size()) --k;
    if (k < 0) break;
    std::fill(terms.begin() + k, terms.end(), terms[k] + 1);
  }
  for (auto& [monomial, components] : result.values)
    for (auto& values : components) values.resize(result.paths, 0.0);
  return result;
}

}  // namespace cartan::so3
