#include <algorithm>
#include <functional>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "data/file_io.hpp"
#include "data/hdf5_attributes.hpp"
#include "data/hdf5_digest.hpp"
#include "data/hdf5_write.hpp"

namespace cartan::data {
namespace {

constexpr std::uint64_t deflate_ratio = 1040;  // no deflated stream grows by more
constexpr int most_shared = 4096;
constexpr std::size_t piece_bytes = std::size_t{8} << 20;  // read at once to verify a dataset

struct OpenDataset {
  Handle id;
  Handle records;  // the type in memory of complex numbers that are records of two fields
  bool has_digest = false;
  bool verified = false;    // whole, by its digest; for files without digests of blocks
  Index block = -1;         // the one that was verified last
  std::vector<char> bytes;  // and its elements
};

struct Link {
  std::string name;
  H5L_type_t type;
};

/// The links of a group, sorted by name.
std::vector<Link> links_of(hid_t group, const Place& place) {
  std::vector<Link> links;
  checked(H5Literate(
              group, H5_INDEX_NAME, H5_ITER_INC, nullptr,
              [](hid_t, const char* name, const H5L_info_t* info, void* out) -> herr_t {
                return guarded([&] { static_cast<std::vector<Link>*>(out)->push_back({name, info->type}); });
              },
              &links),
          place, "the group is damaged");
  for (const Link& link : links)
    if (link.name.empty() || link.name == "." || link.name == "..")
      place.fail("an object without a proper name");
  return links;
}

const char* name_of_class(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_COMPOUND:
      return "records of several fields";
    case H5T_STRING:
      return "texts";
    case H5T_ENUM:
      return "values of an enumeration";
    case H5T_VLEN:
      return "lists of different lengths";
    case H5T_REFERENCE:
      return "references";
    case H5T_INTEGER:
      return "integers of a kind";
    case H5T_FLOAT:
      return "numbers of a kind";
    default:
      return "elements of a type";
  }
}

}  // namespace

struct Hdf5File::State {
  std::string path;
  std::uint64_t file_size = 0;
  bool foreign = false;
  Handle file;
  Header header;
  Group outline;
  DatasetInfos infos;
  mutable std::map<std::string, OpenDataset> sets;
  int shared = 0;                               // names of objects that have several
  std::vector<haddr_t> open_groups;             // around the one that is read
  std::map<std::string, std::string> not_read;  // objects of another program's file, and why

