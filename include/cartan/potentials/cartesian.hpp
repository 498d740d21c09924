#pragma once
/// Ops on fields of Cartesian tensors of rank 0, 1, 2: at every atom and channel a 3x3 matrix, held by its
/// nine coordinates in an orthonormal basis of irreducible parts,
///
///   c = 0        I      Id/sqrt(3)
///   c = 1..3     A      the antisymmetric matrices of x, y, z, over sqrt(2)
///   c = 4..8     S      the symmetric traceless ones: xy, yz, xz, x^2 - y^2, 2z^2 - x^2 - y^2
///
/// so that norms and scalar products are plain sums. An array X is (9, atoms, channels): the rows of one
/// rank are contiguous and a linear layer is one GEMM a rank.
///
/// Every op here is multilinear. Each is a partial derivative of a scalar form, its vjp the other partial
/// derivatives of the same form, so derivatives of any order stay within this list.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <cartan/autodiff/primitive.hpp>
#include <cartan/potentials/graph.hpp>

namespace cartan::potentials {

/// Rank of each of the nine coordinates.
inline constexpr std::array<int, 9> rank_of{0, 1, 1, 1, 2, 2, 2, 2, 2};
/// First coordinate of each rank, and the end.
inline constexpr std::array<int, 4> rank_begin{0, 1, 4, 9};

/// @name The form sum X[c,i,f] n[i,k(c),f] Y[c,i,f], n (atoms, 3, channels), or (atoms, 1, channels) for one
/// factor a matrix
///@{
Array gate(const Array& x, const Array& n);  ///< X[c,i,f] n[i,k(c),f]
Array rank_dot(const Array& x, const Array& y,
               int ranks);  ///< sum over c of rank k of X Y: (atoms, ranks, channels)
///@}

/// @name The form sum W[k,g,f] X[c,i,f] Y[c,i,g], k = k(c): linear layers that mix channels, one a rank
///@{
Array rank_linear(const Array& x, const Array& w,
                  bool transposed = false);        ///< (9, atoms, out); w (3, out, in)
Array rank_outer(const Array& y, const Array& x);  ///< (3, out, in)
///@}

/// Products of the matrices: op(X) op(Y), or op(X) op(Y) + op(Y) op(X) (O(3): parity is kept).
Array matrix_product(const Array& x, const Array& y, bool transpose_x = false, bool transpose_y = false);
Array anticommutator(const Array& x, const Array& y, bool transpose_x = false, bool transpose_y = false);

/// The edges of a graph as TensorNet sees them. Every pair p < pairs stands for two directed edges, 2p (atom
/// i receives from j) and 2p + 1 (j receives from i); edge 2*pairs + a is the self edge of atom a. What
/// depends on the distance alone is computed once a pair, and once for all self edges: row `pairs` of a pair
/// array.
struct Neighborhood {
  Index atoms = 0, pairs = 0;
  std::vector<std::int32_t> i, j;          ///< atoms of a pair
  std::vector<Index> begin;                ///< edges that atom a receives: edge[begin[a] .. begin[a + 1])
  std::vector<std::int32_t> edge, sender;  ///< its number, and the atom it comes from

  Index edges() const { return 2 * pairs + atoms; }
  /// The row of pair arrays that edge e uses.
  Index pair(std::int32_t e) const { return e < 2 * pairs ? e / 2 : pairs; }
};
using NeighborhoodPtr = std::shared_ptr<const Neighborhood>;

/// That of a graph: pairs in the order of its edges, those of ghosts last. Ghosts receive too (an edge from a
/// ghost is one half of a pair); what they receive is not complete and must not be used.
NeighborhoodPtr neighborhood_of(const Graph& graph);

/// @name The form sum over edges e: i <- j of g[p(e),k(c),f] X[c,j,f] Y[c,i,f]; g (pairs + 1, 3, channels)
///@{
Array message(const NeighborhoodPtr& n, const Array& g, const Array& x);       ///< (9, atoms, channels)
Array pair_product(const NeighborhoodPtr& n, const Array& x, const Array& y);  ///< (pairs + 1, 3, channels)
///@}

/// The form sum over edges e: i <- j of s(e,c) y[p,c] w[p,k(c),f] z[e,f] X[c,i,f], where s = -1 for the
/// second direction of a pair and antisymmetric c, else 1. Returns the derivative by X: (9, atoms, channels).
/// @param y  (pairs + 1, 9)  direction of the pair in the basis above
/// @param w  (pairs + 1, 3, channels)  radial weights
/// @param z  (edges, channels)  chemical weights of directed edges
Array edge_embedding(const NeighborhoodPtr& n, const Array& y, const Array& w, const Array& z);

}  // namespace cartan::potentials
