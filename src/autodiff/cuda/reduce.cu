// Sums in float64 on a CUDA device, and broadcasting. Every sum follows a tree that depends on the sizes
// alone.
#include "autodiff/reduce.hpp"

#include "autodiff/broadcast.hpp"
#include "autodiff/cuda/walk.hpp"
#include "core/cuda/loop.hpp"

namespace cartan::primitives {
namespace {

template <class T>
struct accumulator {
  using type = double;
};
template <class T>
struct accumulator<::cuda::std::complex<T>> {
  using type = ::cuda::std::complex<double>;
};

constexpr Index piece = 4096;  // terms that one block, or one thread of columns, adds

// Rows of n: y[row, p] = the sum of piece p.
template <class T, class Sum, class Out>
__global__ void sum_rows(const T* x, Out* y, Index n, Index pieces) {
  const Index block = blockIdx.x, row = block / pieces, begin = block % pieces * piece;
  const Index end = begin + piece < n ? begin + piece : n;
  Sum total{};
  for (Index k = begin + threadIdx.x; k < end; k += cuda::block_size) total = total + Sum(x[row * n + k]);
  total = cuda::sum_of_block(total);
  if (threadIdx.x == 0) y[block] = static_cast<Out>(total);
}

// (outer, n, inner) -> (outer, pieces, inner), one pass.
template <class T, class Sum, class Out>
void sum_pieces(Device device, const T* x, Out* y, Index outer, Index n, Index inner, Index pieces) {
  if (inner > 1 || n < 64) {
    cuda::for_each(device, outer * pieces * inner, [=] __device__(Index i) {
      const Index l = i % inner, p = i / inner % pieces, o = i / inner / pieces;
      const Index end = (p + 1) * piece < n ? (p + 1) * piece : n;
      Sum total{};
      for (Index k = p * piece; k < end; ++k) total = total + Sum(x[(o * n + k) * inner + l]);
      y[i] = static_cast<Out>(total);
    });
    return;
  }
  const cuda::On on(device.index);
  const Index blocks = outer * pieces;
  if (blocks == 0) return;
  require(blocks <= 0x7fffffff, "[sum] ", blocks, " blocks are too many for the CUDA kernel");
  sum_rows<T, Sum>
      <<<static_cast<unsigned>(blocks), cuda::block_size, 0, cuda::stream(device.index)>>>(x, y, n, pieces);
  cuda::check(cudaGetLastError(), "the start of a sum");
}

template <class T>
void sum_middle(const Array& a, Array& out, Index outer, Index n, Index inner) {
  using Sum = typename accumulator<T>::type;
  const Device device = a.device();
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  Index pieces = std::max<Index>(1, (n + piece - 1) / piece);
  if (pieces == 1) return sum_pieces<T, Sum>(device, x, y, outer, n, inner, 1);
  const DType type = is_complex(a.dtype()) ? DType::c128 : DType::f64;
  Array parts = Array::uninitialized({outer, pieces, inner}, type, device);
  sum_pieces<T, Sum>(device, x, cuda::mutable_elements<Sum>(parts), outer, n, inner, pieces);
  while (pieces > piece) {
    const Index fewer = (pieces + piece - 1) / piece;
    Array next = Array::uninitialized({outer, fewer, inner}, type, device);
    sum_pieces<Sum, Sum>(device, cuda::elements<Sum>(parts), cuda::mutable_elements<Sum>(next), outer, pieces,
                         inner, fewer);
    parts = next;
    pieces = fewer;
  }
  sum_pieces<Sum, Sum>(device, cuda::elements<Sum>(parts), y, outer, pieces, inner, 1);
}

template <class T>
void broadcast(const Array& a, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  const BroadcastWalk axes(out.shape(), a.shape(), a.shape());
  const Walk walk("broadcast_to", axes.extent, axes.stride_a, axes.stride_a);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) {
    Index j, k;
    walk.find(i, j, k);
    y[i] = x[j];
  });
}

}  // namespace

Arrays Sum::eval_cuda(const Arrays& in) const {
  Array out = Array::uninitialized(shape_, in[0].dtype(), in[0].device());
  const Split s = split(in[0].shape());
  dispatch_field("sum", out.dtype(),
                 [&]<class T>(T) { sum_middle<cuda::element<T>>(in[0], out, s.outer, s.n, s.inner); });
  return {out};
}

Arrays BroadcastTo::eval_cuda(const Arrays& in) const {
  Array out = Array::uninitialized(shape_, in[0].dtype(), in[0].device());
  dispatch_any(out.dtype(), [&]<class T>(T) { broadcast<cuda::element<T>>(in[0], out); });
  return {out};
}

}  // namespace cartan::primitives
