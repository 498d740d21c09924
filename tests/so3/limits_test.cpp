// Degrees and sizes that nothing can hold, and lengths that have no square.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/edge_convolution.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/layers.hpp"
#include "cartan/so3/sphere_grid.hpp"
#include "cartan/so3/tables.hpp"
#include "cartan/so3/vector_signal.hpp"
#include "cartan/so3/wigner.hpp"
#include "so3/errors.hpp"

namespace cartan::so3 {
namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(16, stream));
}

// Powers of two whose squares, and those of vectors of such length, overflow or underflow.
std::vector<double> awkward_scales(DType dtype) {
  std::vector<double> scales;
  for (int power : dtype == DType::f32 ? std::vector<int>{-100, -60, 60, 100} : std::vector<int>{-900, 900})
    scales.push_back(std::ldexp(1.0, power));
  return scales;
}
Array scaled(const Array& x, double factor) {
  return (x.as(DType::f64) * factor).as(x.dtype());
}

TEST(Limits, Degrees) {
  const std::string outside = "is outside [0, 1000]";
  const Array x = normal({1, 4}, 1),
              one = reshape(Array::from<double>({1, 0, 0, 0, 1, 0, 0, 0, 1}), {1, 3, 3});
  for (int l : {-1, 1001, 65535, 100000, 2000000000}) {
    const auto refused = [&](auto&& f) {
      const std::string error = error_of(f);
      EXPECT_NE(error.find("degree " + std::to_string(l) + " " + outside), std::string::npos) << error;
    };
    refused([&] { wigner_3j(1, l, 1); });
    refused([&] { wigner_j(l); });
    refused([&] { generator(l, 0); });
    refused([&] { wigner_d(one, l); });
    refused([&] { wigner_d_degree(one, l); });
    if (l != -1) refused([&] { wigner_size(l); });  // of empty irreps: 0
    refused([&] { GauntProduct(1, l, 1); });
    refused([&] { ManyBodyProduct(l, 2, 1); });
    refused([&] { GauntConvolution(1, 1, l); });
    refused([&] { BracketProduct(l, 1, 1); });
    refused([&] { CompleteProduct(1, 1, l); });
    refused([&] { scale_degrees(x, l, x); });
    refused([&] { to_grid(x, l, SphereGrid(2, 4)); });
    refused([&] { from_grid(x, l, SphereGrid(2, 4)); });
    EXPECT_THROW(Irreps::spherical_harmonics(l), std::invalid_argument);
    EXPECT_THROW(Irreps(std::vector<MulIrrep>{{1, {l, 1}}}), std::invalid_argument);
  }
  EXPECT_THROW(ManyBodyProduct(3, 100000, 1), std::invalid_argument);
  EXPECT_THROW(SphereGrid(1000000000, 1000000000), std::invalid_argument);
  EXPECT_THROW(SphereGrid::exact(2000000000), std::invalid_argument);
  EXPECT_THROW(scale_degrees(x, 1, Array::scalar(1, DType::f64)), std::invalid_argument);
  EXPECT_EQ(GauntProduct(300, 300, 300).plan().engine, "grid");  // planned without counting couplings
}

TEST(Limits, Sizes) {
  const Irreps huge = "4000000000x0e";
  for (const std::string& error :
       {error_of([&] { Linear(huge, huge); }), error_of([&] { SO2Convolution(huge, huge); }),
        error_of([&] { TensorProduct::fully_connected(huge, huge, huge); })})
    EXPECT_NE(error.find("too many elements"), std::string::npos) << error;
  const std::string error = error_of([] { EdgeList({}, {}, Index{1} << 60); });
  EXPECT_NE(error.find("is outside [0, 2147483648]"), std::string::npos) << error;
}

// The gradient by vectors of length a is 1/a times that at length 1, to the last bit; so are losses of
// forces.
TEST(Limits, LengthsOfEdges) {
  const auto product =
      TensorProduct::channelwise("3x0e+3x1o+3x2e", Irreps::spherical_harmonics(2), "0e+1o+2e");
  const EdgeList edges({0, 1, 2, 2, 0}, {1, 2, 0, 1, 2}, 3);
  for (DType dtype : {DType::f32, DType::f64}) {
    const Array x = normal({3, product.irreps_in1().dim()}, 2, dtype), r = normal({5, 3}, 3, dtype),
                w = normal({5, product.weight_numel()}, 4, dtype), f = normal({3, 4}, 5, dtype),
                s = normal({3}, 6, dtype);
    const auto check = [&](const char* what, auto&& energy) {
      const auto run = [&](double scale) {
        const Arrays in{track(x), track(scaled(r, scale))};
        const Array force = gradients(energy(in), in, {}, true)[1] * scale;
        Arrays result{detach(force)};
        const Arrays by = gradients(sum(square(force)), in);
        result.push_back(by[0]);
        result.push_back(scaled(by[1], scale));
        return result;
      };
      const Arrays expected = run(1);
      for (double scale : awkward_scales(dtype)) {
        const Arrays got = run(scale);
        for (std::size_t k = 0; k < got.size(); ++k)
          EXPECT_TRUE(identical(got[k], expected[k])) << what << " " << dtype << " " << scale << " " << k;
      }
    };
    for (const char* engine : {"cg", "escn"}) {
      const EdgeConvolution convolution(product, Normalization::component, {engine, false, 5});
      check(engine, [&](const Arrays& a) { return sum(square(convolution(edges, a[0], a[1], w))); });
    }
    const GauntConvolution gaunt(1, 2, 2);
    check("gaunt", [&](const Arrays& a) { return sum(square(gaunt(edges, f, a[1], s))) + 0.0 * sum(a[0]); });
  }
}

TEST(Limits, LengthsOfQuaternions) {
  for (DType dtype : {DType::f32, DType::f64}) {
    const Array q = normal({7, 4}, 7, dtype), expected = rotation_from_quaternion(q);
    for (double scale : awkward_scales(dtype))
      EXPECT_TRUE(identical(rotation_from_quaternion(scaled(q, scale)), expected)) << dtype << " " << scale;
  }
}

TEST(Limits, LengthsOfActivatedNorms) {
  const auto unit = [](const Array& length) { return length * 0.0 + 1.0; };
  const NormActivation activation{"2x1o", unit, true, 1e-37};
  for (DType dtype : {DType::f32, DType::f64}) {
    const Array x = normal({3, 6}, 8, dtype), expected = activation(x);
    for (double scale : awkward_scales(dtype)) {
      if (scale < 1e-36) continue;  // such norms count as epsilon
      EXPECT_TRUE(identical(activation(scaled(x, scale)), expected)) << dtype << " " << scale;
    }
  }
}

TEST(Limits, Functions) {
  const Array x = normal({2, 3}, 9);
  const auto total = [](const Array& a) { return sum(a); };
  EXPECT_THROW(second_moment_factor({}), std::invalid_argument);
  EXPECT_THROW(Activation{total}(x), std::invalid_argument);
  EXPECT_THROW((NormActivation{"1x1o", total}(x)), std::invalid_argument);
  for (double epsilon : {0.0, -1.0, double{NAN}, double{INFINITY}}) {
    EXPECT_THROW((LayerNorm{"1x1o", epsilon}(x)), std::invalid_argument);
    EXPECT_THROW((NormActivation{"1x1o", silu, true, epsilon}(x)), std::invalid_argument);
  }
}

}  // namespace
}  // namespace cartan::so3
