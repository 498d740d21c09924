#pragma once
// What is done in place to lists of parameters, gradients and averages: on the host in cpu/updates.cpp, on a
// CUDA device in cuda/updates.cu. Real and complex arrays of either precision; a complex element is two
// reals.

#include <cmath>
#include <cstdint>

#include "cartan/autodiff/update.hpp"
#include "cartan/nn/layers.hpp"

namespace cartan::nn {

// written: parameters p, then m, v and, with amsgrad, u; read: gradients g.
class AdamWUpdate : public Update {
 public:
  struct Tensor {
    double rate, keep;  // l/(1 - b1^t); 1 - l weight_decay
  };
  double scale, beta1, beta2, bias1, bias2, eps;  // scale of g; 1 - b1^t, sqrt(1 - b2^t)
  bool amsgrad;
  std::vector<Tensor> tensors;

  // Step t from 1, without tensors. Options: AdamWOptions, or others with beta1, beta2 and eps.
  template <class Options>
  AdamWUpdate(const Options& o, bool with_amsgrad, std::int64_t t, double gradient_scale)
      : scale(gradient_scale),
        beta1(o.beta1),
        beta2(o.beta2),
        bias1(1 - std::pow(o.beta1, static_cast<double>(t))),
        bias2(std::sqrt(1 - std::pow(o.beta2, static_cast<double>(t)))),
        eps(o.eps),
        amsgrad(with_amsgrad) {}

  const char* name() const override { return "AdamW"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
  void run_cuda(const std::vector<Array*>& written, const Arrays& read) const override;
};

// written: parameters p, then m; read: gradients g.
class SgdUpdate : public Update {
 public:
  struct Tensor {
    double rate, keep;  // l; 1 - l weight_decay
  };
  double scale, momentum;  // scale of g
  bool nesterov;
  std::vector<Tensor> tensors;

  const char* name() const override { return "Sgd"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
  void run_cuda(const std::vector<Array*>& written, const Arrays& read) const override;
};

// written: parameters p, then m; read: gradients g. p and g are made of the `maps`; nothing else is written.
class MuonUpdate : public Update {
 public:
  struct Tensor {
    double rate, keep;  // l; 1 - l weight_decay
    std::vector<Matrix> maps;
  };
  double scale, momentum, size;  // scale of g; root mean square of a step for l = 1
  bool nesterov;
  std::vector<Tensor> tensors;

  const char* name() const override { return "Muon"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
};

// written: averages e; read: p. e += weight (p - e)
class AverageUpdate : public Update {
 public:
  explicit AverageUpdate(double weight) : weight_(weight) {}
  const char* name() const override { return "Ema"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
  void run_cuda(const std::vector<Array*>& written, const Arrays& read) const override;

 private:
  double weight_;
};

// written *= factor
class ScaleUpdate : public Update {
 public:
  explicit ScaleUpdate(double factor) : factor_(factor) {}
  const char* name() const override { return "clip"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
  void run_cuda(const std::vector<Array*>& written, const Arrays& read) const override;

 private:
  double factor_;
};

// written: one float64 a chunk of `read` (nn/chunks.hpp), its sum of squares.
class SquaresUpdate : public Update {
 public:
  const char* name() const override { return "global_norm"; }
  void run_cpu(const std::vector<Array*>& written, const Arrays& read) const override;
  void run_cuda(const std::vector<Array*>& written, const Arrays& read) const override;
};

}  // namespace cartan::nn
