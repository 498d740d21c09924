#include "cartan/linalg/tensor_train.hpp"

#include <cmath>

#include "cartan/linalg/hosvd.hpp"
#include "linalg/format.hpp"
#include "linalg/hosvd.hpp"
#include "linalg/tensor_train.hpp"

namespace cartan::linalg {

Shape TensorTrain::shape() const {
  Shape s;
  for (const Array& c : cores) s.push_back(c.dim(1));
  return s;
}

std::vector<Index> TensorTrain::ranks() const {
  std::vector<Index> r;
  for (std::size_t k = 1; k < cores.size(); ++k) r.push_back(cores[k].dim(0));
  return r;
}

void TensorTrain::check(const char* caller) const {
  require(!cores.empty(), "[", caller, "] a tensor train needs a core");
  for (const Array& c : cores) check_part(caller, "a core", c, dtype(), 3);
  for (std::size_t k = 0; k < cores.size(); ++k) {
    const Index before = k == 0 ? 1 : cores[k - 1].dim(2);
    require(cores[k].dim(0) == before && (k + 1 < cores.size() || cores[k].dim(2) == 1), "[", caller,
            "] core ", k, " of shape ", cores[k].shape(),
            " does not fit its neighbours; the outer ranks are 1");
  }
}

Train wide_train(const TensorTrain& x) {
  Train t;
  for (const Array& c : x.cores) t.push_back({matrix_of(c, c.dim(0) * c.dim(1), c.dim(2)), c.dim(1)});
  return t;
}

TensorTrain narrow_train(const Train& t, DType dtype) {
  TensorTrain x;
  for (const Core& c : t)
    x.cores.push_back(array_of(c.m, {c.m.rows / std::max<Index>(1, c.n), c.n, c.m.cols}, dtype));
  return x;
}

namespace {

/// The core as r_{k-1} x (n r_k).
Matrix flat(const Core& c, Index before) {
  return reshaped(c.m, before, c.n * c.m.cols);
}

void push_right(Train& t, std::size_t k) {
  QR f = qr(t[k].m);
  const Index before = t[k].m.cols;
  t[k].m = std::move(f.q);
  Core& next = t[k + 1];
  const Index columns = next.m.cols;
  next.m = reshaped(product(f.r, flat(next, before)), f.r.rows * next.n, columns);
}

void push_left(Train& t, std::size_t k) {
  const Index before = t[k - 1].m.cols, after = t[k].m.cols;
  const QR f = qr(transposed(flat(t[k], before)));  // core = R^T Q^T
  t[k].m = reshaped(transposed(f.q), f.q.cols * t[k].n, after);
  t[k - 1].m = product(t[k - 1].m, f.r, false, true);
}

}  // namespace

void orthogonalize(Train& t, int center) {
  for (std::size_t k = 0; k < static_cast<std::size_t>(center); ++k) push_right(t, k);
  for (std::size_t k = t.size() - 1; k > static_cast<std::size_t>(center); --k) push_left(t, k);
}

Rounding truncate(Train& t, double tolerance, const std::vector<Index>& max_ranks) {
  const std::size_t d = t.size();
  Rounding out;
  out.norm = norm(t[d - 1].m);
  if (out.norm > 0)  // no square overflows or vanishes
    for (double& e : t[d - 1].m.data) e /= out.norm;
  // With the centre behind, what an SVD drops is orthogonal to all that was dropped before: squares add.
  for (std::size_t k = d - 1; k > 0; --k) {
    const Index before = t[k - 1].m.cols, after = t[k].m.cols;
    const SVD f = svd(flat(t[k], before));
    const double budget = std::max(0.0, tolerance * tolerance - out.lost) / static_cast<double>(k);
    Index rank = rank_of(f.s, std::sqrt(budget));
    if (!max_ranks.empty()) rank = std::min(rank, max_ranks[k - 1]);
    rank = std::min<Index>(rank, static_cast<Index>(f.s.size()));
    out.lost += std::pow(tail(f.s, rank), 2);
    Matrix us = first_columns(f.u, rank);
    scale_columns(us, f.s);
    t[k - 1].m = product(t[k - 1].m, us);
    t[k].m = reshaped(transposed(first_columns(f.v, rank)), rank * t[k].n, after);
  }
  for (double& e : t[0].m.data) e *= out.norm;
  return out;
}

Array TensorTrain::full() const {
  check("full");
  Array out;
  const Shape s = shape();
  if (size_of(s) == 0) return Array::zeros(s, dtype());
  dispatch_real("full", dtype(), [&]<class T>(T) {
    Array x = cores[0].reshaped({cores[0].dim(1), cores[0].dim(2)});
    for (std::size_t k = 1; k < cores.size(); ++k) {
      const Index rows = x.dim(0), inner = x.dim(1), columns = cores[k].dim(1) * cores[k].dim(2);
      Array y = Array::zeros({rows, columns}, dtype());
      if (inner > 0)
        gemm<T>(rows, columns, inner, {x.data<T>(), inner}, {cores[k].data<T>(), columns},
                y.mutable_data<T>(), columns);
      x = y.reshaped({rows * cores[k].dim(1), cores[k].dim(2)});
    }
    out = x.reshaped(s);
  });
  return out;
}

double TensorTrain::at(const std::vector<Index>& index) const {
  return entry_at(*this, index);
}

Array TensorTrain::at(const Array& indices) const {
  check("at");
  Array out;
  dispatch_real("at", dtype(), [&]<class T>(T) {
    std::vector<const T*> c;
    for (const Array& a : cores) c.push_back(a.data<T>());
    out = entries("at", indices, shape(), dtype(), [&](const Index* index) {
      thread_local std::vector<double> row, next;
      row.assign(1, 1.0);
      for (std::size_t k = 0; k < cores.size(); ++k) {
        const Index n = cores[k].dim(1), after = cores[k].dim(2);
        next.assign(static_cast<std::size_t>(after), 0.0);
        for (std::size_t a = 0; a < row.size(); ++a) {
          const T* from = c[k] + (static_cast<Index>(a) * n + index[k]) * after;
          for (Index b = 0; b < after; ++b)
            next[static_cast<std::size_t>(b)] += row[a] * static_cast<double>(from[b]);
        }
        row.swap(next);
      }
      return row[0];
    });
  });
  return out;
}

void TensorTrain::save(data::Group& group) const {
  check("save");
  group.attributes["kind"] = std::string("tensor train");
  for (int k = 0; k < order(); ++k)
    group.set(numbered("cores", k), cores[static_cast<std::size_t>(k)], "", "rank index rank");
}

TensorTrain TensorTrain::load(const data::Group& group) {
  load_kind(group, "tensor train");
  TensorTrain x;
  const int d = load_count(group, "cores");
  const DType dtype = load_type(group, "cores/0");
  Index before = 1;
  for (int k = 0; k < d; ++k) {
    x.cores.push_back(load_part(group, numbered("cores", k), dtype, {before, -1, k + 1 == d ? 1 : -1}));
    before = x.cores.back().dim(2);
  }
  return checked_format(group, std::move(x));
}

TensorTrain orthogonalized(const TensorTrain& x, int center) {
  x.check("orthogonalized");
  require(center >= 0 && center < x.order(), "[orthogonalized] centre ", center, " of a train of order ",
          x.order());
  Train t = wide_train(x);
  orthogonalize(t, center);
  return narrow_train(t, x.dtype());
}

double norm(const TensorTrain& x) {
  x.check("norm");
  Train t = wide_train(x);
  orthogonalize(t, x.order() - 1);
  return norm(t.back().m);
}

double inner(const TensorTrain& x, const TensorTrain& y) {
  x.check("inner");
  y.check("inner");
  check_same("inner", x.shape(), y.shape(), x.dtype(), y.dtype());
  const Train a = wide_train(x), b = wide_train(y);
  Matrix m = identity(1);  // sum over all indices so far, of the bonds of x and y
  for (std::size_t k = 0; k < a.size(); ++k) {
    const Index after = b[k].m.cols;
    const Matrix half = reshaped(product(m, flat(b[k], m.cols)), m.rows * b[k].n, after);
    m = product(a[k].m, half, true, false);
  }
  return m(0, 0);
}

namespace {

/// Core by core: block-diagonal for sums, Kronecker for products.
template <class Fill>
TensorTrain joined(const char* caller, const TensorTrain& x, const TensorTrain& y, bool sum,
                   const Fill& fill) {
  x.check(caller);
  y.check(caller);
  check_same(caller, x.shape(), y.shape(), x.dtype(), y.dtype());
  TensorTrain z;
  const int d = x.order();
  for (int k = 0; k < d; ++k) {
    const Array &a = x.cores[static_cast<std::size_t>(k)], &b = y.cores[static_cast<std::size_t>(k)];
    auto extent = [&](int axis, bool edge) {
      return !sum ? a.dim(axis) * b.dim(axis) : edge ? 1 : a.dim(axis) + b.dim(axis);
    };
    Array c = Array::zeros({extent(0, k == 0), a.dim(1), extent(2, k + 1 == d)}, x.dtype());
    dispatch_real(caller, x.dtype(), [&]<class T>(T) {
      fill(a.data<T>(), a.shape(), b.data<T>(), b.shape(), c.mutable_data<T>(), c.shape());
    });
    z.cores.push_back(std::move(c));
  }
  return z;
}

}  // namespace

TensorTrain operator+(const TensorTrain& x, const TensorTrain& y) {
  return joined("add", x, y, true,
                [](const auto* a, const Shape& s, const auto* b, const Shape& t, auto* c, const Shape& u) {
                  // Where an edge has rank 1 both blocks share it, and add where they meet (order 1).
                  auto place = [&](const auto* from, const Shape& v, Index row, Index column) {
                    for (Index p = 0; p < v[0]; ++p)
                      for (Index i = 0; i < v[1]; ++i)
                        for (Index q = 0; q < v[2]; ++q)
                          c[((p + row) * u[1] + i) * u[2] + q + column] += from[(p * v[1] + i) * v[2] + q];
                  };
                  place(a, s, 0, 0);
                  place(b, t, u[0] == s[0] + t[0] ? s[0] : 0, u[2] == s[2] + t[2] ? s[2] : 0);
                });
}

TensorTrain operator*(double a, const TensorTrain& x) {
  x.check("scale");
  require(std::isfinite(a), "[scale] the factor ", a, " is not finite");
  Train t = wide_train(x);
  for (double& v : t[0].m.data) v *= a;
  TensorTrain y = x;
  y.cores[0] = array_of(t[0].m, x.cores[0].shape(), x.dtype());
  return y;
}

TensorTrain operator-(const TensorTrain& x, const TensorTrain& y) {
  return x + (-1.0) * y;
}

TensorTrain hadamard(const TensorTrain& x, const TensorTrain& y) {
  return joined("hadamard", x, y, false,
                [](const auto* a, const Shape& s, const auto* b, const Shape& t, auto* c, const Shape&) {
                  for (Index p = 0; p < s[0]; ++p)
                    for (Index q = 0; q < t[0]; ++q)
                      for (Index i = 0; i < s[1]; ++i)
                        for (Index u = 0; u < s[2]; ++u)
                          for (Index v = 0; v < t[2]; ++v)
                            *c++ = a[(p * s[1] + i) * s[2] + u] * b[(q * t[1] + i) * t[2] + v];
                });
}

Result<TensorTrain> round(const TensorTrain& x, double tolerance, const std::vector<Index>& max_ranks) {
  x.check("round");
  check_ranks("round", x.shape(), tolerance, max_ranks);
  Train t = wide_train(x);
  orthogonalize(t, x.order() - 1);
  return finish_train(t, tolerance, max_ranks, x.dtype());
}

void check_ranks(const char* caller, const Shape& shape, double tolerance,
                 const std::vector<Index>& max_ranks) {
  require(tolerance >= 0 && tolerance < 1, "[", caller, "] tolerance ", tolerance, " is not in [0, 1)");
  require(max_ranks.empty() || max_ranks.size() + 1 == shape.size(), "[", caller, "] ", max_ranks.size(),
          " ranks for the ", shape.size() - 1, " bonds of a train of order ", shape.size());
  for (Index r : max_ranks) require(r >= 1, "[", caller, "] rank ", r, "; ranks start at 1");
}

Result<TensorTrain> finish_train(Train& t, double tolerance, const std::vector<Index>& max_ranks,
                                 DType dtype) {
  Shape shape;
  for (const Core& c : t) shape.push_back(c.n);
  const double floor = rounding_floor(dtype, shape);
  const Rounding done = truncate(t, std::max(tolerance, floor), max_ranks);
  Result<TensorTrain> result{narrow_train(t, dtype), {}};
  result.report.ranks = result.tensor.ranks();
  result.report.method = "svd";
  HosvdOptions asked;
  asked.tolerance = tolerance;
  asked.ranks = max_ranks;
  finish_report(result.report, std::sqrt(done.lost), asked, floor);
  return result;
}

}  // namespace cartan::linalg
