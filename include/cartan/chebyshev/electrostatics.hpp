#pragma once
/// Range-separated sums over point charges in free space: the long-range part as a Chebyshev-Tucker function
/// on a box, the short-range part by a cell list. Angstrom, elementary charges, eV; potentials in V.
///
/// The kernel is split by the terms of its sinc quadrature, smooth Gaussians first:
///     kernel(r) = L(r) + S(r),   L(r) = sum_{k < R} a_k exp(-(t_k r)^2),   S = kernel - L exactly,
/// where R is such that |S| falls below the tolerance at a cutoff. On the box, every factor exp(-t^2 (x -
/// y)^2) is a symmetric polynomial kernel phi(x)^T B phi(y) in a basis phi = (phi_1 .. phi_r) that depends on
/// box and tolerance but not on the charges. So with the moments m = sum_i q_i phi(x_i) x phi(y_i) x
/// phi(z_i), an r x r x r tensor, the long-range potential is
///     Phi(x) = sum_k a_k <phi(x) x phi(y) x phi(z), (B_k x B_k x B_k) m>:
/// Tucker format at once, at a cost of 2 r^3 flops a charge, without a grid and without the rank N R of the
/// canonical sum. The long-range energy is a quadratic form of the moments less what each charge does to
/// itself, so that forces are exact derivatives, truncation included.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <cartan/chebyshev/chebyshev_tucker.hpp>
#include <cartan/chebyshev/gaussian_sum.hpp>
#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>

namespace cartan::chebyshev {

/// A motif of charges repeated along the axes at (i a, j b, k c), 0 <= i < counts[0], ...
struct Lattice {
  std::array<double, 3> spacing{};  ///< a, b, c, Angstrom
  std::array<Index, 3> counts{1, 1, 1};

  Index copies() const { return counts[0] * counts[1] * counts[2]; }
  /// All positions (copies N, 3), copy by copy, k fastest; throws std::invalid_argument for counts below 1 or
  /// spacings that are not finite.
  Array positions(const Array& motif) const;
  /// Their charges (copies N).
  Array charges(const Array& motif) const;
};

/// How a kernel is split on a box.
struct SeparationOptions {
  RadialKernel kernel;
  double tolerance = 1e-8;  ///< of the kernel, relative to its value at the cutoff; 1: it ends there
  double cutoff = 0;        ///< of the short-range part, Angstrom
};

/// The plan: quadrature, split and basis for one box. Depends on no charges; may be shared by threads.
class RangeSeparation {
 public:
  /// Throws std::invalid_argument for a box that is not three-dimensional, a cutoff that is not positive, a
  /// tolerance that is neither in [1e-12, 0.1] nor 1.
  RangeSeparation(const Box& box, const SeparationOptions& options);
  /// The same split with quadrature and number of long-range terms given (the papers' way): all terms are
  /// used as the kernel beyond the cutoff, the first `long_terms` of them are the long-range part.
  /// `tolerance` is that of the polynomial basis alone, relative to L(0).
  RangeSeparation(const Box& box, const GaussianSum& quadrature, Index long_terms, double tolerance,
                  const RadialKernel& kernel = {});

  const Box& box() const;
  const RadialKernel& kernel() const;
  const GaussianSum& long_range() const;  ///< the terms of L
  double long_range_at_zero() const;      ///< L(0), the long-range potential of a unit charge at itself
  /// |S(r)| is below the tolerance for r >= inner(); S is switched off smoothly (C^2) up to cutoff(), so that
  /// energies are differentiable.
  double inner() const;
  double cutoff() const;
  /// Rank of the basis and degree of its polynomials by variable.
  std::vector<Index> ranks() const;
  std::vector<Index> degrees() const;
  /// Largest error of the long-range kernel by the truncation of basis and degree (measured on the nodes) and
  /// of the quadrature beyond the cutoff, relative to kernel(cutoff).
  double error() const;
  /// Switched short-range part and its derivative by r; 0 from cutoff() on.
  double short_range(double r, double* derivative = nullptr) const;
  /// The same for n squared distances s, 0 < s < cutoff()^2, with its derivative by s unless `slope` is null.
  void short_range(const double* squared, Index n, double* value, double* slope) const;

