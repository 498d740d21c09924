#include "cartan/chebyshev/expression.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {
namespace {

// A function works on a row of operands; the loop is part of it, so that arithmetic is vectorised.
struct Unary {
  const char* name;
  void (*apply)(double* a, Index n);  // a = f(a)
};
struct Binary {
  const char* name;
  void (*apply)(double* a, const double* b, Index n);  // a = f(a, b)
};
template <auto f>
void each(double* a, Index n) {
  for (Index i = 0; i < n; ++i) a[i] = f(a[i]);
}
template <auto f>
void pairs(double* a, const double* b, Index n) {
  for (Index i = 0; i < n; ++i) a[i] = f(a[i], b[i]);
}

// A step's code: number, variable, then the functions of one argument, then those of two.
enum { push_number, push_variable, first_function };

double sign(double a) {
  return a > 0 ? 1.0 : a < 0 ? -1.0 : a;
}

constexpr Unary unary[] = {{"-", each<[](double a) { return -a; }>},
                           {"abs", each<[](double a) { return std::abs(a); }>},
                           {"acos", each<[](double a) { return std::acos(a); }>},
                           {"acosh", each<[](double a) { return std::acosh(a); }>},
                           {"asin", each<[](double a) { return std::asin(a); }>},
                           {"asinh", each<[](double a) { return std::asinh(a); }>},
                           {"atan", each<[](double a) { return std::atan(a); }>},
                           {"atanh", each<[](double a) { return std::atanh(a); }>},
                           {"cbrt", each<[](double a) { return std::cbrt(a); }>},
                           {"ceil", each<[](double a) { return std::ceil(a); }>},
                           {"cos", each<[](double a) { return std::cos(a); }>},
                           {"cosh", each<[](double a) { return std::cosh(a); }>},
                           {"erf", each<[](double a) { return std::erf(a); }>},
                           {"erfc", each<[](double a) { return std::erfc(a); }>},
                           {"exp", each<[](double a) { return std::exp(a); }>},
                           {"expm1", each<[](double a) { return std::expm1(a); }>},
                           {"floor", each<[](double a) { return std::floor(a); }>},
                           {"log", each<[](double a) { return std::log(a); }>},
                           {"log10", each<[](double a) { return std::log10(a); }>},
                           {"log1p", each<[](double a) { return std::log1p(a); }>},
                           {"log2", each<[](double a) { return std::log2(a); }>},
                           {"sign", each<sign>},
                           {"sin", each<[](double a) { return std::sin(a); }>},
                           {"sinh", each<[](double a) { return std::sinh(a); }>},
                           {"sqrt", each<[](double a) { return std::sqrt(a); }>},
                           {"tan", each<[](double a) { return std::tan(a); }>},
                           {"tanh", each<[](double a) { return std::tanh(a); }>}};

double larger(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
}
double smaller(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
}

constexpr Binary binary[] = {
    {"+", pairs<[](double a, double b) { return a + b; }>},
    {"-", pairs<[](double a, double b) { return a - b; }>},
    {"*", pairs<[](double a, double b) { return a * b; }>},
    {"/", pairs<[](double a, double b) { return a / b; }>},
    {"pow", pairs<[](double a, double b) { return b == 2 ? a * a : std::pow(a, b); }>},
    {"atan2", pairs<[](double a, double b) { return std::atan2(a, b); }>},
    {"hypot", pairs<[](double a, double b) { return std::hypot(a, b); }>},
    {"max", pairs<larger>},
    {"min", pairs<smaller>}};
constexpr int unary_count = static_cast<int>(std::size(unary)),
              binary_count = static_cast<int>(std::size(binary));
constexpr int deepest = 200;  // of nested brackets and signs

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

class ExpressionParser {
 public:
  ExpressionParser(Expression& out) : out_(out), text_(out.text_) {}

