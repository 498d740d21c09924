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
  return outputs(graph, vectors).energies;
}

Network::Output Network::outputs(const Graph& graph, const Array& vectors) const {
  require(vectors.shape() == Shape({graph.edges.size(), 3}) && vectors.dtype() == dtype(), "[", kind(),
          "] vectors must be (", graph.edges.size(), ", 3) of ", dtype(), ", not ", vectors.shape(), " of ",
          vectors.dtype());
  const bool direct = config().direct_forces();
  if (graph.owned == 0)
    return {Array::zeros({0}, dtype(), vectors.device()),
            direct ? Array::zeros({0, 3}, dtype(), vectors.device()) : Array()};
  Output out = all_outputs(graph, vectors);
  require(out.energies.shape() == Shape({graph.owned}), "[", kind(), "] gave energies of shape ",
          out.energies.shape(), " for ", graph.owned, " atoms");
  require(!direct || out.forces.shape() == Shape({graph.owned, 3}), "[", kind(), "] gave forces of shape ",
          out.forces.shape(), " for ", graph.owned, " atoms");
  return out;
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
