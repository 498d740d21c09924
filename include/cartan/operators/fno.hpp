#pragma once
/// Fourier neural operators (Li et al. 2021, arXiv:2010.08895), tensorised ones (Kossaifi et al. 2024,
/// arXiv:2310.00120). The functions of neuraloperator, under its parameter names.

#include <string>
#include <vector>

#include <cartan/operators/operator.hpp>
#include <cartan/operators/spectral_convolution.hpp>

namespace cartan::operators {

struct FnoConfig : OperatorConfig {
  SpectralOptions spectral;
  Index hidden_channels = 32;
  Index layers = 4;
  double lifting_ratio = 2;     ///< hidden channels of the lifting, times hidden_channels; 0: one layer
  double projection_ratio = 2;  ///< of the projection
  bool grid_embedding = true;   ///< coordinates as further channels
  std::vector<double> grid_low, grid_high;  ///< of the coordinates along each axis; empty: 0 and 1
  std::string activation = "gelu";
  std::string norm = "none";  ///< none, instance, group, batch
  Index norm_groups = 1;
  bool channel_mlp = true;
  double mlp_expansion = 0.5;
  std::string skip = "linear";           ///< around the convolution: linear, identity, soft-gating, none
  std::string mlp_skip = "soft-gating";  ///< around the channel MLP
  /// Points a side of linear skips, zeros beyond the border; with compat of those around the convolution
  /// alone.
  Index skip_kernel = 1;
  bool preactivation = false;
  std::string stabilizer = "none";  ///< none, tanh
  std::vector<double> padding;  ///< part of the extent added at both ends of each axis; one number: of all
  /// Points at each border by which the padding continues the fields smoothly (continuation.hpp); 0: zeros.
  Index continuation = 0;

  std::vector<double> resolution_scaling;  ///< of the grid, layer after layer; one number: of each layer
  /// Features of the embedding of norm "adaptive" (FnoBlocks alone; files of whole operators cannot have it).
  Index embedding_features = 0;

  const char* kind() const override { return "fno"; }
  int dimensions() const override { return static_cast<int>(spectral.modes.size()); }
  bool complex_fields() const override { return spectral.complex_fields; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  std::unique_ptr<OperatorConfig> clone() const override;
  std::unique_ptr<Operator> make(nn::Init& init) const override;
};

/// FNO with weights in Tucker format, a tenth of the numbers.
struct TfnoConfig : FnoConfig {
  TfnoConfig() {
    spectral.factorization = "tucker";
    spectral.rank = 0.1;
  }
  const char* kind() const override { return "tfno"; }
  std::unique_ptr<OperatorConfig> clone() const override;
};

/// Layers of points: y = W2 act(W1 x + b1) + b2, or W x + b. Parameters PREFIX.fcs.I.weight (out, in, 1) and
/// bias.
struct ChannelMlp {
  ChannelMlp() = default;
  ChannelMlp(const std::vector<Index>& sizes, DType dtype, nn::Init& init);
  Array operator()(const Array& x, const std::string& activation) const;
  void collect(const std::string& prefix, nn::ParameterRefs& out);
  Arrays weights, biases;
};

/// The blocks, v -> y: with the spectral convolution K, skips s = W v and g = gamma v,
///   h = act(norm(K v) + s),  y = act(norm(MLP(h) + g)), both outer act left out in the last block.
class FnoBlocks {
 public:
  FnoBlocks() = default;
  FnoBlocks(const FnoConfig& config, nn::Init& init);
  /// One block.
  /// @param grid      of the result; empty: as `resolution_scaling` says
  /// @param training  gets new running averages; null: a pass of use, by those there are
  /// @param pass      through all blocks, that this is a part of; null: what they share is made again
  Array operator()(const Array& x, Index layer, const Shape& grid = {}, nn::StateUpdate* training = nullptr,
                   SpectralPass* pass = nullptr) const;
  Shape output_grid(const Shape& grid, Index layer) const;
  SpectralConvolution& convolution() { return convolution_; }
  const SpectralConvolution& convolution() const { return convolution_; }
  /// Of norm "adaptive": one embedding (features) for all norms.
  void set_embedding(const Array& embedding) { embedding_ = embedding; }
  void collect(const std::string& prefix, nn::ParameterRefs& out, nn::ParameterRefs& constants);

 private:
  struct Norm {
    Array weight, bias;    // group and batch
    Array mean, variance;  // running, of batches
    Arrays mlp;            // adaptive: weight, bias, weight, bias
  };
  struct Skip {
    Array weight;
  };
  Array skip(const std::string& kind, const std::vector<Skip>& skips, const Array& v, Index layer,
             const Shape& grid) const;
  Array mlp(const Array& h, Index layer) const;
  Array norm(const Array& x, Index which, nn::StateUpdate* training) const;
  Array norm_part(const Array& x, const Norm& n, nn::StateUpdate* training) const;
  Array transformed(const Array& x, const Shape& grid) const;
  bool fusible() const;  // the usual block: all that follows the convolution in one pass

  FnoConfig config_;
  SpectralConvolution convolution_;
  std::vector<Skip> skips_, mlp_skips_;  // of complex fields two a layer
  std::vector<ChannelMlp> mlps_;
  std::vector<Norm> norms_;
  Array embedding_;
};

/// Lifting of the channels and coordinates, [padding,] blocks, [cutting,] projection.
class Fno : public Operator {
 public:
  Fno(std::shared_ptr<const FnoConfig> config, nn::Init& init);

  const FnoConfig& config() const override { return *config_; }
  Shape output_grid(const Shape& grid) const override;
  std::unique_ptr<Operator> clone() const override { return std::make_unique<Fno>(*this); }

  /// The same with the last block on another grid.
  Array on_grid(const Array& x, const Shape& grid) const;
  /// Incremental training: how many of max_modes are used.
  void set_modes(const std::vector<Index>& modes);
  /// Weights of modes that are not used become zero, so that set_modes() does not change the function.
  void clear_unused() { blocks_.convolution().clear_unused(); }
  const FnoBlocks& blocks() const { return blocks_; }

 private:
  Array apply(const Array& x, nn::StateUpdate* training) const override { return forward(x, {}, training); }
  Array forward(const Array& x, const Shape& grid, nn::StateUpdate* training) const;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;

  std::shared_ptr<const FnoConfig> config_;
  std::vector<ChannelMlp> lifting_, projection_;  // of complex fields two
  FnoBlocks blocks_;
};

}  // namespace cartan::operators
