#pragma once
// Brute force for tests of linalg: index by index, in float64.

#include <cmath>
#include <stdexcept>
#include <vector>

#include "cartan/core/random.hpp"
#include "cartan/linalg/canonical.hpp"
#include "cartan/linalg/tensor_train.hpp"
#include "cartan/linalg/tucker.hpp"

namespace oracle {

using namespace cartan;
using namespace cartan::linalg;

inline double value(const Array& a, Index i) {
  return a.dtype() == DType::f32 ? static_cast<double>(a.data<float>()[i]) : a.data<double>()[i];
}

inline std::vector<Index> multi_index(Index e, const Shape& s) {
  std::vector<Index> i(s.size());
  for (std::size_t k = s.size(); k-- > 0; e /= s[k]) i[k] = e % s[k];
  return i;
}

inline void require_same_size(const Array& a, const Array& b) {
  if (a.size() != b.size()) throw std::invalid_argument("oracle: arrays of different sizes");
}
inline double dot(const Array& a, const Array& b) {
  require_same_size(a, b);
  long double sum = 0;
  for (Index e = 0; e < a.size(); ++e) sum += static_cast<long double>(value(a, e)) * value(b, e);
  return static_cast<double>(sum);
}
inline double size(const Array& a) {
  return std::sqrt(dot(a, a));
}
/// p a + q b
inline Array combine(const Array& a, const Array& b, double p, double q) {
  require_same_size(a, b);
  std::vector<double> out;
  for (Index e = 0; e < a.size(); ++e) out.push_back(p * value(a, e) + q * value(b, e));
  return Array::from(out, a.shape());
}
inline Array times(const Array& a, const Array& b) {
  require_same_size(a, b);
  std::vector<double> out;
  for (Index e = 0; e < a.size(); ++e) out.push_back(value(a, e) * value(b, e));
  return Array::from(out, a.shape());
}
/// ||a - b||, or NaN where the shapes differ.
inline double distance(const Array& a, const Array& b) {
  return a.shape() == b.shape() ? size(combine(a, b, 1, -1)) : NAN;
}

inline Array normal(const Shape& s, DType t, std::uint64_t seed, std::uint64_t stream) {
  return random_normal(s, t, Random(seed, stream));
}

inline Canonical random_canonical(const Shape& s, Index r, DType t, std::uint64_t seed) {
  Canonical x{normal({r}, t, seed, 0), {}};
  for (std::size_t k = 0; k < s.size(); ++k) x.factors.push_back(normal({s[k], r}, t, seed, k + 1));
  return x;
}
inline Tucker random_tucker(const Shape& s, const Shape& r, DType t, std::uint64_t seed) {
  Tucker x{normal(r, t, seed, 0), {}};
  for (std::size_t k = 0; k < s.size(); ++k) x.factors.push_back(normal({s[k], r[k]}, t, seed, k + 1));
  return x;
}
inline TensorTrain random_train(const Shape& s, Index r, DType t, std::uint64_t seed) {
  TensorTrain x;
  for (std::size_t k = 0; k < s.size(); ++k)
    x.cores.push_back(normal({k == 0 ? 1 : r, s[k], k + 1 == s.size() ? 1 : r}, t, seed, k));
  return x;
}

}  // namespace oracle
