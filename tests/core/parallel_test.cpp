#include <gtest/gtest.h>
#include <cartan/core/parallel.hpp>

#include <atomic>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

using namespace cartan;

namespace {

class Parallel : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_threads(GetParam()); }
  void TearDown() override { set_threads(0); }
};

TEST_P(Parallel, BlocksCoverEveryIndexOnceAndHaveTheSameBorders) {
  for (const Index n : {0, 1, 7, 8, 9, 1000}) {
    std::vector<int> seen(static_cast<std::size_t>(n), 0);
    parallel_for(n, 8, [&](Index begin, Index end) {
      EXPECT_EQ(begin % 8, 0);
      EXPECT_EQ(end, std::min(n, begin + 8));
      for (Index k = begin; k < end; ++k) ++seen[static_cast<std::size_t>(k)];
    });
    EXPECT_EQ(seen, std::vector<int>(static_cast<std::size_t>(n), 1)) << n;
  }
}

TEST_P(Parallel, TasksAreDoneOnceEach) {
  for (const Index n : {0, 1, 2, 100}) {
    std::vector<double> seen(static_cast<std::size_t>(n), 0);
    parallel_tasks(n, [&](Index k) {  // the first takes the longest
      double x = 1;
      for (Index j = 0; j < 2000 * (n - k); ++j) x = std::sqrt(x + 1);
      seen[static_cast<std::size_t>(k)] += x > 0 ? 1 : 0;
    });
    EXPECT_EQ(seen, std::vector<double>(static_cast<std::size_t>(n), 1)) << n;
  }
}

TEST_P(Parallel, WhatABlockThrowsIsThrownHere) {
  EXPECT_THROW(parallel_for(100, 1,
                            [](Index begin, Index) {
                              if (begin == 60) throw std::out_of_range("60");
                            }),
               std::out_of_range);
  EXPECT_THROW(parallel_tasks(100,
                              [](Index k) {
                                if (k == 60) throw std::out_of_range("60");
                              }),
               std::out_of_range);
}

TEST_P(Parallel, LoopsInsideBlocksAreSerial) {
  std::atomic<Index> sum{0};
  parallel_tasks(10, [&](Index) {
    Index own = 0;  // no other thread writes it
    parallel_for(100, 1, [&](Index begin, Index) { own += begin; });
    parallel_tasks(100, [&](Index k) { own += k; });
    sum += own;
  });
  EXPECT_EQ(sum, 10 * 2 * 4950);
}

TEST_P(Parallel, SumsHaveTheBitsOfOneThread) {
  for (const std::size_t n : {0, 1, 15, 4097, 300001}) {
    std::vector<float> x(n);
    for (std::size_t k = 0; k < n; ++k) x[k] = std::sin(static_cast<float>(k)) * 1e3f;
    const double many = deterministic_sum(x.data(), static_cast<Index>(n));
    set_threads(1);
    EXPECT_EQ(deterministic_sum(x.data(), static_cast<Index>(n)), many) << n;
    set_threads(GetParam());
    EXPECT_NEAR(many, std::accumulate(x.begin(), x.end(), 0.0), 1e-9 * static_cast<double>(n) * 1e3);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, ::testing::Values(1, 2, 5));

}  // namespace
