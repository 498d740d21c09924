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

/// What the passes leave of a range of coordinates: rows of begin, begin + 1, ..; moments after a message
/// also those of begin - 1.
template <class Number>
struct Chain::TablesOf {
  Index begin = 0;
  int d = 0, c = 0;
  Number *prior_m = nullptr, *prior_p = nullptr, *post_m = nullptr, *post_p = nullptr, *ut = nullptr,
         *vt = nullptr, *rs = nullptr, *ns = nullptr, *rs_ahead = nullptr, *ns_ahead = nullptr;

  static Index numbers(Index rows, Index d, Index c) {
    return rows * (4 * d + 4 * d * d + c * c + c * d) + d + d * d;
  }
  TablesOf() = default;
  TablesOf(Number* room, Index first, Index rows, int states, int components)
      : begin(first), d(states), c(components) {
    const Index n = d;
    prior_m = room, prior_p = prior_m + rows * n, post_m = prior_p + rows * n * n;
    post_p = post_m + (rows + 1) * n, ut = post_p + (rows + 1) * n * n, vt = ut + rows * c * c;
    rs = vt + rows * c * n, ns = rs + rows * n, rs_ahead = ns + rows * n * n, ns_ahead = rs_ahead + rows * n;
  }
  Number* m_prior(Index i) const { return prior_m + (i - begin) * d; }
  Number* p_prior(Index i) const { return prior_p + (i - begin) * d * d; }
  Number* m_post(Index i) const { return post_m + (i - begin + 1) * d; }
  Number* p_post(Index i) const { return post_p + (i - begin + 1) * d * d; }
  Number* u(Index i) const { return ut + (i - begin) * c * c; }  // transposed
  Number* v(Index i) const { return vt + (i - begin) * c * d; }  // transposed
  Number* r(Index i) const { return rs + (i - begin) * d; }
  Number* n(Index i) const { return ns + (i - begin) * d * d; }
  // of what lies ahead of message i, without it
  Number* r_ahead(Index i) const { return rs_ahead + (i - begin) * d; }
  Number* n_ahead(Index i) const { return ns_ahead + (i - begin) * d * d; }
};

template <class S>
struct Chain::Pass {
  const Chain& chain;
  S s;
  std::vector<double> room;
  double *hp, *tt, *b, *l, *inverse, *x, *y, *z, *work, *uh;

  explicit Pass(const Chain& of) : chain(of), s(of) {
    const auto n = static_cast<std::size_t>(s.d) * static_cast<std::size_t>(s.d);
    room.assign(6 * n + 5 * static_cast<std::size_t>(s.d), 0.0);
    hp = room.data(), tt = hp + n, b = tt + n, l = b + n, work = l + n, uh = work + n;
    inverse = uh + n, x = inverse + s.d, y = x + s.d, z = y + s.d;
  }
  Pass(const Pass& other) : Pass(other.chain) {}  // room of its own

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
  void copy(const double* m, const double* p, double* to_m, double* to_p) const {
    for (int j = 0; j < s.d; ++j) to_m[j] = m[j];
    for (int j = 0; j < s.d * s.d; ++j) to_p[j] = p[j];
  }
  // Moments of the state one step on: P- = P_rest + A (P - P_rest) A^T.
  void predict(const double* at, double* m, double* p) {
    advance(at, m, x);
    for (int j = 0; j < s.d; ++j) m[j] = x[j];
    add_stationary(-1, p);
    congruence(at, false, p, p);
    add_stationary(1, p);
  }

  // From the moments (m, p) after the message before `begin`, none before the first, to those after that of
  // `end` - 1. What it adds to log evidence is added; tables where not null.
  void forward(Index begin, Index end, double* m, double* p, const double* precision, const double* shift,
               const Tables* keep, double& log_evidence) {
    const auto d = s.d;
    const auto c = s.c;
    if (keep) copy(m, p, keep->m_post(begin - 1), keep->p_post(begin - 1));
    for (Index i = begin; i < end; ++i) {
      if (i > 0) {
        predict(a(i), m, p);
      } else {
        for (int j = 0; j < d; ++j) m[j] = 0;
        for (int j = 0; j < d * d; ++j) p[j] = 0;
        add_stationary(1, p);
      }
      if (keep) copy(m, p, keep->m_prior(i), keep->p_prior(i));
      const double* w = precision + i * c * c;
      const double* e = shift + i * c;
      double* ut = keep ? keep->u(i) : uh;
      double* vt = keep ? keep->v(i) : work;

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
      if (keep) copy(m, p, keep->m_post(i), keep->p_post(i));
      log_evidence += quadratic;
    }
  }

