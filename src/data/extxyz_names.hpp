#pragma once
// What keys and columns of extended XYZ are called: names of one meaning in the programs that write such
// files (ASE, QUIP and GAP, MACE, nequip, GPUMD, CP2K and their kin), in any case of letters, and slips of
// the pen.

#include <string>
#include <string_view>

namespace cartan::data {

/// What a key of the second line means.
enum class Key { other, properties, lattice, periodic, charge, energy, free_energy, forces, stress, virial };
/// Labels may carry the name of a method before or behind: DFT_energy, energy_pbe, REF_stress.
Key key_of(std::string_view name);

/// What a column of the atom lines means; `frozen`: F or 0 where the atom moves.
enum class ColumnName {
  other,
  species,
  numbers,
  positions,
  forces,
  velocities,
  momenta,
  masses,
  moves,
  frozen
};
ColumnName column_of(std::string_view name);

/// The known key (column) that a name differs from by one slip: a letter too many, too few, wrong, or two
/// exchanged. Empty for a name that is known, or like none.
std::string meant_key(std::string_view name);
std::string meant_column(std::string_view name);

/// Lower case.
std::string lower(std::string_view name);

}  // namespace cartan::data
