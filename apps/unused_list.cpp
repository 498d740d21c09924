#include "unused_list.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>

#include <iostream>

namespace cartan::app {

void UnusedList::count(const data::Unused& unused, bool kept) {
  ++count_[unused.name][{unused.why, {unused.physics, kept}}];
}

void UnusedList::add(const data::Frame& frame) {
  // What the reader passed over comes first; the rest is kept under its name.
  const auto all = data::not_used(frame);
  for (std::size_t k = 0; k < all.size(); ++k) count(all[k], k >= frame.unused.size());
}

void UnusedList::add_lost(const data::Frame& frame) {
  for (const data::Unused& u : frame.unused)
    if (frame.info.count(u.name) + frame.arrays.count(u.name) == 0) count(u, false);
}

nlohmann::ordered_json UnusedList::json() const {
  auto out = nlohmann::ordered_json::array();
  for (const auto& [name, reasons] : count_)
    for (const auto& [reason, frames] : reasons)
      out.push_back({{"name", printable(name)},
                     {"why", printable(reason.first)},
                     {"frames", frames},
                     {"physics", reason.second.first}});
  return out;
}

std::vector<std::string> UnusedList::lines(Index frames, bool physics_only) const {
  std::vector<std::string> out;
  for (const auto& [name, reasons] : count_)
    for (const auto& [reason, count] : reasons)
      if (reason.second.first || !(physics_only || reason.second.second))
        out.push_back(printable(name) +
                      (count < frames ? text(" (", count, " of ", frames, " frames)") : "") + ": " +
                      printable(reason.first));
  return out;
}

void warn_unused(const std::string& file, const std::vector<data::Frame>& frames,
                 const potentials::NetworkConfig& network) {
  UnusedList list;
  for (const data::Frame& f : frames) {
    list.add(f);
    if (f.charge != 0 && !network.uses_charge())
      list.add({"charge", text("the total charge, which ", network.kind(), " does not know"), true});
  }
  for (const std::string& line : list.lines(static_cast<Index>(frames.size()), true))
    std::cerr << "cartan: warning: " << printable(file) << ": not used: " << line << "\n";
}

}  // namespace cartan::app
