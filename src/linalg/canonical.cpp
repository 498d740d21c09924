#include "cartan/linalg/canonical.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "linalg/canonical.hpp"
#include "linalg/format.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {
namespace {

constexpr Index row_block = 64;

Array columns_joined(const Array& a, const Array& b) {
  const Index n = a.dim(0), p = a.dim(1), q = b.dim(1);
  Array out = Array::uninitialized({n, p + q}, a.dtype());
  dispatch_real("canonical", a.dtype(), [&]<class T>(T) {
    T* y = out.mutable_data<T>();
    for (Index i = 0; i < n; ++i) {
      std::copy_n(a.data<T>() + i * p, p, y + i * (p + q));
      std::copy_n(b.data<T>() + i * q, q, y + i * (p + q) + p);
    }
  });
  return out;
}

Canonical scaled(double a, Canonical x) {
  x.weights =
      array_of(product(matrix_of(x.weights, x.rank(), 1), matrix_of(Array::scalar(a, DType::f64), 1, 1)),
               {x.rank()}, x.dtype());
  return x;
}

}  // namespace

Shape Canonical::shape() const {
  Shape s;
  for (const Array& f : factors) s.push_back(f.dim(0));
  return s;
}

void Canonical::check(const char* caller) const {
  require(!factors.empty(), "[", caller, "] a canonical tensor needs a factor");
  check_part(caller, "weights", weights, dtype(), 1);
  for (const Array& f : factors) {
    check_part(caller, "a factor", f, dtype(), 2);
    require(f.dim(1) == rank(), "[", caller, "] a factor of shape ", f.shape(), " for ", rank(), " weights");
  }
}

Array Canonical::full() const {
  check("full");
  const Shape s = shape();
  Array out = Array::zeros(s, dtype());
  if (out.empty() || rank() == 0) return out;
  const Index first = s[0], rest = out.size() / first;
  // Columns of the Khatri-Rao product of the other modes, a block of terms at a time.
  const Index block = std::max<Index>(16, first);
  dispatch_real("full", dtype(), [&]<class T>(T) {
    for (Index begin = 0; begin < rank(); begin += block) {
      const Index terms = std::min(block, rank() - begin);
      const std::vector<T> other = khatri_rao_rows<T>(*this, 1, begin, terms);
      std::vector<T> left(static_cast<std::size_t>(first * terms));
      for (Index i = 0; i < first; ++i)
        for (Index r = 0; r < terms; ++r)
          left[static_cast<std::size_t>(i * terms + r)] =
              factors[0].data<T>()[i * rank() + begin + r] * weights.data<T>()[begin + r];
      gemm<T>(first, rest, terms, {left.data(), terms}, {other.data(), rest}, out.mutable_data<T>(), rest,
              T(1), T(1));
    }
  });
  return out;
}

double Canonical::at(const std::vector<Index>& index) const {
  return entry_at(*this, index);
}

Array Canonical::at(const Array& indices) const {
  check("at");
  const int d = order();
  const Index terms = rank();
  Array out;
  dispatch_real("at", dtype(), [&]<class T>(T) {
    std::vector<const T*> f;
    for (const Array& a : factors) f.push_back(a.data<T>());
    const T* w = weights.data<T>();
    out = entries("at", indices, shape(), dtype(), [&](const Index* index) {
      double sum = 0;
      for (Index r = 0; r < terms; ++r) {
        double term = w[r];
        for (int k = 0; k < d; ++k) term *= f[static_cast<std::size_t>(k)][index[k] * terms + r];
        sum += term;
      }
      return sum;
    });
  });
  return out;
}

void Canonical::save(data::Group& group) const {
  check("save");
  group.attributes["kind"] = std::string("canonical");
  group.set("weights", weights, "", "term");
  for (int k = 0; k < order(); ++k)
    group.set(numbered("factors", k), factors[static_cast<std::size_t>(k)], "", "index term");
}

Canonical Canonical::load(const data::Group& group) {
  load_kind(group, "canonical");
  Canonical x;
  const DType dtype = load_type(group, "weights");
  x.weights = load_part(group, "weights", dtype, {-1});
  for (int k = 0, d = load_count(group, "factors"); k < d; ++k)
    x.factors.push_back(load_part(group, numbered("factors", k), dtype, {-1, x.rank()}));
  return checked_format(group, std::move(x));
}

