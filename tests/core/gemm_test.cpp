#include <gtest/gtest.h>
#include <array>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <complex>
#include <limits>

#include "core/gemm.hpp"
#include "worst.hpp"

using namespace cartan;

namespace {

template <class T>
class Gemm : public ::testing::Test {};
using Types = ::testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(Gemm, Types);

template <class T>
std::vector<T> values(Index n, std::uint64_t stream) {
  const Random random(5, stream);
  std::vector<T> out;
  for (Index k = 0; k < n; ++k) {
    if constexpr (std::is_floating_point_v<T>)
      out.push_back(static_cast<T>(random.normal(k)));
    else
      out.emplace_back(random.normal(2 * k), random.normal(2 * k + 1));
  }
  return out;
}

using Sizes = std::array<Index, 3>;
const Sizes sizes[] = {{1, 1, 1}, {3, 5, 7}, {130, 1, 9}, {300, 70, 33}, {4, 3, 20000}, {5, 2, 0}};

// A matrix (rows, columns) or its transpose, with room behind every row.
template <class T>
struct Operand {
  std::vector<T> data;
  Index stride;
  bool transposed;
  Operand(Index rows, Index columns, bool t, std::uint64_t stream)
      : stride((t ? rows : columns) + 3), transposed(t) {
    data = values<T>((t ? columns : rows) * stride, stream);
  }
  MatrixView<T> view() const { return {data.data(), stride, transposed}; }
  std::complex<double> operator()(Index i, Index j) const {
    return std::complex<double>(data[transposed ? j * stride + i : i * stride + j]);
  }
};

template <class T>
double tolerance(Index k) {
  const double eps = sizeof(T) / (std::is_floating_point_v<T> ? 1 : 2) == 4 ? 1.2e-7 : 2.3e-16;
  return 8 * eps * std::sqrt(static_cast<double>(k + 1)) * 4;
}

// c against alpha a b + beta before, by the definition; what lies behind the rows of c must not be touched.
template <class T, class Multiply>
void check(const Sizes& s, T alpha, T beta, Multiply&& multiply) {
  const auto [m, n, k] = s;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const Operand<T> a(m, k, ta, 1), b(k, n, tb, 2);
      const Index stride = n + 2;
      auto c = values<T>(m * stride, 3);
      const auto before = c;
      if (beta == T(0))  // is not read
        for (Index i = 0; i < m; ++i)
          std::fill_n(c.begin() + i * stride, n, T(std::numeric_limits<float>::quiet_NaN()));
      multiply(a.view(), b.view(), c.data(), stride);
      double worst = 0, largest = 1;
      for (Index i = 0; i < m; ++i) {
        for (Index j = 0; j < n; ++j) {
          std::complex<double> sum = 0;
          for (Index l = 0; l < k; ++l) sum += a(i, l) * b(l, j);
          sum = std::complex<double>(alpha) * sum +
                std::complex<double>(beta) * std::complex<double>(before[i * stride + j]);
          const double error = std::abs(std::complex<double>(c[i * stride + j]) - sum);
          worst = cartan::testing::worst_of(worst, error);
          largest = std::max(largest, std::abs(sum));
        }
        for (Index j = n; j < stride; ++j) EXPECT_EQ(c[i * stride + j], before[i * stride + j]);
      }
      EXPECT_LE(worst, tolerance<T>(k) * largest) << m << " " << n << " " << k << " " << ta << tb;
    }
}

}  // namespace

TYPED_TEST(Gemm, FollowsTheDefinition) {
  using T = TypeParam;
  for (const auto& [alpha, beta] : {std::pair{T(1), T(0)}, {T(1), T(1)}, {T(-2), T(0)}, {T(0.5), T(-3)}})
    for (const Sizes& s : sizes) {
      const auto [m, n, k] = s;
      check<T>(s, alpha, beta,
               [&, m = m, n = n, k = k, alpha = alpha, beta = beta](auto a, auto b, T* c, Index stride) {
                 gemm_serial<T>(m, n, k, a, b, c, stride, alpha, beta);
               });
      check<T>(s, alpha, beta,
               [&, m = m, n = n, k = k, alpha = alpha, beta = beta](auto a, auto b, T* c, Index stride) {
                 gemm<T>(m, n, k, a, b, c, stride, alpha, beta);
               });
    }
}

