// cartan completion fit ENTRIES: one method, judged on entries that it has not seen.

#include <cartan/core/error.hpp>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <variant>

#include "app.hpp"
#include "completion_common.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "score_table.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::completion;
using nlohmann::ordered_json;

struct Options {
  EntrySource source;
  std::string method, out;
  SplitOptions split;
  Settings settings;
  bool figures = false, json = false, force = false, resume = false;
};

// The indices that the method names, as the file of entries does.
std::vector<std::vector<std::string>> named(const CompletionFile& file, bool zero_based) {
  std::vector<std::vector<std::string>> out;
  for (const std::vector<Index>& indices : file.model.method().notable()) {
    const std::size_t k = out.size();
    out.emplace_back();
    for (const Index i : indices)
      out.back().push_back(file.labels.empty() ? text(i + (zero_based ? 0 : 1))
                                               : file.labels[k][static_cast<std::size_t>(i)]);
  }
  return out;
}

void run(const Options& o) {
  std::unique_ptr<Method> method = make_method(o.method);
  apply(o.settings, *method);
  std::filesystem::path stem(o.out);
  stem.replace_extension();
  refuse_existing({o.out}, o.force || o.resume);
  Labels labels;
  const SparseTensor all = read_source(o.source, labels);
  const Split parts = split(all, o.split);
  FitContext c;
  c.seed = o.split.seed, c.stop = &context().stop;
  c.checkpoint = stem.string() + ".checkpoint.h5", c.resume = o.resume;
  ProgressBar bar("fitting");
  c.progress = bar.callback();
  const auto begin = std::chrono::steady_clock::now();
  Summary s;
  CompletionFile file{Model::fit(std::move(method), parts.train, parts.validation, c, &s), labels};
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  bar.finish();
  stop_if_asked();

  ordered_json j{{"method", o.method},
                 {"shape", all.shape()},
                 {"n_train", parts.train.size()},
                 {"n_validation", parts.validation.size()},
                 {"n_test", parts.test.size()},
                 {"ranks", s.ranks},
                 {"iterations", s.iterations},
                 {"converged", s.converged},
                 {"relative_error", s.relative_error}};
  std::vector<std::pair<std::string, Score>> scores{{"train", score_of(file.model, parts.train)}};
  Index fallbacks = 0;
  if (!parts.validation.empty()) scores.emplace_back("validation", score_of(file.model, parts.validation));
  if (!parts.test.empty()) scores.emplace_back("test", score_of(file.model, parts.test, &fallbacks));
  for (const auto& [name, score] : scores) j[name] = score_json(score);
  j["fallbacks"] = fallbacks;
  j["message"] = s.message;
  const std::vector<std::vector<std::string>> notable = named(file, o.source.zero_based);
  if (!notable.empty()) j["notable"] = notable;
  ordered_json options;
  for (const config::Field& f : file.model.method().fields())
    std::visit([&](const auto& value) { options[f.name()] = value; }, f.value());
  j["options"] = options;
  save_completion(o.out, file, json_text(j));  // without what differs between equal runs
  std::vector<std::string> files{o.out};
  if (o.figures) {
    std::vector<std::pair<std::string, data::Figure>> figures = file.model.method().figures();
    figures.emplace_back("learning", learning_figure(s, o.method));
    const SparseTensor& judged = parts.test.empty() ? all : parts.test;
    for (int k = 0; k < all.order(); ++k)
      figures.emplace_back(text("error_", k), error_figure(file.model, judged, k));
    for (const auto& [name, figure] : figures) {
      files.push_back(stem.string() + "_" + name + ".svg");
      refuse_existing({files.back()}, o.force || o.resume);
      figure.save(files.back());
    }
  }
  j["fit_seconds"] = s.seconds;  // without fallbacks and intervals
  j["seconds"] = seconds, j["files"] = files;
  say_fallbacks(fallbacks, parts.test.size());
  if (o.json) {
    std::cout << json_text(j) << "\n";
  } else {
    print_score_head(text(o.method, ", ", all.size(), " entries"));
    for (const auto& [name, score] : scores) print_score(name, score);
    std::printf("%-16s %s\n%-16s %.2f s\n", "fit", s.message.c_str(), "time", seconds);
    for (std::size_t k = 0; k < notable.size(); ++k) {
      std::string line;
      for (const std::string& name : notable[k]) line += (line.empty() ? "" : ", ") + name;
      std::printf("%-16s %s\n", text("notable, mode ", k).c_str(), line.c_str());
    }
    for (const std::string& name : files) std::printf("%-16s %s\n", "written", name.c_str());
    std::fflush(stdout);
  }
  if (!s.converged) {
    context().exit_code = not_reached;
    std::cerr << "cartan: not converged: " << s.message << "; --max-iterations allows more\n";
  }
}

}  // namespace

void add_completion_fit(CLI::App& completion) {
  CLI::App* verb = completion.add_subcommand("fit", "A method fitted to known entries");
  auto o = std::make_shared<Options>();
  verb->add_option(
          "entries", o->source.path,
          "Text of indices and values (.tns), .npy (NaN = missing), .npz, HDF5, or a table with names")
      ->required();
  add_source_options(verb, o->source, true);
  verb->add_option("--method", o->method,
                   "One of " + method_names() + " (default auto; with options of methods additive-cp)");
  add_field_options(verb, config::fields_of(o->split));
  add_method_options(verb, o->settings);
  verb->add_flag("--resume", o->resume, "Go on from the checkpoint of a method that trains for long");
  verb->add_flag("--figures", o->figures, "Draw factors, the course of the fit and errors by index as SVG");
  verb->add_option("--out", o->out, "The model, for `completion eval` (default completion.h5)");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan completion fit data/trade.csv --inputs exporter,importer,year --target log_flow --out "
              "trade.h5 --force");
  verb->callback([o] {
    if (o->out.empty()) o->out = "completion.h5";
    if (o->method.empty()) o->method = o->settings.empty() ? "auto" : "additive-cp";
    run(*o);
  });
}

}  // namespace cartan::app
