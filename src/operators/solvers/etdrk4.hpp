#pragma once
// Exponential time differencing of order four for u' = L u + N(u) with a diagonal, real L: Cox, Matthews,
// J. Comput. Phys. 176 (2002) 430; coefficients by contour integrals, Kassam, Trefethen, SIAM J. Sci. Comput.
// 26 (2005) 1214.

#include <cmath>
#include <complex>
#include <vector>

#include "cartan/core/array.hpp"

namespace cartan::operators {

template <class T>
class Etdrk4 {
 public:
  using Complex = std::complex<T>;

  Etdrk4(const std::vector<double>& linear, double h) : size_(static_cast<Index>(linear.size())) {
    for (std::vector<T>* c : {&full_, &half_, &q_, &f1_, &f2_, &f3_}) c->reserve(2 * linear.size());
    constexpr int nodes = 32;
    double last = NAN;
    T e = 0, e2 = 0, q = 0, f1 = 0, f2 = 0, f3 = 0;
    for (const double l : linear) {
      if (l != last) {  // many modes of a row share none, those of fields that are alike do
        last = l;
        double sq = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int j = 0; j < nodes; ++j) {
          const std::complex<double> z = h * l + std::polar(1.0, 3.14159265358979323846 * (j + 0.5) / nodes);
          const std::complex<double> ez = std::exp(z), z3 = z * z * z;
          sq += ((std::exp(z / 2.0) - 1.0) / z).real();
          s1 += ((-4.0 - z + ez * (4.0 - 3.0 * z + z * z)) / z3).real();
          s2 += ((2.0 + z + ez * (z - 2.0)) / z3).real();
          s3 += ((-4.0 - 3.0 * z - z * z + ez * (4.0 - z)) / z3).real();
        }
        e = static_cast<T>(std::exp(h * l)), e2 = static_cast<T>(std::exp(h * l / 2));
        q = static_cast<T>(h * sq / nodes), f1 = static_cast<T>(h * s1 / nodes);
        f2 = static_cast<T>(2 * h * s2 / nodes), f3 = static_cast<T>(h * s3 / nodes);
      }
      for (int part = 0; part < 2; ++part) {  // real and imaginary
        full_.push_back(e), half_.push_back(e2), q_.push_back(q);
        f1_.push_back(f1), f2_.push_back(f2), f3_.push_back(f3);
      }
    }
  }

  Index size() const { return size_; }
  Index work() const { return 5 * size_; }  // elements

  // One step in place. nonlinear(u, out) sets out = N(u); it may not change u.
  template <class Nonlinear>
  void step(Complex* u, Complex* work, const Nonlinear& nonlinear) const {
    Complex *a = work, *nu = work + size_, *na = nu + size_, *nb = na + size_, *c = nb + size_;
    const auto reals = [](Complex* x) { return reinterpret_cast<T*>(x); };
    T *ur = reals(u), *ar = reals(a), *nur = reals(nu), *nar = reals(na), *nbr = reals(nb), *cr = reals(c);
    const T *e = full_.data(), *e2 = half_.data(), *q = q_.data(), *f1 = f1_.data(), *f2 = f2_.data(),
            *f3 = f3_.data();
    const Index n = 2 * size_;
    nonlinear(static_cast<const Complex*>(u), nu);
    for (Index k = 0; k < n; ++k) ar[k] = e2[k] * ur[k] + q[k] * nur[k];
    nonlinear(static_cast<const Complex*>(a), na);
    for (Index k = 0; k < n; ++k) cr[k] = e2[k] * ur[k] + q[k] * nar[k];
    nonlinear(static_cast<const Complex*>(c), nb);
    for (Index k = 0; k < n; ++k) cr[k] = e2[k] * ar[k] + q[k] * (2 * nbr[k] - nur[k]);
    nonlinear(static_cast<const Complex*>(c), a);
    for (Index k = 0; k < n; ++k)
      ur[k] = e[k] * ur[k] + f1[k] * nur[k] + f2[k] * (nar[k] + nbr[k]) + f3[k] * ar[k];
  }

 private:
  Index size_;
  std::vector<T> full_, half_, q_, f1_, f2_, f3_;
};

}  // namespace cartan::operators
