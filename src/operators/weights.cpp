#include "cartan/operators/weights.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "cartan/autodiff/checkpoint.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "operators/spectral.hpp"

namespace cartan::operators {
namespace {

double product(const Shape& shape) {
  double p = 1;
  for (const Index n : shape) p *= static_cast<double>(n);
  return p;
}

// NumPy's round: halves to even.
Index rounded(double x) {
  return std::max<Index>(1, static_cast<Index>(std::nearbyint(x)));
}

// Complex normal numbers of standard deviation `std`: each part has std / sqrt(2).
Array complex_normal(const Shape& shape, double std, DType dtype, nn::Init& init) {
  Shape real_shape = shape;
  real_shape.push_back(2);
  const Array parts = init.normal(real_shape, dtype == DType::c64 ? DType::f32 : DType::f64);
  Array out = Array::uninitialized(shape, dtype);
  if (!init.fill) return out;
  const auto fill = [&](auto* to, const auto* from) {
    using C = std::remove_pointer_t<decltype(to)>;
    const auto s = static_cast<typename C::value_type>(std / std::sqrt(2.0));
    for (Index k = 0; k < out.size(); ++k) to[k] = C(s * from[2 * k], s * from[2 * k + 1]);
  };
  if (dtype == DType::c64)
    fill(out.mutable_data<std::complex<float>>(), parts.data<float>());
  else
    fill(out.mutable_data<std::complex<double>>(), parts.data<double>());
  return out;
}

// Rows [first, first + count) of an axis; the array itself where that is all.
Array part_of(const Array& a, int axis, ModeRange range) {
  if (range.first == 0 && range.count == a.dim(axis)) return a;
  return slice(a, axis, range.first, range.first + range.count);
}

// How matrices (n, r) expand the axes of a core with the fewest products: the order of the axes, products a
// number of the axes before them, and those of the last matrix.
struct Expansion {
  std::vector<int> order;
  double products = std::numeric_limits<double>::infinity(), last = 0;
};
Expansion cheapest(const Shape& ranks, const Shape& extents) {
  Expansion best;
  std::vector<int> order(ranks.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    double size = product(ranks), cost = 0, last = 0;
    for (const int a : order) {
      const auto n = static_cast<double>(extents[static_cast<std::size_t>(a)]);
      last = size * n;
      cost += last;
      size *= n / static_cast<double>(ranks[static_cast<std::size_t>(a)]);
    }
    if (cost < best.products) best = {order, cost, last};
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}
std::vector<int> cheapest_order(const Arrays& factors) {
  Shape ranks, extents;
  for (const Array& u : factors) ranks.push_back(u.dim(1)), extents.push_back(u.dim(0));
  return cheapest(ranks, extents).order;
}

// The axes from `first` on expanded.
Array expand(Array t, const Arrays& factors, int first) {
  for (const int a : cheapest_order(factors))
    t = axis_product(t, factors[static_cast<std::size_t>(a)], first + a);
  return t;
}

// The same but for the last of them.
Array expand_but_one(Array t, const Arrays& factors, int first, int& axis, Array& last) {
  std::vector<int> order = cheapest_order(factors);
  axis = first + order.back();
  last = factors[static_cast<std::size_t>(order.back())];
  order.pop_back();
  for (const int a : order) t = axis_product(t, factors[static_cast<std::size_t>(a)], first + a);
  return t;
}

}  // namespace

void describe(config::Fields& f, WeightOptions& o) {
  f("factorization", o.factorization, "format of the spectral weights; joint_tucker: of all layers together")
      .one_of({"dense", "tucker", "cp", "tt", "joint_tucker"});
  f("rank", o.rank, "part of the numbers of dense weights that a format may have").above(0).to(64);
  f("ranks", o.ranks, "the ranks themselves, in place of `rank`; of tt with the ones at both ends").from(1);
  f("fixed_rank_modes", o.fixed_rank_modes, "Tucker: the first mode (in) keeps its size");
  f("separable", o.separable, "spectral weights by channel and mode alone: channels are not mixed");
  f("contraction", o.contraction, "how weights in a format are applied")
      .one_of({"automatic", "factorized", "reconstructed"});
}

std::vector<Index> tucker_ranks(const Shape& all, double rho, bool fix_first) {
  require(all.size() >= (fix_first ? 2u : 1u) && rho > 0, "[tucker_ranks] shape ", all, " and part ", rho);
  const Shape shape(all.begin() + (fix_first ? 1 : 0), all.end());
  const double entries = product(all), order = static_cast<double>(shape.size());
  double squares = 0;
  for (const Index n : all) squares += static_cast<double>(n * n);
  double low = 0, high = std::max(rho, 1.0);
  for (int k = 0; k < 200; ++k) {  // the left side grows with x
    const double x = (low + high) / 2;
    (entries * std::pow(x, order) + squares * x > rho * entries ? high : low) = x;
  }
  std::vector<Index> ranks;
  if (fix_first) ranks.push_back(all[0]);
  for (const Index n : shape) ranks.push_back(rounded(static_cast<double>(n) * high));
  return ranks;
}

Index canonical_rank(const Shape& shape, double rho) {
  require(!shape.empty() && rho > 0, "[canonical_rank] shape ", shape, " and part ", rho);
  double sum = 0;
  for (const Index n : shape) sum += static_cast<double>(n);
  return rounded(rho * product(shape) / sum);
}

std::vector<Index> tensor_train_ranks(const Shape& shape, double rho) {
  require(shape.size() >= 2 && rho > 0, "[tensor_train_ranks] shape ", shape, " and part ", rho);
  const std::size_t d = shape.size();
  std::vector<double> mean, n(shape.begin(), shape.end());
  for (std::size_t k = 0; k + 1 < d; ++k) mean.push_back((n[k] + n[k + 1]) / 2);
  double a = 0;
  for (std::size_t k = 1; k + 1 < d; ++k) a += mean[k - 1] * n[k] * mean[k];
  if (d == 2) a = mean[0] * mean[0] * n[0];
  const double b = n[0] * mean.front() + n[d - 1] * mean.back();
  const double x = (-b + std::sqrt(b * b + 4 * a * rho * product(shape))) / (2 * a);
  std::vector<Index> ranks{1};
  for (const double m : mean) ranks.push_back(rounded(m * x));
  ranks.push_back(1);
  return ranks;
}

// What was built last, for which part and from which numbers. It shares the memory of the parameters it was
// built from: who writes them then writes to a copy, so that another address tells that they are others.
struct SpectralWeights::Cache {
  std::mutex mutex;
  std::vector<ModeRange> part;
  std::string engine;
  Arrays from;
  std::vector<SpectralForm> forms;

