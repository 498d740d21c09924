#include "cartan/operators/model.hpp"

#include <algorithm>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"

namespace cartan::operators {
namespace {

std::string value_text(const data::Attribute& value) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T>) {
          return text(v);
        } else {
          std::string out;
          for (const auto& x : v) out += (out.empty() ? "" : "; ") + text(x);
          return out;
        }
      },
      value);
}

Normalizer load_normalizer(const data::Group& group, const std::string& name, Index channels) {
  if (!group.has_group(name)) return {};
  Normalizer n = Normalizer::load(group.group(name));
  if (n.channels() != channels)
    throw FormatError(group.file(), name,
                      text("is for ", n.channels(), " channels, the operator has ", channels));
  return n;
}

}  // namespace

Model::Model(const OperatorConfig& config, std::uint64_t seed) : Model(draw_operator(config, seed)) {}

Model::Model(std::unique_ptr<Operator> network) : network_(std::move(network)) {
  require(network_ != nullptr, "[Model] a model needs an operator");
}

Model::Model(const Model& other)
    : input(other.input), output(other.output), card(other.card), network_(other.network_->clone()) {}

Model& Model::operator=(const Model& other) {
  return *this = Model(other);
}

Array Model::operator()(const Array& x) const {
  return output.restore((*network_)(input.normalize(x)));
}

Array Model::train(const Array& x, nn::StateUpdate& update) const {
  return output.restore(network_->train(input.normalize(x), update));
}

Array Model::predict(const Array& x, Index batch) const {
  refuse_tracked("predict", x);
  require(batch >= 1, "[predict] batches of ", batch, " samples; at least 1");
  require(x.ndim() >= 2 && (is_complex(x.dtype()) == config().complex_fields() || x.dtype() == DType::i32),
          "[predict] fields ", x.shape(), " of ", x.dtype(), "; the operator takes ", config().field_dtype());
  const Recording off(false);
  const DType type = config().field_dtype();
  Arrays parts;
  for (Index begin = 0; begin < x.dim(0) || parts.empty(); begin += batch)
    parts.push_back(
        (*this)(x.rows(begin, std::min(x.dim(0), begin + batch)).as(type).to(network_->device())));
  return parts.size() == 1 ? detach(parts[0]) : concatenate(parts, 0);
}

Model Model::as(DType dtype) const {
  Model out(network_->as(dtype));
  out.input = input;
  out.output = output;
  out.card = card;
  return out;
}

void Model::save(data::Group& group) const {
  config().save(group);
  if (!input.identity()) input.save(group["input"]);
  if (!output.identity()) output.save(group["output"]);
  if (!card.empty()) group["card"].attributes = card;
  nn::save_parameters(parameters(), group["parameters"]);
  const nn::ConstParameterRefs constants = network().constants();
  if (!constants.empty()) nn::save_parameters(constants, group["constants"]);
}

Model Model::load(const data::Group& group, std::optional<DType> dtype) {
  const std::unique_ptr<OperatorConfig> config = load_operator_config(group);
  if (dtype) config->dtype = *dtype;
  Model model(nn::blank(*config, group));
  nn::load_parameters(model.parameters(), group.group("parameters"), true);
  const nn::ParameterRefs constants = model.network().constants();
  if (!constants.empty()) nn::load_parameters(constants, group.group("constants"), true);
  model.input = load_normalizer(group, "input", config->in_channels);
  model.output = load_normalizer(group, "output", config->out_channels);
  if (group.has_group("card")) model.card = group.group("card").attributes;
  return model;
}

void Model::save(const std::string& path, const std::string& config) const {
  data::Group root;
  save(root["model"]);
  data::save(path, root, {"cartan-operator", 1, "", config});
}

Model Model::open(const std::string& path, std::optional<DType> dtype) {
  const data::Group root = data::load(path, "cartan-operator");
  return load(root.group("model"), dtype);
}

std::vector<std::pair<std::string, std::string>> model_card(const Model& model) {
  std::vector<std::pair<std::string, std::string>> lines{
      {"operator", model.config().summary()},
      {"parameters", text(nn::count_parameters(model.parameters()))},
      {"channels", text(model.config().in_channels, " in, ", model.config().out_channels, " out")}};
  for (const auto& [name, value] : model.card) lines.emplace_back(name, value_text(value));
  return lines;
}

}  // namespace cartan::operators
