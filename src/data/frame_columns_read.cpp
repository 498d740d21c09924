#include <algorithm>

#include "cartan/core/error.hpp"
#include "data/frame_columns.hpp"

namespace cartan::data {

void FrameSource::fail(const std::string& object, const std::string& what) const {
  throw FormatError(tree().file(), object, what);
}

Array FrameSource::rows(const std::string& path, DType dtype, const Shape& wanted, Index begin,
                        Index end) const {
  if (!has(path)) fail(path, "is missing");
  const Shape is = shape(path);
  bool fits = is.size() == wanted.size();
  for (std::size_t k = 0; fits && k < is.size(); ++k) fits = wanted[k] == -1 || wanted[k] == is[k];
  if (!fits) fail(path, text("has the shape ", is, ", expected ", wanted));
  if (begin < 0 || begin > end || end > is[0]) fail(path, text("has ", is[0], " rows, too few"));
  Array out = rows(path, begin, end);
  if (out.dtype() != dtype) fail(path, text("holds ", out.dtype(), ", expected ", dtype));
  return out;
}

Array FrameSource::all(const std::string& path, DType dtype, const Shape& wanted) const {
  if (!has(path)) fail(path, "is missing");
  const Shape is = shape(path);
  return rows(path, dtype, wanted, 0, is.empty() ? 0 : is[0]);
}

std::string unescape_name(const std::string& name) {
  if (name == "%empty") return "";
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%' && i + 2 < name.size() && digit(name[i + 1]) >= 0 && digit(name[i + 2]) >= 0) {
      out += static_cast<char>(16 * digit(name[i + 1]) + digit(name[i + 2]));
      i += 2;
    } else {
      out += name[i];
    }
  }
  return out;
}

FrameColumns::FrameColumns(const FrameSource& source, const std::vector<Index>& offset) {
  for (const char* folder : {"info", "arrays", "labels"}) {
    if (!source.tree().has_group(folder)) continue;
    for (const auto& [link, item] : source.tree().group(folder).items())
      if (item.attributes.count("kind") > 0) open(source, folder, link, item, offset);
  }
}

void FrameColumns::open(const FrameSource& source, const std::string& folder, const std::string& link,
                        const Item& item, const std::vector<Index>& offset) {
  const Index count = static_cast<Index>(offset.size()) - 1;
  Column c;
  c.folder = folder;
  c.path = "/" + folder + "/" + link;
  c.name = unescape_name(link.substr(0, link.find("%n")));
  const auto* kind = std::get_if<std::string>(&item.attributes.at("kind"));
  if (!kind) source.fail(c.path, "the attribute 'kind' is not a text");
  c.kind = *kind;
  const bool by_atom = folder != "info";
  const bool is_text = c.kind == "text";
  const bool fits = by_atom ? c.kind == (folder == "labels" ? "text" : "array")
                            : is_text || c.kind == "number" || c.kind == "integer" || c.kind == "truth" ||
                                  c.kind == "array";
  if (!fits) source.fail(c.path, "a column of the unknown kind '" + c.kind + "'");

  Index rows = by_atom ? offset.back() : count;
  if (source.has(c.path + "%frame")) {
    c.every_frame = false;
    c.frames = source.all(c.path + "%frame", DType::i64, {-1}).to_vector<Index>();
    Index before = -1, atoms = 0;
    for (const Index f : c.frames) {
      if (f <= before || f >= count) source.fail(c.path + "%frame", "is not a list of frames in order");
      before = f;
      if (by_atom) c.first.push_back(atoms);
      atoms += offset[static_cast<std::size_t>(f) + 1] - offset[static_cast<std::size_t>(f)];
    }
    c.first.push_back(atoms);
    rows = by_atom ? atoms : static_cast<Index>(c.frames.size());
  } else if (by_atom) {
    c.first = offset;
  }

  const Shape shape = source.shape(c.path);
  if (is_text) {
    c.start = source.all(c.path + "%offset", DType::i64, {rows + 1}).to_vector<Index>();
    if (shape.size() != 1 || c.start.front() != 0 || c.start.back() != shape[0] ||
        !std::is_sorted(c.start.begin(), c.start.end()))
      source.fail(c.path + "%offset", "does not match the texts");
  } else if (source.has(c.path + "%shape")) {
    const Array shapes = source.all(c.path + "%shape", DType::i64, {rows, -1});
    const Index rank = shapes.shape()[1];
    c.start = {0};
    for (Index r = 0; r < rows; ++r) {
      const Index* begin = shapes.data<Index>() + r * rank;
      c.shapes.emplace_back(begin, begin + rank);
      Index size = -1;
      try {
        size = size_of(c.shapes.back());
      } catch (const std::invalid_argument&) {
      }
      if (size < 0 || shape.size() != 1 || size > shape[0] - c.start.back())
        source.fail(c.path + "%shape", "does not match the elements");
      c.start.push_back(c.start.back() + size);
    }
    if (shape.size() != 1 || c.start.back() != shape[0])
      source.fail(c.path + "%shape", "does not match the elements");
  } else if (shape.empty() || shape[0] != rows) {
    source.fail(c.path, text("has the shape ", shape, ", expected ", rows, " rows"));
  }
  columns_.push_back(std::move(c));
}

