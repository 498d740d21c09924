#include "operator_pictures.hpp"

#include <algorithm>
#include <cartan/core/error.hpp>
#include <cartan/data/figure.hpp>
#include <cmath>
#include <numeric>

namespace cartan::app {
namespace {

using data::Figure;

// One channel as numbers.
std::vector<double> channel_of(const Array& fields, Index channel) {
  const Index points = fields.size() / fields.dim(0);
  const Array f = fields.as(DType::f64);
  const double* v = f.data<double>() + channel * points;
  return {v, v + points};
}

// A plane through the middle of a 3D field, along its first axis.
std::vector<double> plane_of(const std::vector<double>& v, const Shape& grid) {
  if (grid.size() < 3) return v;
  const Index size = grid[1] * grid[2];
  const auto begin = v.begin() + (grid[0] / 2) * size;
  return {begin, begin + size};
}

Figure map_of(const std::string& title, const std::vector<double>& values, const Shape& grid, double low,
              double high) {
  Figure f;
  f.title = title;
  f.x_label = "x2", f.y_label = "x1";
  f.map.rows = grid[grid.size() - 2], f.map.columns = grid.back();
  f.map.values = plane_of(values, grid);
  f.map.low = low, f.map.high = high;
  return f;
}

std::pair<double, double> range_of(const std::vector<double>& v) {
  const auto [low, high] = std::minmax_element(v.begin(), v.end());
  return *low < *high ? std::pair(*low, *high) : std::pair(*low - 0.5, *low + 0.5);
}

std::vector<double> positions(Index n) {
  std::vector<double> x(static_cast<std::size_t>(n));
  for (Index k = 0; k < n; ++k)
    x[static_cast<std::size_t>(k)] = static_cast<double>(k) / static_cast<double>(n);
  return x;
}

std::string channel_name(const std::vector<std::string>& names, Index k, const std::string& otherwise) {
  return static_cast<std::size_t>(k) < names.size() ? names[static_cast<std::size_t>(k)] : otherwise;
}

std::string rounded(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%.3g", value);
  return out;
}

// Sample k: x | y | prediction | error.
void draw_sample(const operators::Model& model, const operators::FieldSet& set, Index k, double error,
                 const std::string& path) {
  const auto [x, y] = set.read({k}, DType::f64);
  const Array p = operators::predict_fields(model, x.as(model.config().dtype), y.dim(1));
  const Shape grid(y.shape().begin() + 2, y.shape().end()), x_grid(x.shape().begin() + 2, x.shape().end());
  const auto drop = [](const Array& a) { return a.reshaped({a.shape().begin() + 1, a.shape().end()}); };
  const Index last = y.dim(1) - 1, from = x.dim(1) > 1 && y.dim(1) > 1 ? x.dim(1) - 1 : 0;
  const std::vector<double> in = channel_of(drop(x), from), truth = channel_of(drop(y), last),
                            guess = channel_of(drop(p), last);
  std::vector<double> wrong(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) wrong[i] = guess[i] - truth[i];
  const std::string in_name = "x: " + channel_name(set.x_channels(), from, text("channel ", from)),
                    out_name = channel_name(set.y_channels(), last, text("channel ", last));
  const std::string note = text("sample ", k, ", relative L2 error ", rounded(error));
  if (grid.size() == 1) {
    Figure f;
    f.title = "y: " + out_name, f.note = note, f.x_label = "x1";
    f.series = {{"x", positions(x_grid[0]), in},
                {"y", positions(grid[0]), truth},
                {"prediction", positions(grid[0]), guess}};
    Figure e;
    e.title = "prediction - y", e.x_label = "x1";
    e.series = {{"error", positions(grid[0]), wrong}};
    data::save_panels({f, e}, 2, path);
    return;
  }
  const auto [low, high] = range_of(truth);
  const auto [x_low, x_high] = range_of(in);
  double most = 0;
  for (const double w : plane_of(wrong, grid)) most = std::max(most, std::abs(w));
  if (!(most > 0 && std::isfinite(most))) most = 1;
  Figure first = map_of(in_name, in, x_grid, x_low, x_high);
  first.note = note;
  data::save_panels(
      {first, map_of("y: " + out_name, truth, grid, low, high), map_of("prediction", guess, grid, low, high),
       map_of("prediction - y", wrong, grid, -most, most)},
      2, path);
}

void draw_spectra(const operators::FieldErrors& e, const std::string& path) {
  Figure f;
  f.title = "Spectra of y and of the error", f.x_label = "frequency |k|", f.y_label = "mean square by shell";
  f.log_x = f.log_y = true;
  data::Series truth{"y", {}, {}}, error{"prediction - y", {}, {}};
  for (std::size_t k = 1; k < e.truth_spectrum.size(); ++k) {
    truth.x.push_back(static_cast<double>(k)), truth.y.push_back(e.truth_spectrum[k]);
    if (k < e.error_spectrum.size())
      error.x.push_back(static_cast<double>(k)), error.y.push_back(e.error_spectrum[k]);
  }
  f.series = {truth, error};
  f.save(path);
}

}  // namespace

std::vector<std::string> picture_files(const std::string& prefix, bool frames) {
  std::vector<std::string> out;
  for (const char* name : {"sample.svg", "worst.svg", "spectra.svg"}) out.push_back(prefix + name);
  if (frames)
    for (const char* name : {"growth.svg", "rollout.svg"}) out.push_back(prefix + name);
  return out;
}

std::vector<std::string> draw_errors(const operators::Model& model, const operators::FieldSet& set,
                                     const operators::FieldErrors& errors, const std::string& prefix) {
  const bool frames = set.y_shape()[0] > model.config().out_channels;
  const std::vector<std::string> files = picture_files(prefix, frames);
  std::vector<Index> order(errors.rel_l2_by_sample.size());
  std::iota(order.begin(), order.end(), 0);
  const auto error = [&](Index k) {
    const double e = errors.rel_l2_by_sample[static_cast<std::size_t>(k)];
    return std::isfinite(e) ? e : HUGE_VAL;
  };
  std::sort(order.begin(), order.end(),
            [&](Index a, Index b) { return error(a) != error(b) ? error(a) < error(b) : a < b; });
  const Index middle = order[order.size() / 2], worst = order.back();
  draw_sample(model, set, middle, error(middle), files[0]);
  draw_sample(model, set, worst, error(worst), files[1]);
  draw_spectra(errors, files[2]);
  if (!frames) return files;
  Figure growth;
  growth.title = "Error by frame of the rollout", growth.x_label = "frame",
  growth.y_label = "relative L2 error";
  data::Series line{"", {}, errors.rel_l2_by_channel};
  for (std::size_t k = 0; k < line.y.size(); ++k) line.x.push_back(static_cast<double>(k + 1));
  growth.series = {line};
  growth.save(files[3]);
  const auto [x, y] = set.read({middle}, DType::f64);
  const Array p = operators::predict_fields(model, x.as(model.config().dtype), y.dim(1));
  const auto drop = [](const Array& a) { return a.reshaped({a.shape().begin() + 1, a.shape().end()}); };
  draw_strip(drop(p), drop(y), text("sample ", middle, ", relative L2 error ", rounded(error(middle))),
             files[4]);
  return files;
}

void draw_strip(const Array& frames, const Array& truth, const std::string& title, const std::string& path) {
  const Shape grid(frames.shape().begin() + 1, frames.shape().end());
  const Index count = frames.dim(0), shown = std::min<Index>(count, 6);
  const Array& scale_of = truth.empty() ? frames : truth;
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (Index c = 0; c < scale_of.dim(0); ++c)
    for (const double v : channel_of(scale_of, c))
      if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  if (!(low < high)) low -= 0.5, high = low + 1;
  if (grid.size() == 1) {  // the whole rollout as one picture: time upwards
    std::vector<Figure> panels;
    for (const Array* a : {&truth, &frames}) {
      if (a->empty()) continue;
      std::vector<double> all;
      for (Index c = 0; c < a->dim(0); ++c)
        for (const double v : channel_of(*a, c)) all.push_back(v);
      Figure f;
      f.title = a == &truth ? "truth" : "rollout";
      if (panels.empty()) f.note = title;
      f.x_label = "x1", f.y_label = "frame, as part of all";
      f.map = {a->dim(0), grid[0], 0, 1, 0, 1, all, "", low, high};
      panels.push_back(f);
    }
    data::save_panels(panels, static_cast<int>(panels.size()), path);
    return;
  }
  std::vector<Figure> panels;
  for (const Array* a : {&truth, &frames}) {
    if (a->empty()) continue;
    for (Index k = 0; k < shown; ++k) {
      const Index c = shown == 1 ? count - 1 : k * (count - 1) / (shown - 1);
      std::vector<double> values = channel_of(*a, c);
      Figure f = map_of(text(a == &truth ? "truth " : "rollout ", c + 1), values, grid, low, high);
      if (panels.empty()) f.note = title;
      panels.push_back(f);
    }
  }
  data::save_panels(panels, static_cast<int>(shown), path, 260, 240);
}

}  // namespace cartan::app
