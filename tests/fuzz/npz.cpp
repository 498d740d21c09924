// Zip archives of arrays, and frames in them.

#include "cartan/data/readers.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile input("a.npz");
  const std::string& path = input.write(data, size);
  fuzz::reads([&] { data::read_npz(path); });
  return fuzz::reads([&] { data::read_frames(path); });
}
