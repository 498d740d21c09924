// SO(2) convolution against a sum over dense Wigner matrices in another gauge, as an equivariant map, and its
// derivatives of three orders.
#include "cartan/so3/so2_convolution.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/wigner.hpp"
#include "so3/errors.hpp"

namespace cartan::so3 {
namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, DType::f64, Random(5, stream)).as(dtype);
}

double largest(const Array& a) {
  double worst = 0;
  for (double v : a.to_vector<double>())
    if (!(std::abs(v) <= worst) && !std::isnan(worst)) worst = std::abs(v);
  return worst;
}

// largest difference over largest value
double difference(const Array& a, const Array& b) {
  return a.shape() == b.shape() ? largest(a.as(DType::f64) - b.as(DType::f64)) / largest(b) : INFINITY;
}

EdgeList random_edges(Index edges, Index senders, Index receivers, std::uint64_t stream) {
  std::vector<std::int32_t> s, r;
  const Random random(3, stream);
  for (Index e = 0; e < edges; ++e) {
    s.push_back(static_cast<std::int32_t>(random.bits(static_cast<std::uint64_t>(2 * e)) %
                                          static_cast<std::uint64_t>(senders)));
    r.push_back(static_cast<std::int32_t>(random.bits(static_cast<std::uint64_t>(2 * e + 1)) %
                                          static_cast<std::uint64_t>(receivers)));
  }
  return {s, r, senders, receivers};
}

// Random directions, with every axis and directions 1e-12 from the poles among the first ones.
Array edge_vectors(Index edges, std::uint64_t stream) {
  std::vector<double> v = normal({edges, 3}, stream).to_vector<double>();
  const double special[][3] = {{0, 1.3, 0},     {0, -0.7, 0},     {1, 0, 0},     {-1, 0, 0},
                               {0, 0, 1},       {0, 0, -2},       {1e-12, 1, 0}, {0, -1, 1e-12},
                               {-1e-300, 1, 0}, {-0.0, -1, -0.0}, {0, 1e-12, -1}};
  for (std::size_t k = 0; k < std::size(special) && 3 * k < v.size(); ++k)
    for (std::size_t a = 0; a < 3; ++a) v[3 * k + a] = special[k][a];
  return Array::from(v, {edges, 3});
}

Shape weight_shape(const SO2Convolution& c, Index edges) {
  return c.options().channelwise ? Shape{edges, c.weight_size()} : Shape{c.weight_size()};
}

// The sum as it is written down, edge by edge, in the gauge R_y(alpha) R_x(beta) R_y(gamma).
Array by_dense_matrices(const SO2Convolution& c, const EdgeList& edges, const Array& x, const Array& r,
                        const Array& w, const Array& s, double gamma) {
  const auto &in = c.irreps_in(), &out = c.irreps_out();
  std::vector<double> y(edges.receiver_nodes() * out.dim(), 0.0);
  const double* weights = w.data<double>();
  for (Index e = 0; e < edges.size(); ++e) {
    const double* v = r.data<double>() + 3 * e;
    const double rho = std::hypot(v[0], v[2]);
    const Array rotation = rotation_from_angles(
        Array::from<double>({rho > 0 ? std::atan2(v[0], v[2]) : 0, std::atan2(rho, v[1]), gamma}, {1, 3}));
    const Array z =
        rotate(wigner_d(rotation, in.lmax()), x.rows(edges.senders()[e], edges.senders()[e] + 1), in, true);
    std::vector<double> t(out.dim(), 0.0);
    for (const auto& b : c.blocks()) {
      const Index mul_in = in[b.in].mul, mul_out = out[b.out].mul;
      Index radial_place = 0;  // orders before, then terms before
      for (int m = 0; m <= b.m; ++m)
        for (std::size_t k = 0; k < in.size(); ++k)
          if (in[k].ir.l >= m && (m < b.m || k < b.in)) radial_place += in[k].mul;
      const auto add = [&](int row, int column, double sign) {
        const bool single = c.options().channelwise;
        for (Index i = 0; i < mul_out; ++i)
          for (Index j = single ? i : 0; j < (single ? i + 1 : mul_in); ++j) {
            const double factor = s.empty() ? 1 : s.data<double>()[e * c.radial_size() + radial_place + j];
            t[out.offset(b.out) + (out[b.out].ir.l + row) * mul_out + i] +=
                sign *
                (single ? weights[e * c.weight_size() + b.offset + i] : weights[b.offset + i * mul_in + j]) *
                factor * z.data<double>()[in.offset(b.in) + (in[b.in].ir.l + column) * mul_in + j];
          }
      };
      if (b.m == 0) {
        add(0, 0, 1);
      } else if (!b.sine) {
        add(b.m, b.m, 1), add(-b.m, -b.m, 1);
      } else {
        add(b.m, -b.m, -1), add(-b.m, b.m, 1);
      }
    }
    const Array turned = rotate(wigner_d(rotation, out.lmax()), Array::from(t, {1, out.dim()}), out);
    for (Index k = 0; k < out.dim(); ++k) y[edges.receivers()[e] * out.dim() + k] += turned.data<double>()[k];
  }
  return Array::from(y, {edges.receiver_nodes(), out.dim()});
}

