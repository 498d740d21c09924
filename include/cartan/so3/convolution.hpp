#pragma once
/// Tensor products along the edges of a graph, summed at the receivers:
///
///   out[i] = sum over edges e with receiver(e) = i of  TP(x[sender(e)], y[e]; w[e])
///
/// in one pass, without an array of the size of edges times features. The sums run over the edges of a node
/// in the order in which they are listed: the same bits for any number of threads.

#include <cstdint>
#include <vector>

#include <cartan/autodiff/edge_list.hpp>
#include <cartan/so3/spherical_harmonics.hpp>
#include <cartan/so3/tensor_product.hpp>

namespace cartan::so3 {

struct ConvolutionOptions {
  /// The second operand are harmonics of the edges' vectors, and the vectors are given in their place:
  /// engines may then use them. in2 must have each degree at most once, with one channel; parities are not
  /// looked at.
  bool vectors = false;
  HarmonicsOptions harmonics;  ///< of which kind
  PlanOptions plan;            ///< `batch` edges
};

/// Immutable and cheap to copy; may be called from any thread.
class Convolution {
 public:
  explicit Convolution(TensorProduct product, ConvolutionOptions options = {});

  /// @param x (sender nodes, in1.dim())   @param y (edges, in2.dim()), or the vectors (edges, 3),
  /// which must be finite
  /// @param weights (weight_numel()), shared, or (edges, weight_numel()); may be left out where no path has
  /// any
  /// @return (receiver nodes, out.dim()); differentiable to any order in x, y and weights
  Array operator()(const EdgeList& edges, const Array& x, const Array& y, const Array& weights = {}) const;

  const TensorProduct& product() const noexcept { return product_; }
  const ConvolutionOptions& options() const noexcept { return options_; }
  const Plan& plan() const noexcept { return plan_; }

 private:
  Array harmonics(const EdgeList& edges, const Array& vectors) const;

  TensorProduct product_;
  ConvolutionOptions options_;
  Plan plan_;
};

}  // namespace cartan::so3
