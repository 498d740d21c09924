#pragma once
/// Files of atomic configurations: extended XYZ, rMD17 npz, deepmd folders, Cartan's HDF5 layout.

#include <functional>
#include <string>
#include <vector>

#include <cartan/data/frame.hpp>
#include <cartan/data/hdf5.hpp>

namespace cartan::data {

/// Reads every frame of a file or folder; the kind is known by name and content: `.xyz`/`.extxyz`, `.npz`
/// (rMD17 layout, kcal/mol converted to eV), a folder with `type.raw` (deepmd), `.h5` (cartan-frames).
/// @param range  "", "::2", "0:100", "-1": which frames, as in Python slices
std::vector<Frame> read_frames(const std::string& path, const std::string& range = "");
/// Writes frames; the kind follows from the name (`.xyz`, `.extxyz`, `.h5`, a name ending in '/': deepmd).
void write_frames(const std::string& path, const std::vector<Frame>& frames);

/// Extended XYZ, the whole dialect; errors name file, frame and line.
std::vector<Frame> read_extxyz(const std::string& path);
void write_extxyz(const std::string& path, const std::vector<Frame>& frames);

/// Cartan's frame layout in a Group (format "cartan-frames"): /offset (frames + 1), /number, /position,
/// /cell, /pbc, /charge and, where given, /energy, /forces, /stress, /velocity; further names under /info and
/// /arrays. A label that a frame lacks is NaN.
Group frames_to_group(const std::vector<Frame>& frames);
std::vector<Frame> frames_from_group(const Group& group);

/// Frames of a cartan-frames file read on demand, for sets larger than memory.
class FrameFile {
 public:
  explicit FrameFile(const std::string& path);
  Index size() const;
  Frame read(Index frame) const;
  std::vector<Frame> read(Index begin, Index end) const;

 private:
  Hdf5File file_;
  std::vector<Index> offset_;
};

/// One array of a .npy file, or all of an .npz archive (stored or deflated).
Array read_npy(const std::string& path);
void write_npy(const std::string& path, const Array& array);
std::vector<std::pair<std::string, Array>> read_npz(const std::string& path);
void write_npz(const std::string& path, const std::vector<std::pair<std::string, Array>>& arrays);

}  // namespace cartan::data
