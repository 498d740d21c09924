#pragma once
/// Files of atomic configurations, of any kind in one table (src/data/formats.cpp), and arrays of numpy.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/data/frame.hpp>
#include <cartan/data/hdf5.hpp>

namespace cartan::data {

/// The names under which a file has its labels, where they are not known or where two of them differ: keys of
/// the frame (energy in eV, stress in eV/Angstrom^3, virial in eV) and a column of the atoms (forces). "":
/// the usual names, see read_extxyz.
struct LabelKeys {
  std::string energy, forces, stress, virial;
};
void describe(config::Fields& f, LabelKeys& keys);

/// A kind of file that holds frames.
struct FrameFormat {
  std::string name;   ///< one word: h5, h5md, npz, deepmd, lammps-dump, lammps-data, poscar, qm9, xyz
  std::string title;  ///< in words
  std::vector<std::string> names;  ///< ".xyz" an extension, "/" a folder, "POSCAR" how a file name begins
  bool writes = false;
  bool complete = false;   ///< everything in a frame is kept
  bool own_units = false;  ///< the units are fixed, or the file says them
};
/// All of them: trajectories and HDF5 frames of Cartan, rMD17 and sGDML .npz (kcal/mol converted to eV),
/// deepmd folders (type.raw, or a folder of such), dumps and data files of LAMMPS, POSCAR and CONTCAR of
/// VASP, QM9, extended XYZ.
std::vector<FrameFormat> frame_formats();
/// ".h5 .hdf5 .npz ..., or a deepmd folder", for help texts; `written`: those that can be written.
std::string frame_format_names(bool written = false);
/// The kind of a file or folder: by its content and, where that says nothing, by its name. Throws IoError,
/// and FormatError for a file of another program, which it names.
FrameFormat frame_format(const std::string& path);
/// False for a file of such a kind that holds something else (an .npz of other arrays, a model in an .h5).
bool holds_frames(const std::string& path);

/// What files do not say themselves.
struct ReadOptions {
  std::vector<std::string> elements;  ///< LAMMPS: symbols of the atom types 1, 2, ...
  std::string units;                  ///< LAMMPS, where the file has none: metal (default), real, electron
  std::string atom_style;  ///< LAMMPS data files, where the file has none: atomic, charge, full, ...
  LabelKeys labels = {};   ///< names of labels; FormatError when no frame has such a name
};

/// Reads every frame of a file or folder; text formats may be compressed by gzip.
/// @param range  "", "::2", "0:100", "-1": which frames, as in Python slices
std::vector<Frame> read_frames(const std::string& path, const std::string& range = "",
                               const ReadOptions& options = {});
/// The same frames one after another, for sets larger than memory (.npz and deepmd folders are read in large
/// pieces). Stops when `receive` returns false. The range must not step backwards.
void for_each_frame(const std::string& path, const std::function<bool(Frame&&)>& receive,
                    const std::string& range = "", const ReadOptions& options = {});
/// Throws what write_frames() throws for such a name: before the work that it is for.
void check_written(const std::string& path);
/// Writes frames; the kind follows from the name, a name ending in '/' is a deepmd folder. Throws
/// std::invalid_argument for a name of no kind that is written, and for frames that a kind cannot hold.
/// Returns what the kind has no place for and the file lacks, one text each ("charge (3 of 10 frames)", "info
/// run", "column masses"): tell the user. Empty for kinds that are `complete`.
std::vector<std::string> write_frames(const std::string& path, const std::vector<Frame>& frames);

/// Extended XYZ, the whole dialect; errors name file, frame (from 0) and line (from 1). Without `Properties`
/// plain XYZ, with what CP2K, i-PI, xtb and ORCA write into its comment. Keys and columns are known in any
/// case of letters and under many names (docs/data.md lists them): energy, total_energy, free_energy, E;
/// forces, force; stress; virial (-volume*stress), each also with the name of a method (REF_energy,
/// dft_forces, energy_pbe); charge; masses; isotopes such as D and 13C; velo, velocities, vel (Angstrom/fs)
/// or momenta (ASE's unit). Two that differ are an error, as is a key one slip away from a known one. What is
/// written reads back with the same bits, but for velocities, which are written as ASE's momenta: to
/// rounding.
std::vector<Frame> read_extxyz(const std::string& path, const LabelKeys& keys = {});
void write_extxyz(const std::string& path, const std::vector<Frame>& frames);

/// Cartan's frame layout in a Group (format "cartan-frames"), F frames with N atoms in all: /offset (F+1),
/// /number (N), /position (N, 3), /cell (F, 3, 3), /pbc (F, 3), /charge (F) and, where a frame has them,
/// /energy (F), /forces (N, 3), /stress (F, 3, 3), /velocity (N, 3); NaN where a frame has not. Further
/// values are columns under /info (by frame), /arrays and /labels (by atom): `kind` says what a column holds;
/// NAME%frame lists the frames that have it (missing: all); texts lie end to end in bytes with ends in
/// NAME%offset, info arrays of unequal shape end to end with NAME%shape; a name used with several types has
/// columns NAME, NAME%n2, ... frames_to_group throws std::invalid_argument (lists that do not match the
/// number of atoms); frames_from_group FormatError.
Group frames_to_group(const std::vector<Frame>& frames);
std::vector<Frame> frames_from_group(const Group& group);

/// Frames of a cartan-frames file read on demand, for sets larger than memory. Throws as load() does; several
/// threads may read.
class FrameFile {
 public:
  explicit FrameFile(const std::string& path);
  ~FrameFile();
  FrameFile(FrameFile&&) noexcept;
  Index size() const;
  Index atoms(Index frame) const;  ///< of one frame, known without reading it
  Frame read(Index frame) const;
  std::vector<Frame> read(Index begin, Index end) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// True when a file is a .npy by its content or name.
bool is_npy(const std::string& path);
/// One array of a .npy file, or all of an .npz archive (stored or deflated).
Array read_npy(const std::string& path);
void write_npy(const std::string& path, const Array& array);
std::vector<std::pair<std::string, Array>> read_npz(const std::string& path);
void write_npz(const std::string& path, const std::vector<std::pair<std::string, Array>>& arrays);

}  // namespace cartan::data
