#include "cartan/operators/spectral_convolution.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "operators/resample.hpp"

namespace cartan::operators {
namespace {

std::int32_t bin(Index k, Index n) {
  return static_cast<std::int32_t>(((k % n) + n) % n);
}

// Extents of weights for modes that a user names.
Shape stored_extents(const std::vector<Index>& modes, bool complex_fields) {
  Shape out(modes.begin(), modes.end());
  if (!complex_fields) out.back() = out.back() / 2 + 1;
  return out;
}

// The rows of an array that are used, in place of all.
Array select(const Array& a, int axis, const std::vector<Index>& rows) {
  if (rows.size() == static_cast<std::size_t>(a.dim(axis))) return a;
  Arrays parts;
  for (std::size_t k = 0; k < rows.size();) {  // runs of neighbours
    std::size_t end = k + 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
    parts.push_back(slice(a, axis, rows[k], rows[end - 1] + 1));
    k = end;
  }
  return parts.size() == 1 ? parts[0] : concatenate(parts, axis);
}

}  // namespace

void describe(config::Fields& f, SpectralOptions& o) {
  f("modes", o.modes, "frequencies that are kept along each axis of the grid").from(1).to(1 << 20);
  f("max_modes", o.max_modes, "extents of the stored weights where the modes grow; empty: those of the modes")
      .from(1);
  f("complex", o.complex_fields, "fields of complex numbers");
  f("compat", o.compat, "odd modes, rescaled grids and their interpolation as neuraloperator 2 has them");
  f("fft_norm", o.fft_norm, "where the factor 1/N of the transforms stands")
      .one_of({"forward", "ortho", "backward"});
  f("conv_bias", o.conv_bias, "a bias after each spectral convolution");
  f("one_way", o.one_way,
    "convolutions along each axis alone in place of one of all axes: their sum, or one after another")
      .one_of({"none", "sum", "product"})
      .added_later();
  describe(f, static_cast<WeightOptions&>(o));
}

SpectralConvolution::SpectralConvolution(const SpectralOptions& options, Index in, Index out, Index layers,
                                         DType dtype, nn::Init& init)
    : options_(options), in_(in), out_(out), layers_(layers) {
  const std::size_t d = options.modes.size();
  require(d >= 1 && d <= 3, "[SpectralConvolution] modes of ", d, " axes; 1, 2 or 3");
  require(options.max_modes.empty() || options.max_modes.size() == d, "[SpectralConvolution] ",
          options.max_modes.size(), " max_modes for ", d, " axes");
  require(is_real(dtype), "[SpectralConvolution] a precision must be float32 or float64, not ", dtype);
  stored_ = options.max_modes.empty() ? stored_extents(options.modes, options.complex_fields)
                                      : Shape(options.max_modes.begin(), options.max_modes.end());
  if (options.one_way == "none") {
    weights_ = SpectralWeights(options, in, out, stored_, layers,
                               dtype == DType::f32 ? DType::c64 : DType::c128, init);
  } else {
    require(!options.compat, "[SpectralConvolution] one_way = ", options.one_way,
            " with compat; neuraloperator has no such convolutions, give compat = false");
    require(options.one_way == "sum" || in == out,
            "[SpectralConvolution] one_way = product keeps the number of channels; ", in, " and ", out,
            " differ");
    for (std::size_t a = 0; a < d; ++a) {
      SpectralOptions one = options;
      one.one_way = "none", one.conv_bias = false;
      one.modes = {options.modes[a]};
      // of real fields every axis is the last one
      const bool half = !options.complex_fields && a + 1 < d;
      one.max_modes = {half ? stored_[a] / 2 + 1 : stored_[a]};
      axes_.emplace_back(one, in, out, layers, dtype, init);
    }
  }
  set_modes(options.modes);
  const double std = std::sqrt(2 / static_cast<double>(in + out));
  Shape shape(d + 1, 1);
  shape[0] = out;
  if (options.conv_bias)
    for (Index l = 0; l < layers; ++l) bias_.push_back(scale(init.normal(shape, dtype), std));
}

void SpectralConvolution::set_modes(const std::vector<Index>& modes) {
  require(modes.size() == stored_.size(), "[SpectralConvolution] modes of ", modes.size(),
          " axes, there are ", stored_.size());
  const Shape wanted = stored_extents(modes, options_.complex_fields);
  for (std::size_t a = 0; a < modes.size(); ++a)
    require(modes[a] >= 1 && wanted[a] <= stored_[a], "[SpectralConvolution] ", modes[a],
            " modes along axis ", a, "; at least 1, and the weights hold ", stored_[a]);
  options_.modes = modes;
  for (std::size_t a = 0; a < axes_.size(); ++a) axes_[a].set_modes({modes[a]});
}

// The indices of the weights that these modes use, on a grid that holds them all.
std::vector<ModeRange> SpectralConvolution::used(const std::vector<Index>& modes) const {
  SpectralConvolution other = *this;
  other.set_modes(modes);
  Shape grid = stored_;
  for (Index& n : grid) n = 2 * n + 1;
  return other.layout(grid, grid).part;
}

void SpectralConvolution::clear_unused() {
  for (SpectralConvolution& one : axes_) one.clear_unused();
  if (one_way()) return;
  weights_.clear_outside(used(options_.modes));
}

std::vector<double> SpectralConvolution::share_beyond(const std::vector<Index>& inner) const {
  if (one_way()) {
    require(inner.size() == axes_.size(), "[SpectralConvolution] modes of ", inner.size(),
            " axes, there are ", axes_.size());
    std::vector<double> out;
    for (std::size_t a = 0; a < axes_.size(); ++a) out.push_back(axes_[a].share_beyond({inner[a]})[0]);
    return out;
  }
  const Recording off(false);
  const std::vector<ModeRange> all = used(options_.modes), part = used(inner);
  const int channels = weights_.options().separable ? 1 : 2;
  std::vector<double> kept(all.size(), 0.0);
  double whole = 0;
  for (Index l = 0; l < weights_.layers(); ++l) {
    Array w = detach(weights_.dense(l));
    w = square(real(w)) + square(imag(w));
    for (std::size_t a = 0; a < all.size(); ++a)
      w = slice(w, channels + static_cast<int>(a), all[a].first, all[a].first + all[a].count);
    whole += sum(w).item();
    for (std::size_t a = 0; a < all.size(); ++a) {
      const Index first = part[a].first - all[a].first;
      kept[a] += sum(slice(w, channels + static_cast<int>(a), first, first + part[a].count)).item();
    }
  }
  for (std::size_t a = 0; a < kept.size(); ++a)
    kept[a] = part[a].count == all[a].count ? 1 : whole > 0 ? std::max(0.0, 1 - kept[a] / whole) : 0;
  return kept;
}

void SpectralConvolution::collect(const std::string& prefix, nn::ParameterRefs& out) {
  if (!one_way()) weights_.collect(prefix, out);
  for (std::size_t a = 0; a < axes_.size(); ++a) axes_[a].collect(text(prefix, "axes.", a, "."), out);
  for (std::size_t l = 0; l < bias_.size(); ++l)
    out.push_back({text(prefix, "convs.", l, ".bias"), &bias_[l]});
}

SpectralConvolution::Layout SpectralConvolution::layout(const Shape& from, const Shape& to) const {
  require(!one_way() && from.size() == stored_.size() && to.size() == stored_.size(),
          "[SpectralConvolution] a layout of ", from, " and ", to, " for ", stored_.size(), " axes",
          one_way() ? ", each of which has its own" : "");
  const Shape& stored = stored_;
  const std::size_t d = stored.size();
  const bool complex_fields = options_.complex_fields, compat = options_.compat, shifted = !compat || d > 1;
  const Shape wanted = stored_extents(options_.modes, complex_fields);
  Layout out;
  out.in.grid = from, out.out.grid = to;
  out.in.real = out.out.real = !complex_fields;
  bool all = true;
  double points_in = 1, points_out = 1;
  for (std::size_t a = 0; a < d; ++a) {
    const Index n = from[a], n_out = to[a], m = stored[a];
    points_in *= static_cast<double>(n), points_out *= static_cast<double>(n_out);
    const bool half = !complex_fields && a + 1 == d;  // frequencies 0, 1, ..
    const Index size = half ? n / 2 + 1 : n;
    // by frequency, a mode must be on both grids
    const Index kept = std::min({size, wanted[a], compat ? size : half ? n_out / 2 + 1 : n_out});
    ModeRange part{0, kept};
    std::vector<std::int32_t> read, write;
    std::vector<Index> used;
    const bool lowest = half || (a + 1 == d && !shifted);  // compat, complex in 1D: from frequency 0
    if (!lowest || complex_fields) part.first = compat ? (m - kept) / 2 : lowest ? 0 : m / 2 - kept / 2;
    for (Index i = 0; i < kept; ++i) {
      const Index k = lowest ? i : i - kept / 2;
      std::int32_t source = bin(k, n), target = bin(k, n_out);
      if (compat) {
        if (complex_fields && a + 1 == d && d > 1) {  // shifted before and not after
          source = bin(i - n / 2, n);
          if (kept < n) source = bin(i - n / 2, n);
          target = static_cast<std::int32_t>(i);
        } else {
          target = source;  // on the longer or shorter array: cut off or filled at its end
        }
        if (target >= (half ? n_out / 2 + 1 : n_out)) {
          read.push_back(source);
          all = false;
          continue;
        }
      }
      read.push_back(source);
      used.push_back(i);
      write.push_back(target);
    }
    if (half && n_out != n) {
      // the Nyquist frequency of the smaller grid stands for both signs; neuraloperator makes the last bin
      // real, whatever it stands for, where the result has a Nyquist frequency
      const Index last = n / 2;
      if (last > 0 && kept > last && n_out > n) {
        if (!compat && n % 2 == 0)
          out.nyquist_once = last;
        else if (compat && n_out % 2 == 0)
          out.nyquist_once = last, out.nyquist_real = true;
      }
    }
    out.part.push_back(part);
    out.in.bins.push_back(read);
    out.out.bins.push_back(write);
    out.used.push_back(used);
  }
  if (all) out.used.clear();
  if (options_.fft_norm == "forward")
    out.before = 1 / points_in;
  else if (options_.fft_norm == "ortho")
    out.before = 1 / std::sqrt(points_in), out.after = 1 / std::sqrt(points_out);
  else
    out.after = 1 / points_out;
  return out;
}

Array SpectralConvolution::mixed(const Array& x, Index layer, const Layout& l, SharedCores* shared) const {
  const Array modes = modes_of(x, l.in, l.before);
  const Shape kept = l.in.extents();
  const SpectralForm form = weights_.forms(l.part, x.dim(0), layer, shared)[static_cast<std::size_t>(layer)];
  Shape shape = kept;
  shape.insert(shape.begin(), {x.dim(0), out_});
  Array y = reshape(apply_form(form, reshape(modes, {x.dim(0), in_, size_of(kept)})), shape);
  for (std::size_t a = 0; a < l.used.size(); ++a) y = select(y, static_cast<int>(a) + 2, l.used[a]);
  return y;
}

Array SpectralConvolution::field(const Array& y, const Layout& l) const {
  if (!l.nyquist_real) return field_of(y, l.out, l.after, l.nyquist_once);
  // 2 Re(Y) cos = Re(Y exp(+)) + Re(conj(Y) exp(+)): the second of the mirrored other axes
  const int last = y.ndim() - 1;
  KeptModes mirror = l.out;
  for (std::size_t a = 0; a + 1 < mirror.grid.size(); ++a)
    for (std::int32_t& b : mirror.bins[a]) b = bin(-b, mirror.grid[a]);
  mirror.bins.back() = {mirror.bins.back()[static_cast<std::size_t>(l.nyquist_once)]};
  const Array plane = conjugate(slice(y, last, l.nyquist_once, l.nyquist_once + 1));
  return field_of(y, l.out, l.after, l.nyquist_once) + field_of(plane, mirror, l.after, 0);
}

Array SpectralConvolution::of_all_axes(const Array& x, Index layer, const Shape& grid,
                                       SharedCores* shared) const {
  const Layout l = layout({x.shape().begin() + 2, x.shape().end()}, grid);
  return field(mixed(x, layer, l, shared), l);
}

// Axis a last and the others with the samples, a convolution of one axis, and back.
Array SpectralConvolution::along_axes(const Array& x, Index layer, const Shape& grid,
                                      SpectralPass* pass) const {
  const bool sum = options_.one_way == "sum";
  const int d = static_cast<int>(axes_.size());
  Array v = sum ? resample_spectral(x, grid) : x;
  if (sum && options_.fft_norm != "forward") {  // as layout() has it where the grid changes
    const Shape from(x.shape().begin() + 2, x.shape().end());
    const double ratio = static_cast<double>(size_of(from)) / static_cast<double>(size_of(grid));
    if (ratio != 1) v = scale(v, options_.fft_norm == "ortho" ? std::sqrt(ratio) : ratio);
  }
  Array y = v;
  for (int a = 0; a < d; ++a) {
    std::vector<int> order{0}, back(static_cast<std::size_t>(d + 2));
    for (int b = 0; b < d; ++b)
      if (b != a) order.push_back(b + 2);
    order.insert(order.end(), {1, a + 2});
    for (int k = 0; k < d + 2; ++k) back[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])] = k;
    const Array rows = permute(sum ? v : y, order);
    Shape shape = rows.shape();
    const Array one = axes_[static_cast<std::size_t>(a)].of_all_axes(
        reshape(rows, {-1, in_, rows.dim(d + 1)}), layer, {grid[static_cast<std::size_t>(a)]},
        pass ? &pass->axes[static_cast<std::size_t>(a)] : nullptr);
    shape[static_cast<std::size_t>(d)] = out_, shape[static_cast<std::size_t>(d + 1)] = one.dim(2);
    const Array turned = permute(reshape(one, shape), back);
    y = sum && a > 0 ? y + turned : turned;
  }
  return y;
}

