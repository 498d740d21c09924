#include "cartan/completion/neural/uncle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/readers.hpp"
#include "completion/methods.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {

void describe(config::Fields& f, UncleOptions& o) {
  f("rank", o.rank, "components of the intensity").from(1).to(4096);
  f("hidden", o.hidden, "widths of the hidden layers of the network of attributes").from(1).to(65536);
  f("epochs", o.epochs, "most rounds of both parts").from(1).may_change();
  f("sweeps", o.sweeps, "updates of all factors in a round").from(1).to(1000);
  f("batch_size", o.batch_size, "entries of a step of the network").from(1).to(1e6);
  f("learning_rate", o.learning_rate, "of Adam on the network").above(0);
  f("patience", o.patience, "end after as many rounds without a better validation (0: never)").from(0);
  f("attributes", o.attributes, "arrays of attributes with their modes: 0:sites.npy or 0,2:visits.npy");
  f("anchors", o.anchors, "file of entries that are counted in full").optional("none");
  f("recorded", o.recorded, "predict what would be recorded; false: what there is to record");
}

Attributes read_attributes(const std::string& text_) {
  const std::size_t colon = text_.find(':');
  Attributes out;
  bool fits = colon != std::string::npos && colon > 0 && colon + 1 < text_.size();
  if (fits)
    for (std::size_t at = 0; at <= colon && fits;) {
      const std::size_t end = std::min(colon, text_.find(',', at));
      const std::string word = text_.substr(at, end - at);
      fits = !word.empty() && word.size() < 4 && word.find_first_not_of("0123456789") == std::string::npos;
      if (fits) out.modes.push_back(std::stoi(word));
      fits = fits && (out.modes.size() < 2 || out.modes[out.modes.size() - 2] < out.modes.back());
      at = end + 1;
    }
  require(fits, "[uncle] attributes '", text_,
          "': expected rising numbers of modes from 0, a colon and a .npy file, as in 0:sites.npy or "
          "0,2:visits.npy");
  out.values = data::read_npy(text_.substr(colon + 1));
  return out;
}

