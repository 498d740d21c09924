#pragma once
// Modes that are added in training.

#include "cartan/operators/fno.hpp"
#include "cartan/operators/training.hpp"

namespace cartan::operators {

// Gives the model the modes it starts with; returns those that it may have in the end, none for rule "none".
// Throws std::invalid_argument where no modes can be added.
std::vector<Index> start_growth(Model& model, const GrowthOptions& options);

// Adds modes if the rule says so; whether it did.
bool grow(Fno& fno, const std::vector<Index>& most, const GrowthOptions& options,
          const std::vector<nn::HistoryRow>& history);

// Sets modes that a checkpoint names; throws FormatError for others than a run can have come to.
void resume_growth(Fno& fno, const std::vector<Index>& most, const GrowthOptions& options,
                   const data::Group& group);

}  // namespace cartan::operators
