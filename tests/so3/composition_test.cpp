// Nets composed of layers as they come, without an option: features of one layer fit the next, and e3nn's at
// the border.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/so3/conventions.hpp"
#include "cartan/so3/edge_convolution.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/layers.hpp"
#include "cartan/so3/symmetric_contraction.hpp"
#include "cartan/so3/wigner.hpp"
#include "so3/reference.hpp"
#include "so3/tensor_oracle.hpp"

namespace cartan::so3 {
namespace {

using oracle::difference;
using oracle::normal;

// Rotations and one with the inversion, acting on rows.
Array improper(std::uint64_t stream, bool inversion) {
  const Array r = rotation_from_quaternion(normal({1, 4}, stream));
  return inversion ? -r : r;
}
Array turned(const Array& vectors, const Array& r) {
  return matmul(vectors, reshape(r, {3, 3}), false, true);
}

TEST(Composition, OfDefaultsIsEquivariant) {
  const Irreps features = "6x0e+5x1o+3x2e", harmonics = Irreps::spherical_harmonics(2),
               many = "4x0e+4x1o+4x2e";
  const Activation silu_of{[](const Array&a) { return silu(a); }},
      tanh_of{[](const Array&a) { return tanh(a); }};
  const TensorProduct product = TensorProduct::channelwise(features, harmonics, "0e+1o+1e+2e");
  // odd gates: terms of the result are cut where the parity changes
  const Gate gate("4x0e", {silu_of}, "7x0e+2x0o", {silu_of, tanh_of}, "5x1o+4x2e");
  const Linear first(product.irreps_out(), gate.irreps_in(), true), second(gate.irreps_out(), many, true);
  const LayerNorm normalize{gate.irreps_out()};
  const SymmetricContraction contraction(many, "4x0e+4x1o", 3);
  const TensorProduct square = TensorProduct::full("4x0e+4x1o", "4x0e+4x1o");
  const Linear last(square.irreps_out(), "2x0e+3x1o+1x1e+2x2e");
  const NormActivation activation{last.irreps_out(), [](const Array& a) { return sigmoid(a); }};

  const Index n = 6;
  const Array w0 = normal({n, product.weight_numel()}, 1), w1 = normal({first.weight_numel()}, 2),
              b1 = normal({first.bias_numel()}, 3), w2 = normal({second.weight_numel()}, 4),
              b2 = normal({second.bias_numel()}, 5), w3 = normal({2, contraction.num_paths(), 4}, 6),
              w4 = normal({last.weight_numel()}, 7);
  const Indices species({0, 1, 1, 0, 1, 0}, 2);
  const auto net = [&](const Array& x, const Array& v) {
    const Array h = first(product(x, spherical_harmonics(v, 2), w0), w1, b1);
    const Array a = contraction(second(normalize(gate(h)), w2, b2), species, w3);
    return activation(last(square(a, a), w4));
  };
  const Array x = normal({n, features.dim()}, 8), v = normal({n, 3}, 9), y = net(x, v);
  for (const bool inversion : {false, true}) {
    const Array r = improper(10, inversion);
    EXPECT_LE(difference(net(rotate_features(r, x, features), turned(v, r)),
                         rotate_features(r, y, activation.irreps)),
              1e-12)
        << inversion;
  }
}

// The edge operations one after the other, each taking the features of the one before.
TEST(Composition, OfEdgeOperationsIsEquivariant) {
  const Irreps features = "4x0e+4x1o+4x2e", harmonics = Irreps::spherical_harmonics(2);
  const EdgeList edges({1, 2, 3, 0, 0, 2, 4, 1, 3}, {0, 0, 0, 1, 2, 3, 3, 4, 4}, 5);
  const Convolution by_harmonics(TensorProduct::fully_connected(features, harmonics, features));
  const EdgeConvolution by_vectors(TensorProduct::fully_connected(features, harmonics, features));
  SO2Options natural;
  natural.parity = true;
  const SO2Convolution in_frames(features, features, natural);
  const GauntConvolution of_functions(2, 2, 2);
  const Array w0 = normal({by_harmonics.product().weight_numel()}, 1),
              w1 = normal({by_vectors.product().weight_numel()}, 2),
              w2 = normal({in_frames.weight_size()}, 3),
              s2 = normal({edges.size(), in_frames.radial_size()}, 4), s3 = normal({edges.size(), 3}, 5);
  const auto net = [&](const Array& x, const Array& v) {
    Array h = by_harmonics(edges, x, spherical_harmonics(v, 2), w0);
    h = by_vectors(edges, h, v, w1);
    h = in_frames(edges, h, v, w2, s2);
    return of_functions(edges, h, v, s3);
  };
  const Array x = normal({5, features.dim()}, 6), v = normal({edges.size(), 3}, 7), y = net(x, v);
  for (const bool inversion : {false, true}) {
    const Array r = improper(8, inversion);
    EXPECT_LE(difference(net(rotate_features(r, x, features), turned(v, r)), rotate_features(r, y, features)),
              1e-12)
        << inversion;
  }
}

// e3nn's tensor product, then its linear map by the definition, both in e3nn's layout; ours between
// converters.
TEST(Composition, EqualsE3nnBetweenConverters) {
  CARTAN_E3NN_REFERENCE(reference);
  for (const char* name : {"small", "deep"}) {
    const auto& g = reference.group(std::string("tensor_product/") + name);
    const TensorProduct tp = TensorProduct::fully_connected(g.string("irreps_in1"), g.string("irreps_in2"),
                                                            g.string("irreps_out"));
    const Irreps middle = tp.irreps_out();
    std::vector<MulIrrep> terms;
    for (const MulIrrep& t : middle) terms.push_back({t.mul + 2, t.ir});
    const Linear linear(middle, terms);
    const Irreps& out = linear.irreps_out();
    const Array w = normal({linear.weight_numel()}, 1), h = g.array("out");
    const Index n = h.size() / middle.dim();
    std::vector<double> expected(static_cast<std::size_t>(n * out.dim()), 0.0);
    for (const Linear::Path& p : linear.paths())
      for (Index r = 0; r < n; ++r)
        for (Index u = 0; u < middle[p.in].mul; ++u)
          for (Index o = 0; o < out[p.out].mul; ++o)
            for (Index m = 0, d = out[p.out].ir.dim(); m < d; ++m)
              expected[static_cast<std::size_t>(r * out.dim() + out.offset(p.out) + o * d + m)] +=
                  p.factor * w.data<double>()[p.offset + u * out[p.out].mul + o] *
                  h.data<double>()[r * middle.dim() + middle.offset(p.in) + u * d + m];
    const Array x1 = from_mul_ir(g.array("in1"), tp.irreps_in1()),
                x2 = from_mul_ir(g.array("in2"), tp.irreps_in2());
    const Array y = to_mul_ir(linear(tp(x1, x2, g.array("weight")), w), out);
    EXPECT_LE(difference(reshape(y, {n, out.dim()}), Array::from(expected, {n, out.dim()})), 1e-13) << name;
  }
}

}  // namespace
}  // namespace cartan::so3
