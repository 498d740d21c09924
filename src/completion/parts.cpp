#include "completion/parts.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"
#include "completion/few_terms.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

Columns columns_of(const SparseTensor& x) {
  Columns c;
  for (int k = 0; k < x.order(); ++k) c.push_back(x.index(k).data());
  return c;
}

int longest(const Shape& shape) {
  int k = 0;
  for (int j = 1; j < static_cast<int>(shape.size()); ++j)
    if (shape[static_cast<std::size_t>(j)] >= shape[static_cast<std::size_t>(k)]) k = j;
  return k;
}

void Parts::allocate() {
  data.clear();
  for (int k = 0; k < count(); ++k)
    data.emplace_back(static_cast<std::size_t>(rows(k) * width[static_cast<std::size_t>(k)]), 0.0);
}

double Parts::value(const Columns& c, Index n, double* z, double* work) const {
  design(0, c, n, z, work);
  const double* u = row(0, row_of(0, c, n));
  double sum = 0;
  for (Index r = 0; r < width[0]; ++r) sum += z[r] * u[r];
  return sum;
}

Array Parts::values(const SparseTensor& x) const {
  Array out = Array::uninitialized({x.size()}, DType::f64);
  double* y = out.mutable_data<double>();
  const Columns c = columns_of(x);
  if (FewTerms::fits(*this)) {
    const FewTerms terms(*this, c);
    parallel_for(x.size(), 16384, [&](Index b, Index e) {
      for (Index n = b; n < e; ++n) y[n] = terms.value(n);
    });
    return out;
  }
  parallel_for(x.size(), grain_of(4 * (width[0] + work_size())), [&](Index b, Index e) {
    Scratch<double> z(width[0]), work(work_size());
    for (Index n = b; n < e; ++n) y[n] = value(c, n, z.data(), work.data());
  });
  return out;
}

void Parts::start(const Random& random, bool positive, int without) {
  for (int k = 0; k < count(); ++k) {
    if (k == without) continue;
    const double size = start_size(k, positive);
    auto index = static_cast<std::uint64_t>(k) << 40;
    for (double& v : data[static_cast<std::size_t>(k)]) {
      v = size * (positive ? 2 * random.uniform(index) : random.normal(index));
      ++index;
    }
  }
}

namespace {

// Numbers first, first + step, .. of blocks of `length` that lie `stride` apart.
struct Slice {
  std::vector<double>& data;
  std::size_t first, length, step, stride;
  template <class F>
  void each(const F& f) const {
    for (std::size_t block = first; block < data.size(); block += stride)
      for (std::size_t i = 0; i < length; ++i) f(data[block + i * step]);
  }
  double square() const {
    double q = 0;
    each([&](double v) { q += v * v; });
    return q;
  }
  void scale(double by) const {
    each([&](double& v) { v *= by; });
  }
};

// One slice times s, the other over s, with the least sum of squares.
void balance_pair(const Slice& a, const Slice& b) {
  const double p = a.square(), q = b.square();
  if (!(p > 0 && q > 0)) return;
  const double s = std::pow(q / p, 0.25);
  a.scale(s), b.scale(1 / s);
}

// Neighbouring cores, rows r x q, over the bond between them.
void balance_bond(std::vector<double>& left, Index before, std::vector<double>& right, Index bond,
                  Index after) {
  for (Index b = 0; b < bond; ++b)
    balance_pair({left, static_cast<std::size_t>(b), static_cast<std::size_t>(before),
                  static_cast<std::size_t>(bond), static_cast<std::size_t>(before * bond)},
                 {right, static_cast<std::size_t>(b * after), static_cast<std::size_t>(after), 1,
                  static_cast<std::size_t>(bond * after)});
}

}  // namespace

CanonicalParts::CanonicalParts(Shape s, Index rank) {
  shape = std::move(s);
  width.assign(shape.size(), rank);
  allocate();
}

