// cartan completion ranks ENTRIES: how many components the data have.

#include <cartan/completion/select.hpp>
#include <cartan/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "completion_common.hpp"
#include "config_flags.hpp"
#include "functional_common.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::completion;
using nlohmann::ordered_json;

struct Options {
  EntrySource source;
  std::string by = "validation", method = "cp", ranks = "1,2,3,4,5,6", figure;
  StabilityOptions stability;
  StructureOptions structure;
  int folds = 5, restarts = 2, max_iterations = 300;
  double ridge = 0.01;
  bool json = false, force = false;
};

std::vector<Index> ranks_of(const std::string& words) {
  std::vector<Index> out;
  for (const std::string& w : words_of(words, "--ranks")) {
    Index n = 0;
    const auto [end, error] = std::from_chars(w.data(), w.data() + w.size(), n);
    require(error == std::errc() && end == w.data() + w.size() && n >= 1, "--ranks ", words, ": '", w,
            "' is no rank; expected whole numbers from 1 on, between commas");
    out.push_back(n);
  }
  for (std::size_t k = 1; k < out.size(); ++k)
    require(out[k] > out[k - 1], "--ranks ", words, ": expected rising numbers");
  return out;
}

LowRankOptions fit_options(const Options& o, Index rank) {
  LowRankOptions l;
  l.ranks = {rank}, l.ridge = o.ridge, l.restarts = o.restarts, l.max_iterations = o.max_iterations;
  l.seed = o.stability.seed;
  return l;
}

RankChoice by_validation(const SparseTensor& x, const std::vector<Index>& ranks, const Options& o) {
  ProgressBar bar("validation");
  const ProgressCallback progress = bar.callback();
  std::int64_t done = 0;
  const RankChoice out = cross_validate(
      x, ranks,
      [&](const SparseTensor& train, Index rank, const SparseTensor& at) {
        const LowRankOptions l = fit_options(o, rank);
        FitContext c;
        c.stop = &context().stop;
        const Array places = at.index_array();
        Array mean;
        if (o.method == "tucker")
          mean = complete_tucker(train, {}, l, c).tensor.at(places);
        else if (o.method == "train")
          mean = complete_train(train, {}, l, c).tensor.at(places);
        else if (o.method == "ring")
          mean = complete_ring(train, {}, l, c).tensor.at(places);
        else
          mean = complete_canonical(train, {}, l, c).tensor.at(places);
        if (progress)
          progress({++done, static_cast<std::int64_t>(ranks.size()) * o.folds, text("rank ", rank)});
        return mean;
      },
      o.folds, o.stability.seed, &context().stop);
  bar.finish();
  return out;
}

// The largest rank with a consistency of 80 % or more (Bro and Kiers: above 90 very good, below 50 bad).
RankChoice by_consistency(const SparseTensor& x, const std::vector<Index>& ranks, const Options& o) {
  RankChoice out;
  for (const Index rank : ranks) {
    stop_if_set(&context().stop);
    LowRankOptions l = fit_options(o, rank);
    l.ridge = std::min(l.ridge, 1e-6);  // a larger one takes terms out that are not needed
    const auto made = complete_canonical(x, {}, l);
    RankScore s;
    s.rank = rank, s.error = made.summary.relative_error;
    s.silhouette = core_consistency(x, made.tensor);
    if (s.silhouette >= 80) out.rank = rank;
    out.scores.push_back(s);
  }
  if (out.rank == 0) out.rank = ranks.front();
  return out;
}

RankChoice by_pruning(const SparseTensor& x, const std::vector<Index>& ranks, const Options& o) {
  LowRankOptions l = fit_options(o, ranks.back());
  l.prune = true, l.ridge = 0, l.restarts = 1;
  FitContext c;
  c.stop = &context().stop;
  const auto made = complete_canonical(x, {}, l, c);
  RankScore s;
  s.rank = made.tensor.rank(), s.error = made.summary.relative_error;
  return {s.rank, {s}};
}

void run_structure(const Options& o, const SparseTensor& x) {
  StructureOptions s = o.structure;
  s.fit = fit_options(o, 1);
  const Structure found = search_ranks(x, s, &context().stop);
  if (o.json) {
    std::cout << json_text(ordered_json{{"by", o.by},
                                        {"ranks", found.ranks},
                                        {"relative_error", found.error},
                                        {"size", found.size},
                                        {"evaluations", found.evaluations}})
              << "\n";
    return;
  }
  std::printf("%-16s %s\n%-16s %.4g of entries left out\n%-16s %.4g of the entries' number\n%-16s %d\n",
              "ranks", text(found.ranks).c_str(), "relative error", found.error, "size", found.size, "fits",
              found.evaluations);
}