struct Case {
  const char *in, *out;
  int mmax;
  bool parity, channelwise = false;
};
const Case cases[] = {
    {"4x0e+4x1e+4x2e", "4x0e+4x1e+4x2e", -1, false},
    {"16x0e+16x1o+16x2e+16x3o", "32x0e+32x1o+32x2e+32x3o", 2, false},
    {"3x0e+17x1o+1x2e+2x4e", "5x2e+33x0o+2x1e+1x6e", 3, false},
    {"3x0e+17x1o+1x2e+2x4e", "5x2e+33x0o+2x1e+1x6e", -1, true},
    {"2x0e+3x0o+2x1o+3x1e+2x2e+1x2o", "3x1o+1x1e+2x2o+2x2e+2x0e+1x0o", -1, true},
    {"2x3o", "1x0e+1x5e", 0, false},
    {"7x8e+1x0e", "2x8e+3x3e", -1, false},
    {"19x0e+19x1o+19x2e+3x4e", "19x0e+19x1e+19x3o+3x4o", -1, false, true},
    {"5x0e+5x1o+5x2e+5x1e", "5x0e+5x1e+5x3o+5x2e", 2, true, true},
};

TEST(SO2Convolution, EqualsDenseMatricesInAnyGauge) {
  for (const auto& t : cases) {
    const SO2Convolution c(t.in, t.out, {t.mmax, t.parity, t.channelwise, {}});
    const EdgeList edges = random_edges(23, 5, 6, 1);
    const Array x = normal({5, c.irreps_in().dim()}, 2), w = normal(weight_shape(c, 23), 3),
                s = t.channelwise ? Array() : normal({23, c.radial_size()}, 4), r = edge_vectors(23, 5);
    EXPECT_LE(difference(c(edges, x, r, w, s), by_dense_matrices(c, edges, x, r, w, s, 0.0)), 1e-13) << t.in;
    EXPECT_LE(difference(c(edges, x, r, w), by_dense_matrices(c, edges, x, r, w, {}, 1.234)), 1e-13) << t.in;
  }
}

// More blocks than one, rows that cross blocks, rows without edges; the same bits for any number of threads.
TEST(SO2Convolution, ManyEdges) {
  const SO2Convolution c("5x0e+5x1o+5x2e", "4x0e+4x1o+4x2e", {1, false, false, {}});
  const Index n = 1003;
  const EdgeList edges = random_edges(n, 9, 7, 6);
  EdgeList few(std::vector<std::int32_t>(edges.senders().data(), edges.senders().data() + n),
               std::vector<std::int32_t>(edges.receivers().data(), edges.receivers().data() + n), 9, 400);
  const Array x = normal({9, c.irreps_in().dim()}, 7), w = normal({c.weight_size()}, 8),
              s = normal({n, c.radial_size()}, 9), r = edge_vectors(n, 10);
  for (const EdgeList& list : {edges, few})
    EXPECT_LE(difference(c(list, x, r, w, s), by_dense_matrices(c, list, x, r, w, s, -0.4)), 1e-13);
  for (DType dtype : {DType::f32, DType::f64}) {
    const auto run = [&] {
      const Arrays a{track(x.as(dtype)), track(w.as(dtype)), track(s.as(dtype)), track(r.as(dtype))};
      Arrays result = gradients(sum(square(c(edges, a[0], a[3], a[1], a[2]))), a);
      result.push_back(c(edges, a[0], a[3], a[1], a[2]));
      return result;
    };
    set_threads(1);
    const Arrays one = run();
    for (int threads : {2, 3, 4}) {
      set_threads(threads);
      const Arrays many = run();
      for (std::size_t k = 0; k < one.size(); ++k)
        EXPECT_TRUE(identical(detach(one[k]), detach(many[k]))) << k;
    }
    set_threads(0);
  }
}

