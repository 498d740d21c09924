#include "cartan/completion/neural/model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "completion/neural/task.hpp"

namespace cartan::completion {

void describe(config::Fields& f, NeuralOptions& o) {
  f("epochs", o.epochs, "most passes over the entries").from(1).may_change();
  f("batch_size", o.batch_size, "entries of a step").from(1).to(1e6);
  f("learning_rate", o.learning_rate, "of Adam").above(0);
  f("weight_decay", o.weight_decay, "part of a weight that a step takes away, times the learning rate")
      .from(0);
  f("patience", o.patience, "end after as many epochs without a better validation (0: never)").from(0);
  f("average", o.average, "decay of the moving average of the weights that are judged and kept (0: none)")
      .from(0)
      .below(1);
  f("tensor_dropout", o.tensor_dropout,
    "probability that a component of all embeddings is left out of a step")
      .from(0)
      .below(1);
  f("validation", o.validation, "share of the entries kept back where no validation entries are given")
      .from(0)
      .below(1);
  f("baseline", o.baseline,
    {{"none", Baseline::none}, {"additive", Baseline::additive}, {"blend", Baseline::blend}},
    "what the additive model is to the network: nothing, what it starts from, or the other part of a blend");
  f("products", o.products, {{"f32", Products::f32}, {"bf16", Products::bf16}},
    "precision of the factors of products; sums are float32");
  f("dtype", o.dtype, "of the weights");
}

namespace {

constexpr Index piece = 1024;  // entries that are predicted at a time: hidden layers stay in the cache

std::vector<std::vector<bool>> seen_indices(const SparseTensor& train) {
  std::vector<std::vector<bool>> seen;
  for (int k = 0; k < train.order(); ++k) {
    const std::vector<Index> counts = train.counts(k);
    std::vector<bool> s(counts.size());
    std::transform(counts.begin(), counts.end(), s.begin(), [](Index c) { return c > 0; });
    seen.push_back(std::move(s));
  }
  return seen;
}

// What is missing for the network: the first mode whose index of this entry was not trained, or -1.
int unseen_mode(const NeuralModel& m, const Index* index) {
  for (std::size_t k = 0; k < m.seen.size(); ++k)
    if (m.network->needs_seen(static_cast<int>(k)) && !m.seen[k][static_cast<std::size_t>(index[k])])
      return static_cast<int>(k);
  return -1;
}

double baseline_at(const NeuralModel& m, const Index* index) {
  return m.baseline == Baseline::additive ? m.additive.at(index) : m.centre;
}

// The raw output of the network at rows [begin, begin + count) of indices.
std::vector<double> outputs(const EntryNetwork& network, const Index* indices, Index count) {
  const Recording off(false);
  EntryBatch batch;
  batch.index.assign(indices, indices + count * static_cast<Index>(network.shape().size()));
  return network.output(network.hidden(batch)).to_vector<double>();
}

Targets targets_of(const NeuralModel& m, const Array& indices, const Array& values) {
  Targets out;
  const Index d = indices.dim(1);
  const Index* i = indices.data<Index>();
  const double* y = values.data<double>();
  for (Index k = 0; k < d; ++k) {
    std::vector<std::int32_t> column(static_cast<std::size_t>(values.size()));
    for (std::size_t n = 0; n < column.size(); ++n)
      column[n] = static_cast<std::int32_t>(i[static_cast<Index>(n) * d + k]);
    out.index.push_back(std::move(column));
  }
  out.value.resize(static_cast<std::size_t>(values.size()));
  for (Index n = 0; n < values.size(); ++n)
    out.value[static_cast<std::size_t>(n)] = (y[n] - baseline_at(m, i + n * d)) / m.spread;
  return out;
}

void append(Targets& to, const Targets& more) {
  for (std::size_t k = 0; k < to.index.size(); ++k)
    to.index[k].insert(to.index[k].end(), more.index[k].begin(), more.index[k].end());
  to.value.insert(to.value.end(), more.value.begin(), more.value.end());
}

// Centre and spread of what the network learns.
void set_scale(NeuralModel& m, const SparseTensor& train, bool positive) {
  const Array indices = train.index_array();
  double sum = 0, squares = 0;
  const auto n = static_cast<double>(train.size());
  if (m.baseline != Baseline::additive && !positive)
    m.centre = std::accumulate(train.values().begin(), train.values().end(), 0.0) / n;
  for (Index e = 0; e < train.size(); ++e) {
    const double r = train.values()[e] - baseline_at(m, indices.data<Index>() + e * indices.dim(1));
    sum += r;
    squares += r * r;
  }
  const double mean = positive ? 0 : sum / n;
  m.spread = std::sqrt(std::max(0.0, squares / n - mean * mean));
  const double scale = std::abs(m.centre) + std::sqrt(squares / n);
  if (!(m.spread > 1e-12 * scale)) m.spread = 1;  // all values are the same
}

nn::TrainerOptions trainer_options(const NeuralOptions& o, const NeuralContext& c) {
  nn::TrainerOptions t;
  t.epochs = o.epochs;
  t.batch_size = o.batch_size;
  t.seed = c.seed;
  nn::AdamWOptions adam;
  adam.weight_decay = o.weight_decay;
  adam.amsgrad = false;
  t.optimizer = adam;
  t.schedule.learning_rate = o.learning_rate;
  t.schedule.decay = nn::Decay::constant;
  t.schedule.warmup_steps = 0;
  t.clip_norm = 0;
  t.ema_decay = o.average;
  t.early_stopping = o.patience;
  t.checkpoint_path = c.checkpoint;
  return t;
}

// Value of the network alone at an entry, f its output.
double network_value(const NeuralModel& m, const Index* index, double f) {
  return baseline_at(m, index) + m.spread * f;
}

// NeuralModel::share. With the residual r of the additive model and the change c that the network would make,
// the share is <r, c>/<c, c>, and the gain of an entry r^2 - (r - share c)^2.
double best_share(const NeuralModel& m, const SparseTensor& validation) {
  const Array indices = validation.index_array();
  const Index d = indices.dim(1);
  std::vector<double> residual, change;
  for (Index begin = 0; begin < validation.size(); begin += piece) {
    const Index count = std::min(piece, validation.size() - begin);
    const Index* i = indices.data<Index>() + begin * d;
    const std::vector<double> f = outputs(*m.network, i, count);
    for (Index n = 0; n < count; ++n) {
      if (unseen_mode(m, i + n * d) >= 0) continue;
      const double additive = m.additive.at(i + n * d);
      residual.push_back(validation.values()[begin + n] - additive);
      change.push_back(network_value(m, i + n * d, f[static_cast<std::size_t>(n)]) - additive);
    }
  }
  double along = 0, square = 0;
  for (std::size_t n = 0; n < change.size(); ++n) {
    along += residual[n] * change[n];
    square += change[n] * change[n];
  }
  if (!(along > 0)) return 0;
  const double share = std::min(along / square, 1.0);
  double gain = 0, gain_square = 0;
  for (std::size_t n = 0; n < change.size(); ++n) {
    const double left = residual[n] - share * change[n], g = residual[n] * residual[n] - left * left;
    gain += g;
    gain_square += g * g;
  }
  const auto count = static_cast<double>(change.size());
  const double variance = std::max(0.0, gain_square - gain * gain / count);  // of the sum
  return gain > 2 * std::sqrt(variance) ? share : 0;
}

double blended(const NeuralModel& m, const Index* index, double f) {
  const double value = network_value(m, index, f);
  if (m.share == 1) return value;
  const double additive = m.additive.at(index);
  return additive + m.share * (value - additive);
}

// The predictions of a model, f of its network.
Array predicted(const NeuralModel& m, const Array& indices, const std::vector<double>& f) {
  const Index n = indices.dim(0), d = indices.dim(1);
  Array out = Array::uninitialized({n}, DType::f64);
  double* y = out.mutable_data<double>();
  for (Index e = 0; e < n; ++e) {
    const Index* i = indices.data<Index>() + e * d;
    y[e] = unseen_mode(m, i) >= 0 ? m.additive.at(i) : blended(m, i, f[static_cast<std::size_t>(e)]);
  }
  return out;
}

// @param known  outputs of the network at the entries where they are known, or empty
double rmse_at(const NeuralModel& m, const SparseTensor& entries, const std::vector<double>& known) {
  if (entries.empty()) return std::numeric_limits<double>::quiet_NaN();
  const Array indices = entries.index_array();
  const Array f = known.empty() ? m.predict(indices) : predicted(m, indices, known);
  double squares = 0;
  for (Index n = 0; n < entries.size(); ++n) {
    const double e = f.data<double>()[n] - entries.values()[n];
    squares += e * e;
  }
  return std::sqrt(squares / static_cast<double>(entries.size()));
}

}  // namespace

Array NeuralModel::predict(const Array& indices) const {
  require(network != nullptr, "[NeuralModel] nothing has been fitted or loaded");
  check_indices("NeuralModel", indices, shape());
  const Index n = indices.dim(0), d = indices.dim(1);
  std::vector<double> f;
  for (Index begin = 0; begin < n; begin += piece) {
    const std::vector<double> some =
        outputs(*network, indices.data<Index>() + begin * d, std::min(piece, n - begin));
    f.insert(f.end(), some.begin(), some.end());
  }
  return predicted(*this, indices, f);
}

Index NeuralModel::fallbacks(const Array& indices) const {
  require(network != nullptr, "[NeuralModel] nothing has been fitted or loaded");
  check_indices("NeuralModel", indices, shape());
  Index count = 0;
  for (Index n = 0; n < indices.dim(0); ++n)
    count += unseen_mode(*this, indices.data<Index>() + n * indices.dim(1)) >= 0;
  return count;
}

void NeuralModel::save(data::Group& group) const {
  require(network != nullptr, "[NeuralModel] nothing has been fitted or loaded");
  group.attributes["shape"] = shape();
  group.attributes["centre"] = centre;
  group.attributes["spread"] = spread;
  group.attributes["share"] = share;
  group.attributes["rectified"] = static_cast<std::int64_t>(network->rectified());
  nn::save_parameters(network->parameters(), group["network"]);
  additive.save(group["additive"]);
  for (std::size_t k = 0; k < seen.size(); ++k)
    group.set(text("seen/", k), Array::from(std::vector<std::uint8_t>(seen[k].begin(), seen[k].end())), "",
              "index");
}

NeuralModel NeuralModel::load(const data::Group& group, const EntryNetworkOptions& network,
                              const NeuralOptions& options) {
  NeuralModel m;
  const Shape& shape = group.integers("shape");
  if (shape.empty() || std::any_of(shape.begin(), shape.end(), [](Index n) { return n < 1; }))
    throw FormatError(group.file(), "shape", text("is ", shape));
  m.baseline = options.baseline;
  m.centre = group.number("centre");
  m.spread = group.number("spread");
  m.share = group.number("share");
  nn::Init blank = nn::Init::blank();
  m.network =
      make_network(network, shape, options.dtype, blank, options.products, group.integer("rectified") != 0);
  nn::load_parameters(m.network->parameters(), group.group("network"));
  m.additive = Additive::load(group.group("additive"));
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (k >= m.additive.bias.size() || static_cast<Index>(m.additive.bias[k].size()) != shape[k])
      throw FormatError(group.file(), "additive", text("does not fit the shape ", shape));
    const Array s = group.array(text("seen/", k), DType::u8, {shape[k]});
    m.seen.emplace_back(s.data<std::uint8_t>(), s.data<std::uint8_t>() + s.size());
  }
  return m;
}

