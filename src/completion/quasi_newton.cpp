#include "completion/quasi_newton.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"
#include "completion/few_terms.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

namespace {
constexpr Index chunk = 64;    // entries that are taken together
constexpr int most_modes = 8;  // of those whose rows are in registers all at once

constexpr Index wide = 8;  // numbers in a vector

// Pieces of n entries that have a gradient of their own.
Index pieces_of(Index n) {
  return std::clamp<Index>(n / 2048, 1, 16);
}
}  // namespace

void RowAls::clear_unknown(Parts& parts) const {
  for (int k = 0; k < x_.order(); ++k) {
    const auto& begin = begin_[static_cast<std::size_t>(k)];
    for (Index i = 0; smooth(k) == 0 && i < parts.rows(k); ++i)
      if (begin[static_cast<std::size_t>(i)] == begin[static_cast<std::size_t>(i) + 1])
        std::fill_n(parts.row(k, i), parts.width[static_cast<std::size_t>(k)], 0.0);
  }
}

// The loss, and its derivative by all parts in one pass over the entries: a copy for each piece of them, of
// rows in whole registers.
double RowAls::gradient_of_few(const Parts& parts, std::vector<double>& g) const {
  const int d = x_.order();
  const Index n = x_.size(), p = parts.width[0], rows = static_cast<Index>(g.size()) / p,
              pieces = pieces_of(n), length = (n + pieces - 1) / pieces;
  const double* y = x_.values().data();
  const FewTerms terms(parts, columns_);
  std::vector<double> sums(static_cast<std::size_t>(pieces * rows * wide), 0.0),
      losses(static_cast<std::size_t>(pieces));
  parallel_for(n, length, [&](Index begin, Index end) {
    double* first[most_modes];
    first[0] = sums.data() + begin / length * rows * wide;
    for (int k = 1; k < d; ++k) first[k] = first[k - 1] + parts.rows(k - 1) * wide;
    double loss = 0, m[chunk], slope[chunk];
    FewTerms::V row[most_modes], before[most_modes + 1];
    before[0] = FewTerms::V{} + 1;
    for (Index from = begin; from < end; from += chunk) {
      const Index count = std::min(chunk, end - from);
      for (Index q = 0; q < count; ++q) m[q] = terms.value(from + q);
      loss += sum_of_losses(loss_, y + from, m, count);
      for (Index q = 0; q < count; ++q) slope[q] = loss_.slope(y[from + q], m[q]);
      for (Index q = 0; q < count; ++q) {
        for (int k = 0; k < d; ++k) row[k] = terms.row(k, from + q), before[k + 1] = before[k] * row[k];
        FewTerms::V behind = FewTerms::V{} + slope[q];
        for (int k = d; k-- > 0;) {
          double* to = first[k] + columns_[static_cast<std::size_t>(k)][from + q] * wide;
          store(to, load<FewTerms::V>(to) + before[k] * behind);
          behind *= row[k];
        }
      }
    }
    losses[static_cast<std::size_t>(begin / length)] = loss;
  });
  for (Index piece = 0; piece < pieces; ++piece)
    for (Index i = 0; i < rows; ++i)
      for (Index r = 0; r < p; ++r)
        g[static_cast<std::size_t>(i * p + r)] +=
            sums[static_cast<std::size_t>((piece * rows + i) * wide + r)];
  return deterministic_sum(losses.data(), pieces);
}

// The loss, and its derivative by one part after the other.
double RowAls::gradient_of_any(const Parts& parts, std::vector<double>& g) const {
  const Index n = x_.size();
  const Array values = parts.values(x_);
  const double *y = x_.values().data(), *m = values.data<double>();
  std::vector<double> slope(static_cast<std::size_t>(n));
  parallel_for(n, 16384, [&](Index b, Index e) {
    for (Index k = b; k < e; ++k) slope[static_cast<std::size_t>(k)] = loss_.slope(y[k], m[k]);
  });
  double* out = g.data();
  for (int k = 0; k < parts.count(); ++k) {
    const Index p = parts.width[static_cast<std::size_t>(k)], rows = parts.rows(k);
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
      const Index pieces = pieces_of(n), length = (n + pieces - 1) / pieces;
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
    out += parts.data[static_cast<std::size_t>(k)].size();
  }
  return loss_of(values);
}

double RowAls::gradient(const Parts& parts, std::vector<double>& g) const {
  std::size_t size = 0;
  for (const auto& a : parts.data) size += a.size();
  g.assign(size, 0.0);
  // a copy of the gradient for each piece of the entries, in whole vectors, is to be no larger than these
  const bool few = FewTerms::fits(parts) && x_.order() <= most_modes &&
                   pieces_of(x_.size()) * wide * static_cast<Index>(size) <= 2 * parts.width[0] * x_.size();
  const double loss = few ? gradient_of_few(parts, g) : gradient_of_any(parts, g);
  double* out = g.data();
  for (int k = 0; k < parts.count(); ++k) {
    const auto& a = parts.data[static_cast<std::size_t>(k)];
    const std::size_t p = static_cast<std::size_t>(parts.width[static_cast<std::size_t>(k)]);
    const double rough = smooth(k);
    for (std::size_t i = 0; i < a.size(); ++i) {
      out[i] += 2 * penalties_.ridge * a[i] + penalties_.lasso;
      if (rough > 0 && i >= p) {
        const double e = 2 * rough * (a[i] - a[i - p]);
        out[i] += e, out[i - p] -= e;
      }
    }
    out += a.size();
  }
  return loss + penalty(parts);
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
  std::vector<double> fresh;
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
          next[i] = nonnegative_ ? std::max(least_left_ * x[i], x[i] + t * d[i]) : x[i] + t * d[i];
          moved[i] = next[i] - x[i];
        }
        unpack(next, parts);
        const double value = rows_.gradient(parts, fresh);
        if (!(value < objective_ && value <= objective_ + 1e-4 * dot(gradient_, moved))) continue;
        std::vector<double> change(fresh.size());
        for (std::size_t i = 0; i < change.size(); ++i) change[i] = fresh[i] - gradient_[i];
        gradient_ = std::move(fresh);
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
    objective_ = rows_.gradient(parts, gradient_);
  }
  for (int k = 0; k < 5; ++k)
    if (!step(parts)) break;
  return objective_;
}

}  // namespace cartan::completion
