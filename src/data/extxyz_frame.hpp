#pragma once
// From the entries of an extended XYZ header to the fields of a frame.

#include "cartan/data/readers.hpp"
#include "data/extxyz_header.hpp"

namespace cartan::data {

/// Moves cell, periodicity, energy, stress or virial and charge into their fields, under all the names that
/// key_of() knows or under those of `keys` alone, and everything else, but for `Properties`, into
/// `frame.info`. Throws HeaderError: values that are none, labels that contradict each other, names that are
/// one slip away from a known one.
void apply_entries(const HeaderEntries& entries, const LabelKeys& keys, Frame& frame);

/// Energy and cell in the comment of a plain XYZ file, as CP2K, i-PI, xtb and ORCA write them, in eV and
/// Angstrom; `length` becomes the unit of the positions. False when the comment is of none of them. Throws
/// HeaderError.
bool read_program_comment(std::string_view comment, Frame& frame, double& length);

}  // namespace cartan::data
