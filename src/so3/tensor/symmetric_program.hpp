#pragma once
// The polynomials of a symmetric contraction in nested form, and their evaluation.

#include "cartan/autodiff/indices.hpp"
#include "cartan/so3/symmetric_contraction.hpp"
#include "so3/tensor/symmetric_basis.hpp"

namespace cartan::so3 {

/// A polynomial is a tree of prefixes of its monomials: the value of a prefix is its own coefficient plus the
/// sum over its continuations of x[index] value; those that end a monomial and go no further are its leaves.
/// Steps are prefixes in depth-first order.
struct SymmetricContraction::Program {
  struct Step {
    int depth = 0;         ///< length of the prefix
    int index = -1;        ///< its last coordinate
    int coefficient = -1;  ///< own coefficient, where the prefix is a monomial
    int leaf_begin = 0, leaf_end = 0;
    int leaf_coefficient = 0;  ///< of the first leaf
    int pops = 0;              ///< prefixes that are complete after this step
  };

  Program(const Irreps& in, const Irreps& out, int correlation);

  Irreps in, out;
  int correlation;
  Index channels, num_paths = 0;
  std::vector<Paths> paths;

  std::vector<Step> steps;
  std::vector<int> leaves;              ///< coordinates
  std::vector<std::size_t> step_begin;  ///< of every output coordinate, and the end
  /// Coefficient k is the sum over e in [first_path[k], first_path[k + 1]) of value[e] weight[path[e]].
  std::vector<int> first_path, path;
  std::vector<double> value;

 private:
  struct Prefix;
  void emit(const Prefix& prefix, int depth, int index);
};

enum class ContractionSlot { Y, W, X };
struct ContractionArguments {
  Array w, x, y;
  std::vector<Array> v;
};
/// The derivative by the slot of T_k (see symmetric_contraction.cpp), k = v.size().
Array contract(const SymmetricContraction::Program& program, const Indices& species, ContractionSlot slot,
               const ContractionArguments& arguments);

}  // namespace cartan::so3
