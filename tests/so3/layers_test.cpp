// Layers against e3nn, against their definitions, under rotations.
#include "cartan/so3/layers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/conventions.hpp"
#include "nn/check_twice.hpp"
#include "so3/difference.hpp"
#include "so3/errors.hpp"
#include "so3/reference.hpp"

namespace cartan::so3 {
namespace {

Array normal(Shape shape, std::uint64_t stream) {
  return random_normal(shape, DType::f64, Random(21, stream));
}

TEST(Invariants, AreSumsOverCoordinates) {
  const Irreps irreps("3x0e+17x1o+0x1e+2x2e");
  const Array x = normal({4, irreps.dim()}, 1), y = normal({4, irreps.dim()}, 2),
              s = normal({4, irreps.num_irreps()}, 3);
  const Array dots = irrep_dot(x, y, irreps), scaled = irrep_scale(x, s, irreps);
  for (Index r = 0; r < 4; ++r) {
    Index channel = 0;
    for (std::size_t t = 0; t < irreps.size(); ++t)
      for (Index u = 0; u < irreps[t].mul; ++u, ++channel) {
        double dot = 0;
        for (Index m = 0; m < irreps[t].ir.dim(); ++m) {
          const Index k = r * irreps.dim() + irreps.offset(t) + m * irreps[t].mul + u;
          dot += x.data<double>()[k] * y.data<double>()[k];
          EXPECT_EQ(scaled.data<double>()[k],
                    x.data<double>()[k] * s.data<double>()[r * irreps.num_irreps() + channel]);
        }
        EXPECT_LE(std::abs(dots.data<double>()[r * irreps.num_irreps() + channel] - dot), 1e-14);
      }
  }
  check_twice([&](const Arrays& a) { return sum(square(irrep_dot(a[0], a[1], irreps))); }, {x, y});
  check_twice([&](const Arrays& a) { return sum(square(irrep_scale(a[0], a[1], irreps)) * y); }, {x, s});
  check_twice([&](const Arrays& a) { return sum(norm(a[0], irreps) * s); }, {x}, 1e-5, 1e-4);
  EXPECT_THROW(irrep_dot(x, s, irreps), std::invalid_argument);
  EXPECT_THROW(irrep_scale(x, y, irreps), std::invalid_argument);
}

TEST(Invariants, NormAtZeroHasDerivativeZero) {
  const Irreps irreps("2x1o");
  const Array x =
      track(Array::from(std::vector<double>{0, 1, 0, 2, 0, 2}, {1, 6}));  // ir_mul: (0,0,0), (1,2,2)
  const Array n = norm(x, irreps);
  EXPECT_EQ(n.to_vector<double>(), (std::vector<double>{0, 3}));
  EXPECT_EQ(gradients(n, {x})[0].to_vector<double>(),
            (std::vector<double>{0, 1.0 / 3, 0, 2.0 / 3, 0, 2.0 / 3}));
}

// Squares of the elements do not exist, lengths and their derivatives do.
TEST(Invariants, NormOfTinyAndHugeVectors) {
  const Irreps irreps("3x1o+1x0e");
  for (double size : {1e-300, 1e-200, 1e-30, 1.0, 1e30, 1e200, 1e300}) {
    const std::vector<double> unit{1, 2, 2, 2, -4, 4, 0.5, 1, 1, -3};
    const Array x = from_mul_ir(Array::from(unit, {1, 10}) * size, irreps);
    const auto [n, g] = vjp([&](const Arrays& a) { return Arrays{norm(a[0], irreps)}; }, {x},
                            {Array::full({1, 4}, 1, DType::f64)});
    const std::vector<double> lengths{3, 6, 1.5, 3};
    const Array direction = to_mul_ir(g[0], irreps);
    for (std::size_t k = 0; k < 4; ++k)
      EXPECT_LE(std::abs(n[0].data<double>()[k] / size - lengths[k]), 1e-15 * 6) << size;
    for (std::size_t k = 0; k < 10; ++k)
      EXPECT_LE(std::abs(direction.data<double>()[k] - unit[k] / lengths[k / 3]), 4e-16) << size;
  }
  const Array f =
      norm(from_mul_ir(Array::from(std::vector<float>{3e-30f, 4e-30f, 0, 3e30f, 0, 4e30f}, {1, 6}), "2x1o"),
           "2x1o");
  EXPECT_LE(std::abs(f.data<float>()[0] / 5e-30f - 1), 2e-7);
  EXPECT_LE(std::abs(f.data<float>()[1] / 5e30f - 1), 2e-7);
  // mixed with zero; NaN and infinity stay what they are
  const Array odd = norm(
      from_mul_ir(
          Array::from(std::vector<double>{0, 0, 0, 1e-200, 0, 0, NAN, 1e200, 0, INFINITY, 1, 0}, {1, 12}),
          "4x1o"),
      "4x1o");
  EXPECT_EQ(odd.data<double>()[0], 0);
  EXPECT_EQ(odd.data<double>()[1], 1e-200);
  EXPECT_TRUE(std::isnan(odd.data<double>()[2]));
  EXPECT_EQ(odd.data<double>()[3], INFINITY);
  // the second derivative, which scales with 1 / |x|
  const Array far = Array::from(std::vector<double>{1e-160, 2e-160, -2e-160}, {1, 3}), near = far * 1e160;
  const auto curvature = [&](const Array& at_x, double unit) {
    return jvp(grad([](const Arrays& a) { return sum(norm(a[0], "1x1o")); }), {at_x},
               {Array::from(std::vector<double>{1, 0, 0}, {1, 3})})
               .second[0] *
           unit;
  };
  EXPECT_LE(largest_difference(curvature(far, 1e-160), curvature(near, 1)), 1e-14);
}

TEST(Invariants, ErrorsNameTypes) {
  const Array x = normal({2, 3}, 4), f = x.as(DType::f32), i = Array::zeros({2, 3}, DType::i32);
  for (const auto& error :
       {error_of([&] { irrep_dot(x, f, "1x1o"); }), error_of([&] { irrep_dot(i, i, "1x1o"); }), error_of([&] {
          irrep_scale(x, f.rows(0, 2).reshaped({2, 3}), "1x1o");
        }),
        error_of([&] { norm(i, "1x1o"); }),
        error_of([&] { Linear("1x1o", "1x1o")(x, normal({1}, 5).as(DType::f32)); }),
        error_of([&] { Linear("1x1o", "1x1o")(i, Array::zeros({1}, DType::i32)); })})
    EXPECT_NE(error.find("float32 or"), std::string::npos) << error;
}

TEST(Linear, AsksForItsBias) {
  const Linear with("2x0e+1x1o", "3x0e+1x1o", true), without("2x0e+1x1o", "3x0e+1x1o"),
      nothing("1x1o", "1x1o", true);
  const Array x = normal({2, 5}, 6), w = normal({7}, 7);
  const std::string missing = error_of([&] { with(x, w); });
  EXPECT_NE(missing.find("bias (0): it must be (3), one for every even scalar"), std::string::npos)
      << missing;
  EXPECT_NO_THROW(with(x, w, normal({3}, 8)));
  EXPECT_NE(error_of([&] { without(x, w, normal({3}, 8)); }).find("made without"), std::string::npos);
  EXPECT_NO_THROW(without(x, w));
  EXPECT_NO_THROW(nothing(normal({2, 3}, 9), normal({1}, 10)));  // no even scalars: no bias
}

TEST(Linear, EqualsE3nn) {
  CARTAN_E3NN_REFERENCE(reference);
  const auto& group = reference.group("linear");
  const Irreps in(group.string("irreps_in")), out(group.string("irreps_out"));
  const Array x = group.array("in"), weight = group.array("weight"), expected = group.array("out");
  const Linear layer(in, out);
  EXPECT_EQ(layer.weight_numel(), weight.size());
  EXPECT_LE(largest_difference(to_mul_ir(layer(from_mul_ir(x, in), weight), out), expected), 1e-13);
}

// The definition, with several terms of one irrep, empty terms, outputs without input, a bias.
TEST(Linear, EqualsItsDefinition) {
  const Irreps in("3x0e+2x1o+0x2e+4x0e+5x1e"), out("2x1o+3x0e+2x2e+1x0o+4x0e");
  for (const auto normalization : {PathNormalization::element, PathNormalization::path}) {
    const Linear layer(in, out, true, normalization);
    EXPECT_EQ(layer.bias_numel(), 7);
    EXPECT_EQ(layer.weight_numel(), 3 * 3 + 3 * 4 + 2 * 2 + 4 * 3 + 4 * 4);
    const Array x = normal({2, 3, in.dim()}, 4), w = normal({layer.weight_numel()}, 5), b = normal({7}, 6);
    const Array y = layer(x, w, b);
    ASSERT_EQ(y.shape(), (Shape{2, 3, out.dim()}));
    std::vector<double> expected(static_cast<std::size_t>(6 * out.dim()));
    Index offset = 0;
    const auto place = [&](const Irreps& irreps, std::size_t t, Index u, Index m) {
      return irreps.offset(t) + m * irreps[t].mul + u;
    };
    for (std::size_t i = 0; i < in.size(); ++i)
      for (std::size_t o = 0; o < out.size(); ++o) {
        if (in[i].ir != out[o].ir) continue;
        const bool element = normalization == PathNormalization::element;
        const double channels = in[i].ir.l == 1 ? 2 : element ? 7 : 2 * static_cast<double>(in[i].mul);
        for (Index r = 0; r < 6; ++r)
          for (Index u = 0; u < in[i].mul; ++u)
            for (Index v = 0; v < out[o].mul; ++v)
              for (Index m = 0; m < in[i].ir.dim(); ++m)
                expected[static_cast<std::size_t>(r * out.dim() + place(out, o, v, m))] +=
                    x.data<double>()[r * in.dim() + place(in, i, u, m)] *
                    w.data<double>()[offset + u * out[o].mul + v] / std::sqrt(channels);
        offset += in[i].mul * out[o].mul;
      }
    for (Index r = 0; r < 6; ++r) {
      for (Index v = 0; v < 3; ++v)
        expected[static_cast<std::size_t>(r * out.dim() + 6 + v)] += b.data<double>()[v];
      for (Index v = 0; v < 4; ++v)
        expected[static_cast<std::size_t>(r * out.dim() + 20 + v)] += b.data<double>()[3 + v];
    }
    EXPECT_LE(largest_difference(y, Array::from(expected, y.shape())), 1e-14);
    check_twice([&](const Arrays& a) { return sum(square(layer(a[0], a[1], a[2]))); }, {x, w, b}, 1e-8);
  }
}

TEST(Linear, SameBitsForAnyThreads) {
  const Irreps irreps("32x0e+48x1o+16x2e");
  const Linear layer(irreps, irreps);
  const Array x = random_normal({1000, irreps.dim()}, DType::f32, Random(1));
  const Array w = random_normal({layer.weight_numel()}, DType::f32, Random(2));
  const auto run = [&] {
    return vjp([&](const Arrays& a) { return Arrays{layer(a[0], a[1])}; }, {x, w}, {x});
  };
  const int before = threads();
  const auto [y, g] = run();
  set_threads(1);
  const auto [y1, g1] = run();
  set_threads(before);
  EXPECT_TRUE(identical(y[0], y1[0]) && identical(g[0], g1[0]) && identical(g[1], g1[1]));
}

TEST(Linear, RefusesWhatDoesNotFit) {
  const Linear layer("2x0e", "3x0e", true);
  const Array x = normal({4, 2}, 1), w = normal({6}, 2), b = normal({3}, 3);
  EXPECT_NO_THROW(layer(x, w, b));
  EXPECT_THROW(layer(x, w), std::invalid_argument);
  EXPECT_THROW(layer(x, b, b), std::invalid_argument);
  EXPECT_THROW(layer(w, w, b), std::invalid_argument);
  EXPECT_THROW(layer(x, w.as(DType::f32), b), std::invalid_argument);
  EXPECT_EQ(Linear("2x0e", "3x1o")(x, Array::zeros({0}, DType::f64)).to_vector<double>(),
            std::vector<double>(36, 0.0));
}

TEST(Activation, SecondMoments) {
  // E[z^2] = 1, E[relu(z)^2] = 1/2, E[|z|^2] = 1, E[cos(z)^2] = (1 + exp(-2))/2, E[exp(z)^2] = exp(2)
  const auto factor = [](auto f) { return second_moment_factor(f); };
  EXPECT_LE(std::abs(factor([](const Array& x) { return x; }) - 1), 1e-14);
  EXPECT_LE(std::abs(factor([](const Array& x) { return maximum(x, Array::zeros({1}, x.dtype())); }) -
                     std::sqrt(2.0)),
            1e-13);
  EXPECT_LE(std::abs(factor([](const Array& x) { return abs(x); }) - 1), 1e-13);
  EXPECT_LE(std::abs(factor([](const Array& x) { return cos(x); }) - 1 / std::sqrt((1 + std::exp(-2.0)) / 2)),
            1e-13);
  EXPECT_LE(std::abs(factor([](const Array& x) { return exp(x); }) - std::exp(-1.0)), 1e-13);
  // mpmath's quadrature with 40 digits
  EXPECT_LE(std::abs(factor([](const Array& x) { return silu(x); }) - 1.67653247033109116), 1e-13);
  EXPECT_LE(std::abs(factor([](const Array& x) { return tanh(x); }) - 1.59253741972283143), 1e-13);
  EXPECT_LE(std::abs(factor([](const Array& x) { return sigmoid(x); }) - 1.84622854533860541), 1e-13);
  EXPECT_THROW(factor([](const Array& x) { return x * 0.0; }), std::invalid_argument);
}

const auto silu_function = [](const Array& x) { return silu(x); };
const auto tanh_function = [](const Array& x) { return tanh(x); };

// Two parts share the irreps 0e and 1o, so the input mixes scalars, gates and gated ones.
TEST(Gate, EqualsItsDefinition) {
  const Gate gate("2x0e+1x0o", {Activation{silu_function, 2}, Activation{tanh_function}}, "2x0o+3x0e",
                  {Activation{tanh_function}, Activation{silu_function}}, "3x1o+1x0e+1x1o");
  EXPECT_EQ(gate.irreps_in().text(), "3x0o+6x0e+4x1o");
  EXPECT_EQ(gate.irreps_out().text(), "2x0e+1x0o+2x1e+1x1o+1x0e+1x1o");
  const Array x = normal({1, 21}, 7);
  const double* v = x.data<double>();
  // sorting is stable: 0o: scalar, gates; 0e: scalars, gates, gated; 1o: gated
  const double scalars[] = {v[3], v[4], v[0]}, gates[] = {v[1], v[2], v[5], v[6], v[7]}, gated_scalar = v[8];
  const auto vector = [&](int u, int m) { return v[9 + m * 4 + u]; };
  const auto swish = [](double z) { return z / (1 + std::exp(-z)); };
  std::vector<double> expected{2 * swish(scalars[0]), 2 * swish(scalars[1]), std::tanh(scalars[2])};
  const double g[] = {std::tanh(gates[0]), std::tanh(gates[1]), swish(gates[2]), swish(gates[3]),
                      swish(gates[4])};
  const auto block = [&](std::vector<int> channels, int first_gate) {
    const int n = static_cast<int>(channels.size());
    for (int k = 0; k < 3 * n; ++k) {
      const int m = k / n, u = k % n;
      expected.push_back(vector(channels[static_cast<std::size_t>(u)], m) * g[first_gate + u]);
    }
  };
  block({0, 1}, 0);
  block({2}, 2);
  expected.push_back(gated_scalar * g[3]);
  block({3}, 4);
  EXPECT_LE(largest_difference(gate(x), Array::from(expected, {1, 16})), 1e-15);
  check_twice([&](const Arrays& a) { return sum(square(gate(a[0]))); }, {normal({3, 21}, 8)}, 1e-8);
  EXPECT_THROW(Gate("1x0o", {Activation{silu_function}}, "", {}, ""), std::invalid_argument);
  EXPECT_THROW(Gate("1x1o", {Activation{silu_function}}, "", {}, ""), std::invalid_argument);
  EXPECT_THROW(Gate("1x0e", {}, "", {}, ""), std::invalid_argument);
  EXPECT_THROW(Gate("", {}, "1x0e", {Activation{silu_function}}, "2x1o"), std::invalid_argument);
  EXPECT_EQ(Gate("4x0o", {normalized([](const Array& z) { return abs(z); })}, "", {}, "").irreps_out().text(),
            "4x0e");
}

TEST(NormActivation, ScalesLengths) {
  const Irreps irreps("2x0e+2x1o");
  for (const bool normalize : {true, false}) {
    const NormActivation layer{irreps, [](const Array& x) { return sigmoid(x); }, normalize, 1e-8};
    const Array x = normal({3, 8}, 9), bias = normal({4}, 10);
    const auto before = norm(x, irreps).to_vector<double>(),
               after = norm(layer(x, bias), irreps).to_vector<double>();
    for (std::size_t k = 0; k < before.size(); ++k) {
      const double f = 1 / (1 + std::exp(-before[k] - bias.data<double>()[k % 4]));
      EXPECT_LE(std::abs(after[k] - (normalize ? f : f * before[k])), 1e-14);
    }
    check_twice([&](const Arrays& a) { return sum(square(layer(a[0], a[1])) * 0.5 + layer(a[0], a[1])); },
                {x, bias}, 1e-6, 1e-4);
    EXPECT_TRUE(all_finite(layer(Array::zeros({1, 8}, DType::f64))));
  }
}

TEST(LayerNorm, UnitVarianceOfEveryTerm) {
  const Irreps irreps("4x0e+3x1o+0x2e+5x0o");
  const LayerNorm layer{irreps, 1e-12};
  const Array x = normal({3, irreps.dim()}, 11) * 7.0 + 1.0, w = normal({12}, 12), b = normal({4}, 13);
  const Array y = layer(x);
  for (Index r = 0; r < 3; ++r) {
    const double* row = y.data<double>() + r * irreps.dim();
    double mean = 0;
    for (int k = 0; k < 4; ++k) mean += row[k] / 4;
    EXPECT_LE(std::abs(mean), 1e-14);
    for (const auto& [begin, end] : {std::pair{0, 4}, {4, 13}, {13, 18}}) {
      double square = 0;
      for (int k = begin; k < end; ++k) square += row[k] * row[k] / (end - begin);
      EXPECT_LE(std::abs(square - 1), 1e-12);
    }
  }
  Array expected = irrep_scale(y, broadcast_to(w, {3, 12}), irreps);
  expected = expected + concatenate({b, Array::zeros({14}, DType::f64)}, 0);
  EXPECT_LE(largest_difference(layer(x, w, b), expected), 1e-14);
  check_twice([&](const Arrays& a) { return sum(square(layer(a[0], a[1], a[2])) * x); }, {x, w, b}, 1e-7);
}

// A rotation by 120 degrees about (1, 1, 1) permutes the coordinates of vectors.
TEST(Layers, AreEquivariant) {
  const Irreps in("3x0e+2x1o"), out("5x0e+2x1o");
  const Linear linear(in, out);
  const Gate gate("3x0e", {normalized(silu_function)}, "2x0e", {normalized(silu_function)}, "2x1o");
  ASSERT_EQ(gate.irreps_in(), out);
  const Array x = normal({4, 9}, 14), w = normal({linear.weight_numel()}, 15);
  const auto rotate = [](const Array& a, Index scalars) {
    std::vector<Index> index(static_cast<std::size_t>(a.dim(-1)));
    for (Index k = 0; k < a.dim(-1); ++k)
      index[static_cast<std::size_t>(k)] = k < scalars ? k : scalars + (k - scalars + 2) % 6;
    return take_last(a, index);
  };
  const LayerNorm normalize{gate.irreps_out()};
  const auto f = [&](const Array& a) { return normalize(gate(linear(a, w))); };
  EXPECT_LE(largest_difference(f(rotate(x, 3)), rotate(f(x), 3)), 1e-14);
}

}  // namespace
}  // namespace cartan::so3
