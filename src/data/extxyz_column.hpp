#pragma once
// Columns of the atom lines of an extended XYZ frame.

#include "data/extxyz.hpp"
#include "data/extxyz_names.hpp"

namespace cartan::data {

/// One column of `Properties` and where its values go.
struct ExtxyzReader::Column {
  enum Role { species, number, reals, integers, bools, texts } role = reals;
  ColumnName meaning = ColumnName::other;
  std::string name;
  int width = 1;
  bool label = false;  // must be finite
  double* real = nullptr;
  std::int64_t* integer = nullptr;
  std::uint8_t* boolean = nullptr;
  std::vector<std::string>* words = nullptr;
  Array array;  // of a column that the frame keeps under its name
};

}  // namespace cartan::data
