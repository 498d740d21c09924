#include "functional/chain.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/team.hpp"
#include "functional/chain_pass.hpp"
#include "functional/relay.hpp"

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
    while (same < k &&
           (kernels_[same].parameters() != kernel.parameters() || kernels_[same].text() != kernel.text()))
      ++same;
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

// Rows of a block: those of its tables that stay in a core's cache.
Index Chain::block_rows() const {
  constexpr Index room = 24576;  // numbers
  return std::clamp<Index>(room / Tables::numbers(1, states_, components()), 16, 512);
}

double Chain::forward(const double* precision, const double* shift) {
  if (size() == 0) return 0;
  const Index n = size(), rows = block_rows(), d = states_;
  start_.resize(static_cast<std::size_t>((n + rows - 1) / rows * (d + d * d)));
  return with_sizes(*this, uniform_, [&](auto sizes) {
    Pass<decltype(sizes)> pass(*this);
    std::vector<double> m(static_cast<std::size_t>(d), 0.0), p(m.size() * m.size(), 0.0);
    double* to = start_.data();
    double sum = 0;
    for (Index i = 0; i < n; i += rows, to += d + d * d) {
      pass.copy(m.data(), p.data(), to, to + d);
      pass.forward(i, std::min(n, i + rows), m.data(), p.data(), precision, shift, nullptr, sum);
    }
    return sum;
  });
}

void Chain::backward(const double* precision, const double* shift, double* mean, double* covariance,
                     double* gradient, bool keep) {
  const Index n = size(), d = states_, rows = keep ? n : block_rows();
  if (gradient) std::fill_n(gradient, parameters_, 0.0);
  if (n == 0) return;
  const Index blocks = (n + rows - 1) / rows, numbers = Tables::numbers(rows, d, components());
  // short chains are done before another thread has begun
  const int workers = blocks > 2 && team() > 1 && n * d * d >= 10000 ? 2 : 1;
  const Index tables = workers == 1 ? 1 : 4;
  std::vector<double> room(static_cast<std::size_t>(keep ? 0 : tables * numbers));
  if (keep) kept_.resize(static_cast<std::size_t>(numbers));
  std::vector<double> by_rest(static_cast<std::size_t>(block_), 0.0);
  with_sizes(*this, uniform_, [&](auto sizes) {
    struct Worker {
      Pass<decltype(sizes)> pass;
      std::vector<double> m, p, by_a;
    };
    std::vector<double> r(static_cast<std::size_t>(d), 0.0), big(r.size() * r.size(), 0.0);
    std::vector<Worker> worker(static_cast<std::size_t>(workers),
                               {Pass<decltype(sizes)>(*this), r, big,
                                std::vector<double>(gradient ? static_cast<std::size_t>(rows * block_) : 0)});
    const auto table = [&](Index block) {
      return Tables(keep ? kept_.data() : room.data() + block % tables * numbers, block * rows, rows, states_,
                    components());
    };
    const auto end = [&](Index block) { return std::min(n, (block + 1) * rows); };
    const auto again = [&](Index block, int who) {
      Worker& own = worker[static_cast<std::size_t>(who)];
      const double* from = start_.data() + block * (d + d * d);
      own.pass.copy(from, from + d, own.m.data(), own.p.data());
      double evidence = 0;
      const Tables t = table(block);
      own.pass.forward(block * rows, end(block), own.m.data(), own.p.data(), precision, shift, &t, evidence);
    };
    const auto recurse = [&](Index block, int who) {
      worker[static_cast<std::size_t>(who)].pass.recurse(block * rows, end(block), r.data(), big.data(),
                                                         precision, shift, table(block));
    };
    const auto finish = [&](Index block, int who) {
      Worker& own = worker[static_cast<std::size_t>(who)];
      own.pass.outputs(block * rows, end(block), table(block), mean, covariance,
                       gradient ? own.by_a.data() : nullptr, by_rest.data());
      if (gradient) add_gradient_by_steps(block * rows, end(block), own.by_a.data(), gradient);
    };
    if (workers == 1) {
      for (Index block = blocks - 1; block >= 0; --block)
        again(block, 0), recurse(block, 0), finish(block, 0);
    } else {
      Relay relay(blocks, tables, again, recurse, finish);
      parallel_for(2, 1, [&](Index task, Index) {
        if (task == 0) {
          relay.first();
        } else {
          relay.second();
        }
      });
    }
    return 0;
  });
  if (gradient) add_gradient_by_rest(by_rest.data(), gradient);
}

namespace {

// gradient[p] += the sum of slope times the derivative of a block of numbers by p.
void add_products(const double* slope, const std::vector<double>& by_parameters, std::size_t parameters,
                  double* gradient) {
  const std::size_t size = parameters ? by_parameters.size() / parameters : 0;
  for (std::size_t p = 0; p < parameters; ++p)
    for (std::size_t j = 0; j < size; ++j) gradient[p] += slope[j] * by_parameters[p * size + j];
}

}  // namespace

// From the derivatives by the blocks of A of coordinates [begin, end).
void Chain::add_gradient_by_steps(Index begin, Index end, const double* by, double* gradient) const {
  std::vector<double> a, da;
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    const auto d2 = static_cast<std::size_t>(kernels_[k].states() * kernels_[k].states()),
               np = kernels_[k].parameters().size();
    a.resize(d2), da.resize(np * d2);
    for (Index i = std::max<Index>(begin, 1); i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      kernels_[k].transition(coordinates_[at] - coordinates_[at - 1], a.data(), da.data());
      add_products(by + (i - begin) * block_ + place_[k], da, np, gradient);
    }
    gradient += np;
  }
}

// From the derivatives by the blocks of P at rest.
void Chain::add_gradient_by_rest(const double* by, double* gradient) const {
  std::vector<double> p, dp;
  for (std::size_t k = 0; k < kernels_.size(); ++k) {
    const auto d2 = static_cast<std::size_t>(kernels_[k].states() * kernels_[k].states()),
               np = kernels_[k].parameters().size();
    p.resize(d2), dp.resize(np * d2);
    kernels_[k].stationary(p.data(), dp.data());
    add_products(by + place_[k], dp, np, gradient);
    gradient += np;
  }
}

void Chain::at(double x, double* mean, double* covariance) const {
  const Index n = size();
  const auto d = static_cast<std::size_t>(states_), c = kernels_.size();
  require(n == 0 || !kept_.empty(), "[Chain] the smoother has not been run");
  Pass<Blocks> pass(*this);
  TablesOf<const double> t;
  if (n > 0) t = {kept_.data(), 0, n, states_, components()};
  const Index next = std::upper_bound(coordinates_.begin(), coordinates_.end(), x) - coordinates_.begin();
  std::vector<double> m(d, 0.0), p(d * d, 0.0), r(d, 0.0), big(d * d, 0.0),
      step(static_cast<std::size_t>(block_));
  const auto transition = [&](double lag) {
    for (std::size_t k = 0; k < c; ++k) kernels_[k].transition(lag, step.data() + place_[k]);
  };
  if (next > 0) {
    pass.copy(t.m_post(next - 1), t.p_post(next - 1), m.data(), p.data());
    const double lag = x - coordinates_[static_cast<std::size_t>(next - 1)];
    if (lag != 0) {
      transition(lag);
      pass.predict(step.data(), m.data(), p.data());
    }
  } else {
    pass.add_stationary(1, p.data());
  }
  if (next < n) {
    transition(coordinates_[static_cast<std::size_t>(next)] - x);
    pass.advance_transposed(step.data(), t.r(next), r.data());
    pass.congruence(step.data(), true, t.n(next), big.data());
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
