#include <gtest/gtest.h>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>
#include <thread>

#include "core/workspace.hpp"

using namespace cartan;

TEST(Workspace, GivesTheSameMemoryAgain) {
  release_memory();
  void *first, *second;
  {
    Scratch<double> a(1000), b(1000, 3.0);
    first = a.data(), second = b.data();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
    EXPECT_NE(first, second);
    EXPECT_EQ(b[999], 3.0);
    EXPECT_EQ(a.size(), 1000);
  }
  const MemoryUse warm = memory_use();
  for (int k = 0; k < 100; ++k) {
    Scratch<float> a(2000);
    Scratch<double> b(999);
    EXPECT_TRUE((a.data() == first && b.data() == second) || (a.data() == second && b.data() == first));
  }
  EXPECT_EQ(memory_use().in_use, warm.in_use);
  EXPECT_EQ(memory_use().kept, warm.kept);
}

TEST(Workspace, IsReleased) {
  release_memory();
  const std::size_t before = memory_use().in_use;
  { Scratch<double> a(5000); }
  EXPECT_GT(memory_use().in_use, before);  // held by this thread
  release_memory();
  EXPECT_EQ(memory_use().in_use, before);
  EXPECT_EQ(memory_use().kept, 0u);
  { Scratch<double> large(Index{1} << 20); }  // is not held
  EXPECT_EQ(memory_use().in_use, before);
  std::thread([] { Scratch<double> a(5000); }).join();  // nor is that of a thread that has ended
  EXPECT_EQ(memory_use().in_use, before);
}

TEST(Workspace, NestsAndMoves) {
  Scratch<int> outer(10, 1), empty;
  EXPECT_EQ(empty.data(), nullptr);
  {
    Scratch<int> inner(10, 2);
    empty = std::move(inner);
  }
  Scratch<int> other(10, 3);
  for (Index k = 0; k < 10; ++k) EXPECT_EQ(outer[k] * 100 + empty[k] * 10 + other[k], 123);
  Scratch<int> moved(std::move(other));
  EXPECT_EQ(moved[9], 3);
  EXPECT_EQ(other.size(), 0);
  // given back by another thread than the one that took it
  std::thread([&] { const Scratch<int> gone = std::move(moved); }).join();
  Scratch<double> none(0);
  EXPECT_EQ(none.begin(), none.end());
}

TEST(Workspace, EveryThreadHasItsOwn) {
  std::vector<int> wrong(64, 1);
  parallel_for(64, 1, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      Scratch<Index> mine(300, b);
      Scratch<Index> more(300, -1);
      int bad = 0;
      for (Index k = 0; k < 300; ++k) bad += mine[k] != b;
      wrong[b] = bad;
    }
  });
  for (int w : wrong) EXPECT_EQ(w, 0);
}
