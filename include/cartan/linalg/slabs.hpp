#pragma once
/// ST-HOSVD of tensors that do not fit in memory.

#include <functional>
#include <string>

#include <cartan/data/hdf5.hpp>
#include <cartan/linalg/hosvd.hpp>

namespace cartan::linalg {

/// A tensor that is read by slabs, rows [begin, end) of its first axis.
struct SlabSource {
  Shape shape;
  DType dtype = DType::f64;
  std::function<Array(Index begin, Index end)> rows;  ///< of shape (end - begin, shape[1], ...)
  Index slab = 0;                                     ///< rows read at a time; 0: about 64 MiB
};
/// A dataset of an HDF5 file, which must outlive the source. Throws FormatError where there is none.
SlabSource slabs_of(const data::Hdf5File& file, const std::string& dataset);

/// st_hosvd() of a tensor read by slabs. For the first mode of the order (never the first axis, unless it is
/// the only one of extent above 1) the basis takes one pass over the slabs (method `randomized`: one for
/// every sketch), its projection one; while the reduced tensor takes more than options.memory bytes the next
/// mode is treated in the same way, the rest in memory. `automatic` means gram here, `lq` is refused. The
/// same as st_hosvd() in memory with method gram and the same order, up to rounding. `relative_error` is
/// exact (float64 above 1e-6: norm differences). Throws std::invalid_argument as st_hosvd() does, when a slab
/// has another shape or type than announced, and when the reduced tensor would take more than options.memory.
Result<Tucker> st_hosvd(const SlabSource& x, const HosvdOptions& options = {});

}  // namespace cartan::linalg
