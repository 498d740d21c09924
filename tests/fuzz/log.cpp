// The log of a file that is written piece by piece: resumed and closed.

#include "cartan/data/hdf5.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile log("t.h5.part"), file("t.h5");
  const std::string path = log.write(data, size);
  return fuzz::reads([&] {
    data::Hdf5Appender(path.substr(0, path.size() - 5), {"cartan-trajectory", 1, "", ""}, true).close();
  });
}
