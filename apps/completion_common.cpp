#include "completion_common.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>
#include <cartan/data/coordinates.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/data/table.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>
#include <set>

#include "app.hpp"
#include "config_flags.hpp"
#include "functional_common.hpp"

namespace cartan::app {

using namespace cartan::completion;

void add_source_options(CLI::App* verb, EntrySource& s, bool values) {
  verb->add_flag("--zero-based", s.zero_based, "Indices in text count from 0, not from 1");
  verb->add_option("--inputs", s.inputs,
                   "NAME,NAME,..: columns of a table with names that are the modes; words or numbers");
  if (!values) return;
  verb->add_option("--target", s.target, "NAME: the column of values of such a table");
  verb->add_option("--shape", s.shape, "I,J,K: extents (default: the largest indices, or as the file says)");
  verb->add_option_function<std::string>(
          "--duplicates",
          [&s](const std::string& word) {
            s.duplicates = word == "sum"       ? Duplicates::sum
                           : word == "average" ? Duplicates::average
                                               : Duplicates::refuse;
          },
          "Several values of one entry: refuse, sum or average (default refuse)")
      ->check(CLI::IsMember({"refuse", "sum", "average"}));
}

namespace {

Shape shape_of(const std::string& words) {
  Shape out;
  if (words.empty()) return out;
  for (const std::string& w : [&] {
         std::vector<std::string> list;
         for (std::size_t at = 0; at <= words.size();) {
           const std::size_t end = std::min(words.find(',', at), words.size());
           list.push_back(words.substr(at, end - at));
           at = end + 1;
         }
         return list;
       }()) {
    Index n = 0;
    const auto [end, error] = std::from_chars(w.data(), w.data() + w.size(), n);
    require(error == std::errc() && end == w.data() + w.size() && n >= 1, "--shape ", words, ": '", w,
            "' is no extent; expected whole numbers from 1 on, between commas");
    out.push_back(n);
  }
  return out;
}

// Name of the index in a row of a column; "" where missing.
std::string name_at(const data::Column& c, std::size_t row) {
  if (c.kind == data::Column::Kind::words) return c.words[row];
  return std::isnan(c.numbers[row]) ? "" : text(c.numbers[row]);
}

// Columns of indices of a table by labels.
std::vector<std::vector<std::int32_t>> indices_of(const data::Table& table,
                                                  const std::vector<std::string>& names, Labels& labels) {
  const bool fresh = labels.empty();
  if (fresh) labels.resize(names.size());
  require(labels.size() == names.size(), "--inputs names ", names.size(), " columns; the model has ",
          labels.size(), " modes");
  std::vector<std::vector<std::int32_t>> out;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const data::Column& c = table.column(names[k]);
    const std::size_t rows = static_cast<std::size_t>(table.rows());
    auto& known = labels[k];
    if (fresh) {
      if (c.kind == data::Column::Kind::words) {
        const std::set<std::string> all(c.words.begin(), c.words.end());
        known.assign(all.begin(), all.end());
      } else {
        for (const double x : std::set<double>(c.numbers.begin(), c.numbers.end()))
          if (!std::isnan(x)) known.push_back(text(x));
      }
      known.erase(std::remove(known.begin(), known.end(), ""), known.end());
    }
    std::vector<std::pair<std::string, std::int32_t>> sorted;
    for (std::size_t i = 0; i < known.size(); ++i)
      sorted.emplace_back(known[i], static_cast<std::int32_t>(i));
    std::sort(sorted.begin(), sorted.end());
    out.emplace_back();
    for (std::size_t row = 0; row < rows; ++row) {
      const std::string name = name_at(c, row);
      if (name.empty())
        throw FormatError(table.path, text("line ", table.lines[row]), text("'", names[k], "' is missing"));
      const auto found =
          std::lower_bound(sorted.begin(), sorted.end(), std::make_pair(name, std::int32_t{0}));
      const bool there = found != sorted.end() && found->first == name;
      out.back().push_back(there ? found->second : static_cast<std::int32_t>(known.size()));
    }
  }
  return out;
}

// A fault of the entries is one of the file.
template <class F>
SparseTensor made(const std::string& path, const F& f) {
  try {
    return f();
  } catch (const std::invalid_argument& e) {
    const std::string what = e.what();
    const std::size_t end = what.find("] ");
    throw FormatError(path, "", end == std::string::npos ? what : what.substr(end + 2));
  }
}

}  // namespace

