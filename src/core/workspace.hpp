#pragma once
// Memory of kernels: what a block of work needs while it runs. Every thread keeps what it was given back, so
// a loop takes nothing from the system, nor from the pool with its lock, once it is warm.

#include <memory>
#include <type_traits>

#include "cartan/core/array.hpp"
#include "core/buffer.hpp"

namespace cartan {

// Of this thread's reserve, or new from the pool of the host. May be given back by another thread.
std::unique_ptr<Buffer> take_scratch(std::size_t bytes);
void give_scratch(std::unique_ptr<Buffer> buffer) noexcept;
// Gives this thread's reserve back to the pool; release_memory() begins with it.
void release_scratch() noexcept;

// `n` elements on a cache line, not initialised. Any number may be held at a time, in any order; one that is
// kept for long should be made once for many blocks of work.
template <class T>
class Scratch {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);

 public:
  Scratch() = default;
  explicit Scratch(Index n)
      : buffer_(take_scratch(static_cast<std::size_t>(n) * sizeof(T))),
        data_(static_cast<T*>(buffer_->data)),
        size_(n) {}
  Scratch(Index n, T value) : Scratch(n) { fill(value); }
  ~Scratch() { give_scratch(std::move(buffer_)); }
  Scratch(Scratch&& other) noexcept { *this = std::move(other); }
  Scratch& operator=(Scratch&& other) noexcept {
    std::swap(buffer_, other.buffer_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  Index size() const { return size_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](Index k) { return data_[k]; }
  const T& operator[](Index k) const { return data_[k]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  void fill(T value) {
    for (T *p = begin(), *last = end(); p != last; ++p) *p = value;
  }

 private:
  std::unique_ptr<Buffer> buffer_;
  T* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace cartan
