#pragma once
// Alternating least squares over the rows of a format, only listed entries counting.

#include <memory>
#include <vector>

#include "completion/losses.hpp"
#include "completion/mostly_known.hpp"
#include "completion/parts.hpp"

namespace cartan::completion {

struct Penalties {
  double ridge = 0, lasso = 0;
  std::vector<double> smooth;  ///< of every mode; empty: none
  std::vector<double> column;  ///< further ridge of each column (CP with pruning); empty: none
  bool nonnegative = false, multiplicative = false;
};

class RowAls {
 public:
  /// x, loss and penalties must outlive it.
  /// @param dense  the same entries, through which squares are then summed (of x the indices alone are used);
  /// no gradients
  RowAls(const SparseTensor& x, const LossFunction& loss, const Penalties& penalties,
         std::unique_ptr<MostlyKnown> dense = nullptr);
  /// Every row of every part once: the objective never rises.
  void sweep(Parts& parts);
  void balance(Parts& parts);  ///< Parts::balance()
  double objective(const Parts& parts) const;
  /// Whether a row is solved without regard to what it was, so that a part that goes first needs no start.
  bool memoryless() const {
    return loss_.kind == Loss::gaussian && !multiplies() && !penalties_.nonnegative &&
           penalties_.lasso == 0 && penalties_.smooth.empty();
  }
  /// The loss of all entries, without penalties.
  double loss(const Parts& parts) const;
  /// The one row of the last part of Tucker alone: the best core.
  void core(Parts& parts) { single_row(parts, parts.count() - 1); }
  /// Zeros in the rows of which nothing is known.
  void clear_unknown(Parts& parts) const;
  /// The objective and its derivative (of a lasso: at parts >= 0) by all parts, one after the other.
  double gradient(const Parts& parts, std::vector<double>& g) const;

 private:
  double loss_of(const Array& values) const;
  double penalty(const Parts& parts) const;
  double gradient_of_few(const Parts& parts, std::vector<double>& g) const;
  double gradient_of_any(const Parts& parts, std::vector<double>& g) const;
  void part(Parts& parts, int k);
  void dense_part(Parts& parts, int k);
  void single_row(Parts& parts, int k);
  struct Room;
  void solve(Parts& parts, int k, Index i, Room& room) const;
  void finish(Parts& parts, int k, Index i, Room& room) const;
  void conjugate_gradients(Parts& parts, int k);
  double ridge_of(Index r) const {
    return penalties_.ridge +
           (penalties_.column.empty() ? 0 : penalties_.column[static_cast<std::size_t>(r)]);
  }
  bool multiplies() const { return loss_.positive() || penalties_.multiplicative; }
  double smooth(int k) const {
    return k < x_.order() && !penalties_.smooth.empty() ? penalties_.smooth[static_cast<std::size_t>(k)] : 0;
  }

  const SparseTensor& x_;
  const LossFunction& loss_;
  const Penalties& penalties_;
  Columns columns_;
  // of every mode: the entries of each row, in their order
  std::vector<std::vector<std::uint32_t>> list_, begin_;
  std::unique_ptr<MostlyKnown> dense_;
  std::vector<double> normal_, right_;  // of the part under way, where dense_ makes them
};

}  // namespace cartan::completion
