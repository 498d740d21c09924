#pragma once
// Alternating least squares where most entries are known: products of dense matrices for all entries,
// corrected for the few that are missing. Normal equations and residuals are those of the known entries
// alone, as if gone through entry by entry.

#include <cstdint>
#include <string>
#include <vector>

#include "cartan/core/plan.hpp"
#include "completion/parts.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

/// Known entries in a dense array X (fibres, n) with zeros elsewhere: fibres run along the largest mode, the
/// `long` one, and each knows which of its entries are missing.
///
/// With the long mode's factor B an entry is <v_l, b_n>, v_l what the other parts have at fibre l. Y = X B
/// and K_l = sum over known n of b_n b_n^T (all of them less those missing) then hold all that the other
/// parts ask of the entries: for a part that has v_l = D_l^T u, sum_l D_l Y_l and sum_l D_l K_l D_l^T. The
/// rows of B see X^T V and the v_l v_l^T of known l alike.
class MostlyKnown {
 public:
  /// Numbers in a row, at most, whose normal matrix is formed; a wider core is solved by products with it,
  /// and these know of no bounds and no lasso.
  static constexpr Index widest_row = 400;
  /// Why the entries cannot be gone through in this way for such parts; empty where they can.
  static std::string obstacle(const SparseTensor& x, const Parts& parts);
  /// Which is cheaper for a sweep over the parts, `dense` or `entries`, by counted operations.
  /// @param forced  the name of one, or empty
  static Plan plan(const SparseTensor& x, const Parts& parts, const std::string& forced);

  /// @param square  the sum of squares of the values
  /// @param scale   of the values: what is fitted are values / scale
  MostlyKnown(const SparseTensor& x, double square, double scale = 1);
  /// Normal equations g u = b of every row of part k: g (rows, p (p + 1) / 2), the lower triangle row by row;
  /// b (rows, p). Zeros in rows without a known entry. Of a core wider than `widest_row` g stays empty.
  void normal(const Parts& parts, int k, std::vector<double>& g, std::vector<double>& b);
  /// g v of the core, without g.
  void core_product(const Parts& parts, const double* v, double* out);
  /// The sum of squared residuals of the known entries.
  double square(const Parts& parts) const;
  /// The columns of the long mode's factor, `before` until now, have been scaled: what was made of them is
  /// too.
  void scaled(const Parts& parts, const std::vector<double>& before);
  int long_mode() const { return long_; }
  Index missing() const { return missing_; }

 private:
  // Which of the entries of every fibre, or of every index of the long mode, are exceptions: the missing
  // ones, or where these are more, the known ones.
  struct Exceptions {
    std::vector<std::uint32_t> begin;
    std::vector<std::int32_t> list;
    std::vector<bool> known;
  };
  using Table = std::vector<double>;

  void except();
  Index rank(const Parts& parts) const { return parts.width[static_cast<std::size_t>(long_)]; }
  Table rows_of(const Parts& parts, int without) const;
  static std::vector<Index> core_places(const Parts& parts, const std::vector<int>& order);
  Table core_without(const Parts& parts, int k) const;
  /// The sum over fibres of v K v - 2 v Y, and the size of what it is made of.
  struct Squares {
    double sum, size;
  };
  Squares square_by_fibres(const Table& v, Index r) const;
  Table seen_from(const Parts& parts) const;
  void contract(const Parts& parts);
  void long_rows(const Parts& parts, std::vector<double>& g, std::vector<double>& b) const;
  void canonical_rows(const Parts& parts, int k, std::vector<double>& g, std::vector<double>& b) const;
  void tucker_rows(const Parts& parts, int k, std::vector<double>& g, std::vector<double>& b) const;
  void core(const Parts& parts, std::vector<double>& g, std::vector<double>& b) const;
  void sums(const Exceptions& of, const Table& lifts, Index r, Table& out) const;
  bool knows(Index fibre, Index n) const {
    return (mask_[static_cast<std::size_t>((fibre * padded_ + n) / 8)] >> n % 8 & 1) != 0;
  }

  Shape shape_;
  int long_ = 0;
  std::vector<int> others_;                     // the other modes, rising
  Index fibres_ = 1, length_ = 0, padded_ = 0;  // a fibre takes `padded_` numbers
  Index missing_ = 0;
  double square_ = 0;  // of x
  Scratch<double> x_;
  std::vector<std::uint8_t> mask_;  // a bit for each number of x_: known
  Exceptions along_, across_;       // of fibres, of indices of the long mode
  Table factor_, y_, k_;            // B when the other two were made; X B, K
};

}  // namespace cartan::completion
