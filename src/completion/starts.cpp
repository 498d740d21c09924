#include "completion/starts.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/linalg/als.hpp"
#include "linalg/matrix.hpp"

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
  Contest(RowAls& als, int sweeps) : als_(als), sweeps_(sweeps) {}
  void enter(Parts& parts) {
    for (int k = 0; k < sweeps_; ++k) als_.sweep(parts);
    const double objective = als_.objective(parts);
    if (best_ && !(objective < least_)) return;
    least_ = objective, best_ = parts.clone();
  }
  void leave(Parts& parts) { parts.data = std::move(best_->data); }

 private:
  RowAls& als_;
  int sweeps_;
  double least_ = INFINITY;
  std::unique_ptr<Parts> best_;
};

// A Tucker tensor of the same rank, then a CP of its core alone (Bro, Andersson, Chemometr. Intell. Lab.
// Syst. 42, 1998): sweeps through a core cost nothing.
void compressed(Parts& parts, RowAls& als, const Random& random) {
  const Index rank = parts.width[0];
  std::vector<Index> ranks;
  for (const Index n : parts.shape) ranks.push_back(std::min(n, rank));
  TuckerParts tucker(parts.shape, ranks);
  tucker.start(random, false);
  for (int k = 0; k < 3; ++k) als.sweep(tucker);
  linalg::Tucker t;
  t.core = Array::from(tucker.data.back(), ranks);
  for (int k = 0; k < parts.order(); ++k)
    t.factors.push_back(Array::from(tucker.data[static_cast<std::size_t>(k)],
                                    {parts.rows(k), ranks[static_cast<std::size_t>(k)]}));
  t = linalg::orthogonalized(t);
  const auto small = linalg::cp_als(t.core, rank, linalg::Start::random, {200, 1e-7, 0});
  for (int k = 0; k < parts.order(); ++k) {
    const auto j = static_cast<std::size_t>(k);
    const linalg::Matrix u =
        linalg::product(linalg::matrix_of(t.factors[j]), linalg::matrix_of(small.tensor.factors[j]));
    for (Index i = 0; i < parts.rows(k); ++i)
      for (Index r = 0; r < rank; ++r) parts.row(k, i)[r] = u(i, r) * (k == 0 ? small.tensor.weights(r) : 1);
  }
  parts.balance();
}

}  // namespace

void start(Parts& parts, RowAls& als, const LowRankOptions& o, int restart, const SparseTensor& train,
           const SparseTensor& validation, bool positive) {
  const auto number = static_cast<std::uint64_t>(restart);
  const auto draw = [&](int scout) {
    const auto k = static_cast<std::uint64_t>(scout);
    parts.start(Random(o.seed, scout == 0 ? 1000 + number : (number + 1) * 1000000 + k), positive);
  };
  double all = 1;
  for (const Index n : parts.shape) all *= static_cast<double>(n);
  if (restart == 0 && parts.canonical() && parts.order() >= 3 && !positive && o.solver == Solver::als &&
      o.loss == Loss::gaussian && !o.prune && o.scouts == 0 && 2 * static_cast<double>(train.size()) > all) {
    // of small tensors random starts too: they cost nothing
    const double operations = 80 * all * static_cast<double>(parts.width[0]);
    const int others = static_cast<int>(std::min(10.0, 2e7 / operations));
    compressed(parts, als, Random(o.seed, 1000));
    if (others == 0) return;
    Contest contest(als, 6);
    contest.enter(parts);
    for (int scout = 0; scout < others; ++scout) draw(scout), contest.enter(parts);
    return contest.leave(parts);
  }
  const int scouts = scouts_of(o, parts, train, validation);
  if (scouts == 1) return draw(0);
  Contest contest(als, 10);
  for (int scout = 0; scout < scouts; ++scout) draw(scout), contest.enter(parts);
  contest.leave(parts);
}

}  // namespace cartan::completion
