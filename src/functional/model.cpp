#include "cartan/functional/model.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/score.hpp"
#include "functional/builder.hpp"
#include "functional/warp.hpp"

namespace cartan::functional {

const char* name_of(ModeKind kind) {
  return kind == ModeKind::continuous ? "continuous"
         : kind == ModeKind::periodic ? "periodic"
                                      : "categorical";
}

double NoiseLaw::at(double f) const {
  const double t = (std::clamp(f, std::min(low, high), high) - centre) / spread;
  return std::exp(std::clamp(coefficient[0] + t * (coefficient[1] + t * coefficient[2]), -30.0, 30.0));
}

Index Model::rank() const {
  if (has_core()) return *std::max_element(core_mean_.shape().begin(), core_mean_.shape().end());
  return std::count_if(terms_.begin(), terms_.end(), [](const Term& t) { return t.modes.size() > 1; });
}

double Model::noise(Index output) const {
  const auto g = static_cast<std::size_t>(output);
  require(output >= 0 && g < scale_.size(), "[Model] output ", output, " of ", scale_.size());
  const std::size_t group = std::min(g, rate_.size() - 1);
  const double own = scale_[g] * std::sqrt(law_.at(law_.centre) * rate_[group] / shape_[group]);
  if (warp_.empty()) return own;
  const Warp& w = warp_[g];
  return own / std::exp(w.log_slope(w.inverse(offset_[g] + scale_[g] * law_.centre)));
}

Warp Model::warp(Index output) const {
  require(output >= 0 && output < static_cast<Index>(scale_.size()), "[Model] output ", output, " of ",
          scale_.size());
  return warp_.empty() ? Warp{} : warp_[static_cast<std::size_t>(output)];
}

std::vector<int> Model::active(int k) const {
  require(0 <= k && k < static_cast<int>(functions_.size()), "[Model] mode ", k, " of ", functions_.size());
  std::vector<int> out;
  for (std::size_t t = 0; t < terms_.size(); ++t)
    if (std::count(terms_[t].modes.begin(), terms_[t].modes.end(), k)) out.push_back(static_cast<int>(t));
  if (has_core())
    for (int r = 0; r < functions_[static_cast<std::size_t>(k)].functions(); ++r) out.push_back(r);
  return out;
}

Moments Model::latent(int k, const Array& x) const {
  require(0 <= k && k < modes(), "[Model] mode ", k, " of ", modes());
  require(x.ndim() == 1, "[Model] coordinates of shape ", x.shape(), "; expected one axis");
  const std::vector<double> z = Builder::scaled(mode(k), x.reshaped({-1, 1}), 0);
  return functions_[static_cast<std::size_t>(k)].at(Array::from(z));
}

namespace {

// E f and Var f of a Tucker model from the moments of the functions of every mode at one point.
struct Core {
  const double *mean, *covariance;
  std::vector<Index> ranks;
  Index size;

