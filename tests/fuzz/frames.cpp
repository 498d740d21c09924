// Frames of any kind, known by content: POSCAR, and files of other programs.

#include "cartan/data/readers.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile plain("frames"), poscar("a.vasp");
  const std::string& path = plain.write(data, size);
  fuzz::reads([&] { data::read_frames(path); });
  return fuzz::reads([&, &named = poscar.write(data, size)] {
    for (const auto& frame : data::read_frames(named))
      fuzz::claim(frame.positions.size() == 3 * frame.numbers.size(), "three coordinates an atom");
  });
}
