#include "so3/harmonics/cpu/wigner_kernel.hpp"

#include <array>
#include <cmath>

#include "so3/tables/exact.hpp"

namespace cartan::so3 {
namespace {

struct Complex {
  SampleLanes re, im;
};
inline Complex operator*(const Complex& x, const Complex& y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
inline Complex operator*(double s, const Complex& x) {
  return {s * x.re, s * x.im};
}
inline Complex conj(const Complex& x) {
  return {x.re, -x.im};
}

// Half of the angle whose cosine and sine are given, without cancellation: (cos, sin), cos >= 0.
inline std::array<double, 2> half_angle(double c, double s) {
  if (c >= 0) {
    const double h = std::sqrt(0.5 * (1 + c));
    return {h, 0.5 * s / h};
  }
  const double h = std::sqrt(0.5 * (1 - c));
  return {0.5 * std::abs(s) / h, std::copysign(h, s)};
}

}  // namespace

WignerLayout::WignerLayout(int lmin_, int lmax_, int mmax_)
    : lmin(lmin_), lmax(lmax_), mmax(std::min(lmax_, mmax_)) {
  for (int l = 0; l <= lmax; ++l) {
    offset.push_back(size);
    if (l >= lmin) size += Index{2 * l + 1} * (2 * width(l) + 1);
  }
}

CayleyKlein cayley_klein(const double r[9]) {
  // four times the squares of w, x, y, z; the largest one is at least 1
  const double square[4] = {1 + r[0] + r[4] + r[8], 1 + r[0] - r[4] - r[8], 1 - r[0] + r[4] - r[8],
                            1 - r[0] - r[4] + r[8]};
  int k = 0;
  for (int i = 1; i < 4; ++i)
    if (square[i] > square[k]) k = i;
  const double wx = r[7] - r[5], wy = r[2] - r[6], wz = r[3] - r[1];  // four times the products
  const double xy = r[1] + r[3], xz = r[2] + r[6], yz = r[5] + r[7];
  const double rows[4][4] = {
      {square[0], wx, wy, wz}, {wx, square[1], xy, xz}, {wy, xy, square[2], yz}, {wz, xz, yz, square[3]}};
  double q[4], norm = 0;
  for (int i = 0; i < 4; ++i) norm += rows[k][i] * rows[k][i];
  norm = 1 / std::sqrt(norm);
  for (int i = 0; i < 4; ++i) q[i] = rows[k][i] * norm;
  return {q[0], -q[2], q[1], q[3]};
}

CayleyKlein cayley_klein_of_edge(const double n[3]) {
  const double rho = std::hypot(n[0], n[2]);
  const auto [ca, sa] = rho > 0 ? half_angle(n[2] / rho, n[0] / rho) : std::array<double, 2>{1, 0};
  const auto [cb, sb] = half_angle(n[1], rho);
  return {cb * ca, -cb * sa, sb * ca, -sb * sa};
}

WignerKernel::WignerKernel(int lmin, int lmax, int mmax) : layout_(lmin, lmax, mmax) {
  for (int p = 0; p <= lmax; ++p) {
    const auto row = binomials<Integer>(2 * p);
    for (int q = 0; q <= std::min(p, layout_.mmax); ++q) {
      start_.push_back(signed_root(Quad(row[static_cast<std::size_t>(p + q)])));
      for (int l = p; l < lmax; ++l) {
        const double n = l + 1;
        const double s = std::sqrt((n * n - p * p) * (n * n - q * q)), k = l == 0 ? 1 : l;
        const double back =
            std::sqrt(static_cast<double>(l * l - p * p) * static_cast<double>(l * l - q * q));
        steps_.push_back(
            {(2 * l + 1) * n / s, (2 * l + 1) * static_cast<double>(p * q) / (k * s), n * back / (k * s)});
      }
    }
  }
}

void WignerKernel::operator()(const CayleyKlein* rotations, Index samples, SampleLanes* out,
                              SampleLanes* scratch) const {
  const int lmax = layout_.lmax, powers = 2 * lmax + 1;
  Complex* a = reinterpret_cast<Complex*>(scratch);
  Complex* b = a + powers;
  a[0] = b[0] = {SampleLanes{} + 1.0, SampleLanes{}};
  Complex a1, b1;
  for (Index s = 0; s < lane_count; ++s) {
    const CayleyKlein& r = rotations[std::min(s, samples - 1)];
    a1.re[s] = r.a_re, a1.im[s] = r.a_im, b1.re[s] = r.b_re, b1.im[s] = r.b_im;
  }
  for (int k = 1; k < powers; ++k) {
    a[k] = a[k - 1] * a1;
    b[k] = b[k - 1] * b1;
  }
  // cos(beta) = |a|^2 - |b|^2 through the smaller of the two: near the poles entries change with 1 -+
  // cos(beta)
  const SampleLanes aa = a1.re * a1.re + a1.im * a1.im, bb = b1.re * b1.re + b1.im * b1.im;
  const SampleLanes cosine = bb < aa ? 1 - 2 * bb : 2 * aa - 1;

  const double* start = start_.data();
  const Step* step = steps_.data();
  for (int p = 0; p <= lmax; ++p)
    for (int q = 0; q <= std::min(p, layout_.mmax); ++q) {
      SampleLanes minus = SampleLanes{} + *start++, plus = minus, minus_before{}, plus_before{};
      // rows p, columns q
      const double root = q == 0 && p > 0 ? std::sqrt(2.0) : 1;
      const Complex ca = root * (a[p + q] * b[p - q]);
      const Complex cb = (q % 2 == 0 ? 1.0 : -1.0) * (a[p - q] * b[p + q]);
      // rows q, columns p
      const bool transposed = p > q && p <= layout_.mmax;
      const Complex ta = ((p - q) % 2 == 0 ? root : -root) * (a[p + q] * conj(b[p - q]));
      const Complex tb = (p % 2 == 0 ? 1.0 : -1.0) * (conj(a[p - q]) * b[p + q]);
      for (int l = p;; ++l) {
        if (l >= layout_.lmin) {
          const auto set = [&](int row, int column, const SampleLanes& v) {
            out[layout_.place(l, row, column)] = v;
          };
          if (q == 0) {
            set(p, 0, ca.re * minus);
            if (p > 0) set(-p, 0, -ca.im * minus);
            if (transposed) set(0, p, ta.re * minus), set(0, -p, ta.im * minus);
          } else {
            const SampleLanes re = ca.re * minus, im = ca.im * minus;
            set(p, q, re + cb.re * plus);
            set(-p, -q, re - cb.re * plus);
            set(p, -q, im - cb.im * plus);
            set(-p, q, -im - cb.im * plus);
            if (transposed) {
              const SampleLanes tre = ta.re * minus, tim = ta.im * minus;
              set(q, p, tre + tb.re * plus);
              set(-q, -p, tre - tb.re * plus);
              set(q, -p, tim - tb.im * plus);
              set(-q, p, -tim - tb.im * plus);
            }
          }
        }
        if (l == lmax) break;
        const SampleLanes x = step->x * cosine;
        const SampleLanes next_minus = (x - step->shift) * minus - step->back * minus_before;
        const SampleLanes next_plus = (x + step->shift) * plus - step->back * plus_before;
        minus_before = minus, plus_before = plus;
        minus = next_minus, plus = next_plus;
        ++step;
      }
    }
}

const WignerKernel& wigner_kernel(int lmin, int lmax, int mmax) {
  static auto& cache = *new Cache<std::array<int, 3>, WignerKernel>;
  return cache.get({lmin, lmax, std::min(lmax, mmax)}, [&] { return WignerKernel(lmin, lmax, mmax); });
}

}  // namespace cartan::so3
