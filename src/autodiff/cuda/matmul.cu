// Products of matrices by cuBLAS. float32 is multiplied as float32: TF32 is never used.
#include "autodiff/matmul.hpp"

#include <limits>

#include "core/cuda/loop.hpp"

namespace cartan::primitives {
namespace {

int narrow(Index n) {
  if (n > std::numeric_limits<int>::max())
    throw DeviceError(text("[matmul] an extent of ", n, " is too large for cuBLAS"));
  return static_cast<int>(n);
}

// c = op(a) op(b) + beta c. cuBLAS counts columns first, and so sees every matrix transposed: c^T = op(b)^T
// op(a)^T.
template <class T>
void multiply(const Array& a, const Array& b, Array& c, const MatrixSizes& s, bool ta, bool tb, double beta) {
  const cuda::On on(c.device().index);
  cublasHandle_t blas = cuda::blas(c.device().index);
  const int m = narrow(s.m), n = narrow(s.n), k = narrow(s.k), batch = narrow(s.batch);
  const int lda = ta ? m : k, ldb = tb ? k : n;
  const auto op = [](bool transposed) { return transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
  const T one(1), keep(static_cast<T>(beta));
  const auto run = [&](auto gemm, auto cast) {
    using Element = decltype(cast);
    const auto* x = static_cast<const Element*>(a.address());
    const auto* y = static_cast<const Element*>(b.address());
    auto* z = static_cast<Element*>(c.mutable_address());
    cuda::check(gemm(blas, op(tb), op(ta), n, m, k, reinterpret_cast<const Element*>(&one), y, ldb, s.n * s.k,
                     x, lda, s.m * s.k, reinterpret_cast<const Element*>(&keep), z, n, s.m * s.n, batch),
                "a product of matrices");
  };
  if constexpr (std::is_same_v<T, float>)
    run(cublasSgemmStridedBatched, float{});
  else if constexpr (std::is_same_v<T, double>)
    run(cublasDgemmStridedBatched, double{});
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    run(cublasCgemmStridedBatched, cuComplex{});
  else
    run(cublasZgemmStridedBatched, cuDoubleComplex{});
}

template <class T>
void fill_rows(const Array& bias, Array& out) {
  const T* x = cuda::elements<T>(bias);
  T* y = cuda::mutable_elements<T>(out);
  const Index n = bias.size();
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) { y[i] = x[i % n]; });
}

}  // namespace

Arrays MatMul::eval_cuda(const Arrays& in) const {
  if (sizes_.k == 0) return {Array::zeros(shape_, in[0].dtype(), in[0].device())};
  Array out = Array::uninitialized(shape_, in[0].dtype(), in[0].device());
  if (out.empty()) return {out};
  dispatch_field("matmul", out.dtype(),
                 [&]<class T>(T) { multiply<T>(in[0], in[1], out, sizes_, ta_, tb_, 0); });
  return {out};
}

Arrays Linear::eval_cuda(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape.back() = in[1].dim(0);
  const Index k = in[1].dim(1);
  Array out = Array::uninitialized(shape, in[0].dtype(), in[0].device());
  if (out.empty()) return {out};
  const MatrixSizes sizes{1, out.size() / shape.back(), shape.back(), k};
  dispatch_field("linear", out.dtype(), [&]<class T>(T) {
    fill_rows<cuda::element<T>>(in[2], out);
    if (k > 0) multiply<T>(in[0], in[1], out, sizes, false, true, 1);
  });
  return {out};
}

}  // namespace cartan::primitives
