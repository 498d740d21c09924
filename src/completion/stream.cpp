// Canonical models of data that keep coming.
#include <algorithm>
#include <cmath>

#include "cartan/completion/low_rank.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/normal.hpp"

namespace cartan::completion {
namespace {

// sum of z z^T and y z over entry n for every row of mode k that has one
struct Sums {
  std::vector<Index> rows;
  std::vector<double> gram, right;  // (rows R R), (rows R)
};

Sums sums_of(const SparseTensor& x, int k, const std::vector<std::vector<double>>& factor, Index rank) {
  Sums s;
  std::vector<Index> place(static_cast<std::size_t>(x.shape()[static_cast<std::size_t>(k)]), -1);
  for (const std::int32_t i : x.index(k))
    if (place[static_cast<std::size_t>(i)] < 0) {
      place[static_cast<std::size_t>(i)] = 0;
      s.rows.push_back(i);
    }
  std::sort(s.rows.begin(), s.rows.end());
  for (std::size_t p = 0; p < s.rows.size(); ++p)
    place[static_cast<std::size_t>(s.rows[p])] = static_cast<Index>(p);
  s.gram.assign(s.rows.size() * static_cast<std::size_t>(rank * rank), 0.0);
  s.right.assign(s.rows.size() * static_cast<std::size_t>(rank), 0.0);
  std::vector<double> z(static_cast<std::size_t>(rank));
  for (Index n = 0; n < x.size(); ++n) {
    std::fill(z.begin(), z.end(), 1.0);
    for (int j = 0; j < x.order(); ++j)
      if (j != k)
        for (Index r = 0; r < rank; ++r)
          z[static_cast<std::size_t>(r)] *=
              factor[static_cast<std::size_t>(j)][static_cast<std::size_t>(x.index(j)[n] * rank + r)];
    const Index p = place[static_cast<std::size_t>(x.index(k)[n])];
    double *g = s.gram.data() + p * rank * rank, *b = s.right.data() + p * rank;
    for (Index r = 0; r < rank; ++r) {
      b[r] += x.values()[n] * z[static_cast<std::size_t>(r)];
      for (Index q = 0; q <= r; ++q)
        g[r * rank + q] += z[static_cast<std::size_t>(r)] * z[static_cast<std::size_t>(q)];
    }
  }
  return s;
}

}  // namespace

CanonicalStream::CanonicalStream(const linalg::Canonical& start, const SparseTensor& seen, double ridge,
                                 double forget)
    : rank_(start.rank()), ridge_(ridge), forget_(forget) {
  start.check("CanonicalStream");
  require(ridge > 0 && forget > 0 && forget <= 1, "[CanonicalStream] ridge ", ridge, ", forget ", forget,
          "; expected a positive ridge and 0 < forget <= 1");
  require(start.order() == seen.order(), "[CanonicalStream] entries of order ", seen.order(),
          " for a tensor of order ", start.order());
  const std::vector<double> w = start.weights.to_vector<double>();
  const double share = 1.0 / start.order();
  for (int k = 0; k < start.order(); ++k) {
    std::vector<double> a = start.factors[static_cast<std::size_t>(k)].to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double weight = w[i % static_cast<std::size_t>(rank_)];
      a[i] *= std::pow(std::abs(weight), share) * (weight < 0 && k == 0 ? -1 : 1);
    }
    factor_.push_back(std::move(a));
  }
  shape_ = start.shape();
  gram_.resize(shape_.size()), right_.resize(shape_.size());
  Shape larger;
  for (std::size_t k = 0; k < shape_.size(); ++k) larger.push_back(std::max(shape_[k], seen.shape()[k]));
  grow(larger);
  const SparseTensor x = seen.resized(shape_);
  for (int k = 0; k < x.order(); ++k) {
    const Sums s = sums_of(x, k, factor_, rank_);
    for (std::size_t p = 0; p < s.rows.size(); ++p) {
      std::copy_n(s.gram.begin() + static_cast<Index>(p) * rank_ * rank_, rank_ * rank_,
                  gram_[static_cast<std::size_t>(k)].begin() + s.rows[p] * rank_ * rank_);
      std::copy_n(s.right.begin() + static_cast<Index>(p) * rank_, rank_,
                  right_[static_cast<std::size_t>(k)].begin() + s.rows[p] * rank_);
    }
  }
}

