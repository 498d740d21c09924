#include "core/buffer.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <new>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cartan/core/error.hpp"
#include "cartan/core/memory.hpp"
#include "core/cuda/backend.hpp"
#include "core/debug_device.hpp"
#include "core/workspace.hpp"

namespace cartan {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t least_limit = std::size_t{64} << 20;  // bytes kept in any case
constexpr std::size_t least_shared = std::size_t{1} << 20;  // bytes of a block that serves several classes
constexpr std::size_t most_spare = std::size_t{1} << 30;    // bytes kept beyond the peak

std::size_t bytes_of(std::size_t size_class) {
  return Buffer::bytes_of(size_class);
}

// Large blocks ask for large pages: walking through one the processor looks up an address for every page.
void* host_block(std::size_t bytes) {
  constexpr std::size_t page = std::size_t{2} << 20;
  if (bytes < 4 * page) return std::aligned_alloc(alignment, bytes);
  void* block = std::aligned_alloc(page, bytes);
#ifdef MADV_HUGEPAGE
  if (block) madvise(block, bytes / page * page, MADV_HUGEPAGE);  // where the system has none: as it was
#endif
  return block;
}

// Where the blocks of a pool come from.
void* take_from(Device device, std::size_t bytes) {
  switch (device.kind) {
    case Device::Kind::cpu:
      return host_block(bytes);
    case Device::Kind::cuda:
      return cuda::allocate(device.index, bytes);
    case Device::Kind::debug:
      return debug_device::allocate(bytes);
  }
  return nullptr;
}

void give_to(Device device, void* block, std::size_t bytes) noexcept {
  switch (device.kind) {
    case Device::Kind::cpu:
      return std::free(block);
    case Device::Kind::cuda:
      return cuda::release(device.index, block);
    case Device::Kind::debug:
      return debug_device::release(block, bytes);
  }
}

// Blocks to be freed when the lock is no longer held.
class Dropped {
 public:
  explicit Dropped(Device device) : device_(device) {}
  void add(void* block, std::size_t bytes) noexcept {
    if (count_ == most) free_all();
    blocks_[count_++] = {block, bytes};
  }
  ~Dropped() { free_all(); }

 private:
  void free_all() noexcept {
    for (std::size_t k = 0; k < count_; ++k) give_to(device_, blocks_[k].block, blocks_[k].bytes);
    count_ = 0;
  }
  static constexpr std::size_t most = 32;
  struct Block {
    void* block;
    std::size_t bytes;
  };
  Device device_;
  Block blocks_[most];
  std::size_t count_ = 0;
};

class Pool {
 public:
  explicit Pool(Device device) : device_(device) {}

