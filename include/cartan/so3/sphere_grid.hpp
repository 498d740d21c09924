#pragma once
/// Functions on the sphere by values on an exact grid.
///
/// Nodes of Gauss-Legendre in the cosine of the angle to the polar axis y, azimuths (from z towards x)
/// phi_k = pi (2 k + 1) / n_phi, n_phi even. The rule integrates every product of harmonics exactly whose
/// degrees add up to at most 2 n_theta - 1 and n_phi - 1. Features are as in <cartan/so3/gaunt.hpp>; values
/// are
/// (..., n_theta n_phi C), channels fastest.

#include <array>
#include <vector>

#include <cartan/autodiff/primitive.hpp>

namespace cartan::so3 {

class SphereGrid {
 public:
  SphereGrid(int n_theta, int n_phi);
  /// The smallest grid that integrates products of harmonics exactly whose degrees add up to `degrees`.
  static SphereGrid exact(int degrees);

  int n_theta() const noexcept { return n_theta_; }
  int n_phi() const noexcept { return n_phi_; }
  Index points() const noexcept { return Index{n_theta_} * n_phi_; }
  /// The unit vector of the point, row i, azimuth k.
  std::array<double, 3> point(int i, int k) const;
  /// Weight of each point of row i in the mean over the sphere: they sum to 1 over the grid.
  double weight(int i) const;

 private:
  int n_theta_, n_phi_;
};

/// Values at the points: (..., (l + 1)^2 C) -> (..., points C). Differentiable.
Array to_grid(const Array& x, int l, const SphereGrid& grid);

/// Projection on harmonics of degree <= l by the grid's quadrature: (..., points C) -> (..., (l + 1)^2 C).
/// Inverse of to_grid where the grid is exact for 2 l. Differentiable.
Array from_grid(const Array& values, int l, const SphereGrid& grid);

}  // namespace cartan::so3
