#include "cartan/completion/neural/network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "completion/neural/product.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::completion;
using cartan::testing::worst_of;

namespace {

std::vector<float> normals(Index n, std::uint64_t seed) {
  const Random random(seed);
  std::vector<float> out(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(random.normal(i));
  return out;
}

struct Sizes {
  Index m, n, k;
};

// The worst error of op(a) op(b) against sums in float64, of factors as the precision has them, over the sums
// of sizes.
double worst_error(Products products, const Sizes& sizes, bool ta, bool tb, const std::vector<float>& a,
                   const std::vector<float>& b, const std::vector<float>& bias, bool rectify) {
  const auto& [m, n, k] = sizes;
  std::vector<float> c(static_cast<std::size_t>(m * n), NAN);
  multiply_float(products, m, n, k, {a.data(), ta ? m : k, ta}, {b.data(), tb ? k : n, tb}, c.data(),
                 bias.empty() ? nullptr : bias.data(), rectify);
  const auto seen = [&](float v) {
    return static_cast<double>(products == Products::bf16 ? rounded_to_bfloat16(v) : v);
  };
  double worst = 0;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      double sum = 0, scale = 1;
      for (Index p = 0; p < k; ++p) {
        const double term = seen(a[static_cast<std::size_t>(ta ? p * m + i : i * k + p)]) *
                            seen(b[static_cast<std::size_t>(tb ? j * k + p : p * n + j)]);
        sum += term;
        scale += std::abs(term);
      }
      if (!bias.empty()) sum += static_cast<double>(bias[static_cast<std::size_t>(j)]);
      if (rectify) sum = std::max(sum, 0.0);
      worst = worst_of(worst,
                       std::abs(sum - static_cast<double>(c[static_cast<std::size_t>(i * n + j)])) / scale);
    }
  return worst;
}

TEST(Products, MatchPlainSumsForAllSizesAndOrders) {
  for (const auto& [m, n, k] :
       {Sizes{1, 1, 1}, Sizes{8, 8, 1}, Sizes{12, 32, 2}, Sizes{13, 33, 3}, Sizes{25, 150, 7},
        Sizes{25, 40, 513}, Sizes{110, 70, 259}, Sizes{1, 128, 40}, Sizes{128, 1, 40}})
    for (const Products products : {Products::f32, Products::bf16})
      for (const bool ta : {false, true})
        for (const bool tb : {false, true})
          for (const bool rectify : {false, true}) {
            SCOPED_TRACE(::testing::Message() << m << " " << n << " " << k << " " << ta << tb << rectify
                                              << (products == Products::bf16));
            EXPECT_LE(worst_error(products, {m, n, k}, ta, tb, normals(m * k, 1), normals(k * n, 2),
                                  normals(n, 3), rectify),
                      3e-6);
          }
}

// Columns of zeros are left out, of one factor or both, along results and sums.
TEST(Products, LeaveOutColumnsOfZeros) {
  const Sizes sizes{70, 90, 110};
  const auto& [m, n, k] = sizes;
  const auto thinned = [](std::vector<float> x, Index columns, double share, std::uint64_t seed) {
    for (std::size_t i = 0; i < x.size(); ++i)
      if (Random(seed).uniform(i % static_cast<std::size_t>(columns)) < share) x[i] = i % 2 ? 0.0f : -0.0f;
    return x;
  };
  for (const Products products : {Products::f32, Products::bf16})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const double zeros_a : {0.0, 0.7, 1.0})
          for (const double zeros_b : {0.0, 0.7, 1.0}) {
            SCOPED_TRACE(::testing::Message()
                         << ta << tb << zeros_a << " " << zeros_b << (products == Products::bf16));
            const std::vector<float> a = thinned(normals(m * k, 1), ta ? m : k, zeros_a, 4),
                                     b = thinned(normals(k * n, 2), tb ? k : n, zeros_b, 5);
            EXPECT_LE(worst_error(products, sizes, ta, tb, a, b, {}, false), 3e-6);
            EXPECT_LE(worst_error(products, sizes, ta, tb, a, b, {}, true), 3e-6);
            EXPECT_LE(worst_error(products, sizes, ta, tb, a, b, normals(n, 3), true), 3e-6);
          }
}

