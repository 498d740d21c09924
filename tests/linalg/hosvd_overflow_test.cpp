// Tensors whose squares overflow: the same numbers at every call, whatever lies in reused memory.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/linalg/hosvd.hpp"

namespace cartan::linalg {
namespace {

TEST(HosvdOverflow, EveryCallGivesTheSame) {
  const std::vector<double> v{1e199, 2e199, -3e199, 4e199, 5e198, 6e199, 7e199, -2e199};
  for (const Shape& shape : {Shape{8}, Shape{2, 4}, Shape{2, 2, 2}})
    for (const Method method : {Method::automatic, Method::gram, Method::lq, Method::randomized})
      for (int call = 0; call < 4; ++call) {
        HosvdOptions o;
        o.tolerance = method == Method::gram ? 1e-6 : 1e-12;
        o.method = method;
        const Array x = Array::from(v, shape);
        const auto r = st_hosvd(x, o);
        EXPECT_LE(r.report.relative_error, o.tolerance);
        const Array y = r.tensor.full();
        for (Index i = 0; i < x.size(); ++i)
          ASSERT_LE(std::abs(y.data<double>()[i] - v[static_cast<std::size_t>(i)]), 1e-5 * 1e199)
              << name_of(method) << " call " << call;
      }
}

}  // namespace
}  // namespace cartan::linalg
