#include "cartan/operators/training.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/operators/losses.hpp"
#include "operators/growth.hpp"

namespace cartan::operators {
namespace {

void check_channels(const Model& model, const FieldSet& set, Index rollout) {
  const auto wrong = [&](const char* what, Index has, Index wanted) {
    throw FormatError(set.name(), what, text("has ", has, " channels, the model needs ", wanted));
  };
  const OperatorConfig& c = model.config();
  if (set.x_shape()[0] != c.in_channels) wrong("x", set.x_shape()[0], c.in_channels);
  if (!set.has_y()) throw FormatError(set.name(), "y", "is missing: there is nothing to compare with");
  if (rollout > 0 && set.y_shape()[0] != c.out_channels * rollout)
    wrong("y", set.y_shape()[0], c.out_channels * rollout);
  if (rollout == 0 && set.y_shape()[0] != c.out_channels &&
      (set.y_shape()[0] % c.out_channels != 0 || c.out_channels > c.in_channels))
    wrong("y", set.y_shape()[0], c.out_channels);
  if (static_cast<int>(set.x_shape().size()) - 1 != c.dimensions())
    throw FormatError(
        set.name(), "x",
        text("has a grid of ", set.x_shape().size() - 1, " axes, the model one of ", c.dimensions()));
  const Shape grid(set.x_shape().begin() + 1, set.x_shape().end()),
      out(set.y_shape().begin() + 1, set.y_shape().end());
  if (model.network().output_grid(grid) != out)
    throw FormatError(set.name(), "y",
                      text("has the grid ", to_string(out), ", the model gives ",
                           to_string(model.network().output_grid(grid))));
}

// x with `y` behind, without its first channels.
Array moved_on(const Array& x, const Array& y) {
  if (x.dim(1) == y.dim(1)) return y;
  return concatenate({slice(x, 1, y.dim(1), x.dim(1)), y}, 1);
}

// out[index of the grid point] = in[map of it], for every field.
template <class T>
void permute_points(const Array& in, Array& out, const std::vector<Index>& from, Index first, Index count) {
  const auto points = static_cast<Index>(from.size());
  for (Index f = first; f < first + count; ++f) {
    const T* a = in.data<T>() + f * points;
    T* b = static_cast<T*>(out.mutable_raw()) + f * points;
    for (Index k = 0; k < points; ++k) b[k] = a[from[static_cast<std::size_t>(k)]];
  }
}

}  // namespace

void describe(config::Fields& f, LossOptions& o) {
  f("kind", o.kind, "relative error that is minimised, or mse")
      .one_of({"l1", "l2", "h1", "h1-spectral", "mse"});
  f("normalized", o.normalized, "between normalised fields rather than in their own units");
  f("rollout", o.rollout, "steps of the operator from x to y, each on what the one before gave")
      .from(1)
      .to(1000);
  f("pushforward", o.pushforward, "only the last step of a rollout is differentiated");
  f("noise", o.noise, "noise on x in training, in deviations of its channels").from(0);
}

void describe(config::Fields& f, AugmentOptions& o) {
  f("reflect", o.reflect,
    "samples are mirrored at random along each axis: torus, j -> -j mod n; ends, j -> n - 1 - j")
      .one_of({"none", "torus", "ends"});
  f("transpose", o.transpose, "axes of the grid are exchanged at random");
  f("translate", o.translate, "samples are moved at random along periodic axes");
}

Array predict_fields(const Model& model, const Array& x, Index channels, Index batch) {
  const Index out = model.config().out_channels;
  require(channels % out == 0 && (channels == out || out <= model.config().in_channels), "[predict_fields] ",
          channels, " channels are wanted of a model from ", model.config().in_channels, " to ", out);
  Array state = x;
  Arrays frames;
  for (Index done = 0; done < channels; done += out) {
    frames.push_back(model.predict(state, batch));
    if (done + out < channels) state = moved_on(state.as(frames.back().dtype()), frames.back());
  }
  return frames.size() == 1 ? frames[0] : concatenate(frames, 1);
}

FieldErrors evaluate(const Model& model, const FieldSet& set, Index batch, const ProgressCallback& progress,
                     const StopFlag* stop) {
  require(batch >= 1, "[evaluate] batches of ", batch, " samples; at least 1");
  check_channels(model, set, 0);
  const Recording off(false);
  FieldErrors e;
  e.n_samples = set.samples();
  const Index channels = set.y_shape()[0];
  e.rel_l2_by_channel.assign(static_cast<std::size_t>(channels), 0);
  NormOptions h1;
  h1.periodic.assign(set.y_shape().size() - 1, set.periodic());
  for (std::size_t k = 1; k < set.y_shape().size(); ++k)
    if (set.y_shape()[k] < 4) h1.periodic[k - 1] = true;
  for (Index begin = 0; begin < set.samples(); begin += batch) {
    stop_if_set(stop);
    const Index end = std::min(set.samples(), begin + batch), n = end - begin;
    auto [x, y] = set.read(begin, end, DType::f64);
    const Array p =
        predict_fields(model, x.as(model.config().dtype), channels, batch).to(Device()).as(DType::f64);
    const Array l2 = lp_error(p, y), h = h1_error(p, y, h1), v = vrmse(p, y);
    const Array joint = lp_error(p.reshaped({n, 1, -1}), y.reshaped({n, 1, -1}));
    for (Index i = 0; i < n; ++i) {
      double mean = 0;
      for (Index c = 0; c < channels; ++c) {
        const Index k = i * channels + c;
        mean += l2.data<double>()[k] / static_cast<double>(channels);
        e.rel_l2_by_channel[static_cast<std::size_t>(c)] += l2.data<double>()[k];
        e.rel_h1 += h.data<double>()[k];
        e.vrmse += v.data<double>()[k];
      }
      e.rel_l2_by_sample.push_back(mean);
      e.rel_l2 += mean;
      e.rel_l2_joint += joint.data<double>()[i];
    }
    if (all_finite(p)) {
      const std::vector<double> truth = spectrum(y), error = spectrum(p - y);
      e.truth_spectrum.resize(truth.size()), e.error_spectrum.resize(error.size());
      for (std::size_t k = 0; k < truth.size(); ++k) {
        e.truth_spectrum[k] += truth[k] * static_cast<double>(n);
        e.error_spectrum[k] += error[k] * static_cast<double>(n);
      }
    }
    if (progress) progress({end, set.samples(), ""});
  }
  const auto n = static_cast<double>(e.n_samples), all = n * static_cast<double>(channels);
  e.rel_l2 /= n, e.rel_l2_joint /= n, e.rel_h1 /= all, e.vrmse /= all;
  for (double& value : e.rel_l2_by_channel) value /= n;
  for (auto* s : {&e.truth_spectrum, &e.error_spectrum})
    for (double& value : *s) value /= n;
  double square = 0;
  for (const double value : e.rel_l2_by_sample) square += (value - e.rel_l2) * (value - e.rel_l2);
  e.rel_l2_deviation = n > 1 ? std::sqrt(square / (n - 1)) : 0;
  return e;
}

void fit_normalizers(Model& model, const FieldSet& train, const StopFlag* stop) {
  Moments x, y;
  const Index out = model.config().out_channels;
  for (Index begin = 0; begin < train.samples(); begin += 64) {
    stop_if_set(stop);
    const auto [a, b] = train.read(begin, std::min(train.samples(), begin + 64), DType::f64);
    x.add(a);
    // Steps of a rollout are fields of one kind.
    Shape shape = b.shape();
    shape[0] *= b.dim(1) / out;
    shape[1] = out;
    y.add(b.reshaped(shape));
  }
  model.input = x.normalizer();
  model.output = y.normalizer();
}

OperatorTask::OperatorTask(Model& model, FieldSet train, std::vector<FieldSet> validation,
                           const TaskOptions& options)
    : model_(model), train_(std::move(train)), validation_(std::move(validation)), options_(options) {
  config::validate("loss", options.loss);
  require(options.evaluation_batch >= 1, "[OperatorTask] evaluation_batch ", options.evaluation_batch,
          "; at least 1");
  check_channels(model_, train_, options.loss.rollout);
  require(options.loss.rollout == 1 || model.config().out_channels <= model.config().in_channels,
          "[OperatorTask] a rollout needs an operator that gives no more channels than it takes, not ",
          model.config().in_channels, " to ", model.config().out_channels);
  for (const FieldSet& set : validation_) check_channels(model_, set, 0);
  if (options.augment.transpose)
    for (std::size_t k = 2; k < train_.x_shape().size(); ++k)
      if (train_.x_shape()[k] != train_.x_shape()[1])
        throw FormatError(train_.name(), "x",
                          text("has the grid ", to_string(train_.x_shape()),
                               " with channels in front; augment.transpose needs equal axes"));
  most_modes_ = start_growth(model_, options.growth);  // which changes the model: all else was checked
}

Array OperatorTask::error_of(const Array& prediction, const Array& truth) const {
  const std::string& kind = options_.loss.kind;
  if (kind == "mse") return mean(square(prediction - truth));
  NormOptions norm;
  norm.periodic.assign(static_cast<std::size_t>(truth.ndim() - 2), train_.periodic());
  if (kind == "h1") return mean(h1_error(prediction, truth, norm));
  if (kind == "h1-spectral") return mean(h1_spectral_error(prediction, truth, norm));
  return mean(lp_error(prediction, truth, kind == "l1" ? 1 : 2, norm));
}

void OperatorTask::augment(const nn::Batch& batch, Array& x, Array& y) const {
  const AugmentOptions& a = options_.augment;
  if (a.reflect == "none" && !a.transpose && !a.translate) return;
  const Shape grid(x.shape().begin() + 2, x.shape().end());
  const std::size_t d = grid.size();
  const Index points = size_of(grid);
  for (Array* fields : {&x, &y}) {
    Array out = Array::uninitialized(fields->shape(), fields->dtype());
    const Index channels = fields->dim(1);
    out.mutable_raw();
    parallel_for(fields->dim(0), 4, [&](Index begin, Index end) {
      std::vector<Index> from(static_cast<std::size_t>(points)), at(d, 0);
      for (Index i = begin; i < end; ++i) {
        // The same for x and y: a function of step and sample.
        const Random random(options_.seed ^ 0x6175676d656e74u, static_cast<std::uint64_t>(batch.step));
        const auto draw = [&](std::uint64_t k) {
          return random.uniform(
              (static_cast<std::uint64_t>(batch.samples[static_cast<std::size_t>(i)]) << 4) + k);
        };
        std::vector<std::size_t> axes(d);
        std::vector<Index> sign(d, 1), shift(d, 0);
        for (std::size_t k = 0; k < d; ++k) axes[k] = k;
        for (std::size_t k = 0; k < d; ++k) {
          if (a.transpose)
            std::swap(axes[k], axes[k + static_cast<std::size_t>(draw(k) * static_cast<double>(d - k))]);
          if (a.reflect != "none" && draw(4 + k) < 0.5)
            sign[k] = -1, shift[k] = a.reflect == "ends" ? grid[k] - 1 : 0;
          if (a.translate) shift[k] += static_cast<Index>(draw(8 + k) * static_cast<double>(grid[k]));
        }
        std::fill(at.begin(), at.end(), 0);
        for (Index p = 0; p < points; ++p) {
          Index source = 0;
          for (std::size_t k = 0; k < d; ++k) {
            const Index n = grid[k], j = (sign[k] * at[axes[k]] + shift[k]) % n;
            source = source * n + (j < 0 ? j + n : j);
          }
          from[static_cast<std::size_t>(p)] = source;
          for (std::size_t k = d; k-- > 0;) {
            if (++at[k] < grid[k]) break;
            at[k] = 0;
          }
        }
        if (fields->dtype() == DType::f32)
          permute_points<float>(*fields, out, from, i * channels, channels);
        else
          permute_points<double>(*fields, out, from, i * channels, channels);
      }
    });
    *fields = out;
  }
}

Array OperatorTask::loss(const nn::Batch& batch) {
  nn::StateUpdate unused;
  return step_loss(batch, unused);
}

Array OperatorTask::step_loss(const nn::Batch& batch, nn::StateUpdate& update) {
  auto [x, y] = train_.read(batch.samples, model_.config().dtype);
  augment(batch, x, y);
  const LossOptions& o = options_.loss;
  if (o.noise > 0 && !model_.input.identity()) {
    const std::uint64_t stream =
        static_cast<std::uint64_t>(batch.step) * 4096 + static_cast<std::uint64_t>(batch.part);
    Shape shape(static_cast<std::size_t>(x.ndim()), 1);
    shape[1] = x.dim(1);
    const Array size = model_.input.deviation().as(x.dtype()).reshaped(shape);
    x = x + scale(random_normal(x.shape(), x.dtype(), Random(options_.seed ^ 0x6e6f697365u, stream)) * size,
                  o.noise);
  }
  const Device device = model_.network().device();
  x = x.to(device), y = y.to(device);
  const Index out = model_.config().out_channels;
  Array total;
  for (Index step = 0; step < o.rollout; ++step) {
    const bool last = step + 1 == o.rollout;
    Array p;
    if (o.pushforward && !last) {
      const Recording off(false);
      p = model_.train(x, update);
    } else {
      p = model_.train(x, update);
    }
    if (!o.pushforward || last) {
      Array truth = o.rollout == 1 ? y : slice(y, 1, step * out, (step + 1) * out);
      const Array error = o.normalized ? error_of(model_.output.normalize(p), model_.output.normalize(truth))
                                       : error_of(p, truth);
      total = total.empty() ? error : total + error;
    }
    if (!last) x = moved_on(x, p);
  }
  return o.rollout == 1 || o.pushforward ? total : scale(total, 1 / static_cast<double>(o.rollout));
}

void OperatorTask::begin_epoch(const std::vector<nn::HistoryRow>& history) {
  if (most_modes_.empty()) return;
  auto& fno = static_cast<Fno&>(model_.network());
  const bool changed = grow(fno, most_modes_, options_.growth, history);
  if ((changed || history.empty()) && options_.on_modes)
    options_.on_modes(static_cast<std::int64_t>(history.size()), fno.config().spectral.modes);
}

nn::Metrics OperatorTask::validate() {
  nn::Metrics out;
  for (std::size_t k = 0; k < validation_.size(); ++k) {
    const FieldErrors e = evaluate(model_, validation_[k], options_.evaluation_batch);
    const std::string tail = k == 0 ? "" : text("_", k + 1), label = k == 0 ? "" : text(" (", k + 1, ")");
    out.push_back({"rel_l2" + tail, e.rel_l2, "", "relative L2" + label});
    out.push_back({"rel_h1" + tail, e.rel_h1, "", "relative H1" + label});
  }
  return out;
}

void OperatorTask::save(data::Group& group) const {
  model_.config().save(group);
  model_.input.save(group["input"]);
  model_.output.save(group["output"]);
}

void OperatorTask::load(const data::Group& group) {
  if (!most_modes_.empty()) {
    auto& fno = static_cast<Fno&>(model_.network());
    resume_growth(fno, most_modes_, options_.growth, group);
    if (options_.on_modes) options_.on_modes(-1, fno.config().spectral.modes);
  }
  data::Group mine;
  OperatorTask::save(mine);
  for (const auto& [name, value] : mine.attributes) {
    const auto it = group.attributes.find(name);
    if (it == group.attributes.end() || it->second != value)
      throw FormatError(group.file(), name, "the checkpoint was made for another operator");
  }
  for (const char* side : {"input", "output"})
    for (const auto& [name, item] : mine.group(side).items())
      if (!group.has_group(side) || !group.group(side).has(name) ||
          !identical(item.array, group.group(side).array(name)))
        throw FormatError(group.file(), std::string(side) + "/" + name,
                          "the checkpoint was made with other training data");
  // of checkpoints from before the trainer kept the state
  if (group.has_group("constants"))
    nn::load_parameters(model_.network().constants(), group.group("constants"), true);
}

}  // namespace cartan::operators
