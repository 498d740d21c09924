#pragma once
// Derivatives of functions of a distance by truncated Taylor series: f(d + t) = sum_j f_j t^j, and the n-th
// derivative is n! f_n.

#include <Eigen/Core>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "cartan/autodiff/primitive.hpp"

namespace cartan::nn {

inline constexpr int max_order = 7;
using Series = std::array<double, max_order + 1>;

inline double factorial(int n) {
  return n < 2 ? 1.0 : n * factorial(n - 1);
}

// Functions of d. `scalar` says that the result has the shape of d, by series(); otherwise it is (...,
// count), by fill(). take() is given the arrays of the function, on the host.
struct CosineCutoff {
  static constexpr bool scalar = true;
  double lower, upper;
  Index count() const { return 1; }
  void take(const Arrays&) {}

  Series series(double d, int order) const {
    Series c{};
    if (!(d < upper) || (lower > 0 && !(d > lower))) return c;
    const bool band = lower > 0;
    const double w = band ? 2 * std::numbers::pi / (upper - lower) : std::numbers::pi / upper;
    const double phase = band ? w * (d - lower) + std::numbers::pi : w * d;
    const double cosine = std::cos(phase), sine = order > 0 ? std::sin(phase) : 0.0;
    const double turn[4] = {cosine, -sine, -cosine, sine};
    double f = 0.5;
    for (int j = 0; j <= order; ++j, f *= w / j) c[static_cast<std::size_t>(j)] = f * turn[j % 4];
    c[0] += 0.5;
    return c;
  }
};

struct PolynomialCutoff {
  static constexpr bool scalar = true;
  double upper;
  int p;
  Index count() const { return 1; }
  void take(const Arrays&) {}

  Series series(double d, int order) const {
    Series c{};
    if (!(d < upper)) return c;
    const double x = d / upper, q = p;
    const double a[3] = {-(q + 1) * (q + 2) / 2, q * (q + 2), -q * (q + 1) / 2};
    c[0] = 1;
    for (int k = 0; k < 3; ++k) {
      double binomial = a[k];  // a_k binom(p + k, j)/upper^j
      for (int j = 0; j <= order && j <= p + k; ++j) {
        double power = 1;
        for (int e = p + k - j; e > 0; --e) power *= x;
        c[static_cast<std::size_t>(j)] += binomial * power;
        binomial *= (p + k - j) / ((j + 1) * upper);
      }
    }
    return c;
  }
};

// A polynomial in d^2, of which d + t has the coefficients sum_k a_k binom(k, j) d^(k - j).
struct XplorCutoff {
  static constexpr bool scalar = true;
  double onset, upper;
  Index count() const { return 1; }
  void take(const Arrays&) {}

  Series series(double d, int order) const {
    Series c{};
    if (!(d < upper)) return c;
    c[0] = 1;
    if (d < onset) return c;
    const double u = upper * upper, n = onset * onset, cube = (u - n) * (u - n) * (u - n);
    const double a[4] = {u * u * (u - 3 * n) / cube, 6 * u * n / cube, -3 * (u + n) / cube, 2 / cube};
    c[0] = 0;
    for (int k = 0; k <= 6; k += 2) {
      double binomial = a[k / 2];
      for (int j = 0; j <= order && j <= k; ++j) {
        double power = 1;
        for (int e = k - j; e > 0; --e) power *= d;
        c[static_cast<std::size_t>(j)] += binomial * power;
        binomial *= static_cast<double>(k - j) / (j + 1);
      }
    }
    return c;
  }
};

// exp(f) for f = factor_k (h_k0 + h_1 t + h_2 t^2 + ...)^2, for all k at once: with E = exp(f),
// n E_n = sum_{j=1..n} j f_j E_{n-j}.
template <class T>
class GaussianSeries {
 public:
  using Row = Eigen::Array<T, Eigen::Dynamic, 1>;
  using In = Eigen::Map<const Row>;

  GaussianSeries(Index count, int order) : order_(order) {
    for (int j = 0; j <= order; ++j) f_[j].resize(count), e_[j].resize(count);
    h_.resize(count);
  }
  // h_k0 = h[0] - centers_k, h_j = h[j]; the result is factor * (E times cut), order-th coefficient.
  template <class Width>
  void run(const Series& h, const In& centers, const Width& minus_width, const Series& cut, double factor,
           T* out) {
    h_ = static_cast<T>(h[0]) - centers;
    e_[0] = (minus_width * h_.square()).exp();
    for (int j = 1; j <= order_; ++j) {
      double known = 0;
      for (int i = 1; i < j; ++i) known += h[i] * h[j - i];
      f_[j] = minus_width * (static_cast<T>(2 * h[j]) * h_ + static_cast<T>(known));
      e_[j] = f_[j] * e_[0];
      for (int i = 1; i < j; ++i) e_[j] += static_cast<T>(i) / static_cast<T>(j) * f_[i] * e_[j - i];
    }
    Eigen::Map<Row> y(out, centers.size());
    y = static_cast<T>(factor * cut[0]) * e_[order_];
    for (int j = 1; j <= order_; ++j)
      if (cut[j] != 0) y += static_cast<T>(factor * cut[j]) * e_[order_ - j];
  }

