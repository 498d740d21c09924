#pragma once
/// Reference solvers of partial differential equations: what makes the data of operators, and judges them.
///
/// Fields are row-major values on uniform grids, n points a side (2D: n x n, the first index along x1). A
/// solver is planned once and may be used by several threads; a call allocates nothing once warm and runs on
/// the thread of its caller, so that many samples run side by side. advance() is false, and the field of no
/// use, where a value is not finite any more: the step is too long. Constructors throw std::invalid_argument.

#include <memory>

#include <cartan/core/array.hpp>

namespace cartan::operators {

/// u_t + (u^2/2)_x = nu u_xx on a torus: pseudo-spectral, products dealiased by the 2/3 rule, ETDRK4.
class Burgers {
 public:
  Burgers(Index points, double viscosity, double step, double length = 1);
  [[nodiscard]] bool advance(double* u, Index steps) const;

 private:
  std::shared_ptr<const struct ConservedSquare> solver_;
};

/// u_t + (u^2/2)_x + u_xx + d^4u/dx^4 = 0 on a torus of the given length; the method of Burgers.
class KuramotoSivashinsky {
 public:
  KuramotoSivashinsky(Index points, double length, double step);
  [[nodiscard]] bool advance(double* u, Index steps) const;

 private:
  std::shared_ptr<const struct ConservedSquare> solver_;
};

enum class NavierStokesScheme {
  crank_nicolson,  ///< of the viscous term, explicit Euler for the rest: order 1, as the data of the FNO
                   ///< paper
  etdrk4           ///< order 4
};

/// Vorticity of a flow on a torus: w_t + v . grad w = nu Laplacian w + f, v = (d2 psi, -d1 psi),
/// -Laplacian psi = w, means zero. Pseudo-spectral, cut to |k_i| < n/3, where products have no alias.
///
/// With z = v1 + i v2 and kappa = k1 + i k2 (kappa* its conjugate), the series of z is 2 pi kappa psi/length
/// and
///   -(v . grad w)(k) = (pi/length)^2 (i kappa^2 conj(S(-k)) - i kappa*^2 S(k)),  S the series of z^2,
/// so that a right-hand side takes two complex transforms. With `precision` f32 they are in single precision.
class NavierStokes {
 public:
  NavierStokes(Index points, double viscosity, double step, NavierStokesScheme scheme, double length = 1,
               DType precision = DType::f64);
  /// @param forcing  f (n, n), or null
  [[nodiscard]] bool advance(double* vorticity, const double* forcing, Index steps) const;
  /// v1, v2 (n, n) of a vorticity.
  void velocity(const double* vorticity, double* v1, double* v2) const;

 private:
  std::shared_ptr<const struct VorticitySolver> solver_;
};

/// u_tt = c(x)^2 Laplacian u on a torus of two axes: pseudo-spectral Laplacian, symplectic steps of order
/// four (PEFRL: Omelyan, Mryglod, Folk, Comput. Phys. Commun. 146 (2002) 188).
class Wave {
 public:
  Wave(Index points, double step, double length = 1);
  /// @param velocity  u_t; both in place
  /// @param speed     c (n, n)
  [[nodiscard]] bool advance(double* u, double* velocity, const double* speed, Index steps) const;
  /// The longest step at which it is stable for a largest speed.
  static double longest_step(Index points, double speed, double length = 1);

 private:
  std::shared_ptr<const struct WaveSolver> solver_;
};

/// Gray and Scott's reaction on a torus of two axes: u_t = Du Laplacian u - u v^2 + F (1 - u),
/// v_t = Dv Laplacian v + u v^2 - (F + kappa) v. Pseudo-spectral, ETDRK4.
struct GrayScottOptions {
  double diffusion_u = 2e-5, diffusion_v = 1e-5;
  double feed = 0.04, kill = 0.06;
};
class ReactionDiffusion {
 public:
  ReactionDiffusion(Index points, const GrayScottOptions& options, double step, double length = 1);
  [[nodiscard]] bool advance(double* u, double* v, Index steps) const;

 private:
  std::shared_ptr<const struct ReactionSolver> solver_;
};

/// -div(a grad u) = f on the unit square, u = 0 on its border. Five-point differences on n x n nodes, the
/// border included, with the arithmetic mean of a on the edges between them; second order. Solved by
/// conjugate gradients with one multigrid V-cycle (Galerkin products, bilinear interpolation, Gauss-Seidel),
/// for any n.
class Darcy {
 public:
  struct Report {
    Index iterations = 0;
    double residual = 0;  ///< |b - A u|/|b|
    bool converged = false;
  };
  explicit Darcy(Index points, double tolerance = 1e-10, Index most_iterations = 100);
  /// @param a  (n, n), positive
  /// @param f  (n, n); null: 1
  /// @param u  (n, n)
  [[nodiscard]] Report solve(const double* a, const double* f, double* u) const;
  /// |b - A u|/|b| of a field that something else computed: what judges a surrogate. Values of u on the
  /// border count as they are.
  double residual(const double* a, const double* f, const double* u) const;

 private:
  Index points_;
  double tolerance_;
  Index most_;
};

}  // namespace cartan::operators
