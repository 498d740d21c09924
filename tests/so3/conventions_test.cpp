// Adapters against values of the programs they adapt to (benchmarks/peers/conventions_golden.py).
#include "cartan/so3/conventions.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "cartan/so3/tables.hpp"
#include "so3/difference.hpp"

namespace cartan::so3 {
namespace {

data::Group golden() {
  return data::load(std::string(CARTAN_SOURCE_DIR) + "/tests/golden/conventions.h5");
}

TEST(Conventions, Sphericart) {
  const data::Group group = golden();
  const Array points = group.array("sphericart/points"), values = group.array("sphericart/values");
  const Array ours = spherical_harmonics(points, 6);
  EXPECT_LE(largest_difference(to_sphericart(ours, 6), values), 1e-13);
  EXPECT_LE(largest_difference(from_sphericart(values, 6), ours), 1e-12);
  // as the header says: ours at (y, z, x)
  const Array reordered = take_last(points, {1, 2, 0});
  EXPECT_LE(largest_difference(spherical_harmonics(reordered, 6, {true, Normalization::integral}), values),
            1e-13);
  const Array c = random_normal({7, 49}, DType::f64, Random(1));
  const auto f = [&](const Arrays& a) { return sum(square(to_sphericart(a[0], 6)) * c); };
  EXPECT_LE(check_gradients(f, {ours}, 1e-3, 40).max_error, 1e-8);
  EXPECT_THROW(to_sphericart(ours, 5), std::invalid_argument);
  EXPECT_THROW(from_sphericart(ours, -1), std::invalid_argument);
}

TEST(Conventions, MulIr) {
  const Irreps irreps("2x0e+3x1o+1x2e");
  std::vector<float> v(static_cast<std::size_t>(2 * irreps.dim()));
  std::iota(v.begin(), v.end(), 0.0f);
  const Array x = Array::from(v, {2, irreps.dim()}), y = from_mul_ir(x, irreps);
  EXPECT_EQ(y.rows(0, 1).to_vector<float>(),
            (std::vector<float>{0, 1, 2, 5, 8, 3, 6, 9, 4, 7, 10, 11, 12, 13, 14, 15}));
  EXPECT_TRUE(identical(to_mul_ir(y, irreps), x));
  EXPECT_THROW(from_mul_ir(x, "3x1o"), std::invalid_argument);
  EXPECT_THROW(to_mul_ir(x, "3x1o"), std::invalid_argument);
  // cut into terms elsewhere, channels keep their places in mul_ir
  const Irreps cut("1x0e+1x0e+2x1o+1x1o+1x2e");
  EXPECT_TRUE(identical(to_mul_ir(recut(y, irreps, cut), cut), x));

  const Irreps rows("2x1o+1x0e");
  const Array matrix = random_normal({4, rows.dim(), irreps.dim()}, DType::f64, Random(3)),
              ours = matrix_from_mul_ir(matrix, rows, irreps), z = x.as(DType::f64);
  EXPECT_TRUE(identical(matrix_to_mul_ir(ours, rows, irreps), matrix));
  EXPECT_LE(largest_difference(to_mul_ir(matmul(from_mul_ir(z, irreps), transpose(ours)), rows),
                               matmul(z, transpose(matrix))),
            1e-13);
  EXPECT_THROW(matrix_from_mul_ir(matrix, irreps, rows), std::invalid_argument);
  EXPECT_THROW(matrix_to_mul_ir(z, rows, irreps), std::invalid_argument);
  const Array c = random_normal({2, irreps.dim()}, DType::f64, Random(4));
  for (const auto& convert : {from_mul_ir, to_mul_ir}) {
    const auto f = [&](const Arrays& a) { return sum(square(convert(a[0], irreps)) * c); };
    EXPECT_LE(check_gradients(f, {c}).max_error, 1e-8);
  }
}

TEST(Conventions, CuEquivariance) {
  const data::Group file = golden();
  const data::Group& group = file.group("cuequivariance");
  const Irreps irreps(group.string("irreps"));
  const auto sorted = sort_natural(irreps);
  EXPECT_EQ(sorted.irreps.text(), Irreps(group.string("sorted")).text());
  int compared = 0;
  for (const auto& [name, item] : group.group("cg").items()) {
    int l[3];
    ASSERT_EQ(std::sscanf(name.c_str(), "%d_%d_%d", l, l + 1, l + 2), 3);
    const auto theirs = item.array.to_vector<double>();
    const auto& ours = wigner_3j(l[0], l[1], l[2]);
    ASSERT_EQ(theirs.size(), ours.size());
    for (std::size_t k = 0; k < ours.size(); ++k)
      EXPECT_LE(std::abs(theirs[k] - clebsch_gordan_factor(l[2]) * ours[k]), 1e-14) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 7);

  // terms move whole
  const Array x = random_normal({3, irreps.dim()}, DType::f64, Random(2));
  const Array y = to_natural_order(x, irreps);
  for (std::size_t t = 0; t < irreps.size(); ++t) {
    const std::size_t to = sorted.permutation[t];
    ASSERT_EQ(sorted.irreps[to], irreps[t]);
    EXPECT_TRUE(identical(slice(y, 1, sorted.irreps.offset(to), sorted.irreps.offset(to + 1)),
                          slice(x, 1, irreps.offset(t), irreps.offset(t + 1))));
  }
  EXPECT_TRUE(identical(from_natural_order(y, irreps), x));
  EXPECT_THROW(to_natural_order(x, "3x1o"), std::invalid_argument);
}

TEST(Conventions, Fairchem) {
  const data::Group file = golden();
  int compared = 0;
  for (const auto& [name, item] : file.group("fairchem").items()) {
    int lmax, mmax;
    ASSERT_EQ(std::sscanf(name.c_str(), "%d_%d", &lmax, &mmax), 2);
    const auto order = m_major_order(lmax, mmax);
    ASSERT_EQ(static_cast<Index>(order.size()), item.array.dim(0));
    for (std::size_t k = 0; k < order.size(); ++k) {
      const std::int32_t *lm = item.array.data<std::int32_t>() + 2 * k, l = lm[0], m = lm[1];
      EXPECT_EQ(order[k], l * l + l + m) << name << " " << k;
    }
    const Index n = Index{lmax + 1} * (lmax + 1);
    for (const Shape& shape : {Shape{2, n, 3}, Shape{2, n}}) {
      const Array x = random_normal(shape, DType::f64, Random(3));
      const Array y = to_m_major(x, lmax, mmax), back = from_m_major(y, lmax, mmax);
      EXPECT_TRUE(identical(to_m_major(back, lmax, mmax), y));
      // the adjoint of each other
      const Array c = random_normal(y.shape(), DType::f64, Random(4));
      EXPECT_LE(std::abs(sum(y * c).item() - sum(x * from_m_major(c, lmax, mmax)).item()), 1e-12);
      if (lmax == mmax) {
        EXPECT_TRUE(identical(back, x));
      }
    }
    ++compared;
  }
  EXPECT_EQ(compared, 4);
  EXPECT_THROW(m_major_order(2, 3), std::invalid_argument);
  EXPECT_THROW(to_m_major(Array::zeros({2, 8}, DType::f64), 2, 1), std::invalid_argument);
  EXPECT_THROW(from_m_major(Array::zeros({2, 9}, DType::f64), 2, 1), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::so3
