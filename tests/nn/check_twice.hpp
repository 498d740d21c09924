#pragma once
// First and second derivatives against differences.

#include <gtest/gtest.h>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"

// Checks df, and d<df, u> for fixed random u.
inline void check_twice(const cartan::ScalarFunction& f, const cartan::Arrays& x, double tolerance = 1e-8,
                        double step = 1e-3) {
  using namespace cartan;
  auto expect = [&](const char* which, const GradientReport& r) {
    EXPECT_TRUE(r.max_error <= tolerance)
        << which << " derivative, argument " << r.argument << " element " << r.element << ": " << r.analytic
        << " against " << r.numeric << ", error " << r.max_error;
  };
  expect("first", check_gradients(f, x, step));
  Arrays u;
  for (std::size_t k = 0; k < x.size(); ++k)
    u.push_back(random_normal(x[k].shape(), DType::f64, Random(5, k)));
  expect("second", check_gradients(
                       [&](const Arrays& t) {
                         const Arrays g = grad(f)(t);
                         Array total = sum(g[0] * u[0]);
                         for (std::size_t k = 1; k < g.size(); ++k) total = total + sum(g[k] * u[k]);
                         return total;
                       },
                       x, step));
}
