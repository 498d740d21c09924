#pragma once
/// An operator on cosine coefficients, in the manner of Transform Once (Poli et al. 2022, arXiv:2211.14453):
/// one transform in, one back, everything learned lies between them. Real arithmetic; even continuations at
/// the borders, so that fields need not be periodic.

#include <string>
#include <vector>

#include <cartan/operators/fno.hpp>

namespace cartan::operators {

struct CosineConfig : OperatorConfig {
  std::vector<Index> modes{16, 16};  ///< cosines 0 .. m-1 along each axis
  Index hidden_channels = 32;
  Index layers = 4;
  double expansion = 1;  ///< hidden channels of the perceptron of a block over hidden_channels

  const char* kind() const override { return "cosine"; }
  int dimensions() const override { return static_cast<int>(modes.size()); }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  std::unique_ptr<OperatorConfig> clone() const override;
  std::unique_ptr<Operator> make(nn::Init& init) const override;
};

/// With X the DCT-II coefficients of x (orthonormal, divided by the root of the number of points: those of a
/// function do not depend on the grid) below `modes`:
///   h = W_in X + e;   each layer  h <- h + W2 gelu(W1 (R_k h_k) + b1) + b2,  a matrix R_k (in, out) a mode;
///   y = DCT^-1 (W_out h + b_k).
/// e and b_k (channels, modes) are learned offsets. A grid smaller than the modes leaves its missing cosines
/// out.
class Cosine : public Operator {
 public:
  Cosine(const CosineConfig& config, nn::Init& init);
  const CosineConfig& config() const override { return config_; }
  std::unique_ptr<Operator> clone() const override { return std::make_unique<Cosine>(*this); }

 private:
  struct Layer {
    Array mix;  // (modes, in, out)
    ChannelMlp mlp;
  };
  Array apply(const Array& x, nn::StateUpdate* training) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;

  CosineConfig config_;
  Array in_, offset_, out_, out_offset_;
  std::vector<Layer> layers_;
};

}  // namespace cartan::operators
