#pragma once
/// Canonical (CP) decompositions of sparse tensors.

#include <cartan/completion/fibres.hpp>
#include <cartan/completion/method.hpp>
#include <cartan/linalg/canonical.hpp>

namespace cartan::completion {

struct AlsOptions {
  Index rank = 10;
  int max_iterations = 50;
  double tolerance = 1e-6;   ///< converged when the relative error falls by no more in a sweep
  bool nonnegative = false;  ///< factors >= 0, by hierarchical least squares (HALS)
  int restarts = 1;          ///< random starts; the one with the least objective is kept
  std::uint64_t seed = 0;
};
void describe(config::Fields& f, AlsOptions& o);

/// x ~ sum_r w_r prod_k A_k[i_k, r] by alternating least squares, what is not listed being **zero**: the
/// decomposition of a sparse tensor (counts, graphs), not its completion. Terms normalized and sorted by
/// weight. objective: ||x - y||^2 after every sweep; it never rises. Bit for bit the same for any number of
/// threads. Throws std::invalid_argument.
Fitted<linalg::Canonical> cp_als(const SparseTensor& x, const AlsOptions& options,
                                 const FitContext& context = {});
Fitted<linalg::Canonical> cp_als(const Fibres& x, const AlsOptions& options, const FitContext& context = {});

}  // namespace cartan::completion
