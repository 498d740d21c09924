#pragma once
/// Networks of atomic energies: what they have in common, and the table of those there are.
///
/// To add one: a header with its configuration and class, a source file, and a line in
/// src/potentials/networks/table.cpp (docs/potentials.md shows a small one).

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cartan/nn/network.hpp>
#include <cartan/potentials/graph.hpp>

namespace cartan::potentials {

class Network;

/// What a network is made of: the options of its kind, which derives from this. describe() names `cutoff`
/// too. The field names kind, scale and elements are taken: model files have them.
class NetworkConfig : public nn::NetworkConfig {
 public:
  double cutoff = 4.5;  ///< Angstrom

  /// True where the total charge of a frame changes the energy.
  virtual bool uses_charge() const { return false; }
  /// True where forces are an output of the network and not the gradient of its energy: they conserve
  /// nothing.
  virtual bool direct_forces() const { return false; }
  /// How it is computed, why so, at what cost, and how exact that is: names and lines for logs and model
  /// cards. Empty where there is nothing to choose.
  virtual std::vector<std::pair<std::string, std::string>> plan() const { return {}; }
  /// Whether the network has parameters for this element. Where elements are left to the data: true.
  virtual bool takes(int /*atomic_number*/) const { return true; }
  /// Fills what was left to the data: elements, mean numbers of neighbours.
  virtual void adapt(const std::vector<Frame>& frames);
  virtual std::unique_ptr<NetworkConfig> clone() const = 0;
  /// The network, its parameters drawn from `init`. Throws std::invalid_argument as validate() does.
  virtual std::unique_ptr<Network> make(nn::Init& init) const = 0;
};

/// Atomic energies as a function of a graph and the vectors of its edges.
class Network : public nn::Network {
 public:
  virtual const NetworkConfig& config() const = 0;
  const char* kind() const { return config().kind(); }
  double cutoff() const { return config().cutoff; }
  DType dtype() const { return config().dtype; }

  /// (owned) energies in units of the model, which nothing beyond the cutoff changes.
  /// @param vectors  (edges, 3), as graph.vectors, of type dtype() and on the device of the parameters; may
  /// be
  ///                 tracked
  /// Throws std::invalid_argument for vectors of another shape or type and for elements it cannot take.
  Array operator()(const Graph& graph, const Array& vectors) const;
  /// The same with the forces (owned, 3) that the network states, in units of the model, where
  /// config().direct_forces(); empty otherwise.
  struct Output {
    Array energies, forces;
  };
  Output outputs(const Graph& graph, const Array& vectors) const;

  virtual std::unique_ptr<Network> clone() const = 0;
  /// The same function for these elements alone; the network itself where it has no parameters by element.
  virtual std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const;
  /// The same function in another precision (f32, f64): parameters converted, not tracked, on the same
  /// device.
  std::unique_ptr<Network> as(DType dtype) const;

 private:
  /// operator() with checked arguments. Constants that it makes go to the device of `vectors`.
  virtual Array atomic_energies(const Graph& graph, const Array& vectors) const = 0;
  /// Energies and direct forces in one pass: networks that have such forces override it.
  virtual Output all_outputs(const Graph& graph, const Array& vectors) const {
    return {atomic_energies(graph, vectors), {}};
  }
};

/// nn::draw.
std::unique_ptr<Network> draw_network(const NetworkConfig& config, std::uint64_t seed, double copies = 1,
                                      const StopFlag* stop = nullptr);

using NetworkKind = nn::Kind<NetworkConfig>;
/// The networks there are, the default one first.
const std::vector<NetworkKind>& network_kinds();
/// The default configuration of a kind; throws std::invalid_argument naming the kinds there are.
std::unique_ptr<NetworkConfig> network_config(const std::string& kind);
std::unique_ptr<NetworkConfig> load_network_config(const data::Group& group);

}  // namespace cartan::potentials
