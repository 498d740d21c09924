#pragma once
// The pickles of torch.save (protocols 2 to 5): the machine that makes their values and runs no code.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cartan::data {

/// Where the elements of a tensor lie: counted in elements of its storage, or in bytes that the pickle holds.
struct PickledTensor {
  std::string type;  ///< of an element, as numpy writes it: "f4", "c8", "i8", "bf2" (bfloat16), "b1", ...
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape, stride;
  std::string storage;            ///< its key
  std::int64_t storage_size = 0;  ///< elements
  bool inside = false;            ///< the elements are `bytes` (arrays of numpy)
  std::string bytes;
  bool conjugate = false, negative = false;  ///< views that PyTorch has not written out
};

struct PickledValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    bytes,
    list,
    dict,
    tensor,
    name,
    storage,
    numpy_type
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  ///< of a list: 1 where it is a tuple
  double real = 0;
  std::string text;                  ///< of texts, bytes, names and types; of a dict: the class of an object
  std::vector<PickledValue*> items;  ///< of lists; keys and values of dicts in turn
  std::unique_ptr<PickledTensor> tensor;
};

/// The values of one pickle. They belong to it, and have no cycles.
class Pickle {
 public:
  /// Reads one pickle at the beginning of `bytes`.
  /// @param file, object  for messages
  /// @param names  allowed besides the common ones; objects of such classes are dicts of their attributes
  /// Throws FormatError for damage, an operation that these files do not have, and any other name.
  Pickle(const std::string& file, const std::string& object, std::string_view bytes,
         const std::vector<std::string>& names);

  const PickledValue* root() const { return root_; }
  std::size_t size() const { return size_; }  ///< bytes that the pickle took

 private:
  class Machine;
  std::deque<PickledValue> values_;
  const PickledValue* root_ = nullptr;
  std::size_t size_ = 0;
};

/// Bytes of an element of a PickledTensor's type; 0 for a type that is not known.
std::size_t pickled_element_size(const std::string& type);

}  // namespace cartan::data
