#pragma once
/// What the networks of messages in the frames of edges (eSEN, EquiformerV2, eSCN) have in common. A frame is
/// a rotation D_e that takes vec = x_sender - x_receiver to +y; there a linear equivariant map joins the
/// orders m and -m alone (so3/so2_convolution.hpp).

#include <string>
#include <vector>

#include <cartan/potentials/network.hpp>

namespace cartan::potentials {

struct SO2NetworkConfig : NetworkConfig {
  SO2NetworkConfig() { cutoff = 6; }

  Index layers = 4;
  Index channels = 64;      ///< of every degree
  int lmax = 3;             ///< largest degree of the features
  int mmax = 2;             ///< largest order in the frames of edges
  Index hidden = 0;         ///< channels within messages; 0: what the network makes of channels
  Index edge_channels = 0;  ///< of what an edge knows; 0: as many as channels
  bool parity = true;       ///< mirror images have equal energies; false: as fairchem's
  std::string activation;   ///< of messages, see SphereActivation
  Index radial = 16;        ///< Gaussians of the distance
  double radial_width = 2;  ///< their widths over their distance
  bool envelope = true;     ///< messages go to 0 at the cutoff; false: energies jump there
  std::vector<std::string>
      species;           ///< symbols of the elements it knows; empty: those of the training frames
  double neighbors = 0;  ///< mean number of neighbours, for sums over them; 0: that of the training frames
  /// GiB that messages may take on the tape. Where they would take more, atoms are worked on in blocks and
  /// messages are made again in the backward pass.
  double memory = 4;

  /// Derivatives, convolutions, activations of edges and atoms, memory.
  std::vector<std::pair<std::string, std::string>> plan() const override;
  /// The fields above; networks add theirs.
  void describe(config::Fields& fields) override;
  void validate() const override;
  bool takes(int atomic_number) const override;
  void adapt(const std::vector<Frame>& frames) override;
  virtual Index hidden_channels() const = 0;
  Index channels_of_edges() const { return edge_channels > 0 ? edge_channels : channels; }

 protected:
  /// @name What describe() and plan() differ in
  ///@{
  virtual const char* hidden_help() const = 0;
  virtual const char* activation_help() const = 0;
  /// How energies are differentiated by vectors where no activation is on a grid.
  virtual const char* derivatives() const;
  virtual std::vector<std::string> activations() const = 0;
  /// What one layer does: additions and multiplications, forward, of an edge's linear maps, and its
  /// activations, each with its cost and how exact it is.
  struct LayerCost {
    double maps;
    std::string on_edges, on_atoms;
  };
  virtual LayerCost layer_cost() const = 0;
  ///@}
  /// "NAME O(3), lmax 3, mmax 2, 64 channels, 4 layers, `rest`, cutoff 6 A, float32".
  std::string summary_of(const std::string& name, const std::string& rest) const;
};

}  // namespace cartan::potentials
