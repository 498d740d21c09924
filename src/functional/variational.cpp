#include "functional/variational.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "functional/special.hpp"

namespace cartan::functional {
namespace {

using Vector = Moments2::Vector;

// Limits of what is learned, in scaled coordinates.
struct Limit {
  double low, high;
};
Limit limit_of(const std::string& name) {
  const auto is = [&](const char* what) {
    const std::string w(what);
    return name.size() >= w.size() && name.compare(name.size() - w.size(), w.size(), w) == 0;
  };
  if (is("variance")) return {1e-8, 1e4};
  if (is("length")) return {2e-4, 1e2};
  return {0, 0};  // periods stay
}

double sum_of(const std::vector<double>& x) {
  return deterministic_sum(x.data(), static_cast<Index>(x.size()));
}

}  // namespace

Variational::Variational(std::shared_ptr<const Entries> entries, std::vector<std::vector<double>> coordinates,
                         std::vector<Component> components, const std::vector<std::vector<Kernel>>& kernels,
                         std::vector<std::int32_t> group, const VariationalOptions& options)
    : entries_(std::move(entries)),
      components_(std::move(components)),
      group_(std::move(group)),
      options_(options) {
  const int c = static_cast<int>(components_.size());
  table_ = Moments2(c, entries_->sizes());
  modes_.resize(coordinates.size());
  for (std::size_t k = 0; k < modes_.size(); ++k) {
    Mode& m = modes_[k];
    m.coordinates = std::move(coordinates[k]);
    for (int a = 0; a < c; ++a)
      if (components_[static_cast<std::size_t>(a)].active[k]) {
        m.active.push_back(a);
        m.kernels.push_back(kernels[k][static_cast<std::size_t>(a)]);
      }
    const std::size_t n = m.coordinates.size(), ca = m.active.size();
    m.mean.assign(n * ca, 0.0), m.covariance.assign(n * ca * ca, 0.0);
    m.precision.assign(n * ca * ca, 0.0), m.shift.assign(n * ca, 0.0);
    if (ca) m.chain = Chain(m.kernels, m.coordinates);
    m.step.assign(m.chain.parameters(), 0.3), m.slope.assign(m.chain.parameters(), 0.0);
    refresh(static_cast<int>(k));
  }
  const std::size_t groups =
      group_.empty() ? 1 : static_cast<std::size_t>(*std::max_element(group_.begin(), group_.end())) + 1;
  group_size_.assign(groups, 0.0);
  std::vector<double> square(groups, 0.0);
  for (std::size_t n = 0; n < entries_->values().size(); ++n) {
    const std::size_t g = group_.empty() ? 0 : static_cast<std::size_t>(group_[n]);
    const double y = entries_->values()[n];
    group_size_[g] += 1, square[g] += y * y, squares_ += y * y;
  }
  for (std::size_t g = 0; g < groups; ++g) {
    shape_.push_back(options_.prior_shape + group_size_[g] / 2);
    rate_.push_back(options_.prior_rate + 0.5 * square[g]);
  }
  if (options_.student || groups > 1) weight_.assign(entries_->values().size(), 0.0);
  for (std::size_t n = 0; n < weight_.size(); ++n) weight_[n] = precision(group_.empty() ? 0 : group_[n]);
}

double Variational::fixed(int component, int mode, Index i) const {
  const int output = components_[static_cast<std::size_t>(component)].output;
  return output < 0 || mode + 1 < modes() || output == i ? 1 : 0;
}

void Variational::set_function(int mode, int component, const std::vector<double>& mean, double variance) {
  Mode& m = modes_[static_cast<std::size_t>(mode)];
  const auto c = m.active.size();
  for (std::size_t a = 0; a < c; ++a)
    if (m.active[a] == component)
      for (std::size_t i = 0; i < mean.size(); ++i) {
        m.mean[i * c + a] = mean[i];
        m.covariance[(i * c + a) * c + a] = variance;
      }
  refresh(mode);
}

void Variational::set_prior(int mode, Base base) {
  Mode& m = modes_[static_cast<std::size_t>(mode)];
  m.base_precision = std::move(base.precision), m.base_shift = std::move(base.shift);
  m.base_evidence = m.chain.forward(m.base_precision.data(), m.base_shift.data());
}

void Variational::set_base(int mode, Base base) {
  set_prior(mode, std::move(base));
  Mode& m = modes_[static_cast<std::size_t>(mode)];
  m.chain.forward(m.base_precision.data(), m.base_shift.data());
  m.chain.backward(m.base_precision.data(), m.base_shift.data(), m.mean.data(), m.covariance.data(), nullptr);
  refresh(mode);
}

void Variational::set_noise(std::vector<double> shape, std::vector<double> rate, double nu, double offset) {
  shape_ = std::move(shape), rate_ = std::move(rate);
  nu_ = nu, offset_ = offset;
  for (std::size_t n = 0; n < weight_.size(); ++n) weight_[n] = precision(group_.empty() ? 0 : group_[n]);
}

// The row of every coordinate: moments of the active components, numbers for the others.
void Variational::refresh(int mode) {
  const Mode& m = modes_[static_cast<std::size_t>(mode)];
  const int c = static_cast<int>(components_.size()), ca = static_cast<int>(m.active.size());
  std::vector<int> at(static_cast<std::size_t>(c), -1);
  for (int a = 0; a < ca; ++a) at[static_cast<std::size_t>(m.active[static_cast<std::size_t>(a)])] = a;
  parallel_for(static_cast<Index>(m.coordinates.size()), 256, [&](Index begin, Index end) {
    std::vector<double> first(static_cast<std::size_t>(c));
    for (Index i = begin; i < end; ++i) {
      double* row = table_.numbers(mode, i);
      const double* mean = m.mean.data() + i * ca;
      const double* v = m.covariance.data() + i * ca * ca;
      for (int a = 0; a < c; ++a) {
        const int pa = at[static_cast<std::size_t>(a)];
        first[static_cast<std::size_t>(a)] = pa < 0 ? fixed(a, mode, i) : mean[pa];
      }
      for (int a = 0, place = 0; a < c; ++a) {
        const int pa = at[static_cast<std::size_t>(a)];
        for (int b = 0; b <= a; ++b, ++place) {
          const int pb = at[static_cast<std::size_t>(b)];
          row[place] = first[static_cast<std::size_t>(a)] * first[static_cast<std::size_t>(b)];
          if (pa >= 0 && pb >= 0) row[place] += v[pa * ca + pb];
        }
      }
      for (int a = 0; a < c; ++a) row[table_.mean_place() + a] = first[static_cast<std::size_t>(a)];
    }
  });
}

// The evidence of the messages with the kernels that are, and with those proposed: the better ones stay.
void Variational::decide(Mode& m, const double* precision, const double* shift) {
  if (m.proposal.empty()) {
    m.evidence = m.chain.forward(precision, shift);
    return;
  }
  double evidence[2];
  Chain trial;
  const auto run = [&](Index begin, Index end) {
    for (Index which = begin; which < end; ++which) {
      if (which == 1) trial = Chain(m.proposal, m.coordinates);
      evidence[which] = (which == 0 ? m.chain : trial).forward(precision, shift);
    }
  };
  // short chains are done before another thread has begun
  const Index work = m.chain.size() * m.chain.states() * m.chain.states();
  parallel_for(2, work < 5000 ? 2 : 1, run);
  m.evidence = evidence[0];
  if (evidence[1] >= evidence[0]) {
    m.evidence = evidence[1], m.kernels = m.proposal;
    std::swap(m.chain, trial);
  } else {
    for (double& s : m.step) s = std::max(1e-4, 0.5 * s);
  }
  m.proposal.clear();
}

// One step uphill in the evidence of this mode's messages, with a width of its own for each parameter (grown
// where the slope keeps its sign, else shrunk). The next update takes it where the evidence is greater then.
void Variational::propose(Mode& m, const std::vector<double>& slope) {
  std::vector<Kernel> next;
  std::size_t p = 0;
  bool moved = false;
  for (const Kernel& k : m.kernels) {
    std::vector<double> values = k.parameters();
    const std::vector<std::string> names = k.parameter_names();
    for (std::size_t j = 0; j < values.size(); ++j, ++p) {
      const Limit limit = limit_of(names[j]);
      if (limit.high == 0 || slope[p] == 0 || !std::isfinite(slope[p])) continue;
      const double agree = slope[p] * m.slope[p];
      if (agree > 0) m.step[p] = std::min(1.0, 1.3 * m.step[p]);
      if (agree < 0) m.step[p] = std::max(1e-4, 0.5 * m.step[p]);
      m.slope[p] = slope[p];
      const double to =
          std::clamp(values[j] * std::exp(slope[p] > 0 ? m.step[p] : -m.step[p]), limit.low, limit.high);
      moved = moved || to != values[j];
      values[j] = to;
    }
    next.push_back(k.with(values));
  }
  if (moved) m.proposal = std::move(next);
}

void Variational::update(int mode) {
  Mode& m = modes_[static_cast<std::size_t>(mode)];
  const int c = static_cast<int>(components_.size()), ca = static_cast<int>(m.active.size());
  const Index n = static_cast<Index>(m.coordinates.size());
  if (ca == 0) return;
  std::vector<Vector> sums(static_cast<std::size_t>(n * table_.vectors()));
  entries_->sums(mode, table_, weight_.empty() ? nullptr : weight_.data(), offset_, sums.data());
  const double tau = weight_.empty() ? precision() : 1;
  std::vector<int> passive;
  for (int a = 0; a < c; ++a)
    if (!components_[static_cast<std::size_t>(a)].active[static_cast<std::size_t>(mode)])
      passive.push_back(a);
  const double old = options_.damping, fresh = (1 - old) * tau;
  for (Index i = 0; i < n; ++i) {
    const double* row = reinterpret_cast<const double*>(sums.data() + i * table_.vectors());
    double *w = m.precision.data() + i * ca * ca, *e = m.shift.data() + i * ca;
    for (int a = 0; a < ca; ++a) {
      const int ga = m.active[static_cast<std::size_t>(a)];
      for (int b = 0; b <= a; ++b) {
        const double x = row[Moments2::place(ga, m.active[static_cast<std::size_t>(b)])];
        w[a * ca + b] = old * w[a * ca + b] + fresh * x;
        w[b * ca + a] = w[a * ca + b];
      }
      double x = row[table_.mean_place() + ga];
      for (const int b : passive) x -= fixed(b, mode, i) * row[Moments2::place(ga, b)];
      e[a] = old * e[a] + fresh * x;
    }
  }
  const bool based = !m.base_precision.empty();
  std::vector<double> total_w, total_e;
  if (based) {
    total_w = m.precision, total_e = m.shift;
    for (std::size_t j = 0; j < total_w.size(); ++j) total_w[j] += m.base_precision[j];
    for (std::size_t j = 0; j < total_e.size(); ++j) total_e[j] += m.base_shift[j];
  }
  const double *w = based ? total_w.data() : m.precision.data(), *e = based ? total_e.data() : m.shift.data();
  decide(m, w, e);
  std::vector<double> slope(options_.learn ? m.chain.parameters() : 0);
  m.chain.backward(w, e, m.mean.data(), m.covariance.data(), options_.learn ? slope.data() : nullptr);
  if (options_.learn) propose(m, slope);
  // divergence of q from its prior: E log of the messages less the evidence
  double expected = 0;
  for (Index i = 0; i < n; ++i) {
    const double *wi = m.precision.data() + i * ca * ca, *ei = m.shift.data() + i * ca;
    const double *mean = m.mean.data() + i * ca, *v = m.covariance.data() + i * ca * ca;
    for (int a = 0; a < ca; ++a) {
      expected += ei[a] * mean[a];
      for (int b = 0; b < ca; ++b) expected -= 0.5 * wi[a * ca + b] * (v[a * ca + b] + mean[a] * mean[b]);
    }
  }
  m.divergence = expected - (m.evidence - m.base_evidence);
  refresh(mode);
  if (!weight_.empty()) return;
  // sum of E (y - f)^2 from the same sums
  double quadratic = 0;
  const int second = table_.second_vectors();
  for (Index i = 0; i < n; ++i) {
    const Vector *sum = sums.data() + i * table_.vectors(), *row = table_.row(mode, i);
    Vector x{};
    for (int v = 0; v < second; ++v) x += 2 * sum[v] * row[v];
    for (int v = second; v < table_.vectors(); ++v) x -= 2 * sum[v] * row[v];
    quadratic += horizontal_sum<double>(x);
    const double *s = reinterpret_cast<const double*>(sum), *r = reinterpret_cast<const double*>(row);
    for (int a = 0; a < c; ++a) quadratic -= s[Moments2::place(a, a)] * r[Moments2::place(a, a)];
  }
  quadratic_ = std::max(0.0, squares_ + quadratic);
}

void Variational::update_noise() {
  const Index n = size();
  const std::size_t groups = shape_.size();
  double log_likelihood = 0;
  const auto group = [&](Index e) {
    return group_.empty() ? std::size_t{0} : static_cast<std::size_t>(group_[static_cast<std::size_t>(e)]);
  };
  std::vector<double> sum(groups, 0.0);
  if (weight_.empty()) {
    sum[0] = quadratic_;
  } else {
    std::vector<double> mean(static_cast<std::size_t>(n)), square(mean.size()), work(mean.size());
    const double* y = entries_->values().data();
    const bool moves = options_.learn && options_.student && groups == 1;  // to the offset that fits best
    parallel_for(n, 1024, [&](Index begin, Index end) {
      entries_->moments(table_, begin, end, mean.data(), square.data());
      for (auto e = static_cast<std::size_t>(begin); moves && e < static_cast<std::size_t>(end); ++e)
        work[e] = weight_[e] * (y[e] - mean[e]);
    });
    if (moves) offset_ = sum_of(work) / sum_of(weight_);
    const double shape = (nu_ + 1) / 2;
    std::vector<double>& logs = mean;
    parallel_for(n, 1024, [&](Index begin, Index end) {
      for (Index e = begin; e < end; ++e) {
        const auto at = static_cast<std::size_t>(e);
        const double r = y[at] - offset_ - mean[at], r2 = square[at] + r * r;
        const std::size_t g = group(e);
        double omega = 1;
        if (options_.student) {
          const double rate = (nu_ + precision(static_cast<int>(g)) * r2) / 2;
          omega = shape / rate, logs[at] = std::log(rate);
        }
        weight_[at] = omega, square[at] = omega * r2, work[at] = omega;
      }
    });
    if (groups == 1) {
      sum[0] = sum_of(square);
    } else {
      for (Index e = 0; e < n; ++e) sum[group(e)] += square[static_cast<std::size_t>(e)];
    }
    if (options_.student) {
      const double count = static_cast<double>(n), sum_log = sum_of(logs), sum_omega = sum_of(work);
      const double mean_log = digamma(shape) - sum_log / count, mean_omega = sum_omega / count;
      if (options_.learn) {  // log(nu/2) + 1 - digamma(nu/2) + E log omega - E omega = 0
        double low = std::log(2.2), high = std::log(200.0);
        for (int k = 0; k < 60; ++k) {
          const double middle = (low + high) / 2, half = std::exp(middle) / 2;
          (std::log(half) + 1 - digamma(half) + mean_log - mean_omega > 0 ? low : high) = middle;
        }
        nu_ = std::exp((low + high) / 2);
      }
      // E log p(omega) - E log q(omega), q of the shape before, plus E log omega / 2 of the likelihood
      const double half = nu_ / 2;
      log_likelihood +=
          count * (half * std::log(half) - std::lgamma(half) + (half - 1) * mean_log - half * mean_omega);
      log_likelihood -= count * (-std::lgamma(shape) + (shape - 1) * digamma(shape) - shape) + sum_log;
      log_likelihood += 0.5 * count * mean_log;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    const double keep = options_.noise_damping, a = options_.prior_shape + group_size_[g] / 2,
                 b = options_.prior_rate + 0.5 * sum[g];
    shape_[g] = keep * shape_[g] + (1 - keep) * a;
    rate_[g] = keep * rate_[g] + (1 - keep) * b;
    log_likelihood += 0.5 * group_size_[g] * (digamma(shape_[g]) - std::log(rate_[g]) - std::log(2 * M_PI)) -
                      0.5 * shape_[g] / rate_[g] * sum[g] -
                      gamma_divergence(shape_[g], rate_[g], options_.prior_shape, options_.prior_rate);
  }
  if (!weight_.empty())
    parallel_for(n, 16384, [&](Index begin, Index end) {
      for (Index e = begin; e < end; ++e)
        weight_[static_cast<std::size_t>(e)] *= precision(static_cast<int>(group(e)));
    });
  elbo_ = log_likelihood;
  for (const Mode& m : modes_) elbo_ -= m.divergence;
}

void Variational::rest() {
  table_ = Moments2();
  for (Mode& m : modes_) m.chain = Chain();
}

void Variational::wake() {
  if (!entries_) return;
  table_ = Moments2(static_cast<int>(components_.size()), entries_->sizes());
  for (int k = 0; k < modes(); ++k) {
    Mode& m = modes_[static_cast<std::size_t>(k)];
    if (!m.active.empty()) m.chain = Chain(m.kernels, m.coordinates);
    refresh(k);
  }
}

double Variational::sweep(const std::vector<int>& order) {
  for (const int k : order) update(k);
  update_noise();
  return elbo_;
}

void Variational::left_out(const std::vector<char>& mask, int sweeps, const std::vector<int>& order,
                           double* mean, double* variance) const {
  Variational copy = *this;
  copy.options_.learn = false;
  for (Mode& m : copy.modes_) m.proposal.clear();
  if (copy.weight_.empty()) copy.weight_.assign(mask.size(), precision());
  for (std::size_t e = 0; e < mask.size(); ++e)
    if (mask[e]) copy.weight_[e] = 0;
  for (int s = 0; s < sweeps; ++s) {
    for (const int k : order) copy.update(k);
    if (!options_.student || s + 1 == sweeps) continue;
    // weights forget those left out too; the noise itself is not fitted again
    copy.update_noise();
    copy.shape_ = shape_, copy.rate_ = rate_;
    for (std::size_t e = 0; e < mask.size(); ++e)
      if (mask[e]) copy.weight_[e] = 0;
  }
  entries_->moments(copy.table_, mean, variance);
}

Variational Variational::without(int component) const {
  Variational out = *this;
  out.components_.erase(out.components_.begin() + component);
  out.table_ = Moments2(static_cast<int>(out.components_.size()), entries_->sizes());
  for (int k = 0; k < modes(); ++k) {
    const Mode& from = modes_[static_cast<std::size_t>(k)];
    Mode& to = out.modes_[static_cast<std::size_t>(k)];
    const auto n = from.coordinates.size(), c = from.active.size();
    std::vector<std::size_t> kept;
    std::size_t p = 0;
    to.step.clear(), to.slope.clear(), to.active.clear(), to.kernels.clear();
    for (std::size_t a = 0; a < c; ++a) {
      const std::size_t np = from.kernels[a].parameters().size();
      if (from.active[a] != component) {
        kept.push_back(a);
        to.active.push_back(from.active[a] - (from.active[a] > component ? 1 : 0));
        to.kernels.push_back(from.kernels[a]);
        to.step.insert(to.step.end(), from.step.begin() + static_cast<std::ptrdiff_t>(p),
                       from.step.begin() + static_cast<std::ptrdiff_t>(p + np));
        to.slope.insert(to.slope.end(), from.slope.begin() + static_cast<std::ptrdiff_t>(p),
                        from.slope.begin() + static_cast<std::ptrdiff_t>(p + np));
      }
      p += np;
    }
    const auto pick = [&](const std::vector<double>& one, const std::vector<double>& two,
                          std::vector<double>& o, std::vector<double>& t) {
      o.clear(), t.clear();
      for (std::size_t i = 0; i < n && !one.empty(); ++i)
        for (const std::size_t a : kept) {
          o.push_back(one[i * c + a]);
          for (const std::size_t b : kept) t.push_back(two[(i * c + a) * c + b]);
        }
    };
    pick(from.mean, from.covariance, to.mean, to.covariance);
    pick(from.shift, from.precision, to.shift, to.precision);
    pick(from.base_shift, from.base_precision, to.base_shift, to.base_precision);
    if (kept.empty()) to.divergence = 0;
    to.chain = kept.empty() ? Chain() : Chain(to.kernels, to.coordinates);
    to.proposal.clear();
    if (!to.base_precision.empty()) {
      to.base_evidence = to.chain.forward(to.base_precision.data(), to.base_shift.data());
    }
    out.refresh(k);
  }
  return out;
}

Variational Variational::with(const std::vector<Component>& more,
                              const std::vector<std::vector<Kernel>>& kernels) const {
  std::vector<Component> all = components_;
  all.insert(all.end(), more.begin(), more.end());
  std::vector<std::vector<Kernel>> k2(modes_.size(), std::vector<Kernel>(all.size()));
  std::vector<std::vector<double>> coordinates;
  for (std::size_t k = 0; k < modes_.size(); ++k) {
    const Mode& m = modes_[k];
    for (std::size_t a = 0; a < m.active.size(); ++a)
      k2[k][static_cast<std::size_t>(m.active[a])] = m.kernels[a];
    for (std::size_t a = 0; a < more.size(); ++a) k2[k][components_.size() + a] = kernels[k][a];
    coordinates.push_back(m.coordinates);
  }
  Variational out(entries_, coordinates, all, k2, group_, options_);
  out.set_noise(shape_, rate_, nu_, offset_);
  out.weight_ = weight_;
  for (std::size_t k = 0; k < modes_.size(); ++k) {
    const Mode& from = modes_[k];
    Mode& to = out.modes_[k];
    const auto n = from.coordinates.size(), c = from.active.size(), d = to.active.size();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t a = 0; a < c; ++a) {
        to.mean[i * d + a] = from.mean[i * c + a];
        for (std::size_t b = 0; b < c; ++b)
          to.covariance[(i * d + a) * d + b] = from.covariance[(i * c + a) * c + b];
      }
    std::copy(from.step.begin(), from.step.end(), to.step.begin());
    out.refresh(static_cast<int>(k));
  }
  return out;
}

double Variational::power(int component) const {
  double product = 1;
  for (int k = 0; k < modes(); ++k) {
    double sum = 0;
    for (Index i = 0; i < entries_->size(k); ++i)
      sum += static_cast<double>(entries_->count(k, i)) *
             table_.numbers(k, i)[Moments2::place(component, component)];
    product *= sum / static_cast<double>(size());
  }
  return product;
}

}  // namespace cartan::functional
