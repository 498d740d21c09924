// Formats against brute force.
#include <gtest/gtest.h>
#include <algorithm>

#include <cmath>

#include "cartan/core/random.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "linalg/oracle.hpp"

using namespace cartan;
using namespace cartan::linalg;
using namespace oracle;

namespace {

Array all_indices(const Shape& s) {
  std::vector<Index> rows;
  Index total = size_of(s);
  for (Index e = 0; e < total; ++e)
    for (Index i : multi_index(e, s)) rows.push_back(i);
  return Array::from(rows, {total, static_cast<Index>(s.size())});
}

const std::vector<Shape> shapes = {{5},       {1},       {4, 6},       {1, 5},
                                   {5, 4, 3}, {1, 7, 1}, {3, 4, 2, 5}, {2, 1, 3, 1, 2}};
const DType types[] = {DType::f32, DType::f64};
double eps(DType t) {
  return t == DType::f32 ? 1e-6 : 1e-14;
}

}  // namespace

TEST(Canonical, FullIsTheSumOfItsTerms) {
  for (DType t : types)
    for (const Shape& s : shapes) {
      const Canonical x = random_canonical(s, 3, t, 1);
      const Array full = x.full();
      for (Index e = 0; e < full.size(); ++e) {
        const auto i = multi_index(e, s);
        double sum = 0;
        for (Index r = 0; r < 3; ++r) {
          double term = value(x.weights, r);
          for (std::size_t k = 0; k < s.size(); ++k) term *= value(x.factors[k], i[k] * 3 + r);
          sum += term;
        }
        EXPECT_LE(std::abs(value(full, e) - sum), 20 * eps(t));
      }
    }
}

template <class Format>
class Formats : public ::testing::Test {};
template <class Format>
Format random_format(const Shape& s, Index r, DType t, std::uint64_t seed);
template <>
Canonical random_format(const Shape& s, Index r, DType t, std::uint64_t seed) {
  return random_canonical(s, r, t, seed);
}
template <>
Tucker random_format(const Shape& s, Index r, DType t, std::uint64_t seed) {
  return random_tucker(s, Shape(s.size(), r), t, seed);
}
template <>
TensorTrain random_format(const Shape& s, Index r, DType t, std::uint64_t seed) {
  return random_train(s, r, t, seed);
}
using AllFormats = ::testing::Types<Canonical, Tucker, TensorTrain>;
TYPED_TEST_SUITE(Formats, AllFormats);

TYPED_TEST(Formats, EntriesAreThoseOfTheFullTensor) {
  for (DType t : types)
    for (const Shape& s : shapes) {
      const TypeParam x = random_format<TypeParam>(s, 3, t, 2);
      EXPECT_EQ(x.shape(), s);
      EXPECT_LE(distance(x.at(all_indices(s)).reshaped(s), x.full()), 20 * eps(t) * (1 + size(x.full())));
      EXPECT_LE(std::abs(x.at(multi_index(0, s)) - value(x.full(), 0)), 20 * eps(t) * (1 + size(x.full())));
    }
}

TYPED_TEST(Formats, AlgebraIsThatOfTheFullTensors) {
  for (DType t : types)
    for (const Shape& s : shapes) {
      const TypeParam x = random_format<TypeParam>(s, 3, t, 3), y = random_format<TypeParam>(s, 2, t, 4);
      const Array a = x.full(), b = y.full();
      const double scale = 100 * eps(t) * (1 + size(a) + size(b));
      EXPECT_LE(distance((x + y).full(), combine(a, b, 1, 1)), scale);
      EXPECT_LE(distance((x - y).full(), combine(a, b, 1, -1)), scale);
      EXPECT_LE(distance((-2.5 * x).full(), combine(a, b, -2.5, 0)), scale);
      EXPECT_LE(std::abs(inner(x, y) - dot(a, b)), scale * (1 + size(a)));
      EXPECT_LE(std::abs(norm(x) - size(a)), scale);
      EXPECT_LE(std::abs(norm(x - x)), 1e-12 * size(a) + scale * (t == DType::f32 ? 1 : 0.01));
    }
}

TYPED_TEST(Formats, SavesAndLoads) {
  const TypeParam x = random_format<TypeParam>({3, 4, 2}, 2, DType::f32, 5);
  data::Group group;
  x.save(group);
  const TypeParam y = TypeParam::load(group);
  EXPECT_TRUE(identical(x.full(), y.full()));
}

TEST(Formats, HadamardProducts) {
  const Shape s{3, 4, 2};
  const Canonical x = random_canonical(s, 2, DType::f64, 6), y = random_canonical(s, 3, DType::f64, 7);
  EXPECT_LE(distance(hadamard(x, y).full(), times(x.full(), y.full())), 1e-12);
  const TensorTrain u = random_train(s, 2, DType::f64, 8), v = random_train(s, 3, DType::f64, 9);
  EXPECT_LE(distance(hadamard(u, v).full(), times(u.full(), v.full())), 1e-12);
}

TYPED_TEST(Formats, RoundingMeetsItsToleranceAndTellsTheError) {
  const Shape s{8, 7, 9};
  const TypeParam x = random_format<TypeParam>(s, 3, DType::f64, 10);
  const TypeParam small = 1e-5 * random_format<TypeParam>(s, 2, DType::f64, 11);
  const auto r = round(x + small, 1e-3);
  const double error = distance((x + small).full(), r.tensor.full()) / size((x + small).full());
  EXPECT_LE(error, 1e-3);
  EXPECT_LE(error, r.report.relative_error * (1 + 1e-9) + 1e-14);
  EXPECT_TRUE(r.report.converged);
  for (Index rank : r.report.ranks) EXPECT_EQ(rank, 3);
}

TEST(Conversions, CanonicalToTuckerAndTrain) {
  for (DType t : types)
    for (const Shape& s : shapes) {
      const Canonical x = random_canonical(s, 3, t, 12);
      const double floor = rounding_floor(t, s);
      const auto tucker = to_tucker(x);
      const auto train = to_tensor_train(x, 0);
      const auto second = to_tensor_train(tucker.tensor, 0);
      EXPECT_LE(distance(tucker.tensor.full(), x.full()), 4 * floor * size(x.full()));
      EXPECT_LE(distance(train.tensor.full(), x.full()), 4 * floor * size(x.full()));
      EXPECT_LE(distance(second.tensor.full(), x.full()), 8 * floor * size(x.full()));
      EXPECT_TRUE(tucker.report.converged && train.report.converged && second.report.converged);
      for (std::size_t k = 0; k < s.size(); ++k)
        EXPECT_EQ(tucker.report.ranks[k], std::min<Index>({3, s[k], size_of(s) / s[k]}));
    }
}

TEST(Conversions, FullToTuckerAndTrain) {
  for (DType t : types)
    for (const Shape& s : shapes) {
      const Array x = random_tucker(s, Shape(s.size(), 2), t, 13).full();
      const double floor = rounding_floor(t, s);
      const auto tucker = st_hosvd(x);
      const auto train = to_tensor_train(x, 0);
      EXPECT_LE(distance(tucker.tensor.full(), x), 4 * floor * size(x));
      EXPECT_LE(distance(train.tensor.full(), x), 4 * floor * size(x));
      for (std::size_t k = 0; k < s.size(); ++k)
        EXPECT_EQ(tucker.report.ranks[k], std::min<Index>({2, s[k], size_of(s) / s[k]}));
    }
}
