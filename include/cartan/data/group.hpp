#pragma once
/// A tree of named arrays with attributes: what models, optimisers and results save themselves into, and
/// what an HDF5 file of Cartan holds.

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

using Attribute = std::variant<std::int64_t, double, std::string, std::vector<double>,
                               std::vector<std::int64_t>, std::vector<std::string>>;
using Attributes = std::map<std::string, Attribute>;

/// An array in a Group with what is said of it ("units", "axes", ...).
struct Item {
  Array array;
  Attributes attributes;
};

/// A node of the tree. Names are paths: `root["model/layers/0"]` makes what is not there.
class Group {
 public:
  Attributes attributes;

  /// Stores `array` under `path` (intermediate groups are made).
  void set(const std::string& path, Array array, std::string units = "", std::string axes = "");
  bool has(const std::string& path) const;        ///< an array of that path
  bool has_group(const std::string& path) const;  ///< a group of that path
  /// The array; throws FormatError naming the path when there is none.
  const Array& array(const std::string& path) const;
  /// The array, checked for type and shape (-1: any extent); throws FormatError otherwise.
  Array array(const std::string& path, DType dtype, const Shape& shape) const;
  const Group& group(const std::string& path) const;  ///< throws FormatError when there is none
  Group& operator[](const std::string& path);         ///< the group, made when there is none

  /// An attribute of this group, checked for type; throws FormatError.
  std::int64_t integer(const std::string& name) const;
  double number(const std::string& name) const;  ///< accepts an integer
  const std::string& string(const std::string& name) const;
  const std::vector<std::int64_t>& integers(const std::string& name) const;
  const std::vector<double>& numbers(const std::string& name) const;
  const std::vector<std::string>& strings(const std::string& name) const;

  const std::map<std::string, Item>& items() const { return items_; }
  const std::map<std::string, Group>& groups() const { return groups_; }
  std::map<std::string, Item>& items() { return items_; }

  /// Where this group comes from ("file.h5:/model"), for error messages; set by load().
  void set_origin(std::string file, std::string path);
  const std::string& file() const { return file_; }  ///< "" when it does not come from a file

 private:
  std::map<std::string, Item> items_;
  std::map<std::string, Group> groups_;
  std::string file_, path_;
};

}  // namespace cartan::data
