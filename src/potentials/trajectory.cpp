#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/trajectory.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#ifndef CARTAN_VERSION
#define CARTAN_VERSION "unknown"
#endif

namespace cartan::potentials {
namespace {

using Values = std::map<std::string, double>;

constexpr const char* format_name = "h5md";
constexpr const char* standard_observables[] = {
    "potential_energy", "kinetic_energy",   "conserved_energy",     "temperature",         "pressure",
    "volume",           "energy_deviation", "forces_deviation_max", "forces_deviation_rms"};
const std::string atoms = "particles/atoms";
const std::string box = atoms + "/box";

data::Header header_of(const TrajectoryOptions& options) {
  data::Header header;
  header.format = format_name;
  header.config = options.config;
  return header;
}

std::string observable(const std::string& name) {
  return "observables/" + name;
}

std::string unit_of(const std::string& observable) {
  if (observable == "temperature") return "K";
  if (observable == "pressure") return "eV Angstrom-3";
  if (observable == "volume") return "Angstrom+3";
  if (observable.rfind("forces_deviation", 0) == 0) return "eV Angstrom-1";
  return "eV";
}

bool has_cell(const Frame& f) {
  return std::any_of(f.cell.begin(), f.cell.end(), [](double v) { return v != 0; });
}

/// Coordinates as one row of a growing dataset.
Array row(const std::vector<double>& x, DType dtype) {
  return Array::from(x, {1, static_cast<Index>(x.size()) / 3, 3}).as(dtype);
}

}  // namespace

struct TrajectoryWriter::State {
  TrajectoryOptions options;
  Index n;
  bool cell;
  data::Hdf5Appender file;
  Index count = 0;                             // frames
  std::optional<std::set<std::string>> names;  // of the observables
  std::set<std::string> in_step;               // elements known to have no rows past the frames

  State(const std::string& path, const Frame& frame, const TrajectoryOptions& o, bool resume)
      : options(o), n(frame.size()), cell(has_cell(frame)), file(path, header_of(o), resume) {}

  void fixed(const std::string& name, const Array& array, const std::string& unit) {
    file.write(name, array, unit);
    if (!unit.empty()) file.set_attribute(name, "unit", unit);
  }

  /// The parts of the file that do not grow.
  void begin(const Frame& frame) {
    file.set_attribute("h5md", "version", std::vector<std::int64_t>{1, 1});
    file.set_attribute("h5md/author", "name",
                       options.author.empty() ? std::string("unknown") : options.author);
    file.set_attribute("h5md/creator", "name", std::string("cartan"));
    file.set_attribute("h5md/creator", "version", std::string(CARTAN_VERSION));
    file.set_attribute("h5md/modules/units", "version", std::vector<std::int64_t>{1, 0});
    std::vector<std::string> boundary;
    for (const bool periodic : frame.pbc) boundary.emplace_back(periodic ? "periodic" : "none");
    file.set_attribute(box, "dimension", std::int64_t{3});
    file.set_attribute(box, "boundary", boundary);
    fixed(atoms + "/species",
          Array::from(std::vector<std::int32_t>(frame.numbers.begin(), frame.numbers.end())), "");
    fixed(atoms + "/mass", Array::from(masses_of(frame)), "u");
    if (frame.charge != 0) file.set_attribute(atoms, "total_charge", frame.charge);
    if (const auto moving = moving_components(frame); !moving.empty())
      fixed(atoms + "/move_mask", Array::from(moving, {n, 3}), "");
    file.flush();
  }

  std::vector<std::string> series() const {
    std::vector<std::string> elements{atoms + "/position"};
    if (options.velocities) elements.push_back(atoms + "/velocity");
    if (options.forces) elements.push_back(atoms + "/force");
    if (cell) elements.push_back(box + "/edges");
    return elements;
  }

  /// One time-dependent element of H5MD: value, step, time.
  void add(const std::string& name, const Array& value, const std::string& unit, Index step, double time) {
    cut(name, count);
    const bool first = count == 0;
    file.append(name + "/value", value, unit);
    file.append(name + "/step", Array::from(std::vector<std::int64_t>{step}));
    file.append(name + "/time", Array::from(std::vector<double>{time}), "fs");
    if (!first) return;
    file.set_attribute(name + "/value", "unit", unit);
    file.set_attribute(name + "/time", "unit", std::string("fs"));
  }

  /// Drops the rows past `keep`, once: later ones are ours.
  void cut(const std::string& name, Index keep) {
    if (!in_step.insert(name).second) return;
    for (const char* part : {"/value", "/step", "/time"})
      if (file.rows(name + part) > keep) file.truncate(name + part, keep);
  }

  void resume(const std::string& path, Index keep) {
    const auto expect = [&](bool good, const std::string& object, Index found, Index wanted) {
      if (!good)
        throw FormatError(path, object,
                          text("the trajectory to go on with has ", found, ", wanted ", wanted));
    };
    const Index species = file.rows(atoms + "/species");
    expect(species == n, atoms + "/species (atoms)", species, n);
    std::vector<std::string> elements = series();
    for (const std::string& name : elements) {
      const Index rows = file.rows(name + "/value");
      expect(rows >= keep, name + "/value (frames)", rows, keep);
    }
    if (const std::string name = atoms + "/forces_deviation"; file.rows(name + "/value") > 0)
      elements.push_back(name);
    for (const char* name : standard_observables)
      if (file.rows(observable(name) + "/value") > 0) elements.push_back(observable(name));
    for (const std::string& name : elements) cut(name, keep);
    count = keep;
  }

