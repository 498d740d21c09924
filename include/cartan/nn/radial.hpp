#pragma once
/// Functions of a distance: cutoffs and radial bases. Each is one primitive that evaluates any derivative
/// in closed form (truncated Taylor series), so first and second derivatives are exact at every distance,
/// zero included.

#include <string>

#include <cartan/nn/layers.hpp>

namespace cartan::nn {

/// @name Cutoffs: d of any shape -> the same shape; exactly 0 from `upper` on
///@{
/// (cos(pi d/upper) + 1)/2; with lower > 0: (cos(pi (2 (d - lower)/(upper - lower) + 1)) + 1)/2 on
/// lower < d < upper, 0 below. As in torchmd-net.
Array cosine_cutoff(const Array& d, double lower, double upper);
/// 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2), x = d/upper: two continuous derivatives at the
/// cutoff (Gasteiger et al., arXiv:2003.03123).
Array polynomial_cutoff(const Array& d, double upper, int p = 6);
/// 1 up to `onset`, then (u - s)^2 (u + 2 s - 3 n)/(u - n)^3, s = d^2, u = upper^2, n = onset^2: one
/// continuous derivative at either end (X-PLOR's switching function).
Array xplor_cutoff(const Array& d, double onset, double upper);
///@}

enum class RadialKind {
  expnorm,  ///< C(d) exp(-beta_k (exp(alpha (lower - d)) - mu_k)^2), alpha = 5/(upper - lower), C the cosine
            ///< cutoff from 0 to upper; mu = linspace(s, 1, R), s = exp(lower - upper), beta = (2/R (1-s))^-2
  gauss,    ///< exp(c (d - o_k)^2), o = linspace(lower, upper, R), c = -1/(2 (o_1 - o_0)^2); no cutoff
  bessel,   ///< sqrt(2/upper) sin(w_k d)/d, w_k = k pi/upper, k = 1..R; 0 from upper on
};
/// "expnorm", "gauss" or "bessel"; throws std::invalid_argument for others.
RadialKind radial_kind(const std::string& name);
const char* name_of(RadialKind kind);

struct RadialOptions {
  RadialKind kind = RadialKind::expnorm;
  Index count = 32;  ///< R; at least 2, of bessel 1
  double lower = 0, upper = 5;
  bool trainable = false;  ///< the arrays are parameters
  int envelope = 0;        ///< bessel: p of the polynomial cutoff that multiplies it; 0: none
  double onset = 0;        ///< bessel: of the cutoff of X-PLOR that multiplies it; 0: none
  bool endless = false;    ///< bessel without a cutoff: not 0 beyond `upper` either
};

/// distances d (P) -> (P, R).
class RadialBasis {
 public:
  RadialBasis() = default;
  RadialBasis(const RadialOptions& options, DType dtype);
  Array operator()(const Array& d) const;
  /// Nothing unless trainable. Names as in torchmd-net: means, betas; offset, coeff; and frequencies.
  void collect(const std::string& prefix, ParameterRefs& out);
  /// The arrays that a checkpoint holds although they are not trained; nothing when trainable.
  void collect_buffers(const std::string& prefix, ParameterRefs& out);

  RadialOptions options;
  Array centers;  ///< mu, o or w; (R)
  Array widths;   ///< beta (R), or c, of rank 0; bessel: empty

 private:
  void list(const std::string& prefix, ParameterRefs& out);
};

}  // namespace cartan::nn
