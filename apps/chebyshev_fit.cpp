// cartan chebyshev fit INPUT: a function given as text, or a tensor on a grid, in Chebyshev-Tucker format.

#include <cartan/chebyshev/expression.hpp>
#include <cartan/chebyshev/fit.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/readers.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>

#include "app.hpp"
#include "chebyshev_common.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::chebyshev;
using nlohmann::ordered_json;

struct Options {
  std::string input, box = "-1,1", out, degrees, ranks, dataset, canonical, weights, grid = "cells";
  std::vector<std::string> slices;
  FitOptions fit;
  int dim = 0;
  bool json = false, force = false;
};

constexpr int most_variables = 8;  // of a function in a file

/// A function with its errors against what was given.
struct Made {
  ChebyshevTucker function;
  bool converged = false;
  double rel_error_max = 0, rel_error_l2 = 0;
  ordered_json more;
  std::string message;
};

// One number stands for every variable.
std::vector<Index> per_variable(const std::string& words, const char* what, int dim) {
  if (words.empty()) return {};
  std::vector<Index> out = parse_integers(words, what);
  if (out.size() == 1) out.assign(static_cast<std::size_t>(dim), out[0]);
  return out;
}

// A variable too many is a matter of --dim.
Expression parse(const std::string& words, int dim) {
  try {
    return {words, dim};
  } catch (const std::invalid_argument& error) {
    for (int more = dim + 1; more <= most_variables; ++more) {
      try {
        Expression(words, more);
      } catch (const std::invalid_argument&) {
        continue;
      }
      throw std::invalid_argument(
          text(error.what(), "; --dim ", more, " makes a function of ", more, " variables (now ", dim, ")"));
    }
    throw;
  }
}

Made fit_expression(const Options& o) {
  const Box box = parse_box(o.box, o.dim);
  require(box.dim() <= most_variables, "--box: ", box.dim(), " variables; a file holds functions of up to ",
          most_variables);
  const Expression e = parse(o.input, box.dim());
  FitOptions f = o.fit;
  f.degrees = per_variable(o.degrees, "--degrees", box.dim());
  f.ranks = per_variable(o.ranks, "--ranks", box.dim());
  f.stop = &context().stop;
  ProgressBar bar("sampling");
  f.progress = bar.callback();
  Fit made = fit(e, box, f);
  bar.finish();
  stop_if_asked();
  if (e.constant() && std::isnan(made.rel_error_max)) {  // zero everywhere, as the text says
    made.converged = true;
    made.rel_error_max = made.rel_error_l2 = 0;
  }
  return {made.function,
          made.converged,
          made.rel_error_max,
          made.rel_error_l2,
          {{"sampling", name_of(made.sampling)}, {"evaluations", made.evaluations}},
          made.message};
}

bool is_tensor_file(const std::string& input) {
  const std::string extension = std::filesystem::path(input).extension().string();
  return extension == ".h5" || extension == ".hdf5" || extension == ".npy";
}

// The names of real arrays in a tree.
void list_arrays(const data::Hdf5File& file, const data::Group& g, const std::string& path,
                 std::vector<std::string>& names) {
  for (const auto& [name, item] : g.items())
    if (is_real(file.dtype(path + name)) && !file.shape(path + name).empty() &&
        size_of(file.shape(path + name)) > 1)
      names.push_back(path + name);
  for (const auto& [name, sub] : g.groups()) list_arrays(file, sub, path + name + "/", names);
}

// Of a foreign file the other objects may be what they are.
Array read_tensor(const Options& o) {
  if (std::filesystem::path(o.input).extension() == ".npy") return data::read_npy(o.input);
  const data::Hdf5File file(o.input);
  if (!o.dataset.empty()) return file.read(o.dataset);
  std::vector<std::string> names;
  list_arrays(file, file.outline(), "", names);
  if (names.size() == 1) return file.read(names[0]);
  std::string all;
  for (const std::string& n : names) all += " " + n;
  require(!names.empty(), o.input, " holds no real array");
  throw std::invalid_argument(text(o.input, " holds several arrays: choose one with --dataset:", all));
}

