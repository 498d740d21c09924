#pragma once
// The file a run of dynamics goes on from (format "cartan-dynamics"): state, record, settings.

#include <cartan/potentials/model.hpp>

#include <nlohmann/json.hpp>

#include <string>

#include "md_record.hpp"

namespace cartan::app {

struct MdCheckpoint {
  potentials::DynamicsState state;
  MdRecord record;
  Index frames = 0;  // of the trajectory

  static void save(const std::string& path, const nlohmann::ordered_json& settings,
                   const potentials::DynamicsState& state, const MdRecord& record, Index frames);
  /// Throws IoError, FormatError, and std::invalid_argument when the run had other settings.
  static MdCheckpoint load(const std::string& path, const nlohmann::ordered_json& settings);
};

/// Throws std::invalid_argument when the potential gives the state another energy than it had.
void check_model(potentials::Potential& potential, const potentials::DynamicsState& state,
                 const std::string& path);

}  // namespace cartan::app
