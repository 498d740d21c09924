#include "cartan/so3/conventions.hpp"

#include <algorithm>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/wigner.hpp"

namespace cartan::so3 {
namespace {

// Places in irreps of the coordinates of the sorted ones: whole terms move.
std::vector<Index> natural_index(const Irreps& irreps) {
  const auto sorted = sort_natural(irreps);
  std::vector<Index> index(static_cast<std::size_t>(irreps.dim()));
  for (std::size_t t = 0; t < irreps.size(); ++t)
    std::iota(index.begin() + sorted.irreps.offset(sorted.permutation[t]),
              index.begin() + sorted.irreps.offset(sorted.permutation[t] + 1), irreps.offset(t));
  return index;
}

std::vector<Index> inverse(const std::vector<Index>& index) {
  std::vector<Index> out(index.size());
  for (std::size_t k = 0; k < index.size(); ++k)
    out[static_cast<std::size_t>(index[k])] = static_cast<Index>(k);
  return out;
}

void check_features(const char* op, const Array& x, const Irreps& irreps) {
  require(x.ndim() >= 1 && x.dim(-1) == irreps.dim(), "[", op, "] x ", x.shape(), " for ", irreps,
          ": the last axis must have ", irreps.dim());
}

// Where the coordinates of one layout lie in the other.
std::vector<Index> layout_index(const Irreps& irreps, bool channels_fastest) {
  std::vector<Index> index;
  for (std::size_t t = 0; t < irreps.size(); ++t) {
    const Index mul = irreps[t].mul, dim = irreps[t].ir.dim();
    const Index outer = channels_fastest ? dim : mul, inner = channels_fastest ? mul : dim;
    for (Index o = 0; o < outer; ++o)
      for (Index i = 0; i < inner; ++i) index.push_back(irreps.offset(t) + i * outer + o);
  }
  return index;
}

Array change_layout(const char* op, const Array& x, const Irreps& irreps, bool to_ours) {
  check_features(op, x, irreps);
  const bool same =
      std::all_of(irreps.begin(), irreps.end(), [](const MulIrrep& t) { return t.mul <= 1 || t.ir.l == 0; });
  return same ? x : take_last(x, layout_index(irreps, to_ours));
}

Array change_matrix(const char* op, const Array& matrix, const Irreps& rows, const Irreps& columns,
                    bool to_ours) {
  require(matrix.ndim() >= 2 && matrix.dim(-2) == rows.dim() && matrix.dim(-1) == columns.dim(), "[", op,
          "] matrix ", matrix.shape(), " from ", columns, " to ", rows, ": its last axes must be (",
          rows.dim(), ", ", columns.dim(), ")");
  const Array by_columns = change_layout(op, matrix, columns, to_ours);
  return transpose(change_layout(op, transpose(by_columns), rows, to_ours));
}

// sphericart(v) = ours(P v), P (x, y, z) = (y, z, x).
Array turn_axes(const Array& y, int lmax, bool transposed) {
  const Array p =
      Array::from(std::vector<double>{0, 1, 0, 0, 0, 1, 1, 0, 0}, {1, 3, 3}).as(y.dtype()).to(y.device());
  const Array d = broadcast_to(wigner_d(p, lmax), {y.dim(0), wigner_size(lmax)});
  return rotate(d, y, Irreps::spherical_harmonics(lmax), transposed);
}

void check_harmonics(const char* op, const Array& y, int lmax) {
  require(lmax >= 0, "[", op, "] lmax is ", lmax);
  require(y.ndim() == 2 && y.dim(1) == Index{lmax + 1} * (lmax + 1), "[", op, "] y ", y.shape(),
          " must be (n, ", Index{lmax + 1} * (lmax + 1), ") for lmax ", lmax);
}

// Rows of coefficients as the last axis, whatever the channels: index[k] c channels + u.
std::vector<Index> with_channels(const std::vector<Index>& index, Index channels) {
  std::vector<Index> out;
  for (Index k : index)
    for (Index u = 0; u < channels; ++u) out.push_back(k * channels + u);
  return out;
}

}  // namespace

Array from_mul_ir(const Array& x, const Irreps& irreps) {
  return change_layout("from_mul_ir", x, irreps, true);
}

Array to_mul_ir(const Array& x, const Irreps& irreps) {
  return change_layout("to_mul_ir", x, irreps, false);
}

Array matrix_from_mul_ir(const Array& matrix, const Irreps& rows, const Irreps& columns) {
  return change_matrix("matrix_from_mul_ir", matrix, rows, columns, true);
}

Array matrix_to_mul_ir(const Array& matrix, const Irreps& rows, const Irreps& columns) {
  return change_matrix("matrix_to_mul_ir", matrix, rows, columns, false);
}

Irreps::Sorted sort_natural(const Irreps& irreps) {
  std::vector<std::size_t> order(irreps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t t) {
    const Irrep ir = irreps[t].ir;
    return 2 * ir.l + (ir.p == (ir.l % 2 == 0 ? 1 : -1) ? 0 : 1);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  Irreps::Sorted out;
  out.permutation.resize(irreps.size());
  std::vector<MulIrrep> terms;
  for (std::size_t k = 0; k < order.size(); ++k) {
    terms.push_back(irreps[order[k]]);
    out.permutation[order[k]] = k;
  }
  out.irreps = Irreps(std::move(terms));
  return out;
}

Array to_natural_order(const Array& x, const Irreps& irreps) {
  check_features("to_natural_order", x, irreps);
  return take_last(x, natural_index(irreps));
}

Array from_natural_order(const Array& x, const Irreps& irreps) {
  check_features("from_natural_order", x, irreps);
  return take_last(x, inverse(natural_index(irreps)));
}

Array to_sphericart(const Array& y, int lmax) {
  check_harmonics("to_sphericart", y, lmax);
  return turn_axes(y, lmax, false) * (1 / std::sqrt(4 * M_PI));
}

Array from_sphericart(const Array& y, int lmax) {
  check_harmonics("from_sphericart", y, lmax);
  return turn_axes(y, lmax, true) * std::sqrt(4 * M_PI);
}

std::vector<Index> m_major_order(int lmax, int mmax) {
  require(mmax >= 0 && mmax <= lmax, "[m_major_order] mmax ", mmax, " is outside [0, lmax = ", lmax, "]");
  std::vector<Index> index;
  for (int m = 0; m <= mmax; ++m)
    for (int sign = 1; sign >= (m == 0 ? 1 : -1); sign -= 2)
      for (int l = m; l <= lmax; ++l) index.push_back(l * l + l + sign * m);
  return index;
}

Array to_m_major(const Array& x, int lmax, int mmax) {
  const auto index = m_major_order(lmax, mmax);
  const Index all = Index{lmax + 1} * (lmax + 1), channels = x.ndim() == 3 ? x.dim(2) : 1;
  require((x.ndim() == 2 || x.ndim() == 3) && x.dim(1) == all, "[to_m_major] x ", x.shape(), " must be (n, ",
          all, ", channels)");
  Shape shape = x.shape();
  const Array flat = take_last(reshape(x, {shape[0], all * channels}), with_channels(index, channels));
  shape[1] = static_cast<Index>(index.size());
  return reshape(flat, shape);
}

Array from_m_major(const Array& x, int lmax, int mmax) {
  auto index = m_major_order(lmax, mmax);
  const Index all = Index{lmax + 1} * (lmax + 1), kept = static_cast<Index>(index.size()),
              channels = x.ndim() == 3 ? x.dim(2) : 1;
  require((x.ndim() == 2 || x.ndim() == 3) && x.dim(1) == kept, "[from_m_major] x ", x.shape(),
          " must be (n, ", kept, ", channels)");
  Shape shape = x.shape();
  for (Index k = 0; k < all; ++k)  // zeros take the places that are missing
    if (std::find(index.begin(), index.begin() + kept, k) == index.begin() + kept) index.push_back(k);
  const Array flat = pad(reshape(x, {shape[0], kept * channels}), 1, 0, (all - kept) * channels);
  shape[1] = all;
  return reshape(take_last(flat, with_channels(inverse(index), channels)), shape);
}

}  // namespace cartan::so3