template <class T>
std::vector<T> khatri_rao_rows(const Canonical& x, int first_mode, Index begin, Index terms) {
  const Index rank = x.rank();
  std::vector<T> rows(static_cast<std::size_t>(terms), T(1));
  Index length = 1;
  for (int k = x.order() - 1; k >= first_mode; --k) {
    const Array& a = x.factors[static_cast<std::size_t>(k)];
    const Index n = a.dim(0);
    std::vector<T> next(static_cast<std::size_t>(terms * n * length));
    parallel_for(terms, 1, [&](Index b, Index e) {
      for (Index r = b; r < e; ++r)
        for (Index i = 0; i < n; ++i) {
          const T v = a.data<T>()[i * rank + begin + r];
          const T* from = rows.data() + r * length;
          T* to = next.data() + (r * n + i) * length;
          for (Index j = 0; j < length; ++j) to[j] = v * from[j];
        }
    });
    rows = std::move(next);
    length *= n;
  }
  return rows;
}
template std::vector<float> khatri_rao_rows(const Canonical&, int, Index, Index);
template std::vector<double> khatri_rao_rows(const Canonical&, int, Index, Index);

namespace {

/// sum_rs u_r v_s prod_k <x_kr, y_ks>, and the sum of the sizes of its terms: what rounding is relative to.
struct Sum {
  double value = 0, size = 0;
};

Sum inner_by_gram(const Canonical& x, const Canonical& y) {
  const Index p = x.rank(), q = y.rank();
  const std::vector<double> u = x.weights.to_vector<double>(), v = y.weights.to_vector<double>();
  std::vector<Matrix> a, b;
  for (std::size_t k = 0; k < x.factors.size(); ++k) {
    a.push_back(matrix_of(x.factors[k]));
    b.push_back(matrix_of(y.factors[k]));
  }
  const Index blocks = (p + row_block - 1) / row_block;
  std::vector<double> values(static_cast<std::size_t>(blocks)), sizes(values);
  parallel_for(blocks, 1, [&](Index first, Index last) {
    for (Index t = first; t < last; ++t) {
      const Index begin = t * row_block, rows = std::min(row_block, p - begin);
      Matrix h(rows, q), g(rows, q);
      std::fill(h.data.begin(), h.data.end(), 1.0);
      for (std::size_t k = 0; k < a.size(); ++k) {
        gemm_serial<double>(rows, q, a[k].rows, {a[k].data.data() + begin, p, true}, b[k].view(),
                            g.data.data(), q);
        for (std::size_t i = 0; i < h.data.size(); ++i) h.data[i] *= g.data[i];
      }
      for (Index r = 0; r < rows; ++r) {
        double sum = 0, size = 0;
        for (Index s = 0; s < q; ++s) {
          const double term = v[static_cast<std::size_t>(s)] * h(r, s);
          sum += term;
          size += std::abs(term);
        }
        values[static_cast<std::size_t>(t)] += u[static_cast<std::size_t>(begin + r)] * sum;
        sizes[static_cast<std::size_t>(t)] += std::abs(u[static_cast<std::size_t>(begin + r)]) * size;
      }
    }
  });
  return {deterministic_sum(values.data(), blocks), deterministic_sum(sizes.data(), blocks)};
}

}  // namespace

double inner(const Canonical& x, const Canonical& y) {
  x.check("inner");
  y.check("inner");
  check_same("inner", x.shape(), y.shape(), x.dtype(), y.dtype());
  return inner_by_gram(x, y).value;
}

