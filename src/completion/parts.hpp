#pragma once
// Low-rank formats as products that are linear in each of their parts: what alternating least squares needs
// of them.

#include <algorithm>
#include <memory>
#include <vector>

#include "cartan/completion/sparse.hpp"
#include "cartan/core/random.hpp"

namespace cartan::completion {

/// The columns of indices of some entries.
using Columns = std::vector<const std::int32_t*>;

/// An entry of the tensor is the product of one row of part k with a vector of what the other parts have, for
/// every k. Parts 0 .. order - 1 have the rows of the modes; a further one (the core of Tucker) a single row.
class Parts {
 public:
  virtual ~Parts() = default;
  int count() const { return static_cast<int>(width.size()); }
  int order() const { return static_cast<int>(shape.size()); }
  Index rows(int k) const { return k < order() ? shape[static_cast<std::size_t>(k)] : 1; }
  const double* row(int k, Index i) const {
    return data[static_cast<std::size_t>(k)].data() + i * width[static_cast<std::size_t>(k)];
  }
  double* row(int k, Index i) {
    return data[static_cast<std::size_t>(k)].data() + i * width[static_cast<std::size_t>(k)];
  }
  Index row_of(int k, const Columns& c, Index n) const {
    return k < order() ? c[static_cast<std::size_t>(k)][n] : 0;
  }

  /// z (width[k]): entry n = <z, row of part k>. `work` holds work_size() numbers.
  virtual void design(int k, const Columns& c, Index n, double* z, double* work) const = 0;
  virtual Index work_size() const = 0;
  /// Moves scale between parts to where the sum of squares of all is least; no entry changes. Without it a
  /// small ridge is paid off over thousands of sweeps.
  virtual void balance() = 0;
  /// Whether z is the elementwise product of the rows of the other modes.
  virtual bool canonical() const { return false; }
  /// Numbers that make entries of size about one, or >= 0 with mean about one.
  /// @param without  a part that keeps what it has
  void start(const Random& random, bool positive, int without = -1);
  /// The size of the numbers of part k for that.
  virtual double start_size(int k, bool positive) const = 0;
  virtual std::unique_ptr<Parts> clone() const = 0;

  double value(const Columns& c, Index n, double* z, double* work) const;
  /// All entries of x.
  Array values(const SparseTensor& x) const;

  Shape shape;
  std::vector<Index> width;               ///< numbers in a row of each part
  std::vector<std::vector<double>> data;  ///< rows x width

 protected:
  void allocate();
};

Columns columns_of(const SparseTensor& x);

/// The mode with most indices; the last of those.
int longest(const Shape& shape);

/// Entries that are worth a thread, where each takes so many operations.
inline Index grain_of(Index operations) {
  return std::clamp<Index>(200000 / std::max<Index>(1, operations), 64, 32768);
}

class CanonicalParts final : public Parts {
 public:
  CanonicalParts(Shape s, Index rank);
  void design(int k, const Columns& c, Index n, double* z, double* work) const override;
  Index work_size() const override { return 1; }
  bool canonical() const override { return true; }
  void balance() override;
  double start_size(int k, bool positive) const override;
  std::unique_ptr<Parts> clone() const override { return std::make_unique<CanonicalParts>(*this); }
};

class TuckerParts final : public Parts {
 public:
  TuckerParts(Shape s, std::vector<Index> ranks);
  void design(int k, const Columns& c, Index n, double* z, double* work) const override;
  Index work_size() const override { return size_; }
  double start_size(int k, bool positive) const override;
  std::unique_ptr<Parts> clone() const override { return std::make_unique<TuckerParts>(*this); }
  void balance() override;
  const std::vector<Index>& ranks() const { return ranks_; }

 private:
  std::vector<Index> ranks_;
  Index size_ = 1;
};

class TrainParts final : public Parts {
 public:
  /// @param bonds  ranks between neighbouring modes
  TrainParts(Shape s, std::vector<Index> bonds);
  void design(int k, const Columns& c, Index n, double* z, double* work) const override;
  Index work_size() const override { return 4 * largest_; }
  double start_size(int k, bool positive) const override;
  std::unique_ptr<Parts> clone() const override { return std::make_unique<TrainParts>(*this); }
  void balance() override;
  Index bond(int k) const { return bonds_[static_cast<std::size_t>(k)]; }  ///< before mode k

 private:
  std::vector<Index> bonds_;
  Index largest_ = 1;
};

/// Trains whose ends meet: the trace of a product of matrices.
class RingParts final : public Parts {
 public:
  /// @param bonds  ranks before each mode; the first is also that behind the last
  RingParts(Shape s, std::vector<Index> bonds);
  void design(int k, const Columns& c, Index n, double* z, double* work) const override;
  Index work_size() const override { return 2 * largest_ * largest_; }
  double start_size(int k, bool positive) const override;
  std::unique_ptr<Parts> clone() const override { return std::make_unique<RingParts>(*this); }
  void balance() override;
  /// Before mode k, which may be the order.
  Index bond(int k) const { return bonds_[static_cast<std::size_t>(k) % bonds_.size()]; }

 private:
  std::vector<Index> bonds_;
  Index largest_ = 1;
};

}  // namespace cartan::completion
