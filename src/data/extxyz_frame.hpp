#pragma once
// From the entries of an extended XYZ header to the fields of a frame.

#include "data/extxyz_header.hpp"

namespace cartan::data {

/// Moves Lattice, pbc, energy, stress or virial and charge into their fields and everything else, but for
/// `Properties`, into `frame.info`. Throws HeaderError.
void apply_entries(const HeaderEntries& entries, Frame& frame);

}  // namespace cartan::data
