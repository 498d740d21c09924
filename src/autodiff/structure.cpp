// Ops that move elements.
#include <cstring>

#include "autodiff/broadcast.hpp"
#include "cartan/autodiff/ops.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace {

Index product(const Shape& shape, std::size_t begin, std::size_t end) {
  Index n = 1;
  for (std::size_t k = begin; k < end; ++k) n *= shape[k];
  return n;
}

class Reshape : public Primitive {
 public:
  explicit Reshape(Shape shape) : shape_(std::move(shape)) {}
  const char* name() const override { return "reshape"; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].reshaped(shape_)}; }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {reshape(c, in[0].shape())};
  }

 private:
  Shape shape_;
};

class Permute : public Primitive {
 public:
  explicit Permute(std::vector<int> axes) : axes_(std::move(axes)) {}
  const char* name() const override { return "permute"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array& a = in[0];
    const std::size_t n = axes_.size();
    Shape shape(n);
    std::vector<Index> stride(n), source(n, 1);
    for (std::size_t k = n; k-- > 1;) source[k - 1] = source[k] * a.shape()[k];
    for (std::size_t k = 0; k < n; ++k) {
      shape[k] = a.shape()[static_cast<std::size_t>(axes_[k])];
      stride[k] = source[static_cast<std::size_t>(axes_[k])];
    }
    Array out = Array::uninitialized(shape, a.dtype());
    if (out.empty()) return {out};
    const Index row = n ? shape[n - 1] : 1, step = n ? stride[n - 1] : 1;
    dispatch_any(a.dtype(), [&]<class T>(T) {
      const T* x = a.data<T>();
      T* y = out.mutable_data<T>();
      parallel_for(out.size() / row, std::max<Index>(1, elementwise_grain / row),
                   [&](Index begin, Index end) {
                     for (Index r = begin; r < end; ++r) {
                       Index rest = r, from = 0;
                       for (std::size_t k = n > 0 ? n - 1 : 0; k-- > 0;) {
                         from += rest % shape[k] * stride[k];
                         rest /= shape[k];
                       }
                       for (Index i = 0; i < row; ++i) y[r * row + i] = x[from + i * step];
                     }
                   });
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    std::vector<int> back(axes_.size());
    for (std::size_t k = 0; k < axes_.size(); ++k)
      back[static_cast<std::size_t>(axes_[k])] = static_cast<int>(k);
    return {permute(c, back)};
  }

 private:
  std::vector<int> axes_;
};

class Slice : public Primitive {
 public:
  Slice(std::size_t axis, Index begin, Index end) : axis_(axis), begin_(begin), end_(end) {}
  const char* name() const override { return "slice"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array& a = in[0];
    if (axis_ == 0) return {a.rows(begin_, end_)};
    Shape shape = a.shape();
    shape[axis_] = end_ - begin_;
    Array out = Array::uninitialized(shape, a.dtype());
    const Index outer = product(shape, 0, axis_), inner = product(shape, axis_ + 1, shape.size());
    const std::size_t unit = size_of(a.dtype()) * static_cast<std::size_t>(inner);
    const Index from = a.shape()[axis_], count = end_ - begin_;
    const char* x = static_cast<const char*>(a.raw());
    char* y = static_cast<char*>(out.mutable_raw());
    parallel_for(outer, std::max<Index>(1, elementwise_grain / std::max<Index>(1, count * inner)),
                 [&](Index b, Index e) {
                   for (Index o = b; o < e; ++o)
                     std::memcpy(y + static_cast<std::size_t>(o * count) * unit,
                                 x + static_cast<std::size_t>(o * from + begin_) * unit,
                                 static_cast<std::size_t>(count) * unit);
                 });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {pad(c, static_cast<int>(axis_), begin_, in[0].shape()[axis_] - end_)};
  }

 private:
  std::size_t axis_;
  Index begin_, end_;
};

class Concatenate : public Primitive {
 public:
  explicit Concatenate(std::size_t axis) : axis_(axis) {}
  const char* name() const override { return "concatenate"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape[axis_] = 0;
    for (const Array& a : in) shape[axis_] += a.shape()[axis_];
    Array out = Array::uninitialized(shape, in[0].dtype());
    const Index outer = product(shape, 0, axis_), inner = product(shape, axis_ + 1, shape.size());
    const std::size_t unit = size_of(out.dtype()) * static_cast<std::size_t>(inner);
    char* y = static_cast<char*>(out.mutable_raw());
    Index first = 0;
    for (const Array& a : in) {
      const Index count = a.shape()[axis_];
      const char* x = static_cast<const char*>(a.raw());
      const Index start = first;
      parallel_for(outer, std::max<Index>(1, elementwise_grain / std::max<Index>(1, count * inner)),
                   [&](Index b, Index e) {
                     for (Index o = b; o < e; ++o)
                       std::memcpy(y + static_cast<std::size_t>(o * shape[axis_] + start) * unit,
                                   x + static_cast<std::size_t>(o * count) * unit,
                                   static_cast<std::size_t>(count) * unit);
                   });
      first += count;
    }
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(in.size());
    Index first = 0;
    for (std::size_t k = 0; k < in.size(); ++k) {
      const Index count = in[k].shape()[axis_];
      if (wanted[k]) g[k] = slice(c, static_cast<int>(axis_), first, first + count);
      first += count;
    }
    return g;
  }

 private:
  std::size_t axis_;
};

class Gather : public Primitive {
 public:
  explicit Gather(Indices rows) : rows_(std::move(rows)) {}
  const char* name() const override { return "gather"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape[0] = rows_.size();
    Array out = Array::uninitialized(shape, in[0].dtype());
    const Index inner = product(shape, 1, shape.size());
    const std::size_t unit = size_of(out.dtype()) * static_cast<std::size_t>(inner);
    const char* x = static_cast<const char*>(in[0].raw());
    char* y = static_cast<char*>(out.mutable_raw());
    parallel_for(rows_.size(), std::max<Index>(1, elementwise_grain / std::max<Index>(1, inner)),
                 [&](Index b, Index e) {
                   for (Index k = b; k < e; ++k)
                     std::memcpy(y + static_cast<std::size_t>(k) * unit,
                                 x + static_cast<std::size_t>(rows_[k]) * unit, unit);
                 });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {scatter_add(c, rows_)};
  }

 private:
  Indices rows_;
};

class ScatterAdd : public Primitive {
 public:
  explicit ScatterAdd(Indices rows) : rows_(std::move(rows)) {}
  const char* name() const override { return "scatter_add"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Shape shape = in[0].shape();
    shape[0] = rows_.extent();
    Array out = Array::zeros(shape, in[0].dtype());
    const Index inner = product(shape, 1, shape.size());
    const auto& begin = rows_.inverse_begin();
    const auto& position = rows_.inverse();
    // Each output row sums its sources in ascending order: no atomics, the same bits for any threads.
    dispatch_real("scatter_add", out.dtype(), [&]<class T>(T) {
      const T* x = in[0].data<T>();
      T* y = out.mutable_data<T>();
      const Index per_row = std::max<Index>(1, inner * (rows_.size() / std::max<Index>(1, shape[0]) + 1));
      parallel_for(shape[0], std::max<Index>(1, elementwise_grain / per_row), [&](Index b, Index e) {
        std::vector<double> total(static_cast<std::size_t>(inner));
        for (Index r = b; r < e; ++r) {
          std::fill(total.begin(), total.end(), 0.0);
          for (Index k = begin[static_cast<std::size_t>(r)]; k < begin[static_cast<std::size_t>(r) + 1];
               ++k) {
            const T* from = x + position[static_cast<std::size_t>(k)] * inner;
            for (Index i = 0; i < inner; ++i)
              total[static_cast<std::size_t>(i)] += static_cast<double>(from[i]);
          }
          for (Index i = 0; i < inner; ++i)
            y[r * inner + i] = static_cast<T>(total[static_cast<std::size_t>(i)]);
        }
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {gather(c, rows_)};
  }

 private:
  Indices rows_;
};

class Cast : public Primitive {
 public:
  explicit Cast(DType dtype) : dtype_(dtype) {}
  const char* name() const override { return "cast"; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].as(dtype_)}; }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    const Array r = is_complex(dtype_) && !is_complex(in[0].dtype()) ? real(c) : c;
    return {cast(r, in[0].dtype())};
  }

 private:
  DType dtype_;
};

class Conjugate : public Primitive {
 public:
  const char* name() const override { return "conjugate"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
    dispatch_field("conjugate", out.dtype(), [&]<class T>(T) {
      if constexpr (is_complex_v<T>) {
        const T* x = in[0].data<T>();
        T* y = out.mutable_data<T>();
        for (Index i = 0; i < out.size(); ++i) y[i] = std::conj(x[i]);
      }
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {conjugate(c)};
  }
};

// The real (part 0) or imaginary (part 1) part.
class Part : public Primitive {
 public:
  explicit Part(int part) : part_(part) {}
  const char* name() const override { return part_ ? "imag" : "real"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype() == DType::c64 ? DType::f32 : DType::f64);
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      const std::complex<T>* x = in[0].data<std::complex<T>>();
      T* y = out.mutable_data<T>();
      for (Index i = 0; i < out.size(); ++i) y[i] = part_ ? x[i].imag() : x[i].real();
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    const Array zero = Array::zeros(c.shape(), c.dtype());
    return {part_ ? make_complex(zero, c) : make_complex(c, zero)};
  }

 private:
  int part_;
};

class MakeComplex : public Primitive {
 public:
  const char* name() const override { return "make_complex"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype() == DType::f32 ? DType::c64 : DType::c128);
    dispatch_real("make_complex", in[0].dtype(), [&]<class T>(T) {
      const T *re = in[0].data<T>(), *im = in[1].data<T>();
      std::complex<T>* y = out.mutable_data<std::complex<T>>();
      for (Index i = 0; i < out.size(); ++i) y[i] = {re[i], im[i]};
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {real(c), imag(c)};
  }
};

}  // namespace

Array reshape(const Array& a, const Shape& shape) {
  const Shape full = a.reshaped(shape).shape();  // checks, and resolves -1
  return full == a.shape() ? a : run(std::make_shared<Reshape>(full), {a});
}

Array permute(const Array& a, const std::vector<int>& axes) {
  std::vector<bool> seen(axes.size(), false);
  bool valid = axes.size() == a.shape().size();
  for (std::size_t k = 0; valid && k < axes.size(); ++k) {
    valid = axes[k] >= 0 && axes[k] < a.ndim() && !seen[static_cast<std::size_t>(axes[k])];
    if (valid) seen[static_cast<std::size_t>(axes[k])] = true;
  }
  require(valid, "[permute] the axes are no permutation of those of shape ", a.shape());
  return run(std::make_shared<Permute>(axes), {a});
}

Array transpose(const Array& a) {
  require(a.ndim() >= 2, "[transpose] of an array of shape ", a.shape());
  std::vector<int> axes(a.shape().size());
  for (std::size_t k = 0; k < axes.size(); ++k) axes[k] = static_cast<int>(k);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return permute(a, axes);
}

Array slice(const Array& a, int axis, Index begin, Index end) {
  const std::size_t k = axis_of("slice", a, axis);
  require(0 <= begin && begin <= end && end <= a.shape()[k], "[slice] [", begin, ", ", end, ") of axis ",
          axis, " of shape ", a.shape());
  if (begin == 0 && end == a.shape()[k]) return a;
  return run(std::make_shared<Slice>(k, begin, end), {a});
}

Array pad(const Array& a, int axis, Index before, Index after) {
  const std::size_t k = axis_of("pad", a, axis);
  require(before >= 0 && after >= 0, "[pad] by ", before, " and ", after);
  Shape lead = a.shape(), trail = a.shape();
  lead[k] = before;
  trail[k] = after;
  Arrays parts;
  if (before) parts.push_back(Array::zeros(lead, a.dtype()));
  parts.push_back(a);
  if (after) parts.push_back(Array::zeros(trail, a.dtype()));
  return concatenate(parts, axis);
}

Array concatenate(const Arrays& parts, int axis) {
  require(!parts.empty(), "[concatenate] of nothing");
  const std::size_t k = axis_of("concatenate", parts[0], axis);
  for (const Array& a : parts) {
    Shape shape = a.shape();
    if (shape.size() == parts[0].shape().size()) shape[k] = parts[0].shape()[k];
    require(shape == parts[0].shape() && a.dtype() == parts[0].dtype(), "[concatenate] ", a.shape(), " (",
            a.dtype(), ") and ", parts[0].shape(), " (", parts[0].dtype(), ") along axis ", axis);
  }
  return parts.size() == 1 ? parts[0] : run(std::make_shared<Concatenate>(k), parts);
}

Array gather(const Array& a, const Indices& rows) {
  require(a.ndim() >= 1 && a.dim(0) == rows.extent(), "[gather] rows of ", rows.extent(), " from shape ",
          a.shape());
  return run(std::make_shared<Gather>(rows), {a});
}

Array scatter_add(const Array& a, const Indices& rows) {
  require(a.ndim() >= 1 && a.dim(0) == rows.size(), "[scatter_add] ", rows.size(), " indices for shape ",
          a.shape());
  return run(std::make_shared<ScatterAdd>(rows), {a});
}

Array cast(const Array& a, DType dtype) {
  return a.dtype() == dtype ? a : run(std::make_shared<Cast>(dtype), {a});
}

Array conjugate(const Array& a) {
  return is_complex(a.dtype()) ? run(std::make_shared<Conjugate>(), {a}) : a;
}
Array real(const Array& a) {
  return is_complex(a.dtype()) ? run(std::make_shared<Part>(0), {a}) : a;
}
Array imag(const Array& a) {
  return is_complex(a.dtype()) ? run(std::make_shared<Part>(1), {a}) : Array::zeros(a.shape(), a.dtype());
}
Array make_complex(const Array& re, const Array& im) {
  require(re.shape() == im.shape() && re.dtype() == im.dtype(), "[make_complex] parts of shapes ", re.shape(),
          " and ", im.shape());
  return run(std::make_shared<MakeComplex>(), {re, im});
}

}  // namespace cartan
