// Values and derivatives at scattered points.
//
// A block of B points at a time: Chebyshev polynomials by their recurrence, factor functions and their
// derivatives by one product a variable, then the first variable is contracted for all points by one product
// (B x r_1)(r_1 x r_2..r_d), which is nearly all the work; the other variables point by point.
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <map>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/basis.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "chebyshev/series.hpp"
#include "chebyshev/tables.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"

namespace cartan::chebyshev {

Contraction::Contraction(int dim, int order) {
  std::vector<std::vector<int>> wanted;  // orders of derivative by variable
  const std::vector<int> none(dim, 0);
  wanted.push_back(none);
  outputs.push_back({0, 0, 0});
  for (int i = 0; i < dim && order >= 1; ++i) {
    wanted.push_back(none);
    wanted.back()[i] = 1;
    outputs.push_back({1, i, 0});
  }
  for (int i = 0; i < dim && order >= 2; ++i)
    for (int j = i; j < dim; ++j) {
      wanted.push_back(none);
      ++wanted.back()[i];
      ++wanted.back()[j];
      outputs.push_back({2, i, j});
    }
  // A trie over the prefixes; entries of a level are sorted by parent, so that a parent is done at once.
  std::map<std::vector<int>, Index> previous{{{}, 0}};
  for (int k = 0; k < dim; ++k) {
    std::map<std::vector<int>, Index> here;
    levels.emplace_back();
    for (const auto& w : wanted) here[{w.begin(), w.begin() + k + 1}] = 0;
    for (auto& [prefix, index] : here) {
      index = static_cast<Index>(levels.back().size());
      levels.back().push_back({previous.at({prefix.begin(), prefix.end() - 1}), prefix.back()});
    }
    previous = std::move(here);
  }
  std::vector<Output> sorted(outputs.size());
  for (std::size_t o = 0; o < wanted.size(); ++o) sorted[previous.at(wanted[o])] = outputs[o];
  outputs = std::move(sorted);
}

ChebyshevTucker::Tables::Tables(const Box& box, const linalg::Tucker& tucker) {
  for (int order = 0; order <= 2; ++order) contractions.emplace_back(box.dim(), order);
  for (int k = 0; k < box.dim(); ++k) {
    Array v = tucker.factors[k].as(DType::f64);
    const Index m = v.dim(0), r = v.dim(1);
    Array all = Array::zeros({m, 3 * r}, DType::f64);
    double *to = all.mutable_data<double>(), scale = 1;
    for (int order = 0; order <= 2; ++order) {
      if (order > 0) v = differentiate(v), scale /= box.half_width(k);
      for (Index i = 0; i < v.dim(0); ++i)
        for (Index a = 0; a < r; ++a) to[i * 3 * r + order * r + a] = scale * v.data<double>()[i * r + a];
    }
    stacked.push_back(all.as(tucker.dtype()));
  }
}

namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class T>
class BlockEvaluation {
 public:
  BlockEvaluation(const linalg::Tucker& tucker, const std::vector<Array>& stacked, const Contraction& plan,
                  int order, Index block)
      : core_(tucker.core), stacked_(stacked), plan_(plan), order_(order), block_(block), d_(tucker.order()) {
    Index largest = 0;
    for (int k = 0; k < d_; ++k) {
      const Index m = stacked[k].dim(0), r = core_.dim(k);
      largest = std::max(largest, m);
      phi_.emplace_back(block, (order + 1) * r);
    }
    t64_.resize(largest * block);
    if constexpr (!std::is_same_v<T, double>) t_.resize(largest * block);
    tail_.assign(d_ + 1, 1);
    for (int k = d_ - 1; k >= 0; --k) tail_[k] = tail_[k + 1] * core_.dim(k);
    first_.resize(block, tail_[1]);
    for (int k = 1; k < d_; ++k)
      level_.emplace_back(static_cast<Index>(plan.levels[k].size()) * tail_[k + 1]);
    result_.resize(plan.outputs.size() * block);
  }

