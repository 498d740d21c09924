// Multilinear ops at the atoms: gates, linear layers, matrix products.
#include "potentials/cartesian.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::potentials {

Arrays Gate::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                 const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0]) g[0] = gate(c, in[1]);
  if (wanted[1]) g[1] = rank_dot(c, in[0], static_cast<int>(in[1].dim(1)));
  return g;
}

Arrays RankDot::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                    const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  if (in.size() == 1) return {gate(in[0], scale(c, 2))};  // a square: one term instead of two equal ones
  Arrays g(2);
  if (wanted[0]) g[0] = gate(in[1], c);
  if (wanted[1]) g[1] = gate(in[0], c);
  return g;
}

Arrays RankLinear::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                       const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0]) g[0] = rank_linear(c, in[1], !transposed_);
  if (wanted[1]) g[1] = transposed_ ? rank_outer(in[0], c) : rank_outer(c, in[0]);
  return g;
}

Arrays RankOuter::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                      const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0]) g[0] = rank_linear(in[1], c);
  if (wanted[1]) g[1] = rank_linear(in[0], c, true);
  return g;
}

Arrays MatrixProduct::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                          const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  if (in.size() == 1) return {anticommutator(c, in[0], false, true)};  // X X
  Arrays g(2);
  if (symmetric_) {  // <C, {X^s, Y^t}>: by X it is {C, Y^t'}^s
    if (wanted[0]) g[0] = tx_ ? anticommutator(c, in[1], true, ty_) : anticommutator(c, in[1], false, !ty_);
    if (wanted[1]) g[1] = ty_ ? anticommutator(c, in[0], true, tx_) : anticommutator(c, in[0], false, !tx_);
  } else {
    if (wanted[0]) g[0] = tx_ ? matrix_product(in[1], c, ty_, true) : matrix_product(c, in[1], false, !ty_);
    if (wanted[1]) g[1] = ty_ ? matrix_product(c, in[0], true, tx_) : matrix_product(in[0], c, !tx_, false);
  }
  return g;
}

namespace {

void check_field(const char* op, const Array& x) {
  require(x.ndim() == 3 && x.dim(0) == 9, "[", op, "] a field must be (9, atoms, channels), not ", x.shape());
}
void check_same(const char* op, const Array& a, const Array& b) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), "[", op, "] shapes ", a.shape(), " (", a.dtype(),
          ") and ", b.shape(), " (", b.dtype(), ") differ");
}

}  // namespace

Array gate(const Array& x, const Array& n) {
  check_field("gate", x);
  require(n.ndim() == 3 && n.dim(0) == x.dim(1) && (n.dim(1) == 1 || n.dim(1) == 3) && n.dim(2) == x.dim(2) &&
              n.dtype() == x.dtype(),
          "[gate] factors ", n.shape(), " do not fit the field ", x.shape());
  return run(std::make_shared<Gate>(), {x, n});
}

Array rank_dot(const Array& x, const Array& y, int ranks) {
  check_field("rank_dot", x);
  check_same("rank_dot", x, y);
  require(ranks == 1 || ranks == 3, "[rank_dot] ranks must be 1 or 3, not ", ranks);
  const bool same = x.address() == y.address() && x.node() == y.node();
  return run(std::make_shared<RankDot>(ranks), same ? Arrays{x} : Arrays{x, y});
}

Array rank_linear(const Array& x, const Array& w, bool transposed) {
  check_field("rank_linear", x);
  require(w.ndim() == 3 && w.dim(0) == 3 && w.dim(transposed ? 1 : 2) == x.dim(2) && w.dtype() == x.dtype(),
          "[rank_linear] weights ", w.shape(), transposed ? "^T" : "", " do not fit the field ", x.shape());
  return run(std::make_shared<RankLinear>(transposed), {x, w});
}

Array rank_outer(const Array& y, const Array& x) {
  check_field("rank_outer", y);
  check_field("rank_outer", x);
  require(y.dim(1) == x.dim(1) && y.dtype() == x.dtype(), "[rank_outer] fields ", y.shape(), " and ",
          x.shape());
  return run(std::make_shared<RankOuter>(), {y, x});
}

Array matrix_product(const Array& x, const Array& y, bool tx, bool ty) {
  check_field("matrix_product", x);
  check_same("matrix_product", x, y);
  const bool square = x.address() == y.address() && x.node() == y.node() && !tx && !ty;
  return run(std::make_shared<MatrixProduct>(false, tx, ty), square ? Arrays{x} : Arrays{x, y});
}

Array anticommutator(const Array& x, const Array& y, bool tx, bool ty) {
  check_field("anticommutator", x);
  check_same("anticommutator", x, y);
  return run(std::make_shared<MatrixProduct>(true, tx, ty), {x, y});
}

}  // namespace cartan::potentials
