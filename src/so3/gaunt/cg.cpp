// Forms by sums over Clebsch-Gordan coefficients. A product of several factors is a chain of products of
// two, of all degrees that can still reach the result. Products of the same two arrays that differ in their
// weights, as those of a rank do, share one sum over coefficients.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "cartan/so3/tables.hpp"
#include "cartan/so3/vector_signal.hpp"
#include "so3/gaunt/cache.hpp"
#include "so3/gaunt/form.hpp"
#include "so3/gaunt/rows.hpp"

namespace cartan::so3 {
namespace {

// How products of two arrays that differ in weights alone share their sum over coefficients.
enum class Sharing {
  none,
  pairs,      // weights on both sides make one for every pair of degrees: x comes multiplied for each l2
  by_first,   // weights on the first: results apart for each l1, weighted afterwards
  by_second,  // on the second
};

// z_k = sum of value x_i y_j over the couplings of all degrees. Results of one m3 and one parity of l3 take
// the same products. With `pairs`, x has a block of rows for every l2; with `by_first` (`by_second`) z has
// one for every l1 (l2).
std::shared_ptr<const BilinearRows> contraction(int l1, int l2, int l3, bool bracket, Sharing sharing) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int, bool, Sharing>, BilinearRows>;
  return cache.get({l1, l2, l3, bracket, sharing}, [&] {
    const int x_rows = (l1 + 1) * (l1 + 1), z_rows = (l3 + 1) * (l3 + 1);
    std::map<std::tuple<int, int, int>, std::vector<BilinearRows::Entry>> by_order;
    for (int a = 0; a <= l1; ++a)
      for (int b = 0; b <= l2; ++b)
        for (int c = std::abs(a - b); c <= std::min(a + b, l3); ++c) {
          const double scale = bracket ? bracket_coefficient(a, b, c) : gaunt(a, b, c);
          if (scale == 0) continue;
          const int x_block = sharing == Sharing::pairs ? b : 0;
          const int z_block = sharing == Sharing::by_first ? a : sharing == Sharing::by_second ? b : 0;
          for (const Coupling& e : couplings(a, b, c))
            by_order[{z_block, e.k - c, c % 2}].push_back({x_block * x_rows + a * a + e.i, b * b + e.j,
                                                           z_block * z_rows + c * c + e.k, scale * e.value});
        }
    std::vector<std::vector<BilinearRows::Entry>> groups;
    for (auto& [order, entries] : by_order) groups.push_back(std::move(entries));
    const int blocks = sharing == Sharing::by_first ? l1 + 1 : sharing == Sharing::by_second ? l2 + 1 : 1;
    return std::make_shared<BilinearRows>(blocks * z_rows, std::move(groups));
  });
}

// The chain of a term: its factors but the target, one by one; `degree` of every partial product. Where it
// goes: to all that the same product serves.
struct Chain {
  struct Target {
    int out;
    double coefficient;
    SphereFactor factor;
  };
  std::vector<Target> targets;
  bool bracket;
  std::vector<SphereFactor> factors;
  std::vector<int> degree;  // of the product of the first k + 1 factors, as far as it can reach the target
  int target_degree;
};

std::vector<Chain> chains(const SphereForm& form, const std::vector<int>& outs) {
  std::vector<Chain> all;
  for (const SphereDerivative& d : derivatives_of(form, outs)) {
    Chain c{{{d.out, d.coefficient, d.target}}, d.bracket, {}, {}, form.degree[d.target.array]};
    int remaining = c.target_degree;
    for (const SphereFactor& f : d.factors)
      for (int n = 0; n < f.power; ++n) {
        c.factors.push_back({f.array, f.weight, f.row, 1});
        remaining += form.degree[f.array];
      }
    const auto same = std::find_if(all.begin(), all.end(), [&](const Chain& other) {
      return other.bracket == c.bracket && other.target_degree == c.target_degree &&
             other.factors == c.factors;
    });
    if (same != all.end()) {
      same->targets.push_back(c.targets[0]);
      continue;
    }
    int degree = 0;
    for (const SphereFactor& f : c.factors) {
      const int l = form.degree[f.array];
      remaining -= l;
      degree = std::min(degree + l, remaining);
      c.degree.push_back(degree);
    }
    all.push_back(std::move(c));
  }
  return all;
}

// Chains that share their sums; one alone shares none.
struct ChainGroup {
  Sharing sharing;
  std::vector<Chain> chains;
};

Sharing sharing_of(const SphereForm& form, const Chain& c) {
  if (c.factors.size() != 2) return Sharing::none;
  const bool first = c.factors[0].weight >= 0, second = c.factors[1].weight >= 0;
  if (first != second) return first ? Sharing::by_first : Sharing::by_second;
  const Chain::Target& t = c.targets[0];
  const bool plain = c.targets.size() == 1 && t.out < form.arrays() && t.factor.weight < 0;
  return first && plain ? Sharing::pairs : Sharing::none;
}

std::vector<ChainGroup> chain_groups(const SphereForm& form, const std::vector<int>& outs) {
  std::vector<ChainGroup> groups;
  for (Chain& c : chains(form, outs)) {
    const Sharing sharing = sharing_of(form, c);
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const ChainGroup& g) {
      const Chain& other = g.chains[0];
      return sharing != Sharing::none && g.sharing == sharing && other.bracket == c.bracket &&
             other.target_degree == c.target_degree && other.factors[0].array == c.factors[0].array &&
             other.factors[1].array == c.factors[1].array &&
             (sharing != Sharing::pairs || other.targets[0].out == c.targets[0].out);
    });
    if (same == groups.end())
      groups.push_back({sharing, {std::move(c)}});
    else
      same->chains.push_back(std::move(c));
  }
  for (ChainGroup& g : groups)
    if (g.chains.size() == 1) g.sharing = Sharing::none;
  return groups;
}

