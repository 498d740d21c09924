#include "functional/published.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "functional/special.hpp"

namespace cartan::functional {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

// FunBaT: y = vec(W)^T (u^1 x .. x u^K) + noise, W ~ N(0, 1), R functions of a mode with Matern kernels of nu
// = 1/2. For coordinate i of mode k, with z the Kronecker product of the other modes, the data enter by the
// sums of E[z z^T] and y E[z] over its observations alone, R^(2K-2) + R^(K-1) numbers; the core's own sums
// follow from those of one mode. The core's covariance is kept in all messages.
class Tucker {
 public:
  Tucker(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& o)
      : data_(data), o_(o), modes_(static_cast<int>(data.coordinates.size())), r_(o.rank) {
    q_ = 1;
    for (int k = 1; k < modes_; ++k) q_ *= r_;
    all_ = q_ * r_;
    place_.resize(static_cast<std::size_t>(modes_));
    std::vector<Index> digit(static_cast<std::size_t>(modes_));
    for (int k = 0; k < modes_; ++k) {
      place_[static_cast<std::size_t>(k)].resize(static_cast<std::size_t>(all_));
      for (Index f = 0; f < all_; ++f) {  // f in all modes is (digit of k, place p among the others)
        Index rest = f, p = 0;
        for (int j = modes_; j-- > 0;) digit[static_cast<std::size_t>(j)] = rest % r_, rest /= r_;
        for (int j = 0; j < modes_; ++j)
          if (j != k) p = p * r_ + digit[static_cast<std::size_t>(j)];
        place_[static_cast<std::size_t>(k)]
              [static_cast<std::size_t>(digit[static_cast<std::size_t>(k)] * q_ + p)] = f;
      }
    }
    for (int k = 0; k < modes_; ++k) {
      const auto& x = data.coordinates[static_cast<std::size_t>(k)];
      const bool category = modes[static_cast<std::size_t>(k)].kind == ModeKind::categorical;
      const Kernel kernel =
          category ? Kernel::independent(o.variance) : Kernel::matern(0.5, o.length, o.variance);
      chains_.emplace_back(std::vector<Kernel>(static_cast<std::size_t>(r_), kernel), x);
      const std::size_t n = x.size(), c = static_cast<std::size_t>(r_);
      std::vector<double> mean(n * c), cov(n * c * c, 0.0);
      const Random random(o.seed, static_cast<std::uint64_t>(k));
      for (std::size_t i = 0; i < mean.size(); ++i) {
        mean[i] = random.normal(i % c) + 0.1 * random.normal(i + c);
        cov[i * c + i % c] = 1;
      }
      mean_.push_back(std::move(mean)), cov_.push_back(std::move(cov));
      precision_.emplace_back(n * c * c, 0.0), shift_.emplace_back(n * c, 0.0);
      divergence_.push_back(0);
    }
    // observations by coordinate
    for (int k = 0; k < modes_; ++k) {
      std::vector<std::vector<std::int32_t>> list(static_cast<std::size_t>(data.entries->size(k)));
      for (Index e = 0; e < data.entries->size(); ++e)
        list[static_cast<std::size_t>(data.entries->index(k, e))].push_back(static_cast<std::int32_t>(e));
      entries_.push_back(std::move(list));
    }
    const Random random(o.seed, 999);
    w_ = Vector(all_);
    for (Index f = 0; f < all_; ++f) w_[f] = random.normal(static_cast<std::uint64_t>(f));
    w_cov_ = Matrix::Identity(all_, all_);
    w_precision_ = Matrix::Identity(all_, all_), w_shift_ = Vector::Zero(all_);
    for (const double y : data.entries->values()) squares_ += y * y;
    shape_ = 1 + 0.5 * static_cast<double>(data.entries->size()), rate_ = 1 + 0.5 * squares_;
  }

