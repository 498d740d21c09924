// Fields of HDF5 files: our own, PDEBench's, the_well's.

#include <algorithm>
#include <cstring>
#include <numeric>

#include "cartan/core/error.hpp"
#include "core/dispatch.hpp"
#include "operators/fields/sources.hpp"

namespace cartan::operators {
namespace {

using File = std::shared_ptr<const data::Hdf5File>;

// A dataset whose rows are fields; `axes` says which of its axes are frames, channels and grid.
struct Part {
  std::string dataset;
  int frames = -1, channels = -1;  // axes of a row; -1: it has none
  Index channel_count = 1;
};

// Row k of every part, channels one after the other.
class Datasets final : public FieldSource {
 public:
  Datasets(File file, std::vector<Part> parts, Index rows, Shape row_shape, bool row_is_group = false)
      : file_(std::move(file)),
        parts_(std::move(parts)),
        rows_(rows),
        shape_(std::move(row_shape)),
        row_is_group_(row_is_group) {}
  Index rows() const override { return rows_; }
  Shape row_shape() const override { return shape_; }
  Array row(Index k) const override {
    if (k == cached_) return cache_;
    std::vector<Array> parts;
    bool wide = false, complex = false;
    for (std::size_t p = 0; p < (row_is_group_ ? 1 : parts_.size()); ++p) {
      const Part& part = parts_[row_is_group_ ? static_cast<std::size_t>(k) : p];
      Array a = row_is_group_ ? file_->read(part.dataset) : file_->read_rows(part.dataset, k, k + 1);
      if (!row_is_group_) a = a.reshaped({a.shape().begin() + 1, a.shape().end()});
      parts.push_back(as_floating(a));
      const DType type = parts.back().dtype();
      wide = wide || type == DType::f64 || type == DType::c128;
      complex = complex || is_complex(type);
    }
    const DType type = complex ? (wide ? DType::c128 : DType::c64) : wide ? DType::f64 : DType::f32;
    Array out = Array::uninitialized(shape_, type);
    Index channel = 0;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const Part& part = parts_[row_is_group_ ? static_cast<std::size_t>(k) : p];
      dispatch_any(type, [&]<class T>(T) { place<T>(parts[p].as(type), part, channel, out); });
      channel += part.channel_count;
    }
    cached_ = k;
    return cache_ = out;
  }

 private:
  template <class T>
  void place(const Array& from, const Part& part, Index first, Array& out) const {
    const Index frames = shape_[0], channels = shape_[1], count = part.channel_count;
    const Index points = out.size() / (frames * channels);
    // Frames lead, channels lead or trail the grid.
    const bool trailing = part.channels > 0 && part.channels == from.ndim() - 1;
    const T* in = from.data<T>();
    T* to = out.mutable_data<T>();
    for (Index t = 0; t < frames; ++t)
      for (Index c = 0; c < count; ++c) {
        T* field = to + ((t * channels) + first + c) * points;
        const T* source = in + t * count * points;
        for (Index k = 0; k < points; ++k)
          field[k] = trailing ? source[k * count + c] : source[c * points + k];
      }
  }

  File file_;
  std::vector<Part> parts_;
  Index rows_;
  Shape shape_;
  bool row_is_group_;
  mutable Index cached_ = -1;
  mutable Array cache_;
};

// x and y, one behind the other, as frames of one channel.
class Joined final : public FieldSource {
 public:
  Joined(std::shared_ptr<const FieldSource> x, std::shared_ptr<const FieldSource> y)
      : x_(std::move(x)), y_(std::move(y)) {}
  Index rows() const override { return x_->rows(); }
  Shape row_shape() const override {
    Shape shape = x_->row_shape();
    shape[0] = shape[1] + y_->row_shape()[1];
    shape[1] = 1;
    return shape;
  }
  Array row(Index k) const override {
    const Array a = x_->row(k), b = y_->row(k).as(a.dtype());
    Array out = Array::uninitialized(row_shape(), a.dtype());
    std::memcpy(out.mutable_raw(), a.raw(), a.bytes());
    std::memcpy(static_cast<char*>(out.mutable_raw()) + a.bytes(), b.raw(), b.bytes());
    return out;
  }

