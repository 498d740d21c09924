#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/core/units.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <Eigen/Eigenvalues>

#include <cmath>
#include <limits>

#include "potentials/velocities.hpp"

namespace cartan::potentials {

std::vector<double> masses_of(const Frame& frame) {
  const auto n = frame.numbers.size();
  std::vector<double> masses(n);
  const auto given = frame.arrays.find("masses");
  if (given != frame.arrays.end()) {
    require(given->second.size() == frame.size(), "[masses_of] ", given->second.size(), " masses for ", n,
            " atoms; give one an atom");
    masses = given->second.to_vector<double>();
  } else {
    for (std::size_t a = 0; a < n; ++a) masses[a] = data::element_mass(frame.numbers[a]);
  }
  for (std::size_t a = 0; a < n; ++a)
    require(std::isfinite(masses[a]) && masses[a] > 0, "[masses_of] the mass of atom ", a, " is ", masses[a],
            " amu; it must be positive");
  return masses;
}

std::vector<std::uint8_t> moving_components(const Frame& frame) {
  std::vector<std::uint8_t> moving;
  for (const char* name : {"move_mask", "fixed"}) {
    const auto at = frame.arrays.find(name);
    if (at == frame.arrays.end()) continue;
    const Array& a = at->second;
    const Index n = frame.size();
    require(a.shape() == Shape{n} || a.shape() == Shape({n, 1}) || a.shape() == Shape({n, 3}),
            "[moving_components] ", name, " has the shape ", a.shape(), " for ", n,
            " atoms; give one value an atom, or three");
    const std::vector<double> values = a.as(DType::f64).to_vector<double>();
    const std::size_t width = values.size() / frame.numbers.size();
    const double moves = std::string(name) == "fixed" ? 0 : 1;
    moving.resize(3 * frame.numbers.size(), 1);
    for (std::size_t c = 0; c < moving.size(); ++c) {
      const double v = values[width == 3 ? c : c / 3];
      require(v == 0 || v == 1, "[moving_components] ", name, " of atom ", c / 3, " is ", v,
              "; give T or F, 1 or 0");
      if (v != moves) moving[c] = 0;
    }
  }
  for (const std::uint8_t m : moving)
    if (!m) return moving;
  return {};
}

double kinetic_energy(const std::vector<double>& masses, const std::vector<double>& v,
                      std::vector<double>& work) {
  work.resize(masses.size());
  for (std::size_t a = 0; a < masses.size(); ++a)
    work[a] = masses[a] * (v[3 * a] * v[3 * a] + v[3 * a + 1] * v[3 * a + 1] + v[3 * a + 2] * v[3 * a + 2]);
  return 0.5 * units::mass_velocity2 * deterministic_sum(work.data(), static_cast<Index>(work.size()));
}

namespace {

using Vec = Eigen::Vector3d;

Vec at(const std::vector<double>& x, std::size_t a) {
  return {x[3 * a], x[3 * a + 1], x[3 * a + 2]};
}

/// Mass-weighted mean of x.
Vec mean(const std::vector<double>& masses, const std::vector<double>& x) {
  double total = 0;
  Vec sum = Vec::Zero();
  for (std::size_t a = 0; a < masses.size(); ++a) {
    total += masses[a];
    sum += masses[a] * at(x, a);
  }
  return sum / total;
}

}  // namespace

void remove_com_motion(const std::vector<double>& masses, std::vector<double>& v) {
  const Vec drift = mean(masses, v);
  for (std::size_t c = 0; c < v.size(); ++c) v[c] -= drift[static_cast<Eigen::Index>(c % 3)];
}

void remove_rotation(const std::vector<double>& masses, const std::vector<double>& x,
                     std::vector<double>& v) {
  const Vec centre = mean(masses, x);
  Eigen::Matrix3d inertia = Eigen::Matrix3d::Zero();
  Vec momentum = Vec::Zero();
  for (std::size_t a = 0; a < masses.size(); ++a) {
    const Vec r = at(x, a) - centre;
    inertia += masses[a] * (r.squaredNorm() * Eigen::Matrix3d::Identity() - r * r.transpose());
    momentum += masses[a] * r.cross(at(v, a));
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> axes(inertia);
  Vec omega = Vec::Zero();
  for (Eigen::Index k = 0; k < 3; ++k)  // the axis of a linear molecule has no moment
    if (axes.eigenvalues()[k] > 1e-8 * axes.eigenvalues()[2])
      omega += axes.eigenvectors().col(k) * axes.eigenvectors().col(k).dot(momentum) / axes.eigenvalues()[k];
  for (std::size_t a = 0; a < masses.size(); ++a) {
    const Vec spin = omega.cross(at(x, a) - centre);
    for (std::size_t c = 0; c < 3; ++c) v[3 * a + c] -= spin[static_cast<Eigen::Index>(c)];
  }
}

Index count_freedom(Index n, bool without_com, bool without_rotation) {
  const Index rotations = n == 1 ? 0 : n == 2 ? 2 : 3;
  return 3 * n - (without_com ? 3 : 0) - (without_rotation ? rotations : 0);
}

Index set_velocities(Frame& frame, double temperature, std::uint64_t seed, bool without_com,
                     bool without_rotation, bool exact) {
  const Index n = frame.size();
  require(std::isfinite(temperature) && temperature >= 0, "[set_velocities] the temperature is ", temperature,
          " K; give zero or more");
  require(static_cast<Index>(frame.positions.size()) == 3 * n, "[set_velocities] ", n, " atoms but ",
          frame.positions.size(), " coordinates");
  require(!(without_rotation && frame.periodic()),
          "[set_velocities] a periodic frame has no angular momentum to remove; leave remove_rotation off");
  const std::vector<double> masses = masses_of(frame);
  const double kt = units::boltzmann * temperature;
  const Random random(seed, std::numeric_limits<std::uint64_t>::max());  // a stream no step uses
  frame.velocities.resize(frame.positions.size());
  for (std::size_t c = 0; c < frame.velocities.size(); ++c)
    frame.velocities[c] = std::sqrt(kt / (masses[c / 3] * units::mass_velocity2)) * random.normal(c);
  const std::vector<std::uint8_t> moving = moving_components(frame);
  Index freedom = 0;
  if (moving.empty()) {
    without_com = without_com && n > 1;
    if (without_com) remove_com_motion(masses, frame.velocities);
    if (without_rotation) remove_rotation(masses, frame.positions, frame.velocities);
    freedom = count_freedom(n, without_com, without_rotation);
  } else {
    for (std::size_t c = 0; c < moving.size(); ++c) {
      freedom += moving[c];
      if (!moving[c]) frame.velocities[c] = 0;
    }
  }
  if (exact && kt > 0 && freedom > 0) {
    std::vector<double> work;
    const double kinetic = kinetic_energy(masses, frame.velocities, work);
    const double scale = kinetic > 0 ? std::sqrt(0.5 * static_cast<double>(freedom) * kt / kinetic) : 0;
    for (double& v : frame.velocities) v *= scale;
  }
  return freedom;
}

}  // namespace cartan::potentials
