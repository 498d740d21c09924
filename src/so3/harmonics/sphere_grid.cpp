#include "cartan/so3/sphere_grid.hpp"

#include <cmath>
#include <numbers>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/sphere_grid_transform.hpp"
#include "so3/tables/degrees.hpp"

namespace cartan::so3 {
namespace {

// Azimuth of image `image` of point j of a quarter.
int image_azimuth(int image, int j, int n_phi) {
  switch (image) {
    case 0:
      return j;
    case 1:
      return n_phi / 2 - 1 - j;
    case 2:
      return n_phi / 2 + j;
    default:
      return n_phi - 1 - j;
  }
}

// values = S x, or x = S^T W values with the weights of the quadrature.
class GridMap : public Primitive, public ReadsNothing {
 public:
  GridMap(int l, const SphereGrid& grid, bool to_values) : l_(l), grid_(grid), to_values_(to_values) {}
  const char* name() const override { return to_values_ ? "to_grid" : "from_grid"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index rows = (l_ + 1) * (l_ + 1), points = grid_.points();
    const Index from = to_values_ ? rows : points, to = to_values_ ? points : rows;
    const Index channels = in[0].dim(-1) / from;
    Shape shape = in[0].shape();
    shape.back() = to * channels;
    Array out = Array::uninitialized(shape, in[0].dtype());
    if (out.empty()) return {out};
    const Index samples = in[0].size() / in[0].dim(-1);
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      constexpr Index w = lane_width<T>;
      const auto t = grid_transform<T>(grid_.n_theta(), grid_.n_phi(), l_, false);
      const LaneView<const T> source(in[0].data<T>(), samples, from, channels);
      const LaneView<T> target(out.mutable_data<T>(), samples, to, channels);
      const Index coefficients = t->rows() * t->row_size(l_);
      parallel_for((samples * channels + w - 1) / w, 4, [&](Index begin, Index end) {
        Scratch<T> memory((rows + points) * w + coefficients + t->values_size() + t->work_size());
        T *x = memory.data(), *grid = x + rows * w, *f = grid + points * w, *values = f + coefficients;
        T* work = values + t->values_size();
        for (Index b = begin; b < end; ++b) {
          source.load_block(b * w, to_values_ ? x : grid);
          if (to_values_) {
            t->theta_values(l_, Derivative::none, x, work, f);
            for (int i = 0; i < t->rows(); ++i) {
              t->phi_values(l_, f + i * t->row_size(l_), work, values);
              images(*t, i,
                     [&](Index point, Index place) { std::copy_n(values + place * w, w, grid + point * w); });
            }
          } else {
            for (int i = 0; i < t->rows(); ++i) {
              images(*t, i,
                     [&](Index point, Index place) { std::copy_n(grid + point * w, w, values + place * w); });
              t->phi_project(l_, values, work, f + i * t->row_size(l_));
            }
            t->theta_project(l_, f, work, x);
          }
          target.store_block(b * w, to_values_ ? grid : x);
        }
      });
    });
    return {out};
  }

  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    // S^T c = (S^T W) (c / W), and the adjoint of S^T W is W S
    const auto other = std::make_shared<GridMap>(l_, grid_, !to_values_);
    if (to_values_) return {run(other, {weighted(c, true)})};
    return {weighted(run(other, {c}), false)};
  }

 private:
  // body(point of the grid, place among the values of pair i)
  template <class T, class Body>
  void images(const GridTransform<T>& t, int i, Body&& body) const {
    for (int j = 0; j < t.quarter(); ++j)
      for (int image = 0; image < 4; ++image)
        for (int hemisphere = 0; hemisphere < 2; ++hemisphere) {
          const Index row = hemisphere == 0 ? i : grid_.n_theta() - 1 - i;
          body(row * grid_.n_phi() + image_azimuth(image, j, grid_.n_phi()),
               (j * 4 + image) * 2 + hemisphere);
        }
  }
  Array weighted(const Array& values, bool inverse) const {
    std::vector<double> weights;
    for (int i = 0; i < grid_.n_theta(); ++i)
      weights.push_back(inverse ? 1 / grid_.weight(i) : grid_.weight(i));
    Shape split = values.shape();
    split.back() = grid_.n_theta();
    split.push_back(values.dim(-1) / grid_.n_theta());
    const Array factor = Array::from(weights, {grid_.n_theta(), 1}).as(values.dtype()).to(values.device());
    return reshape(reshape(values, split) * factor, values.shape());
  }

  int l_;
  SphereGrid grid_;
  bool to_values_;
};

}  // namespace

SphereGrid::SphereGrid(int n_theta, int n_phi) : n_theta_(n_theta), n_phi_(n_phi) {
  constexpr int most = 4 * largest_degree + 2;
  require(n_theta >= 1 && n_theta <= most && n_phi >= 2 && n_phi <= most && n_phi % 2 == 0, "[sphere_grid] ",
          n_theta, " by ", n_phi, " points: there must be a row, an even number of azimuths, at most ", most,
          " of either");
}

SphereGrid SphereGrid::exact(int degrees) {
  require(degrees >= 0 && degrees <= 4 * largest_degree, "[sphere_grid] a sum of degrees ", degrees,
          " is outside [0, ", 4 * largest_degree, "]");
  return {degrees / 2 + 1, degrees + 1 + (degrees + 1) % 2};
}

std::array<double, 3> SphereGrid::point(int i, int k) const {
  require(i >= 0 && i < n_theta_ && k >= 0 && k < n_phi_, "[sphere_grid] point (", i, ", ", k, ") of ",
          n_theta_, " by ", n_phi_);
  const double y = gauss_legendre(n_theta_).nodes[i], s = std::sqrt((1 - y) * (1 + y));
  const double phi = std::numbers::pi * (2 * k + 1) / n_phi_;
  return {s * std::sin(phi), y, s * std::cos(phi)};
}

double SphereGrid::weight(int i) const {
  require(i >= 0 && i < n_theta_, "[sphere_grid] row ", i, " of ", n_theta_);
  return gauss_legendre(n_theta_).weights[i] / (2 * n_phi_);
}

Array to_grid(const Array& x, int l, const SphereGrid& grid) {
  check_degrees("to_grid", {l});
  require(x.ndim() >= 1 && x.dim(-1) % ((l + 1) * (l + 1)) == 0 && is_real(x.dtype()), "[to_grid] ",
          x.dtype(), " ", x.shape(), " of degree ", l,
          ": the last axis must be a multiple of (l + 1)^2, of real numbers");
  return run(std::make_shared<GridMap>(l, grid, true), {x});
}

Array from_grid(const Array& values, int l, const SphereGrid& grid) {
  check_degrees("from_grid", {l});
  require(values.ndim() >= 1 && values.dim(-1) % grid.points() == 0 && is_real(values.dtype()),
          "[from_grid] ", values.dtype(), " ", values.shape(), " at degree ", l,
          ": the last axis must be a multiple of ", grid.points(), " points, of real numbers");
  return run(std::make_shared<GridMap>(l, grid, false), {values});
}

}  // namespace cartan::so3
