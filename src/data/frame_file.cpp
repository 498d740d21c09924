#include <algorithm>
#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/frame_columns.hpp"

namespace cartan::data {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

class GroupSource : public FrameSource {
 public:
  explicit GroupSource(const Group& group) : group_(group) {}
  const Group& tree() const override { return group_; }
  Shape shape(const std::string& path) const override { return group_.array(path).shape(); }
  Array rows(const std::string& path, Index begin, Index end) const override {
    return group_.array(path).rows(begin, end);
  }
  using FrameSource::rows;

 private:
  const Group& group_;
};

class FileSource : public FrameSource {
 public:
  explicit FileSource(const std::string& path) : file_(path), tree_(file_.outline()) {
    if (file_.header().format.empty())
      throw FormatError(
          path, "",
          "an HDF5 file of another program, not frames of Cartan; `cartan data info` lists what it holds");
    if (file_.header().format != "cartan-frames")
      throw FormatError(path, "", "is a '" + file_.header().format + "' file, expected 'cartan-frames'");
  }
  const Group& tree() const override { return tree_; }
  Shape shape(const std::string& path) const override { return file_.shape(path); }
  Array rows(const std::string& path, Index begin, Index end) const override {
    return file_.read_rows(path, begin, end);
  }
  using FrameSource::rows;

 private:
  Hdf5File file_;
  Group tree_;
};

std::vector<Index> read_offset(const FrameSource& source) {
  const auto offset = source.all("/offset", DType::i64, {-1}).to_vector<Index>();
  if (offset.empty() || offset.front() != 0 || !std::is_sorted(offset.begin(), offset.end()))
    source.fail("/offset", "is not an increasing list that starts at 0");
  return offset;
}

bool all_nan(const double* x, Index n) {
  return std::all_of(x, x + n, [](double v) { return std::isnan(v); });
}

/// Decodes the frames [begin, end).
std::vector<Frame> decode(const FrameSource& source, const std::vector<Index>& offset,
                          const FrameColumns& columns, Index begin, Index end) {
  const Index count = static_cast<Index>(offset.size()) - 1, atoms = offset.back();
  const Index atom0 = offset[static_cast<std::size_t>(begin)], atom1 = offset[static_cast<std::size_t>(end)];
  const auto by_frame = [&](const char* path, DType dtype, Shape shape) {
    shape.insert(shape.begin(), count);
    return source.rows(path, dtype, shape, begin, end);
  };
  const auto by_atom = [&](const char* path, DType dtype, Shape shape) {
    shape.insert(shape.begin(), atoms);
    return source.rows(path, dtype, shape, atom0, atom1);
  };
  const Array number = by_atom("/number", DType::i32, {});
  const Array position = by_atom("/position", DType::f64, {3});
  const Array cell = by_frame("/cell", DType::f64, {3, 3});
  const Array pbc = by_frame("/pbc", DType::u8, {3});
  const Array charge = by_frame("/charge", DType::f64, {});
  const Array energy = source.has("/energy") ? by_frame("/energy", DType::f64, {}) : Array();
  const Array stress = source.has("/stress") ? by_frame("/stress", DType::f64, {3, 3}) : Array();
  const Array forces = source.has("/forces") ? by_atom("/forces", DType::f64, {3}) : Array();
  const Array velocity = source.has("/velocity") ? by_atom("/velocity", DType::f64, {3}) : Array();

  std::vector<Frame> frames(static_cast<std::size_t>(end - begin));
  for (Index f = 0; f < end - begin; ++f) {
    Frame& frame = frames[static_cast<std::size_t>(f)];
    const Index a = offset[static_cast<std::size_t>(begin + f)] - atom0;
    const Index n = offset[static_cast<std::size_t>(begin + f + 1)] - atom0 - a;
    const auto vectors = [&](const Array& array) {
      std::vector<double> out;
      if (array.empty()) return out;
      const double* x = array.data<double>() + 3 * a;
      if (!all_nan(x, 3 * n)) out.assign(x, x + 3 * n);
      return out;
    };
    if (n > 0) {
      frame.numbers.assign(number.data<std::int32_t>() + a, number.data<std::int32_t>() + a + n);
      frame.positions.assign(position.data<double>() + 3 * a, position.data<double>() + 3 * (a + n));
    }
    std::copy_n(cell.data<double>() + 9 * f, 9, frame.cell.begin());
    for (std::size_t k = 0; k < 3; ++k)
      frame.pbc[k] = pbc.data<std::uint8_t>()[3 * f + static_cast<Index>(k)] != 0;
    frame.charge = charge.data<double>()[f];
    if (!energy.empty() && !std::isnan(energy.data<double>()[f])) frame.energy = energy.data<double>()[f];
    if (!stress.empty() && !all_nan(stress.data<double>() + 9 * f, 9))
      std::copy_n(stress.data<double>() + 9 * f, 9, frame.stress.emplace().begin());
    frame.index = begin + f;
    frame.forces = vectors(forces);
    frame.velocities = vectors(velocity);
  }
  columns.read(source, begin, frames);
  return frames;
}

}  // namespace

