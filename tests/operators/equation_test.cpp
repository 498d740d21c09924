// Sets of samples: every equation, threads, interrupts, other options.

#include "cartan/operators/equation.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include <cmath>
#include <filesystem>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/data/hdf5.hpp"
#include "temporary.hpp"

namespace cartan::operators {
namespace {

std::unique_ptr<Equation> quick(const std::string& name) {
  std::unique_ptr<Equation> equation = make_equation(name);
  config::Fields fields = config::fields_of(*equation);
  const auto set = [&](const char* key, const char* value) {
    if (config::Field* f = fields.find(key)) f->set_text(value);
  };
  set("points", "16");
  set("refine", "2");
  set("warm_up", "1");
  set("time", "0.05");
  set("interval", "0.05");
  set("frames_in", "2");
  set("frames_out", "3");
  return equation;
}

TEST(Equations, EveryOneMakesSamplesThatDependOnTheirNumberAlone) {
  for (const EquationKind& kind : equation_kinds()) {
    SCOPED_TRACE(kind.name);
    const std::unique_ptr<Equation> equation = quick(kind.name);
    equation->prepare();
    const Shape xs = equation->x_shape(), ys = equation->y_shape();
    EXPECT_EQ(xs[0], static_cast<Index>(equation->x_channels().size()));
    EXPECT_EQ(ys[0], static_cast<Index>(equation->y_channels().size()));
    std::vector<double> x(static_cast<std::size_t>(size_of(xs)), NAN),
        y(static_cast<std::size_t>(size_of(ys)), NAN);
    std::vector<double> x2 = x, y2 = y, x3 = x, y3 = y;
    ASSERT_TRUE(equation->draw(Random(1, 7), x.data(), y.data()));
    ASSERT_TRUE(equation->draw(Random(1, 8), x2.data(), y2.data()));
    ASSERT_TRUE(equation->draw(Random(1, 7), x3.data(), y3.data()));
    EXPECT_EQ(x, x3);
    EXPECT_EQ(y, y3);
    EXPECT_NE(x, x2);
    EXPECT_NE(y, y2);
    for (const auto* v : {&x, &y})
      for (double value : *v) ASSERT_TRUE(std::isfinite(value));
    EXPECT_FALSE(equation->formula().empty());
  }
}

TEST(Equations, TheSameBytesForAnyThreadsAndAfterAnInterrupt) {
  const cartan::testing::Temporary folder;
  GenerateOptions options;
  options.samples = 40;
  const auto make = [&](const std::string& file, int count, bool resume = false,
                        const StopFlag* stop = nullptr, const ProgressCallback& progress = {}) {
    set_threads(count);
    const std::unique_ptr<Equation> equation = quick("darcy-small");
    EXPECT_TRUE(
        generate("darcy-small", *equation, options, folder.path(file), resume, progress, stop).complete());
  };
  make("one.h5", 1);
  make("three.h5", 3);
  StopFlag stop{false};
  EXPECT_THROW(make("cut.h5", 2, false, &stop, [&](const Progress& p) { stop = p.done >= 10; }), Stopped);
  EXPECT_FALSE(std::filesystem::exists(folder.path("cut.h5")));
  make("cut.h5", 2, true);
  set_threads(0);
  EXPECT_EQ(cartan::testing::Temporary::contents(folder.path("one.h5")),
            cartan::testing::Temporary::contents(folder.path("three.h5")));
  EXPECT_EQ(cartan::testing::Temporary::contents(folder.path("one.h5")),
            cartan::testing::Temporary::contents(folder.path("cut.h5")));
  const data::Hdf5File file(folder.path("one.h5"));
  EXPECT_EQ(file.shape("x"), (Shape{40, 1, 16, 16}));
  EXPECT_EQ(file.outline().group("equation").string("name"), "darcy-small");

  // More samples of the same, and the refusal of others.
  options.samples = 44;
  make("cut.h5", 1, true);
  EXPECT_EQ(data::Hdf5File(folder.path("cut.h5")).shape("y")[0], 44);
  EXPECT_TRUE(identical(data::Hdf5File(folder.path("cut.h5")).read_rows("y", 0, 40), file.read("y")));
  options.seed = 2;
  EXPECT_THROW(make("cut.h5", 1, true), FormatError);
  EXPECT_TRUE(std::filesystem::exists(folder.path("cut.h5")));
}

TEST(Equations, SayWhatIsWrong) {
  const cartan::testing::Temporary folder;
  EXPECT_THROW(make_equation("burger"), std::invalid_argument);
  const std::unique_ptr<Equation> equation = quick("burgers");
  config::Fields fields = config::fields_of(*equation);
  EXPECT_THROW(fields.find("viscosity")->set_text("-1"), std::invalid_argument);
  // A step that is too long, of a fluid almost without viscosity.
  const std::unique_ptr<Equation> flow = quick("navier-stokes");
  config::Fields numbers = config::fields_of(*flow);
  numbers.find("viscosity")->set_text("1e-12");
  numbers.find("sigma")->set_text("1e9");
  numbers.find("step")->set_text("1");
  numbers.find("interval")->set_text("20");
  GenerateOptions options;
  options.samples = 1;
  const GenerateSummary lost = generate("navier-stokes", *flow, options, folder.path("lost.h5"));
  EXPECT_FALSE(lost.complete());
  EXPECT_EQ(lost.lost, 0);
  EXPECT_EQ(lost.samples, 0);
  EXPECT_NE(lost.message.find("lost sample 0"), std::string::npos) << lost.message;
  EXPECT_FALSE(std::ifstream(folder.path("lost.h5")).good());
  EXPECT_THROW((void)generate("burgers", *quick("burgers"), options, folder.path("no/where.h5")), IoError);
}

// Loses sample 5 of seed 1 as long as its solver is weak.
class Fragile : public Equation {
 public:
  bool weak = true;
  void describe(config::Fields&) override {}
  void prepare() override {}
  Shape x_shape() const override { return {1, 4}; }
  Shape y_shape() const override { return {1, 4}; }
  std::vector<std::string> x_channels() const override { return {"a"}; }
  std::vector<std::string> y_channels() const override { return {"b"}; }
  std::string formula() const override { return "b = 2 a"; }
  [[nodiscard]] bool draw(const Random& random, double* x, double* y) const override {
    for (Index k = 0; k < 4; ++k) {
      x[k] = random.uniform(static_cast<std::uint64_t>(k));
      y[k] = 2 * x[k];
    }
    return !weak || x[0] != Random(1, 5).uniform(0);
  }
};

TEST(Equations, TheSamplesBeforeALostOneStay) {
  const cartan::testing::Temporary folder;
  Fragile equation;
  GenerateOptions options;
  options.samples = 9;
  const std::string path = folder.path("set.h5");
  for (const bool resume : {false, true}) {  // gone on with, it is lost once more
    const GenerateSummary lost = generate("fragile", equation, options, path, resume);
    EXPECT_FALSE(lost.complete());
    EXPECT_EQ(lost.samples, 5);
    EXPECT_EQ(lost.lost, 5);
    EXPECT_NE(lost.message.find("lost sample 5"), std::string::npos) << lost.message;
    EXPECT_FALSE(std::filesystem::exists(path));
    const data::Hdf5Appender part(path, {"cartan-fields", 1, "", ""}, true);
    EXPECT_EQ(part.rows("x"), 5);
    EXPECT_EQ(part.rows("y"), 5);
  }
  equation.weak = false;
  const GenerateSummary made = generate("fragile", equation, options, path, true);
  EXPECT_TRUE(made.complete());
  EXPECT_EQ(made.samples, 9);
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  EXPECT_TRUE(generate("fragile", equation, options, folder.path("straight.h5")).complete());
  EXPECT_EQ(cartan::testing::Temporary::contents(path),
            cartan::testing::Temporary::contents(folder.path("straight.h5")));
}

}  // namespace
}  // namespace cartan::operators
