#include "so3/harmonics/harmonics.hpp"

#include "cartan/core/parallel.hpp"
#include "so3/harmonics/cpu/kernel.hpp"

namespace cartan::so3 {
namespace {

template <class T>
PointLanes<T> dot(const Point<T>& a, const Point<T>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <class T>
Point<T> combine(const PointLanes<T>& a, const Point<T>& p, const PointLanes<T>& b, const Point<T>& q) {
  return {a * p.x + b * q.x, a * p.y + b * q.y, a * p.z + b * q.z};
}
// The part of p at right angles to the unit vector u.
template <class T>
Point<T> across(const Point<T>& u, const Point<T>& p) {
  return combine<T>(PointLanes<T>{} + 1, p, -dot<T>(u, p), u);
}
template <class T>
Point<T> times(const PointLanes<T>& f, const Point<T>& p) {
  return {f * p.x, f * p.y, f * p.z};
}

// Bytes of a result that no cache will hold until it is read.
constexpr Index beyond_caches = Index{1} << 23;

// The work on one block of points in full rows.
template <class T, int L>
class Worker {
 public:
  using V = PointLanes<T>;

  Worker(HarmonicsOf what, const HarmonicsTable<T>& table, bool normalize)
      : what_(what), normalize_(normalize), block_(table), outputs_(table.outputs()), harmonics_(outputs_) {}

  // meanwhile(): something to do now and then, lmax + 1 times
  template <class F>
  void operator()(const T* x, const T* w, const T* v, T* out, F&& meanwhile) {
    const Point<T> p = load_points(x);
    V inverse;
    const Point<T> u = normalize_ ? to_unit<T>(p, inverse) : p;
    V* h = harmonics_.data();
    if (what_ == HarmonicsOf::values)
      block_.values(u, h, meanwhile);
    else
      block_.set(u, meanwhile);
    switch (what_) {
      case HarmonicsOf::values:
        return block_to_rows<T>(h, outputs_, out);
      case HarmonicsOf::gradient: {
        rows_to_block<T>(w, outputs_, h);
        const Point<T> g = block_.gradient(h);
        return store_points<T>(normalize_ ? times<T>(inverse, across<T>(u, g)) : g, out);
      }
      case HarmonicsOf::directional: {
        const Point<T> d = load_points(v);
        block_.directional(normalize_ ? times<T>(inverse, across<T>(u, d)) : d, h);
        return block_to_rows<T>(h, outputs_, out);
      }
      case HarmonicsOf::hessian: {
        rows_to_block<T>(w, outputs_, h);
        const Point<T> d = load_points(v);
        const Point<T> e = normalize_ ? times<T>(inverse, across<T>(u, d)) : d;  // du along v
        Point<T> g, k;
        block_.hessian(h, e, g, k);
        // (1/r) P g with P = 1 - u u^T, along v: d(1/r) = -(u.v)/r^2, dP = -(e u^T + u e^T)
        if (normalize_) {
          const V radial = -inverse * dot<T>(u, d);
          k = combine<T>(V{} + 1, across<T>(u, k), radial, across<T>(u, g));
          k = times<T>(inverse,
                       combine<T>(V{} + 1, combine<T>(V{} + 1, k, -dot<T>(u, g), e), -dot<T>(e, g), u));
        }
        return store_points<T>(k, out);
      }
    }
  }

 private:
  HarmonicsOf what_;
  bool normalize_;
  HarmonicsBlock<T, L> block_;
  Index outputs_;
  std::vector<V> harmonics_;
};

// A full block of rows: those of an array, or a copy of its last ones filled up with zeros.
template <class T>
class InRows {
 public:
  InRows(const T* rows, Index width) : rows_(rows), width_(width) {}
  const T* operator()(Index first, Index count) {
    if (!rows_) return nullptr;
    const T* block = rows_ + first * width_;
    if (count < lane_count<T>) {
      last_.assign(static_cast<std::size_t>(width_ * lane_count<T>), T(0));
      std::copy_n(block, count * width_, last_.begin());
      return last_.data();
    }
    ahead_ = block + width_ * lane_count<T>;
    return block;
  }
  // Asks for some lines of the next block: a transpose touches many rows in turn, which the processor does
  // not foresee.
  void some(Index lines) {
    if (!ahead_) return;
    for (; lines > 0; --lines, ahead_ += lane_count<T>) __builtin_prefetch(ahead_);
  }

 private:
  const T* rows_;
  Index width_;
  const T* ahead_ = nullptr;
  std::vector<T> last_;
};

// Rows on their way to memory. They are put together in the first-level cache and moved in whole lines, one
// block behind: a transpose writes parts of many lines, which is slow where the lines are far away. Arrays
// larger than the caches are written past them, a few lines at a time while the next block is computed, since
// a processor waits when it has many such lines to write.
template <class T>
class OutRows {
 public:
  using V = PointLanes<T>;

  // Rows from `first` on, in turn.
  OutRows(T* rows, Index width, Index first, bool past_caches)
      : width_(width), buffer_(static_cast<std::size_t>(2 * (width + 1))), past_caches_(past_caches) {
    T* begin = rows + first * width;
    skip_ = carry_ = static_cast<Index>(reinterpret_cast<std::uintptr_t>(begin) % sizeof(V) / sizeof(T));
    target_ = begin - carry_;
  }
  // Where to put the rows of the next block: after those that do not fill a line yet.
  T* next() { return half(half_) + carry_; }
  // Moves some lines of the block before.
  void some(Index lines) {
    if (past_caches_) move(std::min(lines_, lines));
  }
  // To be called when `count` rows are there: moves what is left of the block before.
  void done(Index count) {
    move(lines_);
    source_ = half(half_);
    half_ = 1 - half_;
    carry_ += count * width_;
    lines_ = carry_ / lane_count<T>;
    carry_ %= lane_count<T>;
    std::copy_n(source_ + lines_ * lane_count<T>, carry_, half(half_));
  }
  void finish() {
    move(lines_);
    if (carry_ > skip_) std::copy(half(half_) + skip_, half(half_) + carry_, target_ + skip_);
#ifdef __AVX__
    if (past_caches_) _mm_sfence();
#endif
  }

 private:
  T* half(int which) {
    return reinterpret_cast<T*>(buffer_.data() + which * (width_ + 1));
  }
  void move(Index lines) {
    if (lines == 0) return;
    lines_ -= lines;
    const T* from = source_;
    T* to = target_;
    source_ += lines * lane_count<T>;
    target_ += lines * lane_count<T>;
    if (skip_ > 0) {  // the first line belongs in part to the rows before
      std::copy(from + skip_, from + lane_count<T>, to + skip_);
      skip_ = 0;
      from += lane_count<T>, to += lane_count<T>;
    }
#ifdef __AVX__
    if (past_caches_) {
      for (; to != target_; from += lane_count<T>, to += lane_count<T>) {
#ifdef __AVX512F__
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to), load<__m512i>(from));
#else
        _mm256_stream_si256(reinterpret_cast<__m256i*>(to), load<__m256i>(from));
#endif
      }
      return;
    }
#endif
    for (; to != target_; from += lane_count<T>, to += lane_count<T>) store(to, load<V>(from));
  }

