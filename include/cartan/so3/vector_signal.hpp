#pragma once
/// The complete Clebsch-Gordan product by functions on the sphere, odd paths included.
///
/// Products of functions reach l1 + l2 + l3 even only. Tangential vector fields reach the rest: with the
/// gradients of two functions on the sphere,
///   {f, g} = r . (grad f x grad g) = (f_theta g_phi - f_phi g_theta) / sin(theta)
/// is again a polynomial on the sphere (of degree l1 + l2 - 1), and couples exactly the odd sums:
///   mean of Y_i {Y_j, Y_k} = b C[i, j, k],
///   b = sqrt((2 l1 + 1)(2 l2 + 1)(2 l3 + 1) l2 (l2 + 1) l3 (l3 + 1)) |(l1 l2 l3; 0 1 -1)|,
/// never zero for an odd triangle and totally antisymmetric. Compare the vector signals of Xie et al. (The
/// price of freedom, 2025) and arXiv 2602.21466. Features are as in <cartan/so3/gaunt.hpp>.

#include <cartan/so3/gaunt.hpp>

namespace cartan::so3 {

/// bracket_coefficient(l1, l2, l3) = b above; zero for even l1 + l2 + l3 and outside of the triangle.
double bracket_coefficient(int l1, int l2, int l3);

/// z = sum over r of w3[r] o P( {w1[r] o x, w2[r] o y} ): the antisymmetric companion of GauntProduct,
/// z_{l3 k} = sum over r, l1, l2 of w3 w1 w2 b(l1, l2, l3) C[i, j, k] x_{l1 i} y_{l2 j}. Engines cg and grid.
class BracketProduct {
 public:
  BracketProduct(int l1, int l2, int l3, const PlanOptions& options = {});
  /// x (..., (l1 + 1)^2 C), y (..., (l2 + 1)^2 C) -> (..., (l3 + 1)^2 C). Differentiable to any order.
  Array operator()(const Array& x, const Array& y, const GauntWeights& weights = {}) const;
  const Plan& plan() const { return plan_; }

 private:
  int l1_, l2_, l3_;
  Plan plan_;
};

/// One path l1 x l2 -> l3 of a complete product.
struct ProductPath {
  int l1, l2, l3;
  Index offset;  ///< of its 2 l3 + 1 rows in the result
};

/// All paths of the Clebsch-Gordan product, each apart: z[path, k] = sum over i, j of C[i, j, k] x_{l1 i}
/// y_{l2 j} with the 3j tensor of <cartan/so3/tables.hpp>. On the grid, f g + {f, g} of one pair (l1, l2)
/// holds its even paths in one and its odd paths in the other parity of l3: one projection serves all l3 of a
/// pair.
class CompleteProduct {
 public:
  CompleteProduct(int l1, int l2, int l3, const PlanOptions& options = {});
  /// Ordered by l1, l2, l3.
  const std::vector<ProductPath>& paths() const { return paths_; }
  static std::vector<ProductPath> paths_of(int l1, int l2, int l3);
  Index rows() const;  ///< sum of 2 l3 + 1 over the paths
  /// x (..., (l1 + 1)^2 C), y (..., (l2 + 1)^2 C) -> (..., rows C). Differentiable to any order.
  Array operator()(const Array& x, const Array& y) const;
  const Plan& plan() const { return plan_; }

 private:
  int l1_, l2_, l3_;
  std::vector<ProductPath> paths_;
  Plan plan_;
};

}  // namespace cartan::so3
