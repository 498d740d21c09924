#include "cartan/functional/state_space.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "functional/ascent.hpp"
#include "functional/chain.hpp"

namespace cartan::functional {

const char* name_of(Smoother smoother) {
  return smoother == Smoother::information ? "information"
         : smoother == Smoother::scan      ? "scan"
                                           : "square_root";
}

struct LatentFunctions::State {
  Chain chain;
  Array coordinates, precision, shift;
  Moments moments;
  double log_evidence = 0;
};

namespace {

std::vector<double> list(const char* what, const Array& a) {
  refuse_tracked("LatentFunctions", a);
  require(is_real(a.dtype()), "[LatentFunctions] ", what, " of type ", a.dtype(), "; expected real numbers");
  require(all_finite(a), "[LatentFunctions] ", what, " that are not finite");
  return a.as(DType::f64).to_vector<double>();
}

}  // namespace

LatentFunctions::LatentFunctions(std::vector<Kernel> kernels, const Array& coordinates,
                                 const Array& precision, const Array& shift, Smoother smoother) {
  auto s = std::make_shared<State>();
  const Index n = coordinates.size(), c = static_cast<Index>(kernels.size());
  require(coordinates.ndim() == 1, "[LatentFunctions] coordinates of shape ", coordinates.shape(),
          "; expected one axis");
  require(precision.shape() == Shape({n, c, c}) && shift.shape() == Shape({n, c}),
          "[LatentFunctions] messages of shapes ", precision.shape(), " and ", shift.shape(), "; ", n,
          " coordinates and ", c, " functions need ", Shape({n, c, c}), " and ", Shape({n, c}));
  s->chain = Chain(std::move(kernels), list("coordinates", coordinates));
  const std::vector<double> w = list("precisions", precision), e = list("shifts", shift);
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < c; ++k)
      for (Index l = 0; l <= k; ++l) {
        const double *row = w.data() + i * c * c, a = row[k * c + l], b = row[l * c + k];
        const double scale = std::sqrt(std::abs(row[k * c + k] * row[l * c + l]));
        require(row[k * c + k] >= 0 && std::abs(a - b) <= 1e-9 * std::abs(a) + 1e-300 &&
                    std::abs(a) <= scale * (1 + 1e-9),
                "[LatentFunctions] the precision of coordinate ", i,
                " is not symmetric positive semi-definite");
      }
  s->coordinates = coordinates.as(DType::f64);
  s->precision = precision.as(DType::f64), s->shift = shift.as(DType::f64);
  s->moments = {Array::zeros({n, c}, DType::f64), Array::zeros({n, c, c}, DType::f64)};
  double *m = s->moments.mean.mutable_data<double>(), *v = s->moments.covariance.mutable_data<double>();
  // The passes of one coordinate after another also leave what prediction elsewhere needs.
  s->log_evidence = s->chain.forward(w.data(), e.data());
  s->chain.backward(w.data(), e.data(), m, v, nullptr, true);
  if (smoother == Smoother::square_root) {
    s->log_evidence = s->chain.square_root(w.data(), e.data(), m, v);
  } else if (smoother == Smoother::scan) {
    s->log_evidence = s->chain.scan(w.data(), e.data(), m, v);
  }
  state_ = s;
}

int LatentFunctions::functions() const {
  return state_ ? state_->chain.components() : 0;
}
Index LatentFunctions::size() const {
  return state_ ? state_->chain.size() : 0;
}
const std::vector<Kernel>& LatentFunctions::kernels() const {
  static const std::vector<Kernel> none;
  return state_ ? state_->chain.kernels() : none;
}
const Array& LatentFunctions::coordinates() const {
  require(state_ != nullptr, "[LatentFunctions] there are no functions");
  return state_->coordinates;
}
const Array& LatentFunctions::precision() const {
  require(state_ != nullptr, "[LatentFunctions] there are no functions");
  return state_->precision;
}
const Array& LatentFunctions::shift() const {
  require(state_ != nullptr, "[LatentFunctions] there are no functions");
  return state_->shift;
}
double LatentFunctions::log_evidence() const {
  return state_ ? state_->log_evidence : 0;
}
const Moments& LatentFunctions::moments() const {
  require(state_ != nullptr, "[LatentFunctions] there are no functions");
  return state_->moments;
}

std::vector<double> LatentFunctions::gradient() const {
  if (!state_) return {};
  Chain chain = state_->chain;
  std::vector<double> g(chain.parameters());
  const double *w = state_->precision.data<double>(), *e = state_->shift.data<double>();
  chain.forward(w, e);
  chain.backward(w, e, nullptr, nullptr, g.data());
  return g;
}

Moments LatentFunctions::at(const Array& x) const {
  require(state_ != nullptr, "[LatentFunctions] there are no functions");
  require(x.ndim() == 1, "[LatentFunctions] coordinates of shape ", x.shape(), "; expected one axis");
  const std::vector<double> where = list("coordinates", x);
  const Index n = x.size(), c = functions();
  Moments out{Array::uninitialized({n, c}, DType::f64), Array::uninitialized({n, c, c}, DType::f64)};
  double *m = out.mean.mutable_data<double>(), *v = out.covariance.mutable_data<double>();
  parallel_for(n, 64, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      state_->chain.at(where[static_cast<std::size_t>(i)], m + i * c, v + i * c * c);
  });
  return out;
}

