#include "operators/spectral.hpp"

#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::operators {

Shape KeptModes::extents() const {
  Shape out;
  for (const auto& axis : bins) out.push_back(static_cast<Index>(axis.size()));
  return out;
}

void KeptModes::check(const char* caller) const {
  require(!grid.empty() && grid.size() == bins.size(), "[", caller, "] modes of ", bins.size(),
          " axes for a grid ", grid, "; name those of each axis");
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const Index n = real && a + 1 == grid.size() ? grid[a] / 2 + 1 : grid[a];
    require(grid[a] >= 1 && !bins[a].empty(), "[", caller, "] axis ", a, " of ", grid[a], " points with ",
            bins[a].size(), " modes; at least one of each");
    std::vector<bool> seen(static_cast<std::size_t>(std::max<Index>(n, 0)));
    for (const std::int32_t bin : bins[a]) {
      require(bin >= 0 && bin < n, "[", caller, "] bin ", bin, " along axis ", a, " of ", grid[a],
              " points; bins are 0 to ", n - 1);
      require(!seen[bin], "[", caller, "] bin ", bin, " along axis ", a, " is named twice");
      seen[bin] = true;
    }
  }
}

double half_weight(const KeptModes& kept, Half half, Index once, std::size_t i) {
  if (!kept.real || half == Half::once || static_cast<Index>(i) == once) return 1;
  const Index k = kept.bins.back()[i], n = kept.grid.back();
  return k == 0 || 2 * k == n ? 1 : 2;
}

Arrays FieldToSpectrum::vjp(const Arrays&, const Arrays&, const Arrays& c, const std::vector<bool>&) const {
  return {run(std::make_shared<SpectrumToField>(kept_, half_, once_, factor_), {c[0]})};
}

Arrays SpectrumToField::vjp(const Arrays&, const Arrays&, const Arrays& c, const std::vector<bool>&) const {
  return {run(std::make_shared<FieldToSpectrum>(kept_, half_, once_, factor_), {c[0]})};
}

Arrays Trilinear::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                      const std::vector<bool>& wanted) const {
  // out = A(a) B(b): c_a = c conj(B b), or conj(c) (B b) where A conjugates; likewise c_b.
  const Array& c = cotangents[0];
  Arrays g(2);
  const Slot slots[3][2] = {{y, r}, {x, y}, {x, r}};  // of the arguments of each member
  for (int k = 0; k < 2; ++k) {
    if (!wanted[k]) continue;
    const bool own = k == 0 ? conj_a_ : conj_b_, conj_other = k == 0 ? conj_b_ : conj_a_;
    const bool conj_c = own, conj_o = own ? conj_other : !conj_other;
    const Slot target = slots[slot_][k];
    // the arguments of the member of `target`, in its order: c stands in slot_
    g[k] = slots[target][0] == slot_ ? run(member(target, conj_c, conj_o), {c, in[1 - k]})
                                     : run(member(target, conj_o, conj_c), {in[1 - k], c});
  }
  return g;
}

Array modes_of(const Array& x, const KeptModes& kept, double factor) {
  kept.check("modes_of");
  require(x.ndim() == static_cast<int>(kept.grid.size()) + 2 &&
              std::equal(kept.grid.begin(), kept.grid.end(), x.shape().begin() + 2) &&
              (kept.real ? is_real(x.dtype()) : is_complex(x.dtype())),
          "[modes_of] fields ", x.shape(), " of ", x.dtype(), " must be (samples, channels, ", kept.grid,
          ") of ", kept.real ? "real" : "complex", " numbers");
  return run(std::make_shared<FieldToSpectrum>(kept, Half::once, -1, factor), {x});
}

Array field_of(const Array& modes, const KeptModes& kept, double factor, Index nyquist_once) {
  kept.check("field_of");
  const Shape extents = kept.extents();
  require(modes.ndim() == static_cast<int>(kept.grid.size()) + 2 &&
              std::equal(extents.begin(), extents.end(), modes.shape().begin() + 2) &&
              is_complex(modes.dtype()),
          "[field_of] modes ", modes.shape(), " of ", modes.dtype(), " must be (samples, channels, ", extents,
          ") of complex numbers");
  return run(std::make_shared<SpectrumToField>(kept, Half::twice, nyquist_once, factor), {modes});
}

Array mix_modes(const Array& modes, const Array& weights) {
  require(modes.ndim() == 3 && weights.ndim() == 3 && modes.dim(1) == weights.dim(0) &&
              modes.dim(2) == weights.dim(2) && modes.dtype() == weights.dtype() && is_complex(modes.dtype()),
          "[mix_modes] modes ", modes.shape(), " of ", modes.dtype(), " and weights ", weights.shape(),
          " of ", weights.dtype(), " must be (samples, in, K) and (in, out, K), complex of one type");
  return run(std::make_shared<MixModes>(MixModes::y, false, false), {modes, weights});
}

Array axis_product(const Array& x, const Array& u, int axis) {
  require(axis >= 0 && axis < x.ndim() && u.ndim() == 2 && u.dim(1) == x.dim(axis) &&
              u.dtype() == x.dtype() && is_complex(u.dtype()),
          "[axis_product] a matrix ", u.shape(), " of ", u.dtype(), " along axis ", axis, " of ", x.shape(),
          " of ", x.dtype(), ": needs complex numbers of one type and equal inner extents");
  Shape shape = x.shape();
  Index left = 1, right = 1;
  for (int a = 0; a < x.ndim(); ++a)
    if (a != axis) (a < axis ? left : right) *= x.dim(a);
  shape[static_cast<std::size_t>(axis)] = u.dim(0);
  return reshape(run(std::make_shared<AxisProduct>(AxisProduct::y, false, false),
                     {reshape(x, {left, u.dim(1), right}), u}),
                 shape);
}

}  // namespace cartan::operators
