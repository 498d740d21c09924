// Files of other programs, known by how they begin, so that an error can name them.

#include <cctype>

#include "data/formats.hpp"

namespace cartan::data {
namespace {

struct Magic {
  std::string_view bytes;
  std::size_t at;
  const char* kind;
};

using namespace std::string_view_literals;

constexpr Magic magics[] = {
    {"\x93NUMPY"sv, 0, "a single array of numpy (several are needed: an .npz or a deepmd folder)"},
    {"\x1f\x8b"sv, 0, "a compressed file (gzip: gunzip it)"},
    {"BZh"sv, 0, "a compressed file (bzip2: bunzip2 it)"},
    {"\xfd"
     "7zXZ"sv,
     0, "a compressed file (xz: unxz it)"},
    {"\x28\xb5\x2f\xfd"sv, 0, "a compressed file (zstd: unzstd it)"},
    {"ustar"sv, 257, "an archive (tar: unpack it)"},
    {"SQLite format 3\0"sv, 0, "a database of SQLite, as ASE's .db (ase db FILE -o FILE.extxyz)"},
    {"- of Ulm"sv, 0, "a trajectory of ASE (ase convert FILE FILE.extxyz)"},
    {"CDF\1"sv, 0, "a NetCDF file, as trajectories of Amber"},
    {"CDF\2"sv, 0, "a NetCDF file, as trajectories of Amber"},
    {"CORD"sv, 4, "a trajectory of CHARMM or NAMD (DCD)"},
    {"\0\0\7\xcb"sv, 0, "a trajectory of GROMACS (XTC)"},
    {"\0\0\7\xc9"sv, 0, "a trajectory of GROMACS (TRR)"},
    {"\x80\2"sv, 0, "a pickle of Python"},
    {"\x80\3"sv, 0, "a pickle of Python"},
    {"\x80\4"sv, 0, "a pickle of Python"},
    {"\x80\5"sv, 0, "a pickle of Python"},
    {"ITEM: "sv, 0, "a dump of LAMMPS"},
    {"LAMMPS data file"sv, 0, "a data file of LAMMPS"},
    {" vasp."sv, 0, "an OUTCAR of VASP"},
    {"data_"sv, 0, "a CIF"},
    {"HEADER    "sv, 0, "a PDB file"},
    {"CRYST1"sv, 0, "a PDB file"},
    {"ATOM  "sv, 0, "a PDB or PQR file"},
    {"HETATM"sv, 0, "a PDB or PQR file"},
    {"REMARK"sv, 0, "a PDB or PQR file"},
    {"[ "sv, 0, "a topology of GROMACS, or JSON"},
    {"{"sv, 0, "JSON"},
    {"begin\n"sv, 0, "a file of n2p2 or RuNNer (input.data)"},
    {"# GULP"sv, 0, "an input of GULP"},
    {"&"sv, 0, "an input of Quantum ESPRESSO, CP2K or another Fortran program"},
    {"CRYSTAL"sv, 0, "an XSF file"},
    {"<?xml"sv, 0, "XML, as a vasprun.xml"},
};

bool contains(const FileStart& start, std::string_view word) {
  return start.bytes.find(word) != std::string::npos;
}

}  // namespace

std::string foreign_kind(const FileStart& start) {
  if (!start.regular) return "";
  // Programs that share a container, the telling name first.
  if (start.begins_with("PK\3\4")) {
    if (contains(start, "data.pkl")) return "a file of PyTorch (weights or tensors)";
    if (contains(start, "[Content_Types].xml")) return "a document of an office program";
  }
  if (start.begins_with("<?xml") && contains(start, "<modeling>")) return "a vasprun.xml of VASP";
  if (contains(start, "CFG") && start.begins_with("BEGIN_CFG")) return "a .cfg of MLIP (MTP)";
  if (contains(start, "MSI_HEADER")) return "a file of Materials Studio";
  if (contains(start, "Direct configuration=")) return "an XDATCAR of VASP";
  if (start.begins_with("ENERGY") || contains(start, "PRIMVEC")) return "an XSF file";
  for (const Magic& m : magics)
    if (start.begins_with(m.bytes, m.at)) return m.kind;
  return "";
}

}  // namespace cartan::data
