// cartan operator predict MODEL INPUT: fields from a surrogate, of one step or of a rollout.

#include <algorithm>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "operator_pictures.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  std::string model, input, out, figure;
  operators::RolloutOptions rollout;
  operators::FieldSetOptions sets;
  Index steps = 0, batch = 16;
  bool json = false, force = false;
};

void run(Options& o) {
  std::vector<std::string> files{o.out};
  if (!o.figure.empty()) files.push_back(o.figure);
  refuse_existing(files, o.force);
  const operators::Model model = operators::Model::open(o.model);
  const operators::FieldSet set = operators::FieldSet::open(o.input, o.sets);
  const operators::OperatorConfig& c = model.config();
  if (set.x_shape()[0] != c.in_channels)
    throw FormatError(o.input, "x",
                      text("has ", set.x_shape()[0], " channels, the model needs ", c.in_channels));
  if (static_cast<Index>(set.x_shape().size()) != c.dimensions() + 1)
    throw FormatError(
        o.input, "x",
        text("has a grid of ", set.x_shape().size() - 1, " axes, the model needs ", c.dimensions()));
  const bool rolls = o.steps > 0;
  data::Hdf5Appender file(o.out, {"cartan-fields", 1, "", ""});
  const std::string axes = std::string("sample, channel") + (set.x_shape().size() > 3   ? ", x1, x2, x3"
                                                             : set.x_shape().size() > 2 ? ", x1, x2"
                                                                                        : ", x1");
  ProgressBar bar("samples");
  Array first;
  Index lost = 0, steps = o.steps;
  double high_share = 0;
  for (Index begin = 0; begin < set.samples(); begin += o.batch) {
    stop_if_asked();
    const Index end = std::min(set.samples(), begin + o.batch);
    const Array x = set.read(begin, end, c.field_dtype()).first;
    Array y;
    if (rolls) {
      o.rollout.steps = o.steps;
      const operators::Rollout r = operators::roll_out(model, x, o.rollout, {}, &context().stop);
      y = r.frames;
      lost += static_cast<Index>(r.lost.size());
      for (const Index at : r.lost_at) steps = std::min(steps, at);
      if (!r.high_share.empty()) high_share = std::max(high_share, r.high_share.back());
    } else {
      y = model.predict(x, o.batch);
    }
    file.append("y", y, "", axes);
    if (begin == 0) first = y.rows(0, 1).reshaped({y.shape().begin() + 1, y.shape().end()});
    bar({end, set.samples(), ""});
  }
  if (rolls) {
    file.set_attribute("y", "steps", std::int64_t{o.steps});
    file.set_attribute("y", "samples_lost", std::int64_t{lost});
  }
  file.close();
  bar.finish();
  if (!o.figure.empty()) draw_strip(first, {}, "sample 0", o.figure);
  if (lost > 0) context().exit_code = not_reached;
  if (o.json) {
    nlohmann::json j{{"n_samples", set.samples()}, {"file", o.out}};
    if (rolls)
      j["steps"] = o.steps, j["samples_lost"] = lost, j["steps_of_all"] = steps, j["high_share"] = high_share;
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << o.out << ": y of " << set.samples() << " samples\n";
  if (rolls && lost == 0)
    std::cout << "stable over " << o.steps << " steps; at the last, " << 100 * high_share
              << " % of the mean square lies in the upper half of the frequencies\n";
  if (lost > 0)
    std::cout << lost << " samples diverged, the first at step " << steps
              << "; their further frames are NaN. Try --filter-order 36\n";
}

}  // namespace

void add_operator_predict(CLI::App& group) {
  CLI::App* verb = group.add_subcommand("predict", "Apply a neural operator to fields, once or step by step");
  auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "Model (HDF5)")->required();
  verb->add_option("input", o->input, "Fields: dataset x (samples, channels, n1, ..)")->required();
  verb->add_option("--out", o->out, "File to write (HDF5): dataset y")->required();
  verb->add_option("--steps", o->steps,
                   "Steps of a rollout, each on what the one before gave (default: one application)")
      ->check(CLI::Range(Index{1}, Index{1000000}).description(""))
      ->type_name("N");
  add_field_options(verb, config::fields_of(o->rollout), {"filter_order", "alarm"});
  add_field_options(verb, config::fields_of(o->sets));
  verb->add_option("--batch", o->batch, "Samples at a time (default 16)")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->type_name("N");
  verb->add_option("--figure", o->figure, "Draw the first sample's frames as SVG")->type_name("FILE");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb, "cartan operator predict darcy/model.h5 darcy.h5 --out pressure.h5");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
