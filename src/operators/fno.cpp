#include "cartan/operators/fno.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/operators/continuation.hpp"
#include "core/dispatch.hpp"
#include "operators/activation.hpp"
#include "operators/complex_valued.hpp"

namespace cartan::operators {
namespace {

const std::vector<std::string> skip_names{"linear", "identity", "soft-gating", "none"};

// Coordinates of the points: low + (high - low) i / n along each axis, (1, d, grid).
Array coordinates(const FnoConfig& c, const Shape& grid) {
  const std::size_t d = grid.size();
  Shape shape = grid;
  shape.insert(shape.begin(), {1, static_cast<Index>(d)});
  Array out = Array::uninitialized(shape, c.dtype);
  dispatch_real("coordinates", c.dtype, [&]<class T>(T) {
    T* to = out.mutable_data<T>();
    Index outer = 1, inner = size_of(grid);
    for (std::size_t a = 0; a < d; outer *= grid[a++]) {
      inner /= grid[a];
      const double low = c.grid_low.empty() ? 0 : c.grid_low[a],
                   high = c.grid_high.empty() ? 1 : c.grid_high[a];
      const T* first = to;
      for (Index i = 0; i < grid[a]; ++i, to += inner)
        std::fill_n(
            to, inner,
            static_cast<T>(low + (high - low) * static_cast<double>(i) / static_cast<double>(grid[a])));
      for (Index k = 1; k < outer; ++k, to += grid[a] * inner) std::copy_n(first, grid[a] * inner, to);
    }
  });
  return out;
}

}  // namespace

void FnoConfig::describe(config::Fields& f) {
  f("in_channels", in_channels, "channels of the fields that go in").from(1).to(65536);
  f("out_channels", out_channels, "channels of the fields that come out").from(1).to(65536);
  f("hidden_channels", hidden_channels, "channels of the blocks").from(1).to(65536);
  f("layers", layers, "blocks").from(1).to(1024);
  operators::describe(f, spectral);
  f("lifting_ratio", lifting_ratio, "hidden channels of the lifting over those of the blocks; 0: one layer")
      .from(0)
      .to(1024);
  f("projection_ratio", projection_ratio, "the same of the projection").above(0).to(1024);
  f("grid_embedding", grid_embedding, "coordinates of the points as further channels");
  f("grid_low", grid_low, "least coordinate along each axis; empty: 0");
  f("grid_high", grid_high, "largest, not reached; empty: 1");
  f("activation", activation, "between layers").one_of(activation_names());
  f("norm", norm, "of the channels in the blocks").one_of({"none", "instance", "group", "batch", "adaptive"});
  f("norm_groups", norm_groups, "groups of channels of norm group").from(1).to(65536);
  f("channel_mlp", channel_mlp, "a perceptron of the channels in each block");
  f("mlp_expansion", mlp_expansion, "its hidden channels over those of the blocks").above(0).to(1024);
  f("skip", skip, "around the spectral convolution").one_of(skip_names);
  f("mlp_skip", mlp_skip, "around the perceptron").one_of(skip_names);
  f("skip_kernel", skip_kernel, "points a side of linear skips").from(1).to(99);
  f("preactivation", preactivation, "activation and norm before each block");
  f("stabilizer", stabilizer, "of what the spectral convolution sees").one_of({"none", "tanh"});
  f("padding", padding, "part of the extent that is added at both ends of an axis; one number: of all")
      .from(0)
      .to(8);
  f("continuation", continuation,
    "points at each border by which the padding continues fields as one polynomial; 0: zeros")
      .from(0)
      .to(16)
      .added_later();
  f("resolution_scaling", resolution_scaling, "factor of the grid in each block; one number: in all")
      .above(0)
      .to(64);
  f("embedding_features", embedding_features, "features of what norm adaptive is given").from(0).to(65536);
  f("precision", dtype, "of parameters and arithmetic").stored_as("dtype");
}

void FnoConfig::validate() const {
  OperatorConfig::validate();
  const std::size_t d = spectral.modes.size();
  const auto each = [&](const char* name, std::size_t have, std::size_t wanted, bool one) {
    require(have == 0 || have == wanted || (one && have == 1), "[", kind(), "] ", name, " has ", have,
            " numbers; give ", wanted, one ? ", one, or none" : ", or none");
  };
  require(d >= 1 && d <= 3, "[", kind(), "] modes of ", d, " axes; 1, 2 or 3");
  each("max_modes", spectral.max_modes.size(), d, false);
  each("grid_low", grid_low.size(), d, false);
  each("grid_high", grid_high.size(), d, false);
  each("padding", padding.size(), d, true);
  each("resolution_scaling", resolution_scaling.size(), static_cast<std::size_t>(layers), true);
  require(continuation == 0 || std::any_of(padding.begin(), padding.end(), [](double p) { return p > 0; }),
          "[", kind(), "] continuation by ", continuation, " points without padding; give padding, or 0");
  require(norm != "group" || hidden_channels % norm_groups == 0, "[", kind(), "] ", hidden_channels,
          " channels are not divided by ", norm_groups, " groups");
  require((norm == "adaptive") == (embedding_features > 0), "[", kind(),
          "] norm adaptive needs embedding_features, and ", "the others have none; norm is ", norm,
          ", embedding_features ", embedding_features);
}

std::string FnoConfig::summary() const {
  std::string m;
  for (const Index k : spectral.modes) m += (m.empty() ? "" : "x") + std::to_string(k);
  return text(kind() == std::string("tfno") ? "TFNO" : "FNO", " of ", layers, " layers, ", hidden_channels,
              " channels, modes ", m, ", ", spectral.factorization, spectral.separable ? " separable" : "",
              spectral.one_way == "none" ? "" : " one-way", " weights",
              spectral.one_way == "none" ? "" : text(" (", spectral.one_way, ")"), ", ", dtype);
}

std::unique_ptr<OperatorConfig> FnoConfig::clone() const {
  return std::make_unique<FnoConfig>(*this);
}
std::unique_ptr<OperatorConfig> TfnoConfig::clone() const {
  return std::make_unique<TfnoConfig>(*this);
}
std::unique_ptr<Operator> FnoConfig::make(nn::Init& init) const {
  std::shared_ptr<const OperatorConfig> copy = clone();
  return std::make_unique<Fno>(std::static_pointer_cast<const FnoConfig>(copy), init);
}

Fno::Fno(std::shared_ptr<const FnoConfig> config, nn::Init& init) : config_(std::move(config)) {
  const FnoConfig& c = *config_;
  c.validate();
  require(c.norm != "adaptive", "[", c.kind(),
          "] norm adaptive needs an embedding, which an operator is not given: use FnoBlocks");
  const Index d = c.dimensions(), in = c.in_channels + (c.grid_embedding ? d : 0), h = c.hidden_channels;
  const Index lifted = static_cast<Index>(c.lifting_ratio * static_cast<double>(h)),
              projected = static_cast<Index>(c.projection_ratio * static_cast<double>(h));
  for (int part = 0; part < (c.complex_fields() ? 2 : 1); ++part)
    lifting_.emplace_back(lifted > 0 ? std::vector<Index>{in, lifted, h} : std::vector<Index>{in, h}, c.dtype,
                          init);
  blocks_ = FnoBlocks(c, init);
  for (int part = 0; part < (c.complex_fields() ? 2 : 1); ++part)
    projection_.emplace_back(std::vector<Index>{h, std::max<Index>(1, projected), c.out_channels}, c.dtype,
                             init);
}

void Fno::collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) {
  const auto ends = [&](const char* name, std::vector<ChannelMlp>& parts) {
    for (std::size_t k = 0; k < parts.size(); ++k)
      parts[k].collect(text(name, parts.size() == 1 ? "" : k == 0 ? ".fr" : ".fi"), parameters);
  };
  ends("lifting", lifting_);
  blocks_.collect("fno_blocks.", parameters, constants);
  ends("projection", projection_);
}

