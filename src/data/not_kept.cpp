// What is lost when frames are written to a kind of file.

#include <algorithm>
#include <map>

#include "cartan/core/error.hpp"
#include "data/formats.hpp"

namespace cartan::data {

std::vector<std::string> not_kept(const Format& format, const std::vector<Frame>& frames) {
  if (format.complete) return {};
  std::map<std::string, Index> lost;
  for (const Frame& f : frames) {
    const bool any_cell = std::any_of(f.cell.begin(), f.cell.end(), [](double x) { return x != 0; });
    if (any_cell && !(format.keeps.cell && f.periodic())) ++lost["cell"];
    if (f.charge != 0 && !format.keeps.charge) ++lost["charge"];
    if (f.stress && !(format.keeps.stress && f.periodic())) ++lost["stress"];
    if (!f.velocities.empty() && !format.keeps.velocities) ++lost["velocities"];
    for (const auto& [name, value] : f.info) ++lost["info " + name];
    for (const auto& [name, value] : f.arrays) ++lost["column " + name];
    for (const auto& [name, value] : f.labels) ++lost["column " + name];
  }
  std::vector<std::string> out;
  const auto total = static_cast<Index>(frames.size());
  for (const auto& [name, count] : lost)
    out.push_back(count == total ? name : text(name, " (", count, " of ", total, " frames)"));
  return out;
}

}  // namespace cartan::data
