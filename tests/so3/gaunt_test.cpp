// Products of functions on the sphere: engines against couplings, each other, rotations, differences.
#include "cartan/so3/gaunt.hpp"

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/wigner.hpp"
#include "nn/check_twice.hpp"
#include "so3/gaunt_oracle.hpp"

namespace cartan::so3 {
namespace {

constexpr const char* engines[] = {"cg", "grid", "fourier"};

PlanOptions by(const std::string& engine) {
  PlanOptions options;
  options.engine = engine;
  return options;
}

TEST(Gaunt, EqualsCouplingsForAnyDegreesAndChannels) {
  const int degrees[][3] = {{0, 0, 0}, {1, 0, 1}, {2, 3, 4},  {3, 1, 0}, {4, 4, 4},
                            {5, 2, 7}, {1, 6, 3}, {6, 6, 12}, {3, 3, 9}};
  const Index channels[] = {1, 2, 5, 16, 33};
  int k = 0;
  for (const auto& l : degrees) {
    const Index c = channels[k++ % 5], samples = 1 + 7 * (k % 3);
    const Array x = features(samples, l[0], c, 1), y = features(samples, l[1], c, 2);
    const Array z = by_gaunt(x, l[0], y, l[1], l[2]);
    for (const char* e : engines)
      EXPECT_LE(difference(GauntProduct(l[0], l[1], l[2], by(e))(x, y), z), 1e-13)
          << e << " " << l[0] << l[1] << l[2] << " channels " << c;
  }
}

// Every number of samples around the width of a block, one channel: the transposed squares.
TEST(Gaunt, OneChannelOfManySamples) {
  for (const Index samples : {1, 7, 15, 16, 17, 31, 32, 40, 65})
    for (const DType type : {DType::f32, DType::f64}) {
      const Array x = features(samples, 4, 1, 1, type), y = features(samples, 3, 1, 2, type);
      const Array z = by_gaunt(x, 4, y, 3, 5);
      for (const char* e : engines)
        EXPECT_LE(difference(GauntProduct(4, 3, 5, by(e))(x, y), z), type == DType::f32 ? 1e-6 : 1e-13)
            << e << " " << samples;
    }
}

TEST(Gaunt, WeightsByDegreeChannelSampleAndRank) {
  const int l1 = 3, l2 = 2, l3 = 4;
  const Index c = 5, samples = 3, rank = 4;
  const Array x = features(samples, l1, c, 1), y = features(samples, l2, c, 2);
  const GauntWeights w{normal({rank, l1 + 1}, 3), normal({rank, l2 + 1, c}, 4), normal({l3 + 1}, 5)};
  const auto w1 = w.first.to_vector<double>(), w2 = w.second.to_vector<double>(),
             w3 = w.out.to_vector<double>();
  const Array z = by_couplings(x, l1, y, l2, l3, [&](int a, int b, int k, Index channel) {
    double sum = 0;
    for (Index r = 0; r < rank; ++r)
      sum += w1[static_cast<std::size_t>(r * (l1 + 1) + a)] *
             w2[static_cast<std::size_t>((r * (l2 + 1) + b) * c + channel)];
    return sum * w3[static_cast<std::size_t>(k)] * gaunt(a, b, k);
  });
  for (const char* e : engines) {
    const GauntProduct product(l1, l2, l3, by(e));
    EXPECT_LE(difference(product(x, y, w), z), 1e-13) << e;
    // the same weights, written out for every sample and channel
    const GauntWeights full{broadcast_to(reshape(w.first, {1, rank, l1 + 1, 1}), {samples, rank, l1 + 1, c}),
                            broadcast_to(reshape(w.second, {1, rank, l2 + 1, c}), {samples, rank, l2 + 1, c}),
                            reshape(w.out, {1, 1, l3 + 1, 1})};
    EXPECT_LE(difference(product(x, y, full), z), 1e-13) << e;
  }
}

// Weights of kinds of samples are those that gather gives every sample: values and derivatives, also by
// weights that one axis shares, and with as many kinds as samples.
TEST(Gaunt, WeightsOfKindsOfSamples) {
  const int l1 = 2, l2 = 3, l3 = 2;
  const Index rank = 2;
  for (const Index c : {1, 3, 40})
    for (const auto& kinds : {std::vector<std::int32_t>{1, 1, 0, 3, 1}, {4, 3, 2, 0, 1}, {0, 0, 0, 0, 0}}) {
      const Indices kind(kinds, 5);
      const auto samples = static_cast<Index>(kinds.size());
      const Array u = features(samples, l3, c, 9);
      const Arrays at{features(samples, l1, c, 1), features(samples, l2, c, 2),
                      normal({5, rank, l1 + 1, c}, 3), normal({5, rank, l2 + 1, 1}, 4),
                      normal({1, 1, l3 + 1, c}, 5)};
      for (const char* e : engines) {
        const GauntProduct product(l1, l2, l3, by(e));
        const auto value = [&](const Arrays& a, bool gathered) {
          const GauntWeights w = gathered ? GauntWeights{gather(a[2], kind), gather(a[3], kind), a[4]}
                                          : GauntWeights{a[2], a[3], a[4], kind};
          return sum(square(product(a[0], a[1], w)) * u);
        };
        // values and the gradient of a function of the gradient
        const auto found = [&](bool gathered) {
          Arrays x;
          for (const Array& a : at) x.push_back(track(a));
          const Array v = value(x, gathered);
          const Arrays g = gradients(v, x, {}, true);
          Array size = v;
          for (const Array& a : g) size = size + sum(square(a));
          Arrays out{v};
          for (const Array& a : gradients(size, x)) out.push_back(a);
          return out;
        };
        const Arrays p = found(false), q = found(true);
        for (std::size_t k = 0; k < p.size(); ++k)
          EXPECT_LE(difference(p[k], q[k]), 1e-12) << e << " channels " << c << " " << k;
        if (c == 3) check_twice([&](const Arrays& a) { return value(a, false); }, at, 2e-8);
      }
    }
  const Indices kind({0, 2, 1}, 3);
  const Array x = features(3, 2, 4, 1), w = normal({3, 2, 3, 4}, 2), one = normal({3, 3, 4}, 3);
  for (const char* e : engines)
    EXPECT_LE(difference(ManyBodyProduct(2, 2, 2, by(e))(x, w, kind),
                         ManyBodyProduct(2, 2, 2, by(e))(x, gather(w, kind))),
              1e-14);
  EXPECT_EQ(difference(scale_degrees(x, 2, one, kind), scale_degrees(x, 2, gather(one, kind))), 0);
  EXPECT_THROW(ManyBodyProduct(2, 2, 2)(x, w, Indices({0, 1}, 3)), std::invalid_argument);
  EXPECT_THROW(ManyBodyProduct(2, 2, 2)(x, w, Indices({0, 1, 1}, 4)), std::invalid_argument);
  EXPECT_EQ(scale_degrees(features(0, 2, 4, 1), 2, one, Indices({}, 3)).dim(0), 0);
}

TEST(Gaunt, DerivativesOfAllArgumentsTwice) {
  const int l1 = 2, l2 = 1, l3 = 2;
  const Array u = features(2, l3, 3, 9);
  const Arrays at{features(2, l1, 3, 1), features(2, l2, 3, 2), normal({2, l1 + 1}, 3),
                  normal({2, l2 + 1, 3}, 4), normal({2, 2, l3 + 1, 1}, 5)};
  for (const char* e : engines) {
    const GauntProduct product(l1, l2, l3, by(e));
    check_twice(
        [&](const Arrays& a) {
          return sum(square(product(a[0], a[1], {a[2], a[3], a[4]})) * u);
        },
        at, 2e-8);
  }
}

// The form < x y z > is symmetric in the three: dot tests of every derivative with the others.
TEST(Gaunt, TrilinearFormIsSymmetric) {
  const Array x = features(4, 5, 3, 1), y = features(4, 3, 3, 2), z = features(4, 6, 3, 3);
  for (const char* e : engines) {
    const double a = sum(GauntProduct(5, 3, 6, by(e))(x, y) * z).item();
    const double b = sum(GauntProduct(3, 6, 5, by(e))(y, z) * x).item();
    const double c = sum(GauntProduct(6, 5, 3, by(e))(z, x) * y).item();
    EXPECT_LE(std::abs(a - b), 1e-12 * std::abs(a));
    EXPECT_LE(std::abs(a - c), 1e-12 * std::abs(a));
    const Array tx = track(x);
    const Array g = gradients(GauntProduct(5, 3, 6, by(e))(tx, y), {tx}, z)[0];
    EXPECT_LE(difference(g, GauntProduct(3, 6, 5, by(e))(y, z)), 1e-13);
  }
}

TEST(Gaunt, Equivariant) {
  for (const DType type : {DType::f64, DType::f32})
    for (const Index c : {1, 4}) {
      const int l = 8;
      const Index samples = 6;
      const Array x = features(samples, l, c, 1), y = features(samples, l, c, 2);
      const Array r = rotation_from_quaternion(normal({samples, 4}, 3));
      const auto turn = [&](const Array& v) { return rotate_features(r, v, irreps_of(l, c)); };
      for (const char* e : engines) {
        const GauntProduct product(l, l, l, by(e));
        const Array turned = product(turn(x).as(type), turn(y).as(type)).as(DType::f64);
        const Array expected = turn(product(x.as(type), y.as(type)).as(DType::f64));
        EXPECT_LE(difference(turned, expected), type == DType::f64 ? 1e-13 : 2e-6) << e;
      }
    }
}

TEST(Gaunt, SinglePrecisionIsAccurate) {
  for (const int l : {2, 6, 10}) {
    const Array x = features(40, l, 1, 1, DType::f32), y = features(40, l, 1, 2, DType::f32);
    const Array z = GauntProduct(l, l, 2 * l, by("grid"))(x.as(DType::f64), y.as(DType::f64));
    for (const char* e : engines)
      EXPECT_LE(difference(GauntProduct(l, l, 2 * l, by(e))(x, y).as(DType::f64), z), 1e-6) << e << " " << l;
  }
}

TEST(Gaunt, SameBitsForAnyNumberOfThreads) {
  const Array x = features(300, 3, 5, 1, DType::f32), y = features(300, 3, 5, 2, DType::f32);
  const Array w = normal({2, 4}, 3, DType::f32);
  for (const char* e : engines) {
    Arrays first;
    for (const int count : {1, 2, 3, 4}) {
      set_threads(count);
      const Arrays in{track(x), track(y), track(w)};
      const Array z = GauntProduct(3, 3, 3, by(e))(in[0], in[1], {in[2], {}, {}});
      Arrays all = gradients(z, in, z);
      all.push_back(z);
      if (count == 1) first = all;
      for (std::size_t k = 0; k < all.size(); ++k) EXPECT_TRUE(identical(all[k], first[k])) << e;
    }
    set_threads(0);
  }
}

TEST(Gaunt, PlanCanBeReadAndForced) {
  PlanOptions options;
  options.batch = 10000;
  const GauntProduct small(1, 1, 1, options), large(10, 10, 10, options);
  EXPECT_EQ(small.plan().candidates.size(), 3u);
  EXPECT_EQ(large.plan().engine, "grid");
  EXPECT_FALSE(large.plan().forced);
  for (const char* e : engines) {
    EXPECT_EQ(GauntProduct(2, 2, 2, by(e)).plan().engine, e);
    EXPECT_TRUE(GauntProduct(2, 2, 2, by(e)).plan().forced);
  }
  options.measure = true;
  options.batch = 64;
  const Plan measured = GauntProduct(3, 3, 3, options).plan();
  for (const Candidate& c : measured.candidates) {
    EXPECT_TRUE(c.measured);
    EXPECT_GT(c.seconds, 0);
  }
  EXPECT_THROW(GauntProduct(2, 2, 2, by("escn")), std::invalid_argument);
}

TEST(Gaunt, RefusesWhatDoesNotFit) {
  const GauntProduct product(2, 1, 2);
  const Array x = features(3, 2, 4, 1), y = features(3, 1, 4, 2);
  EXPECT_THROW(product(y, x), std::invalid_argument);
  EXPECT_THROW(product(x, features(3, 1, 5, 2)), std::invalid_argument);
  EXPECT_THROW(product(x, features(2, 1, 4, 2)), std::invalid_argument);
  EXPECT_THROW(product(x, y.as(DType::f32)), std::invalid_argument);
  EXPECT_THROW(product(x, y, {normal({2}, 1), {}, {}}), std::invalid_argument);
  EXPECT_THROW(product(x, y, {normal({2, 3}, 1), normal({3, 2}, 1), {}}), std::invalid_argument);
  EXPECT_THROW(product(x, y, {normal({1, 3, 5}, 1), {}, {}}), std::invalid_argument);
  EXPECT_THROW(GauntProduct(-1, 0, 0), std::invalid_argument);
  EXPECT_EQ(product(Array::zeros({0, 36}, DType::f64), Array::zeros({0, 16}, DType::f64)).shape(),
            Shape({0, 36}));
}

TEST(ManyBody, EqualsRepeatedProducts) {
  for (const auto& [l, nu, l_out] : {std::tuple{2, 3, 2}, {1, 4, 3}, {3, 2, 4}, {2, 1, 3}, {0, 3, 0}}) {
    const Index c = 3;
    const Array x = features(4, l, c, 1), w = normal({nu, l_out + 1, c}, 2);
    Array power = x, total = Array::zeros({4, (l_out + 1) * (l_out + 1) * c}, DType::f64);
    for (int n = 1; n <= nu; ++n) {
      if (n > 1) power = by_gaunt(power, (n - 1) * l, x, l, n * l);
      // cut off or filled up to l_out
      const Index have = (n * l + 1) * (n * l + 1) * c, want = (l_out + 1) * (l_out + 1) * c;
      const Array part = have >= want ? slice(power, 1, 0, want) : pad(power, 1, 0, want - have);
      total = total + scale_degrees(part, l_out, reshape(slice(w, 0, n - 1, n), {l_out + 1, c}));
    }
    for (const char* e : engines)
      EXPECT_LE(difference(ManyBodyProduct(l, nu, l_out, by(e))(x, w), total), 2e-13)
          << e << " " << l << " " << nu;
  }
}

TEST(ManyBody, ProductsOfDifferentFunctionsDoNotDependOnTheirOrder) {
  const Array a = features(3, 2, 2, 1), b = features(3, 2, 2, 2), c = features(3, 2, 2, 3);
  const Array abc = slice(by_gaunt(by_gaunt(a, 2, b, 2, 4), 4, c, 2, 3), 1, 0, 16 * 2);
  for (const char* e : engines) {
    const ManyBodyProduct product(2, 3, 3, by(e));
    for (const Arrays& order : {Arrays{a, b, c}, {c, a, b}, {b, a, c}})
      EXPECT_LE(difference(product.product(order), abc), 1e-13) << e;
    // on the diagonal, the highest order of operator()
    EXPECT_LE(
        difference(product.product({a, a, a}),
                   product(a, Array::from(std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, {3, 4}))),
        1e-13);
    EXPECT_THROW(product.product({a, b}), std::invalid_argument);
  }
}

TEST(ManyBody, DerivativesTwiceAndEquivariance) {
  const Array x = features(2, 2, 2, 1), w = normal({3, 3}, 2), u = features(2, 2, 2, 3);
  for (const char* e : engines) {
    const ManyBodyProduct product(2, 3, 2, by(e));
    check_twice([&](const Arrays& a) { return sum(product(a[0], a[1]) * u); }, {scale(x, 0.3), w}, 1e-7,
                5e-4);
    const Array r = rotation_from_quaternion(normal({2, 4}, 3));
    const auto turn = [&](const Array& v) { return rotate_features(r, v, irreps_of(2, 2)); };
    EXPECT_LE(difference(product(turn(x), w), turn(product(x, w))), 1e-13);
  }
}

}  // namespace
}  // namespace cartan::so3
