#pragma once
/// Files of point charges: PQR, PDB, PDBQT, and XYZ with charges.

#include <string>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

/// n point charges.
struct PointCharges {
  std::vector<double> positions;   ///< n x 3, Angstrom
  std::vector<double> charges;     ///< e
  std::vector<double> radii;       ///< Angstrom; empty: the file has none
  std::vector<std::string> names;  ///< "C", "CA", ...
  std::vector<Index> lines;        ///< where each stands in its file, from 1
  std::vector<std::string> notes;  ///< what of the file was left out, with its name: for the user
  std::string path;                ///< the file; "" when it comes from none

  Index size() const { return static_cast<Index>(charges.size()); }
};

/// Where a PDB file has charges.
enum class PdbCharges {
  formal,     ///< columns 79-80, "2+", "1-", blank for 0: the standard
  occupancy,  ///< columns 55-60
  b_factor    ///< columns 61-66
};
PdbCharges pdb_charges_from_name(const std::string& name);  ///< "formal", "occupancy", "b-factor"

/// True for a name of a kind that holds charges alone: .pqr .pdb .ent .pdbqt, and these with .gz.
bool is_charge_file(const std::string& path);

/// Reads charges; the kind follows from the name, in any case of letters, with .gz or not:
///  .pqr          ATOM and HETATM records of 10 fields or more between blanks, the last five x y z q r (as
///                APBS), or in the columns of a PDB file (as PDB2PQR); an element or segment may follow.
///                Serial numbers of any kind, also run into the record's name, and numbers that touch are
///                understood
///  .pdb .ent     fixed columns, x y z in 31-54, charges as `where` says
///  .pdbqt        fixed columns, partial charges in 71-76
///  .xyz .extxyz  the first frame; "El x y z q", or extended XYZ with a column charge, charges,
///                initial_charges or q
/// Every record that begins as an atom does is an atom or an error. Of several models (MODEL, ENDMDL, END),
/// frames and alternate locations the first is used, and `notes` says what was left out. Throws IoError,
/// FormatError naming file and line (malformed, not finite, no charges at all), and std::invalid_argument for
/// other names.
PointCharges read_point_charges(const std::string& path, PdbCharges where = PdbCharges::formal);

}  // namespace cartan::data
