#pragma once
// The Gauss-Legendre grid with n_phi equidistant azimuths pi (2 k + 1) / n_phi, n_phi even.
//
// A row of the transform is a pair theta, pi - theta of the grid ("hemispheres"). Its coefficients are [slot]
// [hemisphere][lane], of projections [slot]{sum, difference}[lane]; its values are
// [j][image][hemisphere][lane], the four images phi_j, pi - phi_j, pi + phi_j, 2 pi - phi_j of the points of
// a quarter. A point on the equator or at phi = pi/2 is its own image: it occurs twice with half the weight.

#include "so3/gaunt/transform.hpp"

namespace cartan::so3 {

template <class T>
class GridTransform final : public SphereTransform<T> {
 public:
  static constexpr Index w = lane_width<T>;

  // n_theta >= degrees / 2 + 1 and n_phi >= degrees + 1 integrate products of these degrees exactly
  GridTransform(int n_theta, int n_phi, int lmax, bool derivatives);

  int rows() const override { return pairs_; }
  Index row_size(int l) const override { return (2 * l + 1) * 2 * w; }
  Index values_size() const override { return Index{quarter_} * 8 * w; }
  Index work_size() const override { return (lmax_ + 1) * (lmax_ + 2) * w; }
  int quarter() const { return quarter_; }

  void theta_values(int l, Derivative derivative, const T* x, T* work, T* f) const override;
  void phi_values(int l, const T* f, T* work, T* values) const override;
  void phi_project(int l, T* values, T* work, T* g) const override;
  void theta_project(int l, T* g, T* work, T* z) const override;

  // Functions of theta alone, h (rows, hemisphere, w). The values of sum over l of sqrt(2 l + 1) f[l] Y_l0, f
  // (l + 1, w), and the projection of h (rows, {sum, difference}, w), its adjoint with weights.
  void axial_values(int l, const T* f, T* h) const;
  void axial_project(int l, const T* h, T* f) const;
  // g = h f, of coefficients f of degree l to projections g of degree l_out; and h = sum over m of f g.
  void multiply_axial(int l, const T* f, const T* h, int l_out, T* g) const;
  void axial_product(int lf, const T* f, int lg, const T* g, T* h) const;

 private:
  int lmax_, pairs_, quarter_;
  // For cosines of even m, of odd m, sines of even m, of odd m: the functions at the points of a quarter,
  // (quarter, m), and the adjoint with weights (m, quarter).
  std::vector<T> phi_[4], phi_adjoint_[4];
  // By derivative, parity of l - m, and m: (pairs, l); and (l, pairs) times the weights of the quadrature.
  std::vector<std::vector<T>> theta_[3][2], theta_adjoint_[2];
};

// Kept from call to call.
template <class T>
std::shared_ptr<const GridTransform<T>> grid_transform(int n_theta, int n_phi, int lmax, bool derivatives);

}  // namespace cartan::so3
