#pragma once
// What importers have in common.

#include <string>
#include <vector>

#include "cartan/data/group.hpp"
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
  double odd = factor;   ///< multiplies those of 0o in its place, which another activation has made
};
Weights linear_weights(const so3::Linear& to, const Weights& from, const LinearMap& how);

/// Importers: whether a file is theirs, and what it holds.
bool is_sevennet(const std::string& path);
ImportedModel import_sevennet(const std::string& path, const ImportOptions& options);

bool is_torchmdnet(const std::string& path);
ImportedModel import_torchmdnet(const std::string& path, const ImportOptions& options);

bool is_mace(const std::string& path);
ImportedModel import_mace(const std::string& path, const ImportOptions& options);
/// Of a group with the attributes and the arrays of such a file.
ImportedModel import_mace(const data::Group& group, const ImportOptions& options);

bool is_fairchem(const std::string& path);
ImportedModel import_fairchem(const std::string& path, const ImportOptions& options);

/// MACE's couplings U (2 L + 1, d, .., d, P) of `nu` factors with irreps `in`, one channel each, d their
/// dimension; without the first axis for L = 0. As e3nn 0.4.4 makes them, signs and linearly dependent
/// columns included.
Array mace_couplings(const so3::Irreps& in, so3::Irrep out, int nu);

/// The sign of a 3j symbol of e3nn 0.4.4 relative to ours, which are those of 0.6.
double e3nn_sign(int a, int b, int c);

/// e3nn's estimates of the factors of silu and tanh, which are in no file (0.4.4 and 0.6 draw the same
/// numbers).
inline constexpr double e3nn_silu = 0x1.adde87bf8e3e3p+0;
inline constexpr double e3nn_tanh = 0x1.97feea4a85186p+0;
inline constexpr double e3nn_abs = 0x1.0048c8ca47b65p+0;  // of |x|, of second moment 1
/// Theirs over ours.
double silu_ratio();
double tanh_ratio();
void set_parameter(const nn::ParameterRefs& parameters, const std::string& name, const Weights& values);

}  // namespace cartan::potentials
