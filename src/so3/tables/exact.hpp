#pragma once
// What the exact tables share: numbers, and a map filled on demand.

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <map>
#include <mutex>

namespace cartan::so3 {

using Integer = boost::multiprecision::cpp_int;
using Quad = boost::multiprecision::cpp_bin_float_quad;

template <class T>
T factorial(int n) {
  T f = 1;
  for (int k = 2; k <= n; ++k) f *= k;
  return f;
}

// Row n of Pascal's triangle.
template <class Int>
std::vector<Int> binomials(int n) {
  std::vector<Int> row(static_cast<std::size_t>(n) + 1);
  Int c = 1;
  for (int k = 0; k <= n; ++k) {
    row[static_cast<std::size_t>(k)] = c;
    c = c * (n - k) / (k + 1);
  }
  return row;
}

// sign(s) sqrt(|s|), rounded once.
inline double signed_root(const Quad& square) {
  return square < 0 ? -static_cast<double>(Quad(sqrt(Quad(-square))))
                    : static_cast<double>(Quad(sqrt(square)));
}

// A map from degrees to a table, filled on demand; references stay valid.
template <class Key, class Value>
class Cache {
 public:
  template <class Make>
  const Value& get(const Key& key, Make&& make) {
    {
      std::lock_guard lock(mutex_);
      if (auto it = tables_.find(key); it != tables_.end()) return it->second;
    }
    Value made = make();
    std::lock_guard lock(mutex_);
    return tables_.try_emplace(key, std::move(made)).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<Key, Value> tables_;
};

}  // namespace cartan::so3
