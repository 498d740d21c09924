// cartan functional fit TABLE: a functional tensor model of scattered data, beside simpler models.

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>

#include "app.hpp"
#include "config_flags.hpp"
#include "functional_common.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::functional;
using nlohmann::ordered_json;

struct Options {
  std::string table, inputs, target, categorical, out;
  std::vector<std::string> periodic, kernels;
  FitOptions fit;
  int folds = 0;
  bool drop = false, figures = false, json = false, force = false;
};

// NAME=WORDS for columns that are inputs.
std::map<std::string, std::string> assignments(const std::vector<std::string>& list, const std::string& flag,
                                               const std::vector<std::string>& names) {
  std::map<std::string, std::string> out;
  for (const std::string& a : list) {
    const std::size_t sign = a.find('=');
    require(sign != std::string::npos && sign > 0, flag, " ", a, ": NAME=VALUE is expected");
    const std::string name = a.substr(0, sign);
    require(std::count(names.begin(), names.end(), name) == 1, flag, ": '", name, "' is not one of --inputs");
    out[name] = a.substr(sign + 1);
  }
  return out;
}

std::vector<Mode> modes_of(const Options& o) {
  const std::vector<std::string> names = words_of(o.inputs, "--inputs");
  const auto periods = assignments(o.periodic, "--periodic", names),
             kernels = assignments(o.kernels, "--kernel", names);
  std::vector<Mode> modes;
  for (const std::string& name : names) {
    Mode m;
    m.name = name;
    if (const auto p = periods.find(name); p != periods.end()) {
      m.kind = ModeKind::periodic;
      try {
        m.period = std::stod(p->second);
      } catch (const std::exception&) {
        m.period = NAN;
      }
      require(m.period > 0 && std::isfinite(m.period), "--periodic ", name, "=", p->second,
              ": a positive number is expected");
    }
    if (const auto k = kernels.find(name); k != kernels.end()) {
      Kernel::parse(k->second);  // wrong words are said at once
      m.kernel = k->second;
    }
    modes.push_back(m);
  }
  if (!o.categorical.empty())
    for (const std::string& name : words_of(o.categorical, "--categorical")) {
      bool found = false;
      for (Mode& m : modes)
        if (m.name == name) m.kind = ModeKind::categorical, found = true;
      require(found, "--categorical: '", name, "' is not one of --inputs");
    }
  return modes;
}

Array pick(const Array& a, const std::vector<Index>& rows) {
  Shape shape = a.shape();
  const Index width = a.size() / shape[0];
  shape[0] = static_cast<Index>(rows.size());
  std::vector<double> out;
  for (const Index r : rows)
    out.insert(out.end(), a.data<double>() + r * width, a.data<double>() + (r + 1) * width);
  return Array::from(out, shape);
}

// The columns of an output that are there.
void present(const Array& x, const Array& y, Index output, Array& x_out, Array& y_out) {
  const Index n = y.dim(0), m = y.ndim() == 2 ? y.dim(1) : 1;
  std::vector<Index> rows;
  std::vector<double> values;
  for (Index i = 0; i < n; ++i) {
    const double v = y.data<double>()[i * m + output];
    if (!std::isnan(v)) rows.push_back(i), values.push_back(v);
  }
  x_out = pick(x, rows), y_out = Array::from(values);
}

// Scores of the model and of the baselines for every output, on one set of points.
using Scores = std::vector<std::vector<std::pair<std::string, Score>>>;
void add_scores(const Fit& made, const Array& x, const Array& y, const Array& x_test, const Array& y_test,
                const std::vector<Mode>& modes, const FitOptions& options, Scores& all) {
  const Index outputs = y.ndim() == 2 ? y.dim(1) : 1;
  all.resize(static_cast<std::size_t>(outputs));
  for (Index m = 0; m < outputs; ++m) {
    Array xm, ym, xt, yt;
    present(x, y, m, xm, ym);
    present(x_test, y_test, m, xt, yt);
    if (yt.empty()) continue;
    auto& list = all[static_cast<std::size_t>(m)];
    PredictOptions p;
    p.output = m;
    list.emplace_back((options.method == Method::additive_cp ? "model"
                       : options.method == Method::funbat    ? "funbat"
                                                             : "funbat_cp"),
                      score(made.model.predict(xt, p, yt), yt));
    std::vector<Warp> scale;  // not sought again
    if (!made.scales.empty()) scale.push_back(made.scales[static_cast<std::size_t>(m)]);
    for (const Baseline& b : baselines(xm, ym, modes, xt, options, scale))
      list.emplace_back(b.name, score(b.mean, yt));
  }
}

