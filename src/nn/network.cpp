#include "cartan/nn/network.hpp"

#include "cartan/core/memory.hpp"
#include "cartan/data/config.hpp"

namespace cartan::nn {
namespace {

// The fields of a configuration that is only looked at.
config::Fields fields_to_read(const NetworkConfig& config) {
  return config::fields_of(const_cast<NetworkConfig&>(config));
}

}  // namespace

void NetworkConfig::validate() const {
  config::Fields fields = fields_to_read(*this);
  config::validate_fields(kind(), fields);
}

void NetworkConfig::save(data::Group& group) const {
  group.attributes["kind"] = std::string(kind());
  data::save_fields(group, fields_to_read(*this));
}

void load_fields_of(NetworkConfig& config, const data::Group& group) {
  data::load_fields(group, config::fields_of(config));
  try {
    config.validate();
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), config.kind(), error.what());
  }
}

ParameterRefs Network::parameters() {
  ParameterRefs parameters, constants;
  collect(parameters, constants);
  return parameters;
}

ConstParameterRefs Network::parameters() const {
  // collect() only lists places; it is not const since the list may be written through.
  return nn::as_const(const_cast<Network*>(this)->parameters());
}

ParameterRefs Network::constants() {
  ParameterRefs parameters, constants;
  collect(parameters, constants);
  return constants;
}

ConstParameterRefs Network::constants() const {
  return nn::as_const(const_cast<Network*>(this)->constants());
}

Device Network::device() const {
  const ConstParameterRefs refs = parameters();
  return refs.empty() ? Device::cpu : refs[0].value->device();
}

void Network::to(Device device) {
  ParameterRefs parameters, constants;
  collect(parameters, constants);
  for (const ParameterRefs* refs : {&parameters, &constants})
    for (const NamedParameter& p : *refs) *p.value = p.value->to(device);
}

void copy_parameters(const ConstParameterRefs& from, const ParameterRefs& to) {
  for (std::size_t k = 0; k < to.size(); ++k)
    *to[k].value = from[k].value->to(Device::cpu).as(to[k].value->dtype()).to(to[k].value->device());
}

Init counting_init(double copies, const StopFlag* stop) {
  require(copies > 0, "[Network] ", copies, " copies of the parameters; give at least one");
  Init count = Init::blank();
  count.fill = false;
  count.most = static_cast<double>(machine_memory()) / copies;
  count.stop = stop;
  return count;
}

void refuse_size(const NetworkConfig& config, double copies) {
  throw std::invalid_argument(
      text("[", config.kind(), "] ", config.summary(), ": the parameters ",
           copies > 1 ? text("and what training keeps beside them (", copies, " times as much) ") : "",
           "do not fit into the ", static_cast<double>(machine_memory()) / (1 << 30),
           " GiB of this machine; make the network smaller"));
}

Init blank_init_for(const data::Group& parameters) {
  Init init = Init::blank();
  double elements = 0;
  for (const auto& [name, item] : parameters.items()) elements += static_cast<double>(item.array.size());
  init.most = (1 << 20) + 16 * elements;
  return init;
}

}  // namespace cartan::nn
