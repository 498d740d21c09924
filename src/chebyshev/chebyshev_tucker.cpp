#include "cartan/chebyshev/chebyshev_tucker.hpp"

#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/basis.hpp"
#include "cartan/core/error.hpp"
#include "cartan/linalg/modes.hpp"
#include "chebyshev/series.hpp"
#include "chebyshev/tables.hpp"

namespace cartan::chebyshev {

ChebyshevTucker::ChebyshevTucker(Box box, linalg::Tucker coefficients)
    : box_(std::move(box)), tucker_(std::move(coefficients)) {
  box_.check("ChebyshevTucker");
  tucker_.check("ChebyshevTucker");
  require(tucker_.order() == dim(), "[ChebyshevTucker] coefficients of ", tucker_.order(),
          " variables in a box of ", dim());
  for (int k = 0; k < dim(); ++k)
    require(tucker_.factors[k].dim(0) >= 1 && tucker_.ranks()[k] >= 1, "[ChebyshevTucker] variable ", k,
            " has ", tucker_.factors[k].dim(0), " coefficients and rank ", tucker_.ranks()[k],
            "; expected at least 1 of each");
  tables_ = std::make_shared<const Tables>(box_, tucker_);
}

std::vector<Index> ChebyshevTucker::degrees() const {
  std::vector<Index> out;
  for (const Array& v : tucker_.factors) out.push_back(v.dim(0) - 1);
  return out;
}

double ChebyshevTucker::compression() const {
  double full = 1, stored = static_cast<double>(tucker_.core.size());
  for (const Array& v : tucker_.factors) {
    full *= static_cast<double>(v.dim(0));
    stored += static_cast<double>(v.size());
  }
  return stored > 0 ? full / stored : 0;
}

Array ChebyshevTucker::on_grid(const std::vector<Array>& coordinates) const {
  require(static_cast<int>(coordinates.size()) == dim(), "[on_grid] ", coordinates.size(),
          " lists of coordinates for ", dim(), " variables");
  std::vector<Array> values;
  for (int k = 0; k < dim(); ++k) {
    const Array& given = coordinates[k];
    refuse_tracked("on_grid", given);
    require(given.ndim() == 1, "[on_grid] coordinates of shape ", given.shape(), "; expected one axis");
    Array x = given.as(DType::f64);
    double* p = x.mutable_data<double>();
    for (Index i = 0; i < x.size(); ++i) {
      require(box_.low[k] <= p[i] && p[i] <= box_.high[k], "[on_grid] coordinate ", i, " of variable ", k,
              " is ", p[i], ", outside of [", box_.low[k], ", ", box_.high[k], "]");
      p[i] = std::clamp((p[i] - box_.centre(k)) / box_.half_width(k), -1.0, 1.0);
    }
    const Array& v = tucker_.factors[k];
    values.push_back(linalg::mode_product(v, basis(x, v.dim(0)).as(dtype()), 0));
  }
  return linalg::mode_products(tucker_.core, values);
}

double ChebyshevTucker::integral() const {
  require(dim() > 0, "[integral] of no function");
  std::vector<Array> weights;
  double scale = 1;
  for (int k = 0; k < dim(); ++k) {
    const Array v = tucker_.factors[k].as(DType::f64);
    weights.push_back(linalg::mode_product(v, integrals(v.dim(0)).reshaped({1, -1}), 0));
    scale *= box_.half_width(k);
  }
  return scale * linalg::mode_products(tucker_.core.as(DType::f64), weights).item();
}

ChebyshevTucker ChebyshevTucker::derivative(int k) const {
  require(0 <= k && k < dim(), "[derivative] by variable ", k, " of ", dim());
  linalg::Tucker t = tucker_;
  Array d = differentiate(t.factors[k].as(DType::f64));
  double* p = d.mutable_data<double>();
  for (Index i = 0; i < d.size(); ++i) p[i] /= box_.half_width(k);
  t.factors[k] = d.as(dtype());
  return {box_, t};
}

ChebyshevTucker ChebyshevTucker::integrated(int k) const {
  require(0 <= k && k < dim(), "[integrated] over variable ", k, " of ", dim());
  require(dim() >= 2, "[integrated] a function of one variable leaves none: use integral()");
  const Array v = tucker_.factors[k].as(DType::f64);
  Array weights = linalg::mode_product(v, integrals(v.dim(0)).reshaped({1, -1}), 0);
  double* p = weights.mutable_data<double>();
  for (Index i = 0; i < weights.size(); ++i) p[i] *= box_.half_width(k);
  linalg::Tucker t;
  Array core = linalg::mode_product(tucker_.core.as(DType::f64), weights, k);
  Shape shape = core.shape();
  shape.erase(shape.begin() + k);
  t.core = core.reshaped(shape).as(dtype());
  t.factors = tucker_.factors;
  t.factors.erase(t.factors.begin() + k);
  Box box = box_;
  box.low.erase(box.low.begin() + k);
  box.high.erase(box.high.begin() + k);
  return {box, t};
}

ChebyshevTucker ChebyshevTucker::as(DType dtype) const {
  require(is_real(dtype), "[ChebyshevTucker] coefficients of ", dtype, "; expected float32 or float64");
  linalg::Tucker t;
  t.core = tucker_.core.as(dtype);
  for (const Array& v : tucker_.factors) t.factors.push_back(v.as(dtype));
  return {box_, t};
}

void ChebyshevTucker::save(data::Group& group) const {
  require(dim() > 0, "[ChebyshevTucker] there is no function to save");
  tucker_.save(group);
  group.attributes["low"] = box_.low;
  group.attributes["high"] = box_.high;
}

ChebyshevTucker ChebyshevTucker::load(const data::Group& group) {
  linalg::Tucker t = linalg::Tucker::load(group);
  const Box box{group.numbers("low"), group.numbers("high")};
  try {
    return {box, std::move(t)};
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), "", error.what());
  }
}

