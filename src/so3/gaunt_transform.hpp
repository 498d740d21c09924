#pragma once
// Between coefficients of degree l and values on the sphere, for one block of lanes, in two steps: along
// theta (a matrix for every m, or the Fourier series of theta) and along phi, row by row, so that products of
// functions are formed in the nearest cache.
//
// Rows come in pairs theta, pi - theta ("hemispheres"). The coefficients of a pair are [slot][hemisphere]
// [lane], slots being the 2 L + 1 functions cos(m phi), sin(m phi); its values are [j][image][hemisphere]
// [lane], the four images phi_j, pi - phi_j, pi + phi_j, 2 pi - phi_j of the points of a quarter. A point on
// the equator or at phi = pi/2 is its own image: it occurs twice with half the weight.

#include <memory>

#include "so3/gaunt_lanes.hpp"
#include "so3/sphere_grid_tables.hpp"

namespace cartan::so3 {

inline std::size_t at(Index k) {
  return static_cast<std::size_t>(k);
}

// Place of cos(m phi) (m >= 0) or sin(|m| phi) (m < 0) among the slots of degree lmax: cosines of even m, of
// odd m, sines of even m, of odd m.
inline int slot_of(int lmax, int m) {
  const int even = lmax / 2 + 1, odd = (lmax + 1) / 2;
  if (m >= 0) return m % 2 == 0 ? m / 2 : even + m / 2;
  return -m % 2 == 0 ? even + odd - m / 2 - 1 : 2 * even + odd - 1 - m / 2;
}

template <class T>
class SphereTransform {
 public:
  static constexpr Index w = lane_width<T>;

  // n_theta >= degrees / 2 + 1 and even n_phi >= degrees + 1 integrate products of these degrees exactly
  SphereTransform(int n_theta, int n_phi, int lmax);
  virtual ~SphereTransform() = default;

  int lmax() const { return lmax_; }
  int pairs() const { return pairs_; }
  Index row_size(int l) const { return (2 * l + 1) * 2 * w; }    // coefficients of one pair
  Index values_size() const { return Index{quarter_} * 8 * w; }  // values of one pair
  int quarter() const { return quarter_; }
  virtual Index work_size() const = 0;  // scratch of the two functions below

  // f (pairs, slots, 2, w) from x ((l + 1)^2, w)
  virtual void theta_values(int l, Derivative derivative, const T* x, T* work, T* f) const = 0;
  // z ((l + 1)^2, w): sums with the weights of the quadrature, from g (pairs, slots, {sum, difference}, w) of
  // the hemispheres
  virtual void theta_project(int l, const T* g, T* work, T* z) const = 0;

  void phi_values(int l, const T* f, T* values) const;
  // Changes values.
  void phi_project(int l, T* values, T* g) const;

 protected:
  int n_theta_, n_phi_, lmax_, pairs_, quarter_;

 private:
  // For cosines of even m, of odd m, sines of even m, of odd m: the functions at the points of a quarter,
  // (quarter, m), and the adjoint with weights (m, quarter).
  std::vector<T> phi_[4], phi_adjoint_[4];
  Index count(int l, int group) const { return group == 0 ? l / 2 + 1 : group == 2 ? l / 2 : (l + 1) / 2; }
};

// Gauss-Legendre rows: matrices of Legendre functions.
template <class T>
std::unique_ptr<SphereTransform<T>> grid_transform(int n_theta, int n_phi, int lmax, bool derivatives);

}  // namespace cartan::so3
