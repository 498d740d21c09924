// Products of matrices: shapes and derivatives.
#include "autodiff/matmul.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan {
namespace primitives {

Arrays MatMul::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                   const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  // a' = c b^H or, transposed, conj(b) c^T; likewise for b
  if (wanted[0])
    g[0] = ta_ ? matmul(conjugate(in[1]), c, tb_, true) : matmul(c, conjugate(in[1]), false, !tb_);
  if (wanted[1])
    g[1] = tb_ ? matmul(c, conjugate(in[0]), true, ta_) : matmul(conjugate(in[0]), c, !ta_, false);
  return g;
}

Arrays Linear::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                   const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(3);
  const Array rows = reshape(c, {-1, in[1].dim(0)});
  if (wanted[0]) g[0] = matmul(c, conjugate(in[1]));
  if (wanted[1]) g[1] = matmul(rows, conjugate(reshape(in[0], {-1, in[1].dim(1)})), true, false);
  if (wanted[2]) g[2] = sum(rows, 0);
  return g;
}

}  // namespace primitives

Array matmul(const Array& a, const Array& b, bool ta, bool tb) {
  require(a.ndim() >= 2 && b.ndim() >= 2, "[matmul] shapes ", a.shape(), " and ", b.shape(),
          " must have two axes or more");
  require(a.dtype() == b.dtype(), "[matmul] types ", a.dtype(), " and ", b.dtype(), " differ; use cast");
  const Index m = a.dim(ta ? -1 : -2), k = a.dim(ta ? -2 : -1), n = b.dim(tb ? -2 : -1);
  require(b.dim(tb ? -1 : -2) == k, "[matmul] ", a.shape(), ta ? "^T" : "", " and ", b.shape(),
          tb ? "^T" : "", ": inner extents ", k, " and ", b.dim(tb ? -1 : -2), " differ");
  const Shape lead_a(a.shape().begin(), a.shape().end() - 2), lead_b(b.shape().begin(), b.shape().end() - 2);
  if (lead_b.empty() && !lead_a.empty() && !ta) {  // one matrix for all rows: a single product
    Shape shape = a.shape();
    shape.back() = n;
    return reshape(matmul(reshape(a, {-1, k}), b, false, tb), shape);
  }
  if (lead_a != lead_b) {
    require(lead_a.empty() || lead_b.empty(), "[matmul] leading axes of ", a.shape(), " and ", b.shape(),
            " differ");
    const Shape& lead = lead_a.empty() ? lead_b : lead_a;
    auto batched = [&](const Array& x) {
      Shape shape = lead;
      shape.insert(shape.end(), x.shape().end() - 2, x.shape().end());
      return broadcast_to(x, shape);
    };
    return matmul(batched(a), batched(b), ta, tb);
  }
  Shape shape = lead_a;
  shape.push_back(m);
  shape.push_back(n);
  return run(std::make_shared<primitives::MatMul>(primitives::MatrixSizes{size_of(lead_a), m, n, k},
                                                  std::move(shape), ta, tb),
             {a, b});
}

Array linear(const Array& x, const Array& weight, const Array& bias) {
  require(x.ndim() >= 1 && weight.ndim() == 2 && x.dim(-1) == weight.dim(1), "[linear] input ", x.shape(),
          " does not fit the weight ", weight.shape());
  if (bias.empty()) {
    if (x.ndim() == 1) return reshape(matmul(reshape(x, {1, -1}), weight, false, true), {weight.dim(0)});
    return matmul(x, weight, false, true);
  }
  require(bias.ndim() == 1 && bias.dim(0) == weight.dim(0), "[linear] bias ", bias.shape(),
          " does not fit the weight ", weight.shape());
  require(x.dtype() == weight.dtype() && x.dtype() == bias.dtype(), "[linear] types ", x.dtype(), ", ",
          weight.dtype(), " and ", bias.dtype(), " differ; use cast");
  return run(std::make_shared<primitives::Linear>(), {x, weight, bias});
}

}  // namespace cartan
