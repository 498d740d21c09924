#include "cartan/data/torch_file.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "cartan/core/error.hpp"
#include "cartan/core/printable.hpp"
#include "data/archive.hpp"
#include "data/file_io.hpp"
#include "data/pickle.hpp"

namespace cartan::data {
namespace {

// The older stream begins with the pickles of a magic number and of the protocol, 1001.
constexpr char legacy_magic[] = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
constexpr std::size_t legacy_start = sizeof legacy_magic - 1;
constexpr std::uint64_t longest_pickle = std::uint64_t{64} << 20;
// A tensor may repeat elements (strides of 0), up to this many.
constexpr std::int64_t most_repeated = 1 << 24;

bool ends_with(const std::string& s, const std::string& end) {
  return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

// "archive/" of "archive/data.pkl"; "" where there is no such member.
std::string root_of(const Archive& archive) {
  for (const auto& m : archive.members())
    if (ends_with(m.name, "/data.pkl") && m.name.find('/') == m.name.size() - 9)
      return m.name.substr(0, m.name.size() - 8);
  return "";
}

std::string first_bytes(const std::string& path, std::size_t count) {
  InputFile file(path);
  std::string out(count, '\0');
  std::size_t size = 0;
  while (size < count) {
    const std::size_t n = file.read(out.data() + size, count - size);
    if (n == 0) break;
    size += n;
  }
  out.resize(size);
  return out;
}

bool is_zip(const std::string& start) {
  return start.compare(0, 4, "PK\3\4") == 0;
}
bool is_legacy(const std::string& start) {
  return start.compare(0, 14, std::string(legacy_magic, 14)) == 0;
}

float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16;
  const int exponent = h >> 10 & 31;
  const std::uint32_t fraction = h & 1023u;
  if (exponent == 0) {
    const float tiny = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -tiny : tiny;
  }
  const std::uint32_t bits =
      sign | (exponent == 31 ? 0x7f800000u : static_cast<std::uint32_t>(exponent + 112) << 23) |
      fraction << 13;
  float out = 0;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

float bfloat_to_float(std::uint16_t b) {
  const std::uint32_t bits = std::uint32_t{b} << 16;
  float out = 0;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

// Calls take(element of the array, element of the storage) in row-major order.
template <class Take>
void walk(const PickledTensor& t, Index count, Take&& take) {
  std::vector<std::int64_t> index(t.shape.size(), 0);
  std::int64_t from = t.offset;
  for (Index k = 0; k < count; ++k) {
    take(k, from);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      from += t.stride[axis];
      if (++index[axis] < t.shape[axis]) break;
      from -= t.stride[axis] * t.shape[axis];
      index[axis] = 0;
    }
  }
}

template <class From, class To, class Convert>
Array converted(const PickledTensor& t, const char* bytes, DType dtype, Index count, Convert&& convert) {
  Array out = Array::uninitialized(t.shape, dtype);
  auto* to = static_cast<To*>(out.mutable_raw());
  walk(t, count, [&](Index k, std::int64_t from) {
    From element;
    std::memcpy(&element, bytes + from * static_cast<std::int64_t>(sizeof(From)), sizeof element);
    to[k] = convert(element);
  });
  return out;
}

template <class T>
Array copied(const PickledTensor& t, const char* bytes, DType dtype, Index count) {
  return converted<T, T>(t, bytes, dtype, count, [](const T& x) { return x; });
}

template <class From, class To>
Array widened(const PickledTensor& t, const char* bytes, DType dtype, Index count) {
  return converted<From, To>(t, bytes, dtype, count, [](From x) { return static_cast<To>(x); });
}

struct Pair {  // a complex number, as bytes
  double re, im;
};

Array elements(const PickledTensor& t, const char* bytes, Index count) {
  const std::string& e = t.type;
  if (e == "f4") return copied<float>(t, bytes, DType::f32, count);
  if (e == "f8") return copied<double>(t, bytes, DType::f64, count);
  if (e == "c8") return copied<std::uint64_t>(t, bytes, DType::c64, count);
  if (e == "c16") return copied<Pair>(t, bytes, DType::c128, count);
  if (e == "i4") return copied<std::int32_t>(t, bytes, DType::i32, count);
  if (e == "i8") return copied<std::int64_t>(t, bytes, DType::i64, count);
  if (e == "u1") return copied<std::uint8_t>(t, bytes, DType::u8, count);
  if (e == "i1") return widened<std::int8_t, std::int32_t>(t, bytes, DType::i32, count);
  if (e == "i2") return widened<std::int16_t, std::int32_t>(t, bytes, DType::i32, count);
  if (e == "u2") return widened<std::uint16_t, std::int64_t>(t, bytes, DType::i64, count);
  if (e == "u4") return widened<std::uint32_t, std::int64_t>(t, bytes, DType::i64, count);
  if (e == "b1")
    return converted<std::uint8_t, std::int32_t>(t, bytes, DType::i32, count,
                                                 [](auto b) { return b ? 1 : 0; });
  if (e == "f2") return converted<std::uint16_t, float>(t, bytes, DType::f32, count, half_to_float);
  return converted<std::uint16_t, float>(t, bytes, DType::f32, count, bfloat_to_float);  // bf2
}

// What the flags of a tensor ask for.
void finish(const PickledTensor& t, Array& out) {
  const auto apply = [&](auto zero) {
    using T = decltype(zero);
    const bool complex = !is_real(out.dtype());
    T* x = static_cast<T*>(out.mutable_raw());
    for (Index k = 0; k < out.size() * (complex ? 2 : 1); ++k) {
      const bool imaginary = complex && k % 2 == 1;
      if (t.negative != (imaginary && t.conjugate)) x[k] = -x[k];
    }
  };
  if (!t.conjugate && !t.negative) return;
  if (out.dtype() == DType::f32 || out.dtype() == DType::c64) apply(0.0F);
  if (out.dtype() == DType::f64 || out.dtype() == DType::c128) apply(0.0);
}

const char* name_of(PickledValue::Kind kind) {
  constexpr const char* names[] = {"None",     "a boolean", "an integer", "a number",
                                   "a text",   "bytes",     "a list",     "a dict",
                                   "an array", "a name",    "a storage",  "a type of numpy"};
  return names[static_cast<int>(kind)];
}

}  // namespace

// What the values of a file share: its pickle, and where storages lie.
struct TorchValue::State {
  std::string path;
  std::unique_ptr<Pickle> pickle;
  std::unique_ptr<Archive> archive;  // of the newer format
  std::string root;
  std::unique_ptr<InputFile> file;  // of the older one
  std::map<std::string, std::uint64_t> offsets;
  // Tensors that share a storage tend to follow one another.
  std::string kept_name;
  std::vector<unsigned char> kept;