// Folds joined; the best mean by a column may be another in another fold.
std::vector<std::pair<std::string, Score>> joined_scores(
    const std::vector<std::pair<std::string, Score>>& all) {
  std::vector<std::pair<std::string, Score>> out;
  for (const auto& [name, s] : all) {
    bool done = false;
    for (const auto& o : out) done = done || o.first == name;
    if (done) continue;
    std::vector<Score> same;
    for (const auto& [other, t] : all)
      if (other == name) same.push_back(t);
    out.emplace_back(name, joined(same));
  }
  return out;
}

void run(const Options& o) {
  std::vector<Mode> modes = modes_of(o);
  const std::vector<std::string> targets = words_of(o.target, "--target");
  for (const Mode& m : modes)
    require(!std::count(targets.begin(), targets.end(), m.name), "--target: '", m.name,
            "' is one of --inputs");
  require(o.folds != 1, "--folds 1: expected 0 (none), or 2 and more");
  std::vector<std::string> files{o.out};
  if (o.figures) {
    std::filesystem::path base(o.out);
    base.replace_extension();
    for (const Mode& m : modes) files.push_back(base.string() + "_" + m.name + ".svg");
  }
  refuse_existing(files, o.force);
  Rows rows;
  std::vector<std::string> times;
  {  // the table goes before the work begins
    const data::Table table = data::read_table(o.table);
    rows = take_rows(table, modes, targets, o.drop, true);
    const Index left = table.rows() - rows.x.dim(0);
    if (left) std::cerr << "left out " << left << " of " << table.rows() << " rows\n";
    for (const Mode& m : modes)
      if (table.column(m.name).kind == data::Column::Kind::times) times.push_back(m.name);
  }
  const Index n = rows.x.dim(0);

  FitOptions f = o.fit;
  f.stop = &context().stop;
  // the folds, then the fit of everything: independent of each other, so at a time where there are cores
  const Index all = o.folds + 1;
  std::vector<Scores> parts(static_cast<std::size_t>(all));
  std::vector<Index> order;
  if (o.folds) {
    require(n >= 2 * o.folds, "--folds ", o.folds, ": ", n, " rows are too few");
    order = Random(f.seed, 1).permutation(n);
  }
  Fit made;
  double seconds = 0;
  ProgressBar bar(o.folds ? text(o.folds, " folds, then all") : "fitting");
  std::mutex guard;
  int finished = 0;
  parallel_for(all, 1, [&](Index k, Index) {
    if (context().stop) return;
    const bool whole = k == o.folds;
    FitOptions own = f;
    own.progress = [&](const Progress& p) {
      const std::lock_guard<std::mutex> lock(guard);
      bar(o.folds ? Progress{finished, all, p.message} : p);
    };
    Array x = rows.x, y = rows.y, x_test = rows.x, y_test = rows.y;
    if (!whole) {
      std::vector<Index> train, test;
      for (Index i = 0; i < n; ++i)
        (i % o.folds == k ? test : train).push_back(order[static_cast<std::size_t>(i)]);
      x = pick(rows.x, train), y = pick(rows.y, train);
      x_test = pick(rows.x, test), y_test = pick(rows.y, test);
    }
    const auto begin = std::chrono::steady_clock::now();
    Fit one = fit(x, y, modes, own, targets);
    const double time = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    own.progress = {};
    if (!one.stopped && (!whole || !o.folds))
      add_scores(one, x, y, x_test, y_test, modes, own, parts[static_cast<std::size_t>(k)]);
    const std::lock_guard<std::mutex> lock(guard);
    ++finished;
    if (whole) made = std::move(one), seconds = time;
  });
  bar.finish();
  stop_if_asked();
  Scores scores;
  for (const Scores& part : parts) {
    scores.resize(std::max(scores.size(), part.size()));
    for (std::size_t m = 0; m < part.size(); ++m)
      scores[m].insert(scores[m].end(), part[m].begin(), part[m].end());
  }

  ordered_json j{{"n", n},
                 {"rank", made.rank},
                 {"terms", made.model.terms().size()},
                 {"sweeps", made.sweeps},
                 {"converged", made.converged},
                 {"elbo", made.elbo.empty() ? 0 : made.elbo.back()},
                 {"seconds", seconds}};
  const char* set = o.folds ? "folds" : "training";
  j["scores_on"] = o.folds ? text(o.folds, " folds") : "the data of the fit";
  for (std::size_t m = 0; m < scores.size(); ++m) {
    ordered_json list;
    for (const auto& [name, s] : joined_scores(scores[m])) list[name] = score_json(s);
    if (scores.size() > 1)
      j[set][targets[m]] = list;
    else
      j[set] = list;
  }
  ordered_json scaling;
  for (int k = 0; k < made.model.modes(); ++k) {
    const Mode& m = made.model.mode(k);
    scaling[m.name] = {{"kind", name_of(m.kind)}, {"shift", m.shift}, {"scale", m.scale}};
  }
  j["inputs"] = scaling;
  for (std::size_t m = 0; m < targets.size(); ++m) {
    const Warp w = made.model.warp(static_cast<Index>(m));
    j["targets"][targets[m]] = {{"scale", w.side ? "log" : "linear"}};
    if (w.side) j["targets"][targets[m]][w.side > 0 ? "floor" : "ceiling"] = w.origin;
  }
  ordered_json stored = j;  // without what differs between equal runs
  stored.erase("seconds");
  save_functional(o.out, made.model, times, json_text(stored));
  for (std::size_t k = 1; k < files.size(); ++k) made.model.figure(static_cast<int>(k) - 1).save(files[k]);
  j["files"] = files;
  if (o.json) {
    std::cout << json_text(j) << "\n";
  } else {
    for (std::size_t m = 0; m < scores.size(); ++m) {
      print_score_head(o.folds ? text(targets[m], ", ", o.folds, " folds")
                               : targets[m] + ", data of the fit");
      for (const auto& [name, s] : joined_scores(scores[m])) print_score(name, s);
    }
    std::printf("%-16s %lld, %zu terms\n%-16s %.6g after %d sweeps\n%-16s %.3g\n", "rank",
                static_cast<long long>(made.rank), made.model.terms().size(), "bound",
                made.elbo.empty() ? 0 : made.elbo.back(), made.sweeps, "noise", made.model.noise());
    for (int k = 0; k < made.model.modes(); ++k) {
      const Mode& m = made.model.mode(k);
      std::printf("%-16s %s, scaled (x - %.6g) / %.6g\n", m.name.c_str(), name_of(m.kind), m.shift, m.scale);
    }
    for (std::size_t m = 0; m < targets.size(); ++m) {
      const Warp w = made.model.warp(static_cast<Index>(m));
      if (w.side)
        std::printf("%-16s logarithms %s %.6g\n", targets[m].c_str(), w.side > 0 ? "above" : "below",
                    w.origin);
    }
    std::printf("%-16s %.2f s\n", "time", seconds);
    for (const std::string& name : files) std::printf("%-16s %s\n", "written", name.c_str());
    std::fflush(stdout);
  }
  if (!made.converged) {
    context().exit_code = not_reached;
    std::cerr << "cartan: not converged: " << made.message << "; --max-sweeps allows more\n";
  }
}

}  // namespace