  Index width_;
  std::vector<V> buffer_;  // two blocks, each with a line for what was left over
  bool past_caches_;
  int half_ = 0;
  Index carry_ = 0, skip_ = 0, lines_ = 0;
  const T* source_ = nullptr;  // the lines to move, and where they go
  T* target_ = nullptr;
};

template <class T, int L>
void run(HarmonicsOf what, int lmax, HarmonicsOptions options, Index n, const T* x, const T* w, const T* v,
         T* out) {
  const auto& table = harmonics_table<T>(lmax, options.normalization);
  const Index k = table.outputs();
  const Index width = what == HarmonicsOf::values || what == HarmonicsOf::directional ? k : 3;
  const bool past_caches = n * width * static_cast<Index>(sizeof(T)) > beyond_caches;
  parallel_for(n, 64 * lane_count<T>, [&](Index begin, Index end) {
    Worker<T, L> work(what, table, options.normalize);
    InRows<T> xs(x, 3), vs(v, 3), ws(w, k);
    OutRows<T> outs(out, width, begin, past_caches);
    for (Index p = begin; p < end; p += lane_count<T>) {
      const Index count = std::min<Index>(lane_count<T>, end - p);
      work(
          xs(p, count), ws(p, count), vs(p, count), outs.next(), [&]() __attribute__((always_inline)) {
            ws.some(lmax + 1);
            outs.some(lmax + 1);
          });
      outs.done(count);
    }
    outs.finish();
  });
}

}  // namespace

template <class T>
void evaluate_harmonics(HarmonicsOf what, int lmax, HarmonicsOptions options, Index n, const T* x, const T* w,
                        const T* v, T* out) {
  const auto with = [&]<int L>() { run<T, L>(what, lmax, options, n, x, w, v, out); };
  const bool second = what == HarmonicsOf::hessian || what == HarmonicsOf::directional;
  switch (second && lmax > 4 ? -1 : lmax) {  // too many registers when unrolled
    case 1:
      return with.template operator()<1>();
    case 2:
      return with.template operator()<2>();
    case 3:
      return with.template operator()<3>();
    case 4:
      return with.template operator()<4>();
    case 5:
      return with.template operator()<5>();
    case 6:
      return with.template operator()<6>();
    default:
      return with.template operator()<-1>();
  }
}

template void evaluate_harmonics(HarmonicsOf, int, HarmonicsOptions, Index, const float*, const float*,
                                 const float*, float*);
template void evaluate_harmonics(HarmonicsOf, int, HarmonicsOptions, Index, const double*, const double*,
                                 const double*, double*);

}  // namespace cartan::so3
