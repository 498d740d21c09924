#include "cartan/chebyshev/fit.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/chebyshev/basis.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "chebyshev/sampler.hpp"

namespace cartan::chebyshev {
namespace {

constexpr Index first_nodes = 17;

// Nodes with which a plateau after `cut` coefficients can be seen (see chop).
Index nodes_to_see(Index cut) {
  return static_cast<Index>(std::llround(1.25 * static_cast<double>(cut) + 5)) + 1;
}

/// One fit: the choice of degrees, the sampling, the comparison.
class Fitting {
 public:
  Fitting(const BatchFunction& f, const Box& box, const FitOptions& o)
      : f_(f, box, o), o_(o), d_(box.dim()) {}

  Fit run() {
    Fit fit;
    try {
      draw_comparison();
      if (o_.degrees.empty())
        start_degrees();
      else
        for (const Index degree : o_.degrees) m_.push_back(degree + 1);
      improve(fit);
    } catch (const Sampler::Stopped&) {
      fit.stopped = true;
      fit.converged = false;
      fit.message = "stopped";
    } catch (const Sampler::Exhausted&) {
      require(best_.function.dim() > 0, "[fit] ", o_.max_evaluations,
              " evaluations do not suffice for a first fit; raise max_evaluations, or lower the degrees");
      fit = best_;
      fit.converged = false;
      fit.message = text("the error is ", fit.rel_error_max, ": ", o_.max_evaluations,
                         " evaluations do not suffice for more");
    }
    fit.evaluations = f_.evaluations();
    return fit;
  }

 private:
  bool adaptive() const { return o_.degrees.empty(); }

  void draw_comparison() {
    const Random random(o_.seed, 0x66697465727a);
    for (Index i = 0; i < o_.samples * d_; ++i) {
      const int k = static_cast<int>(i % d_);
      check_points_.push_back(f_.box().low[k] +
                              2 * f_.box().half_width(k) * random.uniform(static_cast<std::uint64_t>(i)));
      check_points_.back() = std::min(check_points_.back(), f_.box().high[k]);
    }
    f_(check_points_, check_values_);
  }

  // Degrees that resolve f on lines through the point of the largest value and through random points.
  void start_degrees() {
    constexpr Index lines = 6;
    for (int k = 0; k < d_; ++k) {
      Index m = first_nodes;
      for (;; m = 2 * m - 1) {
        std::vector<double> points, values;
        for (Index line = 0; line < lines; ++line)
          for (Index j = 0; j < m; ++j)
            for (int c = 0; c < d_; ++c)
              points.push_back(c == k      ? f_.node(k, m, j)
                               : line == 0 ? f_.largest_point()[c]
                                           : check_points_[(line * 7 % o_.samples) * d_ + c]);
        f_(points, values);
        const Array c = values_to_coefficients(Array::from(values, {lines, m}), 1);
        std::vector<double> envelope(m, 0.0);
        for (Index i = 0; i < lines * m; ++i)
          envelope[i % m] = std::max(envelope[i % m], std::abs(c.data<double>()[i]));
        const Index cut = chop(envelope, coefficient_tolerance(), f_.largest());
        if (cut < m) {
          m = std::min(nodes_to_see(cut), o_.max_degree + 1);
          break;
        }
        if (2 * m - 1 > o_.max_degree + 1) break;
      }
      m_.push_back(std::min(m, o_.max_degree + 1));
    }
  }

  double coefficient_tolerance() const { return 0.1 * o_.tolerance; }

  bool use_full() const {
    double all = 1;
    for (const Index m : m_) all *= static_cast<double>(m);
    if (o_.sampling == Sampling::automatic)
      return all <= static_cast<double>(std::min(o_.full_nodes, f_.room() / 2));
    require(o_.sampling == Sampling::cross || all <= 4e9, "[fit] full sampling at ", all,
            " nodes; use Sampling::cross, a lower max_degree or a higher tolerance");
    return o_.sampling == Sampling::full;
  }

