// Convolution along edges: engines against the product with Y(r); derivatives by r at every direction.
#include <numeric>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "cartan/so3/wigner.hpp"
#include "nn/check_twice.hpp"
#include "so3/gaunt_oracle.hpp"

namespace cartan::so3 {
namespace {

constexpr const char* engines[] = {"cg", "grid", "fourier", "escn"};

GauntConvolution convolution(int l1, int l2, int l3, const std::string& engine) {
  PlanOptions options;
  options.engine = engine;
  return {l1, l2, l3, options};
}

// Random edges, and edges exactly along every axis, both ways.
Array edges(Index n, std::uint64_t stream) {
  auto v = normal({n, 3}, stream).to_vector<double>();
  const double axes[][3] = {{0, 1, 0},   {0, -1.3, 0}, {1, 0, 0},      {-2, 0, 0},
                            {0, 0, 0.7}, {0, 0, -1},   {1e-9, 1.3, 0}, {0, -1.3, 1e-10}};
  for (const auto& a : axes) v.insert(v.end(), a, a + 3);
  return Array::from(v, {n + 8, 3});
}

// The edges themselves as nodes: features at the edges.
EdgeList each(Index n) {
  std::vector<std::int32_t> own(static_cast<std::size_t>(n));
  std::iota(own.begin(), own.end(), 0);
  return {own, own, n};
}

// s o Y(r) of every channel
Array filters(const Array& r, const Array& s, int l, Index channels) {
  const Index n = r.dim(0), rows = (l + 1) * (l + 1);
  const Array y = reshape(broadcast_to(reshape(spherical_harmonics(r, l), {n, rows, 1}), {n, rows, channels}),
                          {n, rows * channels});
  return scale_degrees(y, l, s);
}

TEST(GauntConvolution, IsTheProductWithTheFilter) {
  for (const auto& [l1, l2, l3, c] : {std::tuple{3, 2, 4, 1},
                                      {2, 4, 2, 3},
                                      {1, 1, 1, 16},
                                      {6, 6, 6, 2},
                                      {0, 3, 3, 40},
                                      {4, 0, 2, 5},
                                      {2, 3, 1, 32}}) {
    const Array r = edges(9, 1);
    const Index n = r.dim(0);
    const Array x = features(n, l1, c, 2);
    for (const Array& s :
         {normal({n, l2 + 1, c}, 3), broadcast_to(normal({n, l2 + 1, 1}, 4), {n, l2 + 1, c})}) {
      const Array z = by_gaunt(x, l1, filters(r, s, l2, c), l2, l3);
      for (const char* e : engines)
        EXPECT_LE(difference(convolution(l1, l2, l3, e)(each(n), x, r, s), z), 1e-13)
            << e << " " << l1 << l2 << l3 << " " << c;
    }
    const Array shared = normal({l2 + 1}, 5),
                z = by_gaunt(x, l1,
                             filters(r, broadcast_to(reshape(shared, {1, l2 + 1, 1}), {n, l2 + 1, c}), l2, c),
                             l2, l3);
    for (const char* e : engines)
      EXPECT_LE(difference(convolution(l1, l2, l3, e)(each(n), x, r, shared), z), 1e-13) << e;
  }
}

TEST(GauntConvolution, SumsAtReceivers) {
  const EdgeList list({3, 0, 1, 3, 2}, {0, 5, 0, 1, 5}, 4, 6);  // nodes 2, 3, 4 receive nothing
  const Array r = normal({5, 3}, 1), x = features(4, 2, 3, 2), s = normal({5, 3}, 3);
  for (const char* e : engines) {
    const GauntConvolution conv = convolution(2, 2, 2, e);
    const Array apart = conv(each(5), gather(x, list.senders()), r, s);
    EXPECT_TRUE(identical(conv(list, x, r, s), scatter_add(apart, list.receivers()))) << e;
  }
}

TEST(GauntConvolution, DerivativesTwice) {
  const Array r = normal({3, 3}, 1), u = features(4, 2, 2, 9);
  const EdgeList list({1, 0, 1}, {0, 0, 2}, 2, 4);
  for (const char* e : engines) {
    const GauntConvolution conv = convolution(2, 2, 2, e);
    check_twice([&](const Arrays& a) { return sum(square(conv(list, a[0], a[1], a[2])) * u); },
                {features(2, 2, 2, 2), r, normal({3, 3, 2}, 3)}, 1e-7);
    check_twice([&](const Arrays& a) { return sum(conv(list, a[0], a[1], a[2]) * u); },
                {features(2, 2, 2, 2), r, normal({3}, 3)}, 1e-7);
  }
}

// At the poles of the frames and along the axes the torque is exact: against the gradient of the harmonics.
TEST(GauntConvolution, DerivativeByDirectionAtEveryAxis) {
  const int l1 = 3, l2 = 3, l3 = 3;
  const Index c = 2;
  const Array r = edges(4, 1);
  const Index n = r.dim(0);
  const Array x = features(n, l1, c, 2), s = normal({n, l2 + 1, c}, 3), u = features(n, l3, c, 4);
  const auto gradient = [&](auto&& f) {
    const Array tr = track(r);
    return gradients(f(tr), {tr}, u)[0];
  };
  const Array expected =
      gradient([&](const Array& v) { return GauntProduct(l1, l2, l3)(x, filters(v, s, l2, c)); });
  for (const char* e : engines) {
    const GauntConvolution conv = convolution(l1, l2, l3, e);
    EXPECT_LE(difference(gradient([&](const Array& v) { return conv(each(n), x, v, s); }), expected), 1e-12)
        << e;
  }
}

// The Hessian by the edge vectors is symmetric: forces have no curl.
TEST(GauntConvolution, HessianIsSymmetric) {
  const Array r = edges(2, 1);
  const Index n = r.dim(0);
  const Array x = features(n, 2, 2, 2), s = normal({n, 3, 2}, 3), u = features(n, 3, 2, 4);
  for (const char* e : engines) {
    const GauntConvolution conv = convolution(2, 2, 3, e);
    const auto force = grad([&](const Arrays& a) { return sum(square(conv(each(n), x, a[0], s)) * u); });
    const Array p = normal({n, 3}, 5), q = normal({n, 3}, 6);
    const auto product = [&](const Array& v) {
      return grad([&](const Arrays& a) { return sum(force(a)[0] * v); })({r})[0];
    };
    const double pq = sum(product(p) * q).item(), qp = sum(product(q) * p).item();
    EXPECT_LE(std::abs(pq - qp), 1e-10 * std::abs(pq)) << e;
  }
}

TEST(GauntConvolution, EquivariantInBothPrecisions) {
  const int l = 6;
  const Index c = 2;
  for (const DType type : {DType::f64, DType::f32}) {
    const Array r = edges(6, 1);
    const Index n = r.dim(0);
    const Array x = features(n, l, c, 2), s = normal({n, l + 1, c}, 3).as(type);
    const Array rotation = rotation_from_quaternion(broadcast_to(normal({1, 4}, 4), {n, 4}));
    const auto turn = [&](const Array& v) { return rotate_features(rotation, v, irreps_of(l, c)); };
    const Array turned_r = reshape(matmul(rotation, reshape(r, {n, 3, 1})), {n, 3});
    for (const char* e : engines) {
      const GauntConvolution conv = convolution(l, l, l, e);
      const Array a = conv(each(n), turn(x).as(type), turned_r.as(type), s).as(DType::f64);
      const Array b = turn(conv(each(n), x.as(type), r.as(type), s).as(DType::f64));
      EXPECT_LE(difference(a, b), type == DType::f64 ? 1e-13 : 2e-6) << e;
    }
  }
}

TEST(GauntConvolution, SameBitsForAnyNumberOfThreads) {
  const Array r = edges(200, 1).as(DType::f32);
  const Index n = r.dim(0);
  const Array x = features(9, 3, 4, 2, DType::f32), s = normal({4}, 3, DType::f32);
  std::vector<std::int32_t> senders, receivers;
  for (std::int32_t e = 0; e < n; ++e) senders.push_back(e * 7 % 9), receivers.push_back(e * e % 9);
  const EdgeList list(senders, receivers, 9);
  for (const char* e : engines) {
    Arrays first;
    for (const int count : {1, 2, 3, 4}) {
      set_threads(count);
      const Arrays in{track(x), track(r), track(s)};
      const Array z = convolution(3, 3, 3, e)(list, in[0], in[1], in[2]);
      Arrays all = gradients(z, in, z);
      all.push_back(z);
      if (count == 1) first = all;
      for (std::size_t k = 0; k < all.size(); ++k) EXPECT_TRUE(identical(all[k], first[k])) << e << k;
    }
    set_threads(0);
  }
}

TEST(GauntConvolution, PlanAndErrors) {
  const GauntConvolution conv(3, 3, 3);
  EXPECT_EQ(conv.plan().candidates.size(), 4u);
  const Array x = features(2, 3, 2, 1), r = normal({2, 3}, 2), s = normal({2, 4, 2}, 3);
  EXPECT_THROW(conv(each(2), x, normal({3, 3}, 2), s), std::invalid_argument);
  EXPECT_THROW(conv(each(3), x, normal({3, 3}, 2), s), std::invalid_argument);
  EXPECT_THROW(conv(each(2), x, r.as(DType::f32), s), std::invalid_argument);
  EXPECT_THROW(conv(each(2), x, r, normal({2, 3, 2}, 3)), std::invalid_argument);
  for (double bad : {0.0, static_cast<double>(NAN), static_cast<double>(INFINITY)})
    EXPECT_THROW(conv(each(2), x, Array::from(std::vector<double>{1, 2, 3, 0, bad, 0}, {2, 3}), s),
                 std::invalid_argument);
  PlanOptions options;
  options.batch = 0;
  EXPECT_THROW(GauntConvolution(3, 3, 3, options), std::invalid_argument);
  EXPECT_EQ(conv(each(0), Array::zeros({0, 32}, DType::f64), Array::zeros({0, 3}, DType::f64), normal({4}, 1))
                .shape(),
            Shape({0, 32}));
}

}  // namespace
}  // namespace cartan::so3
