// cartan completion compare ENTRIES: several methods on the same splits.

#include <cartan/core/error.hpp>

#include <chrono>
#include <cmath>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "completion_common.hpp"
#include "config_flags.hpp"
#include "functional_common.hpp"
#include "json_text.hpp"
#include "score_table.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::completion;
using nlohmann::ordered_json;

struct Options {
  EntrySource source;
  std::string methods = "mean,additive,cp,additive-cp,tucker,train,auto", figure;
  SplitOptions split;
  int seeds = 1;
  Settings settings;
  bool json = false, force = false;
};

void run(const Options& o) {
  const std::vector<std::string> names = words_of(o.methods, "--methods");
  for (const std::string& name : names) make_method(name);
  check_settings(o.settings, names);
  require(o.split.test > 0, "--test 0: methods are compared on entries that they have not seen");
  if (!o.figure.empty()) refuse_existing({o.figure}, o.force);
  Labels labels;
  const SparseTensor all = read_source(o.source, labels);
  ordered_json rows = ordered_json::array();
  data::Figure figure;
  figure.title = "Validation error", figure.x_label = "iteration", figure.y_label = "RMSE";
  if (!o.json) print_score_head(text("test, ", o.seeds, o.seeds == 1 ? " seed" : " seeds"));
  for (const std::string& name : names) {
    std::vector<Score> scores;
    ordered_json each = ordered_json::array();
    double seconds = 0;
    std::string refused;
    Summary first;
    for (int k = 0; k < o.seeds && refused.empty(); ++k) {
      SplitOptions s = o.split;
      s.seed += static_cast<std::uint64_t>(k);
      const Split parts = split(all, s);
      std::unique_ptr<Method> method = make_method(name);
      apply(o.settings, *method, true);
      FitContext c;
      c.seed = s.seed, c.stop = &context().stop;
      ProgressBar bar(name);
      c.progress = bar.callback();
      const auto begin = std::chrono::steady_clock::now();
      Summary summary;
      std::unique_ptr<Model> model;
      try {
        model = std::make_unique<Model>(
            Model::fit(std::move(method), parts.train, parts.validation, c, &summary));
      } catch (const std::invalid_argument& e) {  // such as counts that are not whole
        refused = e.what();
      }
      bar.finish();
      stop_if_asked();
      if (!refused.empty()) break;
      seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      scores.push_back(score_of(*model, parts.test));
      each.push_back(score_json(scores.back()));
      if (k == 0) first = summary;
    }
    if (!refused.empty()) {
      rows.push_back({{"method", name}, {"refused", refused}});
      if (!o.json) std::printf("%-24s %s\n", name.c_str(), refused.c_str());
      continue;
    }
    const Score total = joined(scores);
    ordered_json row{{"method", name}};
    row.update(score_json(total));
    double spread = 0;
    for (const Score& s : scores) spread += (s.rmse - total.rmse) * (s.rmse - total.rmse);
    if (o.seeds > 1) row["rmse_deviation"] = std::sqrt(spread / (o.seeds - 1));
    row["seconds"] = seconds / o.seeds;
    if (o.seeds > 1) row["seeds"] = each;
    rows.push_back(row);
    if (!o.json) print_score(name, total), std::fflush(stdout);
    if (first.validation_rmse.size() > 1) {
      data::Series line;
      line.name = name, line.y = first.validation_rmse;
      for (std::size_t i = 0; i < line.y.size(); ++i) line.x.push_back(static_cast<double>(i + 1));
      figure.series.push_back(std::move(line));
    }
  }
  if (!o.figure.empty()) figure.save(o.figure);
  if (o.json)
    std::cout << json_text(ordered_json{
                     {"n", all.size()}, {"shape", all.shape()}, {"seeds", o.seeds}, {"methods", rows}})
              << "\n";
}

}  // namespace

void add_completion_compare(CLI::App& completion) {
  CLI::App* verb = completion.add_subcommand("compare", "Several methods and baselines on the same splits");
  auto o = std::make_shared<Options>();
  verb->add_option("entries", o->source.path, "Entries as for `completion fit`")->required();
  add_source_options(verb, o->source, true);
  verb->add_option(
      "--methods", o->methods,
      "NAME,NAME,..: of " + method_names() + " (default mean,additive,cp,additive-cp,tucker,train,auto)");
  add_field_options(verb, config::fields_of(o->split));
  verb->add_option("--seeds", o->seeds, "So many splits and starts, from --seed on (default 1)")
      ->check(CLI::Range(1, 1000));
  add_method_options(verb, o->settings);
  verb->add_option("--figure", o->figure, "Draw validation errors over the iterations as SVG");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(
      verb,
      "cartan completion compare data/trade.csv --inputs exporter,importer,year --target log_flow --seeds 3");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