  /// sum_i q_i phi(x_i) x phi(y_i) x phi(z_i). Deterministic for any number of threads.
  /// @param positions  (N, 3), in the box
  /// @param charges    (N)
  Array moments(const Array& positions, const Array& charges) const;
  /// Moments of a motif repeated at its translations by (i a, j b, k c), 0 <= i < counts[0], ...: with
  /// vectors along the axes the sum factorises, at the cost of one motif.
  Array lattice_moments(const Array& motif, const Array& charges, const std::array<double, 3>& spacing,
                        const std::array<Index, 3>& counts) const;
  /// What potential() of a unit charge is at the charge itself, V, and its gradient: 0 but for truncation.
  Jet self_interaction(const Array& positions) const;
  /// The long-range potential of moments, V (Gaussian sums times the Coulomb constant).
  ChebyshevTucker potential(const Array& moments) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// What the potential is at points outside of the box.
enum class Beyond {
  error,  ///< std::invalid_argument that names the point
  direct  ///< the direct sum over all charges
};

/// Energies and forces of charges in their own field.
struct ElectrostaticEnergy {
  double energy = 0;       ///< eV, sum over pairs q_i q_j kernel(r_ij)
  double long_range = 0;   ///< its long-range part, self-interaction removed
  double short_range = 0;  ///< its short-range part
  Array potential;         ///< (N) of all other charges, V
  Array forces;            ///< (N, 3), eV/Angstrom: minus the exact gradient of `energy` on the fixed box
};

/// Point charges with their potential.
class ElectrostaticField {
 public:
  /// Throws std::invalid_argument for charges outside of the box, not finite, or two at the same place.
  ElectrostaticField(RangeSeparation plan, const Array& positions, const Array& charges);
  /// Of all copies of a motif; the long-range part costs as much as the motif's.
  ElectrostaticField(RangeSeparation plan, const Array& motif, const Array& charges, const Lattice& lattice);

  const Box& box() const;
  const RadialKernel& kernel() const;
  double cutoff() const;  ///< of the short-range part
  Index size() const;
  const Array& positions() const;
  const Array& charges() const;
  /// The long-range potential of all charges, V, in the basis of the plan unless rounded.
  const ChebyshevTucker& long_range() const;
  /// The field with a long-range part of smaller ranks and degrees (see round()), to store or to evaluate. It
  /// has no energy(): what is rounded is no quadratic form of the charges.
  ElectrostaticField rounded(double tolerance) const;
  bool is_rounded() const;

  /// Potential of all charges at points (N, 3), V; infinite on a charge.
  Array potential(const Array& points, Beyond beyond = Beyond::error) const;
  /// Potential and gradient (V/Angstrom): the force on a charge q there is -q gradient.
  Jet evaluate(const Array& points, int order, Beyond beyond = Beyond::error) const;
  /// Throws std::invalid_argument for a field that is rounded or loaded.
  ElectrostaticEnergy energy() const;

  /// Charges, long-range function and short-range kernel; load() gives a field that counts as rounded.
  void save(data::Group& group) const;
  static ElectrostaticField load(const data::Group& group);  ///< throws FormatError

 private:
  struct State;
  explicit ElectrostaticField(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  ElectrostaticField(const RangeSeparation& plan, const Array& positions, const Array& charges,
                     const Array& moments);
  std::shared_ptr<const State> state_;
};

/// Potential (V) and, for order 1, gradient at points by the plain sum over all charges; a charge at the very
/// point is left out. The reference.
Jet direct_sum(const RadialKernel& kernel, const Array& positions, const Array& charges, const Array& points,
               int order = 0);
/// Energy, potentials and forces by the plain double sum.
ElectrostaticEnergy direct_energy(const RadialKernel& kernel, const Array& positions, const Array& charges);

/// Indices of two charges closer than 1e-6 Angstrom, (-1, -1) when there are none.
std::array<Index, 2> coincident(const Array& positions);

/// The smallest box around positions with `margin` on every side. Throws std::invalid_argument where that has
/// no width.
Box bounding_box(const Array& positions, double margin);
/// The cutoff r that balances the work of both parts, which grows as r^3 N/v and as V/r^3: (6 V v/N)^(1/6), V
/// the volume of the box and v the part of it that charges fill; at most the box's diagonal.
double balanced_cutoff(const Array& positions, const Box& box);

/// How a field is made to a tolerance.
struct FieldOptions {
  RadialKernel kernel;
  /// Largest error of the potential at points of the box that are 1 Angstrom and more from every charge,
  /// relative to the largest value there, as found at `samples` random points.
  double tolerance = 1e-6;
  double cutoff = 0;    ///< Angstrom; 0: balanced_cutoff, or less where a screened kernel ends
  double margin = 3;    ///< of the box around the charges, Angstrom
  Lattice lattice;      ///< of which the charges are the motif
  Box box;              ///< instead of one around the charges, when given
  Index samples = 200;  ///< points of comparison with the direct sum
  std::uint64_t seed = 0;
  const StopFlag* stop = nullptr;
  ProgressCallback progress;
};
/// The fields that are single numbers.
void describe(config::Fields& f, FieldOptions& options);

/// How far a field is from direct summation at random points of its box, 1 Angstrom and more from every
/// charge.
struct FieldErrors {
  double rel_max = 0, rel_l2 = 0;  ///< relative to the largest value, to the root mean square
};
FieldErrors compare_with_direct(const ElectrostaticField& field, Index samples = 200, std::uint64_t seed = 0);

/// A field and how far it is from direct summation.
struct FieldResult {
  ElectrostaticField field;
  bool converged = false;  ///< errors.rel_max <= tolerance
  FieldErrors errors;
  double kernel_tolerance = 0;  ///< what the plan was made with
  int attempts = 0;
};
/// Plans, compares with direct summation and tightens the plan until the tolerance is met (at most 5 times).
/// Throws std::invalid_argument for charges that are not finite or at the same place, and bad options.
FieldResult make_field(const Array& positions, const Array& charges, const FieldOptions& options);

}  // namespace cartan::chebyshev
