#pragma once
// Reading extended XYZ frame by frame.

#include <string>

#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"

namespace cartan::data {

class ExtxyzReader {
 public:
  explicit ExtxyzReader(const std::string& path) : lines_(path) {}
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
  void read_atoms(Index atoms, Frame& frame, std::vector<Column>& columns, bool plain);
  [[noreturn]] void fail_field(const std::vector<Column>& columns, std::string_view line, int field) const;
  void finish(Frame& frame, std::vector<Column>& columns) const;

  LineReader lines_;
  Index frame_ = -1;
};

/// One frame as text, appended to `out`; `index` is for error messages.
void format_extxyz(std::string& out, const Frame& frame, Index index);

// Which keys and columns name a label, first the one that wins.
inline constexpr const char* energy_names[] = {"energy", "Energy", "REF_energy", "dft_energy", "free_energy"};
inline constexpr const char* force_names[] = {"forces", "force", "REF_forces", "dft_forces"};
inline constexpr const char* stress_names[] = {"stress", "REF_stress", "dft_stress"};
inline constexpr const char* virial_names[] = {"virial", "virials", "REF_virial", "dft_virial"};
inline constexpr const char* charge_names[] = {"charge", "total_charge"};
inline constexpr const char* velocity_names[] = {"velo", "velocities"};

}  // namespace cartan::data
