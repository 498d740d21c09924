#include "completion/row_als.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/few_terms.hpp"
#include "completion/normal.hpp"
#include "core/gemm.hpp"
#include "core/simd.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

namespace {
constexpr Index chunk = 64;                      // entries whose design vectors are taken together
constexpr Index lanes = register_lanes<double>;  // rows that are solved together
using Lanes = Register<double>;
}  // namespace

RowAls::RowAls(const SparseTensor& x, const LossFunction& loss, const Penalties& penalties,
               std::unique_ptr<MostlyKnown> dense)
    : x_(x),
      loss_(loss),
      penalties_(penalties),
      columns_(completion::columns_of(x)),
      dense_(std::move(dense)) {
  for (int k = 0; k < x.order() && !dense_; ++k) {
    const Index rows = x.shape()[static_cast<std::size_t>(k)];
    std::vector<std::uint32_t> begin(static_cast<std::size_t>(rows) + 1, 0),
        list(static_cast<std::size_t>(x.size()));
    const auto index = x.index(k);
    for (const std::int32_t i : index) ++begin[static_cast<std::size_t>(i) + 1];
    for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
    for (Index n = 0; n < x.size(); ++n)
      list[next[static_cast<std::size_t>(index[n])]++] = static_cast<std::uint32_t>(n);
    begin_.push_back(std::move(begin)), list_.push_back(std::move(list));
  }
}

// What one thread needs for a row: normal equations g u = b, design vectors of a chunk.
struct RowAls::Room {
  Room(Index width, Index work_size)
      : p(width), g(width * width), b(width), c(width), z(chunk * width), work(work_size), l(width * width) {}
  Index p;
  Scratch<double> g, b, c, z, work, l;
  std::optional<FewTerms> terms;  // of the parts, where they are so
};

// The longest mode goes first: of a random start it sees the fewest numbers, and of X by its other, random
// factors it takes the range (Halko, Martinsson, Tropp, SIAM Rev. 53, 2011) for the modes that follow.
void RowAls::sweep(Parts& parts) {
  const int first = longest(parts.shape);
  part(parts, first);
  for (int k = 0; k < parts.count(); ++k)
    if (k != first) part(parts, k);
}

void RowAls::balance(Parts& parts) {
  if (!dense_) return parts.balance();
  const std::vector<double> before = parts.data[static_cast<std::size_t>(dense_->long_mode())];
  parts.balance();
  dense_->scaled(parts, before);
}

void RowAls::part(Parts& parts, int k) {
  if (dense_) return dense_part(parts, k);
  if (k >= x_.order()) return single_row(parts, k);
  const Index rows = parts.rows(k), p = parts.width[static_cast<std::size_t>(k)];
  const bool smoothed = smooth(k) > 0;
  const Index grain =
      std::clamp<Index>(grain_of(p * p + 4 * (p + parts.work_size())) * rows / x_.size(), 1, rows);
  // neighbours of a row stand still while it moves: the even rows, then the odd ones
  for (Index parity = 0; parity < (smoothed ? 2 : 1); ++parity)
    parallel_for(rows, grain, [&](Index b, Index e) {
      Room room(p, parts.work_size());
      if (multiplies() && FewTerms::fits(parts)) room.terms.emplace(parts, columns_);
      for (Index i = b; i < e; ++i)
        if (!smoothed || i % 2 == parity) solve(parts, k, i, room);
    });
}

