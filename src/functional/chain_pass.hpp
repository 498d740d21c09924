#pragma once
// One filter or smoother step after another over a range of coordinates; see chain.hpp for the formulas.
// Matrices U, V are kept transposed: their rows are then what loops run over.

#include <cmath>
#include <vector>

#include "functional/chain.hpp"
#include "functional/small.hpp"

namespace cartan::functional {

/// C components of B states each that read their first one: sizes that the compiler knows. B = 1: A is
/// diagonal, H = 1.
template <int B, int C>
struct Uniform {
  static constexpr int block = B;
  static constexpr bool diagonal = B == 1;
  static constexpr Fixed<B * C> d{};
  static constexpr Fixed<C> c{};
  explicit Uniform(const Chain&) {}
};
/// Any blocks.
struct Blocks {
  static constexpr int block = 0;
  static constexpr bool diagonal = false;
  int d, c;
  explicit Blocks(const Chain& chain) : d(chain.states()), c(chain.components()) {}
};

template <class S>
struct Chain::Pass {
  Chain& chain;
  S s;
  std::vector<double> room;
  double *hp, *tt, *b, *l, *inverse, *x, *y, *z, *work, *uh;

  explicit Pass(Chain& of) : chain(of), s(of) {
    const auto n = static_cast<std::size_t>(s.d) * static_cast<std::size_t>(s.d);
    room.assign(6 * n + 5 * static_cast<std::size_t>(s.d), 0.0);
    hp = room.data(), tt = hp + n, b = tt + n, l = b + n, work = l + n, uh = work + n;
    inverse = uh + n, x = inverse + s.d, y = x + s.d, z = y + s.d;
  }

  const double* h(Index i) const {
    return chain.observation_.data() + (chain.fixed_observation_ ? 0 : i * chain.states_);
  }
  const double* a(Index i) const { return chain.transition_.data() + i * chain.block_; }
  int size(int k) const { return S::block ? S::block : chain.kernels_[static_cast<std::size_t>(k)].states(); }
  int first(int k) const { return S::block ? S::block * k : chain.first_[static_cast<std::size_t>(k)]; }
  int place(int k) const {
    return S::block ? S::block * S::block * k : chain.place_[static_cast<std::size_t>(k)];
  }
  // The last state that component k reads, and one more.
  int read_end(int k) const { return S::block ? first(k) + 1 : first(k) + size(k); }

