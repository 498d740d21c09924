#include "core/buffer.hpp"

#include <pthread.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <new>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cartan/core/memory.hpp"

namespace cartan {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t least_limit = std::size_t{64} << 20;  // bytes kept in any case
constexpr std::size_t most_spare = std::size_t{1} << 30;    // bytes kept beyond the peak

// Four size classes an octave, from 64 bytes: at most a fifth of a block is wasted.
std::size_t class_of(std::size_t bytes) {
  if (bytes <= alignment) return 0;
  const int octave = std::bit_width(bytes - 1) - 1;  // 2^octave < bytes <= 2^(octave+1)
  const std::size_t quarter = std::size_t{1} << (octave - 2);
  return 1 + static_cast<std::size_t>(octave - 6) * 4 + (bytes - 1 - (std::size_t{1} << octave)) / quarter;
}

std::size_t bytes_of(std::size_t size_class) {
  if (size_class == 0) return alignment;
  const std::size_t octave = 6 + (size_class - 1) / 4, step = (size_class - 1) % 4 + 1;
  const std::size_t bytes = (std::size_t{1} << octave) + step * (std::size_t{1} << (octave - 2));
  return (bytes + alignment - 1) / alignment * alignment;
}

// Blocks to be freed, chained through their own memory.
class Chain {
 public:
  void add(void* block) noexcept {
    *static_cast<void**>(block) = first_;
    first_ = block;
  }
  ~Chain() {
    while (first_) {
      void* next = *static_cast<void**>(first_);
      std::free(first_);
      first_ = next;
    }
  }

 private:
  void* first_ = nullptr;
};

class Pool {
 public:
  void* take(std::size_t size_class) {
    const std::size_t bytes = bytes_of(size_class);
    Chain dropped;  // freed without the lock
    void* block = nullptr;
    {
      std::lock_guard lock(mutex_);
      use_.in_use += bytes;
      peak_ = std::max(peak_, use_.in_use);
      handed_out_ += bytes;
      if (handed_out_ / 32 > limit()) {
        earlier_peak_ = peak_;
        peak_ = use_.in_use;
        handed_out_ = 0;
      }
      auto& list = lists_[size_class];
      if (!list.empty()) {  // the last one given back: it may still be in a cache
        block = list.back().memory;
        list.pop_back();
        use_.kept -= bytes;
      }
      trim(dropped);
    }
    if (!block) block = std::aligned_alloc(alignment, bytes);
    if (block) return block;
    release();  // perhaps what is kept makes room
    block = std::aligned_alloc(alignment, bytes);
    if (block) return block;
    std::lock_guard lock(mutex_);
    use_.in_use -= bytes;
    peak_ = earlier_peak_ = use_.in_use;
    throw std::bad_alloc();
  }

  void give(void* block, std::size_t size_class) noexcept {
    const std::size_t bytes = bytes_of(size_class);
    Chain dropped;
    std::lock_guard lock(mutex_);
    use_.in_use -= bytes;
    try {
      lists_[size_class].push_back({block, ++given_});
      use_.kept += bytes;
      trim(dropped);
    } catch (...) {  // no memory to note it
      dropped.add(block);
    }
  }

  void release() {
    {
      Chain dropped;
      std::lock_guard lock(mutex_);
      while (use_.kept > 0) drop_oldest(dropped);
      peak_ = earlier_peak_ = use_.in_use;
      handed_out_ = 0;
    }
#ifdef __GLIBC__
    malloc_trim(0);  // what the C library keeps in turn
#endif
  }

  // Around fork(): the lock must not be another thread's in the child.
  void lock() {
    mutex_.lock();
  }
  void unlock() {
    mutex_.unlock();
  }

  MemoryUse use() {
    std::lock_guard lock(mutex_);
    return use_;
  }

 private:
  struct Kept {
    void* memory;
    std::uint64_t given;
  };
  std::size_t limit() const {
    const std::size_t peak = std::max({peak_, earlier_peak_, least_limit});
    return peak + std::min(peak, most_spare);  // blocks of several sizes that take turns all stay
  }
  void trim(Chain& dropped) noexcept {
    while (use_.kept > 0 && use_.in_use + use_.kept > limit()) drop_oldest(dropped);
  }
  void drop_oldest(Chain& dropped) noexcept {
    std::deque<Kept>* oldest = nullptr;
    for (auto& list : lists_)
      if (!list.empty() && (!oldest || list.front().given < oldest->front().given)) oldest = &list;
    dropped.add(oldest->front().memory);
    oldest->pop_front();
    use_.kept -= bytes_of(static_cast<std::size_t>(oldest - lists_));
  }

  std::mutex mutex_;
  std::deque<Kept> lists_[256];  // of every size class, by the time they were given back
  MemoryUse use_{0, 0};
  std::size_t peak_ = 0, earlier_peak_ = 0;  // largest use in this window and the one before
  std::size_t handed_out_ = 0;               // bytes in this window
  std::uint64_t given_ = 0;
};

Pool& pool() {
  static Pool* p = [] {
    pthread_atfork([] { pool().lock(); }, [] { pool().unlock(); }, [] { pool().unlock(); });
    return new Pool;  // never destroyed: arrays in static storage may outlive any order
  }();
  return *p;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : size_class(class_of(bytes)), data(pool().take(size_class)) {}
Buffer::~Buffer() {
  pool().give(data, size_class);
}

MemoryUse memory_use() {
  return pool().use();
}
void release_memory() {
  pool().release();
}

}  // namespace cartan