void CanonicalParts::design(int k, const Columns& c, Index n, double* z, double*) const {
  const Index rank = width[0];
  bool first = true;
  for (int j = 0; j < order(); ++j) {
    if (j == k) continue;
    const double* u = row(j, c[static_cast<std::size_t>(j)][n]);
    if (first)
      std::copy_n(u, rank, z);
    else
      for (Index r = 0; r < rank; ++r) z[r] *= u[r];
    first = false;
  }
  if (first) std::fill_n(z, rank, 1.0);
}

// A product of `order` numbers and a sum of `terms` of them is to be about one.
double CanonicalParts::start_size(int, bool positive) const {
  return std::pow(static_cast<double>(width[0]), (positive ? -1.0 : -0.5) / order());
}

void CanonicalParts::balance() {
  const auto rank = static_cast<std::size_t>(width[0]);
  for (std::size_t r = 0; r < rank; ++r) {
    double sum = 0;
    std::vector<double> norms;
    for (auto& a : data) {
      norms.push_back(std::sqrt(Slice{a, r, 1, 1, rank}.square()));
      sum += std::log(norms.back()) / order();
    }
    if (!std::isfinite(sum)) continue;  // a term that is zero
    for (std::size_t k = 0; k < data.size(); ++k)
      Slice{data[k], r, 1, 1, rank}.scale(std::exp(sum) / norms[k]);
  }
}

TuckerParts::TuckerParts(Shape s, std::vector<Index> ranks) : ranks_(std::move(ranks)) {
  shape = std::move(s);
  width = ranks_;
  for (const Index r : ranks_) size_ *= r;
  width.push_back(size_);
  allocate();
}

void TuckerParts::design(int k, const Columns& c, Index n, double* z, double* work) const {
  const int d = order();
  if (k == d) {  // the outer product of the rows
    z[0] = 1;
    Index size = 1;
    for (int j = 0; j < d; ++j) {
      const double* u = row(j, c[static_cast<std::size_t>(j)][n]);
      const Index r = ranks_[static_cast<std::size_t>(j)];
      for (Index i = size; i-- > 0;) {  // from the end: in place
        const double v = z[i];
        for (Index a = r; a-- > 0;) z[i * r + a] = v * u[a];
      }
      size *= r;
    }
    return;
  }
  const double* from = data.back().data();
  Index size = size_;
  for (int j = d - 1; j > k; --j) {  // the last mode of what is left
    const Index r = ranks_[static_cast<std::size_t>(j)], left = size / r;
    const double* u = row(j, c[static_cast<std::size_t>(j)][n]);
    for (Index i = 0; i < left; ++i) {
      double sum = 0;
      for (Index a = 0; a < r; ++a) sum += from[i * r + a] * u[a];
      work[i] = sum;
    }
    from = work, size = left;
  }
  for (int j = 0; j < k; ++j) {  // the first one
    const Index r = ranks_[static_cast<std::size_t>(j)], left = size / r;
    const double* u = row(j, c[static_cast<std::size_t>(j)][n]);
    for (Index i = 0; i < left; ++i) {
      double sum = 0;
      for (Index a = 0; a < r; ++a) sum += from[a * left + i] * u[a];
      work[i] = sum;
    }
    from = work, size = left;
  }
  std::copy_n(from, size, z);
}

double TuckerParts::start_size(int, bool positive) const {
  return std::pow(static_cast<double>(size_), (positive ? -1.0 : -0.5) / count());
}

void TuckerParts::balance() {
  std::size_t behind = static_cast<std::size_t>(size_);
  for (std::size_t k = 0; k < ranks_.size(); ++k) {
    const auto r = static_cast<std::size_t>(ranks_[k]);
    behind /= r;
    for (std::size_t a = 0; a < r; ++a)
      balance_pair({data[k], a, 1, 1, r}, {data.back(), a * behind, behind, 1, r * behind});
  }
}