void CanonicalStream::grow(const Shape& shape) {
  for (std::size_t k = 0; k < shape.size(); ++k) {
    shape_[k] = shape[k];
    factor_[k].resize(static_cast<std::size_t>(shape[k] * rank_), 0.0);
    gram_[k].resize(static_cast<std::size_t>(shape[k] * rank_ * rank_), 0.0);
    right_[k].resize(static_cast<std::size_t>(shape[k] * rank_), 0.0);
  }
}

double CanonicalStream::value(const SparseTensor& x, Index n) const {
  double sum = 0;
  for (Index r = 0; r < rank_; ++r) {
    double p = 1;
    for (int k = 0; k < x.order(); ++k)
      p *= factor_[static_cast<std::size_t>(k)][static_cast<std::size_t>(x.index(k)[n] * rank_ + r)];
    sum += p;
  }
  return sum;
}

double CanonicalStream::update(const SparseTensor& fresh, int sweeps) {
  require(fresh.order() == static_cast<int>(shape_.size()) && !fresh.empty(), "[CanonicalStream] ",
          fresh.size(), " entries of order ", fresh.order(), " for a tensor of order ", shape_.size());
  require(sweeps >= 1, "[CanonicalStream] ", sweeps, " sweeps");
  Shape larger;
  std::vector<Index> before = shape_;
  for (std::size_t k = 0; k < shape_.size(); ++k) larger.push_back(std::max(shape_[k], fresh.shape()[k]));
  grow(larger);
  const SparseTensor x = fresh.resized(shape_);
  double square = 0;
  for (Index n = 0; n < x.size(); ++n) square += std::pow(x.values()[n] - value(x, n), 2);
  // a row never seen starts at the mean of the others, or its zeros would keep the rows it meets from moving
  for (std::size_t k = 0; k < shape_.size(); ++k)
    for (Index i = before[k]; i < shape_[k]; ++i)
      for (Index r = 0; r < rank_; ++r) {
        double mean = 0;
        for (Index j = 0; j < before[k]; ++j) mean += factor_[k][static_cast<std::size_t>(j * rank_ + r)];
        factor_[k][static_cast<std::size_t>(i * rank_ + r)] =
            mean / static_cast<double>(std::max<Index>(1, before[k]));
      }
  std::vector<double> l(static_cast<std::size_t>(rank_ * rank_));
  for (int sweep = 0; sweep < sweeps; ++sweep)
    for (int k = 0; k < x.order(); ++k) {
      const Sums s = sums_of(x, k, factor_, rank_);
      const bool last = sweep + 1 == sweeps;
      auto &gram = gram_[static_cast<std::size_t>(k)], &right = right_[static_cast<std::size_t>(k)];
      for (std::size_t p = 0; p < s.rows.size(); ++p) {
        const Index i = s.rows[p];
        double *g = gram.data() + i * rank_ * rank_, *b = right.data() + i * rank_,
               *u = factor_[static_cast<std::size_t>(k)].data() + i * rank_;
        for (Index q = 0; q < rank_ * rank_; ++q)
          l[static_cast<std::size_t>(q)] =
              forget_ * g[q] +
              s.gram[p * static_cast<std::size_t>(rank_ * rank_) + static_cast<std::size_t>(q)];
        for (Index r = 0; r < rank_; ++r)
          u[r] = forget_ * b[r] + s.right[p * static_cast<std::size_t>(rank_) + static_cast<std::size_t>(r)];
        if (last) std::copy_n(l.data(), rank_ * rank_, g), std::copy_n(u, rank_, b);
        for (Index r = 0; r < rank_; ++r) l[static_cast<std::size_t>(r * rank_ + r)] += ridge_;
        require(cholesky_in_place(l.data(), rank_, rank_), "[CanonicalStream] the equations of row ", i,
                " of mode ", k, " are singular; a larger ridge helps");
        solve_in_place(l.data(), rank_, rank_, u);
      }
    }
  return std::sqrt(square / static_cast<double>(x.size()));
}

linalg::Canonical CanonicalStream::tensor() const {
  linalg::Canonical x;
  x.weights = Array::full({rank_}, 1, DType::f64);
  for (std::size_t k = 0; k < shape_.size(); ++k)
    x.factors.push_back(Array::from(factor_[k], {shape_[k], rank_}));
  return normalized(x);
}

}  // namespace cartan::completion
