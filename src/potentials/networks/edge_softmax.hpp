#pragma once
// Attention over the edges that arrive at an atom.

#include "cartan/autodiff/indices.hpp"
#include "cartan/core/array.hpp"

namespace cartan::potentials {

/// alpha_e = A_e/T_i of the edges e that atom i receives, for every head, as numerator and denominator:
///
///   A_e = u_e exp(a_e - m_i),   T_i = sum over e of A_e + 1e-16 exp(-m_i),
///
/// u the envelope, so that alpha goes to 0 with it. m_i is the largest a_e + log u_e of the atom, at least
/// log(1e-16), so T >= 1 for logits of any size. Ratios do not change with m, which is a constant of the
/// tape: their derivatives of any order are exact. An edge whose u is below 1e-20 does not enter m, and its
/// a_e - m_i counts as 46 at most. A logit that is NaN gives NaN.
struct EdgeSoftmax {
  Array weight;  ///< A (edges, heads)
  Array total;   ///< T (receivers, heads)
};
/// @param logits (edges, heads), envelope (edges, 1), 0 to 1; empty: 1
EdgeSoftmax edge_softmax(const Array& logits, const Array& envelope, const Indices& receivers);

}  // namespace cartan::potentials
