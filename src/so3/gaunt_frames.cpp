// Convolution in the frame of the edge: the filter has m = 0 alone, so every order m of the features is
// multiplied in theta by itself, O(L^3) in all.
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "so3/gaunt_convolution.hpp"
#include "so3/sphere_grid_transform.hpp"
#include "so3/wigner_kernel.hpp"

namespace cartan::so3 {
namespace {

// D of the edges of one block of lanes: shared by the lanes, or one a lane [entry][lane].
template <class T>
class BlockFrames {
  static constexpr Index w = lane_width<T>;
  using V = typename vector_of<T>::type;
  static constexpr Index n = vector_width<T>;

 public:
  BlockFrames(int lmax, Index channels)
      : kernel_(wigner_kernel(0, lmax, lmax)),
        channels_(channels),
        lanes_(at(kernel_.layout().size + kernel_.scratch_size())),
        d_(kernel_.layout().size * (shared() ? 1 : w)) {}

  // Blocks hold lanes of one edge alone where channels fill them.
  bool shared() const { return channels_ % w == 0; }

  void prepare(const T* vectors, Index edges, Index first_lane) {
    const Index size = kernel_.layout().size;
    const Index begin = first_lane / channels_;
    const Index end = std::min(edges, (first_lane + w - 1) / channels_ + 1);
    if (shared() && begin == ready_) return;
    ready_ = begin;
    for (Index e = begin; e < end; e += lane_count) {
      const Index count = std::min(lane_count, end - e);
      CayleyKlein parameters[lane_count];
      for (Index s = 0; s < count; ++s) {
        double v[3];
        for (int a = 0; a < 3; ++a) v[a] = static_cast<double>(vectors[(e + s) * 3 + a]);
        const double length = std::hypot(v[0], v[1], v[2]);
        for (double& x : v) x /= length;
        parameters[s] = cayley_klein_of_edge(v);
      }
      kernel_(parameters, count, lanes_.data(), lanes_.data() + size);
      if (shared()) {
        for (Index k = 0; k < size; ++k) d_.data()[k] = static_cast<T>(lanes_[at(k)][0]);
        continue;
      }
      // lanes of edges e .. e + count
      for (Index s = 0; s < count; ++s) {
        const Index from = std::max<Index>(0, (e + s) * channels_ - first_lane);
        const Index to = std::min(w, (e + s + 1) * channels_ - first_lane);
        for (Index lane = from; lane < to; ++lane)
          for (Index k = 0; k < size; ++k) d_.data()[k * w + lane] = static_cast<T>(lanes_[at(k)][s]);
      }
    }
    if (!shared()) {  // lanes past the last edge
      const Index used = std::min(w, edges * channels_ - first_lane);
      for (Index k = 0; k < size; ++k) std::fill(d_.data() + k * w + used, d_.data() + (k + 1) * w, T(0));
    }
  }

  // out = D^T x (into the frames) or D x (back)
  void turn(int lmax, const T* x, T* out, bool back) const {
    for (int l = 0; l <= lmax; ++l) {
      const Index d = 2 * l + 1;
      const T* block = d_.data() + kernel_.layout().offset[at(l)] * (shared() ? 1 : w);
      const T* in = x + l * l * w;
      T* result = out + l * l * w;
      const Index row = back ? d : 1, column = back ? 1 : d;
      for (Index i = 0; i < d; i += 2) {
        const Index second = i + 1 < d ? i + 1 : i;
        V a0{}, a1{}, b0{}, b1{};
        for (Index j = 0; j < d; ++j) {
          const V x0 = load<V>(in + j * w), x1 = load<V>(in + j * w + n);
          if (shared()) {
            const T p = block[i * row + j * column], q = block[second * row + j * column];
            a0 += x0 * p, a1 += x1 * p, b0 += x0 * q, b1 += x1 * q;
          } else {
            const T *p = block + (i * row + j * column) * w, *q = block + (second * row + j * column) * w;
            a0 += x0 * load<V>(p), a1 += x1 * load<V>(p + n);
            b0 += x0 * load<V>(q), b1 += x1 * load<V>(q + n);
          }
        }
        store(result + second * w, b0), store(result + second * w + n, b1);
        store(result + i * w, a0), store(result + i * w + n, a1);
      }
    }
  }

