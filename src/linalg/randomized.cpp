#include "linalg/randomized.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/basis.hpp"

namespace cartan::linalg {
namespace {

/// Leading directions of a sample of columns (rows of a): as many as leave all but a small part of `allowed`
/// ||a|| behind. Empty when p vectors do not reach `allowed`.
Matrix leading_directions(const Matrix& a, Index p, double allowed, const Random& random) {
  const ModeView v{a.rows, a.cols, 1};
  Matrix q = qr(sketch(a.data.data(), v, p, random)).q;
  Matrix w(a.rows, q.cols);
  Projection sums = project_rows(a.data.data(), a.rows, q, w.data.data());
  if (!(sums.residual <= 4 * allowed * allowed * sums.square)) return {};
  // One power iteration: noise over all directions, as in measured data, would turn the basis.
  q = qr(cross_gram(a.data.data(), v, w.data.data(), q.cols)).q;
  sums = project_rows(a.data.data(), a.rows, q, w.data.data());
  const double budget = allowed * allowed * sums.square;
  if (!(sums.residual <= budget)) return {};
  TriangularFactor triangle(w.cols);
  triangle.add(w.data.data(), w.rows);
  const SVD f = svd(triangle.r());
  return product(q, first_columns(f.v, rank_of(f.s, std::sqrt(0.05 * budget))));
}

template <class T>
Compression projected(const Array& x, ModeView v, int mode, Matrix u, int passes) {
  Compression c;
  Shape shape = x.shape();
  shape[static_cast<std::size_t>(mode)] = u.cols;
  c.y = Array::uninitialized(shape, x.dtype());
  c.sums = project(x.data<T>(), v, u, c.y.mutable_data<T>(), Residual::by_norms);
  c.u = std::move(u);
  c.passes = passes + 1;
  return c;
}

}  // namespace

template <class T>
std::optional<Compression> compress(const Array& x, double allowed, Index cap, const SketchOptions& o) {
  const ModeView v = view_of(x.shape(), o.mode);
  const Index columns = v.left * v.right, limit = std::min(v.n, columns) / 3;
  const std::uint64_t stream = 2 * static_cast<std::uint64_t>(o.mode);
  const Random draws(o.seed, stream), places(o.seed, stream + 1);
  int passes = 0;
  Index p = std::min(cap, Index{8}) + o.oversampling;
  if (p > limit) return std::nullopt;

  // A sample tells the rank.
  const Matrix sample = sample_columns(x.data<T>(), v, std::clamp<Index>(4 * v.n, 1024, 8192), places);
  const double sampled = sum_of_squares(sample.data.data(), static_cast<Index>(sample.data.size()));
  if (!std::isfinite(sampled)) return Compression{{}, {}, {0, sampled}, 0};  // the caller looks closer
  Matrix u = leading_directions(sample, p, allowed, draws);
  while (u.cols == 0 && p < std::min(limit, cap + o.oversampling)) {
    p = std::min({2 * p, limit, cap + o.oversampling});
    u = leading_directions(sample, p, allowed, draws);
  }
  const bool capped = u.cols == 0 ? cap + o.oversampling <= limit : u.cols > cap;
  if (u.cols == 0 && !capped) return std::nullopt;
  if (!capped) {
    Compression c = projected<T>(x, v, o.mode, std::move(u), passes);
    if (c.sums.residual <= allowed * allowed * c.sums.square || !std::isfinite(c.sums.square)) return c;
    passes = c.passes;
    p = std::max(2 * c.u.cols, c.u.cols + o.oversampling);
  } else {
    p = cap + o.oversampling;
  }
  // The sample missed something, or the cap decides and the subspace should be the best one.
  for (; p <= limit; p *= 2) {
    Compression c = projected<T>(x, v, o.mode, qr(sketch(x.data<T>(), v, p, draws)).q, passes + 1);
    if (capped) {  // a power iteration turns the basis towards the leading vectors
      const Matrix power = cross_gram(x.data<T>(), v, c.y.data<T>(), c.u.cols);
      c = projected<T>(x, v, o.mode, qr(power).q, c.passes + 1);
    }
    if (capped || c.sums.residual <= allowed * allowed * c.sums.square) return c;
    passes = c.passes;
  }
  return std::nullopt;
}

template std::optional<Compression> compress<float>(const Array&, double, Index, const SketchOptions&);
template std::optional<Compression> compress<double>(const Array&, double, Index, const SketchOptions&);

}  // namespace cartan::linalg
