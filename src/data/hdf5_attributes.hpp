#pragma once
/// Attributes and element types between Cartan and HDF5.

#include <optional>
#include <string>
#include <vector>

#include "cartan/data/group.hpp"
#include "data/hdf5_handle.hpp"

namespace cartan::data {

/// The stored type of the elements (of the parts, for complex ones): little-endian, as in memory.
hid_t stored_type(DType dtype);
/// The element type that holds a stored type without loss, if there is one. `exact`: only types that
/// Cartan writes; otherwise smaller integers, big-endian numbers, halves, h5py's booleans and
/// complex_type() too.
std::optional<DType> element_type(hid_t type, bool exact);
/// Of records {r, i} of equal parts, in which h5py writes complex numbers.
std::optional<DType> complex_type(hid_t type);
/// Such records as they lie in memory.
Handle complex_memory(DType dtype, const Place& place);

void write_attribute(hid_t object, const std::string& name, const Attribute& value, const Place& place);
void write_digest(hid_t object, std::uint64_t digest, const Place& place);
/// The digest of an object, if it has one.
std::optional<std::uint64_t> read_digest(hid_t object, const Place& place);

/// The digests of blocks, as BlockDigests packs them; an empty list where there are none.
void write_block_digests(hid_t object, const std::vector<std::uint64_t>& list, const Place& place);
std::vector<std::uint64_t> read_block_digests(hid_t object, const Place& place);

struct AttributeReader {
  std::uint64_t file_size;  ///< no attribute is larger
  bool foreign;             ///< not written by Cartan: read variable-length texts, skip unknown types
  Attributes read_all(hid_t object, const Place& place) const;
};

/// Runs `body` as a callback of HDF5: an exception becomes an error code.
template <class Body>
herr_t guarded(Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (...) {
    return -1;
  }
}

inline constexpr const char* unit_text_name = "unit_text";
inline constexpr const char* digest_name = "digest";
/// So many that the list fits in an object header, of which no message may exceed 64 KiB.
inline constexpr std::size_t most_block_digests = 4096;
inline constexpr const char* block_digests_name = "block_digests";
inline constexpr const char* complex_name = "complex";
inline constexpr const char* unit_name = "unit";  ///< stored as text of variable length

}  // namespace cartan::data