linalg::Canonical read_canonical(const Options& o) {
  const data::Hdf5File file(o.input);
  linalg::Canonical c;
  std::stringstream names(o.canonical);
  for (std::string name; std::getline(names, name, ',');) {
    c.factors.push_back(file.read(name).as(DType::f64));
    if (c.factors.back().ndim() != 2)
      throw FormatError(o.input, name, "a factor has two axes, index and term");
  }
  require(!c.factors.empty(), "--canonical: names of factors are expected");
  const Index rank = c.factors[0].dim(1);
  c.weights = o.weights.empty() ? Array::full({rank}, 1, DType::f64)
                                : file.read(o.weights).as(DType::f64).reshaped({-1});
  try {
    c.check("fit");
  } catch (const std::invalid_argument& error) {
    throw FormatError(o.input, "", error.what());
  }
  return c;
}

// Entries of a grid tensor and where they lie, at random.
struct Comparison {
  Array points, values;
  double largest = 0;  // of all entries, where these are at hand
  bool all = false;
};

Comparison draw_comparison(const Shape& shape, const Box& box, Grid grid, std::uint64_t seed,
                           const std::function<Array(const Array&)>& entries) {
  constexpr Index count = 2000;
  const Index d = static_cast<Index>(shape.size());
  const Random random(seed, 0x67726964);
  Array index = Array::uninitialized({count, d}, DType::i64),
        points = Array::uninitialized({count, d}, DType::f64);
  for (Index i = 0; i < count * d; ++i) {
    const auto k = static_cast<std::size_t>(i % d);
    const Index n = shape[k];
    const Index j = std::min(
        n - 1, static_cast<Index>(random.uniform(static_cast<std::uint64_t>(i)) * static_cast<double>(n)));
    index.mutable_data<std::int64_t>()[i] = j;
    const double place = grid == Grid::cells ? (static_cast<double>(j) + 0.5) / static_cast<double>(n)
                                             : static_cast<double>(j) / static_cast<double>(n - 1);
    points.mutable_data<double>()[i] = box.low[k] + place * (box.high[k] - box.low[k]);
  }
  return {points, entries(index).as(DType::f64), 0, false};
}

void compare(Made& m, const Comparison& c) {
  const Array found = m.function(c.points, Outside::nearest);
  double worst = 0, sum = 0, square = 0, largest = c.largest;
  for (Index i = 0; i < found.size(); ++i) {
    const double exact = c.values.data<double>()[i], e = found.data<double>()[i] - exact;
    if (!(std::abs(e) <= worst)) worst = std::abs(e);
    largest = std::max(largest, std::abs(exact));
    sum += e * e, square += exact * exact;
  }
  // Nothing but zeros were seen of a tensor that may hold others: no error is known.
  const bool known = largest > 0 || c.all;
  m.rel_error_max = largest > 0 ? worst / largest : known ? worst : NAN;
  m.rel_error_l2 = square > 0 ? std::sqrt(sum / square) : known ? std::sqrt(sum) : NAN;
}

