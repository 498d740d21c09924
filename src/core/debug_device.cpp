#include "core/debug_device.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "cartan/core/error.hpp"

namespace cartan::debug_device {
namespace {

std::size_t page_bytes(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

struct Blocks {
  std::mutex mutex;
  std::map<std::uintptr_t, std::size_t> bytes;  // of every block, by its address
};

Blocks& blocks() {
  static auto* b = new Blocks;  // never destroyed, as arrays in static storage
  return *b;
}

}  // namespace

// One file of memory without a name, mapped at [p, p + n) without and at [p + n, p + 2n) with permissions.
void* allocate(std::size_t bytes) {
  const std::size_t n = page_bytes(bytes);
  const int file = memfd_create("cartan-debug-device", 0);
  if (file < 0) return nullptr;
  void* memory = nullptr;
  if (ftruncate(file, static_cast<off_t>(n)) == 0) {
    void* both = mmap(nullptr, 2 * n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (both != MAP_FAILED) {
      char* p = static_cast<char*>(both);
      if (mmap(p, n, PROT_NONE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED &&
          mmap(p + n, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED)
        memory = both;
      else
        munmap(both, 2 * n);
    }
  }
  close(file);
  if (!memory) return nullptr;
  std::lock_guard lock(blocks().mutex);
  blocks().bytes[reinterpret_cast<std::uintptr_t>(memory)] = n;
  return memory;
}

void release(void* memory, std::size_t bytes) noexcept {
  {
    std::lock_guard lock(blocks().mutex);
    blocks().bytes.erase(reinterpret_cast<std::uintptr_t>(memory));
  }
  munmap(memory, 2 * page_bytes(bytes));
}

void* alias(const void* memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  std::lock_guard lock(blocks().mutex);
  auto block = blocks().bytes.upper_bound(address);
  require(block != blocks().bytes.begin(), "[debug device] an address of no array");
  --block;
  require(address - block->first < block->second, "[debug device] an address of no array");
  return reinterpret_cast<void*>(address + block->second);
}

}  // namespace cartan::debug_device