double norm(const Canonical& x) {
  x.check("norm");
  if (x.rank() == 0 || size_of(x.shape()) == 0) return 0;
  const Sum square = inner_by_gram(x, x);
  if (!(square.size > 1e-250 && square.size < 1e250)) {  // squares overflow or vanish: weights of 1 and below
    Canonical y{x.weights.as(DType::f64), {}};
    for (const Array& f : x.factors) y.factors.push_back(f.as(DType::f64));
    y = normalized(y);
    const double largest = y.weights.data<double>()[0];  // they are sorted
    require(std::isfinite(largest), "[norm] the norms of the terms overflow; scale the weights");
    if (largest == 0) return 0;
    double* w = y.weights.mutable_data<double>();
    for (Index r = 0; r < y.rank(); ++r) w[r] /= largest;
    return largest * norm(y);
  }
  if (square.value > 1e-6 * square.size) return std::sqrt(square.value);
  const Shape s = x.shape();
  const double entries = static_cast<double>(x.rank()) * static_cast<double>(x.rank()) *
                         static_cast<double>(*std::max_element(s.begin(), s.end()));
  return entries < (1 << 27) ? norm(orthogonal_remainder(x)) : norm(to_tucker(x).tensor);
}

Matrix orthogonal_remainder(const Canonical& x) {
  // X = (Q_1 x ... ) applied to one matrix: after mode k the carried matrix holds, for every term, the
  // coordinates of its first k factors in an orthonormal basis.
  const std::vector<double> w = x.weights.to_vector<double>();
  Matrix carried(1, x.rank());
  carried.data = w;
  for (std::size_t k = 0; k < x.factors.size(); ++k) {
    const Matrix a = matrix_of(x.factors[k]);
    Matrix next(carried.rows * a.rows, a.cols);
    for (Index p = 0; p < carried.rows; ++p)
      for (Index i = 0; i < a.rows; ++i)
        for (Index r = 0; r < a.cols; ++r) next(p * a.rows + i, r) = carried(p, r) * a(i, r);
    if (k + 1 == x.factors.size()) {  // the sum over terms, entry by entry
      Matrix sum(next.rows, 1);
      for (Index i = 0; i < next.rows; ++i)
        for (Index r = 0; r < next.cols; ++r) sum(i, 0) += next(i, r);
      return sum;
    }
    carried = next.rows > next.cols ? qr(next).r : std::move(next);
  }
  return carried;
}

Canonical operator+(const Canonical& x, const Canonical& y) {
  x.check("add");
  y.check("add");
  check_same("add", x.shape(), y.shape(), x.dtype(), y.dtype());
  Canonical z;
  z.weights = columns_joined(x.weights.reshaped({1, -1}), y.weights.reshaped({1, -1})).reshaped({-1});
  for (std::size_t k = 0; k < x.factors.size(); ++k)
    z.factors.push_back(columns_joined(x.factors[k], y.factors[k]));
  return z;
}

Canonical operator*(double a, const Canonical& x) {
  x.check("scale");
  require(std::isfinite(a), "[scale] the factor ", a, " is not finite");
  return scaled(a, x);
}

Canonical operator-(const Canonical& x, const Canonical& y) {
  return x + (-1.0) * y;
}

Canonical hadamard(const Canonical& x, const Canonical& y) {
  x.check("hadamard");
  y.check("hadamard");
  check_same("hadamard", x.shape(), y.shape(), x.dtype(), y.dtype());
  auto rows = [&](const Array& a, const Array& b) {
    const Index n = a.dim(0), p = a.dim(1), q = b.dim(1);
    Array out = Array::uninitialized({n, p * q}, a.dtype());
    dispatch_real("hadamard", a.dtype(), [&]<class T>(T) {
      T* z = out.mutable_data<T>();
      for (Index i = 0; i < n; ++i)
        for (Index r = 0; r < p; ++r)
          for (Index s = 0; s < q; ++s) *z++ = a.data<T>()[i * p + r] * b.data<T>()[i * q + s];
    });
    return out;
  };
  Canonical z;
  z.weights = rows(x.weights.reshaped({1, -1}), y.weights.reshaped({1, -1})).reshaped({-1});
  for (std::size_t k = 0; k < x.factors.size(); ++k) z.factors.push_back(rows(x.factors[k], y.factors[k]));
  return z;
}

