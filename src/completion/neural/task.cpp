#include "completion/neural/task.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/nn/error_statistics.hpp"
#include "cartan/nn/loss.hpp"

namespace cartan::completion {
namespace {

// Streams of the dropout, far from those of weights and shuffling.
constexpr std::uint64_t dropout_stream = std::uint64_t{0xD20} << 44;
constexpr Index piece = 1024;  // entries that are predicted at a time: hidden layers stay in the cache

}  // namespace

EntryBatch Targets::batch(const Index* entries, Index count) const {
  const std::size_t d = index.size();
  EntryBatch out;
  out.index.resize(static_cast<std::size_t>(count) * d);
  for (Index n = 0; n < count; ++n)
    for (std::size_t k = 0; k < d; ++k)
      out.index[static_cast<std::size_t>(n) * d + k] = index[k][static_cast<std::size_t>(entries[n])];
  return out;
}

Array Targets::values(const Index* entries, Index count, DType dtype) const {
  std::vector<double> out(static_cast<std::size_t>(count));
  for (Index n = 0; n < count; ++n)
    out[static_cast<std::size_t>(n)] = value[static_cast<std::size_t>(entries[n])];
  return Array::from(out).as(dtype);
}

Array error_slope(const EntryNetwork& network, const Array& prediction, const Array& target) {
  const Recording off(false);
  const Array f = detach(prediction), slope = f - target;
  return network.rectified()
             ? where(less(Array::zeros(f.shape(), f.dtype()), f), slope, Array::zeros(f.shape(), f.dtype()))
             : slope;
}

EntryTask::EntryTask(NeuralModel& model, Targets train, Targets validation, const NeuralOptions& options,
                     std::uint64_t seed, CellInfluence* influence)
    : model_(model),
      train_(std::move(train)),
      validation_(std::move(validation)),
      dropout_(options.tensor_dropout),
      seed_(seed),
      averaged_(options.average > 0),
      influence_(influence),
      best_(std::numeric_limits<double>::quiet_NaN()) {}

template <class Visit>
void EntryTask::over_validation(Visit&& visit) {
  const Recording off(false);
  const EntryNetwork& network = *model_.network;
  std::vector<Index> numbers(static_cast<std::size_t>(validation_.size()));
  std::iota(numbers.begin(), numbers.end(), Index{0});
  for (Index begin = 0; begin < validation_.size(); begin += piece) {
    const Index count = std::min(piece, validation_.size() - begin);
    const Array hidden = detach(network.hidden(validation_.batch(numbers.data() + begin, count)));
    visit(hidden, detach(network.output(hidden)),
          validation_.values(numbers.data() + begin, count, network.dtype()));
  }
}

void EntryTask::start_influence(std::int64_t epoch) {
  influence_->start_epoch(epoch);
  over_validation([&](const Array& hidden, const Array& prediction, const Array& target) {
    influence_->add_validation(hidden, error_slope(*model_.network, prediction, target));
  });
}

Array EntryTask::loss(const nn::Batch& batch) {
  const EntryNetwork& network = *model_.network;
  epoch_ = batch.epoch;
  if (influence_ && influence_->epoch() != batch.epoch) start_influence(batch.epoch);
  const auto count = static_cast<Index>(batch.samples.size());
  EntryBatch entries = train_.batch(batch.samples.data(), count);
  if (dropout_ > 0) {
    const Random random(seed_, dropout_stream + static_cast<std::uint64_t>(batch.step));
    std::vector<double> kept(static_cast<std::size_t>(network.components()));
    for (std::size_t r = 0; r < kept.size(); ++r)
      kept[r] = random.uniform(r) < dropout_ ? 0 : 1 / (1 - dropout_);
    entries.kept = Array::from(kept).as(network.dtype());
  }
  const Array hidden = network.hidden(entries), prediction = network.output(hidden);
  const Array target = train_.values(batch.samples.data(), count, network.dtype());
  if (influence_) influence_->add(batch.samples, detach(hidden), error_slope(network, prediction, target));
  return nn::mse(prediction, target);
}

nn::Metrics EntryTask::validate() {
  if (validation_.size() == 0) return {};
  nn::ErrorStatistics errors;
  const bool gather = influence_ && !averaged_;
  if (gather) influence_->start_epoch(epoch_ + 1);
  std::vector<double> outputs;
  over_validation([&](const Array& hidden, const Array& prediction, const Array& target) {
    const std::vector<double> f = prediction.to_vector<double>(), y = target.to_vector<double>();
    outputs.insert(outputs.end(), f.begin(), f.end());
    errors.add(f.data(), y.data(), prediction.size());
    if (gather) influence_->add_validation(hidden, error_slope(*model_.network, prediction, target));
  });
  const double rmse = model_.spread * errors.rmse();
  if (rmse < best_ || (std::isnan(best_) && !std::isnan(rmse))) {
    best_ = rmse, best_outputs_ = std::move(outputs);
    if (influence_) influence_->keep();
  }
  return {{"validation_rmse", rmse, "", "RMSE"}};
}

void EntryTask::save(data::Group& group) const {
  if (!influence_) return;
  group.attributes["best"] = best_;
  influence_->save(group["influence"]);
}

void EntryTask::load(const data::Group& group) {
  if (!influence_) return;
  influence_->load(group.group("influence"));
  best_ = group.number("best");
}

}  // namespace cartan::completion
