#pragma once
/// The one array type of Cartan: a dense row-major tensor (last index fastest) with value semantics.

#include <complex>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <cartan/core/device.hpp>

namespace cartan {

using Index = std::int64_t;
using Shape = std::vector<Index>;

/// Element types. Arithmetic is defined on the floating and complex ones; the integers hold indices,
/// species and whatever a file brings.
enum class DType : std::uint8_t { f32, f64, c64, c128, i32, i64, u8 };

std::size_t size_of(DType dtype);
const char* name_of(DType dtype);
/// "float32" or "f32", ... as in files and run descriptions; throws std::invalid_argument for others.
DType dtype_from_name(const std::string& name);
inline bool is_real(DType t) {
  return t == DType::f32 || t == DType::f64;
}
inline bool is_complex(DType t) {
  return t == DType::c64 || t == DType::c128;
}

template <class T>
struct dtype_of;
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct dtype_of<std::complex<float>> {
  static constexpr DType value = DType::c64;
};
template <>
struct dtype_of<std::complex<double>> {
  static constexpr DType value = DType::c128;
};
template <>
struct dtype_of<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct dtype_of<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of<std::uint8_t> {
  static constexpr DType value = DType::u8;
};

/// Number of elements of a shape; throws std::invalid_argument for a negative extent or on overflow.
Index size_of(const Shape& shape);
/// "(3, 4)"
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& out, DType dtype);

struct Buffer;  // memory of a device, src/core/buffer.hpp
struct Node;    // the record of how an array was computed, <cartan/autodiff/primitive.hpp>

/// Dense row-major tensor. Copying is cheap: copies share one buffer until one of them is written
/// (`mutable_data` detaches). `reshaped` and `rows` are views of the same buffer, without strides.
/// An array that autodiff tracks carries a link to its tape node and must not be written.
/// Every array lies on one device. What looks at elements (`data`, `as`, printing) asks for host memory, but
/// for `item` and `to_vector`, which bring a copy to the host.
class Array {
 public:
  Array() = default;  ///< no array: shape (0), `empty()` is true

  /// Memory that is not initialised.
  /// Throws DeviceError for a device that is not there or has no memory left.
  static Array uninitialized(Shape shape, DType dtype, Device device = {});
  static Array zeros(Shape shape, DType dtype, Device device = {});
  static Array full(Shape shape, double value, DType dtype, Device device = {});
  /// A rank-0 array.
  static Array scalar(double value, DType dtype, Device device = {});
  /// Copies `values`; their number must be that of `shape`.
  template <class T>
  static Array from(const std::vector<T>& values, Shape shape) {
    return copy_of(values.data(), static_cast<Index>(values.size()), std::move(shape), dtype_of<T>::value);
  }
  template <class T>
  static Array from(const std::vector<T>& values) {
    return from(values, {static_cast<Index>(values.size())});
  }
  template <class T>
  static Array from(const T* values, Shape shape) {
    const Index n = size_of(shape);
    return copy_of(values, n, std::move(shape), dtype_of<T>::value);
  }
  /// float64: `Array::of({1, 2, 3})`, `Array::of({{1, 2}, {3, 4}})`; the rows must be equally long.
  static Array of(std::initializer_list<double> values);
  static Array of(std::initializer_list<std::initializer_list<double>> rows);

  const Shape& shape() const noexcept { return shape_; }
  int ndim() const noexcept { return static_cast<int>(shape_.size()); }
  /// Extent of axis `axis`; negative axes count from the end.
  Index dim(int axis) const;
  Index size() const noexcept { return size_; }
  DType dtype() const noexcept { return dtype_; }
  Device device() const noexcept { return device_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Elements; throws std::invalid_argument when T is not the element type, or the array is not on the host.
  template <class T>
  const T* data() const {
    check_type(dtype_of<T>::value);
    return static_cast<const T*>(raw());
  }
  /// Elements for writing. Detaches from other arrays that share the buffer; refuses tracked arrays.
  template <class T>
  T* mutable_data() {
    check_type(dtype_of<T>::value);
    return static_cast<T*>(mutable_raw());
  }
  const void* raw() const;  ///< host memory alone, as data()
  void* mutable_raw();
  /// Where the elements lie on their device: for its kernels, not for the host to look at.
  const void* address() const noexcept { return data_; }
  void* mutable_address();
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(size_) * size_of(dtype_); }

  /// The single element of a one-element real or integer array, wherever it lies.
  double item() const;
  /// One element of a real or integer array: a(i, j, k), a(-1) the last one. For looking at values: it checks
  /// every index, and loops go over data().
  template <class... Indices>
  double operator()(Indices... indices) const {
    return element({static_cast<Index>(indices)...});
  }
  /// A copy of the elements, converted to T, wherever they lie.
  template <class T>
  std::vector<T> to_vector() const;

  /// Same elements, another shape of equal size. One extent may be -1. Not recorded by autodiff: see
  /// `reshape` in <cartan/autodiff/ops.hpp> for that.
  Array reshaped(Shape shape) const;
  /// View of rows [begin, end) of the first axis. Not recorded by autodiff: see `slice`.
  Array rows(Index begin, Index end) const;
  /// Elements converted to another type (complex to real is refused). Not recorded: see `cast`.
  Array as(DType dtype) const;
  /// The elements on another device; the array itself where it lies there. Not recorded: see the op `to`.
  Array to(Device device) const;

  /// True when autodiff records what is computed from this array.
  bool tracked() const noexcept { return node_ != nullptr; }
  const std::shared_ptr<Node>& node() const noexcept { return node_; }
  int output() const noexcept { return output_; }  ///< which output of its node it is
  /// The same elements linked to `node` (nullptr: not tracked). Used by autodiff.
  Array with_node(std::shared_ptr<Node> node, int output = 0) const;

 private:
  double element(const std::vector<Index>& indices) const;
  static Array copy_of(const void* values, Index count, Shape shape, DType dtype);
  void check_type(DType asked) const;

  Shape shape_{0};
  Index size_ = 0;
  DType dtype_ = DType::f64;
  Device device_;
  int output_ = 0;
  std::shared_ptr<Buffer> buffer_;
  void* data_ = nullptr;
  std::shared_ptr<Node> node_;
};

/// Shape, type, device and elements; of more than 1000 elements the first and last three along each axis.
std::ostream& operator<<(std::ostream& out, const Array& a);

/// True when every element is finite (integers always are).
bool all_finite(const Array& a);
/// Same shape, type and bits.
bool identical(const Array& a, const Array& b);

}  // namespace cartan
