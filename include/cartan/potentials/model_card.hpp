#pragma once
/// What a model file says of itself.

#include <string>
#include <utility>
#include <vector>

#include <cartan/potentials/training.hpp>

namespace cartan::potentials {

/// Lines of a card, name and value: network, number and type of parameters, cutoff, elements, units, and what
/// model.card holds: origin, licence, training set, errors.
std::vector<std::pair<std::string, std::string>> model_card(const Model& model);

/// XXH3 (64 bits, hexadecimal) of the numbers, positions, cells and labels of frames: the same for files of
/// any kind that hold the same frames.
std::string digest(const std::vector<Frame>& frames);

/// Writes into model.card what a training run knows: sets with their digests, and the errors at its end.
void describe_training(Model& model, const FrameSet& train, const FrameSet& validation, const Errors& errors);

}  // namespace cartan::potentials
