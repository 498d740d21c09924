// Words of extended XYZ: numbers, truth values, quoted texts, and whole entries for writing.

#include <charconv>
#include <cmath>

#include "cartan/core/error.hpp"
#include "data/extxyz_header.hpp"

namespace cartan::data {
namespace {

template <class T>
bool whole_word(std::string_view word, T& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size();
}

// One element of an array for writing.
void append_element(std::string& out, const Array& a, Index i) {
  switch (a.dtype()) {
    case DType::f32:
      return append_real(out, static_cast<double>(a.data<float>()[i]), true);
    case DType::f64:
      return append_real(out, a.data<double>()[i], true);
    case DType::i32:
      out += std::to_string(a.data<std::int32_t>()[i]);
      return;
    case DType::i64:
      out += std::to_string(a.data<std::int64_t>()[i]);
      return;
    case DType::u8:
      out += a.data<std::uint8_t>()[i] ? 'T' : 'F';
      return;
    default:
      break;
  }
  throw std::invalid_argument(text("[write_extxyz] arrays of ", a.dtype(), " cannot be written"));
}

void append_list(std::string& out, const Array& a, int axis, Index& at) {
  out += '[';
  for (Index i = 0; i < a.dim(axis); ++i) {
    if (i) out += ", ";
    if (axis + 1 < a.ndim())
      append_list(out, a, axis + 1, at);
    else
      append_element(out, a, at++);
  }
  out += ']';
}

std::string format_array(const Array& a) {
  std::string out;
  Index at = 0;
  if (a.ndim() == 1 && a.size() > 1) {  // the notation that every reader knows
    out = "\"";
    for (; at < a.size(); ++at) {
      if (at) out += ' ';
      append_element(out, a, at);
    }
    return out + '"';
  }
  append_list(out, a.ndim() == 0 ? a.reshaped({1}) : a, 0, at);
  return out;
}

std::string format_text(const std::string& s) {
  HeaderValue plain;
  plain.kind = HeaderValue::quoted;
  plain.text = s;
  if (std::holds_alternative<std::string>(info_value(plain))) return quote(s);
  std::string out = "\"";  // looks like numbers: escaped blanks keep it a text
  for (const char c : s) {
    if (is_blank(c)) out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

bool parse_real(std::string_view word, double& value) {
  if (word.size() > 1 && word[0] == '+' && word[1] != '-') word.remove_prefix(1);
  if (whole_word(word, value)) return true;
  // Fortran's exponent, Mathematica's (2.2*^-6), and numbers out of the range of a double.
  char copy[64];
  if (word.empty() || word.size() >= sizeof copy) return false;
  std::size_t size = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    char c = word[i] == 'd' || word[i] == 'D' ? 'e' : word[i];
    if (c == '*' && word.substr(i, 2) == "*^") c = 'e', ++i;
    if (!((c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E')) return false;
    copy[size++] = c;
  }
  const auto [end, error] = std::from_chars(copy, copy + size, value);
  if (end != copy + size) return false;
  if (error == std::errc::result_out_of_range) {
    const std::string_view digits(copy, size);
    const std::size_t exponent = digits.find_first_of("eE");
    const bool tiny =
        exponent != std::string_view::npos && exponent + 1 < digits.size() && digits[exponent + 1] == '-';
    value = tiny ? 0.0 : HUGE_VAL;
    if (copy[0] == '-') value = -value;
    return true;
  }
  return error == std::errc();
}

bool parse_integer(std::string_view word, std::int64_t& value) {
  if (word.size() > 1 && word[0] == '+' && word[1] != '-') word.remove_prefix(1);
  return whole_word(word, value);
}

bool parse_bool(std::string_view word, bool& value) {
  value = word == "T" || word == "true" || word == "True" || word == "TRUE";
  return value || word == "F" || word == "false" || word == "False" || word == "FALSE";
}

void append_real(std::string& out, double value, bool point) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  const std::string_view word(buffer, static_cast<std::size_t>(result.ptr - buffer));
  out += word;
  if (point && word.find_first_of(".en") == std::string_view::npos) out += ".0";
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else
      out += c;
  }
  return out + '"';
}

std::string format_entry(const std::string& key, const InfoValue& value) {
  std::string out = key;
  if (key.empty() || key.find_first_of(" \t\n\r=\"'\\[]{}") != std::string::npos) out = quote(key);
  out += '=';
  if (const auto* x = std::get_if<double>(&value))
    append_real(out, *x, true);
  else if (const auto* i = std::get_if<std::int64_t>(&value))
    out += std::to_string(*i);
  else if (const auto* b = std::get_if<bool>(&value))
    out += *b ? 'T' : 'F';
  else if (const auto* s = std::get_if<std::string>(&value))
    out += format_text(*s);
  else
    out += format_array(std::get<Array>(value));
  return out;
}

}  // namespace cartan::data
