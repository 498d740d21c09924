#include "operators/solvers/torus.hpp"

namespace cartan::operators {

Torus::Torus(const Shape& points, double length) {
  const std::size_t d = points.size();
  Shape half = points;
  half.back() = points.back() / 2 + 1;
  points_ = size_of(points), modes_ = size_of(half);
  wave_.assign(d, std::vector<double>(static_cast<std::size_t>(modes_)));
  squared_.assign(static_cast<std::size_t>(modes_), 0);
  kept_.assign(static_cast<std::size_t>(modes_), 1);
  std::vector<Index> at(d, 0);
  for (std::size_t m = 0; m < squared_.size(); ++m) {
    for (std::size_t i = 0; i < d; ++i) {
      const Index k = 2 * at[i] > points[i] ? at[i] - points[i] : at[i];
      const double wave = 2 * 3.14159265358979323846 * static_cast<double>(k) / length;
      wave_[i][m] = 2 * k == points[i] ? 0 : wave;
      squared_[m] += wave * wave;
      if (3 * std::abs(k) >= points[i]) kept_[m] = 0;
    }
    for (std::size_t i = d; i-- > 0;) {
      if (++at[i] < half[i]) break;
      at[i] = 0;
    }
  }
  std::vector<FftAxis> real(d), complex(d);
  Index in = 1, out = 1;
  for (std::size_t i = d; i-- > 0;) {
    real[i] = {points[i], in, out};
    complex[i] = {points[i], out, in};
    in *= points[i], out *= half[i];
  }
  forward_ = fft_plan<double>(FftKind::real_forward, real, {}, false, true);
  backward_ = fft_plan<double>(FftKind::real_backward, complex, {}, false, true);
}

void Torus::forward(const double* values, Complex* series) const {
  (*forward_)(values, series);
  const double factor = 1 / static_cast<double>(points_);
  for (Index m = 0; m < modes_; ++m) series[m] *= factor;
}

}  // namespace cartan::operators
