#include "data/hdf5_write.hpp"

#include <algorithm>
#include <cstring>

#include "cartan/core/error.hpp"
#include "data/atomic_file.hpp"
#include "data/hdf5_attributes.hpp"
#include "data/hdf5_digest.hpp"
#include "data/hdf5_driver.hpp"

#ifndef CARTAN_VERSION
#define CARTAN_VERSION "unknown"
#endif

namespace cartan::data {
namespace {

constexpr std::size_t compact_bytes = 1024;  // up to here inside the (checksummed) object header
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
constexpr std::size_t block_bytes = std::size_t{8} << 20;  // read from a Source at once
constexpr const char* header_names[] = {"format", "format_version", "creator", "config"};

std::vector<hsize_t> stored_shape(const Shape& shape, DType dtype) {
  std::vector<hsize_t> dims(shape.begin(), shape.end());
  if (is_complex(dtype)) dims.push_back(2);
  return dims;
}

/// Whole trailing axes as far as a chunk holds them.
std::vector<hsize_t> chunk_shape(const std::vector<hsize_t>& dims, std::size_t element_bytes) {
  std::vector<hsize_t> chunk(dims.size());
  hsize_t room = chunk_bytes / element_bytes;
  for (std::size_t k = dims.size(); k-- > 0;) {
    chunk[k] = std::clamp<hsize_t>(room, 1, dims[k]);
    room /= chunk[k];
  }
  return chunk;
}

/// Rows that share a digest: a row of chunks, or as many as keep the list of digests short.
Index rows_of_block(const Shape& shape, const std::vector<hsize_t>& chunk) {
  const auto rows = static_cast<hsize_t>(shape[0]), step = chunk[0];
  const hsize_t steps = (rows - 1) / step + 1, most = most_block_digests / 2;
  return static_cast<Index>(std::min(rows, step * ((steps - 1) / most + 1)));
}

class TreeWriter {
 public:
  TreeWriter(const std::string& file, DriverTarget& target, const SourceOf& source)
      : file_(file), target_(target), source_(source) {}

