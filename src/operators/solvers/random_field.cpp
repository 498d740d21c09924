#include "cartan/operators/random_field.hpp"

#include <cmath>
#include <complex>
#include <numeric>

#include "cartan/core/error.hpp"
#include "core/fft.hpp"
#include "core/workspace.hpp"

namespace cartan::operators {
namespace {

constexpr double pi = 3.14159265358979323846;

void check(const char* op, const GaussianField& field, const Shape& points, Index least) {
  config::validate(op, field);
  require(!points.empty() && points.size() <= 3, "[", op, "] a grid of ", points.size(),
          " axes; 1 to 3 are possible");
  for (const Index n : points)
    require(n >= least && n < (Index{1} << 18), "[", op, "] ", n, " points along an axis; from ", least,
            " to 262143 are possible");
}

// A number of its own for every frequency, whatever the grid.
std::uint64_t number_of(const Index* k, std::size_t axes, int which) {
  std::uint64_t number = static_cast<std::uint64_t>(which);
  for (std::size_t i = 0; i < axes; ++i)
    number = number << 19 | static_cast<std::uint64_t>(k[i] >= 0 ? 2 * k[i] : -2 * k[i] - 1);
  return number;
}

// The next index of a row-major grid.
void advance(std::vector<Index>& index, const Shape& shape) {
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (++index[i] < shape[i]) return;
    index[i] = 0;
  }
}

std::vector<int> all_axes(const Shape& shape) {
  std::vector<int> axes(shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

}  // namespace

void describe(config::Fields& f, GaussianField& o) {
  f("alpha", o.alpha, "exponent of the covariance sigma^2 (-Laplacian + tau^2)^-alpha").above(0).to(50);
  f("tau", o.tau, "its inverse length").from(0);
  f("sigma", o.sigma, "its scale").from(0);
}

void draw_periodic(const GaussianField& field, const Shape& points, const Random& random, int which,
                   double* out) {
  check("draw_periodic", field, points, 1);
  const std::size_t d = points.size();
  Shape half = points;
  half.back() = points.back() / 2 + 1;
  const Index modes = size_of(half);
  Scratch<std::complex<double>> spectrum(modes);
  const double norm = std::pow(field.length, -0.5 * static_cast<double>(d));
  std::vector<Index> at(d, 0), k(d), mirror(d);
  for (Index m = 0; m < modes; ++m, advance(at, half)) {
    bool edge = false, zero = true, mirrored = false, decided = false;
    double square = 0;
    for (std::size_t i = 0; i < d; ++i) {
      k[i] = 2 * at[i] > points[i] ? at[i] - points[i] : at[i];
      edge = edge || 2 * std::abs(k[i]) == points[i];
      zero = zero && k[i] == 0;
      const double wave = 2 * pi * static_cast<double>(k[i]) / field.length;
      square += wave * wave;
    }
    // Of k and -k the one whose last part that is not zero is positive is drawn.
    for (std::size_t i = d; i-- > 0 && !decided;) {
      decided = k[i] != 0;
      mirrored = k[i] < 0;
    }
    if (zero || edge) {
      spectrum[m] = 0;
      continue;
    }
    for (std::size_t i = 0; i < d; ++i) mirror[i] = mirrored ? -k[i] : k[i];
    const std::uint64_t number = 2 * number_of(mirror.data(), d, which);
    const double scale =
        norm * field.sigma * std::pow(square + field.tau * field.tau, -field.alpha / 2) / std::sqrt(2.0);
    const double re = scale * random.normal(number), im = -scale * random.normal(number + 1);
    spectrum[m] = {re, mirrored ? -im : im};
  }
  fft_along(FftKind::real_backward, spectrum.data(), half, out, points, all_axes(points));
}

void draw_neumann(const GaussianField& field, const Shape& points, const Random& random, int which,
                  double* out) {
  check("draw_neumann", field, points, 2);
  const std::size_t d = points.size();
  const Index modes = size_of(points);
  Scratch<double> series(modes);
  const double norm = std::pow(field.length, -0.5 * static_cast<double>(d));
  std::vector<Index> k(d, 0);
  for (Index m = 0; m < modes; ++m, advance(k, points)) {
    double square = 0, factor = norm;
    for (std::size_t i = 0; i < d; ++i) {
      const double wave = pi * static_cast<double>(k[i]) / field.length;
      square += wave * wave;
      // sqrt(2) cos, and what the transform counts twice.
      if (k[i] > 0) factor *= std::sqrt(2.0) * (k[i] + 1 < points[i] ? 0.5 : 1.0);
    }
    series[m] = m == 0 ? 0
                       : factor * field.sigma * std::pow(square + field.tau * field.tau, -field.alpha / 2) *
                             random.normal(number_of(k.data(), d, which));
  }
  fft_along(FftKind::dct1, series.data(), points, out, points, all_axes(points));
}

}  // namespace cartan::operators
