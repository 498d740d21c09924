#pragma once
// Counts and ranges of a set of frames, gathered one frame after another.

#include <cartan/data/frame.hpp>

#include <nlohmann/json.hpp>

#include <iosfwd>
#include <limits>
#include <map>
#include <string>

#include "unused_list.hpp"

namespace cartan::app {

class FrameSummary {
 public:
  void add(const data::Frame& frame);
  Index frames() const { return frames_; }
  nlohmann::ordered_json json(const std::string& file, const std::string& kind) const;
  void print(std::ostream& out, const std::string& file, const std::string& kind) const;

 private:
  struct Range {
    Index count = 0;
    double low = std::numeric_limits<double>::infinity(), high = -low, squares = 0;
    void add(double x);
    double rms() const;
  };

  Index frames_ = 0, atoms_ = 0;
  Range size_, energy_, energy_per_atom_, force_, stress_, volume_, charge_;
  Index with_forces_ = 0, with_stress_ = 0, with_velocities_ = 0;
  Index periodic_[4] = {};  // along 0, 1, 2, 3 lattice vectors
  std::map<int, Index> elements_;
  std::map<std::string, Index> info_, arrays_;
  UnusedList unused_;
};

}  // namespace cartan::app
