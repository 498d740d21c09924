#pragma once
/// EquiformerV2 (Liao et al., ICLR 2024): attention over messages of SO(2) convolutions; with products of
/// functions on the sphere as activations, gated, and a smooth envelope (EquiformerV3, arXiv:2604.09130)
/// where energies are to be exactly invariant and smooth. The same function as fairchem's EquiformerV2, so
/// weights carry over.

#include <memory>
#include <string>
#include <vector>

#include <cartan/potentials/networks/so2_network.hpp>

namespace cartan::potentials {

struct EquiformerConfig : SO2NetworkConfig {
  EquiformerConfig() { activation = "product"; }  // or "gate", "grid"

  Index heads = 4;            ///< of the attention
  Index alpha_channels = 16;  ///< of which a head's weight is made
  Index value_channels = 16;  ///< of every degree that a head sends
  Index feed_forward = 0;     ///< channels between the linear maps of an atom; 0: twice as many as channels
  std::string feed_forward_activation = "product";  ///< on atoms: "product", "gate", "grid", "grid_mlp"
  int grid = 0;                   ///< points in latitude and longitude; 0: those published for lmax and mmax
  std::string norm = "rms";       ///< "rms", "layer"
  bool radial_by_degree = false;  ///< one radial factor a degree and channel, for all orders
  bool self_mix = false;          ///< a product of an atom's features with themselves in every layer
  bool direct = false;            ///< forces of a head of their own, which conserve nothing

  const char* kind() const override { return "equiformer"; }
  bool direct_forces() const override { return direct; }
  void validate() const override;
  void describe(config::Fields& fields) override;
  std::string summary() const override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  Index hidden_channels() const override { return hidden > 0 ? hidden : (channels + 1) / 2; }
  Index feed_forward_channels() const { return feed_forward > 0 ? feed_forward : 2 * channels; }

 protected:
  const char* hidden_help() const override { return "channels within messages; 0: half of channels"; }
  const char* activation_help() const override {
    return "on edges: products of functions on the sphere, gates, values on a grid";
  }
  std::vector<std::string> activations() const override { return {"product", "gate", "grid"}; }
  LayerCost layer_cost() const override;
};

/// Atomic energies, with vec = x_sender - x_receiver, D_e a rotation that takes vec to +y, e the envelope of
/// eSEN (1 without), h_e = MLP[Gaussians(|vec|); a_s; b_t], n = norm(x):
///
///   x_i  = [embedding[s_i]; 0] + 1/neighbors sum_e e D^T (W h_e on m = 0)
///   [a; v] = W_1(R h_e o D [n_s; n_t]),  v <- W_2 act(v)                    W join orders m and -m
///   A_e  = e exp(w . leaky(norm(a_e))),  alpha_e = e A_e/(sum A + 1e-16)    for every head
///   x_i <- x_i + linear(sum_e D^T alpha_e v_e)
///   x_i <- x_i + W_o P((W_a n)(W_b n))                                      self_mix; W_o = 0 at the start
///   x_i <- x_i + linear_2 act(linear_1 n)
///   energy_i = w_2 silu(W_1 norm(x)_i0)
///   force_i  = the l = 1 part of one more attention of one channel          direct
///
/// Activations gate and product commute with all rotations, and derivatives by the vectors follow from
/// torques. A grid on edges does not commute with turns about the edge: the turn is fixed by Euler's angles,
/// and forces are the gradient of that, which jumps at the polar axis.
class Equiformer : public Network {
 public:
  Equiformer(const EquiformerConfig& config, nn::Init& init);
  Equiformer(const Equiformer& other);
  ~Equiformer() override;

  const EquiformerConfig& config() const override { return config_; }
  std::unique_ptr<Network> clone() const override { return std::make_unique<Equiformer>(*this); }
  std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const override;

 private:
  struct Parts;
  struct Attention;
  struct Rules;
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  Output all_outputs(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  double kept_of_an_edge() const;  // numbers on the tape, a layer

  EquiformerConfig config_;
  std::vector<int> numbers_;  // of config_.species
  std::unique_ptr<Parts> parts_;
};

}  // namespace cartan::potentials