namespace {

// min of u g u - 2 b u + lasso |u|_1 over each coordinate in turn, a few times, started from u.
void coordinates_in_turn(const double* g, const double* b, Index p, double lasso, bool nonnegative,
                         double* u) {
  for (int pass = 0; pass < 20; ++pass) {
    double moved = 0, size = 0;
    for (Index r = 0; r < p; ++r) {
      const double d = g[r * p + r];
      double s = b[r];
      for (Index q = 0; q < r; ++q) s -= g[r * p + q] * u[q];
      for (Index q = r + 1; q < p; ++q) s -= g[q * p + r] * u[q];
      double v = 0;
      if (d > 0) v = s > lasso / 2 ? (s - lasso / 2) / d : s < -lasso / 2 ? (s + lasso / 2) / d : 0;
      if (nonnegative) v = std::max(v, 0.0);
      moved = std::max(moved, std::abs(v - u[r])), size = std::max(size, std::abs(v));
      u[r] = v;
    }
    if (moved <= 1e-8 * size) break;
  }
}

double root(double v) {
  return std::sqrt(v);
}
Lanes root(const Lanes& v) {
  double each[lanes];
  store(each, v);
  for (double& x : each) x = std::sqrt(x);
  return load<Lanes>(each);
}
bool positive(double v, double least) {
  return v > least && std::isfinite(v);
}
bool positive(const Lanes& v, const Lanes& least) {
  bool all = true;
  for (Index lane = 0; lane < lanes; ++lane) all = all && positive(v[lane], least[lane]);
  return all;
}

// u from (g, b), g a lower triangle in rows of P, with a width that the compiler knows, of one row or of
// a register: false where g is not positive definite.
template <class T, int P>
bool solve_few(const T* g, const T* b, T* u) {
  T l[P][P], by[P], x[P];
  for (int j = 0; j < P; ++j) {
    const T all = g[j * P + j];
    T d = all;
    for (int k = 0; k < j; ++k) d -= l[j][k] * l[j][k];
    if (!positive(d, 1e-13 * all)) return false;
    by[j] = 1 / root(d);
    for (int i = j + 1; i < P; ++i) {
      T s = g[i * P + j];
      for (int k = 0; k < j; ++k) s -= l[i][k] * l[j][k];
      l[i][j] = s * by[j];
    }
  }
  for (int i = 0; i < P; ++i) {
    x[i] = b[i];
    for (int k = 0; k < i; ++k) x[i] -= l[i][k] * x[k];
    x[i] *= by[i];
  }
  for (int i = P; i-- > 0;) {
    x[i] *= by[i];
    for (int k = 0; k < i; ++k) x[k] -= l[i][k] * x[i];
    u[i] = x[i];
  }
  return true;
}
constexpr decltype(&solve_few<double, 1>) solves_few[] = {
    solve_few<double, 1>, solve_few<double, 2>, solve_few<double, 3>, solve_few<double, 4>,
    solve_few<double, 5>, solve_few<double, 6>, solve_few<double, 7>, solve_few<double, 8>};

// Rows u (lanes, P) from g (lanes, P (P + 1) / 2), b (lanes, P) and a ridge for each column: false, and u as
// it was, where a matrix is not positive definite.
template <int P>
bool solve_lanes(const double* g, const double* b, const double* ridge, double* u) {
  Lanes left[P * P], right[P], x[P];
  for (Index lane = 0; lane < lanes; ++lane) {
    for (int r = 0; r < P; ++r) {
      for (int q = 0; q <= r; ++q) left[r * P + q][lane] = *g++;
      right[r][lane] = *b++;
    }
  }
  for (int r = 0; r < P; ++r) left[r * P + r] += ridge[r];
  if (!solve_few<Lanes, P>(left, right, x)) return false;
  for (Index lane = 0; lane < lanes; ++lane)
    for (int r = 0; r < P; ++r) *u++ = x[r][lane];
  return true;
}
constexpr decltype(&solve_lanes<1>) solves_lanes[] = {solve_lanes<1>, solve_lanes<2>, solve_lanes<3>,
                                                      solve_lanes<4>, solve_lanes<5>, solve_lanes<6>,
                                                      solve_lanes<7>, solve_lanes<8>};

// u from (g, b) exactly; g is kept.
void solve_row(const double* g, const double* b, Index p, double* l, double* u) {
  if (p <= 8 && solves_few[p - 1](g, b, u)) return;
  std::copy_n(g, p * p, l);
  std::copy_n(b, p, u);
  if (cholesky_in_place(l, p, p)) return solve_in_place(l, p, p, u);
  linalg::Matrix full(p, p);
  for (Index r = 0; r < p; ++r)
    for (Index q = 0; q <= r; ++q) full(r, q) = full(q, r) = g[r * p + q];
  Normal(full, p).solve(u);
}

// Normal equations of a row of a canonical format of few terms, squares: everything stays in registers.
template <int P>
void canonical_row(const Parts& parts, int k, const Columns& c, const double* y, const std::uint32_t* first,
                   const std::uint32_t* last, double* g, double* b) {
  constexpr int W = P <= 4 ? 4 : 8;
  double sum[P][W] = {}, right[W] = {};
  const int d = parts.order();
  const int one = k == 0 ? 1 : 0;  // a mode that is not k
  const double* table = parts.data[static_cast<std::size_t>(one)].data();
  const std::int32_t* column = c[static_cast<std::size_t>(one)];
  for (const std::uint32_t* at = first; at != last; ++at) {
    const std::size_t n = *at;
    double z[W] = {};
    const double* u = table + static_cast<Index>(column[n]) * P;
    for (int r = 0; r < P; ++r) z[r] = u[r];
    for (int j = one + 1; j < d; ++j) {
      if (j == k) continue;
      const double* v = parts.data[static_cast<std::size_t>(j)].data() +
                        static_cast<Index>(c[static_cast<std::size_t>(j)][n]) * P;
      for (int r = 0; r < P; ++r) z[r] *= v[r];
    }
    for (int r = 0; r < P; ++r)
      for (int q = 0; q < W; ++q) sum[r][q] += z[r] * z[q];
    for (int q = 0; q < W; ++q) right[q] += y[n] * z[q];
  }
  for (int r = 0; r < P; ++r) {
    b[r] = right[r];
    for (int q = 0; q <= r; ++q) g[r * P + q] = sum[r][q];
  }
}

constexpr decltype(&canonical_row<1>) canonical_rows[] = {
    canonical_row<1>, canonical_row<2>, canonical_row<3>, canonical_row<4>,
    canonical_row<5>, canonical_row<6>, canonical_row<7>, canonical_row<8>};

}  // namespace

