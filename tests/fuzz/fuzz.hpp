#pragma once
// What the fuzz targets share. A target reads its input as a file of its kind; an exception that the reader
// promises is the right outcome of bad bytes, anything else ends the process.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "cartan/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace cartan::fuzz {

/// A file of this process alone, in memory where the system has such a place; removed at the end.
class InputFile {
 public:
  explicit InputFile(const std::string& name)
      : path_(
            (::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path().string()) +
            "/cartan-fuzz-" + std::to_string(::getpid()) + "-" + name) {}
  ~InputFile() { ::unlink(path_.c_str()); }
  const std::string& write(const std::uint8_t* data, std::size_t size) const {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    return path_;
  }

 private:
  std::string path_;
};

/// Runs the reader; ends the process when a claim of the caller does not hold.
template <class Body>
int reads(const Body& body) {
  try {
    body();
  } catch (const FormatError&) {
  } catch (const IoError&) {
  }
  return 0;
}

inline void claim(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: not so: %s\n", what);
  std::abort();
}

}  // namespace cartan::fuzz
