// What optimisers have in common: groups of parameters, checks, saving and loading.
#include "cartan/nn/optimizers.hpp"
#include "nn/chunks.hpp"

namespace cartan::nn {
namespace {

// * for any characters.
bool fits(const char* pattern, const char* name) {
  if (*pattern == '*') return fits(pattern + 1, name) || (*name != '\0' && fits(pattern, name + 1));
  if (*pattern == '\0' || *name == '\0') return *pattern == *name;
  return *pattern == *name && fits(pattern + 1, name + 1);
}

}  // namespace

void describe(config::Fields& f, ParameterGroups& g) {
  f("groups", g.names,
    "parameters trained otherwise than the rest: patterns of names such as *.bias, the first that fits "
    "counts");
  f("group_rates", g.rates, "factors on the learning rate, one for each of the groups (none: 1)").from(0);
  f("group_weight_decays", g.weight_decays,
    "weight decays, one for each of the groups (none: that of the optimizer)")
      .from(0);
}

std::vector<ParameterRule> rules_for(const ParameterRefs& parameters, const ParameterGroups& groups) {
  config::validate("groups", groups);
  const std::size_t n = groups.names.size();
  require(groups.rates.empty() || groups.rates.size() == n, "[groups] ", n, " patterns and ",
          groups.rates.size(), " group_rates; give one for each pattern, or none");
  require(groups.weight_decays.empty() || groups.weight_decays.size() == n, "[groups] ", n, " patterns and ",
          groups.weight_decays.size(), " group_weight_decays; give one for each pattern, or none");
  std::vector<ParameterRule> rules(parameters.size());
  std::vector<bool> used(n, false);
  for (std::size_t k = 0; k < parameters.size(); ++k)
    for (std::size_t g = 0; g < n; ++g) {
      if (!fits(groups.names[g].c_str(), parameters[k].name.c_str())) continue;
      used[g] = true;
      if (!groups.rates.empty()) rules[k].rate = groups.rates[g];
      if (!groups.weight_decays.empty()) rules[k].weight_decay = groups.weight_decays[g];
      break;
    }
  for (std::size_t g = 0; g < n; ++g)
    require(used[g], "[groups] '", groups.names[g], "' fits none of the ", parameters.size(),
            " parameters that no pattern before it fits; the first is '",
            parameters.empty() ? "" : parameters[0].name, "'");
  return rules;
}

Optimizer::Optimizer(const char* kind, const char* title, const ParameterRefs& parameters,
                     const ParameterGroups& groups)
    : kind_(kind), title_(title), rules_(rules_for(parameters, groups)) {
  for (const auto& p : parameters) {
    require(is_real(p.value->dtype()) || is_complex(p.value->dtype()), "[", title, "] '", p.name, "' is ",
            p.value->dtype());
    names_.push_back(p.name);
    shapes_.push_back(p.value->shape());
    dtypes_.push_back(p.value->dtype());
    devices_.push_back(p.value->device());
  }
}

void Optimizer::add_state(const char* name) {
  Arrays zeros;
  for (std::size_t k = 0; k < names_.size(); ++k)
    zeros.push_back(Array::zeros(shapes_[k], dtypes_[k], devices_[k]));
  state_names_.push_back(name);
  state_.push_back(std::move(zeros));
}

void Optimizer::step(const ParameterRefs& parameters, const Arrays& gradients, double learning_rate,
                     double gradient_scale) {
  const std::size_t n = names_.size();
  require(parameters.size() == n && gradients.size() == n, "[", title_, "] ", parameters.size(),
          " parameters and ", gradients.size(), " gradients, expected ", n);
  for (std::size_t k = 0; k < n; ++k) {
    require_like(title_, parameters[k].name, *parameters[k].value, shapes_[k], dtypes_[k]);
    require_like(title_, "the gradient of " + parameters[k].name, gradients[k], shapes_[k], dtypes_[k]);
  }
  update({parameters, gradients, learning_rate, gradient_scale, steps_ + 1});
  ++steps_;
}

void Optimizer::save(data::Group& group) const {
  group.attributes["kind"] = std::string(kind_);
  group.attributes["steps"] = steps_;
  for (std::size_t k = 0; k < state_.size(); ++k) save_named(names_, state_[k], group[state_names_[k]]);
}

void Optimizer::load(const data::Group& group) {
  // Files from before there were kinds hold AdamW.
  const std::string kind = group.attributes.count("kind") ? group.string("kind") : "adamw";
  if (kind != kind_)
    throw FormatError(
        group.file(), "optimizer",
        text("the state is that of ", kind, ", the run has ", kind_, "; start anew or change it back"));
  const std::int64_t steps = group.integer("steps");
  if (steps < 0) throw FormatError(group.file(), "optimizer", text("steps is ", steps));
  // into copies first: nothing changes unless everything fits
  std::vector<Arrays> loaded = state_;
  for (std::size_t k = 0; k < loaded.size(); ++k)
    load_parameters(named(names_, loaded[k]), group.group(state_names_[k]));
  state_ = std::move(loaded);
  steps_ = steps;
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups) {
  return std::visit([&](const auto& o) { return make_optimizer(o, parameters, groups); }, options);
}

namespace {

template <std::size_t... k>
std::vector<OptimizerOptions> every_kind(std::index_sequence<k...>) {
  return {OptimizerOptions(std::in_place_index<k>)...};
}

std::string kind_of(const OptimizerOptions& options) {
  return std::visit([](const auto& o) { return std::string(o.kind); }, options);
}

}  // namespace

void describe(config::Fields& f, OptimizerOptions& options) {
  std::vector<std::pair<std::string, std::function<void()>>> kinds;
  for (const OptimizerOptions& kind :
       every_kind(std::make_index_sequence<std::variant_size_v<OptimizerOptions>>()))
    kinds.emplace_back(kind_of(kind), [&options, kind] { options = kind; });
  f.choice(
      "optimizer", [&options] { return kind_of(options); }, std::move(kinds),
      "how steps follow from gradients");
  std::visit([&](auto& o) { describe(f, o); }, options);
}

}  // namespace cartan::nn
