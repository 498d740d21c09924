#include "cartan/nn/muon.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/nn/adamw.hpp"

using namespace cartan;
using namespace cartan::nn;

namespace {

using Table = std::vector<std::vector<double>>;

// n x n: product of rotations by all pairs of axes.
Table rotation(std::size_t n, double angle) {
  Table q(n, std::vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) q[i][i] = 1;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j) {
      const double c = std::cos(angle), s = std::sin(angle);
      angle += 0.7;
      for (auto& row : q) {
        const double a = row[i], b = row[j];
        row[i] = c * a - s * b;
        row[j] = s * a + c * b;
      }
    }
  return q;
}

// U diag(values) V^T, row-major, with the rotations of `rows` and `columns`.
std::vector<double> of_values(const std::vector<double>& values, std::size_t rows, std::size_t columns) {
  const Table u = rotation(rows, 0.3), v = rotation(columns, 1.1);
  std::vector<double> out(rows * columns, 0.0);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      for (std::size_t k = 0; k < values.size(); ++k) out[i * columns + j] += u[i][k] * values[k] * v[j][k];
  return out;
}

// What five steps of the polynomial make of singular values.
std::vector<double> orthogonal(std::vector<double> s) {
  double norm = 0;
  for (const double x : s) norm += x * x;
  for (double& x : s) x /= std::sqrt(norm);
  for (double& x : s)
    for (int k = 0; k < 5; ++k) x = 3.4445 * x - 4.7750 * std::pow(x, 3) + 2.0315 * std::pow(x, 5);
  return s;
}

}  // namespace

// Gradients with the same singular vectors: the mean's values, and those of a step, follow from numbers
// alone.
TEST(Muon, AgainstKnownSingularVectors) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::size_t, std::size_t>>{{4, 3}, {3, 4}, {2, 2}, {3, 7}, {9, 2}})
    for (const bool nesterov : {false, true}) {
      MuonOptions o;
      o.nesterov = nesterov;
      o.momentum = 0.8;
      o.weight_decay = 0.3;
      const std::size_t n = std::min(rows, columns);
      const Index r = static_cast<Index>(rows), c = static_cast<Index>(columns);
      std::vector<double> p(rows * columns, 0.25), mean(n, 0.0);
      Array weight = Array::from(p, {r, c});
      const ParameterRefs refs{{"weight", &weight}};
      Muon muon(refs, o);
      for (int t = 1; t <= 4; ++t) {
        const double rate = 0.1 / t, scale = t == 2 ? 0.5 : 1;
        std::vector<double> values, direction;
        for (std::size_t k = 0; k < n; ++k) {
          values.push_back(static_cast<double>(k + 1) + 0.5 * t);
          const double g = 0.2 * scale * values[k];
          mean[k] = 0.8 * mean[k] + g;
          direction.push_back(nesterov ? 0.8 * mean[k] + g : mean[k]);
        }
        muon.step(refs, {Array::from(of_values(values, rows, columns), {r, c})}, rate, scale);
        const std::vector<double> step = of_values(orthogonal(direction), rows, columns);
        const double size = rate * 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
        for (std::size_t i = 0; i < p.size(); ++i) {
          p[i] = (1 - rate * 0.3) * p[i] - size * step[i];
          EXPECT_NEAR(weight.data<double>()[i], p[i], 1e-13) << rows << ' ' << t << ' ' << i;
        }
      }
    }
}

// Values down to 1e-7 of the largest, in float32: those that are noise in X X^T too, and zeros: rounding,
// 6e-8, times the growth of the smallest, 3.4445^5.
TEST(Muon, SmallSingularValuesOfWideMatricesInFloat32) {
  const std::size_t rows = 8, columns = 40;
  const std::vector<double> values{1, 0.3, 1e-2, 1e-3, 1e-4, 1e-5, 1e-7, 0};
  const std::vector<double> g = of_values(values, rows, columns);
  MuonOptions o;
  o.momentum = 0;
  o.size = 1 / std::sqrt(static_cast<double>(columns));
  Array p = Array::zeros({8, 40}, DType::f32);
  const ParameterRefs refs{{"p", &p}};
  Muon muon(refs, o);
  muon.step(refs, {cast(Array::from(g, {8, 40}), DType::f32)}, 1);
  const std::vector<double> expected = of_values(orthogonal(values), rows, columns);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(p.data<float>()[i], -expected[i], 4e-5) << i;
}

// s1^2 + s2^2 and s1 s2 are the squared norm and the determinant.
TEST(Muon, SingularValuesOfAStepAreAboutOne) {
  for (double s = 0.02; s < 1; s += 0.01) {
    MuonOptions o;
    o.size = 1 / std::sqrt(2.0);  // a step is O(d) for a learning rate of 1
    Array p = Array::zeros({2, 2}, DType::f64);
    const ParameterRefs refs{{"p", &p}};
    Muon muon(refs, o);
    muon.step(refs, {Array::from(of_values({s, std::sqrt(1 - s * s)}, 2, 2), {2, 2})}, 1);
    const double* x = p.data<double>();
    const double squares = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3],
                 product = std::abs(x[0] * x[3] - x[1] * x[2]), sum = std::sqrt(squares + 2 * product),
                 difference = std::sqrt(std::max(0.0, squares - 2 * product));
    EXPECT_GT((sum - difference) / 2, 0.5) << s;
    EXPECT_LT((sum + difference) / 2, 1.3) << s;
  }
}

