#pragma once
/// EquiformerV2 (Liao et al., ICLR 2024): attention over messages of SO(2) convolutions; with products of
/// functions on the sphere as activations, gated, and a smooth envelope (EquiformerV3, arXiv:2604.09130)
/// where energies are to be exactly invariant and smooth. The same function as fairchem's EquiformerV2, so
/// weights carry over.

#include <memory>
#include <string>
#include <vector>

#include <cartan/potentials/network.hpp>

namespace cartan::potentials {

struct EquiformerConfig : NetworkConfig {
  EquiformerConfig() { cutoff = 6; }

  Index layers = 4;
  Index channels = 64;        ///< of every degree
  int lmax = 3;               ///< largest degree of the features
  int mmax = 2;               ///< largest order in the frames of edges
  Index heads = 4;            ///< of the attention
  Index alpha_channels = 16;  ///< of which a head's weight is made
  Index value_channels = 16;  ///< of every degree that a head sends
  Index hidden = 0;           ///< channels within messages; 0: half of channels
  Index feed_forward = 0;     ///< channels between the linear maps of an atom; 0: twice as many as channels
  Index edge_channels = 0;    ///< of what an edge knows; 0: as many as channels
  bool parity = true;         ///< mirror images have equal energies; false: as fairchem's
  std::string activation = "product";               ///< on edges: "product", "gate", "grid"
  std::string feed_forward_activation = "product";  ///< on atoms: "product", "gate", "grid", "grid_mlp"
  int grid = 0;                   ///< points in latitude and longitude; 0: those published for lmax and mmax
  std::string norm = "rms";       ///< "rms", "layer"
  bool radial_by_degree = false;  ///< one radial factor a degree and channel, for all orders
  Index radial = 16;              ///< Gaussians of the distance
  double radial_width = 2;        ///< their widths over their distance
  bool envelope = true;           ///< messages go to 0 at the cutoff; false: energies jump there
  bool self_mix = false;          ///< a product of an atom's features with themselves in every layer
  bool direct = false;            ///< forces of a head of their own, which conserve nothing
  std::vector<std::string>
      species;           ///< symbols of the elements it knows; empty: those of the training frames
  double neighbors = 0;  ///< that messages of the first embedding are divided by; 0: the mean of the frames

  const char* kind() const override { return "equiformer"; }
  bool direct_forces() const override { return direct; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  void adapt(const std::vector<Frame>& frames) override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  Index hidden_channels() const { return hidden > 0 ? hidden : (channels + 1) / 2; }
  Index feed_forward_channels() const { return feed_forward > 0 ? feed_forward : 2 * channels; }
  Index channels_of_edges() const { return edge_channels > 0 ? edge_channels : channels; }
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
  struct Edges;
  struct Attention;
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  Output all_outputs(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  Array attend(const Attention& layer, const Edges& edges, const Array& n) const;

  EquiformerConfig config_;
  std::vector<int> numbers_;  // of config_.species
  std::unique_ptr<Parts> parts_;
};

}  // namespace cartan::potentials
