// The form sum over e, r, h, c of g[receiver(e), r, h, c] share[e, h] y[e, r, h, c].
#include "potentials/networks/head_sum.hpp"

#include <algorithm>

#include "autodiff/multilinear.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"
#include "core/workspace.hpp"

namespace cartan::potentials {
namespace {

// Of values (n, rows, heads, channels).
struct HeadShape {
  Index rows, heads, channels;
  Index width() const { return rows * heads * channels; }
  Index grain() const { return std::max<Index>(1, 16384 / std::max<Index>(width(), 1)); }
};

class HeadSum : public Multilinear {
 public:
  enum Slot : int { G, Y, A };
  HeadSum(HeadShape shape, Indices receivers, int slot)
      : Multilinear(3, slot), shape_(shape), receivers_(std::move(receivers)) {}
  const char* name() const override { return "head_sum"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index edges = receivers_.size();
    const Shape of[] = {
        {receivers_.extent(), shape_.width()}, {edges, shape_.width()}, {edges, shape_.heads}};
    Array out = Array::uninitialized(of[slot()], in[0].dtype());
    if (out.empty()) return {out};
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      const T *a = in[0].data<T>(), *b = in[1].data<T>();
      T* to = out.mutable_data<T>();
      if (slot() == G) return sum(a, b, to);
      parallel_for(edges, shape_.grain(), [&](Index begin, Index end) {
        for (Index e = begin; e < end; ++e) {
          const T* g = a + receivers_[e] * shape_.width();
          if (slot() == Y)
            scale(g, b + e * shape_.heads, to + e * shape_.width());
          else
            dot(g, b + e * shape_.width(), to + e * shape_.heads);
        }
      });
    });
    return {out};
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    return run(std::make_shared<HeadSum>(shape_, receivers_, k), without(full, k));
  }

 private:
  template <class T>
  void sum(const T* y, const T* share, T* out) const {
    const auto& begin = receivers_.inverse_begin();
    const auto& edge = receivers_.inverse();
    const Index n = shape_.width(), heads = shape_.heads, channels = shape_.channels;
    parallel_for(receivers_.extent(), 1, [&](Index first, Index last) {
      Scratch<double> total(n);
      for (Index t = first; t < last; ++t) {
        std::fill_n(total.data(), n, 0.0);
        for (Index k = begin[t]; k < begin[t + 1]; ++k) {
          const T *from = y + edge[k] * n, *s = share + edge[k] * heads;
          double* to = total.data();
          for (Index r = 0; r < shape_.rows; ++r)
            for (Index h = 0; h < heads; ++h, to += channels, from += channels)
              for (Index c = 0; c < channels; ++c)
                to[c] += static_cast<double>(s[h]) * static_cast<double>(from[c]);
        }
        for (Index i = 0; i < n; ++i) out[t * n + i] = static_cast<T>(total.data()[i]);
      }
    });
  }
  template <class T>
  void scale(const T* g, const T* s, T* out) const {
    for (Index r = 0; r < shape_.rows; ++r)
      for (Index h = 0; h < shape_.heads; ++h)
        for (Index c = 0; c < shape_.channels; ++c) *out++ = s[h] * *g++;
  }
  template <class T>
  void dot(const T* g, const T* y, T* out) const {
    const Index channels = shape_.channels, row = shape_.heads * channels;
    for (Index h = 0; h < shape_.heads; ++h) {
      double total = 0;
      for (Index r = 0; r < shape_.rows; ++r) {
        const Index at = r * row + h * channels;
        for_strips<T>(channels, [&]<class V>(V, Index c) {
          const V p = load<V>(g + at + c) * load<V>(y + at + c);
          if constexpr (sizeof(V) == sizeof(T))
            total += static_cast<double>(p);
          else
            total += static_cast<double>(horizontal_sum<T>(p));
        });
      }
      out[h] = static_cast<T>(total);
    }
  }

  HeadShape shape_;
  Indices receivers_;
};

}  // namespace

Array head_sum(const Array& y, const Array& share, const Indices& receivers) {
  const Index edges = receivers.size();
  require(y.ndim() == 4 && y.dim(0) == edges && is_real(y.dtype()), "[head_sum] values ", y.dtype(),
          " of shape ", y.shape(), ": they must be real, (", edges, ", rows, heads, channels)");
  require(share.shape() == Shape({edges, y.dim(2)}) && share.dtype() == y.dtype(), "[head_sum] shares ",
          share.dtype(), " of shape ", share.shape(), ": they must be ", y.dtype(), ", (", edges, ", ",
          y.dim(2), ")");
  const HeadShape shape{y.dim(1), y.dim(2), y.dim(3)};
  return run(std::make_shared<HeadSum>(shape, receivers, HeadSum::G),
             {reshape(y, {edges, shape.width()}), share});
}

}  // namespace cartan::potentials
