// Tensor products against e3nn, against their definition, and their derivatives.
#include "cartan/so3/tensor_product.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/conventions.hpp"
#include "nn/check_twice.hpp"
#include "so3/reference.hpp"
#include "so3/tensor_oracle.hpp"

namespace cartan::so3 {
namespace {

using oracle::difference;
using oracle::normal;

// A product of features as e3nn keeps them.
Array in_mul_ir(const TensorProduct& tp, const Array& x1, const Array& x2, const Array& w = {}) {
  return to_mul_ir(tp(from_mul_ir(x1, tp.irreps_in1()), from_mul_ir(x2, tp.irreps_in2()), w),
                   tp.irreps_out());
}

TEST(TensorProduct, EqualsE3nnFullyConnected) {
  CARTAN_E3NN_REFERENCE(reference);
  for (const char* name : {"small", "deep"}) {
    const auto& g = reference.group(std::string("tensor_product/") + name);
    const TensorProduct tp = TensorProduct::fully_connected(g.string("irreps_in1"), g.string("irreps_in2"),
                                                            g.string("irreps_out"));
    EXPECT_EQ(tp.weight_numel(), g.array("weight").size());
    EXPECT_LE(difference(in_mul_ir(tp, g.array("in1"), g.array("in2"), g.array("weight")), g.array("out")),
              1e-13)
        << name;
  }
}

// Values and gradients of benchmarks/peers/tensor_product_golden.py.
void expect_golden(const TensorProduct& tp, const data::Group& g) {
  EXPECT_EQ(tp.irreps_in1(), Irreps(g.string("irreps_in1")));
  EXPECT_EQ(tp.irreps_in2(), Irreps(g.string("irreps_in2")));
  EXPECT_EQ(tp.irreps_out(), Irreps(g.string("irreps_out")));
  const auto& coefficients = g.numbers("coefficients");
  ASSERT_EQ(tp.paths().size(), coefficients.size());
  for (std::size_t k = 0; k < coefficients.size(); ++k)
    EXPECT_LE(std::abs(tp.paths()[k].coefficient - coefficients[k]), 1e-15 * coefficients[k]) << "path " << k;
  ASSERT_EQ(tp.weight_numel(), g.array("w").dim(-1));
  const Array x1 = track(g.array("x1")), x2 = track(g.array("x2")), w = track(g.array("w"));
  const Array out = in_mul_ir(tp, x1, x2, w);
  EXPECT_LE(difference(out, g.array("out")), 1e-14);
  const Arrays gradient = gradients(out, {x1, x2, w}, g.array("c"));
  EXPECT_LE(difference(gradient[0], g.array("gx1")), 1e-14);
  EXPECT_LE(difference(gradient[1], g.array("gx2")), 1e-14);
  if (tp.weight_numel() > 0) {
    EXPECT_LE(difference(gradient[2], g.array("gw")), 1e-14);
  }
}

TEST(TensorProduct, EqualsE3nnInEveryModeAndNormalisation) {
  const data::Group file = data::load(CARTAN_SOURCE_DIR "/tests/golden/e3nn_tensor_products.h5");
  const data::Group& mixed = file.group("mixed");
  std::vector<Instruction> instructions;
  for (const std::string& line : mixed.strings("instructions")) {
    std::istringstream in(line);
    Instruction ins;
    std::string mode;
    ASSERT_TRUE(in >> ins.in1 >> ins.in2 >> ins.out >> mode >> ins.has_weight >> ins.path_weight) << line;
    ins.mode = mode_from_name(mode);
    instructions.push_back(ins);
  }
  EXPECT_EQ(mixed.groups().size(), 18u);
  const std::map<std::string, IrrepNormalization> irrep{{"component", IrrepNormalization::component},
                                                        {"norm", IrrepNormalization::norm},
                                                        {"none", IrrepNormalization::none}};
  const std::map<std::string, PathNormalization> path{{"element", PathNormalization::element},
                                                      {"path", PathNormalization::path},
                                                      {"none", PathNormalization::none}};
  for (const auto& [name, g] : mixed.groups()) {
    SCOPED_TRACE(name);
    TensorProductOptions options;
    options.irrep_normalization = irrep.at(g.string("irrep"));
    options.path_normalization = path.at(g.string("path"));
    if (g.integer("variances") != 0) {
      options.in1_variance = {1.0, 2.0, 0.5};
      options.in2_variance = {1.0, 3.0, 0.25};
      options.out_variance = {1.0, 2.0, 1.0, 0.5, 1.0, 4.0};
    }
    expect_golden(
        {g.string("irreps_in1"), g.string("irreps_in2"), g.string("irreps_out"), instructions, options}, g);
  }
  expect_golden(TensorProduct::full("2x0e+1x1o+3x1e", "1x0o+2x1o+1x2e"), file.group("full"));
  expect_golden(TensorProduct::elementwise("4x1o+1x1o+3x1e+1x0e", "4x1e+5x0o"), file.group("elementwise"));
}

TEST(TensorProduct, EqualsE3nnFull) {
  CARTAN_E3NN_REFERENCE(reference);
  const auto& g = reference.group("tensor_product/full");
  const TensorProduct tp = TensorProduct::full(g.string("irreps_in1"), g.string("irreps_in2"));
  EXPECT_EQ(tp.irreps_out(), Irreps(g.string("irreps_out")));
  EXPECT_LE(difference(in_mul_ir(tp, g.array("in1"), g.array("in2")), g.array("out")), 1e-14);
}

TEST(TensorProduct, RandomOnesEqualTheDefinition) {
  int paths[6] = {};
  for (unsigned seed = 0; seed < 150; ++seed) {
    const TensorProduct tp = oracle::random_product(seed);
    for (const Path& p : tp.paths()) ++paths[static_cast<int>(p.instruction.mode)];
    const Index n = seed % 7;
    const Array x1 = normal({n, tp.irreps_in1().dim()}, 1), x2 = normal({n, tp.irreps_in2().dim()}, 2);
    std::vector<std::int32_t> own;
    for (Index k = 0; k < n; ++k) own.push_back(static_cast<std::int32_t>(k));
    for (const Array& w : {normal({n, tp.weight_numel()}, 3), normal({tp.weight_numel()}, 4)})
      ASSERT_LE(difference(tp(x1, x2, w), oracle::convolution(tp, own, own, n, x1, x2, w)), 1e-13)
          << "seed " << seed << ": " << tp.irreps_in1() << tp.irreps_in2() << tp.irreps_out();
  }
  for (int count : paths) EXPECT_GE(count, 20);
}

// The sum is linear in each argument, so differences are exact up to rounding.
TEST(TensorProduct, DerivativesOfRandomOnes) {
  for (unsigned seed = 0; seed < 16; ++seed) {
    const TensorProduct tp = oracle::random_product(seed, 2);
    const Index n = 2, size = tp.irreps_out().dim();
    const Array c = normal({n, size}, 5);
    for (const Shape& shape : {Shape{n, tp.weight_numel()}, Shape{tp.weight_numel()}}) {
      if (size_of(shape) > 400) continue;
      SCOPED_TRACE(text("seed ", seed, tp.irreps_in1(), tp.irreps_in2(), tp.irreps_out()));
      check_twice(
          [&](const Arrays& a) { return sum(c * square(tp(a[0], a[1], a[2]))); },
          {normal({n, tp.irreps_in1().dim()}, 1), normal({n, tp.irreps_in2().dim()}, 2), normal(shape, 3)},
          1e-8);
    }
  }
}

TEST(TensorProduct, LeadingAxesBroadcast) {
  const auto tp = TensorProduct::channelwise("5x0e+5x1o", "0e+1o+2e", "0e+1o+2e");
  const Index d1 = tp.irreps_in1().dim(), d2 = tp.irreps_in2().dim(), nw = tp.weight_numel();
  const Array x1 = normal({2, 1, 3, d1}, 1), x2 = normal({4, 1, d2}, 2), w = normal({4, 3, nw}, 3);
  const Array out = tp(x1, x2, w);
  ASSERT_EQ(out.shape(), Shape({2, 4, 3, tp.irreps_out().dim()}));
  const Array full =
      tp(broadcast_to(x1, {2, 4, 3, d1}), broadcast_to(x2, {2, 4, 3, d2}), broadcast_to(w, {2, 4, 3, nw}));
  EXPECT_TRUE(identical(out, full));
  EXPECT_EQ(tp(normal({d1}, 1), normal({d2}, 2), normal({nw}, 3)).shape(), Shape({tp.irreps_out().dim()}));
  EXPECT_EQ(tp(normal({0, d1}, 1), normal({0, d2}, 2), normal({nw}, 3)).shape(),
            Shape({0, tp.irreps_out().dim()}));
  EXPECT_THROW(tp(normal({3, d1}, 1), normal({2, d2}, 2), normal({nw}, 3)), std::invalid_argument);
  EXPECT_THROW(tp(normal({3, d1}, 1), normal({3, d2}, 2), normal({nw - 1}, 3)), std::invalid_argument);
  EXPECT_THROW(tp(normal({3, d1}, 1), normal({3, d2}, 2, DType::f32), normal({nw}, 3)),
               std::invalid_argument);
}

TEST(TensorProduct, WithoutPathsOrChannels) {
  const TensorProduct none("3x1o", "1o", "2x0e+1e", {});
  EXPECT_EQ(none.weight_numel(), 0);
  EXPECT_TRUE(identical(none(normal({2, 9}, 1), normal({2, 3}, 2)), Array::zeros({2, 5}, DType::f64)));
  const TensorProduct hollow("0x1o+2x0e", "1o", "0x0e+2x1o", {{0, 0, 0, Mode::uvw}, {1, 0, 1, Mode::uvu}});
  EXPECT_EQ(hollow.weight_numel(), 2);
  EXPECT_EQ(hollow(normal({2, 2}, 1), normal({2, 3}, 2), normal({2, 2}, 3)).shape(), Shape({2, 6}));
  const TensorProduct empty("", "", "", {});
  EXPECT_EQ(empty(Array::zeros({4, 0}, DType::f32), Array::zeros({4, 0}, DType::f32)).shape(), Shape({4, 0}));
}

TEST(TensorProduct, RefusesWhatDoesNotFit) {
  const auto make = [](Instruction ins) { return TensorProduct("4x1o", "2x1o", "4x0e+8x1e+1x0o", {ins}); };
  EXPECT_NO_THROW(make({0, 0, 0, Mode::uvu}));
  EXPECT_NO_THROW(make({0, 0, 1, Mode::uvuv}));
  EXPECT_THROW(make({0, 0, 2, Mode::uvw}), std::invalid_argument);              // parity
  EXPECT_THROW(make({0, 0, 1, Mode::uvu}), std::invalid_argument);              // 8 channels for 4
  EXPECT_THROW(make({0, 0, 0, Mode::uuu}), std::invalid_argument);              // 4 with 2
  EXPECT_THROW(make({0, 0, 0, Mode::uvw, false}), std::invalid_argument);       // no weights
  EXPECT_THROW(make({0, 0, 0, Mode::uvw, true, -1.0}), std::invalid_argument);  // root of a negative
  EXPECT_THROW(make({0, 1, 0, Mode::uvw}), std::invalid_argument);              // no such term
  TensorProductOptions options;
  options.in1_variance = {1, 2};
  EXPECT_THROW(TensorProduct("4x1o", "2x1o", "4x0e", {{0, 0, 0, Mode::uvw}}, options), std::invalid_argument);
  // terms that would be merged or cut, which moves coordinates; scalars may be
  EXPECT_THROW(TensorProduct::full("1x1o+1x1o", "1x1o"), std::invalid_argument);
  EXPECT_THROW(TensorProduct::full("1x1o", "1x1o+1x1o"), std::invalid_argument);
  EXPECT_THROW(TensorProduct::elementwise("4x1o", "2x0e+2x1o"), std::invalid_argument);
  EXPECT_THROW(TensorProduct::elementwise("2x0e+2x1o", "4x1o"), std::invalid_argument);
  EXPECT_NO_THROW(TensorProduct::full("1x0e+1x0e+0x1o", "1x1o"));
  EXPECT_NO_THROW(TensorProduct::elementwise("4x0e", "2x0e+2x1o"));
  EXPECT_THROW(mode_from_name("uv"), std::invalid_argument);
  EXPECT_EQ(mode_from_name(name_of(Mode::uvuv)), Mode::uvuv);
}

}  // namespace
}  // namespace cartan::so3
