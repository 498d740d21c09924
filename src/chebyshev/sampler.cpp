#include "chebyshev/sampler.hpp"

#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"

namespace cartan::chebyshev {

Sampler::Sampler(const BatchFunction& f, const Box& box, const FitOptions& options)
    : f_(f), box_(box), options_(options) {
  for (int k = 0; k < box.dim(); ++k) largest_point_.push_back(box.centre(k));
}

void Sampler::operator()(const std::vector<double>& points, std::vector<double>& values) {
  constexpr Index batch = Index{1} << 16;
  const Index d = dim(), n = static_cast<Index>(points.size()) / d;
  if (n > room()) throw Exhausted();
  values.assign(n, std::numeric_limits<double>::quiet_NaN());
  for (Index first = 0; first < n; first += batch) {
    if (options_.stop && *options_.stop) throw Stopped();
    const Index count = std::min(batch, n - first);
    f_(points.data() + first * d, count, values.data() + first);
    evaluations_ += count;
    if (options_.progress) options_.progress({evaluations_, 0, "points of the function"});
    for (Index i = first; i < first + count; ++i) {
      const double v = values[i];
      if (!std::isfinite(v)) {
        std::string where;
        for (Index k = 0; k < d; ++k) where += text(k ? ", " : "", points[i * d + k]);
        throw std::invalid_argument(text("[fit] the function is ", std::isnan(v) ? "nan" : text(v), " at (",
                                         where, "); choose a box on which it is finite"));
      }
      if (std::abs(v) > largest_) {
        largest_ = std::abs(v);
        largest_point_.assign(points.begin() + i * d, points.begin() + (i + 1) * d);
      }
    }
  }
}

double Sampler::node(int k, Index m, Index j) const {
  if (m == 1) return box_.centre(k);
  if (j == 0) return box_.low[k];
  if (j == m - 1) return box_.high[k];
  constexpr double pi = 3.14159265358979323846;
  const double x = std::sin(pi * static_cast<double>(2 * j - (m - 1)) / (2.0 * static_cast<double>(m - 1)));
  return box_.centre(k) + box_.half_width(k) * x;
}

Array Sampler::at_nodes(const std::vector<Index>& m, const std::vector<std::vector<Index>>& indices) {
  const int d = dim();
  Shape shape;
  std::vector<std::vector<double>> x(d);
  for (int k = 0; k < d; ++k) {
    shape.push_back(static_cast<Index>(indices[k].size()));
    for (const Index j : indices[k]) x[k].push_back(node(k, m[k], j));
  }
  const Index n = size_of(shape), piece = Index{1} << 18;
  if (n > room()) throw Exhausted();
  Array out = Array::uninitialized(shape, DType::f64);
  double* to = out.mutable_data<double>();
  std::vector<double> points, values;
  std::vector<std::size_t> counter(d, 0);
  for (Index first = 0; first < n; first += piece) {
    const Index count = std::min(piece, n - first);
    points.clear();
    for (Index i = 0; i < count; ++i) {
      for (int k = 0; k < d; ++k) points.push_back(x[k][counter[k]]);
      for (int k = d - 1; k >= 0 && ++counter[k] == x[k].size(); --k) counter[k] = 0;
    }
    (*this)(points, values);
    std::copy(values.begin(), values.end(), to + first);
  }
  return out;
}

}  // namespace cartan::chebyshev
