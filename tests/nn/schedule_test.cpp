#include "cartan/nn/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"

using namespace cartan;
using namespace cartan::nn;

TEST(Schedule, WarmUpAndConstant) {
  ScheduleOptions o;
  o.decay = Decay::constant;
  o.learning_rate = 0.1;
  o.warmup_steps = 4;
  const Schedule s(o);
  EXPECT_DOUBLE_EQ(s.rate(0, 0), 0.025);
  EXPECT_DOUBLE_EQ(s.rate(2, 0), 0.075);
  EXPECT_DOUBLE_EQ(s.rate(3, 0), 0.1);
  EXPECT_DOUBLE_EQ(s.rate(1000, 1), 0.1);
}

TEST(Schedule, Cosine) {
  ScheduleOptions o;
  o.learning_rate = 0.1;
  o.warmup_steps = 0;
  o.min_rate = 0.02;
  o.decay = Decay::cosine;
  const Schedule s(o);
  EXPECT_DOUBLE_EQ(s.rate(0, 0), 0.1);
  EXPECT_NEAR(s.rate(0, 0.5), 0.06, 1e-15);
  EXPECT_NEAR(s.rate(0, 0.25), 0.02 + 0.04 * (1 + std::sqrt(0.5)), 1e-15);
  EXPECT_DOUBLE_EQ(s.rate(0, 1), 0.02);
  EXPECT_DOUBLE_EQ(s.rate(0, 1.7), 0.02);
}

TEST(Schedule, Plateau) {
  ScheduleOptions o;
  o.learning_rate = 1;
  o.warmup_steps = 0;
  o.min_rate = 0.3;
  o.factor = 0.5;
  o.patience = 2;
  o.threshold = 0.1;
  o.decay = Decay::plateau;
  Schedule s(o);
  // torch: the rate falls at the first report beyond `patience` without improvement by more than the
  // threshold
  const double reports[] = {10,  9.5, 9.1, 9.05, 8.9, 9, 9, std::numeric_limits<double>::quiet_NaN(),
                            8.2, 8.2, 8.2};
  const double rates[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3};
  for (int k = 0; k < 11; ++k) {
    s.report(reports[k]);
    EXPECT_DOUBLE_EQ(s.rate(5, 0), rates[k]) << k;
  }
  data::Group group;
  s.save(group);
  Schedule copy(o);
  copy.load(group);
  EXPECT_DOUBLE_EQ(copy.rate(5, 0), 0.3);
  group.attributes["plateau_rate"] = -1.0;
  EXPECT_THROW(copy.load(group), FormatError);
}

TEST(Schedule, PatienceWithNegativeValuesAndState) {
  Patience p(0.1);
  EXPECT_TRUE(p.report(-1));
  EXPECT_FALSE(p.report(-1.05));
  EXPECT_EQ(p.waited(), 1);
  data::Group group;
  p.save(group);
  Patience q(0.1);
  q.load(group);
  EXPECT_EQ(q.waited(), 1);
  EXPECT_TRUE(q.report(-1.2));
  EXPECT_EQ(q.waited(), 0);
  EXPECT_EQ(q.best(), -1.2);
}

TEST(Schedule, NamesAndErrors) {
  for (Decay d : {Decay::constant, Decay::cosine, Decay::plateau}) EXPECT_EQ(decay_from_name(name_of(d)), d);
  EXPECT_THROW(decay_from_name("linear"), std::invalid_argument);
  ScheduleOptions o;
  o.min_rate = 1;
  EXPECT_THROW(Schedule{o}, std::invalid_argument);
  o = {};
  o.factor = 0;
  EXPECT_THROW(Schedule{o}, std::invalid_argument);
}
