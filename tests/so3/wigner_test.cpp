// Wigner matrices against e3nn, against the route by J matrices, as a representation, and their derivatives.
#include "cartan/so3/wigner.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/conventions.hpp"
#include "cartan/so3/tables.hpp"
#include "so3/reference.hpp"

namespace cartan::so3 {
namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(11, stream));
}

Array random_rotations(Index n, std::uint64_t stream, DType dtype = DType::f64) {
  return rotation_from_quaternion(normal({n, 4}, stream)).as(dtype);
}

double difference(const Array& a, const Array& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  if (a.shape() != b.shape()) return INFINITY;
  double worst = 0;
  for (std::size_t k = 0; k < x.size(); ++k)
    if (!(std::abs(x[k] - y[k]) <= worst) && !std::isnan(worst)) worst = std::abs(x[k] - y[k]);
  return worst;
}

Array angles(std::vector<double> v) {
  const Index n = static_cast<Index>(v.size()) / 3;
  return Array::from(v, {n, 3});
}

// D_l(R_y(alpha) R_x(beta) R_y(gamma)) = Z(alpha) J Z(beta) J Z(gamma), row-major: the peers' route.
std::vector<long double> by_j(int l, double alpha, double beta, double gamma) {
  const int dim = 2 * l + 1;
  const auto& j = wigner_j(l);
  std::vector<long double> d(dim * dim, 0);
  for (int i = 0; i < dim; ++i) d[i * dim + i] = 1;
  const auto turn = [&](long double angle) {  // d <- Z(angle) d
    auto out = d;
    for (int m = -l; m <= l; ++m)
      for (int k = 0; k < dim; ++k)
        out[(l + m) * dim + k] = std::cos(m * angle) * d[(l + m) * dim + k] -
                                 (m == 0 ? 0 : std::sin(m * angle) * d[(l - m) * dim + k]);
    d = out;
  };
  const auto swap = [&] {  // d <- J d
    auto out = d;
    for (int i = 0; i < dim; ++i)
      for (int k = 0; k < dim; ++k) {
        long double sum = 0;
        for (int m = 0; m < dim; ++m) sum += static_cast<long double>(j[i * dim + m]) * d[m * dim + k];
        out[i * dim + k] = sum;
      }
    d = out;
  };
  turn(gamma), swap(), turn(beta), swap(), turn(alpha);
  return d;
}

TEST(WignerJ, FirstDegreesAndIdentities) {
  EXPECT_EQ(wigner_j(0), std::vector<double>{1});
  EXPECT_EQ(wigner_j(1), (std::vector<double>{0, -1, 0, -1, 0, 0, 0, 0, 1}));
  const int non_zero[] = {1, 3, 7, 13, 21, 31, 43};
  for (int l = 0; l <= 24; ++l) {
    const auto& j = wigner_j(l);
    const int dim = 2 * l + 1;
    if (l <= 6) {
      EXPECT_EQ(wigner_j_entries(l).size(), non_zero[l]) << l;
    }
    for (int a = 0; a < dim; ++a)
      for (int b = 0; b < dim; ++b) {
        ASSERT_EQ(j[a * dim + b], j[b * dim + a]);
        double square = 0;
        for (int k = 0; k < dim; ++k) square += j[a * dim + k] * j[k * dim + b];
        ASSERT_LE(std::abs(square - (a == b)), 4e-16) << l;
      }
  }
  EXPECT_THROW(wigner_j(-1), std::invalid_argument);
}

// J = (-1)^l D(pi about (1, 1, 0)/sqrt(2)): exact integers against the recursion.
TEST(WignerJ, IsAWignerMatrix) {
  const Array q = Array::from<double>({0, 1, 1, 0}, {1, 4});
  for (int l = 0; l <= 20; ++l) {
    const Array d = wigner_d_degree(rotation_from_quaternion(q), l) * (l % 2 == 0 ? 1.0 : -1.0);
    EXPECT_LE(difference(d, Array::from(wigner_j(l), d.shape())), 2e-15 * (l + 1)) << l;
  }
}

