// The neural methods in the table.
#include "completion/methods.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/completion/neural/dain.hpp"
#include "cartan/core/error.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {
namespace {

NeuralContext neural_context(const FitContext& c) {
  NeuralContext out;
  out.seed = c.seed;
  out.progress = c.progress;
  out.stop = c.stop;
  out.checkpoint = c.checkpoint;
  out.resume = c.resume;
  return out;
}

// The course of a training, an iteration an epoch. The loss is in units of the spread.
void add_course(Summary& s, const nn::Summary& training, double spread) {
  for (const nn::HistoryRow& row : training.history) {
    s.train_rmse.push_back(spread * std::sqrt(row.train_loss));
    s.objective.push_back(spread * spread * row.train_loss);
    if (!row.metrics.empty()) s.validation_rmse.push_back(row.metrics.front());
  }
  s.iterations += static_cast<int>(training.epochs);
  s.converged = training.status == nn::Status::early_stopped || training.status == nn::Status::finished;
  s.seconds += training.seconds;
}

data::Figure learning_curve(const Summary& s) {
  data::Figure f;
  f.title = "Learning curve";
  f.x_label = "epoch";
  f.y_label = "RMSE";
  const auto series = [&](const char* name, const std::vector<double>& y) {
    if (y.empty()) return;
    std::vector<double> x(y.size());
    std::iota(x.begin(), x.end(), 1.0);
    f.series.push_back({name, std::move(x), y});
  };
  series("training", s.train_rmse);
  series("validation", s.validation_rmse);
  return f;
}

// A network of one kind.
template <class Options>
class NetworkMethod final : public Method {
 public:
  NetworkMethod(const char* kind, NeuralOptions training) : kind_(kind), training_(training) {}
  const char* kind() const override { return kind_; }
  config::Fields fields() override {
    config::Fields f;
    describe(f, network_);
    describe(f, training_);
    return f;
  }
  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    NeuralFit made = fit_neural(train, validation, network_, training_, neural_context(c));
    model_ = std::move(made.model);
    summary_ = {};
    add_course(summary_, made.summary, model_.spread);
    summary_.message = made.summary.message;
    finish(summary_, kind(), train, validation,
           [&](const SparseTensor& x) { return model_.predict(x.index_array()); });
    return summary_;
  }
  Prediction predict(const Array& indices) const override { return {model_.predict(indices), {}}; }
  void save(data::Group& group) const override { model_.save(group); }
  void load(const data::Group& group) override { model_ = NeuralModel::load(group, network_, training_); }
  std::vector<std::pair<std::string, data::Figure>> figures() const override {
    if (summary_.train_rmse.empty()) return {};
    return {{"learning_curve", learning_curve(summary_)}};
  }

 private:
  const char* kind_;
  Options network_;
  NeuralOptions training_;
  NeuralModel model_;
  Summary summary_;
};

