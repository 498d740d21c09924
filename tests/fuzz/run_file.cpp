// Run files: TOML, and values of every kind of field.

#include "config_file.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

namespace {

struct Options {
  std::int64_t whole = 1;
  double real = 0.5;
  bool flag = false;
  std::string words = "w", kind = "a";
  std::vector<std::int64_t> wholes;
  std::vector<double> reals;
  std::vector<std::string> names;
};

void describe(config::Fields& f, Options& o) {
  f.section("one");
  f("whole", o.whole, "a number").from(0).to(9);
  f("real", o.real, "a number").above(0);
  f("flag", o.flag, "yes or no");
  f.section("two");
  f("words", o.words, "a text");
  f("kind", o.kind, "a or b").one_of({"a", "b"});
  f("reals", o.reals, "numbers");
  f("names", o.names, "texts");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Options options;
  const app::Describe fields = app::described(options);
  return fuzz::reads([&] {
    app::read_toml_text(std::string(reinterpret_cast<const char*>(data), size), "a.toml", fields, {});
    Options again;
    const app::Describe others = app::described(again);
    app::read_toml_text(app::to_toml(fields), "b.toml", others, {});
    fuzz::claim(app::to_toml(others) == app::to_toml(fields), "what is written reads back");
  });
}
