#include "functional_common.hpp"

#include <cartan/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <set>

namespace cartan::app {

using functional::Mode;
using functional::ModeKind;

FunctionalFile open_functional(const std::string& path) {
  const data::Group root = data::load(path, functional_format);
  FunctionalFile f{functional::Model::load(root.group("model")), {}};
  if (root.attributes.count("times")) f.times = root.strings("times");
  return f;
}

void save_functional(const std::string& path, const functional::Model& model,
                     const std::vector<std::string>& times, const std::string& config) {
  data::Group root;
  model.save(root["model"]);
  if (!times.empty()) root.attributes["times"] = times;
  data::save(path, root, {functional_format, 1, "", config});
}

std::vector<std::string> words_of(const std::string& list, const std::string& what) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    std::size_t first = list.find_first_not_of(' ', at), last = end;
    while (last > at && list[last - 1] == ' ') --last;
    if (first < last) {
      const std::string word = list.substr(first, last - first);
      require(!std::count(out.begin(), out.end(), word), what, ": '", word, "' stands there twice");
      out.push_back(word);
    }
    at = end + 1;
  }
  require(!out.empty(), what, ": names of columns between commas are expected, found '", list, "'");
  return out;
}

namespace {

std::string place_of(const data::Table& table, Index row) {
  return text("line ", table.lines[static_cast<std::size_t>(row)]);
}

}  // namespace

Rows take_rows(const data::Table& table, std::vector<Mode>& modes, const std::vector<std::string>& targets,
               bool drop, bool fresh) {
  std::vector<const data::Column*> inputs, outputs;
  for (Mode& m : modes) {
    const data::Column& c = table.column(m.name);
    inputs.push_back(&c);
    const bool words = c.kind == data::Column::Kind::words;
    if (m.kind == ModeKind::categorical) {
      if (!fresh) continue;
      std::set<std::string> names;
      if (words) {
        for (const std::string& w : c.words)
          if (!w.empty()) names.insert(w);
        m.categories.assign(names.begin(), names.end());
      } else {
        std::set<double> numbers;
        for (const double x : c.numbers)
          if (!std::isnan(x)) numbers.insert(x);
        for (const double x : numbers) m.categories.push_back(text(x));
      }
      if (m.categories.size() > 100000)
        throw FormatError(table.path, m.name,
                          text("has ", m.categories.size(), " categories; at most 100000 are supported"));
    } else if (words) {
      throw FormatError(
          table.path, m.name,
          text("holds words (", c.example, ") where numbers or times such as 2013-03-01 10:30 are expected; ",
               "--categorical ", m.name, " takes them as categories"));
    }
  }
  for (const std::string& name : targets) {
    const data::Column& c = table.column(name);
    if (c.kind != data::Column::Kind::numbers)
      throw FormatError(table.path, name,
                        text("holds ", c.kind == data::Column::Kind::times ? "times" : "words", " (",
                             c.example, ") where numbers are expected"));
    outputs.push_back(&c);
  }
  Rows out;
  std::vector<double> x, y;
  for (Index row = 0; row < table.rows(); ++row) {
    const auto i = static_cast<std::size_t>(row);
    std::vector<double> at;
    std::string missing;
    for (std::size_t k = 0; k < modes.size() && missing.empty(); ++k) {
      const data::Column& c = *inputs[k];
      double v = c.kind == data::Column::Kind::words ? (c.words[i].empty() ? NAN : 0) : c.numbers[i];
      if (std::isnan(v)) {
        missing = modes[k].name;
      } else if (modes[k].kind == ModeKind::categorical) {
        const std::string word = c.kind == data::Column::Kind::words ? c.words[i] : text(v);
        const auto& known = modes[k].categories;
        auto found = std::lower_bound(known.begin(), known.end(), word);
        if (found == known.end() || *found != word) found = std::find(known.begin(), known.end(), word);
        v = static_cast<double>(found - known.begin());  // one that is not known: the number after the last
      }
      at.push_back(v);
    }
    bool any = outputs.empty();
    for (const data::Column* c : outputs) any = any || !std::isnan(c->numbers[i]);
    if (missing.empty() && !any) missing = targets[0];
    if (!missing.empty()) {
      if (!drop)
        throw FormatError(table.path, place_of(table, row),
                          text("'", missing, "' is missing; --drop-missing leaves such rows out"));
      continue;
    }
    x.insert(x.end(), at.begin(), at.end());
    for (const data::Column* c : outputs) y.push_back(c->numbers[i]);
    out.rows.push_back(row);
  }
  const Index n = static_cast<Index>(out.rows.size()), m = static_cast<Index>(outputs.size());
  if (n == 0) throw FormatError(table.path, "", "has no row with all that is needed");
  out.x = Array::from(x, {n, static_cast<Index>(modes.size())});
  if (m) out.y = m == 1 ? Array::from(y) : Array::from(y, {n, m});
  return out;
}

}  // namespace cartan::app
