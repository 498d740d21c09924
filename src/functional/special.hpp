#pragma once
// Functions that the noise needs.

namespace cartan::functional {

double digamma(double x);  // x > 0
/// KL divergence of Gamma(a, b) from Gamma(a0, b0), shapes and rates.
double gamma_divergence(double a, double b, double a0, double b0);
double normal_cdf(double x);
double normal_quantile(double p);
/// p with P(a, p) = given, the regularised incomplete gamma function of shape a.
double gamma_quantile(double a, double given);

}  // namespace cartan::functional
