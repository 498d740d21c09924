#pragma once
/// Gaussian random fields: the random coefficients, forcings and initial states of data sets.

#include <cartan/core/config.hpp>
#include <cartan/core/random.hpp>

namespace cartan::operators {

/// N(0, sigma^2 (-Laplacian + tau^2)^-alpha) on the cube of side `length`, of mean zero over it. A draw is
/// the Karhunen-Loeve series
///   u(x) = sum over modes of sigma (|2 pi k/length|^2 + tau^2)^(-alpha/2) xi_k phi_k(x)
/// with independent standard normal xi_k and orthonormal phi_k.
struct GaussianField {
  double alpha = 2;
  double tau = 5;     ///< inverse length
  double sigma = 25;  ///< tau^(alpha - d/2): variance near 1
  double length = 1;
};
/// alpha, tau and sigma.
void describe(config::Fields& f, GaussianField& field);

/// @name Values on a grid, row-major
/// xi_k is a function of `random`, `which` and the frequency k alone: the same draw on another grid is the
/// same field, as far as the grid resolves it. `out` has as many values as the grid points.
///@{
/// On the torus, at x_j = j length/n: phi are cosines and sines, |k_i| < n_i/2.
void draw_periodic(const GaussianField& field, const Shape& points, const Random& random, int which,
                   double* out);
/// With vanishing normal derivative, at x_j = j length/(n-1), both borders included: phi are products of
/// cos(pi k x/length), 0 <= k_i < n_i, with |pi k/length| in place of |2 pi k/length|.
void draw_neumann(const GaussianField& field, const Shape& points, const Random& random, int which,
                  double* out);
///@}

}  // namespace cartan::operators
