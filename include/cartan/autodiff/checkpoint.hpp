#pragma once
/// Time for memory: what is not kept on the tape is computed again where it is needed.

#include <cartan/autodiff/transforms.hpp>

namespace cartan {

/// f(x), recorded as one node that keeps x and the results and nothing between them: the backward pass
/// computes f again. So does every further derivative, of any order: a backward pass that is recorded is a
/// node of this kind too. The most that is held at once is the tape of one such call.
/// @param f  a function of x alone, the same results at every call. It is kept as long as the tape is, so it
///           owns what it uses.
/// Throws std::invalid_argument where results depend on tracked arrays that are not in x: their derivative
/// would be lost.
Arrays checkpoint(Function f, const Arrays& x);

}  // namespace cartan
