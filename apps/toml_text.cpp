#include "toml_text.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>

#include <algorithm>
#include <string_view>

namespace cartan::app {
namespace {

constexpr int most_parts = 32;               // of a dotted key
constexpr std::size_t most_bytes = 1 << 20;  // of a run file

bool begins_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '"' || c == '\'';
}

class Text {
 public:
  Text(std::string_view content, const std::string& path) : s_(content), path_(path) {}

  void check() {
    if (s_.size() > most_bytes)
      throw FormatError(path_, "", text("has ", s_.size(), " bytes; a run file has at most ", most_bytes));
    if (const std::size_t bad = first_not_utf8(s_); bad != s_.npos) {
      for (; at_ < bad; ++at_) count_line();
      fail("the text is not UTF-8");
    }
    if (s_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;  // the mark of UTF-8
    while (at_ < s_.size()) step();
  }

 private:
  void step() {
    const char c = s_[at_];
    if (c == '#') return skip_to_newline();
    if (c == '"' || c == '\'') {
      // `a."b"` is a key; elsewhere toml++ takes a mark within a word for a part of it.
      if (!word_.empty() && (in_value_ || word_.back() != '.')) fail("a quotation mark within a word");
      fresh_ = false;
      skip_string(c);
      word_ = c;
      return;
    }
    if (c == '[' && fresh_) return header();
    if ((c == '[' || c == '{') && !word_.empty()) fail(text("a ", c, " within a word"));
    look_for_date(c);
    count_line();
    ++at_;
    if (static_cast<unsigned char>(c) >= 0x80)
      fail("characters beyond ASCII stand between quotation marks or in a comment");
    if (!begins_key(c) && std::string_view(" \t\r\n=,.+[]{}").find(c) == std::string_view::npos)
      fail(text(printable(std::string(1, c)), " stands outside of quotation marks"));
    if (c == '\n') {
      fresh_ = open_.empty();
      if (fresh_) in_value_ = false;
      parts_ = 1;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      fresh_ = false;
    }
    if (c == '[' || c == '{') open_ += c;
    if (c == ']' || c == '}') {
      if (!open_.empty() && open_.back() != (c == ']' ? '[' : '{'))
        fail(text("a ", c, " closes a ", open_.back()));
      if (!open_.empty()) open_.pop_back();
    }
    if (c == '=' && in_value_) fail("a second = before the end of a value");
    if (c == '=' || c == '}') in_value_ = true;
    if ((c == ',' || c == '{') && !open_.empty() && open_.back() == '{') in_value_ = false;
    if (c == '=' || c == ',') parts_ = 1;
    if (c == '.' && ++parts_ > most_parts) fail(text("a key has more than ", most_parts, " parts"));
  }

  // Dates and times, which have no use in a run file: a colon, or a word that begins as 1979-05-27 does.
  void look_for_date(char c) {
    if (std::string_view(" \t\r\n=,[]{}").find(c) != std::string_view::npos)
      word_.clear();
    else if (c != '_')
      word_ += c;
    if (c == ':' || (word_.size() == 8 && word_[4] == '-' && word_[7] == '-'))
      fail("dates and times have no use here");
  }

  void header() {
    fresh_ = false;
    for (int k = 0; k < 2 && at_ < s_.size() && s_[at_] == '['; ++k, ++at_) open_ += '[';
    while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\t')) ++at_;
    if (at_ < s_.size() && !begins_key(s_[at_])) fail("the name of a table is expected after [");
  }

  void skip_to_newline() {
    while (at_ < s_.size() && s_[at_] != '\n') ++at_;
  }

  // Past a string of one line or, with three marks, of several. toml++ says what is wrong with it.
  void skip_string(char mark) {
    const std::string three(3, mark);
    const bool block = s_.substr(at_, 3) == three;
    at_ += block ? 3 : 1;
    while (at_ < s_.size()) {
      const char c = s_[at_];
      if (!block && c == '\n') fail("the string does not end");
      if (block ? s_.substr(at_, 3) == three : c == mark) break;
      if (c == '\\' && mark == '"' && !escape(block)) continue;
      count_line();
      ++at_;
    }
    at_ = std::min(s_.size(), at_ + (block ? 3 : 1));
    for (int k = 0; block && k < 2 && at_ < s_.size() && s_[at_] == mark; ++k) ++at_;  // marks of the string
  }

  // From a backslash to the sign that it stands for; false where it continued the line, or nothing follows.
  // What toml++ looks at as a blank after it must be ASCII.
  bool escape(bool block) {
    const auto blank = [&](const char* blanks) {
      return at_ < s_.size() && std::string_view(blanks).find(s_[at_]) != std::string_view::npos;
    };
    const std::size_t sign = ++at_;
    while (block && blank(" \t\r")) ++at_;
    const bool continues = at_ < s_.size() && s_[at_] == '\n';
    for (; block && continues && blank(" \t\r\n"); ++at_) count_line();
    if (at_ < s_.size() && static_cast<unsigned char>(s_[at_]) >= 0x80)
      fail("a backslash before a character beyond ASCII");
    if (!continues) at_ = sign;
    return !continues && at_ < s_.size();
  }

  void count_line() { line_ += s_[at_] == '\n'; }
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(path_, text("line ", line_), what);
  }

  std::string_view s_;
  const std::string& path_;
  std::size_t at_ = 0;
  int line_ = 1, parts_ = 1;
  std::string word_;   // since the last blank or sign of TOML
  std::string open_;   // the brackets that are open
  bool fresh_ = true;  // nothing has been said in this line, and it is not within brackets
  bool in_value_ = false;
};

}  // namespace

void check_toml_text(const std::string& content, const std::string& path) {
  Text(content, path).check();
}

}  // namespace cartan::app