  double sweep(bool first) {
    const double keep = first ? 0 : o_.damping, tau = shape_ / rate_;
    const Matrix second = w_cov_ + w_ * w_.transpose();
    for (int k = 0; k < modes_; ++k) update(k, second, tau, keep);
    // the core, from the sums of the last mode and its new functions
    const int last = modes_ - 1;
    Matrix sum = Matrix::Zero(all_, all_);
    Vector right = Vector::Zero(all_);
    const auto& place = place_[static_cast<std::size_t>(last)];
    for (Index i = 0; i < data_.entries->size(last); ++i) {
      const double *m = mean_.back().data() + i * r_, *v = cov_.back().data() + i * r_ * r_;
      const double *z2 = z2_.data() + i * q_ * q_, *z1 = z1_.data() + i * q_;
      for (Index a = 0; a < r_; ++a)
        for (Index p = 0; p < q_; ++p) {
          const Index row = place[static_cast<std::size_t>(a * q_ + p)];
          right[row] += m[a] * z1[p];
          for (Index b = 0; b < r_; ++b) {
            const double s = v[a * r_ + b] + m[a] * m[b];
            for (Index q = 0; q < q_; ++q)
              sum(row, place[static_cast<std::size_t>(b * q_ + q)]) += s * z2[p * q_ + q];
          }
        }
    }
    w_precision_ = keep * w_precision_ + (1 - keep) * tau * sum;
    w_shift_ = keep * w_shift_ + (1 - keep) * tau * right;
    const Eigen::LLT<Eigen::MatrixXd> llt(Matrix::Identity(all_, all_) + w_precision_);
    w_cov_ = llt.solve(Eigen::MatrixXd::Identity(all_, all_));
    w_ = llt.solve(w_shift_);
    const double quadratic =
        std::max(0.0, squares_ - 2 * w_.dot(right) + (w_cov_ + w_ * w_.transpose()).cwiseProduct(sum).sum());
    const double n = static_cast<double>(data_.entries->size()), keep_noise = first ? 0 : o_.noise_damping;
    shape_ = 1 + 0.5 * n;
    rate_ = keep_noise * rate_ + (1 - keep_noise) * (1 + 0.5 * quadratic);
    double log_det = 0;
    for (Index f = 0; f < all_; ++f) log_det -= 2 * std::log(llt.matrixLLT()(f, f));
    double elbo = 0.5 * n * (digamma(shape_) - std::log(rate_) - std::log(2 * M_PI)) -
                  0.5 * shape_ / rate_ * quadratic - gamma_divergence(shape_, rate_, 1, 1) -
                  0.5 * (w_cov_.trace() + w_.squaredNorm() - log_det - static_cast<double>(all_));
    for (const double d : divergence_) elbo -= d;
    return elbo;
  }

  std::vector<LatentFunctions> functions() const {
    std::vector<LatentFunctions> out;
    for (std::size_t k = 0; k < chains_.size(); ++k) {
      const Index n = chains_[k].size();
      out.emplace_back(chains_[k].kernels(), Array::from(chains_[k].coordinates()),
                       Array::from(precision_[k], {n, r_, r_}), Array::from(shift_[k], {n, r_}));
    }
    return out;
  }
  Array core() const {
    return Array::from(std::vector<double>(w_.data(), w_.data() + all_),
                       Shape(static_cast<std::size_t>(modes_), r_));
  }
  Array core_covariance() const {
    return Array::from(std::vector<double>(w_cov_.data(), w_cov_.data() + all_ * all_), {all_, all_});
  }
  double shape() const { return shape_; }
  double rate() const { return rate_; }