SparseTensor read_source(const EntrySource& s, Labels& labels) {
  require(s.inputs.empty() == s.target.empty(),
          "--inputs and --target go together: modes and values of a table");
  if (s.inputs.empty()) {
    require(labels.empty(), "the model was fitted to a table: give --inputs and --target");
    return read_entries(s.path, {s.zero_based, s.duplicates, shape_of(s.shape)});
  }
  require(s.shape.empty(), "--shape and --inputs: a table has its extents from its columns");
  const data::Table table = data::read_table(s.path);
  const std::vector<std::string> names = words_of(s.inputs, "--inputs");
  auto index = indices_of(table, names, labels);
  const data::Column& y = table.column(s.target);
  if (y.kind != data::Column::Kind::numbers)
    throw FormatError(s.path, s.target, text("holds no numbers (", y.example, ")"));
  std::vector<double> values;
  std::vector<std::vector<std::int32_t>> kept(index.size());
  for (std::size_t row = 0; row < y.numbers.size(); ++row) {
    if (std::isnan(y.numbers[row])) continue;  // an entry that is to be found
    values.push_back(y.numbers[row]);
    for (std::size_t k = 0; k < index.size(); ++k) kept[k].push_back(index[k][row]);
  }
  if (values.empty()) throw FormatError(s.path, s.target, "has no value");
  Shape shape;
  for (std::size_t k = 0; k < labels.size(); ++k)
    shape.push_back(std::max<Index>(static_cast<Index>(labels[k].size()),
                                    *std::max_element(kept[k].begin(), kept[k].end()) + Index{1}));
  // entries of names that are not known may coincide
  bool strangers = false;
  for (std::size_t k = 0; k < labels.size(); ++k)
    strangers = strangers || shape[k] > static_cast<Index>(labels[k].size());
  const Duplicates duplicates =
      strangers && s.duplicates == Duplicates::refuse ? Duplicates::average : s.duplicates;
  return made(s.path, [&] { return SparseTensor(shape, std::move(kept), std::move(values), duplicates); });
}

Array read_places(const EntrySource& s, const Labels& labels, int modes) {
  std::vector<std::vector<std::int32_t>> index;
  if (!s.inputs.empty()) {
    require(!labels.empty(), "the model was fitted to numbers of indices: leave --inputs out");
    Labels known = labels;
    index = indices_of(data::read_table(s.path), words_of(s.inputs, "--inputs"), known);
  } else {
    require(labels.empty(), "the model was fitted to a table: give --inputs");
    if (data::is_npy(s.path)) {
      const Array a = data::read_npy(s.path);
      if (a.ndim() != 2 || a.dim(1) != modes || (a.dtype() != DType::i32 && a.dtype() != DType::i64))
        throw FormatError(
            s.path, "",
            text("holds ", a.dtype(), " of shape ", a.shape(), "; expected whole numbers (N, ", modes, ")"));
      return a.as(DType::i64);
    }
    data::CoordinateOptions o;
    o.zero_based = s.zero_based, o.values = false, o.order = modes;
    index = data::read_coordinates(s.path, o).indices;
  }
  const Index n = static_cast<Index>(index[0].size()), d = static_cast<Index>(index.size());
  Array out = Array::uninitialized({n, d}, DType::i64);
  for (Index k = 0; k < d; ++k)
    for (Index e = 0; e < n; ++e)
      out.mutable_data<Index>()[e * d + k] = index[static_cast<std::size_t>(k)][static_cast<std::size_t>(e)];
  return out;
}

void add_method_options(CLI::App* verb, Settings& settings) {
  std::set<std::string> known{"seed", "validation", "test"};  // of the verb itself
  for (const MethodKind& kind : method_kinds()) {
    const std::unique_ptr<Method> method = kind.make();
    for (const config::Field& f : method->fields()) {
      if (!known.insert(f.name()).second) continue;
      const std::string name = f.name();
      CLI::Option* option;
      if (std::holds_alternative<bool>(f.value())) {
        const bool usual = std::get<bool>(f.value());
        option = verb->add_flag_callback(
            usual ? flag_of("no_" + name) : flag_of(name),
            [&settings, name, usual] { settings.emplace_back(name, usual ? "false" : "true"); },
            (usual ? "Do not: " : "") + f.help());
      } else {
        option = verb->add_option_function<std::string>(
            flag_of(name),
            [&settings, name](const std::string& words) { settings.emplace_back(name, words); }, help_of(f));
        option->type_name(type_of(f.value()));
      }
      option->group("Options of methods (the first one with them: " + kind.name + ")");
    }
  }
}

