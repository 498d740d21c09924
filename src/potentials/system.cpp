#include "cartan/potentials/system.hpp"

namespace cartan::potentials {

System::System(const Frame& frame)
    : owned(frame.size()),
      numbers(frame.numbers),
      positions(frame.positions),
      cell(frame.cell),
      pbc(frame.pbc),
      charge(frame.charge) {}

double System::volume() const {
  Frame frame;
  frame.cell = cell;
  return frame.volume();
}

}  // namespace cartan::potentials
