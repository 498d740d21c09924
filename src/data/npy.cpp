#include "data/npy.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/atomic_file.hpp"

namespace cartan::data {
namespace {

constexpr std::size_t largest_rank = 32;

// The header is the literal of a Python dict: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class DictParser {
 public:
  DictParser(const std::string& path, const std::string& object, std::string_view text)
      : path_(path), object_(object), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !descr) {
        read_type(header);
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran = boolean();
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = extents();
        shape = true;
      } else {
        fail("unexpected key '" + key + "' in the header");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size() || !descr || !order || !shape)
      fail("the header is not one of descr, fortran_order, shape");
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw FormatError(path_, object_, what); }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(text("expected '", c, "' at byte ", at_, " of the header"));
  }
  std::string string() {
    skip_blanks();
    const char mark = at_ < text_.size() ? text_[at_] : '\0';
    if (mark != '\'' && mark != '"') fail(text("expected a quoted word at byte ", at_, " of the header"));
    const std::size_t end = text_.find(mark, at_ + 1);
    if (end == std::string_view::npos) fail("a quote in the header is not closed");
    const std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    fail(text("expected True or False at byte ", at_, " of the header"));
  }
  Index integer() {
    skip_blanks();
    Index value = 0;
    const std::size_t start = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const int digit = text_[at_] - '0';
      if (value > (std::numeric_limits<Index>::max() - digit) / 10) fail("an extent is too large");
      value = 10 * value + digit;
    }
    if (at_ == start) fail(text("expected an extent at byte ", at_, " of the header"));
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // written by Python 2
    return value;
  }
  Shape extents() {
    Shape shape;
    expect('(');
    while (!take(')')) {
      shape.push_back(integer());
      if (shape.size() > largest_rank) fail(text("more than ", largest_rank, " axes"));
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }
  void read_type(NpyHeader& header) {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '[') fail("records (structured types) cannot be read");
    const std::string type = string();
    const std::size_t digits = type.find_first_of("0123456789");
    std::size_t i = 0;
    if (!type.empty() && std::strchr("<>|=", type[0])) header.order = type[i++] == '=' ? '<' : type[0];
    if (digits == std::string::npos || digits != i + 1 || type.size() - digits > 8 ||
        type.find_first_not_of("0123456789", digits) != std::string::npos)
      fail("elements of type '" + type + "' cannot be read");
    header.kind = type[i];
    header.width = std::stoul(type.substr(digits));
    constexpr const char* known[] = {"f4", "f8", "i1", "i2", "i4", "i8", "u1",
                                     "u2", "u4", "u8", "b1", "c8", "c16"};
    const std::string plain = type.substr(i);
    const bool text_type = header.kind == 'U' || header.kind == 'S';
    if (!text_type &&
        std::none_of(std::begin(known), std::end(known), [&](const char* k) { return plain == k; }))
      fail("elements of type '" + type + "' cannot be read");
  }

  const std::string& path_;
  const std::string& object_;
  std::string_view text_;
  std::size_t at_ = 0;
};

// Moves elements of `width` bytes from first-index-fastest to last-index-fastest order.
std::vector<unsigned char> to_row_major(const unsigned char* bytes, const Shape& shape, std::size_t width,
                                        std::size_t total) {
  std::vector<unsigned char> out(total);
  const std::size_t rank = shape.size();
  std::vector<Index> index(rank, 0);
  std::vector<std::size_t> stride(rank, width);  // in `out`
  for (std::size_t k = rank - 1; k-- > 0;) stride[k] = stride[k + 1] * static_cast<std::size_t>(shape[k + 1]);
  std::size_t to = 0;
  for (std::size_t from = 0; from < total; from += width) {
    std::memcpy(out.data() + to, bytes + from, width);
    for (std::size_t k = 0; k < rank; ++k) {
      to += stride[k];
      if (++index[k] < shape[k]) break;
      to -= stride[k] * static_cast<std::size_t>(shape[k]);
      index[k] = 0;
    }
  }
  return out;
}

template <class From, class To>
Array convert(const unsigned char* bytes, const Shape& shape) {
  Array out = Array::uninitialized(shape, dtype_of<To>::value);
  To* to = out.mutable_data<To>();
  for (Index i = 0; i < out.size(); ++i) {
    From value;
    std::memcpy(&value, bytes + static_cast<std::size_t>(i) * sizeof(From), sizeof(From));
    to[i] = static_cast<To>(value);
  }
  return out;
}

}  // namespace