namespace {

Shape padded_by(const FnoConfig& c, const Shape& grid) {
  Shape out;
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const double part = c.padding.empty() ? 0 : c.padding.size() == 1 ? c.padding[0] : c.padding[a];
    out.push_back(static_cast<Index>(std::nearbyint(part * static_cast<double>(grid[a]))));
  }
  return out;
}

// Points of the padding on a grid that was rescaled.
Index scaled(Index points, Index before, Index after) {
  return static_cast<Index>(
      std::nearbyint(static_cast<double>(points) * static_cast<double>(after) / static_cast<double>(before)));
}

}  // namespace

Shape Fno::output_grid(const Shape& grid) const {
  const Shape pads = padded_by(*config_, grid);
  Shape out = grid, before;
  for (std::size_t a = 0; a < grid.size(); ++a) out[a] += 2 * pads[a];
  before = out;
  for (Index l = 0; l < config_->layers; ++l) out = blocks_.output_grid(out, l);
  for (std::size_t a = 0; a < grid.size(); ++a) out[a] -= 2 * scaled(pads[a], before[a], out[a]);
  return out;
}

Array Fno::forward(const Array& x, const Shape& wanted, nn::StateUpdate* training) const {
  const FnoConfig& c = *config_;
  const Shape grid(x.shape().begin() + 2, x.shape().end());
  Array v = x;
  if (c.grid_embedding) {
    Shape shape = x.shape();
    shape[1] = c.dimensions();
    v = concatenate({v, broadcast_to(coordinates(c, grid).as(x.dtype()).to(x.device()), shape)}, 1);
  }
  v = complex_valued(v, [&](int part, const Array& a) { return lifting_[part](a, c.activation); });
  const Shape pads = padded_by(c, grid);
  for (std::size_t a = 0; a < grid.size(); ++a)
    if (pads[a] > 0)
      v = c.continuation > 0 ? continue_periodic(v, static_cast<int>(a) + 2, pads[a], pads[a], c.continuation)
                             : pad(v, static_cast<int>(a) + 2, pads[a], pads[a]);
  SpectralPass pass;
  for (Index l = 0; l < c.layers; ++l)
    v = blocks_(v, l, l + 1 == c.layers ? wanted : Shape{}, training, &pass);
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const int axis = static_cast<int>(a) + 2;
    const Index p = scaled(pads[a], grid[a] + 2 * pads[a], v.dim(axis));
    if (p > 0) v = slice(v, axis, p, v.dim(axis) - p);
  }
  return complex_valued(v, [&](int part, const Array& a) { return projection_[part](a, c.activation); });
}

