// Trajectories (H5MD 1.1) read, and as a kind of file of frames.

#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/data/trajectory.hpp"
#include "data/read_in_order.hpp"

namespace cartan::data {

namespace {
const std::string atoms_group = "particles/atoms";
const std::string energy_name = "potential_energy";
}  // namespace

struct TrajectoryReader::State {
  std::string path;
  Hdf5File file;
  Group outline;
  Frame frame;  // what does not change: species, pbc, masses, charge
  Index frames = 0;
  std::vector<std::int64_t> steps;
  std::vector<double> times;

  explicit State(const std::string& p) : path(p), file(p), outline(file.outline()) {
    if (!outline.has_group("h5md")) throw FormatError(path, "/h5md", "missing: the file is not H5MD");
    if (file.header().format != "h5md")
      throw FormatError(path, "/h5md",
                        "a trajectory (H5MD) of another program, whose species may mean anything; write it "
                        "as extended xyz there");
    const Shape shape = shape_of(atoms_group + "/position/value");
    const Index n = shape.size() == 3 ? shape[1] : 0;
    if (shape.size() != 3 || n < 1 || shape[2] != 3)
      throw FormatError(path, atoms_group + "/position/value",
                        text("shape ", shape, ", wanted (frames, n, 3)"));
    frames = shape[0];
    const auto numbers = fixed(atoms_group + "/species", {n}).to_vector<std::int32_t>();
    for (const int z : numbers)
      if (z < 1 || z > 118)
        throw FormatError(path, atoms_group + "/species", text(z, " is no atomic number (1 to 118)"));
    frame.numbers.assign(numbers.begin(), numbers.end());
    if (file.has(atoms_group + "/mass"))
      frame.arrays["masses"] = fixed(atoms_group + "/mass", {n}).as(DType::f64);
    if (file.has(atoms_group + "/move_mask"))
      frame.arrays["move_mask"] = fixed(atoms_group + "/move_mask", {n, 3});
    const Group& particles = outline.group(atoms_group);
    if (particles.attributes.count("total_charge") > 0) frame.charge = particles.number("total_charge");
    const auto& boundary = particles.group("box").strings("boundary");
    if (boundary.size() != 3)
      throw FormatError(path, atoms_group + "/box",
                        text("boundary has ", boundary.size(), " entries, wanted 3"));
    for (std::size_t k = 0; k < 3; ++k) frame.pbc[k] = boundary[k] == "periodic";
    steps = fixed(atoms_group + "/position/step", {frames}).to_vector<std::int64_t>();
    times = fixed(atoms_group + "/position/time", {frames}).to_vector<double>();
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

  /// Rows of a time-dependent element, one a frame.
  Array rows(const std::string& name, Index begin, Index end, const Shape& wanted) const {
    Shape shape = wanted;
    shape.insert(shape.begin(), frames);
    if (shape_of(name) != shape)
      throw FormatError(path, name,
                        text("shape ", file.shape(name), ", wanted ", frames, " rows of ", wanted));
    return file.read_rows(name, begin, end);
  }
  /// As float64; empty where the file has no such element.
  std::vector<double> reals(const std::string& name, Index begin, Index end, const Shape& wanted) const {
    if (!file.has(name)) return {};
    return rows(name, begin, end, wanted).as(DType::f64).to_vector<double>();
  }
};

TrajectoryReader::TrajectoryReader(const std::string& path) : state_(std::make_unique<State>(path)) {}
TrajectoryReader::~TrajectoryReader() = default;
TrajectoryReader::TrajectoryReader(TrajectoryReader&&) noexcept = default;

Index TrajectoryReader::frames() const {
  return state_->frames;
}

Index TrajectoryReader::atoms() const {
  return state_->frame.size();
}

Index TrajectoryReader::step(Index frame) const {
  require(0 <= frame && frame < frames(), "[TrajectoryReader] frame ", frame, " of ", frames());
  return state_->steps[static_cast<std::size_t>(frame)];
}

double TrajectoryReader::time(Index frame) const {
  require(0 <= frame && frame < frames(), "[TrajectoryReader] frame ", frame, " of ", frames());
  return state_->times[static_cast<std::size_t>(frame)];
}

Frame TrajectoryReader::read(Index k) const {
  return std::move(read(k, k + 1).front());
}

std::vector<Frame> TrajectoryReader::read(Index begin, Index end) const {
  const State& s = *state_;
  const Index n = atoms();
  require(0 <= begin && begin <= end && end <= s.frames, "[TrajectoryReader] frames [", begin, ", ", end,
          ") of ", s.frames);
  const auto x =
      s.rows(atoms_group + "/position/value", begin, end, {n, 3}).as(DType::f64).to_vector<double>();
  const auto v = s.reals(atoms_group + "/velocity/value", begin, end, {n, 3});
  const auto f = s.reals(atoms_group + "/force/value", begin, end, {n, 3});
  const auto cells = s.reals(atoms_group + "/box/edges/value", begin, end, {3, 3});
  const auto energies = s.reals("observables/" + energy_name + "/value", begin, end, {});
  std::vector<Frame> frames(static_cast<std::size_t>(end - begin), s.frame);
  for (std::size_t k = 0; k < frames.size(); ++k) {
    Frame& frame = frames[k];
    const auto row = [&](const std::vector<double>& all) {
      const auto width = static_cast<std::ptrdiff_t>(3 * n), at = static_cast<std::ptrdiff_t>(k) * width;
      return all.empty() ? all : std::vector<double>(all.begin() + at, all.begin() + at + width);
    };
    frame.index = begin + static_cast<Index>(k);
    frame.positions = row(x);
    frame.velocities = row(v);
    frame.forces = row(f);
    if (!cells.empty())
      std::copy_n(cells.begin() + static_cast<std::ptrdiff_t>(9 * k), 9, frame.cell.begin());
    if (!energies.empty()) frame.energy = energies[k];
  }
  return frames;
}

std::vector<double> TrajectoryReader::observable(const std::string& name) const {
  const std::string dataset = "observables/" + name + "/value";
  const Shape shape = state_->shape_of(dataset);
  if (shape.size() != 1) throw FormatError(state_->path, dataset, text("shape ", shape, ", wanted one axis"));
  return state_->file.read(dataset).to_vector<double>();
}

std::vector<std::string> TrajectoryReader::observables() const {
  std::vector<std::string> names;
  if (state_->outline.has_group("observables"))
    for (const auto& [name, group] : state_->outline.group("observables").groups())
      if (group.has("value")) names.push_back(name);
  return names;
}

namespace {

// Frames with step, time (fs) and the observables of the run as info.
class Frames {
 public:
  explicit Frames(const std::string& path) : file_(path) {
    for (const std::string& name : file_.observables()) {
      if (name == energy_name) continue;
      values_[name] = file_.observable(name);
      if (static_cast<Index>(values_[name].size()) != file_.frames())
        throw FormatError(path, "observables/" + name,
                          text(values_[name].size(), " rows, wanted ", file_.frames()));
    }
  }
  Index size() const { return file_.frames(); }
  Index atoms() const { return file_.atoms(); }
  std::vector<Frame> read(Index begin, Index end) const {
    auto frames = file_.read(begin, end);
    for (Frame& f : frames) {
      f.info["step"] = file_.step(f.index);
      f.info["time_fs"] = file_.time(f.index);
      for (const auto& [name, all] : values_) f.info[name] = all[static_cast<std::size_t>(f.index)];
    }
    return frames;
  }

 private:
  TrajectoryReader file_;
  std::map<std::string, std::vector<double>> values_;
};

void read(const std::string& path, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  constexpr Index atoms_at_once = 1 << 18;
  const Frames file(path);
  read_blocks(file, slice, sink, std::clamp<Index>(atoms_at_once / file.atoms(), 1, 1024));
}

bool is_h5md(const FileStart& start) {
  if (!start.begins_with("\x89HDF\r\n\x1a\n") || start.packed) return false;
  const Hdf5File file(start.path);
  return file.header().format == "h5md" || (file.header().format.empty() && file.outline().has_group("h5md"));
}

}  // namespace

Format h5md_format() {
  Format f;
  f.name = "h5md";
  f.title = "trajectory (H5MD)";
  f.own_units = true;
  f.sniff = is_h5md;
  f.read = read;
  f.holds_frames = [](const std::string& path) { return Hdf5File(path).header().format == "h5md"; };
  return f;
}

}  // namespace cartan::data
