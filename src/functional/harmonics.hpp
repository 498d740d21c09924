#pragma once
// The Fourier series of the periodic kernel.

namespace cartan::functional {

/// Weights q_0 .. q_n of exp(-2 sin^2(t/2) / length^2) = sum_j q_j cos(j t), q_0 = I_0(a) e^-a, q_j = 2
/// I_j(a) e^-a, a = 1/length^2, divided by their sum; `slope` (or null) gets d q_j / d log length.
void harmonic_weights(double length, int n, double* weight, double* slope);
/// The largest difference between the kernel and its scaled series, of the variance: twice the tail.
double truncated_weight(double length, int n);

}  // namespace cartan::functional
