#pragma once
/// Files of torch.save (.pt, .pth, .ckpt): the zip archives of PyTorch 1.6 and later, and the older stream.
///
/// Their objects are pickled, and a pickle is a program. It is run here by a machine that makes plain values
/// alone (numbers, texts, lists, dicts, tensors, arrays of numpy), calls nothing, and refuses every name that
/// it does not know.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

struct PickledValue;

/// A value in such a file. Functions that ask for what it is not throw FormatError, which says where it is
/// ("config.cutoff"). Cheap to copy; good as long as any copy of its TorchFile's values lives.
class TorchValue {
 public:
  /// Tuples and sets are lists; a name is a class, function or type that is mentioned (torch.float32).
  enum class Kind { none, boolean, integer, real, text, bytes, list, dict, array, name };

  Kind kind() const;
  const std::string& where() const { return where_; }

  bool boolean() const;
  std::int64_t integer() const;
  double number() const;              ///< real or integer
  const std::string& string() const;  ///< of a text or a name
  std::vector<std::int64_t> integers() const;
  std::vector<double> numbers() const;
  std::vector<std::string> strings() const;

  Index size() const;     ///< entries of a list or dict
  bool is_tuple() const;  ///< of a list
  TorchValue operator[](Index k) const;
  /// The entry of a dict, and whether there is one.
  TorchValue operator[](const std::string& key) const;
  std::optional<TorchValue> find(const std::string& key) const;
  bool has(const std::string& key) const { return find(key).has_value(); }
  /// Keys (of any kind) and values, in the order of the file.
  std::vector<std::pair<TorchValue, TorchValue>> entries() const;

  Shape shape() const;  ///< of an array, without reading its elements
  /// The elements, in row-major order whatever the strides in the file: float32 and float64, complex, int32,
  /// int64 and uint8 as they are; halves (IEEE and bfloat16) as float32, the narrower integers and booleans
  /// as int32, uint16 and uint32 as int64. Not from two threads at a time.
  Array array() const;

 private:
  friend class TorchFile;
  struct State;
  TorchValue(std::shared_ptr<State> state, const PickledValue* node, std::string where);
  TorchValue child(const PickledValue* node, const std::string& step) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::shared_ptr<State> state_;
  const PickledValue* node_ = nullptr;  // of the pickle
  std::string where_;
};

class TorchFile {
 public:
  /// @param names  what this kind of file mentions besides the common names, such as "torch._C._nn.gelu"
  /// Throws IoError; FormatError for another kind of file (TorchScript, a bare pickle, ...), a damaged one,
  /// and one that mentions other names.
  explicit TorchFile(const std::string& path, const std::vector<std::string>& names = {});

  const std::string& path() const { return path_; }
  const TorchValue& root() const { return root_; }
  /// Whether a file is one of torch.save, by its first bytes and members.
  static bool recognises(const std::string& path);

 private:
  std::string path_;
  TorchValue root_;
};

}  // namespace cartan::data
