// Forms by values on the sphere: every distinct factor is brought to the grid, the terms are products of
// values, and what belongs to one weighting of the result is projected at once.
#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <tuple>

#include "cartan/core/error.hpp"
#include "so3/gaunt/form.hpp"
#include "so3/gaunt/fourier_transform.hpp"
#include "so3/harmonics/sphere_grid_transform.hpp"

namespace cartan::so3 {
namespace {

// A factor on the grid: a multiple of an array by degree, or a component of its gradient.
struct Function {
  int array, weight, row;
  Derivative derivative;
  bool operator==(const Function&) const = default;
};
struct Monomial {
  double coefficient;
  std::vector<int> functions;  // with repetitions
};
// What is projected together, and where it goes: to the derivative by an array, weighted, or by weights, as
// products with an array.
struct Projection {
  struct Target {
    int out;
    SphereFactor factor;
  };
  std::vector<Target> targets;
  std::vector<Monomial> monomials;
  std::vector<std::pair<double, SphereFactor>> linear;  // terms < target f >: no grid is needed
  int component = -1;
  const SphereFactor& target() const { return targets.front().factor; }
};
// Groups that share functions, worked on at the same time.
struct Program {
  std::vector<Function> functions;
  std::vector<Projection> groups;
  int components = 0;
  std::vector<int> component;  // of every function
};

bool same_values(const Projection& a, const Projection& b) {
  return std::equal(a.monomials.begin(), a.monomials.end(), b.monomials.begin(), b.monomials.end(),
                    [](const Monomial& p, const Monomial& q) {
                      return p.coefficient == q.coefficient && p.functions == q.functions;
                    }) &&
         a.linear == b.linear;
}

Program compile(const SphereForm& form, const std::vector<int>& outs) {
  Program p;
  const auto function = [&](const SphereFactor& f, Derivative d) {
    const Function key{f.array, f.weight, f.row, d};
    const auto it = std::find(p.functions.begin(), p.functions.end(), key);
    if (it != p.functions.end()) return static_cast<int>(it - p.functions.begin());
    p.functions.push_back(key);
    return static_cast<int>(p.functions.size()) - 1;
  };
  std::vector<Projection> groups;
  for (const SphereDerivative& t : derivatives_of(form, outs)) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Projection& g) {
      return g.targets[0].out == t.out && g.target() == t.target;
    });
    if (group == groups.end())
      group = groups.insert(groups.end(), Projection{{{t.out, t.target}}, {}, {}, -1});
    if (t.bracket) {
      // {a, b} = (a_theta b_phi - a_phi b_theta) / sin(theta)
      for (int swap = 0; swap < 2; ++swap)
        group->monomials.push_back(
            {swap ? -t.coefficient : t.coefficient,
             {function(t.factors[0], swap ? Derivative::azimuthal : Derivative::polar),
              function(t.factors[1], swap ? Derivative::polar : Derivative::azimuthal)}});
      continue;
    }
    if (t.factors.size() == 1 && t.factors[0].power == 1) {
      group->linear.push_back({t.coefficient, t.factors[0]});
      continue;
    }
    Monomial m{t.coefficient, {}};
    for (const SphereFactor& f : t.factors)
      for (int n = 0; n < f.power; ++n) m.functions.push_back(function(f, Derivative::none));
    group->monomials.push_back(std::move(m));
  }
  // one projection for all that need it
  for (Projection& g : groups) {
    const auto same = std::find_if(p.groups.begin(), p.groups.end(), [&](const Projection& q) {
      return form.degree[q.target().array] == form.degree[g.target().array] && same_values(q, g);
    });
    if (same == p.groups.end())
      p.groups.push_back(std::move(g));
    else
      same->targets.push_back(g.targets[0]);
  }
  // components: functions joined by groups
  p.component.assign(p.functions.size(), -1);
  for (std::size_t seed = 0; seed < p.groups.size(); ++seed) {
    if (p.groups[seed].component >= 0) continue;
    p.groups[seed].component = p.components;
    for (bool grown = true; grown;) {
      grown = false;
      for (Projection& g : p.groups) {
        bool member = g.component == p.components;
        for (const Monomial& m : g.monomials)
          for (int f : m.functions) member |= p.component[f] == p.components;
        if (!member) continue;
        g.component = p.components;
        for (const Monomial& m : g.monomials)
          for (int f : m.functions)
            if (p.component[f] != p.components) {
              p.component[f] = p.components;
              grown = true;
            }
      }
    }
    ++p.components;
  }
  return p;
}

template <class T>
class TransformKernel final : public FormKernel<T> {
  static constexpr Index w = lane_width<T>;