TEST(SO2Convolution, IsEquivariantForAnyMmax) {
  for (int lmax : {2, 4, 8})
    for (int mmax : {0, 1, 2, lmax}) {
      std::vector<MulIrrep> terms;
      for (int l = 0; l <= lmax; ++l) terms.push_back({16, {l, 1}});
      const SO2Convolution c(terms, terms, {mmax, false, false, {}});
      const EdgeList edges = random_edges(40, 6, 6, 11);
      const Array x = normal({6, c.irreps_in().dim()}, 12), r = edge_vectors(40, 13),
                  w = normal({c.weight_size()}, 14) * (1 / std::sqrt(16.0 * lmax));
      const Array q = rotation_from_quaternion(normal({1, 4}, 15));
      const Array all = broadcast_to(q, {6, 3, 3});
      for (DType dtype : {DType::f64, DType::f32}) {
        const auto f = [&](const Array& a, const Array& b) {
          return c(edges, a.as(dtype), b.as(dtype), w.as(dtype)).as(DType::f64);
        };
        const Array turned = f(rotate_features(all, x, terms), matmul(r, q.reshaped({3, 3}), false, true));
        EXPECT_LE(difference(turned, rotate_features(all, f(x, r), terms)),
                  dtype == DType::f64 ? 1e-13 : 2e-6)
            << lmax << " " << mmax << " " << dtype;
      }
    }
}

TEST(SO2Convolution, IsEquivariantUnderInversion) {
  const Case& t = cases[4];
  const SO2Convolution c(t.in, t.out, {t.mmax, true, false, {}});
  const EdgeList edges = random_edges(20, 4, 4, 16);
  const Array x = normal({4, c.irreps_in().dim()}, 17), r = edge_vectors(20, 18),
              w = normal({c.weight_size()}, 19);
  const Array q = -rotation_from_quaternion(normal({1, 4}, 20)), all = broadcast_to(q, {4, 3, 3});
  const Array turned = c(edges, rotate_features(all, x, t.in), matmul(r, q.reshaped({3, 3}), false, true), w);
  EXPECT_LE(difference(turned, rotate_features(all, c(edges, x, r, w), t.out)), 1e-13);
}

// benchmarks/peers/so2_convolution_golden.py
Array formula(const Shape& shape, int number) {
  std::vector<double> v(size_of(shape));
  for (std::size_t k = 0; k < v.size(); ++k) v[k] = std::sin(0.7 * static_cast<double>(k) + number);
  return Array::from(v, shape);
}

TEST(SO2Convolution, EqualsFairchem) {
  std::ifstream file(CARTAN_SOURCE_DIR "/benchmarks/peers/so2_convolution_golden.txt");
  std::string word;
  int blocks = 0;
  while (file >> word) {
    if (word != "#") continue;
    int lmax = 0, mmax = 0;
    Index channels = 0;
    file >> lmax >> mmax >> channels;
    std::vector<MulIrrep> terms;
    for (int l = 0; l <= lmax; ++l) terms.push_back({channels, {l, 1}});
    const SO2Convolution c(terms, terms, {mmax, false, false, {}});
    const Index nodes = 3, edges = 7;
    std::vector<std::int32_t> s, r;
    for (std::int32_t e = 0; e < edges; ++e) s.push_back(2 * e % 3), r.push_back(e % 3);
    Arrays matrices;
    for (int m = 0; m <= mmax; ++m) {
      const Index n = (lmax + 1 - m) * channels;
      matrices.push_back(formula({m == 0 ? n : 2 * n, n}, 4 + m));
    }
    const Array w = so2_weights_from_fairchem(c, matrices);
    const Array y = c({s, r, nodes}, formula({nodes, c.irreps_in().dim()}, 1), formula({edges, 3}, 2), w,
                      formula({edges, c.radial_size()}, 3));
    std::vector<double> expected(y.size());
    for (double& v : expected) file >> v;
    ASSERT_TRUE(file);
    // their J matrices have the precision of float32
    EXPECT_LE(difference(y, Array::from(expected, y.shape())), 1e-12) << lmax << mmax;
    const Arrays back = so2_weights_to_fairchem(c, w);
    for (std::size_t m = 0; m < back.size(); ++m) EXPECT_TRUE(identical(back[m], matrices[m]));
    ++blocks;
  }
  EXPECT_EQ(blocks, 3);
  const SO2Convolution other("1x0e+1x1o", "1x0e+1x1o", {-1, true, false, {}});
  EXPECT_THROW(so2_weights_to_fairchem(other, normal({other.weight_size()}, 1)), std::invalid_argument);
}

