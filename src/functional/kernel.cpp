#include "cartan/functional/kernel.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cartan/core/error.hpp"
#include "functional/harmonics.hpp"

namespace cartan::functional {
namespace {

using Kind = Kernel::Kind;

struct KindInfo {
  Kind kind;
  const char* name;
  std::vector<std::string> parameters;
};
const std::vector<KindInfo>& kinds() {
  static const std::vector<KindInfo> table{{Kind::matern12, "matern12", {"length", "variance"}},
                                           {Kind::matern32, "matern32", {"length", "variance"}},
                                           {Kind::matern52, "matern52", {"length", "variance"}},
                                           {Kind::periodic, "periodic", {"period", "length", "variance"}},
                                           {Kind::constant, "constant", {"variance"}},
                                           {Kind::linear, "linear", {"variance"}},
                                           {Kind::independent, "independent", {"variance"}}};
  return table;
}
const KindInfo& info(Kind kind) {
  for (const KindInfo& k : kinds())
    if (k.kind == kind) return k;
  throw std::invalid_argument("[Kernel] a sum or product has no name");
}

void check_positive(const char* what, double x) {
  require(x > 0 && std::isfinite(x), "[Kernel] ", what, " ", x, "; expected a positive finite number");
}

// The decay rate of a Matern state; below e = exp(-l t).
double rate(Kind kind, double length) {
  return std::sqrt(kind == Kind::matern12 ? 1.0 : kind == Kind::matern32 ? 3.0 : 5.0) / length;
}

void matern_transition(Kind kind, double l, double t, double e, double* a) {
  const double lt = l * t;
  if (kind == Kind::matern12) {
    a[0] = e;
  } else if (kind == Kind::matern32) {
    a[0] = e * (1 + lt), a[1] = e * t;
    a[2] = -e * l * lt, a[3] = e * (1 - lt);
  } else {
    const double l2 = l * l, q = lt * lt / 2;
    a[0] = e * (1 + lt + q), a[1] = e * t * (1 + lt), a[2] = e * t * t / 2;
    a[3] = -e * l * q, a[4] = e * (1 + lt - 2 * q), a[5] = e * t * (1 - lt / 2);
    a[6] = e * l2 * lt * (lt / 2 - 1), a[7] = e * l * lt * (lt - 3), a[8] = e * (1 - 2 * lt + q);
  }
}

// d A / d log length = -l dA/dl, A = exp(F t): each entry differentiated.
void matern_transition_derivative(Kind kind, double l, double t, double e, double* da) {
  const double lt = l * t;
  if (kind == Kind::matern12) {
    da[0] = lt * e;
  } else if (kind == Kind::matern32) {
    da[0] = e * lt * lt, da[1] = e * t * lt;
    da[2] = e * l * lt * (2 - lt), da[3] = e * lt * (2 - lt);
  } else {
    const double l2 = l * l, x = lt, x2 = x * x, x3 = x2 * x;  // entries c(l, t) e: -l (dc/dl - t c)
    da[0] = e * x3 / 2;
    da[1] = e * t * x2;
    da[2] = e * t * t / 2 * x;
    da[3] = e * l * (3 * x2 - x3) / 2;
    da[4] = e * (3 * x2 - x3);
    da[5] = e * t * (1.5 * x - x2 / 2);
    da[6] = e * l2 * (x * (x2 / 2 - x) - (2 * x2 - 3 * x));
    da[7] = e * l * (x * (x2 - 3 * x) - (3 * x2 - 6 * x));
    da[8] = e * (x * (1 - 2 * x + x2 / 2) - (x2 - 2 * x));
  }
}

}  // namespace

Kernel::Kernel(Kind kind, std::vector<double> parameters, int harmonics, double origin)
    : kind_(kind), parameters_(std::move(parameters)), harmonics_(harmonics), origin_(origin) {
  const auto& names = info(kind).parameters;
  for (std::size_t k = 0; k < names.size(); ++k) check_positive(names[k].c_str(), parameters_[k]);
  require(std::isfinite(origin), "[Kernel] origin ", origin, " is not finite");
  states_ = kind == Kind::matern32 ? 2 : kind == Kind::matern52 ? 3 : 1;
  if (kind == Kind::periodic) states_ = 2 * harmonics + 1;
  reads_first_ = kind != Kind::linear && kind != Kind::periodic;
}

Kernel::Kernel(Kind kind, const Kernel& a, const Kernel& b) : kind_(kind), parts_{a, b} {
  require(a.states_ > 0 && b.states_ > 0, "[Kernel] a part of a sum or product is no kernel");
  parameters_ = a.parameters_;
  parameters_.insert(parameters_.end(), b.parameters_.begin(), b.parameters_.end());
  states_ = kind == Kind::sum ? a.states_ + b.states_ : a.states_ * b.states_;
  require(states_ <= 64, "[Kernel] ", states_, " states; at most 64 are supported");
  reads_first_ = kind == Kind::product && a.reads_first_ && b.reads_first_;
}

Kernel Kernel::matern(double nu, double length, double variance) {
  require(nu == 0.5 || nu == 1.5 || nu == 2.5, "[Kernel] Matern kernel of nu ", nu,
          "; 0.5, 1.5 and 2.5 have a finite state here");
  const Kind kind = nu == 0.5 ? Kind::matern12 : nu == 1.5 ? Kind::matern32 : Kind::matern52;
  return {kind, {length, variance}, 0, 0};
}
Kernel Kernel::periodic(double period, double length, double variance, int harmonics) {
  require(1 <= harmonics && harmonics <= 30, "[Kernel] ", harmonics, " harmonics; expected 1 to 30");
  return {Kind::periodic, {period, length, variance}, harmonics, 0};
}
Kernel Kernel::constant(double variance) {
  return {Kind::constant, {variance}, 0, 0};
}
Kernel Kernel::linear(double variance, double origin) {
  return {Kind::linear, {variance}, 0, origin};
}
Kernel Kernel::independent(double variance) {
  return {Kind::independent, {variance}, 0, 0};
}
Kernel Kernel::operator+(const Kernel& other) const {
  return {Kind::sum, *this, other};
}
Kernel Kernel::operator*(const Kernel& other) const {
  return {Kind::product, *this, other};
}

std::string Kernel::text() const {
  if (states_ == 0) return "";
  if (kind_ == Kind::sum || kind_ == Kind::product) {
    std::string out;
    for (const Kernel& part : parts_) {
      const bool braces = kind_ == Kind::product && part.kind_ == Kind::sum;
      out += (out.empty()          ? ""
              : kind_ == Kind::sum ? " + "
                                   : " * ") +
             (braces ? "(" : std::string()) + part.text() + (braces ? ")" : "");
    }
    return out;
  }
  const KindInfo& k = info(kind_);
  std::string out = std::string(k.name) + "(";
  for (std::size_t p = 0; p < parameters_.size(); ++p)
    out += cartan::text(p ? ", " : "", k.parameters[p], " = ", parameters_[p]);
  if (kind_ == Kind::periodic) out += cartan::text(", harmonics = ", harmonics_);
  if (kind_ == Kind::linear) {  // no parameter, so all its digits
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.17g", origin_);
    out += std::string(", origin = ") + digits;
  }
  return out + ")";
}

std::vector<std::string> Kernel::parameter_names() const {
  if (parts_.empty()) return states_ ? info(kind_).parameters : std::vector<std::string>();
  std::vector<std::string> out;
  for (std::size_t k = 0; k < parts_.size(); ++k)
    for (const std::string& name : parts_[k].parameter_names())
      out.push_back(cartan::text("part ", k + 1, ": ", name));
  return out;
}

Kernel Kernel::with(const std::vector<double>& parameters) const {
  require(parameters.size() == parameters_.size(), "[Kernel] ", parameters.size(), " parameters for ",
          parameters_.size());
  if (parts_.empty()) return {kind_, parameters, harmonics_, origin_};
  const auto middle = parameters.begin() + static_cast<std::ptrdiff_t>(parts_[0].parameters_.size());
  return {kind_, parts_[0].with({parameters.begin(), middle}), parts_[1].with({middle, parameters.end()})};
}

Kernel Kernel::rescaled(double shift, double scale) const {
  check_positive("scale", scale);
  if (!parts_.empty()) return {kind_, parts_[0].rescaled(shift, scale), parts_[1].rescaled(shift, scale)};
  std::vector<double> p = parameters_;
  double origin = origin_;
  if (kind_ == Kind::matern12 || kind_ == Kind::matern32 || kind_ == Kind::matern52 ||
      kind_ == Kind::periodic)
    p[0] /= scale;  // the length of a periodic kernel has no unit
  if (kind_ == Kind::linear) p[0] *= scale * scale, origin = (origin_ - shift) / scale;
  return {kind_, p, harmonics_, origin};
}

double Kernel::truncation() const {
  if (kind_ == Kind::periodic) return truncated_weight(parameters_[1], harmonics_);
  double largest = 0;
  for (const Kernel& part : parts_) largest = std::max(largest, part.truncation());
  return parts_.empty() ? 0 : std::min(1.0, 2 * largest);
}

void Kernel::transition(double lag, double* a, double* da) const {
  const auto d = static_cast<std::size_t>(states_), np = parameters_.size();
  if (da) std::fill_n(da, np * d * d, 0.0);
  switch (kind_) {
    case Kind::matern12:
    case Kind::matern32:
    case Kind::matern52: {
      const double l = rate(kind_, parameters_[0]), e = std::exp(-l * lag);
      matern_transition(kind_, l, lag, e, a);
      if (da) matern_transition_derivative(kind_, l, lag, e, da);
      return;
    }
    case Kind::periodic: {
      std::fill_n(a, d * d, 0.0);
      a[0] = 1;
      for (int j = 1; j <= harmonics_; ++j) {
        const double phase = 2 * M_PI * j * lag / parameters_[0], c = std::cos(phase), s = std::sin(phase);
        const std::size_t p = static_cast<std::size_t>(2 * j - 1), at = p * d + p;
        a[at] = c, a[at + 1] = -s, a[at + d] = s, a[at + d + 1] = c;
        if (da)  // d phase / d log period = -phase
          da[at] = phase * s, da[at + 1] = phase * c, da[at + d] = -phase * c, da[at + d + 1] = phase * s;
      }
      return;
    }
    case Kind::constant:
    case Kind::linear:
      a[0] = 1;
      return;
    case Kind::independent:
      a[0] = lag == 0 ? 1 : 0;
      return;
    case Kind::sum:
    case Kind::product:
      break;
  }
  const Kernel &f = parts_[0], &g = parts_[1];
  std::vector<double> fa, ga, fd, gd;
  f.room(fa, fd, da), g.room(ga, gd, da);
  f.transition(lag, fa.data(), da ? fd.data() : nullptr);
  g.transition(lag, ga.data(), da ? gd.data() : nullptr);
  combine(fa, fd, ga, gd, a, da);
}

void Kernel::stationary(double* p, double* dp) const {
  const auto d = static_cast<std::size_t>(states_), np = parameters_.size();
  if (kind_ == Kind::sum || kind_ == Kind::product) {
    const Kernel &f = parts_[0], &g = parts_[1];
    std::vector<double> fp, gp, fd, gd;
    f.room(fp, fd, dp), g.room(gp, gd, dp);
    f.stationary(fp.data(), dp ? fd.data() : nullptr);
    g.stationary(gp.data(), dp ? gd.data() : nullptr);
    return combine(fp, fd, gp, gd, p, dp);
  }
  std::fill_n(p, d * d, 0.0);
  if (dp) std::fill_n(dp, np * d * d, 0.0);
  const double v = parameters_.back();
  if (kind_ == Kind::periodic) {
    std::vector<double> weight(static_cast<std::size_t>(harmonics_) + 1), slope(weight.size());
    harmonic_weights(parameters_[1], harmonics_, weight.data(), slope.data());
    for (int j = 0; j <= harmonics_; ++j)
      for (int s = j == 0 ? 0 : 2 * j - 1; s <= 2 * j; ++s) {
        const std::size_t at = static_cast<std::size_t>(s) * (d + 1);
        p[at] = v * weight[static_cast<std::size_t>(j)];
        if (dp) dp[d * d + at] = v * slope[static_cast<std::size_t>(j)], dp[2 * d * d + at] = p[at];
      }
    return;
  }
  const double l = kind_ == Kind::matern32 || kind_ == Kind::matern52 ? rate(kind_, parameters_[0]) : 0;
  p[0] = v;
  if (kind_ == Kind::matern32) {
    p[3] = l * l * v;
    if (dp) dp[3] = -2 * p[3];
  } else if (kind_ == Kind::matern52) {
    const double k = l * l * v / 3;
    p[2] = p[6] = -k, p[4] = k, p[8] = l * l * l * l * v;
    if (dp) dp[2] = dp[6] = 2 * k, dp[4] = -2 * k, dp[8] = -4 * p[8];
  }
  if (dp) std::copy_n(p, d * d, dp + (np - 1) * d * d);
}

void Kernel::observation(double x, double* h) const {
  const auto d = static_cast<std::size_t>(states_);
  if (parts_.empty()) {
    std::fill_n(h, d, 0.0);
    h[0] = kind_ == Kind::linear ? x - origin_ : 1;
    if (kind_ == Kind::periodic)
      for (int j = 1; j <= harmonics_; ++j) h[2 * j - 1] = 1;
    return;
  }
  const auto fd = static_cast<std::size_t>(parts_[0].states_), gd = d / (kind_ == Kind::sum ? 1 : fd);
  if (kind_ == Kind::sum) {
    parts_[0].observation(x, h);
    return parts_[1].observation(x, h + fd);
  }
  std::vector<double> f(fd), g(gd);
  parts_[0].observation(x, f.data());
  parts_[1].observation(x, g.data());
  for (std::size_t i = 0; i < d; ++i) h[i] = f[i / gd] * g[i % gd];
}

double Kernel::operator()(double x, double y) const {
  const auto d = static_cast<std::size_t>(states_);
  std::vector<double> a(d * d), p(d * d), hx(d), hy(d);
  observation(std::min(x, y), hx.data());
  observation(std::max(x, y), hy.data());
  transition(std::abs(x - y), a.data());
  stationary(p.data());
  double sum = 0;  // h(y)^T A P h(x)
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j)
      for (std::size_t k = 0; k < d; ++k) sum += hy[i] * a[i * d + j] * p[j * d + k] * hx[k];
  return sum;
}

