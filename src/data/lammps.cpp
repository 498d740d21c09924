#include "data/lammps.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"

namespace cartan::data {
namespace {

const std::vector<LammpsUnits>& styles() {
  // `electron` measures time by the amu, not the electron's mass: 1.03275 fs.
  static const double electron_time = units::bohr * std::sqrt(units::mass_velocity2 / units::hartree);
  static const std::vector<LammpsUnits> all{
      {"metal", 1, 1, 1e-3, 1e3},
      {"real", 1, units::kcal_per_mol, 1, 1},
      {"electron", units::bohr, units::hartree, units::bohr / electron_time, 1},
  };
  return all;
}

const LammpsUnits* style_named(const std::string& name) {
  for (const LammpsUnits& u : styles())
    if (u.name == name) return &u;
  return nullptr;
}

// Elements that occur with a weight of their own; the others have the mass number of one isotope.
bool has_weight(int z) {
  return z != 43 && z != 61 && (z <= 83 || (z >= 90 && z <= 92));
}

}  // namespace

const LammpsUnits& lammps_units(const std::string& path, const std::string& object, const std::string& name) {
  if (const LammpsUnits* found = style_named(name)) return *found;
  throw FormatError(path, object,
                    text("units ", name,
                         name == "lj" ? " have no scale: convert the file to metal or real"
                                      : " are not read: metal, real and electron are"));
}

const LammpsUnits& lammps_default_units(const ReadOptions& options) {
  if (options.units.empty()) return styles()[0];
  const LammpsUnits* found = style_named(options.units);
  require(found, "[read_frames] units of LAMMPS: '", options.units, "'; expected metal, real or electron");
  return *found;
}

void note_units(Frame& frame, const LammpsUnits& units, const ReadOptions& options) {
  if (options.units.empty())
    frame.unused.push_back(
        {"units",
         "the file does not say them; " + units.name + " is assumed (--lammps-units real for others)", true});
}

int element_of_mass(double mass) {
  if (std::abs(mass - 2.014) < 0.01 || std::abs(mass - 3.016) < 0.01) return 1;
  for (int z = 1; z <= 92; ++z) {
    const double weight = element_mass(z), tolerance = z <= 10 ? 0.015 : 0.0015 * weight;
    if (has_weight(z) && std::abs(mass - weight) <= tolerance) return z;
  }
  return 0;
}

bool mass_fits(int number, double mass) {
  const double weight = element_mass(number);
  return number == 1 ? mass > 0.9 && mass < 3.1 : std::abs(mass - weight) < std::max(1.5, 0.05 * weight);
}

std::vector<int> elements_of(const ReadOptions& options) {
  std::vector<int> out;
  for (const std::string& symbol : options.elements) {
    out.push_back(element_number(symbol));
    require(out.back() > 0, "[read_frames] elements of types: '", symbol,
            "' is no symbol; expected one for every type, as H,O");
  }
  return out;
}

std::array<double, 9> LammpsBox::cell(double length) const {
  std::array<double, 9> h = vectors;
  if (!general)
    h = {high[0] - low[0], 0, 0, tilt[0], high[1] - low[1], 0, tilt[1], tilt[2], high[2] - low[2]};
  for (double& x : h) x *= length;
  Frame f;
  f.cell = h;
  require(f.volume() > 0, "the box has no extent");
  return h;
}

void sort_by_id(Frame& frame, const std::vector<std::int64_t>& id) {
  if (std::is_sorted(id.begin(), id.end())) return;
  std::vector<std::size_t> order(id.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return id[a] < id[b]; });
  const auto sort = [&](auto& values, std::size_t width) {
    if (values.empty()) return;
    auto sorted = values;
    for (std::size_t i = 0; i < order.size(); ++i)
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(order[i] * width), width,
                  sorted.begin() + static_cast<std::ptrdiff_t>(i * width));
    values = std::move(sorted);
  };
  sort(frame.numbers, 1);
  sort(frame.positions, 3);
  sort(frame.velocities, 3);
  sort(frame.forces, 3);
  for (auto& [name, array] : frame.arrays) {
    Array sorted = Array::uninitialized(array.shape(), array.dtype());
    const std::size_t bytes = array.bytes() / order.size();
    for (std::size_t i = 0; i < order.size(); ++i)
      std::copy_n(static_cast<const char*>(array.raw()) + order[i] * bytes, bytes,
                  static_cast<char*>(sorted.mutable_raw()) + i * bytes);
    array = sorted;
  }
  for (auto& [name, words] : frame.labels) sort(words, 1);
}

}  // namespace cartan::data
