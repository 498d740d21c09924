#pragma once
/// Lists of tensor entries as text: a line for each, the indices of every mode and the value behind them.

#include <cstdint>
#include <string>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

/// Entries of a tensor, a column a mode; indices count from 0.
struct Coordinates {
  std::vector<std::vector<std::int32_t>> indices;
  std::vector<double> values;
  std::vector<Index> lines;  ///< where each stands in a text file, from 1; empty where asked not to keep them

  int order() const { return static_cast<int>(indices.size()); }
  Index size() const { return static_cast<Index>(values.size()); }
};

struct CoordinateOptions {
  bool zero_based = false;  ///< indices in the file count from 0, not from 1
  bool values = true;  ///< false: lines of indices alone (a value behind them is passed over with `order`)
  int order = 0;       ///< modes that are expected; 0: as the first line has them
  bool keep_lines = false;
};

/// The text of FROSTT, SPLATT (.tns) and its kin: numbers between blanks, tabs, commas or semicolons; lines
/// that begin with # or % and empty ones are passed over, as is a first line of words; gzip is unpacked.
/// Throws IoError; FormatError with path and line for another number of fields, an index that is no whole
/// number or out of range, a value that is no finite number, and a file without any entry.
Coordinates read_coordinates(const std::string& path, const CoordinateOptions& options = {});
/// One line an entry, values with all their digits; atomically. Throws IoError.
void write_coordinates(const std::string& path, const Coordinates& entries, bool zero_based = false);

}  // namespace cartan::data