 private:
  const WignerKernel& kernel_;
  Index channels_, ready_ = -1;
  std::vector<Lanes> lanes_;
  BlockMemory<T> d_;
};

// Radial factors of a block: [l][lane].
template <class T>
void load_radial(const Array& s, Index edges, Index channels, Index first, T* out) {
  constexpr Index w = lane_width<T>;
  const Index degrees = s.dim(2);
  if (s.dim(0) == edges && s.dim(3) == channels)
    return LaneView<const T>(s.data<T>(), edges, degrees, channels).load_block(first, out);
  const T* p = s.data<T>();
  for (Index lane = 0; lane < w; ++lane) {
    const Index t = std::min(first + lane, edges * channels - 1);
    const Index e = s.dim(0) == 1 ? 0 : t / channels, c = s.dim(3) == 1 ? 0 : t % channels;
    for (Index l = 0; l < degrees; ++l) out[l * w + lane] = p[(e * degrees + l) * s.dim(3) + c];
  }
}

}  // namespace

Array convolve_in_frames(const ConvolutionDegrees& l, ConvolutionSlot::Slot out, const Array& x,
                         const Array& z, const Array& s, const Array& vectors) {
  using Slot = ConvolutionSlot;
  const Array& some = out == Slot::X ? z : x;
  const int l_some = out == Slot::X ? l.z : l.x;
  const Index edges = some.dim(0), channels = some.dim(1) / ((l_some + 1) * (l_some + 1));
  const Index rows_x = (l.x + 1) * (l.x + 1), rows_z = (l.z + 1) * (l.z + 1);
  const Shape shapes[] = {
      {edges, rows_x * channels}, {edges, rows_z * channels}, {edges, 1, l.filter + 1, channels}};
  Array result = Array::uninitialized(shapes[out], some.dtype());
  if (result.empty()) return result;
  dispatch_real("gaunt_convolution", result.dtype(), [&]<class T>(T) {
    constexpr Index w = lane_width<T>;
    const int lmax = std::max(l.x, l.z), all = std::max(lmax, l.filter);
    // theta alone is integrated: the azimuths of the grid are not used
    const auto grid = grid_transform<T>((l.x + l.filter + l.z) / 2 + 1, 2, all, false);
    const Index pairs = grid->rows(), lanes = edges * channels;
    const Index row_x = grid->row_size(l.x), row_z = grid->row_size(l.z), square = (all + 1) * (all + 1) * w;
    parallel_for((lanes + w - 1) / w, std::clamp<Index>(lanes / w / 64, 1, 16), [&](Index begin, Index end) {
      BlockFrames<T> frames(lmax, channels);
      BlockMemory<T> memory(3 * square + pairs * (row_x + row_z + 2 * w) + grid->work_size());
      T *a = memory.data(), *b = a + square, *f = b + square, *fx = f + square, *fz = fx + pairs * row_x;
      T *h = fz + pairs * row_z, *work = h + pairs * 2 * w;
      const auto values = [&](const Array& v, int degree, Index first, T* target) {
        LaneView<const T>(v.data<T>(), edges, (degree + 1) * (degree + 1), channels).load_block(first, a);
        frames.turn(degree, a, b, false);
        grid->theta_values(degree, Derivative::none, b, work, target);
      };
      for (Index block = begin; block < end; ++block) {
        const Index first = block * w;
        frames.prepare(vectors.data<T>(), edges, first);
        if (out != Slot::S) {
          load_radial<T>(s, edges, channels, first, f);
          grid->axial_values(l.filter, f, h);
          const int from = out == Slot::X ? l.z : l.x, to = out == Slot::X ? l.x : l.z;
          T *source = out == Slot::X ? fz : fx, *target = out == Slot::X ? fx : fz;
          values(out == Slot::X ? z : x, from, first, source);
          grid->multiply_axial(from, source, h, to, target);
          grid->theta_project(to, target, work, b);
          frames.turn(to, b, a, true);
          LaneView<T>(result.mutable_data<T>(), edges, (to + 1) * (to + 1), channels).store_block(first, a);
        } else {
          values(x, l.x, first, fx);
          values(z, l.z, first, fz);
          grid->axial_product(l.x, fx, l.z, fz, h);
          grid->axial_project(l.filter, h, f);
          LaneView<T>(result.mutable_data<T>(), edges, l.filter + 1, channels).store_block(first, f);
        }
      }
    });
  });
  return result;
}

FormWork frame_work(const ConvolutionDegrees& l, Index channels) {
  const auto square = [](double k) { return (k + 1) * (k + 1); };
  const auto entries = [](double k) { return (k + 1) * (2 * k + 1) * (2 * k + 3) / 3; };
  const double pairs = (l.x + l.filter + l.z) / 4 + 1;
  FormWork work;
  work.rows = square(l.x) + square(l.z) + l.filter + 1;
  work.sums = entries(l.x) + entries(l.z) + pairs * (square(l.x) + square(l.z) + 2 * l.filter + 2);
  // the matrices themselves: once an edge, however many lanes it has
  work.sums += 6 * entries(std::max(l.x, l.z)) / std::min<double>(1, static_cast<double>(channels) / 32);
  return work;
}

}  // namespace cartan::so3
