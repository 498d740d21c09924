// Point charges: the first byte chooses PQR, PDB, PDBQT or XYZ.

#include "cartan/data/point_charges.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::InputFile files[] = {fuzz::InputFile("a.pqr"), fuzz::InputFile("a.pdb"),
                                          fuzz::InputFile("a.pdbqt"), fuzz::InputFile("a.xyz")};
  if (size == 0) return 0;
  const std::string& path = files[data[0] % 4].write(data + 1, size - 1);
  return fuzz::reads([&] {
    const auto charges = data::read_point_charges(path);
    fuzz::claim(charges.positions.size() == 3 * charges.charges.size(), "three coordinates a charge");
  });
}
