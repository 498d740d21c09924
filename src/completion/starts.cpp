#include "completion/starts.hpp"

#include <algorithm>
#include <cmath>

#include "completion/normal.hpp"

namespace cartan::completion {
namespace {

// How many short runs a start is chosen from: the fewer entries a number has, the more minima there are that
// alternating least squares end in.
int scouts_of(const LowRankOptions& o, const Parts& parts, const SparseTensor& x, const SparseTensor& guide) {
  if (o.scouts > 0) return o.scouts;
  if (o.solver != Solver::als || o.prune || !guide.empty()) return 1;
  std::size_t numbers = 0;
  for (const auto& a : parts.data) numbers += a.size();
  return static_cast<std::size_t>(x.size()) < 16 * numbers ? 10 : 1;
}

// Keeps the parts that are best after a few sweeps.
class Contest {
 public:
  /// @param balances  whether scale moves between the parts after a sweep
  Contest(RowAls& als, int sweeps, const StopFlag* stop, bool balances = false)
      : als_(als), sweeps_(sweeps), stop_(stop), balances_(balances) {}
  void enter(Parts& parts) {
    for (int k = 0; k < sweeps_; ++k) {
      stop_if_set(stop_);
      als_.sweep(parts);
      if (balances_) als_.balance(parts);
    }
    const double objective = als_.objective(parts);
    if (best_ && !(objective < least_ || std::isnan(least_))) return;
    least_ = objective, best_ = parts.clone();
  }
  void leave(Parts& parts) { parts.data = std::move(best_->data); }

 private:
  RowAls& als_;
  int sweeps_;
  const StopFlag* stop_;
  bool balances_;
  double least_ = INFINITY;
  std::unique_ptr<Parts> best_;
};

// A Tucker tensor of the rank of a canonical one, or of the modes where these are smaller.
TuckerParts compressing(const Parts& parts) {
  std::vector<Index> ranks;
  for (const Index n : parts.shape) ranks.push_back(std::min(n, parts.width[0]));
  return {parts.shape, ranks};
}

// Whether such a start is cheap: the core's normal matrix is formed, and the tables over fibres are small.
bool compresses(const Parts& parts, const SparseTensor& train) {
  double core = 1;
  for (const Index n : parts.shape) core *= static_cast<double>(std::min(n, parts.width[0]));
  return core <= static_cast<double>(MostlyKnown::widest_row) &&
         MostlyKnown::obstacle(train, compressing(parts)).empty();
}

// A Tucker tensor of the same rank, then a CP of its core alone (Bro, Andersson, Chemometr. Intell. Lab.
// Syst. 42, 1998): sweeps through a core cost nothing, so the best of ten starts is taken. False where the
// factors have dependent columns.
bool compressed(Parts& parts, RowAls& als, std::uint64_t seed, const StopFlag* stop) {
  const Index rank = parts.width[0];
  TuckerParts tucker = compressing(parts);
  const std::vector<Index> ranks(tucker.width.begin(), tucker.width.end() - 1);
  tucker.start(Random(seed, 1000), false);
  for (int k = 0; k < 3; ++k) stop_if_set(stop), als.sweep(tucker);
  std::vector<double>& core = tucker.data.back();
  for (int k = 0; k < parts.order(); ++k) {  // u = q l^T with orthonormal columns of q; l^T goes to the core
    const Index r = ranks[static_cast<std::size_t>(k)];
    std::vector<double> l(static_cast<std::size_t>(r * r), 0.0);
    for (Index i = 0; i < parts.rows(k); ++i)
      for (Index a = 0; a < r; ++a)
        for (Index b = 0; b <= a; ++b)
          l[static_cast<std::size_t>(a * r + b)] += tucker.row(k, i)[a] * tucker.row(k, i)[b];
    if (!cholesky_in_place(l.data(), r, r)) return false;
    for (Index i = 0; i < parts.rows(k); ++i) {
      double* u = tucker.row(k, i);
      for (Index a = 0; a < r; ++a) {
        for (Index b = 0; b < a; ++b) u[a] -= l[static_cast<std::size_t>(a * r + b)] * u[b];
        u[a] /= l[static_cast<std::size_t>(a * r + a)];
      }
    }
    Index after = 1;
    for (std::size_t j = static_cast<std::size_t>(k) + 1; j < ranks.size(); ++j) after *= ranks[j];
    for (std::size_t block = 0; block < core.size(); block += static_cast<std::size_t>(r * after))
      for (Index c = 0; c < after; ++c)
        for (Index i = 0; i < r; ++i) {  // l is lower: what has been written is not read again
          double* column = core.data() + block + c;
          double sum = 0;
          for (Index a = i; a < r; ++a) sum += l[static_cast<std::size_t>(a * r + i)] * column[a * after];
          column[i * after] = sum;
        }
  }
  const SparseTensor x = SparseTensor::from_dense(Array::from(core, ranks));
  const LossFunction loss;
  Penalties penalties;
  penalties.ridge = 1e-9;
  CanonicalParts small(ranks, rank);
  RowAls inner(x, loss, penalties);
  Contest contest(inner, 50, stop, true);
  for (std::uint64_t k = 0; k < 10; ++k)
    small.start(Random(seed, 999 + (k << 32)), false), contest.enter(small);
  contest.leave(small);
  for (int k = 0; k < parts.order(); ++k) {
    const Index width = ranks[static_cast<std::size_t>(k)];
    for (Index i = 0; i < parts.rows(k); ++i)
      for (Index r = 0; r < rank; ++r) {
        double sum = 0;
        for (Index a = 0; a < width; ++a) sum += tucker.row(k, i)[a] * small.row(k, a)[r];
        parts.row(k, i)[r] = sum;
      }
  }
  return true;
}

}  // namespace

void start(Parts& parts, RowAls& als, const LowRankOptions& o, int restart, const SparseTensor& train,
           const SparseTensor& validation, bool positive, const StopFlag* stop) {
  const auto number = static_cast<std::uint64_t>(restart);
  // what a sweep makes first
  const int without = o.solver == Solver::als && als.memoryless() ? longest(parts.shape) : -1;
  const auto draw = [&](int scout) {
    const auto k = static_cast<std::uint64_t>(scout);
    parts.start(Random(o.seed, scout == 0 ? 1000 + number : (number + 1) * 1000000 + k), positive, without);
  };
  double all = 1;
  for (const Index n : parts.shape) all *= static_cast<double>(n);
  if (restart == 0 && parts.canonical() && parts.order() >= 3 && !positive && o.solver == Solver::als &&
      o.loss == Loss::gaussian && o.lasso == 0 && !o.prune && o.scouts == 0 &&
      2 * static_cast<double>(train.size()) > all && compresses(parts, train)) {
    // of small tensors random starts too: they cost nothing
    const double operations = 80 * all * static_cast<double>(parts.width[0]);
    const int others = static_cast<int>(std::min(10.0, 2e7 / operations));
    const bool drawn = !compressed(parts, als, o.seed, stop);
    if (drawn) draw(0);
    if (others == 0) return;
    Contest contest(als, 6, stop);
    contest.enter(parts);
    for (int scout = drawn ? 1 : 0; scout < others; ++scout) draw(scout), contest.enter(parts);
    return contest.leave(parts);
  }
  const int scouts = scouts_of(o, parts, train, validation);
  if (scouts == 1) return draw(0);
  Contest contest(als, 10, stop);
  for (int scout = 0; scout < scouts; ++scout) draw(scout), contest.enter(parts);
  contest.leave(parts);
}

}  // namespace cartan::completion
