#pragma once
/// How much care is taken to find fast Fourier transforms.

namespace cartan {

/// `estimate` picks an algorithm by rule: at once, and the same bits in every run. `measure` times several
/// for every new size: seconds at first, faster later, and another run may round differently.
enum class FftEffort { estimate, measure };

/// For the transforms of all threads from now on; `estimate` at first.
void set_fft_effort(FftEffort effort);
FftEffort fft_effort();

}  // namespace cartan
