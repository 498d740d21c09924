#pragma once
// Real fields on a torus and the halves of their Fourier series that determine them.

#include <complex>
#include <memory>
#include <vector>

#include "core/fft.hpp"

namespace cartan::operators {

class Torus {
 public:
  using Complex = std::complex<double>;

  Torus(const Shape& points, double length);

  Index points() const { return points_; }
  Index modes() const { return modes_; }
  // 2 pi k/length along an axis, by mode; 0 at the highest frequency of an even grid, whose odd derivatives
  // vanish at the points.
  const std::vector<double>& wave(std::size_t axis) const { return wave_[axis]; }
  // Its square, summed over axes, the highest frequencies included.
  const std::vector<double>& wave_squared() const { return squared_; }
  // 1 where |k_i| < n_i/3 along every axis, else 0: products of two fields that are cut so have no alias
  // there.
  const std::vector<double>& kept() const { return kept_; }

  // Fourier coefficients and back, both on 64 bytes; `series` is destroyed.
  void forward(const double* values, Complex* series) const;
  void backward(Complex* series, double* values) const { (*backward_)(series, values); }

 private:
  Index points_ = 1, modes_ = 1;
  std::vector<std::vector<double>> wave_;
  std::vector<double> squared_, kept_;
  std::shared_ptr<const FftPlan<double>> forward_, backward_;
};

}  // namespace cartan::operators
