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

Array Array::uninitialized(Shape shape, DType dtype, Device device) {
  Array a;
  a.size_ = size_of(shape);
  a.shape_ = std::move(shape);
  a.dtype_ = dtype;
  a.device_ = device;
  a.buffer_ = std::make_shared<Buffer>(a.bytes(), device);
  a.data_ = a.buffer_->data;
  return a;
}

Array Array::zeros(Shape shape, DType dtype, Device device) {
  Array a = uninitialized(std::move(shape), dtype, device);
  clear_memory(a.data_, a.bytes(), device);
  return a;
}

Array Array::full(Shape shape, double value, DType dtype, Device device) {
  Array a = uninitialized(std::move(shape), dtype, device);
  dispatch_any(dtype, [&]<class T>(T) {
    const T v = static_cast<T>(value);
    if (device == Device::cpu)
      std::fill_n(static_cast<T*>(a.data_), a.size_, v);
    else
      fill_memory(a.data_, &v, sizeof v, static_cast<std::size_t>(a.size_), device);
  });
  return a;
}

Array Array::scalar(double value, DType dtype, Device device) {
  return full({}, value, dtype, device);
}

Array Array::of(std::initializer_list<double> values) {
  return from(std::vector<double>(values));
}

Array Array::of(std::initializer_list<std::initializer_list<double>> rows) {
  std::vector<double> values;
  const std::size_t columns = rows.size() ? rows.begin()->size() : 0;
  for (const auto& row : rows) {
    require(row.size() == columns, "[Array] rows of ", columns, " and ", row.size(), " numbers");
    values.insert(values.end(), row.begin(), row.end());
  }
  return from(values, {static_cast<Index>(rows.size()), static_cast<Index>(columns)});
}

Array Array::copy_of(const void* values, Index count, Shape shape, DType dtype) {
  require(size_of(shape) == count, "[Array] ", count, " values for the shape ", shape);
  Array a = uninitialized(std::move(shape), dtype);
  if (count > 0) std::memcpy(a.data_, values, a.bytes());
  return a;
}

Array Array::to(Device device) const {
  Array out = *this;
  out.node_ = nullptr;
  out.output_ = 0;
  if (device == device_) return out;
  if (!data_) {
    out.device_ = device;
    return out;
  }
  out = uninitialized(shape_, dtype_, device);
  copy_memory(out.data_, device, data_, device_, bytes());
  return out;
}

Index Array::dim(int axis) const {
  const int n = ndim();
  require(axis >= -n && axis < n, "[dim] axis ", axis, " of an array of shape ", shape_);
  return shape_[static_cast<std::size_t>(axis < 0 ? axis + n : axis)];
}

void Array::check_type(DType asked) const {
  require(asked == dtype_, "[Array] elements are ", dtype_, ", asked for ", asked, "; convert with as()");
}

const void* Array::raw() const {
  require(device_ == Device::cpu, "[Array] the elements lie on ", device_,
          "; bring them to the host with to(Device::cpu)");
  return data_;
}

void* Array::mutable_raw() {
  require(device_ == Device::cpu, "[Array] the elements lie on ", device_,
          "; bring them to the host with to(Device::cpu)");
  return mutable_address();
}

void* Array::mutable_address() {
  require(!tracked(), "[Array] a tracked array must not be written; build a new one with ops");
  if (buffer_ && buffer_.use_count() > 1) {
    const void* old = data_;
    auto fresh = std::make_shared<Buffer>(bytes(), device_);
    copy_memory(fresh->data, device_, old, device_, bytes());
    buffer_ = std::move(fresh);
    data_ = buffer_->data;
  }
  return data_;
}

double Array::item() const {
  require(size_ == 1, "[item] the array of shape ", shape_, " has ", size_, " elements, not one");
  require(!is_complex(dtype_), "[item] of a complex array");
  const Array host = to(Device::cpu);
  double value = 0;
  dispatch_real_or_integer(dtype_, [&]<class T>(T) { value = static_cast<double>(*host.data<T>()); });
  return value;
}

double Array::element(const std::vector<Index>& indices) const {
  require(static_cast<int>(indices.size()) == ndim(), "[Array] ", indices.size(),
          " indices for an array of shape ", shape_);
  require(!is_complex(dtype_),
          "[Array] an element of a complex array is no real number; see real() and imag()");
  Index k = 0;
  for (std::size_t axis = 0; axis < indices.size(); ++axis) {
    const Index n = shape_[axis], i = indices[axis] < 0 ? indices[axis] + n : indices[axis];
    require(0 <= i && i < n, "[Array] index ", indices[axis], " on axis ", axis, " of an array of shape ",
            shape_);
    k = k * n + i;
  }
  Array one = reshaped({size_}).rows(k, k + 1);
  return one.item();
}

template <class T>
std::vector<T> Array::to_vector() const {
  const Array a = to(Device::cpu).as(dtype_of<T>::value);
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
  a.output_ = 0;
  a.shape_ = std::move(shape);
  return a;
}

Array Array::rows(Index begin, Index end) const {
  require(ndim() >= 1 && 0 <= begin && begin <= end && end <= shape_[0], "[rows] [", begin, ", ", end,
          ") of an array of shape ", shape_);
  Array a = *this;
  a.node_ = nullptr;
  a.output_ = 0;
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
    a.output_ = 0;
    return a;
  }
  require(!is_complex(dtype_) || is_complex(dtype), "[as] ", dtype_, " to ", dtype,
          " would lose the imaginary part");
  raw();  // on the host?
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

Array Array::with_node(std::shared_ptr<Node> node, int output) const {
  Array a = *this;
  a.node_ = std::move(node);
  a.output_ = output;
  return a;
}

bool all_finite(const Array& array) {
  const Array a = array.to(Device::cpu);
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
         (a.size() == 0 || std::memcmp(a.to(Device::cpu).raw(), b.to(Device::cpu).raw(), a.bytes()) == 0);
}

}  // namespace cartan
