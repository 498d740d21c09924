#include "nn/updates.hpp"

#include "core/cuda/loop.hpp"
#include "nn/chunks.hpp"

namespace cartan::nn {
namespace {

// f(T{}) with the real type of an array.
template <class F>
void with_real_type(const Array& a, F&& f) {
  is_double(a) ? f(double{}) : f(float{});
}

template <class T>
struct Factors {
  T scale, beta1, beta2, keep, rate, bias2, eps;
};

template <class T>
void advance(const Array& gradient, const Factors<T>& f, T* p, T* m, T* v, T* largest) {
  const T* g = cuda::elements<T>(gradient);
  cuda::for_each(gradient.device(), reals(gradient), [=] __device__(Index i) {
    const T gi = g[i] * f.scale;
    const T mi = m[i] + (1 - f.beta1) * (gi - m[i]);
    const T vi = f.beta2 * v[i] + (1 - f.beta2) * (gi * gi);
    m[i] = mi;
    v[i] = vi;
    T u = vi;
    if (largest) {
      u = largest[i] < vi ? vi : largest[i];
      largest[i] = u;
    }
    p[i] = f.keep * p[i] - f.rate * (mi / (::sqrt(u) / f.bias2 + f.eps));
  });
}

template <class T>
void descend(const Array& gradient, T scale, T momentum, bool nesterov, T keep, T rate, T* p, T* m) {
  const T* g = cuda::elements<T>(gradient);
  cuda::for_each(gradient.device(), reals(gradient), [=] __device__(Index i) {
    const T gi = g[i] * scale;
    const T mi = momentum * m[i] + gi;
    m[i] = mi;
    p[i] = keep * p[i] - rate * (nesterov ? gi + momentum * mi : mi);
  });
}

template <class T>
void follow(Array& average, const Array& parameter, T weight) {
  T* e = cuda::mutable_elements<T>(average);
  const T* p = cuda::elements<T>(parameter);
  cuda::for_each(average.device(), reals(average),
                 [=] __device__(Index i) { e[i] += weight * (p[i] - e[i]); });
}

template <class T>
void scale_by(Array& a, T factor) {
  T* x = cuda::mutable_elements<T>(a);
  cuda::for_each(a.device(), reals(a), [=] __device__(Index i) { x[i] *= factor; });
}

// A block a chunk.
template <class T>
__global__ void squares(const T* x, Index n, Index chunk, double* parts) {
  const Index begin = blockIdx.x * chunk, end = begin + chunk < n ? begin + chunk : n;
  double total = 0;
  for (Index i = begin + threadIdx.x; i < end; i += cuda::block_size)
    total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  total = cuda::sum_of_block(total);
  if (threadIdx.x == 0) parts[blockIdx.x] = total;
}

}  // namespace

void AdamWUpdate::run_cuda(const std::vector<Array*>& written, const Arrays& gradients) const {
  const std::size_t count = gradients.size();
  for (std::size_t k = 0; k < count; ++k)
    with_real_type(gradients[k], [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      const Factors<T> f{to(scale),           to(beta1), to(beta2), to(tensors[k].keep),
                         to(tensors[k].rate), to(bias2), to(eps)};
      auto part = [&](std::size_t n) { return cuda::mutable_elements<T>(*written[n * count + k]); };
      advance<T>(gradients[k], f, part(0), part(1), part(2), amsgrad ? part(3) : nullptr);
    });
}

void SgdUpdate::run_cuda(const std::vector<Array*>& written, const Arrays& gradients) const {
  const std::size_t count = gradients.size();
  for (std::size_t k = 0; k < count; ++k)
    with_real_type(gradients[k], [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      descend<T>(gradients[k], to(scale), to(momentum), nesterov, to(tensors[k].keep), to(tensors[k].rate),
                 cuda::mutable_elements<T>(*written[k]), cuda::mutable_elements<T>(*written[count + k]));
    });
}

void AverageUpdate::run_cuda(const std::vector<Array*>& written, const Arrays& parameters) const {
  for (std::size_t k = 0; k < written.size(); ++k)
    with_real_type(parameters[k],
                   [&]<class T>(T) { follow<T>(*written[k], parameters[k], static_cast<T>(weight_)); });
}

void ScaleUpdate::run_cuda(const std::vector<Array*>& written, const Arrays&) const {
  for (Array* a : written) with_real_type(*a, [&]<class T>(T) { scale_by<T>(*a, static_cast<T>(factor_)); });
}

void SquaresUpdate::run_cuda(const std::vector<Array*>& written, const Arrays& arrays) const {
  double* parts = cuda::mutable_elements<double>(*written[0]);
  const Device device = written[0]->device();
  const cuda::On on(device.index);
  for (const Array& a : arrays) {
    const Index n = reals(a), blocks = (n + chunk_size - 1) / chunk_size;
    if (blocks == 0) continue;
    with_real_type(a, [&]<class T>(T) {
      squares<<<static_cast<unsigned>(blocks), cuda::block_size, 0, cuda::stream(device.index)>>>(
          cuda::elements<T>(a), n, chunk_size, parts);
    });
    cuda::check(cudaGetLastError(), "the start of a sum of squares");
    parts += blocks;
  }
}

}  // namespace cartan::nn
