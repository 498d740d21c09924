#include "so3/harmonics.hpp"

#include "cartan/core/parallel.hpp"
#include "so3/harmonics_kernel.hpp"

namespace cartan::so3 {
namespace {

template <class T>
Lanes<T> dot(const Point<T>& a, const Point<T>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <class T>
Point<T> combine(const Lanes<T>& a, const Point<T>& p, const Lanes<T>& b, const Point<T>& q) {
  return {a * p.x + b * q.x, a * p.y + b * q.y, a * p.z + b * q.z};
}
// The part of p at right angles to the unit vector u.
template <class T>
Point<T> across(const Point<T>& u, const Point<T>& p) {
  return combine<T>(Lanes<T>{} + 1, p, -dot<T>(u, p), u);
}
template <class T>
Point<T> times(const Lanes<T>& f, const Point<T>& p) {
  return {f * p.x, f * p.y, f * p.z};
}

// The work on one block of points in full rows.
template <class T, int L>
class Worker {
 public:
  using V = Lanes<T>;

  Worker(HarmonicsOf what, const HarmonicsTable<T>& table, bool normalize)
      : what_(what),
        normalize_(normalize),
        block_(table),
        outputs_(table.outputs()),
        harmonics_(at(outputs_)) {}

  void operator()(const T* x, const T* w, const T* v, T* out) {
    const Point<T> p = load_points(x);
    V inverse;
    const Point<T> u = normalize_ ? to_unit<T>(p, inverse) : p;
    block_.set(u);
    V* h = harmonics_.data();
    switch (what_) {
      case HarmonicsOf::values:
        block_.values(h);
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
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }

  HarmonicsOf what_;
  bool normalize_;
  HarmonicsBlock<T, L> block_;
  Index outputs_;
  std::vector<V> harmonics_;
};

// A full block of rows: the rows themselves, or a copy of the last ones filled up with zeros.
template <class T>
class Rows {
 public:
  explicit Rows(Index width) : width_(width) {}
  const T* in(const T* rows, Index count) {
    if (!rows || count == lane_count<T>) return rows;
    copy_.assign(size(), T(0));
    std::copy_n(rows, count * width_, copy_.begin());
    return copy_.data();
  }
  T* out(T* rows, Index count) {
    if (count == lane_count<T>) return rows;
    copy_.resize(size());
    return copy_.data();
  }
  void done(T* rows, Index count) {
    if (count != lane_count<T>) std::copy_n(copy_.begin(), count * width_, rows);
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(width_ * lane_count<T>); }
  Index width_;
  std::vector<T> copy_;
};

template <class T, int L>
void run(HarmonicsOf what, int lmax, HarmonicsOptions options, Index n, const T* x, const T* w, const T* v,
         T* out) {
  const auto& table = harmonics_table<T>(lmax, options.normalization);
  const Index k = table.outputs();
  const bool wide = what == HarmonicsOf::values || what == HarmonicsOf::directional;
  const Index out_width = wide ? k : 3;
  parallel_for(n, 64 * lane_count<T>, [&](Index begin, Index end) {
    Worker<T, L> work(what, table, options.normalize);
    Rows<T> xs(3), vs(3), ws(k), outs(out_width);
    for (Index p = begin; p < end; p += lane_count<T>) {
      const Index count = std::min<Index>(lane_count<T>, end - p);
      T* target = out + p * out_width;
      work(xs.in(x + 3 * p, count), ws.in(w ? w + k * p : nullptr, count),
           vs.in(v ? v + 3 * p : nullptr, count), outs.out(target, count));
      outs.done(target, count);
    }
  });
}

}  // namespace

template <class T>
void evaluate_harmonics(HarmonicsOf what, int lmax, HarmonicsOptions options, Index n, const T* x, const T* w,
                        const T* v, T* out) {
  switch (lmax) {
    case 1:
      return run<T, 1>(what, lmax, options, n, x, w, v, out);
    case 2:
      return run<T, 2>(what, lmax, options, n, x, w, v, out);
    case 3:
      return run<T, 3>(what, lmax, options, n, x, w, v, out);
    case 4:
      return run<T, 4>(what, lmax, options, n, x, w, v, out);
    default:
      return run<T, -1>(what, lmax, options, n, x, w, v, out);
  }
}

template void evaluate_harmonics(HarmonicsOf, int, HarmonicsOptions, Index, const float*, const float*,
                                 const float*, float*);
template void evaluate_harmonics(HarmonicsOf, int, HarmonicsOptions, Index, const double*, const double*,
                                 const double*, double*);

}  // namespace cartan::so3
