// HDF5: whole, in parts, as frames.

#include "cartan/data/hdf5.hpp"
#include "cartan/data/readers.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile input("a.h5");
  const std::string& path = input.write(data, size);
  fuzz::reads([&] { data::load(path); });
  fuzz::reads([&] { data::Hdf5File(path).verify(); });
  return fuzz::reads([&] {
    const data::FrameFile file(path);
    if (file.size() > 0) file.read(file.size() / 2);
  });
}