void check_orders(const ScalarFunction& f, const Arrays& x, int orders) {
  EXPECT_LE(check_gradients(f, x, 1e-3).max_error, 2e-9);
  if (orders == 1) return;
  Arrays u;
  for (std::size_t k = 0; k < x.size(); ++k)
    u.push_back(normal(x[k].shape(), 100 * static_cast<std::uint64_t>(orders) + k));
  check_orders(
      [f, u](const Arrays& t) {
        const Arrays d = grad(f)(t);
        Array total = sum(d[0] * u[0]);
        for (std::size_t k = 1; k < d.size(); ++k) total = total + sum(d[k] * u[k]);
        return total;
      },
      x, orders - 1);
}

TEST(SO2Gradient, FirstAndSecondDerivatives) {
  for (const Case& t : {Case{"2x0e+1x1o+1x2e", "1x0e+2x1o+1x3o", -1, false},
                        Case{"1x0e+1x1o+1x2e", "1x0e+1x1o+2x2e", 1, false},
                        Case{"1x1o+1x1e+1x2e", "1x0e+1x1o+1x1e+1x2o", -1, true},
                        Case{"2x0e+2x1o+2x2e", "2x1o+2x1e+2x2e", -1, true, true}}) {
    const SO2Convolution c(t.in, t.out, {t.mmax, t.parity, t.channelwise, {}});
    const EdgeList edges = random_edges(5, 2, 3, 21);
    const Array weight = normal({3, c.irreps_out().dim()}, 22);
    const Arrays x{normal({2, c.irreps_in().dim()}, 23), normal(weight_shape(c, 5), 24),
                   normal({5, c.radial_size()}, 25), edge_vectors(5, 26)};
    if (t.channelwise) {
      check_orders([&](const Arrays& a) { return sum(weight * square(c(edges, a[0], a[2], a[1]))); },
                   {x[0], x[1], x[3]}, 2);
      continue;
    }
    check_orders([&](const Arrays& a) { return sum(weight * square(c(edges, a[0], a[3], a[1], a[2]))); }, x,
                 2);
    check_orders([&](const Arrays& a) { return sum(weight * square(c(edges, a[0], a[2], a[1]))); },
                 {x[0], x[1], x[3]}, 2);
  }
}

// The first eleven directions: axes, poles, beside poles; three orders by the vectors.
TEST(SO2Gradient, ThirdDerivativesByTheVectors) {
  const SO2Convolution c("1x0e+1x1o+1x2e", "1x0e+1x1o+1x2e", {1, false, false, {}});
  const EdgeList edges({0, 1, 1, 0}, {0, 0, 1, 1}, 2);
  const Array x = normal({2, 9}, 27), w = normal({c.weight_size()}, 28), weight = normal({2, 9}, 29);
  for (Index first : {0, 4, 7})
    check_orders([&](const Arrays& a) { return sum(weight * square(c(edges, x, a[0], w))); },
                 {edge_vectors(11, 30).rows(first, first + 4)}, 3);
}

// Derivatives asked for together share their products; alone they do not.
TEST(SO2Gradient, TogetherEqualsAlone) {
  const SO2Convolution c("5x0e+17x1o+3x2e", "4x0e+4x1o+4x3o", {2, false, false, {}});
  const EdgeList edges = random_edges(230, 6, 9, 37);
  const Arrays x{normal({6, c.irreps_in().dim()}, 38), normal({c.weight_size()}, 39),
                 normal({230, c.radial_size()}, 40), edge_vectors(230, 41)};
  const Array cotangent = normal({9, c.irreps_out().dim()}, 42);
  const auto together =
      vjp([&](const Arrays& a) { return Arrays{c(edges, a[0], a[3], a[1], a[2])}; }, x, {cotangent}).second;
  for (std::size_t k = 0; k < x.size(); ++k) {
    Arrays all = x;
    const Array alone = vjp(
                            [&](const Arrays& a) {
                              all[k] = a[0];
                              return Arrays{c(edges, all[0], all[3], all[1], all[2])};
                            },
                            {x[k]}, {cotangent})
                            .second[0];
    EXPECT_LE(difference(together[k], alone), 1e-14) << k;
  }
}

