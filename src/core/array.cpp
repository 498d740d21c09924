#include "cartan/core/array.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>

#include "cartan/core/error.hpp"
#include "core/buffer.hpp"
#include "core/dispatch.hpp"

namespace cartan {

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::c64:
      return 8;
    case DType::c128:
      return 16;
    case DType::i32:
      return 4;
    case DType::i64:
      return 8;
    case DType::u8:
      return 1;
  }
  throw std::invalid_argument("[size_of] unknown element type");
}

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "float32";
    case DType::f64:
      return "float64";
    case DType::c64:
      return "complex64";
    case DType::c128:
      return "complex128";
    case DType::i32:
      return "int32";
    case DType::i64:
      return "int64";
    case DType::u8:
      return "uint8";
  }
  return "unknown";
}

DType dtype_from_name(const std::string& name) {
  static constexpr std::pair<const char*, DType> shorts[] = {
      {"f32", DType::f32}, {"f64", DType::f64}, {"c64", DType::c64}, {"c128", DType::c128},
      {"i32", DType::i32}, {"i64", DType::i64}, {"u8", DType::u8}};
  for (auto [s, t] : shorts)
    if (name == s || name == name_of(t)) return t;
  throw std::invalid_argument("[dtype] unknown element type '" + name + "'; use float32 or float64");
}

Index size_of(const Shape& shape) {
  Index n = 1;
  for (Index d : shape) {
    require(d >= 0, "[shape] negative extent in ", shape);
    require(d == 0 || n <= std::numeric_limits<Index>::max() / 16 / std::max<Index>(d, 1), "[shape] ", shape,
            " has too many elements");
    n *= d;
  }
  return n;
}

std::string to_string(const Shape& shape) {
  return text(shape);
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (std::size_t i = 0; i < shape.size(); ++i) out << (i ? ", " : "") << shape[i];
  return out << ')';
}

std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << name_of(dtype);
}

Array Array::uninitialized(Shape shape, DType dtype) {
  Array a;
  a.size_ = size_of(shape);
  a.shape_ = std::move(shape);
  a.dtype_ = dtype;
  a.buffer_ = std::make_shared<Buffer>(a.bytes());
  a.data_ = a.buffer_->data;
  return a;
}

Array Array::zeros(Shape shape, DType dtype) {
  Array a = uninitialized(std::move(shape), dtype);
  std::memset(a.data_, 0, a.bytes());
  return a;
}

Array Array::full(Shape shape, double value, DType dtype) {
  Array a = uninitialized(std::move(shape), dtype);
  dispatch_any(dtype,
               [&]<class T>(T) { std::fill_n(static_cast<T*>(a.data_), a.size_, static_cast<T>(value)); });
  return a;
}

Array Array::scalar(double value, DType dtype) {
  return full({}, value, dtype);
}

Array Array::copy_of(const void* values, Index count, Shape shape, DType dtype) {
  require(size_of(shape) == count, "[Array] ", count, " values for the shape ", shape);
  Array a = uninitialized(std::move(shape), dtype);
  if (count > 0) std::memcpy(a.data_, values, a.bytes());
  return a;
}

Index Array::dim(int axis) const {
  const int n = ndim();
  require(axis >= -n && axis < n, "[dim] axis ", axis, " of an array of shape ", shape_);
  return shape_[static_cast<std::size_t>(axis < 0 ? axis + n : axis)];
}

void Array::check_type(DType asked) const {
  require(asked == dtype_, "[Array] elements are ", dtype_, ", asked for ", asked, "; convert with as()");
}

void* Array::mutable_raw() {
  require(!tracked(), "[Array] a tracked array must not be written; build a new one with ops");
  if (buffer_ && buffer_.use_count() > 1) {
    const void* old = data_;
    auto fresh = std::make_shared<Buffer>(bytes());
    std::memcpy(fresh->data, old, bytes());
    buffer_ = std::move(fresh);
    data_ = buffer_->data;
  }
  return data_;
}

double Array::item() const {
  require(size_ == 1, "[item] the array of shape ", shape_, " has ", size_, " elements, not one");
  require(!is_complex(dtype_), "[item] of a complex array");
  double value = 0;
  dispatch_real_or_integer(dtype_,
                           [&]<class T>(T) { value = static_cast<double>(*static_cast<const T*>(data_)); });
  return value;
}

