// The loop around alternating least squares and its kin: starts, validation, when to stop.
#include "cartan/completion/low_rank.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "completion/canonical_descent.hpp"
#include "completion/low_rank.hpp"
#include "completion/quasi_newton.hpp"
#include "completion/row_als.hpp"
#include "completion/starts.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {

const char* name_of(Loss loss) {
  constexpr const char* names[] = {"gaussian", "huber", "poisson", "bernoulli", "beta"};
  return names[static_cast<int>(loss)];
}

void describe(config::Fields& f, LowRankOptions& o) {
  f("ranks", o.ranks, "CP: terms; Tucker, train, ring: one rank for all, or each").from(1).to(4096);
  f("loss", o.loss,
    {{"gaussian", Loss::gaussian},
     {"huber", Loss::huber},
     {"poisson", Loss::poisson},
     {"bernoulli", Loss::bernoulli},
     {"beta", Loss::beta}},
    "what an entry costs");
  f("delta", o.delta, "where huber becomes linear, in root mean squares of the values").above(0);
  f("beta", o.beta, "of the beta divergence: 2 squares, 1 Poisson, 0 gamma").from(-4).to(6);
  f("solver", o.solver,
    {{"als", Solver::als}, {"ccd", Solver::ccd}, {"sgd", Solver::sgd}, {"lbfgs", Solver::lbfgs}},
    "rows exactly, terms in turn, entries in turn, or all at once");
  f("ridge", o.ridge, "weight of the squares of all parts, for values of root mean square 1").from(0);
  f("lasso", o.lasso, "weight of the sizes of all parts").from(0);
  f("smooth", o.smooth, "weight of squared differences of neighbouring rows: of all modes, or each").from(0);
  f("nonnegative", o.nonnegative, "no part is negative");
  f("multiplicative", o.multiplicative, "non-negative parts by multiplicative updates");
  f("prune", o.prune, "CP: learns a weight for each term and takes out those not needed");
  f("max_iterations", o.max_iterations, "at most").from(1);
  f("tolerance", o.tolerance, "converged when the objective falls by less, relative to it").from(0);
  f("patience", o.patience, "iterations without a better validation error before the end").from(1);
  f("restarts", o.restarts, "random starts, of which the best is kept").from(1).to(1000);
  f("seed", o.seed, "of the random starts");
  f("scouts", o.scouts,
    "starts of ten sweeps, of which the best goes on; 1: one as it is drawn; 0: ten where little is known, "
    "of a CP with most entries one from a compressed tensor, else one")
      .from(0)
      .to(1000)
      .added_later();
  f("engine", o.engine,
    {{"automatic", Engine::automatic}, {"entries", Engine::entries}, {"dense", Engine::dense}},
    "least squares entry by entry, or by dense products corrected for what is missing")
      .added_later();
}

void check_values(const char* caller, const SparseTensor& x, const LossFunction& loss, bool multiplicative) {
  if (!multiplicative && (loss.kind == Loss::gaussian || loss.kind == Loss::huber)) return;
  const Columns c = columns_of(x);
  const auto fail = [&](Index n, const char* what) {
    std::vector<Index> at;
    for (const auto* column : c) at.push_back(column[n]);
    require(false, "[", caller, "] the value of entry ", at, " is ", x.values()[n], "; ", what);
  };
  for (Index n = 0; n < x.size(); ++n) {
    const double y = x.values()[n];
    if (loss.kind == Loss::poisson && (y < 0 || y != std::floor(y)))
      fail(n, "the Poisson loss needs counts, whole and not negative");
    if (loss.kind == Loss::bernoulli && y != 0 && y != 1) fail(n, "the Bernoulli loss needs 0 or 1");
    if (loss.kind == Loss::beta && (y < 0 || (y == 0 && loss.beta < 1)))
      fail(n, loss.beta < 1 ? "a beta divergence below 1 needs positive values"
                            : "the beta divergence needs values that are not negative");
    if (multiplicative && y < 0) fail(n, "multiplicative updates need values that are not negative");
  }
}