template <class T>
class CouplingKernel final : public FormKernel<T> {
  using V = Register<T>;
  static constexpr Index w = lane_width<T>, n = vector_width<T>;

 public:
  CouplingKernel(const SphereForm& form, const std::vector<int>& outs)
      : form_(form), groups_(chain_groups(form, outs)) {
    Index lmax = form.lmax();
    for (const ChainGroup& g : groups_) {
      std::vector<std::shared_ptr<const BilinearRows>> steps;
      for (const Chain& c : g.chains) {
        for (std::size_t k = 1; k < c.factors.size(); ++k) {
          lmax = std::max<Index>(lmax, c.degree[k]);
          steps.push_back(contraction(c.degree[k - 1], degree(c.factors[k]),
                                      k + 1 == c.factors.size() ? c.target_degree : c.degree[k], c.bracket,
                                      g.sharing));
        }
        if (g.sharing == Sharing::none) continue;
        const Index blocks = std::max(degree(c.factors[0]), degree(c.factors[1])) + 1;
        shared_ = std::max(shared_, blocks);
        break;
      }
      steps_.push_back(std::move(steps));
    }
    size_ = (lmax + 1) * (lmax + 1) * w;
  }
  Index scratch_size() const override { return (4 + shared_) * size_ + shared_ * shared_ * w; }

  void run(const T* const* slots, T* const* results, T* scratch) const override {
    for (std::size_t t = 0; t < groups_.size(); ++t) switch (groups_[t].sharing) {
        case Sharing::none:
          chain(groups_[t].chains[0], steps_[t], slots, results, scratch);
          break;
        case Sharing::pairs:
          pairs(groups_[t].chains, *steps_[t][0], slots, results, scratch);
          break;
        default:
          by_degree(groups_[t], *steps_[t][0], slots, results, scratch);
      }
  }

 private:
  void chain(const Chain& c, const std::vector<std::shared_ptr<const BilinearRows>>& steps,
             const T* const* slots, T* const* results, T* scratch) const {
    T *left = scratch, *right = scratch + size_, *next = right + size_, *free = next + size_;
    const T* partial = weighted(slots, c.factors[0], left);
    for (std::size_t k = 1; k < c.factors.size(); ++k) {
      steps[k - 1]->run(partial, weighted(slots, c.factors[k], right), next);
      partial = next;
      std::swap(next, free);
    }
    collect(slots, c, partial, results);
  }

