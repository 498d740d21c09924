// cartan chebyshev eval FILE.h5 POINTS: values and gradients of a function or a field.

#include <cartan/chebyshev/electrostatics.hpp>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/readers.hpp>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "app.hpp"
#include "chebyshev_common.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::chebyshev;
using nlohmann::ordered_json;

struct Options {
  std::string file, points, out, outside = "error";
  std::vector<std::string> at, slices;
  bool gradient = false, json = false, force = false;
};

/// What a file holds: a function, or a field of charges.
struct Opened {
  std::optional<ChebyshevTucker> function;
  std::optional<ElectrostaticField> field;

  const Box& box() const { return field ? field->box() : function->box(); }
  Jet evaluate(const Array& points, int order, const std::string& outside) const {
    if (!field) {
      require(outside != "direct", "--outside direct goes with a field of charges");
      return function->evaluate(points, order, outside_from_name(outside));
    }
    require(outside == "error" || outside == "direct", "--outside ", outside,
            ": a field of charges takes error or direct");
    return field->evaluate(points, order, outside == "error" ? Beyond::error : Beyond::direct);
  }
};

Opened open(const std::string& path) {
  data::Header header;
  const data::Group root = data::load(path, "", &header);
  Opened o;
  if (header.format == function_format)
    o.function = ChebyshevTucker::load(root.group("function"));
  else if (header.format == field_format)
    o.field = ElectrostaticField::load(root.group("field"));
  else
    throw FormatError(
        path, "",
        text("the format is '", header.format, "'; expected ", function_format, " or ", field_format));
  return o;
}

