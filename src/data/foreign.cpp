// Files of other programs, known by what is in them, so that an error can name them and say how to go on.

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "data/extxyz_header.hpp"
#include "data/formats.hpp"
#include "data/words.hpp"

namespace cartan::data {
namespace {

using namespace std::string_view_literals;
using std::string_view;

// How to get frames out of what ASE reads.
#define CARTAN_ASE " (ase convert FILE FILE.extxyz makes one that is read)"
#define CARTAN_PYTHON " (read it in Python and write extended xyz or .npz)"

struct Sign {
  string_view bytes;
  const char* kind;
};

struct Magic {
  string_view bytes;
  std::size_t at;
  const char* kind;
};

// How files begin.
constexpr Magic magics[] = {
    {"\x93NUMPY"sv, 0, "a single array of numpy (several are needed: an .npz or a deepmd folder)"},
    {"\x1f\x8b"sv, 0, "a compressed file (gzip: gunzip it)"},
    {"\x1f\x9d"sv, 0, "a compressed file (compress: uncompress it)"},
    {"BZh"sv, 0, "a compressed file (bzip2: bunzip2 it)"},
    {"\xfd"
     "7zXZ"sv,
     0, "a compressed file (xz: unxz it)"},
    {"\x28\xb5\x2f\xfd"sv, 0, "a compressed file (zstd: unzstd it)"},
    {"\x04\x22\x4d\x18"sv, 0, "a compressed file (lz4: unlz4 it)"},
    {"7z\xbc\xaf\x27\x1c"sv, 0, "a compressed archive (7z: unpack it)"},
    {"Rar!"sv, 0, "a compressed archive (rar: unpack it)"},
    {"PK\5\6"sv, 0, "an empty archive (zip)"},
    {"ustar"sv, 257, "an archive (tar: unpack it)"},
    {"\xff\xfe"sv, 0, "a text in UTF-16 (save it as UTF-8)"},
    {"\xfe\xff"sv, 0, "a text in UTF-16 (save it as UTF-8)"},
    {"CLOG"sv, 0, "the unfinished file of a run that was killed (the same command with --resume goes on)"},
    {"- of Ulm"sv, 0, "a trajectory of ASE" CARTAN_ASE},
    {"PickleTrajectory"sv, 0,
     "an old trajectory of ASE (python -m ase.io.trajectory FILE, then ase convert)"},
    {"CDF\1"sv, 0, "a NetCDF file, as trajectories of Amber and ASE" CARTAN_PYTHON},
    {"CDF\2"sv, 0, "a NetCDF file, as trajectories of Amber and ASE" CARTAN_PYTHON},
    {"CDF\5"sv, 0, "a NetCDF file, as trajectories of Amber and ASE" CARTAN_PYTHON},
    {"PAR1"sv, 0, "a Parquet table" CARTAN_PYTHON},
    {"ARROW1"sv, 0, "an Arrow table" CARTAN_PYTHON},
    {"FEA1"sv, 0, "a Feather table" CARTAN_PYTHON},
    {"\xde\xc0\xef\xbe"sv, 16, "an LMDB database, as fairchem and its kin use" CARTAN_PYTHON},
    {"\xbe\xef\xc0\xde"sv, 16, "an LMDB database, as fairchem and its kin use" CARTAN_PYTHON},
    {"MATLAB 7.3"sv, 0, "a .mat of MATLAB" CARTAN_PYTHON},
    {"MATLAB 5.0"sv, 0, "a .mat of MATLAB" CARTAN_PYTHON},
    {"CORD"sv, 4, "a trajectory of CHARMM or NAMD (DCD)"},
    {"\0\0\7\xcb"sv, 0, "a trajectory of GROMACS (XTC)"},
    {"\0\0\7\xc9"sv, 0, "a trajectory of GROMACS (TRR)"},
    {"DUMPATOM"sv, 8, "a binary dump of LAMMPS (binary2txt makes a text of it, which is read)"},
    {"DUMPCUSTOM"sv, 8, "a binary dump of LAMMPS (binary2txt makes a text of it, which is read)"},
    // "\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19" is the number that PyTorch pickled first.
    {"\x8a\nl\xfc\x9c\x46\xf9"sv, 2, "an old file of PyTorch (weights or tensors)"},
    {"\x80\2"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"\x80\3"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"\x80\4"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"\x80\5"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"(dp"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"(lp"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"ccopy_reg\n"sv, 0, "a pickle of Python" CARTAN_PYTHON},
    {"%PDF-"sv, 0, "a PDF document"},
    {"\x89PNG"sv, 0, "a picture (PNG)"},
    {"version https://git-lfs"sv, 0, "a pointer of Git LFS, not the data (git lfs pull gets them)"},
    {"LAMMPS ("sv, 0, "a log of LAMMPS (its dump holds the frames)"},
    {"---\ncreator: LAMMPS"sv, 0, "a YAML dump of LAMMPS (dump_style custom is read)"},
    {" vasp."sv, 0, "an OUTCAR of VASP" CARTAN_ASE},
    {"#\\#CIF"sv, 0, "a CIF" CARTAN_ASE},
    {"data_"sv, 0, "a CIF" CARTAN_ASE},
    {"HEADER    "sv, 0, "a PDB file" CARTAN_ASE},
    {"TITLE     "sv, 0, "a PDB file" CARTAN_ASE},
    {"COMPND    "sv, 0, "a PDB file" CARTAN_ASE},
    {"CRYST1"sv, 0, "a PDB file" CARTAN_ASE},
    {"MODEL     "sv, 0, "a PDB file" CARTAN_ASE},
    {"ATOM  "sv, 0, "a PDB or PQR file" CARTAN_ASE},
    {"HETATM"sv, 0, "a PDB or PQR file" CARTAN_ASE},
    {"REMARK"sv, 0, "a PDB or PQR file" CARTAN_ASE},
    {"@<TRIPOS>"sv, 0, "a MOL2 file" CARTAN_ASE},
    {"%VERSION"sv, 0, "a topology of Amber (prmtop)"},
    {"%chk"sv, 0, "an input of Gaussian" CARTAN_ASE},
    {"$coord"sv, 0, "a coord of Turbomole" CARTAN_ASE},
    {"$molecule"sv, 0, "an input of Q-Chem"},
    {"begin\n"sv, 0, "a file of n2p2 or RuNNer (input.data)" CARTAN_PYTHON},
    {"BEGIN_CFG"sv, 0, "a .cfg of MLIP (MTP)"},
    {"# GULP"sv, 0, "an input of GULP" CARTAN_ASE},
    {"%BLOCK"sv, 0, "a .cell of CASTEP" CARTAN_ASE},
    {"%block"sv, 0, "a .cell of CASTEP or .fdf of SIESTA" CARTAN_ASE},
    {"!BIOSYM"sv, 0, "a file of Materials Studio (.car, .arc)"},
    {"[ "sv, 0, "a topology of GROMACS, or JSON"},
    {"{"sv, 0, "JSON" CARTAN_PYTHON},
    {"[{"sv, 0, "JSON" CARTAN_PYTHON},
    {"&"sv, 0, "an input of Quantum ESPRESSO, CP2K or another Fortran program"},
    {"CRYSTAL"sv, 0, "an XSF file" CARTAN_ASE},
    {"ANIMSTEPS"sv, 0, "an XSF file" CARTAN_ASE},
    {"<!DOCTYPE"sv, 0, "a page of HTML: was the download a login or an error page?"},
    {"<html"sv, 0, "a page of HTML: was the download a login or an error page?"},
    {"<?xml"sv, 0, "XML, as a vasprun.xml"},
};

// What stands somewhere near the beginning; the more telling ones first.
constexpr Sign signs[] = {
    {"MSI_HEADER", "a file of Materials Studio"},
    {"Direct configuration=", "an XDATCAR of VASP" CARTAN_ASE},
    {"V2000\n", "a MOL or SDF file" CARTAN_ASE},
    {"V3000\n", "a MOL or SDF file" CARTAN_ASE},
    {"Entering Gaussian System", "a log of Gaussian" CARTAN_ASE},
    {"Entering Link 1", "a log of Gaussian" CARTAN_ASE},
    {"This is part of the Gaussian(R)", "a log of Gaussian" CARTAN_ASE},
    {"CP2K| ", "an output of CP2K (its -pos-1.xyz and -frc-1.xyz hold the frames, in Angstrom and Hartree)"},
    {"DBCSR| ", "an output of CP2K (its -pos-1.xyz and -frc-1.xyz hold the frames, in Angstrom and Hartree)"},
    {"PROGRAM STARTED AT",
     "an output of CP2K (its -pos-1.xyz and -frc-1.xyz hold the frames, in Angstrom and Hartree)"},
    {"Program PWSCF", "an output of Quantum ESPRESSO (pw.x)" CARTAN_ASE},
    {"&CONTROL", "an input of Quantum ESPRESSO (pw.x)" CARTAN_ASE},
    {"&control", "an input of Quantum ESPRESSO (pw.x)" CARTAN_ASE},
    {"* O   R   C   A *", "an output of ORCA" CARTAN_ASE},
    {"Invoking FHI-aims", "an output of FHI-aims" CARTAN_ASE},
    {"lattice_vector ", "a geometry.in of FHI-aims" CARTAN_ASE},
    {"CCC   AA   SSS  TTTTT  EEEEE  PPPP", "an output of CASTEP" CARTAN_ASE},
    {"Welcome to Q-Chem", "an output of Q-Chem" CARTAN_ASE},
    {"Northwest Computational Chemistry Package", "an output of NWChem" CARTAN_ASE},
    {"Psi4: An Open-Source", "an output of Psi4"},
    {"T U R B O M O L E", "an output of Turbomole" CARTAN_ASE},
    {"Siesta Version", "an output of SIESTA"},
    {"DFTB+ release", "an output of DFTB+"},
    {"_cell_length_a", "a CIF" CARTAN_ASE},
    {"PRIMVEC", "an XSF file" CARTAN_ASE},
    {" POTCAR:  ", "an OUTCAR of VASP" CARTAN_ASE},
};

bool contains(const FileStart& start, string_view word) {
  return start.bytes.find(word) != std::string::npos;
}

// "   3   0.0   0.0   0.0": an integer and three numbers, as the lines 3 to 6 of a cube file.
bool is_grid_line(string_view line) {
  const auto words = words_of(line);
  std::int64_t count = 0;
  double x = 0;
  return words.size() >= 4 && words.size() <= 5 && parse_integer(words[0], count) &&
         parse_real(words[1], x) && parse_real(words[2], x) && parse_real(words[3], x) &&
         words[1].find('.') != string_view::npos;
}

// The third line of a .gro: "    1WATER  OW1    1   0.126   1.624   1.679".
bool is_gro_line(string_view line) {
  double x = 0;
  std::int64_t residue = 0;
  if (line.size() < 44) return false;
  const auto number = words_of(line.substr(0, 5));
  if (number.size() != 1 || !parse_integer(number[0], residue)) return false;
  for (const std::size_t at : {20, 28, 36}) {
    const auto words = words_of(line.substr(at, 8));
    if (words.size() != 1 || !parse_real(words[0], x) || words[0].find('.') == string_view::npos)
      return false;
  }
  return true;
}

std::string zip_kind(const FileStart& start) {
  if (contains(start, "data.pkl")) return "a file of PyTorch (weights or tensors)";
  if (contains(start, "[Content_Types].xml")) return "a document of an office program";
  if (contains(start, ".npy")) return "";  // an .npz
  // The name of the first member: its length stands at byte 26 of its header, the name at 30.
  std::string name;
  if (start.bytes.size() > 30) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(start.bytes[k]); };
    const std::size_t length = byte(26) + 256u * byte(27);
    name = start.bytes.substr(30, std::min<std::size_t>(length, 60));
  }
  return "a compressed archive (zip" + (name.empty() ? "" : " of " + name) + ": unzip it)";
}

