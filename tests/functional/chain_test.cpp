// Blocks of a chain and two threads on them: the order of what depends on each other, and the same bits.

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

#include <gtest/gtest.h>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <thread>

#include "core/team.hpp"
#include "functional/chain.hpp"
#include "functional/relay.hpp"
#include "functional/side_by_side.hpp"

namespace cartan::functional {
namespace {

TEST(Relay, EveryBlockOnceInOrderWhateverTheThreads) {
  constexpr Index blocks = 40, ahead = 4;
  for (const bool alone : {true, false})
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<std::atomic<int>> prepared(blocks), followed(blocks);
      std::atomic<Index> complete{blocks};
      std::atomic<bool> wrong{false};
      Relay relay(
          blocks, ahead,
          [&](Index b, int) {
            // room for this one: that of the block `ahead` before it is free
            if (complete > b + ahead || prepared[static_cast<std::size_t>(b)]++ != 0) wrong = true;
          },
          [&](Index b, int who) {
            const auto at = static_cast<std::size_t>(b);
            if (who != 0 || prepared[at] != 1 || followed[at]++ != 0) wrong = true;
            if (b + 1 < blocks && followed[at + 1] != 1) wrong = true;
          },
          [&](Index b, int) {
            if (followed[static_cast<std::size_t>(b)] != 1 || complete.exchange(b) != b + 1) wrong = true;
          });
      std::thread other;
      if (!alone) other = std::thread([&] { relay.second(); });
      relay.first();
      if (alone) {
        relay.second();
      } else {
        other.join();
      }
      EXPECT_FALSE(wrong);
      EXPECT_EQ(complete, 0);
      for (const auto& f : followed) EXPECT_EQ(f, 1);
    }
}

TEST(Relay, NobodyWaitsForWhatFailed) {
  for (int failing = 0; failing < 3; ++failing) {
    const auto step = [failing](int which) {
      return [=](Index b, int) {
        if (which == failing && b == 5) throw std::runtime_error("no");
      };
    };
    Relay relay(12, 3, step(0), step(1), step(2));
    std::atomic<int> caught{0};
    std::thread other([&] {
      try {
        relay.second();
      } catch (const std::runtime_error&) {
        ++caught;
      }
    });
    try {
      relay.first();
    } catch (const std::runtime_error&) {
      ++caught;
    }
    other.join();
    EXPECT_EQ(caught, 1) << failing;
  }
}

TEST(SideBySide, AllOnceAndTheLastAloneHasTheThreads) {
  set_threads(2);
  for (const Index n : {0, 1, 2, 3, 5, 6}) {
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n)), team_of(static_cast<std::size_t>(n));
    side_by_side(n, [&](Index k) {
      ++seen[static_cast<std::size_t>(k)];
      team_of[static_cast<std::size_t>(k)] = team();
    });
    for (Index k = 0; k < n; ++k) {
      EXPECT_EQ(seen[static_cast<std::size_t>(k)], 1);
      EXPECT_EQ(team_of[static_cast<std::size_t>(k)], n % 2 == 1 && k == n - 1 ? 2 : 1);
    }
  }
  set_threads(0);
}

struct Moved {
  double evidence;
  std::vector<double> mean, covariance, gradient;
  bool operator==(const Moved& o) const {
    return evidence == o.evidence && mean == o.mean && covariance == o.covariance && gradient == o.gradient;
  }
};
// Moments and gradient of messages at n irregular coordinates, some of them of lower rank or none.
Moved smoothed(const std::vector<Kernel>& kernels, Index n, bool keep) {
  const Random random(5);
  const auto c = kernels.size();
  std::vector<double> x, w, e;
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(100 * i);
    x.push_back((i ? x.back() : 0) + 1e-3 + 0.01 * random.uniform(u));
    std::vector<double> a(c);
    for (std::size_t k = 0; k < c; ++k) a[k] = i % 7 == 3 ? 0 : random.normal(u + 1 + k);
    for (std::size_t k = 0; k < c; ++k) {
      e.push_back(i % 7 == 3 ? 0 : random.normal(u + 50 + k));
      for (std::size_t l = 0; l < c; ++l) w.push_back(a[k] * a[l] + (k == l && i % 3 ? 0.5 : 0));
    }
  }
  Chain chain(kernels, x);
  Moved out;
  out.mean.assign(static_cast<std::size_t>(n) * c, NAN);
  out.covariance.assign(static_cast<std::size_t>(n) * c * c, NAN);
  out.gradient.assign(chain.parameters(), NAN);
  out.evidence = chain.forward(w.data(), e.data());
  chain.backward(w.data(), e.data(), out.mean.data(), out.covariance.data(), out.gradient.data(), keep);
  return out;
}

TEST(Chain, BlocksAndThreadsChangeNoBit) {
  const Kernel a = Kernel::matern(1.5, 0.3, 1.1), b = Kernel::matern(1.5, 0.05, 0.4),
               c = Kernel::matern(2.5, 0.6, 0.9), p = Kernel::periodic(1.7, 0.8, 1.1, 3),
               line = Kernel::linear(0.5, 0.2);
  for (const auto& kernels : {std::vector<Kernel>{a}, {a, b, a, b, a}, {b, c}, {p, a}, {line, a * p, c}})
    for (const Index n : {1, 2, 17, 700, 3001}) {
      set_threads(1);
      const Moved one = smoothed(kernels, n, false), whole = smoothed(kernels, n, true);
      set_threads(2);
      EXPECT_TRUE(one == smoothed(kernels, n, false)) << n << " coordinates of " << kernels.size();
      set_threads(0);
      EXPECT_EQ(one.mean, whole.mean);  // tables of all coordinates at once
      EXPECT_EQ(one.covariance, whole.covariance);
      for (std::size_t k = 0; k < one.gradient.size(); ++k)  // the order of their sums differs
        EXPECT_NEAR(one.gradient[k], whole.gradient[k], 2e-13 * (1 + std::abs(whole.gradient[k])));
    }
}

}  // namespace
}  // namespace cartan::functional