// Rows of numbers between commas or blanks; '#' starts a comment.
Array read_points(const std::string& path, Index d) {
  if (std::filesystem::path(path).extension() == ".npy") {
    const Array a = data::read_npy(path);
    if (!is_real(a.dtype()) || a.ndim() != 2 || a.dim(1) != d)
      throw FormatError(path, "", text("points of shape ", a.shape(), "; expected (N, ", d, ")"));
    return a.as(DType::f64);
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError(path, "cannot be opened");
  std::vector<double> all;
  Index number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (number == 1 && line.compare(0, 3, "\xEF\xBB\xBF") == 0) line.erase(0, 3);  // byte order mark
    if (const std::size_t at = line.find('\r'); at != std::string::npos && at + 1 < line.size())
      throw FormatError(
          path, text("line ", number),
          "has carriage returns for line ends, as old Macintosh files: convert them to newlines");
    line.resize(std::min(line.find('#'), line.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.pop_back();
    if (line.find_first_not_of(", \t") == std::string::npos) continue;
    std::vector<double> row;
    try {
      row = parse_numbers(line, "a point");
    } catch (const std::invalid_argument& error) {
      throw FormatError(path, text("line ", number), error.what());
    }
    if (static_cast<Index>(row.size()) != d)
      throw FormatError(path, text("line ", number), text(row.size(), " numbers; a point has ", d));
    all.insert(all.end(), row.begin(), row.end());
  }
  if (all.empty()) throw FormatError(path, "", "has no points");
  return Array::from(all, {static_cast<Index>(all.size()) / d, d});
}

Array gather_points(const Options& o, Index d) {
  if (!o.points.empty()) return read_points(o.points, d);
  std::vector<double> all;
  for (const std::string& words : o.at) {
    const auto row = parse_numbers(words, "--at");
    require(static_cast<Index>(row.size()) == d, "--at ", words, ": ", row.size(), " numbers; a point has ",
            d);
    all.insert(all.end(), row.begin(), row.end());
  }
  return Array::from(all, {static_cast<Index>(all.size()) / d, d});
}

// x .. value gradient .., a row a point
Array table(const Array& points, const Jet& jet, bool gradient) {
  const Index n = points.dim(0), d = points.dim(1), columns = d + 1 + (gradient ? d : 0);
  const Array v = jet.value.as(DType::f64), g = gradient ? jet.gradient.as(DType::f64) : Array();
  Array out = Array::uninitialized({n, columns}, DType::f64);
  for (Index i = 0; i < n; ++i) {
    double* row = out.mutable_data<double>() + i * columns;
    std::copy_n(points.data<double>() + i * d, d, row);
    row[d] = v.data<double>()[i];
    if (gradient) std::copy_n(g.data<double>() + i * d, d, row + d + 1);
  }
  return out;
}

void print_rows(FILE* to, const Array& rows, Index d, bool gradient, const char* unit) {
  std::fprintf(to, "#");
  for (Index k = 0; k < d; ++k) std::fprintf(to, " x%lld", static_cast<long long>(k + 1));
  std::fprintf(to, " value%s%s", *unit ? "_" : "", unit);
  for (Index k = 0; k < d && gradient; ++k) std::fprintf(to, " d/dx%lld", static_cast<long long>(k + 1));
  std::fprintf(to, "\n");
  for (Index i = 0; i < rows.dim(0); ++i)
    for (Index k = 0; k < rows.dim(1); ++k)
      std::fprintf(to, "%.17g%c", rows.data<double>()[i * rows.dim(1) + k], k + 1 < rows.dim(1) ? ' ' : '\n');
}

void write(const std::string& path, const Array& rows, Index d, bool gradient, const char* unit) {
  if (std::filesystem::path(path).extension() == ".npy") return data::write_npy(path, rows);
  FILE* to = std::fopen(path.c_str(), "w");
  if (!to) throw IoError(path, "cannot be written");
  print_rows(to, rows, d, gradient, unit);
  const bool failed = std::ferror(to) != 0;
  if (std::fclose(to) != 0 || failed) throw IoError(path, "cannot be written");
}

void run(const Options& o) {
  require(!o.points.empty() || !o.at.empty() || !o.slices.empty(),
          "points are expected: a file, --at or --slice");
  require(o.points.empty() || o.at.empty(), "points come from a file or from --at, not from both");
  const Opened f = open(o.file);
  const Index d = f.box().dim();
  std::vector<Slice> slices;
  for (const std::string& s : o.slices) slices.push_back(parse_slice(s, f.box()));
  std::vector<std::string> files = slice_paths(o.out.empty() ? o.file : o.out, slices);
  if (!o.out.empty()) files.insert(files.begin(), o.out);
  refuse_existing(files, o.force);
  const char* unit = f.field ? "V" : "";
  const double begin = seconds_since_start();
  ordered_json j;
  if (!o.points.empty() || !o.at.empty()) {
    const Array points = gather_points(o, d);
    const Jet jet = f.evaluate(points, o.gradient ? 1 : 0, o.outside);
    const double seconds = seconds_since_start() - begin;
    const Array rows = table(points, jet, o.gradient);
    j["n"] = points.dim(0);
    j["seconds"] = seconds;
    if (!o.out.empty()) write(o.out, rows, d, o.gradient, unit);
    if (o.json) {
      j["values"] = jet.value.as(DType::f64).to_vector<double>();
      if (o.gradient) {
        j["gradients"] = ordered_json::array();
        const Array g = jet.gradient.as(DType::f64);
        for (Index i = 0; i < points.dim(0); ++i)
          j["gradients"].push_back(g.rows(i, i + 1).to_vector<double>());
      }
    } else if (o.out.empty()) {
      print_rows(stdout, rows, d, o.gradient, unit);
      std::fflush(stdout);
    }
  }
  for (std::size_t k = 0; k < slices.size(); ++k)
    draw_slice(
        files[k + (o.out.empty() ? 0 : 1)], slices[k], f.box(),
        [&](const Array& x) { return f.evaluate(x, 0, "error").value; },
        f.field ? field_words() : SliceWords{short_name(o.file), "value", "", false});
  j["files"] = files;
  if (o.json)
    std::cout << json_text(j) << "\n";
  else
    for (const std::string& name : files) std::cerr << "written " << name << "\n";
}

}  // namespace

void add_chebyshev_eval(CLI::App& chebyshev) {
  CLI::App* verb = chebyshev.add_subcommand("eval", "Values of a function or of a field of charges");
  auto o = std::make_shared<Options>();
  verb->add_option("file", o->file, "What `chebyshev fit` or `electrostatics` wrote")->required();
  verb->add_option("points", o->points, "Points: rows of numbers between blanks or commas, or .npy (N, d)");
  verb->add_option("--at", o->at, "A point X,Y,..; repeatable")->allow_extra_args(false);
  verb->add_flag("--gradient", o->gradient, "Gradients too");
  verb->add_option("--outside", o->outside,
                   "Beyond the box: error, nearest or zero; for charges error or direct (default error)")
      ->check(CLI::IsMember({"error", "nearest", "zero", "direct"}));
  verb->add_option("--slice", o->slices, "Draw a plane as SVG: z (in the middle) or z=VALUE; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--out", o->out, "Write the rows there (text, or .npy) instead of printing them");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb, "cartan chebyshev eval gauss.h5 --at 0,0,0 --at 0.5,0.5,0.5 --gradient");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
