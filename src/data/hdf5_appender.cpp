#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "data/append_log.hpp"
#include "data/hdf5_write.hpp"
#include "data/packing.hpp"

namespace cartan::data {
namespace {

constexpr std::size_t record_bytes = std::size_t{1}
                                     << 20;  // rows are gathered up to here before they are written

/// Consecutive rows of a dataset in one record of the log.
struct Extent {
  Index begin, end;
  std::uint64_t position;
};

struct Stream {
  std::uint64_t number = 0;
  DType dtype = DType::f64;
  bool scalar = false;
  Shape row;       ///< shape of one row
  Index rows = 0;  ///< those not yet in the log included
  Index logged = 0;
  std::vector<Extent> extents;
  std::vector<char> pending;
  std::size_t row_bytes = 0;

  Shape shape() const {
    if (scalar) return {};
    Shape s{rows};
    s.insert(s.end(), row.begin(), row.end());
    return s;
  }
  void cut(Index count) {
    rows = logged = count;
    while (!extents.empty() && extents.back().begin >= count) extents.pop_back();
    if (!extents.empty()) extents.back().end = std::min(extents.back().end, count);
  }
};

std::string plain(const std::string& name) {
  std::size_t begin = 0, end = name.size();
  if (begin < end && name[begin] == '/') ++begin;
  if (begin < end && name[end - 1] == '/') --end;
  return name.substr(begin, end - begin);
}

}  // namespace

struct Hdf5Appender::State {
  std::string path;
  Header header;
  AppendLog log;
  Group outline;
  std::map<std::string, Stream> streams;  // by path without a slash in front
  std::vector<std::string> names;         // by number
  bool closed = false;

  State(const std::string& file, const Header& head, bool resume)
      : path(file), header(head), log(file + ".part") {
    if (resume && log.replay([this](const AppendLog::Entry& entry) { replay(entry); })) return;
    log.clear();
    Packer out;
    out.add(header.format);
    out.add(std::int64_t{header.format_version});
    log.append(Record::header, 0, out.bytes.data(), out.bytes.size());
    std::error_code ignored;
    if (!resume || !std::filesystem::exists(path, ignored)) return;
    take_finished();
    flush();
  }

  void replay(const AppendLog::Entry& entry) {
    try {
      if (entry.kind == Record::rows) {
        Stream& s = streams.at(names.at(entry.tag));
        const std::uint64_t count = s.scalar ? 1 : s.row_bytes ? entry.bytes / s.row_bytes : 0;
        s.extents.push_back({s.rows, s.rows + static_cast<Index>(count), entry.position});
        s.rows += static_cast<Index>(count);
        s.logged = s.rows;
        return;
      }
      const std::vector<char> payload = log.read(entry.position);
      Unpacker in{payload};
      std::string name;
      std::int64_t a = 0;
      if (entry.kind == Record::header) {
        in.get(name);
        in.get(a);
        check_format(name, a);
      } else if (entry.kind == Record::dataset) {
        Shape row;
        in.get(name);
        const std::string stored = name;
        in.get(name);
        in.get(a);
        in.get(row);
        make(stored, dtype_from_name(name), a != 0, row);
      } else if (entry.kind == Record::truncate) {
        in.get(a);
        Stream& s = streams.at(names.at(entry.tag));
        if (a < 0 || (a > s.rows && s.row_bytes > 0)) throw std::length_error("rows");
        s.cut(a);
      } else if (entry.kind == Record::attribute) {
        std::string object;
        in.get(object);
        in.get(name);
        in.get(a);
        attributes_of(object)[name] = unpack_attribute(in, static_cast<std::size_t>(a));
      }
    } catch (const std::logic_error& error) {
      throw FormatError(log.path(), text("byte ", entry.position),
                        std::string("a record that makes no sense: ") + error.what());
    }
  }

  void check_format(const std::string& format, std::int64_t version) const {
    if (format == header.format && version == header.format_version) return;
    throw FormatError(path, "",
                      text("holds '", format, "' version ", version, ", expected '", header.format,
                           "' version ", header.format_version, "; it cannot be resumed"));
  }

  /// Starts from a finished file: its contents become the first records of the log.
  void take_finished() {
    const Hdf5File file(path);
    check_format(file.header().format, file.header().format_version);
    const Group old = file.outline();
    take(file, old, "");
  }

