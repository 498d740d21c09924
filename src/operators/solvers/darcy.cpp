#include <algorithm>
#include <cmath>
#include <vector>

#include "cartan/core/error.hpp"
#include "cartan/operators/solvers.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/check.hpp"

namespace cartan::operators {
namespace {

// A symmetric nine-point matrix on m x m unknowns, in arrays with a ring of zeros, `width` = m + 2: the
// diagonal and the entries to the neighbours that follow in the order of rows.
struct Level {
  Index m, width;
  bool five;  // no diagonal neighbours
  Scratch<double> centre, inverse, east, south, southeast, southwest;
  Scratch<double> x, b, r, row, factor;

  Level(Index m_in, bool five_in) : m(m_in), width(m_in + 2), five(five_in) {
    for (auto* a : {&centre, &inverse, &east, &south, &x, &b, &r}) *a = Scratch<double>(width * width, 0.0);
    if (!five)
      for (auto* a : {&southeast, &southwest}) *a = Scratch<double>(width * width, 0.0);
    for (auto* a : {&row, &factor}) *a = Scratch<double>(width, 0.0);
  }
  void invert() {
    for (Index i = 1; i <= m; ++i)
      for (Index p = i * width + 1; p <= i * width + m; ++p) inverse[p] = 1 / centre[p];
  }

  // out_j = from_j - what the rows above and below add to row i.
  void without_rows(Index i, const double* v, const double* from, double* out) const {
    const Index w = width;
    const double *s = south.data(), *se = southeast.data(), *sw = southwest.data();
    for (Index j = 1; j <= m; ++j) {
      const Index p = i * w + j;
      out[j] = from[p] - s[p] * v[p + w] - s[p - w] * v[p - w];
    }
    if (five) return;
    for (Index j = 1; j <= m; ++j) {
      const Index p = i * w + j;
      out[j] -= se[p] * v[p + w + 1] + se[p - w - 1] * v[p - w - 1] + sw[p] * v[p + w - 1] +
                sw[p - w + 1] * v[p - w + 1];
    }
  }

  // Gauss-Seidel in the order of the unknowns, or against it.
  void relax(bool forward) {
    const double *e = east.data(), *d = inverse.data();
    double *v = x.data(), *t = row.data(), *g = factor.data();
    for (Index line = 1; line <= m; ++line) {
      const Index i = forward ? line : m + 1 - line, at = i * width;
      without_rows(i, v, b.data(), t);
      if (forward) {
        for (Index j = 1; j <= m; ++j) {
          t[j] = (t[j] - e[at + j] * v[at + j + 1]) * d[at + j];
          g[j] = e[at + j - 1] * d[at + j];
        }
        double last = 0;
        for (Index j = 1; j <= m; ++j) v[at + j] = last = t[j] - g[j] * last;
      } else {
        for (Index j = 1; j <= m; ++j) {
          t[j] = (t[j] - e[at + j - 1] * v[at + j - 1]) * d[at + j];
          g[j] = e[at + j] * d[at + j];
        }
        double last = 0;
        for (Index j = m; j >= 1; --j) v[at + j] = last = t[j] - g[j] * last;
      }
    }
  }

  // out = from - A v.
  void residual(const double* v, const double* from, double* out) {
    const double *c = centre.data(), *e = east.data();
    double* t = row.data();
    for (Index i = 1; i <= m; ++i) {
      without_rows(i, v, from, t);
      for (Index j = 1; j <= m; ++j) {
        const Index p = i * width + j;
        out[p] = t[j] - c[p] * v[p] - e[p] * v[p + 1] - e[p - 1] * v[p - 1];
      }
    }
  }
};

// Unknowns of the coarser grid that an unknown of this one (from 1) is interpolated from, with their weights:
// those of even number are on both.
struct Parents {
  Index at[2];
  double weight[2];
  int count = 0;
  Parents(Index fine, Index coarse) {
    if (fine % 2 == 0) {
      add(fine / 2, 1, coarse);
    } else {
      add((fine - 1) / 2, 0.5, coarse);
      add((fine + 1) / 2, 0.5, coarse);
    }
  }

