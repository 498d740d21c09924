// Convolution in the frame of the edge: the filter has m = 0 alone, so every order m of the features is
// multiplied in theta by itself, O(L^3) in all.
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"
#include "so3/gaunt/cache.hpp"
#include "so3/gaunt/gaunt_convolution.hpp"
#include "so3/gaunt/rows.hpp"
#include "so3/harmonics/sphere_grid_transform.hpp"

namespace cartan::so3 {
namespace {

// J_0 .. J_lmax on the rows of a block.
std::shared_ptr<const LinearRows> all_j(int lmax) {
  static auto& cache = *new SharedCache<int, LinearRows>;
  return cache.get(lmax, [&] {
    std::vector<LinearRows::Entry> entries;
    for (int l = 0; l <= lmax; ++l)
      for (const Entry& e : wigner_j_entries(l))
        entries.push_back({l * l + e.row, l * l + e.column, e.value});
    const int rows = (lmax + 1) * (lmax + 1);
    return std::make_shared<LinearRows>(rows, rows, std::move(entries));
  });
}

// Features of a block of lanes turned into the frames of their edges and back. With R = R_y(alpha) R_x(beta)
// taking +y to the edge, D = Z(alpha) J Z(beta) J, Z the D of a turn about y: constant sparse matrices, and
// pairs (m, -m) turned by the lane's own angles. No matrix a lane or an edge is formed. At the poles alpha is
// free, and set to 0; only values pass through here, never derivatives by angles.
template <class T>
class BlockFrames {
  static constexpr Index w = lane_width<T>;
  using V = Register<T>;
  static constexpr Index n = vector_width<T>;

 public:
  BlockFrames(int lmax, Index channels) : lmax_(lmax), channels_(channels), waves_(4 * (lmax + 1) * w) {
    for (int l = 0; l <= lmax; ++l) j_.push_back(all_j(l));
  }

  void prepare(const T* vectors, Index edges, Index first_lane) {
    // cosine and sine of alpha, then of beta
    alignas(64) double turn[4][w], power[2][w];
    for (Index lane = 0; lane < w;) {
      const Index e = std::min((first_lane + lane) / channels_, edges - 1);
      const Index end = e == edges - 1 ? w : std::min(w, (e + 1) * channels_ - first_lane);
      double v[3];
      for (int a = 0; a < 3; ++a) v[a] = static_cast<double>(vectors[e * 3 + a]);
      const double most = std::max({std::abs(v[0]), std::abs(v[1]), std::abs(v[2])});
      const double side_most = std::max(std::abs(v[0]), std::abs(v[2]));
      const auto length = [](double scale, double x, double y, double z) {
        return scale == 0 ? 0
                          : scale * std::sqrt((x / scale) * (x / scale) + (y / scale) * (y / scale) +
                                              (z / scale) * (z / scale));
      };
      const double r = length(most, v[0], v[1], v[2]), side = length(side_most, v[0], 0, v[2]);
      const double values[4] = {side > 0 ? v[2] / side : 1, side > 0 ? v[0] / side : 0, v[1] / r, side / r};
      for (; lane < end; ++lane)
        for (int k = 0; k < 4; ++k) turn[k][lane] = values[k];
    }
    for (int angle = 0; angle < 2; ++angle) {
      const double *c = turn[2 * angle], *s = turn[2 * angle + 1];
      std::fill_n(power[0], w, 1.0);
      std::fill_n(power[1], w, 0.0);
      for (Index m = 0; m <= lmax_; ++m) {
        T* wave = waves_.data() + 2 * (angle * (lmax_ + 1) + m) * w;
        for (Index k = 0; k < w; ++k) {
          const double re = power[0][k], im = power[1][k];
          wave[k] = static_cast<T>(re);
          wave[w + k] = static_cast<T>(im);
          power[0][k] = re * c[k] - im * s[k];
          power[1][k] = re * s[k] + im * c[k];
        }
      }
    }
  }

  // x becomes D^T x (into the frames), or D x (back); spare is scratch of the same size. The result is x.
  void turn(int lmax, T* x, T* spare, bool back) const {
    if (!back) spin(lmax, 0, x, -1);
    j_[lmax]->run(x, spare);
    spin(lmax, 1, spare, back ? 1 : -1);
    j_[lmax]->run(spare, x);
    if (back) spin(lmax, 0, x, 1);
  }

 private:
  // Z(sign times the angle) in place: (x_m, x_-m) -> (c x_m - s x_-m, s x_m + c x_-m)
  void spin(int lmax, int angle, T* x, T sign) const {
    for (Index m = 1; m <= lmax; ++m) {
      const T* wave = waves_.data() + (2 * (angle * (lmax_ + 1) + m)) * w;
      for (Index v = 0; v < w; v += n) {
        const V c = load<V>(wave + v), s = load<V>(wave + w + v) * sign;
        for (Index l = m; l <= lmax; ++l) {
          T *p = x + (l * l + l + m) * w + v, *q = x + (l * l + l - m) * w + v;
          const V a = load<V>(p), b = load<V>(q);
          store(p, V(c * a - s * b));
          store(q, V(s * a + c * b));
        }
      }
    }
  }

  int lmax_;
  Index channels_;
  std::vector<std::shared_ptr<const LinearRows>> j_;
  Scratch<T> waves_;  // [angle][m]{cos, sin}[lane]
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
      Scratch<T> memory(3 * square + pairs * (row_x + row_z + 2 * w) + grid->work_size());
      T *a = memory.data(), *b = a + square, *f = b + square, *fx = f + square, *fz = fx + pairs * row_x;
      T *h = fz + pairs * row_z, *work = h + pairs * 2 * w;
      const auto values = [&](const Array& v, int degree, Index first, T* target) {
        LaneView<const T>(v.data<T>(), edges, (degree + 1) * (degree + 1), channels).load_block(first, a);
        frames.turn(degree, a, b, false);
        grid->theta_values(degree, Derivative::none, a, work, target);
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
          grid->theta_project(to, target, work, a);
          frames.turn(to, a, b, true);
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

FormWork frame_work(const ConvolutionDegrees& l, Index edges, Index channels) {
  const auto square = [](double k) { return (k + 1) * (k + 1); };
  const auto entries = [](double k) { return (k + 1) * (2 * k + 1) * (2 * k + 3) / 3; };
  const double pairs = (l.x + l.filter + l.z) / 4 + 1;
  FormWork work;
  work.rows = square(l.x) + square(l.z) + l.filter + 1;
  // J twice, a quarter full; the filter and the products in theta
  work.sums = (entries(l.x) + entries(l.z)) / 2 + pairs * (square(l.x) + square(l.z) + 2 * l.filter + 2);
  // spins, and the cosines and sines of the two angles: those once an edge
  work.waves = 4 * (std::max(l.x, l.z) + 1.0) +
               static_cast<double>(std::min(edges, std::max<Index>(1, 32 / channels)));
  return work;
}

}  // namespace cartan::so3
