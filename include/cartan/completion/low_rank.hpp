#pragma once
/// Completion by low rank: the entries that are listed, and no others, are fitted by a tensor in CP, Tucker,
/// tensor-train or tensor-ring format.

#include <vector>

#include <cartan/completion/additive.hpp>
#include <cartan/completion/method.hpp>
#include <cartan/linalg/canonical.hpp>
#include <cartan/linalg/tensor_ring.hpp>
#include <cartan/linalg/tensor_train.hpp>
#include <cartan/linalg/tucker.hpp>

namespace cartan::completion {

/// What an entry y costs where the model says m (generalized CP: Hong, Kolda, Duersch, SIAM Rev. 62, 2020).
enum class Loss {
  gaussian,   ///< (y - m)^2
  huber,      ///< the same up to |y - m| = delta, linear beyond
  poisson,    ///< 2 (m - y log m), m >= 0, y whole and >= 0
  bernoulli,  ///< 2 (log(1 + e^m) - y m), y 0 or 1; predictions are 1 / (1 + e^-m)
  beta  ///< 2 times the beta divergence, m >= 0, y >= 0 (> 0 for beta <= 1): 2 is gaussian, 1 Poisson, 0
        ///< gamma
};
const char* name_of(Loss loss);

/// How the parts of the format are found.
enum class Solver {
  als,  ///< row after row exactly; of losses other than gaussian a majorant, so that the loss never rises
  ccd,  ///< CP, gaussian: one term after another (CCD++: Yu, Hsieh, Si, Dhillon, ICDM 2012)
  sgd,  ///< CP, gaussian: entry after entry; steps that do not pay are taken back
  /// All parts at once by a projected limited-memory quasi-Newton method, any loss (CP-OPT: Acar, Dunlavy,
  /// Kolda, Morup 2011; GCP: Hong, Kolda, Duersch 2020); an iteration is five of its steps.
  lbfgs
};

/// How least squares go through the entries; both ways give the same numbers, but for rounding.
enum class Engine {
  automatic,  ///< what takes fewer operations (Summary::message says which it was, "engine dense" or "engine
              ///< entries")
  entries,    ///< one after the other
  /// CP and Tucker, gaussian, als: products of dense matrices for all entries of the tensor, corrected for
  /// those missing; no Tucker core of more than 400 numbers with a lasso or bounds.
  dense
};

struct LowRankOptions {
  /// One: CP terms, or of every mode or bond; else of each (of a ring: before every mode).
  std::vector<std::int64_t> ranks{4};
  Loss loss = Loss::gaussian;
  double delta = 1;  ///< of huber, in units of the values' root mean square
  double beta = 1;   ///< of the beta divergence
  Solver solver = Solver::als;
  /// @name Penalties, in units in which the values have root mean square 1
  ///@{
  double ridge = 0.01;  ///< times the sum of squares of all parts
  double lasso = 0;     ///< times the sum of sizes
  std::vector<double>
      smooth;  ///< times the squared differences of neighbouring rows: one for all modes, or each
  ///@}
  bool nonnegative = false;  ///< every part >= 0
  bool multiplicative =
      false;           ///< non-negative parts by multiplicative updates instead of coordinates in turn
  bool prune = false;  ///< CP: a weight for each term that is learned takes out those not needed (ARD)
  int max_iterations = 200;
  double tolerance = 1e-6;  ///< converged when the objective falls by less, relative to it
  int patience = 10;        ///< iterations without a better validation error
  int restarts = 1;         ///< random starts; the best by validation, or else by objective, is kept
  std::uint64_t seed = 0;
  /// Starts that are swept ten times, of which the best goes on, for each of the restarts. 1: one random
  /// start, and nothing else. 0: the first start of a CP (als, gaussian, three modes and more, no lasso, no
  /// bounds) of which more than half of the entries are known, with min(shape, rank) at most 400 numbers, is
  /// the CP of a Tucker core, the best of ten, and where the tensor is small it competes with random ones;
  /// else ten where no validation entries guide and fewer than 16 entries are known for each number that is
  /// looked for; else one.
  int scouts = 0;
  Engine engine = Engine::automatic;
};
void describe(config::Fields& f, LowRankOptions& o);

/// y[n] ~ sum_r w_r prod_k A_k[i_k, r]. Rows of the factors whose index has no entry are zero (with `smooth`:
/// as their neighbours). objective: loss of the listed entries plus penalties after every iteration, in units
/// in which the values have root mean square 1; it never rises. validation_rmse is that of the best
/// iteration's course. Deterministic in (entries, options), for any number of threads. Throws
/// std::invalid_argument for options that do not fit the format or data that do not fit the loss.
Fitted<linalg::Canonical> complete_canonical(const SparseTensor& train, const SparseTensor& validation,
                                             const LowRankOptions& options, const FitContext& context = {});
Fitted<linalg::Tucker> complete_tucker(const SparseTensor& train, const SparseTensor& validation,
                                       const LowRankOptions& options, const FitContext& context = {});
Fitted<linalg::TensorTrain> complete_train(const SparseTensor& train, const SparseTensor& validation,
                                           const LowRankOptions& options, const FitContext& context = {});

Fitted<linalg::TensorRing> complete_ring(const SparseTensor& train, const SparseTensor& validation,
                                         const LowRankOptions& options, const FitContext& context = {});

/// Higher-order orthogonal iteration of a sparse tensor whose other entries are **zero**: orthonormal
/// factors, the best core. The error never grows.
Fitted<linalg::Tucker> hooi(const SparseTensor& x, const std::vector<Index>& ranks, int max_iterations = 50,
                            double tolerance = 1e-8, std::uint64_t seed = 0);

/// A canonical model that goes on with data that keep coming: every row of every factor remembers the normal
/// equations of what it has seen, older data weighing `forget` per update.
class CanonicalStream {
 public:
  /// @param start   a fitted tensor
  /// @param seen    the entries that it was fitted to
  /// @param ridge   as in the fit, in units of the values
  /// @param forget  in (0, 1]; 1: nothing is forgotten
  CanonicalStream(const linalg::Canonical& start, const SparseTensor& seen, double ridge = 0.01,
                  double forget = 1);
  /// Takes in entries (new places, or later values of known ones; indices beyond the shape make it larger): a
  /// few sweeps over the rows that they touch. Returns the root mean square error of predicting them before
  /// they were taken in.
  double update(const SparseTensor& fresh, int sweeps = 2);
  linalg::Canonical tensor() const;

 private:
  void grow(const Shape& shape);
  double value(const SparseTensor& x, Index n) const;

  Index rank_;
  double ridge_, forget_;
  Shape shape_;
  std::vector<std::vector<double>> factor_, gram_, right_;  // of each mode: (n R), (n R R), (n R)
};

}  // namespace cartan::completion
