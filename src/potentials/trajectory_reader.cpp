#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/trajectory.hpp>

#include <algorithm>

namespace cartan::potentials {

namespace {
const std::string atoms = "particles/atoms";
}

struct TrajectoryReader::State {
  std::string path;
  data::Hdf5File file;
  data::Group outline;
  Frame frame;  // what does not change: species, pbc, masses
  Index frames = 0;

  explicit State(const std::string& p) : path(p), file(p), outline(file.outline()) {
    if (!outline.has_group("h5md")) throw FormatError(path, "/h5md", "missing: the file is not H5MD");
    const Shape shape = shape_of(atoms + "/position/value");
    const Index n = shape.size() == 3 ? shape[1] : 0;
    if (shape.size() != 3 || n < 1 || shape[2] != 3)
      throw FormatError(path, atoms + "/position/value", text("shape ", shape, ", wanted (frames, n, 3)"));
    frames = shape[0];
    const auto numbers = fixed(atoms + "/species", {n}).to_vector<std::int32_t>();
    frame.numbers.assign(numbers.begin(), numbers.end());
    if (file.has(atoms + "/mass")) frame.arrays["masses"] = fixed(atoms + "/mass", {n}).as(DType::f64);
    const auto& boundary = outline.group(atoms + "/box").strings("boundary");
    if (boundary.size() != 3)
      throw FormatError(path, atoms + "/box", text("boundary has ", boundary.size(), " entries, wanted 3"));
    for (std::size_t k = 0; k < 3; ++k) frame.pbc[k] = boundary[k] == "periodic";
  }

  static void set_cell(Frame& f, const Array& edges) {
    const auto cell = edges.to_vector<double>();
    std::copy_n(cell.begin(), 9, f.cell.begin());
  }

  Shape shape_of(const std::string& name) const {
    if (!file.has(name)) throw FormatError(path, name, "missing");
    return file.shape(name);
  }

  Array fixed(const std::string& name, const Shape& wanted) const {
    const Shape shape = shape_of(name);
    if (shape != wanted) throw FormatError(path, name, text("shape ", shape, ", wanted ", wanted));
    return file.read(name);
  }

  /// Row `k` of a time-dependent element.
  Array row(const std::string& name, Index k, const Shape& wanted) const {
    require(0 <= k && k < frames, "[TrajectoryReader] frame ", k, " of ", frames);
    Shape shape = shape_of(name);
    shape.erase(shape.begin(),
                shape.begin() + std::min<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(shape.size())));
    if (shape != wanted || file.shape(name)[0] != frames)
      throw FormatError(path, name,
                        text("shape ", file.shape(name), ", wanted ", frames, " rows of ", wanted));
    return file.read_rows(name, k, k + 1);
  }
};

TrajectoryReader::TrajectoryReader(const std::string& path) : state_(std::make_unique<State>(path)) {}
TrajectoryReader::~TrajectoryReader() = default;

Index TrajectoryReader::frames() const {
  return state_->frames;
}

Index TrajectoryReader::step(Index frame) const {
  return state_->row(atoms + "/position/step", frame, {}).to_vector<std::int64_t>()[0];
}

double TrajectoryReader::time(Index frame) const {
  return state_->row(atoms + "/position/time", frame, {}).to_vector<double>()[0];
}

Frame TrajectoryReader::read(Index k) const {
  const State& s = *state_;
  Frame frame = s.frame;
  const Shape shape{frame.size(), 3};
  frame.positions = s.row(atoms + "/position/value", k, shape).to_vector<double>();
  if (s.file.has(atoms + "/velocity/value"))
    frame.velocities = s.row(atoms + "/velocity/value", k, shape).to_vector<double>();
  if (s.file.has(atoms + "/force/value"))
    frame.forces = s.row(atoms + "/force/value", k, shape).to_vector<double>();
  if (s.file.has(atoms + "/box/edges/value"))
    State::set_cell(frame, s.row(atoms + "/box/edges/value", k, {3, 3}));
  if (s.file.has("observables/potential_energy/value"))
    frame.energy = s.row("observables/potential_energy/value", k, {}).to_vector<double>()[0];
  return frame;
}

std::vector<double> TrajectoryReader::observable(const std::string& name) const {
  const std::string dataset = "observables/" + name + "/value";
  const Shape shape = state_->shape_of(dataset);
  if (shape.size() != 1) throw FormatError(state_->path, dataset, text("shape ", shape, ", wanted one axis"));
  return state_->file.read(dataset).to_vector<double>();
}

}  // namespace cartan::potentials
