#include "nn/updates.hpp"

#include <cmath>

#include "nn/chunks.hpp"

namespace cartan::nn {
namespace {

// f(T{}) with the real type of an array.
template <class F>
void with_real_type(const Array& a, F&& f) {
  is_double(a) ? f(double{}) : f(float{});
}

Arrays arrays_of(const std::vector<Array*>& pointers) {
  Arrays out;
  for (const Array* a : pointers) out.push_back(*a);
  return out;
}

std::vector<void*> memory_of(const std::vector<Array*>& pointers) {
  std::vector<void*> out;
  for (Array* a : pointers) out.push_back(a->mutable_raw());
  return out;
}

template <class T>
struct Factors {
  T scale, beta1, beta2, keep, rate, bias2, eps;
};

// One pass; `largest` is read and written with amsgrad alone.
template <class T, bool amsgrad>
void advance(const Factors<T>& f, const T* __restrict g, T* __restrict p, T* __restrict m, T* __restrict v,
             T* __restrict largest, Index n) {
  for (Index i = 0; i < n; ++i) {
    const T gi = g[i] * f.scale;
    const T mi = m[i] + (1 - f.beta1) * (gi - m[i]);
    const T vi = f.beta2 * v[i] + (1 - f.beta2) * (gi * gi);
    m[i] = mi;
    v[i] = vi;
    T u = vi;
    if constexpr (amsgrad) {
      u = largest[i] < vi ? vi : largest[i];
      largest[i] = u;
    }
    p[i] = f.keep * p[i] - f.rate * (mi / (std::sqrt(u) / f.bias2 + f.eps));
  }
}

template <class T, bool nesterov>
void descend(T scale, T momentum, T keep, T rate, const T* __restrict g, T* __restrict p, T* __restrict m,
             Index n) {
  for (Index i = 0; i < n; ++i) {
    const T gi = g[i] * scale;
    const T mi = momentum * m[i] + gi;
    m[i] = mi;
    p[i] = keep * p[i] - rate * (nesterov ? gi + momentum * mi : mi);
  }
}

// Sixteen float64 strands, which vectorise, joined in a fixed order.
template <class T>
double sum_of_squares(const T* x, Index n) {
  constexpr Index strands = 16;
  double s[strands] = {};
  Index i = 0;
  for (; i + strands <= n; i += strands)
    for (Index k = 0; k < strands; ++k) s[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  for (; i < n; ++i) s[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (Index width = strands / 2; width > 0; width /= 2)
    for (Index k = 0; k < width; ++k) s[k] += s[k + width];
  return s[0];
}

}  // namespace

void AdamWUpdate::run_cpu(const std::vector<Array*>& written, const Arrays& gradients) const {
  const std::size_t count = gradients.size();
  const auto memory = memory_of(written);
  for_chunks(chunks_of(gradients), [&](std::size_t, const Chunk& c) {
    const std::size_t k = c.tensor;
    with_real_type(gradients[k], [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      const Factors<T> f{to(scale),           to(beta1), to(beta2), to(tensors[k].keep),
                         to(tensors[k].rate), to(bias2), to(eps)};
      auto at = [&](std::size_t part) { return static_cast<T*>(memory[part * count + k]) + c.begin; };
      const T* g = static_cast<const T*>(gradients[k].raw()) + c.begin;
      if (amsgrad)
        advance<T, true>(f, g, at(0), at(1), at(2), at(3), c.end - c.begin);
      else
        advance<T, false>(f, g, at(0), at(1), at(2), nullptr, c.end - c.begin);
    });
  });
}

void SgdUpdate::run_cpu(const std::vector<Array*>& written, const Arrays& gradients) const {
  const std::size_t count = gradients.size();
  const auto memory = memory_of(written);
  for_chunks(chunks_of(gradients), [&](std::size_t, const Chunk& c) {
    const std::size_t k = c.tensor;
    with_real_type(gradients[k], [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      auto at = [&](std::size_t part) { return static_cast<T*>(memory[part * count + k]) + c.begin; };
      const T* g = static_cast<const T*>(gradients[k].raw()) + c.begin;
      (nesterov ? descend<T, true> : descend<T, false>)(to(scale), to(momentum), to(tensors[k].keep),
                                                        to(tensors[k].rate), g, at(0), at(1),
                                                        c.end - c.begin);
    });
  });
}

void AverageUpdate::run_cpu(const std::vector<Array*>& written, const Arrays& parameters) const {
  const auto average = memory_of(written);
  for_chunks(chunks_of(parameters), [&](std::size_t, const Chunk& c) {
    with_real_type(parameters[c.tensor], [&]<class T>(T) {
      const T* __restrict p = static_cast<const T*>(parameters[c.tensor].raw());
      T* __restrict e = static_cast<T*>(average[c.tensor]);
      const T weight = static_cast<T>(weight_);
      for (Index i = c.begin; i < c.end; ++i) e[i] += weight * (p[i] - e[i]);
    });
  });
}

void ScaleUpdate::run_cpu(const std::vector<Array*>& written, const Arrays&) const {
  const auto memory = memory_of(written);
  for_chunks(chunks_of(arrays_of(written)), [&](std::size_t, const Chunk& c) {
    with_real_type(*written[c.tensor], [&]<class T>(T) {
      T* x = static_cast<T*>(memory[c.tensor]);
      for (Index i = c.begin; i < c.end; ++i) x[i] *= static_cast<T>(factor_);
    });
  });
}

void SquaresUpdate::run_cpu(const std::vector<Array*>& written, const Arrays& arrays) const {
  double* parts = written[0]->mutable_data<double>();
  for_chunks(chunks_of(arrays), [&](std::size_t n, const Chunk& c) {
    with_real_type(arrays[c.tensor], [&]<class T>(T) {
      parts[n] = sum_of_squares(static_cast<const T*>(arrays[c.tensor].raw()) + c.begin, c.end - c.begin);
    });
  });
}

}  // namespace cartan::nn