  // Coefficients at the present degrees; the tensor in Tucker format, to `tolerance` of the largest value.
  linalg::Tucker sample(Fit& fit, double tolerance) {
    fit.sampling = use_full() ? Sampling::full : Sampling::cross;
    if (fit.sampling == Sampling::full) {
      if (full_.shape() != Shape(m_.begin(), m_.end())) {
        std::vector<std::vector<Index>> all(d_);
        for (int k = 0; k < d_; ++k)
          for (Index j = 0; j < m_[k]; ++j) all[k].push_back(j);
        full_ = f_.at_nodes(m_, all);
        for (int k = 0; k < d_; ++k) full_ = values_to_coefficients(full_, k);
      }
      linalg::HosvdOptions h;
      // |T_k| <= 1 and the errors of many coefficients do not line up: the norm of the error of the
      // coefficients stands for the largest error of the function; the comparison judges it.
      h.tolerance = relative_to_norm(tolerance);
      h.ranks = o_.ranks;
      return linalg::st_hosvd(full_, h).tensor;
    }
    linalg::Tucker t = cross_approximation(f_, m_, start_indices(), 0.1 * tolerance, o_.ranks, capped_);
    for (Array& u : t.factors) u = values_to_coefficients(u, 0);
    const double norm = linalg::norm(t);
    return norm > 0 ? linalg::round(t, std::min(0.5, tolerance * f_.largest() / norm), o_.ranks).tensor : t;
  }

  double relative_to_norm(double tolerance) const {
    double square = 0;
    for (Index i = 0; i < full_.size(); ++i) square += full_.data<double>()[i] * full_.data<double>()[i];
    return square > 0 ? std::min(0.5, tolerance * f_.largest() / std::sqrt(square)) : tolerance;
  }

  std::vector<std::vector<Index>> start_indices() {
    constexpr Index count = 6;
    std::vector<std::vector<Index>> out(d_);
    for (int k = 0; k < d_; ++k) {
      const auto order = Random(o_.seed, 0x63726f7373 + static_cast<std::uint64_t>(k)).permutation(m_[k]);
      out[k].assign(order.begin(), order.begin() + std::min(count, m_[k]));
      for (const double x : hints_[k]) out[k].push_back(nearest_node(k, x));
      out[k].push_back(nearest_node(k, f_.largest_point()[k]));
      std::sort(out[k].begin(), out[k].end());
      out[k].erase(std::unique(out[k].begin(), out[k].end()), out[k].end());
    }
    return out;
  }

  Index nearest_node(int k, double x) const {
    const Index m = m_[k];
    const double xi = std::clamp((x - f_.box().centre(k)) / f_.box().half_width(k), -1.0, 1.0);
    return std::clamp<Index>(std::llround(std::acos(-xi) / std::acos(-1.0) * static_cast<double>(m - 1)), 0,
                             m - 1);
  }

  // Variables whose coefficients have not come down; where they have, how many are needed.
  bool resolved(const linalg::Tucker& t, std::vector<Index>& wanted) const {
    bool all = true;
    wanted = m_;
    for (int k = 0; k < d_ && adaptive(); ++k) {
      const std::vector<double> envelope = magnitudes(t, k, false);
      const Index cut = chop(envelope, coefficient_tolerance(), f_.largest());
      if (cut < m_[k]) continue;
      all = false;
      wanted[k] = std::min(2 * m_[k] - 1, o_.max_degree + 1);
    }
    return all;
  }

