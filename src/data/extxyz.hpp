#pragma once
// Reading extended XYZ frame by frame.

#include <string>

#include "cartan/data/readers.hpp"
#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"

namespace cartan::data {

class ExtxyzReader {
 public:
  explicit ExtxyzReader(const std::string& path, LabelKeys keys = {})
      : lines_(path), keys_(std::move(keys)) {}
  /// Reads the next frame; false at the end of the file.
  bool next(Frame& frame);
  /// Passes over the next frame; false at the end of the file.
  bool skip();

 private:
  struct Column;

  [[noreturn]] void fail(const std::string& what) const;
  bool read_count(Index& atoms);
  void read_line(std::string_view& line, Index atoms, Index atom);
  void read_header(std::string_view line, Index atoms, Frame& frame, std::vector<Column>& columns,
                   bool& plain);
  void place_columns(Frame& frame, std::vector<Column>& columns);
  void read_atoms(Index atoms, Frame& frame, std::vector<Column>& columns, bool plain);
  [[noreturn]] void fail_field(const std::vector<Column>& columns, std::string_view line, int field) const;
  void finish(Frame& frame, std::vector<Column>& columns) const;
  void finish_vectors(Frame& frame, std::vector<Column>& columns) const;
  void finish_masses(Frame& frame, std::vector<Column>& columns) const;

  LineReader lines_;
  LabelKeys keys_;
  Index frame_ = -1;
  double length_ = 1;             // of the positions of this frame, Angstrom
  bool extra_ = false;            // plain XYZ with more columns than three
  std::vector<double> isotopes_;  // masses of this frame's isotopes, 0 for others; empty: none
};

/// One frame as text, appended to `out`; `index` is for error messages.
void format_extxyz(std::string& out, const Frame& frame, Index index);

}  // namespace cartan::data