void LatentFunctions::save(data::Group& group) const {
  require(state_ != nullptr, "[LatentFunctions] there are no functions to save");
  for (int k = 0; k < functions(); ++k)
    kernels()[static_cast<std::size_t>(k)].save(group[text("kernels/", k)]);
  group.attributes["functions"] = std::int64_t{functions()};
  group.set("coordinates", state_->coordinates, "", "message");
  group.set("precision", state_->precision, "", "message, function, function");
  group.set("shift", state_->shift, "", "message, function");
}

LatentFunctions LatentFunctions::load(const data::Group& group) {
  const std::int64_t c = group.integer("functions");
  if (c < 1 || c > 1000) throw FormatError(group.file(), "functions", text("is ", c, "; expected 1 to 1000"));
  std::vector<Kernel> kernels;
  for (std::int64_t k = 0; k < c; ++k) kernels.push_back(Kernel::load(group.group(text("kernels/", k))));
  const Array x = group.array("coordinates", DType::f64, {-1});
  try {
    return {std::move(kernels), x, group.array("precision", DType::f64, {x.size(), c, c}),
            group.array("shift", DType::f64, {x.size(), c})};
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), "", error.what());
  }
}

GaussianProcess::GaussianProcess(Kernel kernel, const Array& x, const Array& y, double noise,
                                 Smoother smoother)
    : noise_(noise), n_(x.size()) {
  require(x.ndim() == 1 && x.shape() == y.shape() && n_ >= 1, "[GaussianProcess] x of shape ", x.shape(),
          " and y of shape ", y.shape(), "; expected two lists of one length, 1 at least");
  require(noise > 0 && std::isfinite(noise), "[GaussianProcess] noise variance ", noise,
          "; expected a positive number");
  const std::vector<double> xs = list("coordinates", x), ys = list("values", y);
  std::vector<std::size_t> order(xs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return xs[a] < xs[b]; });
  std::vector<double> at, w, e;
  double squares = 0;
  for (const std::size_t i : order) {
    if (at.empty() || at.back() != xs[i]) at.push_back(xs[i]), w.push_back(0), e.push_back(0);
    w.back() += 1 / noise, e.back() += ys[i] / noise;
    squares += ys[i] * ys[i];
  }
  const Index m = static_cast<Index>(at.size());
  function_ = LatentFunctions({std::move(kernel)}, Array::from(at), Array::from(w, {m, 1, 1}),
                              Array::from(e, {m, 1}), smoother);
  log_likelihood_ = function_.log_evidence() - squares / (2 * noise) -
                    0.5 * static_cast<double>(n_) * std::log(2 * M_PI * noise);
  residual_ = squares;
  const double *mean = function_.moments().mean.data<double>(),
               *v = function_.moments().covariance.data<double>();
  for (std::size_t i = 0; i < at.size(); ++i)
    residual_ += noise * (w[i] * (mean[i] * mean[i] + v[i]) - 2 * e[i] * mean[i]);
}

std::vector<double> GaussianProcess::gradient() const {
  std::vector<double> g = function_.gradient();
  g.push_back(residual_ / (2 * noise_) - 0.5 * static_cast<double>(n_));
  return g;
}

std::pair<Array, Array> GaussianProcess::predict(const Array& x) const {
  const Moments m = function_.at(x);
  return {m.mean.reshaped({-1}), m.covariance.reshaped({-1})};
}

Learned learn(const Kernel& kernel, const Array& x, const Array& y, double noise,
              const LearnOptions& options) {
  std::vector<double> start = kernel.parameters();
  start.push_back(noise);
  for (double& p : start) p = std::log(p);
  const auto f = [&](const std::vector<double>& logs, std::vector<double>& gradient) {
    std::vector<double> p = logs;
    for (double& v : p) v = std::exp(v);
    const double n = p.back();
    p.pop_back();
    try {
      const GaussianProcess gp(kernel.with(p), x, y, n);
      gradient = gp.gradient();
      return gp.log_likelihood();
    } catch (const std::invalid_argument&) {  // parameters too far out for numbers
      gradient.assign(logs.size(), 0.0);
      return -std::numeric_limits<double>::infinity();
    }
  };
  GaussianProcess(kernel, x, y, noise);  // what is wrong with the arguments is said here
  const Ascent a = ascend(f, start, options.max_steps, options.tolerance);
  std::vector<double> p = a.x;
  for (double& v : p) v = std::exp(v);
  Learned out;
  out.noise = p.back();
  p.pop_back();
  out.kernel = kernel.with(p);
  out.log_likelihood = a.value, out.steps = a.steps, out.converged = a.converged;
  return out;
}

}  // namespace cartan::functional