  // A block of the class, or of a larger one that is at hand, which is named then.
  void* take(std::size_t& size_class) {
    Dropped dropped(device_);
    void* block = nullptr;
    std::size_t bytes;
    {
      std::lock_guard lock(mutex_);
      size_class = at_hand(size_class);
      bytes = bytes_of(size_class);
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
    if (block) return block;
    std::exception_ptr problem;
    try {
      block = fresh(bytes);
    } catch (...) {
      problem = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    if (block) {
      ++use_.fresh;
      return block;
    }
    use_.in_use -= bytes;
    peak_ = earlier_peak_ = use_.in_use;
    if (problem) std::rethrow_exception(problem);
    throw std::bad_alloc();
  }

  void give(void* block, std::size_t size_class) noexcept {
    const std::size_t bytes = bytes_of(size_class);
    Dropped dropped(device_);
    std::lock_guard lock(mutex_);
    use_.in_use -= bytes;
    try {
      lists_[size_class].push_back({block, ++given_});
      use_.kept += bytes;
      trim(dropped);
    } catch (...) {  // no memory to note it
      dropped.add(block, bytes);
    }
  }

  void release() {
    {
      Dropped dropped(device_);
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
  // nullptr, or a DeviceError, where there is no room.
  void* fresh(std::size_t bytes) {
    if (void* block = take_from(device_, bytes)) return block;
    release();  // perhaps what is kept makes room
    if (void* block = take_from(device_, bytes)) return block;
    if (device_.kind == Device::Kind::cuda)
      throw DeviceError(text("[Array] ", device_, " has no room for ", bytes,
                             " bytes: ", cuda::memory_text(device_.index), "; use smaller batches"));
    return nullptr;
  }

  // Large blocks that are kept serve sizes down to half of theirs: what a pass frees is seldom of the sizes
  // that it needs next, and untouched memory would come on top.
  std::size_t at_hand(std::size_t size_class) const noexcept {
    if (bytes_of(size_class) < least_shared) return size_class;
    for (std::size_t c = size_class; c <= size_class + 4; ++c)
      if (!lists_[c].empty()) return c;
    return size_class;
  }
  struct Kept {
    void* memory;
    std::uint64_t given;
  };
  std::size_t limit() const {
    const std::size_t peak = std::max({peak_, earlier_peak_, least_limit});
    return peak + std::min(peak, most_spare);  // blocks of several sizes that take turns all stay
  }
  void trim(Dropped& dropped) noexcept {
    while (use_.kept > 0 && use_.in_use + use_.kept > limit()) drop_oldest(dropped);
  }
  void drop_oldest(Dropped& dropped) noexcept {
    std::deque<Kept>* oldest = nullptr;
    for (auto& list : lists_)
      if (!list.empty() && (!oldest || list.front().given < oldest->front().given)) oldest = &list;
    const std::size_t bytes = bytes_of(static_cast<std::size_t>(oldest - lists_));
    dropped.add(oldest->front().memory, bytes);
    oldest->pop_front();
    use_.kept -= bytes;
  }

  Device device_;
  std::mutex mutex_;
  std::deque<Kept> lists_[256];  // of every size class, by the time they were given back
  MemoryUse use_{0, 0, 0};
  std::size_t peak_ = 0, earlier_peak_ = 0;  // largest use in this window and the one before
  std::size_t handed_out_ = 0;               // bytes in this window
  std::uint64_t given_ = 0;
};

Pool& host_pool() {
  static Pool* p = [] {
    pthread_atfork([] { host_pool().lock(); }, [] { host_pool().unlock(); }, [] { host_pool().unlock(); });
    return new Pool(Device::cpu);  // never destroyed: arrays in static storage may outlive any order
  }();
  return *p;
}

Pool& pool(Device device) {
  if (device == Device::cpu) return host_pool();
  static auto* mutex = new std::mutex;
  static auto* pools = new std::map<std::pair<int, int>, Pool*>;
  std::lock_guard lock(*mutex);
  Pool*& p = (*pools)[{static_cast<int>(device.kind), device.index}];
  if (!p) {
    require_device(device);
    p = new Pool(device);
  }
  return *p;
}

}  // namespace

// At most a fifth of a fresh block is wasted.
std::size_t Buffer::class_of(std::size_t bytes) {
  if (bytes <= alignment) return 0;
  const int octave = std::bit_width(bytes - 1) - 1;  // 2^octave < bytes <= 2^(octave+1)
  const std::size_t quarter = std::size_t{1} << (octave - 2);
  return 1 + static_cast<std::size_t>(octave - 6) * 4 + (bytes - 1 - (std::size_t{1} << octave)) / quarter;
}

std::size_t Buffer::bytes_of(std::size_t size_class) {
  if (size_class == 0) return alignment;
  const std::size_t octave = 6 + (size_class - 1) / 4, step = (size_class - 1) % 4 + 1;
  const std::size_t bytes = (std::size_t{1} << octave) + step * (std::size_t{1} << (octave - 2));
  return (bytes + alignment - 1) / alignment * alignment;
}

Buffer::Buffer(std::size_t bytes, Device where)
    : size_class(class_of(bytes)), device(where), data(pool(device).take(size_class)) {}
Buffer::~Buffer() {
  pool(device).give(data, size_class);
}

void copy_memory(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes) {
  using Kind = Device::Kind;
  if (bytes == 0) return;
  if (to_device.kind == Kind::cuda && from_device.kind == Kind::cuda) {
    if (to_device == from_device)
      return cuda::copy(to_device.index, to, from, bytes, cuda::Direction::within);
    return cuda::copy_between(to_device.index, to, from_device.index, from, bytes);
  }
  if (to_device.kind == Kind::debug) to = debug_device::alias(to);
  if (from_device.kind == Kind::debug) from = debug_device::alias(from);
  if (to_device.kind == Kind::cuda)
    cuda::copy(to_device.index, to, from, bytes, cuda::Direction::to_device);
  else if (from_device.kind == Kind::cuda)
    cuda::copy(from_device.index, to, from, bytes, cuda::Direction::to_host);
  else
    std::memcpy(to, from, bytes);
}

void clear_memory(void* to, std::size_t bytes, Device device) {
  if (bytes == 0) return;
  if (device.kind == Device::Kind::cuda) return cuda::clear(device.index, to, bytes);
  std::memset(device.kind == Device::Kind::debug ? debug_device::alias(to) : to, 0, bytes);
}

void fill_memory(void* to, const void* value, std::size_t size, std::size_t count, Device device) {
  if (count == 0) return;
  if (device.kind == Device::Kind::cuda) return cuda::fill(device.index, to, value, size, count);
  char* p = static_cast<char*>(device.kind == Device::Kind::debug ? debug_device::alias(to) : to);
  for (std::size_t k = 0; k < count; ++k) std::memcpy(p + k * size, value, size);
}

MemoryUse memory_use(Device device) {
  return pool(device).use();
}
void release_memory(Device device) {
  if (device == Device::cpu) release_scratch();
  pool(device).release();
}

}  // namespace cartan
