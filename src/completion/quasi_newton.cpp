#include "completion/quasi_newton.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

void RowAls::clear_unknown(Parts& parts) const {
  for (int k = 0; k < x_.order(); ++k) {
    const auto& begin = begin_[static_cast<std::size_t>(k)];
    for (Index i = 0; smooth(k) == 0 && i < parts.rows(k); ++i)
      if (begin[static_cast<std::size_t>(i)] == begin[static_cast<std::size_t>(i) + 1])
        std::fill_n(parts.row(k, i), parts.width[static_cast<std::size_t>(k)], 0.0);
  }
}

void RowAls::gradient(const Parts& parts, std::vector<double>& g) const {
  const Index n = x_.size();
  const double* y = x_.values().data();
  std::vector<double> slope(static_cast<std::size_t>(n));
  {
    const Array m = parts.values(x_);
    parallel_for(n, 16384, [&](Index b, Index e) {
      for (Index k = b; k < e; ++k)
        slope[static_cast<std::size_t>(k)] = loss_.slope(y[k], m.data<double>()[k]);
    });
  }
  std::size_t size = 0, first = 0;
  for (const auto& a : parts.data) size += a.size();
  g.assign(size, 0.0);
  for (int k = 0; k < parts.count(); ++k) {
    const Index p = parts.width[static_cast<std::size_t>(k)], rows = parts.rows(k);
    double* out = g.data() + first;
    if (k < x_.order()) {
      const auto& begin = begin_[static_cast<std::size_t>(k)];
      const std::uint32_t* list = list_[static_cast<std::size_t>(k)].data();
      const Index grain = std::clamp<Index>(grain_of(4 * (p + parts.work_size())) * rows / n, 1, rows);
      parallel_for(rows, grain, [&](Index b, Index e) {
        Scratch<double> z(p), work(parts.work_size());
        for (Index i = b; i < e; ++i)
          for (std::uint32_t at = begin[static_cast<std::size_t>(i)];
               at < begin[static_cast<std::size_t>(i) + 1]; ++at) {
            parts.design(k, columns_, list[at], z.data(), work.data());
            const double s = slope[list[at]];
            for (Index r = 0; r < p; ++r) out[i * p + r] += s * z[r];
          }
      });
    } else {  // the core: blocks of entries, summed in order
      const Index pieces = std::clamp<Index>(n / 2048, 1, 16), length = (n + pieces - 1) / pieces;
      std::vector<double> sums(static_cast<std::size_t>(pieces * p), 0.0);
      parallel_for(n, length, [&](Index b, Index e) {
        double* s = sums.data() + b / length * p;
        Scratch<double> z(p), work(parts.work_size());
        for (Index at = b; at < e; ++at) {
          parts.design(k, columns_, at, z.data(), work.data());
          for (Index r = 0; r < p; ++r) s[r] += slope[static_cast<std::size_t>(at)] * z[r];
        }
      });
      for (Index piece = 0; piece < pieces; ++piece)
        for (Index r = 0; r < p; ++r) out[r] += sums[static_cast<std::size_t>(piece * p + r)];
    }
    const auto& a = parts.data[static_cast<std::size_t>(k)];
    const double rough = smooth(k);
    for (std::size_t i = 0; i < a.size(); ++i) {
      out[i] += 2 * penalties_.ridge * a[i] + penalties_.lasso;
      if (rough > 0 && i >= static_cast<std::size_t>(p)) {
        const double e = 2 * rough * (a[i] - a[i - static_cast<std::size_t>(p)]);
        out[i] += e, out[i - static_cast<std::size_t>(p)] -= e;
      }
    }
    first += a.size();
  }
}

namespace {

constexpr std::size_t remembered = 10;  // pairs

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double s = 0;
  for (std::size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}

std::vector<double> packed(const Parts& parts) {
  std::vector<double> x;
  for (const auto& a : parts.data) x.insert(x.end(), a.begin(), a.end());
  return x;
}

void unpack(const std::vector<double>& x, Parts& parts) {
  auto from = x.begin();
  for (auto& a : parts.data) {
    std::copy(from, from + static_cast<std::ptrdiff_t>(a.size()), a.begin());
    from += static_cast<std::ptrdiff_t>(a.size());
  }
}

}  // namespace

std::vector<double> QuasiNewton::direction(const std::vector<double>& x) const {
  std::vector<double> d(gradient_.size());
  const auto held = [&](std::size_t i) { return nonnegative_ && x[i] <= 0 && gradient_[i] > 0; };
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = held(i) ? 0 : -gradient_[i];
  std::vector<double> share(memory_.size());
  for (std::size_t m = memory_.size(); m-- > 0;) {
    share[m] = dot(memory_[m].step, d) / memory_[m].curvature;
    for (std::size_t i = 0; i < d.size(); ++i) d[i] -= share[m] * memory_[m].change[i];
  }
  if (!memory_.empty()) {
    const double by = memory_.back().curvature / dot(memory_.back().change, memory_.back().change);
    for (double& v : d) v *= by;
  }
  for (std::size_t m = 0; m < memory_.size(); ++m) {
    const double back = share[m] - dot(memory_[m].change, d) / memory_[m].curvature;
    for (std::size_t i = 0; i < d.size(); ++i) d[i] += back * memory_[m].step[i];
  }
  for (std::size_t i = 0; i < d.size(); ++i)
    if (held(i)) d[i] = 0;
  return d;
}

bool QuasiNewton::step(Parts& parts) {
  const std::vector<double> x = packed(parts);
  for (bool again = true; again;) {
    std::vector<double> d = direction(x);
    double along = dot(d, gradient_);
    again = !memory_.empty();  // once more, downhill, where the remembered curvature misleads
    if (along < 0) {
      double t = 1;
      if (memory_.empty()) t = std::min(1.0, 0.1 * std::sqrt((dot(x, x) + 1e-12) / dot(d, d)));
      for (int attempt = 0; attempt < 40; ++attempt, t /= 2) {
        std::vector<double> next(x.size()), moved(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          next[i] = nonnegative_ ? std::max(0.0, x[i] + t * d[i]) : x[i] + t * d[i];
          moved[i] = next[i] - x[i];
        }
        unpack(next, parts);
        const double value = rows_.objective(parts);
        if (!(value < objective_ && value <= objective_ + 1e-4 * dot(gradient_, moved))) continue;
        std::vector<double> change = gradient_;
        rows_.gradient(parts, gradient_);
        for (std::size_t i = 0; i < change.size(); ++i) change[i] = gradient_[i] - change[i];
        const double curvature = dot(moved, change);
        if (curvature > 1e-12 * std::sqrt(dot(moved, moved) * dot(change, change))) {
          memory_.push_back({std::move(moved), std::move(change), curvature});
          if (memory_.size() > remembered) memory_.pop_front();
        }
        objective_ = value;
        return true;
      }
    }
    memory_.clear();
  }
  unpack(x, parts);
  return false;
}

double QuasiNewton::iterate(Parts& parts) {
  if (!std::isfinite(objective_)) {
    rows_.clear_unknown(parts);
    objective_ = rows_.objective(parts);
    rows_.gradient(parts, gradient_);
  }
  for (int k = 0; k < 5; ++k)
    if (!step(parts)) break;
  return objective_;
}

}  // namespace cartan::completion
