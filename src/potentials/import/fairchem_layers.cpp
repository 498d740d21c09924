// Modules of fairchem as parts of ours.
#include "cartan/core/error.hpp"
#include "potentials/import/fairchem_state.hpp"

namespace cartan::potentials {

Weights so2_weights(FairchemState& state, const std::string& prefix, const so3::SO2Convolution& ours,
                    const SO2Rows& rows, Index channels_in, int sides, int side, bool constant,
                    const std::vector<double>& degree_factors) {
  const int mmax = ours.options().mmax;
  const Index per_degree = sides * channels_in;
  std::vector<Weights> matrices;
  std::vector<Index> in_size, out_size;
  for (int m = 0; m <= mmax; ++m) {
    in_size.push_back((rows.lmax + 1 - m) * per_degree);
    out_size.push_back((rows.lmax + 1 - m) * rows.channels + (m == 0 ? rows.before : 0));
    matrices.push_back(
        state.array(m == 0 ? prefix + ".fc_m0.weight" : text(prefix, ".so2_m_conv.", m - 1, ".fc.weight"),
                    {m == 0 ? out_size[0] : 2 * out_size.back(), in_size.back()}));
  }
  const Weights bias = state.array(prefix + ".fc_m0.bias", {out_size[0]});
  Weights out(ours.weight_size(), 0.0);
  const std::size_t degrees = static_cast<std::size_t>(rows.lmax) + 1;
  for (const auto& b : ours.blocks()) {
    const bool of_degree = b.out < degrees;
    const Index row = of_degree
                          ? (b.m == 0 ? rows.before : 0) + (static_cast<Index>(b.out) - b.m) * rows.channels
                          : rows.extra.at(b.out - degrees);
    const double factor = of_degree && !degree_factors.empty() ? degree_factors.at(b.out) : 1;
    const Index in_term = static_cast<Index>(b.in) - (constant ? 1 : 0);
    const Index sine = b.sine ? out_size[b.m] : 0, width = in_size[b.m];
    for (Index i = 0; i < b.rows; ++i)
      for (Index j = 0; j < b.columns; ++j)
        out[b.offset + i * b.columns + j] =
            factor * (in_term < 0 ? bias[row + i]
                                  : matrices[b.m][(sine + row + i) * width + (in_term - b.m) * per_degree +
                                                  side * channels_in + j]);
  }
  return out;
}

void set_pair_radial(FairchemState& state, const std::string& net, const nn::ParameterRefs& to,
                     const std::string& name, int lmax, int mmax, Index channels, int side, bool by_degree) {
  Index groups = lmax + 1;
  for (int m = 1; m <= mmax && !by_degree; ++m) groups += lmax + 1 - m;
  const Index width = state.shape(net + ".6.weight").at(1), all = groups * 2 * channels;
  const Weights w = state.array(net + ".6.weight", {all, width}), b = state.array(net + ".6.bias", {all});
  Weights weight, bias;
  for (Index g = 0; g < groups; ++g)
    for (Index c = 0; c < channels; ++c) {
      const Index row = (2 * g + side) * channels + c;
      weight.insert(weight.end(), w.begin() + row * width, w.begin() + (row + 1) * width);
      bias.push_back(b[row]);
    }
  set_parameter(to, name + ".weight", weight);
  set_parameter(to, name + ".bias", bias);
}

void set_edge_network(FairchemState& state, const std::string& net, const nn::ParameterRefs& to,
                      const std::string& name, Index basis, Index channels) {
  const Index width = basis + 2 * channels;
  const Weights w = state.array(net + ".0.weight", {channels, width});
  const auto part = [&](Index begin, Index end) {
    Weights out;
    for (Index k = 0; k < channels; ++k)
      out.insert(out.end(), w.begin() + k * width + begin, w.begin() + k * width + end);
    return out;
  };
  set_parameter(to, name + ".0.basis", part(0, basis));
  set_parameter(to, name + ".0.source", part(basis, basis + channels));
  set_parameter(to, name + ".0.target", part(basis + channels, width));
  set_parameter(to, name + ".0.bias", state.array(net + ".0.bias", {channels}));
  set_linear(state, net + ".3", to, name + ".3", channels, channels);
  for (const char* layer : {".1", ".4"})
    for (const char* what : {".weight", ".bias"})
      set_parameter(to, name + layer + what, state.array(net + layer + what, {channels}));
}

void set_degree_norm(FairchemState& state, const std::string& from, const nn::ParameterRefs& to,
                     const std::string& name, int lmax, Index channels) {
  if (state.has(from + ".affine_bias")) {
    set_parameter(to, name + ".weight", state.array(from + ".affine_weight", {lmax + 1, channels}));
    set_parameter(to, name + ".bias", state.array(from + ".affine_bias", {channels}));
    return;
  }
  for (const char* what : {"weight", "bias"})
    set_parameter(to, name + ".scalars." + what, state.array(from + ".norm_l0." + what, {channels}));
  if (lmax > 0) set_parameter(to, name + ".weight", state.array(from + ".affine_weight", {lmax, channels}));
}

void set_degree_linear(FairchemState& state, const std::string& from, const nn::ParameterRefs& to,
                       const std::string& name, int lmax, Index in, Index out,
                       const std::vector<double>& factors) {
  const Weights w = state.array(from + ".weight", {lmax + 1, out, in});
  Weights ours(w.size());
  for (Index l = 0; l <= lmax; ++l)
    for (Index i = 0; i < in; ++i)
      for (Index o = 0; o < out; ++o)
        ours[(l * in + i) * out + o] = w[(l * out + o) * in + i] * (factors.empty() ? 1 : factors.at(l));
  set_parameter(to, name + ".weight", ours);
  set_parameter(to, name + ".bias", state.array(from + ".bias", {out}));
}

void set_linear(FairchemState& state, const std::string& from, const nn::ParameterRefs& to,
                const std::string& name, Index in, Index out) {
  set_parameter(to, name + ".weight", state.array(from + ".weight", {out, in}));
  set_parameter(to, name + ".bias", state.array(from + ".bias", {out}));
}

}  // namespace cartan::potentials
