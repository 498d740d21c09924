#pragma once
// CP completion term after term (CCD++) and entry after entry (SGD).

#include <vector>

#include "completion/row_als.hpp"

namespace cartan::completion {

class CanonicalDescent {
 public:
  /// Gaussian loss; x and penalties must outlive it.
  CanonicalDescent(const SparseTensor& x, const Penalties& penalties, Solver solver, std::uint64_t seed);
  /// One pass; the objective afterwards, which is not above the one before.
  double sweep(CanonicalParts& parts);

 private:
  void terms_in_turn(CanonicalParts& parts);
  void entries_in_turn(CanonicalParts& parts);

  const SparseTensor& x_;
  const Penalties& penalties_;
  Solver solver_;
  std::uint64_t seed_, epoch_ = 0;
  LossFunction loss_;
  RowAls rows_;
  Columns columns_;
  std::vector<std::vector<std::uint32_t>> list_, begin_;
  std::vector<std::vector<double>> share_;  // of every mode: 1 / entries of the row
  double rate_ = 0.02, objective_ = INFINITY;
};

}  // namespace cartan::completion
