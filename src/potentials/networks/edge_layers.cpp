#include "potentials/networks/edge_layers.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/wigner.hpp"
#include "potentials/networks/message_passing.hpp"
#include "potentials/networks/root_mean_square.hpp"

namespace cartan::potentials {

so3::Irreps polar_features(int lmax, Index channels) {
  std::vector<so3::MulIrrep> terms;
  for (int l = 0; l <= lmax; ++l) terms.push_back({channels, {l, l % 2 ? -1 : 1}});
  return so3::Irreps(std::move(terms));
}

Indices degree_of_rows(int lmax) {
  std::vector<std::int32_t> rows;
  for (int l = 0; l <= lmax; ++l) rows.insert(rows.end(), 2 * l + 1, l);
  return Indices(std::move(rows), lmax + 1);
}

Array degree_outer(const Array& a, const Array& b, const Indices& degrees) {
  const Index n = a.dim(0), rows = a.dim(1), channels = b.dim(1);
  return reshape(reshape(a, {n, rows, 1}) * reshape(gather(b, degrees), {1, rows, channels}),
                 {n, rows * channels});
}

Array columns(const Array& x, Index begin, Index end) {
  return slice(x, x.ndim() - 1, begin, end);
}

Array edge_frames(const Array& vectors, int lmax, bool roll) {
  return cast(so3::wigner_d(so3::rotation_to(cast(vectors, DType::f64), roll), lmax), vectors.dtype());
}

DegreeNorm::DegreeNorm(const std::string& kind, int lmax, Index channels, DType dtype)
    : lmax_(lmax), channels_(channels), layer_(kind == "layer") {
  const Index degrees = layer_ ? lmax : lmax + 1;
  if (degrees > 0) weight_ = Array::full({degrees, channels}, 1, dtype);
  if (layer_)
    scalars_ = nn::LayerNorm(channels, dtype);
  else
    bias_ = Array::zeros({channels}, dtype);
}

// The degrees from `first` on, over the root of the mean over degrees of their mean squares.
Array DegreeNorm::scaled(const Array& x, int first) const {
  std::vector<double> share;
  for (int l = first; l <= lmax_; ++l)
    share.insert(share.end(), (2 * l + 1) * channels_,
                 1.0 / static_cast<double>((lmax_ + 1 - first) * (2 * l + 1) * channels_));
  return over_root_mean_square(x, share, 1e-5);
}

Array DegreeNorm::operator()(const Array& x) const {
  const Array scalars = columns(x, 0, channels_), rest = columns(x, channels_, x.dim(-1));
  if (!layer_) {
    const Array y = concatenate({scalars - mean(scalars, 1, true), rest}, 1);
    return so3::scale_degrees(scaled(y, 0), lmax_, weight_) + pad(bias_, 0, 0, x.dim(-1) - channels_);
  }
  const Array first = scalars_(scalars);
  if (lmax_ == 0) return first;
  std::vector<std::int32_t> degree;
  for (int l = 1; l <= lmax_; ++l) degree.insert(degree.end(), 2 * l + 1, l - 1);
  const Array weight = reshape(gather(weight_, Indices(degree, lmax_)), {-1});
  return concatenate({first, scaled(rest, 1) * weight}, 1);
}

void DegreeNorm::collect(const std::string& prefix, nn::ParameterRefs& out) {
  if (layer_) scalars_.collect(prefix + ".scalars", out);
  if (!weight_.empty()) out.push_back({prefix + ".weight", &weight_});
  if (!layer_) out.push_back({prefix + ".bias", &bias_});
}

nn::RadialBasis gaussians(Index count, double cutoff, double width, DType dtype) {
  nn::RadialOptions options;
  options.kind = nn::RadialKind::gauss;
  options.count = count;
  options.upper = cutoff;
  nn::RadialBasis basis(options, dtype);
  basis.widths = scale(basis.widths, 1 / (width * width));
  return basis;
}

DegreeLinear::DegreeLinear(const so3::Irreps& in, const so3::Irreps& out, bool bias, DType dtype,
                           nn::Init& init)
    : map_(in, out, bias, so3::PathNormalization::none) {
  const double bound = 1 / std::sqrt(static_cast<double>(in[0].mul));
  weight_ = init.uniform({map_.weight_numel()}, -bound, bound, dtype);
  if (bias) bias_ = Array::zeros({map_.bias_numel()}, dtype);
}

void DegreeLinear::collect(const std::string& prefix, nn::ParameterRefs& out) {
  out.push_back({prefix + ".weight", &weight_, matrices_of(map_)});
  if (!bias_.empty()) out.push_back({prefix + ".bias", &bias_});
}

Array exact(const Array& a) {
  return cast(a, DType::f64);
}
nn::Linear exact(nn::Linear map) {
  map.weight = exact(map.weight);
  if (!map.bias.empty()) map.bias = exact(map.bias);
  return map;
}
nn::LayerNorm exact(nn::LayerNorm norm) {
  norm.weight = exact(norm.weight), norm.bias = exact(norm.bias);
  return norm;
}

EdgeNetwork::EdgeNetwork(Index basis, Index kinds, Index channels, bool embeddings, DType dtype,
                         nn::Init& init)
    : norm_0_(channels, dtype), norm_1_(channels, dtype) {
  const double bound = 1 / std::sqrt(static_cast<double>(basis + 2 * channels));
  basis_ = init.uniform({channels, basis}, -bound, bound, dtype);
  of_source_ = init.uniform({channels, channels}, -bound, bound, dtype);
  of_target_ = init.uniform({channels, channels}, -bound, bound, dtype);
  bias_ = init.uniform({channels}, -bound, bound, dtype);
  middle_ = nn::Linear(channels, channels, true, dtype, init);
  if (!embeddings) return;
  source_ = init.uniform({kinds, channels}, -1, 1, dtype);
  target_ = init.uniform({kinds, channels}, -1, 1, dtype);
}

Array EdgeNetwork::operator()(const Edges& edges) const {
  const EdgeNodes& nodes = *edges.nodes;
  const nn::LayerNorm norm_0 = exact(norm_0_), norm_1 = exact(norm_1_);
  const Array x = linear(edges.basis, exact(basis_), exact(bias_)) +
                  gather(linear(exact(source_), exact(of_source_)), nodes.sender_kind) +
                  gather(linear(exact(target_), exact(of_target_)), nodes.receiver_kind);
  return cast(silu(norm_1(exact(middle_)(silu(norm_0(x))))), edges.vectors.dtype());
}

EdgeNetwork EdgeNetwork::with_tables(const Array& source, const Array& target) const {
  EdgeNetwork out = *this;
  out.source_ = source, out.target_ = target;
  return out;
}

void EdgeNetwork::collect(const std::string& prefix, nn::ParameterRefs& out) {
  if (!source_.empty()) {
    out.push_back({prefix + ".source_embedding", &source_});
    out.push_back({prefix + ".target_embedding", &target_});
  }
  out.push_back({prefix + ".0.basis", &basis_});
  out.push_back({prefix + ".0.source", &of_source_});
  out.push_back({prefix + ".0.target", &of_target_});
  out.push_back({prefix + ".0.bias", &bias_});
  norm_0_.collect(prefix + ".1", out);
  middle_.collect(prefix + ".3", out);
  norm_1_.collect(prefix + ".4", out);
}

std::vector<nn::Matrix> matrices_of(const so3::SO2Convolution& convolution) {
  std::vector<nn::Matrix> out;
  for (const auto& b : convolution.blocks()) out.push_back({b.offset, b.rows, b.columns});
  std::sort(out.begin(), out.end(),
            [](const nn::Matrix& a, const nn::Matrix& b) { return a.offset < b.offset; });
  return out;
}

Array draw_so2_weights(const so3::SO2Convolution& convolution, int sides, DType dtype, nn::Init& init) {
  Array out = init.uniform({convolution.weight_size()}, -1, 1, dtype);
  if (!init.fill || !init.draw) return out;
  std::vector<double> bound(convolution.weight_size());
  const bool parity = convolution.options().parity;
  for (const auto& b : convolution.blocks()) {
    Index inputs = 0;
    for (const auto& other : convolution.blocks())
      if (other.m == b.m && other.out == b.out && other.sine == b.sine) inputs += other.columns;
    const double sine_too = !parity && b.m > 0 ? 0.5 : 1;
    std::fill_n(bound.begin() + b.offset, b.rows * b.columns,
                std::sqrt(sine_too / static_cast<double>(sides * inputs)));
  }
  return out * Array::from(bound).as(dtype);
}

namespace {

so3::SO2Convolution pair_side(const so3::Irreps& in, const so3::Irreps& out, int mmax, bool parity,
                              bool constant, bool to_frames) {
  so3::SO2Options options;
  options.mmax = mmax;
  options.parity = parity;
  options.to_frames = to_frames;
  return {constant ? so3::Irreps("1x0e") + in : in, out, options};
}

// One linear map of both sides' factors: fan-in and names as of one.
nn::Linear radial_map(const so3::SO2Convolution& c, bool constant, bool by_degree, Index edge_channels,
                      DType dtype, nn::Init& init) {
  const Index per_order = c.radial_size() - (constant ? 1 : 0);
  const Index dim = c.irreps_in().num_irreps() - (constant ? 1 : 0);
  return nn::Linear(edge_channels, by_degree ? dim : per_order, true, dtype, init);
}

}  // namespace

so3::SO2Options so2_options(const SO2NetworkConfig& config, bool from_frames) {
  so3::SO2Options options;
  options.from_frames = from_frames;
  options.mmax = config.mmax;
  options.parity = config.parity;
  return options;
}

double pair_flops(const SO2NetworkConfig& c, const so3::Irreps& out) {
  const so3::Irreps in = polar_features(c.lmax, c.channels);
  return pair_side(in, out, c.mmax, c.parity, true, true).flops_per_edge() +
         pair_side(in, out, c.mmax, c.parity, false, true).flops_per_edge();
}

PairConvolution::PairConvolution(const so3::Irreps& in, const so3::Irreps& out, int mmax, bool parity,
                                 bool by_degree, Index edge_channels, DType dtype, nn::Init& init,
                                 bool to_frames)
    : source_(pair_side(in, out, mmax, parity, true, to_frames)),
      target_(pair_side(in, out, mmax, parity, false, to_frames)) {
  of_target_.weight = draw_so2_weights(target_, 2, dtype, init);
  of_source_.weight = draw_so2_weights(source_, 2, dtype, init);
  if (init.fill && init.draw) {  // b = 0
    std::vector<double> keep(source_.weight_size(), 1.0);
    for (const auto& b : source_.blocks())
      if (b.in == 0) std::fill_n(keep.begin() + b.offset, b.rows * b.columns, 0.0);
    of_source_.weight = of_source_.weight * Array::from(keep).as(dtype);
  }
  of_source_.radial = radial_map(source_, true, by_degree, edge_channels, dtype, init);
  of_target_.radial = radial_map(target_, false, by_degree, edge_channels, dtype, init);
  if (!by_degree) return;
  std::vector<std::int32_t> orders;
  const Index channels = in[0].mul;
  for (int m = 0; m <= target_.options().mmax; ++m)
    for (std::size_t l = 0; l < in.size(); ++l)
      for (Index c = 0; c < channels && static_cast<int>(l) >= m; ++c)
        orders.push_back(static_cast<std::int32_t>(static_cast<Index>(l) * channels + c));
  orders_ = Indices(orders, static_cast<Index>(in.size()) * channels);
}

Array PairConvolution::factors(const Side& side, const Array& hidden, bool constant) const {
  Array weight = side.radial.weight, bias = side.radial.bias;
  if (orders_.size() > 0) weight = gather(weight, orders_), bias = gather(bias, orders_);
  if (!constant) return linear(hidden, weight, bias);
  return linear(hidden, pad(weight, 0, 1, 0),
                concatenate({Array::full({1}, 1, bias.dtype(), bias.device()), bias}, 0));
}

Array PairConvolution::operator()(const EdgeNodes& nodes, const Array& senders, const Array& receivers,
                                  const Array& vectors, const Array& hidden) const {
  const Array ones = Array::full({senders.dim(0), 1}, 1, senders.dtype(), senders.device());
  return source_(nodes.from_senders, concatenate({ones, senders}, 1), vectors, of_source_.weight,
                 factors(of_source_, hidden, true)) +
         target_(nodes.from_receivers, receivers, vectors, of_target_.weight,
                 factors(of_target_, hidden, false));
}

void PairConvolution::collect(const std::string& prefix, nn::ParameterRefs& out) {
  out.push_back({prefix + ".source.weight", &of_source_.weight, matrices_of(source_)});
  out.push_back({prefix + ".target.weight", &of_target_.weight, matrices_of(target_)});
  of_source_.radial.collect(prefix + ".source.radial", out);
  of_target_.radial.collect(prefix + ".target.radial", out);
}

namespace {

so3::Convolution degree_convolution(int lmax, Index channels) {
  so3::TensorProductOptions options;
  options.path_normalization = so3::PathNormalization::none;
  return so3::Convolution(so3::TensorProduct::channelwise(polar_features(0, channels),
                                                          so3::Irreps::spherical_harmonics(lmax, -1),
                                                          polar_features(lmax, channels), true, options));
}

}  // namespace

DegreeEmbedding::DegreeEmbedding(EdgeNetwork edge, int lmax, Index channels, Index edge_channels, DType dtype,
                                 nn::Init& init)
    : channels_(channels),
      edge_(std::move(edge)),
      radial_(edge_channels, (lmax + 1) * channels, true, dtype, init),
      convolution_(degree_convolution(lmax, channels)) {}

Array DegreeEmbedding::operator()(const Edges& edges) const {
  const Array radial = edges.limited(radial_(edge_(edges)));
  const EdgeList& list = edges.nodes->edges;
  const Array ones = Array::full({list.sender_nodes(), channels_}, 1, radial.dtype(), radial.device());
  return convolution_(list, ones, edges.harmonics, radial);
}

Arrays embed_degree(const DegreeEmbedding& degree, const Edges& edges, const Array&, const Array&) {
  return {degree(edges)};
}

DegreeEmbedding DegreeEmbedding::with_tables(const Array& source, const Array& target) const {
  DegreeEmbedding out = *this;
  out.edge_ = edge_.with_tables(source, target);
  return out;
}

void DegreeEmbedding::collect(const std::string& prefix, nn::ParameterRefs& out) {
  edge_.collect(prefix + ".edge", out);
  radial_.collect(prefix + ".radial", out);
}

}  // namespace cartan::potentials
