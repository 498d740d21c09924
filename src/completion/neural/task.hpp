#pragma once
// Entries as a task of the training loop.

#include "cartan/completion/neural/model.hpp"

namespace cartan::completion {

// Entries with what the network is to give for them, in units of the model's spread.
struct Targets {
  std::vector<std::vector<std::int32_t>> index;  // a column a mode
  std::vector<double> value;
  Index size() const { return static_cast<Index>(value.size()); }
  EntryBatch batch(const Index* entries, Index count) const;
  Array values(const Index* entries, Index count, DType dtype) const;
};

class EntryTask : public nn::Task {
 public:
  EntryTask(NeuralModel& model, Targets train, Targets validation, const NeuralOptions& options,
            std::uint64_t seed, CellInfluence* influence);

  nn::ParameterRefs parameters() override { return model_.network->parameters(); }
  Index samples() const override { return train_.size(); }
  Array loss(const nn::Batch& batch) override;
  nn::Metrics validate() override;
  void save(data::Group& group) const override;
  void load(const data::Group& group) override;
  /// The least validation error of this run, and what the network gave for the validation entries then.
  double best() const { return best_; }
  const std::vector<double>& best_outputs() const { return best_outputs_; }

 private:
  // (n, hidden, prediction, target) of the validation entries, piece by piece.
  template <class Visit>
  void over_validation(Visit&& visit);
  void start_influence(std::int64_t epoch);

  NeuralModel& model_;
  Targets train_, validation_;
  double dropout_;
  std::uint64_t seed_;
  bool averaged_;  // validation sees other weights than the next epoch begins with
  CellInfluence* influence_;
  std::int64_t epoch_ = -1;  // under way
  double best_;
  std::vector<double> best_outputs_;
};

// f - y, and 0 where a rectified output is 0.
Array error_slope(const EntryNetwork& network, const Array& prediction, const Array& target);

}  // namespace cartan::completion
