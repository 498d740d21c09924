#pragma once
/// A trained (or trainable) potential: a network of atomic energies, the reference energies of the elements,
/// and what follows from them by differentiation.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cartan/potentials/potential.hpp>
#include <cartan/potentials/tensornet.hpp>

namespace cartan::potentials {

/// What a model says of a graph, in eV and Angstrom; tracked where parameters are tracked.
struct Prediction {
  Array energy;         ///< (molecules), float64
  Array atom_energies;  ///< (atoms), float64
  Array forces;         ///< (atoms, 3), the model's type; empty unless asked for
  Array strain;         ///< (molecules, 9) dE/dstrain = volume * stress = -virial; empty unless asked for
};

/// What to differentiate.
struct Derivatives {
  bool forces = true;
  bool strain = false;
  bool create_graph = false;  ///< record, for the gradient of a loss that contains them
};

/// E = sum_i (reference[z_i] + scale * network_i)
class Model {
 public:
  Model(const TensorNetConfig& config, std::uint64_t seed);

  /// Energies and their exact derivatives. Throws std::invalid_argument for an element the model was not
  /// made for.
  Prediction predict(const Graph& graph, const Derivatives& derivatives) const;

  const TensorNetConfig& config() const { return network_.config(); }
  double cutoff() const { return config().cutoff; }
  nn::ParameterRefs parameters();
  /// The same function in another precision (f32, f64): parameters converted, not tracked.
  Model as(DType dtype) const;
  /// Throws std::invalid_argument naming the first element that the model was not made for.
  void check_elements(const std::vector<int>& numbers) const;

  double scale = 1;                 ///< eV per unit of the network
  std::map<int, double> reference;  ///< eV, of every element the model knows

  /// Into and from a group of a file; the exact bits.
  void save(data::Group& group) const;
  void save_description(data::Group& group) const;  ///< all but the parameters
  static Model load(const data::Group& group);
  /// The model of a file of format "cartan-model".
  static Model open(const std::string& path);

 private:
  TensorNet network_;
};

/// A Model as a Potential for dynamics and relaxation: keeps a Verlet list.
class ModelPotential : public Potential {
 public:
  explicit ModelPotential(Model model, double skin = 0.5);
  Evaluation evaluate(const Frame& frame) override;
  double cutoff() const override { return model_.cutoff(); }
  const Model& model() const { return model_; }

 private:
  Model model_;
  VerletList list_;
};

}  // namespace cartan::potentials