void add_functional_fit(CLI::App& functional) {
  CLI::App* verb = functional.add_subcommand("fit", "A model of a column of a table by other columns");
  auto o = std::make_shared<Options>();
  verb->add_option("table", o->table, "Text with a line of names (.csv, .tsv), or HDF5 with lists")
      ->required();
  verb->add_option("--inputs", o->inputs,
                   "NAME,NAME,..: coordinates; times such as 2013-03-01 10:30 become days")
      ->required();
  verb->add_option("--target", o->target, "NAME, or NAME,.. for several outputs")->required();
  verb->add_option("--categorical", o->categorical, "NAME,..: inputs that are categories");
  verb->add_option("--periodic", o->periodic, "NAME=PERIOD: an input on a circle; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--kernel", o->kernels,
                   "NAME=WORDS such as time=\"matern12 + periodic(365.25)\"; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--default-kernel", o->fit.kernel, "Of the other inputs (default matern32)");
  add_field_options(verb, config::fields_of(o->fit),
                    {"method", "rank", "pair_rank", "main_effects", "noise", "scale", "prune", "max_sweeps",
                     "tolerance", "calibrate", "conformal", "seed", "length", "variance", "damping",
                     "noise_damping", "epochs", "site_prior"});
  verb->add_option("--folds", o->folds,
                   "Scores by cross-validation with so many folds (default 0: on the data of the fit)")
      ->check(CLI::Range(0, 1000));
  verb->add_flag("--drop-missing", o->drop, "Leave out rows with a missing input, or without any target");
  verb->add_flag("--figures", o->figures, "Draw the latent functions of every input as SVG");
  verb->add_option("--out", o->out, "The model, for `functional eval` (default functional.h5)");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan functional fit data/river.csv --inputs day,depth,site --categorical site --target "
              "temperature --out river.h5 --force");
  verb->callback([o] {
    if (o->out.empty()) o->out = "functional.h5";
    run(*o);
  });
}

}  // namespace cartan::app
