#pragma once
// The kinds of files behind read_frames and write_frames.

#include <functional>
#include <string>
#include <vector>

#include "cartan/data/frame.hpp"
#include "data/slice.hpp"

namespace cartan::data {

/// Gets one frame; false: no more are wanted.
using FrameSink = std::function<bool(Frame&&)>;

/// .npz in the layout of revised MD17 (nuclear_charges, coords, energies, forces; kcal/mol and Angstrom) or
/// of sGDML (z, R, E, F with r_unit and e_unit). `slice` must not step backwards.
void read_rmd17(const std::string& path, const Slice& slice, const FrameSink& sink);
/// True when the archive holds atomic numbers and coordinates under names that read_rmd17 knows.
bool is_rmd17(const std::string& path);
/// Writes nuclear_charges, coords, energies and forces; all frames must be of the same atoms.
void write_rmd17(const std::string& path, const std::vector<Frame>& frames);

/// A deepmd folder (type.raw, type_map.raw, set.*), or a folder of such folders in the order of their names.
void read_deepmd(const std::string& folder, const Slice& slice, const FrameSink& sink);
/// Makes such a folder; frames of different atoms go to one folder each, named by their formula.
void write_deepmd(const std::string& folder, const std::vector<Frame>& frames);

}  // namespace cartan::data