  void take(const Hdf5File& file, const Group& group, const std::string& at) {
    for (const auto& [name, value] : group.attributes) set_attribute(at, name, value);
    for (const auto& [name, item] : group.items()) {
      const std::string full = at.empty() ? name : at + "/" + name;
      const Shape shape = file.shape(full);
      if (shape.empty()) {
        write(full, file.read(full));
      } else {
        Stream& s = start(full, file.dtype(full), false, Shape(shape.begin() + 1, shape.end()));
        const Index step =
            std::max<Index>(1, static_cast<Index>(4 * record_bytes / std::max<std::size_t>(s.row_bytes, 1)));
        for (Index i = 0; i < shape[0]; i += step)
          add_rows(s, file.read_rows(full, i, std::min(shape[0], i + step)));
      }
      for (const auto& [key, value] : item.attributes) set_attribute(full, key, value);
    }
    for (const auto& [name, child] : group.groups()) {
      const std::string full = at.empty() ? name : at + "/" + name;
      outline[full];
      take(file, child, full);
    }
  }

  Attributes& attributes_of(const std::string& object) {
    const std::string name = plain(object);
    if (streams.count(name) == 0) return outline[name].attributes;
    const auto slash = name.rfind('/');
    return slash == std::string::npos
               ? outline.items().at(name).attributes
               : outline[name.substr(0, slash)].items().at(name.substr(slash + 1)).attributes;
  }

  /// Makes a stream, in memory only.
  Stream& make(const std::string& name, DType dtype, bool scalar, const Shape& row) {
    if (streams.count(name) == 0) outline.set(name, Array());
    Stream s;
    s.number = names.size();
    s.dtype = dtype;
    s.scalar = scalar;
    s.row = row;
    s.row_bytes = static_cast<std::size_t>(size_of(row)) * size_of(dtype);
    names.push_back(name);
    return streams[name] = std::move(s);
  }

  Stream& start(const std::string& name, DType dtype, bool scalar, const Shape& row) {
    Shape whole = row;
    if (!scalar) whole.insert(whole.begin(), 0);
    check_shape(name, whole, dtype);
    if (streams.count(name) == 0) {
      Group trial = outline;
      trial.set(name, Array());  // refuses bad names before anything is logged
    }
    Packer out;
    out.add(name);
    out.add(std::string(name_of(dtype)));
    out.add(std::int64_t{scalar});
    out.add(row);
    log.append(Record::dataset, 0, out.bytes.data(), out.bytes.size());
    return make(name, dtype, scalar, row);
  }

  void add_rows(Stream& s, const Array& rows) {
    const char* p = static_cast<const char*>(rows.raw());
    Index left = s.scalar ? 1 : rows.shape()[0];
    if (s.row_bytes == 0) {
      // Rows without elements: their number is a truncation upwards.
      const std::int64_t count = s.rows + left;
      if (left > 0) log.append(Record::truncate, s.number, &count, sizeof count);
      s.rows = s.logged = count;
      return;
    }
    const auto most = static_cast<Index>(std::max<std::size_t>(1, record_bytes / s.row_bytes));
    while (left > 0) {
      const Index held = s.rows - s.logged;
      const Index n = std::min(left, most - held);
      const std::size_t bytes = static_cast<std::size_t>(n) * s.row_bytes;
      s.pending.insert(s.pending.end(), p, p + bytes);
      s.rows += n;
      p += bytes;
      left -= n;
      if (s.rows - s.logged >= most) write_pending(s);
    }
  }

  void write_pending(Stream& s) {
    if (s.rows == s.logged) return;
    const std::uint64_t position = log.append(Record::rows, s.number, s.pending.data(), s.pending.size());
    s.extents.push_back({s.logged, s.rows, position});
    s.logged = s.rows;
    s.pending.clear();
  }

  void append(const std::string& dataset, const Array& rows, const std::string& units,
              const std::string& axes) {
    const std::string name = plain(dataset);
    require(rows.ndim() >= 1, "[append] ", name, ": a single value has no rows; shape it (1)");
    const Shape row(rows.shape().begin() + 1, rows.shape().end());
    auto it = streams.find(name);
    if (it == streams.end()) {
      start(name, rows.dtype(), false, row);
      it = streams.find(name);
      describe(name, units, axes);
    }
    Stream& s = it->second;
    require(!s.scalar && s.dtype == rows.dtype() && s.row == row, "[append] ", name, " holds ", s.dtype,
            " rows of shape ", s.row, ", got ", rows.dtype(), " of shape ", row);
    add_rows(s, rows);
  }

  void write(const std::string& dataset, const Array& array, const std::string& units = "",
             const std::string& axes = "") {
    const std::string name = plain(dataset);
    const bool scalar = array.ndim() == 0;
    Stream& s = start(name, array.dtype(), scalar,
                      scalar ? Shape{} : Shape(array.shape().begin() + 1, array.shape().end()));
    add_rows(s, array);
    describe(name, units, axes);
  }

  void describe(const std::string& name, const std::string& units, const std::string& axes) {
    if (!units.empty()) set_attribute(name, "units", units);
    if (!axes.empty()) set_attribute(name, "axes", axes);
  }

