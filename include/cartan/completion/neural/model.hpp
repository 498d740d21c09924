#pragma once
/// Neural completion: a network of entries, trained by the one training loop of <cartan/nn/trainer.hpp>.

#include <memory>
#include <string>
#include <vector>

#include <cartan/completion/additive.hpp>
#include <cartan/completion/method.hpp>
#include <cartan/completion/neural/influence.hpp>
#include <cartan/completion/neural/network.hpp>
#include <cartan/nn/trainer.hpp>

namespace cartan::completion {

/// What the additive model is to the network.
enum class Baseline {
  none,      ///< nothing
  additive,  ///< the network learns what it leaves of the values
  blend  ///< both learn the values; the prediction lies between the two, where validation errors are least
};

/// How a network of entries is trained: Adam on the mean square error, the weights of the best validation are
/// kept. Defaults are those of the published code of DAIN.
struct NeuralOptions {
  std::int64_t epochs = 50;
  std::int64_t batch_size = 1024;
  double learning_rate = 1e-3;
  double weight_decay = 0;
  std::int64_t patience = 10;  ///< epochs without a better validation after which training ends; 0: never
  double average = 0;  ///< decay of the moving average of the weights that are judged and kept; 0: none
  double tensor_dropout = 0;  ///< probability that a component of all embeddings is left out of a step
  double validation = 0.1;  ///< share of the training entries kept back where no validation entries are given
  Baseline baseline = Baseline::none;
  Products products = Products::f32;
  DType dtype = DType::f32;
};
void describe(config::Fields& f, NeuralOptions& o);

/// A trained network with what turns its numbers into values. Entries with an index that no training entry
/// has are predicted by the additive model, with bias 0 for that index.
class NeuralModel {
 public:
  NeuralModel() = default;

  /// float64 (N) at (N, d) int64.
  Array predict(const Array& indices) const;
  /// How many of these entries have an index without training entries, and are predicted additively.
  Index fallbacks(const Array& indices) const;
  const Shape& shape() const { return network->shape(); }

  /// The network is made by the options, which the caller saves; then its weights are loaded.
  void save(data::Group& group) const;
  static NeuralModel load(const data::Group& group, const EntryNetworkOptions& network,
                          const NeuralOptions& options);

  std::unique_ptr<EntryNetwork> network;
  Baseline baseline = Baseline::none;
  double centre = 0, spread = 1;  ///< value = baseline (centre, or additive) + spread * network
  /// With a baseline, value = additive + share * (value - additive): the share of the network in [0, 1] that
  /// is best on validation entries, 0 unless the gain is more than two standard errors.
  double share = 1;
  Additive additive;                    ///< the baseline, and of entries with unseen indices
  std::vector<std::vector<bool>> seen;  ///< of every mode, which indices have training entries
};

/// What a training is given beside entries and options.
struct NeuralContext {
  std::uint64_t seed = 0;
  ProgressCallback progress;
  const StopFlag* stop = nullptr;  ///< throws Stopped, after a checkpoint where there is a path
  std::string checkpoint;          ///< "": none
  bool resume = false;
  CellInfluence* influence = nullptr;  ///< filled where given; needs validation entries
  /// Entries that training sees besides, (M, d) int64 and (M) float64; an entry may occur several times.
  Array more_indices, more_values;
  const Additive* additive = nullptr;  ///< of the training entries, where it has been fitted already
};

/// A model and how its training went.
struct NeuralFit {
  NeuralModel model;
  nn::Summary summary;
  double validation_rmse = 0;  ///< of the weights that were kept; NaN without validation entries
};

/// Trains. Deterministic in (entries, options, seed) for any number of threads, and across a restart. Throws
/// std::invalid_argument for entries or options that do not fit, std::runtime_error when training diverges.
NeuralFit fit_neural(const SparseTensor& train, const SparseTensor& validation,
                     const EntryNetworkOptions& network, const NeuralOptions& options,
                     const NeuralContext& context = {});

}  // namespace cartan::completion
