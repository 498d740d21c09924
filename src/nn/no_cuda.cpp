// Stands in for src/nn/cuda in a build without CUDA: one line a kernel.
#include "autodiff/no_cuda.hpp"
#include "nn/updates.hpp"

namespace cartan::nn {

CARTAN_NO_CUDA_UPDATE(AdamWUpdate);
CARTAN_NO_CUDA_UPDATE(AverageUpdate);
CARTAN_NO_CUDA_UPDATE(ScaleUpdate);
CARTAN_NO_CUDA_UPDATE(SgdUpdate);
CARTAN_NO_CUDA_UPDATE(SquaresUpdate);

}  // namespace cartan::nn
