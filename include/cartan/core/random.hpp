#pragma once
/// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11). A number is a function of
/// (seed, stream, index), so results do not depend on threads or on how a run was split.

#include <array>
#include <cstdint>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan {

/// One block of Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// The stream `stream` (a step, an epoch, a tensor's number) of the generator `seed`.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  std::uint64_t bits(std::uint64_t index) const;
  /// Uniform in [0, 1), 53 bits.
  double uniform(std::uint64_t index) const;
  /// Standard normal (Box-Muller on one Philox block).
  double normal(std::uint64_t index) const;
  /// A permutation of 0..n-1 (Fisher-Yates).
  std::vector<Index> permutation(Index n) const;

 private:
  std::uint64_t seed_, stream_;
};

/// Arrays of independent draws; element i is draw i of the stream.
Array random_uniform(const Shape& shape, double low, double high, DType dtype, const Random& random);
Array random_normal(const Shape& shape, DType dtype, const Random& random);

}  // namespace cartan
