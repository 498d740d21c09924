#pragma once
/// Memory of arrays. What arrays free is kept for the next ones, because fresh memory from the operating
/// system costs more than the arithmetic of an eager op.

#include <cstddef>

#include <cartan/core/device.hpp>

namespace cartan {

struct MemoryUse {
  std::size_t in_use;  ///< bytes of living arrays, rounded up to what was taken for them
  std::size_t kept;    ///< bytes kept for reuse
  std::size_t fresh;   ///< blocks taken from the system or the driver since the program began: a loop that is
                       ///< warm takes none
};

/// `in_use + kept` never exceeds the largest `in_use` of late (64 MiB at least) by more than once as much or
/// 1 GiB, whichever is less. A peak is forgotten after 32 to 64 times what may be held has been handed out
/// without it.
MemoryUse memory_use(Device device = {});

/// Bytes that this process may use: the memory of the machine, or less where its control group or a limit of
/// the process (ulimit -v, -d) says so. Work whose needs can be told in advance is refused when it needs
/// more.
std::size_t machine_memory();

/// Gives all that is kept back to the operating system or the device's driver. For a program that pauses its
/// use of the library.
void release_memory(Device device = {});

}  // namespace cartan
