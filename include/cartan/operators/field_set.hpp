#pragma once
/// Sets of samples (x, y) of fields, from files of several programs, in memory or read piece by piece.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/core/config.hpp>
#include <cartan/data/group.hpp>

namespace cartan::operators {

/// How a file becomes samples.
struct FieldSetOptions {
  /// > 0: samples are windows of trajectories, so many frames in x and the `frames_out` that follow in y,
  /// each frame with all its channels. 0: x and y as the file has them; a file that has trajectories
  /// alone: 1.
  Index frames_in = 0;
  Index frames_out = 1;
  Index frame_stride = 1;      ///< between the frames of a window, and between windows
  Index first = 0, count = 0;  ///< trajectories or samples to take; 0: all that follow
  double memory_mb = 2048;     ///< what may be kept in memory; larger sets are read again for every batch
};
void describe(config::Fields& f, FieldSetOptions& options);

/// What a set is read from: fields (rows, ...), one row a sample or a trajectory.
class FieldSource {
 public:
  virtual ~FieldSource() = default;
  virtual Index rows() const = 0;
  /// (frames, channels, grid) of each row; frames 1 where there is no time.
  virtual Shape row_shape() const = 0;
  /// Elements of a row, float32 or float64, in that shape. From one thread at a time.
  virtual Array row(Index k) const = 0;
};

/// Files:
/// - our own ("cartan-fields" and any HDF5 file with datasets x and y): x, y (samples, channels, n1, ..); a
/// file with
///   x alone has no y. Frames in a row as channels of x and y (`generate navier-stokes`) are one trajectory
/// - neuraloperator's .pt: a dict of tensors x and y, (samples, grid) or (samples, channels, grid); of other
/// ranks
///   for x and y, what y has more is its channels
/// - PDEBench HDF5: `tensor` (samples, time, grid) alone: trajectories; with `nu` (samples, grid): x is nu;
/// several
///   fields of (samples, time, grid), as Vx, Vy, density, pressure: trajectories with a channel each; groups
///   0000, 0001, .. with `data` (time, grid, channels): trajectories
/// - the_well HDF5: groups t0_fields, t1_fields, t2_fields of (trajectories, time, grid[, components]):
///   trajectories with a channel for every component; fields that do not change in time are left out
/// Told apart by content.
class FieldSet {
 public:
  FieldSet() = default;
  /// Throws IoError; FormatError naming file and object for other contents.
  static FieldSet open(const std::string& path, const FieldSetOptions& options = {});
  /// Of arrays (samples, channels, grid); y may be empty.
  static FieldSet of(const Array& x, const Array& y, const std::string& name = "fields");

  Index samples() const { return samples_; }
  const Shape& x_shape() const { return x_shape_; }  ///< (channels, grid)
  const Shape& y_shape() const { return y_shape_; }  ///< empty without y
  bool has_y() const { return !y_shape_.empty(); }
  const std::string& name() const { return name_; }
  /// What the file says of it: periodic, the names of channels. Nothing said: true, none.
  bool periodic() const { return periodic_; }
  const std::vector<std::string>& x_channels() const { return x_channels_; }
  const std::vector<std::string>& y_channels() const { return y_channels_; }
  bool in_memory() const { return in_memory_; }
  /// Consecutive samples that are windows of one trajectory; 1 where samples are on their own.
  Index windows() const { return chosen_.empty() ? windows_ : 1; }

  /// Samples, one after the other: x (n, channels, grid) and y, as `dtype`. Throws FormatError naming the
  /// sample where a value is not finite. From one thread at a time.
  std::pair<Array, Array> read(const std::vector<Index>& samples, DType dtype) const;
  std::pair<Array, Array> read(Index begin, Index end, DType dtype) const;

  /// A part of the samples, in a given order.
  FieldSet part(const std::vector<Index>& samples) const;

 private:
  Array window(Index sample, bool x) const;

  std::shared_ptr<const FieldSource> x_, y_;  // trajectories: the same
  bool trajectories_ = false;
  Index first_ = 0, windows_ = 1, frames_in_ = 1, frames_out_ = 1, stride_ = 1;
  Index samples_ = 0;
  std::vector<Index> chosen_;  // of part()
  Shape x_shape_, y_shape_;
  std::string name_;
  bool periodic_ = true, in_memory_ = false;
  std::vector<std::string> x_channels_, y_channels_;
};

}  // namespace cartan::operators