void run(const Options& o) {
  const std::vector<Index> ranks = ranks_of(o.ranks);
  if (!o.figure.empty()) refuse_existing({o.figure}, o.force);
  Labels labels;
  const SparseTensor x = read_source(o.source, labels);
  if (o.by == "structure") return run_structure(o, x);
  const char* measure = "";
  RankChoice choice;
  if (o.by == "validation") {
    choice = by_validation(x, ranks, o);
  } else if (o.by == "stability") {
    measure = "silhouette";
    choice = stable_nonnegative_rank(x, ranks, o.stability, &context().stop);
  } else if (o.by == "rescal") {
    measure = "silhouette";
    choice = stable_rescal_rank(x.dense(0), ranks, o.stability, &context().stop);
  } else if (o.by == "consistency") {
    measure = "consistency";
    choice = by_consistency(x, ranks, o);
  } else {
    choice = by_pruning(x, ranks, o);
  }
  const bool relative = o.by != "validation";
  if (!o.figure.empty()) {
    data::Figure figure;
    figure.title = text("How many components: ", o.by), figure.x_label = "rank";
    figure.y_label = relative ? "relative error" : "RMSE of entries left out";
    data::Series error;
    for (const RankScore& s : choice.scores)
      error.x.push_back(static_cast<double>(s.rank)), error.y.push_back(s.error);
    if (*measure) error.name = "error";
    figure.series.push_back(error);
    if (*measure) {
      data::Series other;
      other.name = o.by == "consistency" ? "consistency / 100" : measure;
      for (const RankScore& s : choice.scores) {
        other.x.push_back(static_cast<double>(s.rank));
        other.y.push_back(o.by == "consistency" ? std::max(s.silhouette, -100.0) / 100 : s.silhouette);
      }
      figure.y_label = "", figure.series.push_back(other);
    }
    figure.save(o.figure);
  }
  if (o.json) {
    ordered_json rows = ordered_json::array();
    for (const RankScore& s : choice.scores) {
      ordered_json row{{"rank", s.rank}, {relative ? "relative_error" : "rmse", s.error}};
      if (!relative) row["deviation"] = s.deviation;
      if (*measure) row[measure] = s.silhouette;
      rows.push_back(row);
    }
    std::cout << json_text(ordered_json{{"by", o.by}, {"rank", choice.rank}, {"ranks", rows}}) << "\n";
    return;
  }
  std::printf("%6s %14s %12s\n", "rank", relative ? "relative error" : "RMSE",
              *measure   ? measure
              : relative ? ""
                         : "deviation");
  for (const RankScore& s : choice.scores) {
    std::printf("%6lld %14.4g", static_cast<long long>(s.rank), s.error);
    if (*measure || !relative) std::printf(" %12.4g", *measure ? s.silhouette : s.deviation);
    std::printf("%s\n", s.rank == choice.rank ? "  <- chosen" : "");
  }
}

}  // namespace

void add_completion_ranks(CLI::App& completion) {
  CLI::App* verb = completion.add_subcommand("ranks", "How many components the data have");
  auto o = std::make_shared<Options>();
  verb->add_option("entries", o->source.path, "Entries as for `completion fit`")->required();
  add_source_options(verb, o->source, true);
  verb->add_option(
          "--by", o->by,
          "validation: errors of entries left out; stability: non-negative components that come back "
          "(NMFk); consistency: of the core; prune: a weight a term is learned (ARD); structure: ranks "
          "of all modes or bonds (TnALE); rescal: communities of a relational tensor (n, n, m), what "
          "is not listed being 0 (RESCALk). Default validation")
      ->check(CLI::IsMember({"validation", "stability", "consistency", "prune", "structure", "rescal"}));
  verb->add_option("--ranks", o->ranks,
                   "R,R,..: that are tried, rising; of prune the largest (default 1,2,3,4,5,6)");
  verb->add_option("--method", o->method, "Of validation: cp, tucker, train or ring (default cp)")
      ->check(CLI::IsMember({"cp", "tucker", "train", "ring"}));
  verb->add_option("--folds", o->folds, "Of validation (default 5)")->check(CLI::Range(2, 1000));
  verb->add_option("--ridge", o->ridge, "As for `completion fit` (default 0.01)")
      ->check(CLI::Range(0.0, 1e300));
  verb->add_option("--restarts", o->restarts, "Random starts of a fit (default 2)")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--max-iterations", o->max_iterations, "Of a fit (default 300)")
      ->check(CLI::Range(1, 1000000000));
  add_field_options(verb, config::fields_of(o->stability));
  config::Fields structure = config::fields_of(o->structure);
  add_field_options(verb, structure);
  verb->add_option("--figure", o->figure, "Draw errors and stability over the ranks as SVG");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb, "cartan completion ranks data/communities.tns --by stability --ranks 2,3,4,5,6");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
