#pragma once
/// MACE (Batatia et al., NeurIPS 2022): message passing whose messages are polynomials of all neighbours at
/// once.

#include <string>
#include <vector>

#include <cartan/nn/radial.hpp>
#include <cartan/potentials/network.hpp>
#include <cartan/so3/convolution.hpp>
#include <cartan/so3/layers.hpp>

namespace cartan::potentials {

struct MaceConfig : NetworkConfig {
  MaceConfig() { cutoff = 5; }

  Index layers = 2;     ///< interactions
  Index channels = 64;  ///< of every degree
  int lmax = 1;         ///< largest degree of the features between layers; the last has scalars alone
  /// The features between layers where they are not 0e, 1o, ... up to lmax: "0e+2e", "0e+0o+1o+1e"; scalars
  /// 0e stand first. With 0o messages between layers have both parities.
  std::string irreps;
  bool parity = true;   ///< of the harmonics; false: all are even, and the network knows rotations alone
  int harmonics = 3;    ///< largest degree of the harmonics and of the summed messages
  int correlation = 3;  ///< largest degree of the polynomials: neighbours at once
  /// How the polynomials are made. "contraction": all of them, by coupling coefficients (MACE's own).
  /// "gaunt_grid", "gaunt_fourier": powers of functions on the sphere, weights by order and degree (Luo et
  /// al., ICLR 2024). "gaunt_rank": products and brackets of such functions, each a sum of `rank` with
  /// weights by degree, which all elements share; elements weigh the orders.
  std::string product = "contraction";
  int rank = 2;
  bool first_residual = true;  ///< the first layer too adds its input (mace-torch: RealAgnosticResidual...)
  bool residual = true;        ///< the layers after the first add their input
  bool density = false;        ///< messages are divided by a learned density instead of `neighbors`
  std::string density_layers = "all";  ///< with density: in which layers; "all", "first" or "later"
  Index radial = 8;                    ///< Bessel functions
  int envelope = 5;                    ///< p of the polynomial cutoff
  bool cutoff_on_weights =
      false;  ///< it multiplies the radial weights (and the density), not the radial basis
  std::string distance = "none";  ///< of the Bessel functions: "none", "agnesi" or "soft" (by covalent radii)
  std::vector<double> distance_parameters;  ///< agnesi: a, q, p; soft: alpha; empty: those of mace-torch
  std::vector<double>
      radii;  ///< covalent, of distance and repulsion, by species; empty: those of Cordero et al.
  std::vector<std::int64_t> radial_layers{64, 64, 64};  ///< hidden sizes of the radial network
  Index readout = 16;                                   ///< hidden size of the last readout; 0: it is linear
  std::string gate = "silu";                            ///< its function: "silu", "tanh" or "abs"
  bool repulsion = false;  ///< the screened nuclear repulsion of Ziegler, Biersack and Littmark
  std::vector<std::string>
      species;           ///< symbols of the elements it knows; empty: those of the training frames
  double neighbors = 0;  ///< mean number of neighbours of an atom; 0: that of the training frames

  const char* kind() const override { return "mace"; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  bool takes(int atomic_number) const override;
  void adapt(const std::vector<Frame>& frames) override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  /// channels of 0e, 1o, ... up to `degree` (0e, 1e, ... without parity)
  so3::Irreps features(int degree) const;
  so3::Irreps hidden() const;               ///< the features between layers
  so3::Irreps messages(Index layer) const;  ///< what the neighbours of an atom sum up to
  bool is_residual(Index layer) const { return layer > 0 ? residual : first_residual; }
  bool has_density(Index layer) const;
};

struct Species;
class ManyBody;

/// Atomic energies, with r = x_receiver - x_sender, species s, n = neighbors, normalised activations of
/// second moment 1, and every weight divided by the root of its fan-in:
///
///   h_i    = embedding[s_i]                                               channels x 0e
///   R_ij   = MLP(Bessel(d) f(|r|/rc))                                     d = |r|, or transformed; with
///                                                                         cutoff_on_weights f MLP(Bessel(d))
///   M_i    = sum_j sum_paths sqrt(2 l3 + 1) R_ij C^{l1 l2 l3} (W_up h_j)^l1 Y_l2(r)
///   A_i    = W_A M_i / n            with density: / (1 + sum_j tanh((w Bessel)^2))
///   A_i   <- W_s[s_i] A_i           in layers that are not residual
///   B_i    = sum of polynomials of A_i up to `correlation`, weights by element and channel
///   h_i   <- W_B B_i + W_s[s_i] h_i                                       the latter in residual layers
///   energy_i = repulsion_i + sum over layers of readout(h_i)              linear; the last w_2 gate(W_1
///   h_i),
///                                                                         or linear with readout = 0
///
/// Repulsion and readouts are in units of the model, as in mace-torch.
class Mace : public Network {
 public:
  Mace(const MaceConfig& config, nn::Init& init);

  const MaceConfig& config() const override { return config_; }
  std::unique_ptr<Network> clone() const override { return std::make_unique<Mace>(*this); }
  std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const override;

  struct Layer {
    so3::Linear up, mix, skip, out;
    so3::Convolution convolution;
    std::shared_ptr<const ManyBody> product;
    bool residual;
    Array up_weight, mix_weight, out_weight;
    Array skip_weight;  ///< (species, ...)
    std::vector<Array> product_weights;
    std::vector<Array> radial;  ///< (in, out)
    Array density;              ///< (radial, 1), or empty
    Array readout;              ///< (channels, 1); not in the last layer
  };
  const std::vector<Layer>& layers() const { return layers_; }

 private:
  Layer make_layer(const so3::Irreps& in, Index t, nn::Init& init) const;
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  struct Radial {
    Array basis;   ///< of edges: of their lengths, or of transformed ones
    Array cutoff;  ///< (edges, 1), what multiplies weights; empty: nothing does
  };
  Array apply(const Layer& layer, const Graph& graph, const Species& species, const Array& h,
              const Array& harmonics, const Radial& radial) const;
  Radial radial_of(const Graph& graph, const Array& lengths) const;

  MaceConfig config_;
  std::vector<int> numbers_;   // of config_.species
  std::vector<double> radii_;  // covalent, by atomic number
  nn::RadialBasis basis_;
  Array embedding_;  // (species, channels)
  std::vector<Layer> layers_;
  Array hidden_, out_;  // last readout
};

}  // namespace cartan::potentials