  /// xi: d x count scaled coordinates, `block` apart. Results at result(output, point).
  void run(const double* xi, Index count) {
    for (int k = 0; k < d_; ++k) {
      const Array& v = stacked_[k];
      const Index m = v.dim(0), columns = (order_ + 1) * core_.dim(k);
      chebyshev_polynomials(xi + k * block_, count, m, t64_.data(), block_);
      const T* t = nullptr;
      if constexpr (std::is_same_v<T, double>) {
        t = t64_.data();
      } else {
        std::copy_n(t64_.data(), m * block_, t_.data());
        t = t_.data();
      }
      gemm_serial<T>(count, columns, m, {t, block_, true}, {v.data<T>(), v.dim(1)}, phi_[k].data(), columns);
    }
    const Index r = core_.dim(0);
    const auto& roots = plan_.levels[0];
    for (Index root = 0; root < static_cast<Index>(roots.size()); ++root) {
      gemm_serial<T>(count, tail_[1], r, {phi_[0].data() + roots[root].order * r, phi_[0].cols()},
                     {core_.data<T>(), tail_[1]}, first_.data(), tail_[1]);
      for (Index b = 0; b < count; ++b) descend(0, root, first_.data() + b * tail_[1], b);
    }
  }
  double result(Index output, Index b) const { return static_cast<double>(result_[output * block_ + b]); }

 private:
  // Contracts what is left of entry `index` of level k, for point b.
  void descend(int k, Index index, const T* left, Index b) {
    if (k == d_ - 1) {
      result_[index * block_ + b] = *left;
      return;
    }
    const auto& entries = plan_.levels[k + 1];
    const Index r = core_.dim(k + 1), rest = tail_[k + 2];
    for (Index e = 0; e < static_cast<Index>(entries.size()); ++e) {
      if (entries[e].parent != index) continue;
      T* out = level_[k].data() + e * rest;
      const Eigen::Map<const Eigen::Matrix<T, 1, Eigen::Dynamic>> phi(
          phi_[k + 1].data() + b * phi_[k + 1].cols() + entries[e].order * r, r);
      if (rest == 1)
        *out = phi.dot(Eigen::Map<const Eigen::Matrix<T, 1, Eigen::Dynamic>>(left, r));
      else
        Eigen::Map<Eigen::Matrix<T, 1, Eigen::Dynamic>>(out, rest).noalias() =
            phi * Eigen::Map<const Matrix<T>>(left, r, rest);
      descend(k + 1, e, out, b);
    }
  }

  const Array& core_;
  const std::vector<Array>& stacked_;
  const Contraction& plan_;
  int order_;
  Index block_;
  int d_;
  std::vector<Matrix<T>> phi_;
  std::vector<double> t64_;
  std::vector<T> t_;
  std::vector<Index> tail_;  // tail_[k]: r_k r_{k+1} ... r_{d-1}
  Matrix<T> first_;
  std::vector<std::vector<T>> level_;
  std::vector<T> result_;
};

std::string name_point(const double* x, int d) {
  std::string out = "(";
  for (int k = 0; k < d; ++k) out += text(k ? ", " : "", x[k]);
  return out + ")";
}

void check_points(const Box& box, const double* x, Index n, Outside outside) {
  const int d = box.dim();
  for (Index i = 0; i < n; ++i) {
    const double* p = x + i * d;
    if (outside == Outside::error && box.contains(p)) continue;
    const bool finite = std::all_of(p, p + d, [](double c) { return std::isfinite(c); });
    if (finite && outside != Outside::error) continue;
    require(finite, "[ChebyshevTucker] point ", i, " ", name_point(p, d), " is not finite");
    require(false, "[ChebyshevTucker] point ", i, " ", name_point(p, d), " lies outside of the box ",
            name_point(box.low.data(), d), " .. ", name_point(box.high.data(), d),
            "; choose a continuation, or a box that holds it");
  }
}

}  // namespace

