#include "cartan/operators/multigrid.hpp"

#include <algorithm>

#include "cartan/autodiff/checkpoint.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "operators/resample.hpp"

namespace cartan::operators {
namespace {

bool by_views(const MultigridConfig& c) {
  return c.coarse == "views";
}

// Of the operator on the patches.
std::shared_ptr<const FnoConfig> config_of_patches(const MultigridConfig& c) {
  auto out = std::make_shared<TfnoConfig>(c);
  if (by_views(c))
    out->in_channels *= c.patching.levels + 1;
  else
    out->in_channels += c.out_channels;
  return out;
}

// To another grid of the same domain.
Array resample(const Array& x, const Shape& grid, bool periodic) {
  return periodic ? resample_spectral(x, grid) : resample_compat(x, grid);
}

Shape grid_of(const Array& x) {
  return {x.shape().begin() + 2, x.shape().end()};
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
  f("coarse", coarse,
    "how a patch learns of what is far: coarser views, or the solution of a TFNO on the coarse grid")
      .one_of({"views", "solution"})
      .added_later();
  f("patches_at_once", patches_at_once,
    "patches that are worked on at a time; fewer take less memory, and more time in training; 0: all")
      .from(0)
      .added_later();
}

void MultigridConfig::validate() const {
  TfnoConfig::validate();
  require(patching.padding.size() == 1 || patching.padding.size() == spectral.modes.size(), "[", kind(),
          "] patch_padding has ", patching.padding.size(), " numbers; give ", spectral.modes.size(),
          ", or one");
  require(std::all_of(resolution_scaling.begin(), resolution_scaling.end(), [](double s) { return s == 1; }),
          "[", kind(),
          "] patches are put together on the grid they were cut from; leave resolution_scaling out");
  require(patches_at_once == 0 || norm != "batch", "[", kind(),
          "] norm batch needs all patches of a batch; leave patches_at_once out, or take another norm");
}

std::string MultigridConfig::summary() const {
  return text("MG-T", FnoConfig::summary(), ", ", Index{1} << patching.levels, " patches an axis",
              by_views(*this) ? "" : " and a coarse solution");
}

std::unique_ptr<OperatorConfig> MultigridConfig::clone() const {
  return std::make_unique<MultigridConfig>(*this);
}
std::unique_ptr<Operator> MultigridConfig::make(nn::Init& init) const {
  return std::make_unique<Multigrid>(*this, init);
}

Multigrid::Multigrid(const MultigridConfig& config, nn::Init& init)
    : config_(config), fno_((config.validate(), config_of_patches(config)), init) {
  if (!by_views(config)) coarse_.emplace(std::make_shared<TfnoConfig>(config), init);
}

Shape Multigrid::output_grid(const Shape& grid) const {
  return Patching(config_.patching, grid).grid();
}

Array Multigrid::apply(const Array& x, nn::StateUpdate* training) const {
  const Patching patching(config_.patching, grid_of(x));
  if (by_views(config_)) return patching.stitch(on_patches(patching.patch(x), training));
  const Array u = coarse_solution(x, training);
  return u + patching.stitch(on_patches(patching.view(concatenate({x, u}, 1), 0), training));
}

Array Multigrid::coarse_solution(const Array& x, nn::StateUpdate* training) const {
  const Shape grid = grid_of(x);
  Shape coarse = grid;
  for (Index& n : coarse) n >>= config_.patching.levels;
  const bool periodic = config_.patching.periodic;
  const Array seen = resample(x, coarse, periodic);
  return resample(training ? coarse_->train(seen, *training) : (*coarse_)(seen), grid, periodic);
}

Array Multigrid::on_patches(const Array& patches, nn::StateUpdate* training) const {
  const Index rows = patches.dim(0), some = config_.patches_at_once;
  if (some == 0 || some >= rows) return training ? fno_.train(patches, *training) : fno_(patches);
  Blocks blocks;
  for (Index row = 0; row < rows; row += some) blocks.push_back(row);
  blocks.push_back(rows);
  auto fno = std::make_shared<Fno>(fno_);
  Arrays in{patches};
  std::vector<Blocks> of_in{blocks};
  for (const nn::NamedParameter& p : fno->parameters()) in.push_back(*p.value), of_in.emplace_back();
  const auto block = [fno](std::size_t, const Arrays& a) {
    Fno with(*fno);
    std::size_t k = 0;
    for (const nn::NamedParameter& p : with.parameters()) *p.value = a[++k];
    return Arrays{with(a[0])};
  };
  return checkpoint_blocks(block, blocks.size() - 1, in, of_in, {blocks})[0];
}

void Multigrid::collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) {
  for (const nn::NamedParameter& p : fno_.parameters()) parameters.push_back(p);
  for (const nn::NamedParameter& p : fno_.constants()) constants.push_back(p);
  if (!coarse_) return;
  const auto add = [](const nn::ParameterRefs& from, nn::ParameterRefs& to) {
    for (nn::NamedParameter p : from) {
      p.name = "coarse." + p.name;
      to.push_back(std::move(p));
    }
  };
  add(coarse_->parameters(), parameters);
  add(coarse_->constants(), constants);
}

}  // namespace cartan::operators
