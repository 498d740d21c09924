#pragma once
// How far two arrays are apart.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cartan/core/array.hpp"
#include "worst.hpp"

namespace cartan::so3 {

inline double largest_difference(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0;
  for (std::size_t k = 0; k < std::min(x.size(), y.size()); ++k)
    worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
  return worst;
}

}  // namespace cartan::so3
