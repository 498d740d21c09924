#pragma once
// The .npy format (versions 1 to 3) and the .npz archive around it.

#include <map>
#include <string>
#include <vector>

#include "cartan/core/array.hpp"
#include "cartan/data/frame.hpp"
#include "data/archive.hpp"
#include "data/file_io.hpp"

namespace cartan::data {

/// What the header of a .npy says.
struct NpyHeader {
  char order = '<';       ///< '<', '>' or '|'
  char kind = 'f';        ///< numpy's letter: f i u b c, and U S for texts
  std::size_t width = 8;  ///< bytes of an element (of 'U': code points)
  bool fortran = false;   ///< first index fastest
  Shape shape;
  std::size_t data_offset = 0;  ///< bytes of the header

  std::size_t element_bytes() const { return kind == 'U' ? 4 * width : width; }
  std::size_t data_bytes() const;  ///< checked against overflow by parse_npy_header
};

/// Reads a header from the first `size` bytes of a .npy of `total` bytes. Throws FormatError(path, object).
NpyHeader parse_npy_header(const std::string& path, const std::string& object, const unsigned char* bytes,
                           std::size_t size, std::uint64_t total);

/// Bytes that suffice for any header this reader accepts.
inline constexpr std::size_t npy_longest_header = 65536;

/// The elements as an Array in native byte order, last index fastest. `bytes` may be changed.
/// bool, u1 -> u8; i1, i2, u2, i4 -> i32; u4, i8, u8 -> i64. Texts and f2 are a FormatError.
Array npy_elements(const std::string& path, const std::string& object, const NpyHeader& header,
                   unsigned char* bytes);

/// Finite real numbers as float64 of the first of `shapes`, which the array must have, or one of the others,
/// axis by axis: the same number of elements in other axes is something else. Throws FormatError(path,
/// object) with what was expected in the words `wanted`, or else as the first shape.
Array numbers_of_shape(const std::string& path, const std::string& object, const Array& raw,
                       const std::vector<Shape>& shapes, const std::string& wanted = "");

/// An array of a set of frames that no reader looks at, with what its name says.
Unused unused_array(const std::string& name);

/// The header of a file.
NpyHeader read_npy_header(const InputFile& file);

/// Header bytes for writing.
std::string npy_header_for(const Array& array);

/// An .npz file open for reading: a zip archive of .npy members.
class NpzReader {
 public:
  explicit NpzReader(const std::string& path);
  const std::vector<std::string>& names() const { return names_; }  ///< without ".npy", in their order
  bool has(const std::string& name) const { return members_.count(name) > 0; }
  /// Unpacks and checks one member.
  Array read(const std::string& name) const;
  /// A text or the first of an array of texts; "" when the member is no text.
  std::string read_text(const std::string& name) const;

 private:
  std::vector<unsigned char> unpack(const std::string& name) const;

  Archive archive_;
  std::vector<std::string> names_;
  std::map<std::string, std::string> members_;  // by name without ".npy"
};

}  // namespace cartan::data