TEST(Generator, AlgebraAndExponential) {
  for (int l = 0; l <= 9; ++l) {
    const int dim = 2 * l + 1;
    std::vector<double> x[3];
    for (int a = 0; a < 3; ++a) {
      x[a].assign(dim * dim, 0);
      for (const Entry& e : generator(l, a)) x[a][e.row * dim + e.column] = e.value;
    }
    for (int a = 0; a < 3; ++a) {
      const auto &u = x[a], &v = x[(a + 1) % 3], &w = x[(a + 2) % 3];
      for (int i = 0; i < dim; ++i)
        for (int j = 0; j < dim; ++j) {
          double commutator = 0;
          for (int k = 0; k < dim; ++k)
            commutator += u[i * dim + k] * v[k * dim + j] - v[i * dim + k] * u[k * dim + j];
          ASSERT_LE(std::abs(commutator - w[i * dim + j]), 1e-13) << l;
          ASSERT_EQ(u[i * dim + j], -u[j * dim + i]);
        }
      // D of a small rotation is 1 + t X + t^2 X^2 / 2 + O(t^3)
      const double t = 1e-4;
      std::vector<double> q{std::cos(t / 2), 0, 0, 0};
      q[a + 1] = std::sin(t / 2);
      const auto d = wigner_d_degree(rotation_from_quaternion(Array::from(q, {1, 4})), l).to_vector<double>();
      for (int i = 0; i < dim; ++i)
        for (int j = 0; j < dim; ++j) {
          double second = 0;
          for (int k = 0; k < dim; ++k) second += u[i * dim + k] * u[k * dim + j];
          const double expected = (i == j) + t * u[i * dim + j] + t * t / 2 * second;
          ASSERT_LE(std::abs(d[i * dim + j] - expected), 2e-10) << l << " " << a;
        }
    }
  }
  EXPECT_THROW(generator(1, 3), std::invalid_argument);
}

TEST(WignerD, EqualsE3nn) {
  CARTAN_E3NN_REFERENCE(reference);
  const auto& group = reference.group("wigner_D");
  const auto get = [&](const std::string& name) { return group.items().at(name).array; };
  const Array r = get("matrix");
  const Array abc = concatenate(
      {reshape(get("alpha"), {-1, 1}), reshape(get("beta"), {-1, 1}), reshape(get("gamma"), {-1, 1})}, 1);
  EXPECT_LE(difference(rotation_from_angles(abc), r), 1e-14);
  for (int l = 0; l <= 6; ++l) {
    const Array expected = get("l" + std::to_string(l));
    EXPECT_LE(difference(wigner_d_degree(r, l), expected), 1e-12) << l;
    EXPECT_LE(difference(wigner_d_degree(rotation_from_angles(abc), l), expected), 1e-12) << l;
  }
}

TEST(WignerD, EqualsTheRouteByJAtAnyAngle) {
  const double pi = std::acos(-1.0);
  std::vector<double> v;
  for (double beta : {0.0, 1e-300, 1e-160, 1e-12, 1e-8, 1e-3, 0.7, pi / 2, 2.5, pi - 1e-3, pi - 1e-8, pi})
    for (double alpha : {0.0, 0.3, -2.9, pi / 2, pi})
      for (double gamma : {0.0, 1.1, -pi}) v.insert(v.end(), {alpha, beta, gamma});
  const Array d = wigner_d(rotation_from_angles(angles(v)), 20);
  ASSERT_EQ(d.dim(1), wigner_size(20));
  for (Index n = 0; n < d.dim(0); ++n)
    for (int l : {0, 1, 2, 3, 8, 13, 20}) {
      const auto expected = by_j(l, v[3 * n], v[3 * n + 1], v[3 * n + 2]);
      const double* block = d.data<double>() + n * d.dim(1) + wigner_size(l - 1);
      for (std::size_t k = 0; k < expected.size(); ++k)
        ASSERT_LE(std::abs(block[k] - static_cast<double>(expected[k])), 1e-15 * (l + 1))
            << l << " angles " << v[3 * n] << " " << v[3 * n + 1] << " " << v[3 * n + 2];
    }
}

// A tilt of 1e-300 is kept to full relative precision where D is linear in it.
TEST(WignerD, KeepsTheSmallestTilt) {
  const Array d = wigner_d(rotation_from_angles(angles({0, 1e-300, 0})), 3);
  for (int l = 1; l <= 3; ++l) {
    const double* block = d.data<double>() + wigner_size(l - 1);
    for (const Entry& e : generator(l, 0))
      EXPECT_LE(std::abs(block[e.row * (2 * l + 1) + e.column] - 1e-300 * e.value), 1e-315);
  }
}