  void parse() {
    skip_blanks();
    if (at_ == text_.size()) fail("an expression is expected");
    sum();
    if (at_ < text_.size()) fail(cartan::text("'", character(), "' was not expected"));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument(cartan::text("[Expression] '", text_, "', position ", at_ + 1, ": ", what));
  }
  /// The one that is read now, all its bytes in UTF-8.
  std::string character() const {
    std::size_t end = at_ + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
    return text_.substr(at_, end - at_);
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(const char* word) {
    const std::size_t n = std::char_traits<char>::length(word);
    if (text_.compare(at_, n, word) != 0) return false;
    at_ += n;
    skip_blanks();
    return true;
  }

  void emit(int code, int variable, double number, int change) {
    out_.program_.push_back({code, variable, number});
    height_ += change;
    out_.depth_ = std::max(out_.depth_, height_);
  }
  void emit_unary(const char* name) {
    for (int k = 0; k < unary_count; ++k)
      if (std::string(unary[k].name) == name) return emit(first_function + k, 0, 0, 0);
  }
  void emit_binary(const char* name) {
    for (int k = 0; k < binary_count; ++k)
      if (std::string(binary[k].name) == name) return emit(first_function + unary_count + k, 0, 0, -1);
  }

  void sum() {
    product();
    for (;;) {
      if (take("+"))
        product(), emit_binary("+");
      else if (take("-"))
        product(), emit_binary("-");
      else
        return;
    }
  }
  void product() {
    signed_factor();
    for (;;) {
      if (text_.compare(at_, 2, "**") != 0 && take("*"))
        signed_factor(), emit_binary("*");
      else if (take("/"))
        signed_factor(), emit_binary("/");
      else
        return;
    }
  }
  void signed_factor() {
    if (++nested_ > deepest) fail(cartan::text("more than ", deepest, " nested brackets or signs"));
    if (take("-"))
      signed_factor(), emit_unary("-");
    else if (take("+"))
      signed_factor();
    else
      power();
    --nested_;
  }
  void power() {
    primary();
    if (take("^") || take("**")) signed_factor(), emit_binary("pow");
  }
  void primary() {
    if (at_ == text_.size()) fail("a number, a name or '(' is expected, the text ends");
    if (take("(")) {
      sum();
      if (!take(")")) fail("')' is expected");
    } else if (is_digit(text_[at_]) || text_[at_] == '.') {
      number();
    } else if (is_letter(text_[at_])) {
      name();
    } else {
      fail(cartan::text("a number, a name or '(' is expected, found '", character(), "'"));
    }
  }
  void number() {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) fail("this is not a number that float64 holds");
    at_ += static_cast<std::size_t>(end - begin);
    skip_blanks();
    emit(push_number, 0, value, 1);
  }
  void name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
    const std::string word = text_.substr(begin, at_ - begin);
    skip_blanks();
    for (int v = 0; v < out_.variables_; ++v)
      if (word == cartan::text("x", v + 1) || (v < 3 && word == std::string(1, "xyz"[v])))
        return emit(push_variable, v, 0, 1);
    if (word == "pi") return emit(push_number, 0, 3.14159265358979323846, 1);
    if (word == "e") return emit(push_number, 0, 2.71828182845904523536, 1);
    for (int k = 1; k < unary_count; ++k)
      if (word == unary[k].name) {
        arguments(word, 1, begin);
        return emit_unary(unary[k].name);
      }
    for (int k = 4; k < binary_count; ++k)
      if (word == binary[k].name) {
        arguments(word, 2, begin);
        return emit_binary(binary[k].name);
      }
    at_ = begin;
    fail(cartan::text("'", word, "' is neither a function nor one of the ", out_.variables_, " variables"));
  }
  void arguments(const std::string& word, int wanted, std::size_t begin) {
    if (!take("(")) fail(cartan::text("'(' is expected after ", word));
    int given = 0;
    do {
      sum();
      ++given;
    } while (take(","));
    if (!take(")")) fail("')' or ',' is expected");
    if (given != wanted) {
      at_ = begin;
      fail(cartan::text(word, " takes ", wanted, wanted == 1 ? " argument" : " arguments", ", not ", given));
    }
  }

  Expression& out_;
  const std::string& text_;
  std::size_t at_ = 0;
  int height_ = 0, nested_ = 0;
};

Expression::Expression(const std::string& text, int variables) : text_(text), variables_(variables) {
  require(variables >= 1 && variables <= 1000, "[Expression] ", variables, " variables; expected 1 to 1000");
  require(text.size() <= 100000, "[Expression] a text of ", text.size(), " characters; at most 100000");
  ExpressionParser(*this).parse();
}

void Expression::operator()(const double* points, Index n, double* values) const {
  constexpr Index block = 256;
  parallel_for(n, block, [&](Index begin, Index end) {
    const Index count = end - begin;
    std::vector<double> stack(depth_ * block);
    double* top = stack.data() - block;  // row of the topmost operand
    for (const Step& step : program_) {
      if (step.code == push_number) {
        top += block;
        std::fill_n(top, count, step.number);
      } else if (step.code == push_variable) {
        top += block;
        const double* from = points + begin * variables_ + step.variable;
        for (Index i = 0; i < count; ++i) top[i] = from[i * variables_];
      } else if (step.code < first_function + unary_count) {
        unary[step.code - first_function].apply(top, count);
      } else {
        top -= block;
        binary[step.code - first_function - unary_count].apply(top, top + block, count);
      }
    }
    std::copy_n(top, count, values + begin);
  });
}

bool Expression::constant() const noexcept {
  return std::none_of(program_.begin(), program_.end(),
                      [](const Step& s) { return s.code == push_variable; });
}

double Expression::operator()(const std::vector<double>& point) const {
  require(static_cast<int>(point.size()) == variables_, "[Expression] a point of ", point.size(),
          " coordinates for ", variables_, " variables");
  double value = 0;
  (*this)(point.data(), 1, &value);
  return value;
}

}  // namespace cartan::chebyshev
