// cartan operator eval MODEL DATA: errors of a surrogate on fields.

#include <cartan/core/error.hpp>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "operator_pictures.hpp"
#include "operator_scores.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  std::string model, data, figures;
  operators::FieldSetOptions sets;
  Index batch = 16;
  bool json = false, force = false;
};

void run(const Options& o) {
  const operators::Model model = operators::Model::open(o.model);
  const operators::FieldSet set = operators::FieldSet::open(o.data, o.sets);
  if (!o.figures.empty() && set.has_y())
    refuse_existing(picture_files(o.figures + "_", set.y_shape()[0] > model.config().out_channels), o.force);
  ProgressBar bar("samples");
  const operators::FieldErrors e = operators::evaluate(model, set, o.batch, bar.callback(), &context().stop);
  bar.finish();
  std::vector<std::string> pictures;
  if (!o.figures.empty()) pictures = draw_errors(model, set, e, o.figures + "_");
  if (o.json) {
    nlohmann::json j = to_json(e);
    j["rel_l2_by_channel"] = e.rel_l2_by_channel;
    j["pictures"] = pictures;
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << table(e);
  for (const std::string& path : pictures) std::cout << "picture         " << path << "\n";
}

}  // namespace

void add_operator_eval(CLI::App& group) {
  CLI::App* verb = group.add_subcommand("eval", "Errors of a neural operator on fields");
  auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "Model (HDF5)")->required();
  verb->add_option("data", o->data,
                   "Fields x and y: our .h5, neuraloperator's .pt, PDEBench's and the_well's HDF5")
      ->required();
  add_field_options(verb, config::fields_of(o->sets));
  verb->add_option("--batch", o->batch, "Samples at a time (default 16)")
      ->check(CLI::Range(1, 1 << 20).description(""))
      ->type_name("N");
  verb->add_option("--figures", o->figures, "Draw samples, spectra and rollouts into PREFIX_*.svg")
      ->type_name("PREFIX");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb, "cartan operator eval darcy/model.h5 darcy.h5");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
