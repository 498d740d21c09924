#pragma once
/// MG-TFNO (Kossaifi et al. 2024, arXiv:2310.00120): a TFNO that sees a large domain patch by patch, so that
/// its memory is that of the patches.

#include <string>

#include <cartan/operators/fno.hpp>
#include <cartan/operators/patching.hpp>

namespace cartan::operators {

/// The options of the TFNO on the patches, and how the domain is cut. in_channels are those of the fields;
/// the TFNO takes the levels + 1 views of them. Its coordinates and modes are those of a patch with its
/// padding.
struct MultigridConfig : TfnoConfig {
  PatchingOptions patching{1, {0.1}, true};

  const char* kind() const override { return "mg-tfno"; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  std::unique_ptr<OperatorConfig> clone() const override;
  std::unique_ptr<Operator> make(nn::Init& init) const override;
};

/// y = stitch(TFNO(patch(x))). Parameters have the names of the TFNO's.
class Multigrid : public Operator {
 public:
  Multigrid(const MultigridConfig& config, nn::Init& init);
  const MultigridConfig& config() const override { return config_; }
  /// The same grid. Throws std::invalid_argument for one that is not cut into patches (Patching).
  Shape output_grid(const Shape& grid) const override;
  std::unique_ptr<Operator> clone() const override { return std::make_unique<Multigrid>(*this); }

 private:
  Array apply(const Array& x, nn::StateUpdate* training) const override;
  void collect(nn::ParameterRefs& parameters, nn::ParameterRefs& constants) override;

  MultigridConfig config_;
  Fno fno_;
};

}  // namespace cartan::operators
