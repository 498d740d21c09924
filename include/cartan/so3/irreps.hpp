#pragma once
/// Irreducible representations of O(3) and features made of them, in e3nn's conventions: `16x0e+8x1o` is
/// 16 even scalars followed by 8 vectors.
///
/// A feature array has shape (..., irreps.dim()): the blocks of the terms one after the other. The block of
/// `mul x l` is [m, u], channels fastest (`ir_mul`), which is what vector units like; there is no other
/// layout in this module. e3nn keeps [u, m] (`mul_ir`): conventions.hpp converts.

#include <iosfwd>
#include <string>
#include <vector>

#include <cartan/autodiff/primitive.hpp>

namespace cartan::so3 {

/// The largest degree that is taken: products of two such irreps have 10^9 couplings.
inline constexpr int largest_degree = 1000;

/// Degree l in [0, largest_degree] and parity p = +1 (e) or -1 (o).
struct Irrep {
  int l = 0, p = 1;

  int dim() const noexcept { return 2 * l + 1; }
  std::string text() const;  ///< "1o"
  /// "1o", "2e", "3y" (y: the parity of spherical harmonics, (-1)^l); throws std::invalid_argument.
  static Irrep parse(const std::string& text);
};
inline bool operator==(Irrep a, Irrep b) noexcept {
  return a.l == b.l && a.p == b.p;
}
inline bool operator!=(Irrep a, Irrep b) noexcept {
  return !(a == b);
}
/// e3nn's order: by l, then odd before even.
inline bool operator<(Irrep a, Irrep b) noexcept {
  return a.l != b.l ? a.l < b.l : a.p < b.p;
}
/// The irreps of a x b: l = |a.l - b.l| .. a.l + b.l, parity a.p b.p.
std::vector<Irrep> operator*(Irrep a, Irrep b);

/// `mul` copies of one irrep.
struct MulIrrep {
  Index mul = 1;
  Irrep ir;

  Index dim() const noexcept { return mul * ir.dim(); }
};
inline bool operator==(const MulIrrep& a, const MulIrrep& b) noexcept {
  return a.mul == b.mul && a.ir == b.ir;
}

/// A direct sum of irreps: a list of MulIrrep with their places in the last axis of a feature array.
class Irreps {
 public:
  Irreps() = default;
  Irreps(std::vector<MulIrrep> terms);  // NOLINT: a list of terms is an Irreps
  /// Parses "16x0e + 8x1o"; throws std::invalid_argument naming what cannot be read.
  Irreps(const std::string& text);
  Irreps(const char* text) : Irreps(std::string(text)) {}
  /// 0e + 1o + 2e + ... (parity -1: harmonics of a polar vector; +1: of an axial one).
  static Irreps spherical_harmonics(int lmax, int parity = -1);

  std::size_t size() const noexcept { return terms_.size(); }
  bool empty() const noexcept { return terms_.empty(); }
  const MulIrrep& operator[](std::size_t k) const { return terms_[k]; }
  std::vector<MulIrrep>::const_iterator begin() const noexcept { return terms_.begin(); }
  std::vector<MulIrrep>::const_iterator end() const noexcept { return terms_.end(); }

  Index dim() const noexcept { return offsets_.empty() ? 0 : offsets_.back(); }
  /// Place of the first coordinate of term k; offset(size()) is dim().
  Index offset(std::size_t k) const { return k == 0 ? 0 : offsets_[k - 1]; }
  Index num_irreps() const noexcept;     ///< sum of the multiplicities
  Index count(Irrep ir) const noexcept;  ///< multiplicity of one irrep, over all terms
  int lmax() const noexcept;             ///< -1 when empty
  std::string text() const;              ///< "16x0e+8x1o"

  /// Without empty terms; neighbours of the same irrep merged, which moves their coordinates: see recut().
  Irreps simplify() const;
  /// Terms by irrep, equal ones in their old order. `permutation[old term] = new term`, as e3nn's p.
  struct Sorted;
  Sorted sort() const;
  /// sort().irreps.simplify()
  Irreps regroup() const;
  /// Terms [begin, end).
  Irreps slice(std::size_t begin, std::size_t end) const;

 private:
  std::vector<MulIrrep> terms_;
  std::vector<Index> offsets_;  // end of each term
};
struct Irreps::Sorted {
  Irreps irreps;
  std::vector<std::size_t> permutation;
};

bool operator==(const Irreps& a, const Irreps& b) noexcept;
inline bool operator!=(const Irreps& a, const Irreps& b) noexcept {
  return !(a == b);
}
Irreps operator+(const Irreps& a, const Irreps& b);  ///< concatenation
std::ostream& operator<<(std::ostream& out, Irrep ir);
std::ostream& operator<<(std::ostream& out, const Irreps& irreps);

/// The features of irreps.sort().irreps from those of irreps. Differentiable. x (..., irreps.dim()).
Array sort_features(const Array& x, const Irreps& irreps);
/// Whether features of a and of b are the same arrays: the irreps are equal but for empty terms and for where
/// neighbouring scalars are cut into terms.
bool same_coordinates(const Irreps& a, const Irreps& b);
/// The features of `to` from those of `from`, which have the same channels in the same order, cut into terms
/// elsewhere: recut(x, irreps, irreps.simplify()) and back. Differentiable. x (..., from.dim()).
Array recut(const Array& x, const Irreps& from, const Irreps& to);
/// out[..., k] = x[..., index[k]], index distinct: reorderings and choices of coordinates. Differentiable.
Array take_last(const Array& x, const std::vector<Index>& index);

}  // namespace cartan::so3
