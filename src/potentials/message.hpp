#pragma once
/// Primitives along the edges: messages, products of pairs, the embedding of directions.

#include <cartan/potentials/cartesian.hpp>

#include "autodiff/multilinear.hpp"

namespace cartan::potentials {

/// g (pairs + 1, 3, channels), x (9, atoms, channels) -> (9, atoms, channels)
class Message : public Primitive {
 public:
  explicit Message(NeighborhoodPtr n) : n_(std::move(n)) {}
  const char* name() const override { return "message"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  NeighborhoodPtr n_;
};

/// x, y (9, atoms, channels) -> (pairs + 1, 3, channels)
class PairProduct : public Primitive {
 public:
  explicit PairProduct(NeighborhoodPtr n) : n_(std::move(n)) {}
  const char* name() const override { return "pair_product"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  NeighborhoodPtr n_;
};

/// The derivative of the embedding form sum s y w z X by one of its four arguments, as a function of the
/// other three (in the order y, w, z, X).
class Embedding : public Multilinear {
 public:
  enum Slot { Y, W, Z, X };
  Embedding(NeighborhoodPtr n, Slot slot) : Multilinear(4, slot), n_(std::move(n)) {}
  const char* name() const override { return "edge_embedding"; }
  Arrays eval_cpu(const Arrays& in) const override;

 private:
  Array derivative(int k, const Arrays& full) const override;
  NeighborhoodPtr n_;
};

}  // namespace cartan::potentials
