#pragma once
/// Tensor products of features, decomposed into irreps, with e3nn's modes, normalisation and order of the
/// weights: weights trained there give the same numbers here. From each path (i1, i2, o) comes
///
///   out_o[w, k] += c  sum over u, v, i, j of  W[u, v, w] C[i, j, k] x1_i1[u, i] x2_i2[v, j]
///
/// with the real 3j tensor C (tables.hpp), a constant c, and weights W that depend on the mode:
///
///   uvw   W[u, v, w]                 every channel with every channel
///   uvu   W[u, v], output channel u      uvv   W[u, v], output channel v
///   uuw   W[u, w], v = u                 uuu   W[u], v = w = u
///   uvuv  W[u, v], output channel (u, v)
///
/// Without weight, W is 1 (in mode uuw for one output channel).

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <cartan/core/plan.hpp>
#include <cartan/so3/irreps.hpp>
#include <cartan/so3/normalization.hpp>

namespace cartan::so3 {

enum class Mode { uvw, uvu, uvv, uuw, uuu, uvuv };
const char* name_of(Mode mode);
/// "uvu", ...; throws std::invalid_argument for others.
Mode mode_from_name(const std::string& name);

/// One path: terms in1 and in2 of the inputs into term `out` of the output. The square of the path's
/// constant is multiplied by path_weight >= 0.
struct Instruction {
  std::size_t in1 = 0, in2 = 0, out = 0;
  Mode mode = Mode::uvw;
  bool has_weight = true;
  double path_weight = 1;
};

/// Which inputs are taken to have variance one: components, or norms of irreps; or none: c is not changed.
enum class IrrepNormalization { component, norm, none };

/// c^2 = path_weight out_variance a / b with
///   a = 2 l3 + 1 (component), (2 l1 + 1)(2 l2 + 1) (norm), 1 (none),
///   b = sum of v n over the paths into the same output (element), v n times the number of those paths
///   (path),
///       1 (none),
/// where v is the product of the variances of the two inputs and n the number of products that make one
/// output: mul1 mul2 (uvw), mul2 (uvu), mul1 (uvv, uuw), 1 (uuu, uvuv).
struct TensorProductOptions {
  IrrepNormalization irrep_normalization = IrrepNormalization::component;
  PathNormalization path_normalization = PathNormalization::element;
  std::vector<double> in1_variance, in2_variance, out_variance;  ///< one a term; empty: ones
  PlanOptions plan;
};

/// An instruction with what follows from it.
struct Path {
  Instruction instruction;
  double coefficient = 1;               ///< c
  std::vector<Index> shape;             ///< of its weights, as the letters of the mode; {mul1, mul2} for uvu
  Index weight_offset = 0;              ///< of its weights in the last axis of the weights
  Index weight_count() const noexcept;  ///< 0 without weight
};

class TensorForm;  // the compiled sum, src/so3/tensor/form.hpp

/// Immutable and cheap to copy; may be called from any thread.
class TensorProduct {
 public:
  TensorProduct(Irreps in1, Irreps in2, Irreps out, const std::vector<Instruction>& instructions,
                TensorProductOptions options = {});

  /// @name Common sets of paths
  ///@{
  /// Every allowed path in mode uvw.
  static TensorProduct fully_connected(Irreps in1, Irreps in2, Irreps out, TensorProductOptions options = {});
  /// All products, without weights (uvuv); the output is sorted as e3nn's FullTensorProduct. Neighbours of
  /// the same irrep, l > 0, must be merged in in1 and in2 (simplify() and recut()).
  /// @param filter_out  keep these irreps alone; empty: all
  static TensorProduct full(const Irreps& in1, const Irreps& in2, const std::vector<Irrep>& filter_out = {},
                            TensorProductOptions options = {});
  /// Channel u with channel u, without weights (uuu), as e3nn's ElementwiseTensorProduct. Terms with l > 0
  /// must end where those of the other input do (recut()): "4x1o+1x1o" with "4x1e+1x0o".
  static TensorProduct elementwise(const Irreps& in1, const Irreps& in2,
                                   const std::vector<Irrep>& filter_out = {},
                                   TensorProductOptions options = {});
  /// The product of NequIP's and MACE's convolutions: every path into an irrep of `target`, mode uvu, each
  /// with a term of its own in the output, which is sorted. With `instructions_by_output` the paths, and with
  /// them the weights, follow the output (MACE), else the inputs (NequIP).
  static TensorProduct channelwise(const Irreps& in1, const Irreps& in2, const Irreps& target,
                                   bool instructions_by_output = true, TensorProductOptions options = {});
  ///@}

  /// @param x1 (..., in1.dim())   @param x2 (..., in2.dim()), leading axes broadcast
  /// @param weights (weight_numel()), shared, or (..., weight_numel()), one row a sample; may be left out
  ///        where no path has weights
  /// @return (..., out.dim()); differentiable to any order in all three
  Array operator()(const Array& x1, const Array& x2, const Array& weights = {}) const;

  const Irreps& irreps_in1() const noexcept;
  const Irreps& irreps_in2() const noexcept;
  const Irreps& irreps_out() const noexcept;
  const TensorProductOptions& options() const noexcept;
  const std::vector<Path>& paths() const noexcept;
  Index weight_numel() const noexcept;
  /// Cost of one forward pass of options().plan.batch samples, weights one row a sample.
  const Plan& plan() const noexcept;

 private:
  friend class Convolution;
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace cartan::so3
