#include "functional/chain.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "functional/chain_pass.hpp"

namespace cartan::functional {
namespace {

// body(S{}) with the sizes of the chain, known to the compiler for components of one or two states each.
template <class Body>
auto with_sizes(const Chain& chain, int block, Body&& body) {
  if (block == 1) switch (chain.components()) {
      case 1:
        return body(Uniform<1, 1>(chain));
      case 2:
        return body(Uniform<1, 2>(chain));
      case 3:
        return body(Uniform<1, 3>(chain));
      case 4:
        return body(Uniform<1, 4>(chain));
      case 5:
        return body(Uniform<1, 5>(chain));
      case 6:
        return body(Uniform<1, 6>(chain));
      case 7:
        return body(Uniform<1, 7>(chain));
      case 8:
        return body(Uniform<1, 8>(chain));
      default:
        break;
    }
  if (block == 2) switch (chain.components()) {
      case 1:
        return body(Uniform<2, 1>(chain));
      case 2:
        return body(Uniform<2, 2>(chain));
      case 3:
        return body(Uniform<2, 3>(chain));
      case 4:
        return body(Uniform<2, 4>(chain));
      case 5:
        return body(Uniform<2, 5>(chain));
      default:
        break;
    }
  return body(Blocks(chain));
}

}  // namespace

Chain::Chain(std::vector<Kernel> components, std::vector<double> coordinates)
    : kernels_(std::move(components)), coordinates_(std::move(coordinates)) {
  require(!kernels_.empty(), "[Chain] no kernel");
  for (const Kernel& k : kernels_) {
    require(k.states() > 0, "[Chain] a component has no kernel");
    first_.push_back(states_), place_.push_back(block_);
    states_ += k.states(), block_ += k.states() * k.states();
    parameters_ += k.parameters().size();
    uniform_ = k.reads_first() && (first_.size() == 1 || k.states() == uniform_) ? k.states() : 0;
    fixed_observation_ = fixed_observation_ && k.reads_first();
  }
  for (std::size_t i = 0; i < coordinates_.size(); ++i)
    require(std::isfinite(coordinates_[i]) && (i == 0 || coordinates_[i - 1] < coordinates_[i]),
            "[Chain] coordinate ", i, " is ", coordinates_[i], "; expected rising finite numbers");
  find_transitions();
}

namespace {

// Tables that chains of this thread have given back.
using Tables = std::array<std::vector<double>, 5>;
std::vector<Tables>& reserve() {
  static thread_local std::vector<Tables> tables;
  return tables;
}
constexpr std::size_t largest_kept = std::size_t{1} << 21;  // numbers

}  // namespace

void Chain::take_tables() {
  const auto n = coordinates_.size(), d = static_cast<std::size_t>(states_), c = kernels_.size();
  if (m_prior_.empty() && !reserve().empty()) {
    Tables& t = reserve().back();
    m_prior_.swap(t[0]), p_prior_.swap(t[1]), m_post_.swap(t[2]), u_.swap(t[3]), v_.swap(t[4]);
    reserve().pop_back();
  }
  const auto grow = [](std::vector<double>& table, std::size_t size) {
    if (table.size() < size) table = std::vector<double>(size);  // what was there is of no use
  };
  grow(m_prior_, n * d), grow(m_post_, n * d), grow(p_prior_, n * d * d);
  grow(u_, n * c * c), grow(v_, n * c * d);
}

void Chain::release() {
  if (m_prior_.empty()) return;
  Tables t;
  t[0].swap(m_prior_), t[1].swap(p_prior_), t[2].swap(m_post_), t[3].swap(u_), t[4].swap(v_);
  if (t[1].size() <= largest_kept && reserve().size() < 4) reserve().push_back(std::move(t));
}

void Chain::set_kernels(std::vector<Kernel> kernels) {
  require(kernels.size() == kernels_.size(), "[Chain] ", kernels.size(), " kernels for ", kernels_.size());
  for (std::size_t k = 0; k < kernels.size(); ++k)
    require(kernels[k].states() == kernels_[k].states(), "[Chain] kernel ", k, " has ", kernels[k].states(),
            " states, before ", kernels_[k].states());
  kernels_ = std::move(kernels);
  find_transitions();
}

void Chain::find_transitions() {
  const Index n = size(), block = block_;
  transition_.assign(static_cast<std::size_t>(std::max<Index>(n, 1) * block), 0.0);
  stationary_.assign(static_cast<std::size_t>(block), 0.0);
  observation_.assign(static_cast<std::size_t>((fixed_observation_ ? 1 : n) * states_), 0.0);
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    const Kernel& kernel = kernels_[k];
    const auto at = static_cast<std::size_t>(place_[k]);
    kernel.stationary(stationary_.data() + at);
    std::size_t same = 0;  // an earlier component of the same transitions
    const auto numbers = [](const Kernel& x) { return std::make_pair(x.text(), x.parameters()); };
    while (same < k && numbers(kernels_[same]) != numbers(kernel)) ++same;
    if (same < k) {
      const auto d2 = kernel.states() * kernel.states();
      for (Index i = 1; i < n; ++i)
        std::copy_n(transition_.data() + i * block + place_[same], d2,
                    transition_.data() + i * block + place_[k]);
    } else {
      parallel_for(n, 1024, [&](Index begin, Index end) {
        for (Index i = std::max<Index>(begin, 1); i < end; ++i)
          kernel.transition(
              coordinates_[static_cast<std::size_t>(i)] - coordinates_[static_cast<std::size_t>(i - 1)],
              transition_.data() + i * block + place_[k]);
      });
    }
    for (Index i = 0; i < (fixed_observation_ ? 1 : n); ++i)
      kernel.observation(n ? coordinates_[static_cast<std::size_t>(i)] : 0,
                         observation_.data() + i * states_ + first_[k]);
  }
}

