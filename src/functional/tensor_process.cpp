#include "cartan/functional/tensor_process.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/linalg/modes.hpp"
#include "cartan/linalg/ops.hpp"
#include "functional/ascent.hpp"
#include "functional/tensor_process.hpp"

namespace cartan::functional {

using linalg::cholesky;
using linalg::mode_products;
using linalg::solve_triangular;

void describe(config::Fields& f, TensorProcessOptions& o) {
  f("sizes", o.sizes, "of the contracted tensors, one a mode; 0: that mode stays");
  f("smoothness", o.smoothness, "weight of the total variation of the contraction").from(0).to(1e6);
  f("max_sweeps", o.max_sweeps, "over all factors").from(1).to(100000);
  f("tolerance", o.tolerance, "change of the objective per observation at which the fit ends")
      .above(0)
      .below(1);
  f("seed", o.seed, "of the start");
}

namespace {

constexpr Index most_features = 4096;

Array identity(Index n) {
  Array out = Array::zeros({n, n}, DType::f64);
  for (Index i = 0; i < n; ++i) out.mutable_data<double>()[i * n + i] = 1;
  return out;
}

double norm_of(const Array& a) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += a.data<double>()[i] * a.data<double>()[i];
  return std::sqrt(sum);
}

Array times(const Array& a, double factor) {
  Array out = Array::uninitialized(a.shape(), DType::f64);
  for (Index i = 0; i < a.size(); ++i) out.mutable_data<double>()[i] = factor * a.data<double>()[i];
  return out;
}

// C_m = U_m^T A_m, or U_m^T; the first mode, of the observations, stays.
std::vector<Array> maps_of(const std::vector<Array>& contraction, const std::vector<Array>& root) {
  std::vector<Array> c(1);
  for (std::size_t m = 0; m < root.size(); ++m)
    c.push_back(contraction[m].empty() ? transpose(root[m]) : matmul(root[m], contraction[m], true));
  return c;
}

Array features_of(const Array& x, const std::vector<Array>& maps) {
  return reshape(mode_products(x, maps), {x.dim(0), -1});
}

double sum_of_differences(const double* x, Index n) {
  double sum = 0;
  for (Index i = 1; i < n; ++i) sum += std::abs(x[i] - x[i - 1]);
  return sum;
}

// Sums over the rows of each factor: of |x_(i+1) - x_i|, of |x_i|.
struct Sizes {
  std::vector<double> variation, size;
  explicit Sizes(const std::vector<Array>& a) {
    for (const Array& m : a) {
      double v = 0, s = 0;
      for (Index r = 0; !m.empty() && r < m.dim(0); ++r) {
        const double* row = m.data<double>() + r * m.dim(1);
        v += sum_of_differences(row, m.dim(1));
        for (Index i = 0; i < m.dim(1); ++i) s += std::abs(row[i]);
      }
      variation.push_back(v), size.push_back(m.empty() ? 1 : s);
    }
  }
  // What multiplies the variation and the size of factor m in the whole.
  std::pair<double, double> beside(std::size_t m) const {
    double product = 1, varied = 0;
    for (std::size_t j = 0; j < size.size(); ++j)
      if (j != m) product *= size[j];
    for (std::size_t k = 0; k < size.size(); ++k) {
      if (k == m) continue;
      double term = variation[k];
      for (std::size_t j = 0; j < size.size(); ++j)
        if (j != m && j != k) term *= size[j];
      varied += term;
    }
    return {product, varied};
  }
};

}  // namespace

// sum over r_1 .. r_M of |gradient of a_1 o .. o a_M|_1 = sum_m V_m prod_(j != m) S_j.
double contraction_variation(const std::vector<Array>& a) {
  const Sizes s(a);
  double sum = 0;
  for (std::size_t m = 0; m < a.size(); ++m) sum += s.variation[m] * s.beside(m).first;
  return sum;
}

