#pragma once
/// Trained operators made smaller: spectral weights truncated by a higher-order singular value decomposition.

#include <string>
#include <vector>

#include <cartan/operators/model.hpp>

namespace cartan::operators {

struct CompressOptions {
  /// Largest relative error of each layer's weights (Frobenius norm).
  double tolerance = 0;
  /// Or the part of the numbers of the dense weights that may be left: the least error for this size is
  /// sought.
  double size = 0;
};
void describe(config::Fields& f, CompressOptions& o);

struct CompressedLayer {
  std::vector<Index> ranks;
  double weight_error = 0;      ///< relative, of the weights
  Index before = 0, after = 0;  ///< complex numbers
};

struct CompressedModel {
  Model model;  ///< an FNO with Tucker weights, the ranks of all layers the largest that one needs
  std::vector<CompressedLayer> layers;
  Index parameters_before = 0, parameters_after = 0;  ///< of the whole model
  /// Relative L2 change of the output on `probe` in first order: ||J dR|| / ||y|| with the change dR of all
  /// weights.
  double predicted = 0;
  double measured = 0;  ///< relative L2 change of the output on `probe`
};

/// Truncates the weights R of an fno or tfno (dense, CP, TT, Tucker, joint; not separable ones): factors U_k
/// of the leading eigenvectors of R_(k) R_(k)^H, core R x_k U_k^H. The squared error is at most the sum of
/// the squares that each mode leaves out (De Lathauwer et al., SIAM J. Matrix Anal. 21, 2000); the reported
/// one is exact. One option must be given.
/// @param probe  fields to measure the loss with; may be empty
CompressedModel compress(const Model& model, const CompressOptions& options, const Array& probe = {});

}  // namespace cartan::operators
