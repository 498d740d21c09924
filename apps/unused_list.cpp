#include "unused_list.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>

#include <iostream>

namespace cartan::app {

void UnusedList::add(const data::Frame& frame) {
  for (const data::Unused& u : data::not_used(frame)) add(u);
}

void UnusedList::add_lost(const data::Frame& frame) {
  for (const data::Unused& u : frame.unused) add(u);
}

nlohmann::ordered_json UnusedList::json() const {
  auto out = nlohmann::ordered_json::array();
  for (const auto& [name, reasons] : count_)
    for (const auto& [reason, frames] : reasons)
      out.push_back({{"name", printable(name)},
                     {"why", printable(reason.first)},
                     {"frames", frames},
                     {"physics", reason.second}});
  return out;
}

std::vector<std::string> UnusedList::lines(Index frames, bool physics_only) const {
  std::vector<std::string> out;
  for (const auto& [name, reasons] : count_)
    for (const auto& [reason, count] : reasons)
      if (reason.second || !physics_only)
        out.push_back(printable(name) +
                      (count < frames ? text(" (", count, " of ", frames, " frames)") : "") + ": " +
                      printable(reason.first));
  return out;
}

void warn_unused(const std::string& file, const std::vector<data::Frame>& frames) {
  UnusedList list;
  for (const data::Frame& f : frames) list.add(f);
  for (const std::string& line : list.lines(static_cast<Index>(frames.size()), true))
    std::cerr << "cartan: warning: " << printable(file) << ": not used: " << line << "\n";
}

}  // namespace cartan::app