void RowAls::dense_part(Parts& parts, int k) {
  const Index rows = parts.rows(k), p = parts.width[static_cast<std::size_t>(k)], h = p * (p + 1) / 2;
  dense_->normal(parts, k, normal_, right_);
  if (normal_.empty()) return conjugate_gradients(parts, k);
  const bool smoothed = smooth(k) > 0, together = p <= 8 && memoryless();
  double ridge[8];
  for (Index r = 0; r < p && together; ++r) ridge[r] = ridge_of(r);
  const Index grain = std::max<Index>(1, 200000 / (p * p * (p + 3)));
  for (Index parity = 0; parity < (smoothed ? 2 : 1); ++parity)
    parallel_for(rows, (grain + lanes - 1) / lanes * lanes, [&](Index b, Index e) {
      Room room(p, 1);
      for (Index i = b; i < e; ++i) {
        if (together && i + lanes <= e &&
            solves_lanes[p - 1](normal_.data() + i * h, right_.data() + i * p, ridge, parts.row(k, i))) {
          i += lanes - 1;
          continue;
        }
        if (smoothed && i % 2 != parity) continue;
        const double* from = normal_.data() + i * h;
        for (Index r = 0; r < p; ++r)
          for (Index q = 0; q <= r; ++q) room.g[r * p + q] = *from++;
        std::copy_n(right_.data() + i * p, p, room.b.data());
        finish(parts, k, i, room);
      }
    });
}

