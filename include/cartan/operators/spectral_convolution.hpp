#pragma once
/// The spectral convolution of Fourier neural operators (Li et al. 2021, arXiv:2010.08895): what the kept
/// frequencies of a field are multiplied with.

#include <string>
#include <vector>

#include <cartan/operators/spectral.hpp>
#include <cartan/operators/weights.hpp>

namespace cartan::operators {

struct SpectralOptions : WeightOptions {
  /// Frequencies a grid axis, -m/2 .. (m-1)/2; of the last axis of real fields 0 .. m/2.
  std::vector<Index> modes{16, 16};
  /// Where the number of modes grows in training: extents of the stored weights, as neuraloperator has them
  /// (of the last axis not halved); empty: those of `modes`.
  std::vector<Index> max_modes;
  bool complex_fields = false;
  /// Frequencies, rescaled grids and their interpolation as neuraloperator 2 has them (docs/operators.md
  /// lists what it does differently), rather than by frequency.
  bool compat = false;
  std::string fft_norm = "forward";  ///< forward, ortho, backward: where 1/N stands
  bool conv_bias = true;
  /// One-way convolutions: one along each axis a, with weights R_a (in, out, k_a) for its frequencies alone,
  /// in place of one of all axes. "sum": K v = sum_a K_a v (F-FNO: Tran et al. 2023, arXiv:2111.13802);
  /// "product": K v = K_d .. K_1 v, one after another (a-priori compressed filters: arXiv:2304.04964).
  /// "none".
  std::string one_way = "none";
};
void describe(config::Fields& f, SpectralOptions& o);

/// What the layers of one pass share: of one-way convolutions for each axis. A new one for every pass.
struct SpectralPass {
  std::vector<SharedCores> axes;
};

/// y = F^-1 (R F x) + b for each of `layers` layers. Parameters convs.I.weight..., convs.I.bias; of one-way
/// convolutions axes.A.convs.I.weight...
class SpectralConvolution {
 public:
  SpectralConvolution() = default;
  SpectralConvolution(const SpectralOptions& options, Index in, Index out, Index layers, DType dtype,
                      nn::Init& init);

  /// (samples, out, grid) of x (samples, in, grid).
  /// @param grid  of the result; empty: that of x. By frequency: what both grids can hold
  /// @param pass  that this is a part of: what its layers share is made once; null: for each layer
  Array operator()(const Array& x, Index layer = 0, const Shape& grid = {},
                   SpectralPass* pass = nullptr) const;
  /// The same without the bias.
  Array without_bias(const Array& x, Index layer = 0, const Shape& grid = {},
                     SpectralPass* pass = nullptr) const;

  /// How many of the stored modes are used from now on, axis by axis as in the options.
  void set_modes(const std::vector<Index>& modes);
  const std::vector<Index>& modes() const { return options_.modes; }
  /// The largest of them that the weights hold, as `max_modes` has them.
  const Shape& max_modes() const { return stored_; }
  bool one_way() const { return !axes_.empty(); }
  /// Weights that are stored for more modes than are used become zero: modes that are added later begin with
  /// nothing, and the function does not change when they are.
  void clear_unused();
  /// The parts of the squared norm of the weights that the modes beyond `inner` hold along each axis; 1 where
  /// `inner` has all that are used (two numbers of modes of a real axis may be the same frequencies).
  std::vector<double> share_beyond(const std::vector<Index>& inner) const;
  const SpectralOptions& options() const { return options_; }
  /// Of all axes together; of one-way convolutions empty.
  const SpectralWeights& weights() const { return weights_; }
  /// The convolutions of the axes, of one-way convolutions.
  const std::vector<SpectralConvolution>& axes() const { return axes_; }
  const Array& bias(Index layer) const { return bias_[static_cast<std::size_t>(layer)]; }
  void collect(const std::string& prefix, nn::ParameterRefs& out);

  /// What is read, written, and used of the weights, on a grid of x and one of y.
  struct Layout {
    KeptModes in, out;
    std::vector<ModeRange> part;
    std::vector<std::vector<Index>> used;  ///< of the kept: indices that are written; empty: all
    double before = 1, after = 1;          ///< factors of the transforms
    Index nyquist_once = -1;
    bool nyquist_real =
        false;  ///< of the plane `nyquist_once` the imaginary part is dropped after the other axes
  };
  Layout layout(const Shape& from, const Shape& to) const;
  /// The spectrum that is transformed back (samples, out, k1 .. kd); a step of operator().
  Array mixed(const Array& x, Index layer, const Layout& layout, SharedCores* shared = nullptr) const;
  Array field(const Array& spectrum, const Layout& layout) const;

 private:
  std::vector<ModeRange> used(const std::vector<Index>& modes) const;
  Array along_axes(const Array& x, Index layer, const Shape& grid, SpectralPass* pass) const;
  Array of_all_axes(const Array& x, Index layer, const Shape& grid, SharedCores* shared) const;

  SpectralOptions options_;
  Index in_ = 0, out_ = 0, layers_ = 0;
  Shape stored_;
  SpectralWeights weights_;
  std::vector<SpectralConvolution> axes_;
  Arrays bias_;
};

}  // namespace cartan::operators