// Maps of one parameter are trained as parameters of their own are, in both precisions.
TEST(Muon, MapsOfOneParameterAreMatricesOfTheirOwn) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    const std::vector<Shape> shapes{{3, 4}, {5, 2}, {1, 3}};
    std::vector<double> all;
    Arrays parts;
    ParameterRefs separate;
    std::vector<Matrix> maps;
    for (std::size_t k = 0; k < 3; ++k) {
      const Array a = random_normal(shapes[k], dtype, Random(7, k));
      maps.push_back({static_cast<Index>(all.size()), shapes[k][0], shapes[k][1]});
      const std::vector<double> values = a.as(DType::f64).to_vector<double>();
      all.insert(all.end(), values.begin(), values.end());
      parts.push_back(a);
    }
    for (std::size_t k = 0; k < 2; ++k) separate.push_back({text(k), &parts[k]});
    Array whole = Array::from(all).as(dtype);
    const ParameterRefs joined{{"all", &whole, maps}};
    Muon one(joined), other(separate);
    const Array g = random_normal({whole.size()}, dtype, Random(8, 0));
    Arrays gradients;
    for (std::size_t k = 0; k < 2; ++k)
      gradients.push_back(reshape(slice(g, 0, maps[k].offset, maps[k].offset + parts[k].size()), shapes[k]));
    for (int t = 0; t < 3; ++t) {
      one.step(joined, {g}, 0.1);
      other.step(separate, gradients, 0.1);
    }
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_TRUE(identical(
          reshape(slice(whole, 0, maps[k].offset, maps[k].offset + parts[k].size()), shapes[k]), parts[k]));
  }
}

TEST(Muon, FurtherExtentsOfOneDoNotMatter) {  // weights of channels, (out, in, 1)
  Array flat = random_normal({3, 4}, DType::f64, Random(7, 1)), deep = reshape(flat, {3, 4, 1, 1});
  deep = deep + 0.0;  // memory of its own
  const ParameterRefs one{{"flat", &flat}}, other{{"deep", &deep}};
  Muon first(one), second(other);
  const Array g = random_normal({3, 4}, DType::f64, Random(8, 1));
  first.step(one, {g}, 0.1);
  second.step(other, {reshape(g, {3, 4, 1, 1})}, 0.1);
  EXPECT_TRUE(identical(reshape(deep, {3, 4}), flat));
}

TEST(Muon, AllElseIsTrainedAsByAdamW) {
  AdamWOptions plain;
  plain.amsgrad = false;
  plain.weight_decay = 0.1;
  MuonOptions o;
  o.weight_decay = 0.1;
  // a bias, a column, complex numbers, more axes
  const std::vector<std::pair<Shape, DType>> kinds{
      {{5}, DType::f64}, {{5, 1}, DType::f32}, {{2, 2}, DType::c128}, {{2, 3, 2}, DType::f64}};
  const auto draw = [](const std::pair<Shape, DType>& kind, const Random& random) {
    if (is_real(kind.second)) return random_normal(kind.first, kind.second, random);
    std::vector<std::complex<double>> z;
    const std::vector<double> x =
        random_normal({2 * size_of(kind.first)}, DType::f64, random).to_vector<double>();
    for (std::size_t i = 0; i < x.size(); i += 2) z.emplace_back(x[i], x[i + 1]);
    return Array::from(z, kind.first);
  };
  Arrays a, b;
  ParameterRefs ra, rb;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    a.push_back(draw(kinds[k], Random(3, k)));
    b.push_back(a.back());
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    ra.push_back({text(k), &a[k]});
    rb.push_back({text(k), &b[k]});
  }
  AdamW adam(ra, plain);
  Muon muon(rb, o);
  for (std::uint64_t t = 0; t < 3; ++t) {
    Arrays g;
    for (std::size_t k = 0; k < kinds.size(); ++k) g.push_back(draw(kinds[k], Random(20 + t, k)));
    adam.step(ra, g, 0.1);
    muon.step(rb, g, 0.1);
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) EXPECT_TRUE(identical(a[k], b[k])) << k;
}

TEST(Muon, AGradientOfZerosMovesNothing) {
  Array p = random_normal({3, 3}, DType::f32, Random(1, 0));
  const Array before = p;
  const ParameterRefs refs{{"p", &p}};
  Muon muon(refs);
  muon.step(refs, {Array::zeros({3, 3}, DType::f32)}, 0.1);
  EXPECT_TRUE(identical(p, before));
}

TEST(Muon, Errors) {
  Array p = Array::zeros({12}, DType::f32);
  EXPECT_THROW(Muon({{"p", &p, {{0, 3, 3}}}}), std::invalid_argument);
  EXPECT_THROW(Muon({{"p", &p, {{0, 2, 3}, {5, 2, 3}}}}), std::invalid_argument);
  MuonOptions bad;
  bad.size = 0;
  EXPECT_THROW(Muon({{"p", &p}}, bad), std::invalid_argument);
  bad.size = 0.2;
  bad.momentum = 1;
  EXPECT_THROW(Muon({{"p", &p}}, bad), std::invalid_argument);
}
