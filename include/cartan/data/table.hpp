#pragma once
/// Tables of named columns: text with separators, or HDF5 files with lists of one length.

#include <string>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

struct Column {
  enum class Kind { numbers, times, words };
  std::string name;
  Kind kind = Kind::numbers;
  std::vector<double> numbers;     ///< NaN where missing; times in days since 1970-01-01, UTC
  std::vector<std::string> words;  ///< of a column of words; "" where missing
  std::string example;             ///< its first word that is no number, and its line
};

struct Table {
  std::string path;
  std::vector<Column> columns;
  std::vector<Index> lines;  ///< of every row in a text file, from 1; of HDF5: the row's number, from 0

  Index rows() const { return static_cast<Index>(lines.size()); }
  bool has(const std::string& name) const;
  /// Throws FormatError that names the nearest column.
  const Column& column(const std::string& name) const;
  std::vector<std::string> names() const;
};

/// Text: a line of names, then rows; separated by commas, semicolons, tabs or blanks, whichever the first
/// line has; words may stand in double quotes; lines that begin with # and empty ones are passed over. Empty,
/// NA, NaN and null are missing. A column of numbers, of times (2013-03-01, with 10:30 or T10:30:00Z behind
/// it), or else of words. HDF5: every list of real numbers or integers, all of one length. Throws IoError;
/// FormatError with path and line.
Table read_table(const std::string& path);

}  // namespace cartan::data
