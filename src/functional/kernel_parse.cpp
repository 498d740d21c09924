// Kernels from words.

#include <charconv>
#include <cmath>
#include <map>

#include "cartan/core/config.hpp"
#include "cartan/core/error.hpp"
#include "cartan/functional/kernel.hpp"

namespace cartan::functional {
namespace {

class Parser {
 public:
  explicit Parser(const std::string& words) : words_(words) {}

  Kernel whole() {
    Kernel k = sum();
    if (at_ < words_.size()) fail("an operator + or * is expected");
    return k;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument(text("[Kernel] '", words_, "', position ", at_ + 1, ": ", what));
  }
  void blanks() {
    while (at_ < words_.size() && (words_[at_] == ' ' || words_[at_] == '\t')) ++at_;
  }
  bool next(char c) {
    blanks();
    if (at_ >= words_.size() || words_[at_] != c) return false;
    ++at_;
    blanks();
    return true;
  }
  std::string word() {
    blanks();
    const std::size_t begin = at_;
    while (at_ < words_.size() &&
           (std::isalnum(static_cast<unsigned char>(words_[at_])) || words_[at_] == '_'))
      ++at_;
    return words_.substr(begin, at_ - begin);
  }
  double number() {
    blanks();
    double x = 0;
    const char* begin = words_.data() + at_;
    const auto [end, error] = std::from_chars(begin, words_.data() + words_.size(), x);
    if (error != std::errc() || !std::isfinite(x)) fail("a number is expected");
    at_ += static_cast<std::size_t>(end - begin);
    blanks();
    return x;
  }

  Kernel sum() {
    if (++depth_ > 20) fail("too many parentheses");
    Kernel k = product();
    while (next('+')) k = k + product();
    --depth_;
    return k;
  }
  Kernel product() {
    Kernel k = factor();
    while (next('*')) k = k * factor();
    return k;
  }
  Kernel factor() {
    if (next('(')) {
      Kernel k = sum();
      if (!next(')')) fail("')' is expected");
      return k;
    }
    const std::size_t begin = at_;
    const std::string name = word();
    static const std::map<std::string, std::vector<std::string>> arguments{
        {"matern12", {"length", "variance"}}, {"matern32", {"length", "variance"}},
        {"matern52", {"length", "variance"}}, {"periodic", {"period", "length", "variance", "harmonics"}},
        {"constant", {"variance"}},           {"linear", {"variance", "origin"}},
        {"independent", {"variance"}}};
    const auto found = arguments.find(name);
    if (found == arguments.end()) {
      std::vector<std::string> known;
      for (const auto& a : arguments) known.push_back(a.first);
      const std::string near = config::nearest(name, known);
      at_ = begin;
      fail("'" + name + "' is no kernel; " +
           (near.empty() ? "there are matern12, matern32, matern52, periodic, constant, linear, independent"
                         : "perhaps " + near + " is meant"));
    }
    std::map<std::string, double> given{
        {"length", 1}, {"variance", 1}, {"period", 1}, {"harmonics", 6}, {"origin", 0}};
    if (next('(') && !next(')')) {
      std::size_t place = 0;
      do {
        const std::size_t start = at_;
        std::string key = word();
        if (key.empty() || !next('=')) {
          at_ = start;
          if (place >= found->second.size()) fail("there are more numbers than '" + name + "' takes");
          key = found->second[place];
        } else {
          bool known = false;
          for (const std::string& a : found->second) known = known || a == key;
          if (!known) {
            at_ = start;
            fail("'" + name + "' has no argument '" + key + "'");
          }
        }
        given[key] = number();
        ++place;
      } while (next(','));
      if (!next(')')) fail("',' or ')' is expected");
    }
    blanks();
    const double length = given["length"], variance = given["variance"];
    if (name == "matern12") return Kernel::matern(0.5, length, variance);
    if (name == "matern32") return Kernel::matern(1.5, length, variance);
    if (name == "matern52") return Kernel::matern(2.5, length, variance);
    if (name == "constant") return Kernel::constant(variance);
    if (name == "linear") return Kernel::linear(variance, given["origin"]);
    if (name == "independent") return Kernel::independent(variance);
    const double harmonics = given["harmonics"];
    if (harmonics != std::floor(harmonics) || harmonics < 1 || harmonics > 30)
      fail("harmonics must be a whole number from 1 to 30");
    return Kernel::periodic(given["period"], length, variance, static_cast<int>(harmonics));
  }

  const std::string& words_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Kernel Kernel::parse(const std::string& words) {
  return Parser(words).whole();
}

}  // namespace cartan::functional