Canonical normalized(const Canonical& x) {
  x.check("normalized");
  std::vector<double> w = x.weights.to_vector<double>();
  std::vector<Matrix> f;
  for (const Array& factor : x.factors) {
    f.push_back(matrix_of(factor));
    Matrix& a = f.back();
    const std::vector<double> norms = column_norms(factor);
    std::vector<double> inverse;
    for (std::size_t r = 0; r < w.size(); ++r) {
      w[r] *= norms[r];
      inverse.push_back(norms[r] > 0 ? 1 / norms[r] : 0.0);
    }
    scale_columns(a, inverse);
  }
  std::vector<double> sign;
  for (double& v : w) {
    sign.push_back(v < 0 ? -1.0 : 1.0);
    v = std::abs(v);
  }
  scale_columns(f[0], sign);
  std::vector<Index> order(w.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return w[static_cast<std::size_t>(a)] > w[static_cast<std::size_t>(b)];
  });
  return terms_of(w, f, order, x.dtype());
}

Canonical terms_of(const std::vector<double>& w, const std::vector<Matrix>& f,
                   const std::vector<Index>& chosen, DType dtype) {
  const Index count = static_cast<Index>(chosen.size());
  Matrix weights(1, count);
  for (Index r = 0; r < count; ++r)
    weights(0, r) = w[static_cast<std::size_t>(chosen[static_cast<std::size_t>(r)])];
  Canonical y;
  y.weights = array_of(weights, {count}, dtype);
  for (const Matrix& a : f) {
    Matrix b(a.rows, count);
    for (Index i = 0; i < a.rows; ++i)
      for (Index r = 0; r < count; ++r) b(i, r) = a(i, chosen[static_cast<std::size_t>(r)]);
    y.factors.push_back(array_of(b, dtype));
  }
  return y;
}

namespace {

template <class T>
std::vector<double> norms_of_columns(const T* a, Index rows, std::size_t columns) {
  std::vector<double> largest(columns), scale(columns), sum(columns);
  const T* row = a;
  for (Index i = 0; i < rows; ++i, row += columns)
    for (std::size_t r = 0; r < columns; ++r)
      largest[r] = std::max(largest[r], std::abs(static_cast<double>(row[r])));
  for (std::size_t r = 0; r < columns; ++r)  // no square overflows or vanishes
    scale[r] = largest[r] > 0 ? std::ldexp(1.0, std::clamp(-std::ilogb(largest[r]), -1000, 1000)) : 1.0;
  row = a;
  for (Index i = 0; i < rows; ++i, row += columns)
    for (std::size_t r = 0; r < columns; ++r) {
      const double v = scale[r] * static_cast<double>(row[r]);
      sum[r] += v * v;
    }
  for (std::size_t r = 0; r < columns; ++r) sum[r] = std::sqrt(sum[r]) / scale[r];
  return sum;
}

}  // namespace

std::vector<double> column_norms(const Matrix& a) {
  return norms_of_columns(a.data.data(), a.rows, static_cast<std::size_t>(a.cols));
}

std::vector<double> column_norms(const Array& a) {
  std::vector<double> norms;
  dispatch_real("column_norms", a.dtype(), [&]<class T>(T) {
    norms = norms_of_columns(a.data<T>(), a.dim(0), static_cast<std::size_t>(a.dim(1)));
  });
  return norms;
}

Result<Canonical> round(const Canonical& x, double tolerance) {
  require(tolerance >= 0 && tolerance < 1, "[round] tolerance ", tolerance, " is not in [0, 1)");
  const double size = norm(x);
  Canonical y = normalized(x);
  const std::vector<double> w = y.weights.to_vector<double>();
  Index keep = y.rank();
  double dropped = 0;
  while (keep > 1 && dropped + w[static_cast<std::size_t>(keep - 1)] <= tolerance * size)
    dropped += w[static_cast<std::size_t>(--keep)];
  std::vector<Index> kept(static_cast<std::size_t>(keep));
  std::iota(kept.begin(), kept.end(), Index{0});
  std::vector<Matrix> f;
  for (const Array& a : y.factors) f.push_back(matrix_of(a));
  Result<Canonical> result{terms_of(w, f, kept, x.dtype()), {}};
  result.report.ranks = {keep};
  result.report.method = "smallest terms left out";
  result.report.relative_error = size > 0 ? dropped / size : 0;
  result.report.error_kind = ErrorKind::bound;
  return result;
}

}  // namespace cartan::linalg
