#include "cartan/core/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"

namespace cartan {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0], p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

namespace {
std::array<std::uint32_t, 4> block(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                     static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                    {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}
double unit(std::uint32_t low, std::uint32_t high) {
  return static_cast<double>(((std::uint64_t{high} << 32 | low) >> 11)) * 0x1.0p-53;
}
}  // namespace

std::uint64_t Random::bits(std::uint64_t index) const {
  const auto b = block(seed_, stream_, index);
  return std::uint64_t{b[1]} << 32 | b[0];
}

double Random::uniform(std::uint64_t index) const {
  const auto b = block(seed_, stream_, index);
  return unit(b[0], b[1]);
}

double Random::normal(std::uint64_t index) const {
  const auto b = block(seed_, stream_, index);
  const double radius = std::sqrt(-2 * std::log(1 - unit(b[0], b[1])));
  return radius * std::cos(2 * std::numbers::pi * unit(b[2], b[3]));
}

std::vector<Index> Random::permutation(Index n) const {
  std::vector<Index> p(static_cast<std::size_t>(n));
  std::iota(p.begin(), p.end(), Index{0});
  for (Index i = n - 1; i > 0; --i) {
    const auto j = static_cast<Index>(uniform(static_cast<std::uint64_t>(i)) * static_cast<double>(i + 1));
    std::swap(p[static_cast<std::size_t>(i)], p[static_cast<std::size_t>(j)]);
  }
  return p;
}

namespace {
template <class Draw>
Array fill(const Shape& shape, DType dtype, Draw draw) {
  Array out = Array::uninitialized(shape, dtype);
  dispatch_real("random", dtype, [&]<class T>(T) {
    T* x = out.mutable_data<T>();
    parallel_for(out.size(), 4096, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) x[i] = static_cast<T>(draw(static_cast<std::uint64_t>(i)));
    });
  });
  return out;
}
}  // namespace

Array random_uniform(const Shape& shape, double low, double high, DType dtype, const Random& random) {
  return fill(shape, dtype, [&](std::uint64_t i) { return low + (high - low) * random.uniform(i); });
}

Array random_normal(const Shape& shape, DType dtype, const Random& random) {
  return fill(shape, dtype, [&](std::uint64_t i) { return random.normal(i); });
}

}  // namespace cartan
