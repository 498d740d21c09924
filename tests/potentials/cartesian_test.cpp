// The multilinear ops against plain loops over 3x3 matrices, and their derivatives.
#include "golden.hpp"

#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/random.hpp>
#include <cartan/potentials/cartesian.hpp>

using namespace cartan;
using namespace cartan::potentials;

namespace {

Array normal(const Shape& shape, std::uint64_t stream) {
  return random_normal(shape, DType::f64, Random(11, stream));
}

// The matrix of nine coordinates, straight from the definition of the basis.
void basis_matrix(int c, double (&m)[3][3]) {
  for (auto& row : m)
    for (double& v : row) v = 0;
  const double h = std::sqrt(0.5);
  if (c == 0) m[0][0] = m[1][1] = m[2][2] = 1 / std::sqrt(3.0);
  if (c == 1) m[2][1] = h, m[1][2] = -h;
  if (c == 2) m[0][2] = h, m[2][0] = -h;
  if (c == 3) m[1][0] = h, m[0][1] = -h;
  if (c == 4) m[0][1] = m[1][0] = h;
  if (c == 5) m[1][2] = m[2][1] = h;
  if (c == 6) m[0][2] = m[2][0] = h;
  if (c == 7) m[0][0] = h, m[1][1] = -h;
  if (c == 8) m[0][0] = m[1][1] = -1 / std::sqrt(6.0), m[2][2] = 2 / std::sqrt(6.0);
}

double dot(const Array& a, const Array& b) {
  return sum(a * b).item();
}

void check_twice(const ScalarFunction& f, const Arrays& x) {
  EXPECT_LE(check_gradients(f, x, 1e-3, 40).max_error, 1e-9);
  const auto second = [&](const Arrays& t) {
    const Arrays g = grad(f)(t);
    Array total = Array::scalar(0, DType::f64);
    for (std::size_t k = 0; k < g.size(); ++k) total = total + sum(g[k] * normal(g[k].shape(), 900 + k));
    return total;
  };
  EXPECT_LE(check_gradients(second, x, 1e-3, 40).max_error, 1e-9);
}

}  // namespace

TEST(Cartesian, MatrixProductsAgreeWithTheBasis) {
  const Array x = normal({9, 2, 3}, 1), y = normal({9, 2, 3}, 2);
  for (bool tx : {false, true})
    for (bool ty : {false, true}) {
      const Array p = matrix_product(x, y, tx, ty), s = anticommutator(x, y, tx, ty);
      for (Index k = 0; k < 6; ++k) {
        double a[3][3] = {}, b[3][3] = {}, e[3][3];
        for (int c = 0; c < 9; ++c) {
          basis_matrix(c, e);
          for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j) {
              (tx ? a[j][i] : a[i][j]) += x.data<double>()[c * 6 + k] * e[i][j];
              (ty ? b[j][i] : b[i][j]) += y.data<double>()[c * 6 + k] * e[i][j];
            }
        }
        for (int c = 0; c < 9; ++c) {
          basis_matrix(c, e);
          double product = 0, symmetric = 0;
          for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j)
              for (int l = 0; l < 3; ++l) {
                product += e[i][j] * a[i][l] * b[l][j];
                symmetric += e[i][j] * (a[i][l] * b[l][j] + b[i][l] * a[l][j]);
              }
          EXPECT_LE(std::abs(p.data<double>()[c * 6 + k] - product), 1e-13);
          EXPECT_LE(std::abs(s.data<double>()[c * 6 + k] - symmetric), 1e-13);
        }
      }
      check_twice([&](const Arrays& a) { return sum(power(matrix_product(a[0], a[1], tx, ty), 3)); }, {x, y});
      check_twice([&](const Arrays& a) { return sum(power(anticommutator(a[0], a[1], tx, ty), 3)); }, {x, y});
    }
}

