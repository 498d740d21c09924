#include "so3/tensor/symmetric_program.hpp"

#include <algorithm>
#include <array>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/cpu/block.hpp"

namespace cartan::so3 {

struct SymmetricContraction::Program::Prefix {
  std::vector<std::pair<int, double>> sum;  // its own coefficient as (path, value)
  std::map<int, Prefix> next;
};

SymmetricContraction::Program::Program(const Irreps& in_, const Irreps& out_, int correlation_)
    : in(in_), out(out_), correlation(correlation_), channels(in_[0].mul) {
  first_path.push_back(0);
  for (std::size_t o = 0; o < out.size(); ++o) {
    std::vector<Prefix> roots(out[o].ir.dim());
    for (int nu = 1; nu <= correlation; ++nu) {
      const SymmetricBasis basis = symmetric_basis(in, out[o].ir, nu);
      for (const auto& [monomial, components] : basis.values)
        for (std::size_t m = 0; m < components.size(); ++m) {
          Prefix* p = nullptr;
          for (Index q = 0; q < basis.paths; ++q) {
            if (components[m][q] == 0) continue;
            if (!p) {
              p = &roots[m];
              for (int i : monomial) p = &p->next[i];
            }
            p->sum.emplace_back(static_cast<int>(num_paths + q), components[m][q]);
          }
        }
      paths.push_back({o, nu, num_paths, basis.paths});
      num_paths += basis.paths;
    }
    for (const Prefix& root : roots) {
      step_begin.push_back(steps.size());
      emit(root, 0, -1);
      steps.back().pops = steps.back().depth;
    }
  }
  step_begin.push_back(steps.size());
}

// Appends the steps of a prefix and its continuations.
void SymmetricContraction::Program::emit(const Prefix& prefix, int depth, int index) {
  const auto coefficient = [&](const Prefix& p) {
    if (p.sum.empty()) return -1;
    for (const auto& [q, v] : p.sum) path.push_back(q), value.push_back(v);
    first_path.push_back(static_cast<int>(path.size()));
    return static_cast<int>(first_path.size()) - 2;
  };
  // What came before at this depth or deeper is complete.
  if (!steps.empty() && depth > 0) steps.back().pops = steps.back().depth - depth + 1;
  Step step;
  step.depth = depth;
  step.index = index;
  step.coefficient = coefficient(prefix);
  step.leaf_begin = static_cast<int>(leaves.size());
  for (const auto& [i, p] : prefix.next)
    if (p.next.empty()) {
      const int k = coefficient(p);
      if (static_cast<int>(leaves.size()) == step.leaf_begin) step.leaf_coefficient = k;
      leaves.push_back(i);
    }
  step.leaf_end = static_cast<int>(leaves.size());
  steps.push_back(step);
  for (const auto& [i, p] : prefix.next)
    if (!p.next.empty()) emit(p, depth + 1, i);
}

namespace {

using Program = SymmetricContraction::Program;

// Numbers with k nilpotent units e_1 .. e_k (e_j^2 = 0) for several samples at a time: component s is the
// coefficient of the product of the units in the set s. The last one of f(x + sum e_j v_j) is D^k f along v.
template <class V, int k, int samples>
struct Jet {
  static constexpr int size = 1 << k, last = size - 1;
  V c[size][samples];

  void clear() {
    for (auto& s : c)
      for (V& v : s) v = V{};
  }
  void add(const V& f, const Jet& x) {
    for (int s = 0; s < size; ++s)
      for (int b = 0; b < samples; ++b) c[s][b] += f * x.c[s][b];
  }
  void add(const Jet& x, const Jet& y) {
    for (int s = 0; s < size; ++s)
      for (int t = s;; t = (t - 1) & s) {
        for (int b = 0; b < samples; ++b) c[s][b] += x.c[t][b] * y.c[s ^ t][b];
        if (t == 0) break;
      }
  }
};
// The last component of x y, added to v.
template <class V, int k, int samples>
void add_last(V (&v)[samples], const Jet<V, k, samples>& x, const Jet<V, k, samples>& y) {
  constexpr int last = (1 << k) - 1;
  for (int t = 0; t <= last; ++t)
    for (int b = 0; b < samples; ++b) v[b] += x.c[t][b] * y.c[last ^ t][b];
}

// One species and one strip of channels: coefficients at hand, samples in groups.
template <class T, int k, int samples>
class Evaluation {
 public:
  using V = PointLanes<T>;
  using N = Jet<V, k, samples>;

