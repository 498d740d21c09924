#include "core/workspace.hpp"

#include <vector>

namespace cartan {
namespace {

constexpr std::size_t largest_kept = std::size_t{4} << 20;  // larger ones go back to the pool at once
constexpr std::size_t most_kept = std::size_t{32} << 20;    // bytes of one thread

thread_local bool gone = false;  // no destructor: may be read after the reserve of a thread that ends

struct Reserve {
  std::vector<std::unique_ptr<Buffer>> free[256];  // by size class
  std::size_t kept = 0;
  ~Reserve() { gone = true; }
};

Reserve& reserve() {
  thread_local Reserve instance;
  return instance;
}

}  // namespace

std::unique_ptr<Buffer> take_scratch(std::size_t bytes) {
  const std::size_t size_class = Buffer::class_of(bytes);
  if (!gone) {
    auto& free = reserve().free[size_class];
    if (!free.empty()) {
      auto buffer = std::move(free.back());
      free.pop_back();
      reserve().kept -= Buffer::bytes_of(size_class);
      return buffer;
    }
  }
  return std::make_unique<Buffer>(bytes, Device::cpu);
}

void give_scratch(std::unique_ptr<Buffer> buffer) noexcept {
  if (!buffer || gone) return;
  const std::size_t bytes = Buffer::bytes_of(buffer->size_class);
  Reserve& r = reserve();
  if (bytes > largest_kept || r.kept + bytes > most_kept) return;
  auto& free = r.free[buffer->size_class];
  try {
    free.push_back(std::move(buffer));
    r.kept += bytes;
  } catch (...) {  // no memory to note it: the pool takes it
  }
}

void release_scratch() noexcept {
  if (gone) return;
  for (auto& free : reserve().free) free.clear();
  reserve().kept = 0;
}

}  // namespace cartan
