#include "completion/losses.hpp"

#include "core/simd.hpp"

namespace cartan::completion {

namespace {

using V = Register<double>;
constexpr Index lanes = register_lanes<double>;

// The natural logarithm of normal numbers > 0: x = 2^e q with q within sqrt(1/2) and sqrt(2), and with
// s = (q - 1) / (q + 1) log q = 2 (s + s^3 / 3 + s^5 / 5 + ..), to two units in the last place.
V log_of(const V& x) {
  typedef std::int64_t Bits __attribute__((vector_size(register_bytes)));
  constexpr std::int64_t root_of_half = 0x3fe6a09e667f3bcd;
  const Bits bits = (Bits)x, exponent = (bits - root_of_half) >> 52;
  const V q = (V)(bits - (exponent << 52)), s = (q - 1) / (q + 1), t = s * s;
  V series = V{} + 1.0 / 23;
  for (int k = 21; k >= 3; k -= 2) series = series * t + 1.0 / k;
  const V e = __builtin_convertvector(exponent, V);
  constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
  return e * ln2_high + (2 * s + (2 * s * t * series + e * ln2_low));
}

}  // namespace

double sum_of_losses(const LossFunction& loss, const double* y, const double* m, Index n) {
  double rest = 0;
  Index k = 0;
  V sum{};
  if (loss.kind == Loss::poisson)
    for (; k + lanes <= n; k += lanes) {
      const V mean = load<V>(m + k), least = V{} + 1e-300, kept = mean < least ? least : mean;  // NaN stays
      sum += 2 * (kept - load<V>(y + k) * log_of(kept));
    }
  for (; k < n; ++k) rest += loss(y[k], m[k]);
  return horizontal_sum<double>(sum) + rest;
}

}  // namespace cartan::completion
