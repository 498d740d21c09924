// Sparse tensors in files.
#include <algorithm>
#include <cstring>

#include "cartan/completion/sparse.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/coordinates.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/data/readers.hpp"
#include "data/file_io.hpp"

namespace cartan::completion {
namespace {

enum class Kind { text, npy, npz, hdf5 };

Kind kind_of(const std::string& path) {
  data::InputFile file(path);
  char start[8] = {};
  if (!file.regular() || file.size() < 8) return Kind::text;
  file.read_at(0, start, 8);
  if (std::memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0) return Kind::hdf5;
  if (std::memcmp(start, "\x93NUMPY", 6) == 0) return Kind::npy;
  if (std::memcmp(start, "PK\x03\x04", 4) == 0) return Kind::npz;
  return Kind::text;
}

// What is wrong with the entries is wrong with the file.
template <class F>
SparseTensor of_file(const std::string& path, const std::string& object, const F& make) {
  try {
    return make();
  } catch (const std::invalid_argument& e) {
    const std::string what = e.what();
    const std::size_t end = what.find("] ");
    throw FormatError(path, object, end == std::string::npos ? what : what.substr(end + 2));
  }
}

Shape largest(const std::vector<std::vector<std::int32_t>>& index) {
  Shape shape;
  for (const auto& column : index)
    shape.push_back(static_cast<Index>(*std::max_element(column.begin(), column.end())) + 1);
  return shape;
}

SparseTensor of_text(const std::string& path, const EntryOptions& o) {
  data::CoordinateOptions c;
  c.zero_based = o.zero_based, c.order = static_cast<int>(o.shape.size());
  data::Coordinates read = data::read_coordinates(path, c);
  const Shape found = largest(read.indices);
  bool bad = false;
  for (std::size_t k = 0; k < o.shape.size(); ++k) bad = bad || found[k] > o.shape[k];
  if (bad) {  // once more, for the line
    c.keep_lines = true;
    read = data::read_coordinates(path, c);
    for (std::size_t n = 0; n < read.values.size(); ++n)
      for (std::size_t k = 0; k < o.shape.size(); ++k)
        if (read.indices[k][n] >= o.shape[k])
          throw FormatError(path, text("line ", read.lines[n]),
                            text("index ", read.indices[k][n] + (o.zero_based ? 0 : 1), " of mode ", k,
                                 "; the shape ", o.shape, " ends at ", o.shape[k] - (o.zero_based ? 1 : 0)));
  }
  return of_file(path, "", [&] {
    return SparseTensor(o.shape.empty() ? found : o.shape, std::move(read.indices), std::move(read.values),
                        o.duplicates);
  });
}

SparseTensor of_lists(const std::string& path, const EntryOptions& o, const Array& indices,
                      const Array& values, Shape shape) {
  return of_file(path, "indices", [&] {
    require(indices.ndim() == 2 && indices.dim(0) >= 1, "[entries] indices have shape ", indices.shape(),
            "; expected (entries, modes)");
    if (!o.shape.empty()) shape = o.shape;
    if (shape.empty()) {
      shape.assign(static_cast<std::size_t>(indices.dim(1)), 0);
      const std::vector<Index> all = indices.to_vector<Index>();
      for (std::size_t n = 0; n < all.size(); ++n)
        shape[n % shape.size()] = std::max(shape[n % shape.size()], all[n] + 1);
    }
    return SparseTensor(shape, indices, values, o.duplicates);
  });
}

SparseTensor of_dense(const std::string& path, const EntryOptions& o, const Array& x) {
  const SparseTensor t = of_file(path, "", [&] { return SparseTensor::from_dense(x); });
  if (t.empty()) throw FormatError(path, "", "has no entry that is not NaN");
  if (o.shape.empty() || o.shape == t.shape()) return t;
  return of_file(path, "", [&] { return t.resized(o.shape); });
}

}  // namespace

SparseTensor read_entries(const std::string& path, const EntryOptions& o) {
  switch (kind_of(path)) {
    case Kind::text:
      return of_text(path, o);
    case Kind::npy:
      return of_dense(path, o, data::read_npy(path));
    case Kind::npz: {
      Array indices, values, shape;
      for (auto& [name, array] : data::read_npz(path)) {
        if (name == "indices") indices = array;
        if (name == "values") values = array;
        if (name == "shape") shape = array;
      }
      if (values.empty()) throw FormatError(path, "values", "there is no array of this name, or it is empty");
      if (indices.empty()) return of_dense(path, o, values);
      return of_lists(path, o, indices, values, shape.empty() ? Shape{} : shape.to_vector<Index>());
    }
    case Kind::hdf5:
      break;
  }
  const data::Group root = data::load(path);
  const data::Group& g = root.has_group("tensor") ? root.group("tensor") : root;
  if (g.attributes.count("kind")) {
    const SparseTensor t = SparseTensor::load(g);
    return o.shape.empty() || o.shape == t.shape() ? t
                                                   : of_file(path, "", [&] { return t.resized(o.shape); });
  }
  if (!g.has("values")) throw FormatError(path, "values", "there is no array of this name");
  if (!g.has("indices")) return of_dense(path, o, g.array("values"));
  return of_lists(path, o, g.array("indices"), g.array("values"), {});
}

void write_entries(const std::string& path, const SparseTensor& t, bool zero_based) {
  const auto ends = [&](const std::string& s) {
    return path.size() >= s.size() && path.compare(path.size() - s.size(), s.size(), s) == 0;
  };
  if (ends(".h5") || ends(".hdf5")) {
    data::Group root;
    t.save(root["tensor"]);
    return data::save(path, root, {"cartan-entries", 1, "", ""});
  }
  if (ends(".npz"))
    return data::write_npz(
        path, {{"indices", t.index_array()}, {"values", t.value_array()}, {"shape", Array::from(t.shape())}});
  data::Coordinates c;
  for (int k = 0; k < t.order(); ++k) c.indices.emplace_back(t.index(k).begin(), t.index(k).end());
  c.values.assign(t.values().begin(), t.values().end());
  data::write_coordinates(path, c, zero_based);
}

void SparseTensor::save(data::Group& group) const {
  group.attributes["kind"] = std::string("sparse");
  group.attributes["shape"] = shape();
  group.set("indices", index_array().as(DType::i32), "", "entry mode");
  group.set("values", value_array(), "", "entry");
}

SparseTensor SparseTensor::load(const data::Group& group) {
  if (group.string("kind") != "sparse")
    throw FormatError(group.file(), "kind", "is '" + group.string("kind") + "', expected 'sparse'");
  const Shape shape = group.integers("shape");
  const Array indices = group.array("indices", DType::i32, {-1, static_cast<Index>(shape.size())});
  const Array values = group.array("values", DType::f64, {indices.dim(0)});
  return of_file(group.file(), "indices", [&] { return SparseTensor(shape, indices, values); });
}

}  // namespace cartan::completion
