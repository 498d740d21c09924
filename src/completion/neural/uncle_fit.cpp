// UNCLE: training, and the method in the table.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "completion/methods.hpp"
#include "completion/neural/uncle.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {
namespace {

void check_counts(const char* name, const SparseTensor& x) {
  for (Index n = 0; n < x.size(); ++n) {
    const double v = x.values()[n];
    if (v >= 0 && v == std::floor(v)) continue;
    Shape index;
    for (int k = 0; k < x.order(); ++k) index.push_back(x.index(k)[n]);
    require(false, "[uncle] the ", name, " value ", v, " at ", index,
            " is not a count; counts are whole numbers, 0 or more");
  }
}

}  // namespace

// The network is trained by the loop; the factors are parameters that it leaves alone, so that checkpoints
// and the best weights hold them, and are updated at the end of an epoch.
class UncleTask : public nn::Task {
 public:
  UncleTask(UncleModel& model, const SparseTensor& train, const SparseTensor& validation,
            const UncleOptions& o)
      : model_(model), train_(train), validation_(validation), sweeps_(o.sweeps) {
    const Array indices = train.index_array();
    inputs_ = model.inputs(indices);
    const std::vector<double> p = model.detection(indices).to_vector<double>();
    anchored_.resize(p.size());
    // an anchor has p = 1 whatever the network says
    for (std::size_t n = 0; n < p.size(); ++n) anchored_[n] = !model.anchors.empty() && p[n] == 1;
    lambda_ = intensities(train_, model_.factors);
  }

  nn::ParameterRefs parameters() override { return model_.parameters(); }
  Index samples() const override { return train_.size(); }

  Array loss(const nn::Batch& batch) override {
    if (lambda_.empty()) lambda_ = intensities(train_, model_.factors);
    std::vector<std::int32_t> rows;
    std::vector<double> lambda, y;
    for (const Index n : batch.samples) {
      const auto at = static_cast<std::size_t>(n);
      rows.push_back(static_cast<std::int32_t>(n));
      lambda.push_back(anchored_[at] ? 0 : lambda_[at]);
      y.push_back(anchored_[at] ? 0 : train_.values()[n]);
    }
    const Array s = reshape(model_.network(gather(inputs_, Indices(std::move(rows), train_.size()))), {-1});
    // p lambda - y log p, log p = -softplus(-s)
    return mean(sigmoid(s) * Array::from(lambda) + softplus(negative(s)) * Array::from(y));
  }

  nn::Metrics validate() override {
    const std::vector<double> p = model_.detection(train_.index_array()).to_vector<double>();
    for (std::int64_t s = 0; s < sweeps_; ++s) update_factors(train_, p, model_.factors);
    lambda_ = intensities(train_, model_.factors);
    const SparseTensor& judged = validation_.empty() ? train_ : validation_;
    const Array indices = judged.index_array();
    const std::vector<double> q = model_.detection(indices).to_vector<double>();
    const double n = static_cast<double>(judged.size());
    return {{"negative_log_likelihood", negative_log_likelihood(judged, q, model_.factors) / n, "", "NLL"},
            {"rmse", rmse_of(judged, model_.recorded(indices)), "", "RMSE"}};
  }

  void load(const data::Group&) override { lambda_.clear(); }  // the factors are others now

 private:
  UncleModel& model_;
  const SparseTensor &train_, &validation_;
  std::int64_t sweeps_;
  Array inputs_;
  std::vector<bool> anchored_;
  std::vector<double> lambda_;
};

