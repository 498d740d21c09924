#pragma once
// Memory of the debug device: pages mapped twice, at an address that faults when it is touched, and at
// another, for the copies alone.

#include <cstddef>

namespace cartan::debug_device {

void* allocate(std::size_t bytes);  // nullptr where there is no memory
void release(void* memory, std::size_t bytes) noexcept;
void* alias(const void* memory);  // of an address inside an allocation

}  // namespace cartan::debug_device
