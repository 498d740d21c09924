#pragma once
/// TensorNet (Simeon & De Fabritiis, NeurIPS 2023, arXiv:2306.06482): message passing with Cartesian tensors
/// of rank 0, 1 and 2. The same function as torchmd-net's, so weights carry over.

#include <string>
#include <vector>

#include <cartan/data/group.hpp>
#include <cartan/nn/layers.hpp>
#include <cartan/nn/radial.hpp>
#include <cartan/potentials/cartesian.hpp>
#include <cartan/potentials/graph.hpp>

namespace cartan::potentials {

struct TensorNetConfig {
  Index channels = 128;                  ///< F
  Index layers = 2;                      ///< L, interactions
  Index radial = 32;                     ///< R, radial basis functions
  double cutoff = 4.5;                   ///< Angstrom
  double cutoff_lower = 0;               ///< Angstrom
  std::string radial_basis = "expnorm";  ///< "expnorm", "gauss", "bessel"
  bool trainable_radial = false;
  std::string group = "O(3)";  ///< "O(3)": parity is kept; "SO(3)": mirror images may differ
  Index max_number = 128;      ///< atomic numbers below this have a row in the embedding
  DType dtype = DType::f32;

  void validate() const;  ///< throws std::invalid_argument
  void save(data::Group& group) const;
  static TensorNetConfig load(const data::Group& group);
};

/// Atomic energies of a graph, with F = channels and R = radial:
///
///   C(d) = (cos(pi d/rc) + 1)/2,  e(d) radial basis,  Z_ij = emb2 [emb z_i; emb z_j]
///   X_i  = sum_j C Z_ij (w1(e) Id + w2(e) skew(r^) + w3(e) (r^ r^T - Id/3)),  self edges included
///   X   <- linear and gated by an MLP of ||X||^2
///   each interaction: X <- X/(||X||^2 + 1);  Y = linear(X);  M_i = sum_j g(e) Y_j by rank
///     P = (1 + q/10)(Y M + M Y)  [O(3)]  or  2 Y M  [SO(3)];  dX = linear(P/(||P||^2 + 1))
///     X <- X + dX + (1 + q/10) dX dX
///   energy_i = MLP(layer norm [||I||^2; ||A||^2; ||S||^2])
class TensorNet {
 public:
  TensorNet(const TensorNetConfig& config, nn::Init& init);

  /// (atoms) energies in units of the model.
  /// @param vectors  (pairs, 3) of the model's type, x_i - x_j - shift·cell; may be tracked
  Array operator()(const Graph& graph, const Array& vectors) const;

  const TensorNetConfig& config() const { return config_; }
  /// Every trainable array, named.
  void collect(const std::string& prefix, nn::ParameterRefs& out);

 private:
  struct Interaction {
    std::vector<nn::Linear> scalar;  // R -> F -> 2F -> 3F
    Array mix_in, mix_out;           // (3, F, F): one matrix a rank
  };
  Array embed(const Graph& graph, const Array& unit, const Array& cutoff, const Array& basis) const;
  Array interact(const Interaction& layer, const Graph& graph, Array x, const Array& cutoff,
                 const Array& basis, const Array& charge_factor) const;

  TensorNetConfig config_;
  nn::RadialBasis basis_;
  nn::Linear projection_;  // R -> 3F: the three radial weights of the embedding
  nn::Embedding species_;
  nn::Linear pair_species_;       // 2F -> F
  Array mix_;                     // (3, F, F)
  std::vector<nn::Linear> gate_;  // F -> 2F -> 3F
  nn::LayerNorm gate_norm_;
  std::vector<Interaction> interactions_;
  nn::LayerNorm out_norm_;
  nn::Linear out_;  // 3F -> F
  nn::Mlp head_;    // F -> F/2 -> 1
};

}  // namespace cartan::potentials
