#pragma once
// Scattered observations of a sum of products of functions, and the sums over them that messages are made of.
//
// f(x) = sum_a prod_k u_a^k(x_k). For coordinate i of mode k, with w_a = prod_{j != k} u_a^j over the other
// modes, all that the data say of u^k(i) are the sums over its observations of weight E[w w^T] and
// weight (y - offset) E[w]: C (C + 1) / 2 + C numbers, products of numbers of the other modes. No number is
// kept for an observation.

#include <cstdint>
#include <memory>
#include <vector>

#include "cartan/core/array.hpp"
#include "core/simd.hpp"

namespace cartan::functional {

/// E[u_a] and E[u_a u_b] for the coordinates of every mode, in rows of whole vectors of eight: first the
/// second moments, a >= b, then the means; what is over is zero.
class Moments2 {
 public:
  using Vector = EightDoubles;
  static constexpr int width = 8;

  Moments2() = default;
  Moments2(int components, const std::vector<Index>& sizes);
  int components() const { return components_; }
  int seconds() const { return components_ * (components_ + 1) / 2; }
  int second_vectors() const { return second_; }
  int vectors() const { return second_ + first_; }
  static int place(int a, int b) { return a >= b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a; }
  int mean_place() const { return second_ * width; }

  const Vector* row(int mode, Index i) const {
    return tables_[static_cast<std::size_t>(mode)].data() + i * vectors();
  }
  double* numbers(int mode, Index i) {
    return reinterpret_cast<double*>(tables_[static_cast<std::size_t>(mode)].data() + i * vectors());
  }
  const double* numbers(int mode, Index i) const {
    return reinterpret_cast<const double*>(tables_[static_cast<std::size_t>(mode)].data() + i * vectors());
  }

 private:
  int components_ = 0, second_ = 0, first_ = 0;
  std::vector<std::vector<Vector>> tables_;
};

/// N observations, each at one coordinate of every mode.
class Entries {
 public:
  Entries() = default;
  /// @param index  one list a mode, below sizes[mode]
  Entries(std::vector<std::vector<std::int32_t>> index, std::vector<Index> sizes, std::vector<double> values);
  /// Other values at the same places, which are shared.
  Entries with(std::vector<double> values) const;

  int modes() const { return static_cast<int>(sizes().size()); }
  Index size() const { return static_cast<Index>(values_.size()); }
  Index size(int mode) const { return sizes()[static_cast<std::size_t>(mode)]; }
  const std::vector<Index>& sizes() const { return places_->sizes; }
  const std::vector<double>& values() const { return values_; }
  std::int32_t index(int mode, Index entry) const {
    return places_->modes[static_cast<std::size_t>(mode)].index[static_cast<std::size_t>(entry)];
  }
  /// Observations of a coordinate.
  Index count(int mode, Index i) const {
    const auto& s = places_->modes[static_cast<std::size_t>(mode)].start;
    return s[static_cast<std::size_t>(i + 1)] - s[static_cast<std::size_t>(i)];
  }

  /// The sums of mode k, a row of `table.vectors()` registers a coordinate, laid out as the table's.
  /// @param weight  of every observation; nullptr: ones
  void sums(int k, const Moments2& table, const double* weight, double offset, Moments2::Vector* out) const;
  /// Mean and variance of f at every observation.
  void moments(const Moments2& table, double* mean, double* variance) const;
  /// The same of some of them, by this thread.
  void moments(const Moments2& table, Index begin, Index end, double* mean, double* variance) const;

 private:
  // pieces of at most so many observations of one coordinate: (coordinate, first, last)
  struct Piece {
    std::int32_t coordinate;
    Index begin, end;
  };
  // observations in the order of their coordinate, with the coordinates of the other modes
  struct Place {
    std::vector<std::int32_t> index, order, others;
    std::vector<Index> start;
    std::vector<Piece> pieces;
  };
  struct Places {
    std::vector<Index> sizes;
    std::vector<Place> modes;
  };
  void sort_values();

  std::shared_ptr<const Places> places_ = std::make_shared<const Places>();
  std::vector<double> values_;
  std::vector<std::vector<double>> sorted_;  // values in the orders of the modes
};

}  // namespace cartan::functional