void ChebyshevTucker::evaluate(const double* points, Index n, double* value, double* gradient,
                               double* hessian, Outside outside) const {
  require(dim() > 0, "[ChebyshevTucker] there is no function to evaluate");
  check_points(box_, points, n, outside);
  const int d = dim(), order = hessian ? 2 : gradient ? 1 : 0;
  const Contraction& plan = tables_->contractions[order];
  // The first contraction of a block should stay in the second-level cache.
  const Index tail = tucker_.core.size() / tucker_.core.dim(0);
  const Index block = std::clamp<Index>((Index{1} << 17) / tail, 8, 96);
  dispatch_real("ChebyshevTucker", dtype(), [&]<class T>(T) {
    parallel_for(n, 4 * block, [&](Index begin, Index end) {
      BlockEvaluation<T> evaluation(tucker_, tables_->stacked, plan, order, block);
      std::vector<double> xi(d * block);
      for (Index first = begin; first < end; first += block) {
        const Index count = std::min(block, end - first);
        for (int k = 0; k < d; ++k)
          for (Index b = 0; b < count; ++b)
            xi[k * block + b] =
                std::clamp((points[(first + b) * d + k] - box_.centre(k)) / box_.half_width(k), -1.0, 1.0);
        evaluation.run(xi.data(), count);
        for (Index b = 0; b < count; ++b) {
          const Index p = first + b;
          bool vanishes = false;
          std::vector<char> flat;
          if (outside != Outside::error && !box_.contains(points + p * d)) {
            vanishes = outside == Outside::zero;
            for (int k = 0; k < d; ++k)
              flat.push_back(points[p * d + k] < box_.low[k] || points[p * d + k] > box_.high[k]);
          }
          for (Index o = 0; o < static_cast<Index>(plan.outputs.size()); ++o) {
            const auto [kind, i, j] = plan.outputs[o];
            const bool constant = !flat.empty() && ((kind >= 1 && flat[i]) || (kind == 2 && flat[j]));
            const double f = vanishes || constant ? 0 : evaluation.result(o, b);
            if (kind == 0 && value) value[p] = f;
            if (kind == 1 && gradient) gradient[p * d + i] = f;
            if (kind == 2) hessian[(p * d + i) * d + j] = hessian[(p * d + j) * d + i] = f;
          }
        }
      }
    });
  });
}

Jet ChebyshevTucker::evaluate(const Array& points, int order, Outside outside) const {
  refuse_tracked("ChebyshevTucker", points);
  require(0 <= order && order <= 2, "[ChebyshevTucker] derivatives of order ", order, "; expected 0, 1 or 2");
  const Index d = dim();
  require((points.ndim() == 2 && points.dim(1) == d) || (points.ndim() == 1 && points.dim(0) == d),
          "[ChebyshevTucker] points of shape ", points.shape(), "; expected (N, ", d, ")");
  const Index n = points.ndim() == 2 ? points.dim(0) : 1;
  const Array x = points.as(DType::f64);
  Jet jet;
  jet.value = Array::uninitialized({n}, DType::f64);
  if (order >= 1) jet.gradient = Array::uninitialized({n, d}, DType::f64);
  if (order >= 2) jet.hessian = Array::uninitialized({n, d, d}, DType::f64);
  if (n > 0)
    evaluate(x.data<double>(), n, jet.value.mutable_data<double>(),
             order >= 1 ? jet.gradient.mutable_data<double>() : nullptr,
             order >= 2 ? jet.hessian.mutable_data<double>() : nullptr, outside);
  for (Array* a : {&jet.value, &jet.gradient, &jet.hessian}) *a = a->as(dtype());
  return jet;
}

Array ChebyshevTucker::operator()(const Array& points, Outside outside) const {
  return evaluate(points, 0, outside).value;
}
double ChebyshevTucker::operator()(const std::vector<double>& point, Outside outside) const {
  require(static_cast<int>(point.size()) == dim(), "[ChebyshevTucker] a point of ", point.size(),
          " coordinates for a function of ", dim(), " variables");
  double value = 0;
  evaluate(point.data(), 1, &value, nullptr, nullptr, outside);
  return value;
}
Array ChebyshevTucker::gradient(const Array& points, Outside outside) const {
  return evaluate(points, 1, outside).gradient;
}
Array ChebyshevTucker::hessian(const Array& points, Outside outside) const {
  return evaluate(points, 2, outside).hessian;
}

}  // namespace cartan::chebyshev
