#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/operators/fno.hpp"
#include "operators/activation.hpp"
#include "operators/complex_valued.hpp"
#include "operators/pointwise.hpp"
#include "operators/resample.hpp"

namespace cartan::operators {
namespace {

// Matrix (out, in) times points: (B, in, grid) -> (B, out, grid).
Array mix_channels(const Array& weight, const Array& x, const Array& bias = {}) {
  const Index out = weight.dim(0), in = weight.dim(1);
  require(x.dim(1) == in, "[operators] ", x.dim(1), " channels for weights of ", in);
  Array y = matmul(reshape(weight, {out, in}), reshape(x, {x.dim(0), in, -1}));
  if (!bias.empty()) y = y + reshape(bias, {out, 1});
  Shape shape = x.shape();
  shape[1] = out;
  return reshape(y, shape);
}

Array channels_shaped(const Array& a, int ndim) {
  Shape shape(static_cast<std::size_t>(ndim), 1);
  shape[1] = a.size();
  return reshape(a, shape);
}

// Correlation with weights (out, in, k, .., k), zeros beyond the border; the extra point of an even k at the
// end.
Array correlate(const Array& weight, const Array& x) {
  const int d = x.ndim() - 2;
  const Index k = weight.dim(2), before = (k - 1) / 2, out = weight.dim(0), in = weight.dim(1);
  Array padded = x;
  for (int a = 0; a < d; ++a) padded = pad(padded, a + 2, before, k - 1 - before);
  const Array flat = reshape(weight, {out, in, -1});
  Array sum;
  for (Index tap = 0; tap < flat.dim(2); ++tap) {
    Array moved = padded;
    Index rest = tap;
    for (int a = d; a-- > 0; rest /= k) moved = slice(moved, a + 2, rest % k, rest % k + x.dim(a + 2));
    const Array y = mix_channels(reshape(slice(flat, 2, tap, tap + 1), {out, in, 1}), moved);
    sum = sum.empty() ? y : sum + y;
  }
  return sum;
}

}  // namespace

ChannelMlp::ChannelMlp(const std::vector<Index>& sizes, DType dtype, nn::Init& init) {
  for (std::size_t k = 0; k + 1 < sizes.size(); ++k) {
    require(sizes[k] >= 1 && sizes[k + 1] >= 1, "[ChannelMlp] sizes ", sizes, "; at least 1");
    const double bound = 1 / std::sqrt(static_cast<double>(sizes[k]));
    weights.push_back(init.uniform({sizes[k + 1], sizes[k], 1}, -bound, bound, dtype));
    biases.push_back(init.uniform({sizes[k + 1]}, -bound, bound, dtype));
  }
}

Array ChannelMlp::operator()(const Array& x, const std::string& activation) const {
  if (weights.size() == 2 && activation == "gelu" && x.dim(1) == weights[0].dim(1) && x.size() > 0) {
    const auto matrix = [](const Array& w) { return reshape(w, {w.dim(0), w.dim(1)}); };
    Shape shape = x.shape();
    shape[1] = weights[1].dim(0);
    const Array points = reshape(x, {x.dim(0), x.dim(1), -1});
    return reshape(pointwise({}, {points, matrix(weights[0]), biases[0], matrix(weights[1]), biases[1]}),
                   shape);
  }
  Array y = x;
  for (std::size_t k = 0; k < weights.size(); ++k)
    y = mix_channels(weights[k], k == 0 ? y : activate(activation, y), biases[k]);
  return y;
}

void ChannelMlp::collect(const std::string& prefix, nn::ParameterRefs& out) {
  for (std::size_t k = 0; k < weights.size(); ++k) {
    out.push_back({text(prefix, ".fcs.", k, ".weight"), &weights[k]});
    out.push_back({text(prefix, ".fcs.", k, ".bias"), &biases[k]});
  }
}

FnoBlocks::FnoBlocks(const FnoConfig& c, nn::Init& init) : config_(c) {
  const Index channels = c.hidden_channels;
  const std::size_t d = c.spectral.modes.size();
  convolution_ = SpectralConvolution(c.spectral, channels, channels, c.layers, c.dtype, init);
  const Index parts = c.complex_fields() ? 2 : 1;
  const auto make_skips = [&](const std::string& kind, Index kernel, std::vector<Skip>& skips) {
    if (kind == "none" || kind == "identity") return;
    for (Index k = 0; k < parts * c.layers; ++k) {
      Skip s;
      if (kind == "linear") {
        Shape shape{channels, channels};
        shape.resize(kernel == 1 ? 3 : d + 2, kernel);
        double fan = static_cast<double>(channels);
        for (std::size_t a = 2; a < shape.size(); ++a) fan *= static_cast<double>(shape[a]);
        s.weight = init.uniform(shape, -1 / std::sqrt(fan), 1 / std::sqrt(fan), c.dtype);
      } else {
        Shape shape(d + 2, 1);
        shape[1] = channels;
        s.weight = Array::full(shape, 1, c.dtype);
      }
      skips.push_back(s);
    }
  };
  make_skips(c.skip, c.skip_kernel, skips_);
  if (c.channel_mlp) {
    make_skips(c.mlp_skip, c.spectral.compat ? 1 : c.skip_kernel, mlp_skips_);
    const Index hidden = static_cast<Index>(std::nearbyint(static_cast<double>(channels) * c.mlp_expansion));
    for (Index k = 0; k < parts * c.layers; ++k)
      mlps_.emplace_back(std::vector<Index>{channels, hidden, channels}, c.dtype, init);
  }
  if (c.norm == "none") return;
  for (Index k = 0; k < 2 * parts * c.layers; ++k) {
    Norm n;
    if (c.norm == "group" || c.norm == "batch") {
      n.weight = Array::full({channels}, 1, c.dtype);
      n.bias = Array::zeros({channels}, c.dtype);
    }
    if (c.norm == "batch") {
      n.mean = Array::zeros({channels}, c.dtype);
      n.variance = Array::full({channels}, 1, c.dtype);
    }
    if (c.norm == "adaptive") {
      const nn::Linear first(c.embedding_features, 512, true, c.dtype, init),
          second(512, 2 * channels, true, c.dtype, init);
      n.mlp = {first.weight, first.bias, second.weight, second.bias};
    }
    norms_.push_back(n);
  }
}

void FnoBlocks::collect(const std::string& prefix, nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  convolution_.collect(prefix, out);
  const Index parts = config_.complex_fields() ? 2 : 1;
  const auto name = [&](const char* kind, std::size_t k) {
    const std::size_t p = static_cast<std::size_t>(parts);
    return text(prefix, kind, ".", k / p, parts == 1 ? "" : k % p == 0 ? ".fr" : ".fi");
  };
  const auto list = [&](const char* what, const std::string& kind, std::vector<Skip>& skips) {
    for (std::size_t k = 0; k < skips.size(); ++k)
      out.push_back(
          {name(what, k) + (kind == "linear" && skips[k].weight.dim(2) == 1 ? ".conv.weight" : ".weight"),
           &skips[k].weight});
  };
  list("fno_skips", config_.skip, skips_);
  list("channel_mlp_skips", config_.mlp_skip, mlp_skips_);
  for (std::size_t k = 0; k < mlps_.size(); ++k) mlps_[k].collect(name("channel_mlp", k), out);
  for (std::size_t k = 0; k < norms_.size(); ++k) {
    Norm& n = norms_[k];
    const bool batch = config_.norm == "batch";
    const std::string own = name("norm", k) + (batch ? ".norm" : "");
    if (!n.weight.empty()) {
      out.push_back({own + ".weight", &n.weight});
      out.push_back({own + ".bias", &n.bias});
    }
    if (batch) {
      constants.push_back({own + ".running_mean", &n.mean});
      constants.push_back({own + ".running_var", &n.variance});
    }
    const char* const names[] = {".mlp.0.weight", ".mlp.0.bias", ".mlp.2.weight", ".mlp.2.bias"};
    for (std::size_t i = 0; i < n.mlp.size(); ++i) out.push_back({own + names[i], &n.mlp[i]});
  }
}

Shape FnoBlocks::output_grid(const Shape& grid, Index layer) const {
  const std::vector<double>& scaling = config_.resolution_scaling;
  if (scaling.empty()) return grid;
  const double factor = scaling.size() == 1 ? scaling[0] : scaling[static_cast<std::size_t>(layer)];
  Shape out;
  for (const Index n : grid)
    out.push_back(std::max<Index>(1, static_cast<Index>(std::nearbyint(static_cast<double>(n) * factor))));
  return out;
}

Array FnoBlocks::transformed(const Array& x, const Shape& grid) const {
  if (std::equal(grid.begin(), grid.end(), x.shape().begin() + 2)) return x;
  return config_.spectral.compat ? resample_compat(x, grid) : resample_spectral(x, grid);
}

Array FnoBlocks::skip(const std::string& kind, const std::vector<Skip>& skips, const Array& v, Index layer,
                      const Shape& grid) const {
  if (kind == "none") return {};
  // neuraloperator passes complex fields through one map for each part, here both the identity: (1 + i) v
  if (kind == "identity" && !(config_.complex_fields() && config_.spectral.compat))
    return transformed(v, grid);
  const Array s = complex_valued(v, [&](int part, const Array& x) {
    if (kind == "identity") return x;
    const Array& w =
        skips[static_cast<std::size_t>(config_.complex_fields() ? 2 * layer + part : layer)].weight;
    if (kind == "soft-gating") return x * w;
    return w.dim(2) == 1 ? mix_channels(w, x) : correlate(w, x);
  });
  return transformed(s, grid);
}

Array FnoBlocks::mlp(const Array& h, Index layer) const {
  return complex_valued(h, [&](int part, const Array& x) {
    return mlps_[static_cast<std::size_t>(config_.complex_fields() ? 2 * layer + part : layer)](x, "gelu");
  });
}

Array FnoBlocks::norm_part(const Array& x, const Norm& n, nn::StateUpdate* training) const {
  const Index samples = x.dim(0), channels = x.dim(1);
  const std::string& kind = config_.norm;
  Array weight = n.weight, bias = n.bias, y;
  if (kind == "batch") {
    if (training) {
      Array rows = reshape(x, {samples, channels, -1});
      rows = permute(rows, {1, 0, 2});
      const Array flat = reshape(rows, {channels, -1});
      y = permute(reshape(nn::normalize(flat), rows.shape()), {1, 0, 2});
      y = reshape(y, x.shape());
      // Averages of what passed in training, as torch keeps them.
      const Recording off(false);
      const Array values = detach(flat);
      const double count = static_cast<double>(flat.dim(1));
      const Array m = mean(values, 1, true);
      const Array v = sum(square(values - m), 1) / std::max(1.0, count - 1);
      training->set(n.mean, training->latest(n.mean) * 0.9 + reshape(m, {channels}) * 0.1);
      training->set(n.variance, training->latest(n.variance) * 0.9 + v * 0.1);
    } else {
      y = (x - channels_shaped(n.mean, x.ndim())) *
          channels_shaped(reciprocal(sqrt(n.variance + 1e-5)), x.ndim());
    }
  } else {
    const Index groups = kind == "group" ? config_.norm_groups : channels;
    y = reshape(nn::normalize(reshape(x, {samples * groups, -1})), x.shape());
  }
  if (kind == "adaptive") {
    require(embedding_.ndim() == 1 && embedding_.size() == config_.embedding_features,
            "[FnoBlocks] the embedding has shape ", embedding_.shape(), ", not (", config_.embedding_features,
            "); give one by set_embedding");
    const Array row = reshape(embedding_, {1, -1});
    const Array both =
        reshape(linear(gelu(linear(row, n.mlp[0], n.mlp[1])), n.mlp[2], n.mlp[3]), {2 * channels});
    weight = slice(both, 0, 0, channels), bias = slice(both, 0, channels, 2 * channels);
  }
  if (weight.empty()) return y;
  return y * channels_shaped(weight, x.ndim()) + channels_shaped(bias, x.ndim());
}

Array FnoBlocks::norm(const Array& x, Index which, nn::StateUpdate* training) const {
  if (norms_.empty()) return x;
  return complex_valued(x, [&](int part, const Array& a) {
    return norm_part(a, norms_[static_cast<std::size_t>(config_.complex_fields() ? 2 * which + part : which)],
                     training);
  });
}

bool FnoBlocks::fusible() const {
  const FnoConfig& c = config_;
  return !c.complex_fields() && !c.preactivation && c.norm == "none" && c.activation == "gelu" &&
         c.channel_mlp && c.spectral.conv_bias &&
         (c.skip == "none" || (c.skip == "linear" && c.skip_kernel == 1)) &&
         (c.mlp_skip == "none" || c.mlp_skip == "soft-gating");
}

Array FnoBlocks::operator()(const Array& x, Index layer, const Shape& given, nn::StateUpdate* training,
                            SpectralPass* pass) const {
  const FnoConfig& c = config_;
  const Shape from(x.shape().begin() + 2, x.shape().end()),
      grid = given.empty() ? output_grid(from, layer) : given;
  const bool inner = layer + 1 < c.layers;
  // neuraloperator's blocks of complex fields have gelu, whatever the lifting and the projection have
  const std::string between = c.complex_fields() && c.spectral.compat ? "gelu" : c.activation;
  Array v = x;
  if (c.preactivation) v = norm(activate(between, v), 2 * layer, training);
  const Array skipped = v;
  if (c.stabilizer == "tanh") v = activate("tanh", v);
  if (fusible() && grid == from && x.size() > 0) {
    const auto points = [&](const Array& a) { return reshape(a, {a.dim(0), a.dim(1), -1}); };
    const auto matrix = [](const Array& w) { return reshape(w, {w.dim(0), w.dim(1)}); };
    const Array u = convolution_.without_bias(v, layer, grid, pass);
    const ChannelMlp& m = mlps_[static_cast<std::size_t>(layer)];
    PointwiseParts parts;
    parts.spectral = true, parts.gelu_inside = parts.gelu_outside = inner;
    Arrays in{points(x), points(u), reshape(convolution_.bias(layer), {-1})};
    if ((parts.skip = c.skip == "linear")) in.push_back(matrix(skips_[layer].weight));
    in.insert(in.end(), {matrix(m.weights[0]), m.biases[0], matrix(m.weights[1]), m.biases[1]});
    if ((parts.gate = c.mlp_skip == "soft-gating")) in.push_back(reshape(mlp_skips_[layer].weight, {-1}));
    return reshape(pointwise(parts, in), x.shape());
  }
  const Array s = skip(c.skip, skips_, skipped, layer, grid);
  const Array g = c.channel_mlp ? skip(c.mlp_skip, mlp_skips_, skipped, layer, grid) : Array();
  Array h = convolution_(v, layer, grid, pass);
  if (!c.preactivation) h = norm(h, 2 * layer, training);
  if (!s.empty()) h = h + s;
  if (inner) h = activate(between, h);
  if (c.preactivation) h = norm(h, 2 * layer + 1, training);
  if (c.channel_mlp) {
    h = mlp(h, layer);
    if (!g.empty()) h = h + g;
  }
  if (c.preactivation) return h;
  h = norm(h, 2 * layer + 1, training);
  return inner ? activate(between, h) : h;
}

}  // namespace cartan::operators