void RowAls::solve(Parts& parts, int k, Index i, Room& room) const {
  const Index p = room.p;
  const auto& begin = begin_[static_cast<std::size_t>(k)];
  const std::uint32_t first = begin[static_cast<std::size_t>(i)],
                      last = begin[static_cast<std::size_t>(i) + 1];
  const std::uint32_t* list = list_[static_cast<std::size_t>(k)].data();
  double* u = parts.row(k, i);
  const double* y = x_.values().data();
  double *g = room.g.data(), *b = room.b.data(), *c = room.c.data(), *z = room.z.data();
  const double s = smooth(k);
  if (first == last && s == 0) {
    std::fill_n(u, p, 0.0);
    return;
  }
  if (multiplies()) {  // b over c multiplies
    room.b.fill(0), room.c.fill(0);
    const double beta = loss_.kind == Loss::poisson ? 1 : loss_.kind == Loss::beta ? loss_.beta : 2;
    const auto up_down = [&](double t, double m) -> std::pair<double, double> {
      m = std::max(m, 1e-300);
      if (beta == 1) return {t / m, 1};
      if (beta == 2) return {t, m};
      return {t * std::pow(m, beta - 2), std::pow(m, beta - 1)};
    };
    if (room.terms) {
      const FewTerms& terms = *room.terms;
      const FewTerms::V row = terms.load(u);
      FewTerms::V over{}, under{};
      for (std::uint32_t at = first; at < last; ++at) {
        const Index n = list[at];
        const FewTerms::V zn = terms.product(n, k);
        const auto [up, down] = up_down(y[n], dense::sum_of(zn * row));
        over += up * zn, under += down * zn;
      }
      terms.store(b, over), terms.store(c, under);
    } else {
      for (std::uint32_t at = first; at < last; ++at) {
        const Index n = list[at];
        parts.design(k, columns_, n, z, room.work.data());
        double m = 0;
        for (Index r = 0; r < p; ++r) m += z[r] * u[r];
        const auto [up, down] = up_down(y[n], m);
        for (Index r = 0; r < p; ++r) b[r] += up * z[r], c[r] += down * z[r];
      }
    }
    const double power = beta < 1 ? 1 / (2 - beta) : beta > 2 ? 1 / (beta - 1) : 1;
    for (Index r = 0; r < p; ++r) {
      const double lasso = penalties_.lasso / 2, ridge = penalties_.ridge;
      if (beta == 1) {  // the exact minimum of -b u log v + (c + lasso) v + ridge v^2 / 2
        const double a = b[r] * u[r], d = c[r] + lasso;
        if (ridge > 0)
          u[r] = 2 * a / (d + std::sqrt(d * d + 4 * ridge * a));
        else
          u[r] = d > 0 ? a / d : 0;
      } else {
        const double d = c[r] + lasso + (beta == 2 ? ridge * u[r] : 0);
        const double by = d > 0 ? b[r] / d : 0;
        u[r] *= power == 1 ? by : std::pow(by, power);
      }
    }
    return;
  }
  room.g.fill(0), room.b.fill(0);
  const bool few = p <= 8 && x_.order() >= 2 && loss_.kind == Loss::gaussian && parts.canonical();
  if (few) canonical_rows[p - 1](parts, k, columns_, y, list + first, list + last, g, b);
  for (std::uint32_t from = few ? last : first; from < last; from += chunk) {
    const Index count = std::min<Index>(chunk, last - from);
    for (Index q = 0; q < count; ++q) {
      const Index n = list[from + q];
      double* zq = z + q * p;
      parts.design(k, columns_, n, zq, room.work.data());
      double w = 1, t = y[n];
      if (loss_.kind != Loss::gaussian) {
        double m = 0;
        for (Index r = 0; r < p; ++r) m += zq[r] * u[r];
        loss_.majorant(y[n], m, w, t);
        const double root = std::sqrt(w);
        for (Index r = 0; r < p; ++r) b[r] += w * t * zq[r];
        for (Index r = 0; r < p; ++r) zq[r] *= root;
      } else {
        for (Index r = 0; r < p; ++r) b[r] += t * zq[r];
      }
    }
    if (p >= 12) {
      add_gram(p, count, {z, p, true}, g);
    } else {
      for (Index q = 0; q < count; ++q)
        for (Index r = 0; r < p; ++r)
          for (Index t = 0; t <= r; ++t) g[r * p + t] += z[q * p + r] * z[q * p + t];
    }
  }
  finish(parts, k, i, room);
}

// The row with the normal equations in `room`, with the penalties.
void RowAls::finish(Parts& parts, int k, Index i, Room& room) const {
  const Index p = room.p;
  double *u = parts.row(k, i), *g = room.g.data(), *b = room.b.data();
  const double s = smooth(k);
  int neighbours = 0;
  for (const Index j : {i - 1, i + 1})
    if (s > 0 && j >= 0 && j < parts.rows(k)) {
      ++neighbours;
      for (Index r = 0; r < p; ++r) b[r] += s * parts.row(k, j)[r];
    }
  for (Index r = 0; r < p; ++r) g[r * p + r] += ridge_of(r) + s * neighbours;
  if (penalties_.nonnegative || penalties_.lasso > 0)
    coordinates_in_turn(g, b, p, penalties_.lasso, penalties_.nonnegative, u);
  else
    solve_row(g, b, p, room.l.data(), u);
}