 private:
  int order_;
  std::array<Row, max_order + 1> f_, e_;
  Row h_;
};

struct ExpNorm {
  static constexpr bool scalar = false;
  double lower, upper;
  Array means, betas;
  Index count() const { return means.size(); }
  void take(const Arrays& in) {
    means = in[0];
    betas = in[1];
  }

  template <class T>
  void fill(const T* d, Index n, int order, T* out) const {
    const Index k = count();
    GaussianSeries<T> gaussian(k, order);
    const typename GaussianSeries<T>::In mu(means.data<T>(), k), beta(betas.data<T>(), k);
    const CosineCutoff cutoff{0, upper};
    const double alpha = 5 / (upper - lower), f = factorial(order);
    for (Index p = 0; p < n; ++p) {
      const double r = static_cast<double>(d[p]);
      if (r >= upper) {
        std::fill_n(out + p * k, k, T(0));
        continue;
      }
      Series h{};
      h[0] = std::exp(alpha * (lower - r));
      for (int j = 1; j <= order; ++j)
        h[static_cast<std::size_t>(j)] = h[static_cast<std::size_t>(j - 1)] * -alpha / j;
      gaussian.run(h, mu, -beta, cutoff.series(r, order), f, out + p * k);
    }
  }
};

struct Gauss {
  static constexpr bool scalar = false;
  Array offset, coeff;
  Index count() const { return offset.size(); }
  void take(const Arrays& in) {
    offset = in[0];
    coeff = in[1];
  }

  template <class T>
  void fill(const T* d, Index n, int order, T* out) const {
    const Index k = count();
    GaussianSeries<T> gaussian(k, order);
    const typename GaussianSeries<T>::In centers(offset.data<T>(), k);
    const T width = coeff.data<T>()[0];
    Series h{}, one{};
    h[1] = one[0] = 1;
    for (Index p = 0; p < n; ++p) {
      h[0] = static_cast<double>(d[p]);
      gaussian.run(h, centers, width, one, factorial(order), out + p * k);
    }
  }
};

struct Bessel {
  static constexpr bool scalar = false;
  double upper, end;  // 0 from `end` on
  int envelope;
  double onset;
  Array frequencies;
  Index count() const { return frequencies.size(); }
  void take(const Arrays& in) { frequencies = in[0]; }

  // sin(w x)/x. Dividing the series of the sine by x + t loses a factor 1/(w x) a step, so small arguments
  // take the power series sum_m (-1)^m w^(2m+1) x^(2m)/(2m+1)! instead.
  static Series sine_over_distance(double w, double x, int order) {
    Series q{};
    const double phase = w * x;
    if (std::abs(phase) < 2) {
      for (int j = 0; j <= order; ++j) {
        double total = 0, term = w;  // (-1)^m w^(2m+1)/(2m+1)!
        for (int m = 0; m <= 16; ++m, term *= -w * w / ((2.0 * m) * (2.0 * m + 1))) {
          if (2 * m < j) continue;
          double t = term;
          for (int i = 0; i < j; ++i) t *= static_cast<double>(2 * m - i) / (i + 1);
          for (int i = 0; i < 2 * m - j; ++i) t *= x;
          total += t;
        }
        q[static_cast<std::size_t>(j)] = total;
      }
      return q;
    }
    const double sine = std::sin(phase), cosine = std::cos(phase), turn[4] = {sine, cosine, -sine, -cosine};
    double f = 1, before = 0;
    for (int j = 0; j <= order; ++j, f *= w / j)
      q[static_cast<std::size_t>(j)] = before = (f * turn[j % 4] - before) / x;
    return q;
  }

  template <class T>
  void fill(const T* d, Index n, int order, T* out) const {
    const Index k = count();
    const T* w = frequencies.data<T>();
    const double f = factorial(order) * std::sqrt(2 / upper);
    for (Index p = 0; p < n; ++p) {
      const double r = static_cast<double>(d[p]);
      Series cut{};
      if (r < end) cut[0] = 1;
      if (envelope > 0) cut = PolynomialCutoff{upper, envelope}.series(r, order);
      if (onset > 0) cut = XplorCutoff{onset, upper}.series(r, order);
      for (Index i = 0; i < k; ++i) {
        const Series q = r < end ? sine_over_distance(static_cast<double>(w[i]), r, order) : Series{};
        double total = 0;
        for (std::size_t j = 0; j <= static_cast<std::size_t>(order); ++j)
          total += cut[j] * q[static_cast<std::size_t>(order) - j];
        out[p * k + i] = static_cast<T>(f * total);
      }
    }
  }
};

// The order-th derivatives of f at n distances.
template <class Function, class T>
void fill(const Function& function, const T* d, Index n, int order, T* out) {
  if constexpr (Function::scalar) {
    const double f = factorial(order);
    for (Index i = 0; i < n; ++i)
      out[i] = static_cast<T>(
          f * function.series(static_cast<double>(d[i]), order)[static_cast<std::size_t>(order)]);
  } else {
    function.fill(d, n, order, out);
  }
}

}  // namespace cartan::nn
