#pragma once
/// TensorNet (Simeon & De Fabritiis, NeurIPS 2023, arXiv:2306.06482): message passing with Cartesian tensors
/// of rank 0, 1 and 2. The same function as torchmd-net's, so weights carry over.

#include <string>
#include <vector>

#include <cartan/nn/radial.hpp>
#include <cartan/potentials/cartesian.hpp>
#include <cartan/potentials/network.hpp>

namespace cartan::potentials {

struct TensorNetConfig : NetworkConfig {
  Index channels = 128;                  ///< F
  Index layers = 2;                      ///< L, interactions
  Index radial = 32;                     ///< R, radial basis functions
  double cutoff_lower = 0;               ///< Angstrom
  std::string radial_basis = "expnorm";  ///< "expnorm", "gauss", "bessel"
  bool trainable_radial = false;
  std::string group = "O(3)";  ///< "O(3)": parity is kept; "SO(3)": mirror images may differ
  Index max_number = 128;      ///< atomic numbers below this have a row in the embedding

  const char* kind() const override { return "tensornet"; }
  bool uses_charge() const override { return true; }
  bool takes(int atomic_number) const override { return atomic_number < max_number; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
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
class TensorNet : public Network {
 public:
  TensorNet(const TensorNetConfig& config, nn::Init& init);

  const TensorNetConfig& config() const override { return config_; }
  std::unique_ptr<Network> clone() const override { return std::make_unique<TensorNet>(*this); }

 private:
  struct Interaction {
    std::vector<nn::Linear> scalar;  // R -> F -> 2F -> 3F
    Array mix_in, mix_out;           // (3, F, F): one matrix a rank
  };
  /// What the layers share: the pairs, and of every pair (and of all self edges, the last row) e(d) and C(d).
  struct Edges {
    const Graph& graph;
    NeighborhoodPtr neighborhood;
    Array basis, cutoff;
    Array charge_factor;  ///< 1 + q/10, one row an atom; empty where all are 1
  };
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  Array embed(const Edges& edges, const Array& unit) const;
  Array interact(const Interaction& layer, const Edges& edges, Array x) const;
  Array charge_factor(const Graph& graph, Device device) const;

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