  explicit Evaluation(const Program& p)
      : p_(p),
        coefficients_(p.first_path.size() - 1),
        x_(p.in.dim() / p.channels),
        value_(p.correlation + 1),
        factor_(p.correlation + 1),
        index_(p.correlation + 1) {}

  std::vector<N>& x() { return x_; }
  std::vector<V>& coefficients() { return coefficients_; }

  // weight: (paths, channels) of the species, from the first channel of the strip
  void set_weights(const T* weight, Index count) {
    std::vector<V> w(p_.num_paths);
    for (Index q = 0; q < p_.num_paths; ++q) w[q] = load_some(weight + q * p_.channels, count);
    for (std::size_t c = 0; c < coefficients_.size(); ++c) {
      V sum{};
      for (int e = p_.first_path[c]; e < p_.first_path[c + 1]; ++e)
        sum += static_cast<T>(p_.value[e]) * w[p_.path[e]];
      coefficients_[c] = sum;
    }
  }

  // out = the polynomial of output coordinate o
  void values(std::size_t o, V (&out)[samples]) {
    for (std::size_t i = p_.step_begin[o]; i < p_.step_begin[o + 1]; ++i) {
      const auto& s = p_.steps[i];
      N a;
      a.clear();
      begin(s, a);
      value_[s.depth] = a;
      index_[s.depth] = s.index;
      for (int d = s.depth; d > s.depth - s.pops; --d) value_[d - 1].add(x_[index_[d]], value_[d]);
    }
    for (int b = 0; b < samples; ++b) out[b] = value_[0].c[N::last][b];
  }

  // g[i] += y times the derivative of that polynomial by x[i]
  void gradient(std::size_t o, const V (&y)[samples], V (*g)[samples]) {
    for (std::size_t i = p_.step_begin[o]; i < p_.step_begin[o + 1]; ++i) {
      const auto& s = p_.steps[i];
      const N factor = enter(s, y);
      N a;
      a.clear();
      begin(s, a);
      for (int l = s.leaf_begin; l < s.leaf_end; ++l) {
        const V f = coefficients_[s.leaf_coefficient + l - s.leaf_begin];
        V(&target)[samples] = g[p_.leaves[l]];
        for (int b = 0; b < samples; ++b) target[b] += f * factor.c[N::last][b];
      }
      value_[s.depth] = a;
      for (int d = s.depth; d > s.depth - s.pops; --d) {
        const std::size_t variable = index_[d];
        add_last(g[variable], factor_[d - 1], value_[d]);
        value_[d - 1].add(x_[variable], value_[d]);
      }
    }
  }

  // coefficients += y times the monomials of that polynomial
  void monomials(std::size_t o, const V (&y)[samples]) {
    const auto total = [](const V(&v)[samples]) {
      V sum = v[0];
      for (int b = 1; b < samples; ++b) sum += v[b];
      return sum;
    };
    for (std::size_t i = p_.step_begin[o]; i < p_.step_begin[o + 1]; ++i) {
      const auto& s = p_.steps[i];
      const N factor = enter(s, y);
      if (s.coefficient >= 0) coefficients_[s.coefficient] += total(factor.c[N::last]);
      for (int l = s.leaf_begin; l < s.leaf_end; ++l) {
        V v[samples] = {};
        add_last(v, factor, x_[p_.leaves[l]]);
        coefficients_[s.leaf_coefficient + l - s.leaf_begin] += total(v);
      }
    }
  }

