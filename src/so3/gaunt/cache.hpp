#pragma once
// Tables made on demand and kept for the life of the program; for any thread.

#include <map>
#include <memory>
#include <mutex>

namespace cartan::so3 {

template <class Key, class Value>
class SharedCache {
 public:
  // `make` returns a shared pointer; it runs outside of the lock.
  template <class Make>
  std::shared_ptr<const Value> get(const Key& key, Make&& make) {
    {
      std::lock_guard lock(mutex_);
      if (auto it = made_.find(key); it != made_.end()) return it->second;
    }
    std::shared_ptr<const Value> value = make();
    std::lock_guard lock(mutex_);
    return made_.try_emplace(key, std::move(value)).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const Value>> made_;
};

}  // namespace cartan::so3
