#pragma once
/// NequIP (Batzner et al., Nature Communications 13, 2453 (2022)): message passing with features of irreps,
/// whose messages are tensor products with the spherical harmonics of the edges.

#include <string>
#include <vector>

#include <cartan/nn/radial.hpp>
#include <cartan/potentials/network.hpp>
#include <cartan/so3/convolution.hpp>
#include <cartan/so3/layers.hpp>

namespace cartan::potentials {

struct NequipConfig : NetworkConfig {
  NequipConfig() { cutoff = 5; }

  Index layers = 3;
  Index channels = 32;  ///< of every degree
  int lmax = 2;         ///< of harmonics and features
  bool parity = true;   ///< features of parity (-1)^l; false: all even, mirror images may differ (SevenNet)
  /// Features in full, instead of channels and lmax: "64x0e+32x1o" after every layer, or one after another,
  /// "64x0e+32x1o, 32x0e", of which the last stays. Atoms start with the 0e of the first.
  std::string irreps;
  int harmonics = -1;                       ///< largest degree of the harmonics; -1: that of the features
  bool normalize_harmonics = true;          ///< false: solid harmonics, that grow as r^l
  std::string self_connection = "species";  ///< "species": a linear map for every element; "linear": one
  Index radial = 8;                         ///< Bessel functions
  bool train_radial = false;                ///< the frequencies of the Bessel functions are trained
  int envelope = 6;                         ///< p of the polynomial cutoff
  double onset = 0;                         ///< Angstrom, of the cutoff of X-PLOR; 0: the polynomial one
  std::vector<std::int64_t> radial_layers{64, 64};  ///< hidden sizes of the radial network
  bool bias = false;                                ///< constants added to the scalars of linear maps
  bool species_scale = false;                       ///< a factor of the energy for every element
  std::vector<std::string>
      species;           ///< symbols of the elements it knows; empty: those of the training frames
  double neighbors = 0;  ///< mean number of neighbours of an atom; 0: that of the training frames

  const char* kind() const override { return "nequip"; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  bool takes(int atomic_number) const override;
  void adapt(const std::vector<Frame>& frames) override;
  std::unique_ptr<NetworkConfig> clone() const override;
  std::unique_ptr<Network> make(nn::Init& init) const override;
  /// The features after layer t.
  so3::Irreps features(Index t) const;
  int harmonics_degree() const;
};

struct Species;

/// Atomic energies, with r = x_sender - x_receiver (from the centre to its neighbour), species s, n =
/// neighbors, normalised activations c f of second moment 1, and every weight divided by the root of its
/// fan-in:
///
///   x_i    = embedding[s_i]                                            channels x 0e
///   R_ij   = MLP(Bessel(|r|) f(|r|/rc))                                one weight a path and channel
///   M_i    = 1/sqrt(n) sum_j sum_paths sqrt(2 l3 + 1) R_ij C^{l1 l2 l3} (W_1 x_j)^l1 Y_l2(r)
///   x_i   <- gate(W_2 M_i + W_s[s_i] x_i)                              each layer; the last keeps 0e alone
///   energy_i = s[s_i] w_2 W_1 x_i
///
/// W_1, W_2 of a layer and W_1 of the readout have constants for scalars where `bias`; s is 1 without
/// `species_scale`. The networks of SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)) are
/// these, with all irreps even and one self-connection for all elements.
///
/// The total charge of a molecule does not enter.
class Nequip : public Network {
 public:
  Nequip(const NequipConfig& config, nn::Init& init);

  const NequipConfig& config() const override { return config_; }
  std::unique_ptr<Network> clone() const override { return std::make_unique<Nequip>(*this); }
  std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const override;

  struct Layer {
    so3::Linear self_connection, in, out;
    so3::Convolution convolution;
    so3::Gate gate;
    Array self_connection_weight;  ///< (species, ...), or one row
    Array in_weight, in_bias, out_weight, out_bias;
    std::vector<Array> radial;  ///< (in, out)
  };
  const std::vector<Layer>& layers() const { return layers_; }

 private:
  Layer make_layer(const so3::Irreps& in, const so3::Irreps& features, nn::Init& init) const;
  Array atomic_energies(const Graph& graph, const Array& vectors) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;
  Array apply(const Layer& layer, const Graph& graph, const Species& species, const Array& x,
              const Array& harmonics, const Array& basis) const;

  NequipConfig config_;
  std::vector<int> numbers_;  // of config_.species
  nn::RadialBasis basis_;
  Array embedding_;  // (species, channels)
  std::vector<Layer> layers_;
  Array hidden_, hidden_bias_, out_;  // readout
  Array scale_;                       // (species)
};

}  // namespace cartan::potentials
