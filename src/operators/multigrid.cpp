#include "cartan/operators/multigrid.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"

namespace cartan::operators {
namespace {

// Of the operator on the patches.
std::shared_ptr<const FnoConfig> config_of_patches(const MultigridConfig& c) {
  auto out = std::make_shared<TfnoConfig>(c);
  out->in_channels *= c.patching.levels + 1;
  return out;
}

}  // namespace

void MultigridConfig::describe(config::Fields& f) {
  TfnoConfig::describe(f);
  f("levels", patching.levels, "halvings of the domain along each axis, and coarser views of a patch")
      .from(0)
      .to(16);
  f("patch_padding", patching.padding, "part of the extent of the domain that is added around a patch")
      .from(0)
      .to(4);
  f("periodic", patching.periodic, "beyond the border is the other side; else the values at the border");
}

void MultigridConfig::validate() const {
  TfnoConfig::validate();
  require(patching.padding.size() == 1 || patching.padding.size() == spectral.modes.size(), "[", kind(),
          "] patch_padding has ", patching.padding.size(), " numbers; give ", spectral.modes.size(),
          ", or one");
  require(std::all_of(resolution_scaling.begin(), resolution_scaling.end(), [](double s) { return s == 1; }),
          "[", kind(),
          "] patches are put together on the grid they were cut from; leave resolution_scaling out");
}

std::string MultigridConfig::summary() const {
  return text("MG-T", FnoConfig::summary(), ", ", Index{1} << patching.levels, " patches an axis");
}

std::unique_ptr<OperatorConfig> MultigridConfig::clone() const {
  return std::make_unique<MultigridConfig>(*this);
}
std::unique_ptr<Operator> MultigridConfig::make(nn::Init& init) const {
  return std::make_unique<Multigrid>(*this, init);
}

Multigrid::Multigrid(const MultigridConfig& config, nn::Init& init)
    : config_(config), fno_((config.validate(), config_of_patches(config)), init) {}

Shape Multigrid::output_grid(const Shape& grid) const {
  return Patching(config_.patching, grid).grid();
}

Array Multigrid::apply(const Array& x, nn::StateUpdate* training) const {
  const Patching patching(config_.patching, Shape(x.shape().begin() + 2, x.shape().end()));
  const Array patches = patching.patch(x);
  return patching.stitch(training ? fno_.train(patches, *training) : fno_(patches));
}

void Multigrid::collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) {
  for (const nn::NamedParameter& p : fno_.parameters()) parameters.push_back(p);
  for (const nn::NamedParameter& p : fno_.constants()) constants.push_back(p);
}

}  // namespace cartan::operators
