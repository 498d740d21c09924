#pragma once
/// MG-TFNO (Kossaifi et al. 2024, arXiv:2310.00120): a TFNO that sees a large domain patch by patch, so that
/// its memory can be that of a few patches.

#include <optional>
#include <string>

#include <cartan/operators/fno.hpp>
#include <cartan/operators/patching.hpp>

namespace cartan::operators {

/// The options of the TFNO on the patches, and how the domain is cut. in_channels are those of the fields.
/// Its coordinates and modes are those of a patch with its padding.
struct MultigridConfig : TfnoConfig {
  PatchingOptions patching{1, {0.1}, true};
  /// How a patch learns of what is far from it: "views", the TFNO takes the levels + 1 views of the fields;
  /// "solution", a second TFNO of the same options solves the whole domain on the coarse grid, n / 2^levels.
  std::string coarse = "views";
  /// Patches that are worked on at a time, of all samples; 0: all. In training each pass is made again, so
  /// that only their tape is held.
  Index patches_at_once = 0;

  const char* kind() const override { return "mg-tfno"; }
  void describe(config::Fields& fields) override;
  void validate() const override;
  std::string summary() const override;
  std::unique_ptr<OperatorConfig> clone() const override;
  std::unique_ptr<Operator> make(nn::Init& init) const override;
};

/// y = stitch(TFNO(patch(x))) with the views, and with the coarse solution as in a two-grid method
///   u = P C(R x),  y = u + stitch(TFNO(window(x, u))),
/// R and P to the coarse grid and back (the trigonometric polynomials of periodic fields; of others linear
/// interpolation in 1D, bicubic in 2D, but truncated spectra in 3D, as if they were periodic), window: the
/// patch with its padding. Parameters have the names of the TFNO's; those of the coarse one C begin with
/// "coarse.".
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
  Array on_patches(const Array& patches, nn::StateUpdate* training) const;
  Array coarse_solution(const Array& x, nn::StateUpdate* training) const;

  MultigridConfig config_;
  Fno fno_;
  std::optional<Fno> coarse_;
};

}  // namespace cartan::operators