  State(const std::string& file_path, const std::vector<std::string>& names) : path(file_path) {
    const std::string start = first_bytes(path, 265);
    if (is_zip(start))
      open_archive(names);
    else if (is_legacy(start))
      open_stream(names);
    else if (start.compare(0, 1, "\x80") == 0)
      throw FormatError(path, "", "is a bare pickle of Python; only files of torch.save are read");
    else if (start.size() > 262 && start.compare(257, 5, "ustar") == 0)
      throw FormatError(path, "",
                        "is a file of torch.save before PyTorch 0.1.10, which is not read: save it again");
    else
      throw FormatError(path, "", "is no file of torch.save (neither a zip archive nor the older stream)");
  }

  void open_archive(const std::vector<std::string>& names) {
    archive = std::make_unique<Archive>(path);
    root = root_of(*archive);
    if (root.empty()) throw FormatError(path, "", "is a zip archive without data.pkl: no file of torch.save");
    if (archive->has(root + "constants.pkl"))
      throw FormatError(path, "",
                        "is a TorchScript archive, which holds code: save its state_dict() instead");
    if (archive->has(root + "byteorder")) {
      const auto order = archive->read(root + "byteorder", 64);
      if (std::string(order.begin(), order.end()) != "little")
        throw FormatError(path, "byteorder", "is not little-endian; such files are not read");
    }
    const auto bytes = archive->read(root + "data.pkl", longest_pickle);
    pickle = std::make_unique<Pickle>(
        path, "data.pkl", std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), names);
  }

  // Pickles of the system, of the object and of the keys of its storages; then each storage: its number of
  // elements (8 bytes), and the elements.
  void open_stream(const std::vector<std::string>& names) {
    file = std::make_unique<InputFile>(path);
    std::string bytes(std::min(file->size(), longest_pickle), '\0');
    file->read_at(0, bytes.data(), bytes.size());
    std::uint64_t at = legacy_start;
    if (bytes.compare(0, legacy_start, std::string(legacy_magic, legacy_start)) != 0)
      throw FormatError(path, "", "is a file of torch.save of an unknown version");
    const auto next = [&](const char* object) {
      auto p = std::make_unique<Pickle>(path, object, std::string_view(bytes).substr(at), names);
      at += p->size();
      return p;
    };
    check_system(*next("system"));
    pickle = next("object");
    const auto keys = next("keys of storages");
    std::map<std::string, std::uint64_t> sizes;  // bytes
    std::set<const PickledValue*> seen;
    collect_sizes(pickle->root(), sizes, seen);
    if (keys->root()->kind != PickledValue::Kind::list)
      throw FormatError(path, "keys of storages", "are no list: damaged");
    for (const PickledValue* key : keys->root()->items) {
      const auto found = sizes.find(key->text);
      if (found == sizes.end())
        throw FormatError(path, "storage " + printable(key->text), "belongs to no tensor: damaged");
      at += 8;
      if (at > file->size() || found->second > file->size() - at)
        throw FormatError(path, "storage " + printable(key->text), "is cut off: the file is truncated");
      offsets[key->text] = at;
      at += found->second;
    }
  }