  void set_attribute(const std::string& object, const std::string& name, const Attribute& value) {
    const std::string where = plain(object);
    check_attributes(where, {{name, value}});
    require(name != "complex" || streams.count(where) == 0, "[set_attribute] 'complex' is reserved");
    Attributes& attributes = attributes_of(where);
    const auto old = attributes.find(name);
    if (old != attributes.end() && old->second == value) return;
    Packer out;
    out.add(where);
    out.add(name);
    out.add(static_cast<std::int64_t>(value.index()));
    std::visit([&](const auto& v) { out.add(v); }, value);
    log.append(Record::attribute, 0, out.bytes.data(), out.bytes.size());
    attributes[name] = value;
  }

  void truncate(const std::string& dataset, Index count) {
    const std::string name = plain(dataset);
    const auto it = streams.find(name);
    require(it != streams.end() && !it->second.scalar, "[truncate] there is no growing dataset ", name);
    Stream& s = it->second;
    require(0 <= count && count <= s.rows, "[truncate] ", name, " has ", s.rows, " rows, asked to keep ",
            count);
    if (count == s.rows) return;
    write_pending(s);
    const std::int64_t kept = count;
    log.append(Record::truncate, s.number, &kept, sizeof kept);
    s.cut(count);
  }

  void flush() {
    for (auto& [name, s] : streams) write_pending(s);
    log.commit();
  }

  void close() {
    flush();
    write_tree(path, outline, header,
               [this](const std::string& name, const Item&) { return source(plain(name)); });
    log.remove();
    closed = true;
  }

  Source source(const std::string& name) const {
    const Stream& s = streams.at(name);
    Source out;
    out.dtype = s.dtype;
    out.shape = s.shape();
    struct Cursor {
      std::size_t extent = 0;
      std::optional<std::size_t> loaded;
      std::vector<char> payload;
    };
    auto cursor = std::make_shared<Cursor>();
    out.rows = [this, &s, cursor](Index begin, Index end, void* to) {
      char* p = static_cast<char*>(to);
      while (begin < end) {
        while (s.extents.at(cursor->extent).end <= begin) ++cursor->extent;
        const Extent& e = s.extents[cursor->extent];
        if (cursor->loaded != cursor->extent) cursor->payload = log.read(e.position);
        cursor->loaded = cursor->extent;
        const Index n = std::min(end, e.end) - begin;
        const std::size_t bytes = static_cast<std::size_t>(n) * s.row_bytes;
        std::memcpy(p, cursor->payload.data() + static_cast<std::size_t>(begin - e.begin) * s.row_bytes,
                    bytes);
        p += bytes;
        begin += n;
      }
    };
    return out;
  }
};

Hdf5Appender::Hdf5Appender(const std::string& path, const Header& header, bool resume) {
  require(!path.empty() && !header.format.empty(), "[Hdf5Appender] a file name and a format are needed");
  check_attributes("header", {{"a", header.format}, {"b", header.config}});
  state_ = std::make_unique<State>(path, header, resume);
}

Hdf5Appender::~Hdf5Appender() {
  if (state_->closed) return;
  try {
    state_->flush();
  } catch (...) {
    // What was flushed before is in the temporary file.
  }
}

namespace {
template <class State>
State& opened(State& state) {
  require(!state.closed, "[Hdf5Appender] the file ", state.path, " is closed");
  return state;
}
}  // namespace

void Hdf5Appender::append(const std::string& dataset, const Array& rows, const std::string& units,
                          const std::string& axes) {
  opened(*state_).append(dataset, rows, units, axes);
}

void Hdf5Appender::write(const std::string& dataset, const Array& array, const std::string& units,
                         const std::string& axes) {
  opened(*state_).write(dataset, array, units, axes);
}

void Hdf5Appender::set_attribute(const std::string& object, const std::string& name, const Attribute& value) {
  opened(*state_).set_attribute(object, name, value);
}

std::optional<Attribute> Hdf5Appender::attribute(const std::string& object, const std::string& name) const {
  const std::string at = plain(object);
  if (!at.empty() && state_->streams.count(at) == 0 && !state_->outline.has_group(at)) return {};
  const Attributes& all = state_->attributes_of(object);
  const auto it = all.find(name);
  return it == all.end() ? std::nullopt : std::optional(it->second);
}

Index Hdf5Appender::rows(const std::string& dataset) const {
  const auto it = state_->streams.find(plain(dataset));
  return it == state_->streams.end() || it->second.scalar ? 0 : it->second.rows;
}

void Hdf5Appender::truncate(const std::string& dataset, Index count) {
  opened(*state_).truncate(dataset, count);
}

void Hdf5Appender::flush() {
  opened(*state_).flush();
}

void Hdf5Appender::close() {
  if (!state_->closed) state_->close();
}

}  // namespace cartan::data