Array Fno::on_grid(const Array& x, const Shape& grid) const {
  const FnoConfig& c = *config_;
  require(x.ndim() == c.dimensions() + 2 && x.dim(0) >= 1 && x.dim(1) == c.in_channels &&
              x.dtype() == c.field_dtype(),
          "[", kind(), "] fields ", x.shape(), " of ", x.dtype(), " must be (samples, ", c.in_channels, ", ",
          c.dimensions(), " axes of a grid) of ", c.field_dtype());
  require(grid.size() == static_cast<std::size_t>(c.dimensions()), "[", kind(), "] a grid ", grid, " for ",
          c.dimensions(), " axes");
  for (const Index n : grid) require(n >= 1, "[", kind(), "] a grid ", grid, "; extents are at least 1");
  return forward(x, grid, nullptr);
}

void Fno::set_modes(const std::vector<Index>& modes) {
  blocks_.convolution().set_modes(modes);
  auto changed = std::shared_ptr<OperatorConfig>(config_->clone());
  auto fno = std::static_pointer_cast<FnoConfig>(changed);
  if (fno->spectral.max_modes.empty()) {
    const Shape& most = blocks_.convolution().max_modes();
    fno->spectral.max_modes.assign(most.begin(), most.end());
  }
  fno->spectral.modes = modes;
  config_ = fno;
}

}  // namespace cartan::operators