namespace {

Array as_mean(const LossFunction& loss, Array m) {
  if (loss.kind != Loss::bernoulli) return m;
  for (double *p = m.mutable_data<double>(), *end = p + m.size(); p != end; ++p) *p = 1 / (1 + std::exp(-*p));
  return m;
}

// Learns the ridge of every column of a canonical format and the noise (Tan, Fevotte, IEEE TPAMI 35, 2013, in
// its l2 form): minimises E = square / noise + N log noise + sum_r (q_r + b) / l_r + M log l_r over all of
// them.
class Pruning {
 public:
  Pruning(const SparseTensor& x, Index rank) : noise_(0.1), scale_(static_cast<std::size_t>(rank), 1.0) {
    for (int k = 0; k < x.order(); ++k)
      for (const Index c : x.counts(k)) rows_ += c > 0 ? 1 : 0;
    rows_ += 2;
    entries_ = static_cast<double>(x.size());
  }
  void columns(Penalties& p) const {
    p.column.resize(scale_.size());
    for (std::size_t r = 0; r < scale_.size(); ++r) p.column[r] = noise_ / scale_[r];
  }
  /// @param square  sum of squared residuals; returns E
  double update(const Parts& parts, double square) {
    noise_ = std::max(square / entries_, 1e-12);
    double e = entries_ + entries_ * std::log(noise_);
    for (std::size_t r = 0; r < scale_.size(); ++r) {
      const double q = column_square(parts, r) + prior_ * rows_;
      scale_[r] = q / rows_;
      e += rows_ + rows_ * std::log(scale_[r]);
    }
    return e;
  }
  static double column_square(const Parts& parts, std::size_t r) {
    double q = 0;
    for (const auto& a : parts.data)
      for (std::size_t i = r; i < a.size(); i += static_cast<std::size_t>(parts.width[0])) q += a[i] * a[i];
    return q;
  }
  /// Terms that explain no more than noise would, given as many numbers (four times its square for each), go.
  void cut(Parts& parts, const SparseTensor& x) const {
    const Columns c = columns_of(x);
    for (std::size_t r = 0; r < scale_.size(); ++r) {
      double explained = 0;
      for (Index n = 0; n < x.size(); ++n) {
        double term = 1;
        for (int k = 0; k < x.order(); ++k) term *= parts.row(k, parts.row_of(k, c, n))[r];
        explained += term * term;
      }
      if (explained > 4 * noise_ * rows_) continue;
      for (auto& a : parts.data)
        for (std::size_t i = r; i < a.size(); i += scale_.size()) a[i] = 0;
    }
  }

 private:
  static constexpr double prior_ = 1e-3;
  double noise_, rows_ = 0, entries_ = 0;
  std::vector<double> scale_;  // variance of the numbers of a column
};

// A sweep that went from `before` to `parts` goes on in its direction where that pays (line search of ALS:
// Rajih, Comon, Harshman, SIAM J. Matrix Anal. Appl. 30, 2008): fewer sweeps through flat valleys. The
// objective of what is kept, which is not above that of `parts`.
double reach_further(const RowAls& als, const std::vector<std::vector<double>>& before, Parts& parts,
                     double objective, bool nonnegative, double& reach) {
  std::vector<std::vector<double>> swept = parts.data;
  for (std::size_t k = 0; k < swept.size(); ++k)
    for (std::size_t i = 0; i < swept[k].size(); ++i) {
      const double v = swept[k][i] + reach * (swept[k][i] - before[k][i]);
      parts.data[k][i] = nonnegative ? std::max(v, 0.0) : v;
    }
  const double further = als.objective(parts);
  if (further < objective) {
    reach = std::min(2 * reach, 50.0);
    return further;
  }
  parts.data = std::move(swept);
  reach = std::max(reach / 4, 0.25);
  return objective;
}

// How least squares go through the entries.
Plan plan_of(const char* caller, const SparseTensor& x, const Parts& parts, const LowRankOptions& o) {
  const bool squares = o.loss == Loss::gaussian && o.solver == Solver::als && !o.multiplicative;
  require(squares || o.engine != Engine::dense, "[", caller,
          "] the dense engine needs the gaussian loss and the solver als without multiplicative updates");
  // of a wide core conjugate gradients take no account of bounds and of the lasso
  const bool wide = dynamic_cast<const TuckerParts*>(&parts) &&
                    parts.width.back() > MostlyKnown::widest_row && (o.nonnegative || o.lasso > 0);
  require(!wide || o.engine != Engine::dense, "[", caller, "] the dense engine takes a core of at most ",
          MostlyKnown::widest_row, " numbers with a lasso or non-negative parts, not ", parts.width.back(),
          "; use the engine entries, or smaller ranks");
  Plan plan;
  plan.engine = "entries";
  if (!squares || wide || o.engine == Engine::entries) return plan;
  return MostlyKnown::plan(x, parts, o.engine == Engine::dense ? "dense" : "");
}

}  // namespace

