#pragma once
/// What the neighbour lists share.

#include <cartan/core/error.hpp>
#include <cartan/potentials/neighbor_list.hpp>

#include <cmath>
#include <limits>
#include <tuple>

#include "potentials/lattice.hpp"

namespace cartan::potentials {

/// x_i - x_j - shift·cell; written with fma so that every caller gets the same bits.
inline Vec3 pair_vector(const double* xi, const double* xj, const std::int32_t* s, const double* cell) {
  Vec3 r;
  for (std::size_t c = 0; c < 3; ++c)
    r[c] =
        std::fma(-double(s[0]), cell[c],
                 std::fma(-double(s[1]), cell[3 + c], std::fma(-double(s[2]), cell[6 + c], xi[c] - xj[c])));
  return r;
}

inline double squared_norm(const Vec3& r) {
  return std::fma(r[0], r[0], std::fma(r[1], r[1], r[2] * r[2]));
}

/// The first overlapping pair in the order of the list, the same for any number of threads.
struct Overlap {
  std::int32_t i = std::numeric_limits<std::int32_t>::max(), j = 0;
  double distance = 0;
  void merge(const Overlap& o) {
    if (std::tie(o.i, o.j, o.distance) < std::tie(i, j, distance)) *this = o;
  }
  void check(const char* op) const {
    require(i == std::numeric_limits<std::int32_t>::max(), "[", op, "] atoms ", i, " and ", j, " are ",
            distance, " Angstrom apart, closer than ", overlap_distance,
            "; check the positions, the cell and whether an atom is listed twice");
  }
};

/// Throws std::invalid_argument unless positions and cutoff are fit for a search.
void check_pair_input(const System& frame, double cutoff);

}  // namespace cartan::potentials
