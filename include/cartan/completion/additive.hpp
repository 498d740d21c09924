#pragma once
/// The plainest predictions: the mean, and a bias for each index of every mode.

#include <vector>

#include <cartan/completion/method.hpp>

namespace cartan::completion {

struct AdditiveOptions {
  double ridge = 0;  ///< weight of the squares of the biases; 0: chosen on validation entries or a tenth
};
void describe(config::Fields& f, AdditiveOptions& o);

/// x[i_1, .., i_d] ~ mean + sum_k bias_k[i_k], biases of least squares with sum bias^2 times `ridge` added.
/// An index without entries has bias 0.
struct Additive {
  double mean = 0;
  std::vector<std::vector<double>> bias;

  double at(const Index* index) const;
  Array at(const Array& indices) const;  ///< (N, d) int64 -> (N)
  void save(data::Group& group) const;
  static Additive load(const data::Group& group);
};
Fitted<Additive> fit_additive(const SparseTensor& train, const SparseTensor& validation,
                              const AdditiveOptions& options, std::uint64_t seed);

}  // namespace cartan::completion