  // For each degree of variable k, the largest of its coefficients, or their sum: of the tensor itself where
  // it is at hand, otherwise the norms of the slices of the Tucker tensor.
  std::vector<double> magnitudes(const linalg::Tucker& t, int k, bool summed) const {
    const Index m = m_[k];
    std::vector<double> out(m, 0.0);
    if (full_.shape() == Shape(m_.begin(), m_.end())) {
      Index inner = 1;
      for (int j = k + 1; j < d_; ++j) inner *= m_[j];
      for (Index i = 0; i < full_.size(); ++i) {
        double& e = out[i / inner % m];
        const double c = std::abs(full_.data<double>()[i]);
        e = summed ? e + c : std::max(e, c);
      }
      return out;
    }
    const Array g = linalg::gram(t.core, k), v = t.factors[k], vg = linalg::mode_product(g, v, 0);
    for (Index i = 0; i < m; ++i) {
      double sum = 0;
      for (Index a = 0; a < v.dim(1); ++a)
        sum += vg.data<double>()[i * v.dim(1) + a] * v.data<double>()[i * v.dim(1) + a];
      out[i] = std::sqrt(std::max(sum, 0.0));
    }
    return out;
  }

  void compare(Fit& fit) {
    const Array points = Array::from(check_points_, {o_.samples, d_});
    const std::vector<double> found = fit.function(points).as(DType::f64).to_vector<double>();
    double worst = 0, sum = 0, square = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double e = std::abs(found[i] - check_values_[i]);
      if (!(e <= worst)) {
        worst = e;
        worst_point_.assign(check_points_.begin() + static_cast<Index>(i) * d_,
                            check_points_.begin() + static_cast<Index>(i + 1) * d_);
      }
      sum += e * e;
      square += check_values_[i] * check_values_[i];
    }
    // A function of which nothing but zeros was seen has no known error: it may have peaks between the
    // samples.
    fit.rel_error_max = f_.largest() > 0 ? worst / f_.largest() : NAN;
    fit.rel_error_l2 = square > 0 ? std::sqrt(sum / square) : f_.largest() > 0 ? std::sqrt(sum) : NAN;
  }

  void improve(Fit& fit) {
    constexpr int most_attempts = 12;
    hints_.assign(d_, {});
    double tolerance = 0.3 * o_.tolerance;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
      const Index before = f_.evaluations();
      capped_ = false;
      linalg::Tucker t = sample(fit, tolerance);
      const bool room = f_.room() > 2 * (f_.evaluations() - before);  // for another attempt
      std::vector<Index> wanted;
      const bool settled = resolved(t, wanted);
      if (!settled && wanted != m_ && room) {
        m_ = wanted;
        continue;
      }
      ChebyshevTucker function(f_.box(), std::move(t));
      // Degrees beyond the plateau go; the room is what the ranks have left of the tolerance.
      if (adaptive()) function = trimmed(function, 0.3 * tolerance);
      fit.function = function.as(o_.dtype);
      compare(fit);
      fit.converged = fit.rel_error_max <= o_.tolerance;
      if (best_.function.dim() == 0 || fit.rel_error_max < best_.rel_error_max) best_ = fit;
      if (fit.converged) return;
      if (f_.largest() == 0) {
        best_.message = text("each of the ", f_.evaluations(),
                             " samples is 0: the function is 0, or its peaks lie between them");
        break;
      }
      if (!room || capped_)
        best_.message = text("the error is ", best_.rel_error_max, ": ", o_.max_evaluations,
                             " evaluations do not suffice for more");
      else if (!settled)
        best_.message = text("the degrees have reached ", *std::max_element(m_.begin(), m_.end()) - 1);
      if (!room || capped_ || !settled || !o_.ranks.empty()) break;
      // Not there: first finer ranks (and, for crosses, fibres through the worst point), then higher degrees.
      for (int k = 0; k < d_; ++k) hints_[k].push_back(worst_point_[k]);
      if (attempt % 3 < 2 && tolerance > 4e-15) {
        tolerance = std::max(2e-15, 0.1 * tolerance);
      } else if (adaptive()) {
        tolerance = 0.3 * o_.tolerance;
        for (Index& m : m_) m = std::min(m + m / 2, o_.max_degree + 1);
      } else {
        break;
      }
    }
    fit = best_.function.dim() ? best_ : fit;
    require(fit.function.dim() > 0, "[fit] no degrees up to ", o_.max_degree,
            " were found; raise max_degree");
    if (fit.message.empty())
      fit.message =
          text("the error is ", fit.rel_error_max, " of the largest value, the tolerance ", o_.tolerance);
  }