// The messages kept for the torque and those made again are the same bits, alone and together, twice.
TEST(SO2Gradient, KeptMessagesChangeNoBit) {
  for (const auto& t : cases)
    for (DType dtype : {DType::f32, DType::f64}) {
      SO2Options keep{t.mmax, t.parity, t.channelwise, {}}, again = keep;
      again.kept_bytes = 0;
      const SO2Convolution kept(t.in, t.out, keep), made(t.in, t.out, again);
      const EdgeList edges = random_edges(130, 6, 9, 44);
      const Array w = normal(weight_shape(kept, 130), 46, dtype);
      const Arrays x{normal({6, kept.irreps_in().dim()}, 45, dtype), edge_vectors(130, 47).as(dtype),
                     t.channelwise ? Array() : normal({130, kept.radial_size()}, 48, dtype)};
      const auto derivatives = [&](const SO2Convolution& c, std::size_t first, std::size_t last) {
        Arrays a = x, asked;
        for (std::size_t k = first; k < last; ++k) asked.push_back(a[k] = track(x[k]));
        Arrays g = gradients(sum(square(c(edges, a[0], a[1], w, a[2]))), asked, {}, true);
        Array total = sum(square(g[0]));
        for (std::size_t k = 1; k < g.size(); ++k) total = total + sum(square(g[k]));
        for (const Array& second : gradients(total, asked)) g.push_back(second);
        return g;
      };
      for (const auto& [first, last] : {std::pair{0, 2}, {1, 2}, {1, t.channelwise ? 2 : 3}}) {
        const Arrays a = derivatives(kept, first, last), b = derivatives(made, first, last);
        for (std::size_t k = 0; k < a.size(); ++k)
          EXPECT_TRUE(identical(detach(a[k]), detach(b[k]))) << t.in << " " << dtype << " " << first << k;
        EXPECT_GT(largest(a[0].as(DType::f64)), 0);
      }
    }
}

// A training on forces: a function of the derivatives, differentiated by all but the directions, in the
// passes that serve it alone and, where the tape goes on, as at any order. On any number of threads the same
// bits.
TEST(SO2Gradient, TrainingOnForces) {
  for (const std::size_t number : {0, 1, 3, 5, 8})
    for (const Index kept_bytes : {Index{1} << 30, Index{0}})
      for (const bool radial : {false, true}) {
        const Case& t = cases[number];
        if (t.channelwise && radial) continue;
        SO2Options options{t.mmax, t.parity, t.channelwise, {}};
        options.kept_bytes = kept_bytes;
        const SO2Convolution c(t.in, t.out, options);
        const Index edges = 107;
        const EdgeList list = random_edges(edges, 6, 9, 51);
        std::vector<std::size_t> by, which;  // what is differentiated by first, and then
        const auto run = [&](DType dtype, bool tape, bool values) {
          Arrays x{track(normal({6, c.irreps_in().dim()}, 52, dtype)),
                   track(normal(weight_shape(c, edges), 53, dtype)),
                   track(edge_vectors(edges, 54).as(dtype))};
          if (radial) x.push_back(track(normal({edges, c.radial_size()}, 55, dtype)));
          const Array y = c(list, x[0], x[2], x[1], radial ? x[3] : Array());
          Arrays inner;  // features that do not depend on positions have no derivative
          for (const std::size_t k : by)
            if (k < x.size()) inner.push_back(x[k]);
          const Arrays g = gradients(sum(square(y) * y), inner, {}, true);
          Array loss = values ? sum(square(y)) : Array::scalar(0, dtype);
          for (std::size_t k = 0; k < g.size(); ++k)
            loss = loss + sum(square(g[k]) * normal(g[k].shape(), 56 + k, dtype));
          Arrays asked;
          for (const std::size_t k : which)
            if (k < x.size()) asked.push_back(x[k]);
          return gradients(loss, asked, {}, tape);
        };
        for (const auto& first : {std::vector<std::size_t>{0, 2, 3}, {2}, {2, 3}, {0, 3}})
          for (const auto& then : {std::vector<std::size_t>{0, 1, 3}, {0}, {1}, {3}}) {
            by = first, which = then;
            if (!radial && first.back() == 3 && first.size() == 2) continue;  // as another without 3
            if (!radial && then.front() == 3) continue;
            for (const bool values : {true, false}) {
              const Arrays last = run(DType::f64, false, values), any = run(DType::f64, true, values);
              for (std::size_t k = 0; k < last.size(); ++k) {
                EXPECT_FALSE(last[k].tracked());
                EXPECT_GT(largest(any[k]), 0);
                EXPECT_LE(difference(last[k], detach(any[k])), 1e-13)
                    << t.in << " " << kept_bytes << radial << values << first.size() << then.size() << k;
              }
            }
          }
        by = {0, 2, 3}, which = {0, 1, 3};
        set_threads(1);
        const Arrays one = run(DType::f32, false, true);
        set_threads(3);
        const Arrays three = run(DType::f32, false, true);
        set_threads(0);
        for (std::size_t k = 0; k < one.size(); ++k) EXPECT_TRUE(identical(one[k], three[k])) << t.in << k;
      }
}

