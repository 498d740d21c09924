#include "cartan/core/config.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cartan/core/error.hpp"

namespace cartan::config {
namespace {

// The shortest text that reads back as x.
std::string number_text(double x) {
  if (x == std::floor(x) && std::abs(x) < 1e15) return std::to_string(static_cast<long long>(x));
  char out[40];
  return std::string(out, std::to_chars(out, out + sizeof out, x).ptr);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += std::string("\\u00") + "0123456789ABCDEF"[c >> 4] + "0123456789ABCDEF"[c & 15];
    else
      out += c;
  }
  return out + '"';
}

std::string item_text(double x) {
  const std::string t = number_text(x);
  return t.find_first_of(".en") == std::string::npos ? t + ".0" : t;
}
std::string item_text(std::int64_t x) {
  return std::to_string(x);
}
std::string item_text(const std::string& x) {
  return quoted(x);
}

template <class T>
std::string list_text(const std::vector<T>& v) {
  std::string out = "[";
  for (const T& x : v) out += (out.size() > 1 ? ", " : "") + item_text(x);
  return out + "]";
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t k = 0; k < names.size(); ++k)
    out += (k == 0 ? "" : k + 1 == names.size() ? " or " : ", ") + names[k];
  return out;
}

// Whole numbers stand for numbers; an empty list for any list.
Value converted(const Value& from, const Value& like) {
  if (from.index() == like.index()) return from;
  if (std::holds_alternative<double>(like) && std::holds_alternative<std::int64_t>(from))
    return static_cast<double>(std::get<std::int64_t>(from));
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&from)) {
    if (std::holds_alternative<std::vector<double>>(like))
      return std::vector<double>(list->begin(), list->end());
    if (list->empty() && std::holds_alternative<std::vector<std::string>>(like))
      return std::vector<std::string>();
  }
  return from;
}

std::vector<double> numbers_of(const Value& value) {
  if (const auto* x = std::get_if<std::int64_t>(&value)) return {static_cast<double>(*x)};
  if (const auto* x = std::get_if<double>(&value)) return {*x};
  if (const auto* x = std::get_if<std::vector<double>>(&value)) return *x;
  if (const auto* x = std::get_if<std::vector<std::int64_t>>(&value)) return {x->begin(), x->end()};
  return {};
}

// A word as a value of the type of `out`; false when it is none.
template <class T>
bool read_word(const std::string& word, T& out) {
  const char *begin = word.data(), *end = begin + word.size();
  if (word.size() > 1 && word[0] == '+' && word[1] != '-') ++begin;
  const auto [stop, error] = std::from_chars(begin, end, out);
  return begin != end && stop == end && error == std::errc();
}
bool read_word(const std::string& word, bool& out) {
  out = word == "true";
  return out || word == "false";
}
bool read_word(const std::string& word, std::string& out) {
  out = word;
  return true;
}

std::vector<std::string> items_of(std::string words) {
  const auto trimmed = [](const std::string& w) {
    const auto begin = w.find_first_not_of(" \t"), end = w.find_last_not_of(" \t");
    return begin == std::string::npos ? std::string() : w.substr(begin, end - begin + 1);
  };
  words = trimmed(words);
  if (words.size() >= 2 && words.front() == '[' && words.back() == ']')
    words = trimmed(words.substr(1, words.size() - 2));
  std::vector<std::string> out;
  if (words.empty()) return out;
  for (std::size_t begin = 0; begin <= words.size();) {
    const std::size_t comma = std::min(words.find(',', begin), words.size());
    out.push_back(trimmed(words.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return out;
}

template <class T>
bool read_words(const std::string& words, T& out) {
  return read_word(words, out);
}
template <class T>
bool read_words(const std::string& words, std::vector<T>& out) {
  out.clear();
  for (const std::string& item : items_of(words))
    if (!read_word(item, out.emplace_back())) return false;
  return true;
}

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const char* kind_of(const Value& value) {
  static constexpr const char* kinds[] = {"true or false",  "a whole number",          "a number",
                                          "a text",         "a list of whole numbers", "a list of numbers",
                                          "a list of texts"};
  return kinds[value.index()];
}

std::string to_text(const Value& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>)
          return v ? "true" : "false";
        else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double> ||
                           std::is_same_v<T, std::string>)
          return item_text(v);
        else
          return list_text(v);
      },
      value);
}

Field& Field::from(double low) {
  low_ = low, above_ = false;
  return *this;
}
Field& Field::above(double low) {
  low_ = low, above_ = true;
  return *this;
}
Field& Field::to(double high) {
  high_ = high, below_ = false;
  return *this;
}
Field& Field::below(double high) {
  high_ = high, below_ = true;
  return *this;
}
Field& Field::unit(std::string text) {
  unit_ = std::move(text);
  return *this;
}
Field& Field::one_of(std::vector<std::string> names) {
  choices_ = std::move(names);
  return *this;
}
Field& Field::optional(std::string meaning) {
  empty_ = std::move(meaning);
  return *this;
}
Field& Field::stored_as(std::string name) {
  stored_ = std::move(name);
  return *this;
}

Field& Field::added_later() {
  added_later_ = true;
  return *this;
}
Field& Field::may_change() {
  may_change_ = true;
  return *this;
}

std::string Field::limits() const {
  if (!choices_.empty()) return joined(choices_);
  const std::string low = std::isinf(low_) ? "" : (above_ ? "above " : "at least ") + number_text(low_);
  const std::string high = std::isinf(high_) ? "" : (below_ ? "below " : "at most ") + number_text(high_);
  return low + (low.empty() || high.empty() ? "" : " and ") + high;
}