// The core: one row that every entry has a part in. Blocks of entries are summed in order.
void RowAls::single_row(Parts& parts, int k) {
  if (dense_) return dense_part(parts, k);
  const Index p = parts.width[static_cast<std::size_t>(k)], n = x_.size();
  if (p > MostlyKnown::widest_row && !multiplies() && !penalties_.nonnegative && penalties_.lasso == 0)
    return conjugate_gradients(parts, k);
  require(p <= 4096, "[complete_tucker] a core of ", p, " numbers with this loss or penalty; at most 4096");
  double* u = parts.row(k, 0);
  const double* y = x_.values().data();
  const bool multiply = multiplies();
  const Index pieces = std::clamp<Index>(n / 2048, 1, 16), length = (n + pieces - 1) / pieces,
              size = multiply ? 2 * p : p * p + p;
  const double beta = loss_.kind == Loss::poisson ? 1 : loss_.kind == Loss::beta ? loss_.beta : 2;
  std::vector<double> sums(static_cast<std::size_t>(pieces * size), 0.0);
  parallel_for(n, length, [&](Index begin, Index end) {
    double *b = sums.data() + begin / length * size, *g = b + p;
    Scratch<double> z(chunk * p), work(parts.work_size());
    for (Index from = begin; from < end; from += chunk) {
      const Index count = std::min(chunk, end - from);
      for (Index q = 0; q < count; ++q) {
        double* zq = z.data() + q * p;
        parts.design(k, columns_, from + q, zq, work.data());
        double w = 1, t = y[from + q], m = 0;
        if (multiply || loss_.kind != Loss::gaussian)
          for (Index r = 0; r < p; ++r) m += zq[r] * u[r];
        if (multiply) {
          m = std::max(m, 1e-300);
          const double up = t * std::pow(m, beta - 2), down = std::pow(m, beta - 1);
          for (Index r = 0; r < p; ++r) b[r] += up * zq[r], g[r] += down * zq[r];
          continue;
        }
        loss_.majorant(y[from + q], m, w, t);
        const double root = std::sqrt(w);
        for (Index r = 0; r < p; ++r) b[r] += w * t * zq[r];
        for (Index r = 0; r < p; ++r) zq[r] *= root;
      }
      if (!multiply) add_gram(p, count, {z.data(), p, true}, g);
    }
  });
  for (Index piece = 1; piece < pieces; ++piece)
    for (Index i = 0; i < size; ++i)
      sums[static_cast<std::size_t>(i)] += sums[static_cast<std::size_t>(piece * size + i)];
  double *b = sums.data(), *g = b + p;
  if (multiply) {
    const double power = beta < 1 ? 1 / (2 - beta) : beta > 2 ? 1 / (beta - 1) : 1;
    for (Index r = 0; r < p; ++r) {
      const double lasso = penalties_.lasso / 2, ridge = penalties_.ridge;
      if (beta == 1 && ridge > 0) {
        const double a = b[r] * u[r], d = g[r] + lasso;
        u[r] = 2 * a / (d + std::sqrt(d * d + 4 * ridge * a));
      } else {
        const double d = g[r] + lasso + (beta == 2 ? ridge * u[r] : 0), by = d > 0 ? b[r] / d : 0;
        u[r] *= power == 1 ? by : std::pow(by, power);
      }
    }
    return;
  }
  for (Index r = 0; r < p; ++r) g[r * p + r] += penalties_.ridge;
  if (penalties_.nonnegative || penalties_.lasso > 0)
    return coordinates_in_turn(g, b, p, penalties_.lasso, penalties_.nonnegative, u);
  std::vector<double> l(static_cast<std::size_t>(p * p));
  solve_row(g, b, p, l.data(), u);
}

