// What must hold of tensor products and convolutions whatever their weights: equivariance, conservative
// forces, the same bits for any number of threads, agreement of the two precisions.
#include <gtest/gtest.h>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "cartan/so3/wigner.hpp"
#include "so3/tensor_oracle.hpp"
#include "worst.hpp"

namespace cartan::so3 {
namespace {

using oracle::difference;
using oracle::normal;

// n rotations, every second one times the inversion.
Array random_rotations(Index n, std::uint64_t stream, DType dtype) {
  Array r = rotation_from_quaternion(normal({n, 4}, stream));
  double* m = r.mutable_data<double>();
  for (Index k = 0; k < n; ++k)
    for (int i = 0; k % 2 == 1 && i < 9; ++i) m[9 * k + i] *= -1;
  return r.as(dtype);
}

double equivariance_error(const TensorProduct& tp, DType dtype) {
  const Index n = 4;
  const Array x1 = normal({n, tp.irreps_in1().dim()}, 1, dtype),
              x2 = normal({n, tp.irreps_in2().dim()}, 2, dtype), w = normal({n, tp.weight_numel()}, 3, dtype),
              r = random_rotations(n, 4, dtype);
  return difference(tp(rotate_features(r, x1, tp.irreps_in1()), rotate_features(r, x2, tp.irreps_in2()), w),
                    rotate_features(r, tp(x1, x2, w), tp.irreps_out()));
}

TEST(TensorSymmetry, RandomProductsAreEquivariant) {
  for (unsigned seed = 0; seed < 60; ++seed)
    ASSERT_LE(equivariance_error(oracle::random_product(seed, 4), DType::f64), 1e-13) << "seed " << seed;
}

TEST(TensorSymmetry, HighDegreesAreEquivariant) {
  const auto all = Irreps::spherical_harmonics(8);
  const auto wide = [&](Index mul) {
    std::vector<MulIrrep> terms;
    for (const MulIrrep& t : all) terms.push_back({mul, t.ir});
    return Irreps(terms);
  };
  const auto tp = TensorProduct::channelwise(wide(3), all, all);
  EXPECT_LE(equivariance_error(tp, DType::f64), 1e-13);
  EXPECT_LE(equivariance_error(tp, DType::f32), 2e-6);
  EXPECT_LE(
      equivariance_error(TensorProduct::channelwise("2x10e+2x11o", "10e+9o", "12e+3e+7o+8o+14e"), DType::f64),
      1e-13);
}

TEST(TensorSymmetry, PrecisionsAgree) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const TensorProduct tp = oracle::random_product(seed, 5);
    Arrays x{normal({6, tp.irreps_in1().dim()}, 1), normal({6, tp.irreps_in2().dim()}, 2),
             normal({6, tp.weight_numel()}, 3)};
    const auto all = [&](DType dtype) {
      Arrays t;
      for (const Array& a : x) t.push_back(track(a.as(dtype)));
      const Array out = tp(t[0], t[1], t[2]);
      Arrays g = gradients(sum(square(out)), t);
      g.push_back(detach(out));
      return g;
    };
    const Arrays single = all(DType::f32), twice = all(DType::f64);
    for (std::size_t k = 0; k < single.size(); ++k)
      ASSERT_LE(difference(single[k].as(DType::f64), twice[k]), 5e-6) << "seed " << seed << ", array " << k;
  }
}

struct Graph {
  EdgeList edges;
  Graph(Index nodes, Index count, unsigned seed) {
    oracle::Dice dice(seed);
    std::vector<std::int32_t> senders, receivers;
    for (Index e = 0; e < count; ++e) {
      senders.push_back(static_cast<std::int32_t>(dice(0, static_cast<int>(nodes) - 1)));
      receivers.push_back(static_cast<std::int32_t>(dice(0, static_cast<int>(nodes) - 1)));
    }
    edges = EdgeList(std::move(senders), std::move(receivers), nodes);
  }
};

// Values, first and second derivatives with 1 to 4 threads.
TEST(TensorSymmetry, SameBitsForAnyNumberOfThreads) {
  const Index nodes = 70, count = 900;
  const Graph graph(nodes, count, 5);
  const auto edge_wise = [&](const TensorProduct& tp, bool shared) {
    Arrays reference;
    for (int threads_used : {1, 2, 3, 4, 2}) {
      set_threads(threads_used);
      const Array x = track(normal({nodes, tp.irreps_in1().dim()}, 1, DType::f32)),
                  y = track(normal({count, tp.irreps_in2().dim()}, 2, DType::f32)),
                  w = track(normal(shared ? Shape{tp.weight_numel()} : Shape{count, tp.weight_numel()}, 3,
                                   DType::f32));
      const Array out = Convolution(tp)(graph.edges, x, y, w);
      Arrays results = gradients(sum(square(out)), {x, y, w}, {}, true);
      Array total = sum(square(results[0])) + sum(square(results[1])) + sum(square(results[2]));
      for (const Array& g : gradients(total, {x, y, w})) results.push_back(g);
      results.push_back(out);
      if (reference.empty()) reference = results;
      for (std::size_t k = 0; k < results.size(); ++k)
        EXPECT_TRUE(identical(detach(results[k]), detach(reference[k])))
            << "array " << k << " with " << threads_used << " threads";
    }
    set_threads(0);
  };
  edge_wise(TensorProduct::channelwise("20x0e+20x1o", "0e+1o+2e", "0e+1o+2e"),
            false);  // by parts of the receivers
  edge_wise(TensorProduct::channelwise("20x0e+20x1o", "0e+1o+2e", "0e+1o+2e"), true);
  edge_wise(TensorProduct("20x1o", "0e+1o", "20x1o", {{0, 0, 0, Mode::uvu}}), false);  // by sender
  edge_wise(TensorProduct::fully_connected("5x0e+4x1o", "0e+1o+2e", "3x0e+4x1o"), false);
  edge_wise(TensorProduct::fully_connected("5x0e+4x1o", "0e+1o+2e", "3x0e+4x1o"), true);
}