NeuralFit fit_neural(const SparseTensor& train, const SparseTensor& validation,
                     const EntryNetworkOptions& network, const NeuralOptions& options,
                     const NeuralContext& context) {
  config::validate("fit_neural", options);
  check_fit("fit_neural", train, validation);
  if (validation.empty() && options.validation > 0) {
    Split parts = split(train, {0, options.validation, context.seed});
    if (!parts.test.empty()) return fit_neural(parts.train, parts.test, network, options, context);
  }
  const bool extra = !context.more_indices.empty();
  if (extra) check_indices("fit_neural", context.more_indices, train.shape());
  require(!context.influence || (!validation.empty() && !extra),
          "[fit_neural] influence is that of training entries alone, on validation entries; there are ",
          validation.size(), " of these and ", context.more_values.size(), " entries besides");

  NeuralFit fit;
  NeuralModel& m = fit.model;
  m.baseline = options.baseline;
  m.additive =
      context.additive ? *context.additive : fit_additive(train, validation, {}, context.seed).tensor;
  m.seen = seen_indices(train);
  const bool positive =
      m.baseline != Baseline::additive &&
      std::all_of(train.values().begin(), train.values().end(), [](double v) { return v >= 0; });
  nn::Init init{context.seed};
  init.stop = context.stop;
  m.network = make_network(network, train.shape(), options.dtype, init, options.products, positive);
  set_scale(m, train, m.network->rectified());
  if (m.network->rectified()) {  // an output that begins at 0 for all entries would stay there
    const double mean = std::accumulate(train.values().begin(), train.values().end(), 0.0) /
                        static_cast<double>(train.size());
    m.network->head.bias = Array::full({1}, mean / m.spread, options.dtype);
  }
  Targets seen = targets_of(m, train.index_array(), train.value_array());
  if (extra) append(seen, targets_of(m, context.more_indices, context.more_values));
  Targets judged;
  if (!validation.empty()) judged = targets_of(m, validation.index_array(), validation.value_array());
  EntryTask task(m, std::move(seen), std::move(judged), options, context.seed, context.influence);
  fit.summary =
      nn::train(task, trainer_options(options, context), context.resume, context.progress, context.stop);
  if (fit.summary.interrupted) throw Stopped();
  if (fit.summary.status == nn::Status::diverged)
    throw std::runtime_error("[fit_neural] " + fit.summary.message);
  nn::detach_parameters(m.network->parameters());
  if (m.baseline != Baseline::none && !validation.empty()) {
    m.share = best_share(m, validation);
    fit.summary.message +=
        m.share > 0
            ? text("; share of the network beside the additive model ", std::round(100 * m.share), " %")
            : text("; the network is no better than the additive model and is left out");
  }
  const bool told = !validation.empty() && fit.summary.best == task.best();
  fit.validation_rmse = rmse_at(m, validation, told ? task.best_outputs() : std::vector<double>{});
  return fit;
}

}  // namespace cartan::completion
