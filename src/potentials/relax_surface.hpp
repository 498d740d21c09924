#pragma once
/// Energy or enthalpy as a function of one vector of variables, and what walks down on it.

#include <cartan/potentials/relax.hpp>

#include <array>
#include <memory>
#include <vector>

namespace cartan::potentials {

double dot(const std::vector<double>& a, const std::vector<double>& b);

/// A point of the surface with what was found there.
struct SurfacePoint {
  std::vector<double> x;      ///< variables: pulled-back positions, then w F
  std::vector<double> force;  ///< -dH/dx
  double enthalpy = 0;
  double fmax = 0, smax = 0;
  Frame frame;
};

class Surface {
 public:
  using Matrix = std::array<std::array<double, 3>, 3>;  // rows

  Surface(Potential& potential, const Frame& frame, const RelaxOptions& options);
  /// The starting point; throws what the potential throws.
  SurfacePoint start();
  /// False when the potential refuses the positions or returns something that is not finite (see failure()).
  bool evaluate(std::vector<double> x, SurfacePoint& point);
  /// The factor <= 1 that keeps a step within max_step and the largest strain.
  double allowed(const std::vector<double>& step) const;
  bool converged(const SurfacePoint& p) const;
  Index evaluations() const { return evaluations_; }
  const std::string& failure() const { return failure_; }

 private:
  bool measure(SurfacePoint& point, const Matrix& f);

  Potential& potential_;
  const RelaxOptions& options_;
  Frame reference_;
  std::vector<std::uint8_t> moving_;  // components of atoms that may move; empty: all
  bool cell_ = false;
  Matrix projector_{};  // onto the periodic directions
  double weight_ = 1;
  Index evaluations_ = 0;
  std::string failure_;
};

enum class Advance { moved, stalled, failed };

/// One way of walking down.
class Minimizer {
 public:
  virtual ~Minimizer() = default;
  /// Moves `point` by one step; leaves it when it cannot.
  virtual Advance advance(Surface& surface, SurfacePoint& point) = 0;
};

std::unique_ptr<Minimizer> make_lbfgs(int memory);
std::unique_ptr<Minimizer> make_fire();

}  // namespace cartan::potentials
