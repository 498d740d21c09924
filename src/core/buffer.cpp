#include "core/buffer.hpp"

#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace cartan {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t kept_limit = std::size_t{1} << 30;  // bytes kept for reuse

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

class Pool {
 public:
  void* take(std::size_t size_class) {
    {
      std::lock_guard lock(mutex_);
      auto& list = lists_[size_class];
      if (!list.empty()) {
        void* block = list.back();
        list.pop_back();
        kept_ -= bytes_of(size_class);
        return block;
      }
    }
    void* block = std::aligned_alloc(alignment, bytes_of(size_class));
    if (!block) throw std::bad_alloc();
    return block;
  }

  void give(void* block, std::size_t size_class) noexcept {
    const std::size_t bytes = bytes_of(size_class);
    {
      std::lock_guard lock(mutex_);
      if (kept_ + bytes <= kept_limit) {
        try {
          lists_[size_class].push_back(block);
          kept_ += bytes;
          return;
        } catch (...) {  // no memory to note it: fall through and free it
        }
      }
    }
    std::free(block);
  }

 private:
  std::mutex mutex_;
  std::vector<void*> lists_[256];
  std::size_t kept_ = 0;
};

Pool& pool() {
  static Pool* p = new Pool;  // never destroyed: arrays in static storage may outlive any order
  return *p;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : size_class(class_of(bytes)), data(pool().take(size_class)) {}
Buffer::~Buffer() {
  pool().give(data, size_class);
}

}  // namespace cartan
