#pragma once
/// A trained (or trainable) surrogate: an operator between normalised fields, and what is known of it.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cartan/operators/normalizer.hpp>
#include <cartan/operators/operator.hpp>

namespace cartan::operators {

/// y = output.restore(operator(input.normalize(x))). A copy has parameters of its own.
class Model {
 public:
  /// An operator of that configuration, its parameters drawn from `seed`.
  Model(const OperatorConfig& config, std::uint64_t seed);
  explicit Model(std::unique_ptr<Operator> network);
  Model(const Model& other);
  Model& operator=(const Model& other);
  Model(Model&&) noexcept = default;
  Model& operator=(Model&&) noexcept = default;

  /// Of fields in their own units; recorded where x or parameters are tracked.
  Array operator()(const Array& x) const;
  /// The same as in training: Operator::train.
  Array train(const Array& x, nn::StateUpdate& update) const;
  /// The same, not recorded, `batch` samples at a time, so that memory does not grow with their number;
  /// converts x to the model's type. Throws std::invalid_argument for tracked x.
  Array predict(const Array& x, Index batch = 16) const;

  Operator& network() { return *network_; }
  const Operator& network() const { return *network_; }
  const OperatorConfig& config() const { return network_->config(); }
  nn::ParameterRefs parameters() { return network_->parameters(); }
  nn::ConstParameterRefs parameters() const { return network().parameters(); }
  /// The same function in another precision (f32, f64): parameters converted, not tracked.
  Model as(DType dtype) const;
  void to(Device device) { network_->to(device); }

  Normalizer input, output;  ///< of x and y; the identity at first
  /// What is known of it besides: origin, licence, training set, errors, channel names.
  data::Attributes card;

  /// Into and from a group of a file; the exact bits.
  void save(data::Group& group) const;
  /// Throws FormatError, for an operator of an unknown kind too.
  /// @param dtype  to compute with, rather than what the file says
  static Model load(const data::Group& group, std::optional<DType> dtype = {});
  /// To a file of format "cartan-operator", and from one.
  /// @param config  the resolved run description, kept in the file's header
  void save(const std::string& path, const std::string& config = "") const;
  static Model open(const std::string& path, std::optional<DType> dtype = {});

 private:
  std::unique_ptr<Operator> network_;
};

/// Lines of a card, name and value: operator, number of parameters, channels, and what model.card holds.
std::vector<std::pair<std::string, std::string>> model_card(const Model& model);

}  // namespace cartan::operators
