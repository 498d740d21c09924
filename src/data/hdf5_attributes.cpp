#include "data/hdf5_attributes.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "cartan/core/error.hpp"

namespace cartan::data {

hid_t stored_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::c64:
      return H5T_IEEE_F32LE;
    case DType::f64:
    case DType::c128:
      return H5T_IEEE_F64LE;
    case DType::i32:
      return H5T_STD_I32LE;
    case DType::i64:
      return H5T_STD_I64LE;
    case DType::u8:
      return H5T_STD_U8LE;
  }
  throw std::invalid_argument("[hdf5] unknown element type");
}

// The enumeration FALSE, TRUE in which h5py writes booleans.
static bool is_boolean(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_nmembers(type) != 2 || H5Tget_size(type) != 1) return false;
  signed char no = 0, yes = 0;
  return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 &&
         yes == 1;
}

std::optional<DType> element_type(hid_t type, bool exact) {
  for (DType t : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8})
    if (H5Tequal(type, stored_type(t)) > 0) return t;
  if (exact) return {};
  if (H5Tequal(type, H5T_IEEE_F32BE) > 0) return DType::f32;
  if (H5Tequal(type, H5T_IEEE_F64BE) > 0) return DType::f64;
  for (hid_t small :
       {H5T_STD_I8LE, H5T_STD_I16LE, H5T_STD_U16LE, H5T_STD_I16BE, H5T_STD_U16BE, H5T_STD_I32BE})
    if (H5Tequal(type, small) > 0) return DType::i32;
  for (hid_t large : {H5T_STD_U32LE, H5T_STD_U32BE, H5T_STD_I64BE})
    if (H5Tequal(type, large) > 0) return DType::i64;
  if (H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 2) return DType::f32;
  if (is_boolean(type)) return DType::i32;
  return complex_type(type);
}

std::optional<DType> complex_type(hid_t type) {
  if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return {};
  for (unsigned k : {0U, 1U}) {
    const std::unique_ptr<char, herr_t (*)(void*)> name(H5Tget_member_name(type, k), H5free_memory);
    if (!name || std::strcmp(name.get(), k == 0 ? "r" : "i") != 0) return {};
  }
  const Handle re(H5Tget_member_type(type, 0), H5Tclose), im(H5Tget_member_type(type, 1), H5Tclose);
  const auto part = element_type(re.get(), false);
  if (!part || !is_real(*part) || H5Tequal(re.get(), im.get()) <= 0) return {};
  return *part == DType::f32 ? DType::c64 : DType::c128;
}

Handle complex_memory(DType dtype, const Place& place) {
  const hid_t part = stored_type(dtype);
  const std::size_t width = size_of(dtype) / 2;
  Handle type = checked(H5Tcreate(H5T_COMPOUND, 2 * width), H5Tclose, place, "out of memory");
  checked(H5Tinsert(type.get(), "r", 0, part), place, "out of memory");
  checked(H5Tinsert(type.get(), "i", width, part), place, "out of memory");
  return type;
}

namespace {

void write(hid_t object, const std::string& name, hid_t type, hid_t space, const void* values,
           const Place& place) {
  const Handle attribute = checked(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                                   H5Aclose, place, "an attribute cannot be made");
  if (H5Sget_simple_extent_npoints(space) == 0) return;
  checked(H5Awrite(attribute.get(), type, values), place, "an attribute cannot be written");
}

Handle scalar_space(const Place& place) {
  return checked(H5Screate(H5S_SCALAR), H5Sclose, place, "out of memory");
}

Handle list_space(std::size_t count, const Place& place) {
  const hsize_t n = count;
  return checked(H5Screate_simple(1, &n, nullptr), H5Sclose, place, "out of memory");
}

/// UTF-8 text of `bytes` bytes and a closing zero.
Handle text_type(std::size_t bytes, const Place& place) {
  Handle type = checked(H5Tcopy(H5T_C_S1), H5Tclose, place, "out of memory");
  checked(H5Tset_size(type.get(), bytes + 1), place, "text type");
  checked(H5Tset_cset(type.get(), H5T_CSET_UTF8), place, "text type");
  checked(H5Tset_strpad(type.get(), H5T_STR_NULLTERM), place, "text type");
  return type;
}

/// Text of any length: H5MD readers in Python (MDAnalysis) know the attribute `unit` in this form only. Such
/// texts lie in a heap that has no checksum, and HDF5 1.10 trusts every byte of it. Therefore a text of fixed
/// length, `unit_text`, stands beside it, and of files that have it the heap is never read.
Handle variable_type(const Place& place) {
  Handle type = checked(H5Tcopy(H5T_C_S1), H5Tclose, place, "out of memory");
  checked(H5Tset_size(type.get(), H5T_VARIABLE), place, "text type");
  checked(H5Tset_cset(type.get(), H5T_CSET_UTF8), place, "text type");
  return type;
}

struct Writer {
  hid_t object;
  const std::string& name;
  const Place& place;