  void group(hid_t id, const Group& group, const std::string& path) {
    const Place place{file_, path.empty() ? "/" : path};
    for (const auto& [name, value] : group.attributes) write_attribute(id, name, value, place);
    for (const auto& [name, item] : group.items()) dataset(id, name, item, path + "/" + name);
    const Handle creation = checked(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, place, "out of memory");
    checked(H5Pset_obj_track_times(creation.get(), false), place, "times");
    set_compact(creation.get(), place);
    for (const auto& [name, child] : group.groups()) {
      const Handle handle = checked(H5Gcreate2(id, name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                                    H5Gclose, place.at(name), "the group cannot be made");
      this->group(handle.get(), child, path + "/" + name);
    }
  }

  const DatasetInfos& infos() const { return infos_; }

 private:
  void dataset(hid_t parent, const std::string& name, const Item& item, const std::string& path) {
    const Place place{file_, path};
    Source source = source_(path, item);
    const auto dims = stored_shape(source.shape, source.dtype);
    const hid_t type = stored_type(source.dtype);
    const std::size_t bytes = static_cast<std::size_t>(size_of(source.shape)) * size_of(source.dtype);

    const Handle space =
        checked(dims.empty() ? H5Screate(H5S_SCALAR)
                             : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                H5Sclose, place, "out of memory");
    const Handle creation = checked(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, place, "out of memory");
    checked(H5Pset_obj_track_times(creation.get(), false), place, "times");
    set_compact(creation.get(), place);
    Index block_rows = 0;
    if (bytes <= compact_bytes) {
      checked(H5Pset_layout(creation.get(), H5D_COMPACT), place, "layout");
    } else {
      const auto chunk = chunk_shape(dims, H5Tget_size(type));
      checked(H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data()), place, "chunks");
      checked(H5Pset_fletcher32(creation.get()), place, "checksum filter");
      block_rows = rows_of_block(source.shape, chunk);
    }
    const Handle set =
        checked(H5Dcreate2(parent, name.c_str(), type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                H5Dclose, place, "the dataset cannot be made");

    DatasetInfo info{source.dtype, source.shape, digest_of(nullptr, 0), {}};
    std::vector<char> small;
    if (bytes > 0 && bytes <= compact_bytes && !source.elements) {
      small.resize(bytes);
      source.rows(0, dims.empty() ? 1 : source.shape[0], small.data());
      source.elements = small.data();
    }
    if (bytes > 0) {
      DatasetDigest digest(block_rows *
                           (bytes / static_cast<std::size_t>(std::max<Index>(1, rows_of(source)))));
      if (source.elements)
        all(set.get(), source, bytes, digest, place);
      else
        blocks(set.get(), source, dims, digest, place);
      info.digest = digest.value();
      info.blocks = {block_rows, digest.blocks()};
    }
    for (const auto& [key, value] : item.attributes) write_attribute(set.get(), key, value, place);
    if (is_complex(source.dtype)) write_attribute(set.get(), complex_name, std::int64_t{1}, place);
    write_digest(set.get(), info.digest, place);
    if (block_rows > 0) write_block_digests(set.get(), info.blocks.packed(), place);
    infos_[path] = std::move(info);
    if (target_.error) throw IoError(file_, "cannot be written: " + errno_text(target_.error));
  }

  static Index rows_of(const Source& source) { return source.shape.empty() ? 1 : source.shape[0]; }

  void all(hid_t set, const Source& source, std::size_t bytes, DatasetDigest& digest, const Place& place) {
    checked(H5Dwrite(set, stored_type(source.dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, source.elements), place,
            "the dataset cannot be written");
    digest.add(source.elements, bytes);
  }

  void blocks(hid_t set, const Source& source, const std::vector<hsize_t>& dims, DatasetDigest& digest,
              const Place& place) {
    const std::size_t row =
        static_cast<std::size_t>(size_of(source.shape) / source.shape[0]) * size_of(source.dtype);
    const auto chunk = chunk_shape(dims, H5Tget_size(stored_type(source.dtype)));
    // Whole chunks, so that each is written once.
    const auto step = static_cast<Index>(chunk[0] * std::max<hsize_t>(1, block_bytes / (chunk[0] * row)));
    const Handle space = checked(H5Dget_space(set), H5Sclose, place, "out of memory");
    std::vector<hsize_t> start(dims.size(), 0), count = dims;
    std::vector<char> buffer(row * static_cast<std::size_t>(std::min(step, source.shape[0])));
    for (Index begin = 0; begin < source.shape[0]; begin += step) {
      const Index end = std::min(source.shape[0], begin + step);
      source.rows(begin, end, buffer.data());
      digest.add(buffer.data(), row * static_cast<std::size_t>(end - begin));
      start[0] = static_cast<hsize_t>(begin);
      count[0] = static_cast<hsize_t>(end - begin);
      checked(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
              place, "the dataset cannot be written");
      const Handle memory = checked(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                                    H5Sclose, place, "out of memory");
      checked(H5Dwrite(set, stored_type(source.dtype), memory.get(), space.get(), H5P_DEFAULT, buffer.data()),
              place, "the dataset cannot be written");
      if (target_.error) throw IoError(file_, "cannot be written: " + errno_text(target_.error));
    }
  }

  const std::string& file_;
  DriverTarget& target_;
  const SourceOf& source_;
  DatasetInfos infos_;
};

void check_group(const Group& group, const std::string& path, int depth) {
  require(depth <= largest_depth, "[save] more than ", largest_depth, " nested groups at ", path);
  check_attributes(path, group.attributes);
  for (const auto& [name, item] : group.items()) {
    check_name(name);
    require(group.groups().count(name) == 0, "[save] ", path, "/", name, " is both a group and an array");
    check_attributes(path + "/" + name, item.attributes);
    require(item.attributes.count(complex_name) == 0, "[save] ", path, "/", name, ": the attribute '",
            complex_name, "' is reserved");
  }
  for (const auto& [name, child] : group.groups()) {
    check_name(name);
    check_group(child, path + "/" + name, depth + 1);
  }
}

}  // namespace

void check_name(const std::string& name) {
  require(!name.empty() && name != "." && name != ".." &&
              name.find_first_of(std::string("/\0", 2)) == std::string::npos,
          "[save] bad name '", name, "'");
}

void check_attributes(const std::string& path, const Attributes& attributes) {
  const auto whole = [&](const std::string& s) {
    require(s.find('\0') == std::string::npos, "[save] ", path, ": a text with a zero byte");
  };
  for (const auto& [name, value] : attributes) {
    require(!name.empty() && name.find('\0') == std::string::npos, "[save] ", path, ": bad attribute name '",
            name, "'");
    require(name != digest_name && name != block_digests_name && name != unit_text_name, "[save] ", path,
            ": the attribute '", name, "' is reserved");
    if (path.empty())
      for (const char* taken : header_names)
        require(name != taken, "[save] the root attribute '", name, "' is reserved");
    if (const auto* s = std::get_if<std::string>(&value)) whole(*s);
    if (const auto* list = std::get_if<std::vector<std::string>>(&value))
      for (const auto& s : *list) whole(s);
  }
}

void check_shape(const std::string& path, const Shape& shape, DType dtype) {
  require(static_cast<int>(shape.size()) + (is_complex(dtype) ? 1 : 0) <= largest_rank, "[save] ", path,
          ": shape ", shape, " has too many axes; a file holds ", largest_rank,
          " (complex: ", largest_rank - 1, ")");
  size_of(shape);
}

void write_tree(const std::string& path, const Group& root, const Header& header, const SourceOf& source) {
  require(!header.format.empty(), "[save] the header has no format");
  check_attributes("header", {{"format", header.format}, {"config", header.config}});
  check_group(root, "", 0);
  Header full = header;
  full.creator = "cartan " CARTAN_VERSION;

  AtomicFile file(path);
  int failed = 0;
  try {
    const Hdf5Session session;
    DriverTarget target{file.fd(), 0, {}};
    const Place place{path, "/"};
    Handle hdf5 = create_hdf5(target, place);
    {
      TreeWriter writer(path, target, source);
      const Handle top = checked(H5Gopen2(hdf5.get(), "/", H5P_DEFAULT), H5Gclose, place, "cannot be opened");
      writer.group(top.get(), root, "");
      write_attribute(top.get(), "format", full.format, place);
      write_attribute(top.get(), "format_version", std::int64_t{full.format_version}, place);
      write_attribute(top.get(), "creator", full.creator, place);
      write_attribute(top.get(), "config", full.config, place);
      write_digest(top.get(), root_digest(root, writer.infos(), full), place);
    }
    if (!hdf5.close()) place.fail_with_message("cannot be closed");
    failed = target.error;
  } catch (const FormatError& error) {
    // HDF5 itself failed while writing: not the fault of a file that exists.
    throw IoError(path, std::string("cannot be written: ") + error.what());
  }
  if (failed) throw IoError(path, "cannot be written: " + errno_text(failed));
  file.commit();
}

void save(const std::string& path, const Group& root, const Header& header) {
  write_tree(path, root, header, [](const std::string& name, const Item& item) {
    check_shape(name, item.array.shape(), item.array.dtype());
    static const char nothing = 0;
    const void* elements = item.array.raw() ? item.array.raw() : &nothing;
    return Source{item.array.dtype(), item.array.shape(), elements, {}};
  });
}

}  // namespace cartan::data
