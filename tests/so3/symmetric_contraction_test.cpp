// Symmetric contraction against sums over all tuples, under rotations, by differences, against MACE.
#include "cartan/so3/symmetric_contraction.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/so3/tables.hpp"
#include "nn/check_twice.hpp"
#include "worst.hpp"

namespace cartan::so3 {
namespace {

double largest_difference(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  const auto x = a.as(DType::f64).to_vector<double>(), y = b.as(DType::f64).to_vector<double>();
  double worst = 0;
  for (std::size_t k = 0; k < std::min(x.size(), y.size()); ++k)
    worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
  return worst;
}

Array normal(Shape shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(31, stream));
}

Indices some_species(Index n, Index extent) {
  std::vector<std::int32_t> s;
  for (Index k = 0; k < n; ++k) s.push_back(static_cast<std::int32_t>(k * k % extent));
  return {s, extent};
}

// Generators of rotations in the real basis from the 3j symbols of l x l -> 1, scaled to [X_a, X_b] = +-X_c.
std::vector<double> generator(int l, int axis) {
  const auto& c = wigner_3j(l, l, 1);
  std::vector<double> x;
  for (std::size_t k = static_cast<std::size_t>(axis); k < c.size(); k += 3)
    x.push_back(c[k] * std::sqrt(l * (l + 1.0) * (2 * l + 1)));
  return x;
}

// x turned infinitesimally about an axis; features of C channels in ir_mul.
Array turned(const Array& x, const Irreps& irreps, int axis) {
  Arrays parts;
  for (std::size_t t = 0; t < irreps.size(); ++t) {
    const Index d = irreps[t].ir.dim(), c = irreps[t].mul, n = x.dim(0);
    const Array block = reshape(slice(x, 1, irreps.offset(t), irreps.offset(t + 1)), {n, d, c});
    const Array g = irreps[t].ir.l == 0 ? Array::zeros({1, 1}, DType::f64)
                                        : Array::from(generator(irreps[t].ir.l, axis), {d, d});
    parts.push_back(reshape(matmul(g, block), {n, d * c}));
  }
  return concatenate(parts, 1);
}

TEST(SymmetricContraction, CountsPaths) {
  // the numbers of independent symmetric invariants: MACE's with its chains made independent
  const SymmetricContraction one("1x0e+1x1o", "1x0e", 4);
  std::vector<Index> counts;
  for (const auto& b : one.paths()) counts.push_back(b.count);
  // polynomials of s and |v|^2: s; s^2, v^2; s^3, s v^2; s^4, s^2 v^2, v^4
  EXPECT_EQ(counts, (std::vector<Index>{1, 2, 2, 3}));
  const SymmetricContraction vectors("1x1o", "1x1o+1x1e+1x0o+1x2e", 3);
  counts.clear();
  for (const auto& b : vectors.paths()) counts.push_back(b.count);
  // v, v^2 v; v x v = 0; no pseudoscalar; v v traceless
  EXPECT_EQ(counts, (std::vector<Index>{1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
}

// By degree and path from the polynomials themselves: x -> weights one at a time.
TEST(SymmetricContraction, BasisIsOrthonormal) {
  const Irreps in("1x0e+1x1o+1x2e"), out("1x1o");
  const SymmetricContraction f(in, out, 3);
  // The symmetric tensor of a path from the third derivatives of its polynomial.
  const Index d = 9, paths = f.num_paths();
  const auto& block = f.paths()[2];
  ASSERT_EQ(block.nu, 3);
  const auto tensor = [&](Index path) {
    std::vector<double> u;
    std::vector<double> w(static_cast<std::size_t>(paths), 0.0);
    w[static_cast<std::size_t>(path)] = 1;
    const Array weight = Array::from(w, {1, paths, 1});
    const auto basis = [&](Index i) {
      std::vector<double> v(9, 0.0);
      v[static_cast<std::size_t>(i)] = 1;
      return Array::from(v, {1, 9});
    };
    const auto value = [&](const Array& x) { return f(x, Indices({0}, 1), weight).to_vector<double>(); };
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j < d; ++j)
        for (Index k = 0; k < d; ++k) {  // polarisation
          const Array a = basis(i), b = basis(j), c = basis(k);
          const auto abc = value(a + b + c), ab = value(a + b), bc = value(b + c), ac = value(a + c),
                     p = value(a), q = value(b), r = value(c);
          for (std::size_t m = 0; m < 3; ++m)
            u.push_back((abc[m] - ab[m] - bc[m] - ac[m] + p[m] + q[m] + r[m]) / 6);
        }
    return u;
  };
  std::vector<std::vector<double>> all;
  for (Index p = block.begin; p < block.begin + block.count; ++p) all.push_back(tensor(p));
  ASSERT_EQ(all.size(), 5u);  // s s v, v v v, s Q v, tr(Q Q) v, Q Q v
  for (std::size_t p = 0; p < all.size(); ++p)
    for (std::size_t q = 0; q <= p; ++q)
      for (std::size_t m = 0; m < 3; ++m)
        for (std::size_t n = 0; n < 3; ++n) {
          double sum = 0;
          for (std::size_t k = 0; k < all[p].size(); k += 3) sum += all[p][k + m] * all[q][k + n];
          EXPECT_LE(std::abs(sum - (p == q && m == n ? 1 : 0)), 1e-12) << p << q << m << n;
        }
}

TEST(SymmetricContraction, PowersOfScalars) {
  const SymmetricContraction f("3x0e", "3x0e", 4);
  const Array x = normal({5, 3}, 1), w = normal({2, 4, 3}, 2);
  const Indices species = some_species(5, 2);
  const Array y = f(x, species, w);
  for (Index n = 0; n < 5; ++n)
    for (Index c = 0; c < 3; ++c) {
      double expected = 0;
      for (int nu = 1; nu <= 4; ++nu)
        expected +=
            w.data<double>()[(species[n] * 4 + nu - 1) * 3 + c] * std::pow(x.data<double>()[n * 3 + c], nu);
      EXPECT_LE(std::abs(y.data<double>()[n * 3 + c] - expected), 1e-13);
    }
}

struct Case {
  Irreps in, out;
  int correlation;
};
const Case cases[] = {{"5x0e+5x1o+5x2e", "5x0e+5x1o", 3},
                      {"17x0e+17x1o", "17x0e+17x1o+17x2e", 2},
                      {"2x0e+2x1o+2x1e+2x2e+2x3o", "2x0o+2x1e+2x3o", 2},
                      {"3x1o+3x0e", "3x1o+3x0e", 4}};

// dF(x) along the turned x is the turned F(x).
TEST(SymmetricContraction, IsEquivariant) {
  for (const auto& [in, out, correlation] : cases) {
    const SymmetricContraction f(in, out, correlation);
    const Array x = normal({4, in.dim()}, 3), w = normal({2, f.num_paths(), f.channels()}, 4);
    const Indices species = some_species(4, 2);
    for (int axis = 0; axis < 3; ++axis) {
      const auto [y, dy] =
          jvp([&](const Arrays& a) { return Arrays{f(a[0], species, w)}; }, {x}, {turned(x, in, axis)});
      const Array expected = turned(y[0], out, axis);
      double size = 1;
      for (double v : expected.to_vector<double>()) size = std::max(size, std::abs(v));
      EXPECT_LE(largest_difference(dy[0], expected), 1e-13 * size) << in << axis;
    }
  }
}

TEST(SymmetricContraction, Derivatives) {
  for (const auto& [in, out, correlation] : cases) {
    const SymmetricContraction f(in, out, correlation);
    const Array x = normal({3, in.dim()}, 5) * 0.5, w = normal({3, f.num_paths(), f.channels()}, 6);
    const Indices species = some_species(3, 3);
    const Array c = normal({3, out.dim()}, 7);
    check_twice([&](const Arrays& a) { return sum(f(a[0], species, a[1]) * c); }, {x, w}, 1e-7);
  }
}

TEST(SymmetricContraction, ThirdAndHigherDerivatives) {
  const SymmetricContraction f("2x0e+2x1o", "2x0e+2x1o", 4);
  const Array x = normal({2, 8}, 8), w = normal({1, f.num_paths(), 2}, 9), c = normal({2, 8}, 10),
              v = normal({2, 8}, 11);
  const Indices species({0, 0}, 1);
  ScalarFunction g = [&](const Arrays& a) { return sum(f(a[0], species, w) * c); };
  for (int order = 1; order <= 4; ++order) {
    g = [g, v](const Arrays& a) { return sum(grad(g)(a)[0] * v); };
    if (order < 4) {
      EXPECT_LE(check_gradients(g, {x}).max_error, 1e-8) << order;
    }
  }
  // the fourth derivative along v is 4! times the quartic part: f(t v) = ... + t^4 quartic
  const auto at_scale = [&](double t) { return sum(f(v * t, species, w) * c).item(); };
  const double even = [&] {  // quartic part of the even part: solve a t^2 + b t^4 from t = 1, 2
    const double one = (at_scale(1) + at_scale(-1)) / 2, two = (at_scale(2) + at_scale(-2)) / 2;
    return (two - 4 * one) / 12;
  }();
  const Recording off(false);
  EXPECT_LE(std::abs(g({x}).item() - 24 * even), 1e-9 * (1 + std::abs(24 * even)));
}

TEST(SymmetricContraction, PrecisionThreadsTails) {
  const Irreps in("19x0e+19x1o+19x2e"), out("19x0e+19x1o");
  const SymmetricContraction f(in, out, 3);
  const Index n = 301;  // of three species, one of which does not occur
  std::vector<std::int32_t> s;
  for (Index k = 0; k < n; ++k) s.push_back(k % 5 == 0 ? 0 : 2);
  const Indices species(s, 3);
  const Array x = normal({n, in.dim()}, 12), w = normal({3, f.num_paths(), 19}, 13),
              c = normal({n, out.dim()}, 14);
  const auto run = [&](const Array& a, const Array& b, const Array& cotangent) {
    return vjp([&](const Arrays& t) { return Arrays{f(t[0], species, t[1])}; }, {a, b}, {cotangent});
  };
  const auto [y, d] = run(x, w, c);
  EXPECT_TRUE(identical(f(x.rows(7, 8), Indices({s[7]}, 3), w), y[0].rows(7, 8)));
  const int before = threads();
  set_threads(1);
  const auto [y1, d1] = run(x, w, c);
  set_threads(before);
  EXPECT_TRUE(identical(y[0], y1[0]) && identical(d[0], d1[0]) && identical(d[1], d1[1]));
  for (double v : d[1].rows(1, 2).to_vector<double>()) EXPECT_EQ(v, 0);
  const auto [yf, df] = run(x.as(DType::f32), w.as(DType::f32), c.as(DType::f32));
  const auto size = [](const Array& a) {
    double most = 0;
    for (double v : a.to_vector<double>()) most = std::max(most, std::abs(v));
    return most;
  };
  EXPECT_LE(largest_difference(yf[0], y[0]), 2e-6 * size(y[0]));
  EXPECT_LE(largest_difference(df[0], d[0]), 2e-6 * size(d[0]));
  EXPECT_LE(largest_difference(df[1], d[1]), 2e-6 * size(d[1]));
}

TEST(SymmetricContraction, EqualsMace) {
  const data::Group golden = data::load(std::string(CARTAN_SOURCE_DIR) + "/tests/golden/mace_contraction.h5");
  for (const auto& [name, group] : golden.groups()) {
    const Irreps in(group.string("irreps_in")), out(group.string("irreps_out"));
    const int correlation = static_cast<int>(group.integer("correlation"));
    const SymmetricContraction f(in, out, correlation);
    Arrays weights;
    for (const auto& block : f.paths()) {
      const std::string key = std::to_string(block.out) + "/" + std::to_string(block.nu);
      const Array matrix = f.change_of_basis(block.out, block.nu, group.array("u/" + key));
      weights.push_back(matmul(matrix, group.array("weight/" + key)));
    }
    const auto species = group.array("species").to_vector<std::int32_t>();
    const Array y = f(group.array("x"), Indices(species, weights[0].dim(0)), concatenate(weights, 1));
    double size = 0;
    for (double v : group.array("out").to_vector<double>()) size = std::max(size, std::abs(v));
    EXPECT_GT(size, 0.1);
    EXPECT_LE(largest_difference(y, group.array("out")), 1e-12 * size) << name;
  }
}

TEST(SymmetricContraction, RefusesWhatDoesNotFit) {
  EXPECT_THROW(SymmetricContraction("2x0e+3x1o", "2x0e", 2), std::invalid_argument);
  EXPECT_THROW(SymmetricContraction("2x0e", "3x0e", 2), std::invalid_argument);
  EXPECT_THROW(SymmetricContraction("2x0e", "2x0e", 0), std::invalid_argument);
  EXPECT_THROW(SymmetricContraction("", "2x0e", 1), std::invalid_argument);
  const SymmetricContraction f("2x0e+2x1o", "2x0e", 2);
  const Array x = normal({3, 8}, 1), w = normal({1, f.num_paths(), 2}, 2);
  EXPECT_NO_THROW(f(x, Indices({0, 0, 0}, 1), w));
  EXPECT_THROW(f(x, Indices({0, 0}, 1), w), std::invalid_argument);
  EXPECT_THROW(f(x, Indices({0, 0, 0}, 2), w), std::invalid_argument);
  EXPECT_THROW(f(x, Indices({0, 0, 0}, 1), w.as(DType::f32)), std::invalid_argument);
  EXPECT_THROW(f.change_of_basis(0, 3, x), std::invalid_argument);
  EXPECT_THROW(f.change_of_basis(0, 2, x), std::invalid_argument);
  EXPECT_THROW(f.change_of_basis(0, 2, normal({4, 4, 2}, 3)), std::invalid_argument);  // not equivariant
  EXPECT_EQ(f(Array::zeros({0, 8}, DType::f64), Indices({}, 1), w).shape(), (Shape{0, 2}));
}

}  // namespace
}  // namespace cartan::so3