 private:
  void add(Index place, double w, Index coarse) {
    if (place < 1 || place > coarse) return;
    at[count] = place;
    weight[count++] = w;
  }
};

// coarse = P^T fine P.
void galerkin(const Level& fine, Level& coarse, const std::vector<Parents>& parents) {
  // An entry a between p = (i, j) and q = (k, l), and its mirror image.
  const auto entry = [&](Index i, Index j, Index k, Index l, double a) {
    if (a == 0) return;
    const Parents &pi = parents[static_cast<std::size_t>(i)], &pj = parents[static_cast<std::size_t>(j)],
                  &pk = parents[static_cast<std::size_t>(k)], &pl = parents[static_cast<std::size_t>(l)];
    const bool diagonal = i == k && j == l;
    for (int s = 0; s < pi.count; ++s)
      for (int t = 0; t < pj.count; ++t)
        for (int u = 0; u < pk.count; ++u)
          for (int v = 0; v < pl.count; ++v) {
            Index i1 = pi.at[s], j1 = pj.at[t], i2 = pk.at[u], j2 = pl.at[v];
            const double value = a * pi.weight[s] * pj.weight[t] * pk.weight[u] * pl.weight[v];
            if (i1 == i2 && j1 == j2) {
              coarse.centre[i1 * coarse.width + j1] += diagonal ? value : 2 * value;
              continue;
            }
            const bool follows = i1 != i2 ? i1 < i2 : j1 < j2;
            if (!follows) {
              if (diagonal) continue;  // its mirror image comes in this loop, too
              std::swap(i1, i2), std::swap(j1, j2);
            }
            const Index p = i1 * coarse.width + j1;
            if (i1 == i2)
              coarse.east[p] += value;
            else
              (j1 == j2 ? coarse.south : j2 > j1 ? coarse.southeast : coarse.southwest)[p] += value;
          }
  };
  for (Index i = 1; i <= fine.m; ++i)
    for (Index j = 1; j <= fine.m; ++j) {
      const Index p = i * fine.width + j;
      entry(i, j, i, j, fine.centre[p]);
      if (j < fine.m) entry(i, j, i, j + 1, fine.east[p]);
      if (i == fine.m) continue;
      entry(i, j, i + 1, j, fine.south[p]);
      if (fine.five) continue;
      if (j < fine.m) entry(i, j, i + 1, j + 1, fine.southeast[p]);
      if (j > 1) entry(i, j, i + 1, j - 1, fine.southwest[p]);
    }
  coarse.invert();
}

class Multigrid {
 public:
  explicit Multigrid(Level&& finest) {
    levels_.push_back(std::move(finest));
    while (levels_.back().m > 4) {
      const Index fine = levels_.back().m, coarse = fine / 2;
      std::vector<Parents> parents;
      for (Index k = 0; k <= fine; ++k) parents.emplace_back(k, coarse);
      levels_.emplace_back(coarse, false);
      galerkin(levels_[levels_.size() - 2], levels_.back(), parents);
      parents_.push_back(std::move(parents));
    }
  }
  Level& finest() { return levels_.front(); }

  // x of the finest level, about A^-1 b: a symmetric, positive definite map of b.
  void cycle(std::size_t k = 0) {
    Level& l = levels_[k];
    l.x.fill(0);
    const bool last = k + 1 == levels_.size();
    for (int s = 0; s < (last ? 12 : 1); ++s) l.relax(true);
    if (!last) {
      l.residual(l.x.data(), l.b.data(), l.r.data());
      restrict_to(k);
      cycle(k + 1);
      interpolate_from(k);
    }
    for (int s = 0; s < (last ? 12 : 1); ++s) l.relax(false);
  }

 private:
  void restrict_to(std::size_t k) {
    const Level& f = levels_[k];
    Level& c = levels_[k + 1];
    for (Index i = 1; i <= c.m; ++i)
      for (Index j = 1; j <= c.m; ++j) {
        const double* r = f.r.data() + 2 * i * f.width + 2 * j;
        const Index w = f.width;
        c.b[i * c.width + j] =
            r[0] + 0.5 * (r[1] + r[-1] + r[w] + r[-w]) + 0.25 * (r[w + 1] + r[w - 1] + r[-w + 1] + r[-w - 1]);
      }
  }
  void interpolate_from(std::size_t k) {
    Level& f = levels_[k];
    const Level& c = levels_[k + 1];
    double* line = f.row.data();
    for (Index i = 1; i <= f.m; ++i) {
      const Parents& pi = parents_[k][static_cast<std::size_t>(i)];
      std::fill(line, line + c.width, 0.0);
      for (int s = 0; s < pi.count; ++s)
        for (Index j = 1; j <= c.m; ++j) line[j] += pi.weight[s] * c.x[pi.at[s] * c.width + j];
      double* x = f.x.data() + i * f.width;
      for (Index j = 0; j <= c.m; ++j) {  // line[0] = line[m + 1] = 0: the border
        if (j > 0) x[2 * j] += line[j];
        if (2 * j + 1 <= f.m) x[2 * j + 1] += 0.5 * (line[j] + line[j + 1]);
      }
    }
  }