TEST(WignerD, IsAnOrthogonalRepresentation) {
  const Array r = random_rotations(9, 1), s = random_rotations(9, 2);
  for (int l = 0; l <= 20; ++l) {
    const Array a = wigner_d_degree(r, l), b = wigner_d_degree(s, l), ab = wigner_d_degree(matmul(r, s), l);
    EXPECT_LE(difference(matmul(a, b), ab), 1e-14 * (l + 1)) << l;
    const Array inverse = wigner_d_degree(transpose(r), l);
    EXPECT_LE(difference(transpose(a), inverse), 1e-14 * (l + 1)) << l;
    const Array unit = matmul(a, a, true, false);
    for (Index n = 0; n < 9; ++n)
      for (int i = 0; i <= 2 * l; ++i)
        for (int j = 0; j <= 2 * l; ++j)
          ASSERT_LE(std::abs(unit.data<double>()[(n * (2 * l + 1) + i) * (2 * l + 1) + j] - (i == j)),
                    4e-15 * (l + 1));
  }
  EXPECT_LE(difference(wigner_d_degree(r, 1), r), 1e-15);
}

TEST(WignerD, PackedBlocksAndFloat32) {
  const Array r = random_rotations(21, 3);
  const Array d = wigner_d(r, 7);
  EXPECT_EQ(d.shape(), (Shape{21, wigner_size(7)}));
  EXPECT_EQ(wigner_size(6), 455);
  for (int l = 0; l <= 7; ++l) {
    const Array block = reshape(slice(d, 1, wigner_size(l - 1), wigner_size(l)), {21, 2 * l + 1, 2 * l + 1});
    EXPECT_TRUE(identical(block, wigner_d_degree(r, l))) << l;
  }
  const Array r32 = r.as(DType::f32);
  // rounded once from float64
  EXPECT_TRUE(identical(wigner_d(r32, 12), wigner_d(r32.as(DType::f64), 12).as(DType::f32)));
}

TEST(WignerD, SameBitsForAnyThreadsAndCompany) {
  const Array r = random_rotations(300, 4);
  set_threads(1);
  const Array one = wigner_d(r, 5);
  for (int t : {2, 3, 4}) {
    set_threads(t);
    EXPECT_TRUE(identical(one, wigner_d(r, 5)));
  }
  set_threads(0);
  EXPECT_TRUE(identical(one.rows(13, 14), wigner_d(r.rows(13, 14), 5)));
}

TEST(WignerD, RefusesWhatIsNoRotation) {
  const Array r = random_rotations(3, 5);
  EXPECT_THROW(wigner_d(r * 1.001, 2), std::invalid_argument);
  EXPECT_THROW(wigner_d(-r, 2), std::invalid_argument);
  EXPECT_THROW(wigner_d_degree(-r, 2), std::invalid_argument);
  EXPECT_THROW(wigner_d(reshape(r, {9, 3}), 2), std::invalid_argument);
  EXPECT_THROW(wigner_d(r, -1), std::invalid_argument);
  Array bad = r.rows(0, 3);
  bad.mutable_data<double>()[4] = NAN;
  EXPECT_THROW(wigner_d(bad, 2), std::invalid_argument);
  EXPECT_THROW(rotate_features(bad, normal({3, 3}, 1), "1o"), std::invalid_argument);
  EXPECT_THROW(rotation_from_quaternion(Array::zeros({2, 4}, DType::f64)), std::invalid_argument);
  EXPECT_THROW(rotate_features(r, normal({3, 4}, 1), "1o"), std::invalid_argument);
  EXPECT_THROW(rotate(wigner_d(r, 0), normal({3, 3}, 1), "1o"), std::invalid_argument);
  EXPECT_THROW(rotate_features(r, normal({2, 3}, 1), "1o"), std::invalid_argument);
  EXPECT_THROW(rotate_features(r, normal({3}, 1), "1o"), std::invalid_argument);
  EXPECT_THROW(rotate_features(r.rows(0, 1), normal({2, 4}, 1), "1o"), std::invalid_argument);
  EXPECT_THROW(rotate_features(r.rows(0, 1), normal({2, 3}, 1, DType::f32), "1o"), std::invalid_argument);
}