 private:
  void update(int k, const Matrix& second, double tau, double keep) {
    const auto at = static_cast<std::size_t>(k);
    const Index n = data_.entries->size(k);
    const auto& place = place_[at];
    z1_.assign(static_cast<std::size_t>(n * q_), 0.0), z2_.assign(static_cast<std::size_t>(n * q_ * q_), 0.0);
    // E[W_ap W_bq] as (a, b; p, q), once a sweep and mode
    std::vector<double> core(static_cast<std::size_t>(r_ * r_ * q_ * q_));
    for (Index a = 0; a < r_; ++a)
      for (Index b = 0; b < r_; ++b)
        for (Index p = 0; p < q_; ++p)
          for (Index q = 0; q < q_; ++q)
            core[static_cast<std::size_t>(((a * r_ + b) * q_ + p) * q_ + q)] = second(
                place[static_cast<std::size_t>(a * q_ + p)], place[static_cast<std::size_t>(b * q_ + q)]);
    parallel_for(n, 16, [&](Index begin, Index end) {
      std::vector<double> one(static_cast<std::size_t>(q_)), two(static_cast<std::size_t>(q_ * q_)), next1,
          next2;
      for (Index i = begin; i < end; ++i) {
        double *z1 = z1_.data() + i * q_, *z2 = z2_.data() + i * q_ * q_;
        for (const std::int32_t e : entries_[at][static_cast<std::size_t>(i)]) {
          one.assign(1, 1.0), two.assign(1, 1.0);
          Index size = 1;
          for (int j = 0; j < modes_; ++j) {
            if (j == k) continue;
            const Index c = data_.entries->index(j, e);
            const double *m = mean_[static_cast<std::size_t>(j)].data() + c * r_,
                         *v = cov_[static_cast<std::size_t>(j)].data() + c * r_ * r_;
            const Index wide = size * r_;
            next1.resize(static_cast<std::size_t>(wide)), next2.resize(static_cast<std::size_t>(wide * wide));
            for (Index p = 0; p < size; ++p)
              for (Index a = 0; a < r_; ++a) {
                next1[static_cast<std::size_t>(p * r_ + a)] = one[static_cast<std::size_t>(p)] * m[a];
                for (Index q = 0; q < size; ++q)
                  for (Index b = 0; b < r_; ++b)
                    next2[static_cast<std::size_t>((p * r_ + a) * wide + q * r_ + b)] =
                        two[static_cast<std::size_t>(p * size + q)] * (v[a * r_ + b] + m[a] * m[b]);
              }
            one.swap(next1), two.swap(next2);
            size = wide;
          }
          const double y = data_.entries->values()[static_cast<std::size_t>(e)];
          for (Index p = 0; p < q_; ++p) z1[p] += y * one[static_cast<std::size_t>(p)];
          for (Index p = 0; p < q_ * q_; ++p) z2[p] += two[static_cast<std::size_t>(p)];
        }
        double *w = precision_[at].data() + i * r_ * r_, *s = shift_[at].data() + i * r_;
        for (Index a = 0; a < r_; ++a) {
          double x = 0;
          for (Index p = 0; p < q_; ++p) x += w_[place[static_cast<std::size_t>(a * q_ + p)]] * z1[p];
          s[a] = keep * s[a] + (1 - keep) * tau * x;
          for (Index b = 0; b <= a; ++b) {
            const double* c = core.data() + (a * r_ + b) * q_ * q_;
            double y = 0;
            for (Index p = 0; p < q_ * q_; ++p) y += c[p] * z2[p];
            w[a * r_ + b] = keep * w[a * r_ + b] + (1 - keep) * tau * y;
            w[b * r_ + a] = w[a * r_ + b];
          }
        }
      }
    });
    Chain& chain = chains_[at];
    const double *w = precision_[at].data(), *s = shift_[at].data();
    const double evidence = chain.forward(w, s);
    chain.backward(w, s, mean_[at].data(), cov_[at].data(), nullptr);
    double expected = 0;
    for (Index i = 0; i < n; ++i) {
      const double *m = mean_[at].data() + i * r_, *v = cov_[at].data() + i * r_ * r_;
      for (Index a = 0; a < r_; ++a) {
        expected += s[i * r_ + a] * m[a];
        for (Index b = 0; b < r_; ++b)
          expected -= 0.5 * w[(i * r_ + a) * r_ + b] * (v[a * r_ + b] + m[a] * m[b]);
      }
    }
    divergence_[at] = expected - evidence;
  }

  const Prepared& data_;
  const FitOptions& o_;
  int modes_;
  Index r_, q_ = 1, all_ = 1;
  std::vector<std::vector<Index>> place_;
  std::vector<std::vector<std::vector<std::int32_t>>> entries_;
  std::vector<Chain> chains_;
  std::vector<std::vector<double>> mean_, cov_, precision_, shift_;
  std::vector<double> divergence_, z1_, z2_;
  Vector w_, w_shift_;
  Matrix w_cov_, w_precision_;
  double squares_ = 0, shape_ = 1, rate_ = 1;
};

}  // namespace

Fit published_tucker(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& o,
                     std::vector<std::string> outputs, Targets targets) {
  require(outputs.size() == 1, "[fit] funbat is for one output, not ", outputs.size());
  require(o.rank >= 1 && std::pow(static_cast<double>(o.rank), static_cast<double>(modes.size())) <= 1024,
          "[fit] a core of rank ", o.rank, " in ", modes.size(),
          " modes; at least 1 and at most 1024 numbers");
  Tucker t(data, modes, o);
  Fit out;
  for (int e = 0; e < o.epochs && !(o.stop && *o.stop); ++e) {
    out.elbo.push_back(t.sweep(e == 0));
    ++out.sweeps;
    if (o.progress) o.progress({e + 1, o.epochs, text("bound ", out.elbo.back())});
  }
  out.converged = true;
  out.model = Builder::with_core(modes, std::move(outputs), std::move(targets), t.core(), t.core_covariance(),
                                 t.functions(), t.shape(), t.rate());
  return out;
}

}  // namespace cartan::functional
