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

// Kinds with other options than their defaults, under names of their own.
struct Variant {
  std::string name, kind;
  std::vector<std::pair<std::string, config::Value>> values;
};
inline const std::vector<Variant>& variants() {
  static const std::vector<Variant> all{
      {"nequip_sevennet",
       "nequip",
       {{"parity", false},
        {"irreps", std::string("6x0e+3x1e, 4x0e")},
        {"harmonics", std::int64_t{2}},
        {"normalize_harmonics", false},
        {"self_connection", std::string("linear")},
        {"train_radial", true},
        {"onset", 2.5},
        {"bias", true},
        {"species_scale", true}}},
      {"mace_grid", "mace", {{"product", std::string("gaunt_grid")}, {"harmonics", std::int64_t{2}}}},
      {"mace_fourier", "mace", {{"product", std::string("gaunt_fourier")}, {"harmonics", std::int64_t{2}}}},
      {"mace_rank",
       "mace",
       {{"product", std::string("gaunt_rank")},
        {"harmonics", std::int64_t{2}},
        {"first_residual", false},
        {"density", true},
        {"distance", std::string("agnesi")}}},
      {"esen_product",
       "esen",
       {{"activation", std::string("product")}, {"norm", std::string("layer")}, {"lmax", std::int64_t{2}}}},
      {"esen_scalars", "esen", {{"lmax", std::int64_t{0}}, {"mmax", std::int64_t{0}}}},
      {"equiformer_gate",
       "equiformer",
       {{"activation", std::string("gate")},
        {"feed_forward_activation", std::string("gate")},
        {"self_mix", true},
        {"radial_by_degree", true},
        {"lmax", std::int64_t{2}},
        {"norm", std::string("layer")}}},
      {"escn_gate", "escn", {{"activation", std::string("gate")}, {"lmax", std::int64_t{2}}}},
      {"mace_pseudo",
       "mace",
       {{"irreps", std::string("0e+0o+1e+2o")},
        {"harmonics", std::int64_t{1}},
        {"layers", std::int64_t{3}},
        {"residual", false},
        {"density", true},
        {"density_layers", std::string("later")},
        {"gate", std::string("tanh")}}},
      {"mace_above",
       "mace",
       {{"lmax", std::int64_t{2}},
        {"harmonics", std::int64_t{1}},
        {"radial", std::int64_t{1}},
        {"envelope", std::int64_t{1}},
        {"repulsion", true},
        {"radii", std::vector<double>{0.4, 0.8, 0.7, 0.7}}}},
      {"mace_soft",
       "mace",
       {{"distance", std::string("soft")},
        {"repulsion", true},
        {"lmax", std::int64_t{0}},
        {"correlation", std::int64_t{2}}}}};
  return all;
}
inline std::string kind_of(const std::string& name) {
  for (const Variant& v : variants())
    if (v.name == name) return v.kind;
  return name;
}

// A small one; fields that a network does not have are left out.
inline std::unique_ptr<NetworkConfig> config(const std::string& name) {
  std::unique_ptr<NetworkConfig> c = network_config(kind_of(name));
  std::vector<std::pair<std::string, config::Value>> values{{"channels", std::int64_t{6}},
                                                            {"layers", std::int64_t{2}},
                                                            {"radial", std::int64_t{5}},
                                                            {"cutoff", 3.6},
                                                            {"precision", std::string("float64")}};
  for (const Variant& v : variants())
    if (v.name == name) values.insert(values.end(), v.values.begin(), v.values.end());
  for (config::Field& f : config::fields_of(*c))
    for (const auto& [field, value] : values)
      if (f.name() == field) f.set(value);
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
  for (const Variant& v : variants()) names.push_back(v.name);
  return names;
}

inline double largest(const std::vector<double>& v) {
  double most = 1;
  for (const double x : v) most = std::max(most, std::abs(x));
  return most;
}

}  // namespace cartan::potentials::small
