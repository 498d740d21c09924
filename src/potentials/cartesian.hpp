#pragma once
/// Primitives at the atoms: gates, linear layers, products of matrices.

#include <cartan/potentials/cartesian.hpp>

namespace cartan::potentials {

/// x (9, atoms, channels), n (atoms, ranks, channels) -> (9, atoms, channels)
class Gate : public Primitive {
 public:
  const char* name() const override { return "gate"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

/// x, y (9, atoms, channels), or x alone for its square -> (atoms, ranks, channels)
class RankDot : public Primitive {
 public:
  explicit RankDot(int ranks) : ranks_(ranks) {}
  const char* name() const override { return "rank_dot"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  int ranks_;
};

/// x (9, atoms, in), w (3, out, in), or (3, in, out) transposed -> (9, atoms, out)
class RankLinear : public Primitive {
 public:
  explicit RankLinear(bool transposed) : transposed_(transposed) {}
  const char* name() const override { return "rank_linear"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  bool transposed_;
};

/// y (9, atoms, out), x (9, atoms, in) -> (3, out, in)
class RankOuter : public Primitive {
 public:
  const char* name() const override { return "rank_outer"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

/// x, y (9, atoms, channels), or x alone for its square -> (9, atoms, channels)
class MatrixProduct : public Primitive {
 public:
  MatrixProduct(bool symmetric, bool tx, bool ty) : symmetric_(symmetric), tx_(tx), ty_(ty) {}
  const char* name() const override { return symmetric_ ? "anticommutator" : "matrix_product"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  bool symmetric_, tx_, ty_;
};

}  // namespace cartan::potentials
