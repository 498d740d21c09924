#include "cartan/linalg/tucker.hpp"

#include <cmath>

#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "linalg/format.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {
namespace {

std::size_t at_index(int k) {
  return static_cast<std::size_t>(k);
}

/// The tensor in float64: sums of small things are formed there.
Tucker wide(const Tucker& x) {
  Tucker y{x.core.as(DType::f64), {}};
  for (const Array& a : x.factors) y.factors.push_back(a.as(DType::f64));
  return y;
}

Tucker narrow(Tucker x, DType dtype) {
  x.core = x.core.as(dtype);
  for (Array& a : x.factors) a = a.as(dtype);
  return x;
}

}  // namespace

Shape Tucker::shape() const {
  Shape s;
  for (const Array& f : factors) s.push_back(f.dim(0));
  return s;
}

void Tucker::check(const char* caller) const {
  require(!factors.empty(), "[", caller, "] a Tucker tensor needs a factor");
  check_part(caller, "the core", core, dtype(), order());
  for (int k = 0; k < order(); ++k) {
    const Array& f = factors[at_index(k)];
    check_part(caller, "a factor", f, dtype(), 2);
    require(f.dim(1) == core.dim(k), "[", caller, "] factor ", k, " of shape ", f.shape(), " for a core ",
            core.shape());
  }
}

Array Tucker::full() const {
  check("full");
  return mode_products(core, factors);
}

double Tucker::at(const std::vector<Index>& index) const {
  return entry_at(*this, index);
}

Array Tucker::at(const Array& indices) const {
  check("at");
  const int d = order();
  Array out;
  dispatch_real("at", dtype(), [&]<class T>(T) {
    std::vector<const T*> f;
    for (const Array& a : factors) f.push_back(a.data<T>());
    const T* g = core.data<T>();
    const Shape r = core.shape();
    const Index total = core.size();
    out = entries("at", indices, shape(), dtype(), [&](const Index* index) {
      // Contract the last mode of the core, then the last of what is left.
      thread_local std::vector<double> left;
      left.assign(g, g + total);
      Index size = total;
      for (int k = d - 1; k >= 0; --k) {
        const Index n = r[at_index(k)], rows = n > 0 ? size / n : 0;
        const T* row = f[at_index(k)] + index[k] * n;
        for (Index i = 0; i < rows; ++i) {
          double sum = 0;
          for (Index a = 0; a < n; ++a) sum += left[static_cast<std::size_t>(i * n + a)] * row[a];
          left[static_cast<std::size_t>(i)] = sum;
        }
        size = rows;
      }
      return total > 0 ? left[0] : 0.0;
    });
  });
  return out;
}

void Tucker::save(data::Group& group) const {
  check("save");
  group.attributes["kind"] = std::string("tucker");
  group.set("core", core);
  for (int k = 0; k < order(); ++k) group.set(numbered("factors", k), factors[at_index(k)], "", "index rank");
}

Tucker Tucker::load(const data::Group& group) {
  load_kind(group, "tucker");
  Tucker x;
  const DType dtype = load_type(group, "core");
  const int d = load_count(group, "factors");
  x.core = load_part(group, "core", dtype, Shape(at_index(d), -1));
  for (int k = 0; k < d; ++k)
    x.factors.push_back(load_part(group, numbered("factors", k), dtype, {-1, x.core.dim(k)}));
  return checked_format(group, std::move(x));
}

Tucker orthogonalized(const Tucker& x) {
  x.check("orthogonalized");
  Tucker y = wide(x);
  std::vector<Array> right;
  for (int k = 0; k < y.order(); ++k) {
    const QR f = qr(matrix_of(y.factors[at_index(k)]));
    y.factors[at_index(k)] = array_of(f.q, DType::f64);
    right.push_back(array_of(f.r, DType::f64));
  }
  y.core = mode_products(y.core, right);
  return narrow(std::move(y), x.dtype());
}