  // sum of c (u o x)(v o y) = the couplings of (W[., l2] o x) and y, W[l1, l2] = sum of c u[l1] v[l2]
  void pairs(const std::vector<Chain>& chains, const BilinearRows& couplings, const T* const* slots,
             T* const* results, T* scratch) const {
    const SphereFactor &x = chains[0].factors[0], &y = chains[0].factors[1];
    const Index l1 = chains[0].degree[0], l2 = degree(y), rows = (l1 + 1) * (l1 + 1) * w;
    T *product = scratch, *multiples = scratch + size_, *weight = multiples + shared_ * size_;
    std::fill(weight, weight + (l1 + 1) * (l2 + 1) * w, T(0));
    for (const Chain& c : chains) {
      const T *u = weights(slots, c.factors[0]), *v = weights(slots, c.factors[1]);
      const T factor = static_cast<T>(c.targets[0].coefficient);
      for (Index b = 0; b <= l2; ++b)
        for (Index k = 0; k < (l1 + 1) * w; k += n) {
          T* sum = weight + b * (l1 + 1) * w + k;
          store(sum, V(load<V>(sum) + factor * load<V>(u + k) * load<V>(v + b * w + k % w)));
        }
    }
    for (Index b = 0; b <= l2; ++b)
      multiply_degrees<T>(l1, weight + b * (l1 + 1) * w, slots[x.array], multiples + b * rows);
    couplings.run(multiples, slots[y.array], product);
    add_degrees<T>(chains[0].target_degree, T(1), nullptr, product, results[chains[0].targets[0].out]);
  }

  // The couplings of x and y for every degree of the one that is weighted, then the weighted sum of each
  // chain.
  void by_degree(const ChainGroup& g, const BilinearRows& couplings, const T* const* slots, T* const* results,
                 T* scratch) const {
    const std::size_t side = g.sharing == Sharing::by_first ? 0 : 1;
    T *sum = scratch, *products = scratch + size_;
    const auto& factors = g.chains[0].factors;
    couplings.run(slots[factors[0].array], slots[factors[1].array], products);
    const Index lmax = side == 0 ? g.chains[0].degree[0] : degree(factors[1]);
    const Index rows = Index{g.chains[0].target_degree + 1} * (g.chains[0].target_degree + 1) * w;
    for (const Chain& c : g.chains) {
      const T* u = weights(slots, c.factors[side]);
      for (Index k = 0; k < rows; k += n) {
        V s = {};
        for (Index l = 0; l <= lmax; ++l) s += load<V>(u + l * w + k % w) * load<V>(products + l * rows + k);
        store(sum + k, s);
      }
      collect(slots, c, sum, results);
    }
  }

  int degree(const SphereFactor& f) const { return form_.degree[f.array]; }
  const T* weights(const T* const* slots, const SphereFactor& f) const {
    return slots[form_.arrays() + f.weight] + Index{f.row} * (form_.weight_degree[f.weight] + 1) * w;
  }
  const T* weighted(const T* const* slots, const SphereFactor& f, T* out) const {
    const T* x = slots[f.array];
    if (f.weight < 0) return x;
    multiply_degrees<T>(degree(f), weights(slots, f), x, out);
    return out;
  }
  // Adds the product z of the factors of a chain to all that it serves.
  void collect(const T* const* slots, const Chain& c, const T* z, T* const* results) const {
    const int reach = c.factors.size() > 1 ? c.target_degree : std::min(c.degree[0], c.target_degree);
    for (const Chain::Target& t : c.targets) {
      const T factor = static_cast<T>(t.coefficient);
      const SphereFactor& f = t.factor;
      T* result = results[t.out];
      if (t.out < form_.arrays())
        add_degrees<T>(reach, factor, f.weight < 0 ? nullptr : weights(slots, f), z, result);
      else
        dot_degrees<T>(reach, factor, slots[f.array], z, result + f.row * (degree(f) + 1) * w);
    }
  }

