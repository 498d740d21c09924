#include "cartan/core/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace cartan;

namespace {

enum class Colour { red, green };
struct Kind {
  std::string name = "round";
  double radius = 1, edge = 2;
};
struct Options {
  bool flag = false;
  int count = 3;
  std::int64_t wide = 4;
  std::uint64_t seed = 1;
  double rate = 0.5;
  std::string word = "a \"b\"\\";
  std::vector<std::int64_t> sizes = {1, 2};
  std::vector<double> weights;
  std::vector<std::string> names = {"x"};
  DType dtype = DType::f32;
  Colour colour = Colour::green;
  Kind kind;
};

void describe(config::Fields& f, Options& o) {
  f("flag", o.flag, "a flag");
  f("count", o.count, "a count").from(1).to(10);
  f("wide", o.wide, "a wide count");
  f("seed", o.seed, "a seed");
  f("rate", o.rate, "a rate").above(0).below(1).unit("1/fs").may_change();
  f("word", o.word, "a word");
  f("sizes", o.sizes, "sizes").from(0);
  f("weights", o.weights, "weights").from(0);
  f("names", o.names, "names");
  f("dtype", o.dtype, "precision");
  f("colour", o.colour, {{"red", Colour::red}, {"green", Colour::green}}, "a colour");
  f.section("shape");
  f.choice(
      "kind", [&o] { return o.kind.name; },
      {{"round", [&o] { o.kind.name = "round"; }}, {"square", [&o] { o.kind.name = "square"; }}}, "a shape");
  if (o.kind.name == "round")
    f("radius", o.kind.radius, "of the circle");
  else
    f("edge", o.kind.edge, "of the square");
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST(Config, EveryTypeIsReadAndWritten) {
  Options o;
  config::Fields f = config::fields_of(o);
  f.find("flag")->set(true);
  f.find("count")->set(std::int64_t{10});
  f.find("wide")->set(std::int64_t{-5});
  f.find("seed")->set(std::numeric_limits<std::int64_t>::max());
  f.find("rate")->set(0.25);
  f.find("word")->set(std::string("it's $HOME"));
  f.find("sizes")->set(std::vector<std::int64_t>{});
  f.find("weights")->set(std::vector<std::int64_t>{1, 2});  // whole numbers are numbers
  f.find("names")->set(std::vector<std::int64_t>{});        // [] has no type
  f.find("dtype")->set(std::string("float64"));
  f.find("colour")->set(std::string("red"));
  EXPECT_TRUE(o.flag);
  EXPECT_EQ(o.count, 10);
  EXPECT_EQ(o.wide, -5);
  EXPECT_EQ(o.seed, 9223372036854775807u);
  EXPECT_EQ(o.rate, 0.25);
  EXPECT_EQ(o.word, "it's $HOME");
  EXPECT_TRUE(o.sizes.empty());
  EXPECT_EQ(o.weights, (std::vector<double>{1, 2}));
  EXPECT_TRUE(o.names.empty());
  EXPECT_EQ(o.dtype, DType::f64);
  EXPECT_EQ(o.colour, Colour::red);
  EXPECT_EQ(f.find("colour")->value(), config::Value(std::string("red")));
  EXPECT_EQ(f.find("absent"), nullptr);
}

TEST(Config, Texts) {
  EXPECT_EQ(config::to_text(true), "true");
  EXPECT_EQ(config::to_text(std::int64_t{-3}), "-3");
  EXPECT_EQ(config::to_text(2.0), "2.0");
  EXPECT_EQ(config::to_text(1e-3), "0.001");
  EXPECT_EQ(config::to_text(1e300), "1e+300");
  EXPECT_EQ(config::to_text(std::string("a\"b\\\n\t")), "\"a\\\"b\\\\\\n\\t\"");
  EXPECT_EQ(config::to_text(std::vector<double>{1, 0.5}), "[1.0, 0.5]");
  EXPECT_EQ(config::to_text(std::vector<std::string>{}), "[]");
  for (const double x : {0.1, 1.0 / 3, 1e-310, -2.5e17})
    EXPECT_EQ(std::strtod(config::to_text(x).c_str(), nullptr), x);
}

TEST(Config, WordsOfFlagsAreTakenAsTheyAre) {
  Options o;
  config::Fields f = config::fields_of(o);
  f.find("flag")->set_text("true");
  f.find("count")->set_text("7");
  f.find("rate")->set_text("+2.5e-1");
  f.find("word")->set_text("it's \"$HOME\" = [1, 2]");
  f.find("sizes")->set_text("3,4, 5");
  f.find("weights")->set_text("[1, 2.5]");
  f.find("names")->set_text("*.bias, head.*");
  EXPECT_TRUE(o.flag);
  EXPECT_EQ(o.count, 7);
  EXPECT_EQ(o.rate, 0.25);
  EXPECT_EQ(o.word, "it's \"$HOME\" = [1, 2]");
  EXPECT_EQ(o.sizes, (std::vector<std::int64_t>{3, 4, 5}));
  EXPECT_EQ(o.weights, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(o.names, (std::vector<std::string>{"*.bias", "head.*"}));
  f.find("sizes")->set_text("");
  EXPECT_TRUE(o.sizes.empty());
  for (const auto& [name, words] :
       std::vector<std::pair<std::string, std::string>>{{"flag", "yes"},
                                                        {"count", "3.5"},
                                                        {"count", "soon"},
                                                        {"count", ""},
                                                        {"count", "+"},
                                                        {"count", "99999999999999999999"},
                                                        {"rate", "0.5x"},
                                                        {"rate", "nan"},
                                                        {"seed", "-1"},
                                                        {"sizes", "1,,2"},
                                                        {"dtype", "float16"}})
    EXPECT_NE(message([&, n = name, w = words] { f.find(n)->set_text(w); }).find(name + " must be "),
              std::string::npos)
        << name << " = " << words;
}

TEST(Config, LimitsNameFieldValueAndLimit) {
  Options o;
  config::Fields f = config::fields_of(o);
  EXPECT_EQ(message([&] { f.find("count")->set(std::int64_t{11}); }),
            "count must be at least 1 and at most 10, not 11");
  EXPECT_EQ(message([&] { f.find("rate")->set(1.0); }), "rate must be above 0 and below 1, not 1 1/fs");
  EXPECT_EQ(message([&] { f.find("rate")->set(std::nan("")); }),
            "rate must be above 0 and below 1, not nan 1/fs");
  EXPECT_EQ(message([&] { f.find("seed")->set(std::int64_t{-1}); }), "seed must be at least 0, not -1");
  EXPECT_EQ(message([&] {
              f.find("weights")->set(std::vector<double>{1, -2});
            }),
            "weights must be at least 0, not -2");
  EXPECT_NE(message([&] { f.find("weights")->set(std::vector<double>{HUGE_VAL}); }).find("not inf"),
            std::string::npos);
  EXPECT_EQ(message([&] { f.find("count")->set(1.5); }), "count must be a whole number, not 1.5");
  EXPECT_EQ(message([&] { f.find("flag")->set(std::int64_t{1}); }), "flag must be true or false, not 1");
  EXPECT_EQ(message([&] { f.find("count")->set(std::int64_t{1} << 40); }),
            "count must be at least 1 and at most 10, not 1099511627776");
  EXPECT_EQ(message([&] { f.find("colour")->set(std::string("blue")); }),
            "colour must be red or green, not \"blue\"");
  EXPECT_EQ(o.count, 3);  // nothing was changed
  o.rate = 2;
  EXPECT_EQ(message([&] { config::validate("Options", o); }),
            "[Options] rate must be above 0 and below 1, not 2 1/fs");
  o.rate = 0.5;
  EXPECT_EQ(message([&] { config::validate("Options", o); }), "no error");
}

TEST(Config, AChoiceChangesTheFields) {
  Options o;
  config::Fields f = config::fields_of(o);
  EXPECT_TRUE(f.find("shape.kind")->is_choice());
  EXPECT_NE(f.find("shape.radius"), nullptr);
  o.kind.radius = 7;
  f.find("shape.kind")->set(std::string("round"));
  EXPECT_EQ(o.kind.radius, 7);
  f.find("shape.kind")->set(std::string("square"));
  config::Fields g = config::fields_of(o);
  EXPECT_EQ(g.find("shape.radius"), nullptr);
  EXPECT_NE(g.find("shape.edge"), nullptr);
  EXPECT_EQ(message([&] { g.find("shape.kind")->set(std::string("oval")); }),
            "shape.kind must be round or square, not \"oval\"");
}

TEST(Config, DifferencesAndNearest) {
  Options a, b;
  EXPECT_TRUE(config::differences(config::values_of(a), config::values_of(b)).empty());
  b.count = 4;
  b.kind.name = "square";
  const auto found = config::differences(config::values_of(a), config::values_of(b));
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].name + found[0].before + found[0].now, "count34");
  EXPECT_EQ(found[2].name + found[2].before + found[2].now, "shape.radius1.0nothing");
  EXPECT_EQ(found[3].name + found[3].before + found[3].now, "shape.edgenothing2.0");
  EXPECT_EQ(config::nearest("chanels", {"layers", "channels", "radial"}), "channels");
  EXPECT_EQ(config::nearest("xyz", {"layers", "channels", "radial"}), "");
  EXPECT_EQ(config::nearest("", {}), "");
}

TEST(Config, TwoFieldsOfOneNameAreRefused) {
  config::Fields f;
  double x = 0;
  f("x", x, "");
  EXPECT_THROW(f("x", x, ""), std::invalid_argument);
  f.section("s");
  f("x", x, "");
  EXPECT_NE(f.find("s.x"), nullptr);
}
