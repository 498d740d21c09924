#include <gtest/gtest.h>

#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/irreps.hpp"

namespace cartan::so3 {
namespace {

TEST(Irreps, ParsesAndPrints) {
  const Irreps a(" 16x0e + 8x1o+2e ");
  EXPECT_EQ(a.text(), "16x0e+8x1o+1x2e");
  EXPECT_EQ(a.dim(), 16 + 24 + 5);
  EXPECT_EQ(a.num_irreps(), 25);
  EXPECT_EQ(a.lmax(), 2);
  EXPECT_EQ(a.offset(2), 40);
  EXPECT_EQ(a.count({1, -1}), 8);
  EXPECT_EQ(a.count({1, 1}), 0);
  EXPECT_EQ(Irreps("0x3o+1y+2y").text(), "0x3o+1x1o+1x2e");
  EXPECT_EQ(Irreps("").dim(), 0);
  EXPECT_EQ(Irreps("12o")[0].ir.l, 12);
  EXPECT_EQ(Irrep::parse("3y"), (Irrep{3, -1}));
  EXPECT_EQ(Irreps::spherical_harmonics(3).text(), "1x0e+1x1o+1x2e+1x3o");
  EXPECT_EQ(Irreps::spherical_harmonics(2, 1).text(), "1x0e+1x1e+1x2e");
}

TEST(Irreps, RefusesWhatItCannotRead) {
  for (const char* bad : {"1", "x0e", "2x", "1o+", "+1o", "1o++2e", "-1x0e", "1.5x0e", "1z", "8x1o 2e x",
                          "8*1o", "99999999999999999999x0e", "2x0e,1o"})
    EXPECT_THROW(Irreps{bad}, std::invalid_argument) << bad;
  EXPECT_THROW(Irrep::parse("1o+2e"), std::invalid_argument);
  EXPECT_THROW(Irreps(std::vector<MulIrrep>{{-1, {0, 1}}}), std::invalid_argument);
  EXPECT_THROW(Irreps(std::vector<MulIrrep>{{1, {0, 2}}}), std::invalid_argument);
  EXPECT_THROW(Irreps::spherical_harmonics(-1), std::invalid_argument);
}

TEST(Irreps, SortSimplifySlice) {
  const Irreps a("2x1e+3x0e+1o+0x2e+4x1o");
  const auto s = a.sort();
  EXPECT_EQ(s.irreps.text(), "3x0e+1x1o+4x1o+2x1e+0x2e");  // e3nn: odd before even
  EXPECT_EQ(s.permutation, (std::vector<std::size_t>{3, 0, 1, 4, 2}));
  EXPECT_EQ(a.regroup().text(), "3x0e+5x1o+2x1e");
  EXPECT_EQ(Irreps("1o+2x1o+0x0e+1o").simplify().text(), "4x1o");
  EXPECT_EQ(a.slice(1, 3).text(), "3x0e+1x1o");
  EXPECT_THROW(a.slice(3, 6), std::invalid_argument);
  EXPECT_EQ((Irreps("1o") + "2x0e").text(), "1x1o+2x0e");
  const auto product = Irrep{1, -1} * Irrep{2, 1};
  ASSERT_EQ(product.size(), 3u);
  EXPECT_EQ(product[0], (Irrep{1, -1}));
  EXPECT_EQ(product[2], (Irrep{3, -1}));
}

// Terms merged and cut: channels keep their order, coordinates of vectors move.
TEST(Features, CutElsewhere) {
  const Irreps apart = "2x0e+0x2e+1x1o+2x1o", merged = apart.simplify();
  ASSERT_EQ(merged.text(), "2x0e+3x1o");
  const Array x = Array::from(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1, 11});
  const Array y = recut(x, apart, merged);
  EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{1, 2, 3, 6, 7, 4, 8, 9, 5, 10, 11}));
  EXPECT_TRUE(identical(recut(y, merged, apart), x));
  EXPECT_TRUE(identical(recut(x, apart, "1x0e+1x0e+1x1o+2x1o"), x));  // scalars do not move
  EXPECT_TRUE(same_coordinates(apart, "1x0e+1x0e+1x1o+2x1o"));
  EXPECT_FALSE(same_coordinates(apart, merged));
  EXPECT_THROW(recut(x, apart, "3x0e+3x1o"), std::invalid_argument);
  EXPECT_THROW(recut(x, "3x1o", "3x1o"), std::invalid_argument);
  EXPECT_THROW(recut(x, "2x0e+3x1o", "3x1o+2x0e"), std::invalid_argument);
}

TEST(Features, SortedAndTheirDerivatives) {
  const Irreps irreps("2x1o+3x0e");
  const Array x = Array::from(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 9});
  EXPECT_EQ(sort_features(x, irreps).to_vector<double>(), (std::vector<double>{7, 8, 9, 1, 2, 3, 4, 5, 6}));
  auto f = [&](const Arrays& a) {
    const Array y =
        take_last(sort_features(recut(a[0], irreps, "1x1o+1x1o+3x0e"), "1x1o+1x1o+3x0e"), {0, 5, 2, 8});
    return sum(y * y * y);
  };
  const auto report = check_gradients(f, {x});
  EXPECT_LE(report.max_error, 1e-8);
  EXPECT_THROW(take_last(x, {0, 0}), std::invalid_argument);
  EXPECT_THROW(take_last(x, {9}), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::so3
