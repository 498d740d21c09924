// cartan functional eval | predict MODEL.h5 TABLE: errors and calibration, or predictions with intervals.

#include <cartan/core/error.hpp>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "functional_common.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::functional;
using nlohmann::ordered_json;

struct Options {
  std::string model, table, out;
  double coverage = 0.9;
  bool drop = false, json = false, force = false;
};

std::vector<Mode> modes_of(const Model& m) {
  std::vector<Mode> modes;
  for (int k = 0; k < m.modes(); ++k) modes.push_back(m.mode(k));
  return modes;
}

void check_times(const FunctionalFile& f, const data::Table& table) {
  for (int k = 0; k < f.model.modes(); ++k) {
    const std::string& name = f.model.mode(k).name;
    const bool times = table.column(name).kind == data::Column::Kind::times;
    const bool expected = std::count(f.times.begin(), f.times.end(), name) > 0;
    if (times != expected)
      throw FormatError(table.path, name,
                        times ? "holds times; the model was fitted to numbers"
                              : "holds no times; the model was fitted to times");
  }
}

void evaluate(const Options& o) {
  const FunctionalFile f = open_functional(o.model);
  const data::Table table = data::read_table(o.table);
  check_times(f, table);
  std::vector<Mode> modes = modes_of(f.model);
  ordered_json j;
  std::vector<Score> all;
  std::vector<Rows> rows;  // of every output; what is missing is said before anything is printed
  for (const std::string& name : f.model.outputs())
    rows.push_back(take_rows(table, modes, {name}, o.drop, false));
  for (std::size_t m = 0; m < rows.size(); ++m) {
    const std::string& name = f.model.outputs()[m];
    PredictOptions p;
    p.output = static_cast<Index>(m);
    const Score s = score(f.model.predict(rows[m].x, p, rows[m].y), rows[m].y);
    all.push_back(s);
    if (f.model.outputs().size() > 1) j["outputs"][name] = score_json(s);
    if (!o.json) {
      if (m == 0) print_score_head("");
      print_score(name, s);
    }
  }
  if (!o.json) return;
  ordered_json total = score_json(joined(all));
  if (j.contains("outputs")) total["outputs"] = j["outputs"];
  std::cout << json_text(total) << "\n";
}

void predict(const Options& o) {
  refuse_existing({o.out}, o.force);
  const FunctionalFile f = open_functional(o.model);
  const data::Table table = data::read_table(o.table);
  check_times(f, table);
  std::vector<Mode> modes = modes_of(f.model);
  const Rows rows = take_rows(table, modes, {}, o.drop, false);
  const Index n = rows.x.dim(0);
  data::Group root;
  std::vector<std::pair<std::string, std::vector<double>>> columns;
  std::vector<double> row;
  for (const Index r : rows.rows) row.push_back(static_cast<double>(r));
  columns.emplace_back("row", row);
  for (std::size_t m = 0; m < f.model.outputs().size(); ++m) {
    PredictOptions options;
    options.output = static_cast<Index>(m);
    options.coverage = o.coverage;
    const Prediction p = f.model.predict(rows.x, options);
    const std::string name = f.model.outputs()[m];
    std::vector<double> deviation;
    for (const double v : p.variance.to_vector<double>()) deviation.push_back(std::sqrt(v));
    columns.emplace_back(name, p.mean.to_vector<double>());
    columns.emplace_back(name + "_deviation", deviation);
    columns.emplace_back(name + "_low", p.low.to_vector<double>());
    columns.emplace_back(name + "_high", p.high.to_vector<double>());
  }
  const std::string extension = std::filesystem::path(o.out).extension().string();
  if (extension == ".h5" || extension == ".hdf5") {
    for (const auto& [name, values] : columns) root.set(name, Array::from(values), "", "row");
    root.attributes["coverage"] = o.coverage;
    data::save(o.out, root, {"cartan-predictions", 1, "", ""});
  } else {
    FILE* to = std::fopen(o.out.c_str(), "w");
    if (!to) throw IoError(o.out, "cannot be written");
    for (std::size_t k = 0; k < columns.size(); ++k)
      std::fprintf(to, "%s%s", k ? "," : "", columns[k].first.c_str());
    std::fprintf(to, "\n");
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      for (std::size_t k = 0; k < columns.size(); ++k)
        std::fprintf(to, k ? "%.10g%c" : "%.0f%c", columns[k].second[i], k + 1 < columns.size() ? ',' : '\n');
    const bool failed = std::ferror(to) != 0;
    if (std::fclose(to) != 0 || failed) throw IoError(o.out, "cannot be written");
  }
  if (o.json)
    std::cout << json_text(ordered_json{{"n", n}, {"coverage", o.coverage}, {"files", {o.out}}}) << "\n";
  else
    std::printf("%-16s %lld\n%-16s %s\n", "rows", static_cast<long long>(n), "written", o.out.c_str());
}

void add_common(CLI::App* verb, Options& o) {
  verb->add_option("model", o.model, "What `functional fit` wrote")->required();
  verb->add_option("table", o.table, "A table with the inputs of the model")->required();
  verb->add_flag("--drop-missing", o.drop, "Leave out rows with something missing");
  add_json_option(verb, o.json);
  add_threads_option(verb);
}

}  // namespace

void add_functional_eval(CLI::App& functional) {
  CLI::App* verb = functional.add_subcommand("eval", "Errors and calibration of a model on a table");
  auto o = std::make_shared<Options>();
  add_common(verb, *o);
  add_example(verb, "cartan functional eval river.h5 data/river.csv --json");
  verb->callback([o] { evaluate(*o); });
}

void add_functional_predict(CLI::App& functional) {
  CLI::App* verb =
      functional.add_subcommand("predict", "Means, deviations and intervals at the rows of a table");
  auto o = std::make_shared<Options>();
  add_common(verb, *o);
  verb->add_option("--coverage", o->coverage, "Of the intervals (default 0.9)")
      ->check(CLI::Range(0.01, 0.999));
  verb->add_option("--out", o->out, "Text (.csv) or HDF5 (default predictions.csv)");
  add_force_option(verb, o->force);
  add_example(verb, "cartan functional predict river.h5 data/river.csv --out predictions.csv --force");
  verb->callback([o] {
    if (o->out.empty()) o->out = "predictions.csv";
    predict(*o);
  });
}

}  // namespace cartan::app
