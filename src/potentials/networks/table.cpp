// The networks there are: a line each.
#include "cartan/potentials/networks/equiformer.hpp"
#include "cartan/potentials/networks/escn.hpp"
#include "cartan/potentials/networks/esen.hpp"
#include "cartan/potentials/networks/mace.hpp"
#include "cartan/potentials/networks/nequip.hpp"
#include "cartan/potentials/networks/tensornet.hpp"

namespace cartan::potentials {
namespace {

template <class Config>
std::unique_ptr<NetworkConfig> defaults() {
  return std::make_unique<Config>();
}

}  // namespace

const std::vector<NetworkKind>& network_kinds() {
  static const std::vector<NetworkKind> kinds{
      {"tensornet", "Cartesian tensors of rank 0, 1, 2 (Simeon, De Fabritiis 2023)",
       defaults<TensorNetConfig>},
      {"nequip", "features of irreps, products with harmonics (Batzner et al. 2022)", defaults<NequipConfig>},
      {"mace", "polynomials of all neighbours at once (Batatia et al. 2022)", defaults<MaceConfig>},
      {"esen", "convolutions in the frames of edges, gates (Fu et al. 2025)", defaults<EsenConfig>},
      {"equiformer", "attention over convolutions in the frames of edges (Liao et al. 2024)",
       defaults<EquiformerConfig>},
      {"escn", "pairs of linear maps in the frames of edges (Passaro, Zitnick 2023)", defaults<EscnConfig>},
  };
  return kinds;
}

}  // namespace cartan::potentials