  bool holds(const std::vector<ModeRange>& asked, const std::string& how, const Arrays& parameters) const {
    if (from.size() != parameters.size() || engine != how || part.size() != asked.size()) return false;
    for (std::size_t a = 0; a < part.size(); ++a)
      if (part[a].first != asked[a].first || part[a].count != asked[a].count) return false;
    for (std::size_t k = 0; k < from.size(); ++k)
      if (from[k].address() != parameters[k].address()) return false;
    return true;
  }
};

SpectralWeights::SpectralWeights() : cache_(std::make_shared<Cache>()) {}
SpectralWeights::SpectralWeights(const SpectralWeights& other) : SpectralWeights() {
  *this = other;
}
SpectralWeights& SpectralWeights::operator=(const SpectralWeights& other) {
  options_ = other.options_, in_ = other.in_, out_ = other.out_, layers_ = other.layers_;
  modes_ = other.modes_, parts_ = other.parts_;
  return *this;
}

Array apply_form(const SpectralForm& form, const Array& modes) {
  if (!form.last.empty()) {
    const bool has_in = !form.in.empty();
    Arrays inputs{modes, form.core, form.last};
    for (const Array* a : {&form.in, &form.out})
      if (!a->empty()) inputs.push_back(*a);
    return checkpoint(
        [axis = form.axis, has_in, count = inputs.size()](const Arrays& in) {
          const Array core = axis_product(in[1], in[2], axis);
          SpectralForm whole;
          whole.core = reshape(core, {core.dim(0), core.dim(1), -1});
          if (has_in) whole.in = in[3];
          if (count > (has_in ? 4u : 3u)) whole.out = in.back();
          return Arrays{apply_form(whole, in[0])};
        },
        inputs)[0];
  }
  Array x = form.in.empty() ? modes : axis_product(modes, form.in, 1);
  if (form.diagonal)
    x = x * reshape(form.core, {1, form.core.dim(0), form.core.dim(1)});
  else
    x = mix_modes(x, form.core);
  return form.out.empty() ? x : axis_product(x, form.out, 1);
}

SpectralWeights::SpectralWeights(const WeightOptions& options, Index in, Index out, const Shape& modes,
                                 Index layers, DType dtype, nn::Init& init)
    : SpectralWeights() {
  options_ = options, in_ = in, out_ = out, layers_ = layers, modes_ = modes;
  require(is_complex(dtype) && in >= 1 && out >= 1 && layers >= 1 && !modes.empty(), "[SpectralWeights] ", in,
          " to ", out, " channels, modes ", modes, ", ", layers, " layers of ", dtype);
  require(!options.separable || in == out,
          "[SpectralWeights] separable weights keep the number of channels; ", in, " and ", out, " differ");
  const std::string& kind = options.factorization;
  const bool joint = kind == "joint_tucker";
  require(!joint || !options.separable,
          "[SpectralWeights] separable weights have no format joint_tucker; use tucker");
  Shape shape = modes;
  shape.insert(shape.begin(), out);
  if (!options.separable) shape.insert(shape.begin(), in);
  if (joint) shape.insert(shape.begin(), layers);
  const double variance = 2 / static_cast<double>(in + out), scale = std::sqrt(variance);
  const std::size_t d = shape.size();
  const auto given = [&](std::size_t wanted) {
    require(options.ranks.size() == wanted, "[SpectralWeights] ", options.ranks.size(), " ranks for a ", kind,
            " of shape ", shape, "; give ", wanted, ", or none");
    return options.ranks;
  };
  for (Index layer = 0; layer < (joint ? 1 : layers); ++layer) {
    Layer part;
    if (kind == "dense") {
      part.core = complex_normal(shape, scale, dtype, init);
    } else if (kind == "cp") {
      const Index r = options.ranks.empty() ? canonical_rank(shape, options.rank) : given(1)[0];
      const double std = std::pow(scale / std::sqrt(static_cast<double>(r)), 1 / static_cast<double>(d));
      part.core = Array::full({r}, 1, dtype == DType::c64 ? DType::f32 : DType::f64).as(dtype);
      for (const Index n : shape) part.factors.push_back(complex_normal({n, r}, std, dtype, init));
    } else if (kind == "tt") {
      const std::vector<Index> r =
          options.ranks.empty() ? tensor_train_ranks(shape, options.rank) : given(d + 1);
      require(r.front() == 1 && r.back() == 1, "[SpectralWeights] ranks ", r,
              " of a tt must begin and end with 1");
      const double std = std::pow(scale / std::sqrt(product(r)), 1 / static_cast<double>(d));
      for (std::size_t k = 0; k < d; ++k)
        part.factors.push_back(complex_normal({r[k], shape[k], r[k + 1]}, std, dtype, init));
    } else {
      const std::vector<Index> r =
          options.ranks.empty() ? tucker_ranks(shape, options.rank, options.fixed_rank_modes) : given(d);
      const double std = std::pow(scale / std::sqrt(product(r)), 1 / static_cast<double>(d + 1));
      part.core = complex_normal(r, std, dtype, init);
      for (std::size_t k = 0; k < d; ++k)
        part.factors.push_back(complex_normal({shape[k], r[k]}, std, dtype, init));
    }
    parts_.push_back(std::move(part));
  }
}

void SpectralWeights::collect(const std::string& prefix, nn::ParameterRefs& out) {
  for (std::size_t l = 0; l < parts_.size(); ++l) {
    const std::string name = joint() ? prefix + "joint_weight" : text(prefix, "convs.", l, ".weight");
    const std::string& kind = options_.factorization;
    if (kind != "tt")
      out.push_back({name + (kind == "dense" ? ".tensor"
                             : kind == "cp"  ? ".weights"
                                             : ".core"),
                     &parts_[l].core});
    for (std::size_t k = 0; k < parts_[l].factors.size(); ++k)
      out.push_back({text(name, ".factors.factor_", k), &parts_[l].factors[k]});
  }
}

// The matrices of the modes, of those formats that have matrices.
Arrays SpectralWeights::mode_factors(Index layer, const std::vector<ModeRange>& part) const {
  const Layer& own = parts_[static_cast<std::size_t>(joint() ? 0 : layer)];
  const std::size_t first = (options_.separable ? 1u : 2u) + (joint() ? 1u : 0u);
  Arrays out;
  for (std::size_t a = 0; a < part.size(); ++a) out.push_back(part_of(own.factors[first + a], 0, part[a]));
  return out;
}

SpectralWeights::JointCost SpectralWeights::joint_cost(const Shape& kept) const {
  Shape ranks;
  for (std::size_t a = 0; a < kept.size(); ++a) ranks.push_back(parts_[0].factors[3 + a].dim(1));
  const double expansion = cheapest(ranks, kept).products,
               rank = static_cast<double>(parts_[0].factors[0].dim(1)), layers = static_cast<double>(layers_);
  return {rank * (expansion + layers * product(kept)), layers * (rank * product(ranks) + expansion)};
}

// `shared`: the core of all layers with the modes expanded, or empty.
SpectralForm SpectralWeights::built(const Array& shared, Index layer, const std::vector<ModeRange>& part,
                                    bool whole, bool recorded) const {
  const std::string& kind = options_.factorization;
  const Layer& own = parts_[static_cast<std::size_t>(joint() ? 0 : layer)];
  const int channels = options_.separable ? 1 : 2;  // axes before the modes
  const int d = static_cast<int>(modes_.size());
  Index k = 1;
  for (const ModeRange& r : part) k *= r.count;
  SpectralForm form;
  form.diagonal = options_.separable;
  const auto mode_factor = [&](int a) {
    return part_of(own.factors[static_cast<std::size_t>(channels + a)], kind == "tt" ? 1 : 0, part[a]);
  };

  if (kind == "dense") {
    Array t = own.core;
    for (int a = 0; a < d; ++a) t = part_of(t, channels + a, part[a]);
    form.core = reshape(t, options_.separable ? Shape{out_, k} : Shape{in_, out_, k});
    return form;
  }
  if (kind == "cp") {
    const Index r = own.core.size();
    Array s = reshape(own.core, {r, 1});  // (r, modes so far)
    for (int a = 0; a < d; ++a)
      s = reshape(reshape(s, {r, -1, 1}) * reshape(transpose(mode_factor(a)), {r, 1, part[a].count}),
                  {r, -1});
    if (options_.separable) {
      form.core = matmul(own.factors[0], s);
    } else if (whole) {
      const Array pairs = reshape(
          reshape(own.factors[0], {in_, 1, r}) * reshape(own.factors[1], {1, out_, r}), {in_ * out_, r});
      form.core = reshape(matmul(pairs, s), {in_, out_, k});
    } else {
      form.in = transpose(own.factors[0]);
      form.core = s;
      form.out = own.factors[1];
      form.diagonal = true;
    }
    return form;
  }
  if (kind == "tt") {
    Array e = mode_factor(d - 1);
    e = reshape(e, {e.dim(0), -1});  // (r, modes so far)
    for (int a = d - 1; a-- > 0;) {
      const Array g = mode_factor(a);
      e = reshape(matmul(reshape(g, {-1, g.dim(2)}), e), {g.dim(0), -1});
    }
    const Array& last = own.factors[static_cast<std::size_t>(channels - 1)];  // of the channels
    const Array t = matmul(reshape(last, {-1, last.dim(2)}), e);              // (r * out, K)
    if (options_.separable) {
      form.core = t;
      return form;
    }
    const Array first = reshape(own.factors[0], {in_, -1});
    form.core = reshape(t, {last.dim(0), out_, k});
    if (whole)
      form.core = reshape(matmul(first, reshape(form.core, {last.dim(0), out_ * k})), {in_, out_, k});
    else
      form.in = transpose(first);
    return form;
  }
  // Tucker: of joint ones that of the layer, modes expanded, then the channels, or not
  const std::size_t shift = joint() ? 1 : 0;
  Array core = joint() ? (shared.empty() ? own.core : shared) : own.core;
  if (joint()) {
    Shape shape(core.shape().begin() + 1, core.shape().end());
    const Array row = slice(own.factors[0], 0, layer, layer + 1);  // (1, r_layers)
    core = reshape(matmul(row, reshape(core, {core.dim(0), -1})), shape);
  }
  if (shared.empty()) {
    const Arrays factors = mode_factors(layer, part);
    if (recorded && !whole && !options_.separable && d > 1) {
      form.core = expand_but_one(core, factors, channels, form.axis, form.last);
      form.in = transpose(own.factors[shift]), form.out = own.factors[shift + 1];
      return form;
    }
    core = expand(core, factors, channels);
  }
  if (options_.separable) {
    form.core = matmul(own.factors[0], reshape(core, {own.core.dim(0), k}));
    return form;
  }
  const Array &u_in = own.factors[shift], &u_out = own.factors[shift + 1];
  const Index r = u_in.dim(1), s = u_out.dim(1);
  core = reshape(core, {r, s, k});
  if (whole) {
    core = axis_product(axis_product(core, u_in, 0), u_out, 1);
  } else {
    form.in = transpose(u_in);
    form.out = u_out;
  }
  form.core = core;
  return form;
}

Plan SpectralWeights::plan(const Shape& modes, Index samples, bool cached) const {
  const double k = product(modes), b = static_cast<double>(samples), c = static_cast<double>(in_),
               o = static_cast<double>(out_), size = parts_[0].core.dtype() == DType::c128 ? 16 : 8;
  // Complex products at 60 flops a nanosecond, memory at 12 bytes a nanosecond.
  const auto seconds = [&](double flops, double bytes) {
    return std::max(flops / 60e9, cached ? bytes / 12e9 : 0);
  };
  // ranks; flops of what both build, of what the factorized way builds again for the gradient, and of
  // building the whole
  double r = 0, s = 0, build = 0, again = 0, rest = 0;
  const std::string& kind = options_.factorization;
  Candidate factorized, whole;
  factorized.engine = "factorized", whole.engine = "reconstructed";
  if (options_.separable || kind == "dense") {
    factorized.why_not = options_.separable ? "separable weights are small" : "weights are dense";
  } else if (kind == "cp") {
    r = static_cast<double>(parts_[0].core.size());
    build = 6 * r * k, rest = 8 * c * o * r * k;
    factorized.flops = b * k * (8 * r * (c + o) + 6 * r);
    factorized.bytes = size * r * (k + c + o);
  } else {
    const std::size_t shift = kind == "joint_tucker" ? 1 : 0;
    const bool tt = kind == "tt";
    r = static_cast<double>(parts_[0].factors[shift].dim(tt ? 2 : 1));
    s = tt ? o : static_cast<double>(parts_[0].factors[shift + 1].dim(1));
    if (tt) {  // the modes from the last on, then the outputs
      double done = 1;
      for (std::size_t a = modes.size() + 2; a-- > 1;) {
        const Array& g = parts_[0].factors[a];
        const double n = a == 1 ? o : static_cast<double>(modes[a - 2]);
        if (a <= modes.size()) build += 8 * static_cast<double>(g.dim(0) * g.dim(2)) * n * done;
        done *= n;
      }
    } else {
      Shape ranks;
      for (std::size_t a = 0; a < modes.size(); ++a) ranks.push_back(parts_[0].factors[shift + 2 + a].dim(1));
      const Expansion e = cheapest(ranks, modes);
      bool apart = true;
      build = 8 * r * s * e.products;
      if (shift == 1) {
        const JointCost cost = joint_cost(modes);
        apart = cost.apart <= cost.together;
        build = 8 * r * s * std::min(cost.apart, cost.together) / static_cast<double>(layers_);
      }
      if (apart && modes.size() > 1) again = 8 * r * s * e.last;
    }
    rest = 8 * k * (c * r * s + (tt ? 0 : c * s * o));
    factorized.flops = b * k * 8 * (c * r + r * s + (tt ? 0 : s * o));
    factorized.bytes = size * k * r * s;
  }
  whole.flops = b * k * 8 * c * o;
  whole.bytes = size * k * c * o;
  if (!cached) factorized.flops += build + again, whole.flops += build + rest;
  factorized.seconds = seconds(factorized.flops, factorized.bytes);
  whole.seconds = seconds(whole.flops, whole.bytes);
  const bool either = factorized.possible() && options_.contraction != "automatic";
  return choose({factorized, whole}, either ? options_.contraction : "");
}

std::vector<SpectralForm> SpectralWeights::forms(const std::vector<ModeRange>& part, Index samples,
                                                 Index layer, SharedCores* shared) const {
  require(part.size() == modes_.size(), "[SpectralWeights] ", part.size(), " ranges for modes ", modes_);
  Shape kept;
  for (std::size_t a = 0; a < part.size(); ++a) {
    require(part[a].first >= 0 && part[a].count >= 1 && part[a].first + part[a].count <= modes_[a],
            "[SpectralWeights] indices ", part[a].first, " to ", part[a].first + part[a].count, " of ",
            modes_[a], " modes along axis ", a);
    kept.push_back(part[a].count);
  }
  require(layer >= -1 && layer < layers_, "[SpectralWeights] layer ", layer, " of ", layers_);
  Arrays parameters;
  bool recorded = false;
  for (const Layer& p : parts_) {
    parameters.push_back(p.core);
    parameters.insert(parameters.end(), p.factors.begin(), p.factors.end());
  }
  for (const Array& p : parameters) recorded = recorded || (p.tracked() && recording());
  const std::string engine = plan(kept, samples, !recorded).engine;
  const bool keep = !recorded && options_.factorization != "dense";
  bool together = false;
  if (joint()) {
    const JointCost cost = joint_cost(kept);
    together = cost.together < cost.apart;
  }
  const auto build = [&](Index wanted) {
    Array core;
    if (together) {  // what all layers share is expanded once
      SharedCores own;
      auto& cores = (shared ? *shared : own).cores;
      const auto same = [&](const SharedCores::Core& c) {
        return c.recorded == recorded &&
               std::equal(part.begin(), part.end(), c.part.begin(), c.part.end(),
                          [](ModeRange x, ModeRange y) { return x.first == y.first && x.count == y.count; });
      };
      auto it = std::find_if(cores.begin(), cores.end(), same);
      if (it == cores.end())
        it = cores.insert(cores.end(), {part, recorded, expand(parts_[0].core, mode_factors(0, part), 3)});
      core = it->core;
    }
    std::vector<SpectralForm> out(static_cast<std::size_t>(layers_));
    for (Index l = 0; l < layers_; ++l)
      if (wanted < 0 || l == wanted) out[l] = built(core, l, part, engine == "reconstructed", recorded);
    return out;
  };
  if (!keep) return build(layer);
  const std::lock_guard lock(cache_->mutex);
  if (!cache_->holds(part, engine, parameters)) {
    const Recording off(false);
    cache_->forms = build(-1);
    cache_->part = part, cache_->engine = engine, cache_->from = parameters;
  }
  return cache_->forms;
}

Array SpectralWeights::dense(Index layer) const {
  require(layer >= 0 && layer < layers_, "[SpectralWeights] layer ", layer, " of ", layers_);
  std::vector<ModeRange> all;
  for (const Index n : modes_) all.push_back({0, n});
  Shape shape = modes_;
  shape.insert(shape.begin(), out_);
  if (!options_.separable) shape.insert(shape.begin(), in_);
  return reshape(built({}, layer, all, true, false).core, shape);
}

void SpectralWeights::clear_outside(const std::vector<ModeRange>& part) {
  require(part.size() == modes_.size(), "[SpectralWeights] ", part.size(), " ranges for modes ", modes_);
  const Recording off(false);
  const std::string& kind = options_.factorization;
  const std::size_t channels = (options_.separable ? 1u : 2u) + (joint() ? 1u : 0u);  // axes before the modes
  for (std::size_t a = 0; a < part.size(); ++a) {
    const auto [first, count] = part[a];
    require(first >= 0 && count >= 0 && first + count <= modes_[a], "[SpectralWeights] indices ", first,
            " to ", first + count, " of ", modes_[a], " modes along axis ", a);
    for (Layer& l : parts_) {
      // a row of a factor, or a plane of the tensor, is zero: so is every weight made of it
      Array& whole = kind == "dense" ? l.core : l.factors[channels + a];
      const int axis = kind == "dense" ? static_cast<int>(channels + a) : kind == "tt" ? 1 : 0;
      whole = pad(slice(detach(whole), axis, first, first + count), axis, first, modes_[a] - first - count);
    }
  }
}

}  // namespace cartan::operators
