#pragma once
/// UNCLE: under-counted counts with attributes (S. Ibrahim, X. Fu, R. Hutchinson, E. Seo, ICML 2023,
/// arXiv:2306.03273). Of lambda events p are recorded:
///
///     y_i ~ Poisson(p_i lambda_i),  lambda = sum_r prod_k U_k[i_k, r] with U >= 0,  p_i =
///     sigmoid(network(z_i)),
///
/// with the attributes z_i of an entry (how it was counted). Factors and network take turns: multiplicative
/// updates of U, which never raise the negative log-likelihood sum_i p_i lambda_i - y_i log(p_i lambda_i),
/// and an epoch of Adam on the network. A factor can pass from p to lambda unless some entries are known to
/// be counted in full (anchors: p = 1).

#include <string>
#include <vector>

#include <cartan/completion/method.hpp>
#include <cartan/nn/trainer.hpp>

namespace cartan::completion {

/// Attributes of the slices of one mode, or of the combinations of several: values (n_k1, .., n_kj, A).
struct Attributes {
  std::vector<int> modes;  ///< rising
  Array values;            ///< float32 or float64
};
/// From "0:sites.npy" or "0,2:visits.npy". Throws std::invalid_argument for another form, IoError,
/// FormatError.
Attributes read_attributes(const std::string& text);

struct UncleOptions {
  std::int64_t rank = 10;
  std::vector<std::int64_t> hidden{16};  ///< of the network of attributes, SiLU between layers
  std::int64_t epochs = 200;
  std::int64_t sweeps = 5;  ///< updates of all factors after an epoch of the network
  std::int64_t batch_size = 1024;
  double learning_rate = 1e-2;
  std::int64_t patience = 20;           ///< epochs without a better validation; 0: never
  std::vector<std::string> attributes;  ///< files, see read_attributes; none: p is one number
  std::string anchors;                  ///< file of entries that are counted in full; "": none
  bool recorded = true;                 ///< predict p lambda, what would be recorded; false: lambda
};
void describe(config::Fields& f, UncleOptions& o);

class UncleModel {
 public:
  /// @name At (N, d) int64: float64 (N)
  ///@{
  Array intensity(const Array& indices) const;  ///< lambda
  Array detection(const Array& indices) const;  ///< p
  Array recorded(const Array& indices) const;   ///< p lambda
  ///@}
  nn::ParameterRefs parameters();
  void save(data::Group& group) const;
  static UncleModel load(const data::Group& group, const UncleOptions& options);

  Shape shape;
  std::vector<Array> factors;  ///< (n_k, R) float64
  nn::Mlp network;             ///< A -> 1, float64
  std::vector<Attributes> attributes;
  Array centre, spread;  ///< (A) of the attributes in training: the network sees (z - centre)/spread
  SparseTensor anchors;

 private:
  Array inputs(const Array& indices) const;  // (N, A), scaled
  friend class UncleTask;
};

struct UncleFit {
  UncleModel model;
  nn::Summary summary;
};

/// @param train  counts; a value that is negative or not whole is refused
/// @param attributes, anchors  instead of the options' files
UncleFit fit_uncle(const SparseTensor& train, const SparseTensor& validation, const UncleOptions& options,
                   const std::vector<Attributes>& attributes, const SparseTensor& anchors,
                   const FitContext& context = {});

/// One multiplicative update of the factors of every mode for y_n ~ Poisson(p_n lambda_n); afterwards the
/// negative log-likelihood is no larger.
void update_factors(const SparseTensor& counts, const std::vector<double>& p, std::vector<Array>& factors);
/// sum_n p_n lambda_n - y_n log(p_n lambda_n), without the terms of y alone.
double negative_log_likelihood(const SparseTensor& counts, const std::vector<double>& p,
                               const std::vector<Array>& factors);

}  // namespace cartan::completion
