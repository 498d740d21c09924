// Gates, activations of norms, layer norm: compositions of ops.
#include "cartan/so3/layers.hpp"

#include <cmath>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/tables.hpp"

namespace cartan::so3 {
namespace {

Array values_at(const std::function<Array(const Array&)>& f, const std::vector<double>& points) {
  require(static_cast<bool>(f), "[activation] the function is empty");
  const Recording off(false);
  const Array y = f(Array::from(points));
  require(y.size() == static_cast<Index>(points.size()), "[activation] a function of ", points.size(),
          " numbers gave ", y.shape());
  return y.as(DType::f64);
}

// +1 even, -1 odd, 0 neither.
int parity_of(const Activation& activation) {
  std::vector<double> plus, minus;
  for (int k = 0; k < 256; ++k) {
    plus.push_back(10.0 * k / 255);
    minus.push_back(-plus.back());
  }
  const Array a = values_at(activation.function, plus), b = values_at(activation.function, minus);
  double even = 0, odd = 0;
  for (Index k = 0; k < a.size(); ++k) {
    even = std::max(even, std::abs(a.data<double>()[k] - b.data<double>()[k]));
    odd = std::max(odd, std::abs(a.data<double>()[k] + b.data<double>()[k]));
  }
  return even < 1e-5 ? 1 : odd < 1e-5 ? -1 : 0;
}

// The parity of every scalar after its activation.
Irreps activated(const char* what, const Irreps& irreps, const std::vector<Activation>& activations) {
  require(irreps.size() == activations.size(), "[so3::Gate] ", irreps.size(), " terms of ", what, " ", irreps,
          " and ", activations.size(), " activations: give one a term");
  std::vector<MulIrrep> out;
  for (std::size_t k = 0; k < irreps.size(); ++k) {
    require(irreps[k].ir.l == 0, "[so3::Gate] ", what, " ", irreps, " must be scalars");
    const int p = irreps[k].ir.p == 1 ? 1 : parity_of(activations[k]);
    require(p != 0, "[so3::Gate] an odd scalar of ", what, " ", irreps,
            " meets an activation that is neither even nor odd");
    out.push_back({irreps[k].mul, {0, p}});
  }
  return out;
}

Array activate(const Array& x, const Irreps& irreps, const std::vector<Activation>& activations) {
  Arrays parts;
  for (std::size_t k = 0; k < irreps.size(); ++k)
    if (irreps[k].mul > 0)
      parts.push_back(activations[k](slice(x, -1, irreps.offset(k), irreps.offset(k + 1))));
  return parts.size() == 1 ? parts[0] : concatenate(parts, -1);
}

}  // namespace

Array Activation::operator()(const Array& x) const {
  require(static_cast<bool>(function), "[so3::Activation] the function is empty");
  const Array y = function(x);
  require(y.shape() == x.shape(), "[so3::Activation] the function of ", x.shape(), " gave ", y.shape());
  return factor == 1 ? y : scale(y, factor);
}

double second_moment_factor(const std::function<Array(const Array&)>& f) {
  // Beyond 14 the density is below 1e-43.
  constexpr int reach = 14;
  const Quadrature& rule = gauss_legendre(24);
  std::vector<double> points, weights;
  for (int panel = -reach; panel < reach; ++panel)
    for (std::size_t k = 0; k < rule.nodes.size(); ++k) {
      const double z = panel + (rule.nodes[k] + 1) / 2;
      points.push_back(z);
      weights.push_back(rule.weights[k] / 2 * std::exp(-z * z / 2) / std::sqrt(2 * M_PI));
    }
  const Array y = values_at(f, points);
  double moment = 0;
  for (std::size_t k = 0; k < points.size(); ++k)
    moment += weights[k] * y.data<double>()[k] * y.data<double>()[k];
  require(moment > 0 && std::isfinite(moment), "[activation] E[f(z)^2] of a normal z is ", moment,
          ": no factor makes it 1");
  return 1 / std::sqrt(moment);
}

Activation normalized(std::function<Array(const Array&)> f) {
  const double factor = second_moment_factor(f);
  return {std::move(f), factor};
}

Gate::Gate(const Irreps& scalars, std::vector<Activation> scalar_activations, const Irreps& gates,
           std::vector<Activation> gate_activations, const Irreps& gated)
    : scalars_(scalars),
      gates_(gates),
      gated_(gated.simplify()),
      scalar_activations_(std::move(scalar_activations)),
      gate_activations_(std::move(gate_activations)) {
  require(gates.num_irreps() == gated.num_irreps(), "[so3::Gate] ", gates.num_irreps(), " gates ", gates,
          " for ", gated.num_irreps(), " irreps ", gated);
  const Irreps scalars_after = activated("scalars", scalars_, scalar_activations_);
  const Irreps gates_after = activated("gates", gates_, gate_activations_);

  // Where the three parts are in the sorted and simplified input. All terms of one irrep are one block there.
  const Irreps parts[3] = {scalars_.simplify(), gates_.simplify(), gated_};
  const Irreps all = parts[0] + parts[1] + parts[2];
  const auto sorted = all.sort();
  in_ = sorted.irreps.simplify();
  const auto channel_before = [&](std::size_t term) {  // in the block of its irrep
    Index n = 0;
    for (std::size_t k = 0; k < term; ++k)
      if (sorted.irreps[k].ir == sorted.irreps[term].ir) n += sorted.irreps[k].mul;
    return n;
  };
  std::size_t term = 0;
  for (int part = 0; part < 3; ++part)
    for (const auto& t : parts[part]) {
      const std::size_t place = sorted.permutation[term++];
      Index block = 0;
      while (block < static_cast<Index>(in_.size()) && in_[static_cast<std::size_t>(block)].ir != t.ir)
        ++block;
      if (t.mul == 0) continue;
      const auto b = static_cast<std::size_t>(block);
      const Index first = channel_before(place), d = t.ir.dim(), mul = in_[b].mul;
      for (Index m = 0; m < d; ++m)
        for (Index u = 0; u < t.mul; ++u) take_[part].push_back(in_.offset(b) + m * mul + first + u);
    }

  // Gated terms take the parity of their gates: cut where it changes, which moves coordinates.
  std::vector<MulIrrep> out;
  std::vector<int> gate_parity;
  for (const auto& t : gates_after)
    gate_parity.insert(gate_parity.end(), static_cast<std::size_t>(t.mul), t.ir.p);
  std::size_t channel = 0;
  for (std::size_t k = 0; k < gated_.size(); ++k) {
    const auto& t = gated_[k];
    for (Index u = 0; u < t.mul;) {
      Index end = u + 1;
      while (end < t.mul && gate_parity[channel + static_cast<std::size_t>(end - u)] == gate_parity[channel])
        ++end;
      out.push_back({end - u, {t.ir.l, t.ir.p * gate_parity[channel]}});
      const Index first = scalars_.dim() + gated_.offset(k), d = t.ir.dim();
      for (Index m = 0; m < d; ++m)
        for (Index v = u; v < end; ++v) place_.push_back(first + m * t.mul + v);
      channel += static_cast<std::size_t>(end - u);
      u = end;
    }
  }
  std::vector<Index> whole(static_cast<std::size_t>(scalars_.dim()));
  std::iota(whole.begin(), whole.end(), Index{0});
  place_.insert(place_.begin(), whole.begin(), whole.end());
  bool in_order = true;
  for (std::size_t k = 0; k < place_.size(); ++k) in_order = in_order && place_[k] == static_cast<Index>(k);
  if (in_order) place_.clear();
  out_ = scalars_after + Irreps(std::move(out));
}

Array Gate::operator()(const Array& x) const {
  require(x.ndim() >= 1 && x.dim(-1) == in_.dim(), "[so3::Gate] x ", x.shape(), " for ", in_,
          ": the last axis must have ", in_.dim());
  Arrays parts;
  if (scalars_.dim() > 0) parts.push_back(activate(take_last(x, take_[0]), scalars_, scalar_activations_));
  if (gated_.dim() > 0)
    parts.push_back(irrep_scale(take_last(x, take_[2]),
                                activate(take_last(x, take_[1]), gates_, gate_activations_), gated_));
  const Array y = parts.empty() ? x : parts.size() == 1 ? parts[0] : concatenate(parts, -1);
  return place_.empty() ? y : take_last(y, place_);
}

Array NormActivation::operator()(const Array& x, const Array& bias) const {
  require(static_cast<bool>(function), "[so3::NormActivation] the function is empty");
  require(!normalize || (epsilon > 0 && std::isfinite(epsilon)), "[so3::NormActivation] epsilon is ", epsilon,
          ", not positive");
  Array length = norm(x, irreps);
  if (normalize) length = maximum(length, Array::full({1}, epsilon, x.dtype(), x.device()));
  require(bias.empty() || bias.shape() == Shape({irreps.num_irreps()}), "[so3::NormActivation] bias ",
          bias.shape(), " must be (", irreps.num_irreps(), ")");
  const Array scaling = function(bias.empty() ? length : length + bias);
  require(scaling.shape() == length.shape(), "[so3::NormActivation] the function of norms ", length.shape(),
          " gave ", scaling.shape());
  return irrep_scale(x, normalize ? scaling / length : scaling, irreps);
}

Array LayerNorm::operator()(const Array& x, const Array& weight, const Array& bias) const {
  const Irrep scalar{0, 1};
  require(x.ndim() >= 1 && x.dim(-1) == irreps.dim(), "[so3::LayerNorm] x ", x.shape(), " for ", irreps,
          ": the last axis must have ", irreps.dim());
  require(epsilon > 0 && std::isfinite(epsilon), "[so3::LayerNorm] epsilon is ", epsilon, ", not positive");
  require(weight.empty() || weight.shape() == Shape({irreps.num_irreps()}), "[so3::LayerNorm] weight ",
          weight.shape(), " must be (", irreps.num_irreps(), ")");
  Index scalars = 0;
  for (const auto& t : irreps) scalars += t.ir == scalar ? t.mul : 0;
  require(bias.empty() || bias.shape() == Shape({scalars}), "[so3::LayerNorm] bias ", bias.shape(),
          " must be (", scalars, ")");

  Arrays centred, factors, offsets;
  for (std::size_t k = 0; k < irreps.size(); ++k) {
    if (irreps[k].mul == 0) continue;
    const Array part = slice(x, -1, irreps.offset(k), irreps.offset(k + 1));
    centred.push_back(irreps[k].ir == scalar ? part - mean(part, -1, true) : part);
  }
  if (centred.empty()) return x;
  Array y = concatenate(centred, -1);
  const Array square = squared_norm(y, irreps);
  Index channel = 0, scalar_channel = 0;
  for (const auto& t : irreps) {
    if (t.mul == 0) continue;
    const Array of_term = slice(square, -1, channel, channel + t.mul);
    Array factor = power(mean(of_term, -1, true) / t.ir.dim() + epsilon, -0.5);
    if (weight.empty())
      factor = broadcast_to(factor, of_term.shape());
    else
      factor = factor * slice(weight, 0, channel, channel + t.mul);
    factors.push_back(factor);
    channel += t.mul;
    if (bias.empty()) continue;
    offsets.push_back(t.ir == scalar ? slice(bias, 0, scalar_channel, scalar_channel + t.mul)
                                     : Array::zeros({t.dim()}, x.dtype(), x.device()));
    scalar_channel += t.ir == scalar ? t.mul : 0;
  }
  y = irrep_scale(y, concatenate(factors, -1), irreps);
  return offsets.empty() ? y : y + concatenate(offsets, 0);
}

}  // namespace cartan::so3
