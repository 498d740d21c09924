#pragma once
/// What a file states of a frame and nothing uses: one list, whatever the format.

#include <string>
#include <vector>

#include <cartan/data/frame.hpp>

namespace cartan::data {

/// All of it: what the reader passed over (`frame.unused`), then the info, arrays and labels that no part of
/// Cartan looks at, which are kept under their names. Those that are physics by their usual names (spin,
/// charges of atoms, fields, constraints, units, weights of labels, a cell under another key) are marked so.
/// Masses ("masses") and fixed atoms ("move_mask", "fixed") are used by dynamics and relaxation and are not
/// in the list; nor is a comment.
std::vector<Unused> not_used(const Frame& frame);

/// The names of what a frame has besides atoms, for errors: "energy, forces; keys DFT_Energy; columns q".
std::string stated(const Frame& frame);

}  // namespace cartan::data
