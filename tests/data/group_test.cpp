#include "cartan/data/group.hpp"

#include <gtest/gtest.h>

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

TEST(Group, MakesPathsAndFindsThem) {
  Group g;
  g.set("a/b/c", Array::scalar(3, DType::f64), "eV", "none");
  g.set("/top", Array::from(std::vector<float>{1, 2}));
  EXPECT_TRUE(g.has("a/b/c"));
  EXPECT_TRUE(g.has("/a/b/c"));
  EXPECT_FALSE(g.has("a/b"));
  EXPECT_TRUE(g.has_group("a/b"));
  EXPECT_TRUE(g.has_group(""));
  EXPECT_FALSE(g.has_group("a/b/c"));
  EXPECT_EQ(g.array("a/b/c").item(), 3);
  EXPECT_EQ(g.group("a").group("b").array("c").item(), 3);
  EXPECT_EQ(std::get<std::string>(g["a/b"].items().at("c").attributes.at("units")), "eV");
  g["x/y"].attributes["n"] = std::int64_t{4};
  EXPECT_EQ(g.group("x/y").integer("n"), 4);
  g.set("a/b/c", Array::scalar(4, DType::f64));
  EXPECT_EQ(g.array("a/b/c").item(), 4);
}

TEST(Group, RefusesBadPaths) {
  Group g;
  g.set("a", Array::scalar(1, DType::f64));
  g.set("b/c", Array::scalar(1, DType::f64));
  for (const char* bad : {"", "/", "a//b", "./x", "x/..", "..", "."})
    EXPECT_THROW(g.set(bad, Array()), std::invalid_argument) << bad;
  EXPECT_THROW(g.set(std::string("a\0b", 3), Array()), std::invalid_argument);
  EXPECT_THROW(g.set("a/x", Array()), std::invalid_argument) << "below an array";
  EXPECT_THROW(g.set("b", Array()), std::invalid_argument) << "over a group";
  EXPECT_THROW(g["a"], std::invalid_argument);
}

TEST(Group, ErrorsNameFileAndObject) {
  Group g;
  g.set("model/w", Array::zeros({2, 3}, DType::f32));
  g["model"].attributes["name"] = std::string("x");
  g.set_origin("f.h5", "/");
  const auto message = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const FormatError& e) {
      return e.what();
    }
    return "nothing";
  };
  EXPECT_EQ(message([&] { g.array("model/v"); }), "f.h5: /model/v: there is no array of this name");
  EXPECT_EQ(message([&] { g.group("model").array("v"); }), "f.h5: /model/v: there is no array of this name");
  EXPECT_EQ(message([&] { g.group("other"); }), "f.h5: /other: there is no group of this name");
  EXPECT_EQ(message([&] { g.group("model").integer("name"); }),
            "f.h5: /model: the attribute 'name' is a text, not an integer");
  EXPECT_EQ(message([&] { g.group("model").string("title"); }),
            "f.h5: /model: the attribute 'title' is missing");
  EXPECT_EQ(message([&] {
              g.array("model/w", DType::f64, {2, 3});
            }),
            "f.h5: /model/w: holds float32 of shape (2, 3), expected float64 of shape (2, 3)");
  EXPECT_THROW(g.array("model/w", DType::f32, {2, 4}), FormatError);
  EXPECT_THROW(g.array("model/w", DType::f32, {2}), FormatError);
  EXPECT_EQ(g.array("model/w", DType::f32, {-1, 3}).size(), 6);
}

TEST(Group, AttributesAreChecked) {
  Group g;
  g.attributes = {{"i", std::int64_t{2}},           {"d", 2.5},
                  {"s", std::string("t")},          {"is", std::vector<std::int64_t>{1, 2}},
                  {"ds", std::vector<double>{0.5}}, {"ss", std::vector<std::string>{"a", "b"}}};
  EXPECT_EQ(g.integer("i"), 2);
  EXPECT_EQ(g.number("i"), 2.0);
  EXPECT_EQ(g.number("d"), 2.5);
  EXPECT_EQ(g.string("s"), "t");
  EXPECT_EQ(g.integers("is").size(), 2u);
  EXPECT_EQ(g.numbers("ds").at(0), 0.5);
  EXPECT_EQ(g.strings("ss").at(1), "b");
  EXPECT_THROW(g.integer("d"), FormatError);
  EXPECT_THROW(g.number("s"), FormatError);
  EXPECT_THROW(g.numbers("is"), FormatError);
}

}  // namespace
}  // namespace cartan::data
