#include <cartan/core/error.hpp>
#include <cartan/potentials/neighbor_list.hpp>

#include <cmath>

#include "potentials/pairs.hpp"

namespace cartan::potentials {

VerletList::VerletList(double cutoff, double skin) : cutoff_(cutoff), skin_(skin) {
  require(std::isfinite(cutoff) && cutoff > 0, "[VerletList] the cutoff is ", cutoff,
          " Angstrom; give a positive number");
  require(std::isfinite(skin) && skin >= 0, "[VerletList] the skin is ", skin,
          " Angstrom; give zero or more");
}

bool VerletList::stale(const System& frame) const {
  if (!valid_ || frame.positions.size() != static_cast<Index>(positions_.size()) || frame.cell != cell_ ||
      frame.pbc != pbc_)
    return true;
  for (std::size_t c = 0; c < positions_.size(); c += 3) {
    const double x = frame.positions[c] - positions_[c], y = frame.positions[c + 1] - positions_[c + 1],
                 z = frame.positions[c + 2] - positions_[c + 2];
    if (!(x * x + y * y + z * z <= 0.2499999 * skin_ * skin_)) return true;
  }
  return false;
}

const NeighborList& VerletList::update(const System& frame) {
  check_pair_input(frame, cutoff_);
  if (stale(frame)) {
    valid_ = false;  // a search that throws leaves no list behind
    wide_ = neighbor_list(frame, cutoff_ + skin_);
    positions_.assign(frame.positions.begin(), frame.positions.end());
    cell_ = frame.cell;
    pbc_ = frame.pbc;
    valid_ = true;
    ++rebuilds_;
  }
  list_.cutoff = cutoff_;
  list_.atoms = frame.size();
  list_.i.clear(), list_.j.clear(), list_.shift.clear(), list_.vectors.clear();
  const double exact = cutoff_ * cutoff_;
  Overlap overlap;
  for (std::size_t p = 0; p < wide_.i.size(); ++p) {
    const std::int32_t i = wide_.i[p], j = wide_.j[p], *s = &wide_.shift[3 * p];
    const Vec3 r = pair_vector(&frame.positions[3 * static_cast<std::size_t>(i)],
                               &frame.positions[3 * static_cast<std::size_t>(j)], s, frame.cell.data());
    const double square = squared_norm(r);
    if (!(square < exact)) continue;
    if (square < overlap_distance * overlap_distance) overlap.merge({i, j, std::sqrt(square)});
    list_.i.push_back(i);
    list_.j.push_back(j);
    list_.shift.insert(list_.shift.end(), s, s + 3);
    list_.vectors.insert(list_.vectors.end(), r.begin(), r.end());
  }
  overlap.check("VerletList");
  return list_;
}

}  // namespace cartan::potentials