Group frames_to_group(const std::vector<Frame>& frames) {
  const auto count = static_cast<Index>(frames.size());
  std::vector<Index> offset{0};
  for (std::size_t f = 0; f < frames.size(); ++f) {
    const Frame& frame = frames[f];
    const std::size_t n = frame.numbers.size();
    const auto fits = [&](const std::vector<double>& v, const char* what, bool optional) {
      require(v.size() == 3 * n || (optional && v.empty()), "[frames_to_group] frame ", f, ": ", v.size(),
              " numbers of ", what, " for ", n, " atoms, expected ", 3 * n);
    };
    fits(frame.positions, "positions", false);
    fits(frame.forces, "forces", true);
    fits(frame.velocities, "velocities", true);
    offset.push_back(offset.back() + frame.size());
  }
  const Index atoms = offset.back();

  Array number = Array::uninitialized({atoms}, DType::i32),
        position = Array::uninitialized({atoms, 3}, DType::f64);
  Array cell = Array::uninitialized({count, 3, 3}, DType::f64),
        pbc = Array::uninitialized({count, 3}, DType::u8);
  Array charge = Array::uninitialized({count}, DType::f64),
        energy = Array::full({count}, missing, DType::f64);
  Array stress = Array::full({count, 3, 3}, missing, DType::f64);
  Array forces = Array::full({atoms, 3}, missing, DType::f64), velocity = forces;
  bool any_energy = false, any_stress = false, any_forces = false, any_velocity = false;

  auto* z = number.mutable_data<std::int32_t>();
  auto* periodic = pbc.mutable_data<std::uint8_t>();
  double *x = position.mutable_data<double>(), *h = cell.mutable_data<double>(),
         *q = charge.mutable_data<double>(), *e = energy.mutable_data<double>(),
         *s = stress.mutable_data<double>(), *g = forces.mutable_data<double>(),
         *v = velocity.mutable_data<double>();
  for (std::size_t f = 0; f < frames.size(); ++f) {
    const Frame& frame = frames[f];
    const Index a = offset[f];
    std::copy(frame.numbers.begin(), frame.numbers.end(), z + a);
    std::copy(frame.positions.begin(), frame.positions.end(), x + 3 * a);
    std::copy(frame.forces.begin(), frame.forces.end(), g + 3 * a);
    std::copy(frame.velocities.begin(), frame.velocities.end(), v + 3 * a);
    std::copy(frame.cell.begin(), frame.cell.end(), h + 9 * f);
    for (std::size_t k = 0; k < 3; ++k) periodic[3 * f + k] = frame.pbc[k];
    q[f] = frame.charge;
    if (frame.energy) e[f] = *frame.energy;
    if (frame.stress) std::copy(frame.stress->begin(), frame.stress->end(), s + 9 * f);
    any_energy |= frame.energy.has_value();
    any_stress |= frame.stress.has_value();
    any_forces |= !frame.forces.empty();
    any_velocity |= !frame.velocities.empty();
  }

  Group group;
  group.set("offset", Array::from(offset), "", "frame");
  group.set("number", number, "", "atom");
  group.set("position", position, "angstrom", "atom,xyz");
  group.set("cell", cell, "angstrom", "frame,vector,xyz");
  group.set("pbc", pbc, "", "frame,vector");
  group.set("charge", charge, "e", "frame");
  if (any_energy) group.set("energy", energy, "eV", "frame");
  if (any_forces) group.set("forces", forces, "eV/angstrom", "atom,xyz");
  if (any_stress) group.set("stress", stress, "eV/angstrom^3", "frame,xyz,xyz");
  if (any_velocity) group.set("velocity", velocity, "angstrom/fs", "atom,xyz");
  write_columns(frames, group);
  return group;
}

std::vector<Frame> frames_from_group(const Group& group) {
  const GroupSource source(group);
  const std::vector<Index> offset = read_offset(source);
  return decode(source, offset, FrameColumns(source, offset), 0, static_cast<Index>(offset.size()) - 1);
}

struct FrameFile::State {
  FileSource source;
  std::vector<Index> offset;
  FrameColumns columns;
  explicit State(const std::string& path)
      : source(path), offset(read_offset(source)), columns(source, offset) {}
};

FrameFile::FrameFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
FrameFile::~FrameFile() = default;
FrameFile::FrameFile(FrameFile&&) noexcept = default;

Index FrameFile::size() const {
  return static_cast<Index>(state_->offset.size()) - 1;
}

Index FrameFile::atoms(Index frame) const {
  require(0 <= frame && frame < size(), "[FrameFile] frame ", frame, " of ", size());
  const auto f = static_cast<std::size_t>(frame);
  return state_->offset[f + 1] - state_->offset[f];
}

Frame FrameFile::read(Index frame) const {
  return std::move(read(frame, frame + 1).front());
}

std::vector<Frame> FrameFile::read(Index begin, Index end) const {
  require(0 <= begin && begin <= end && end <= size(), "[FrameFile] frames [", begin, ", ", end, ") of ",
          size());
  return decode(state_->source, state_->offset, state_->columns, begin, end);
}

}  // namespace cartan::data