Completed complete(const char* caller, const SparseTensor& train, const SparseTensor& validation,
                   const LowRankOptions& options, const FitContext& context, const Parts& prototype) {
  const auto begin = std::chrono::steady_clock::now();
  LowRankOptions o = options;
  if (context.seed) o.seed = context.seed;
  const LossFunction loss{o.loss, o.delta, o.loss == Loss::beta ? o.beta : 2};
  const bool newton = o.solver == Solver::lbfgs;
  require(o.loss == Loss::gaussian || o.solver == Solver::als || newton, "[", caller,
          "] the solvers ccd and sgd need the gaussian loss, not ", name_of(o.loss), "; use als or lbfgs");
  require(o.loss != Loss::beta || o.beta == 1 || o.beta == 2 || o.ridge == 0 || newton, "[", caller,
          "] a beta divergence of beta ", o.beta, " has no update with a ridge (", o.ridge,
          "); set ridge to 0, or the solver to lbfgs");
  require(!newton || o.lasso == 0 || o.nonnegative || loss.positive(), "[", caller, "] lbfgs takes a lasso (",
          o.lasso, ") of non-negative parts alone; use als, or nonnegative");
  require(!newton || !o.multiplicative, "[", caller, "] multiplicative updates need the solver als");
  require(o.smooth.empty() || o.smooth.size() == 1 || o.smooth.size() == train.shape().size(), "[", caller,
          "] ", o.smooth.size(), " weights of smoothness for ", train.order(), " modes; give one or each");
  const bool multiplicative = (loss.positive() && !newton) || o.multiplicative;
  require(o.smooth.empty() || (!multiplicative && (o.solver == Solver::als || newton)), "[", caller,
          "] smoothness needs the solver als without multiplicative updates, or lbfgs");
  require(!o.prune || (o.solver == Solver::als && o.loss == Loss::gaussian && !o.multiplicative), "[", caller,
          "] pruning needs the gaussian loss and the solver als without multiplicative updates");
  require(!(o.multiplicative && o.loss != Loss::gaussian && !loss.positive()), "[", caller,
          "] multiplicative updates need the gaussian, poisson or beta loss, not ", name_of(o.loss));
  check_fit(caller, train, validation);
  check_values(caller, train, loss, o.multiplicative);

  Completed out;
  const double whole = square_of(train), rms = std::sqrt(whole / static_cast<double>(train.size()));
  out.scale = o.loss == Loss::bernoulli || rms == 0 ? 1 : rms;
  const Plan plan = plan_of(caller, train, prototype, o);
  SparseTensor x = train;
  std::unique_ptr<MostlyKnown> dense;
  Index missing = 0;
  if (plan.engine == "dense") {
    dense = std::make_unique<MostlyKnown>(train, whole, out.scale);
    missing = dense->missing();
  } else {
    std::vector<double> y(train.values().begin(), train.values().end());
    for (double& v : y) v /= out.scale;
    x = train.with_values(std::move(y));
  }
  Penalties penalties;
  penalties.ridge = o.ridge, penalties.lasso = o.lasso;
  penalties.smooth = o.smooth.size() == 1 ? std::vector<double>(train.shape().size(), o.smooth[0]) : o.smooth;
  penalties.nonnegative = o.nonnegative || multiplicative || loss.positive(),
  penalties.multiplicative = multiplicative;
  const bool by_products = dense != nullptr;
  RowAls als(x, loss, penalties, std::move(dense));
  const auto predicted = [&](const Parts& p, const SparseTensor& at) {
    Array m = p.values(at);
    for (double *v = m.mutable_data<double>(), *end = v + m.size(); v != end; ++v) *v *= out.scale;
    return as_mean(loss, m);
  };

  // of multiplicative updates a number that reaches 0 stays there
  const bool reaches = o.solver == Solver::als && !o.prune && !multiplicative;
  const bool balances = o.ridge > 0 && o.lasso == 0 && o.smooth.empty();
  double best_score = INFINITY;
  for (int start = 0; start < o.restarts; ++start) {
    std::unique_ptr<Parts> parts = prototype.clone(), kept;
    penalties.column.clear();  // those learned by the start before
    completion::start(*parts, als, o, start, train, validation, penalties.nonnegative, context.stop);
    std::unique_ptr<CanonicalDescent> descent;
    std::unique_ptr<QuasiNewton> all;
    if (newton)
      all = std::make_unique<QuasiNewton>(als, penalties.nonnegative, loss.unbounded());
    else if (o.solver != Solver::als)
      descent =
          std::make_unique<CanonicalDescent>(x, penalties, o.solver, o.seed + static_cast<unsigned>(start));
    std::unique_ptr<Pruning> pruning;
    if (o.prune) pruning = std::make_unique<Pruning>(x, parts->width[0]);
    Summary s;
    s.converged = false;
    double least = INFINITY, last = INFINITY, fall = INFINITY, reach = 1;
    int since = 0;
    for (int k = 0; k < o.max_iterations && !s.converged; ++k) {
      stop_if_set(context.stop);
      double objective;
      if (pruning) {
        pruning->columns(penalties);
        als.sweep(*parts);
        objective = pruning->update(*parts, als.loss(*parts));
      } else if (all) {
        objective = all->iterate(*parts);
      } else if (descent) {
        objective = descent->sweep(static_cast<CanonicalParts&>(*parts));
      } else {
        const bool far = reaches && k >= 2;
        std::vector<std::vector<double>> before;
        if (far) before = parts->data;
        als.sweep(*parts);
        if (balances) als.balance(*parts);
        objective = als.objective(*parts);
        // where a sweep gains less than a tenth of what the iteration before it did, further reach and all,
        // the end is near without help
        if (far && last - objective > 0.1 * fall)
          objective = reach_further(als, before, *parts, objective, penalties.nonnegative, reach);
      }
      s.objective.push_back(objective);
      ++s.iterations;
      require(std::isfinite(objective), "[", caller, "] the objective is ", objective, " after iteration ",
              s.iterations, "; a larger ridge helps");
      s.converged = std::isfinite(last) && last - objective <= o.tolerance * std::abs(objective);
      fall = last - objective, last = objective;
      if (!validation.empty()) {
        const double v = rmse_of(validation, predicted(*parts, validation));
        s.validation_rmse.push_back(v);
        if (v < least) {
          least = v, since = 0, kept = parts->clone();
        } else if (++since >= o.patience) {
          s.converged = true;
          s.message = text("no better validation error in ", since, " iterations");
        }
      }
      if (context.progress)
        context.progress({k + 1, o.max_iterations,
                          validation.empty() ? text("objective ", objective)
                                             : text("validation RMSE ", s.validation_rmse.back())});
    }
    if (kept) parts = std::move(kept);
    for (auto& a : parts->data)  // what a ridge has brought to nothing: its squares vanish
      for (double& v : a) v = std::abs(v) < 1e-100 ? 0 : v;
    if (pruning) pruning->cut(*parts, x);
    const double score = validation.empty() ? last : least;
    if (start > 0 && !(score < best_score)) continue;
    best_score = score;
    if (s.message.empty())
      s.message = text(s.iterations, " iterations, ", s.converged ? "converged" : "not converged");
    out.summary = std::move(s), out.parts = std::move(parts);
  }
  out.summary.method = o.solver == Solver::ccd   ? "ccd"
                       : o.solver == Solver::sgd ? "sgd"
                       : newton                  ? "lbfgs"
                                                 : "als";
  out.summary.message +=
      by_products ? text(", engine dense, ", missing, " missing entries") : ", engine entries";
  const double error = by_products
                           ? out.scale * std::sqrt(als.loss(*out.parts) / static_cast<double>(train.size()))
                           : rmse_of(train, predicted(*out.parts, train));
  out.summary.train_rmse = {error};
  out.summary.relative_error = whole > 0 ? error * std::sqrt(static_cast<double>(train.size()) / whole) : 0;
  out.summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

namespace {

Array array_of(const std::vector<double>& a, Shape shape, double by = 1) {
  Array out = Array::from(a, std::move(shape));
  if (by != 1)
    for (double *p = out.mutable_data<double>(), *end = p + out.size(); p != end; ++p) *p *= by;
  return out;
}

// Cores (r, n, q) of rows (n, r, q), the first one times `scale`.
template <class Chain>
std::vector<Array> cores_of(const Chain& parts, double scale) {
  std::vector<Array> cores;
  for (int k = 0; k < parts.order(); ++k) {
    const Index n = parts.rows(k), r = parts.bond(k), q = parts.bond(k + 1);
    Array core = Array::uninitialized({r, n, q}, DType::f64);
    double* to = core.mutable_data<double>();
    for (Index a = 0; a < r; ++a)
      for (Index i = 0; i < n; ++i)
        for (Index b = 0; b < q; ++b) *to++ = parts.row(k, i)[a * q + b] * (k == 0 ? scale : 1);
    cores.push_back(core);
  }
  return cores;
}

}  // namespace

Fitted<linalg::Canonical> complete_canonical(const SparseTensor& train, const SparseTensor& validation,
                                             const LowRankOptions& o, const FitContext& context) {
  config::validate("complete_canonical", o);
  require(o.ranks.size() == 1, "[complete_canonical] ", o.ranks.size(), " ranks; CP has one");
  require(train.order() >= 1, "[complete_canonical] there is no entry to train on");
  Completed made = complete("complete_canonical", train, validation, o, context,
                            CanonicalParts(train.shape(), o.ranks[0]));
  linalg::Canonical x;
  x.weights = Array::full({o.ranks[0]}, made.scale, DType::f64);
  for (int k = 0; k < train.order(); ++k)
    x.factors.push_back(
        array_of(made.parts->data[static_cast<std::size_t>(k)], {made.parts->rows(k), o.ranks[0]}));
  x = normalized(x);
  Index rank = x.rank();
  while (o.prune && rank > 1 && x.weights(rank - 1) == 0) --rank;
  if (rank < x.rank()) {
    x.weights = x.weights.rows(0, rank);
    for (Array& a : x.factors) {
      std::vector<double> kept;
      for (Index i = 0; i < a.dim(0); ++i)
        kept.insert(kept.end(), a.data<double>() + i * a.dim(1), a.data<double>() + i * a.dim(1) + rank);
      a = Array::from(kept, {a.dim(0), rank});
    }
  }
  made.summary.ranks = {rank};
  return {std::move(x), std::move(made.summary)};
}

Fitted<linalg::Tucker> complete_tucker(const SparseTensor& train, const SparseTensor& validation,
                                       const LowRankOptions& o, const FitContext& context) {
  config::validate("complete_tucker", o);
  require((o.solver == Solver::als || o.solver == Solver::lbfgs) && !o.prune,
          "[complete_tucker] Tucker has the solvers als and lbfgs, without pruning");
  require(train.order() >= 1, "[complete_tucker] there is no entry to train on");
  std::vector<Index> ranks(o.ranks.begin(), o.ranks.end());
  if (ranks.size() == 1) ranks.assign(train.shape().size(), ranks[0]);
  require(ranks.size() == train.shape().size(), "[complete_tucker] ", ranks.size(), " ranks for ",
          train.order(), " modes; give one or each");
  double size = 1;
  for (std::size_t k = 0; k < ranks.size(); ++k) {
    ranks[k] = std::min(ranks[k], train.shape()[k]);
    size *= static_cast<double>(ranks[k]);
  }
  require(size <= 1e6, "[complete_tucker] ranks ", ranks, " make a core of ", size, " numbers; at most 1e6");
  Completed made =
      complete("complete_tucker", train, validation, o, context, TuckerParts(train.shape(), ranks));
  linalg::Tucker x;
  for (int k = 0; k < train.order(); ++k)
    x.factors.push_back(array_of(made.parts->data[static_cast<std::size_t>(k)],
                                 {made.parts->rows(k), ranks[static_cast<std::size_t>(k)]}));
  x.core = array_of(made.parts->data.back(), ranks, made.scale);
  made.summary.ranks = ranks;
  return {std::move(x), std::move(made.summary)};
}

Fitted<linalg::TensorTrain> complete_train(const SparseTensor& train, const SparseTensor& validation,
                                           const LowRankOptions& o, const FitContext& context) {
  config::validate("complete_train", o);
  require((o.solver == Solver::als || o.solver == Solver::lbfgs) && !o.prune,
          "[complete_train] tensor trains have the solvers als and lbfgs, without pruning");
  require(train.order() >= 2, "[complete_train] a tensor train needs two modes");
  const std::size_t d = train.shape().size();
  std::vector<Index> bonds(o.ranks.begin(), o.ranks.end());
  if (bonds.size() == 1) bonds.assign(d - 1, bonds[0]);
  require(bonds.size() == d - 1, "[complete_train] ", bonds.size(), " ranks for ", d - 1,
          " bonds; give one or each");
  double left = 1, right = 1;
  for (std::size_t k = 0; k + 1 < d; ++k) {  // no bond is wider than what lies on either side
    left = std::min(left * static_cast<double>(train.shape()[k]), 1e9);
    bonds[k] = std::min(bonds[k], static_cast<Index>(left));
  }
  for (std::size_t k = d - 1; k-- > 0;) {
    right = std::min(right * static_cast<double>(train.shape()[k + 1]), 1e9);
    bonds[k] = std::min(bonds[k], static_cast<Index>(right));
  }
  Completed made =
      complete("complete_train", train, validation, o, context, TrainParts(train.shape(), bonds));
  linalg::TensorTrain x;
  x.cores = cores_of(static_cast<const TrainParts&>(*made.parts), made.scale);
  made.summary.ranks = bonds;
  return {std::move(x), std::move(made.summary)};
}

Fitted<linalg::TensorRing> complete_ring(const SparseTensor& train, const SparseTensor& validation,
                                         const LowRankOptions& o, const FitContext& context) {
  config::validate("complete_ring", o);
  require((o.solver == Solver::als || o.solver == Solver::lbfgs) && !o.prune,
          "[complete_ring] tensor rings have the solvers als and lbfgs, without pruning");
  require(train.order() >= 2, "[complete_ring] a tensor ring needs two modes");
  std::vector<Index> bonds(o.ranks.begin(), o.ranks.end());
  if (bonds.size() == 1) bonds.assign(train.shape().size(), bonds[0]);
  require(bonds.size() == train.shape().size(), "[complete_ring] ", bonds.size(), " ranks for ",
          train.order(), " bonds; give one or each");
  for (std::size_t k = 0; k < bonds.size(); ++k)
    require(bonds[k] * bonds[(k + 1) % bonds.size()] <= 4096, "[complete_ring] the ranks ", bonds[k], " and ",
            bonds[(k + 1) % bonds.size()], " make a row of more than 4096 numbers");
  Completed made = complete("complete_ring", train, validation, o, context, RingParts(train.shape(), bonds));
  linalg::TensorRing x;
  x.cores = cores_of(static_cast<const RingParts&>(*made.parts), made.scale);
  made.summary.ranks = bonds;
  return {std::move(x), std::move(made.summary)};
}

}  // namespace cartan::completion