double norm(const Tucker& x) {
  x.check("norm");
  const Tucker y = orthogonalized(wide(x));
  return norm(matrix_of(y.core, 1, y.core.size()));
}

double inner(const Tucker& x, const Tucker& y) {
  x.check("inner");
  y.check("inner");
  check_same("inner", x.shape(), y.shape(), x.dtype(), y.dtype());
  const Tucker a = wide(x), b = wide(y);
  std::vector<Array> cross;  // A_k^T B_k
  for (std::size_t k = 0; k < a.factors.size(); ++k)
    cross.push_back(
        array_of(product(matrix_of(a.factors[k]), matrix_of(b.factors[k]), true, false), DType::f64));
  const Array c = mode_products(b.core, cross);
  const Index n = c.size();
  return n ? product(matrix_of(a.core, 1, n), matrix_of(c, n, 1))(0, 0) : 0.0;
}

Tucker operator+(const Tucker& x, const Tucker& y) {
  x.check("add");
  y.check("add");
  check_same("add", x.shape(), y.shape(), x.dtype(), y.dtype());
  Tucker z;
  Shape ranks;
  for (int k = 0; k < x.order(); ++k) {
    const Array &a = x.factors[at_index(k)], &b = y.factors[at_index(k)];
    const Index n = a.dim(0), p = a.dim(1), q = b.dim(1);
    ranks.push_back(p + q);
    Array joined = Array::uninitialized({n, p + q}, x.dtype());
    dispatch_real("add", x.dtype(), [&]<class T>(T) {
      T* to = joined.mutable_data<T>();
      for (Index i = 0; i < n; ++i) {
        std::copy_n(a.data<T>() + i * p, p, to + i * (p + q));
        std::copy_n(b.data<T>() + i * q, q, to + i * (p + q) + p);
      }
    });
    z.factors.push_back(std::move(joined));
  }
  z.core = Array::zeros(ranks, x.dtype());
  dispatch_real("add", x.dtype(), [&]<class T>(T) {
    T* to = z.core.mutable_data<T>();
    // Entry (a_1, ...) of the first core keeps its place, of the second it is shifted by the ranks of the
    // first.
    auto place = [&](const Array& core, bool shift) {
      const Shape& s = core.shape();
      std::vector<Index> a(s.size(), 0);
      for (Index e = 0; e < core.size(); ++e) {
        Index at = 0;
        for (std::size_t k = 0; k < s.size(); ++k)
          at = at * ranks[k] + a[k] + (shift ? x.core.shape()[k] : 0);
        to[at] += core.data<T>()[e];
        for (std::size_t k = s.size(); k-- > 0 && ++a[k] == s[k];) a[k] = 0;
      }
    };
    place(x.core, false);
    place(y.core, true);
  });
  return z;
}

Tucker operator*(double a, const Tucker& x) {
  x.check("scale");
  require(std::isfinite(a), "[scale] the factor ", a, " is not finite");
  Tucker y = x;
  Matrix core = matrix_of(x.core, 1, x.core.size());
  for (double& v : core.data) v *= a;
  y.core = array_of(core, x.core.shape(), x.dtype());
  return y;
}

Tucker operator-(const Tucker& x, const Tucker& y) {
  return x + (-1.0) * y;
}

Result<Tucker> round(const Tucker& x, double tolerance, const std::vector<Index>& max_ranks) {
  x.check("round");
  const Tucker y = orthogonalized(wide(x));
  HosvdOptions options;
  options.tolerance = std::max(tolerance, rounding_floor(x.dtype(), x.shape()));
  options.ranks = max_ranks;
  options.method = Method::lq;
  Result<Tucker> result = st_hosvd(y.core, options);
  for (std::size_t k = 0; k < y.factors.size(); ++k)
    result.tensor.factors[k] =
        array_of(product(matrix_of(y.factors[k]), matrix_of(result.tensor.factors[k])), DType::f64);
  result.tensor = narrow(std::move(result.tensor), x.dtype());
  return result;
}

}  // namespace cartan::linalg