std::size_t NpyHeader::data_bytes() const {
  std::size_t n = element_bytes();
  for (const Index extent : shape) n *= static_cast<std::size_t>(extent);
  return n;
}

NpyHeader parse_npy_header(const std::string& path, const std::string& object, const unsigned char* bytes,
                           std::size_t size, std::uint64_t total) {
  if (size < 10 || std::memcmp(bytes, "\x93NUMPY", 6) != 0)
    throw FormatError(path, object, "not a .npy: it does not begin with \\x93NUMPY");
  const int version = bytes[6];
  if (version < 1 || version > 3 || bytes[7] != 0)
    throw FormatError(path, object,
                      text(".npy of version ", version, ".", int{bytes[7]}, "; 1.0, 2.0 and 3.0 are known"));
  const std::size_t start = version == 1 ? 10 : 12;
  std::size_t length = 0;
  for (std::size_t i = start; i-- > 8 && size >= start;) length = length << 8 | bytes[i];
  if (size < start || length > size - start)
    throw FormatError(path, object, "the header is truncated or too long");
  NpyHeader header = DictParser(path, object, {reinterpret_cast<const char*>(bytes) + start, length}).parse();
  header.data_offset = start + length;

  std::uint64_t expected = header.element_bytes();
  bool overflow = false, nothing = false;
  for (const Index extent : header.shape) {
    const auto e = static_cast<std::uint64_t>(std::max<Index>(extent, 1));
    nothing = nothing || extent == 0;
    overflow = overflow || expected > (std::uint64_t{1} << 62) / e;
    expected *= e;
  }
  if (nothing) expected = 0;
  const std::uint64_t found = total - header.data_offset;
  if (overflow || expected != found)
    throw FormatError(path, object,
                      text("shape ", to_string(header.shape), " needs ",
                           overflow ? "more" : std::to_string(expected), " bytes, found ", found));
  return header;
}

Array npy_elements(const std::string& path, const std::string& object, const NpyHeader& h,
                   unsigned char* bytes) {
  if (h.kind == 'U' || h.kind == 'S') throw FormatError(path, object, "holds texts, expected numbers");
  const std::size_t total = h.data_bytes();
  if (h.order == '>') {
    const std::size_t width = h.kind == 'c' ? h.width / 2 : h.width;
    for (std::size_t i = 0; i < total; i += width) std::reverse(bytes + i, bytes + i + width);
  }
  std::vector<unsigned char> reordered;
  if (h.fortran && h.shape.size() > 1 && total > 0) {
    reordered = to_row_major(bytes, h.shape, h.width, total);
    bytes = reordered.data();
  }
  switch (h.kind) {
    case 'f':
      return h.width == 4 ? convert<float, float>(bytes, h.shape) : convert<double, double>(bytes, h.shape);
    case 'c': {
      Array out = Array::uninitialized(h.shape, h.width == 8 ? DType::c64 : DType::c128);
      if (total) std::memcpy(out.mutable_raw(), bytes, total);
      return out;
    }
    case 'i':
      if (h.width == 1) return convert<std::int8_t, std::int32_t>(bytes, h.shape);
      if (h.width == 2) return convert<std::int16_t, std::int32_t>(bytes, h.shape);
      if (h.width == 4) return convert<std::int32_t, std::int32_t>(bytes, h.shape);
      return convert<std::int64_t, std::int64_t>(bytes, h.shape);
    default:
      break;
  }
  if (h.width == 1) return convert<std::uint8_t, std::uint8_t>(bytes, h.shape);
  if (h.width == 2) return convert<std::uint16_t, std::int32_t>(bytes, h.shape);
  if (h.width == 4) return convert<std::uint32_t, std::int64_t>(bytes, h.shape);
  Array out = convert<std::uint64_t, std::int64_t>(bytes, h.shape);
  for (Index i = 0; i < out.size(); ++i)
    if (out.data<std::int64_t>()[i] < 0)
      throw FormatError(path, object, "an unsigned integer is larger than 2^63 - 1");
  return out;
}

