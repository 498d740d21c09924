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

/// Where the blocks of an array begin along its first axis, and where the last one ends; empty: every block
/// has the whole array.
using Blocks = std::vector<Index>;
/// f of a block, from the blocks of the arguments.
using BlockFunction = std::function<Arrays(std::size_t block, const Arrays& x)>;

/// checkpoint() of the same function block by block, one after another, in one node: results that have
/// blocks are joined, those that every block has as a whole are added. Derivatives are block by block too, so
/// the most that is held at once is the tape of one block, and arrays that all blocks share have one
/// cotangent.
/// @param of_x        the blocks of each of x, as many as `count` or none
/// @param of_results  those of each result
Arrays checkpoint_blocks(BlockFunction f, std::size_t count, const Arrays& x, std::vector<Blocks> of_x,
                         std::vector<Blocks> of_results);

}  // namespace cartan
