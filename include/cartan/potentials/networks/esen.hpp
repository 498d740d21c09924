#pragma once
/// eSEN (Fu et al., arXiv:2502.12147): messages by SO(2) convolutions of both ends of an edge, gates, a
/// smooth envelope; forces are gradients. The same function as fairchem's, so weights carry over.

#include <memory>
#include <string>
#include <vector>

#include <cartan/potentials/network.hpp>

namespace cartan::potentials {

struct EsenConfig : NetworkConfig {
  EsenConfig() { cutoff = 6; }

  Index layers = 4;
  Index channels = 64;      ///< of every degree
  int lmax = 3;             ///< largest degree of the features
  int mmax = 2;             ///< largest order in the frames of edges
  Index hidden = 0;         ///< channels within messages and between linear maps; 0: as many as channels
  Index edge_channels = 0;  ///< of what an edge knows; 0: as many as channels
  bool parity = true;       ///< mirror images have equal energies; false: as fairchem's
  std::string activation = "gate";  ///< "gate", "product" (of functions on the sphere)
  std::string norm = "rms";         ///< "rms", "layer"
  Index radial = 16;                ///< Gaussians of the distance
  double radial_width = 2;          ///< their widths over their distance
  bool envelope = true;             ///< messages go to 0 at the cutoff; false: energies jump there
  std::vector<std::string>
      species;           ///< symbols of the elements it knows; empty: those of the training frames
  double neighbors = 0;  ///< that messages of the first embedding are divided by; 0: the mean of the frames

  const char* kind() const override { return "esen"; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  void adapt(const std::vector<Frame>& frames) override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  Index hidden_channels() const { return hidden > 0 ? hidden : channels; }
  Index channels_of_edges() const { return edge_channels > 0 ? edge_channels : channels; }
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
  struct Parts;

  EsenConfig config_;
  std::vector<int> numbers_;  // of config_.species
  std::unique_ptr<Parts> parts_;
};

}  // namespace cartan::potentials