// A layer's results for an entry have the same bits whatever entries stand beside it.
TEST(Products, OfALayerGoRowByRow) {
  const Index m = 64, n = 96, k = 1300;  // more than one stretch of sums
  std::vector<float> a = normals(m * k, 1);
  const std::vector<float> b = normals(k * n, 2), bias = normals(n, 3);
  for (Index j = 0; j < k; j += 2) a[static_cast<std::size_t>(j)] = 0;
  for (const Products products : {Products::f32, Products::bf16}) {
    std::vector<float> all(static_cast<std::size_t>(m * n)), alike = all;
    multiply_float(products, m, n, k, {a.data(), k}, {b.data(), k, true}, all.data(), bias.data(), true);
    std::vector<float> first;  // the first entry, m times: half of the columns are zeros
    for (Index i = 0; i < m; ++i) first.insert(first.end(), a.begin(), a.begin() + k);
    multiply_float(products, m, n, k, {first.data(), k}, {b.data(), k, true}, alike.data(), bias.data(),
                   true);
    EXPECT_EQ(std::memcmp(all.data(), alike.data(), static_cast<std::size_t>(n) * sizeof(float)), 0);
  }
}

TEST(Products, RoundToTheNearestEven) {
  EXPECT_EQ(rounded_to_bfloat16(1.0f), 1.0f);
  EXPECT_EQ(rounded_to_bfloat16(1.0f + 0x1p-8f), 1.0f);                // half way, to even
  EXPECT_EQ(rounded_to_bfloat16(1.0f + 3 * 0x1p-8f), 1.0f + 0x1p-6f);  // half way, to even
  EXPECT_EQ(rounded_to_bfloat16(-1.0f - 0x1.02p-8f), -1.0f - 0x1p-7f);
  EXPECT_TRUE(std::isnan(rounded_to_bfloat16(NAN)));
}

TEST(Products, HaveTheSameBitsForAnyThreadsAndCarryNaN) {
  const Index m = 300, n = 200, k = 700;
  std::vector<float> a = normals(m * k, 1);
  const std::vector<float> b = normals(k * n, 2);
  for (std::size_t i = 0; i < a.size(); ++i)
    if (i % static_cast<std::size_t>(k) % 3 == 1) a[i] = 0;
  a[4] = NAN;
  for (const Products products : {Products::f32, Products::bf16}) {
    std::vector<float> first;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      std::vector<float> c(static_cast<std::size_t>(m * n));
      multiply_float(products, m, n, k, {a.data(), k}, {b.data(), n}, c.data(), nullptr, true);
      if (first.empty()) first = c;
      EXPECT_EQ(std::memcmp(first.data(), c.data(), c.size() * sizeof(float)), 0);
      EXPECT_TRUE(std::isnan(c[0]) && std::isnan(c[static_cast<std::size_t>(n) - 1]));
      EXPECT_FALSE(std::isnan(c[static_cast<std::size_t>(n)]));
    }
  }
  set_threads(0);
}

// First and second derivatives against differences.
TEST(Dense, HasTheDerivativesOfItsFormula) {
  const Random r(4);
  const Array x = random_normal({5, 4}, DType::f64, r), w = random_normal({3, 4}, DType::f64, Random(5)),
              b = random_normal({3}, DType::f64, Random(6)), c = random_normal({5, 3}, DType::f64, Random(7));
  for (const bool rectify : {false, true}) {
    const ScalarFunction f = [&](const Arrays& a) {
      nn::Linear layer;
      layer.weight = a[1];
      layer.bias = a[2];
      return sum(square(dense(a[0], layer, rectify)) * c);
    };
    EXPECT_LE(check_gradients(f, {x, w, b}, 1e-4).max_error, 1e-7);
    const ScalarFunction slope = [&](const Arrays& a) { return sum(square(grad(f)(a)[1])); };
    EXPECT_LE(check_gradients(slope, {x, w, b}, 1e-4).max_error, 1e-6);
  }
  nn::Linear layer;
  layer.weight = w;
  layer.bias = b;
  EXPECT_THROW(dense(c, layer, true), std::invalid_argument);
  EXPECT_THROW(dense(x.as(DType::f32), layer, true), std::invalid_argument);
}

EntryNetworkOptions small(const std::string& kind) {
  if (kind == "mlp") return MlpOptions{13, {6, 5}};
  if (kind == "costco") return CostcoOptions{3, 4};
  return NtfOptions{3, {6, 5}, 0, 2};
}