TEST(Cartesian, GatesAndLinearLayers) {
  const Array x = normal({9, 5, 7}, 3), n = normal({5, 3, 7}, 4), one = normal({5, 1, 7}, 5),
              w = normal({3, 4, 7}, 6);
  check_twice([](const Arrays& a) { return sum(power(gate(a[0], a[1]), 3)); }, {x, n});
  check_twice([](const Arrays& a) { return sum(power(gate(a[0], a[1]), 3)); }, {x, one});
  for (int ranks : {1, 3})
    check_twice([&](const Arrays& a) { return sum(power(rank_dot(a[0], a[1], ranks), 2)); },
                {x, normal({9, 5, 7}, 7)});
  check_twice([](const Arrays& a) { return sum(power(rank_linear(a[0], a[1]), 3)); }, {x, w});
  check_twice([](const Arrays& a) { return sum(power(rank_linear(a[0], a[1], true), 3)); },
              {normal({9, 5, 4}, 8), w});
  const Array y = rank_linear(x, w);
  for (int c = 0; c < 9; ++c)
    for (Index i = 0; i < 5; ++i)
      for (Index g = 0; g < 4; ++g) {
        double total = 0;
        for (Index f = 0; f < 7; ++f)
          total += w.data<double>()[(rank_of[static_cast<std::size_t>(c)] * 4 + g) * 7 + f] *
                   x.data<double>()[(c * 5 + i) * 7 + f];
        EXPECT_LE(std::abs(y.data<double>()[(c * 5 + i) * 4 + g] - total), 1e-13);
      }
}

TEST(Cartesian, MessagesAndEmbeddings) {
  const Graph graph = golden::graph(golden::crystal(), 3.0);
  const NeighborhoodPtr n = neighborhood_of(graph);
  const Index rows = n->pairs + 1, f = 19;  // one vector register and a tail
  const Array g = normal({rows, 3, f}, 10), x = normal({9, n->atoms, f}, 11);
  const Array m = message(n, g, x);
  const double* G = g.data<double>();
  const double* X = x.data<double>();
  const auto expect = [&](const Array& result, auto coefficient) {
    for (Index i = 0; i < n->atoms; ++i)
      for (int c = 0; c < 9; ++c)
        for (Index k = 0; k < f; ++k) {
          double total = 0;
          for (Index p = 0; p < n->pairs; ++p) {
            const auto q = static_cast<std::size_t>(p);
            if (n->i[q] == i) total += coefficient(p, 2 * p, n->j[q], 1.0, c, k);
            if (n->j[q] == i) total += coefficient(p, 2 * p + 1, n->i[q], -1.0, c, k);
          }
          total += coefficient(n->pairs, 2 * n->pairs + i, i, 1.0, c, k);
          EXPECT_LE(std::abs(result.data<double>()[(c * n->atoms + i) * f + k] - total), 1e-12);
        }
  };
  expect(m, [&](Index p, Index, Index sender, double, int c, Index k) {
    return G[(p * 3 + rank_of[static_cast<std::size_t>(c)]) * f + k] * X[(c * n->atoms + sender) * f + k];
  });
  const Array y = normal({rows, 9}, 12), w = normal({rows, 3, f}, 13), z = normal({n->edges(), f}, 14);
  expect(edge_embedding(n, y, w, z), [&](Index p, Index e, Index, double sign, int c, Index k) {
    const int r = rank_of[static_cast<std::size_t>(c)];
    return (r == 1 ? sign : 1) * y.data<double>()[p * 9 + c] * w.data<double>()[(p * 3 + r) * f + k] *
           z.data<double>()[e * f + k];
  });
  check_twice([&](const Arrays& a) { return sum(power(message(n, a[0], a[1]), 3)); }, {g, x});
  check_twice([&](const Arrays& a) { return sum(power(pair_product(n, a[0], a[1]), 2)); },
              {x, normal(x.shape(), 15)});
  check_twice([&](const Arrays& a) { return sum(power(edge_embedding(n, a[0], a[1], a[2]), 3)); }, {y, w, z});
  // one form: the adjoint identities are exact up to rounding
  EXPECT_LE(std::abs(dot(message(n, g, x), m) - dot(g, pair_product(n, x, m))), 1e-12 * dot(m, m));
}