  /// Throws before anything is written.
  void check(const Frame& frame, const std::vector<double>& forces, const Values& observables) {
    const std::size_t size = frame.positions.size();
    require(frame.size() == n && size == 3 * frame.numbers.size(), "[TrajectoryWriter] a frame of ",
            frame.size(), " atoms and ", size, " coordinates in a trajectory of ", n, " atoms");
    require(has_cell(frame) == cell, "[TrajectoryWriter] a frame ", cell ? "without" : "with",
            " a cell in a trajectory ", cell ? "with" : "without", " one; give all frames a cell or none");
    require(!options.velocities || frame.velocities.size() == size, "[TrajectoryWriter] ",
            frame.velocities.size(), " velocities for ", size,
            " coordinates; give them or switch options.velocities off");
    require(!options.forces || forces.size() == size, "[TrajectoryWriter] ", forces.size(), " forces for ",
            size, " coordinates; give them or switch options.forces off");
    std::set<std::string> now;
    for (const auto& [name, value] : observables) {
      require(!name.empty() && name.find('/') == std::string::npos,
              "[TrajectoryWriter] bad observable name \"", name, "\"");
      now.insert(name);
    }
    if (!names) {
      for (const std::string& name : now)
        require(file.rows(observable(name) + "/value") >= count, "[TrajectoryWriter] the observable \"", name,
                "\" is missing in the ", count, " frames before; give every frame the same ones");
      names = now;
    }
    require(*names == now, "[TrajectoryWriter] ", now.size(), " observables, ", names->size(),
            " in the frames before or under other names; give every frame the same ones");
  }

  void append(const Frame& frame, const std::vector<double>& forces, const std::vector<double>& deviation,
              Index step, double time, const Values& observables) {
    check(frame, forces, observables);
    add(atoms + "/position", row(frame.positions, options.dtype), "Angstrom", step, time);
    if (options.velocities)
      add(atoms + "/velocity", row(frame.velocities, options.dtype), "Angstrom fs-1", step, time);
    if (options.forces) add(atoms + "/force", row(forces, options.dtype), "eV Angstrom-1", step, time);
    if (!deviation.empty())
      add(atoms + "/forces_deviation", Array::from(deviation, {1, n}).as(options.dtype), "eV Angstrom-1",
          step, time);
    if (cell) add(box + "/edges", Array::from(frame.cell.data(), {1, 3, 3}), "Angstrom", step, time);
    for (const auto& [name, value] : observables)
      add(observable(name), Array::from(std::vector<double>{value}), unit_of(name), step, time);
    ++count;
  }
};

TrajectoryWriter::TrajectoryWriter(const std::string& path, const Frame& frame,
                                   const TrajectoryOptions& options) {
  require(is_real(options.dtype), "[TrajectoryWriter] positions as ", options.dtype, "; use f32 or f64");
  require(frame.size() > 0, "[TrajectoryWriter] a frame without atoms");
  state_ = std::make_unique<State>(path, frame, options, false);
  state_->begin(frame);
}

TrajectoryWriter::TrajectoryWriter(const std::string& path, const Frame& frame,
                                   const TrajectoryOptions& options, Index keep) {
  require(is_real(options.dtype), "[TrajectoryWriter] positions as ", options.dtype, "; use f32 or f64");
  require(keep >= 0, "[TrajectoryWriter] keep is ", keep, "; give the number of frames to go on after");
  state_ = std::make_unique<State>(path, frame, options, true);
  state_->resume(path, keep);
}

TrajectoryWriter::~TrajectoryWriter() = default;
TrajectoryWriter::TrajectoryWriter(TrajectoryWriter&&) noexcept = default;

void TrajectoryWriter::append(const Dynamics& dynamics, const Observables& o) {
  Values observables{{"potential_energy", o.potential},
                     {"kinetic_energy", o.kinetic},
                     {"conserved_energy", o.conserved},
                     {"temperature", o.temperature}};
  if (std::isfinite(o.pressure)) {
    observables["pressure"] = o.pressure;
    observables["volume"] = o.volume;
  }
  const DynamicsState& s = dynamics.state();
  if (s.evaluation.deviation.known()) {
    observables["energy_deviation"] = o.energy_deviation;
    observables["forces_deviation_max"] = o.forces_deviation;
    observables["forces_deviation_rms"] = o.forces_deviation_rms;
  }
  state_->append(s.frame, s.evaluation.forces, s.evaluation.deviation.forces, s.step, s.time, observables);
}

void TrajectoryWriter::append(const Frame& frame, Index step, double time_fs,
                              const std::map<std::string, double>& observables) {
  state_->append(frame, frame.forces, {}, step, time_fs, observables);
}

Index TrajectoryWriter::frames() const {
  return state_->count;
}
void TrajectoryWriter::flush() {
  state_->file.flush();
}
void TrajectoryWriter::close() {
  state_->file.close();
}

}  // namespace cartan::potentials