  static V load_some(const T* p, Index count) {
    if (count == lane_count<T>) return load<V>(p);
    V v{};
    std::memcpy(&v, p, count * sizeof(T));
    return v;
  }
  static void store_some(T* p, const V& v, Index count) { std::memcpy(p, &v, count * sizeof(T)); }

 private:
  // own coefficient and leaves
  void begin(const Program::Step& s, N& a) const {
    if (s.coefficient >= 0)
      for (V& v : a.c[0]) v = coefficients_[s.coefficient];
    const V* f = coefficients_.data() + s.leaf_coefficient;
    const int* leaf = p_.leaves.data();
    for (int l = s.leaf_begin; l < s.leaf_end; ++l) a.add(*f++, x_[leaf[l]]);
  }
  // y times the factors of the prefix
  const N& enter(const Program::Step& s, const V (&y)[samples]) {
    N& f = factor_[s.depth];
    f.clear();
    index_[s.depth] = s.index;
    if (s.depth == 0)
      for (int b = 0; b < samples; ++b) f.c[0][b] = y[b];
    else
      f.add(factor_[s.depth - 1], x_[s.index]);
    return f;
  }

  const Program& p_;
  std::vector<V> coefficients_;
  std::vector<N> x_, value_, factor_;
  std::vector<int> index_;
};

struct Task {
  Index species, strip, begin, end;  // samples: positions in the list of the species
};

// Samples that share coefficients: some for every thread, and enough to pay for the coefficients.
Index samples_of_task(Index samples) {
  return std::clamp<Index>(samples / 256 * 8, 16, 256);
}

template <class T, int k>
void run(const Program& p, const Indices& species, ContractionSlot slot, const ContractionArguments& a,
         T* out) {
  constexpr int samples = k == 0 ? 4 : k == 1 ? 2 : 1;
  constexpr Index width = lane_count<T>;
  using V = PointLanes<T>;
  const Index channels = p.channels, strips = (channels + width - 1) / width, d = p.in.dim() / channels,
              outputs = p.out.dim() / channels;
  const Index share = samples_of_task(species.size());
  std::vector<Task> tasks;
  for (Index s = 0; s < species.extent(); ++s) {
    const Index begin = species.inverse_begin()[s], end = species.inverse_begin()[s + 1];
    const Index piece = slot == ContractionSlot::W ? std::max<Index>(end - begin, 1) : share;
    for (Index b = begin; b < end; b += piece)
      for (Index strip = 0; strip < strips; ++strip) tasks.push_back({s, strip, b, std::min(end, b + piece)});
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& first, const Task& second) {
    return first.end - first.begin > second.end - second.begin;
  });
  const T* w = a.w.empty() ? nullptr : a.w.data<T>();
  const T* y = a.y.empty() ? nullptr : a.y.data<T>();
  const T* x = a.x.data<T>();