  // out (C, columns) = H in, in (D, columns)
  template <class Columns>
  const double* read(Index i, Columns columns, const double* in, double* out) const {
    if constexpr (S::diagonal) return in;
    const double* w = h(i);
    for (int k = 0; k < s.c; ++k) {
      double* row = out + k * columns;
      const int f = first(k);
      for (int j = 0; j < columns; ++j) row[j] = w[f] * in[f * columns + j];
      for (int e = f + 1; e < read_end(k); ++e) {
        if (w[e] == 0) continue;
        for (int j = 0; j < columns; ++j) row[j] += w[e] * in[e * columns + j];
      }
    }
    return out;
  }
  // out (rows, C) = in H^T, in (rows, D)
  template <class Rows>
  const double* read_columns(Index i, Rows rows, const double* in, double* out) const {
    if constexpr (S::diagonal) return in;
    const double* w = h(i);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < s.c; ++k) {
        double sum = 0;
        const int f = first(k);
        for (int e = f; e < read_end(k); ++e) sum += w[e] * in[r * s.d + e];
        out[r * s.c + k] = sum;
      }
    return out;
  }
  // out (rows, D) = in H, in (rows, C)
  template <class Rows>
  const double* spread(Index i, Rows rows, const double* in, double* out) const {
    if constexpr (S::diagonal) return in;
    const double* w = h(i);
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < s.c; ++k) {
        const int f = first(k);
        for (int e = f; e < f + size(k); ++e) out[r * s.d + e] = w[e] * in[r * s.c + k];
      }
    return out;
  }

  // to = A of step i times from (D)
  void advance(const double* at, const double* from, double* to) const {
    if constexpr (S::diagonal) {
      for (int j = 0; j < s.d; ++j) to[j] = at[j] * from[j];
    } else {
      for (int k = 0; k < s.c; ++k) {
        const int f = first(k), d = size(k);
        functional::apply(d, d, at + place(k), from + f, to + f);
      }
    }
  }
  void advance_transposed(const double* at, const double* from, double* to) const {
    if constexpr (S::diagonal) {
      for (int j = 0; j < s.d; ++j) to[j] = at[j] * from[j];
    } else {
      for (int k = 0; k < s.c; ++k) {
        const int f = first(k), d = size(k);
        const double* m = at + place(k);
        for (int j = 0; j < d; ++j) {
          double sum = 0;
          for (int e = 0; e < d; ++e) sum += m[e * d + j] * from[f + e];
          to[f + j] = sum;
        }
      }
    }
  }
  // to = A from A^T (transposed: A^T from A) for a symmetric matrix; `to` may be `from`.
  void congruence(const double* at, bool transposed, const double* from, double* to) {
    if constexpr (S::diagonal) {
      for (int i = 0; i < s.d; ++i)
        for (int j = 0; j < s.d; ++j) to[i * s.d + j] = at[i] * at[j] * from[i * s.d + j];
    } else {
      for (int k = 0; k < s.c; ++k) {  // rows
        const int f = first(k), d = size(k);
        const double* m = at + place(k);
        for (int i = 0; i < d; ++i) {
          double* row = work + (f + i) * s.d;
          for (int j = 0; j < s.d; ++j) row[j] = 0;
          for (int e = 0; e < d; ++e) {
            const double w = transposed ? m[e * d + i] : m[i * d + e];
            const double* other = from + (f + e) * s.d;
            for (int j = 0; j < s.d; ++j) row[j] += w * other[j];
          }
        }
      }
      for (int i = 0; i < s.d; ++i)
        for (int k = 0; k < s.c; ++k) {
          const int f = first(k), d = size(k);
          const double* m = at + place(k);
          for (int j = 0; j < d; ++j) {
            double sum = 0;
            for (int e = 0; e < d; ++e)
              sum += work[i * s.d + f + e] * (transposed ? m[e * d + j] : m[j * d + e]);
            to[i * s.d + f + j] = sum;
          }
        }
    }
  }
  // p += sign * P at rest
  void add_stationary(double sign, double* p) const {
    for (int k = 0; k < s.c; ++k) {
      const int f = first(k), d = size(k);
      const double* m = chain.stationary_.data() + place(k);
      for (int i = 0; i < d; ++i)
        for (int j = 0; j < d; ++j) p[(f + i) * s.d + f + j] += sign * m[i * d + j];
    }
  }
  // Moments of the state one step on: P- = P_rest + A (P - P_rest) A^T.
  void predict(const double* at, double* m, double* p) {
    advance(at, m, x);
    for (int j = 0; j < s.d; ++j) m[j] = x[j];
    add_stationary(-1, p);
    congruence(at, false, p, p);
    add_stationary(1, p);
  }

  // From the prior (m, p) of coordinate `begin` to the posterior of `end` - 1; what it adds to log evidence.
  double forward(Index begin, Index end, double* m, double* p, const double* precision, const double* shift) {
    const auto d = s.d;
    const auto c = s.c;
    double log_evidence = 0;
    for (Index i = begin; i < end; ++i) {
      if (i > begin) predict(a(i), m, p);
      double* keep_m = chain.m_prior_.data() + i * d;
      double* keep_p = chain.p_prior_.data() + i * d * d;
      for (int j = 0; j < d; ++j) keep_m[j] = m[j];
      for (int j = 0; j < d * d; ++j) keep_p[j] = p[j];
      const double* w = precision + i * c * c;
      const double* e = shift + i * c;
      double* ut = chain.u_.data() + i * c * c;
      double* vt = chain.v_.data() + i * c * d;

      cholesky_semidefinite(c, w, l);
      const double* hp_ = read(i, d, p, hp);
      for (int j = 0; j < c; ++j) {  // L^T H P
        double* row = vt + j * d;
        for (int q = 0; q < d; ++q) row[q] = 0;
        for (int k = j; k < c; ++k)
          for (int q = 0; q < d; ++q) row[q] += l[k * c + j] * hp_[k * d + q];
      }
      const double* th = read_columns(i, c, vt, tt);
      for (int j = 0; j < c; ++j)
        for (int k = 0; k <= j; ++k) {
          double sum = j == k ? 1 : 0;
          for (int q = k; q < c; ++q) sum += th[j * c + q] * l[q * c + k];
          b[j * c + k] = sum;
        }
      log_evidence -= std::log(cholesky(c, b, inverse));
      for (int j = 0; j < c; ++j)
        for (int k = 0; k < c; ++k) ut[j * c + k] = l[k * c + j];
      for (int j = 0; j < c; ++j) {
        for (int k = 0; k < j; ++k) {
          const double f = b[j * c + k];
          for (int q = 0; q < c; ++q) ut[j * c + q] -= f * ut[k * c + q];
          for (int q = 0; q < d; ++q) vt[j * d + q] -= f * vt[k * d + q];
        }
        for (int q = 0; q < c; ++q) ut[j * c + q] *= inverse[j];
        for (int q = 0; q < d; ++q) vt[j * d + q] *= inverse[j];
      }
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < d; ++j) {
          const double f = vt[k * d + j];
          for (int q = 0; q < d; ++q) p[j * d + q] -= f * vt[k * d + q];
        }
      const double* hm = read(i, Fixed<1>{}, m, x);
      double quadratic = 0;
      for (int j = 0; j < c; ++j) {
        double sum = 0;
        for (int k = 0; k < c; ++k) sum += w[j * c + k] * hm[k];
        z[j] = e[j] - sum;
        quadratic += hm[j] * (e[j] - sum / 2);
      }
      const double* hz = spread(i, Fixed<1>{}, z, y);
      functional::apply(d, d, p, hz, inverse);
      for (int j = 0; j < d; ++j) quadratic += hz[j] * inverse[j] / 2;
      for (int j = 0; j < d; ++j) m[j] += inverse[j];
      double* post = chain.m_post_.data() + i * d;
      for (int j = 0; j < d; ++j) post[j] = m[j];
      log_evidence += quadratic;
    }
    return log_evidence;
  }

  // r and n of coordinate `begin` from those of `end`, both behind the transition to it (zero at the very
  // end); moments and gradients as in Chain::backward. What a step before `begin` needs is left in r, n.
  void backward(Index begin, Index end, double* r, double* n, const double* precision, const double* shift,
                double* mean, double* covariance, std::vector<double>* slopes, bool keep) {
    const auto d = s.d;
    const auto c = s.c;
    for (Index i = end - 1; i >= begin; --i) {
      const double* w = precision + i * c * c;
      const double* e = shift + i * c;
      const double* ut = chain.u_.data() + i * c * c;
      const double* vt = chain.v_.data() + i * c * d;
      const double* p = chain.p_prior_.data() + i * d * d;
      const double* m = chain.m_prior_.data() + i * d;
      const double* hu = spread(i, c, ut, uh);  // (C, D)
      functional::apply(c, d, vt, r, x);
      const double* hm = read(i, Fixed<1>{}, chain.m_post_.data() + i * d, y);
      for (int j = 0; j < c; ++j) {
        double sum = e[j];
        for (int k = 0; k < c; ++k) sum -= w[j * c + k] * hm[k];
        z[j] = sum;
      }
      const double* hz = spread(i, Fixed<1>{}, z, inverse);
      for (int j = 0; j < d; ++j) r[j] += hz[j];
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < d; ++j) r[j] -= hu[k * d + j] * x[k];

      multiply(c, d, d, vt, n, tt);
      for (int j = 0; j < c; ++j)
        for (int k = 0; k < c; ++k) {
          double sum = j == k ? 1 : 0;
          for (int q = 0; q < d; ++q) sum += tt[j * d + q] * vt[k * d + q];
          b[j * c + k] = sum / 2;
        }
      for (int j = 0; j < c; ++j)
        for (int k = 0; k < c; ++k)
          for (int q = 0; q < d; ++q) tt[j * d + q] -= b[j * c + k] * hu[k * d + q];
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < d; ++j) {
          const double f = hu[k * d + j], g = tt[k * d + j];
          for (int q = 0; q < d; ++q) n[j * d + q] -= f * tt[k * d + q] + g * hu[k * d + q];
        }

      if (mean || covariance) {
        const double* hp_ = read(i, d, p, hp);
        if (mean) {
          const double* at = read(i, Fixed<1>{}, m, y);
          for (int j = 0; j < c; ++j) {
            double sum = at[j];
            for (int q = 0; q < d; ++q) sum += hp_[j * d + q] * r[q];
            mean[i * c + j] = sum;
          }
        }
        if (covariance) {
          multiply(c, d, d, hp_, n, tt);
          const double* prior = read_columns(i, c, hp_, b);
          double* out = covariance + i * c * c;
          for (int j = 0; j < c; ++j)
            for (int k = 0; k <= j; ++k) {
              double sum = prior[j * c + k];
              for (int q = 0; q < d; ++q) sum -= tt[j * d + q] * hp_[k * d + q];
              out[j * c + k] = out[k * c + j] = sum;
            }
        }
      }
      if (keep) {
        for (int j = 0; j < d; ++j) chain.r_[static_cast<std::size_t>(i * d + j)] = r[j];
        for (int j = 0; j < d * d; ++j) chain.n_[static_cast<std::size_t>(i * d * d + j)] = n[j];
      }
      if (slopes) differentiate(i, r, n, *slopes);
      if (i > 0) {
        advance_transposed(a(i), r, x);
        for (int j = 0; j < d; ++j) r[j] = x[j];
        congruence(a(i), true, n, n);
      }
    }
  }

  // slopes: for every coordinate the derivatives of the evidence by the blocks of A, then by those of P at
  // rest.
  void differentiate(Index i, const double* r, const double* n, std::vector<double>& slopes) {
    const auto d = s.d;
    const auto c = s.c;
    double* by_rest = slopes.data() + chain.transition_.size();
    // G = (r r^T - N) / 2
    for (int j = 0; j < d; ++j)
      for (int q = 0; q < d; ++q) tt[j * d + q] = (r[j] * r[q] - n[j * d + q]) / 2;
    const double* at = a(i);
    if (i > 0) {
      // hp = A (P - P_rest) of the step before
      double* q = hp;
      const double* before = chain.p_prior_.data() + (i - 1) * d * d;
      const double* vt = chain.v_.data() + (i - 1) * c * d;
      for (int j = 0; j < d * d; ++j) b[j] = before[j];
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < d; ++j) {
          const double f = vt[k * d + j];
          for (int e = 0; e < d; ++e) b[j * d + e] -= f * vt[k * d + e];
        }
      add_stationary(-1, b);
      for (int k = 0; k < c; ++k) {
        const int f = first(k), size_ = size(k);
        const double* m = at + place(k);
        for (int row = 0; row < size_; ++row)
          for (int col = 0; col < d; ++col) {
            double sum = 0;
            for (int e = 0; e < size_; ++e) sum += m[row * size_ + e] * b[(f + e) * d + col];
            q[(f + row) * d + col] = sum;
          }
      }
    }
    const double* post = i > 0 ? chain.m_post_.data() + (i - 1) * d : nullptr;
    double* by_a = slopes.data() + i * chain.block_;
    for (int k = 0; k < c; ++k) {
      const int f = first(k), size_ = size(k);
      const int at_k = place(k);
      for (int row = 0; row < size_; ++row)
        for (int col = 0; col < size_; ++col) {
          double rest = tt[(f + row) * d + f + col];
          if (i > 0) {
            double sum = r[f + row] * post[f + col];
            for (int e = 0; e < d; ++e) sum += 2 * tt[(f + row) * d + e] * hp[e * d + f + col];
            by_a[at_k + row * size_ + col] = sum;
            const double* m = at + at_k;
            for (int e = 0; e < size_; ++e)
              for (int g = 0; g < size_; ++g)
                rest -= m[e * size_ + row] * tt[(f + e) * d + f + g] * m[g * size_ + col];
          }
          by_rest[at_k + row * size_ + col] += rest;
        }
    }
  }
};

}  // namespace cartan::functional
