#include "cartan/nn/layers.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"

namespace cartan::nn {

ConstParameterRefs as_const(const ParameterRefs& parameters) {
  ConstParameterRefs out;
  out.reserve(parameters.size());
  for (const NamedParameter& p : parameters) out.push_back({p.name, p.value});
  return out;
}

void Init::count(const Shape& shape, DType dtype) {
  stop_if_set(stop);
  double more = static_cast<double>(size_of(dtype));
  for (const Index n : shape) more *= static_cast<double>(n);
  full = !(bytes + more <= most);
  require(!full, "[Init] the parameters take more than the ", most / (1 << 20),
          " MB that there are for them; make the model smaller");
  bytes += more;
}

Array Init::uniform(const Shape& shape, double low, double high, DType dtype) {
  count(shape, dtype);
  const Random random = stream();
  if (!fill) return Array::uninitialized(shape, dtype);
  return draw ? random_uniform(shape, low, high, dtype, random) : Array::zeros(shape, dtype);
}

Array Init::normal(const Shape& shape, DType dtype) {
  count(shape, dtype);
  const Random random = stream();
  if (!fill) return Array::uninitialized(shape, dtype);
  return draw ? random_normal(shape, dtype, random) : Array::zeros(shape, dtype);
}

Linear::Linear(Index in, Index out, bool with_bias, DType dtype, Init& init, WeightInit kind) {
  require(in > 0 && out > 0, "[Linear] sizes ", in, " -> ", out, " must be positive");
  const bool xavier = kind == WeightInit::xavier;
  const double bound =
      xavier ? std::sqrt(6.0 / static_cast<double>(in + out)) : 1 / std::sqrt(static_cast<double>(in));
  weight = init.uniform({out, in}, -bound, bound, dtype);
  if (!with_bias) return;
  bias = init.uniform({out}, -bound, bound, dtype);
  if (xavier) bias = Array::zeros({out}, dtype);
}

void Linear::collect(const std::string& prefix, ParameterRefs& out) {
  out.push_back({prefix + ".weight", &weight});
  if (!bias.empty()) out.push_back({prefix + ".bias", &bias});
}

Embedding::Embedding(Index count, Index features, DType dtype, Init& init)
    : weight(init.normal({count, features}, dtype)) {}

void Embedding::collect(const std::string& prefix, ParameterRefs& out) {
  out.push_back({prefix + ".weight", &weight});
}

LayerNorm::LayerNorm(Index features, DType dtype, double epsilon)
    : weight(Array::full({features}, 1, dtype)), bias(Array::zeros({features}, dtype)), eps(epsilon) {}

void LayerNorm::collect(const std::string& prefix, ParameterRefs& out) {
  out.push_back({prefix + ".weight", &weight});
  out.push_back({prefix + ".bias", &bias});
}

Mlp::Mlp(const std::vector<Index>& sizes, DType dtype, Init& init, WeightInit kind) {
  require(sizes.size() >= 2, "[Mlp] ", sizes.size(), " sizes, at least an input and an output are needed");
  for (std::size_t k = 0; k + 1 < sizes.size(); ++k)
    layers.emplace_back(sizes[k], sizes[k + 1], true, dtype, init, kind);
}

Array Mlp::operator()(const Array& x) const {
  Array y = x;
  for (std::size_t k = 0; k < layers.size(); ++k) y = layers[k](k == 0 ? y : silu(y));
  return y;
}

void Mlp::collect(const std::string& prefix, ParameterRefs& out) {
  for (std::size_t k = 0; k < layers.size(); ++k)
    layers[k].collect(prefix + "." + std::to_string(2 * k), out);
}

void track_parameters(const ParameterRefs& parameters) {
  for (const auto& p : parameters) *p.value = track(detach(*p.value));
}

void detach_parameters(const ParameterRefs& parameters) {
  for (const auto& p : parameters) *p.value = detach(*p.value);
}

Arrays values_of(const ParameterRefs& parameters) {
  Arrays values;
  values.reserve(parameters.size());
  for (const auto& p : parameters) values.push_back(*p.value);
  return values;
}

Index count_parameters(const ConstParameterRefs& parameters) {
  Index n = 0;
  for (const auto& p : parameters) n += p.value->size();
  return n;
}

void save_parameters(const ConstParameterRefs& parameters, data::Group& group) {
  for (const auto& p : parameters) {
    require(!group.has(p.name), "[save_parameters] the name '", p.name, "' is taken");
    group.set(p.name, detach(*p.value));
  }
}

void load_parameters(const ParameterRefs& parameters, const data::Group& group, bool convert) {
  std::string problems;
  auto complain = [&](const std::string& what) { problems += (problems.empty() ? "" : "; ") + what; };
  std::vector<std::string> names;
  for (const auto& p : parameters) {
    names.push_back(p.name);
    if (!group.has(p.name)) {
      complain("'" + p.name + "' is missing");
      continue;
    }
    const Array &have = group.array(p.name), &want = *p.value;
    const bool convertible = (is_real(have.dtype()) && is_real(want.dtype())) ||
                             (is_complex(have.dtype()) && is_complex(want.dtype()));
    if (have.shape() != want.shape() || !(have.dtype() == want.dtype() || (convert && convertible)))
      complain(text("'", p.name, "' is ", have.dtype(), " of shape ", have.shape(), ", expected ",
                    want.dtype(), " of shape ", want.shape()));
  }
  std::sort(names.begin(), names.end());
  for (const auto& [name, item] : group.items())
    if (!std::binary_search(names.begin(), names.end(), name))
      complain("no parameter is called '" + name + "'");
  if (!problems.empty()) throw FormatError(group.file(), "parameters", problems);
  for (const auto& p : parameters) *p.value = group.array(p.name).as(p.value->dtype()).to(p.value->device());
}

}  // namespace cartan::nn
