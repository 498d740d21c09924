#include "cartan/operators/cosine.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/fft.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::operators {

void CosineConfig::describe(config::Fields& f) {
  f("in_channels", in_channels, "channels of the fields that go in").from(1).to(65536);
  f("out_channels", out_channels, "channels of the fields that come out").from(1).to(65536);
  f("hidden_channels", hidden_channels, "channels between the transforms").from(1).to(65536);
  f("layers", layers, "layers between the transforms").from(1).to(1024);
  f("modes", modes, "cosines that are kept along each axis of the grid").from(1).to(1 << 20);
  f("expansion", expansion, "hidden channels of the perceptrons over hidden_channels").above(0).to(1024);
  f("precision", dtype, "of parameters and arithmetic").stored_as("dtype");
}

void CosineConfig::validate() const {
  OperatorConfig::validate();
  require(modes.size() >= 1 && modes.size() <= 3, "[cosine] modes of ", modes.size(), " axes; 1, 2 or 3");
}

std::string CosineConfig::summary() const {
  return text("cosine operator of ", layers, " layers, ", hidden_channels, " channels, modes ",
              to_string(Shape(modes.begin(), modes.end())), ", ", dtype);
}

std::unique_ptr<OperatorConfig> CosineConfig::clone() const {
  return std::make_unique<CosineConfig>(*this);
}
std::unique_ptr<Operator> CosineConfig::make(nn::Init& init) const {
  return std::make_unique<Cosine>(*this, init);
}

Cosine::Cosine(const CosineConfig& c, nn::Init& init) : config_(c) {
  c.validate();
  const Index h = c.hidden_channels, k = size_of(Shape(c.modes.begin(), c.modes.end()));
  const auto matrix = [&](Index out, Index in) {
    const double bound =
        std::sqrt(3 / static_cast<double>(in));  // variance 1 / in: that of the field is kept
    return init.uniform({out, in}, -bound, bound, c.dtype);
  };
  in_ = matrix(h, c.in_channels);
  offset_ = scale(init.normal({h, k}, c.dtype), 0.01);
  const double bound = std::sqrt(3 / static_cast<double>(h));
  const Index wide =
      std::max<Index>(1, static_cast<Index>(std::nearbyint(c.expansion * static_cast<double>(h))));
  for (Index l = 0; l < c.layers; ++l) {
    Layer layer;
    layer.mix = init.uniform({k, h, h}, -bound, bound, c.dtype);
    layer.mlp = ChannelMlp({h, wide, h}, c.dtype, init);
    layers_.push_back(std::move(layer));
  }
  out_ = matrix(c.out_channels, h);
  out_offset_ = Array::zeros({c.out_channels, k}, c.dtype);
}

void Cosine::collect(nn::ParameterRefs& parameters, nn::ParameterRefs&) {
  parameters.push_back({"in.weight", &in_});
  parameters.push_back({"in.offset", &offset_});
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    parameters.push_back({text("layers.", l, ".mix"), &layers_[l].mix});
    layers_[l].mlp.collect(text("layers.", l, ".mlp"), parameters);
  }
  parameters.push_back({"out.weight", &out_});
  parameters.push_back({"out.offset", &out_offset_});
}

Array Cosine::apply(const Array& x, nn::StateUpdate*) const {
  const CosineConfig& c = config_;
  const Index samples = x.dim(0);
  std::vector<int> axes;
  for (int a = 0; a < c.dimensions(); ++a) axes.push_back(a + 2);
  const Shape grid(x.shape().begin() + 2, x.shape().end());
  const double root = std::sqrt(static_cast<double>(size_of(grid)));
  Shape all{samples, c.in_channels};
  all.insert(all.end(), c.modes.begin(), c.modes.end());
  Array modes = scale(dct(x, 2, axes, FftNorm::ortho), 1 / root);
  for (const int a : axes) {
    const Index m = all[static_cast<std::size_t>(a)], n = modes.dim(a);
    modes = n > m ? slice(modes, a, 0, m) : n < m ? pad(modes, a, 0, m - n) : modes;
  }
  Array v = matmul(in_, reshape(modes, {samples, c.in_channels, -1})) + offset_;
  for (const Layer& layer : layers_) {
    const Array by_mode = matmul(permute(v, {2, 0, 1}), layer.mix);  // (modes, samples, channels)
    v = v + layer.mlp(permute(by_mode, {1, 2, 0}), "gelu");
  }
  all[1] = c.out_channels;
  Array y = reshape(matmul(out_, v) + out_offset_, all);
  for (const int a : axes) {
    const Index m = y.dim(a), n = grid[static_cast<std::size_t>(a - 2)];
    y = n > m ? pad(y, a, 0, n - m) : n < m ? slice(y, a, 0, n) : y;
  }
  return scale(idct(y, 2, axes, FftNorm::ortho), root);
}

}  // namespace cartan::operators
