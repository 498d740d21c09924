// Multilinear ops along the edges: messages, and the embedding of directions.
#include "potentials/message.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::potentials {

Arrays Message::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                    const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0]) g[0] = pair_product(n_, in[1], c);
  if (wanted[1]) g[1] = message(n_, in[0], c);  // an edge and its reverse share one g
  return g;
}

Arrays PairProduct::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                        const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0]) g[0] = message(n_, c, in[1]);
  if (wanted[1]) g[1] = message(n_, c, in[0]);
  return g;
}

Array Embedding::derivative(int k, const Arrays& full) const {
  return run(std::make_shared<Embedding>(n_, static_cast<Slot>(k)), without(full, k));
}

namespace {

void check_fields(const char* op, const Neighborhood& n, const Array& x, const Array& like) {
  require(x.ndim() == 3 && x.dim(0) == 9 && x.dim(1) == n.atoms && x.dtype() == like.dtype(), "[", op,
          "] a field must be (9, ", n.atoms, ", channels), not ", x.shape());
}

}  // namespace

Array message(const NeighborhoodPtr& n, const Array& g, const Array& x) {
  check_fields("message", *n, x, g);
  require(g.shape() == Shape({n->pairs + 1, 3, x.dim(2)}), "[message] radial weights must be (", n->pairs + 1,
          ", 3, ", x.dim(2), "), not ", g.shape());
  return run(std::make_shared<Message>(n), {g, x});
}

Array pair_product(const NeighborhoodPtr& n, const Array& x, const Array& y) {
  check_fields("pair_product", *n, x, y);
  require(x.shape() == y.shape(), "[pair_product] fields ", x.shape(), " and ", y.shape(), " differ");
  return run(std::make_shared<PairProduct>(n), {x, y});
}

Array edge_embedding(const NeighborhoodPtr& n, const Array& y, const Array& w, const Array& z) {
  require(y.shape() == Shape({n->pairs + 1, 9}), "[edge_embedding] directions must be (", n->pairs + 1,
          ", 9), not ", y.shape());
  require(z.ndim() == 2 && z.dim(0) == n->edges(), "[edge_embedding] chemical weights must be (", n->edges(),
          ", channels), not ", z.shape());
  require(w.shape() == Shape({n->pairs + 1, 3, z.dim(1)}), "[edge_embedding] radial weights must be (",
          n->pairs + 1, ", 3, ", z.dim(1), "), not ", w.shape());
  require(y.dtype() == w.dtype() && w.dtype() == z.dtype(), "[edge_embedding] types ", y.dtype(), ", ",
          w.dtype(), " and ", z.dtype(), " differ");
  return run(std::make_shared<Embedding>(n, Embedding::X), {y, w, z});
}

}  // namespace cartan::potentials