  void operator()(std::int64_t v) const {
    write(object, name, H5T_STD_I64LE, scalar_space(place).get(), &v, place);
  }
  void operator()(double v) const {
    write(object, name, H5T_IEEE_F64LE, scalar_space(place).get(), &v, place);
  }
  void operator()(const std::string& v) const {
    if (name == unit_name) {
      const Handle type = variable_type(place);
      const char* text = v.c_str();
      write(object, name, type.get(), scalar_space(place).get(), &text, place);
      return write(object, unit_text_name, text_type(v.size(), place).get(), scalar_space(place).get(), text,
                   place);
    }
    write(object, name, text_type(v.size(), place).get(), scalar_space(place).get(), v.c_str(), place);
  }
  void operator()(const std::vector<double>& v) const {
    write(object, name, H5T_IEEE_F64LE, list_space(v.size(), place).get(), v.data(), place);
  }
  void operator()(const std::vector<std::int64_t>& v) const {
    write(object, name, H5T_STD_I64LE, list_space(v.size(), place).get(), v.data(), place);
  }
  void operator()(const std::vector<std::string>& v) const {
    std::size_t longest = 0;
    for (const auto& s : v) longest = std::max(longest, s.size());
    std::string all(v.size() * (longest + 1), '\0');
    for (std::size_t i = 0; i < v.size(); ++i) all.replace(i * (longest + 1), v[i].size(), v[i]);
    write(object, name, text_type(longest, place).get(), list_space(v.size(), place).get(), all.data(),
          place);
  }
};

template <class T>
Attribute read_numbers(hid_t attribute, hid_t type, bool list, std::size_t count, const Place& place) {
  std::vector<T> values(std::max<std::size_t>(count, 1));
  if (count > 0) checked(H5Aread(attribute, type, values.data()), place, "an attribute cannot be read");
  values.resize(count);
  if (list) return values;
  return values.at(0);
}

Attribute read_texts(hid_t attribute, hid_t type, bool list, std::size_t count, const Place& place) {
  const std::size_t size = H5Tget_size(type);
  std::vector<char> raw(size * count + 1);
  if (count > 0) checked(H5Aread(attribute, type, raw.data()), place, "an attribute cannot be read");
  std::vector<std::string> texts(count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* begin = raw.data() + i * size;
    texts[i].assign(begin, ::strnlen(begin, size));
  }
  if (list) return texts;
  return texts.at(0);
}

/// Texts of variable length: `unit` of files from before there was `unit_text`, and other programs'
/// attributes.
Attribute read_variable_texts(hid_t attribute, hid_t space, bool list, std::size_t count,
                              const Place& place) {
  const Handle type = variable_type(place);
  std::vector<char*> raw(count, nullptr);
  std::vector<std::string> texts(count);
  if (count > 0) checked(H5Aread(attribute, type.get(), raw.data()), place, "an attribute cannot be read");
  for (std::size_t i = 0; i < count; ++i)
    if (raw[i]) texts[i] = raw[i];
  H5Dvlen_reclaim(type.get(), space, H5P_DEFAULT, raw.data());
  if (list) return texts;
  return texts.at(0);
}

}  // namespace

void write_attribute(hid_t object, const std::string& name, const Attribute& value, const Place& place) {
  std::visit(Writer{object, name, place}, value);
}

void write_digest(hid_t object, std::uint64_t digest, const Place& place) {
  write(object, digest_name, H5T_STD_U64LE, scalar_space(place).get(), &digest, place);
}

std::optional<std::uint64_t> read_digest(hid_t object, const Place& place) {
  const htri_t exists = H5Aexists(object, digest_name);
  if (exists < 0) place.fail_with_message("damaged attributes");
  if (exists == 0) return {};
  const Handle attribute =
      checked(H5Aopen(object, digest_name, H5P_DEFAULT), H5Aclose, place, "the digest cannot be read");
  const Handle type = checked(H5Aget_type(attribute.get()), H5Tclose, place, "the digest cannot be read");
  const Handle space = checked(H5Aget_space(attribute.get()), H5Sclose, place, "the digest cannot be read");
  if (H5Tequal(type.get(), H5T_STD_U64LE) <= 0 || H5Sget_simple_extent_type(space.get()) != H5S_SCALAR)
    return {};
  std::uint64_t digest = 0;
  checked(H5Aread(attribute.get(), H5T_STD_U64LE, &digest), place, "the digest cannot be read");
  return digest;
}

