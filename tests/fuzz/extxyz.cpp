// Extended XYZ: what is read can be written, and reads back as it was written.

#include "cartan/data/readers.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile input("a.xyz"), output("b.xyz");
  const std::string& path = input.write(data, size);
  return fuzz::reads([&] {
    const auto frames = data::read_extxyz(path);
    const std::string& again = output.write(data, 0);
    try {
      data::write_extxyz(again, frames);
    } catch (const std::invalid_argument&) {
      return;  // a frame that the writer refuses
    }
    fuzz::claim(data::read_extxyz(again).size() == frames.size(), "the frames written read back");
  });
}