  explicit State(const std::string& name) : path(name) {
    {
      const InputFile probe(path);
      if (!probe.regular()) throw IoError(path, "is not a regular file");
      file_size = probe.size();
    }
    const Place place{path, ""};
    const Handle access = checked(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, place, "out of memory");
    checked(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG), place, "close degree");
    checked(H5Pset_cache(access.get(), 0, 521, std::size_t{8} << 20, 0.75), place, "cache");
#if H5_VERSION_GE(1, 10, 7)
    checked(H5Pset_file_locking(access.get(), false, true), place, "file locking");
#endif
    file = checked(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose, place,
                   "not an intact HDF5 file");
    const Place root{path, "/"};
    const Handle top = checked(H5Gopen2(file.get(), "/", H5P_DEFAULT), H5Gclose, root, "cannot be opened");
    const auto digest = read_digest(top.get(), root);
    foreign = !digest && H5Aexists(top.get(), "format") <= 0;
    if (!digest && !foreign) root.fail("the digest of the file is missing");
    H5O_info_t info;
    checked(H5Oget_info2(top.get(), &info, H5O_INFO_BASIC), root, "cannot be opened");
    read_group(top.get(), info.addr, outline, "", 0);
    outline.set_origin(path, "/");
    if (foreign) return;
    take_header(root);
    if (root_digest(outline, infos, header) != *digest)
      root.fail("the checksum is wrong: the file is damaged");
  }

  void take_header(const Place& place) {
    const Group& group = outline;
    header.format = group.string("format");
    const std::int64_t version = group.integer("format_version");
    if (version < 0 || version > std::numeric_limits<int>::max()) place.fail("bad format_version");
    header.format_version = static_cast<int>(version);
    header.creator = group.string("creator");
    header.config = group.string("config");
    for (const char* name : {"format", "format_version", "creator", "config"}) outline.attributes.erase(name);
  }

  void read_group(hid_t id, haddr_t address, Group& group, const std::string& path_in_file, int depth) {
    open_groups.push_back(address);
    const struct Inside {
      std::vector<haddr_t>& groups;
      ~Inside() { groups.pop_back(); }
    } inside{open_groups};
    const Place place{path, path_in_file.empty() ? "/" : path_in_file};
    if (depth > largest_depth) place.fail("groups nested too deeply");
    const AttributeReader attributes{file_size, foreign};
    group.attributes = attributes.read_all(id, place);
    for (const Link& link : links_of(id, place)) {
      const Place here = place.at(link.name);
      try {
        read_object(id, link, group, here, depth);
      } catch (const FormatError& error) {
        if (!foreign || error.object() != here.object) throw;
        const std::size_t before = error.path().size() + error.object().size() + 4;  // "path: object: "
        not_read.emplace(here.object, std::string(error.what()).substr(before));
      }
    }
  }

  void read_object(hid_t id, const Link& link, Group& group, const Place& here, int depth) {
    if (link.type != H5L_TYPE_HARD) here.fail("a soft or external link; Cartan does not follow links");
    Handle object = checked(H5Oopen(id, link.name.c_str(), H5P_DEFAULT), H5Oclose, here, "cannot be opened");
    H5O_info_t info;
    checked(H5Oget_info2(object.get(), &info, H5O_INFO_BASIC), here, "cannot be opened");
    // One name an object: no cycles, nothing read twice. Files of other programs may share what is no cycle.
    if (info.rc != 1) {
      if (!foreign || ++shared > most_shared) here.fail("an object with several names");
      for (const haddr_t outer : open_groups)
        if (outer == info.addr) here.fail("a group within itself");
    }
    if (info.type == H5O_TYPE_GROUP) {
      read_group(object.get(), info.addr, group[link.name], here.object, depth + 1);
    } else if (info.type == H5O_TYPE_DATASET) {
      const AttributeReader reader{file_size, foreign};
      Attributes attributes = reader.read_all(object.get(), here);
      add_dataset(std::move(object), attributes, here);
      group.items()[link.name].attributes = std::move(attributes);
    } else {
      here.fail("neither a group nor a dataset");
    }
  }

  /// Checks all that is known of a dataset before anything is allocated for it.
  void add_dataset(Handle id, Attributes& attributes, const Place& place) {
    const Handle type = checked(H5Dget_type(id.get()), H5Tclose, place, "damaged type");
    const auto dtype = element_type(type.get(), !foreign);
    if (!dtype) place.fail(text(name_of_class(type.get()), " that Cartan does not read"));
    DatasetInfo info;
    info.dtype = *dtype;

    const Handle space = checked(H5Dget_space(id.get()), H5Sclose, place, "damaged extent");
    const H5S_class_t extent = H5Sget_simple_extent_type(space.get());
    if (extent != H5S_SCALAR && extent != H5S_SIMPLE) place.fail("a dataset without extent");
    const int rank = extent == H5S_SCALAR ? 0 : H5Sget_simple_extent_ndims(space.get());
    if (rank < 0 || rank > largest_rank)
      place.fail(text("rank ", rank, "; at most ", largest_rank, " is read"));
    hsize_t dims[largest_rank] = {};
    if (rank > 0 && H5Sget_simple_extent_dims(space.get(), dims, nullptr) != rank)
      place.fail("damaged extent");
    for (int k = 0; k < rank; ++k) {
      if (dims[k] > static_cast<hsize_t>(std::numeric_limits<Index>::max()))
        place.fail("an extent that is too large");
      info.shape.push_back(static_cast<Index>(dims[k]));
    }
    std::uint64_t bytes = 0;
    try {
      bytes = static_cast<std::uint64_t>(size_of(info.shape)) * H5Tget_size(type.get());
    } catch (const std::invalid_argument&) {
      place.fail(text("shape ", info.shape, " is too large"));
    }
    if (const auto it = attributes.find(complex_name); it != attributes.end() && !foreign) {
      if (it->second != Attribute(std::int64_t{1}) || !is_real(info.dtype) || rank == 0 ||
          info.shape.back() != 2)
        place.fail("not an array of complex numbers, though it says so");
      info.dtype = info.dtype == DType::f32 ? DType::c64 : DType::c128;
      info.shape.pop_back();
      attributes.erase(it);
    }
    check_storage(id.get(), bytes, place);

    OpenDataset set;
    if (complex_type(type.get())) set.records = complex_memory(info.dtype, place);
    if (const auto digest = foreign ? std::nullopt : read_digest(id.get(), place)) {
      info.digest = *digest;
      set.has_digest = true;
      if (const auto list = read_block_digests(id.get(), place); !list.empty())
        if (info.shape.empty() || !info.blocks.unpack(list, info.shape[0]))
          place.fail("the digests of blocks do not fit the dataset");
    }
    if (!foreign && !set.has_digest) place.fail("the digest is missing");
    set.id = std::move(id);
    infos.emplace(place.object, std::move(info));
    sets.emplace(place.object, std::move(set));
  }

  /// The elements must be in this file, whole, behind known filters.
  void check_storage(hid_t id, std::uint64_t bytes, const Place& place) const {
    const Handle creation = checked(H5Dget_create_plist(id), H5Pclose, place, "damaged layout");
    const H5D_layout_t layout = H5Pget_layout(creation.get());
    if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
      place.fail("elements stored in other files");
    if (H5Pget_external_count(creation.get()) != 0) place.fail("elements stored in other files");
    std::uint64_t ratio = 1;
    const int filters = H5Pget_nfilters(creation.get());
    if (filters < 0 || filters > 8) place.fail("damaged filters");
    for (int i = 0; i < filters; ++i) {
      unsigned flags = 0, config = 0;
      std::size_t values = 0;
      const H5Z_filter_t filter = H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags, &values,
                                                 nullptr, 0, nullptr, &config);
      const bool deflate = filter == H5Z_FILTER_DEFLATE && foreign;
      if (deflate) ratio *= deflate_ratio;
      if (filter != H5Z_FILTER_FLETCHER32 && !deflate && !(filter == H5Z_FILTER_SHUFFLE && foreign))
        place.fail(text("a filter that Cartan does not read (number ", filter, ")"));
    }
    if (bytes == 0) return;
    const hsize_t stored = H5Dget_storage_size(id);
    if (stored == 0 || stored > file_size || bytes / ratio > stored)
      place.fail(text("needs ", bytes, " bytes, but the file holds ", stored));
    if (layout != H5D_CHUNKED) return;
    hsize_t chunk[H5S_MAX_RANK];
    const int rank = H5Pget_chunk(creation.get(), H5S_MAX_RANK, chunk);
    std::uint64_t elements = 1;
    for (int k = 0; k < rank; ++k) {
      if (chunk[k] == 0 || elements > (std::uint64_t{1} << 32) / chunk[k])
        place.fail("chunks that are too large");
      elements *= chunk[k];
    }
    if (rank < 1 || elements > ratio * file_size) place.fail("chunks larger than the file");
  }

  const DatasetInfo& info(const std::string& dataset) const {
    const auto it = infos.find(full_name(dataset));
    if (const auto why = not_read.find(full_name(dataset)); why != not_read.end())
      throw FormatError(path, why->first, why->second);
    if (it == infos.end()) throw FormatError(path, full_name(dataset), "there is no dataset of this name");
    return it->second;
  }

  static std::string full_name(const std::string& name) {
    return name.empty() || name[0] != '/' ? "/" + name : name;
  }

  static hid_t memory_type(const OpenDataset& set, const DatasetInfo& what) {
    return set.records.get() >= 0 ? set.records.get()
                                  : stored_type(what.dtype);  // little-endian machines only
  }

  Array read(const std::string& name) const {
    const DatasetInfo& what = info(name);
    const OpenDataset& set = sets.at(full_name(name));
    const Place place{path, full_name(name)};
    Array out = Array::uninitialized(what.shape, what.dtype);
    if (out.size() > 0)
      checked(H5Dread(set.id.get(), memory_type(set, what), H5S_ALL, H5S_ALL, H5P_DEFAULT, out.mutable_raw()),
              place, "cannot be read");
    if (set.has_digest && digest_of(out.raw(), out.bytes()) != what.digest)
      place.fail("the checksum is wrong: the dataset is damaged");
    return out;
  }

  Array read_rows(const std::string& name, Index begin, Index end) const {
    const DatasetInfo& what = info(name);
    const Place place{path, full_name(name)};
    require(!what.shape.empty(), "[read_rows] ", place.object, " is a single value");
    require(0 <= begin && begin <= end && end <= what.shape[0], "[read_rows] rows [", begin, ", ", end,
            ") of ", what.shape[0], " in ", place.object);
    if (begin == 0 && end == what.shape[0]) return read(name);
    Shape shape = what.shape;
    shape[0] = end - begin;
    Array out = Array::uninitialized(shape, what.dtype);
    if (out.size() == 0) return out;
    OpenDataset& set = sets.at(place.object);
    char* to = static_cast<char*>(out.mutable_raw());
    if (what.blocks.rows > 0) {
      read_blocks(set, what, begin, end, to, place);
    } else {
      if (set.has_digest && !set.verified) verify(set, what, place);
      read_raw(set, what, begin, end, to, place);
    }
    return out;
  }

  static std::size_t row_bytes(const DatasetInfo& what) {
    return static_cast<std::size_t>(size_of(what.shape) / what.shape[0]) * size_of(what.dtype);
  }

  /// Rows as they stand in the file.
  void read_raw(const OpenDataset& set, const DatasetInfo& what, Index begin, Index end, void* to,
                const Place& place) const {
    std::vector<hsize_t> start(what.shape.size(), 0), count(what.shape.begin(), what.shape.end());
    start[0] = static_cast<hsize_t>(begin);
    count[0] = static_cast<hsize_t>(end - begin);
    if (is_complex(what.dtype) && set.records.get() < 0) {
      start.push_back(0);
      count.push_back(2);
    }
    const hid_t id = set.id.get();
    const Handle space = checked(H5Dget_space(id), H5Sclose, place, "cannot be read");
    checked(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
            place, "cannot be read");
    const Handle memory = checked(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                                  H5Sclose, place, "out of memory");
    checked(H5Dread(id, memory_type(set, what), memory.get(), space.get(), H5P_DEFAULT, to), place,
            "cannot be read");
  }

  /// Rows out of blocks that agree with their digests. Of a block that is wanted in part the whole is kept
  /// for the next call.
  void read_blocks(OpenDataset& set, const DatasetInfo& what, Index begin, Index end, char* to,
                   const Place& place) const {
    const std::size_t row = row_bytes(what);
    for (Index b = begin / what.blocks.rows; b * what.blocks.rows < end; ++b) {
      const Index first = b * what.blocks.rows, last = std::min(first + what.blocks.rows, what.shape[0]);
      const Index from = std::max(begin, first), until = std::min(end, last);
      const std::size_t bytes = row * static_cast<std::size_t>(last - first);
      const auto load = [&](char* block) {
        read_raw(set, what, first, last, block, place);
        if (digest_of(block, bytes) != what.blocks.digests[static_cast<std::size_t>(b)])
          place.fail(
              text("the checksum of rows ", first, " to ", last - 1, " is wrong: the dataset is damaged"));
      };
      char* const out = to + row * static_cast<std::size_t>(from - begin);
      if (from == first && until == last) {
        load(out);
        continue;
      }
      if (set.block != b) {
        set.block = -1;
        set.bytes.resize(bytes);
        load(set.bytes.data());
        set.block = b;
      }
      std::copy_n(set.bytes.data() + row * static_cast<std::size_t>(from - first),
                  row * static_cast<std::size_t>(until - from), out);
    }
  }

  /// Compares the digest of a whole dataset, piece by piece.
  void verify(OpenDataset& set, const DatasetInfo& what, const Place& place) const {
    Digest digest;
    if (what.shape.empty()) {
      read(place.object);
    } else if (size_of(what.shape) > 0) {
      const std::size_t row = row_bytes(what);
      const auto step = static_cast<Index>(std::max<std::size_t>(1, piece_bytes / row));
      std::vector<char> buffer(row * static_cast<std::size_t>(std::min(step, what.shape[0])));
      for (Index begin = 0; begin < what.shape[0]; begin += step) {
        const Index end = std::min(begin + step, what.shape[0]);
        read_raw(set, what, begin, end, buffer.data(), place);
        digest.add(buffer.data(), row * static_cast<std::size_t>(end - begin));
      }
      if (digest.value() != what.digest) place.fail("the checksum is wrong: the dataset is damaged");
    }
    set.verified = true;
  }
};