  SphereForm form_;
  std::vector<ChainGroup> groups_;
  std::vector<std::vector<std::shared_ptr<const BilinearRows>>> steps_;
  Index size_ = 0, shared_ = 0;  // of the rows of one function; functions of one for every degree
};

// Products and sums of a contraction, counted by the rules for m and parity without the couplings' values.
void count_contraction(int l1, int l2, int l3, bool bracket, FormWork& work) {
  if (std::max({l1, l2, l3}) > 64) {  // as L^5; never the fastest there
    FormWork half;
    count_contraction(l1 / 2, l2 / 2, l3 / 2, bracket, half);
    work.products += 32 * half.products;
    work.sums += 32 * half.sums;
    return;
  }
  constexpr int tile = 4;
  const auto target = [&](int a, int b, int m3) {
    const int parity = (a + b + (bracket ? 1 : 0)) % 2;
    int low = std::max(std::abs(a - b), m3), high = std::min(a + b, l3);
    low += (low + parity) % 2;
    high -= (high + parity) % 2;
    if (high < low) return;
    // rows of this m3 and parity, in tiles from the lowest on
    const int first = m3 + (m3 + parity) % 2, last = l3 - (l3 + parity) % 2;
    for (int t = (low - first) / 2 / tile; t <= (high - first) / 2 / tile; ++t) {
      work.products += 1;
      work.sums += std::min(tile, (last - first) / 2 + 1 - t * tile);
    }
  };
  for (int a = 0; a <= l1; ++a)
    for (int b = 0; b <= l2; ++b)
      for (int m1 = -a; m1 <= a; ++m1)
        for (int m2 = -b; m2 <= b; ++m2) {
          const int p = std::abs(m1), q = std::abs(m2);
          const bool sine = ((m1 < 0) != (m2 < 0)) != bracket;  // the result is a sine
          if (p + q > 0 || !sine) target(a, b, p + q);
          if (p > 0 && q > 0 && (p != q || !sine)) target(a, b, std::abs(p - q));
        }
}

}  // namespace

template <class T>
std::shared_ptr<const FormKernel<T>> coupling_kernel(const SphereForm& form, const std::vector<int>& outs) {
  return std::make_shared<CouplingKernel<T>>(form, outs);
}
template std::shared_ptr<const FormKernel<float>> coupling_kernel<float>(const SphereForm&,
                                                                         const std::vector<int>&);
template std::shared_ptr<const FormKernel<double>> coupling_kernel<double>(const SphereForm&,
                                                                           const std::vector<int>&);

FormWork coupling_work(const SphereForm& form, int out) {
  const auto square = [](double l) { return (l + 1) * (l + 1); };
  FormWork work;
  for (int l : form.degree) work.rows += square(l);
  for (const ChainGroup& g : chain_groups(form, {out})) {
    const Chain& c = g.chains[0];
    const auto degree = [&](std::size_t k) {
      return g.sharing != Sharing::none && k == 0 ? c.degree[0] : form.degree[c.factors[k].array];
    };
    const auto count = static_cast<double>(g.chains.size());
    work.weighted += square(c.target_degree) * (g.sharing == Sharing::pairs ? 1 : count);
    if (g.sharing == Sharing::pairs)
      work.weighted += (degree(1) + 1) * square(degree(0));
    else if (g.sharing != Sharing::none)
      work.products += count * (degree(g.sharing == Sharing::by_first ? 0 : 1) + 1) * square(c.target_degree);
    for (std::size_t k = 0; k < c.factors.size(); ++k) {
      if (g.sharing == Sharing::none && c.factors[k].weight >= 0) work.weighted += square(degree(k));
      if (k == 0) continue;
      count_contraction(c.degree[k - 1], degree(k), k + 1 == c.factors.size() ? c.target_degree : c.degree[k],
                        c.bracket, work);
    }
  }
  return work;
}

}  // namespace cartan::so3