// By the smaller of the matrices 1 + F^T F / noise (features) and noise + F F^T (observations).
Array tensor_process_loss(const Array& features, const Array& y, const Array& log_noise) {
  const Index n = features.dim(0), r = features.dim(1);
  const Array target = reshape(y, {n, 1}), precision = exp(negative(log_noise));
  const auto log_det = [](const Array& l) {
    return scale(sum(log(sum(multiply(l, identity(l.dim(0))), 1))), 2);
  };
  Array quadratic, det;
  if (r <= n) {
    const Array l = cholesky(add(multiply(matmul(features, features, true), precision), identity(r)));
    const Array q = solve_triangular(l, matmul(features, target, true));
    quadratic = multiply(precision, subtract(sum(square(target)), multiply(precision, sum(square(q)))));
    det = add(log_det(l), scale(log_noise, static_cast<double>(n)));
  } else {
    const Array l =
        cholesky(add(matmul(features, features, false, true), multiply(identity(n), exp(log_noise))));
    quadratic = sum(square(solve_triangular(l, target)));
    det = log_det(l);
  }
  return scale(shift(add(quadratic, det), static_cast<double>(n) * std::log(2 * M_PI)), 0.5);
}

namespace {

class Search {
 public:
  Search(Array x, Array y, const TensorProcessOptions& o) : x_(std::move(x)), y_(std::move(y)) {
    const int modes = x_.ndim() - 1;
    step_.assign(static_cast<std::size_t>(modes), 1.0);
    for (int m = 0; m < modes; ++m) {
      const Index asked = o.sizes.empty() ? 0 : o.sizes[static_cast<std::size_t>(m)], extent = x_.dim(m + 1);
      contraction.push_back(asked ? directions(m, asked) : Array());
      root.push_back(identity(asked ? asked : extent));
      fixed_scale_ = fixed_scale_ || asked;
    }
    // features of mean square 1 in all
    const Array f = features_of(x_, maps_of(contraction, root));
    const double size = norm_of(f) / std::sqrt(static_cast<double>(x_.dim(0)));
    double count = 0;
    for (const Array& a : contraction) count += a.empty() ? 0 : 1;
    const double factor = std::pow(size, -1 / (fixed_scale_ ? count : static_cast<double>(modes)));
    for (std::size_t m = 0; m < root.size(); ++m) {
      if (!contraction[m].empty()) contraction[m] = times(contraction[m], factor);
      if (!fixed_scale_) root[m] = times(root[m], factor);
    }
    log_noise = Array::scalar(std::log(0.5), DType::f64);
    value_ = tensor_process_loss(features_of(x_, maps_of(contraction, root)), y_, log_noise).item();
  }

  void set_smoothness(double weight) { weight_ = weight * static_cast<double>(y_.size()); }

  double objective() const { return value_ + weight_ * contraction_variation(contraction); }

  void sweep() {
    for (std::size_t m = 0; m < contraction.size(); ++m)
      if (!contraction[m].empty()) move_contraction(m);
    move_kernels();
  }

  std::vector<Array> contraction, root;
  Array log_noise;

 private:
  // The directions of a mode that go with y: of the tensor sum_i y_i X_i, then those of X itself.
  Array directions(int mode, Index count) const {
    const Index n = x_.dim(0), extent = x_.dim(mode + 1);
    const Array together = linalg::mode_product(x_, reshape(y_, {1, n}), 0);
    using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Matrix a = Eigen::Map<const Matrix>(linalg::gram(together, mode + 1).data<double>(), extent, extent);
    const Matrix own = Eigen::Map<const Matrix>(linalg::gram(x_, mode + 1).data<double>(), extent, extent);
    a = a / (a.trace() + 1e-300) + 1e-3 * own / (own.trace() + 1e-300);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(a);
    Array out = Array::uninitialized({count, extent}, DType::f64);
    for (Index r = 0; r < count; ++r)
      for (Index i = 0; i < extent; ++i)
        out.mutable_data<double>()[r * extent + i] = eigen.eigenvectors()(i, extent - 1 - r);
    return out;
  }

