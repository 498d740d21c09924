#pragma once
/// A trained (or trainable) potential: a network of atomic energies, the reference energies of the elements,
/// and what follows from them by differentiation.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cartan/potentials/engine.hpp>
#include <cartan/potentials/network.hpp>
#include <cartan/potentials/potential.hpp>

namespace cartan::potentials {

/// What a model says of a graph, in eV and Angstrom; tracked where parameters are tracked.
struct Prediction {
  Array energy;         ///< (molecules), float64
  Array atom_energies;  ///< (owned atoms), float64
  Array forces;  ///< (atoms, 3), -dE/dx, or direct ones of the network; its type; empty unless asked for
  Array virial;  ///< (molecules, 9), -dE/dstrain = -volume * stress; empty unless asked for
};

/// What to differentiate.
struct Derivatives {
  bool forces = true;
  bool virial = false;
  bool create_graph = false;  ///< record, for the gradient of a loss that contains them
};

/// E = offset + sum_i (reference[z_i] + energy_scale * network_i). A copy has parameters of its own.
class Model {
 public:
  /// A network of that configuration (such as a TensorNetConfig), its parameters drawn from `seed`.
  Model(const NetworkConfig& config, std::uint64_t seed);
  explicit Model(std::unique_ptr<Network> network);
  Model(const Model& other);
  Model& operator=(const Model& other);
  Model(Model&&) noexcept = default;
  Model& operator=(Model&&) noexcept = default;

  /// Energies and their exact derivatives. Throws std::invalid_argument for an element the model was not
  /// made for.
  Prediction predict(const Graph& graph, const Derivatives& derivatives) const;

  const Network& network() const { return *network_; }
  const NetworkConfig& config() const { return network_->config(); }
  double cutoff() const { return network_->cutoff(); }
  nn::ParameterRefs parameters() { return network_->parameters(); }
  nn::ConstParameterRefs parameters() const { return network().parameters(); }
  /// The same function in another precision (f32, f64): parameters converted, not tracked.
  Model as(DType dtype) const;
  /// The same model without the other elements; throws std::invalid_argument for one that it does not know.
  Model with_elements(const std::vector<int>& numbers) const;
  /// Moves the parameters; predictions are then computed there, and lie there.
  void to(Device device) { network_->to(device); }
  /// Throws std::invalid_argument naming the first element that the model was not made for.
  void check_elements(const std::vector<int>& numbers) const;

  double energy_scale = 1;          ///< eV per unit of the network
  std::map<int, double> reference;  ///< eV, of every element the model knows
  /// eV, once a molecule: not extensive, and 0 but in models of torchmd-net. No atom has a part of it.
  double offset = 0;
  /// What is known of it besides: origin, licence, training set, errors (model_card.hpp).
  data::Attributes card;

  /// Into and from a group of a file; the exact bits.
  void save(data::Group& group) const;
  void save_description(data::Group& group) const;  ///< all but the parameters
  /// Throws FormatError, for a network of an unknown kind too.
  /// @param dtype  to compute with, rather than what the file says. Parameters may be stored in float64 for a
  ///               model that computes in float32: nothing is lost then in float64.
  static Model load(const data::Group& group, std::optional<DType> dtype = {});
  /// To a file of format "cartan-model", and from one.
  /// @param config  the resolved run description, kept in the file's header
  void save(const std::string& path, const std::string& config = "") const;
  static Model open(const std::string& path, std::optional<DType> dtype = {});

 private:
  std::unique_ptr<Network> network_;
};

/// Symbols of the elements it knows: "H C N O".
std::string elements_of(const Model& model);

class SystemGraph;

/// The network of a model, differentiated by the tape: the engine that every model has. It keeps a Verlet
/// list for systems without one, and the graph, whose topology is kept while the same pairs are within the
/// cutoff.
class NetworkEngine : public Engine {
 public:
  /// @param skin  Angstrom, of the Verlet list
  explicit NetworkEngine(Model model, double skin = 0.5);
  ~NetworkEngine() override;
  NetworkEngine(NetworkEngine&&) noexcept;
  void compute(const System& system, Results& results) override;
  double cutoff() const override { return model_.cutoff(); }
  const Model& model() const { return model_; }

 private:
  Model model_;
  VerletList list_;
  std::unique_ptr<SystemGraph> graph_;
};

/// A Model as a Potential for dynamics and relaxation: its NetworkEngine on frames.
class ModelPotential : public Potential {
 public:
  explicit ModelPotential(Model model, double skin = 0.5) : engine_(std::move(model), skin) {}
  Evaluation evaluate(const Frame& frame) override;
  double cutoff() const override { return engine_.cutoff(); }
  bool conservative() const override { return !model().config().direct_forces(); }
  const Model& model() const { return engine_.model(); }

 private:
  NetworkEngine engine_;
};

}  // namespace cartan::potentials