TrainParts::TrainParts(Shape s, std::vector<Index> bonds) : bonds_(std::move(bonds)) {
  shape = std::move(s);
  bonds_.insert(bonds_.begin(), 1);
  bonds_.push_back(1);
  for (std::size_t k = 0; k + 1 < bonds_.size(); ++k) width.push_back(bonds_[k] * bonds_[k + 1]);
  largest_ = *std::max_element(bonds_.begin(), bonds_.end());
  allocate();
}

void TrainParts::design(int k, const Columns& c, Index n, double* z, double* work) const {
  double *left = work, *right = work + largest_, *next = work + 2 * largest_;
  left[0] = 1;
  for (int j = 0; j < k; ++j) {
    const Index p = bond(j), q = bond(j + 1);
    const double* g = row(j, c[static_cast<std::size_t>(j)][n]);
    std::fill_n(next, q, 0.0);
    for (Index a = 0; a < p; ++a)
      for (Index b = 0; b < q; ++b) next[b] += left[a] * g[a * q + b];
    std::copy_n(next, q, left);
  }
  right[0] = 1;
  for (int j = order() - 1; j > k; --j) {
    const Index p = bond(j), q = bond(j + 1);
    const double* g = row(j, c[static_cast<std::size_t>(j)][n]);
    for (Index a = 0; a < p; ++a) {
      double sum = 0;
      for (Index b = 0; b < q; ++b) sum += g[a * q + b] * right[b];
      next[a] = sum;
    }
    std::copy_n(next, p, right);
  }
  const Index p = bond(k), q = bond(k + 1);
  for (Index a = 0; a < p; ++a)
    for (Index b = 0; b < q; ++b) z[a * q + b] = left[a] * right[b];
}

double TrainParts::start_size(int k, bool positive) const {
  const double terms = static_cast<double>(bond(k + 1));
  return positive ? 1 / terms : 1 / std::sqrt(terms);
}

void TrainParts::balance() {
  for (int k = 0; k + 1 < order(); ++k)
    balance_bond(data[static_cast<std::size_t>(k)], bond(k), data[static_cast<std::size_t>(k) + 1],
                 bond(k + 1), bond(k + 2));
}

RingParts::RingParts(Shape s, std::vector<Index> bonds) : bonds_(std::move(bonds)) {
  shape = std::move(s);
  for (int k = 0; k < order(); ++k) width.push_back(bond(k) * bond(k + 1));
  largest_ = *std::max_element(bonds_.begin(), bonds_.end());
  allocate();
}

// The entry is trace(g m) with m the product of the matrices of the other modes, those behind k first.
void RingParts::design(int k, const Columns& c, Index n, double* z, double* work) const {
  const int d = order();
  double *m = work, *next = work + largest_ * largest_;
  const Index rows = bond(k + 1);
  Index columns = rows;
  std::fill_n(m, rows * rows, 0.0);
  for (Index a = 0; a < rows; ++a) m[a * rows + a] = 1;
  for (int step = 1; step < d; ++step) {
    const int j = (k + step) % d;
    const Index after = bond(j + 1);
    const double* g = row(j, c[static_cast<std::size_t>(j)][n]);
    std::fill_n(next, rows * after, 0.0);
    for (Index a = 0; a < rows; ++a)
      for (Index p = 0; p < columns; ++p)
        for (Index b = 0; b < after; ++b) next[a * after + b] += m[a * columns + p] * g[p * after + b];
    std::swap(m, next);
    columns = after;
  }
  for (Index a = 0; a < columns; ++a)
    for (Index b = 0; b < rows; ++b) z[a * rows + b] = m[b * columns + a];
}

double RingParts::start_size(int k, bool positive) const {
  const double terms = static_cast<double>(bond(k + 1));
  return positive ? 1 / terms : 1 / std::sqrt(terms);
}

void RingParts::balance() {
  for (int k = 0; k < order(); ++k)
    balance_bond(data[static_cast<std::size_t>(k)], bond(k),
                 data[static_cast<std::size_t>(k + 1) % data.size()], bond(k + 1), bond((k + 2) % order()));
}

}  // namespace cartan::completion
