// Matrices whose singular values repeat or vanish, too large for Jacobi's method: found by the triangular
// factor, to rounding.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/linalg/hosvd.hpp"
#include "linalg/oracle.hpp"

using namespace oracle;

namespace {

Array orthonormal(Index n, Index r, std::uint64_t seed) {
  return orthogonalized(Tucker{normal({r}, DType::f64, seed, 0), {normal({n, r}, DType::f64, seed, 1)}})
      .factors[0];
}

/// ||U^T U - I||
double from_identity(const Array& u) {
  double sum = 0;
  const Index r = u.dim(1);
  for (Index i = 0; i < r; ++i)
    for (Index j = 0; j < r; ++j) {
      double d = i == j ? -1 : 0;
      for (Index k = 0; k < u.dim(0); ++k) d += value(u, k * r + i) * value(u, k * r + j);
      sum += d * d;
    }
  return std::sqrt(sum);
}

}  // namespace

TEST(SingularValues, RepeatedAndZero) {
  constexpr Index rank = 20;
  struct Values {
    const char* name;
    double (*of)(Index);
  };
  const Values all[] = {{"equal", [](Index) { return 1.0; }},
                        {"one and a cluster", [](Index i) { return i ? 1e-9 : 1.0; }},
                        {"two clusters", [](Index i) { return i < rank / 2 ? 1 : 1e-8; }},
                        {"four clusters", [](Index i) { return std::pow(1e-3, double(i / 5)); }},
                        {"decaying", [](Index i) { return std::pow(10.0, -0.6 * double(i)); }}};
  for (const Values& s : all)
    for (const Shape& shape : {Shape{40, 40}, Shape{100, 100}, Shape{70, 100}, Shape{90, 60}})
      for (std::uint64_t seed = 0; seed < 6; ++seed) {
        Canonical c{Array::uninitialized({rank}, DType::f64),
                    {orthonormal(shape[0], rank, 2 * seed), orthonormal(shape[1], rank, 2 * seed + 1)}};
        for (Index i = 0; i < rank; ++i) c.weights.mutable_data<double>()[i] = s.of(i);
        const Array x = c.full();
        for (const double scale : {1.0, 1e-250}) {
          const Array y = combine(x, x, scale, 0);
          HosvdOptions o;
          o.method = Method::lq;
          o.tolerance = 1e-13;
          const auto r = st_hosvd(y, o);
          const Array found = combine(r.tensor.full(), y, 1 / scale, 0);
          EXPECT_LE(distance(found, x), 1.01e-13 * size(x)) << s.name << ' ' << shape[0] << ' ' << seed;
          EXPECT_TRUE(r.report.converged) << s.name << ' ' << shape[0] << ' ' << seed;
          EXPECT_LE(r.report.ranks[0], rank) << s.name << ' ' << shape[0] << ' ' << seed;
          for (const Array& u : r.tensor.factors) EXPECT_LE(from_identity(u), 2e-14) << s.name;
          const auto train = to_tensor_train(y, 1e-13);
          EXPECT_LE(distance(combine(round(train.tensor, 1e-13).tensor.full(), y, 1 / scale, 0), x),
                    2.01e-13 * size(x))
              << s.name << ' ' << shape[0] << ' ' << seed;
        }
      }
}