namespace {

// Factors with rows of zeros up to a common degree.
linalg::Tucker padded(const ChebyshevTucker& f, const std::vector<Index>& degrees) {
  linalg::Tucker t = f.coefficients();
  for (std::size_t k = 0; k < t.factors.size(); ++k) {
    const Array& v = t.factors[k];
    if (v.dim(0) == degrees[k] + 1) continue;
    Array w = Array::zeros({degrees[k] + 1, v.dim(1)}, v.dtype());
    std::copy_n(static_cast<const char*>(v.raw()), v.bytes(), static_cast<char*>(w.mutable_raw()));
    t.factors[k] = w;
  }
  return t;
}

ChebyshevTucker combined(const char* op, const ChebyshevTucker& f, double sign, const ChebyshevTucker& g) {
  require(f.dim() > 0 && f.box() == g.box(), "[", op, "] functions on different boxes, of ", f.dim(), " and ",
          g.dim(), " variables; fit one of them again on the box of the other");
  require(f.dtype() == g.dtype(), "[", op, "] functions in ", f.dtype(), " and ", g.dtype(), "; use as()");
  std::vector<Index> degrees = f.degrees();
  const std::vector<Index> other = g.degrees();
  for (std::size_t k = 0; k < degrees.size(); ++k) degrees[k] = std::max(degrees[k], other[k]);
  const linalg::Tucker a = padded(f, degrees), b = padded(g, degrees);
  return {f.box(), sign > 0 ? a + b : a - b};
}

// Trailing coefficients of every variable that may go: with orthonormal factors, dropping rows of factor k
// changes the tensor by at most the norm of the rows of factor k times its core unfolding.
void drop_small_rows(linalg::Tucker& t, double allowed) {
  const double share = allowed / std::sqrt(static_cast<double>(t.order()));
  for (int k = 0; k < t.order(); ++k) {
    const Array v = t.factors[k].as(DType::f64);
    const Array g = linalg::gram(t.core.as(DType::f64), k);  // of the core's unfolding
    const Array vg = linalg::mode_product(g, v, 0);
    Index m = v.dim(0);
    for (double sum = 0; m > 1; --m) {
      double row = 0;
      for (Index a = 0; a < v.dim(1); ++a)
        row += vg.data<double>()[(m - 1) * v.dim(1) + a] * v.data<double>()[(m - 1) * v.dim(1) + a];
      sum += std::max(row, 0.0);
      if (std::sqrt(sum) > share) break;
    }
    if (m < v.dim(0)) t.factors[k] = t.factors[k].rows(0, m);
  }
}

}  // namespace

ChebyshevTucker operator+(const ChebyshevTucker& f, const ChebyshevTucker& g) {
  return combined("operator+", f, 1, g);
}
ChebyshevTucker operator-(const ChebyshevTucker& f, const ChebyshevTucker& g) {
  return combined("operator-", f, -1, g);
}
ChebyshevTucker operator*(double a, const ChebyshevTucker& f) {
  require(std::isfinite(a), "[operator*] the factor ", a, " is not finite");
  return {f.box(), a * f.coefficients()};
}

linalg::Result<ChebyshevTucker> round(const ChebyshevTucker& f, double tolerance,
                                      const std::vector<Index>& max_ranks) {
  // Ranks and degrees share the tolerance; the two errors add up.
  auto rounded = linalg::round(f.coefficients(), 0.9 * tolerance, max_ranks);
  drop_small_rows(rounded.tensor, 0.1 * tolerance * linalg::norm(f.coefficients()));
  rounded.report.relative_error += 0.1 * tolerance;
  rounded.report.error_kind = linalg::ErrorKind::bound;
  return {ChebyshevTucker(f.box(), std::move(rounded.tensor)), rounded.report};
}

}  // namespace cartan::chebyshev
