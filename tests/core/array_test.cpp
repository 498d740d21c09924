#include <cartan/core/array.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

using namespace cartan;

TEST(Array, CopiesAreIndependentValues) {
  Array a = Array::from(std::vector<double>{1, 2, 3, 4}, {2, 2});
  Array b = a;
  EXPECT_EQ(a.raw(), b.raw());
  b.mutable_data<double>()[0] = 7;
  EXPECT_EQ(a.data<double>()[0], 1);
  EXPECT_EQ(b.data<double>()[0], 7);
}

TEST(Array, RowsAndReshapedShareTheBuffer) {
  Array a = Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  Array r = a.rows(1, 3);
  EXPECT_EQ(r.shape(), (Shape{2, 2}));
  EXPECT_EQ(r.data<float>(), a.data<float>() + 2);
  EXPECT_EQ(a.reshaped({2, -1}).shape(), (Shape{2, 3}));
  EXPECT_THROW(a.reshaped({4, 2}), std::invalid_argument);
  EXPECT_THROW(a.rows(2, 4), std::invalid_argument);
  EXPECT_THROW(a.data<double>(), std::invalid_argument);
}

namespace {
constexpr Index mebibyte = Index{1} << 20;
Array block(Index mebibytes) {
  return Array::uninitialized({mebibytes * mebibyte}, DType::u8);
}
std::size_t footprint() {
  const MemoryUse use = memory_use();
  return use.in_use + use.kept;
}
}  // namespace

// A loop gets the same memory in every pass, however many blocks are alive at once.
TEST(Memory, IsReused) {
  release_memory();
  EXPECT_EQ(memory_use().kept, 0u);
  std::vector<const void*> first;
  for (int pass = 0; pass < 5; ++pass) {
    std::vector<Array> alive;
    for (Index k = 0; k < 8; ++k) alive.push_back(block(40 + 10 * k));
    std::vector<const void*> now;
    for (const Array& a : alive) now.push_back(a.raw());
    std::sort(now.begin(), now.end());
    if (pass == 0) first = now;
    EXPECT_EQ(now, first) << pass;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(alive[0].raw()) % 64, 0u);
  }
}

// What is held never exceeds twice what was needed at once; a peak is forgotten; release_memory() gives all
// back.
TEST(Memory, IsGivenBack) {
  release_memory();
  const std::size_t before = memory_use().in_use;
  for (Index k = 1; k <= 64; ++k) {  // sizes that never come again
    const Array a = block(64 + k);
    EXPECT_LE(footprint() - before, static_cast<std::size_t>((64 + k) * mebibyte * 5 / 2));
  }
  { const std::vector<Array> peak{block(300), block(300)}; }
  EXPECT_GE(memory_use().kept, static_cast<std::size_t>(600 * mebibyte));
  for (int k = 0; k < 3000; ++k) block(100);
  EXPECT_LE(footprint() - before, static_cast<std::size_t>(256 * mebibyte));
  release_memory();
  EXPECT_EQ(memory_use().kept, 0u);
  EXPECT_EQ(memory_use().in_use, before);
}

// A child takes memory while another thread of the parent held the pool, and works without the parent's team.
// The other thread asks the pool alone: memory of the C library is its own affair, and sanitizers replace it
// by one that a fork may find locked.
TEST(Memory, ChildrenOfAForkWork) {
  set_threads(2);
  const auto work = [] {
    std::atomic<Index> done{0};
    parallel_for(1000, 10, [&](Index begin, Index end) { done += block(1).size() > 0 ? end - begin : 0; });
    return done.load();
  };
  EXPECT_EQ(work(), 1000);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) memory_use();
  });
  for (int k = 0; k < 20; ++k) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(work() == 1000 ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << k;
  }
  stop = true;
  other.join();
  set_threads(0);
}
