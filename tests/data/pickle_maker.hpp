#pragma once
// Files of torch.save made by hand.

#include "data/zip_maker.hpp"

namespace cartan::testing {

// Pieces of pickles.
inline std::string word(const std::string& s) {
  return std::string("X") + number(s.size(), 4) + s;
}
inline std::string small(int n) {
  return std::string("K") + static_cast<char>(n);
}
inline std::string tuple(const std::string& items) {
  return "(" + items + "t";
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string storage(const std::string& type, const std::string& key, int elements) {
  return tuple(word("storage") + global("torch", type) + word(key) + word("cpu") + small(elements)) + "Q";
}
inline std::string tensor(const std::string& from, int offset, const std::string& shape,
                          const std::string& stride, const std::string& more = "") {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(from + small(offset) + shape + stride + "\x89" + global("collections", "OrderedDict") + ")R" +
               more) +
         "R";
}
inline std::string pickle(const std::string& body) {
  return "\x80\x02" + body + ".";
}
inline std::string archive(const std::string& body, const std::vector<Entry>& more = {}) {
  std::vector<Entry> entries{stored("any/data.pkl", pickle(body))};
  entries.insert(entries.end(), more.begin(), more.end());
  return zip(entries);
}
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace cartan::testing