double Chain::forward(const double* precision, const double* shift) {
  if (size() == 0) return 0;
  take_tables();
  return with_sizes(*this, uniform_, [&](auto sizes) {
    Pass<decltype(sizes)> pass(*this);
    std::vector<double> m(static_cast<std::size_t>(states_), 0.0), p(m.size() * m.size(), 0.0);
    pass.add_stationary(1, p.data());
    return pass.forward(0, size(), m.data(), p.data(), precision, shift);
  });
}

void Chain::backward(const double* precision, const double* shift, double* mean, double* covariance,
                     double* gradient, bool keep) {
  const auto n = coordinates_.size(), d = static_cast<std::size_t>(states_);
  if (keep) r_.resize(n * d), n_.resize(n * d * d);
  if (gradient) std::fill_n(gradient, parameters_, 0.0);
  if (n == 0) return;
  std::vector<double> slopes;
  if (gradient) slopes.assign(transition_.size() + stationary_.size(), 0.0);
  with_sizes(*this, uniform_, [&](auto sizes) {
    Pass<decltype(sizes)> pass(*this);
    std::vector<double> r(d, 0.0), big(d * d, 0.0);
    pass.backward(0, size(), r.data(), big.data(), precision, shift, mean, covariance,
                  gradient ? &slopes : nullptr, keep);
    return 0;
  });
  if (!gradient) return;
  std::vector<double> a, da;
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    const auto d2 = static_cast<std::size_t>(kernels_[k].states() * kernels_[k].states()),
               np = kernels_[k].parameters().size();
    a.resize(d2), da.resize(np * d2);
    const auto add = [&](const double* by) {
      for (std::size_t p = 0; p < np; ++p)
        for (std::size_t j = 0; j < d2; ++j) gradient[p] += by[j] * da[p * d2 + j];
    };
    for (std::size_t i = 1; i < n; ++i) {
      kernels_[k].transition(coordinates_[i] - coordinates_[i - 1], a.data(), da.data());
      add(slopes.data() + i * static_cast<std::size_t>(block_) + place_[k]);
    }
    kernels_[k].stationary(a.data(), da.data());
    add(slopes.data() + transition_.size() + place_[k]);
    gradient += np;
  }
}