  // K of trace r where A has the scale.
  std::vector<Array> scaled(const std::vector<Array>& roots) const {
    if (!fixed_scale_) return roots;
    std::vector<Array> out;
    for (const Array& u : roots)
      out.push_back(divide(scale(u, std::sqrt(static_cast<double>(u.dim(0)))), sqrt(sum(square(u)))));
    return out;
  }
  // A proximal gradient step, as long as goes uphill nowhere.
  void move_contraction(std::size_t m) {
    // the other modes are contracted once
    std::vector<Array> maps = maps_of(contraction, root), own(maps.size());
    maps[m + 1] = Array();
    const Array beside = mode_products(x_, maps);
    const auto loss = [&](const Array& a) {
      own[m + 1] = matmul(root[m], a, true);
      return tensor_process_loss(features_of(beside, own), y_, log_noise);
    };
    const auto [value, slopes] =
        value_and_grad([&](const Arrays& a) { return loss(a[0]); }, {contraction[m]});
    const double* slope = slopes[0].data<double>();
    const Index rows = contraction[m].dim(0), extent = contraction[m].dim(1);
    const auto [variation, size] = Sizes(contraction).beside(m);
    const double before = objective();
    double& t = step_[m];
    for (int trial = 0; trial < 40; ++trial, t /= 2) {
      Array next = Array::uninitialized({rows, extent}, DType::f64);
      double moved = 0;
      for (Index r = 0; r < rows; ++r) {
        const double* from = contraction[m].data<double>() + r * extent;
        std::vector<double> row(static_cast<std::size_t>(extent));
        for (Index i = 0; i < extent; ++i)
          row[static_cast<std::size_t>(i)] = from[i] - t * slope[r * extent + i];
        row = fused_lasso(row, t * weight_ * variation, t * weight_ * size);
        for (Index i = 0; i < extent; ++i) {
          const double to = row[static_cast<std::size_t>(i)];
          moved += (to - from[i]) * (to - from[i]);
          next.mutable_data<double>()[r * extent + i] = to;
        }
      }
      if (moved == 0) return;
      const double now = loss(next).item();
      std::vector<Array> a = contraction;
      a[m] = next;
      if (now + weight_ * contraction_variation(a) > before - 1e-4 * moved / t) continue;
      contraction[m] = next, value_ = now;
      t *= 3;
      return;
    }
    t = std::max(t, 1e-12);
  }

  void move_kernels() {
    Arrays at = root;
    at.push_back(log_noise);
    std::vector<double> flat;
    for (const Array& a : at) flat.insert(flat.end(), a.data<double>(), a.data<double>() + a.size());
    const auto arrays = [&](const std::vector<double>& x) {
      Arrays out;
      const double* p = x.data();
      for (const Array& a : at) out.push_back(Array::from(p, a.shape())), p += a.size();
      return out;
    };
    std::vector<Array> maps(1);
    maps.insert(maps.end(), contraction.begin(), contraction.end());
    const Array contracted = mode_products(x_, maps);
    const std::vector<Array> none(root.size());
    const Ascent best = ascend(
        [&](const std::vector<double>& x, std::vector<double>& gradient) {
          Arrays parts = arrays(x);
          gradient.assign(x.size(), 0.0);
          if (std::abs(x.back()) > 40) return -static_cast<double>(INFINITY);
          const auto [value, slopes] = value_and_grad(
              [&](const Arrays& p) {
                const std::vector<Array> own = maps_of(none, scaled({p.begin(), p.end() - 1}));
                return tensor_process_loss(features_of(contracted, own), y_, p.back());
              },
              parts);
          std::size_t k = 0;
          for (const Array& s : slopes)
            for (Index i = 0; i < s.size(); ++i) gradient[k++] = -s.data<double>()[i];
          return -value.item();
        },
        flat, 5, 1e-9);
    Arrays parts = arrays(best.x);
    log_noise = parts.back();
    parts.pop_back();
    root = scaled(parts);
    value_ = -best.value;
  }

  Array x_, y_;
  double weight_ = 0;  // of the total variation
  bool fixed_scale_ = false;
  std::vector<double> step_;
  double value_ = 0;
};

void check(const Array& x, const char* op) {
  refuse_tracked(op, x);
  require(x.ndim() >= 2 && x.ndim() <= 6, "[", op, "] x of shape ", x.shape(),
          "; expected (N, I_1 .. I_M), 1 to 5 modes");
  require(all_finite(x), "[", op, "] x has numbers that are not finite");
}

}  // namespace

