#pragma once
/// How many components? And relational tensors, where the question is asked most.

#include <functional>
#include <string>
#include <vector>

#include <cartan/completion/low_rank.hpp>

namespace cartan::completion {

/// One candidate.
struct RankScore {
  Index rank = 0;
  double error =
      0;  ///< cross-validation: root mean square error of entries left out; stability: relative error
  double deviation = 0;   ///< of the error over the folds, of its mean
  double silhouette = 0;  ///< stability: least mean silhouette of a component
};
struct RankChoice {
  Index rank = 0;  ///< the one that is chosen
  std::vector<RankScore> scores;
};

/// Every rank on the same folds of the known entries; the smallest rank whose error lies within one deviation
/// of the least one. `fit` gets (training entries, rank) and returns predictions (N) at the last argument.
using FitAndPredict = std::function<Array(const SparseTensor& train, Index rank, const SparseTensor& at)>;
RankChoice cross_validate(const SparseTensor& x, const std::vector<Index>& ranks, const FitAndPredict& fit,
                          int folds = 5, std::uint64_t seed = 0, const StopFlag* stop = nullptr);

struct StabilityOptions {
  int runs = 16;               ///< perturbed copies of the data for each rank
  double perturbation = 0.03;  ///< every value times 1 + U(-p, p)
  double silhouette = 0.8;     ///< least for a rank to be stable
  std::uint64_t seed = 0;
};
void describe(config::Fields& f, StabilityOptions& o);

/// NMFk (Alexandrov et al., J. R. Soc. Interface 2014; Nebgen et al. 2021): copies of the data whose values
/// are changed a little are decomposed anew; components found again and again (high silhouettes of their
/// clusters) are there. The largest rank whose least silhouette is not below `silhouette`. `fit` gets (copy,
/// rank, seed) and returns the components as the columns of matrices, one a mode, and the relative error.
struct Components {
  std::vector<Array> factors;  ///< (n_k, rank)
  double error = 0;
};
using FitComponents = std::function<Components(const SparseTensor& x, Index rank, std::uint64_t seed)>;
RankChoice stable_rank(const SparseTensor& x, const std::vector<Index>& ranks, const FitComponents& fit,
                       const StabilityOptions& options = {}, const StopFlag* stop = nullptr);
/// The same for non-negative CP; a tensor that lists all its entries by cp_als(), others by
/// complete_canonical().
RankChoice stable_nonnegative_rank(const SparseTensor& x, const std::vector<Index>& ranks,
                                   const StabilityOptions& options = {}, const StopFlag* stop = nullptr);

/// Core consistency (Bro, Kiers, J. Chemometrics 17, 2003), in percent: how near the best Tucker core in the
/// factors of a canonical tensor is to the superdiagonal one. Near 100 for ranks that the data have, near 0
/// or negative beyond. What x does not list is taken from the model.
double core_consistency(const SparseTensor& x, const linalg::Canonical& model);

/// X[i, j, t] ~ sum_ab A[i, a] R[a, b, t] A[j, b], all >= 0: communities and how they relate.
struct Rescal {
  Array a;             ///< (n, rank), columns of sum 1
  Array r;             ///< (rank, rank, m)
  Array full() const;  ///< (n, n, m)
};
struct RescalOptions {
  Index rank = 4;
  int max_iterations = 500;
  double tolerance = 1e-6;  ///< of the relative error, in ten iterations
  int restarts = 1;
  std::uint64_t seed = 0;
};
/// Non-negative RESCAL by multiplicative updates (Krompass et al. 2013; Bhattarai et al., RESCALk 2023) of a
/// dense (n, n, m) tensor of numbers >= 0; the error never rises.
Fitted<Rescal> rescal(const Array& x, const RescalOptions& options = {}, const StopFlag* stop = nullptr);
/// RESCALk: the number of communities by the stability of A.
RankChoice stable_rescal_rank(const Array& x, const std::vector<Index>& ranks,
                              const StabilityOptions& options = {}, const StopFlag* stop = nullptr);

/// Formats whose ranks are searched.
enum class Format { tucker, train, ring };
struct StructureOptions {
  Format format = Format::tucker;
  Index largest = 10;       ///< rank of a mode or bond
  int radius = 2;           ///< ranks tried on either side of the present one
  double weight = 50;       ///< of the relative error against the logarithm of the size
  int rounds = 10;          ///< over all ranks, at most
  double validation = 0.1;  ///< share of the entries that judge
  LowRankOptions fit;       ///< of every trial; its ranks are not used
};
void describe(config::Fields& f, StructureOptions& o);
struct Structure {
  std::vector<Index> ranks;
  double error = 0;      ///< of the entries that judge, relative to their norm
  double size = 0;       ///< numbers of the format over entries of the tensor
  double objective = 0;  ///< log(size) + weight * error
  int evaluations = 0;   ///< fits that were made
};
/// The ranks of a Tucker, tensor-train or tensor-ring format with the least log(size) + weight * error by
/// alternating enumeration (TnALE: Li, Zeng, Li, Caiafa, Zhao, ICML 2023): all values of one rank near the
/// present one, the others fixed, in turn, until nothing changes; O(modes * radius) fits a round. No
/// structure is fitted twice.
Structure search_ranks(const SparseTensor& x, const StructureOptions& options = {},
                       const StopFlag* stop = nullptr);

}  // namespace cartan::completion
