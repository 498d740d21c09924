#pragma once
/// Making Chebyshev-Tucker functions: from callbacks, from tensors on grids, from canonical tensors.

#include <functional>
#include <string>
#include <vector>

#include <cartan/chebyshev/chebyshev_tucker.hpp>
#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/linalg/canonical.hpp>

namespace cartan::chebyshev {

/// Writes values[i] = f(points[i * d], .., points[i * d + d - 1]) for i < n. Called from one thread with
/// large batches; it may use threads itself.
using BatchFunction = std::function<void(const double* points, Index n, double* values)>;

/// How the node tensor of a function is found.
enum class Sampling {
  automatic,  ///< full where all nodes are at most FitOptions::full_nodes, else cross
  full,       ///< at all nodes, then an ST-HOSVD of the coefficients (the paper's algorithm 3.1)
  cross       ///< at O(sum m_k r^(d-1) + r^d) nodes: fibres between chosen indices, rank-revealing QR, DEIM
              ///< (S. Dolgov, D. Kressner, C. Stroessner, Functional Tucker approximation using Chebyshev
              ///< interpolation, SIAM J. Sci. Comput. 43, 2021)
};
const char* name_of(Sampling sampling);
Sampling sampling_from_name(const std::string& name);

struct FitOptions {
  /// Largest error, relative to the largest value: controlled on the nodes and at random points.
  double tolerance = 1e-8;
  std::vector<Index> degrees;  ///< fixed polynomial degrees, one a variable; empty: adaptive
  std::vector<Index> ranks;    ///< fixed largest ranks; empty: by tolerance
  Index max_degree = 4096;     ///< of the adaptive search
  Sampling sampling = Sampling::automatic;
  Index full_nodes = Index{1} << 23;
  Index max_evaluations = Index{1} << 26;  ///< of the callback; the ranks of crosses are kept within it
  DType dtype = DType::f64;                ///< of the result
  Index samples = 1000;                    ///< random points of comparison
  std::uint64_t seed = 0;
  const StopFlag* stop = nullptr;
  ProgressCallback progress;

  /// Throws std::invalid_argument: tolerance below what the type holds (2e-15, 1e-6 for float32), wrong
  /// numbers of degrees or ranks.
  void check(const char* caller, int dim) const;
};
void describe(config::Fields& f, FitOptions& options);

/// A function with what is known of its making.
struct Fit {
  ChebyshevTucker function;
  bool converged = false;  ///< the tolerance was met at every random point (fixed degrees or ranks: that too)
  bool stopped = false;    ///< by the stop flag, before the end
  double rel_error_max = 0;  ///< largest |f - fit| at the random points, relative to the largest |f|; NaN
                             ///< where every sample is 0, since nothing is known then
  double rel_error_l2 = 0;   ///< root of the ratio of sums of squares there
  Index evaluations = 0;     ///< of the callback, comparison included
  Sampling sampling = Sampling::full;
  std::string message;  ///< why it did not converge
};

/// f on a box. Degrees start from fibres through random points and are raised until the coefficients of every
/// variable have come down to a plateau (`chop`); the ranks follow from the tolerance. Throws
/// std::invalid_argument where f is not finite, naming the point.
Fit fit(const BatchFunction& f, const Box& box, const FitOptions& options = {});

/// How the values of a grid tensor lie in its box: n_k points a variable.
enum class Grid {
  cells,    ///< midpoints of n_k equal cells
  vertices  ///< n_k points from end to end
};

/// The paper's algorithm 3.2: a tensor of values on a uniform grid, cubic not-a-knot splines to the Chebyshev
/// nodes variable by variable, DCT, ST-HOSVD of the coefficients.
/// @param degrees    one a variable
/// @param tolerance  of the coefficient tensor in the relative Frobenius norm
linalg::Result<ChebyshevTucker> fit_grid(const Array& values, const Box& box,
                                         const std::vector<Index>& degrees, double tolerance,
                                         Grid grid = Grid::cells, const std::vector<Index>& ranks = {});
/// Values at the Chebyshev nodes themselves (algorithm 3.1).
linalg::Result<ChebyshevTucker> fit_nodes(const Array& values, const Box& box, double tolerance,
                                          const std::vector<Index>& ranks = {});

/// The paper's algorithm 3.3 for a canonical tensor on a uniform grid: splines and DCT of the factor columns,
/// then the reduced HOSVD, here of the factors weighted by what every term amounts to, with a certified
/// relative error (linalg::to_tucker). The grid tensor is never formed.
linalg::Result<ChebyshevTucker> fit_canonical(const linalg::Canonical& values, const Box& box,
                                              const std::vector<Index>& degrees, double tolerance,
                                              Grid grid = Grid::cells, const std::vector<Index>& ranks = {});
/// The canonical tensor of coefficients alone, before any truncation.
linalg::Canonical canonical_coefficients(const linalg::Canonical& values, const std::vector<Index>& degrees,
                                         Grid grid = Grid::cells);

/// Flops of the algorithms for d variables of m nodes: order of magnitude, to choose by.
///@{
double flops_full(int d, Index m);           ///< DCT 5 d m^d log2 m + Gram d m^(d+1)
double flops_grid(int d, Index n, Index m);  ///< splines 10 sum_k m^k n^(d-k), then flops_full
double flops_canonical(int d, Index n, Index m, Index rank,
                       Index tucker_rank);                 ///< d R (10 n + 5 m log2 m + m^2) + 2 R r^d
double stored_numbers(int d, Index m, Index tucker_rank);  ///< d m r + r^d
///@}

}  // namespace cartan::chebyshev
