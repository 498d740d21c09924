#pragma once
/// How training changes what a network keeps beside its parameters.

#include <utility>
#include <vector>

#include <cartan/nn/layers.hpp>

namespace cartan::nn {

/// New values of arrays that a network keeps and that are not trained, such as running averages: a result of
/// a pass of training beside the loss. The network itself stays as it is until apply().
class StateUpdate {
 public:
  /// What was found last for `array`; its own value where nothing was.
  const Array& latest(const Array& array) const;
  /// `value` is kept without its tape. Throws std::invalid_argument unless it is like `array`.
  void set(const Array& array, const Array& value);
  bool empty() const { return found_.empty(); }
  /// Writes what was found into the arrays themselves. Throws std::invalid_argument, and writes nothing,
  /// where one of them is not in `state`.
  void apply(const ParameterRefs& state) const;

 private:
  std::vector<std::pair<const Array*, Array>> found_;
};

}  // namespace cartan::nn
