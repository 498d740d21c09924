#pragma once
// neuraloperator's values in reference/neuralop_reference.h5, beside the public data sets.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cartan/data/hdf5.hpp"
#include "cartan/operators/import.hpp"
#include "real_data.hpp"

namespace cartan::operators {

inline PeerValue peer_value(const nlohmann::json& j) {
  PeerValue v;
  if (j.is_boolean())
    v.value = j.get<bool>();
  else if (j.is_number_integer())
    v.value = j.get<std::int64_t>();
  else if (j.is_number())
    v.value = j.get<double>();
  else if (j.is_string())
    v.value = j.get<std::string>();
  else if (j.is_array()) {
    v.is_list = true;
    for (const auto& x : j) v.list.push_back(peer_value(x));
  } else if (j.is_object()) {
    v.is_dict = true;
    for (const auto& [k, x] : j.items()) v.entries[k] = peer_value(x);
  }
  return v;
}
inline PeerArguments peer_arguments(const std::string& text) {
  return peer_value(nlohmann::json::parse(text)).entries;
}

}  // namespace cartan::operators
