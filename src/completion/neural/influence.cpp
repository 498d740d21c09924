#include "cartan/completion/neural/influence.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "core/dispatch.hpp"

namespace cartan::completion {
namespace {

void check_rows(const Array& hidden, const Array& slope, std::size_t width) {
  require(hidden.ndim() == 2 && hidden.dim(1) == static_cast<Index>(width) &&
              slope.shape() == Shape({hidden.dim(0)}) && slope.dtype() == hidden.dtype(),
          "[CellInfluence] hidden ", hidden.dtype(), " of shape ", hidden.shape(), " and slope ",
          slope.dtype(), " of shape ", slope.shape(), "; expected (B, ", width, ") and (B) of one type");
}

}  // namespace

CellInfluence::CellInfluence(Index entries, Index hidden)
    : sum_(static_cast<std::size_t>(entries), 0.0),
      kept_(sum_),
      gradient_(static_cast<std::size_t>(hidden), 0.0) {}

void CellInfluence::start_epoch(std::int64_t epoch) {
  std::fill(gradient_.begin(), gradient_.end(), 0.0);
  epoch_ = epoch;
}

void CellInfluence::add_validation(const Array& hidden, const Array& slope) {
  check_rows(hidden, slope, gradient_.size());
  const auto width = static_cast<Index>(gradient_.size());
  dispatch_real("CellInfluence", hidden.dtype(), [&]<class T>(T) {
    const T *h = hidden.data<T>(), *e = slope.data<T>();
    // Columns are shared out, every one is summed in the order of the entries.
    parallel_for(width, 32, [&](Index begin, Index end) {
      for (Index n = 0; n < hidden.dim(0); ++n)
        for (Index i = begin; i < end; ++i)
          gradient_[static_cast<std::size_t>(i)] +=
              static_cast<double>(e[n]) * static_cast<double>(h[n * width + i]);
    });
  });
}

void CellInfluence::add(const std::vector<Index>& entries, const Array& hidden, const Array& slope) {
  check_rows(hidden, slope, gradient_.size());
  require(static_cast<Index>(entries.size()) == hidden.dim(0), "[CellInfluence] ", entries.size(),
          " entries and ", hidden.dim(0), " rows");
  const auto width = static_cast<Index>(gradient_.size());
  dispatch_real("CellInfluence", hidden.dtype(), [&]<class T>(T) {
    const T *h = hidden.data<T>(), *e = slope.data<T>();
    parallel_for(hidden.dim(0), 256, [&](Index begin, Index end) {
      for (Index n = begin; n < end; ++n) {
        double along = 0;
        for (Index i = 0; i < width; ++i)
          along += static_cast<double>(h[n * width + i]) * gradient_[static_cast<std::size_t>(i)];
        sum_[static_cast<std::size_t>(entries[static_cast<std::size_t>(n)])] +=
            static_cast<double>(e[n]) * along;
      }
    });
  });
}

void CellInfluence::keep() {
  kept_ = sum_;
}

std::size_t CellInfluence::bytes() const {
  return (sum_.capacity() + kept_.capacity() + gradient_.capacity()) * sizeof(double);
}

void CellInfluence::save(data::Group& group) const {
  group.attributes["epoch"] = epoch_;
  group.set("sum", Array::from(sum_), "", "entry");
  group.set("kept", Array::from(kept_), "", "entry");
  group.set("gradient", Array::from(gradient_), "", "hidden");
}

void CellInfluence::load(const data::Group& group) {
  const auto read = [&](const char* name, const std::vector<double>& like) {
    return group.array(name, DType::f64, {static_cast<Index>(like.size())}).to_vector<double>();
  };
  std::vector<double> sum = read("sum", sum_), kept = read("kept", kept_),
                      gradient = read("gradient", gradient_);
  epoch_ = group.integer("epoch");
  sum_ = std::move(sum);
  kept_ = std::move(kept);
  gradient_ = std::move(gradient);
}

std::vector<std::vector<double>> entity_importance(const SparseTensor& entries,
                                                   const std::vector<double>& influence) {
  require(static_cast<Index>(influence.size()) == entries.size() && !entries.empty(), "[entity_importance] ",
          influence.size(), " influences of ", entries.size(), " entries; expected one each, one at least");
  double largest = 0;
  for (const double v : influence) {
    require(std::isfinite(v), "[entity_importance] an influence is ", v, "; the training diverged");
    largest = std::max(largest, std::abs(v));
  }
  if (largest == 0) return even_importance(entries);
  std::vector<std::vector<double>> out;
  for (int k = 0; k < entries.order(); ++k) {
    std::vector<double> e(static_cast<std::size_t>(entries.shape()[static_cast<std::size_t>(k)]), 0.0);
    const Span<const std::int32_t> index = entries.index(k);
    double total = 0;
    for (Index n = 0; n < entries.size(); ++n) {
      const double share = std::abs(influence[static_cast<std::size_t>(n)]) / largest;
      e[static_cast<std::size_t>(index[n])] += share;
      total += share;
    }
    for (double& v : e) v /= total;
    out.push_back(std::move(e));
  }
  return out;
}

std::vector<std::vector<double>> even_importance(const SparseTensor& entries) {
  std::vector<std::vector<double>> out;
  for (int k = 0; k < entries.order(); ++k) {
    const std::vector<Index> counts = entries.counts(k);
    const auto present = std::count_if(counts.begin(), counts.end(), [](Index c) { return c > 0; });
    std::vector<double> e(counts.size(), 0.0);
    for (std::size_t j = 0; j < e.size(); ++j)
      if (counts[j] > 0) e[j] = 1 / static_cast<double>(present);
    out.push_back(std::move(e));
  }
  return out;
}

Array draw_entries(const std::vector<std::vector<double>>& importance, Index count, std::uint64_t seed) {
  const auto d = static_cast<Index>(importance.size());
  require(d >= 1 && count >= 0, "[draw_entries] ", count, " entries of ", d, " modes");
  Array out = Array::uninitialized({count, d}, DType::i64);
  Index* index = out.mutable_data<Index>();
  for (Index k = 0; k < d; ++k) {
    const std::vector<double>& p = importance[static_cast<std::size_t>(k)];
    std::vector<double> below(p.size());
    double total = 0;
    for (std::size_t j = 0; j < p.size(); ++j) {
      require(p[j] >= 0 && std::isfinite(p[j]), "[draw_entries] probability ", p[j], " of index ", j,
              " in mode ", k);
      below[j] = total += p[j];
    }
    require(total > 0, "[draw_entries] all probabilities of mode ", k, " are 0");
    const Random random(seed, static_cast<std::uint64_t>(k));
    for (Index n = 0; n < count; ++n) {
      const double at = random.uniform(static_cast<std::uint64_t>(n)) * total;
      // the first whose sum lies above: one of probability 0 is never drawn
      auto found = std::upper_bound(below.begin(), below.end(), at);
      if (found == below.end()) found = std::lower_bound(below.begin(), below.end(), total);
      index[n * d + k] = found - below.begin();
    }
  }
  return out;
}

}  // namespace cartan::completion