void write_block_digests(hid_t object, const std::vector<std::uint64_t>& list, const Place& place) {
  write(object, block_digests_name, H5T_STD_U64LE, list_space(list.size(), place).get(), list.data(), place);
}

std::vector<std::uint64_t> read_block_digests(hid_t object, const Place& place) {
  const htri_t exists = H5Aexists(object, block_digests_name);
  if (exists < 0) place.fail_with_message("damaged attributes");
  if (exists == 0) return {};
  const char* what = "the digests of blocks cannot be read";
  const Handle attribute = checked(H5Aopen(object, block_digests_name, H5P_DEFAULT), H5Aclose, place, what);
  const Handle type = checked(H5Aget_type(attribute.get()), H5Tclose, place, what);
  const Handle space = checked(H5Aget_space(attribute.get()), H5Sclose, place, what);
  hsize_t count = 0;
  if (H5Tequal(type.get(), H5T_STD_U64LE) <= 0 || H5Sget_simple_extent_type(space.get()) != H5S_SIMPLE ||
      H5Sget_simple_extent_ndims(space.get()) != 1 ||
      H5Sget_simple_extent_dims(space.get(), &count, nullptr) != 1 || count > most_block_digests)
    place.fail(what);
  std::vector<std::uint64_t> list(count);
  if (count > 0) checked(H5Aread(attribute.get(), H5T_STD_U64LE, list.data()), place, what);
  return list;
}

Attributes AttributeReader::read_all(hid_t object, const Place& place) const {
  std::vector<std::string> names;
  hsize_t start = 0;
  checked(H5Aiterate2(
              object, H5_INDEX_NAME, H5_ITER_INC, &start,
              [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
                return guarded([&] { static_cast<std::vector<std::string>*>(out)->emplace_back(name); });
              },
              &names),
          place, "damaged attributes");
  Attributes attributes;
  const auto among = [&](const char* name) { return std::count(names.begin(), names.end(), name) > 0; };
  const bool unit_beside = !foreign && among(unit_text_name);
  // Trajectories from before there was `unit_text` say the same under `units`.
  const bool unit_as_units = !foreign && !unit_beside && among(unit_name) && among("units");
  for (const std::string& name : names) {
    if (!foreign && (name == digest_name || name == block_digests_name)) continue;
    if ((unit_beside || unit_as_units) && name == unit_name) continue;  // see variable_type
    const Place here{place.file, place.object + "@" + name};
    const Handle attribute =
        checked(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, here, "cannot be opened");
    const Handle type = checked(H5Aget_type(attribute.get()), H5Tclose, here, "damaged type");
    const Handle space = checked(H5Aget_space(attribute.get()), H5Sclose, here, "damaged extent");
    const H5S_class_t extent = H5Sget_simple_extent_type(space.get());
    const int rank = extent == H5S_SIMPLE ? H5Sget_simple_extent_ndims(space.get()) : 0;
    const bool list = rank == 1;
    hsize_t count = 1;
    if (list) H5Sget_simple_extent_dims(space.get(), &count, nullptr);
    const H5T_class_t kind = H5Tget_class(type.get());
    const bool variable = kind == H5T_STRING && H5Tis_variable_str(type.get()) > 0;
    const std::uint64_t size = H5Tget_size(type.get());
    const bool known = (kind == H5T_INTEGER && element_type(type.get(), false)) ||
                       (kind == H5T_FLOAT && element_type(type.get(), false)) ||
                       (kind == H5T_STRING && (!variable || foreign || name == unit_name));
    if (!known || extent == H5S_NULL || rank > 1 || rank < 0) {
      if (foreign) continue;
      here.fail("an attribute of a type or rank that Cartan does not write");
    }
    if (size == 0 || count > file_size / size) here.fail("an attribute larger than the file");
    const auto n = static_cast<std::size_t>(count);
    attributes[unit_beside && name == unit_text_name ? unit_name : name] =
        variable              ? read_variable_texts(attribute.get(), space.get(), list, n, here)
        : kind == H5T_STRING  ? read_texts(attribute.get(), type.get(), list, n, here)
        : kind == H5T_INTEGER ? read_numbers<std::int64_t>(attribute.get(), H5T_NATIVE_INT64, list, n, here)
                              : read_numbers<double>(attribute.get(), H5T_NATIVE_DOUBLE, list, n, here);
  }
  if (unit_as_units) attributes[unit_name] = attributes.at("units");
  return attributes;
}

}  // namespace cartan::data
