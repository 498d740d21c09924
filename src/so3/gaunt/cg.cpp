// Forms by sums over Clebsch-Gordan coefficients. A product of several factors is a chain of products of
// two, of all degrees that can still reach the result.
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

// z_k = sum of value x_i y_j over the couplings of all degrees. Results of one m3 and one parity of l3 take
// the same products.
std::shared_ptr<const BilinearRows> contraction(int l1, int l2, int l3, bool bracket) {
  static auto& cache = *new SharedCache<std::tuple<int, int, int, bool>, BilinearRows>;
  return cache.get({l1, l2, l3, bracket}, [&] {
    std::map<std::pair<int, int>, std::vector<BilinearRows::Entry>> by_order;
    for (int a = 0; a <= l1; ++a)
      for (int b = 0; b <= l2; ++b)
        for (int c = std::abs(a - b); c <= std::min(a + b, l3); ++c) {
          const double scale = bracket ? bracket_coefficient(a, b, c) : gaunt(a, b, c);
          if (scale == 0) continue;
          for (const Coupling& e : couplings(a, b, c))
            by_order[{e.k - c, c % 2}].push_back({a * a + e.i, b * b + e.j, c * c + e.k, scale * e.value});
        }
    std::vector<std::vector<BilinearRows::Entry>> groups;
    for (auto& [order, entries] : by_order) groups.push_back(std::move(entries));
    return std::make_shared<BilinearRows>((l3 + 1) * (l3 + 1), std::move(groups));
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
  std::vector<int> degree;  // of the product of the first k + 1 factors
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

template <class T>
class CouplingKernel final : public FormKernel<T> {
  static constexpr Index w = lane_width<T>;

 public:
  CouplingKernel(const SphereForm& form, const std::vector<int>& outs)
      : form_(form), chains_(chains(form, outs)) {
    Index lmax = form.lmax();
    for (const Chain& c : chains_) {
      std::vector<std::shared_ptr<const BilinearRows>> steps;
      for (std::size_t k = 1; k < c.factors.size(); ++k) {
        lmax = std::max<Index>(lmax, c.degree[k]);
        steps.push_back(contraction(c.degree[k - 1], form.degree[c.factors[k].array],
                                    k + 1 == c.factors.size() ? c.target_degree : c.degree[k], c.bracket));
      }
      steps_.push_back(std::move(steps));
    }
    size_ = (lmax + 1) * (lmax + 1) * w;
  }
  Index scratch_size() const override { return 4 * size_; }

  void run(const T* const* slots, T* const* results, T* scratch) const override {
    T *left = scratch, *right = scratch + size_, *product = right + size_, *spare = product + size_;
    for (std::size_t t = 0; t < chains_.size(); ++t) {
      const Chain& c = chains_[t];
      const T* partial = weighted(slots, c.factors[0], left);
      T *next = product, *free = spare;
      for (std::size_t k = 1; k < c.factors.size(); ++k) {
        steps_[t][k - 1]->run(partial, weighted(slots, c.factors[k], right), next);
        partial = next;
        std::swap(next, free);
      }
      const int reach = c.factors.size() > 1 ? c.target_degree : c.degree[0];
      for (const Chain::Target& target : c.targets)
        collect(slots, target, std::min(reach, c.target_degree), partial, results[target.out]);
    }
  }

 private:
  const T* weights(const T* const* slots, const SphereFactor& f) const {
    return slots[form_.arrays() + f.weight] + Index{f.row} * (form_.weight_degree[f.weight] + 1) * w;
  }
  const T* weighted(const T* const* slots, const SphereFactor& f, T* out) const {
    const T* x = slots[f.array];
    if (f.weight < 0) return x;
    multiply_degrees<T>(form_.degree[f.array], weights(slots, f), x, out);
    return out;
  }
  void collect(const T* const* slots, const Chain::Target& t, int reach, const T* z, T* result) const {
    const T factor = static_cast<T>(t.coefficient);
    const SphereFactor& f = t.factor;
    if (t.out < form_.arrays())
      add_degrees<T>(reach, factor, f.weight < 0 ? nullptr : weights(slots, f), z, result);
    else
      dot_degrees<T>(reach, factor, slots[f.array], z, result + f.row * (form_.degree[f.array] + 1) * w);
  }

  SphereForm form_;
  std::vector<Chain> chains_;
  std::vector<std::vector<std::shared_ptr<const BilinearRows>>> steps_;
  Index size_ = 0;
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
  for (const Chain& c : chains(form, {out})) {
    work.weighted += square(c.target_degree);
    for (std::size_t k = 0; k < c.factors.size(); ++k) {
      if (c.factors[k].weight >= 0) work.weighted += square(form.degree[c.factors[k].array]);
      if (k == 0) continue;
      count_contraction(c.degree[k - 1], form.degree[c.factors[k].array],
                        k + 1 == c.factors.size() ? c.target_degree : c.degree[k], c.bracket, work);
    }
  }
  return work;
}

}  // namespace cartan::so3
