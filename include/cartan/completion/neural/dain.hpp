#pragma once
/// DAIN: influence-guided data augmentation (S. Oh, S. Kim, R. A. Rossi, S. Kumar, CIKM 2021), with the
/// controls that show what it is worth.
///
/// 1. Train a network; sum up the influence of every training entry on the validation error on the way.
/// 2. The importance of an index is the influence of its entries (<cartan/completion/neural/influence.hpp>).
/// 3. Draw new entries, the index of every mode by its importance; the network predicts their values.
/// 4. Train a network anew on the training entries and the new ones.
///
/// Where this differs from the published code: weights are validated after an epoch (there before its steps,
/// and those after them are kept); values are centred and scaled, which Adam hardly sees; and what is called
/// test RMSE there is a mean square.

#include <vector>

#include <cartan/completion/neural/model.hpp>

namespace cartan::completion {

enum class Augmentation {
  influence,  ///< by importance
  random,     ///< every index that occurs in training alike: the control
  none        ///< the first network is the result
};

struct DainOptions {
  EntryNetworkOptions network = MlpOptions{};
  NeuralOptions training = [] {
    NeuralOptions o;
    o.validation = 0.2;
    return o;
  }();
  Augmentation augmentation = Augmentation::influence;
  double amount = 0.5;  ///< new entries a training entry
};
void describe(config::Fields& f, DainOptions& o);

struct DainFit {
  NeuralModel model;
  nn::Summary first, second;               ///< of both trainings; the second is empty without augmentation
  double first_rmse = 0, second_rmse = 0;  ///< of the validation entries, NaN without a training
  SparseTensor train;             ///< the entries trained on (all but those kept back for validation)
  std::vector<double> influence;  ///< of each of them, over the largest magnitude; empty without augmentation
  std::vector<std::vector<double>> importance;  ///< of every index of every mode, the sum of a mode is 1
  Array added;                                  ///< the entries that were drawn, (M, d) int64
};

/// @param validation  empty: a share of `train` is kept back, training.validation of it
DainFit fit_dain(const SparseTensor& train, const SparseTensor& validation, const DainOptions& options,
                 const NeuralContext& context = {});

}  // namespace cartan::completion