void FrameColumns::read(const FrameSource& source, Index begin, std::vector<Frame>& frames) const {
  const Index end = begin + static_cast<Index>(frames.size());
  for (const Column& c : columns_) {
    // The entries of the column that fall into [begin, end).
    const auto entry = [&](Index frame) {
      return c.every_frame ? frame
                           : std::lower_bound(c.frames.begin(), c.frames.end(), frame) - c.frames.begin();
    };
    const Index first = entry(begin);
    const Index last = entry(end);
    if (first == last) continue;
    const bool by_atom = c.folder != "info";
    const auto at = [](const std::vector<Index>& v, Index i) { return v[static_cast<std::size_t>(i)]; };
    const Index row0 = by_atom ? at(c.first, first) : first;
    const Index row1 = by_atom ? at(c.first, last) : last;
    const bool indirect = !c.start.empty();
    const Index low = indirect ? at(c.start, row0) : row0;
    const Array values = source.rows(c.path, low, indirect ? at(c.start, row1) : row1);

    const auto wanted = [&](DType dtype) {
      if (values.dtype() != dtype || values.ndim() != 1)
        source.fail(c.path, text("holds ", values.dtype(), " of ", values.ndim(),
                                 " axes, expected a list of ", dtype));
    };
    if (c.kind == "text" || c.kind == "truth") wanted(DType::u8);
    if (c.kind == "number") wanted(DType::f64);
    if (c.kind == "integer") wanted(DType::i64);
    const auto text_at = [&](Index row) {
      const auto* bytes = reinterpret_cast<const char*>(values.data<std::uint8_t>());
      return std::string(bytes + (at(c.start, row) - low), bytes + (at(c.start, row + 1) - low));
    };

    for (Index e = first; e < last; ++e) {
      Frame& frame = frames[static_cast<std::size_t>((c.every_frame ? e : at(c.frames, e)) - begin)];
      if (c.folder == "arrays") {
        frame.arrays[c.name] = values.rows(at(c.first, e) - row0, at(c.first, e + 1) - row0);
      } else if (c.folder == "labels") {
        auto& labels = frame.labels[c.name];
        for (Index row = at(c.first, e); row < at(c.first, e + 1); ++row) labels.push_back(text_at(row));
      } else if (c.kind == "number") {
        frame.info[c.name] = values.data<double>()[e - low];
      } else if (c.kind == "integer") {
        frame.info[c.name] = values.data<std::int64_t>()[e - low];
      } else if (c.kind == "truth") {
        frame.info[c.name] = values.data<std::uint8_t>()[e - low] != 0;
      } else if (c.kind == "text") {
        frame.info[c.name] = text_at(e);
      } else if (indirect) {
        frame.info[c.name] = values.rows(at(c.start, e) - low, at(c.start, e + 1) - low)
                                 .reshaped(c.shapes[static_cast<std::size_t>(e)]);
      } else {
        const Shape tail(values.shape().begin() + 1, values.shape().end());
        frame.info[c.name] = values.rows(e - low, e - low + 1).reshaped(tail);
      }
    }
  }
}

}  // namespace cartan::data
