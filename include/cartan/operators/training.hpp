#pragma once
/// Training and judging of operators on sets of fields.

#include <functional>
#include <string>
#include <vector>

#include <cartan/nn/trainer.hpp>
#include <cartan/operators/field_set.hpp>
#include <cartan/operators/model.hpp>

namespace cartan::operators {

/// What is minimised: the mean over samples and channels of an error of losses.hpp.
struct LossOptions {
  std::string kind = "l2";  ///< "l1", "l2", "h1", "h1-spectral", all relative, or "mse"
  bool normalized = false;  ///< between normalised fields, as neuraloperator does; false: in their own units
  /// Steps of a rollout: y has so many times the channels that the operator gives; what it gives is appended
  /// to x, whose first channels drop out.
  Index rollout = 1;
  bool pushforward = false;  ///< only the last step is differentiated, and counts (Brandstetter et al. 2022)
  double noise = 0;          ///< added to x in training, in deviations of its channels
};
void describe(config::Fields& f, LossOptions& options);

/// Symmetries of the equation and its domain, by which samples are changed at random in training.
struct AugmentOptions {
  /// "none"; "torus": j -> -j mod n along each axis, of scalar fields on a torus, or on a square whose first
  /// and next-after-last points are its borders; "ends": j -> n - 1 - j, where the first and last points are.
  std::string reflect = "none";
  bool transpose = false;  ///< axes of the grid change places; they must be equally long
  bool translate = false;  ///< by whole points, on a torus
};
void describe(config::Fields& f, AugmentOptions& options);

/// Modes that are added while an FNO is trained (George et al. 2024, "Incremental spatial and spectral
/// learning of neural operators"): it begins with few frequencies and ends with at most those of its
/// configuration, in all layers. Weights of modes that are not in use are zero until they are, so that the
/// function does not change when modes are added.
struct GrowthOptions {
  /// When modes are added: "none"; "epochs": at every decision; "loss-gap": where the training loss of the
  /// last epoch differs from that of the one before by no more than `loss_gap` of it; "explained": along each
  /// axis for itself, where the outermost `step` modes hold more than 1 - `explained` of the squared norm of
  /// the weights.
  std::string rule = "none";
  std::vector<Index> start;  ///< modes along each axis in the first epoch
  Index step = 2;            ///< modes an axis that are added at a time
  Index every = 1;           ///< epochs from one decision to the next
  double loss_gap = 1e-2;
  double explained = 0.99;
};
void describe(config::Fields& f, GrowthOptions& options);

struct TaskOptions {
  LossOptions loss;
  AugmentOptions augment;
  GrowthOptions growth;
  /// Called with the modes an axis when a training begins or goes on, and after each change.
  std::function<void(std::int64_t epoch, const std::vector<Index>& modes)> on_modes;
  Index evaluation_batch = 16;
  std::uint64_t seed = 1;  ///< of augmentation and noise
};

/// Errors of a model on a set, in the fields' own units: means over samples and channels.
struct FieldErrors {
  Index n_samples = 0;
  double rel_l2 = 0, rel_h1 = 0;  ///< ||y' - y||/||y||; H1 by differences (neuraloperator's)
  double rel_l2_deviation = 0;    ///< over samples
  double vrmse = 0;
  double rel_l2_joint = 0;                ///< of all channels of a sample as one vector
  std::vector<double> rel_l2_by_sample;   ///< mean over channels
  std::vector<double> rel_l2_by_channel;  ///< mean over samples: of rollouts, the growth of the error
  std::vector<double> truth_spectrum, error_spectrum;  ///< spectrum() of y and of y' - y
};

/// The prediction (n, channels of y, grid) of a batch, by a rollout where y has more channels than the model
/// gives. Throws std::invalid_argument where the numbers of channels do not fit.
Array predict_fields(const Model& model, const Array& x, Index channels, Index batch = 16);

/// Judges a model. Throws FormatError naming the set where its channels do not fit the model's.
FieldErrors evaluate(const Model& model, const FieldSet& set, Index batch = 16,
                     const ProgressCallback& progress = {}, const StopFlag* stop = nullptr);

/// Sets the model's normalisers: means and deviations of x and y over samples and grid.
void fit_normalizers(Model& model, const FieldSet& train, const StopFlag* stop = nullptr);

class OperatorTask : public nn::Task {
 public:
  /// Validation: errors on each set, the first of which is the criterion; none: no validation. Where modes
  /// are to be added the model is given those to start with, and its weights of others, trained or not, are
  /// set to zero. Throws FormatError naming the set where its
  /// channels do not fit the model's; std::invalid_argument for options that make no sense for it.
  OperatorTask(Model& model, FieldSet train, std::vector<FieldSet> validation, const TaskOptions& options);

  nn::ParameterRefs parameters() override { return model_.parameters(); }
  Index samples() const override { return train_.samples(); }
  nn::ParameterRefs state() override { return model_.network().constants(); }
  Array loss(const nn::Batch& batch) override;
  Array step_loss(const nn::Batch& batch, nn::StateUpdate& update) override;
  void begin_epoch(const std::vector<nn::HistoryRow>& history) override;
  nn::Metrics validate() override;
  void save(data::Group& group) const override;
  void load(const data::Group& group) override;

 private:
  Array error_of(const Array& prediction, const Array& truth) const;
  void augment(const nn::Batch& batch, Array& x, Array& y) const;

  Model& model_;
  FieldSet train_;
  std::vector<FieldSet> validation_;
  TaskOptions options_;
  std::vector<Index> most_modes_;  // where modes are added: those that the model may have
};

/// Autoregressive use: the model's output is appended to its input, whose first channels drop out.
struct RolloutOptions {
  Index steps = 10;
  /// > 0: after each step the series of the fields is multiplied by exp(-36 (|k|/k_max)^order) along each
  /// axis (Gottlieb, Hesthaven 2001): damps what gathers at the highest frequencies.
  double filter_order = 0;
  double alarm = 1e3;  ///< the rollout ends where the mean square exceeds the first one's so many times
};
void describe(config::Fields& f, RolloutOptions& options);

struct Rollout {
  Array frames;     ///< (samples, steps * out channels, grid); of steps that were not made: NaN
  Index steps = 0;  ///< made for all samples
  bool stable = true;
  std::vector<Index> lost;          ///< samples that diverged, and
  std::vector<Index> lost_at;       ///< the step each was lost at
  std::vector<double> mean_square;  ///< of the fields after each step, over samples that are not lost
  std::vector<double> high_share;   ///< the part of it above half of the highest frequency
};
/// @param x  (samples, in channels, grid)
/// Throws std::invalid_argument unless the model gives no more channels than it takes.
Rollout roll_out(const Model& model, const Array& x, const RolloutOptions& options = {},
                 const ProgressCallback& progress = {}, const StopFlag* stop = nullptr);

}  // namespace cartan::operators