TEST(RotateFeatures, EqualsTheBlockDiagonalMatrix) {
  const Irreps irreps("3x0e+2x1o+1x2e+2x1e+17x3o+1x0o");
  Array r = random_rotations(5, 6);
  for (double sign : {1.0, -1.0}) {
    r = r * sign;
    const Array d = wigner_d(r, irreps), blocks = matrix_to_mul_ir(d, irreps, irreps);
    EXPECT_TRUE(identical(matrix_from_mul_ir(blocks, irreps, irreps), d));
    // channel by channel as a direct sum with parities
    const Array proper = r * sign;
    for (Index n = 0; n < 5; ++n) {
      Index place = 0;
      std::vector<double> expected(irreps.dim() * irreps.dim(), 0.0);
      for (const auto& t : irreps) {
        const Array block = wigner_d_degree(proper, t.ir.l);
        const Index w = t.ir.dim();
        for (Index u = 0; u < t.mul; ++u, place += w)
          for (Index i = 0; i < w; ++i)
            for (Index j = 0; j < w; ++j)
              expected[(place + i) * irreps.dim() + place + j] =
                  (sign < 0 ? t.ir.p : 1) * block.data<double>()[(n * w + i) * w + j];
      }
      EXPECT_LE(difference(blocks.rows(n, n + 1), Array::from(expected, {1, irreps.dim(), irreps.dim()})),
                1e-15);
    }
    const Array x = normal({5, 3, irreps.dim()}, 7);
    const Array y = rotate_features(r, x, irreps);
    EXPECT_LE(difference(y, matmul(x, transpose(d))), 1e-14);
    EXPECT_LE(difference(to_mul_ir(y, irreps), matmul(to_mul_ir(x, irreps), transpose(blocks))), 1e-14);
    const Array back = rotate(wigner_d(proper, 3), rotate(wigner_d(proper, 3), x, irreps), irreps, true);
    EXPECT_LE(difference(back, x), 1e-14);
    // one rotation for all rows, of any leading axes
    const Array one = r.rows(2, 3), same = rotate_features(broadcast_to(one, {5, 3, 3}), x, irreps);
    EXPECT_TRUE(identical(rotate_features(one, x, irreps), same));
    EXPECT_TRUE(identical(rotate_features(reshape(one, {3, 3}), x, irreps), same));
    EXPECT_TRUE(identical(
        rotate_features(one, reshape(x, {3, 5, 1, irreps.dim()}), irreps),
        reshape(rotate_features(one, reshape(x, {15, irreps.dim()}), irreps), {3, 5, 1, irreps.dim()})));
  }
}

// Derivatives: along quaternions and angles, so on the manifold; twice.
void check_twice(const ScalarFunction& f, const Arrays& x) {
  EXPECT_LE(check_gradients(f, x).max_error, 1e-9);
  Arrays u;
  for (std::size_t k = 0; k < x.size(); ++k) u.push_back(normal(x[k].shape(), 100 + k));
  const ScalarFunction g = [&](const Arrays& t) {
    const Arrays d = grad(f)(t);
    Array total = sum(d[0] * u[0]);
    for (std::size_t k = 1; k < d.size(); ++k) total = total + sum(d[k] * u[k]);
    return total;
  };
  EXPECT_LE(check_gradients(g, x).max_error, 1e-8);
}

TEST(WignerGradient, OnTheManifold) {
  const Array q = normal({3, 4}, 20);
  for (int l : {1, 2, 4, 7}) {
    const Array w = normal({3, 2 * l + 1, 2 * l + 1}, 21);
    check_twice(
        [&](const Arrays& a) { return sum(w * square(wigner_d_degree(rotation_from_quaternion(a[0]), l))); },
        {q});
  }
  const Array w = normal({5, wigner_size(3)}, 22);
  // at and beside the poles of Euler's angles
  const double pi = std::acos(-1.0);
  const Array abc = angles({0.3, 0, 0.9, 1, 1e-13, 2, 2, pi, 1, 0, pi - 1e-13, 0, 0.1, 1.2, -2});
  check_twice([&](const Arrays& a) { return sum(w * square(wigner_d(rotation_from_angles(a[0]), 3))); },
              {abc});
}

TEST(WignerGradient, OfTurnedFeatures) {
  const Irreps irreps("2x0o+3x1o+1x2e");
  const Array q = normal({2, 4}, 23), x = normal({2, 2, irreps.dim()}, 24),
              w = normal({2, 2, irreps.dim()}, 25);
  for (double sign : {1.0, -1.0})
    for (const Array& some : {q, q.rows(0, 1)})  // one a sample, and one for all
      check_twice(
          [&](const Arrays& a) {
            return sum(w * square(rotate_features(sign * rotation_from_quaternion(a[0]), a[1], irreps)));
          },
          {some, x});
  const Array d = wigner_d(rotation_from_quaternion(q), 2);
  check_twice([&](const Arrays& a) { return sum(w * square(rotate(a[0], a[1], irreps, true))); }, {d, x});
}

// The cotangent on R is tangent to SO(3): R^T G is antisymmetric.
TEST(WignerGradient, IsTangent) {
  const Array r = random_rotations(4, 26), c = normal({4, wigner_size(4)}, 27);
  const Array g = vjp([](const Arrays& a) { return Arrays{wigner_d(a[0], 4)}; }, {r}, {c}).second[0];
  const Array a = matmul(r, g, true, false);
  EXPECT_LE(difference(a, -transpose(a)), 1e-13);
}

}  // namespace
}  // namespace cartan::so3
