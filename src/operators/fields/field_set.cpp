#include "cartan/operators/field_set.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "cartan/core/error.hpp"
#include "cartan/data/torch_file.hpp"
#include "operators/fields/sources.hpp"

namespace cartan::operators {
namespace {

class Memory final : public FieldSource {
 public:
  explicit Memory(Array fields) : fields_(std::move(fields)) {}
  Index rows() const override { return fields_.dim(0); }
  Shape row_shape() const override { return {fields_.shape().begin() + 1, fields_.shape().end()}; }
  Array row(Index k) const override { return fields_.rows(k, k + 1).reshaped(row_shape()); }

 private:
  Array fields_;
};

// All rows of a source in one array.
Array all_rows(const FieldSource& source, Index first, Index count) {
  Array first_row = source.row(first);
  Shape shape = source.row_shape();
  shape.insert(shape.begin(), count);
  Array out = Array::uninitialized(shape, first_row.dtype());
  char* to = static_cast<char*>(out.mutable_raw());
  for (Index k = 0; k < count; ++k) {
    const Array row = k == 0 ? first_row : source.row(first + k);
    std::memcpy(to, row.raw(), row.bytes());
    to += row.bytes();
  }
  return out;
}

double bytes_of(const FieldSource& source, Index count) {
  return 8 * static_cast<double>(count) * static_cast<double>(size_of(source.row_shape()));
}

Shape field_shape(const FieldSource& source, Index frames) {
  const Shape row = source.row_shape();
  Shape out{frames * row[1]};
  out.insert(out.end(), row.begin() + 2, row.end());
  return out;
}

Shape with_samples(Index n, const Shape& shape) {
  Shape out{n};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

bool is_hdf5(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError(path, "cannot be read");
  char start[8] = {};
  in.read(start, 8);
  return std::memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0;
}

Found find(const std::string& path) {
  if (!is_hdf5(path)) return torch_fields(path);
  const auto file = std::make_shared<const data::Hdf5File>(path);
  for (const auto reader : {own_fields, pdebench_fields, well_fields}) {
    Found found = reader(file, path);
    if (found.x || found.trajectories) return found;
  }
  throw FormatError(
      path, "",
      "has no fields that are known: datasets x and y, PDEBench's tensor or data, or the groups t0_fields, "
      ".. of the_well");
}

}  // namespace

void describe(config::Fields& f, FieldSetOptions& o) {
  f("frames_in", o.frames_in, "windows of trajectories: frames in x (0: x and y as the file has them)")
      .from(0)
      .to(1000);
  f("frames_out", o.frames_out, "and frames in y, which follow").from(1).to(1000);
  f("frame_stride", o.frame_stride, "frames from one of a window to the next").from(1).to(1000);
  f("first", o.first, "the first sample or trajectory of the file to take").from(0);
  f("count", o.count, "how many of them (0: all that follow)").from(0);
  f("memory_mb", o.memory_mb, "larger sets are read from the disk for every batch").unit("MB").from(0);
}

std::shared_ptr<const FieldSource> memory_source(const Array& fields) {
  return std::make_shared<Memory>(fields);
}

Array as_floating(const Array& a) {
  return is_real(a.dtype()) || is_complex(a.dtype()) ? a : a.as(DType::f32);
}

FieldSet FieldSet::open(const std::string& path, const FieldSetOptions& o) {
  config::validate("data", o);
  Found found = find(path);
  FieldSet set;
  set.name_ = path;
  set.periodic_ = found.periodic;
  set.trajectories_ = o.frames_in > 0 || !found.x;
  if (set.trajectories_ && !found.trajectories)
    throw FormatError(path, "", "has no frames in a row: leave frames_in out");
  if (set.trajectories_) {
    set.x_ = set.y_ = found.trajectories;
  } else {
    set.x_ = found.x, set.y_ = found.y;
    set.x_channels_ = found.x_channels, set.y_channels_ = found.y_channels;
  }
  const Index rows = set.y_ ? std::min(set.x_->rows(), set.y_->rows()) : set.x_->rows();
  if (set.y_ && set.x_->rows() != set.y_->rows())
    throw FormatError(path, "", text("x has ", set.x_->rows(), " samples, y ", set.y_->rows()));
  if (o.first + o.count > rows || o.first >= rows)
    throw FormatError(path, "",
                      text("has ", rows, " rows, of which ", o.first, " to ",
                           o.count > 0 ? o.first + o.count - 1 : o.first, " are wanted"));
  const Index count = o.count > 0 ? o.count : rows - o.first;
  set.first_ = o.first;
  // Whole fields in memory where they fit.
  const double bytes = bytes_of(*set.x_, count) + (set.y_ && set.y_ != set.x_ ? bytes_of(*set.y_, count) : 0);
  if (bytes <= o.memory_mb * 1e6) {
    const bool same = set.x_ == set.y_;
    const bool has_y = set.y_ != nullptr;
    set.x_ = memory_source(all_rows(*set.x_, o.first, count));
    if (has_y) set.y_ = same ? set.x_ : memory_source(all_rows(*set.y_, o.first, count));
    set.first_ = 0;
    set.in_memory_ = true;
  }
  set.samples_ = count;
  if (set.trajectories_) {
    const Index frames = set.x_->row_shape()[0];
    set.frames_in_ = std::max<Index>(1, o.frames_in), set.frames_out_ = o.frames_out,
    set.stride_ = o.frame_stride;
    const Index span = (set.frames_in_ + set.frames_out_ - 1) * set.stride_ + 1;
    if (span > frames)
      throw FormatError(path, "",
                        text("trajectories have ", frames, " frames; ", set.frames_in_, " in and ",
                             set.frames_out_, " out, ", set.stride_, " apart, need ", span));
    set.windows_ = (frames - span) / set.stride_ + 1;
    set.samples_ = count * set.windows_;
    set.x_shape_ = field_shape(*set.x_, set.frames_in_);
    set.y_shape_ = field_shape(*set.x_, set.frames_out_);
  } else {
    set.x_shape_ = field_shape(*set.x_, set.x_->row_shape()[0]);
    if (set.y_) set.y_shape_ = field_shape(*set.y_, set.y_->row_shape()[0]);
  }
  return set;
}

FieldSet FieldSet::of(const Array& x, const Array& y, const std::string& name) {
  const auto check = [](const Array& a, const char* what) {
    require(a.ndim() >= 3 && a.ndim() <= 5 && is_real(a.dtype()), "[FieldSet] ", what, " has shape ",
            a.shape(), " and elements ", a.dtype(), "; use (samples, channels, n1, ..), float32 or float64");
  };
  check(x, "x");
  FieldSet set;
  const auto rows = [](const Array& a) {
    Shape shape = a.shape();
    shape.insert(shape.begin() + 1, 1);
    return memory_source(a.reshaped(shape));
  };
  set.x_ = rows(x);
  set.x_shape_ = {x.shape().begin() + 1, x.shape().end()};
  set.samples_ = x.dim(0);
  if (!y.empty()) {
    check(y, "y");
    require(y.dim(0) == x.dim(0), "[FieldSet] x has ", x.dim(0), " samples, y ", y.dim(0));
    set.y_ = rows(y);
    set.y_shape_ = {y.shape().begin() + 1, y.shape().end()};
  }
  set.name_ = name;
  set.in_memory_ = true;
  return set;
}

FieldSet FieldSet::part(const std::vector<Index>& samples) const {
  FieldSet out = *this;
  out.chosen_.clear();
  for (const Index s : samples) {
    require(s >= 0 && s < samples_, "[FieldSet] sample ", s, " of ", samples_);
    out.chosen_.push_back(chosen_.empty() ? s : chosen_[static_cast<std::size_t>(s)]);
  }
  out.samples_ = static_cast<Index>(samples.size());
  return out;
}

Array FieldSet::window(Index sample, bool x) const {
  if (!trajectories_) return (x ? x_ : y_)->row(first_ + sample);
  const Array row = x_->row(first_ + sample / windows_);
  const Index start = sample % windows_ * stride_ + (x ? 0 : frames_in_ * stride_),
              count = x ? frames_in_ : frames_out_;
  Shape shape = row.shape();
  shape[0] = count;
  Array out = Array::uninitialized(shape, row.dtype());
  const std::size_t bytes = row.bytes() / static_cast<std::size_t>(row.dim(0));
  for (Index k = 0; k < count; ++k)
    std::memcpy(static_cast<char*>(out.mutable_raw()) + static_cast<std::size_t>(k) * bytes,
                static_cast<const char*>(row.raw()) + static_cast<std::size_t>(start + k * stride_) * bytes,
                bytes);
  return out;
}

std::pair<Array, Array> FieldSet::read(const std::vector<Index>& samples, DType dtype) const {
  require(is_real(dtype) || is_complex(dtype), "[FieldSet] elements ", dtype, "; use real or complex ones");
  require(!samples.empty(), "[FieldSet] no samples are asked for");
  const Index n = static_cast<Index>(samples.size());
  std::pair<Array, Array> out;
  for (const bool x : {true, false}) {
    if (!x && !has_y()) break;
    Array all = Array::uninitialized(with_samples(n, x ? x_shape_ : y_shape_), dtype);
    const std::size_t bytes = all.bytes() / static_cast<std::size_t>(n);
    for (Index k = 0; k < n; ++k) {
      const Index sample = samples[static_cast<std::size_t>(k)];
      require(sample >= 0 && sample < samples_, "[FieldSet] sample ", sample, " of ", samples_);
      const Index at = chosen_.empty() ? sample : chosen_[static_cast<std::size_t>(sample)];
      const Array stored = window(at, x);
      if (is_complex(stored.dtype()) && is_real(dtype))
        throw FormatError(name_, x ? "x" : "y", "holds complex numbers; real fields are needed");
      const Array one = stored.as(dtype);
      if (!all_finite(one))
        throw FormatError(name_, text(x ? "x" : "y", ", sample ", at), "a value is not finite");
      std::memcpy(static_cast<char*>(all.mutable_raw()) + static_cast<std::size_t>(k) * bytes, one.raw(),
                  bytes);
    }
    (x ? out.first : out.second) = all;
  }
  return out;
}

std::pair<Array, Array> FieldSet::read(Index begin, Index end, DType dtype) const {
  std::vector<Index> samples;
  for (Index k = begin; k < end; ++k) samples.push_back(k);
  return read(samples, dtype);
}

}  // namespace cartan::operators
