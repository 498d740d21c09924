#pragma once
/// Writing a tree of datasets, from memory or from a source that does not fit in memory.

#include <functional>
#include <string>

#include "cartan/data/group.hpp"
#include "cartan/data/hdf5.hpp"

namespace cartan::data {

/// Where the elements of a dataset come from.
struct Source {
  DType dtype = DType::f64;
  Shape shape;
  const void* elements = nullptr;                               ///< all of them, or
  std::function<void(Index begin, Index end, void* out)> rows;  ///< called for consecutive ranges of rows
};

/// The source of the dataset `path` ("/a/b") of a tree.
using SourceOf = std::function<Source(const std::string& path, const Item& item)>;

/// save() with another source of the elements. The file depends on names, elements and attributes alone.
void write_tree(const std::string& path, const Group& root, const Header& header, const SourceOf& source);

/// Throws std::invalid_argument for names, attributes or shapes that a file cannot hold.
void check_name(const std::string& name);
void check_attributes(const std::string& path, const Attributes& attributes);
void check_shape(const std::string& path, const Shape& shape, DType dtype);

inline constexpr int largest_rank = 8;    ///< of a dataset, the axis of complex parts included
inline constexpr int largest_depth = 64;  ///< of nested groups

}  // namespace cartan::data