  void check_system(const Pickle& system) const {
    const auto& items = system.root()->items;
    for (std::size_t k = 0; k + 1 < items.size(); k += 2)
      if (items[k]->text == "little_endian" && items[k + 1]->integer == 0)
        throw FormatError(path, "system", "is not little-endian; such files are not read");
  }

  static void collect_sizes(const PickledValue* v, std::map<std::string, std::uint64_t>& sizes,
                            std::set<const PickledValue*>& seen) {
    if (!seen.insert(v).second) return;
    if (v->tensor && !v->tensor->inside)
      sizes[v->tensor->storage] =
          static_cast<std::uint64_t>(v->tensor->storage_size) * pickled_element_size(v->tensor->type);
    for (const PickledValue* item : v->items) collect_sizes(item, sizes, seen);
  }

  // `bytes` of a storage; good until the next call.
  const char* storage(const std::string& name, std::uint64_t bytes) {
    if (kept_name == name && kept.size() == bytes) return reinterpret_cast<const char*>(kept.data());
    kept_name.clear();
    if (archive) {
      const std::string member = root + "data/" + name;
      kept = archive->read(member, bytes);
      if (kept.size() != bytes)
        throw FormatError(path, member, text("has ", kept.size(), " bytes, its tensors need ", bytes));
    } else {
      const auto found = offsets.find(name);
      if (found == offsets.end()) throw FormatError(path, "storage " + printable(name), "is not in the file");
      kept.resize(bytes);
      file->read_at(found->second, kept.data(), bytes);
    }
    kept_name = name;
    return reinterpret_cast<const char*>(kept.data());
  }
};

TorchValue::TorchValue(std::shared_ptr<State> state, const PickledValue* node, std::string where)
    : state_(std::move(state)), node_(node), where_(std::move(where)) {}

void TorchValue::fail(const std::string& what) const {
  throw FormatError(state_->path, where_, what);
}

TorchValue::Kind TorchValue::kind() const {
  using From = PickledValue::Kind;
  switch (node_->kind) {
    case From::none:
      return Kind::none;
    case From::boolean:
      return Kind::boolean;
    case From::integer:
      return Kind::integer;
    case From::real:
      return Kind::real;
    case From::text:
      return Kind::text;
    case From::bytes:
      return Kind::bytes;
    case From::list:
      return Kind::list;
    case From::dict:
      return Kind::dict;
    case From::tensor:
      return Kind::array;
    default:
      return Kind::name;
  }
}

TorchValue TorchValue::child(const PickledValue* node, const std::string& step) const {
  return TorchValue(state_, node, where_.empty() ? step : where_ + "." + step);
}

bool TorchValue::boolean() const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::boolean) fail(text("is ", name_of(v.kind), ", not a boolean"));
  return v.integer != 0;
}

std::int64_t TorchValue::integer() const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::integer) fail(text("is ", name_of(v.kind), ", not an integer"));
  return v.integer;
}

double TorchValue::number() const {
  const auto& v = *node_;
  if (v.kind == PickledValue::Kind::integer) return static_cast<double>(v.integer);
  if (v.kind != PickledValue::Kind::real) fail(text("is ", name_of(v.kind), ", not a number"));
  return v.real;
}

const std::string& TorchValue::string() const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::text && v.kind != PickledValue::Kind::name)
    fail(text("is ", name_of(v.kind), ", not a text"));
  return v.text;
}

std::vector<std::int64_t> TorchValue::integers() const {
  std::vector<std::int64_t> out;
  for (Index k = 0; k < size(); ++k) out.push_back((*this)[k].integer());
  return out;
}

std::vector<double> TorchValue::numbers() const {
  std::vector<double> out;
  for (Index k = 0; k < size(); ++k) out.push_back((*this)[k].number());
  return out;
}

std::vector<std::string> TorchValue::strings() const {
  std::vector<std::string> out;
  for (Index k = 0; k < size(); ++k) out.push_back((*this)[k].string());
  return out;
}

