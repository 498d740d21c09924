#include "potentials/relax_surface.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <algorithm>
#include <cmath>

#include "potentials/lattice.hpp"

namespace cartan::potentials {
namespace {

constexpr double max_strain = 0.05;

Mat3 product(const Mat3& a, const Mat3& b) {
  Mat3 c{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 3; ++k) c[i][j] += a[i][k] * b[k][j];
  return c;
}

/// Inverse of the transpose.
Mat3 inverse_transposed(const Mat3& f) {
  const Mat3 rows{cross(f[1], f[2]), cross(f[2], f[0]), cross(f[0], f[1])};
  const double det = dot(f[0], rows[0]);
  Mat3 r = rows;
  for (auto& row : r)
    for (double& v : row) v /= det;
  return r;
}

/// y = F x
void apply(const Mat3& f, const double* x, double* y) {
  for (std::size_t i = 0; i < 3; ++i) y[i] = f[i][0] * x[0] + f[i][1] * x[1] + f[i][2] * x[2];
}

}  // namespace

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

Surface::Surface(Potential& potential, const Frame& frame, const RelaxOptions& options)
    : potential_(potential),
      options_(options),
      reference_(frame),
      moving_(moving_components(frame)),
      cell_(options.cell != CellFreedom::fixed) {
  if (!cell_) return;
  const Lattice lattice = reduced_lattice(frame, "relax");
  require(lattice.periodic > 0, "[relax] the frame has no pbc; leave the cell fixed");
  require(frame.volume() > 0,
          "[relax] the cell has no volume; give lattice vectors in the other directions too");
  require(options.pressure == 0 || lattice.periodic == 3, "[relax] a pressure of ", options.pressure,
          " eV/Angstrom^3 with ", lattice.periodic, " periodic directions; it needs three");
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < static_cast<std::size_t>(lattice.periodic); ++k)
        projector_[i][j] += lattice.axes[k][i] * lattice.reciprocal[k][j];
  const double n = static_cast<double>(frame.size());
  weight_ = std::sqrt(n) * std::cbrt(frame.volume() / n);
}

SurfacePoint Surface::start() {
  SurfacePoint point;
  point.x = reference_.positions;
  if (cell_)
    for (std::size_t c = 0; c < 9; ++c) point.x.push_back(c % 4 == 0 ? weight_ : 0);
  point.frame = reference_;
  measure(point, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}});
  return point;
}

bool Surface::evaluate(std::vector<double> x, SurfacePoint& point) {
  point.x = std::move(x);
  Mat3 f{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  const std::size_t n = 3 * reference_.numbers.size();
  if (cell_)
    for (std::size_t c = 0; c < 9; ++c) f[c / 3][c % 3] = point.x[n + c] / weight_;
  point.frame.positions.resize(n);
  for (std::size_t c = 0; c < n; c += 3) apply(f, &point.x[c], &point.frame.positions[c]);
  if (cell_)
    for (std::size_t k = 0; k < 9; k += 3) apply(f, &reference_.cell[k], &point.frame.cell[k]);
  try {
    return measure(point, f);
  } catch (const std::invalid_argument& error) {
    failure_ = error.what();
    return false;
  }
}

bool Surface::measure(SurfacePoint& point, const Mat3& f) {
  ++evaluations_;
  Evaluation e = potential_.evaluate(point.frame);
  const std::size_t n = 3 * reference_.numbers.size();
  require(e.forces.size() == n, "[relax] the potential returned ", e.forces.size(), " force components for ",
          n, " coordinates");
  const auto finite = [](double v) { return std::isfinite(v); };
  const bool good = std::isfinite(e.energy) && std::all_of(e.forces.begin(), e.forces.end(), finite) &&
                    (!cell_ || std::all_of(e.virial.begin(), e.virial.end(), finite));
  if (!good) {
    failure_ = text("energy (", e.energy, "), forces or virial are not finite");
    return false;
  }
  const double volume = point.frame.volume();
  point.enthalpy = e.energy + (cell_ ? options_.pressure * volume : 0);
  point.force = e.forces;
  point.fmax = point.smax = 0;
  const auto free = [&](std::size_t c) { return moving_.empty() || moving_[c] ? 1.0 : 0.0; };
  for (std::size_t c = 0; c < n; c += 3)
    point.fmax = std::max(point.fmax, std::hypot(free(c) * e.forces[c], free(c + 1) * e.forces[c + 1],
                                                 free(c + 2) * e.forces[c + 2]));
  if (cell_) {
    Mat3 w{}, transposed{};
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) {
        w[i][j] =
            0.5 * (e.virial[3 * i + j] + e.virial[3 * j + i]) - (i == j ? options_.pressure * volume : 0);
        transposed[i][j] = f[j][i];
      }
    w = product(projector_, product(w, projector_));
    if (options_.cell == CellFreedom::isotropic) {
      const double freed = projector_[0][0] + projector_[1][1] + projector_[2][2];
      const double mean = (w[0][0] + w[1][1] + w[2][2]) / freed;
      w = projector_;
      for (auto& row : w)
        for (double& v : row) v *= mean;
    }
    for (const auto& row : w)
      for (const double v : row) point.smax = std::max(point.smax, std::abs(v) / volume);
    for (std::size_t c = 0; c < n; c += 3) apply(transposed, &e.forces[c], &point.force[c]);
    const Mat3 on_f = product(w, inverse_transposed(f));
    for (const auto& row : on_f)
      for (const double v : row) point.force.push_back(v / weight_);
  }
  for (std::size_t c = 0; c < moving_.size(); ++c)
    if (!moving_[c]) point.force[c] = 0;
  point.frame.energy = e.energy;
  point.frame.forces = std::move(e.forces);
  point.frame.stress.reset();
  if (point.frame.periodic() && volume > 0) {
    point.frame.stress.emplace();
    for (std::size_t c = 0; c < 9; ++c) (*point.frame.stress)[c] = -e.virial[c] / volume;
  }
  return true;
}

double Surface::allowed(const std::vector<double>& step) const {
  const std::size_t n = 3 * reference_.numbers.size();
  double longest = 0, strain = 0;
  for (std::size_t c = 0; c < n; c += 3)
    longest = std::max(longest, std::hypot(step[c], step[c + 1], step[c + 2]));
  for (std::size_t c = n; c < step.size(); ++c) strain = std::max(strain, std::abs(step[c]) / weight_);
  double factor = 1;
  if (longest > options_.max_step) factor = options_.max_step / longest;
  if (strain > max_strain) factor = std::min(factor, max_strain / strain);
  return factor;
}

bool Surface::converged(const SurfacePoint& p) const {
  return p.fmax <= options_.fmax && (!cell_ || p.smax <= options_.smax);
}

}  // namespace cartan::potentials