void Field::check(const Value& value) const {
  if (!choices_.empty()) {
    const auto known = [&](const std::string& x) {
      require(std::find(choices_.begin(), choices_.end(), x) != choices_.end(), name_, " must be ", limits(),
              ", not ", quoted(x));
    };
    if (const auto* text = std::get_if<std::string>(&value)) known(*text);
    if (const auto* list = std::get_if<std::vector<std::string>>(&value))
      for (const std::string& x : *list) known(x);
  }
  for (const double x : numbers_of(value)) {
    const bool inside = (above_ ? x > low_ : x >= low_) && (below_ ? x < high_ : x <= high_);
    require(inside && std::isfinite(x), name_, " must be ", limits().empty() ? "a finite number" : limits(),
            ", not ", number_text(x), unit_.empty() ? "" : " " + unit_);
  }
}

Field& Field::or_number() {
  or_number_ = true;
  return *this;
}

void Field::set(const Value& value) {
  Value v = converted(value, get_());
  if (or_number_ && (std::holds_alternative<double>(v) || std::holds_alternative<std::int64_t>(v)))
    v = number_text(numbers_of(v)[0]);
  require(v.index() == get_().index(), name_, " must be ", kind_of(get_()), ", not ", to_text(value));
  check(v);
  set_(v);
}

void Field::set_text(const std::string& words) {
  Value value = get_();
  const bool read = std::visit([&](auto& v) { return read_words(words, v); }, value);
  require(read, name_, " must be ", kind_of(value), ", not '", words, "'");
  set(value);
}

Field& Fields::add(std::string name, std::string help, std::function<Value()> get,
                   std::function<void(const Value&)> set) {
  name = prefix_ + name;
  require(find(name) == nullptr, "[config] two fields are called ", name);
  return fields_.emplace_back(std::move(name), std::move(help), std::move(get), std::move(set));
}

Field& Fields::choice(std::string name, std::function<std::string()> get,
                      std::vector<std::pair<std::string, std::function<void()>>> kinds, std::string help) {
  std::vector<std::string> names;
  for (const auto& k : kinds) names.push_back(k.first);
  Field& f = add(
      std::move(name), std::move(help), [get]() -> Value { return get(); },
      [get, kinds](const Value& v) {
        for (const auto& [kind, choose] : kinds)  // what the chosen kind was set to stays
          if (kind == std::get<std::string>(v) && kind != get()) choose();
      });
  f.choice_ = true;
  return f.one_of(std::move(names));
}

void Fields::section(std::string name) {
  prefix_ = name.empty() ? "" : std::move(name) + ".";
}

std::vector<std::string> Fields::names() const {
  std::vector<std::string> out;
  for (const Field& f : fields_) out.push_back(f.name());
  return out;
}

Field* Fields::find(const std::string& name) {
  for (Field& f : fields_)
    if (f.name() == name) return &f;
  return nullptr;
}

namespace {
template <class T>
std::pair<std::function<Value()>, std::function<void(const Value&)>> access(T& value) {
  return {[&value]() -> Value { return value; }, [&value](const Value& v) { value = std::get<T>(v); }};
}
}  // namespace

Field& Fields::operator()(std::string name, bool& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, int& value, std::string help) {
  return add(
             std::move(name), std::move(help), [&value]() -> Value { return std::int64_t{value}; },
             [&value](const Value& v) { value = static_cast<int>(std::get<std::int64_t>(v)); })
      .from(std::numeric_limits<int>::min())
      .to(std::numeric_limits<int>::max());
}
Field& Fields::operator()(std::string name, std::int64_t& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, std::uint64_t& value, std::string help) {
  return add(
             std::move(name), std::move(help),
             [&value]() -> Value { return static_cast<std::int64_t>(value); },
             [&value](const Value& v) { value = static_cast<std::uint64_t>(std::get<std::int64_t>(v)); })
      .from(0);
}
Field& Fields::operator()(std::string name, double& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, std::string& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, std::vector<std::int64_t>& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, std::vector<double>& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, std::vector<std::string>& value, std::string help) {
  auto [get, set] = access(value);
  return add(std::move(name), std::move(help), get, set);
}
Field& Fields::operator()(std::string name, DType& value, std::string help) {
  return add(
             std::move(name), std::move(help), [&value]() -> Value { return std::string(name_of(value)); },
             [&value](const Value& v) { value = dtype_from_name(std::get<std::string>(v)); })
      .one_of({"float32", "float64"});
}

std::vector<Difference> differences(const Values& before, const Values& now) {
  std::vector<Difference> out;
  const auto find = [](const Values& values, const std::string& name) -> const Value* {
    for (const auto& v : values)
      if (v.first == name) return &v.second;
    return nullptr;
  };
  const auto shown = [](const Value* v) { return v ? to_text(*v) : std::string("nothing"); };
  for (const auto& [name, value] : before)
    if (const Value* v = find(now, name); !v || *v != value) out.push_back({name, to_text(value), shown(v)});
  for (const auto& [name, value] : now)
    if (!find(before, name)) out.push_back({name, "nothing", to_text(value)});
  return out;
}

void validate_fields(const char* owner, Fields& fields) {
  for (const Field& f : fields) {
    try {
      f.validate();
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(text("[", owner, "] ", error.what()));
    }
  }
}

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& k : known) {
    const std::size_t d = edit_distance(name, k);
    if (d < least) least = d, best = k;
  }
  return best;
}

}  // namespace cartan::config