 private:
  std::shared_ptr<const FieldSource> x_, y_;
};

// Frames, channels, then the grid of a shape from axis `begin` to `end`.
Shape row_shape(Index frames, Index channels, const Shape& shape, std::size_t begin, std::size_t end) {
  Shape out{frames, channels};
  out.insert(out.end(), shape.begin() + static_cast<std::ptrdiff_t>(begin),
             shape.begin() + static_cast<std::ptrdiff_t>(end));
  return out;
}

void check_grid(const std::string& path, const std::string& dataset, const Shape& row) {
  if (row.size() < 3 || row.size() > 5)
    throw FormatError(path, "/" + dataset,
                      text("a grid of ", row.size() - 2, " axes; one to three are read"));
  for (const Index n : row)
    if (n < 1) throw FormatError(path, "/" + dataset, "has no elements");
}

std::shared_ptr<const FieldSource> channels_source(const File& file, const std::string& path,
                                                   const std::string& name) {
  const Shape shape = file->shape(name);
  if (shape.size() < 3 || shape.size() > 5)
    throw FormatError(path, "/" + name,
                      text("has shape ", to_string(shape),
                           "; expected (samples, channels, n1, ..) with one to three axes "
                           "of the grid"));
  const Shape row = row_shape(1, shape[1], shape, 2, shape.size());
  if (shape[0] > 0) check_grid(path, name, row);
  if (shape[0] == 0) throw FormatError(path, "/" + name, "has no samples");
  return std::make_shared<Datasets>(file, std::vector<Part>{{name, -1, 0, shape[1]}}, shape[0], row);
}

}  // namespace

Found own_fields(const File& file, const std::string& path) {
  Found found;
  if (!file->has("x")) return found;
  found.x = channels_source(file, path, "x");
  if (file->has("y")) found.y = channels_source(file, path, "y");
  const data::Group outline = file->outline();
  if (!outline.has_group("equation")) return found;
  const data::Group& equation = outline.group("equation");
  const auto has = [&](const char* name) { return equation.attributes.count(name) > 0; };
  if (has("periodic")) found.periodic = equation.integer("periodic") != 0;
  if (has("x_channels")) found.x_channels = equation.strings("x_channels");
  if (has("y_channels")) found.y_channels = equation.strings("y_channels");
  if (found.y && has("frames") && equation.integer("frames") != 0)
    found.trajectories = std::make_shared<Joined>(found.x, found.y);
  return found;
}