UncleFit fit_uncle(const SparseTensor& train, const SparseTensor& validation, const UncleOptions& options,
                   const std::vector<Attributes>& attributes, const SparseTensor& anchors,
                   const FitContext& context) {
  config::validate("uncle", options);
  check_fit("uncle", train, validation);
  check_counts("training", train);
  check_counts("validation", validation);
  check_attributes(attributes, train.shape());
  require(anchors.empty() || anchors.order() == train.order(), "[uncle] anchors of order ", anchors.order(),
          " for a tensor of order ", train.order());
  UncleFit fit;
  UncleModel& m = fit.model;
  m.shape = train.shape();
  m.attributes = attributes;
  m.anchors = anchors;
  const Array z = attribute_rows(attributes, train.index_array());
  const Array mean_z = mean(z, 0), deviation = sqrt(mean(square(z - mean_z), 0));
  m.centre = mean_z;
  m.spread = where(less(Array::full(deviation.shape(), 1e-12, DType::f64), deviation), deviation,
                   Array::full(deviation.shape(), 1, DType::f64));
  nn::Init init{context.seed};
  const double mean_y = std::max(mean_of(train), 1e-12);
  // means of p lambda like those of y, when p is 1/2
  const double size = std::pow(2 * mean_y / static_cast<double>(options.rank), 1.0 / train.order());
  for (const Index n : train.shape())
    m.factors.push_back(init.uniform({n, options.rank}, 0.5 * size, 1.5 * size, DType::f64));
  m.network = attribute_network(options, attribute_count(attributes), init);
  const std::vector<double> p = m.detection(train.index_array()).to_vector<double>();
  for (int s = 0; s < 10; ++s) update_factors(train, p, m.factors);

  UncleTask task(m, train, validation, options);
  nn::TrainerOptions t;
  t.epochs = options.epochs;
  t.batch_size = options.batch_size;
  t.seed = context.seed;
  nn::AdamWOptions adam;
  adam.amsgrad = false;
  t.optimizer = adam;
  t.groups = {{"factor.*"}, {0}, {0}};
  t.schedule.learning_rate = options.learning_rate;
  t.schedule.decay = nn::Decay::constant;
  t.schedule.warmup_steps = 0;
  t.clip_norm = 0;
  t.ema_decay = 0;
  t.early_stopping = options.patience;
  t.checkpoint_path = context.checkpoint;
  fit.summary = nn::train(task, t, context.resume, context.progress, context.stop);
  if (fit.summary.interrupted) throw Stopped();
  if (fit.summary.status == nn::Status::diverged) throw std::runtime_error("[uncle] " + fit.summary.message);
  nn::detach_parameters(m.parameters());
  // an index without entries: the mean of those that have some
  for (int k = 0; k < train.order(); ++k) {
    const std::vector<Index> counts = train.counts(k);
    Array& u = m.factors[static_cast<std::size_t>(k)];
    const Index rank = u.dim(1);
    double* row = u.mutable_data<double>();
    std::vector<double> average(static_cast<std::size_t>(rank), 0.0);
    const auto present =
        static_cast<double>(std::count_if(counts.begin(), counts.end(), [](Index c) { return c > 0; }));
    for (std::size_t j = 0; j < counts.size(); ++j)
      if (counts[j] > 0)
        for (Index r = 0; r < rank; ++r)
          average[static_cast<std::size_t>(r)] += row[static_cast<Index>(j) * rank + r] / present;
    for (std::size_t j = 0; j < counts.size(); ++j)
      if (counts[j] == 0) std::copy(average.begin(), average.end(), row + static_cast<Index>(j) * rank);
  }
  if (anchors.empty()) fit.summary.message += "; without anchors only p lambda is determined";
  return fit;
}

namespace {

class UncleMethod final : public Method {
 public:
  const char* kind() const override { return "uncle"; }
  config::Fields fields() override { return config::fields_of(options_); }
  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    std::vector<Attributes> attributes;
    for (const std::string& file : options_.attributes) attributes.push_back(read_attributes(file));
    SparseTensor anchors;
    if (!options_.anchors.empty()) anchors = read_entries(options_.anchors);
    UncleFit made = fit_uncle(train, validation, options_, attributes, anchors, c);
    model_ = std::move(made.model);
    Summary s;
    for (const nn::HistoryRow& row : made.summary.history) {
      s.objective.push_back(row.metrics[0]);
      (validation.empty() ? s.train_rmse : s.validation_rmse).push_back(row.metrics[1]);
    }
    s.iterations = static_cast<int>(made.summary.epochs);
    s.converged =
        made.summary.status == nn::Status::early_stopped || made.summary.status == nn::Status::finished;
    s.seconds = made.summary.seconds;
    s.message = made.summary.message;
    s.ranks = {options_.rank};
    finish(s, kind(), train, validation,
           [&](const SparseTensor& x) { return model_.recorded(x.index_array()); });
    return s;
  }
  Prediction predict(const Array& indices) const override {
    const Array mean = options_.recorded ? model_.recorded(indices) : model_.intensity(indices);
    return {mean, sqrt(mean)};
  }
  void save(data::Group& group) const override { model_.save(group); }
  void load(const data::Group& group) override { model_ = UncleModel::load(group, options_); }

 private:
  UncleOptions options_;
  UncleModel model_;
};

}  // namespace

std::unique_ptr<Method> make_uncle() {
  return std::make_unique<UncleMethod>();
}

}  // namespace cartan::completion