// The loss of every network, for any order, by every parameter.
TEST(EntryNetworks, HaveTheDerivativesOfTheirLoss) {
  for (const std::string kind : {"mlp", "costco", "ntf"})
    for (const Shape& shape : {Shape{7}, Shape{5, 6}, Shape{4, 3, 5}, Shape{3, 4, 2, 3, 2}}) {
      SCOPED_TRACE(kind + to_string(shape));
      nn::Init init{3};
      const auto network =
          make_network(small(kind), shape, DType::f64, init, Products::f32, kind == "costco");
      EXPECT_EQ(network->kind(), kind);
      nn::ParameterRefs parameters = network->parameters();
      EXPECT_EQ(parameters.front().name, "table");
      EXPECT_EQ(parameters.back().name, "head.bias");
      // Away from the kinks: biases that keep part of the rectifiers on.
      Arrays values;
      for (std::size_t p = 0; p < parameters.size(); ++p)
        values.push_back(random_normal(parameters[p].value->shape(), DType::f64, Random(30 + p)) * 0.6 + 0.1);
      EntryBatch batch;
      const Random random(8);
      const Index entries = 6;
      for (Index n = 0; n < entries; ++n)
        for (std::size_t k = 0; k < shape.size(); ++k)
          batch.index.push_back(static_cast<std::int32_t>(
              random.uniform(static_cast<std::uint64_t>(n) * 10 + k) * static_cast<double>(shape[k])));
      const Array y = random_normal({entries}, DType::f64, Random(9));
      for (const bool dropout : {false, true}) {
        if (dropout)
          batch.kept = where(less(Array::full({network->components()}, 0.5, DType::f64),
                                  random_uniform({network->components()}, 0, 1, DType::f64, Random(5))),
                             Array::full({network->components()}, 2, DType::f64),
                             Array::zeros({network->components()}, DType::f64));
        const ScalarFunction f = [&](const Arrays& a) {
          for (std::size_t p = 0; p < a.size(); ++p) *parameters[p].value = a[p];
          return sum(square(network->output(network->hidden(batch)) - y));
        };
        EXPECT_LE(check_gradients(f, values, 1e-5).max_error, 2e-6);
      }
    }
}

// The gradient of the table is that of the rows which occur, and 0 elsewhere.
TEST(EntryNetworks, TouchOnlyTheRowsThatOccur) {
  nn::Init init{3};
  const auto network = make_network(MlpOptions{9, {4}}, {3, 4, 5}, DType::f64, init, Products::f32, false);
  nn::track_parameters(network->parameters());
  EntryBatch batch;
  batch.index = {1, 2, 3, 1, 0, 4};
  const Array g = gradients(sum(network->output(network->hidden(batch))), {network->table})[0];
  const std::vector<int> used{1, 3, 5, 10, 11};
  for (int row = 0; row < 12; ++row) {
    double norm = 0;
    for (int c = 0; c < 3; ++c) norm += std::abs(g(row, c));
    EXPECT_EQ(norm > 0, std::count(used.begin(), used.end(), row) > 0) << row;
  }
}

TEST(EntryNetworks, SayWhatDoesNotFit) {
  nn::Init init{1};
  const auto make = [&](const EntryNetworkOptions& o, const Shape& shape) {
    return make_network(o, shape, DType::f32, init, Products::f32, false);
  };
  EXPECT_THROW(make(MlpOptions{2, {4}}, {2, 2, 2}), std::invalid_argument);  // less than a component a mode
  EXPECT_THROW(make(MlpOptions{6, {}}, {2, 2, 2}), std::invalid_argument);
  EXPECT_THROW(make(MlpOptions{6, {0}}, {2, 2, 2}), std::invalid_argument);
  EXPECT_THROW(make(NtfOptions{2, {4}, 3, 2}, {2, 2, 2}), std::invalid_argument);
  EXPECT_THROW(make(CostcoOptions{0, 4}, {2, 2}), std::invalid_argument);
  EXPECT_THROW(make(MlpOptions{}, {}), std::invalid_argument);
}

// NTF sees the embeddings of the steps before, never those of the step itself or later.
TEST(EntryNetworks, TimeSeesItsPastAlone) {
  nn::Init init{3};
  const auto network = make_network(NtfOptions{4, {6}, 1, 2}, {2, 6}, DType::f64, init, Products::f32, false);
  EntryBatch batch;
  batch.index = {0, 4, 1, 0};
  nn::track_parameters(network->parameters());
  const Array g = gradients(sum(network->output(network->hidden(batch))), {network->table})[0];
  const auto used = [&](int row) {
    double norm = 0;
    for (int c = 0; c < 4; ++c) norm += std::abs(g(row, c));
    return norm > 0;
  };
  // rows 2.. are times 0..: of the entry at time 4 times 2 and 3; the one at time 0 has none before it
  for (int t = 0; t < 6; ++t) EXPECT_EQ(used(2 + t), t == 2 || t == 3) << t;
  EXPECT_FALSE(network->needs_seen(1));
  EXPECT_TRUE(network->needs_seen(0));
}

}  // namespace
