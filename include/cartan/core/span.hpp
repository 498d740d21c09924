#pragma once
/// A view of elements that somebody else owns: pointer and count.

#include <type_traits>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan {

/// Valid as long as what it views. Cheap to copy; nothing is checked.
template <class T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, Index size) : data_(data), size_(size) {}
  template <class U, class = std::enable_if_t<std::is_convertible<U (*)[], T (*)[]>::value>>
  Span(std::vector<U>& v)
      : Span(v.data(), static_cast<Index>(v.size())) {}  // NOLINT: a vector is viewed as it is
  template <class U, class = std::enable_if_t<std::is_convertible<const U (*)[], T (*)[]>::value>>
  Span(const std::vector<U>& v) : Span(v.data(), static_cast<Index>(v.size())) {}  // NOLINT

  constexpr T* data() const { return data_; }
  constexpr Index size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](Index k) const { return data_[k]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace cartan
