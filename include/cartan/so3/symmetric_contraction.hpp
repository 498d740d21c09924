#pragma once
/// Symmetric contraction: all equivariant polynomials of the features of one channel, the many-body step of
/// MACE (Batatia et al., NeurIPS 2022, eq. 10-11; Dusson et al., J. Comput. Phys. 2022).

#include <cartan/autodiff/indices.hpp>
#include <cartan/autodiff/primitive.hpp>
#include <cartan/so3/irreps.hpp>

namespace cartan::so3 {

/// For features x of C channels with irreps in, one copy a channel,
///
///   out[n, (L, m), c] = sum over nu = 1 .. correlation and paths p of
///                       weight[species of n, p, c] sum over i_1 .. i_nu of U_p[m, i_1 .. i_nu] x[n, i_1, c]
///                       ... x[n, i_nu, c].
///
/// Basis: for every L and nu the U_p are an orthonormal basis of the symmetric equivariant tensors,
/// sum over i of U_p[m, i] U_q[m', i] = delta_pq delta_mm'. They come from the chains of 3j symbols
/// ((i_1 i_2) i_3) ... over multisets of input terms in lexicographic order, each with its intermediate
/// irreps ascending, by Gram-Schmidt in that order: so there are no two paths that are the same polynomial,
/// and paths of different multisets do not mix.
///
/// Evaluated as polynomials in nested (Horner) form whose coefficients, sums of weight U, are made once for
/// every species; vectors run over channels. Derivatives of any order are the same polynomials
/// differentiated along given directions.
class SymmetricContraction {
 public:
  /// The paths [begin, begin + count) of one output term and degree.
  struct Paths {
    std::size_t out;
    int nu;
    Index begin, count;
  };

  /// @param in, out  every term with the same number of channels: "128x0e+128x1o+128x2e"
  /// @param correlation  highest degree nu >= 1
  /// Throws std::invalid_argument where the polynomials would take minutes to make (degrees to 8 with nu =
  /// 6), before it makes any.
  SymmetricContraction(const Irreps& in, const Irreps& out, int correlation);

  Index channels() const;
  Index num_paths() const;                  ///< of all outputs and degrees
  const std::vector<Paths>& paths() const;  ///< by output term, then degree
  Index num_monomials() const;              ///< terms of the polynomials, of all output coordinates

  /// x (n, in.dim()), species of n samples, weight (species.extent(), num_paths(), channels()).
  Array operator()(const Array& x, const Indices& species, const Array& weight) const;

  /// Matrix (paths of this block, P) that brings weights of another basis U to this one: weight = matrix
  /// weight'. U (2 L + 1, d, .., d, P), where d is in.dim()/channels() and occurs nu times; without the first
  /// axis for L = 0, as in MACE's U_matrix_nu. It need not be symmetric: only its symmetric part acts. Throws
  /// std::invalid_argument where that part is not equivariant.
  Array change_of_basis(std::size_t out, int nu, const Array& u) const;

  struct Program;  ///< what the primitives need

 private:
  std::shared_ptr<const Program> program_;
};

}  // namespace cartan::so3