// A small network: positions, harmonics of the differences, two convolutions, a scalar.
class Forces : public ::testing::Test {
 protected:
  Forces()
      : first_(TensorProduct::channelwise("4x0e", "0e+1o+2e+3o", "0e+1o+2e+3o")),
        second_(TensorProduct::channelwise(first_.product().irreps_out(), "0e+1o+2e+3o", "0e+1o")) {
    for (std::int32_t i = 0; i < atoms; ++i)
      for (std::int32_t j = 0; j < atoms; ++j)
        if (i != j) {
          senders_.push_back(j);
          receivers_.push_back(i);
        }
    edges_ = EdgeList(senders_, receivers_, atoms);
    // Random weights of each edge's distance.
    w1_ = normal({1, first_.product().weight_numel()}, 21);
    w2_ = normal({1, second_.product().weight_numel()}, 22);
    x_ = normal({atoms, 4}, 23);
    end_ = normal({atoms, second_.product().irreps_out().dim()}, 24);
  }

  Array energy(const Array& positions) const {
    const Array d =
        gather(positions, Indices(senders_, atoms)) - gather(positions, Indices(receivers_, atoms));
    const Array y = spherical_harmonics(d, 3), decay = exp(negative(sum(square(d), 1, true)) * 0.3);
    const Array h = first_(edges_, x_, y, matmul(decay, w1_));
    return sum(end_ * square(second_(edges_, h, y, matmul(decay, w2_)))) * 0.01;
  }

  // Forces against differences of the energy, and the asymmetry of the Hessian.
  void check(const Array& positions) const {
    const ScalarFunction f = [&](const Arrays& p) { return energy(p[0]); };
    const auto report = check_gradients(f, {positions}, 1e-3);
    EXPECT_LE(report.max_error, 1e-8) << report.analytic << " against " << report.numeric;
    const Index n = positions.size();
    std::vector<double> hessian(static_cast<std::size_t>(n * n));
    double largest = 0, worst = 0;
    for (Index k = 0; k < n; ++k) {
      Array unit = Array::zeros(positions.shape(), DType::f64);
      unit.mutable_data<double>()[k] = 1;
      const auto row = grad([&](const Arrays& p) { return sum(grad(f)(p)[0] * unit); })({positions})[0]
                           .to_vector<double>();
      std::copy(row.begin(), row.end(), hessian.begin() + k * n);
    }
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const double a = hessian[static_cast<std::size_t>(i * n + j)],
                     b = hessian[static_cast<std::size_t>(j * n + i)];
        largest = std::max(largest, std::abs(a));
        worst = cartan::testing::worst_of(worst, std::abs(a - b));
      }
    EXPECT_LE(worst, 1e-12 * largest);
    EXPECT_GE(largest, 1e-3);
  }

  static constexpr Index atoms = 4;
  Convolution first_, second_;
  std::vector<std::int32_t> senders_, receivers_;
  EdgeList edges_;
  Array w1_, w2_, x_, end_;
};

TEST_F(Forces, AreConservative) {
  check(normal({atoms, 3}, 31));
}

TEST_F(Forces, AreConservativeWithEdgesAlongEveryAxis) {
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> p(12, 0.0);
    for (int a = 0; a < 3; ++a)
      p[static_cast<std::size_t>(3 * (a + 1) + (axis + a) % 3)] = a == 1 ? -0.9 : 1.1;
    check(Array::from(p, {atoms, 3}));  // the first atom sees the others along +x, -y, +z and so on
  }
  check(
      Array::from(std::vector<double>{0, 0, 0, 0, 1, 0, 0, -1.2, 0, 0, 2.1, 0}, {atoms, 3}));  // all along y
}

TEST_F(Forces, TurnWithTheMolecule) {
  // Invariant, since all that `energy` weighs by channel is a norm here.
  const auto invariant = [&](const Array& q) {
    const Array d = gather(q, Indices(senders_, atoms)) - gather(q, Indices(receivers_, atoms));
    const Array y = spherical_harmonics(d, 3), decay = exp(negative(sum(square(d), 1, true)) * 0.3);
    return sum(square(second_(edges_, first_(edges_, x_, y, matmul(decay, w1_)), y, matmul(decay, w2_))));
  };
  const auto gradient = [&](const Array& q) {
    return grad([&](const Arrays& a) { return invariant(a[0]); })({q})[0];
  };
  const Array p = normal({atoms, 3}, 32), r = random_rotations(2, 33, DType::f64);
  for (Index k = 0; k < 2; ++k) {
    const Array turn = reshape(slice(r, 0, k, k + 1), {3, 3}), turned = matmul(p, turn, false, true);
    EXPECT_LE(difference(invariant(turned), invariant(p)), 1e-13);
    EXPECT_LE(difference(gradient(turned), matmul(gradient(p), turn, false, true)), 1e-12);
  }
}

}  // namespace
}  // namespace cartan::so3