Index TorchValue::size() const {
  const auto& v = *node_;
  if (v.kind == PickledValue::Kind::dict) return static_cast<Index>(v.items.size() / 2);
  if (v.kind != PickledValue::Kind::list) fail(text("is ", name_of(v.kind), ", not a list or dict"));
  return static_cast<Index>(v.items.size());
}

bool TorchValue::is_tuple() const {
  return node_->kind == PickledValue::Kind::list && node_->integer == 1;
}

TorchValue TorchValue::operator[](Index k) const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::list) fail(text("is ", name_of(v.kind), ", not a list"));
  if (k < 0 || k >= size()) fail(text("has ", size(), " entries, entry ", k, " is needed"));
  return child(v.items[k], std::to_string(k));
}

std::optional<TorchValue> TorchValue::find(const std::string& key) const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::dict) fail(text("is ", name_of(v.kind), ", not a dict"));
  // As in Python, the last entry of a key counts.
  for (std::size_t k = v.items.size(); k >= 2; k -= 2)
    if (v.items[k - 2]->kind == PickledValue::Kind::text && v.items[k - 2]->text == key)
      return child(v.items[k - 1], printable(key));
  return {};
}

TorchValue TorchValue::operator[](const std::string& key) const {
  if (auto found = find(key)) return *found;
  child(node_, key).fail("is missing");
}

std::vector<std::pair<TorchValue, TorchValue>> TorchValue::entries() const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::dict) fail(text("is ", name_of(v.kind), ", not a dict"));
  std::vector<std::pair<TorchValue, TorchValue>> out;
  for (std::size_t k = 0; k < v.items.size(); k += 2) {
    const PickledValue& key = *v.items[k];
    const std::string step = key.kind == PickledValue::Kind::integer ? std::to_string(key.integer) : key.text;
    out.emplace_back(child(&key, "key " + printable(step)), child(v.items[k + 1], printable(step)));
  }
  return out;
}

Shape TorchValue::shape() const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::tensor) fail(text("is ", name_of(v.kind), ", not an array"));
  return v.tensor->shape;
}

Array TorchValue::array() const {
  const auto& v = *node_;
  if (v.kind != PickledValue::Kind::tensor) fail(text("is ", name_of(v.kind), ", not an array"));
  const PickledTensor& t = *v.tensor;
  const std::size_t width = pickled_element_size(t.type);
  if (width == 0) fail("is an array of type " + printable(t.type) + ", which is not read");
  if (t.shape.size() != t.stride.size() || t.shape.size() > 32)
    fail(text("has shape ", t.shape, " and strides ", t.stride, ": damaged"));
  std::int64_t count = 1, last = t.offset;
  bool overflow = t.offset < 0;
  for (std::size_t k = 0; k < t.shape.size(); ++k) {
    std::int64_t reach = 0;
    overflow = overflow || t.shape[k] < 0 || t.stride[k] < 0 ||
               __builtin_mul_overflow(count, t.shape[k], &count) ||
               __builtin_mul_overflow(t.shape[k] - 1, t.stride[k], &reach) ||
               __builtin_add_overflow(last, std::max<std::int64_t>(0, reach), &last);
  }
  std::int64_t bytes = 0;
  overflow = overflow || __builtin_mul_overflow(t.storage_size, static_cast<std::int64_t>(width), &bytes);
  if (overflow || (count > 0 && last >= t.storage_size))
    fail(text("has shape ", t.shape, ", strides ", t.stride, " and offset ", t.offset,
              ", which leave its storage of ", t.storage_size, " elements: damaged"));
  if (count > std::max(t.storage_size, most_repeated))
    fail(text("has shape ", t.shape, " over a storage of ", t.storage_size, " elements: too many repeats"));
  if (count == 0) return elements(t, nullptr, 0);
  const char* from =
      t.inside ? t.bytes.data() : state_->storage(t.storage, static_cast<std::uint64_t>(bytes));
  Array out = elements(t, from, count);
  finish(t, out);
  return out;
}

TorchFile::TorchFile(const std::string& path, const std::vector<std::string>& names)
    : path_(path), root_([&] {
        auto state = std::make_shared<TorchValue::State>(path, names);
        const PickledValue* root = state->pickle->root();
        return TorchValue(std::move(state), root, "");
      }()) {}

bool TorchFile::recognises(const std::string& path) {
  const std::string start = first_bytes(path, 32);
  if (is_legacy(start)) return true;
  if (!is_zip(start)) return false;
  try {
    return !root_of(Archive(path)).empty();
  } catch (const FormatError&) {
    return true;  // cut off or damaged, which opening it says
  }
}

}  // namespace cartan::data
