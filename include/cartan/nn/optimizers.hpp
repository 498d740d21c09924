#pragma once
/// The kinds of optimisers. This list is all that the training loop, run files, flags and checkpoints know of
/// them: a kind is a struct of options with its name `kind`, describe(config::Fields&, Options&), and
/// make_optimizer(options, parameters, groups).

#include <variant>

#include <cartan/nn/adamw.hpp>
#include <cartan/nn/muon.hpp>
#include <cartan/nn/sgd.hpp>

namespace cartan::nn {

using OptimizerOptions = std::variant<AdamWOptions, SgdOptions, MuonOptions>;

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups = {});

/// The field `optimizer`, which names the kind, and the fields of the kind that is chosen.
void describe(config::Fields& f, OptimizerOptions& options);

}  // namespace cartan::nn