TensorProcess TensorProcess::fit(const Array& x, const Array& y, const TensorProcessOptions& o) {
  config::validate("TensorProcess", o);
  check(x, "TensorProcess");
  const Index n = x.dim(0);
  const int modes = x.ndim() - 1;
  require(y.ndim() == 1 && y.dim(0) == n, "[TensorProcess] y of shape ", y.shape(), " for ", n,
          " tensors; expected (", n, ")");
  require(n >= 2, "[TensorProcess] ", n, " observations; a fit needs two at least");
  require(all_finite(y), "[TensorProcess] y has numbers that are not finite");
  require(o.sizes.empty() || static_cast<int>(o.sizes.size()) == modes, "[TensorProcess] ", o.sizes.size(),
          " sizes for ", modes, " modes; expected one a mode, or none");
  Index features = 1;
  for (int m = 0; m < modes; ++m) {
    const Index asked = o.sizes.empty() ? 0 : o.sizes[static_cast<std::size_t>(m)], extent = x.dim(m + 1);
    require(0 <= asked && asked <= extent, "[TensorProcess] mode ", m, " of extent ", extent,
            " cannot be contracted to ", asked, "; expected 0 (it stays) to ", extent);
    features *= asked ? asked : extent;
    require(features <= most_features, "[TensorProcess] contracted tensors have ", features,
            " numbers or more; at most ", most_features, ": contract more modes");
  }

  const Array values = x.as(DType::f64), target = y.as(DType::f64);
  TensorProcess out;
  out.centre_ = mean(values, 0);
  const Array centred = subtract(values, out.centre_);
  const double size = norm_of(centred) / std::sqrt(static_cast<double>(n));
  require(size > 0, "[TensorProcess] all tensors are equal; there is nothing to learn from");
  out.offset_ = mean(target).item();
  const Array residual = shift(target, -out.offset_);
  double spread = norm_of(residual) / std::sqrt(static_cast<double>(n));
  if (!(spread > 0)) spread = std::max(1e-12, std::abs(out.offset_));

  Search search(times(centred, 1 / size), times(residual, 1 / spread), o);
  // the penalty comes in steps, from none: at once it would take away factors before they have found anything
  const bool penal =
      o.smoothness > 0 && std::any_of(o.sizes.begin(), o.sizes.end(), [](Index r) { return r > 0; });
  for (const double part : {0.0, 1.0 / 16, 0.25}) {
    search.set_smoothness(part * o.smoothness);
    double last = search.objective();
    for (int s = 0; s < std::min(o.max_sweeps, 30) && penal && !(o.stop && *o.stop); ++s) {
      search.sweep();
      const double now = search.objective();
      if (last - now <= 1e-3 * static_cast<double>(n)) break;
      last = now;
    }
  }
  search.set_smoothness(o.smoothness);
  int small = 0;
  double before = search.objective();
  for (int s = 0; s < o.max_sweeps && !(o.stop && *o.stop); ++s) {
    search.sweep();
    const double now = search.objective();
    out.objective_.push_back(now);
    if (o.progress) o.progress({s + 1, o.max_sweeps, text("objective ", now)});
    small = before - now <= o.tolerance * static_cast<double>(n) ? small + 1 : 0;
    before = now;
    if (small >= 3) {
      out.converged_ = true;
      break;
    }
  }
  // back to the units of x and y: one factor has their scale
  out.contraction_ = search.contraction, out.root_ = search.root;
  std::size_t first = 0;
  while (first + 1 < out.contraction_.size() && out.contraction_[first].empty()) ++first;
  Array& scaled = out.contraction_[first].empty() ? out.root_[0] : out.contraction_[first];
  scaled = times(scaled, spread / size);
  out.noise_ = spread * spread * std::exp(search.log_noise.item());
  const Array f = features_of(centred, maps_of(out.contraction_, out.root_));
  const Array precision = add(scale(matmul(f, f, true), 1 / out.noise_), identity(f.dim(1)));
  out.triangle_ = cholesky(precision);
  const Array right = scale(matmul(f, reshape(residual, {n, 1}), true), 1 / out.noise_);
  out.weight_ =
      reshape(solve_triangular(out.triangle_, solve_triangular(out.triangle_, right), true), {f.dim(1)});
  return out;
}

