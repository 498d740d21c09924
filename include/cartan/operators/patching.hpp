#pragma once
/// Multi-grid patches of fields (MG-TFNO, Kossaifi et al. 2024, arXiv:2310.00120): a large domain as many
/// small ones, each with ever coarser views of what is around it as further channels.

#include <vector>

#include <cartan/core/config.hpp>

namespace cartan::operators {

struct PatchingOptions {
  Index levels = 1;  ///< L: 2^L patches along each axis, L coarser views
  std::vector<double> padding{
      0.0};  ///< part of the extent of the whole domain added at both ends; one number: all axes
  /// Beyond the border: true, the other side of the domain; false, the values at the border.
  bool periodic = true;
};
void describe(config::Fields& f, PatchingOptions& o);

/// Patches of fields (samples, channels, n1 .. nd), d = 1 .. 3. With n = 2^L patches an axis of s = N/n
/// points and padding p = round(padding N):
///   view 0: the patch and p points around it;
///   view l: every 2^l-th point of the domain, a window of the same number of points about the patch.
/// The same as neuraloperator's in 2D for periodic fields; recorded where fields are tracked.
class Patching {
 public:
  /// For a grid. Throws std::invalid_argument where 2^L does not divide an extent or the coarsest view has
  /// less than 2 points a patch, naming the extent.
  Patching(const PatchingOptions& options, const Shape& grid);

  /// All views as channels: (samples * patches, channels * (L + 1), s1 + 2 p1, ..); patches of a sample
  /// follow each other, row-major.
  Array patch(const Array& fields) const;
  /// One of the views, (samples * patches, channels, s1 + 2 p1, ..); 0: the patches themselves.
  Array view(const Array& fields, Index level) const;
  /// The whole fields (samples, channels, grid) from patches (samples * patches, channels, s1 + 2 p1, ..),
  /// the padding cut off; stitch(patch(x)) of the first channels is x, bit for bit.
  Array stitch(const Array& patches) const;
  /// The patches without their padding; for losses patch by patch.
  Array unpad(const Array& patches) const;

  Index patches() const;  ///< of a sample
  const Shape& grid() const { return grid_; }
  Shape patch_grid() const;  ///< with padding

 private:
  PatchingOptions options_;
  Shape grid_, size_, padding_;
};

}  // namespace cartan::operators
