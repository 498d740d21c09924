#pragma once
// Lists of arrays cut into pieces of a fixed size, so that one parallel loop walks over all of them.

#include <algorithm>
#include <vector>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/nn/layers.hpp"

namespace cartan::nn {

struct Chunk {
  std::size_t tensor;
  Index begin, end;  // in real numbers: a complex element is two
};

inline bool is_double(const Array& a) {
  return a.dtype() == DType::f64 || a.dtype() == DType::c128;
}
inline Index reals(const Array& a) {
  return is_complex(a.dtype()) ? 2 * a.size() : a.size();
}

inline constexpr Index chunk_size = 16384;

inline std::vector<Chunk> chunks_of(const Arrays& arrays) {
  std::vector<Chunk> out;
  for (std::size_t k = 0; k < arrays.size(); ++k)
    for (Index i = 0, n = reals(arrays[k]); i < n; i += chunk_size)
      out.push_back({k, i, std::min(n, i + chunk_size)});
  return out;
}

// f(chunk number, chunk) over all chunks; small ones are grouped.
template <class F>
void for_chunks(const std::vector<Chunk>& chunks, F&& f) {
  parallel_for(static_cast<Index>(chunks.size()), 4, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) f(static_cast<std::size_t>(k), chunks[static_cast<std::size_t>(k)]);
  });
}

// Addresses of each of the arrays, for an Update.
inline std::vector<Array*> pointers_to(Arrays& arrays) {
  std::vector<Array*> out;
  for (Array& a : arrays) out.push_back(&a);
  return out;
}

inline void require_like(const char* op, const std::string& name, const Array& a, const Shape& shape,
                         DType dtype) {
  require(a.shape() == shape && a.dtype() == dtype, "[", op, "] '", name, "' is ", a.dtype(), " of shape ",
          a.shape(), ", expected ", dtype, " of shape ", shape);
}
inline void require_same(const char* op, const std::string& name, const Array& a, const Array& b) {
  require_like(op, name, a, b.shape(), b.dtype());
}

// The arrays of a state under the parameters' names, for saving and loading.
inline ParameterRefs named(const std::vector<std::string>& names, Arrays& arrays) {
  ParameterRefs out;
  for (std::size_t k = 0; k < arrays.size(); ++k) out.push_back({names[k], &arrays[k]});
  return out;
}
inline void save_named(const std::vector<std::string>& names, const Arrays& arrays, data::Group& group) {
  for (std::size_t k = 0; k < arrays.size(); ++k) group.set(names[k], arrays[k]);
}

}  // namespace cartan::nn
