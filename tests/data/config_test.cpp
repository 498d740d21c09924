#include "cartan/data/config.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/error.hpp"

using namespace cartan;

namespace {

struct Options {
  bool flag = true;
  Index count = 3;
  double rate = 0.5;
  std::string word = "w";
  std::vector<double> weights = {1, 2};
  std::vector<std::int64_t> sizes;
  std::vector<std::string> names = {"a", "b"};
  DType dtype = DType::f64;
};
void describe(config::Fields& f, Options& o) {
  f("flag", o.flag, "");
  f("count", o.count, "").from(1);
  f("rate", o.rate, "");
  f("word", o.word, "");
  f("weights", o.weights, "");
  f("sizes", o.sizes, "");
  f("names", o.names, "");
  f("precision", o.dtype, "").stored_as("dtype");
}

}  // namespace

TEST(ConfigAttributes, RoundTrip) {
  Options o;
  o.flag = false;
  o.count = 7;
  o.dtype = DType::f32;
  data::Group group;
  data::save_options(group, o);
  EXPECT_EQ(group.integer("flag"), 0);
  EXPECT_EQ(group.integer("count"), 7);
  EXPECT_EQ(group.string("dtype"), "float32");
  EXPECT_EQ(group.attributes.count("precision"), 0u);
  const Options read = data::load_options<Options>(group);
  EXPECT_EQ(config::values_of(o), config::values_of(read));
  EXPECT_THROW(data::save_options(group, o), std::invalid_argument);
}

TEST(ConfigAttributes, WhatDoesNotFitNamesTheAttribute) {
  data::Group good;
  data::save_options(good, Options{});
  const auto message = [&](const char* name, const data::Attribute& value) {
    data::Group group = good;
    group.attributes[name] = value;
    try {
      data::load_options<Options>(group);
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message("count", std::int64_t{0}).find("count must be at least 1, not 0"), std::string::npos);
  EXPECT_NE(message("count", 2.5).find("count must be a whole number"), std::string::npos);
  EXPECT_NE(message("flag", std::int64_t{2}).find("flag must be true or false"), std::string::npos);
  EXPECT_NE(message("rate", std::nan("")).find("rate"), std::string::npos);
  EXPECT_NE(message("dtype", std::string("float16")).find("dtype"), std::string::npos);
  EXPECT_EQ(message("rate", std::int64_t{2}), "no error");  // an integer is a number
  good.attributes.erase("word");
  EXPECT_NE(message("count", std::int64_t{1}).find("word: the attribute is missing"), std::string::npos);
}
