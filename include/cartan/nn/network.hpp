#pragma once
/// What the networks of a domain have in common, whatever they map: a configuration that names its fields, a
/// table of kinds, parameters that are collected, drawn, moved and converted. potentials::Network and
/// operators::Operator are made of it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/data/group.hpp>
#include <cartan/nn/layers.hpp>
#include <cartan/nn/state_update.hpp>

namespace cartan::nn {

/// What a network is made of. Domains derive their own base from it, with clone() and make().
class NetworkConfig {
 public:
  virtual ~NetworkConfig() = default;

  DType dtype = DType::f32;  ///< of the parameters and of what is computed with them

  virtual const char* kind() const = 0;
  /// Names every field, `dtype` (as "precision", stored as "dtype") included.
  virtual void describe(config::Fields& fields) = 0;
  /// Throws std::invalid_argument for a field outside its limits; networks add what joins several fields.
  virtual void validate() const;
  /// One line for logs.
  virtual std::string summary() const = 0;
  /// Kind and fields as attributes.
  void save(data::Group& group) const;

 protected:
  NetworkConfig() = default;
  NetworkConfig(const NetworkConfig&) = default;
  NetworkConfig& operator=(const NetworkConfig&) = default;
};

inline void describe(config::Fields& fields, NetworkConfig& config) {
  config.describe(fields);
}

/// A function with parameters.
class Network {
 public:
  virtual ~Network() = default;

  /// The trained arrays by name, in a fixed order. Pointers stay good as long as the network lives.
  ParameterRefs parameters();
  ConstParameterRefs parameters() const;
  /// The constant arrays: of formulas, and averages that are kept but not trained. These change by the
  /// StateUpdate of a pass of training alone.
  ParameterRefs constants();
  ConstParameterRefs constants() const;
  /// Moves parameters and constants to a device; device() is where they are.
  void to(Device device);
  Device device() const;

 protected:
  Network() = default;
  Network(const Network&) = default;
  Network& operator=(const Network&) = default;

  /// Lists the trained arrays, and the constant ones that move to devices with them.
  virtual void collect(ParameterRefs& parameters, ParameterRefs& constants) = 0;
};

/// The values of `from`, converted to the types of `to`; not tracked.
void copy_parameters(const ConstParameterRefs& from, const ParameterRefs& to);

/// @name Tables of kinds
///@{

/// A row: a name, what it is, and its default configuration.
template <class Config>
struct Kind {
  const char* name;
  const char* help;
  std::unique_ptr<Config> (*config)();
};
template <class Config>
using Kinds = std::vector<Kind<Config>>;

/// "tensornet, nequip, mace"
template <class Config>
std::string names_of(const Kinds<Config>& kinds) {
  std::string names;
  for (const Kind<Config>& k : kinds) names += (names.empty() ? "" : ", ") + std::string(k.name);
  return names;
}

template <class Config>
const Kind<Config>* find_kind(const Kinds<Config>& kinds, const std::string& name) {
  for (const Kind<Config>& k : kinds)
    if (name == k.name) return &k;
  return nullptr;
}

/// Sets the fields from the attributes of a group and validates; throws FormatError.
void load_fields_of(NetworkConfig& config, const data::Group& group);

/// What NetworkConfig::save wrote. Throws FormatError for a kind that is not in the table (naming those that
/// are), a field that is missing and a value outside its limits.
template <class Config>
std::unique_ptr<Config> load_config(const Kinds<Config>& kinds, const data::Group& group) {
  const std::string& name = group.string("kind");
  const Kind<Config>* found = find_kind(kinds, name);
  if (!found)
    throw FormatError(group.file(), "kind",
                      "the model is a '" + name + "'; this version of Cartan knows " + names_of(kinds));
  std::unique_ptr<Config> config = found->config();
  load_fields_of(*config, group);
  return config;
}
///@}

/// An Init that counts for the memory of this machine, and what to throw where it is too little.
Init counting_init(double copies, const StopFlag* stop);
[[noreturn]] void refuse_size(const NetworkConfig& config, double copies);
/// An Init for the arrays of a group: a network that needs far more is not made.
Init blank_init_for(const data::Group& parameters);

/// The network with parameters drawn from `seed`. Counts them before any memory is touched: throws
/// std::invalid_argument when `copies` of them (training keeps several) do not fit into this machine's
/// memory, Stopped when `stop` is set while the network is made.
template <class Config>
auto draw(const Config& config, std::uint64_t seed, double copies, const StopFlag* stop) {
  config.validate();
  Init count = counting_init(copies, stop);
  try {
    config.make(count);
  } catch (const std::invalid_argument&) {
    if (!count.full) throw;
    refuse_size(config, copies);
  }
  Init init{seed};
  init.stop = stop;
  return config.make(init);
}

/// The network that a group describes, its parameters blank, for those that the group `parameters` has.
template <class Config>
auto blank(const Config& config, const data::Group& group) {
  Init init = blank_init_for(group.group("parameters"));
  try {
    return config.make(init);
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), config.kind(),
                      text("the parameters are fewer than those of ", config.summary(), ": ", error.what()));
  }
}

}  // namespace cartan::nn
