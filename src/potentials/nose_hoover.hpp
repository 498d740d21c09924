#pragma once
/// Nose-Hoover chains (Martyna, Tuckerman, Tobias, Klein 1996).

#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::potentials {

/// Thermostat masses of a chain: dof kT tau^2, kT tau^2, ...
struct NoseHooverChain {
  double kt = 0;  ///< eV
  double freedom = 0;
  double tau = 0;  ///< fs

  /// Moves the chain by `time` fs at kinetic energy `kinetic` of the atoms; returns the factor by which their
  /// velocities are to be scaled.
  double advance(std::vector<double>& positions, std::vector<double>& velocities, double kinetic,
                 double time) const;
  /// sum_k Q_k v_k^2 / 2 + dof kT x_1 + kT sum_{k>1} x_k
  double energy(const std::vector<double>& positions, const std::vector<double>& velocities) const;

 private:
  double mass(std::size_t k) const { return (k == 0 ? freedom : 1) * kt * tau * tau; }
};

}  // namespace cartan::potentials
