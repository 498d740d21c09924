#pragma once
/// Layers on features of irreps: linear maps, gates, activations of norms, invariants, layer norm. They hold
/// no parameters: weights are arguments, flat arrays in e3nn's order, so that weights of e3nn load as they
/// are. Everything is differentiable to any order.

#include <functional>

#include <cartan/autodiff/primitive.hpp>
#include <cartan/so3/irreps.hpp>
#include <cartan/so3/normalization.hpp>

namespace cartan::so3 {

/// @name Invariants. x, y (..., irreps.dim()), s (..., irreps.num_irreps()): one number an irrep and channel.
/// The two ops are the partial derivatives of the form sum x_um s_u y_um.
///@{
Array irrep_dot(const Array& x, const Array& y, const Irreps& irreps);    ///< sum over m of x_um y_um
Array irrep_scale(const Array& x, const Array& s, const Irreps& irreps);  ///< x_um s_u
inline Array squared_norm(const Array& x, const Irreps& irreps) {
  return irrep_dot(x, x, irreps);
}
/// Length of every irrep, with derivative 0 where it is 0; squares neither overflow nor underflow.
Array norm(const Array& x, const Irreps& irreps);
///@}

/// The equivariant linear map: between equal irreps, one matrix (channels in, channels out) for every pair of
/// terms. x (..., irreps_in.dim()) -> (..., irreps_out.dim()); outputs without input are 0.
class Linear {
 public:
  struct Path {
    std::size_t in, out;
    Index offset;  ///< of its matrix (in channels, out channels), row-major, in the weights
    double factor;
  };

  /// @param bias  even scalars among the outputs get a bias
  Linear(Irreps in, Irreps out, bool bias = false,
         PathNormalization normalization = PathNormalization::element);

  Index weight_numel() const { return weight_numel_; }
  Index bias_numel() const { return bias_numel_; }
  const Irreps& irreps_in() const;
  const Irreps& irreps_out() const;
  const std::vector<Path>& paths() const;  ///< in the order of their weights, which is e3nn's

  /// weight (weight_numel()), drawn from N(0, 1) for outputs of variance 1; bias (bias_numel()), empty
  /// where that is 0.
  Array operator()(const Array& x, const Array& weight, const Array& bias = {}) const;

  struct Form;  ///< what the primitives need

 private:
  std::shared_ptr<const Form> form_;
  Index weight_numel_ = 0, bias_numel_ = 0;
  bool bias_;
};

/// A scalar function and a factor.
struct Activation {
  std::function<Array(const Array&)> function;
  double factor = 1;

  Array operator()(const Array& x) const;
};
/// E[f(z)^2]^(-1/2) for normal z: scales f to second moment 1. By Gauss-Legendre rules on unit intervals, to
/// 1e-13 where f is smooth between integers. e3nn's normalize2mom draws 10^6 random numbers for it and is off
/// by up to 2e-3 (silu 1.67918 for 1.67653): to continue a model of e3nn exactly, give the factor that it has
/// (`cst`).
double second_moment_factor(const std::function<Array(const Array&)>& f);
/// f with that factor.
Activation normalized(std::function<Array(const Array&)> f);

/// e3nn's Gate: `scalars` go through their activations, `gates` (scalars too) through theirs and multiply
/// the irreps `gated`, one gate a channel. The input is the sorted sum of the three, the output scalars, then
/// gated. Throws std::invalid_argument where numbers do not match or an odd scalar meets a function without
/// parity.
class Gate {
 public:
  Gate(const Irreps& scalars, std::vector<Activation> scalar_activations, const Irreps& gates,
       std::vector<Activation> gate_activations, const Irreps& gated);

  const Irreps& irreps_in() const { return in_; }
  const Irreps& irreps_out() const { return out_; }
  Array operator()(const Array& x) const;

 private:
  Irreps scalars_, gates_, gated_, in_, out_;
  std::vector<Activation> scalar_activations_, gate_activations_;
  std::vector<Index> take_[3];  // scalars, gates, gated in the input
  std::vector<Index> place_;    // output from [scalars, gated]
};

/// e3nn's NormActivation: every irrep times f(|x|) / |x| (normalize), or times f(|x|). Norms below epsilon
/// count as epsilon where it normalises.
struct NormActivation {
  Irreps irreps;
  std::function<Array(const Array&)> function;
  bool normalize = true;
  double epsilon = 1e-8;

  /// bias (irreps.num_irreps()), added to the norms, or empty.
  Array operator()(const Array& x, const Array& bias = {}) const;
};

/// Layer norm: every term is divided by the root of its mean square over channels and coordinates, even
/// scalars less their mean before; then times weight (num_irreps()), even scalars plus bias (their number).
/// Missing arrays stand for ones and zeros.
struct LayerNorm {
  Irreps irreps;
  double epsilon = 1e-5;

  Array operator()(const Array& x, const Array& weight = {}, const Array& bias = {}) const;
};

}  // namespace cartan::so3
