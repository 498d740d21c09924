#pragma once
// The second line of an extended XYZ frame: "key=value key='a b' key=[1, 2] key={1 2} flag key=_JSON {...}".

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cartan/data/frame.hpp"

namespace cartan::data {

/// What is wrong with a value; the reader of the file adds where.
struct HeaderError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A value as it stands in the line.
struct HeaderValue {
  enum Kind { flag, bare, quoted, list } kind = flag;  // list: with its brackets, [..] or {..}
  std::string text;                                    // without quotes, escapes decoded
  bool escaped = false;                                // had escapes: a text, never numbers
};
using HeaderEntries = std::vector<std::pair<std::string, HeaderValue>>;

/// Splits the line. Throws HeaderError for quotes or brackets without end and for a key given twice.
HeaderEntries parse_header(std::string_view line);

/// The value with its type: T/F a truth value, digits an integer, then a real number, else a text; several
/// numbers or truth values an Array (i64, f64, u8). A quoted single word is a text.
InfoValue info_value(const HeaderValue& value);

/// All numbers of a value, in order, whatever its notation; throws HeaderError unless all are finite numbers.
std::vector<double> header_numbers(const std::string& key, const HeaderValue& value);
/// All truth values of a value (T, F, True, false, 1, 0, ...).
std::vector<bool> header_bools(const std::string& key, const HeaderValue& value);

/// `key=value` for writing; parse_header and info_value give the same key and value back.
std::string format_entry(const std::string& key, const InfoValue& value);

// Words of the dialect. All want the whole word; numbers may have a leading '+' and Fortran's exponent D.
bool parse_real(std::string_view word, double& value);
bool parse_integer(std::string_view word, std::int64_t& value);
bool parse_bool(std::string_view word, bool& value);
/// Shortest text that reads back as the same number; `point`: always recognisable as a real number.
void append_real(std::string& out, double value, bool point);
/// The text in double quotes, with escapes where needed.
std::string quote(std::string_view text);

inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace cartan::data
