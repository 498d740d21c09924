// Single arrays of numpy.

#include "cartan/data/readers.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile input("a.npy");
  const std::string& path = input.write(data, size);
  return fuzz::reads([&] { data::read_npy(path); });
}