 public:
  TransformKernel(const SphereForm& form, Program program,
                  std::shared_ptr<const SphereTransform<T>> transform)
      : form_(form), program_(std::move(program)), transform_(std::move(transform)) {
    slot_.resize(program_.functions.size());
    const Index count = transform_->rows();
    for (int c = 0; c < program_.components; ++c) {
      Index size = 0;
      int functions = 0;
      for (std::size_t f = 0; f < slot_.size(); ++f)
        if (program_.component[f] == c) {
          slot_[f] = {size, functions++};
          size += count * transform_->row_size(degree(program_.functions[f].array));
        }
      for (const Projection& g : program_.groups)
        if (g.component == c && !g.monomials.empty())
          size += count * transform_->row_size(degree(g.target().array));
      coefficients_ = std::max(coefficients_, size);
      values_ = std::max<Index>(values_, functions + 2);
    }
    const Index lmax = form.lmax();
    rows_ = (lmax + 1) * (lmax + 1) * w;
  }

  Index scratch_size() const override {
    return coefficients_ + values_ * transform_->values_size() + transform_->work_size() + rows_;
  }

  void run(const T* const* slots, T* const* results, T* scratch) const override {
    T *values = scratch + coefficients_, *work = values + values_ * transform_->values_size();
    T* rows = work + transform_->work_size();
    for (int c = 0; c < program_.components; ++c) component(c, slots, results, scratch, values, work, rows);
  }

 private:
  int degree(int array) const { return form_.degree[array]; }
  const T* weights(const T* const* slots, int weight, int row) const {
    return slots[form_.arrays() + weight] + Index{row} * (form_.weight_degree[weight] + 1) * w;
  }

  void component(int c, const T* const* slots, T* const* results, T* coefficients, T* values, T* work,
                 T* rows) const {
    const Index count = transform_->rows(), size = transform_->values_size();
    const auto in_component = [&](const Projection& g) { return g.component == c && !g.monomials.empty(); };
    T* next = coefficients;
    for (std::size_t k = 0; k < slot_.size(); ++k) {
      if (program_.component[k] != c) continue;
      const Function& f = program_.functions[k];
      const T* x = slots[f.array];
      if (f.weight >= 0) {
        multiply_degrees(degree(f.array), weights(slots, f.weight, f.row), x, rows);
        x = rows;
      }
      transform_->theta_values(degree(f.array), f.derivative, x, work, next);
      next += count * transform_->row_size(degree(f.array));
    }
    T* const projected = next;
    for (Index i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < slot_.size(); ++k)
        if (program_.component[k] == c) {
          const int l = degree(program_.functions[k].array);
          transform_->phi_values(l, coefficients + slot_[k].coefficients + i * transform_->row_size(l), work,
                                 values + (2 + slot_[k].values) * size);
        }
      T* g = projected;
      for (const Projection& group : program_.groups) {
        if (!in_component(group)) continue;
        const int l = degree(group.target().array);
        multiply(group, values);
        transform_->phi_project(l, values, work, g + i * transform_->row_size(l));
        g += count * transform_->row_size(l);
      }
    }
    T* g = projected;
    for (const Projection& group : program_.groups) {
      if (group.component != c) continue;
      const int l = degree(group.target().array);
      if (group.monomials.empty()) {
        std::fill(rows, rows + (l + 1) * (l + 1) * w, T(0));
      } else {
        transform_->theta_project(l, g, work, rows);
        g += count * transform_->row_size(l);
      }
      for (const auto& [coefficient, f] : group.linear)
        add_linear(slots, f, static_cast<T>(coefficient), l, rows);
      for (const auto& [out, target] : group.targets) collect(slots, out, target, rows, results[out]);
    }
  }

  // values[0] = the sum of the group's monomials; values[1] is scratch.
  void multiply(const Projection& group, T* values) const {
    using V = Register<T>;
    const Index size = transform_->values_size();
    bool first = true;
    for (const Monomial& m : group.monomials) {
      T* out = first ? values : values + size;
      const T* a = function_values(values, m.functions[0]);
      if (m.functions.size() == 1) std::copy(a, a + size, out);
      for (std::size_t k = 1; k < m.functions.size(); ++k) {
        const T* b = function_values(values, m.functions[k]);
        for (Index i = 0; i < size; i += vector_width<T>) store(out + i, V(load<V>(a + i) * load<V>(b + i)));
        a = out;
      }
      const T factor = static_cast<T>(m.coefficient);
      if (!first)
        for (Index i = 0; i < size; i += vector_width<T>)
          store(values + i, V(load<V>(values + i) + load<V>(out + i) * factor));
      else if (m.coefficient != 1)
        for (Index i = 0; i < size; i += vector_width<T>) store(out + i, V(load<V>(out + i) * factor));
      first = false;
    }
  }
  const T* function_values(const T* values, int f) const {
    return values + (2 + slot_[f].values) * transform_->values_size();
  }

  void add_linear(const T* const* slots, const SphereFactor& f, T coefficient, int lmax, T* rows) const {
    add_degrees<T>(std::min(lmax, degree(f.array)), coefficient,
                   f.weight < 0 ? nullptr : weights(slots, f.weight, f.row), slots[f.array], rows);
  }

  // Adds the projection to a result: weighted to an array, or its products with an array to the weights.
  void collect(const T* const* slots, int out, const SphereFactor& target, const T* z, T* result) const {
    const Index lmax = degree(target.array);
    if (out < form_.arrays())
      add_degrees<T>(lmax, T(1), target.weight < 0 ? nullptr : weights(slots, target.weight, target.row), z,
                     result);
    else
      dot_degrees<T>(lmax, T(1), slots[target.array], z, result + target.row * (lmax + 1) * w);
  }

  struct Place {
    Index coefficients;
    int values;
  };
  SphereForm form_;
  Program program_;
  std::shared_ptr<const SphereTransform<T>> transform_;
  std::vector<Place> slot_;
  Index coefficients_ = 0, values_ = 2, rows_ = 0;
};

