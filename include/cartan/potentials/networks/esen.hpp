#pragma once
/// eSEN (Fu et al., arXiv:2502.12147): messages by SO(2) convolutions of both ends of an edge, gates, a
/// smooth envelope; forces are gradients. The same function as fairchem's, so weights carry over.

#include <memory>
#include <string>
#include <vector>

#include <cartan/potentials/networks/so2_network.hpp>

namespace cartan::potentials {

struct EsenConfig : SO2NetworkConfig {
  EsenConfig() { activation = "gate"; }  // or "product"

  std::string norm = "rms";  ///< "rms", "layer"

  const char* kind() const override { return "esen"; }
  void describe(config::Fields& fields) override;
  std::string summary() const override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  Index hidden_channels() const override { return hidden > 0 ? hidden : channels; }

 protected:
  const char* hidden_help() const override { return "channels within messages; 0: as many as channels"; }
  const char* activation_help() const override { return "gates, or products of functions on the sphere"; }
  std::vector<std::string> activations() const override { return {"gate", "product"}; }
  LayerCost layer_cost() const override;
};

/// Atomic energies, with vec = x_sender - x_receiver, D_e a rotation that takes vec to +y, q = |vec|/cutoff,
/// e(q) = 1 - 21 q^5 + 35 q^6 - 15 q^7, h_e = MLP[Gaussians(|vec|); a_s; b_t], n = norm(x):
///
///   x_i   = [embedding[s_i]; 0] + 1/neighbors sum_e e D^T (W h_e on m = 0)
///   x_i  <- x_i + sum_e e D^T W_2(act(W_1(R h_e o D [n_s; n_t])))      W_1, W_2 join orders m and -m
///   x_i  <- x_i + linear_2 act(linear_1 n_i, silu(W n_i0))
///   energy_i = w_3 silu(W_2 silu(W_1 norm(x)_i0))
///
/// Every map of an edge's frame commutes with turns about the edge, so that
/// derivatives by the vectors follow from torques and are exact at every direction.
class Esen : public Network {
 public:
  Esen(const EsenConfig& config, nn::Init& init);
  Esen(const Esen& other);
  ~Esen() override;

  const EsenConfig& config() const override { return config_; }
  std::unique_ptr<Network> clone() const override { return std::make_unique<Esen>(*this); }
  std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const override;

 private:
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  double kept_of_an_edge() const;  // numbers on the tape, a layer
  struct Parts;

  EsenConfig config_;
  std::vector<int> numbers_;  // of config_.species
  std::unique_ptr<Parts> parts_;
};

}  // namespace cartan::potentials