void Chain::at(double x, double* mean, double* covariance) const {
  const Index n = size();
  const auto d = static_cast<std::size_t>(states_), c = kernels_.size();
  require(n == 0 || !n_.empty(), "[Chain] the smoother has not been run");
  Chain& self = const_cast<Chain&>(*this);  // the pass writes into its own room alone here
  Pass<Blocks> pass(self);
  const Index next = std::lower_bound(coordinates_.begin(), coordinates_.end(), x) - coordinates_.begin();
  std::vector<double> m(d, 0.0), p(d * d, 0.0), r(d, 0.0), big(d * d, 0.0),
      step(static_cast<std::size_t>(block_));
  const auto transition = [&](double lag) {
    for (std::size_t k = 0; k < c; ++k) kernels_[k].transition(lag, step.data() + place_[k]);
  };
  const bool seen = next < n && coordinates_[static_cast<std::size_t>(next)] == x;
  if (seen) {
    const double* row = p_prior_.data() + next * states_ * states_;
    std::copy_n(m_prior_.data() + next * states_, d, m.data());
    std::copy_n(row, d * d, p.data());
  } else if (next > 0) {
    const Index i = next - 1;
    std::copy_n(m_post_.data() + i * states_, d, m.data());
    std::copy_n(p_prior_.data() + i * states_ * states_, d * d, p.data());
    const double* vt = v_.data() + i * static_cast<Index>(c) * states_;
    for (std::size_t k = 0; k < c; ++k)
      for (std::size_t i2 = 0; i2 < d; ++i2)
        for (std::size_t j = 0; j < d; ++j) p[i2 * d + j] -= vt[k * d + i2] * vt[k * d + j];
    transition(x - coordinates_[static_cast<std::size_t>(i)]);
    pass.predict(step.data(), m.data(), p.data());
  } else {
    pass.add_stationary(1, p.data());
  }
  if (next < n) {
    const double* rn = r_.data() + next * states_;
    const double* nn = n_.data() + next * states_ * states_;
    if (seen) {
      std::copy_n(rn, d, r.data());
      std::copy_n(nn, d * d, big.data());
    } else {
      transition(coordinates_[static_cast<std::size_t>(next)] - x);
      pass.advance_transposed(step.data(), rn, r.data());
      pass.congruence(step.data(), true, nn, big.data());
    }
  }
  std::vector<double> h(d, 0.0);
  for (std::size_t k = 0; k < c; ++k) kernels_[k].observation(x, h.data() + first_[k]);
  std::vector<double> hp(c * d, 0.0), hpn(c * d, 0.0);
  for (std::size_t k = 0; k < c; ++k)
    for (int e = first_[k]; e < first_[k] + kernels_[k].states(); ++e)
      for (std::size_t j = 0; j < d; ++j)
        hp[k * d + j] += h[static_cast<std::size_t>(e)] * p[static_cast<std::size_t>(e) * d + j];
  multiply(static_cast<int>(c), states_, states_, hp.data(), big.data(), hpn.data());
  for (std::size_t k = 0; k < c; ++k) {
    double sum = 0;
    for (int e = first_[k]; e < first_[k] + kernels_[k].states(); ++e)
      sum += h[static_cast<std::size_t>(e)] * m[static_cast<std::size_t>(e)];
    for (std::size_t j = 0; j < d; ++j) sum += hp[k * d + j] * r[j];
    mean[k] = sum;
    if (!covariance) continue;
    for (std::size_t l = 0; l <= k; ++l) {
      double v = 0;
      for (int e = first_[l]; e < first_[l] + kernels_[l].states(); ++e)
        v += hp[k * d + static_cast<std::size_t>(e)] * h[static_cast<std::size_t>(e)];
      for (std::size_t j = 0; j < d; ++j) v -= hpn[k * d + j] * hp[l * d + j];
      covariance[k * c + l] = covariance[l * c + k] = v;
    }
  }
}

}  // namespace cartan::functional
