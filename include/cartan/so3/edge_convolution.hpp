#pragma once
/// Convolutions with the spherical harmonics of the edges,
///
///   out[i] = sum over edges e with receiver(e) = i of  TP(x[sender(e)], Y(r_e / |r_e|); w[e]),
///
/// through coupling coefficients or in the frame of the edge, where of the harmonics Y_l0 alone is left:
///
///   W_m[out, in] = sum over paths (in, lf, out) of  c w  C^{l' +-m}_{l m, lf 0}  Y_lf0,
///
/// the cosine part for even l + lf + l', the sine part for odd. With all lf and all m the map is invertible,
/// so weights of the one form are those of the other, exactly.

#include <cartan/so3/so2_convolution.hpp>
#include <cartan/so3/spherical_harmonics.hpp>

namespace cartan::so3 {

/// The SO(2) convolution that equals a tensor product with harmonics, and its weights.
class SO2Weights {
 public:
  /// @param product  in2 has one channel of each degree, of parities (-1)^l (polar) or all even (axial);
  /// every
  ///                 path has weights, all in mode uvw (the convolution joins all channels) or all in uvu (it
  ///                 is channelwise); no two paths agree in (in1, in2, out). std::invalid_argument otherwise
  /// @param mmax     largest order kept; -1: all, which is needed for equal numbers and for the way back
  explicit SO2Weights(const TensorProduct& product, Normalization normalization = Normalization::component,
                      int mmax = -1);
  /// Why the product has no such convolution; empty where it has.
  static std::string why_not(const TensorProduct& product);

  const SO2Convolution& convolution() const { return convolution_; }
  /// (..., product.weight_numel()) to (..., convolution().weight_size()). Linear and differentiable.
  Array from_tensor_product(const Array& weights) const;
  /// The way back. Where paths are missing in the product, that of the nearest map (in the mean square over
  /// inputs and directions) that it has. Linear and differentiable.
  Array to_tensor_product(const Array& weights) const;
  /// Additions and multiplications of from_tensor_product.
  double flops() const;

 private:
  /// out[to + i columns + j] += value in[from + (transposed ? j rows + i : i columns + j)].
  struct Entry {
    Index to, from, rows, columns;
    bool transposed;
    double value;
  };
  class Map;
  SO2Convolution convolution_;
  Index product_size_ = 0;
  std::shared_ptr<const std::vector<Entry>> there_, back_;
};

class EdgeConvolution {
 public:
  /// @param product  in2 has one channel of each of its irreps, of parity (-1)^l or even
  explicit EdgeConvolution(TensorProduct product, Normalization normalization = Normalization::component,
                           const PlanOptions& plan = {});

  /// @param x        (sender nodes, in1.dim())
  /// @param vectors  (edges, 3), their lengths do not enter; none may be zero or not finite
  /// @param weights  (weight_numel()), shared, or (edges, weight_numel()). Weights of every edge in mode uvw
  /// are
  ///                 for the engine cg alone
  /// @return (receiver nodes, out.dim()); differentiable to any order
  Array operator()(const EdgeList& edges, const Array& x, const Array& vectors, const Array& weights) const;

  const TensorProduct& product() const noexcept { return convolution_.product(); }
  /// For plan.batch edges, twenty a node.
  const Plan& plan() const noexcept { return plan_; }

 private:
  Array run(bool in_frames, const EdgeList& edges, const Array& x, const Array& vectors,
            const Array& weights) const;

  Convolution convolution_;
  HarmonicsOptions harmonics_;
  std::vector<Index> columns_;  // of the harmonics, in in2's order
  std::shared_ptr<const SO2Weights> so2_;
  Plan plan_;
};

}  // namespace cartan::so3