  std::pair<double, double> at(const std::vector<const double*>& first,
                               const std::vector<const double*>& second, std::vector<double>& work) const {
    // contract the covariance + mean mean^T with the second moments, and the mean with the means, mode by
    // mode
    double m = 0, s = 0;
    std::vector<Index> digit(ranks.size());
    const auto digits = [&](Index p, std::vector<Index>& d) {
      for (std::size_t k = ranks.size(); k-- > 0;) d[k] = p % ranks[k], p /= ranks[k];
    };
    std::vector<Index> dp(ranks.size()), dq(ranks.size());
    work.resize(static_cast<std::size_t>(size));
    for (Index p = 0; p < size; ++p) {
      digits(p, dp);
      double w = mean[p];
      for (std::size_t k = 0; k < ranks.size(); ++k) w *= first[k][dp[k]];
      m += w;
      for (Index q = 0; q <= p; ++q) {
        digits(q, dq);
        double x = covariance[p * size + q] + mean[p] * mean[q];
        for (std::size_t k = 0; k < ranks.size(); ++k) x *= second[k][dp[k] * ranks[k] + dq[k]];
        s += (p == q ? 1 : 2) * x;
      }
    }
    return {m, std::max(0.0, s - m * m)};
  }
};

}  // namespace

Prediction Model::predict(const Array& x, const PredictOptions& options, const Array& y) const {
  require(modes() > 0, "[predict] there is no model");
  require(x.ndim() == 2 && x.dim(1) == modes(), "[predict] coordinates of shape ", x.shape(),
          "; expected (N, ", modes(), ")");
  require(options.coverage > 0 && options.coverage < 1, "[predict] coverage ", options.coverage,
          "; expected above 0 and below 1");
  const Index n = x.dim(0), outputs = static_cast<Index>(outputs_.size());
  require(0 <= options.output && options.output < outputs, "[predict] output ", options.output, " of ",
          outputs);
  require(y.empty() || y.shape() == Shape({n}), "[predict] values of shape ", y.shape(), "; expected (", n,
          ")");
  const auto g = static_cast<std::size_t>(options.output);

  // moments of the functions at the distinct coordinates of every mode
  std::vector<std::vector<std::int32_t>> index;
  std::vector<Index> sizes;
  std::vector<Moments> moments;
  for (int k = 0; k < modes(); ++k) {
    const std::vector<double> all = Builder::scaled(mode(k), x, k);
    std::vector<double> unique = all;
    std::sort(unique.begin(), unique.end());
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    std::vector<std::int32_t> at;
    for (const double v : all)
      at.push_back(
          static_cast<std::int32_t>(std::lower_bound(unique.begin(), unique.end(), v) - unique.begin()));
    index.push_back(std::move(at));
    sizes.push_back(static_cast<Index>(unique.size()));
    const LatentFunctions& f = functions_[static_cast<std::size_t>(k)];
    moments.push_back(f.functions() ? f.at(Array::from(unique)) : Moments{});
  }
  if (outputs > 1) {
    index.emplace_back(static_cast<std::size_t>(n), 0);
    sizes.push_back(1);
    const LatentFunctions& f = functions_.back();
    moments.push_back(f.functions() ? f.at(Array::of({static_cast<double>(options.output)})) : Moments{});
  }
  std::vector<double> mean(static_cast<std::size_t>(n)), variance(mean.size());
  if (has_core()) {
    const Core core{core_mean_.data<double>(), core_covariance_.data<double>(), core_mean_.shape(),
                    core_mean_.size()};
    std::vector<std::vector<double>> seconds;
    for (const Moments& m : moments) {
      const Index c = m.mean.dim(1);
      std::vector<double> s = m.covariance.to_vector<double>();
      const double* f = m.mean.data<double>();
      for (Index i = 0; i < m.mean.dim(0); ++i)
        for (Index a = 0; a < c; ++a)
          for (Index b = 0; b < c; ++b)
            s[static_cast<std::size_t>((i * c + a) * c + b)] += f[i * c + a] * f[i * c + b];
      seconds.push_back(std::move(s));
    }
    parallel_for(n, 64, [&](Index begin, Index end) {
      std::vector<const double*> first(moments.size()), second(moments.size());
      std::vector<double> work;
      for (Index i = begin; i < end; ++i) {
        for (std::size_t k = 0; k < moments.size(); ++k) {
          const Index c = moments[k].mean.dim(1), at = index[k][static_cast<std::size_t>(i)];
          first[k] = moments[k].mean.data<double>() + at * c;
          second[k] = seconds[k].data() + at * c * c;
        }
        std::tie(mean[static_cast<std::size_t>(i)], variance[static_cast<std::size_t>(i)]) =
            core.at(first, second, work);
      }
    });
  } else {
    const int c = static_cast<int>(terms_.size());
    Moments2 table(c, sizes);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      std::vector<int> at(static_cast<std::size_t>(c), -1);
      const std::vector<int> act = active(static_cast<int>(k));
      const auto ca = static_cast<Index>(act.size());
      for (Index a = 0; a < ca; ++a)
        at[static_cast<std::size_t>(act[static_cast<std::size_t>(a)])] = static_cast<int>(a);
      for (Index i = 0; i < sizes[k]; ++i) {
        double* row = table.numbers(static_cast<int>(k), i);
        double* first = row + table.mean_place();
        for (int a = 0; a < c; ++a) {
          const Term& t = terms_[static_cast<std::size_t>(a)];
          const int p = at[static_cast<std::size_t>(a)];
          first[a] = p >= 0 ? moments[k].mean.data<double>()[i * ca + p]
                            : (t.output < 0 || k + 1 < sizes.size() || t.output == options.output ? 1 : 0);
        }
        for (int a = 0, place = 0; a < c; ++a)
          for (int b = 0; b <= a; ++b, ++place) {
            const int p = at[static_cast<std::size_t>(a)], q = at[static_cast<std::size_t>(b)];
            row[place] = first[a] * first[b];
            if (p >= 0 && q >= 0) row[place] += moments[k].covariance.data<double>()[(i * ca + p) * ca + q];
          }
      }
    }
    const Entries entries(std::move(index), std::move(sizes),
                          std::vector<double>(static_cast<std::size_t>(n), 0.0));
    entries.moments(table, mean.data(), variance.data());
  }

