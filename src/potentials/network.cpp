#include "cartan/potentials/network.hpp"

#include "cartan/core/error.hpp"

namespace cartan::potentials {

void NetworkConfig::adapt(const std::vector<Frame>&) {}

std::unique_ptr<NetworkConfig> network_config(const std::string& kind) {
  const NetworkKind* found = nn::find_kind(network_kinds(), kind);
  require(found != nullptr, "[Network] there is no network '", kind, "'; there are ",
          nn::names_of(network_kinds()));
  return found->config();
}

std::unique_ptr<NetworkConfig> load_network_config(const data::Group& group) {
  return nn::load_config(network_kinds(), group);
}

std::unique_ptr<Network> draw_network(const NetworkConfig& config, std::uint64_t seed, double copies,
                                      const StopFlag* stop) {
  return nn::draw(config, seed, copies, stop);
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

std::unique_ptr<Network> Network::with_elements(const std::vector<int>&) const {
  return clone();
}

std::unique_ptr<Network> Network::as(DType dtype) const {
  require(is_real(dtype), "[", kind(), "] a network computes in float32 or float64, not ", dtype);
  const std::unique_ptr<NetworkConfig> converted = config().clone();
  converted->dtype = dtype;
  nn::Init init = nn::Init::blank();
  std::unique_ptr<Network> out = converted->make(init);
  nn::copy_parameters(parameters(), out->parameters());
  out->to(device());
  return out;
}

}  // namespace cartan::potentials
