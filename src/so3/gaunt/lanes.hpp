#pragma once
// Blocks of lanes. A lane is one (sample, channel); the kernels on the sphere work on all coefficients of a
// block of lanes at a time, laid out [row][lane] in scratch memory, so that one code serves many channels as
// well as many samples of one channel. A block is as wide as two vector registers.

#include <algorithm>
#include <utility>

#include "cartan/core/array.hpp"
#include "core/simd.hpp"
#include "core/workspace.hpp"

namespace cartan::so3 {

template <class T>
inline constexpr Index vector_width = register_lanes<T>;
template <class T>
inline constexpr Index lane_width = 2 * vector_width<T>;

namespace detail {

// In-place transposition of a square of vectors: stage `step` exchanges off-diagonal squares of that size.
template <int step, class V, int... k>
inline void transpose_stage(V* v, std::integer_sequence<int, k...> lanes) {
  constexpr int n = sizeof...(k);
  for (int i = 0; i < n; ++i)
    if (!(i & step)) {
      const V a = v[i], b = v[i + step];
      v[i] = shuffle<(k & step ? n + k - step : k)...>(a, b);
      v[i + step] = shuffle<(k & step ? n + k : k + step)...>(a, b);
    }
  if constexpr (step > 1) transpose_stage<step / 2>(v, lanes);
}
template <class T>
inline void transpose(Register<T>* v) {
  constexpr int n = static_cast<int>(vector_width<T>);
  transpose_stage<n / 2>(v, std::make_integer_sequence<int, n>());
}

}  // namespace detail

// Features x (samples, rows, channels) as lanes (sample, channel).
template <class T>
class LaneView {
 public:
  LaneView() = default;
  LaneView(T* data, Index samples, Index rows, Index channels)
      : data_(data), samples_(samples), rows_(rows), channels_(channels) {}
  Index lanes() const { return samples_ * channels_; }

  // out[r][lane] for all rows of the block of lanes that begins at `first`; lanes past the end are zero.
  void load_block(Index first, std::remove_const_t<T>* out) const {
    using U = std::remove_const_t<T>;
    constexpr Index w = lane_width<U>;
    const Index count = std::min(w, lanes() - first);
    if (count < w) std::fill(out, out + rows_ * w, U(0));
    if (channels_ == 1) return load_samples(first, count, out);
    segments(first, count, [&](Index lane, Index run, T* x) {
      if (run == w)
        for (Index r = 0; r < rows_; ++r) std::memcpy(out + r * w, x + r * channels_, w * sizeof(U));
      else
        for (Index r = 0; r < rows_; ++r)
          for (Index c = 0; c < run; ++c) out[r * w + lane + c] = x[r * channels_ + c];
    });
  }

  // Asks for the block that begins at `first` ahead of time: its rows lie too far apart for the hardware to
  // guess.
  void prefetch_block(Index first) const {
    constexpr Index w = lane_width<std::remove_const_t<T>>;
    if (channels_ < w || first >= lanes()) return;
    const char* x =
        reinterpret_cast<const char*>(data_ + first / channels_ * rows_ * channels_ + first % channels_);
    constexpr Index size = sizeof(T), line = 64;
    for (Index r = 0; r < rows_; ++r)
      for (Index byte = 0; byte < w * size; byte += line)
        __builtin_prefetch(x + r * channels_ * size + byte, std::is_const_v<T> ? 0 : 1);
  }

  void store_block(Index first, const T* in) const {
    constexpr Index w = lane_width<T>;
    const Index count = std::min(w, lanes() - first);
    if (channels_ == 1) return store_samples(first, count, in);
    segments(first, count, [&](Index lane, Index run, T* x) {
      if (run == w)
        for (Index r = 0; r < rows_; ++r) std::memcpy(x + r * channels_, in + r * w, w * sizeof(T));
      else
        for (Index r = 0; r < rows_; ++r)
          for (Index c = 0; c < run; ++c) x[r * channels_ + c] = in[r * w + lane + c];
    });
  }

 private:
  // body(lane of the block, lanes, address of row 0) for every run of lanes of one sample
  template <class Body>
  void segments(Index first, Index count, Body&& body) const {
    for (Index lane = 0; lane < count;) {
      const Index s = (first + lane) / channels_, c = (first + lane) % channels_;
      const Index run = std::min(count - lane, channels_ - c);
      body(lane, run, data_ + s * rows_ * channels_ + c);
      lane += run;
    }
  }