class DainMethod final : public Method {
 public:
  DainMethod(const char* kind, Augmentation augmentation, Baseline baseline) : kind_(kind) {
    options_.augmentation = augmentation;
    options_.training.baseline = baseline;
  }
  const char* kind() const override { return kind_; }
  config::Fields fields() override { return config::fields_of(options_); }
  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    DainFit made = fit_dain(train, validation, options_, neural_context(c));
    model_ = std::move(made.model);
    importance_ = std::move(made.importance);
    summary_ = {};
    const bool augmented = !std::isnan(made.second_rmse);
    add_course(summary_, augmented ? made.second : made.first, model_.spread);
    if (augmented) summary_.seconds += made.first.seconds;
    summary_.message = (augmented ? made.second : made.first).message;
    if (augmented)
      summary_.message += text("; validation RMSE ", made.first_rmse, " before ", made.added.dim(0),
                               " entries were added, ", made.second_rmse, " after");
    finish(summary_, kind(), train, validation,
           [&](const SparseTensor& x) { return model_.predict(x.index_array()); });
    return summary_;
  }
  Prediction predict(const Array& indices) const override { return {model_.predict(indices), {}}; }
  void save(data::Group& group) const override {
    model_.save(group);
    for (std::size_t k = 0; k < importance_.size(); ++k)
      group.set(text("importance/", k), Array::from(importance_[k]), "", "index");
  }
  void load(const data::Group& group) override {
    NeuralModel model = NeuralModel::load(group, options_.network, options_.training);
    std::vector<std::vector<double>> importance;
    for (std::size_t k = 0; group.has(text("importance/", k)); ++k)
      importance.push_back(group.array(text("importance/", k), DType::f64, {-1}).to_vector<double>());
    model_ = std::move(model);
    importance_ = std::move(importance);
  }
  std::vector<std::vector<Index>> notable() const override {
    std::vector<std::vector<Index>> out;
    if (options_.augmentation == Augmentation::random) return out;
    for (const std::vector<double>& e : importance_) {
      std::vector<Index> order(e.size());
      std::iota(order.begin(), order.end(), Index{0});
      const std::size_t count = std::min<std::size_t>(10, order.size());
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                        [&](Index a, Index b) {
                          const double x = e[static_cast<std::size_t>(a)], y = e[static_cast<std::size_t>(b)];
                          return x != y ? x > y : a < b;
                        });
      order.resize(count);
      out.push_back(std::move(order));
    }
    return out;
  }
  std::vector<std::pair<std::string, data::Figure>> figures() const override {
    std::vector<std::pair<std::string, data::Figure>> out;
    if (!summary_.train_rmse.empty()) out.emplace_back("learning_curve", learning_curve(summary_));
    if (importance_.empty()) return out;
    data::Figure f;
    f.title = "Importance of indices";
    f.x_label = "rank of the index";
    f.y_label = "share of the influence";
    f.log_x = f.log_y = true;
    for (std::size_t k = 0; k < importance_.size(); ++k) {
      std::vector<double> y = importance_[k], x(y.size());
      std::sort(y.begin(), y.end(), std::greater<>());
      std::iota(x.begin(), x.end(), 1.0);
      f.series.push_back({text("mode ", k), std::move(x), std::move(y)});
    }
    out.emplace_back("importance", std::move(f));
    return out;
  }

 private:
  const char* kind_;
  DainOptions options_;
  NeuralModel model_;
  std::vector<std::vector<double>> importance_;
  Summary summary_;
};

NeuralOptions options_with(Baseline baseline) {
  NeuralOptions o;
  o.baseline = baseline;
  return o;
}

std::unique_ptr<Method> costco_with(const char* kind, Baseline baseline) {
  NeuralOptions training = options_with(baseline);  // as published
  training.learning_rate = 1e-4;
  training.batch_size = 256;
  return std::make_unique<NetworkMethod<CostcoOptions>>(kind, training);
}

}  // namespace

std::unique_ptr<Method> make_mlp() {
  return std::make_unique<NetworkMethod<MlpOptions>>("mlp", NeuralOptions{});
}
std::unique_ptr<Method> make_mlp_blend() {
  return std::make_unique<NetworkMethod<MlpOptions>>("mlp-blend", options_with(Baseline::blend));
}
std::unique_ptr<Method> make_costco() {
  return costco_with("costco", Baseline::none);
}
std::unique_ptr<Method> make_costco_blend() {
  return costco_with("costco-blend", Baseline::blend);
}
std::unique_ptr<Method> make_ntf() {
  return std::make_unique<NetworkMethod<NtfOptions>>("ntf", NeuralOptions{});
}
std::unique_ptr<Method> make_dain() {
  return std::make_unique<DainMethod>("dain", Augmentation::influence, Baseline::none);
}
std::unique_ptr<Method> make_dain_random() {
  return std::make_unique<DainMethod>("dain-random", Augmentation::random, Baseline::none);
}
std::unique_ptr<Method> make_dain_blend() {
  return std::make_unique<DainMethod>("dain-blend", Augmentation::influence, Baseline::blend);
}

}  // namespace cartan::completion
