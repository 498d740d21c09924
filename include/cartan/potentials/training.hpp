#pragma once
/// Training and judging of potentials on frames with energies, forces and stress.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <cartan/nn/error_statistics.hpp>
#include <cartan/nn/trainer.hpp>
#include <cartan/potentials/model.hpp>

namespace cartan::potentials {

/// Frames with the name that errors give them (a file's).
struct FrameSet {
  std::string name;
  std::vector<Frame> frames;
};

/// Weights of the labels in the loss
///   energy * e(E/N - E*/N) + forces * e(F - F*) + stress * e(sigma - sigma*),
/// e the mean of squares (or of the Huber function) over molecules and components; eV, Angstrom. A weight of
/// zero leaves the label unused.
struct LossOptions {
  double energy = 1;
  double forces = 1;
  double stress = 0;
  bool energy_per_atom = true;  ///< false: total energies, not divided by the number of atoms
  std::string kind = "mse";     ///< "mse", "mae", "huber"
  double huber_delta = 0.01;    ///< in the units of the label
};
void describe(config::Fields& f, LossOptions& options);

/// The number by which errors name a frame of the set: its place in the file, where it is from one.
Index place(const FrameSet& set, std::size_t frame);

/// Energies of the isolated atoms among the frames: one neutral atom with an energy, not periodic or with a
/// config_type of IsolatedAtom. The lowest where an element has several.
std::map<int, double> isolated_energies(const FrameSet& set);
bool is_isolated_atom(const Frame& frame);

/// Energies of the elements that fit the frames best: least squares on composition, of minimal norm where
/// compositions do not tell elements apart. Elements with an isolated atom among the frames have its energy,
/// the others are fitted to what is left; then one shift an atom, as shifted_reference_energies() does.
std::map<int, double> fit_reference_energies(const FrameSet& set);
/// Given energies (of isolated atoms), and one shift an atom so that the mean residual of the frames is zero.
/// Throws std::invalid_argument when an element of the frames has none.
std::map<int, double> shifted_reference_energies(const FrameSet& set, const std::map<int, double>& given);
/// Root mean square of the force components; without forces, the spread of the energies per atom about the
/// references. eV per unit of the network.
double fit_scale(const FrameSet& set, const std::map<int, double>& reference);

/// How the energies of frames differ from those of a model: by element, the least-squares fit on composition
/// (of minimal norm), on some 200 frames with energies, and more where elements are rare (20 frames of each).
struct EnergyShift {
  Index frames = 0;                  ///< that were looked at
  std::map<int, double> by_element;  ///< eV
  double per_atom = 0;               ///< mean difference, eV/atom
  double left_per_atom = 0;          ///< root mean square after the shift, eV/atom
};
EnergyShift fit_shift(const Model& model, const FrameSet& set);

/// Errors of a model on labelled frames. Labels that frames lack are left out; an absent value is NaN.
struct Errors {
  Index n_frames = 0;
  double energy_rmse = 0, energy_mae = 0;                    ///< eV
  double energy_per_atom_rmse = 0, energy_per_atom_mae = 0;  ///< eV
  double forces_rmse = 0, forces_mae = 0;                    ///< eV/Angstrom, over components
  double stress_rmse = 0, stress_mae = 0;                    ///< eV/Angstrom^3, over nine components
  bool has_energy = false, has_forces = false, has_stress = false;
};

/// What Errors are made of: every frame adds the labels that it has.
struct ErrorSums {
  nn::ErrorStatistics energy, energy_per_atom, forces, stress;
  Index frames = 0;
  /// Predicted energy, forces (atoms x 3) and stress (9) of a frame; null where there is no prediction.
  void add(const Frame& frame, const double* energy, const double* forces, const double* stress);
  Errors errors() const;
};

/// Labels beside predictions, in the order of the frames: for pictures, tables and files.
struct Predictions {
  std::vector<double> energy;                 ///< one a frame, eV
  std::vector<std::vector<double>> forces;    ///< atoms x 3, eV/Angstrom
  std::vector<std::array<double, 9>> stress;  ///< eV/Angstrom^3; zero where not periodic
  std::vector<Deviation> deviation;           ///< of a committee (committee.hpp); empty for one model
};

/// Predicts in batches of about `atoms_per_batch` atoms. Stress is computed where a frame is periodic.
/// Throws FormatError naming set and frame for unknown elements, overlapping atoms, a cell of zero volume.
Predictions predict(const Model& model, const FrameSet& set, bool stress, Index atoms_per_batch = 256,
                    const ProgressCallback& progress = {}, const StopFlag* stop = nullptr);
Errors compare(const FrameSet& set, const Predictions& predictions);

/// A Model under training; validation metrics are the loss and the errors on the validation set.
class PotentialTask : public nn::Task {
 public:
  /// Searches all neighbours once. Frames without forces or stress count by the labels that they have. Throws
  /// FormatError naming set and frame where the energy (its weight not zero) is missing, where no frame has a
  /// label that has a weight, or a frame has none at all, where one is not finite, a stress has no volume, or
  /// an element is unknown to the model.
  PotentialTask(Model& model, FrameSet train, FrameSet validation, const LossOptions& loss);

  nn::ParameterRefs parameters() override { return model_.parameters(); }
  Index samples() const override { return static_cast<Index>(train_.frames.size()); }
  Array loss(const nn::Batch& batch) override;
  nn::Metrics validate() override;
  void save(data::Group& group) const override;
  void load(const data::Group& group) override;

 private:
  Array loss_of(const FrameSet& set, const std::vector<NeighborList>& lists,
                const std::vector<Index>& samples, bool create_graph, ErrorSums* sums) const;

  Model& model_;
  FrameSet train_, validation_;
  LossOptions loss_;
  std::vector<NeighborList> train_lists_, validation_lists_;
};

}  // namespace cartan::potentials
