#pragma once
// Two-dimensional Fourier series of theta and phi: tables, and values on the torus by FFTW.

#include "so3/gaunt/rows.hpp"
#include "so3/gaunt/transform.hpp"

namespace cartan::so3 {

inline int fourier_row(int m_max, int u_max, int m, int u) {
  return (m + m_max) * (u_max + 1) + u;
}

// Harmonics of degree <= l as Fourier series of degree l.
std::shared_ptr<const LinearRows> fourier_of_harmonics(int l);
// Projection on harmonics of degree <= l of series with |m| <= m_max, u <= u_max.
std::shared_ptr<const LinearRows> harmonics_of_fourier(int l, int m_max, int u_max);

// Rows are the angles theta_i = pi (i + 1/2) / n_theta, values of a row [phi = 2 pi k / n_phi][lane];
// coefficients of a row are [even m][lane], then [odd m][lane].
template <class T>
class FourierTransform final : public SphereTransform<T> {
 public:
  static constexpr Index w = lane_width<T>;

  // u_max: the sum of degrees of the products; n_phi > that plus the degree of the result. Both lengths are
  // rounded up to products of small primes.
  FourierTransform(int u_max, int n_phi, int lmax);
  ~FourierTransform() override;

  int rows() const override { return n_theta_; }
  Index row_size(int l) const override { return (2 * l + 1) * w; }
  Index values_size() const override { return Index{n_phi_} * w; }
  Index work_size() const override;

  void theta_values(int l, Derivative derivative, const T* x, T* work, T* f) const override;
  void phi_values(int l, const T* f, T* work, T* values) const override;
  void phi_project(int l, T* values, T* work, T* g) const override;
  void theta_project(int l, T* g, T* work, T* z) const override;

  // Between the coefficients (2 l + 1, u + 1) of a series and the rows.
  void series_values(int l, int u, const T* series, T* f) const;
  void series_project(int l, int u, T* g, T* series) const;

 private:
  struct Plans;
  int u_max_, n_theta_, n_phi_, lmax_;
  std::unique_ptr<Plans> plans_;
  std::vector<std::shared_ptr<const LinearRows>> to_, from_;  // by degree
};

template <class T>
std::shared_ptr<const FourierTransform<T>> fourier_transform(int u_max, int n_phi, int lmax);

}  // namespace cartan::so3
