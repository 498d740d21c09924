#pragma once
// A small network of every kind in the table, and frames that such networks are tried on.

#include <cartan/potentials/model.hpp>

#include <algorithm>
#include <cmath>

#include "golden.hpp"

namespace cartan::potentials::small {

// The last atom lies on the polar axis of the harmonics, seen from the first.
inline Frame molecule() {
  Frame f = golden::molecule();
  f.numbers.push_back(1);
  f.positions.insert(f.positions.end(), {0, 1.7, 0});
  return f;
}

inline Frame crystal() {
  Frame f = golden::crystal();
  f.positions = {.1, .2, .3, 1.06, .3, .3, .1, 1.4, .3, 3.3, 0, .2, -.3, .7, 3.3};
  return f;
}

// A small one; fields that a network does not have are left out.
inline std::unique_ptr<NetworkConfig> config(const std::string& kind) {
  std::unique_ptr<NetworkConfig> c = network_config(kind);
  const std::vector<std::pair<std::string, config::Value>> values{{"channels", std::int64_t{6}},
                                                                  {"layers", std::int64_t{2}},
                                                                  {"radial", std::int64_t{5}},
                                                                  {"cutoff", 3.6},
                                                                  {"precision", std::string("float64")}};
  for (config::Field& f : config::fields_of(*c))
    for (const auto& [name, value] : values)
      if (f.name() == name) f.set(value);
  c->adapt({molecule(), crystal()});
  return c;
}

inline Model model(const std::string& kind, std::uint64_t seed = 3) {
  Model m(*config(kind), seed);
  m.energy_scale = 0.7;
  m.reference = {{1, -0.5}, {6, -2}, {7, -3}, {8, -4}};
  return m;
}

inline std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const NetworkKind& k : network_kinds()) names.push_back(k.name);
  return names;
}

inline double largest(const std::vector<double>& v) {
  double most = 1;
  for (const double x : v) most = std::max(most, std::abs(x));
  return most;
}

}  // namespace cartan::potentials::small