Made fit_tensor(const Options& o) {
  const bool canonical = !o.canonical.empty();
  const Grid grid = o.grid == "cells" ? Grid::cells : Grid::vertices;
  Array tensor;
  linalg::Canonical terms;
  if (canonical)
    terms = read_canonical(o);
  else
    tensor = read_tensor(o);
  const Shape shape = canonical ? terms.shape() : tensor.shape();
  const int d = static_cast<int>(shape.size());
  const Box box = parse_box(o.box, d);
  for (const Index n : shape)
    if (n < 2) throw FormatError(o.input, o.dataset, "a grid needs at least 2 points a variable");
  const std::vector<Index> ranks = per_variable(o.ranks, "--ranks", d);
  std::vector<Index> degrees = per_variable(o.degrees, "--degrees", d);
  const bool adaptive = degrees.empty();
  if (adaptive) degrees.assign(static_cast<std::size_t>(d), 32);
  Comparison given = draw_comparison(shape, box, grid, o.fit.seed, [&](const Array& index) {
    if (canonical) return terms.at(index);
    Array out = Array::uninitialized({index.dim(0)}, DType::f64);
    const Array values = tensor.as(DType::f64);
    for (Index i = 0; i < index.dim(0); ++i) {
      Index flat = 0;
      for (int k = 0; k < d; ++k)
        flat = flat * shape[static_cast<std::size_t>(k)] + index.data<std::int64_t>()[i * d + k];
      out.mutable_data<double>()[i] = values.data<double>()[flat];
    }
    return out;
  });
  if (!canonical) {
    given.all = true;
    const Array values = tensor.as(DType::f64);
    for (Index i = 0; i < values.size(); ++i)
      given.largest = std::max(given.largest, std::abs(values.data<double>()[i]));
  }
  Made m;
  double truncation = 0.3 * o.fit.tolerance;
  for (;;) {  // degrees are doubled until the grid's own values come back
    stop_if_asked();
    auto made = canonical ? fit_canonical(terms, box, degrees, truncation, grid, ranks)
                          : fit_grid(tensor, box, degrees, truncation, grid, ranks);
    m.function = made.tensor.as(o.fit.dtype);
    compare(m, given);
    m.converged = m.rel_error_max <= o.fit.tolerance;
    m.more = {{"truncation_error", made.report.relative_error}, {"method", made.report.method}};
    if (m.converged || !ranks.empty()) break;
    if (m.rel_error_max < 4 * made.report.relative_error && truncation > 1e-3 * o.fit.tolerance) {
      truncation *= 0.2;  // the ranks are what limits the error
      continue;
    }
    double nodes = 1;
    bool room = false;
    for (std::size_t k = 0; k < degrees.size() && adaptive; ++k) {
      const Index next = std::min({2 * degrees[k], 8 * shape[k], o.fit.max_degree});
      room = room || next > degrees[k];
      degrees[k] = std::max(degrees[k], next);
      nodes *= static_cast<double>(degrees[k] + 1);
    }
    if (!room || (!canonical && nodes > 4e7)) {
      if (adaptive) m.message = "the grid is not resolved by the degrees tried; --degrees sets others";
      break;
    }
  }
  if (std::isnan(m.rel_error_max)) m.message = "every entry that was looked at is 0: no error is known";
  if (!m.converged && m.message.empty())
    m.message =
        text("the error is ", m.rel_error_max, " of the largest value, the tolerance ", o.fit.tolerance);
  return m;
}

void print(const Made& m, const ordered_json& j) {
  const auto list = [](const ordered_json& a) {
    std::string out;
    for (const auto& x : a) out += (out.empty() ? "" : " ") + x.dump();
    return out;
  };
  std::printf("%-16s %s\n%-16s %s\n", "ranks", list(j["ranks"]).c_str(), "degrees",
              list(j["degrees"]).c_str());
  if (std::isnan(m.rel_error_max))
    std::printf("%-16s not known\n", "error");
  else
    std::printf("%-16s max %.2e of the largest value, L2 %.2e of the root mean square\n", "error",
                m.rel_error_max, m.rel_error_l2);
  std::printf("%-16s %.4g\n%-16s %.3f s\n", "compression", m.function.compression(), "time",
              j["seconds"].get<double>());
  std::fflush(stdout);
}