  Prediction out;
  for (Array* a : {&out.mean, &out.variance, &out.noise, &out.low, &out.high})
    *a = Array::uninitialized({n}, DType::f64);
  if (!y.empty()) out.log_density = Array::uninitialized({n}, DType::f64);
  const std::size_t group = std::min(g, shape_.size() - 1);
  const double s = scale_[g], o = offset_[g], noise = rate_[group] / shape_[group];
  const NoiseMixture mixture(predictive_nu_);
  const bool conformal = options.conformal && !conformal_.empty();
  double factor = 0;
  std::vector<double> widths;
  if (conformal) {
    factor = std::min(conformal_factor(conformal_, options.coverage), conformal_.back());
  } else {
    widths = mixture.half_width_table(options.coverage);
  }
  const Array values = y.empty() ? Array() : y.as(DType::f64);
  const Warp warp_back = warp(options.output);
  const std::vector<double> nodes = warp_back.side ? mixture.nodes(48) : std::vector<double>{};
  double *pm = out.mean.mutable_data<double>(), *pv = out.variance.mutable_data<double>(),
         *pn = out.noise.mutable_data<double>(), *pl = out.low.mutable_data<double>(),
         *ph = out.high.mutable_data<double>(),
         *pd = y.empty() ? nullptr : out.log_density.mutable_data<double>();
  parallel_for(n, 1024, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double own = noise * law_.at(mean[at]);
      const double half = conformal ? factor * std::sqrt(variance[at] + own)
                                    : NoiseMixture::look_up(widths, variance[at], own);
      const double middle = o + s * mean[at];
      pl[i] = warp_back.inverse(middle - s * half), ph[i] = warp_back.inverse(middle + s * half);
      if (warp_back.side == 0) {
        pm[i] = middle, pv[i] = s * s * variance[at];
        pn[i] = s * s * own * mixture.variance_factor();
      } else {
        const Unwarped u =
            unwarped(warp_back, middle, s * std::sqrt(variance[at]), s * std::sqrt(own), nodes);
        pm[i] = u.mean, pv[i] = u.variance, pn[i] = u.noise;
      }
      if (pd) {
        const double v = values.data<double>()[i];
        pd[i] = mixture.log_density((warp_back.forward(v) - middle) / s, variance[at], own) - std::log(s) +
                warp_back.log_slope(v);
      }
    }
  });
  return out;
}

data::Figure Model::figure(int k) const {
  require(0 <= k && k < modes(), "[Model] mode ", k, " of ", modes());
  const Mode& m = mode(k);
  const LatentFunctions& f = functions_[static_cast<std::size_t>(k)];
  data::Figure figure;
  figure.title = "Latent functions of " + m.name;
  figure.x_label = m.name;
  figure.y_label = "standardised";
  if (f.functions() == 0) return figure;
  const std::vector<double> z = f.coordinates().to_vector<double>();
  std::vector<double> x;
  if (m.kind == ModeKind::categorical) {
    for (const double v : z) x.push_back(m.shift + m.scale * v);
  } else {
    for (int i = 0; i <= 400; ++i)
      x.push_back(m.shift + m.scale * (z.front() + (z.back() - z.front()) * i / 400));
  }
  const Moments at = latent(k, Array::from(x));
  const std::vector<int> act = active(k);
  const Index c = static_cast<Index>(act.size());
  figure.note = "bands of two standard deviations";
  for (Index a = 0; a < c; ++a) {
    data::Series line;
    const bool main =
        !has_core() && terms_[static_cast<std::size_t>(act[static_cast<std::size_t>(a)])].modes.size() == 1;
    line.name = main ? "main effect" : text("term ", act[static_cast<std::size_t>(a)] + 1);
    line.line = m.kind != ModeKind::categorical;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double mean = at.mean(Index(i), a), sd = std::sqrt(std::max(0.0, at.covariance(Index(i), a, a)));
      line.x.push_back(x[i]), line.y.push_back(mean);
      line.low.push_back(mean - 2 * sd), line.high.push_back(mean + 2 * sd);
    }
    figure.series.push_back(line);
  }
  return figure;
}

}  // namespace cartan::functional