// Two convolutions with a map between them that commutes with turns about the edge: features that stay in the
// frames of the edges give what features that are turned back give, and so do derivatives of three orders.
TEST(SO2Gradient, FeaturesMayStayInTheirFrames) {
  for (const bool parity : {false, true})
    for (const Index channels : {Index{2}, Index{16}}) {
      const std::string n = std::to_string(channels) + "x",
                        inner = n + "0e+" + n + "1o+" + n + "2e+" + n + "3o";
      const auto options = [&](bool from_frames, bool to_frames) {
        SO2Options o{1, parity, false, {}};
        o.from_frames = from_frames, o.to_frames = to_frames;
        return o;
      };
      const SO2Convolution to_edges("2x0e+3x1o+2x2e", inner, options(false, false)),
          to_atoms(inner, "2x0e+2x1o+1x2e", options(false, false)),
          to_frames("2x0e+3x1o+2x2e", inner, options(false, true)),
          from_frames(inner, "2x0e+2x1o+1x2e", options(true, false));
      const Index count = 101;
      const EdgeList edges = random_edges(count, 6, 4, 61);
      std::vector<std::int32_t> own, senders, receivers;
      for (Index e = 0; e < count; ++e) {
        own.push_back(static_cast<std::int32_t>(e));
        senders.push_back(edges.senders()[e]), receivers.push_back(edges.receivers()[e]);
      }
      const EdgeList there(senders, own, 6, count), back(own, receivers, count, 4);
      const auto layer = [&](bool in_frames, const Arrays& a) {
        Array u = (in_frames ? to_frames : to_edges)(there, a[0], a[1], a[2], a[4]);
        u = u * shift(slice(u, 1, 0, 1), 1);
        return (in_frames ? from_frames : to_atoms)(back, u, a[1], a[3]);
      };
      const Arrays x{normal({6, to_edges.irreps_in().dim()}, 62), edge_vectors(count, 63),
                     normal({to_edges.weight_size()}, 64), normal({to_atoms.weight_size()}, 65),
                     normal({count, to_edges.radial_size()}, 66)};
      EXPECT_LE(difference(layer(true, x), layer(false, x)), 1e-13);
      for (const bool tape : {false, true}) {
        const auto derivatives = [&](bool in_frames) {
          Arrays t;
          for (const Array& a : x) t.push_back(track(a));
          Arrays g = gradients(sum(square(layer(in_frames, t))), {t[0], t[1], t[4]}, {}, true);
          Array loss = sum(square(layer(in_frames, t)));
          for (std::size_t k = 0; k < g.size(); ++k)
            loss = loss + sum(square(g[k]) * normal(g[k].shape(), 67 + k));
          Arrays by{t[0], t[2], t[3], t[4]};
          if (tape) by.push_back(t[1]);
          for (const Array& second : gradients(loss, by, {}, tape)) g.push_back(detach(second));
          return g;
        };
        const Arrays a = derivatives(true), b = derivatives(false);
        for (std::size_t k = 0; k < a.size(); ++k)
          EXPECT_LE(difference(detach(a[k]), detach(b[k])), 1e-12) << k;
      }
      const EdgeList few({0, 1, 1, 0}, {0, 1, 2, 3}, 6, 4), few_back({0, 1, 2, 3}, {0, 0, 1, 1}, 4, 2);
      const Array factors = normal({4, to_edges.radial_size()}, 68),
                  weight = normal({2, to_atoms.irreps_out().dim()}, 69);
      const auto energy = [&](const Array& r) {
        Array u = to_frames(few, x[0], r, x[2], factors);
        u = u * shift(slice(u, 1, 0, 1), 1);
        return sum(weight * from_frames(few_back, u, r, x[3]));
      };
      if (channels == 2)
        for (Index first : {0, 4, 7})
          check_orders([&](const Arrays& a) { return energy(a[0]); },
                       {edge_vectors(11, 30).rows(first, first + 4)}, 3);
    }
}

