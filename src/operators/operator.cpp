#include "cartan/operators/operator.hpp"

#include "cartan/core/error.hpp"

namespace cartan::operators {

DType OperatorConfig::field_dtype() const {
  if (!complex_fields()) return dtype;
  return dtype == DType::f32 ? DType::c64 : DType::c128;
}

Array Operator::checked(const Array& x, nn::StateUpdate* training) const {
  const OperatorConfig& c = config();
  const int d = c.dimensions();
  require(x.ndim() == d + 2 && x.dim(1) == c.in_channels && x.dtype() == c.field_dtype(), "[", kind(),
          "] fields must be (samples, ", c.in_channels, ", ", d, " axes of a grid) of ", c.field_dtype(),
          ", not ", x.shape(), " of ", x.dtype());
  const Shape grid(x.shape().begin() + 2, x.shape().end());
  for (const Index n : grid) require(n >= 1, "[", kind(), "] a grid of ", grid, " points; give one at least");
  Shape expected = output_grid(grid);
  expected.insert(expected.begin(), {x.dim(0), c.out_channels});
  if (x.dim(0) == 0) return Array::zeros(expected, c.field_dtype(), x.device());
  Array y = apply(x, training);
  require(y.shape() == expected, "[", kind(), "] gave fields of shape ", y.shape(), ", not ", expected);
  return y;
}

std::unique_ptr<Operator> Operator::as(DType dtype) const {
  require(is_real(dtype), "[", kind(), "] an operator computes in float32 or float64, not ", dtype);
  const std::unique_ptr<OperatorConfig> converted = config().clone();
  converted->dtype = dtype;
  nn::Init init = nn::Init::blank();
  std::unique_ptr<Operator> out = converted->make(init);
  nn::copy_parameters(parameters(), out->parameters());
  nn::copy_parameters(constants(), out->constants());
  out->to(device());
  return out;
}

std::unique_ptr<Operator> draw_operator(const OperatorConfig& config, std::uint64_t seed, double copies,
                                        const StopFlag* stop) {
  return nn::draw(config, seed, copies, stop);
}

std::unique_ptr<OperatorConfig> operator_config(const std::string& kind) {
  const OperatorKind* found = nn::find_kind(operator_kinds(), kind);
  require(found != nullptr, "[Operator] there is no operator '", kind, "'; there are ",
          nn::names_of(operator_kinds()));
  return found->config();
}

std::unique_ptr<OperatorConfig> load_operator_config(const data::Group& group) {
  return nn::load_config(operator_kinds(), group);
}

}  // namespace cartan::operators