namespace {

// The product over all modes but `left_out` of the rows of an entry, into w; lambda is the sum over its
// elements times the row of that mode.
struct Rows {
  explicit Rows(const std::vector<Array>& factors) : rank(factors.front().dim(1)) {
    for (const Array& u : factors) row.push_back(u.data<double>());
  }
  void others(const SparseTensor& x, Index n, int left_out, double* w) const {
    std::fill_n(w, rank, 1.0);
    for (int k = 0; k < x.order(); ++k) {
      if (k == left_out) continue;
      const double* u = row[static_cast<std::size_t>(k)] + x.index(k)[n] * rank;
      for (Index r = 0; r < rank; ++r) w[r] *= u[r];
    }
  }
  Index rank;
  std::vector<const double*> row;
};

constexpr double least = 1e-300;  // a factor that reached 0 stays there; its logarithm is not asked for

std::vector<double> intensities(const SparseTensor& x, const std::vector<Array>& factors) {
  const Rows rows(factors);
  std::vector<double> out(static_cast<std::size_t>(x.size()));
  parallel_for(x.size(), 4096, [&](Index begin, Index end) {
    std::vector<double> w(static_cast<std::size_t>(rows.rank));
    for (Index n = begin; n < end; ++n) {
      rows.others(x, n, -1, w.data());
      out[static_cast<std::size_t>(n)] = std::accumulate(w.begin(), w.end(), 0.0);
    }
  });
  return out;
}

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

void update_factors(const SparseTensor& x, const std::vector<double>& p, std::vector<Array>& factors) {
  require(static_cast<Index>(p.size()) == x.size() && static_cast<int>(factors.size()) == x.order(),
          "[update_factors] ", p.size(), " probabilities and ", factors.size(), " factors for ", x.size(),
          " entries of order ", x.order());
  const double* y = x.values().data();
  std::vector<Index> begin;
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (int k = 0; k < x.order(); ++k) {
    // the entries of every slice, one after the other
    const std::vector<Index> counts = x.counts(k);
    begin.assign(counts.size() + 1, 0);
    std::partial_sum(counts.begin(), counts.end(), begin.begin() + 1);
    std::vector<Index> next(begin.begin(), begin.end() - 1);
    const std::int32_t* index = x.index(k).data();
    for (Index n = 0; n < x.size(); ++n)
      order[static_cast<std::size_t>(next[static_cast<std::size_t>(index[n])]++)] = n;

    Array& u = factors[static_cast<std::size_t>(k)];
    double* row = u.mutable_data<double>();
    const Rows rows(factors);
    const Index rank = rows.rank;
    parallel_for(u.dim(0), 16, [&](Index first, Index last) {
      std::vector<double> w(static_cast<std::size_t>(rank)), up(w), down(w);
      for (Index j = first; j < last; ++j) {
        std::fill(up.begin(), up.end(), 0.0);
        std::fill(down.begin(), down.end(), 0.0);
        for (Index e = begin[static_cast<std::size_t>(j)]; e < begin[static_cast<std::size_t>(j) + 1]; ++e) {
          const Index n = order[static_cast<std::size_t>(e)];
          rows.others(x, n, k, w.data());
          double lambda = 0;
          for (Index r = 0; r < rank; ++r) lambda += w[static_cast<std::size_t>(r)] * row[j * rank + r];
          const double ratio = y[n] > 0 ? y[n] / std::max(lambda, least) : 0;
          for (std::size_t r = 0; r < w.size(); ++r) {
            up[r] += ratio * w[r];
            down[r] += p[static_cast<std::size_t>(n)] * w[r];
          }
        }
        for (std::size_t r = 0; r < w.size(); ++r)
          if (down[r] > least) row[j * rank + static_cast<Index>(r)] *= up[r] / down[r];
      }
    });
  }
}

double negative_log_likelihood(const SparseTensor& x, const std::vector<double>& p,
                               const std::vector<Array>& factors) {
  std::vector<double> term = intensities(x, factors);
  for (std::size_t n = 0; n < term.size(); ++n) {
    const double mean = p[n] * term[n], y = x.values()[static_cast<Index>(n)];
    term[n] = y > 0 ? mean - y * std::log(std::max(mean, least)) : mean;
  }
  return deterministic_sum(term.data(), static_cast<Index>(term.size()));
}

// ---- the model

nn::ParameterRefs UncleModel::parameters() {
  nn::ParameterRefs out;
  for (std::size_t k = 0; k < factors.size(); ++k) out.push_back({text("factor.", k), &factors[k]});
  network.collect("network", out);
  return out;
}

namespace {

Index width_of(const std::vector<Attributes>& attributes) {
  Index width = 0;
  for (const Attributes& a : attributes) width += a.values.dim(-1);
  return std::max<Index>(width, 1);  // one column of zeros without attributes
}

void check_attributes(const std::vector<Attributes>& attributes, const Shape& shape) {
  for (const Attributes& a : attributes) {
    Shape expected;
    for (const int k : a.modes) {
      require(k >= 0 && k < static_cast<int>(shape.size()), "[uncle] attributes of mode ", k,
              " of a tensor of ", shape.size(), " modes");
      expected.push_back(shape[static_cast<std::size_t>(k)]);
    }
    expected.push_back(a.values.ndim() > 0 ? a.values.dim(-1) : 0);
    require(
        !a.modes.empty() && is_real(a.values.dtype()) && a.values.shape() == expected && a.values.dim(-1) > 0,
        "[uncle] attributes are ", a.values.dtype(), " of shape ", a.values.shape(),
        ", expected real numbers of shape ", expected,
        ", the extents of their modes and the number of attributes");
    require(all_finite(a.values), "[uncle] an attribute is not finite; fill in what is missing");
  }
}

Array raw_inputs(const std::vector<Attributes>& attributes, const Array& indices) {
  const Index n = indices.dim(0), d = indices.dim(1), width = width_of(attributes);
  Array out = Array::zeros({n, width}, DType::f64);
  double* z = out.mutable_data<double>();
  const Index* i = indices.data<Index>();
  Index column = 0;
  for (const Attributes& a : attributes) {
    const Array values = a.values.as(DType::f64);
    const Index count = values.dim(-1);
    for (Index e = 0; e < n; ++e) {
      Index at = 0;
      for (std::size_t m = 0; m < a.modes.size(); ++m)
        at = at * values.dim(static_cast<int>(m)) + i[e * d + a.modes[m]];
      std::copy_n(values.data<double>() + at * count, count, z + e * width + column);
    }
    column += count;
  }
  return out;
}

}  // namespace

Array UncleModel::inputs(const Array& indices) const {
  return (raw_inputs(attributes, indices) - centre) / spread;
}

Array UncleModel::intensity(const Array& indices) const {
  check_indices("uncle", indices, shape);
  const Index n = indices.dim(0), d = indices.dim(1), rank = factors.front().dim(1);
  Array out = Array::zeros({n}, DType::f64);
  double* y = out.mutable_data<double>();
  const Index* i = indices.data<Index>();
  for (Index e = 0; e < n; ++e)
    for (Index r = 0; r < rank; ++r) {
      double product = 1;
      for (Index k = 0; k < d; ++k)
        product *= factors[static_cast<std::size_t>(k)].data<double>()[i[e * d + k] * rank + r];
      y[e] += product;
    }
  return out;
}

Array UncleModel::detection(const Array& indices) const {
  check_indices("uncle", indices, shape);
  const Recording off(false);
  Array p = sigmoid(reshape(network(inputs(indices)), {-1}));
  if (anchors.empty()) return p;
  double* value = p.mutable_data<double>();
  // both are sorted by index where the indices are those of a SparseTensor; any others are looked up
  const Index d = indices.dim(1), count = anchors.size();
  for (Index n = 0; n < indices.dim(0); ++n) {
    const Index* at = indices.data<Index>() + n * d;
    const auto before = [&](Index a) {
      for (Index k = 0; k < d; ++k) {
        const Index j = anchors.index(static_cast<int>(k))[a];
        if (j != at[k]) return j < at[k];
      }
      return false;
    };
    Index low = 0, high = count;
    while (low < high) {
      const Index middle = (low + high) / 2;
      before(middle) ? low = middle + 1 : high = middle;
    }
    bool same = low < count;
    for (Index k = 0; same && k < d; ++k) same = anchors.index(static_cast<int>(k))[low] == at[k];
    if (same) value[n] = 1;
  }
  return p;
}

Array UncleModel::recorded(const Array& indices) const {
  return intensity(indices) * detection(indices);
}

void UncleModel::save(data::Group& group) const {
  require(!factors.empty(), "[uncle] nothing has been fitted or loaded");
  group.attributes["shape"] = shape;
  nn::save_parameters(const_cast<UncleModel*>(this)->parameters(), group["parameters"]);
  group.set("centre", centre, "", "attribute");
  group.set("spread", spread, "", "attribute");
  for (std::size_t a = 0; a < attributes.size(); ++a) {
    data::Group& g = group[text("attributes/", a)];
    g.attributes["modes"] = std::vector<std::int64_t>(attributes[a].modes.begin(), attributes[a].modes.end());
    g.set("values", attributes[a].values);
  }
  if (!anchors.empty()) anchors.save(group["anchors"]);
}

namespace {

nn::Mlp make_mlp_of(const UncleOptions& o, Index width, nn::Init& init) {
  std::vector<Index> sizes{width};
  sizes.insert(sizes.end(), o.hidden.begin(), o.hidden.end());
  sizes.push_back(1);
  return nn::Mlp(sizes, DType::f64, init);
}

}  // namespace

UncleModel UncleModel::load(const data::Group& group, const UncleOptions& options) {
  UncleModel m;
  m.shape = group.integers("shape");
  if (m.shape.empty() || std::any_of(m.shape.begin(), m.shape.end(), [](Index n) { return n < 1; }))
    throw FormatError(group.file(), "shape", text("is ", m.shape));
  for (std::size_t a = 0; group.has_group(text("attributes/", a)); ++a) {
    const data::Group& g = group.group(text("attributes/", a));
    Attributes read;
    for (const std::int64_t k : g.integers("modes")) read.modes.push_back(static_cast<int>(k));
    read.values = g.array("values");
    m.attributes.push_back(std::move(read));
  }
  try {
    check_attributes(m.attributes, m.shape);
  } catch (const std::invalid_argument& e) {
    throw FormatError(group.file(), "attributes", e.what());
  }
  const Index width = width_of(m.attributes);
  m.centre = group.array("centre", DType::f64, {width});
  m.spread = group.array("spread", DType::f64, {width});
  nn::Init blank = nn::Init::blank();
  for (const Index n : m.shape) m.factors.push_back(Array::zeros({n, options.rank}, DType::f64));
  m.network = make_mlp_of(options, width, blank);
  nn::load_parameters(m.parameters(), group.group("parameters"));
  if (group.has_group("anchors")) m.anchors = SparseTensor::load(group.group("anchors"));
  return m;
}

// ---- training

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
  const Array z = raw_inputs(attributes, train.index_array());
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
  m.network = make_mlp_of(options, width_of(attributes), init);
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