TYPED_TEST(Gemm, BatchesAndBias) {
  using T = TypeParam;
  for (const Sizes& s : {Sizes{3, 5, 7}, {200, 9, 600}}) {
    const auto [m, n, k] = s;
    const auto a = values<T>(4 * m * k, 1), b = values<T>(4 * k * n, 2), bias = values<T>(n, 3);
    std::vector<T> c(4 * m * n, T(7)), expected(4 * m * n);
    gemm_batched<T>({4, m * k, k * n, m * n}, m, n, k, {a.data(), k}, {b.data(), n}, c.data(), n,
                    bias.data());
    double worst = 0;
    for (Index e = 0; e < 4; ++e) {
      gemm_serial<T>(m, n, k, {a.data() + e * m * k, k}, {b.data() + e * k * n, n},
                     expected.data() + e * m * n, n);
      for (Index i = 0; i < m * n; ++i)
        worst = std::max(
            worst, std::abs(std::complex<double>(c[e * m * n + i] - bias[i % n] - expected[e * m * n + i])));
    }
    EXPECT_LE(worst, tolerance<T>(k) * 100);
  }
}

TYPED_TEST(Gemm, SameBitsForAnyThreads) {
  using T = TypeParam;
  for (const Sizes& s : {Sizes{600, 40, 50}, {4, 3, 40000}, {30, 3000, 20}}) {
    const auto [m, n, k] = s;
    const auto a = values<T>(m * k, 1), b = values<T>(k * n, 2);
    std::vector<T> first, second;
    for (int threads : {1, 2, 3}) {
      set_threads(threads);
      std::vector<T> c(m * n), d(m * n);
      gemm<T>(m, n, k, {a.data(), k}, {b.data(), n}, c.data(), n);
      gemm_batched<T>({}, m, n, k, {a.data(), k}, {b.data(), n}, d.data(), n);
      if (first.empty()) first = c, second = d;
      EXPECT_EQ(c, first);
      EXPECT_EQ(d, second);
    }
    set_threads(0);
  }
}

TYPED_TEST(Gemm, SameBitsWhereverTheArraysLie) {
  using T = TypeParam;
  for (const Sizes& s :
       {Sizes{6, 4, 2}, {5, 7, 3}, {1, 1, 50}, {1, 40, 30}, {40, 1, 30}, {130, 3, 2}, {40, 24, 33}})
    for (const int transposes : {0, 1, 2, 3})
      for (const T alpha : {T(1), T(0.7)}) {
        const auto [m, n, k] = s;
        std::vector<T> first;
        for (Index offset = 0; offset < 9; ++offset) {
          alignas(64) static T room[3][8192];
          T *a = room[0] + offset, *b = room[1] + 2 * offset, *c = room[2] + 5 * offset;
          std::ranges::copy(values<T>(m * k, 1), a);
          std::ranges::copy(values<T>(k * n, 2), b);
          const bool ta = transposes & 1, tb = transposes & 2;
          std::vector<T> all;
          gemm_serial<T>(m, n, k, {a, ta ? m : k, ta}, {b, tb ? k : n, tb}, c, n, alpha);
          all.insert(all.end(), c, c + m * n);
          gemm_serial<T>(m, n, k, {a, ta ? m : k, ta}, {b, tb ? k : n, tb}, c, n, alpha, T(1));
          all.insert(all.end(), c, c + m * n);
          if (first.empty()) first = all;
          EXPECT_EQ(all, first) << m << " " << n << " " << k << " " << transposes << ", offset " << offset;
        }
      }
}