std::string npy_header_for(const Array& array) {
  const char* type = "";
  switch (array.dtype()) {
    case DType::f32:
      type = "<f4";
      break;
    case DType::f64:
      type = "<f8";
      break;
    case DType::c64:
      type = "<c8";
      break;
    case DType::c128:
      type = "<c16";
      break;
    case DType::i32:
      type = "<i4";
      break;
    case DType::i64:
      type = "<i8";
      break;
    case DType::u8:
      type = "|u1";
      break;
  }
  std::string dict = text("{'descr': '", type, "', 'fortran_order': False, 'shape': (");
  for (const Index extent : array.shape()) dict += std::to_string(extent) + (array.ndim() == 1 ? "," : ", ");
  if (array.ndim() > 1) dict.resize(dict.size() - 2);
  dict += "), }";
  dict.append(63 - (10 + dict.size()) % 64, ' ');  // the elements start at a multiple of 64
  dict += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(dict.size() & 255);
  out += static_cast<char>(dict.size() >> 8);
  return out + dict;
}

NpyHeader read_npy_header(const InputFile& file) {
  std::vector<unsigned char> bytes(std::min<std::uint64_t>(file.size(), npy_longest_header));
  file.read_at(0, bytes.data(), bytes.size());
  return parse_npy_header(file.path(), "", bytes.data(), bytes.size(), file.size());
}

Array numbers_of_shape(const std::string& path, const std::string& object, const Array& raw,
                       const std::vector<Shape>& shapes, const std::string& wanted) {
  if (is_complex(raw.dtype()) || std::find(shapes.begin(), shapes.end(), raw.shape()) == shapes.end())
    throw FormatError(
        path, object,
        text("has the shape ", to_string(raw.shape()), is_complex(raw.dtype()) ? " (complex)" : "",
             wanted.empty() ? ", expected real numbers of shape " + to_string(shapes[0]) : wanted));
  Array out = raw.as(DType::f64).reshaped(shapes[0]);
  const double* x = out.data<double>();
  for (Index i = 0; i < out.size(); ++i)
    if (!std::isfinite(x[i])) throw FormatError(path, object, text("a value is not finite (number ", i, ")"));
  return out;
}

Unused unused_array(const std::string& name) {
  struct Known {
    const char *name, *why;
    bool physics;
  };
  constexpr Known table[] = {
      {"fparam", "parameters of frames for a model of DeePMD", true},
      {"aparam", "parameters of atoms for a model of DeePMD", true},
      {"spin", "spins, which models here do not know", true},
      {"force_mag", "magnetic forces, which models here do not know", true},
      {"charges", "charges of atoms; models here know the total charge alone", true},
      {"q", "charges of atoms; models here know the total charge alone", true},
      {"masses", "masses; dynamics takes those of the elements", true},
      {"mass", "masses; dynamics takes those of the elements", true},
      {"velocities", "velocities", true},
      {"v", "velocities", true},
      {"cell", "a cell; lattice (vectors as columns) is the name that is read", true},
      {"cells", "cells; lattice (one for all frames) is the name that is read", true},
      {"box", "a cell; lattice (vectors as columns) is the name that is read", true},
      {"pbc", "periodicity; it follows from lattice", true},
      {"stress", "stresses", true},
      {"virial", "virials", true},
      {"atom_ener", "energies of atoms, which are not trained on", false},
      {"atom_pref", "weights of forces; the loss has its own", true},
      {"dipole", "a property that is not trained on", false},
      {"dipoles", "a property that is not trained on", false},
      {"d", "a property that is not trained on", false},
      {"polarizability", "a property that is not trained on", false},
  };
  std::string lower = name;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const Known& k : table)
    if (lower == k.name) return {name, k.why, k.physics};
  return {name, "not read", false};
}

bool is_npy(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  const InputFile file(path);
  char start[6] = {};
  file.read_at(0, start, std::min<std::uint64_t>(file.size(), sizeof start));
  return std::memcmp(start, "\x93NUMPY", sizeof start) == 0 ||
         std::filesystem::path(path).extension() == ".npy";
}

Array read_npy(const std::string& path) {
  const InputFile file(path);
  const NpyHeader header = read_npy_header(file);
  std::vector<unsigned char> bytes(header.data_bytes());
  file.read_at(header.data_offset, bytes.data(), bytes.size());
  return npy_elements(path, "", header, bytes.data());
}

void write_npy(const std::string& path, const Array& array) {
  AtomicFile file(path);
  const std::string header = npy_header_for(array);
  file.write(header.data(), header.size());
  file.write(array.raw(), array.bytes());
  file.commit();
}

}  // namespace cartan::data