Array SpectralConvolution::without_bias(const Array& x, Index layer, const Shape& grid,
                                        SpectralPass* pass) const {
  const int d = static_cast<int>(stored_.size());
  require(layer >= 0 && layer < layers_, "[SpectralConvolution] layer ", layer, " of ", layers_);
  require(x.ndim() == d + 2 && x.dim(1) == in_ && x.dim(0) >= 1, "[SpectralConvolution] fields ", x.shape(),
          " must be (samples, ", in_, ", ", d, " axes of a grid)");
  const Shape from(x.shape().begin() + 2, x.shape().end());
  require(grid.empty() || grid.size() == from.size(), "[SpectralConvolution] a grid ", grid, " for ", d,
          " axes");
  if (pass) pass->axes.resize(std::max<std::size_t>(1, axes_.size()));
  const Shape& to = grid.empty() ? from : grid;
  return one_way() ? along_axes(x, layer, to, pass)
                   : of_all_axes(x, layer, to, pass ? &pass->axes[0] : nullptr);
}

Array SpectralConvolution::operator()(const Array& x, Index layer, const Shape& grid,
                                      SpectralPass* pass) const {
  const Array y = without_bias(x, layer, grid, pass);
  if (bias_.empty()) return y;
  Shape shape = bias_[static_cast<std::size_t>(layer)].shape();
  shape.insert(shape.begin(), 1);
  const Array b = reshape(bias_[static_cast<std::size_t>(layer)], shape);
  return y + (options_.complex_fields ? cast(b, y.dtype()) : b);
}

}  // namespace cartan::operators
