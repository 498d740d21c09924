// Sums and their adjoint, broadcasting.
#include "autodiff/broadcast.hpp"
#include "cartan/autodiff/ops.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace {

template <class T>
struct accumulator {
  using type = double;
};
template <class T>
struct accumulator<std::complex<T>> {
  using type = std::complex<double>;
};

// (outer, n, inner) -> (outer, inner)
template <class T>
void sum_middle(const T* x, T* y, Index outer, Index n, Index inner) {
  using Sum = typename accumulator<T>::type;
  if (inner == 1) {
    const Index grain = std::max<Index>(1, elementwise_grain / std::max<Index>(n, 1));
    parallel_for(outer, grain, [&](Index begin, Index end) {
      for (Index o = begin; o < end; ++o) {
        if constexpr (std::is_floating_point_v<T>) {
          y[o] = static_cast<T>(deterministic_sum(x + o * n, n));
        } else {
          Sum total{};
          for (Index k = 0; k < n; ++k) total += Sum(x[o * n + k]);
          y[o] = T(total);
        }
      }
    });
    return;
  }
  constexpr Index width = 64;
  const Index strips = (inner + width - 1) / width;
  const Index grain = std::max<Index>(1, elementwise_grain / std::max<Index>(n * width, 1));
  parallel_for(outer * strips, grain, [&](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Index o = s / strips, first = s % strips * width, count = std::min(width, inner - first);
      const T* p = x + o * n * inner + first;
      Sum total[width] = {};
      if (count == width) {
        for (Index k = 0; k < n; ++k, p += inner)
          for (Index l = 0; l < width; ++l) total[l] += Sum(p[l]);
      } else {
        for (Index k = 0; k < n; ++k, p += inner)
          for (Index l = 0; l < count; ++l) total[l] += Sum(p[l]);
      }
      for (Index l = 0; l < count; ++l) y[o * inner + first + l] = T(total[l]);
    }
  });
}

struct Split {
  Index outer = 1, n = 1, inner = 1;
};
Split split_at(const Shape& shape, std::size_t first, std::size_t last) {
  Split s;
  for (std::size_t k = 0; k < shape.size(); ++k)
    (k < first ? s.outer : k <= last ? s.n : s.inner) *= shape[k];
  return s;
}

// Sums the axes first..last; the result has `shape`.
class Sum : public Primitive {
 public:
  Sum(std::size_t first, std::size_t last, Shape shape)
      : first_(first), last_(last), shape_(std::move(shape)) {}
  const char* name() const override { return "sum"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(shape_, in[0].dtype());
    const Split s = split_at(in[0].shape(), first_, last_);
    dispatch_field("sum", out.dtype(), [&]<class T>(T) {
      sum_middle(in[0].data<T>(), out.mutable_data<T>(), s.outer, s.n, s.inner);
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    Shape kept = in[0].shape();
    for (std::size_t k = first_; k <= last_ && k < kept.size(); ++k) kept[k] = 1;
    return {broadcast_to(reshape(c, kept), in[0].shape())};
  }

 private:
  std::size_t first_, last_;
  Shape shape_;
};

class BroadcastTo : public Primitive {
 public:
  explicit BroadcastTo(Shape shape) : shape_(std::move(shape)) {}
  const char* name() const override { return "broadcast_to"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(shape_, in[0].dtype());
    const BroadcastWalk walk(shape_, in[0].shape(), in[0].shape());
    dispatch_any(out.dtype(), [&]<class T>(T) {
      const T* x = in[0].data<T>();
      T* y = out.mutable_data<T>();
      parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
        walk.pieces(begin, end, [&](Index o, Index i, Index, Index n) {
          if (walk.stride_a.back())
            std::copy_n(x + i, n, y + o);
          else
            std::fill_n(y + o, n, x[i]);
        });
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {sum_to(c, in[0].shape())};
  }

 private:
  Shape shape_;
};

}  // namespace

Array sum(const Array& a) {
  return run(std::make_shared<Sum>(0, a.shape().empty() ? 0 : a.shape().size() - 1, Shape{}), {a});
}

Array sum(const Array& a, int axis, bool keep_axis) {
  const std::size_t k = axis_of("sum", a, axis);
  Shape shape = a.shape();
  if (keep_axis)
    shape[k] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(k));
  return run(std::make_shared<Sum>(k, k, std::move(shape)), {a});
}

Array mean(const Array& a) {
  return scale(sum(a), 1.0 / static_cast<double>(a.size()));
}
Array mean(const Array& a, int axis, bool keep_axis) {
  return scale(sum(a, axis, keep_axis), 1.0 / static_cast<double>(a.dim(axis)));
}

Array broadcast_to(const Array& a, const Shape& shape) {
  if (a.shape() == shape) return a;
  require(broadcast_shape("broadcast_to", a.shape(), shape) == shape, "[broadcast_to] shape ", a.shape(),
          " to ", shape);
  return run(std::make_shared<BroadcastTo>(shape), {a});
}

Array sum_to(const Array& a, const Shape& shape) {
  if (a.shape() == shape) return a;
  require(broadcast_shape("sum_to", shape, a.shape()) == a.shape(), "[sum_to] shape ", a.shape(), " to ",
          shape);
  // Sum runs of broadcast axes, last first; then drop what the target does not have.
  Array out = a;
  const std::size_t missing = a.shape().size() - shape.size();
  auto summed = [&](std::size_t k) { return k < missing || (shape[k - missing] == 1 && a.shape()[k] != 1); };
  for (std::size_t k = a.shape().size(); k-- > 0;) {
    if (!summed(k)) continue;
    std::size_t first = k;
    while (first > 0 && summed(first - 1)) --first;
    Shape kept = out.shape();
    for (std::size_t i = first; i <= k; ++i) kept[i] = 1;
    out = run(std::make_shared<Sum>(first, k, std::move(kept)), {out});
    k = first;
  }
  return out.shape() == shape ? out : reshape(out, shape);
}

}  // namespace cartan