  std::vector<Level> levels_;
  std::vector<std::vector<Parents>> parents_;
};

// The matrix times h^2, and h^2 f plus what the border adds.
Level assemble(Index n, const double* a, const double* f, const double* border) {
  Level l(n - 2, true);
  const double h = 1 / static_cast<double>(n - 1);
  for (Index i = 1; i <= l.m; ++i)
    for (Index j = 1; j <= l.m; ++j) {
      const Index p = i * l.width + j, q = i * n + j;
      const double e = 0.5 * (a[q] + a[q + 1]), w = 0.5 * (a[q] + a[q - 1]), s = 0.5 * (a[q] + a[q + n]),
                   t = 0.5 * (a[q] + a[q - n]);
      l.centre[p] = e + w + s + t;
      if (j < l.m) l.east[p] = -e;
      if (i < l.m) l.south[p] = -s;
      l.b[p] = h * h * (f ? f[q] : 1);
      if (!border) continue;
      if (j == l.m) l.b[p] += e * border[q + 1];
      if (j == 1) l.b[p] += w * border[q - 1];
      if (i == l.m) l.b[p] += s * border[q + n];
      if (i == 1) l.b[p] += t * border[q - n];
    }
  l.invert();
  return l;
}

double dot(const double* x, const double* y, Index n) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  Index k = 0;
  for (; k + 4 <= n; k += 4)
    s0 += x[k] * y[k], s1 += x[k + 1] * y[k + 1], s2 += x[k + 2] * y[k + 2], s3 += x[k + 3] * y[k + 3];
  for (; k < n; ++k) s0 += x[k] * y[k];
  return (s0 + s1) + (s2 + s3);
}

void check_coefficient(const char* op, const double* a, Index n) {
  for (Index k = 0; k < n; ++k)
    require(a[k] > 0 && std::isfinite(a[k]), "[", op, "] the coefficient is ", a[k], " at node ", k,
            "; it must be positive");
}

}  // namespace

Darcy::Darcy(Index points, double tolerance, Index most_iterations)
    : points_(points), tolerance_(tolerance), most_(most_iterations) {
  require(points >= 3 && points <= (Index{1} << 14), "[Darcy] ", points,
          " points a side; from 3 to 16384 are possible");
  require(tolerance > 0 && std::isfinite(tolerance), "[Darcy] tolerance ", tolerance,
          "; a positive one is needed");
  require(most_iterations >= 1, "[Darcy] ", most_iterations, " iterations; 1 at least");
}

Darcy::Report Darcy::solve(const double* a, const double* f, double* u) const {
  check_coefficient("Darcy", a, points_ * points_);
  Multigrid multigrid(assemble(points_, a, f, nullptr));
  Level& l = multigrid.finest();
  const Index n = l.width * l.width;
  Scratch<double> x(n, 0.0), r(n), p(n, 0.0), q(n, 0.0), none(n, 0.0);
  std::copy(l.b.begin(), l.b.end(), r.data());
  const double size = std::sqrt(dot(r.data(), r.data(), n));
  Report report;
  double last = 1;
  for (;;) {
    report.residual = size > 0 ? std::sqrt(dot(r.data(), r.data(), n)) / size : 0;
    report.converged = report.residual <= tolerance_;
    if (report.converged || report.iterations >= most_ || !std::isfinite(report.residual)) break;
    std::copy(r.begin(), r.end(), l.b.data());
    multigrid.cycle();
    const double rz = dot(r.data(), l.x.data(), n), beta = report.iterations > 0 ? rz / last : 0;
    last = rz;
    for (Index k = 0; k < n; ++k) p[k] = l.x[k] + beta * p[k];
    l.residual(p.data(), none.data(), q.data());  // -A p
    const double alpha = -rz / dot(p.data(), q.data(), n);
    for (Index k = 0; k < n; ++k) x[k] += alpha * p[k], r[k] += alpha * q[k];
    ++report.iterations;
  }
  std::fill(u, u + points_ * points_, 0.0);
  for (Index i = 1; i <= l.m; ++i)
    std::copy(x.data() + i * l.width + 1, x.data() + i * l.width + 1 + l.m, u + i * points_ + 1);
  return report;
}

double Darcy::residual(const double* a, const double* f, const double* u) const {
  check_coefficient("Darcy", a, points_ * points_);
  Level l = assemble(points_, a, f, u);
  Level plain = assemble(points_, a, f, nullptr);
  const Index n = l.width * l.width;
  for (Index i = 1; i <= l.m; ++i)
    std::copy(u + i * points_ + 1, u + i * points_ + 1 + l.m, l.x.data() + i * l.width + 1);
  l.residual(l.x.data(), l.b.data(), l.r.data());
  const double size = dot(plain.b.data(), plain.b.data(), n);
  return size > 0 ? std::sqrt(dot(l.r.data(), l.r.data(), n) / size) : 0;
}

}  // namespace cartan::operators
