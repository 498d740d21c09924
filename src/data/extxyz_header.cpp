#include "data/extxyz_header.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

constexpr std::size_t deepest_list = 16;

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && is_blank(text[i])) ++i;
    const std::size_t start = i;
    while (i < text.size() && !is_blank(text[i])) ++i;
    if (i > start) out.push_back(text.substr(start, i - start));
  }
  return out;
}

class HeaderParser {
 public:
  explicit HeaderParser(std::string_view line) : line_(line) {}

  HeaderEntries parse() {
    HeaderEntries entries;
    std::set<std::string> seen;
    for (skip_blanks(); at_ < line_.size(); skip_blanks()) {
      HeaderValue key;
      if (line_[at_] == '"' || line_[at_] == '\'') {
        key = quoted();
      } else {
        const std::size_t start = at_;
        while (at_ < line_.size() && !is_blank(line_[at_]) && line_[at_] != '=') ++at_;
        key.text = line_.substr(start, at_ - start);
        if (key.text.empty()) throw HeaderError("expected a key before '='");
      }
      if (!seen.insert(key.text).second) throw HeaderError("the key " + key.text + " is given twice");
      entries.emplace_back(key.text, after_key(key.text));
    }
    return entries;
  }

 private:
  void skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
  }

  HeaderValue after_key(const std::string& key) {
    const std::size_t end_of_key = at_;
    skip_blanks();
    if (at_ == line_.size() || line_[at_] != '=') {
      at_ = end_of_key;
      return {};
    }
    const bool spaced = ++at_ < line_.size() && is_blank(line_[at_]);
    skip_blanks();
    if (at_ == line_.size()) throw HeaderError("expected a value after " + key + "=");
    HeaderValue value;
    const char c = line_[at_];
    if (c == '"' || c == '\'') {
      value = quoted();
    } else if (c == '[' || c == '{') {
      value.kind = HeaderValue::list;
      value.text = brackets(key);
    } else {
      value.kind = HeaderValue::bare;
      const std::size_t start = at_;
      while (at_ < line_.size() && !is_blank(line_[at_])) ++at_;
      value.text = line_.substr(start, at_ - start);
      if (spaced && value.text.find('=') != std::string::npos)
        throw HeaderError("expected a value after " + key + "=, found '" + value.text + "'");
      if (value.text == "_JSON") {
        skip_blanks();
        value.kind = HeaderValue::quoted;
        value.text += ' ';
        value.text += json(key);
      } else {
        more_words(value);
      }
    }
    if (at_ < line_.size() && !is_blank(line_[at_]))
      throw HeaderError("expected a blank after the value of " + key + ", found '" + line_[at_] + "'");
    return value;
  }

  // What follows a bare _JSON: a list, an object, a text or one word.
  std::string json(const std::string& key) {
    if (at_ == line_.size()) return "null";
    if (line_[at_] == '[' || line_[at_] == '{') return brackets(key);
    if (line_[at_] == '"') return quote(quoted().text);
    const std::size_t start = at_;
    const std::string_view word = next_word();
    if (word.find('=') == std::string_view::npos) return std::string(word);
    at_ = start;
    return "null";
  }

  std::string_view next_word() {
    const std::size_t start = at_;
    while (at_ < line_.size() && !is_blank(line_[at_])) ++at_;
    return line_.substr(start, at_ - start);
  }

  // "pbc=T T F": numbers or truth values after one of their kind belong to it; none of them is a key.
  void more_words(HeaderValue& value) {
    double x = 0;
    bool b = false;
    const auto is_truth = [&](std::string_view w) { return parse_bool(w, b) || w == "t" || w == "f"; };
    const bool number = parse_real(value.text, x), truth = is_truth(value.text);
    while (number || truth) {
      const std::size_t start = at_;
      skip_blanks();
      const std::string_view word = next_word();
      const std::size_t end = at_;
      skip_blanks();
      const bool key = at_ < line_.size() && line_[at_] == '=';
      at_ = end;
      if (key || !(number ? parse_real(word, x) : is_truth(word))) {
        at_ = start;
        return;
      }
      value.text += ' ';
      value.text += word;
      value.kind = HeaderValue::quoted;
    }
  }

  HeaderValue quoted() {
    HeaderValue value;
    value.kind = HeaderValue::quoted;
    const char end = line_[at_];
    const std::size_t start = at_++;
    for (; at_ < line_.size() && line_[at_] != end; ++at_) {
      char c = line_[at_];
      if (c == '\\' && at_ + 1 < line_.size()) {
        const char next = line_[at_ + 1];
        if (next == '\\' || next == '"' || next == '\'' || next == 'n' || next == 'r' || is_blank(next)) {
          c = next == 'n' ? '\n' : next == 'r' ? '\r' : next;
          value.escaped = true;
          ++at_;
        }
      }
      value.text += c;
    }
    if (at_ == line_.size())
      throw HeaderError("the quote at column " + std::to_string(start + 1) + " is not closed");
    ++at_;
    return value;
  }

  // Text from here to the bracket that closes the one here.
  std::string brackets(const std::string& key) {
    const std::size_t start = at_;
    std::string open;
    char quote_mark = 0;
    for (; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (quote_mark) {
        if (c == '\\') ++at_;
        if (c == quote_mark) quote_mark = 0;
      } else if (c == '"' || c == '\'') {
        quote_mark = c;
      } else if (c == '[' || c == '{') {
        open += c;
      } else if (c == ']' || c == '}') {
        if (open.back() != (c == ']' ? '[' : '{')) throw HeaderError("brackets of " + key + " do not match");
        open.pop_back();
        if (open.empty()) {
          ++at_;
          return std::string(line_.substr(start, at_ - start));
        }
      }
    }
    throw HeaderError("a bracket of " + key + " is not closed");
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

// The leaves of nested brackets and their shape; not `regular` when rows differ or leaves are quoted.
struct List {
  std::vector<std::string_view> leaves;
  Shape shape = Shape(deepest_list, -1);
  bool regular = true;

  explicit List(std::string_view text) : text_(text) {
    read(0);
    shape.resize(rank_);
  }

 private:
  void read(std::size_t depth) {
    if (depth >= deepest_list) throw HeaderError("brackets nested too deeply");
    rank_ = std::max(rank_, depth + 1);
    Index count = 0;
    for (++at_; at_ < text_.size(); ++count) {
      while (is_blank(text_[at_]) || text_[at_] == ',') ++at_;
      const char c = text_[at_];
      if (c == ']' || c == '}') break;
      if (c == '[' || c == '{') {
        if (leaf_depth_ >= 0 && static_cast<std::size_t>(leaf_depth_) <= depth) regular = false;
        read(depth + 1);
        continue;
      }
      if (leaf_depth_ < 0) leaf_depth_ = static_cast<int>(depth);
      if (leaf_depth_ != static_cast<int>(depth)) regular = false;
      leaves.push_back(leaf());
    }
    ++at_;
    if (shape[depth] < 0) shape[depth] = count;
    if (shape[depth] != count) regular = false;
  }

  std::string_view leaf() {
    const std::size_t start = at_;
    const char mark = text_[at_];
    if (mark == '"' || mark == '\'') {
      regular = false;
      for (++at_; text_[at_] != mark; ++at_)
        if (text_[at_] == '\\') ++at_;
      return text_.substr(start, ++at_ - start);
    }
    while (!is_blank(text_[at_]) && std::string_view(",[]{}\"'").find(text_[at_]) == std::string_view::npos)
      ++at_;
    if (at_ == start) ++at_;
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  std::size_t at_ = 0, rank_ = 0;
  int leaf_depth_ = -1;
};

// Words as integers, reals or truth values; an empty Array of rank 1 when they are something else.
bool typed_array(const std::vector<std::string_view>& leaves, const Shape& shape, Array& out) {
  std::vector<std::int64_t> integers(leaves.size());
  std::vector<double> reals(leaves.size());
  std::vector<std::uint8_t> bools(leaves.size());
  bool is_integer = !leaves.empty(), is_real = true, is_bool = !leaves.empty();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    bool b = false;
    is_integer = is_integer && parse_integer(leaves[i], integers[i]);
    is_real = is_real && parse_real(leaves[i], reals[i]);
    is_bool = is_bool && parse_bool(leaves[i], b);
    bools[i] = b;
  }
  if (is_integer)
    out = Array::from(integers, shape);
  else if (is_real)
    out = Array::from(reals, shape);
  else if (is_bool)
    out = Array::from(bools, shape);
  return is_integer || is_real || is_bool;
}

// A list that is not numbers, as JSON text: words that JSON does not know get quotes.
std::string list_as_json(const std::string& text) {
  if (text.size() > 1 && text[0] == '{' && text.find(':') != std::string::npos) return "_JSON " + text;
  std::string out = "_JSON ";
  bool need_comma = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (is_blank(c) || c == ',') {
      ++i;
      continue;
    }
    const bool close = c == ']' || c == '}';
    if (need_comma && !close) out += ", ";
    if (c == '[' || c == '{' || close) {
      out += close ? ']' : '[';
      need_comma = close;
      ++i;
      continue;
    }
    const std::size_t start = i;
    if (c == '"' || c == '\'') {
      for (++i; text[i] != c; ++i)
        if (text[i] == '\\') ++i;
      out += quote(std::string_view(text).substr(start + 1, i++ - start - 1));
    } else {
      while (!is_blank(text[i]) && std::string_view(",[]{}\"'").find(text[i]) == std::string_view::npos) ++i;
      const std::string_view word = std::string_view(text).substr(start, i - start);
      double number = 0;
      const bool plain = word == "true" || word == "false" || word == "null" ||
                         (parse_real(word, number) && std::isfinite(number));
      out += plain ? std::string(word) : quote(word);
    }
    need_comma = true;
  }
  return out;
}

