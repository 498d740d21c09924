#pragma once
// Nonlinear maps of functions on the sphere, channels x (0e + 1o + ... + L).

#include <optional>
#include <string>

#include "cartan/autodiff/ops.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/irreps.hpp"

namespace cartan::potentials {

/// Values of functions on e3nn's grids, theta_i = pi (i + 1/2)/N_lat from the axis y, phi_k = 2 pi k/N_long
/// from z towards x, orders |m| <= mmax alone. With weights w_i ~ sin(theta_i) sum over j < N_lat/2 of
/// sin((2 j + 1) theta_i)/(2 j + 1), summing to 1 over the points:
///   component  to = s_l Y/sqrt(L + 1), from = s_l (2 l + 1) sqrt(L + 1) w Y, |Y_l| = 1 (EquiformerV2),
///              s_l = sqrt((2 l + 1)/(2 mmax + 1)) for l > mmax, 1 otherwise
///   integral   to = Y, from = 4 pi w Y, |Y_l|^2 = (2 l + 1)/(4 pi)                      (eSCN)
/// Products of p functions are projected exactly where N_lat >= (p + 1) L + 1 and N_long >= (p + 1) L + 1;
/// they commute with turns about y where N_long >= (p + 1) mmax + 1, whatever N_lat.
class PlateGrid {
 public:
  enum class Scale { component, integral };
  PlateGrid() = default;
  PlateGrid(int lmax, int mmax, int latitudes, int longitudes, Scale scale, DType dtype);
  /// (n, (L + 1)^2 C) -> (n, points, C)
  Array to(const Array& x) const;
  /// (n, points, C) -> (n, (L + 1)^2 C)
  Array from(const Array& values) const;
  Index points() const { return to_.dim(0); }
  /// (points, (L + 1)^2), and back
  const Array& to_matrix() const { return to_; }
  const Array& from_matrix() const { return from_; }

 private:
  Array to_, from_;
};

/// "silu on a grid of 10 x 5 points, 4,000 flop: ...": what a grid of the published kind costs for `channels`
/// functions, up to which powers it is exact, and which turns it commutes with. @param mlp  maps of channels
/// at every point
std::string grid_plan(int lmax, int mmax, int n, Index channels, int mlp);
/// "products of functions, 12,000 flop: exact", for that many products of degree lmax.
std::string product_plan(int lmax, Index products);
/// Of the products of the channels of some thousand edges or atoms: the plan that is printed is the one that
/// runs.
PlanOptions product_options(Index channels);

/// The grids that published models have: n x n, or 2 (L + 1) x (2 mmax + 1) where mmax < L and 2 (L + 1) x
/// (2 L + 3) where it is not (n = 0).
PlateGrid published_grid(int lmax, int mmax, int n, PlateGrid::Scale scale, DType dtype);

/// Functions of `channels` after the activation:
///   gate     silu(x_0), x_l sigmoid(g_l), g the extra scalars, L channels; exact
///   product  y = sigmoid(s_3) o P(v_1 v_2), y_0 += silu(s_1) s_2, of 2 channels functions and 3 channels
///            extra scalars, P the product of functions on the sphere cut to degrees <= L (EquiformerV3);
///            exact
///   grid     silu of the values on a grid, the scalars then replaced by silu of `channels` extra ones
///            (EquiformerV2's separable S2 activation); breaks symmetry by what the grid misses
class SphereActivation {
 public:
  SphereActivation() = default;
  /// @param mmax  orders kept: of features of edges, which are in their frames but on grids; lmax at nodes
  /// @param grid  points in latitude and longitude, 0: as published
  SphereActivation(const std::string& kind, int lmax, int mmax, Index channels, int grid, DType dtype);
  Index extra() const;
  so3::Irreps irreps_in() const;  ///< without the extra scalars
  std::string plan() const;       ///< what it costs, and how exact it is
  bool on_grid() const { return kind_ == "grid"; }
  Index kept() const;  ///< numbers that a row of v keeps on the tape
  /// v (n, width()), functions and then the extra scalars -> functions of `channels`, orders |m| <= mmax
  /// alone, on grids all of them; `factor` (n, 1) or empty multiplies the result.
  Array operator()(const Array& v, const Array& factor = {}) const;
  Index width() const { return functions() + extra(); }
  Index functions() const;  ///< numbers that come before the extra scalars

 private:
  std::string kind_ = "gate";
  int lmax_ = 0, mmax_ = 0, points_ = 0;
  Index channels_ = 0;
  PlateGrid grid_;
  std::optional<so3::GauntProduct> product_;
  Array in_, out_;  // weights by degree of the product
};

/// What a convolution gives that the activation takes: functions, then the extra scalars.
so3::Irreps message_irreps(const SphereActivation& activation);

/// The product of functions as the activations take it: coefficients in EquiformerV2's scale, for which unit
/// coefficients stay near 1. Empty arrays where lmax is 0.
so3::GauntWeights product_weights(int lmax, int mmax, const Array& like);

}  // namespace cartan::potentials
