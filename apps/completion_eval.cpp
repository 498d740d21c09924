// cartan completion eval | predict MODEL.h5 ...: errors and calibration, or predictions with intervals.

#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/readers.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "completion_common.hpp"
#include "json_text.hpp"
#include "score_table.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::completion;
using nlohmann::ordered_json;

struct Options {
  std::string model, out;
  EntrySource source;
  double coverage = 0.9;
  bool json = false, force = false;
};

void evaluate(const Options& o) {
  CompletionFile f = open_completion(o.model);
  const SparseTensor x = read_source(o.source, f.labels);
  if (x.order() != static_cast<int>(f.model.shape().size()))
    throw FormatError(o.source.path, "",
                      text("has ", x.order(), " modes; the model has ", f.model.shape().size()));
  Index fallbacks = 0;
  const Score s = score_of(f.model, x, &fallbacks);
  say_fallbacks(fallbacks, x.size());
  if (o.json) {
    ordered_json j = score_json(s);
    j["fallbacks"] = fallbacks;
    std::cout << json_text(j) << "\n";
  } else {
    print_score_head("");
    print_score(f.model.method().kind(), s);
  }
}

// The indices of every entry of a shape, last mode fastest.
Array every_place(const Shape& shape) {
  const Index n = size_of(shape), d = static_cast<Index>(shape.size());
  require(n <= 100000000, "the tensor of shape ", shape, " has ", n,
          " entries; give a file of places to predict");
  Array out = Array::uninitialized({n, d}, DType::i64);
  Index* to = out.mutable_data<Index>();
  for (Index e = 0; e < n; ++e) {
    Index rest = e;
    for (Index k = d; k-- > 0;)
      to[e * d + k] = rest % shape[static_cast<std::size_t>(k)], rest /= shape[static_cast<std::size_t>(k)];
  }
  return out;
}

void write_text(const std::string& path, const CompletionFile& f, const Array& at, const Forecast& p,
                bool zero_based) {
  std::ofstream to(path);
  if (!to) throw IoError(path, "cannot be written");
  to.precision(10);
  const Index n = at.dim(0), d = at.dim(1);
  for (Index k = 0; k < d; ++k) to << "mode_" << k << ",";
  to << "mean" << (p.deviation.empty() ? "" : ",deviation") << ",low,high,fallback\n";
  for (Index e = 0; e < n; ++e) {
    for (Index k = 0; k < d; ++k) {
      const Index i = at.data<Index>()[e * d + k];
      const auto mode = static_cast<std::size_t>(k);
      if (f.labels.empty())
        to << i + (zero_based ? 0 : 1) << ",";
      else
        to << '"'
           << (i < static_cast<Index>(f.labels[mode].size()) ? f.labels[mode][static_cast<std::size_t>(i)]
                                                             : "?")
           << "\",";
    }
    to << p.mean.data<double>()[e];
    if (!p.deviation.empty()) to << "," << p.deviation.data<double>()[e];
    to << "," << p.low.data<double>()[e] << "," << p.high.data<double>()[e] << ","
       << p.fallback[static_cast<std::size_t>(e)] << "\n";
  }
  to.flush();
  if (!to) throw IoError(path, "cannot be written");
}

void predict(const Options& o) {
  refuse_existing({o.out}, o.force);
  const CompletionFile f = open_completion(o.model);
  const std::string kind = std::filesystem::path(o.out).extension().string();
  const bool whole = o.source.path.empty();
  const Array at = whole ? every_place(f.model.shape())
                         : read_places(o.source, f.labels, static_cast<int>(f.model.shape().size()));
  const Forecast p = f.model.predict(at, o.coverage);
  if (kind == ".npy") {
    data::write_npy(o.out, whole ? p.mean.reshaped(f.model.shape()) : p.mean);
  } else if (kind == ".h5" || kind == ".hdf5") {
    data::Group root;
    root.set("indices", at, "", "entry mode");
    root.set("mean", p.mean, "", "entry");
    if (!p.deviation.empty()) root.set("deviation", p.deviation, "", "entry");
    root.set("low", p.low, "", "entry");
    root.set("high", p.high, "", "entry");
    root.set("fallback", Array::from(std::vector<std::uint8_t>(p.fallback.begin(), p.fallback.end())), "",
             "entry");
    root.attributes["coverage"] = o.coverage;
    data::save(o.out, root, {"cartan-predictions", 1, "", ""});
  } else {
    write_text(o.out, f, at, p, o.source.zero_based);
  }
  say_fallbacks(p.fallbacks(), at.dim(0));
  if (o.json)
    std::cout << json_text(ordered_json{{"n", at.dim(0)},
                                        {"coverage", o.coverage},
                                        {"fallbacks", p.fallbacks()},
                                        {"files", {o.out}}})
              << "\n";
  else
    std::printf("%-16s %lld\n%-16s %s\n", "entries", static_cast<long long>(at.dim(0)), "written",
                o.out.c_str());
}

}  // namespace

void add_completion_eval(CLI::App& completion) {
  CLI::App* verb = completion.add_subcommand("eval", "Errors and calibration of a model at known entries");
  auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "What `completion fit` wrote")->required();
  verb->add_option("entries", o->source.path, "Entries as for `completion fit`")->required();
  add_source_options(verb, o->source, true);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan completion eval trade.h5 data/trade.csv --inputs exporter,importer,year --target "
              "log_flow --json");
  verb->callback([o] { evaluate(*o); });
}

void add_completion_predict(CLI::App& completion) {
  CLI::App* verb =
      completion.add_subcommand("predict", "Predictions with intervals, of some entries or of all");
  auto o = std::make_shared<Options>();
  verb->add_option("model", o->model, "What `completion fit` wrote")->required();
  verb->add_option("places", o->source.path,
                   "Indices of the entries: text, .npy of whole numbers, or a table (default: every entry)");
  add_source_options(verb, o->source, false);
  verb->add_option("--coverage", o->coverage, "Of the intervals (default 0.9)")
      ->check(CLI::Range(0.01, 0.999));
  verb->add_option("--out", o->out, "Text (.csv), HDF5, or .npy of the means (default predictions.csv)");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb, "cartan completion predict trade.h5 --out predictions.csv --force");
  verb->callback([o] {
    if (o->out.empty()) o->out = "predictions.csv";
    predict(*o);
  });
}

}  // namespace cartan::app
