#pragma once
/// Equivariant convolution along edges in the frame of the edge (eSCN, Passaro and Zitnick, ICML 2023).
///
/// In a frame whose y axis is the edge, a linear equivariant map commutes with rotations about y, so it joins
/// only the orders m and -m: with z = D(R)^T x the sender's features in that frame, R = R_y(alpha) R_x(beta)
/// taking +y to the edge,
///
///   m = 0:  z'_0 = W_0 z_0,     0 < m <= mmax:  z'_m  = W1_m z_m - W2_m z_-m
///                                               z'_-m = W2_m z_m + W1_m z_-m
///
/// and y = sum over the edges that arrive of D(R) z'. That is every SO(3)-equivariant map of (x, direction)
/// that is linear in x; orders |m| > mmax are dropped, which is exact equivariance still. The roll about y
/// does not matter, so no gauge enters the result.
///
/// Edges are worked on in small blocks: gathered, turned, multiplied, turned back and summed while in cache;
/// nothing of the size of all edges' features exists. Derivatives by the direction use the invariance of the
/// form <g, y> under a common rotation instead of derivatives of D, so they are exact at every direction,
/// poles included, and of any order.

#include <array>
#include <memory>
#include <vector>

#include <cartan/so3/convolution.hpp>
#include <cartan/so3/irreps.hpp>

namespace cartan::so3 {

struct SO2Shape;  // src/so3/so2/shape.hpp

struct SO2Options {
  int mmax = -1;  ///< largest order kept; -1, or more than both sides have: all
  /// O(3): keep W1 where the parities of the two terms differ by (-1)^(l + l'), W2 elsewhere. Without it
  /// (SO(3)) parities are ignored.
  bool parity = false;
  /// Weights of every edge, from channel u to channel u; without it weights are shared and join all channels.
  bool channelwise = false;
  /// The pairs (out term, in term) that are joined, each once; empty: all (channelwise: all of equal
  /// multiplicity).
  std::vector<std::array<std::size_t, 2>> pairs;
  /// Where the vectors are tracked, every edge's message (irreps_out(), orders |m| <= mmax, channels rounded
  /// up to 16) stays on the tape, which saves the backward pass a third of its products, and so does in that
  /// pass, where it is differentiated, what it sends back. Calls in which both would take more bytes than
  /// this make them again: first derivatives and all by vectors are the same to the last bit, others to
  /// rounding.
  Index kept_bytes = Index{1} << 30;
  /// The senders' features, or what arrives, lie in the frames of the edges: a row an edge, of
  /// in_frames(irreps, mmax). A frame is given up to a turn about its edge, so what is computed from one
  /// convolution to the next must commute with such turns; then derivatives by the vectors are those of the
  /// whole.
  bool from_frames = false, to_frames = false;
};

/// What is left in the frame of an edge: the orders |m| <= mmax of every term, as terms of degree min(l,
/// mmax).
Irreps in_frames(const Irreps& irreps, int mmax);

class SO2Convolution {
 public:
  /// A block of the weights: W1 (cosine) or W2 (sine) between two terms, (out.mul, in.mul) row-major;
  /// channelwise (mul, 1).
  struct Block {
    int m;
    bool sine;
    std::size_t out, in;  ///< terms of irreps_out(), irreps_in()
    Index offset;         ///< of its first element in the weights
    Index rows, columns;
  };

  SO2Convolution(Irreps in, Irreps out, SO2Options options = {});

  const Irreps& irreps_in() const;
  const Irreps& irreps_out() const;
  const SO2Options& options() const;  ///< mmax is the order in use
  /// By m, cosine before sine, out term, in term.
  const std::vector<Block>& blocks() const;
  Index weight_size() const;
  /// One factor an edge, order |m| and channel of the input: for m = 0 .. mmax the terms of degree l >= m,
  /// their channels. Both signs of m share it, as in EquiformerV2.
  Index radial_size() const;

  /// @param x        (sender nodes, irreps_in().dim()); from frames a row of in_frames(irreps_in(), mmax) an
  ///                 edge, the one that the edge's sender says
  /// @param vectors  (edges, 3), of one sense for all edges; their lengths do not enter. One that is zero
  ///                 or not finite has no direction: std::invalid_argument
  /// @param weights  (weight_size()), channelwise (edges, weight_size())
  /// @param radial   (edges, radial_size()), multiplies z before the weights; empty: none
  /// @return (receiver nodes, irreps_out().dim()), to frames as x; differentiable by the four arrays to any
  ///         order (each order by the vectors doubles the work)
  Array operator()(const EdgeList& edges, const Array& x, const Array& vectors, const Array& weights,
                   const Array& radial = {}) const;

  /// Additions and multiplications of one edge, forward.
  double flops_per_edge() const;

 private:
  std::shared_ptr<const SO2Shape> shape_;
};

/// @name Weights of fairchem's SO2_Convolution (eSCN, EquiformerV2, eSEN, UMA)
/// One matrix an order: fc_m0.weight (N_0, K_0), then so2_m_conv[m - 1].fc.weight (2 N_m, K_m), W1 above W2.
/// Rows are the output's terms of degree l >= m and their channels, columns the input's. Their features
/// (nodes, (lmax + 1)^2, channels) are those of Cx0e+Cx1e+..., their radial factors and vectors
/// ours. fc_m0.bias is a constant in every edge's m = 0: an input channel 0e that is 1 for all atoms has the
/// same effect. Differentiable.
///@{
Array so2_weights_from_fairchem(const SO2Convolution& convolution, const Arrays& matrices);
Arrays so2_weights_to_fairchem(const SO2Convolution& convolution, const Array& weights);
///@}

}  // namespace cartan::so3