// (Z^T W Z + ridge) u = Z^T W t without the matrix, from the u that is there: every step lowers the
// objective.
void RowAls::conjugate_gradients(Parts& parts, int k) {
  const Index p = parts.width[static_cast<std::size_t>(k)], n = x_.size();
  const double* y = x_.values().data();
  double* u = parts.row(k, 0);
  const Index pieces = std::clamp<Index>(n / 512, 1, 16), length = (n + pieces - 1) / pieces;
  std::vector<double> weight(static_cast<std::size_t>(dense_ ? 0 : n), 1.0);
  // sum over entries of f(n, <z, v>) z
  const auto apply = [&](const double* v, const auto& f) {
    std::vector<double> sums(static_cast<std::size_t>(pieces * p), 0.0);
    parallel_for(n, length, [&](Index begin, Index end) {
      double* s = sums.data() + begin / length * p;
      Scratch<double> z(p), work(parts.work_size());
      for (Index e = begin; e < end; ++e) {
        parts.design(k, columns_, e, z.data(), work.data());
        double m = 0;
        for (Index r = 0; r < p; ++r) m += z[r] * v[r];
        const double a = f(e, m);
        for (Index r = 0; r < p; ++r) s[r] += a * z[r];
      }
    });
    for (Index piece = 1; piece < pieces; ++piece)
      for (Index r = 0; r < p; ++r)
        sums[static_cast<std::size_t>(r)] += sums[static_cast<std::size_t>(piece * p + r)];
    sums.resize(static_cast<std::size_t>(p));
    return sums;
  };
  const auto dense_product = [&](const double* v) {
    std::vector<double> out(static_cast<std::size_t>(p));
    dense_->core_product(parts, v, out.data());
    return out;
  };
  std::vector<double> r;
  if (dense_) {
    r = dense_product(u);
    for (std::size_t a = 0; a < r.size(); ++a) r[a] = right_[a] - r[a];
  } else {
    r = apply(u, [&](Index e, double m) {
      double w = 1, t = y[e];
      loss_.majorant(y[e], m, w, t);
      weight[static_cast<std::size_t>(e)] = w;
      return w * (t - m);
    });
  }
  double square = 0;
  for (Index a = 0; a < p; ++a) {
    r[static_cast<std::size_t>(a)] -= penalties_.ridge * u[a];
    square += r[static_cast<std::size_t>(a)] * r[static_cast<std::size_t>(a)];
  }
  const double first = square;
  std::vector<double> v = r;
  for (int step = 0; step < 25 && square > 1e-16 * first && square > 0; ++step) {
    std::vector<double> q =
        dense_ ? dense_product(v.data())
               : apply(v.data(), [&](Index e, double m) { return weight[static_cast<std::size_t>(e)] * m; });
    double curve = 0;
    for (std::size_t a = 0; a < q.size(); ++a) q[a] += penalties_.ridge * v[a], curve += q[a] * v[a];
    if (!(curve > 0)) break;
    const double alpha = square / curve;
    double next = 0;
    for (std::size_t a = 0; a < q.size(); ++a) {
      u[a] += alpha * v[a], r[a] -= alpha * q[a];
      next += r[a] * r[a];
    }
    for (std::size_t a = 0; a < q.size(); ++a) v[a] = r[a] + next / square * v[a];
    square = next;
  }
}

double RowAls::loss(const Parts& parts) const {
  return dense_ ? dense_->square(parts) : loss_of(parts.values(x_));
}

double RowAls::loss_of(const Array& values) const {
  constexpr Index block = 4096;
  const Index n = x_.size();
  std::vector<double> sums(static_cast<std::size_t>((n + block - 1) / block));
  parallel_for(n, block, [&](Index b, Index e) {
    sums[static_cast<std::size_t>(b / block)] =
        sum_of_losses(loss_, x_.values().data() + b, values.data<double>() + b, e - b);
  });
  return deterministic_sum(sums.data(), static_cast<Index>(sums.size()));
}

double RowAls::objective(const Parts& parts) const {
  return loss(parts) + penalty(parts);
}

double RowAls::penalty(const Parts& parts) const {
  double sum = 0;
  for (int k = 0; k < parts.count(); ++k) {
    const auto& a = parts.data[static_cast<std::size_t>(k)];
    const Index p = parts.width[static_cast<std::size_t>(k)];
    double square = 0, size = 0, columns = 0, rough = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      square += a[i] * a[i], size += std::abs(a[i]);
      if (!penalties_.column.empty() && k < x_.order())
        columns += penalties_.column[i % static_cast<std::size_t>(p)] * a[i] * a[i];
      if (smooth(k) > 0 && i >= static_cast<std::size_t>(p)) {
        const double e = a[i] - a[i - static_cast<std::size_t>(p)];
        rough += e * e;
      }
    }
    sum += penalties_.ridge * square + penalties_.lasso * size + columns + smooth(k) * rough;
  }
  return sum;
}

}  // namespace cartan::completion