  parallel_tasks(static_cast<Index>(tasks.size()), [&](Index t) {
    Evaluation<T, k, samples> work(p);
    std::vector<double> total;
    std::vector<std::array<V, samples>> g(d);
    const Task& task = tasks[t];
    const Index channel = task.strip * width, count = std::min(width, channels - channel);
    if (w) work.set_weights(w + task.species * p.num_paths * channels + channel, count);
    auto& coefficients = work.coefficients();
    if (slot == ContractionSlot::W) total.assign(coefficients.size() * width, 0.0);
    for (Index n = task.begin; n < task.end; n += samples) {
      const int present = static_cast<int>(std::min<Index>(samples, task.end - n));
      Index row[samples];
      for (int b = 0; b < samples; ++b) row[b] = species.inverse()[n + std::min(b, present - 1)];
      const auto place = [&](int b, Index coordinate, Index rows) {
        return (row[b] * rows + coordinate) * channels + channel;
      };
      for (Index i = 0; i < d; ++i) {
        auto& jet = work.x()[i];
        jet.clear();
        for (int b = 0; b < samples; ++b) {
          jet.c[0][b] = work.load_some(x + place(b, i, d), count);
          for (int j = 0; j < k; ++j)
            jet.c[1 << j][b] = work.load_some(a.v[j].template data<T>() + place(b, i, d), count);
        }
      }
      V values[samples];
      const auto load_y = [&](Index o) {
        for (int b = 0; b < samples; ++b)
          values[b] = b < present ? work.load_some(y + place(b, o, outputs), count) : V{};
      };
      switch (slot) {
        case ContractionSlot::Y:
          for (Index o = 0; o < outputs; ++o) {
            work.values(o, values);
            for (int b = 0; b < present; ++b) work.store_some(out + place(b, o, outputs), values[b], count);
          }
          break;
        case ContractionSlot::X: {
          for (auto& v : g) v.fill(V{});
          for (Index o = 0; o < outputs; ++o) {
            load_y(o);
            work.gradient(o, values, reinterpret_cast<V(*)[samples]>(g.data()));
          }
          for (Index i = 0; i < d; ++i)
            for (int b = 0; b < present; ++b) work.store_some(out + place(b, i, d), g[i][b], count);
          break;
        }
        case ContractionSlot::W:
          if ((n - task.begin) % 64 == 0) std::fill(coefficients.begin(), coefficients.end(), V{});
          for (Index o = 0; o < outputs; ++o) {
            load_y(o);
            work.monomials(o, values);
          }
          // sums of many samples in float64
          if ((n + samples - task.begin) % 64 == 0 || n + samples >= task.end)
            for (std::size_t c = 0; c < coefficients.size(); ++c)
              for (Index lane = 0; lane < width; ++lane)
                total[c * width + lane] += static_cast<double>(coefficients[c][lane]);
      }
    }
    if (slot != ContractionSlot::W) return;
    std::vector<double> weight(p.num_paths * width, 0.0);
    for (std::size_t c = 0; c < coefficients.size(); ++c)
      for (int e = p.first_path[c]; e < p.first_path[c + 1]; ++e)
        for (Index lane = 0; lane < width; ++lane)
          weight[p.path[e] * width + lane] += p.value[e] * total[c * width + lane];
    for (Index q = 0; q < p.num_paths; ++q)
      for (Index lane = 0; lane < count; ++lane)
        out[(task.species * p.num_paths + q) * channels + channel + lane] =
            static_cast<T>(weight[q * width + lane]);
  });
}

}  // namespace

Array contract(const Program& p, const Indices& species, ContractionSlot slot,
               const ContractionArguments& a) {
  const Index n = a.x.dim(0), k = static_cast<Index>(a.v.size());
  Shape shape{n, slot == ContractionSlot::X ? p.in.dim() : p.out.dim()};
  if (slot == ContractionSlot::W) shape = {species.extent(), p.num_paths, p.channels};
  // A polynomial of degree `correlation` has no more derivatives than that.
  const bool vanishes = k + (slot == ContractionSlot::X ? 1 : 0) > p.correlation;
  if (vanishes) return Array::zeros(shape, a.x.dtype());
  // Weights of species that do not occur have derivative 0.
  Array out = slot == ContractionSlot::W ? Array::zeros(shape, a.x.dtype())
                                         : Array::uninitialized(shape, a.x.dtype());
  require(k <= 4, "[symmetric_contraction] derivatives along ", k, " directions: at most 4 are implemented");
  dispatch_real("symmetric_contraction", out.dtype(), [&]<class T>(T) {
    T* o = out.mutable_data<T>();
    switch (k) {
      case 0:
        return run<T, 0>(p, species, slot, a, o);
      case 1:
        return run<T, 1>(p, species, slot, a, o);
      case 2:
        return run<T, 2>(p, species, slot, a, o);
      case 3:
        return run<T, 3>(p, species, slot, a, o);
      default:
        return run<T, 4>(p, species, slot, a, o);
    }
  });
  return out;
}

}  // namespace cartan::so3
