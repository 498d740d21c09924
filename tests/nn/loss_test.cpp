#include "cartan/nn/loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cartan/autodiff/transforms.hpp"
#include "nn/check_twice.hpp"

using namespace cartan;
using namespace cartan::nn;

namespace {
const double nan = std::numeric_limits<double>::quiet_NaN();
const Array prediction = Array::from(std::vector<double>{1, -2, 0.5, 3});
const Array target = Array::from(std::vector<double>{0, 1, 0.25, nan});
const Array weight = Array::from(std::vector<double>{1, 2, 0.5, 0});
}  // namespace

TEST(Loss, Values) {
  const Array p = prediction.rows(0, 3), t = target.rows(0, 3), w = weight.rows(0, 3);
  EXPECT_NEAR(mse(p, t).item(), (1 + 9 + 0.0625) / 3, 1e-15);
  EXPECT_NEAR(mae(p, t).item(), (1 + 3 + 0.25) / 3, 1e-15);
  EXPECT_NEAR(huber(p, t, 0.8).item(), (0.8 * 0.6 + 0.8 * 2.6 + 0.03125) / 3, 1e-15);
  EXPECT_NEAR(mse(p, t, w).item(), (1 + 18 + 0.03125) / 3.5, 1e-15);
  EXPECT_NEAR(mae(p, t, w).item(), (1 + 6 + 0.125) / 3.5, 1e-15);
  EXPECT_NEAR(huber(p, t, 0.8, w).item(), (0.8 * 0.6 + 2 * 0.8 * 2.6 + 0.5 * 0.03125) / 3.5, 1e-15);
  EXPECT_EQ(mse(p, t).ndim(), 0);
}

TEST(Loss, AbsentLabelsLeaveNoTrace) {
  const Array mask = present(target);
  for (int k = 0; k < 4; ++k) EXPECT_EQ(mask.data<double>()[k], k < 3);
  for (auto loss : {+[](const Array& p) { return mse(p, target, weight); },
                    +[](const Array& p) { return mae(p, target, weight); },
                    +[](const Array& p) { return huber(p, target, 0.8, weight); }}) {
    EXPECT_TRUE(std::isfinite(loss(prediction).item()));
    const auto [value, g] = value_and_grad([&](const Arrays& t) { return loss(t[0]); }, {prediction});
    EXPECT_TRUE(all_finite(g[0]));
    EXPECT_EQ(g[0].data<double>()[3], 0);
    check_twice([&](const Arrays& t) { return loss(t[0]); }, {prediction});
  }
  const Array none = Array::zeros({4}, DType::f64);
  EXPECT_EQ(mse(prediction, target, none).item(), 0);
  EXPECT_FALSE(std::isfinite(mse(prediction, target).item()));
}

TEST(Loss, WeightsBroadcast) {
  const Array p = random_normal({2, 3}, DType::f64, Random(1)),
              t = random_normal({2, 3}, DType::f64, Random(2));
  const Array w = Array::from(std::vector<double>{1, 0}, {2, 1});
  EXPECT_NEAR(mse(p, t, w).item(), mse(p.rows(0, 1), t.rows(0, 1)).item(), 1e-15);
}

TEST(Loss, Errors) {
  EXPECT_THROW(mse(prediction, target.rows(0, 3)), std::invalid_argument);
  EXPECT_THROW(mse(prediction, target.as(DType::f32)), std::invalid_argument);
  EXPECT_THROW(mse(prediction, target, weight.as(DType::f32)), std::invalid_argument);
  EXPECT_THROW(mse(prediction, target, weight.rows(0, 3)), std::invalid_argument);
  EXPECT_THROW(huber(prediction, target, 0), std::invalid_argument);
}
