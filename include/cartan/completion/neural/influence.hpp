#pragma once
/// Which training entries a validation error depends on, and through them which indices of each mode
/// (S. Oh, S. Kim, R. A. Rossi, S. Kumar, "Influence-guided data augmentation for neural tensor completion",
/// CIKM 2021; TracIn of G. Pruthi et al., NeurIPS 2020, on the last layer).

#include <cstdint>
#include <vector>

#include <cartan/completion/sparse.hpp>

namespace cartan::completion {

/// With h_n the last hidden layer of entry n, f_n the prediction and y_n the value, the gradient of
/// (f_n - y_n)^2 / 2 by the weights of the last layer is g_n = (f_n - y_n) h_n (0 where a rectified output is
/// 0). The influence of training entry n over the epochs e is
///
///     I_n = sum_e <g_n^e, G^e>,  G^e = sum over validation entries v of g_v^e,
///
/// g_v at the start of the epoch, g_n when its batch passes. G^e is known by then, so that a number an entry
/// is all that is kept: memory O(N + H), where the published code keeps epochs x N x H numbers.
class CellInfluence {
 public:
  CellInfluence() = default;
  CellInfluence(Index entries, Index hidden);

  /// Begins an epoch: G from what add_validation() sums next.
  void start_epoch(std::int64_t epoch);
  std::int64_t epoch() const { return epoch_; }  ///< -1 before the first
  /// @param hidden (B, H), slope (B): f - y, or 0 where a rectified output is 0; float32 or float64
  void add_validation(const Array& hidden, const Array& slope);
  /// Adds <g, G> to the entries of these numbers.
  void add(const std::vector<Index>& entries, const Array& hidden, const Array& slope);
  /// What has been summed so far is what belongs to the best weights.
  void keep();
  /// I_n of the epochs up to the last keep(); zeros without one.
  const std::vector<double>& kept() const { return kept_; }
  std::size_t bytes() const;  ///< of all that is held

  void save(data::Group& group) const;
  void load(const data::Group& group);

 private:
  std::vector<double> sum_, kept_, gradient_;  // (N), (N), (H)
  std::int64_t epoch_ = -1;
};

/// E_k(j) = sum of |I_n| over the entries whose index of mode k is j, each mode scaled to the sum 1. Where
/// all influences are 0, every index that occurs counts the same.
std::vector<std::vector<double>> entity_importance(const SparseTensor& entries,
                                                   const std::vector<double>& influence);
/// The same number for every index of a mode that occurs among the entries: the control of DAIN.
std::vector<std::vector<double>> even_importance(const SparseTensor& entries);

/// `count` multi-indices, of every mode drawn by itself with these probabilities: (count, d) int64. Draw n of
/// mode k depends on (seed, n, k) alone.
Array draw_entries(const std::vector<std::vector<double>>& importance, Index count, std::uint64_t seed);

}  // namespace cartan::completion
