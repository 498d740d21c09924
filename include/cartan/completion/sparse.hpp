#pragma once
/// Tensors of which some entries are known: a list of indices and values.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/core/span.hpp>
#include <cartan/data/group.hpp>

namespace cartan::completion {

/// What is made of several values of one entry.
enum class Duplicates { refuse, sum, average };
const char* name_of(Duplicates duplicates);

/// The known entries of a tensor of any order, sorted by index (last mode fastest): what is computed from it
/// does not depend on the order in which they came. What is not listed is unknown, or zero, as the function
/// says that takes it. Immutable and cheap to copy.
class SparseTensor {
 public:
  SparseTensor();  ///< of order 0, without entries
  /// @param indices  (N, d) int32 or int64, a multi-index a row, in [0, shape[k])
  /// @param values   (N) real or integer numbers, kept in float64
  /// Throws std::invalid_argument "[SparseTensor] .." for shapes that do not fit, extents beyond 2^31 - 1, an
  /// index out of range, a value that is not finite, an entry twice where duplicates are refused.
  SparseTensor(Shape shape, const Array& indices, const Array& values,
               Duplicates duplicates = Duplicates::refuse);
  /// The same from a column of indices a mode, which are taken over: the least memory.
  SparseTensor(Shape shape, std::vector<std::vector<std::int32_t>> indices, std::vector<double> values,
               Duplicates duplicates = Duplicates::refuse);
  /// The entries of a dense tensor that are not NaN (of a mask: that are not zero there as well).
  static SparseTensor from_dense(const Array& x, const Array& mask = {});

  int order() const { return static_cast<int>(shape().size()); }
  Index size() const;  ///< entries
  bool empty() const { return size() == 0; }
  const Shape& shape() const;
  /// The k-th index of every entry.
  Span<const std::int32_t> index(int mode) const;
  Span<const double> values() const;
  /// (N, d) int64, for functions that take multi-indices, and (N) float64.
  Array index_array() const;
  Array value_array() const;
  /// Entries in every slice of a mode.
  std::vector<Index> counts(int mode) const;

  /// The entries of these numbers, rising, each once.
  SparseTensor chosen(const std::vector<Index>& entries) const;
  /// The same indices with other values.
  SparseTensor with_values(std::vector<double> values) const;
  /// Both; the shape is the larger one in every mode.
  SparseTensor joined(const SparseTensor& other, Duplicates duplicates = Duplicates::refuse) const;
  /// The same entries in a larger shape.
  SparseTensor resized(Shape shape) const;
  /// The dense tensor, `missing` where nothing is known.
  Array dense(double missing) const;

  /// Writes arrays `indices` (N, d) int32 and `values`, attributes `kind` and `shape`.
  void save(data::Group& group) const;
  static SparseTensor load(const data::Group& group);  ///< throws FormatError

 private:
  struct State;
  explicit SparseTensor(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// How a file of entries is read.
struct EntryOptions {
  bool zero_based = false;  ///< indices of text count from 0, not from 1
  Duplicates duplicates = Duplicates::refuse;
  Shape shape;  ///< empty: the largest index of every mode, or as the file says
};

/// Entries of a file, by its content: .npy (a dense tensor, NaN = missing), .npz (`indices`, `values`,
/// perhaps `shape`), HDF5 (what save() wrote at the root or in the group `tensor`; or a dataset `values` of
/// the same kind as .npy), otherwise text, see data::read_coordinates. Throws IoError; FormatError with file
/// and line or object, also for an index beyond options.shape and for duplicates.
SparseTensor read_entries(const std::string& path, const EntryOptions& options = {});
/// By the name's end: .npz, .h5 or .hdf5, else text.
void write_entries(const std::string& path, const SparseTensor& tensor, bool zero_based = false);

}  // namespace cartan::completion