// The largest sum of degrees of a product, without the target's.
int product_degree(const Program& p, const SphereForm& form) {
  int most = 0;
  for (const Projection& g : p.groups)
    for (const Monomial& m : g.monomials) {
      int sum = 0;
      for (int f : m.functions) sum += form.degree[p.functions[f].array];
      most = std::max(most, sum);
    }
  return most;
}

bool has_bracket(const SphereForm& form) {
  return std::any_of(form.terms.begin(), form.terms.end(), [](const SphereTerm& t) { return t.bracket; });
}

}  // namespace

template <class T>
std::shared_ptr<const FormKernel<T>> transform_kernel(const SphereForm& form, const std::vector<int>& outs,
                                                      Engine engine) {
  const int total = form.total_degree();
  Program program = compile(form, outs);
  std::shared_ptr<const SphereTransform<T>> transform;
  if (engine == Engine::fourier)
    transform =
        fourier_transform<T>(std::max(product_degree(program, form), form.lmax()), total + 1, form.lmax());
  else
    transform = grid_transform<T>(total / 2 + 1, total + 1 + (total + 1) % 2, form.lmax(), has_bracket(form));
  return std::make_shared<TransformKernel<T>>(form, std::move(program), transform);
}
template std::shared_ptr<const FormKernel<float>> transform_kernel<float>(const SphereForm&,
                                                                          const std::vector<int>&, Engine);
template std::shared_ptr<const FormKernel<double>> transform_kernel<double>(const SphereForm&,
                                                                            const std::vector<int>&, Engine);

FormWork transform_work(const SphereForm& form, int out, Engine engine) {
  const Program p = compile(form, {out});
  const int total = form.total_degree();
  const double pairs = (total / 2 + 2) / 2, quarter = (total + 1 + (total + 1) % 2 + 3) / 4;
  const double n_theta = std::max(product_degree(p, form), form.lmax()) + 1.0, n_phi = total + 1.0;
  const auto square = [](double l) { return (l + 1) * (l + 1); };
  FormWork work;
  for (int l : form.degree) work.rows += square(l);
  const auto transform = [&](double l) {
    if (engine == Engine::fourier) {
      work.waves += (2 * l + 1) * n_theta * std::log2(n_theta) + n_theta * n_phi * std::log2(n_phi);
      work.sums += square(l) * (l + 2) / 4;
    } else {
      work.sums += pairs * (square(l) + 2 * quarter * (2 * l + 1));
      work.products += pairs * quarter * 8;  // the images
    }
  };
  const double values = engine == Engine::fourier ? n_theta * n_phi : pairs * quarter * 8;
  for (const Function& f : p.functions) {
    transform(form.degree[f.array]);
    if (f.weight >= 0) work.weighted += square(form.degree[f.array]);
  }
  for (const Projection& g : p.groups) {
    const int l = form.degree[g.target().array];
    if (!g.monomials.empty()) transform(l);
    work.weighted += square(l);
    for (const Monomial& m : g.monomials)
      work.products += values * static_cast<double>(m.functions.size() - 1);
  }
  return work;
}

}  // namespace cartan::so3
