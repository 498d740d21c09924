#include "potentials/networks/sphere_activation.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/so3/layers.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/gate.hpp"

namespace cartan::potentials {
namespace {

double cut_scale(int l, int mmax) {
  return l > mmax ? std::sqrt((2.0 * l + 1) / (2.0 * mmax + 1)) : 1;
}

}  // namespace

PlateGrid::PlateGrid(int lmax, int mmax, int latitudes, int longitudes, Scale scale, DType dtype) {
  require(latitudes >= 2 && latitudes % 2 == 0 && longitudes >= 1, "[sphere_grid] ", latitudes, " x ",
          longitudes, " points: an even number of latitudes, at least 2, and at least one longitude");
  std::vector<double> weight(latitudes), points;
  double all = 0;
  for (int i = 0; i < latitudes; ++i) {
    const double theta = M_PI * (i + 0.5) / latitudes;
    for (int j = 0; j < latitudes / 2; ++j) weight[i] += std::sin((2 * j + 1) * theta) / (2 * j + 1);
    weight[i] *= std::sin(theta);
    all += weight[i] * longitudes;
    for (int k = 0; k < longitudes; ++k) {
      const double phi = 2 * M_PI * k / longitudes;
      points.insert(points.end(),
                    {std::sin(theta) * std::sin(phi), std::cos(theta), std::sin(theta) * std::cos(phi)});
    }
  }
  const Index n = Index{latitudes} * longitudes, dim = Index{lmax + 1} * (lmax + 1);
  const Array harmonics = so3::spherical_harmonics(
      Array::from(points, {n, 3}), lmax,
      {true, scale == Scale::component ? so3::Normalization::norm : so3::Normalization::integral});
  std::vector<double> to(n * dim), from(dim * n);
  const double* y = harmonics.data<double>();
  for (Index p = 0; p < n; ++p)
    for (int l = 0; l <= lmax; ++l)
      for (int m = -l; m <= l; ++m) {
        if (std::abs(m) > mmax) continue;
        const Index at = Index{l} * l + l + m;
        const double w = weight[p / longitudes] / all, s = cut_scale(l, mmax);
        const bool component = scale == Scale::component;
        to[p * dim + at] = y[p * dim + at] * (component ? s / std::sqrt(lmax + 1.0) : 1);
        from[at * n + p] =
            w * y[p * dim + at] * (component ? s * (2 * l + 1) * std::sqrt(lmax + 1.0) : 4 * M_PI);
      }
  to_ = Array::from(to, {n, dim}).as(dtype);
  from_ = Array::from(from, {dim, n}).as(dtype);
}

Array PlateGrid::to(const Array& x) const {
  return matmul(cast(to_.to(x.device()), x.dtype()),
                reshape(x, {x.dim(0), to_.dim(1), x.dim(1) / to_.dim(1)}));
}

Array PlateGrid::from(const Array& values) const {
  return reshape(matmul(cast(from_.to(values.device()), values.dtype()), values),
                 {values.dim(0), to_.dim(1) * values.dim(2)});
}

namespace {

struct Points {
  int latitudes, longitudes;
};
Points published_points(int lmax, int mmax, int n) {
  if (n > 0) return {n, n};
  return {2 * (lmax + 1), mmax < lmax ? 2 * mmax + 1 : 2 * lmax + 3};
}

// The largest power p of functions with (p + 1) degrees <= points - 1.
int exact_power(int points, int degrees) {
  return degrees == 0 ? 99 : (points - 1) / degrees - 1;
}

std::string flops(double count) {
  return text(static_cast<std::int64_t>(count), " flop");
}

}  // namespace

PlateGrid published_grid(int lmax, int mmax, int n, PlateGrid::Scale scale, DType dtype) {
  const Points p = published_points(lmax, mmax, n);
  return {lmax, mmax, p.latitudes, p.longitudes, scale, dtype};
}

std::string grid_plan(int lmax, int mmax, int n, Index channels, int mlp) {
  const Points p = published_points(lmax, mmax, n);
  const double points = static_cast<double>(p.latitudes) * p.longitudes, c = static_cast<double>(channels);
  const double count = points * c * (4.0 * (lmax + 1) * (lmax + 1) + 8) + 2 * points * c * c * mlp;
  const int power = exact_power(std::min(p.latitudes, p.longitudes), lmax),
            roll = exact_power(p.longitudes, mmax);
  const auto powers = [](int k) {
    return k < 1 ? std::string("no power") : text("powers up to ", std::min(k, 99));
  };
  return text(mlp > 0 ? text(mlp, " maps of channels with silu") : std::string("silu"), " on a grid of ",
              p.latitudes, " x ", p.longitudes, " points, ", flops(count), ": exact for ", powers(power),
              " of its input, commutes with turns about the axis for ", powers(roll),
              "; silu is no polynomial, so symmetry is broken");
}

PlanOptions product_options(Index channels) {
  PlanOptions options;
  options.batch = 1024 * std::max<Index>(channels, 1);
  return options;
}

std::string product_plan(int lmax, Index products) {
  const PlanOptions options = product_options(products);
  const so3::GauntProduct product(lmax, lmax, lmax, options);
  double count = 0;
  for (const Candidate& candidate : product.plan().candidates)
    if (candidate.engine == product.plan().engine) count = candidate.flops;
  return text("products of functions on the sphere (engine ", product.plan().engine, "), ",
              flops(count / static_cast<double>(options.batch) * static_cast<double>(products)), ": exact");
}

std::string SphereActivation::plan() const {
  const double rows = (lmax_ + 1.0) * (lmax_ + 1.0), c = static_cast<double>(channels_);
  if (kind_ == "gate") return text("gates, ", flops(c * (rows + 5.0 * (lmax_ + 1))), ": exact");
  if (kind_ == "grid") return grid_plan(lmax_, mmax_, points_, channels_, 0);
  return product_plan(lmax_, channels_);
}

so3::GauntWeights product_weights(int lmax, int mmax, const Array& like) {
  std::vector<double> in, out;
  for (int l = 0; l <= lmax; ++l) {
    const double s = cut_scale(l, mmax), c = std::sqrt((2.0 * l + 1) * (lmax + 1));
    in.push_back(s / c);
    out.push_back(s * c);
  }
  const Array a = Array::from(in).as(like.dtype()).to(like.device());
  return {a, a, Array::from(out).as(like.dtype()).to(like.device())};
}

SphereActivation::SphereActivation(const std::string& kind, int lmax, int mmax, Index channels, int grid,
                                   DType dtype)
    : kind_(kind), lmax_(lmax), mmax_(mmax), points_(grid), channels_(channels) {
  require(kind == "gate" || kind == "product" || kind == "grid", "[sphere_activation] there is no '", kind,
          "'; there are gate, product, grid");
  if (kind == "grid") grid_ = published_grid(lmax, mmax, grid, PlateGrid::Scale::component, dtype);
  if (kind != "product") return;
  product_.emplace(lmax, lmax, lmax, product_options(channels));
  const so3::GauntWeights w = product_weights(lmax, mmax, Array::zeros({1}, dtype));
  in_ = w.first, out_ = w.out;
}

// Gates are made again. Values on a grid are kept with the matrix that every row multiplies, a product's
// factors with what it makes of them.
Index SphereActivation::kept() const {
  if (kind_ == "gate") return width();
  if (kind_ == "product") return 5 * width() / 2;
  const Index rows = Index{lmax_ + 1} * (lmax_ + 1);
  return width() + grid_.points() * (4 * channels_ + 2 * rows);
}

Index SphereActivation::extra() const {
  return channels_ * (kind_ == "gate" ? lmax_ : kind_ == "product" ? 3 : 1);
}

so3::Irreps SphereActivation::irreps_in() const {
  const so3::Irreps one = polar_features(lmax_, channels_);
  return kind_ == "product" ? one + one : one;
}

so3::Irreps message_irreps(const SphereActivation& a) {
  const so3::Irreps scalars(std::vector<so3::MulIrrep>{{a.extra(), {0, 1}}});
  return a.extra() > 0 ? a.irreps_in() + scalars : a.irreps_in();
}

Index SphereActivation::functions() const {
  return (on_grid() ? irreps_in() : so3::in_frames(irreps_in(), mmax_)).dim();
}

namespace {

// Rows |m| <= mmax of functions as those of all orders, zero beyond.
Array all_orders(const Array& x, int lmax, int mmax, Index channels) {
  if (mmax >= lmax) return x;
  Arrays degrees;
  Index first = 0;
  for (int l = 0; l <= lmax; ++l) {
    const Index kept = (2 * std::min(l, mmax) + 1) * channels, beyond = std::max(l - mmax, 0) * channels;
    const Array rows = columns(x, first, first + kept);
    degrees.push_back(beyond > 0 ? pad(rows, 1, beyond, beyond) : rows);
    first += kept;
  }
  return concatenate(degrees, 1);
}
// The other way.
Array few_orders(const Array& x, int lmax, int mmax, Index channels) {
  if (mmax >= lmax) return x;
  Arrays degrees;
  for (int l = 0; l <= lmax; ++l) {
    const int w = std::min(l, mmax);
    const Index middle = Index{l} * l + l;
    degrees.push_back(columns(x, (middle - w) * channels, (middle + w + 1) * channels));
  }
  return concatenate(degrees, 1);
}

}  // namespace

Array SphereActivation::operator()(const Array& v, const Array& factor) const {
  if (kind_ == "gate") return gated(v, factor, lmax_, mmax_, channels_);
  const auto limited = [&](const Array& a) { return factor.empty() ? a : a * factor; };
  const Index c = channels_, dim = Index{lmax_ + 1} * (lmax_ + 1) * c;
  const Array x = columns(v, 0, functions()), scalars = columns(v, functions(), width());
  if (kind_ == "grid") {
    const Array y = silu(scalars);
    if (lmax_ == 0) return limited(y);
    const Array on_sphere = grid_.from(silu(grid_.to(x)));
    return limited(concatenate({y, columns(on_sphere, c, dim)}, 1));
  }
  const Array gate = sigmoid(columns(scalars, 2 * c, 3 * c)),
              more = silu(columns(scalars, 0, c)) * columns(scalars, c, 2 * c);
  const Device device = x.device();
  const Index half = functions() / 2;
  const auto factor_of = [&](Index first) {
    return all_orders(columns(x, first, first + half), lmax_, mmax_, c);
  };
  const Array y = few_orders(
      (*product_)(factor_of(0), factor_of(half), {in_.to(device), in_.to(device), out_.to(device)}), lmax_,
      mmax_, c);
  const Index degrees = lmax_ + 1, n = x.dim(0);
  const Array every =
      reshape(broadcast_to(reshape(limited(gate), {n, 1, c}), {n, degrees, c}), {n, degrees * c});
  return so3::irrep_scale(y, every, so3::in_frames(polar_features(lmax_, c), mmax_)) +
         pad(limited(more), 1, 0, half - c);
}

}  // namespace cartan::potentials
