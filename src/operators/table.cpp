// The operators there are: a line each.
#include "cartan/operators/cosine.hpp"
#include "cartan/operators/fno.hpp"
#include "cartan/operators/multigrid.hpp"

namespace cartan::operators {
namespace {

template <class Config>
std::unique_ptr<OperatorConfig> defaults() {
  return std::make_unique<Config>();
}

}  // namespace

const std::vector<OperatorKind>& operator_kinds() {
  static const std::vector<OperatorKind> kinds{
      {"fno", "Fourier neural operator (Li et al. 2021)", defaults<FnoConfig>},
      {"tfno", "the same with spectral weights in Tucker format (Kossaifi et al. 2024)",
       defaults<TfnoConfig>},
      {"mg-tfno", "that on patches of the domain with coarser views of what is around them",
       defaults<MultigridConfig>},
      {"cosine", "layers on cosine coefficients between one transform and its inverse (Poli et al. 2022)",
       defaults<CosineConfig>},
  };
  return kinds;
}

}  // namespace cartan::operators
