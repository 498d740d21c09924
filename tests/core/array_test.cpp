#include <cartan/core/array.hpp>
#include <cartan/core/parallel.hpp>

#include <gtest/gtest.h>

using namespace cartan;

TEST(Array, CopiesAreIndependentValues) {
  Array a = Array::from(std::vector<double>{1, 2, 3, 4}, {2, 2});
  Array b = a;
  EXPECT_EQ(a.raw(), b.raw());
  b.mutable_data<double>()[0] = 7;
  EXPECT_EQ(a.data<double>()[0], 1);
  EXPECT_EQ(b.data<double>()[0], 7);
}

TEST(Array, RowsAndReshapedShareTheBuffer) {
  Array a = Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  Array r = a.rows(1, 3);
  EXPECT_EQ(r.shape(), (Shape{2, 2}));
  EXPECT_EQ(r.data<float>(), a.data<float>() + 2);
  EXPECT_EQ(a.reshaped({2, -1}).shape(), (Shape{2, 3}));
  EXPECT_THROW(a.reshaped({4, 2}), std::invalid_argument);
  EXPECT_THROW(a.rows(2, 4), std::invalid_argument);
  EXPECT_THROW(a.data<double>(), std::invalid_argument);
}
