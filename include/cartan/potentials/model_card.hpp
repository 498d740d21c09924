#pragma once
/// What a model file says of itself.

#include <string>
#include <utility>
#include <vector>

#include <cartan/potentials/training.hpp>

namespace cartan::potentials {

/// Lines of a card, name and value: network and its plan, number and type of parameters, cutoff, elements,
/// units, and what model.card holds: origin, licence, training set, errors.
std::vector<std::pair<std::string, std::string>> model_card(const Model& model);

/// How far the model in float64 is from invariant energies and forces that turn with the frame.
struct SymmetryError {
  double energy = 0;  ///< largest |E(R x) - E(x)| over the sum of the atoms' energies without signs (those of
                      ///< the network, without reference energies)
  double forces =
      0;  ///< largest |F(R x) - R F(x)| over the largest force; of direct forces where it has such
};
/// Over `rotations` random rotations of the frame, its cell included.
SymmetryError symmetry_error(const Model& model, const Frame& frame, int rotations = 8);
/// Writes symmetry_error() of a cluster of twelve atoms of the model's elements into model.card, for networks
/// that have a plan(). (Frames of a training set may have one atom or forces that are zero by symmetry.)
void describe_symmetry(Model& model);

/// XXH3 (64 bits, hexadecimal) of the numbers, positions, cells and labels of frames: the same for files of
/// any kind that hold the same frames.
std::string digest(const std::vector<Frame>& frames);

/// Writes into model.card what a training run knows: sets with their digests, and the errors at its end.
void describe_training(Model& model, const FrameSet& train, const FrameSet& validation, const Errors& errors);

}  // namespace cartan::potentials
