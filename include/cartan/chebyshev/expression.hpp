#pragma once
/// Functions given as text, such as "exp(-(x^2+y^2+z^2))".

#include <string>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::chebyshev {

/// An expression in d variables, parsed once and evaluated on batches of points.
///
///     sum     := product (('+' | '-') product)*
///     product := signed (('*' | '/') signed)*
///     signed  := ('+' | '-') signed | power
///     power   := primary (('^' | '**') signed)?          -x^2 is -(x^2), 2^3^2 is 2^9
///     primary := number | name | name '(' sum (',' sum)* ')' | '(' sum ')'
///
/// Names: the variables; pi, e; the functions abs acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh
/// erf erfc exp expm1 floor hypot log log10 log1p log2 max min pow sign sin sinh sqrt tan tanh.
class Expression {
 public:
  /// Variables named x, y, z as far as there are so many, and x1 .. xd.
  /// Throws std::invalid_argument with the position (from 1) of what is wrong.
  Expression(const std::string& text, int variables);
  int variables() const noexcept { return variables_; }
  /// True if no variable occurs in the text.
  bool constant() const noexcept;
  const std::string& text() const noexcept { return text_; }
  /// Values at n points, point i at points[i * d .. i * d + d); in parallel.
  void operator()(const double* points, Index n, double* values) const;
  double operator()(const std::vector<double>& point) const;

 private:
  friend class ExpressionParser;
  struct Step {
    int code = 0;  // see expression.cpp
    int variable = 0;
    double number = 0;
  };
  std::string text_;
  int variables_ = 0, depth_ = 0;
  std::vector<Step> program_;  // for a stack machine
};

}  // namespace cartan::chebyshev
