#include "md_checkpoint.hpp"

#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>

#include <algorithm>
#include <cmath>

namespace cartan::app {
namespace {

constexpr const char* format = "cartan-dynamics";

void compare(const std::string& path, const nlohmann::ordered_json& before,
             const nlohmann::ordered_json& now) {
  const auto shown = [](const nlohmann::ordered_json& j, const std::string& key) {
    return j.contains(key) ? j[key].dump() : std::string("nothing");
  };
  const auto check = [&](const std::string& key) {
    require(shown(before, key) == shown(now, key), path, ": the run had ", key, " ", shown(before, key),
            ", now ", shown(now, key), "; --resume goes on with the same settings");
  };
  for (const auto& [key, value] : before.items()) check(key);
  for (const auto& [key, value] : now.items()) check(key);
}

}  // namespace

void MdCheckpoint::save(const std::string& path, const nlohmann::ordered_json& settings,
                        const potentials::DynamicsState& state, const MdRecord& record, Index frames) {
  data::Group root;
  root.attributes["frames"] = std::int64_t{frames};
  state.save(root["state"]);
  record.save(root["record"]);
  data::save(path, root, {format, 1, "", settings.dump(2)});
}

MdCheckpoint MdCheckpoint::load(const std::string& path, const nlohmann::ordered_json& settings) {
  data::Header header;
  const data::Group root = data::load(path, format, &header);
  const auto before = nlohmann::ordered_json::parse(header.config, nullptr, false);
  if (!before.is_object()) throw FormatError(path, "config", "it is no JSON object");
  compare(path, before, settings);
  MdCheckpoint c{potentials::DynamicsState::load(root.group("state")), MdRecord(1), root.integer("frames")};
  c.record = MdRecord(c.state.frame.size());
  c.record.load(root.group("record"));
  c.state.sampled = c.state.sampled || c.record.started();  // files from before do not say so
  if (c.frames < 0) throw FormatError(path, "frames", text("is ", c.frames));
  return c;
}

void check_model(potentials::Potential& potential, const potentials::DynamicsState& state,
                 const std::string& path) {
  const double before = state.evaluation.energy, now = potential.evaluate(state.frame).energy;
  const double tolerance = 1e-4 * std::max(1.0, static_cast<double>(state.frame.size()));
  require(std::abs(now - before) <= tolerance, path, ": the energy was ", before, " eV, this model gives ",
          now, "; give the model that the run started with");
}

}  // namespace cartan::app