TensorProcess::Values TensorProcess::predict(const Array& x) const {
  require(!centre_.empty(), "[TensorProcess] there is no model");
  check(x, "TensorProcess");
  Shape expected = centre_.shape();
  expected.insert(expected.begin(), x.dim(0));
  require(x.shape() == expected, "[TensorProcess] tensors of shape ", x.shape(), "; expected ", expected);
  const Array f = features_of(subtract(x.as(DType::f64), centre_), maps_of(contraction_, root_));
  const Array mean = reshape(matmul(f, reshape(weight_, {-1, 1})), {x.dim(0)});
  return {shift(mean, offset_), sum(square(solve_triangular(triangle_, transpose(f))), 0)};
}

std::vector<Array> TensorProcess::kernels() const {
  std::vector<Array> out;
  for (const Array& u : root_) out.push_back(matmul(u, u, false, true));
  return out;
}

Array TensorProcess::coefficients() const {
  require(!centre_.empty(), "[TensorProcess] there is no model");
  std::vector<Array> maps = maps_of(contraction_, root_);
  maps.erase(maps.begin());
  Shape shape;
  for (const Array& m : maps) shape.push_back(m.dim(0));
  return mode_products(reshape(weight_, shape), maps, true);
}

void TensorProcess::save(data::Group& group) const {
  require(!centre_.empty(), "[TensorProcess] there is no model to save");
  for (std::size_t m = 0; m < root_.size(); ++m) {
    if (!contraction_[m].empty()) group.set(text("modes/", m, "/contraction"), contraction_[m], "", "r,i");
    group.set(text("modes/", m, "/root"), root_[m], "", "r,s");
  }
  group.set("centre", centre_);
  group.set("weight", weight_);
  group.set("triangle", triangle_);
  group.attributes["modes"] = static_cast<std::int64_t>(root_.size());
  group.attributes["noise"] = noise_;
  group.attributes["offset"] = offset_;
  group.attributes["converged"] = static_cast<std::int64_t>(converged_);
  group.attributes["objective"] = objective_;
}

TensorProcess TensorProcess::load(const data::Group& group) {
  const auto bad = [&](const std::string& object, const std::string& what) -> FormatError {
    return {group.file(), object, what};
  };
  TensorProcess out;
  const std::int64_t modes = group.integer("modes");
  if (modes < 1 || modes > 5) throw bad("modes", text("is ", modes, "; expected 1 to 5"));
  out.centre_ = group.array("centre");
  if (out.centre_.ndim() != modes || out.centre_.dtype() != DType::f64)
    throw bad("centre", text("is no float64 tensor of ", modes, " modes"));
  Index features = 1;
  for (int m = 0; m < static_cast<int>(modes); ++m) {
    const std::string at = text("modes/", m);
    Array a;
    if (group.has(at + "/contraction"))
      a = group.array(at + "/contraction", DType::f64, {-1, out.centre_.dim(m)});
    const Index r = a.empty() ? out.centre_.dim(m) : a.dim(0);
    out.contraction_.push_back(a);
    out.root_.push_back(group.array(at + "/root", DType::f64, {r, r}));
    features *= r;
    if (features > most_features) throw bad(at, "has too many numbers");
  }
  out.weight_ = group.array("weight", DType::f64, {features});
  out.triangle_ = group.array("triangle", DType::f64, {features, features});
  for (Index i = 0; i < features; ++i)
    if (!(out.triangle_(i, i) > 0)) throw bad("triangle", "is no factor of a precision");
  out.noise_ = group.number("noise"), out.offset_ = group.number("offset");
  if (!(out.noise_ > 0) || !std::isfinite(out.offset_)) throw bad("noise", "is not positive");
  out.converged_ = group.integer("converged") != 0;
  out.objective_ = group.numbers("objective");
  return out;
}

}  // namespace cartan::functional