  // The recursion from `end` - 1 down to `begin`: r, n are first those behind the transition to `end` (zero
  // at the very end), then what a step before `begin` needs. Those behind the messages go into the tables.
  void recurse(Index begin, Index end, double* r, double* n, const double* precision, const double* shift,
               const Tables& t) {
    const auto d = s.d;
    const auto c = s.c;
    for (Index i = end - 1; i >= begin; --i) {
      const double* w = precision + i * c * c;
      const double* e = shift + i * c;
      const double *ut = t.u(i), *vt = t.v(i);
      copy(r, n, t.r_ahead(i), t.n_ahead(i));
      const double* hu = spread(i, c, ut, uh);  // (C, D)
      functional::apply(c, d, vt, r, x);
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < d; ++j) r[j] -= hu[k * d + j] * x[k];
      // e - W H m = (1 - U V^T H^T) (e - W H m-): no difference of large numbers where the prior is wide
      const double* hm = read(i, Fixed<1>{}, t.m_prior(i), y);
      for (int j = 0; j < c; ++j) {
        double sum = e[j];
        for (int k = 0; k < c; ++k) sum -= w[j * c + k] * hm[k];
        z[j] = sum;
      }
      functional::apply(c, d, vt, spread(i, Fixed<1>{}, z, inverse), x);
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < c; ++j) z[j] -= ut[k * c + j] * x[k];
      const double* hz = spread(i, Fixed<1>{}, z, inverse);
      for (int j = 0; j < d; ++j) r[j] += hz[j];

      // (1 - H^T U V^T) N, then that times (1 - V U^T H): from one side at a time, for the same reason
      multiply(c, d, d, vt, n, tt);
      for (int k = 0; k < c; ++k)
        for (int j = 0; j < d; ++j) {
          const double f = hu[k * d + j];
          for (int q = 0; q < d; ++q) n[j * d + q] -= f * tt[k * d + q];
        }
      for (int j = 0; j < d; ++j)
        for (int k = 0; k < c; ++k) {
          double sum = -hu[k * d + j];  // H^T U U^T H joins
          for (int q = 0; q < d; ++q) sum += n[j * d + q] * vt[k * d + q];
          tt[j * c + k] = sum;
        }
      for (int j = 0; j < d; ++j)
        for (int k = 0; k < c; ++k) {
          const double f = tt[j * c + k];
          for (int q = 0; q < d; ++q) n[j * d + q] -= f * hu[k * d + q];
        }
      for (int j = 0; j < d; ++j)
        for (int q = 0; q < j; ++q) n[j * d + q] = n[q * d + j] = (n[j * d + q] + n[q * d + j]) / 2;
      copy(r, n, t.r(i), t.n(i));
      if (i > 0) {
        advance_transposed(a(i), r, x);
        for (int j = 0; j < d; ++j) r[j] = x[j];
        congruence(a(i), true, n, n);
      }
    }
  }

  // Smoothed moments of [begin, end), each where not null, and derivatives as in differentiate(), from tables
  // behind the recursion. Moments are made of those after the message, which have no wide prior in them.
  void outputs(Index begin, Index end, const Tables& t, double* mean, double* covariance, double* by_a,
               double* by_rest) {
    const auto d = s.d;
    const auto c = s.c;
    for (Index i = end - 1; i >= begin; --i) {
      const double *r = t.r_ahead(i), *n = t.n_ahead(i);
      const double* hp_ = read(i, d, t.p_post(i), hp);
      if (mean) {
        const double* at = read(i, Fixed<1>{}, t.m_post(i), y);
        for (int j = 0; j < c; ++j) {
          double sum = at[j];
          for (int q = 0; q < d; ++q) sum += hp_[j * d + q] * r[q];
          mean[i * c + j] = sum;
        }
      }
      if (covariance) {
        multiply(c, d, d, hp_, n, tt);
        const double* before = read_columns(i, c, hp_, b);
        double* out = covariance + i * c * c;
        for (int j = 0; j < c; ++j)
          for (int k = 0; k <= j; ++k) {
            double sum = before[j * c + k];
            for (int q = 0; q < d; ++q) sum -= tt[j * d + q] * hp_[k * d + q];
            out[j * c + k] = out[k * c + j] = sum;
          }
      }
      if (by_a) differentiate(i, t, by_a + (i - begin) * chain.block_, by_rest);
    }
  }

  // Derivatives of the evidence by the blocks of A of step i; to `by_rest` is added what step i has by those
  // of P at rest.
  void differentiate(Index i, const Tables& t, double* by_a, double* by_rest) {
    const auto d = s.d;
    const auto c = s.c;
    const double *r = t.r(i), *n = t.n(i);
    // G = (r r^T - N) / 2
    for (int j = 0; j < d; ++j)
      for (int q = 0; q < d; ++q) tt[j * d + q] = (r[j] * r[q] - n[j * d + q]) / 2;
    const double* at = a(i);
    if (i > 0) {
      // hp = A (P - P_rest) of the step before
      double* q = hp;
      const double* before = t.p_post(i - 1);
      for (int j = 0; j < d * d; ++j) b[j] = before[j];
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
    const double* post = t.m_post(i - 1);
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