Hdf5File::Hdf5File(const std::string& path) {
  const Hdf5Session session;
  state_ = std::make_unique<State>(path);
}

Hdf5File::~Hdf5File() {
  const Hdf5Session session;
  state_.reset();
}

Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;

const Header& Hdf5File::header() const {
  return state_->header;
}

bool Hdf5File::has(const std::string& dataset) const {
  return state_->infos.count(State::full_name(dataset)) > 0;
}

Shape Hdf5File::shape(const std::string& dataset) const {
  return state_->info(dataset).shape;
}

DType Hdf5File::dtype(const std::string& dataset) const {
  return state_->info(dataset).dtype;
}

Array Hdf5File::read_rows(const std::string& dataset, Index begin, Index end) const {
  const Hdf5Session session;
  return state_->read_rows(dataset, begin, end);
}

Array Hdf5File::read(const std::string& dataset) const {
  const Hdf5Session session;
  return state_->read(dataset);
}

bool Hdf5File::verify() const {
  if (state_->foreign) return false;
  for (auto& [name, set] : state_->sets) {
    const Hdf5Session session;  // one by one, so that other threads get their turn
    state_->verify(set, state_->infos.at(name), {state_->path, name});
  }
  return true;
}

Group Hdf5File::outline() const {
  return state_->outline;
}

const std::map<std::string, std::string>& Hdf5File::not_read() const {
  return state_->not_read;
}

Group load(const std::string& path, const std::string& format, Header* header) {
  const Hdf5File file(path);
  if (!format.empty() && file.header().format != format)
    throw FormatError(path, "", "is a '" + file.header().format + "' file, expected '" + format + "'");
  Group root = file.outline();
  // Arrays one by one, so that other threads get their turn.
  const std::function<void(Group&, const std::string&)> fill = [&](Group& group, const std::string& at) {
    for (auto& [name, item] : group.items()) item.array = file.read(at + "/" + name);
    for (const auto& [name, child] : group.groups()) fill(group[name], at + "/" + name);
  };
  fill(root, "");
  if (header) *header = file.header();
  return root;
}

}  // namespace cartan::data
