#pragma once
/// Gaunt tensor products (Luo, Chen, Krishnapriyan, ICLR 2024): features as functions on the sphere, their
/// products as products of functions.
///
/// Features are C x (0e + 1o + ... + L) with the channels fastest: x (..., (L + 1)^2 C), row l^2 + l + m,
/// channels fastest; they stand for the functions sum of x_lm Y_lm, harmonics of `component` normalisation. C
/// is read off the last axis. A product keeps channels apart: channel c of x with channel c of y.
///
/// Every operation here is a derivative of one multilinear form of functions, < w1 x . w2 y . w3 z >, the
/// mean over the sphere; so is its vjp. Derivatives of any order are exact, whatever the engine.

#include <vector>

#include <cartan/autodiff/edge_list.hpp>
#include <cartan/autodiff/indices.hpp>
#include <cartan/autodiff/primitive.hpp>
#include <cartan/core/plan.hpp>

namespace cartan::so3 {

/// Weights by degree, w o x: the coefficients of degree l times w[l]. Shapes (l + 1), (R, l + 1),
/// (R, l + 1, C) or (samples, R, l + 1, C), where samples and C may be 1 and R is the number of summed
/// products (the rank); empty: ones. With `kind` the first axis is of kinds of samples (species of atoms),
/// (kinds, R, l + 1, C), and sample s takes the weights of kind[s]: what gather(w, kind) gives, without a
/// copy for every sample.
struct GauntWeights {
  Array first, second, out;
  Indices kind = {};
};

/// Feature interaction: z = sum over r of P( w3[r] o ((w1[r] o x) (w2[r] o y)) ), P the part of degrees
/// <= l3. In coefficients, z_{l3 k} = sum over r, l1, l2 of w3[r, l3] w1[r, l1] w2[r, l2] gaunt(l1, l2, l3)
/// C[i, j, k] x_{l1 i} y_{l2 j}.
class GauntProduct {
 public:
  /// @param options.batch  lanes that the choice of the engine is made for: samples times channels
  /// @param rank           of the weights it will be called with
  GauntProduct(int l1, int l2, int l3, const PlanOptions& options = {}, int rank = 1);

  /// x (..., (l1 + 1)^2 C), y (..., (l2 + 1)^2 C) -> (..., (l3 + 1)^2 C). Differentiable to any order.
  Array operator()(const Array& x, const Array& y, const GauntWeights& weights = {}) const;
  const Plan& plan() const { return plan_; }

 private:
  int l1_, l2_, l3_;
  Plan plan_;
};

/// Many-body products of one feature with itself: z = sum over n = 1 .. nu of w[n - 1] o P(x^n).
class ManyBodyProduct {
 public:
  ManyBodyProduct(int l, int nu, int l_out, const PlanOptions& options = {});

  /// x (..., (l + 1)^2 C), weights (nu, l_out + 1) or (nu, l_out + 1, C) or (samples, nu, l_out + 1, C);
  /// empty: ones; with kinds of samples (kinds, nu, l_out + 1, C). The rows of weights are the orders.
  /// -> (..., (l_out + 1)^2 C)
  Array operator()(const Array& x, const Array& weights = {}, const Indices& kind = {}) const;
  /// P of the product of different functions, each of degree l. -> (..., (l_out + 1)^2 C)
  Array product(const Arrays& factors) const;
  const Plan& plan() const { return plan_; }

 private:
  int l_, nu_, l_out_;
  Plan plan_;
};

/// Convolution along edges, summed at the receivers:
///   z[i] = sum over edges e with receiver(e) = i of  P( x[sender(e)] f_e ),
///   f_e(u) = sum over l, m of s[e, l] Y_lm(r_e / |r_e|) Y_lm(u),
/// a filter that is symmetric about the edge; of one edge z_{l3 k} = sum over l1, l2 of gaunt(l1, l2, l3)
/// C[i, j, k] x_{l1 i} s[e, l2] Y_{l2 j}(r_e). Edges' features are arrays of their own here: an edge list
/// whose senders and receivers are the edges themselves gives those. The engine escn works in the frame of
/// the edge, where the filter has m = 0 alone and every order m is a one-dimensional product in theta; the
/// others multiply by s o Y(r).
///
/// A common rotation of x, r and z changes nothing, so the derivative by r comes from the torques on x and z,
/// (tau x r) / |r|^2: exact at every direction, whatever the engine, to any order.
class GauntConvolution {
 public:
  /// @param l1, l2, l3     degrees of features, filter, result
  /// @param options.batch  edges that the choice of the engine is made for, each of `channels`
  GauntConvolution(int l1, int l2, int l3, const PlanOptions& options = {}, Index channels = 1);

  /// @param x        (sender nodes, (l1 + 1)^2 C)
  /// @param vectors  (edges, 3); only the direction enters. Vectors that are zero or not finite:
  ///                 std::invalid_argument
  /// @param radial   s: (l2 + 1), (edges, l2 + 1) or (edges, l2 + 1, C)
  /// @return (receiver nodes, (l3 + 1)^2 C); differentiable by all three to any order
  Array operator()(const EdgeList& edges, const Array& x, const Array& vectors, const Array& radial) const;
  const Plan& plan() const { return plan_; }

 private:
  int l1_, l2_, l3_;
  Plan plan_;
};

/// w o x, w (l + 1) or (l + 1, C) or (samples, l + 1, C), with kinds of samples (kinds, l + 1, C): multiples
/// by degree. Differentiable.
Array scale_degrees(const Array& x, int l, const Array& w, const Indices& kind = {});

}  // namespace cartan::so3