// The words of a value that must be numbers or truth values, in whatever brackets, quotes or JSON.
std::vector<std::string> value_words(const HeaderValue& value) {
  std::string plain = value.text;
  if (plain.rfind("_JSON", 0) == 0) plain.erase(0, 5);
  for (char& c : plain)
    if (std::string_view("[](){},;\"'").find(c) != std::string_view::npos) c = ' ';
  std::vector<std::string> out;
  for (const auto word : words(plain)) out.emplace_back(word);
  return out;
}

// A number, truth value or text of JSON; anything else stays "_JSON ...".
InfoValue json_value(const std::string& text) {
  const auto parts = words(std::string_view(text).substr(5));
  bool b = false;
  std::int64_t i = 0;
  double x = 0;
  if (parts.size() == 1) {
    if (parse_bool(parts[0], b)) return b;
    if (parse_integer(parts[0], i)) return i;
    if (parse_real(parts[0], x)) return x;
  }
  return text;
}

}  // namespace

HeaderEntries parse_header(std::string_view line) {
  return HeaderParser(line).parse();
}

InfoValue info_value(const HeaderValue& value) {
  switch (value.kind) {
    case HeaderValue::flag:
      return true;
    case HeaderValue::bare: {
      bool b = false;
      std::int64_t i = 0;
      double x = 0;
      if (parse_bool(value.text, b)) return b;
      if (parse_integer(value.text, i)) return i;
      if (parse_real(value.text, x)) return x;
      return value.text;
    }
    case HeaderValue::quoted: {
      if (value.escaped) return value.text;
      if (value.text.rfind("_JSON ", 0) == 0) return json_value(value.text);
      const auto parts = words(value.text);
      Array array;
      if (parts.size() > 1 && typed_array(parts, {static_cast<Index>(parts.size())}, array)) return array;
      return value.text;
    }
    case HeaderValue::list: {
      const List list(value.text);
      Array array;
      if (list.regular && typed_array(list.leaves, list.shape, array)) return array;
      return list_as_json(value.text);
    }
  }
  return value.text;
}

std::vector<double> header_numbers(const std::string& key, const HeaderValue& value) {
  std::vector<double> numbers;
  for (const std::string& word : value_words(value)) {
    double x = 0;
    if (!parse_real(word, x) || !std::isfinite(x))
      throw HeaderError(key + ": expected a finite number, found '" + word + "'");
    numbers.push_back(x);
  }
  return numbers;
}

std::vector<bool> header_bools(const std::string& key, const HeaderValue& value) {
  std::vector<bool> out;
  if (value.kind == HeaderValue::flag) return {true};
  std::vector<std::string> parts = value_words(value);
  if (parts.size() == 1 && parts[0].size() == 3 && parts[0].find_first_not_of("TFtf01") == std::string::npos)
    parts = {parts[0].substr(0, 1), parts[0].substr(1, 1), parts[0].substr(2, 1)};  // TTF
  for (const std::string& word : parts) {
    bool b = word == "1" || word == "t" || word == ".true." || word == ".TRUE.";
    const bool no = word == "0" || word == "f" || word == ".false." || word == ".FALSE.";
    if (!b && !no && !parse_bool(word, b)) throw HeaderError(key + ": expected T or F, found '" + word + "'");
    out.push_back(b);
  }
  return out;
}

}  // namespace cartan::data