Found pdebench_fields(const File& file, const std::string& path) {
  Found found;
  const data::Group outline = file->outline();
  if (file->has("tensor")) {
    const Shape shape = file->shape("tensor");
    if (shape.size() < 3 || shape.size() > 5) return found;
    const Shape row = row_shape(shape[1], 1, shape, 2, shape.size());
    check_grid(path, "tensor", row);
    const auto tensor =
        std::make_shared<Datasets>(file, std::vector<Part>{{"tensor", 0, -1, 1}}, shape[0], row);
    if (!file->has("nu")) {
      found.trajectories = tensor;
      return found;
    }
    const Shape nu = file->shape("nu");
    if (nu.size() + 1 != shape.size() || nu[0] != shape[0])
      throw FormatError(path, "/nu",
                        text("has shape ", to_string(nu), " beside tensor of ", to_string(shape)));
    found.x = std::make_shared<Datasets>(file, std::vector<Part>{{"nu", -1, -1, 1}}, nu[0],
                                         row_shape(1, 1, nu, 1, nu.size()));
    found.y = tensor;
    found.x_channels = {"nu"}, found.y_channels = {"u"};
    found.periodic = false;
    return found;
  }
  // Several fields of (samples, time, grid).
  std::vector<Part> parts;
  Shape common;
  for (const char* name : {"Vx", "Vy", "Vz", "density", "pressure"}) {
    if (!file->has(name)) continue;
    const Shape shape = file->shape(name);
    if (!parts.empty() && shape != common)
      throw FormatError(path, std::string("/") + name,
                        text("has shape ", to_string(shape), ", others have ", to_string(common)));
    common = shape;
    parts.push_back({name, 0, -1, 1});
  }
  if (!parts.empty()) {
    if (common.size() < 3 || common.size() > 5)
      throw FormatError(path, "/" + parts.front().dataset, text("has shape ", to_string(common)));
    const Shape row = row_shape(common[1], static_cast<Index>(parts.size()), common, 2, common.size());
    check_grid(path, parts.front().dataset, row);
    found.trajectories = std::make_shared<Datasets>(file, parts, common[0], row);
    return found;
  }
  // Groups 0000, 0001, ... with data (time, grid, channels).
  for (const auto& [name, group] : outline.groups()) {
    if (name.find_first_not_of("0123456789") != std::string::npos || !file->has(name + "/data")) continue;
    const Shape shape = file->shape(name + "/data");
    if (parts.empty()) common = shape;
    if (shape != common || shape.size() < 3 || shape.size() > 5)
      throw FormatError(
          path, "/" + name + "/data",
          text("has shape ", to_string(shape), "; expected (time, grid, channels), for all groups the same"));
    parts.push_back({name + "/data", 0, static_cast<int>(shape.size()) - 1, shape.back()});
  }
  if (parts.empty()) return found;
  const Shape row = row_shape(common[0], common.back(), common, 1, common.size() - 1);
  check_grid(path, parts.front().dataset, row);
  const auto count = static_cast<Index>(parts.size());
  found.trajectories = std::make_shared<Datasets>(file, parts, count, row, true);
  found.periodic = false;
  return found;
}

Found well_fields(const File& file, const std::string& path) {
  Found found;
  const data::Group outline = file->outline();
  std::vector<Part> parts;
  Shape grid;
  Index rows = 0, frames = 0, channels = 0;
  for (int order = 0; order <= 2; ++order) {
    const std::string room = text("t", order, "_fields");
    if (!outline.has_group(room)) continue;
    for (const auto& [name, item] : outline.group(room).items()) {
      const std::string dataset = room + "/" + name;
      const auto varying = item.attributes.find("time_varying");
      if (varying != item.attributes.end() && varying->second == data::Attribute(std::int64_t{0})) continue;
      const Shape shape = file->shape(dataset);
      const auto tail = static_cast<std::size_t>(order);
      if (shape.size() < 3 + tail)
        throw FormatError(
            path, "/" + dataset,
            text("has shape ", to_string(shape), "; expected (trajectories, time, grid, components)"));
      const Shape here(shape.begin() + 2, shape.end() - static_cast<std::ptrdiff_t>(tail));
      Index components = 1;
      for (std::size_t k = shape.size() - tail; k < shape.size(); ++k) components *= shape[k];
      if (parts.empty()) grid = here, rows = shape[0], frames = shape[1];
      if (here != grid || rows != shape[0] || frames != shape[1]) {
        if (shape[0] == 1 || shape[1] == 1) continue;  // the same for all, or for all times
        throw FormatError(path, "/" + dataset,
                          text("has shape ", to_string(shape), "; others have ", rows, " trajectories of ",
                               frames, " frames on ", to_string(grid)));
      }
      // Components trail the grid, flattened.
      parts.push_back({dataset, 0, tail == 0 ? -1 : static_cast<int>(shape.size() - 2), components});
      channels += components;
      for (Index c = 0; c < components; ++c)
        found.x_channels.push_back(components == 1 ? name : text(name, " ", c));
    }
  }
  if (parts.empty()) return found;
  Shape row{frames, channels};
  row.insert(row.end(), grid.begin(), grid.end());
  check_grid(path, parts.front().dataset, row);
  found.trajectories = std::make_shared<Datasets>(file, parts, rows, row);
  if (outline.has_group("boundary_conditions"))
    for (const auto& [name, group] : outline.group("boundary_conditions").groups()) {
      const auto kind = group.attributes.find("bc_type");
      if (kind != group.attributes.end() && kind->second != data::Attribute(std::string("PERIODIC")))
        found.periodic = false;
    }
  return found;
}

}  // namespace cartan::operators
