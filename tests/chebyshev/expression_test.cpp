#include <cartan/chebyshev/expression.hpp>

#include <gtest/gtest.h>

#include <cmath>

using cartan::chebyshev::Expression;

TEST(Expression, ValuesFollowTheRulesOfPrecedence) {
  const double x = 0.7, y = -1.3, z = 2.1;
  const std::vector<std::pair<const char*, double>> cases = {
      {"1", 1},
      {"2+3*4", 14},
      {"(2+3)*4", 20},
      {"2^3^2", 512},
      {"2**3**2", 512},
      {"-2^2", -4},
      {"2^-1", 0.5},
      {"- - 3", 3},
      {"8/4/2", 1},
      {"1-2-3", -4},
      {"1e-3 + .5", 0.501},
      {"exp(-(x^2+y^2+z^2))", std::exp(-(x * x + y * y + z * z))},
      {"sin(pi*x)*atan2(y, z)/hypot(x,y)", std::sin(M_PI * x) * std::atan2(y, z) / std::hypot(x, y)},
      {"max(x, min(y, z)) + abs(y) + sign(y)", x + 1.3 - 1},
      {"x1 + 10*x2 + 100*x3", x + 10 * y + 100 * z},
      {"log(e) + sqrt(16) + cbrt(27) + erf(0)", 8},
      {"pow(x, 3) - x*x*x", 0},
      {"1/(x*x+4)", 1 / (x * x + 4)},
  };
  for (const auto& [text, value] : cases)
    EXPECT_LE(std::abs(Expression(text, 3)({x, y, z}) - value), 1e-14 * (1 + std::abs(value))) << text;
}

TEST(Expression, BatchesAreTheSameAsSinglePoints) {
  const Expression f("sin(x)*cos(3*y)+x/y", 2);
  std::vector<double> points, values(1000);
  for (int i = 0; i < 2000; ++i) points.push_back(0.01 * i + 0.5);
  f(points.data(), 1000, values.data());
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(values[i], f({points[2 * i], points[2 * i + 1]}));
  EXPECT_TRUE(std::isnan(Expression("max(x, sqrt(0-1))", 1)({1})));
}

TEST(Expression, ErrorsNameThePosition) {
  const auto complaint = [](const std::string& text) {
    try {
      Expression(text, 3);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  for (const auto& [text, position] : std::vector<std::pair<std::string, int>>{{"", 1},
                                                                               {"1 +", 4},
                                                                               {"(x", 3},
                                                                               {"x)", 2},
                                                                               {"2x", 2},
                                                                               {"foo(x)", 1},
                                                                               {"x + w", 5},
                                                                               {"sin x", 5},
                                                                               {"atan2(x)", 1},
                                                                               {"sin(x, y)", 1},
                                                                               {"x4", 1},
                                                                               {"1e999", 1},
                                                                               {"x $ y", 3},
                                                                               {"*x", 1}})
    EXPECT_NE(complaint(text).find("position " + std::to_string(position) + ":"), std::string::npos)
        << text << ": " << complaint(text);
  EXPECT_NE(complaint("\xe2\x88\x9ax").find("found '\xe2\x88\x9a'"),
            std::string::npos);  // all of the root sign
  EXPECT_NE(complaint(std::string(5000, '(')).find("nested"), std::string::npos);
  EXPECT_NE(complaint(std::string(5000, '-') + "1").find("nested"), std::string::npos);
}
