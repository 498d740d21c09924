#pragma once
/// Muon: steps of matrices are orthogonal matrices, whatever the spectrum of the gradient.

#include <cartan/nn/optimizer.hpp>

namespace cartan::nn {

struct MuonOptions {
  static constexpr const char* kind = "muon";
  double momentum = 0.95;
  bool nesterov = true;
  double size = 0.2;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
};
void describe(config::Fields& f, MuonOptions& options);

/// Jordan et al., kellerjordan.github.io/posts/muon (2024); the size of steps of Liu et al.,
/// arXiv:2502.16982. With gradient g (rows, columns), learning rate l, momentum b, for the matrices of a real
/// parameter (NamedParameter::maps), unless all are single rows or columns:
///   p *= 1 - l weight_decay
///   m = b m + (1-b) g,  d = m,  with nesterov b m + (1-b) g
///   p -= l size sqrt(max(rows, columns)) O(d),
/// where O(U S V^T) = U S' V^T with singular values S' of 0.5 to 1.3 unless S is tiny, by five steps of
///   X <- a X + b (X X^T) X + c (X X^T)^2 X,  (a, b, c) = (3.4445, -4.7750, 2.0315),  from d/|d|:
/// the root mean square of a step is about l size, as that of AdamW is with size 0.2. All other parameters
/// take AdamW's step (without amsgrad), with the same learning rate. State is in the parameter's type; no
/// CUDA. Networks with weights of variance 1 (mace, nequip) take learning rates of 0.01 to 0.05.
class Muon final : public Optimizer {
 public:
  Muon(const ParameterRefs& parameters, const MuonOptions& options = {}, const ParameterGroups& groups = {});
  std::unique_ptr<Optimizer> clone() const override { return std::make_unique<Muon>(*this); }

 private:
  void update(const Step& step) override;
  void update_matrices(const Step& step);
  void update_others(const Step& step);
  MuonOptions options_;
  std::vector<std::vector<Matrix>> maps_;  // of each parameter; empty: AdamW
};

std::unique_ptr<Optimizer> make_optimizer(const MuonOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups);

}  // namespace cartan::nn
