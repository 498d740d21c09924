#pragma once
/// Networks of atomic energies: what they have in common, and the table of those there are.
///
/// To add one: a header with its configuration and class, a source file, and a line in
/// src/potentials/networks/table.cpp (docs/potentials.md shows a small one).

#include <memory>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/data/group.hpp>
#include <cartan/nn/layers.hpp>
#include <cartan/potentials/graph.hpp>

namespace cartan::potentials {

class Network;

/// What a network is made of: the options of its kind, which derives from this.
class NetworkConfig {
 public:
  virtual ~NetworkConfig() = default;

  double cutoff = 4.5;       ///< Angstrom
  DType dtype = DType::f32;  ///< of the parameters and of what is computed with them

  virtual const char* kind() const = 0;
  /// Names every field, `cutoff` and `dtype` (as "precision", stored as "dtype") included. The names kind,
  /// scale and elements are taken: model files have them.
  virtual void describe(config::Fields& fields) = 0;
  /// Throws std::invalid_argument for a field outside its limits; networks add what joins several fields.
  virtual void validate() const;
  /// One line for logs: "TensorNet O(3), 2 layers, 64 channels, cutoff 4.5 A, float32".
  virtual std::string summary() const = 0;
  /// True where the total charge of a frame changes the energy.
  virtual bool uses_charge() const { return false; }
  /// Fills what was left to the data: elements, mean numbers of neighbours.
  virtual void adapt(const std::vector<Frame>& frames);
  virtual std::unique_ptr<NetworkConfig> clone() const = 0;
  /// The network, its parameters drawn from `init`. Throws std::invalid_argument as validate() does.
  virtual std::unique_ptr<Network> make(nn::Init& init) const = 0;

  /// Kind and fields as attributes, and back. load_network_config throws FormatError for a kind that is not
  /// in the table (naming those that are), a field that is missing and a value outside its limits.
  void save(data::Group& group) const;

 protected:
  NetworkConfig() = default;
  NetworkConfig(const NetworkConfig&) = default;
  NetworkConfig& operator=(const NetworkConfig&) = default;
};

inline void describe(config::Fields& fields, NetworkConfig& config) {
  config.describe(fields);
}

/// Atomic energies as a function of a graph and the vectors of its edges.
class Network {
 public:
  virtual ~Network() = default;

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

  /// The trained arrays by name, in a fixed order. Pointers stay good as long as the network lives.
  nn::ParameterRefs parameters();
  nn::ConstParameterRefs parameters() const;
  /// Moves parameters and constants to a device; device() is where they are.
  void to(Device device);
  Device device() const;

  virtual std::unique_ptr<Network> clone() const = 0;
  /// The same function for these elements alone; the network itself where it has no parameters by element.
  virtual std::unique_ptr<Network> with_elements(const std::vector<int>& numbers) const;
  /// The same function in another precision (f32, f64): parameters converted, not tracked, on the same
  /// device.
  std::unique_ptr<Network> as(DType dtype) const;

 protected:
  Network() = default;
  Network(const Network&) = default;
  Network& operator=(const Network&) = default;

 private:
  /// operator() with checked arguments. Constants that it makes go to the device of `vectors`.
  virtual Array atomic_energies(const Graph& graph, const Array& vectors) const = 0;
  /// Lists the trained arrays, and the constant ones (of formulas) that move to devices with them.
  virtual void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) = 0;
};

/// The network with parameters drawn from `seed`. Counts them before any memory is touched: throws
/// std::invalid_argument when `copies` of them (training keeps several) do not fit into this machine's
/// memory, Stopped when `stop` is set while the network is made.
std::unique_ptr<Network> draw_network(const NetworkConfig& config, std::uint64_t seed, double copies = 1,
                                      const StopFlag* stop = nullptr);

/// A row of the table.
struct NetworkKind {
  const char* name;
  const char* help;
  std::unique_ptr<NetworkConfig> (*config)();  ///< the defaults
};

/// The networks there are, the default one first.
const std::vector<NetworkKind>& network_kinds();
/// The default configuration of a kind; throws std::invalid_argument naming the kinds there are.
std::unique_ptr<NetworkConfig> network_config(const std::string& kind);
std::unique_ptr<NetworkConfig> load_network_config(const data::Group& group);

}  // namespace cartan::potentials