// Directions alone enter: the derivative along an edge is zero, forces do no work there.
TEST(SO2Gradient, IsNormalToTheEdgeAndItsCurlIsZero) {
  const SO2Convolution c("3x0e+3x1o+3x2e+3x3o", "2x0e+2x1o+2x2e+2x3o", {2, false, false, {}});
  const EdgeList edges = random_edges(14, 3, 4, 31);
  const Array x = normal({3, c.irreps_in().dim()}, 32), w = normal({c.weight_size()}, 33),
              r = edge_vectors(14, 34);
  const ScalarFunction f = [&](const Arrays& a) { return sum(square(c(edges, x, a[0], w))); };
  const Array g = value_and_grad(f, {r}).second[0];
  const auto along = sum(g * r, 1).to_vector<double>();
  for (double v : along) EXPECT_LE(std::abs(v), 1e-12 * largest(g));
  const Array u = normal({14, 3}, 35), v = normal({14, 3}, 36);
  const auto hessian = [&](const Array& t) { return jvp(grad(f), {r}, {t}).second[0]; };
  const double uv = sum(u * hessian(v)).item(), vu = sum(v * hessian(u)).item();
  EXPECT_LE(std::abs(uv - vu), 1e-11 * largest(hessian(u)));
}

TEST(SO2Convolution, RefusesWhatDoesNotFit) {
  const SO2Convolution c("2x0e+2x1o", "2x0e+2x1o");
  const EdgeList edges = random_edges(4, 2, 2, 40);
  const Array x = normal({2, 8}, 41), w = normal({c.weight_size()}, 42);
  Array r = normal({4, 3}, 43);
  EXPECT_NO_THROW(c(edges, x, r, w));
  EXPECT_THROW(c(edges, x, r.rows(0, 3), w), std::invalid_argument);
  EXPECT_THROW(c(edges, x, r, w, normal({4, 2}, 1)), std::invalid_argument);
  EXPECT_THROW(c(edges, x.as(DType::f32), r, w), std::invalid_argument);
  EXPECT_THROW(c(edges, x, r, w.rows(0, 3)), std::invalid_argument);
  EXPECT_THROW(SO2Convolution("", "1x0e"), std::invalid_argument);
  EXPECT_THROW(SO2Convolution("1x0e", "1x0e", {-2, false, false, {}}), std::invalid_argument);
  for (const auto& [bad, why] : {std::pair{0.0, "is zero"}, {NAN, "not finite"}, {INFINITY, "not finite"}}) {
    Array wrong = r;
    for (Index k = 3; k < 6; ++k) wrong.mutable_data<double>()[k] = bad;
    const std::string error = error_of([&] { c(edges, x, wrong, w); });
    EXPECT_NE(error.find(why), std::string::npos) << error;
    EXPECT_NE(error.find("edge 1"), std::string::npos) << error;
  }
  EXPECT_THROW(SO2Convolution("1x0e", "1x0e", {-1, false, false, {{0, 0}, {0, 0}}}), std::invalid_argument);
  EXPECT_EQ(SO2Convolution("1x0e+1x2e", "1x1o", {7, false, false, {}}).options().mmax, 1);
  SO2Options options;
  options.kept_bytes = -1;
  EXPECT_THROW(SO2Convolution("1x0e", "1x0e", options), std::invalid_argument);
  // no edges: zeros
  const Array none = c(EdgeList({}, {}, 2), x, Array::zeros({0, 3}, DType::f64), w);
  EXPECT_EQ(none.shape(), (Shape{2, 8}));
  EXPECT_EQ(largest(none), 0);
}

}  // namespace
}  // namespace cartan::so3
