#pragma once
/// Weights of spectral convolutions: a tensor (in, out, k1 .. kd) of complex numbers for each layer, dense or
/// in a low-rank format.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cartan/core/plan.hpp>
#include <cartan/nn/layers.hpp>

namespace cartan::operators {

/// How the tensor is stored and contracted.
struct WeightOptions {
  std::string factorization = "dense";    ///< dense, tucker, cp, tt, joint_tucker (all layers together)
  double rank = 1;                        ///< part of the dense tensor's numbers that a format may have
  std::vector<Index> ranks;               ///< or the ranks themselves
  bool fixed_rank_modes = false;          ///< Tucker: the first mode keeps its size
  bool separable = false;                 ///< one weight a channel and mode: nothing is mixed
  std::string contraction = "automatic";  ///< automatic, factorized, reconstructed
};
void describe(config::Fields& f, WeightOptions& o);

/// @name Ranks for a part `rho` of the dense tensor's numbers, as tensorly chooses them
///@{
/// round(n_k x), at least 1, with prod(n) x^d + sum(n_k^2) x = rho prod(n). fix_first: the first rank is n_0,
/// and the power is d - 1.
std::vector<Index> tucker_ranks(const Shape& shape, double rho, bool fix_first = false);
Index canonical_rank(const Shape& shape, double rho);  ///< round(rho prod(n) / sum(n)), at least 1
/// r_0 = r_d = 1 included.
std::vector<Index> tensor_train_ranks(const Shape& shape, double rho);
///@}

/// The weights of one layer as they are applied: Y = out (core (in X)), mode by mode.
struct SpectralForm {
  Array in;               ///< (r, channels), or empty: none
  Array core;             ///< (r, s, K), or of diagonal forms (r, K)
  Array out;              ///< (channels, s), or empty: none
  bool diagonal = false;  ///< each of the r channels by itself
  /// In training: the core has its modes but for one axis, which this matrix (n, r) makes of the axis there
  /// is. It is multiplied where the core is used, and again for the gradient: the whole core is not kept.
  Array last;
  int axis = 0;  ///< of the core (r, s, k1 ..)
};
/// Y (samples, out, K) of X (samples, in, K).
Array apply_form(const SpectralForm& form, const Array& modes);

/// Which indices of a weight along each mode axis are used: [first, first + count).
struct ModeRange {
  Index first, count;
};

/// What the layers of one pass share: the core of joint weights with its modes expanded, for each part of the
/// modes that was asked for. A new one for every pass; gradients go through it.
struct SharedCores {
  struct Core {
    std::vector<ModeRange> part;
    bool recorded;  ///< while it was made; one that was not is not used where derivatives are recorded
    Array core;
  };
  std::vector<Core> cores;
};

/// The parameters of all layers, and what is applied of them.
class SpectralWeights {
 public:
  SpectralWeights();
  SpectralWeights(const SpectralWeights& other);
  SpectralWeights& operator=(const SpectralWeights& other);
  /// @param modes   k1 .. kd of the stored tensor
  /// @param dtype   complex64 or complex128
  SpectralWeights(const WeightOptions& options, Index in, Index out, const Shape& modes, Index layers,
                  DType dtype, nn::Init& init);

  /// The forms of all layers for the given part of the modes, planned for `samples`; recorded where
  /// parameters are tracked. Otherwise they are kept until the parameters change.
  /// @param layer   the one that is needed, the others may be left empty; -1: all
  /// @param shared  of this pass: what its layers have in common is made by the first of them; null: by each
  std::vector<SpectralForm> forms(const std::vector<ModeRange>& part, Index samples, Index layer = -1,
                                  SharedCores* shared = nullptr) const;
  /// The costs of contracting the factors, and of rebuilding the tensor first. `cached`: rebuilt before.
  Plan plan(const Shape& modes, Index samples, bool cached) const;

  /// Parameters of layer i are PREFIX(i) + ".weight..." as neuraloperator names them, of joint ones
  /// "JOINT...".
  void collect(const std::string& prefix, nn::ParameterRefs& out);
  const WeightOptions& options() const { return options_; }
  Index layers() const { return layers_; }
  const Shape& modes() const { return modes_; }
  /// The dense tensor (in, out, k1 .. kd) of a layer ((channels, k1 .. kd) of separable weights); recorded.
  Array dense(Index layer) const;
  /// Sets the weights of modes outside of `part` to zero, in whatever format.
  void clear_outside(const std::vector<ModeRange>& part);

 private:
  SpectralForm built(const Array& shared, Index layer, const std::vector<ModeRange>& part, bool whole,
                     bool recorded) const;
  bool joint() const { return options_.factorization == "joint_tucker"; }
  Arrays mode_factors(Index layer, const std::vector<ModeRange>& part) const;
  /// Products a number of the channels' ranks that a pass through all layers takes to expand joint weights:
  /// of the core of all layers first, or of that of each layer.
  struct JointCost {
    double together, apart;
  };
  JointCost joint_cost(const Shape& kept) const;

  WeightOptions options_;
  Index in_ = 0, out_ = 0, layers_ = 0;
  Shape modes_;
  struct Layer {
    Array core;  // dense tensor, Tucker core, CP weights
    Arrays factors;
  };
  std::vector<Layer> parts_;  // one for all layers of joint formats
  struct Cache;
  std::shared_ptr<Cache> cache_;  // never shared by copies
};

}  // namespace cartan::operators
