#pragma once
// The filter and smoother of several latent functions of one coordinate.
//
// C functions u_1 .. u_C with independent priors stand in one state s of D numbers, u = H s. At coordinate i
// all that was seen is a message exp(-u^T W_i u / 2 + e_i^T u) with any symmetric positive semi-definite W_i.
//
// Forward: the moments m-, P- of s_i before message i and m, P after it, as
//   W = L L^T, T = P- H^T L, B = 1 + L^T H P- H^T L = K K^T, U = L K^-T, V = P- H^T U, P = P- - V V^T,
//   m = m- + P H^T (e - W H m-),
// and the logarithm of what the message integrates to,
//   -log det K - (H m-)^T W (H m-) / 2 + e^T H m- + q^T H P H^T q / 2,  q = e - W H m-.
// Nothing is inverted but the triangle K, whose B has no eigenvalue below 1.
//
// Backward: the derivatives r of the evidence by m-, and the matrix N with (r r^T - N) / 2 that by P-:
//   r_i = (1 - H^T U V^T) A^T r_{i+1} + H^T (1 - U V^T H^T) (e - W H m-),
//   N_i = (1 - H^T U V^T) A^T N_{i+1} A (1 - V U^T H) + H^T U U^T H.
// They give the smoothed moments, m + P A^T r_{i+1} and P - P A^T N_{i+1} A P, and the gradient in every
// kernel parameter, from the same pass; no covariance is inverted, so that kernels without noise of their own
// (constant, linear, periodic) need no care. (J. Durbin, S. J. Koopman, Time Series Analysis by State Space
// Methods, 2012, 4.4)
//
// Memory: forward keeps the moments before every block of coordinates alone, backward runs a block again
// before it comes back through it, so that tables are of one block. Another thread, where there is one, makes
// tables ahead of the recursion, and moments and gradients behind it (Relay).

#include <memory>
#include <vector>

#include "cartan/functional/kernel.hpp"

namespace cartan::functional {

class Chain {
 public:
  Chain() = default;
  /// @param coordinates  rising, distinct
  Chain(std::vector<Kernel> components, std::vector<double> coordinates);

  int components() const { return static_cast<int>(kernels_.size()); }
  int states() const { return states_; }
  Index size() const { return static_cast<Index>(coordinates_.size()); }
  const std::vector<Kernel>& kernels() const { return kernels_; }
  const std::vector<double>& coordinates() const { return coordinates_; }
  /// As many kernels with as many states as before.
  void set_kernels(std::vector<Kernel> kernels);

  /// The logarithm of the evidence of messages (n, C, C), (n, C).
  double forward(const double* precision, const double* shift);
  /// After forward(): smoothed moments of the functions (n, C), (n, C, C), each where not null; the gradient
  /// of the evidence by log parameters, kernel after kernel, where not null. `keep`: for at().
  void backward(const double* precision, const double* shift, double* mean, double* covariance,
                double* gradient, bool keep = false);
  /// The same in blocks at a time, forward and backward, exact: the parallel-in-time scan. Blocks are fixed
  /// by the number of coordinates. Returns the evidence.
  double scan(const double* precision, const double* shift, double* mean, double* covariance);
  /// The same by triangular factors of all covariances: slower, positive semi-definite to the last bit.
  double square_root(const double* precision, const double* shift, double* mean, double* covariance);

  /// Moments of the functions at any coordinate, given all messages: needs backward(.., keep).
  void at(double x, double* mean, double* covariance) const;

  std::size_t parameters() const { return parameters_; }

 private:
  template <class Number>
  struct TablesOf;
  using Tables = TablesOf<double>;
  template <class S>
  struct Pass;
  void find_transitions();
  Index block_rows() const;
  void add_gradient_by_steps(Index begin, Index end, const double* by, double* gradient) const;
  void add_gradient_by_rest(const double* by, double* gradient) const;

  std::vector<Kernel> kernels_;
  std::vector<double> coordinates_;
  std::vector<int> first_;      // state of each component
  std::vector<int> place_;      // of its blocks within the transitions of one step
  int states_ = 0, block_ = 0;  // numbers in the blocks of one transition
  std::size_t parameters_ = 0;
  int uniform_ = 0;  // states of every component where these are equal and h is the first of them; else 0
  std::vector<double> transition_;   // (n, block): from i - 1 to i; row 0 is not used
  std::vector<double> stationary_;   // (block)
  std::vector<double> observation_;  // (n, D) where a component does not read its first state, else (D)
  bool fixed_observation_ = true;
  std::vector<double> start_;  // of every block: moments after the coordinate before it
  std::vector<double> kept_;   // tables of all coordinates, for at()
};

}  // namespace cartan::functional