void Kernel::room(std::vector<double>& a, std::vector<double>& da, const double* wanted) const {
  const auto d = static_cast<std::size_t>(states_);
  a.resize(d * d);
  da.resize(wanted ? parameters_.size() * d * d : 0);
}

// The matrix of a sum or product of kernels from those of the parts, and its derivatives.
void Kernel::combine(const std::vector<double>& f, const std::vector<double>& df,
                     const std::vector<double>& g, const std::vector<double>& dg, double* out,
                     double* dout) const {
  const auto d = static_cast<std::size_t>(states_), fd = static_cast<std::size_t>(parts_[0].states_),
             gd = static_cast<std::size_t>(parts_[1].states_);
  const auto join = [&](const double* a, const double* b, double* to) {
    if (kind_ == Kind::product) {
      for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j)
          to[i * d + j] = a[(i / gd) * fd + j / gd] * b[(i % gd) * gd + j % gd];
      return;
    }
    std::fill_n(to, d * d, 0.0);
    for (std::size_t i = 0; i < fd && a; ++i) std::copy_n(a + i * fd, fd, to + i * d);
    for (std::size_t i = 0; i < gd && b; ++i) std::copy_n(b + i * gd, gd, to + (fd + i) * d + fd);
  };
  join(f.data(), g.data(), out);
  if (!dout) return;
  const bool sum = kind_ == Kind::sum;
  for (std::size_t p = 0; p < parts_[0].parameters_.size(); ++p, dout += d * d)
    join(df.data() + p * fd * fd, sum ? nullptr : g.data(), dout);
  for (std::size_t p = 0; p < parts_[1].parameters_.size(); ++p, dout += d * d)
    join(sum ? nullptr : f.data(), dg.data() + p * gd * gd, dout);
}

void Kernel::save(data::Group& group) const {
  require(states_ > 0, "[Kernel] there is no kernel to save");
  group.attributes["kernel"] = text();
  group.attributes["parameters"] = parameters_;  // all their bits
}

Kernel Kernel::load(const data::Group& group) {
  try {
    return parse(group.string("kernel")).with(group.numbers("parameters"));
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), "kernel", error.what());
  }
}

}  // namespace cartan::functional
