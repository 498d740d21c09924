#include "cartan/core/plan.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace cartan {
namespace {

Candidate candidate(const std::string& engine, double seconds, const std::string& why_not = "") {
  Candidate c;
  c.engine = engine;
  c.seconds = seconds;
  c.why_not = why_not;
  return c;
}

std::string error_of(const std::vector<Candidate>& candidates, const std::string& forced) {
  try {
    choose(candidates, forced);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

TEST(Plan, TakesTheFastestThatIsPossible) {
  const std::vector<Candidate> all{candidate("sums", 3), candidate("fft", 1, "lengths differ"),
                                   candidate("grid", 2), candidate("other", 2)};
  const Plan plan = choose(all, "");
  EXPECT_EQ(plan.engine, "grid");
  EXPECT_FALSE(plan.forced);
  EXPECT_EQ(plan.candidates.size(), 4u);
  EXPECT_NE(plan.text().find("* grid"), std::string::npos) << plan.text();
  EXPECT_NE(plan.text().find("  fft      not possible: lengths differ"), std::string::npos) << plan.text();
}

TEST(Plan, TakesTheForcedOneOrSaysWhyNot) {
  const std::vector<Candidate> all{candidate("sums", 3), candidate("fft", 1, "lengths differ")};
  const Plan plan = choose(all, "sums");
  EXPECT_EQ(plan.engine, "sums");
  EXPECT_TRUE(plan.forced);
  EXPECT_NE(plan.text().find("expected, forced"), std::string::npos) << plan.text();
  EXPECT_NE(error_of(all, "fft").find("the engine fft cannot compute this: lengths differ"),
            std::string::npos);
  EXPECT_NE(error_of(all, "gird").find("no engine gird can compute this; there are: sums, fft"),
            std::string::npos);
  EXPECT_NE(error_of({candidate("fft", 1, "lengths differ")}, "").find("no engine can compute this"),
            std::string::npos);
  EXPECT_FALSE(error_of({}, "").empty());
}

TEST(Plan, MeasuresTheLeastTimeOfSeveralCalls) {
  Candidate c = candidate("sums", 1e9);
  int calls = 0;
  measure(
      c, [&] { ++calls; }, 2);
  EXPECT_EQ(calls, 4);
  EXPECT_TRUE(c.measured);
  EXPECT_TRUE(c.seconds >= 0 && c.seconds < 1);
}

TEST(PlanOptions, AreDescribedAndChecked) {
  PlanOptions o;
  EXPECT_NO_THROW(o.validate());
  config::Fields fields = config::fields_of(o);
  EXPECT_EQ(fields.names(), (std::vector<std::string>{"engine", "measure", "batch"}));
  fields.find("engine")->set_text("grid");
  EXPECT_EQ(o.engine, "grid");
  for (const std::int64_t batch : {0, -3}) {
    o.batch = batch;
    EXPECT_THROW(o.validate(), std::invalid_argument);
  }
}

}  // namespace
}  // namespace cartan