void run(const Options& o) {
  const bool file = is_tensor_file(o.input) || !o.canonical.empty();
  require(file || (o.dataset.empty() && o.weights.empty()),
          "--dataset and --weights go with a file, not with an expression");
  std::vector<std::string> files{o.out};
  if (!o.slices.empty()) {  // before any work: names and places must be right
    std::error_code ignored;
    if (!file) {
      const Box box = parse_box(o.box, o.dim);
      std::vector<Slice> slices;
      for (const std::string& s : o.slices) slices.push_back(parse_slice(s, box));
      for (const std::string& name : slice_paths(o.out, slices)) files.push_back(name);
    }
  }
  refuse_existing(files, o.force);
  const double begin = seconds_since_start();
  Made m = file ? fit_tensor(o) : fit_expression(o);
  ordered_json j = fit_report(m.function, m.rel_error_max, m.rel_error_l2, seconds_since_start() - begin);
  for (const auto& [key, value] : m.more.items()) j[key] = value;
  j["converged"] = m.converged;
  ordered_json stored = j;
  stored.erase("seconds");  // equal runs give equal files
  data::Group root;
  m.function.save(root["function"]);
  root.attributes["source"] = o.input;
  root.attributes["rel_error_max"] = m.rel_error_max;
  data::save(o.out, root, {function_format, 1, "", json_text(stored)});
  std::vector<Slice> slices;
  for (const std::string& s : o.slices) slices.push_back(parse_slice(s, m.function.box()));
  const std::vector<std::string> pictures = slice_paths(o.out, slices);
  for (std::size_t k = 0; k < slices.size(); ++k)
    draw_slice(pictures[k], slices[k], m.function.box(), [&](const Array& x) { return m.function(x); },
               {short_name(o.input), "value", "", false});
  files = {o.out};
  files.insert(files.end(), pictures.begin(), pictures.end());
  j["files"] = files;
  if (o.json)
    std::cout << json_text(j) << "\n";
  else {
    print(m, j);
    for (const std::string& name : files) std::printf("%-16s %s\n", "written", name.c_str());
  }
  if (!m.converged) {
    context().exit_code = not_reached;
    std::cerr << "cartan: not converged: " << m.message << "\n";
  }
}

}  // namespace

void add_chebyshev_fit(CLI::App& chebyshev) {
  CLI::App* verb = chebyshev.add_subcommand("fit", "A function or a grid tensor in Chebyshev-Tucker format");
  auto o = std::make_shared<Options>();
  verb->add_option("input", o->input,
                   "An expression in x, y, z (or x1 .. xd), such as \"exp(-(x^2+y^2+z^2))\" or, where "
                   "a minus comes first, \"(-x^2)\"; or a grid: .h5 .hdf5 .npy")
      ->required();
  verb->add_option("--box", o->box, "LOW,HIGH for all variables, or a pair for each (default -1,1)");
  verb->add_option("--dim", o->dim, "Number of variables of an expression (default: pairs of --box)")
      ->check(CLI::Range(1, most_variables));
  verb->add_option("--degrees", o->degrees, "Polynomial degrees, one or one a variable (default: adaptive)");
  verb->add_option("--ranks", o->ranks, "Largest ranks, one or one a variable (default: by tolerance)");
  add_field_options(
      verb, config::fields_of(o->fit),
      {"tolerance", "max_degree", "max_evaluations", "sampling", "full_nodes", "dtype", "samples", "seed"});
  verb->add_option("--dataset", o->dataset, "The tensor in an HDF5 file (default: its only array)");
  verb->add_option("--canonical", o->canonical,
                   "NAME,NAME,..: factors of a canonical tensor in an HDF5 file");
  verb->add_option("--weights", o->weights, "Weights of its terms (default: ones)");
  verb->add_option("--grid", o->grid,
                   "Values lie at midpoints of cells, or at vertices from end to end (default cells)")
      ->check(CLI::IsMember({"cells", "vertices"}));
  verb->add_option("--slice", o->slices, "Draw a plane as SVG: z (in the middle) or z=VALUE; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--out", o->out, "The function, for `chebyshev eval` (default function.h5)");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan chebyshev fit \"exp(-(x^2+y^2+z^2))\" --box -3,3 --dim 3 --slice z --out gauss.h5 "
              "--force");
  verb->callback([o] {
    if (o->out.empty()) o->out = "function.h5";
    run(*o);
  });
}

}  // namespace cartan::app
