// Coupling coefficients against edge frames: the same numbers, derivatives and weights.
#include "cartan/so3/edge_convolution.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "so3/errors.hpp"

namespace cartan::so3 {
namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(6, stream));
}

double difference(const Array& a, const Array& b) {
  if (a.shape() != b.shape()) return INFINITY;
  double worst = 0, size = 0;
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (!(std::abs(x[k] - y[k]) <= worst) && !std::isnan(worst)) worst = std::abs(x[k] - y[k]);
    size = std::max(size, std::abs(y[k]));
  }
  return worst / size;
}

EdgeList ring(Index edges, std::int32_t nodes) {
  std::vector<std::int32_t> s, r;
  for (std::int32_t e = 0; e < edges; ++e) {
    s.push_back(e * 7 % nodes);
    r.push_back((e * e + 1) % nodes);
  }
  return {s, r, nodes};
}

Array edge_vectors(Index edges, std::uint64_t stream) {
  std::vector<double> v = normal({edges, 3}, stream).to_vector<double>();
  const double special[][3] = {{0, 1.3, 0}, {0, -0.7, 0},  {2, 0, 0},
                               {0, 0, -1},  {1e-12, 1, 0}, {0, -1, 1e-12}};
  for (std::size_t k = 0; k < std::size(special); ++k)
    for (std::size_t a = 0; a < 3; ++a) v[3 * k + a] = special[k][a];
  return Array::from(v, {edges, 3});
}

PlanOptions forced(const std::string& engine) {
  PlanOptions options;
  options.engine = engine;
  return options;
}

TensorProduct channelwise(const Irreps& in, const Irreps& filter, const Irreps& out,
                          TensorProductOptions options = {}) {
  std::vector<Instruction> list;
  for (std::size_t i = 0; i < in.size(); ++i)
    for (std::size_t j = 0; j < filter.size(); ++j)
      for (std::size_t o = 0; o < out.size(); ++o)
        for (const Irrep& ir : in[i].ir* filter[j].ir)
          if (ir == out[o].ir) list.push_back({i, j, o, Mode::uvu, true, 1.0 + static_cast<double>(i + j)});
  return {in, filter, out, list, options};
}

struct Case {
  TensorProduct product;
  Normalization normalization;
};
std::vector<Case> cases() {
  const Irreps natural = "5x0e+3x1o+2x2e+2x3o", full = "3x0e+2x0o+2x1o+3x1e+1x2e+2x2o";
  TensorProductOptions options;
  options.irrep_normalization = IrrepNormalization::norm;
  options.path_normalization = PathNormalization::path;
  const Irreps same = "4x0e+4x1o+4x2e+4x1e+4x3o";
  return {
      {TensorProduct::fully_connected(natural, Irreps::spherical_harmonics(6), natural),
       Normalization::component},
      {TensorProduct::fully_connected(full, Irreps::spherical_harmonics(4), full, options),
       Normalization::integral},
      {TensorProduct::fully_connected("2x0e+3x1e+2x2e", Irreps::spherical_harmonics(4, 1), "3x1e+2x2e+2x3e"),
       Normalization::norm},
      {channelwise(same, Irreps::spherical_harmonics(6), same), Normalization::component},
      {channelwise("2x0e+2x1e+2x2e", Irreps::spherical_harmonics(3, 1), "2x1e+2x2e", options),
       Normalization::norm},
      {TensorProduct::channelwise("8x0e+8x1o+8x2e", Irreps::spherical_harmonics(3), "0e+1o+2e+3o"),
       Normalization::component}};
}

TEST(EdgeConvolution, EnginesAgree) {
  for (const Case& t : cases()) {
    const EdgeConvolution cg(t.product, t.normalization, forced("cg")),
        escn(t.product, t.normalization, forced("escn"));
    const bool uvw = t.product.paths()[0].instruction.mode == Mode::uvw;
    const EdgeList edges = ring(40, 7);
    const Shape shape = uvw ? Shape{t.product.weight_numel()} : Shape{40, t.product.weight_numel()};
    const Arrays x{normal({7, t.product.irreps_in1().dim()}, 1), edge_vectors(40, 2), normal(shape, 3)};
    const Array cotangent = normal({7, t.product.irreps_out().dim()}, 4);
    const auto run = [&](const EdgeConvolution& c) {
      return vjp([&](const Arrays& a) { return Arrays{c(edges, a[0], a[1], a[2])}; }, x, {cotangent});
    };
    const auto [y, g] = run(cg);
    const auto [z, h] = run(escn);
    EXPECT_LE(difference(z[0], y[0]), 1e-13) << t.product.irreps_in1();
    for (std::size_t k = 0; k < 3; ++k) EXPECT_LE(difference(h[k], g[k]), 1e-12) << k;
    const Array shared = normal({t.product.weight_numel()}, 5);
    EXPECT_LE(difference(escn(edges, x[0], x[1], shared), cg(edges, x[0], x[1], shared)), 1e-13);
  }
}