  // One channel: squares of samples x rows are transposed in registers. A square may reach over the end of
  // the rows into the next sample; at the end of the array, where it must not, numbers are moved one by one.
  void load_samples(Index first, Index count, std::remove_const_t<T>* out) const {
    using U = std::remove_const_t<T>;
    using V = Register<U>;
    constexpr Index n = vector_width<U>, w = lane_width<U>;
    const T* x = data_ + first * rows_;
    const T* end = data_ + samples_ * rows_;
    for (Index lane = 0; lane < count; lane += n)
      for (Index r = 0; r < rows_; r += n) {
        const T* p = x + lane * rows_ + r;
        const Index rows = std::min(n, rows_ - r), samples = std::min(n, count - lane);
        if (samples == n && p + (n - 1) * rows_ + n <= end) {
          V v[n];
          for (Index i = 0; i < n; ++i) v[i] = load<V>(p + i * rows_);
          detail::transpose<U>(v);
          for (Index i = 0; i < rows; ++i) store(out + (r + i) * w + lane, v[i]);
        } else {
          for (Index i = 0; i < rows; ++i)
            for (Index s = 0; s < samples; ++s) out[(r + i) * w + lane + s] = p[s * rows_ + i];
        }
      }
  }
  // Full squares first; then the incomplete ones in the order of samples.
  void store_samples(Index first, Index count, const T* in) const {
    using V = Register<T>;
    constexpr Index n = vector_width<T>, w = lane_width<T>;
    T* x = data_ + first * rows_;
    for (Index lane = 0; lane < count; lane += n)
      for (Index r = 0; r < rows_; r += n) {
        T* p = x + lane * rows_ + r;
        const Index rows = std::min(n, rows_ - r), samples = std::min(n, count - lane);
        if (samples == n) {
          V v[n];
          for (Index i = 0; i < rows; ++i) v[i] = load<V>(in + (r + i) * w + lane);
          for (Index i = rows; i < n; ++i) v[i] = V{};
          detail::transpose<T>(v);
          if (rows == n)
            for (Index i = 0; i < n; ++i) store(p + i * rows_, v[i]);
          else
            for (Index i = 0; i < n; ++i) std::memcpy(p + i * rows_, &v[i], rows * sizeof(T));
        } else {
          for (Index s = 0; s < samples; ++s)
            for (Index i = 0; i < rows; ++i) p[s * rows_ + i] = in[(r + i) * w + lane + s];
        }
      }
  }

  T* data_ = nullptr;
  Index samples_ = 0, rows_ = 0, channels_ = 1;
};

// Rows of a block by degree l <= lmax: weight [l][lane], x and out [l^2 + l + m][lane]. body(weight, place)
// for every vector of a row.
template <class T, class Body>
inline void for_degrees(Index lmax, const T* weight, Body&& body) {
  using V = Register<T>;
  constexpr Index w = lane_width<T>, n = vector_width<T>;
  for (Index l = 0; l <= lmax; ++l)
    for (Index v = 0; v < w; v += n) {
      const V factor = load<V>(weight + l * w + v);
      for (Index r = l * l; r < (l + 1) * (l + 1); ++r) body(factor, r * w + v);
    }
}
template <class T>
inline void multiply_degrees(Index lmax, const T* weight, const T* x, T* out) {
  using V = Register<T>;
  for_degrees(lmax, weight, [&](const V& f, Index k) { store(out + k, V(f * load<V>(x + k))); });
}
// out += factor (weight o x); weight may be nullptr
template <class T>
inline void add_degrees(Index lmax, T factor, const T* weight, const T* x, T* out) {
  using V = Register<T>;
  if (weight == nullptr) {
    for (Index k = 0; k < (lmax + 1) * (lmax + 1) * lane_width<T>; k += vector_width<T>)
      store(out + k, V(load<V>(out + k) + factor * load<V>(x + k)));
    return;
  }
  for_degrees(lmax, weight, [&](const V& f, Index k) {
    store(out + k, V(load<V>(out + k) + factor * f * load<V>(x + k)));
  });
}
// out[l] += factor sum over m of x y
template <class T>
inline void dot_degrees(Index lmax, T factor, const T* x, const T* y, T* out) {
  using V = Register<T>;
  constexpr Index w = lane_width<T>, n = vector_width<T>;
  for (Index l = 0; l <= lmax; ++l)
    for (Index v = 0; v < w; v += n) {
      V sum = load<V>(out + l * w + v);
      for (Index r = l * l; r < (l + 1) * (l + 1); ++r)
        sum += factor * load<V>(x + r * w + v) * load<V>(y + r * w + v);
      store(out + l * w + v, sum);
    }
}

// acc[r][v] += sum over k < n of a[r * lda + k] (vector v of row k of b), M rows and the vectors of one row
// of b: b[v] points at vector v of row 0.
template <class T, int M, int N>
inline void multiply_tile(const T* a, Index lda, Index n, const T* const (&b)[N], Index ldb,
                          Register<T> (&acc)[M][N]) {
  using V = Register<T>;
  for (Index k = 0; k < n; ++k) {
    V row[N];
    for (int v = 0; v < N; ++v) row[v] = load<V>(b[v] + k * ldb);
    for (int r = 0; r < M; ++r) {
      const T factor = a[r * lda + k];
      for (int v = 0; v < N; ++v) acc[r][v] += row[v] * factor;
    }
  }
}

}  // namespace cartan::so3
