#pragma once
// Tensors for tests: random places, entries of a planted canonical tensor.

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/completion/sparse.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/canonical.hpp"

namespace cartan::completion::testing {

/// About `count` different places, drawn evenly, with normal values.
inline SparseTensor random_tensor(const Shape& shape, Index count, std::uint64_t seed) {
  const Random random(seed, 99);
  std::vector<std::vector<std::int32_t>> index(shape.size());
  std::vector<double> values;
  for (Index n = 0; n < count; ++n) {
    for (std::size_t k = 0; k < shape.size(); ++k)
      index[k].push_back(static_cast<std::int32_t>(
          random.uniform(static_cast<std::uint64_t>(n) * shape.size() + k) * static_cast<double>(shape[k])));
    values.push_back(random.normal(1000000 + static_cast<std::uint64_t>(n)));
  }
  return SparseTensor(shape, std::move(index), std::move(values), Duplicates::average);
}

/// A canonical tensor with normal factors (or uniform ones in [0, 1)) and weights of one.
inline linalg::Canonical planted(const Shape& shape, Index rank, std::uint64_t seed, bool positive = false) {
  linalg::Canonical x;
  x.weights = Array::full({rank}, 1, DType::f64);
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const Random random(seed, k);
    x.factors.push_back(positive ? random_uniform({shape[k], rank}, 0, 1, DType::f64, random)
                                 : random_normal({shape[k], rank}, DType::f64, random));
  }
  return x;
}

/// The places of `where` with the values of x and normal noise.
template <class Format>
SparseTensor observed(const SparseTensor& where, const Format& x, double noise = 0) {
  std::vector<double> v = x.at(where.index_array()).template to_vector<double>();
  const Random random(17, 3);
  for (std::size_t n = 0; n < v.size(); ++n) v[n] += noise * random.normal(n);
  return where.with_values(std::move(v));
}

inline double rmse(const SparseTensor& x, const Array& mean) {
  double s = 0;
  for (Index n = 0; n < x.size(); ++n) s += std::pow(x.values()[n] - mean.data<double>()[n], 2);
  return std::sqrt(s / static_cast<double>(x.size()));
}

inline void expect_falling(const std::vector<double>& objective, double slack = 1e-10) {
  ASSERT_FALSE(objective.empty());
  for (std::size_t k = 1; k < objective.size(); ++k)
    EXPECT_LE(objective[k], objective[k - 1] + slack * (1 + std::abs(objective[k - 1]))) << "iteration " << k;
}

}  // namespace cartan::completion::testing