TEST(SO2Weights, ThereAndBack) {
  for (const Case& t : cases()) {
    const SO2Weights map(t.product, t.normalization);
    const Array w = normal({3, t.product.weight_numel()}, 6);
    const Array there = map.from_tensor_product(w);
    EXPECT_EQ(there.shape(), (Shape{3, map.convolution().weight_size()}));
    EXPECT_LE(difference(map.to_tensor_product(there), w), 1e-13);
  }
  // all degrees of the filter: one to one
  const Irreps in = "3x0e+2x1o+2x2e";
  const SO2Weights map(TensorProduct::fully_connected(in, Irreps::spherical_harmonics(4), in));
  const Array w = normal({map.convolution().weight_size()}, 7);
  EXPECT_EQ(map.convolution().weight_size(),
            TensorProduct::fully_connected(in, Irreps::spherical_harmonics(4), in).weight_numel());
  EXPECT_LE(difference(map.from_tensor_product(map.to_tensor_product(w)), w), 1e-13);
  // a filter that is cut: the nearest map, a projection
  const SO2Weights cut(TensorProduct::fully_connected(in, Irreps::spherical_harmonics(2), in));
  const Array once = cut.from_tensor_product(cut.to_tensor_product(w));
  EXPECT_LE(difference(cut.from_tensor_product(cut.to_tensor_product(once)), once), 1e-13);
  EXPECT_GT(difference(once, w), 0.1);
}

TEST(SO2Weights, MapIsDifferentiable) {
  const TensorProduct p =
      TensorProduct::fully_connected("2x0e+1x1o", Irreps::spherical_harmonics(2), "1x0e+3x1o");
  const SO2Weights map(p);
  const Array w = normal({p.weight_numel()}, 8), u = normal({map.convolution().weight_size()}, 9);
  EXPECT_LE(
      check_gradients([&](const Arrays& a) { return sum(u * square(map.from_tensor_product(a[0]))); }, {w})
          .max_error,
      1e-9);
  EXPECT_LE(
      check_gradients([&](const Arrays& a) { return sum(w * square(map.to_tensor_product(a[0]))); }, {u})
          .max_error,
      1e-9);
}

TEST(EdgeConvolution, PlansAndErrors) {
  const Irreps in = "2x0e+2x1o";
  const TensorProduct p = TensorProduct::fully_connected(in, Irreps::spherical_harmonics(2), in);
  PlanOptions measured;
  measured.measure = true;
  measured.batch = 100;
  const EdgeConvolution c(p, Normalization::component, measured);
  ASSERT_EQ(c.plan().candidates.size(), 2u);
  for (const Candidate& k : c.plan().candidates) EXPECT_TRUE(k.measured && k.possible() && k.seconds > 0);
  // weights of every edge: coupling coefficients alone
  const EdgeList edges = ring(10, 4);
  const Array x = normal({4, in.dim()}, 10), r = edge_vectors(10, 11), w = normal({10, p.weight_numel()}, 12);
  EXPECT_NO_THROW(c(edges, x, r, w));
  EXPECT_THROW(EdgeConvolution(p, Normalization::component, forced("escn"))(edges, x, r, w),
               std::invalid_argument);
  for (const char* engine : {"cg", "escn"})
    for (const auto& [bad, why] :
         {std::pair{0.0, "is zero"}, {NAN, "not finite"}, {-INFINITY, "not finite"}}) {
      Array wrong = r;
      for (Index k = 0; k < 3; ++k) wrong.mutable_data<double>()[k] = bad;
      const std::string error = error_of([&] {
        EdgeConvolution(p, Normalization::component, forced(engine))(edges, x, wrong,
                                                                     w.rows(0, 1).reshaped({-1}));
      });
      EXPECT_NE(error.find(why), std::string::npos) << error;
    }
  for (long batch : {0L, -3L}) {
    PlanOptions options;
    options.batch = batch;
    EXPECT_THROW(EdgeConvolution(p, Normalization::component, options), std::invalid_argument);
  }
  EXPECT_THROW(EdgeConvolution(p, Normalization::component, forced("grid")), std::invalid_argument);
  const TensorProduct other = TensorProduct::fully_connected(in, "2x1o", in);
  EXPECT_FALSE(SO2Weights::why_not(other).empty());
  EXPECT_THROW(SO2Weights{other}, std::invalid_argument);
  EXPECT_THROW(EdgeConvolution{other}, std::invalid_argument);
  EXPECT_THROW(SO2Weights(p, Normalization::component, 0).to_tensor_product(normal({5}, 1)),
               std::invalid_argument);
}

// The more degrees, the more the frame of the edge pays; the more channels, the more that coefficients let
// shared weights be applied once a node.
TEST(EdgeConvolution, CostModel) {
  const auto engine = [](int lmax, Index channels) {
    std::vector<MulIrrep> terms;
    for (int l = 0; l <= lmax; ++l) terms.push_back({channels, {l, l % 2 == 0 ? 1 : -1}});
    return EdgeConvolution(TensorProduct::fully_connected(terms, Irreps::spherical_harmonics(lmax), terms))
        .plan()
        .engine;
  };
  EXPECT_EQ(engine(1, 64), "cg");
  EXPECT_EQ(engine(2, 128), "cg");
  EXPECT_EQ(engine(8, 16), "escn");
}

}  // namespace
}  // namespace cartan::so3
