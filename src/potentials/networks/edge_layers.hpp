#pragma once
// What networks of SO(2) convolutions have in common: norms and linear maps by degree, functions of an edge,
// convolutions of both its ends. Features are channels x (0e + 1o + ... + L), channels fastest.

#include <memory>
#include <string>
#include <vector>

#include "cartan/nn/radial.hpp"
#include "cartan/potentials/network.hpp"
#include "cartan/so3/convolution.hpp"
#include "cartan/so3/layers.hpp"
#include "cartan/so3/so2_convolution.hpp"
#include "potentials/networks/edge_blocks.hpp"

namespace cartan::potentials {

/// channels x (0e + 1o + ... + lmax)
so3::Irreps polar_features(int lmax, Index channels);
/// The degree l of every row l^2 + l + m: gather() by it turns (lmax + 1, C) into ((lmax + 1)^2, C).
Indices degree_of_rows(int lmax);
/// b[l, c] a[n, l^2 + l + m]: (n, (lmax + 1)^2), (lmax + 1, C) -> (n, (lmax + 1)^2 C)
Array degree_outer(const Array& a, const Array& b, const Indices& degrees);
/// Columns [begin, end) of the last axis.
Array columns(const Array& x, Index begin, Index end);

/// Packed Wigner matrices (so3/wigner.hpp) of rotations that take +y to the vectors (edges, 3), of their
/// type; computed in float64 and rounded once.
Array edge_frames(const Array& vectors, int lmax, bool roll);

/// "layer": l = 0 by LayerNorm over channels; l > 0 divided by the root of the mean over l = 1..L of
///          mean_{m,c} x^2, times weight[l - 1, c]. (fairchem's layer_norm_sh)
/// "rms":   x_0 less its mean; all divided by the root of the mean over l = 0..L of mean_{m,c} x^2, times
///          weight[l, c]; bias on l = 0. (rms_norm_sh)
class DegreeNorm {
 public:
  DegreeNorm() = default;
  DegreeNorm(const std::string& kind, int lmax, Index channels, DType dtype);
  Array operator()(const Array& x) const;
  void collect(const std::string& prefix, nn::ParameterRefs& out);

 private:
  Array scaled(const Array& x, int first) const;

  int lmax_ = 0;
  Index channels_ = 0;
  bool layer_ = false;
  nn::LayerNorm scalars_;
  Array weight_, bias_;
};

/// exp(-1/2 ((d - mu_k)/(width (mu_1 - mu_0)))^2), mu = linspace(0, cutoff, count)
nn::RadialBasis gaussians(Index count, double cutoff, double width, DType dtype);

/// A matrix for every pair of terms of one degree, weight (channels in, channels out); a constant on l = 0.
class DegreeLinear {
 public:
  DegreeLinear() = default;
  DegreeLinear(const so3::Irreps& in, const so3::Irreps& out, bool bias, DType dtype, nn::Init& init);
  Array operator()(const Array& x) const { return map_(x, weight_, bias_); }
  void collect(const std::string& prefix, nn::ParameterRefs& out);
  void set_zero() { weight_ = Array::zeros(weight_.shape(), weight_.dtype()); }

 private:
  so3::Linear map_{so3::Irreps(), so3::Irreps()};
  Array weight_, bias_;
};

/// In float64, differentiably.
Array exact(const Array& a);
nn::Linear exact(nn::Linear map);
nn::LayerNorm exact(nn::LayerNorm norm);

/// fairchem's RadialFunction but for its last map: silu(norm(W_1 silu(norm(W_0 [basis; a_s; b_t] + b_0)) +
/// b_1)), a and b embeddings of the elements at the ends. (edges, channels). In float64, rounded once: its
/// norms divide by what may be small, and it costs little beside the convolutions.
class EdgeNetwork {
 public:
  EdgeNetwork() = default;
  /// @param embeddings  with tables of its own; otherwise with_tables() gives them
  EdgeNetwork(Index basis, Index kinds, Index channels, bool embeddings, DType dtype, nn::Init& init);
  Array operator()(const Edges& edges) const;
  /// The same with these tables, (elements, channels) for senders and receivers.
  EdgeNetwork with_tables(const Array& source, const Array& target) const;
  void collect(const std::string& prefix, nn::ParameterRefs& out);

 private:
  Array basis_, of_source_, of_target_, bias_;  // W_0 in three parts
  nn::LayerNorm norm_0_, norm_1_;
  nn::Linear middle_;
  Array source_, target_;
};

/// The matrices of a convolution's weights, for nn::NamedParameter.
std::vector<nn::Matrix> matrices_of(const so3::SO2Convolution& convolution);

/// Uniform weights of a convolution as torch draws those of fairchem's: by 1/sqrt(number of inputs), those
/// with m > 0 that have a sine part by 1/sqrt(2) less. @param sides  inputs that are as large as this one
/// together with it
Array draw_so2_weights(const so3::SO2Convolution& convolution, int sides, DType dtype, nn::Init& init);

/// What a network's convolutions in the frames of edges keep.
/// @param from_frames  its senders' features lie in the frames of the edges
so3::SO2Options so2_options(const SO2NetworkConfig& config, bool from_frames);
/// Additions and multiplications of a PairConvolution from the network's features.
double pair_flops(const SO2NetworkConfig& config, const so3::Irreps& out);

/// An SO(2) convolution of both ends of an edge with radial factors, to the frame of the edge: y_e = W
/// (r(h_e) o D [n_s; n_t]) + b, W joining orders up to mmax, b a constant of m = 0.
class PairConvolution {
 public:
  /// @param to_frames  false: to the edge, D^T y_e
  PairConvolution(const so3::Irreps& in, const so3::Irreps& out, int mmax, bool parity, bool by_degree,
                  Index edge_channels, DType dtype, nn::Init& init, bool to_frames = true);
  /// @param senders (atoms, in.dim()), receivers (owned, in.dim()), hidden (edges, edge_channels)
  Array operator()(const EdgeNodes& nodes, const Array& senders, const Array& receivers, const Array& vectors,
                   const Array& hidden) const;
  void collect(const std::string& prefix, nn::ParameterRefs& out);
  /// A constant term 1x0e, which carries b, comes before those of the sender.
  const so3::SO2Convolution& source() const { return source_; }
  const so3::SO2Convolution& target() const { return target_; }

 private:
  struct Side {
    Array weight;       // of the convolution
    nn::Linear radial;  // edge_channels -> its factors
  };
  Array factors(const Side& side, const Array& hidden, bool constant) const;

  so3::SO2Convolution source_, target_;
  Side of_source_, of_target_;
  Indices orders_;  // by_degree: the degree's and channel's factor for every order
};

/// What atoms see of their neighbours before there are features: sum over edges of e times the D^T of rows
/// m = 0, radial[e, l, c], a linear map of h_e: e radial[e, l, c] Y_lm(r_e), |Y_l| = 1.
class DegreeEmbedding {
 public:
  DegreeEmbedding(EdgeNetwork edge, int lmax, Index channels, Index edge_channels, DType dtype,
                  nn::Init& init);
  /// (receivers, (lmax + 1)^2 channels)
  Array operator()(const Edges& edges) const;
  DegreeEmbedding with_tables(const Array& source, const Array& target) const;
  void collect(const std::string& prefix, nn::ParameterRefs& out);

 private:
  Index channels_;
  EdgeNetwork edge_;
  nn::Linear radial_;
  so3::Convolution convolution_;
};
/// It as EdgeSums takes it.
Arrays embed_degree(const DegreeEmbedding& degree, const Edges& edges, const Array&, const Array&);

}  // namespace cartan::potentials