void apply(const Settings& settings, Method& method, bool some) {
  for (const auto& [name, words] : settings) {
    config::Fields fields = method.fields();
    if (config::Field* f = fields.find(name)) {
      try {
        f->set_text(words);
      } catch (const std::invalid_argument& e) {
        throw std::invalid_argument(text(flag_of(name), " ", words, ": ", e.what()));
      }
    } else if (!some) {
      const std::string near = config::nearest(name, fields.names());
      throw std::invalid_argument(text(flag_of(name), ": the method ", method.kind(), " has no such option",
                                       near.empty() ? "" : "; perhaps " + flag_of(near) + " is meant"));
    }
  }
}

std::string method_names() {
  std::string out;
  for (const MethodKind& k : method_kinds()) out += (out.empty() ? "" : ", ") + k.name;
  return out;
}

void check_settings(const Settings& settings, const std::vector<std::string>& methods) {
  for (const auto& [name, words] : settings) {
    bool known = false;
    for (const std::string& m : methods) {
      const auto method = make_method(m);
      config::Fields fields = method->fields();
      known = known || fields.find(name);
    }
    require(known, flag_of(name), " ", words, ": none of the methods has such an option");
  }
}

CompletionFile open_completion(const std::string& path) {
  const data::Group root = data::load(path, completion_format);
  CompletionFile f{Model::load(root.group("model")), {}};
  if (root.has_group("labels")) {
    const data::Group& labels = root.group("labels");
    for (std::size_t k = 0; k < f.model.shape().size(); ++k)
      f.labels.push_back(labels.strings(text("mode_", k)));
  }
  return f;
}

void save_completion(const std::string& path, const CompletionFile& file, const std::string& config) {
  data::Group root;
  file.model.save(root["model"]);
  for (std::size_t k = 0; k < file.labels.size(); ++k)
    root["labels"].attributes[text("mode_", k)] = file.labels[k];
  data::save(path, root, {completion_format, 1, "", config});
}

Score score_of(const Model& model, const SparseTensor& x, Index* fallbacks) {
  const Forecast f = model.predict(x.index_array());
  const Array y = x.value_array();
  Score s = score(f.mean, y);
  if (fallbacks) *fallbacks = f.fallbacks();
  if (f.low.size() == 0 || std::isnan(f.low(0))) return s;
  s.coverage_90 = 0;
  for (Index n = 0; n < s.n; ++n)
    s.coverage_90 +=
        f.low.data<double>()[n] <= y.data<double>()[n] && y.data<double>()[n] <= f.high.data<double>()[n];
  s.coverage_90 /= static_cast<double>(s.n);
  return s;
}

void say_fallbacks(Index count, Index of) {
  if (count > 0)
    std::cerr << "cartan: " << count << " of " << of
              << " entries have an index of which nothing is known: they are "
              << "predicted by the additive model of their other indices\n";
}

data::Figure error_figure(const Model& model, const SparseTensor& x, int mode) {
  const Forecast f = model.predict(x.index_array());
  const auto extent = static_cast<std::size_t>(x.shape()[static_cast<std::size_t>(mode)]);
  std::vector<double> square(extent, 0), count(extent, 0);
  for (Index n = 0; n < x.size(); ++n) {
    const auto i = static_cast<std::size_t>(x.index(mode)[n]);
    const double e = x.values()[n] - f.mean.data<double>()[n];
    square[i] += e * e, count[i] += 1;
  }
  data::Figure figure;
  figure.title = text("Error by index of mode ", mode), figure.x_label = "index", figure.y_label = "RMSE";
  data::Series s;
  s.line = false;
  for (std::size_t i = 0; i < extent; ++i)
    if (count[i] > 0) s.x.push_back(static_cast<double>(i)), s.y.push_back(std::sqrt(square[i] / count[i]));
  figure.series.push_back(std::move(s));
  return figure;
}

data::Figure learning_figure(const Summary& summary, const std::string& title) {
  data::Figure figure;
  figure.title = title, figure.x_label = "iteration", figure.y_label = "RMSE";
  const auto add = [&](const char* name, const std::vector<double>& y) {
    if (y.size() < 2) return;
    data::Series s;
    s.name = name, s.y = y;
    for (std::size_t k = 0; k < y.size(); ++k) s.x.push_back(static_cast<double>(k + 1));
    figure.series.push_back(std::move(s));
  };
  add("training", summary.train_rmse);
  add("validation", summary.validation_rmse);
  if (figure.series.empty()) {
    figure.y_label = "objective";
    add("", summary.objective);
  }
  return figure;
}

}  // namespace cartan::app
