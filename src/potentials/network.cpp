#include "cartan/potentials/network.hpp"

#include "cartan/core/error.hpp"
#include "cartan/core/memory.hpp"
#include "cartan/data/config.hpp"

namespace cartan::potentials {
namespace {

std::string kinds() {
  std::string names;
  for (const NetworkKind& k : network_kinds()) names += (names.empty() ? "" : ", ") + std::string(k.name);
  return names;
}

const NetworkKind* find_kind(const std::string& name) {
  for (const NetworkKind& k : network_kinds())
    if (name == k.name) return &k;
  return nullptr;
}

}  // namespace

void NetworkConfig::validate() const {
  const std::unique_ptr<NetworkConfig> copy = clone();
  config::Fields fields = config::fields_of(*copy);
  config::validate_fields(kind(), fields);
}

void NetworkConfig::adapt(const std::vector<Frame>&) {}

void NetworkConfig::save(data::Group& group) const {
  group.attributes["kind"] = std::string(kind());
  const std::unique_ptr<NetworkConfig> copy = clone();
  data::save_fields(group, config::fields_of(*copy));
}

std::unique_ptr<NetworkConfig> network_config(const std::string& kind) {
  const NetworkKind* found = find_kind(kind);
  require(found != nullptr, "[Network] there is no network '", kind, "'; there are ", kinds());
  return found->config();
}

std::unique_ptr<NetworkConfig> load_network_config(const data::Group& group) {
  const std::string& kind = group.string("kind");
  const NetworkKind* found = find_kind(kind);
  if (!found)
    throw FormatError(group.file(), "kind",
                      "the model is a '" + kind + "'; this version of Cartan knows " + kinds());
  std::unique_ptr<NetworkConfig> config = found->config();
  data::load_fields(group, config::fields_of(*config));
  try {
    config->validate();
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), kind, error.what());
  }
  return config;
}

std::unique_ptr<Network> draw_network(const NetworkConfig& config, std::uint64_t seed, double copies,
                                      const StopFlag* stop) {
  require(copies > 0, "[Network] ", copies, " copies of the parameters; give at least one");
  config.validate();
  const double memory = static_cast<double>(machine_memory());
  nn::Init count = nn::Init::blank();
  count.fill = false;
  count.most = memory / copies;
  count.stop = stop;
  try {
    config.make(count);
  } catch (const std::invalid_argument&) {
    if (!count.full) throw;
    require(false, "[", config.kind(), "] ", config.summary(), ": the parameters ",
            copies > 1 ? text("and what training keeps beside them (", copies, " times as much) ") : "",
            "do not fit into the ", memory / (1 << 30), " GiB of this machine; make the network smaller");
  }
  nn::Init init{seed};
  init.stop = stop;
  return config.make(init);
}

Array Network::operator()(const Graph& graph, const Array& vectors) const {
  require(vectors.shape() == Shape({graph.edges.size(), 3}) && vectors.dtype() == dtype(), "[", kind(),
          "] vectors must be (", graph.edges.size(), ", 3) of ", dtype(), ", not ", vectors.shape(), " of ",
          vectors.dtype());
  if (graph.owned == 0) return Array::zeros({0}, dtype(), vectors.device());
  Array energies = atomic_energies(graph, vectors);
  require(energies.shape() == Shape({graph.owned}), "[", kind(), "] gave energies of shape ",
          energies.shape(), " for ", graph.owned, " atoms");
  return energies;
}

nn::ParameterRefs Network::parameters() {
  nn::ParameterRefs parameters, constants;
  collect(parameters, constants);
  return parameters;
}

nn::ConstParameterRefs Network::parameters() const {
  // collect() only lists places; it is not const since the list may be written through.
  return nn::as_const(const_cast<Network*>(this)->parameters());
}

Device Network::device() const {
  const nn::ConstParameterRefs refs = parameters();
  return refs.empty() ? Device::cpu : refs[0].value->device();
}

void Network::to(Device device) {
  nn::ParameterRefs parameters, constants;
  collect(parameters, constants);
  for (const nn::ParameterRefs* refs : {&parameters, &constants})
    for (const nn::NamedParameter& p : *refs) *p.value = p.value->to(device);
}

std::unique_ptr<Network> Network::with_elements(const std::vector<int>&) const {
  return clone();
}

std::unique_ptr<Network> Network::as(DType dtype) const {
  require(is_real(dtype), "[", kind(), "] a network computes in float32 or float64, not ", dtype);
  const std::unique_ptr<NetworkConfig> converted = config().clone();
  converted->dtype = dtype;
  nn::Init init = nn::Init::blank();
  std::unique_ptr<Network> out = converted->make(init);
  const nn::ConstParameterRefs from = parameters();
  const nn::ParameterRefs to = out->parameters();
  for (std::size_t k = 0; k < to.size(); ++k) *to[k].value = from[k].value->to(Device::cpu).as(dtype);
  out->to(device());
  return out;
}

}  // namespace cartan::potentials
