#pragma once
// What frames of a file state and nothing uses, gathered over the frames.

#include <cartan/data/unused.hpp>
#include <cartan/potentials/network.hpp>

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cartan::app {

class UnusedList {
 public:
  /// Everything of data::not_used().
  void add(const data::Frame& frame);
  /// What the reader itself passed over: it is lost to whatever is made of the frames.
  void add_lost(const data::Frame& frame);
  /// One thing more.
  void add(const data::Unused& unused) { count(unused, false); }
  bool empty() const { return count_.empty(); }
  /// One entry a name: "name", "why", "frames", "physics".
  nlohmann::ordered_json json() const;
  /// "spin (3 of 10 frames): a spin, which ...", one a name; of `frames` frames in all.
  /// @param physics_only  leaves out what cannot change what is computed; otherwise what is kept and cannot
  std::vector<std::string> lines(Index frames, bool physics_only) const;

 private:
  void count(const data::Unused& unused, bool kept);

  using Reason = std::pair<std::string, std::pair<bool, bool>>;  // why; physics, kept
  std::map<std::string, std::map<Reason, Index>> count_;
};

/// Says on standard error, once a name, what physics of `frames` a verb that runs `network` does not use.
void warn_unused(const std::string& file, const std::vector<data::Frame>& frames,
                 const potentials::NetworkConfig& network);

}  // namespace cartan::app
