#pragma once
// What importers have in common.

#include <string>
#include <vector>

#include "cartan/potentials/import.hpp"
#include "cartan/so3/layers.hpp"

namespace cartan::potentials {

/// A flat array of numbers as doubles.
using Weights = std::vector<double>;

/// The weights of a linear map of e3nn with one output term an irrep, as those of `to`: for every irrep, in
/// the order of `to`'s inputs, a matrix (channels in, channels out) row by row, divided by the root of
/// `fan_in(rows)`. `maps` such maps are interleaved between rows and columns, (in, maps, out): that of `map`.
/// Throws std::invalid_argument where the sizes do not agree.
struct LinearMap {
  Index maps = 1, map = 0;
  Index extra_rows = 0;  ///< that follow those of 0e, of further scalar inputs: they count for its fan-in
  double factor = 1;     ///< multiplies every weight
};
Weights linear_weights(const so3::Linear& to, const Weights& from, const LinearMap& how);

/// Importers: whether a file is theirs, and what it holds.
bool is_sevennet(const std::string& path);
ImportedModel import_sevennet(const std::string& path, const ImportOptions& options);

}  // namespace cartan::potentials