std::string folder_kind(const std::string& path) {
  namespace fs = std::filesystem;
  const auto has = [&](const char* name) {
    std::error_code ignored;
    return fs::exists(fs::path(path) / name, ignored);
  };
  if (has("type.raw") && has("coord.raw") && !has("set.000"))
    return "a deepmd folder of .raw files (raw_to_set.sh makes set.000 of them)";
  if (has("type.raw")) return "";
  if (has("data.mdb")) return "an LMDB database, as fairchem and its kin use" CARTAN_PYTHON;
  if (has(".zgroup") || has(".zarray") || has("zarr.json")) return "a Zarr store" CARTAN_PYTHON;
  if (has("dataset_info.json")) return "a dataset of Hugging Face" CARTAN_PYTHON;
  if (has("vasprun.xml") || has("OUTCAR"))
    return "the folder of a VASP run (ase convert FOLDER/OUTCAR FILE.extxyz makes a file that is read)";
  if (has("run.toml") && has("model.h5")) return "the folder of a training run (its model is model.h5)";
  return "";
}

}  // namespace

std::string foreign_kind(const FileStart& start) {
  if (start.folder) return folder_kind(start.path);
  if (!start.regular) return "";
  // Programs that share a container, the telling name first.
  if (start.begins_with("PK\3\4")) return zip_kind(start);
  if (start.begins_with("SQLite format 3\0"sv))
    return "a database of SQLite, as ASE's .db (ase db FILE -o FILE.extxyz)";
  if (start.begins_with("<?xml")) {
    if (contains(start, "<modeling>")) return "a vasprun.xml of VASP" CARTAN_ASE;
    if (contains(start, "espresso")) return "an XML output of Quantum ESPRESSO";
    if (contains(start, "<cml") || contains(start, "xml-cml")) return "a CML file" CARTAN_ASE;
  }
  if (start.begins_with("{") && contains(start, "\"ctime\""))
    return "a database of ASE in JSON (ase db FILE -o FILE.extxyz)";
  if (start.begins_with("ENERGY")) return "an XSF file" CARTAN_ASE;
  for (const Sign& s : signs)
    if (contains(start, s.bytes)) return s.kind;
  for (const Magic& m : magics)
    if (start.begins_with(m.bytes, m.at)) return m.kind;
  if (is_grid_line(start.line(2)) && is_grid_line(start.line(3)) && is_grid_line(start.line(4)))
    return "a cube file of Gaussian and others" CARTAN_ASE;
  if (is_gro_line(start.line(2))) return "a .gro of GROMACS" CARTAN_ASE;
  return "";
}

}  // namespace cartan::data
