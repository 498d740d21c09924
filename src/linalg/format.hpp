#pragma once
// What the three formats share: checks of their arrays, entries by index, reading and writing.

#include <string>
#include <vector>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/data/group.hpp"
#include "core/dispatch.hpp"

namespace cartan::linalg {

/// float32 or float64, `ndim` axes, finite.
inline void check_part(const char* caller, const char* what, const Array& a, DType dtype, int ndim) {
  require(is_real(dtype), "[", caller, "] elements are ", dtype, "; use float32 or float64");
  require(a.dtype() == dtype, "[", caller, "] ", what, " holds ", a.dtype(), ", the others ", dtype);
  require(a.ndim() == ndim, "[", caller, "] ", what, " has shape ", a.shape(), ", expected ", ndim, " axes");
  refuse_tracked(caller, a);
  require(all_finite(a), "[", caller, "] ", what, " holds numbers that are not finite");
}

inline void check_same(const char* caller, const Shape& x, const Shape& y, DType tx, DType ty) {
  require(x == y, "[", caller, "] shapes ", x, " and ", y, " differ");
  require(tx == ty, "[", caller, "] types ", tx, " and ", ty, " differ");
}

/// entry(index) for every row of `indices` (N x d): an array (N) of `dtype`.
template <class Entry>
Array entries(const char* caller, const Array& indices, const Shape& shape, DType dtype, const Entry& entry) {
  const Index d = static_cast<Index>(shape.size());
  require(indices.ndim() == 2 && indices.dim(1) == d && indices.dtype() == DType::i64, "[", caller,
          "] indices are ", indices.dtype(), " of shape ", indices.shape(), ", expected int64 (N, ", d, ")");
  const Index* index = indices.data<Index>();
  for (Index i = 0; i < indices.size(); ++i)
    require(index[i] >= 0 && index[i] < shape[static_cast<std::size_t>(i % d)], "[", caller, "] index ",
            index[i], " of mode ", i % d, " is not in [0, ", shape[static_cast<std::size_t>(i % d)], ")");
  Array out = Array::uninitialized({indices.dim(0)}, dtype);
  dispatch_real(caller, dtype, [&]<class T>(T) {
    T* y = out.mutable_data<T>();
    parallel_for(out.size(), 256, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) y[i] = static_cast<T>(entry(index + i * d));
    });
  });
  return out;
}

template <class Format>
double entry_at(const Format& x, const std::vector<Index>& index) {
  require(index.size() == x.shape().size(), "[at] ", index.size(), " indices of a tensor of order ",
          x.shape().size());
  Format wide = x;
  return wide.at(Array::from(index, {1, static_cast<Index>(index.size())})).as(DType::f64).item();
}

inline std::string numbered(const char* name, int k) {
  return std::string(name) + "/" + std::to_string(k);
}

/// A finite array of the group; FormatError otherwise.
inline Array load_part(const data::Group& group, const std::string& name, DType dtype, const Shape& shape) {
  Array a = group.array(name, dtype, shape);
  if (!all_finite(a)) throw FormatError(group.file(), name, "holds numbers that are not finite");
  return a;
}

/// The type of array `name`, float32 or float64.
inline DType load_type(const data::Group& group, const std::string& name) {
  const DType dtype = group.array(name).dtype();
  if (!is_real(dtype))
    throw FormatError(group.file(), name, text("holds ", dtype, ", expected float32 or float64"));
  return dtype;
}

inline void load_kind(const data::Group& group, const char* kind) {
  if (group.string("kind") != kind)
    throw FormatError(group.file(), "kind", "is '" + group.string("kind") + "', expected '" + kind + "'");
}

/// How many arrays `name`/0, 1, ... there are, and no others.
inline int load_count(const data::Group& group, const char* name) {
  const auto& items = group.group(name).items();
  const int count = static_cast<int>(items.size());
  if (count == 0) throw FormatError(group.file(), name, "is empty");
  for (int k = 0; k < count; ++k)
    if (items.count(std::to_string(k)) == 0)
      throw FormatError(group.file(), numbered(name, k), "there is no array of this name");
  return count;
}

/// A broken invariant found by check() while loading is the file's fault.
template <class Format>
Format checked_format(const data::Group& group, Format x) {
  try {
    x.check("load");
  } catch (const std::invalid_argument& e) {
    throw FormatError(group.file(), "", e.what());
  }
  return x;
}

}  // namespace cartan::linalg
