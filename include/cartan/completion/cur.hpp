#pragma once
/// Factorisations that one can read: the factors, or the core, are numbers of the data themselves.

#include <vector>

#include <cartan/completion/method.hpp>
#include <cartan/linalg/tucker.hpp>

namespace cartan::completion {

/// How indices and fibres are chosen.
enum class CurSelection {
  deim,     ///< where singular vectors are largest and not yet explained (Sorensen, Embree, SISC 38, 2016)
  leverage  ///< drawn by their leverage scores (Mahoney, Drineas, PNAS 106, 2009), a seed
};
/// What is data.
enum class CurForm {
  /// The columns of factor k are fibres of mode k, the core is that of least squares (Saibaba, SIMAX 37,
  /// 2016): every slice is a mixture of a few that were measured.
  fibres,
  /// The core is the part of the tensor where the chosen indices of all modes cross, and row i of factor k
  /// says how index i is mixed of the chosen ones: X(I_1, .., I_d) x_1 W_1 .. x_d W_d with W_k(I_k, :) = 1.
  indices
};

struct CurOptions {
  std::vector<std::int64_t> ranks{4};  ///< one for all modes, or each
  CurSelection selection = CurSelection::deim;
  CurForm form = CurForm::fibres;
  double ridge = 0.01;  ///< of the Tucker completion, and of the core of form fibres; values of size 1
  int max_iterations = 200;
  double tolerance = 1e-6;
  int patience = 10;  ///< iterations of the completion without a better validation error
  int restarts = 1;
  std::uint64_t seed = 0;
};
void describe(config::Fields& f, CurOptions& o);

struct Cur {
  linalg::Tucker tensor;
  /// Of every mode, the indices that stand for the others, the most important first.
  std::vector<std::vector<Index>> indices;
  /// Form fibres: of mode k, the multi-indices (r_k, d) int64 of its fibres, -1 in mode k.
  std::vector<Array> fibres;
  /// Form fibres: the share of each fibre's entries that are known; the others are those of the completion.
  std::vector<std::vector<double>> known;

  void save(data::Group& group) const;
  static Cur load(const data::Group& group);  ///< throws FormatError
};

/// Chooses from a Tucker model of the tensor that x lists entries of. Directions of the model that are zero
/// to rounding are left out: ranks may be smaller than the model's. Fibres of x with few known entries are
/// passed over for those with more. Throws std::invalid_argument.
Fitted<Cur> cur(const SparseTensor& x, const linalg::Tucker& model, const CurOptions& options = {});
/// The same, the model found first: by ST-HOSVD where every entry is listed, else by complete_tucker().
Fitted<Cur> complete_cur(const SparseTensor& train, const SparseTensor& validation,
                         const CurOptions& options = {}, const FitContext& context = {});

}  // namespace cartan::completion
