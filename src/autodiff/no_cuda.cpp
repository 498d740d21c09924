// Stands in for src/autodiff/cuda in a build without CUDA: one line a kernel.
#include "autodiff/no_cuda.hpp"

#include "autodiff/accumulate.hpp"
#include "autodiff/elementwise.hpp"
#include "autodiff/erf.hpp"
#include "autodiff/matmul.hpp"
#include "autodiff/reduce.hpp"
#include "autodiff/structure.hpp"
#include "cartan/core/error.hpp"
#include "core/cuda/backend.hpp"

namespace cartan {

void refuse_cuda(const char* name) {
  throw DeviceError(text("[", name, "] ", cuda::query_devices().problem));
}

namespace primitives {

template <class Tag>
CARTAN_NO_CUDA(Unary<Tag>);
template <class Tag>
CARTAN_NO_CUDA(Binary<Tag>);
#define CARTAN_INSTANCE(Tag, name) template Arrays Unary<Tag>::eval_cuda(const Arrays&) const;
CARTAN_UNARY_OPS(CARTAN_INSTANCE)
#undef CARTAN_INSTANCE
#define CARTAN_INSTANCE(Tag, name) template Arrays Binary<Tag>::eval_cuda(const Arrays&) const;
CARTAN_BINARY_OPS(CARTAN_INSTANCE)
#undef CARTAN_INSTANCE

CARTAN_NO_CUDA(Scale);
CARTAN_NO_CUDA(Shift);
CARTAN_NO_CUDA(Where);
CARTAN_NO_CUDA(Power);
CARTAN_NO_CUDA(Silu);
CARTAN_NO_CUDA(Erf);
CARTAN_NO_CUDA(Conjugate);
CARTAN_NO_CUDA(Part);
CARTAN_NO_CUDA(MakeComplex);
CARTAN_NO_CUDA(Sum);
CARTAN_NO_CUDA(BroadcastTo);
CARTAN_NO_CUDA(MatMul);
CARTAN_NO_CUDA(Linear);
CARTAN_NO_CUDA(Permute);
CARTAN_NO_CUDA(Slice);
CARTAN_NO_CUDA(Concatenate);
CARTAN_NO_CUDA(Gather);
CARTAN_NO_CUDA(ScatterAdd);
CARTAN_NO_CUDA(Cast);
CARTAN_NO_CUDA_UPDATE(Accumulate);

}  // namespace primitives
}  // namespace cartan