  // Without the last degrees, which change no value by more than `allowed` times the largest.
  ChebyshevTucker trimmed(const ChebyshevTucker& f, double allowed) const {
    linalg::Tucker t = f.coefficients();
    for (int k = 0; k < d_; ++k) {
      const std::vector<double> e = magnitudes(t, k, true);
      Index m = m_[k];
      double sum = 0;
      while (m > 1 && sum + e[m - 1] <= allowed * f_.largest() / d_) sum += e[--m];
      t.factors[k] = t.factors[k].rows(0, m);
    }
    return {f.box(), t};
  }

  Sampler f_;
  const FitOptions& o_;
  int d_;
  std::vector<Index> m_;  // nodes by variable
  Array full_;            // coefficients at all nodes, where these are sampled
  std::vector<double> check_points_, check_values_, worst_point_;
  Fit best_;
  bool capped_ = false;                     // ranks, by the evaluations allowed
  std::vector<std::vector<double>> hints_;  // coordinates at which a cross was wrong
};

}  // namespace

const char* name_of(Sampling sampling) {
  const char* const names[] = {"automatic", "full", "cross"};
  return names[static_cast<int>(sampling)];
}

Sampling sampling_from_name(const std::string& name) {
  for (const Sampling s : {Sampling::automatic, Sampling::full, Sampling::cross})
    if (name == name_of(s)) return s;
  throw std::invalid_argument(text("[sampling_from_name] '", name, "'; expected automatic, full or cross"));
}

void describe(config::Fields& f, FitOptions& o) {
  f("tolerance", o.tolerance,
    "largest error relative to the largest value (rel_error_max; rel_error_l2 is that of the root mean "
    "squares), from 2e-15 (float32: 1e-6)")
      .above(0)
      .below(1);
  f("degrees", o.degrees, "polynomial degrees, one a variable (none: adaptive)").from(0).to(1 << 24);
  f("ranks", o.ranks, "largest ranks, one a variable (none: by tolerance)").from(1).to(1 << 24);
  f("max_degree", o.max_degree, "largest degree of the adaptive search").from(16).to(1 << 24);
  f("sampling", o.sampling,
    {{"automatic", Sampling::automatic}, {"full", Sampling::full}, {"cross", Sampling::cross}},
    "where the function is evaluated");
  f("full_nodes", o.full_nodes, "automatic: largest number of nodes that are all evaluated")
      .from(1)
      .to(1LL << 32);
  f("max_evaluations", o.max_evaluations,
    "evaluations of an expression; a fit that needs more ends with what it has")
      .from(1)
      .to(1LL << 40);
  f("dtype", o.dtype, "precision of the result");
  f("samples", o.samples, "random points of comparison").from(8).to(1e8);
  f("seed", o.seed, "seed of random points");
}

void FitOptions::check(const char* caller, int dim) const {
  require(is_real(dtype), "[", caller, "] coefficients of ", dtype, "; expected float32 or float64");
  config::validate(caller, *this);
  const double least = dtype == DType::f32 ? 1e-6 : 2e-15;
  require(tolerance >= least, "[", caller, "] tolerance ", tolerance, "; ", name_of(dtype),
          " holds no less than ", least, dtype == DType::f32 ? ": use float64, or a higher tolerance" : "");
  require(degrees.empty() || static_cast<int>(degrees.size()) == dim, "[", caller, "] ", degrees.size(),
          " degrees for ", dim, " variables");
  require(ranks.empty() || static_cast<int>(ranks.size()) == dim, "[", caller, "] ", ranks.size(),
          " ranks for ", dim, " variables");
}

Fit fit(const BatchFunction& f, const Box& box, const FitOptions& options) {
  box.check("fit");
  options.check("fit", box.dim());
  require(static_cast<bool>(f), "[fit] there is no function");
  return Fitting(f, box, options).run();
}

}  // namespace cartan::chebyshev