template <class T>
std::vector<T> Array::to_vector() const {
  const Array a = as(dtype_of<T>::value);
  return std::vector<T>(a.data<T>(), a.data<T>() + a.size());
}
template std::vector<float> Array::to_vector() const;
template std::vector<double> Array::to_vector() const;
template std::vector<std::int32_t> Array::to_vector() const;
template std::vector<std::int64_t> Array::to_vector() const;
template std::vector<std::uint8_t> Array::to_vector() const;
template std::vector<std::complex<float>> Array::to_vector() const;
template std::vector<std::complex<double>> Array::to_vector() const;

Array Array::reshaped(Shape shape) const {
  Index known = 1;
  int open = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != -1) {
      known *= shape[i];
      continue;
    }
    require(open < 0, "[reshape] more than one -1 in ", shape);
    open = static_cast<int>(i);
  }
  if (open >= 0) {
    require(known > 0 && size_ % known == 0, "[reshape] ", shape_, " does not fit ", shape);
    shape[static_cast<std::size_t>(open)] = size_ / known;
  }
  require(size_of(shape) == size_, "[reshape] ", shape_, " has ", size_, " elements, ", shape, " has ",
          size_of(shape));
  Array a = *this;
  a.node_ = nullptr;
  a.shape_ = std::move(shape);
  return a;
}

Array Array::rows(Index begin, Index end) const {
  require(ndim() >= 1 && 0 <= begin && begin <= end && end <= shape_[0], "[rows] [", begin, ", ", end,
          ") of an array of shape ", shape_);
  Array a = *this;
  a.node_ = nullptr;
  const Index row = shape_[0] ? size_ / shape_[0] : 0;
  a.shape_[0] = end - begin;
  a.size_ = size_of(a.shape_);
  if (data_) a.data_ = static_cast<char*>(data_) + static_cast<std::size_t>(begin * row) * size_of(dtype_);
  return a;
}

Array Array::as(DType dtype) const {
  if (dtype == dtype_) {
    Array a = *this;
    a.node_ = nullptr;
    return a;
  }
  require(!is_complex(dtype_) || is_complex(dtype), "[as] ", dtype_, " to ", dtype,
          " would lose the imaginary part");
  Array out = uninitialized(shape_, dtype);
  dispatch_any(dtype_, [&]<class From>(From) {
    dispatch_any(dtype, [&]<class To>(To) {
      const From* x = static_cast<const From*>(data_);
      To* y = static_cast<To*>(out.data_);
      if constexpr (is_complex_v<From> && !is_complex_v<To>) {
        (void)x, (void)y;
      } else if constexpr (is_complex_v<From>) {
        for (Index i = 0; i < size_; ++i)
          y[i] = To(static_cast<typename To::value_type>(x[i].real()),
                    static_cast<typename To::value_type>(x[i].imag()));
      } else if constexpr (is_complex_v<To>) {
        for (Index i = 0; i < size_; ++i) y[i] = To(static_cast<typename To::value_type>(x[i]));
      } else {
        for (Index i = 0; i < size_; ++i) y[i] = static_cast<To>(x[i]);
      }
    });
  });
  return out;
}

Array Array::with_node(std::shared_ptr<Node> node) const {
  Array a = *this;
  a.node_ = std::move(node);
  return a;
}

bool all_finite(const Array& a) {
  bool finite = true;
  dispatch_any(a.dtype(), [&]<class T>(T) {
    if constexpr (is_complex_v<T>) {
      const T* x = a.data<T>();
      for (Index i = 0; i < a.size(); ++i) finite &= std::isfinite(x[i].real()) && std::isfinite(x[i].imag());
    } else if constexpr (std::is_floating_point_v<T>) {
      const T* x = a.data<T>();
      constexpr Index lanes = 32;
      T sum[lanes] = {};  // x - x is 0 for finite x and NaN otherwise: one vectorised pass
      Index i = 0;
      for (; i + lanes <= a.size(); i += lanes)
        for (Index j = 0; j < lanes; ++j) sum[j] += x[i + j] - x[i + j];
      for (; i < a.size(); ++i) sum[0] += x[i] - x[i];
      for (const T s : sum) finite &= s == T(0);
    }
  });
  return finite;
}

bool identical(const Array& a, const Array& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.size() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

}  // namespace cartan
