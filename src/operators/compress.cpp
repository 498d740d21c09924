#include "cartan/operators/compress.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/operators/fno.hpp"

namespace cartan::operators {
namespace {

using Complex = std::complex<double>;
using Matrix = Eigen::Matrix<Complex, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A tensor of complex numbers with its extents.
struct Tensor {
  Shape shape;
  std::vector<Complex> values;

  // left x n x right of a mode
  std::array<Index, 3> around(std::size_t mode) const {
    Index left = 1, right = 1;
    for (std::size_t k = 0; k < mode; ++k) left *= shape[k];
    for (std::size_t k = mode + 1; k < shape.size(); ++k) right *= shape[k];
    return {left, shape[mode], right};
  }
  double squared() const {
    double s = 0;
    for (const Complex& x : values) s += std::norm(x);
    return s;
  }
};

Tensor tensor_of(const Array& a) {
  const Array wide = detach(a).as(DType::c128);
  const auto* p = wide.data<Complex>();
  return {a.shape(), {p, p + a.size()}};
}

// X_(k) X_(k)^H
Matrix gram(const Tensor& x, std::size_t mode) {
  const auto [left, n, right] = x.around(mode);
  Matrix g = Matrix::Zero(n, n);
  for (Index l = 0; l < left; ++l) {
    const Eigen::Map<const Matrix> part(x.values.data() + l * n * right, n, right);
    g.noalias() += part * part.adjoint();
  }
  return g;
}

// U^H along a mode.
Tensor project(const Tensor& x, const Matrix& u, std::size_t mode) {
  const auto [left, n, right] = x.around(mode);
  Tensor y{x.shape, {}};
  y.shape[mode] = u.cols();
  y.values.resize(static_cast<std::size_t>(left * u.cols() * right));
  for (Index l = 0; l < left; ++l) {
    const Eigen::Map<const Matrix> part(x.values.data() + l * n * right, n, right);
    Eigen::Map<Matrix>(y.values.data() + l * u.cols() * right, u.cols(), right).noalias() =
        u.adjoint() * part;
  }
  return y;
}

// Of every mode the eigenvectors by falling eigenvalue, and the squared norm that the first r leave out.
struct Spectra {
  Tensor tensor;
  double squared;
  std::vector<Matrix> vectors;
  std::vector<std::vector<double>> tails;
};

Spectra spectra_of(const Array& dense) {
  Spectra s{tensor_of(dense), 0, {}, {}};
  s.squared = s.tensor.squared();
  for (std::size_t mode = 0; mode < s.tensor.shape.size(); ++mode) {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram(s.tensor, mode));
    const Index n = s.tensor.shape[mode];
    s.vectors.push_back(solver.eigenvectors().rowwise().reverse());
    std::vector<double> tails(static_cast<std::size_t>(n + 1), 0.0);
    for (Index r = n; r-- > 0;) tails[r] = tails[r + 1] + std::max(0.0, solver.eigenvalues()[n - 1 - r]);
    s.tails.push_back(tails);
  }
  return s;
}

// Least ranks for which the truncations of all modes together have an error of at most `tolerance`.
std::vector<Index> ranks_for(const Spectra& s, double tolerance) {
  std::vector<Index> ranks;
  const double share = tolerance * tolerance * s.squared / static_cast<double>(s.tails.size());
  for (const auto& tails : s.tails) {
    Index r = 1;
    while (r + 1 < static_cast<Index>(tails.size()) && tails[r] > share) ++r;
    ranks.push_back(r);
  }
  return ranks;
}

double numbers(const Shape& shape, const std::vector<Index>& ranks) {
  double core = 1, factors = 0;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    core *= static_cast<double>(ranks[k]);
    factors += static_cast<double>(shape[k] * ranks[k]);
  }
  return core + factors;
}

std::vector<Index> ranks_of_all(const std::vector<Spectra>& layers, double tolerance) {
  std::vector<Index> most(layers[0].tails.size(), 1);
  for (const Spectra& s : layers) {
    const std::vector<Index> r = ranks_for(s, tolerance);
    for (std::size_t k = 0; k < r.size(); ++k) most[k] = std::max(most[k], r[k]);
  }
  return most;
}

Array array_of(const Tensor& t, DType dtype) {
  return Array::from(t.values, t.shape).as(dtype);
}

// The same function with dense weights.
std::unique_ptr<Operator> with_dense_weights(const Fno& fno) {
  const std::shared_ptr<OperatorConfig> copy = fno.config().clone();
  auto& config = static_cast<FnoConfig&>(*copy);
  FnoConfig dense = config;
  dense.spectral.factorization = "dense", dense.spectral.rank = 1, dense.spectral.ranks.clear();
  const Shape& stored = fno.blocks().convolution().weights().modes();
  dense.spectral.max_modes.assign(stored.begin(), stored.end());
  nn::Init init = nn::Init::blank();
  std::unique_ptr<Operator> out = dense.make(init);
  const nn::ConstParameterRefs from = fno.parameters();
  for (const nn::NamedParameter& p : out->parameters()) {
    const std::string begin = "fno_blocks.convs.", end = ".weight.tensor";
    if (p.name.compare(0, begin.size(), begin) == 0 && p.name.size() > end.size() &&
        p.name.compare(p.name.size() - end.size(), end.size(), end) == 0) {
      const Index layer = std::stoll(p.name.substr(begin.size()));
      *p.value = detach(fno.blocks().convolution().weights().dense(layer));
      continue;
    }
    for (const nn::ConstNamedParameter& q : from)
      if (q.name == p.name) *p.value = detach(*q.value);
  }
  nn::copy_parameters(fno.constants(), out->constants());
  return out;
}

double norm_of(const Array& a) {
  const Array flat = is_complex(a.dtype()) ? square(real(a)) + square(imag(a)) : square(a);
  return std::sqrt(sum(flat).item());
}

}  // namespace

void describe(config::Fields& f, CompressOptions& o) {
  f("tolerance", o.tolerance, "largest relative error of the spectral weights").from(0).below(1);
  f("size", o.size, "part of the numbers of dense spectral weights that may be left").from(0).to(1);
}

CompressedModel compress(const Model& model, const CompressOptions& options, const Array& probe) {
  config::validate("compress", options);
  require((options.tolerance > 0) != (options.size > 0), "[compress] tolerance ", options.tolerance,
          " and size ", options.size, "; give one of them, above 0");
  const auto* fno = dynamic_cast<const Fno*>(&model.network());
  require(fno != nullptr, "[compress] the model is a ", model.network().kind(),
          "; fno and tfno have spectral weights");
  require(!fno->blocks().convolution().one_way(),
          "[compress] one-way weights hold one axis each and are small already");
  require(!fno->config().spectral.separable, "[compress] separable spectral weights are small already");
  const Recording off(false);
  const std::unique_ptr<Operator> dense = with_dense_weights(*fno);
  const SpectralWeights& weights = fno->blocks().convolution().weights();
  std::vector<Spectra> layers;
  for (Index l = 0; l < weights.layers(); ++l) {
    layers.push_back(spectra_of(weights.dense(l)));
    require(std::isfinite(layers.back().squared), "[compress] the weights of layer ", l, " are not finite");
  }
  const Shape shape = layers[0].tensor.shape;
  double tolerance = options.tolerance;
  if (options.size > 0) {
    const double most = options.size * static_cast<double>(size_of(shape));
    double low = 0, high = 3;  // each mode may leave out all
    for (int k = 0; k < 60; ++k) {
      const double middle = (low + high) / 2;
      (numbers(shape, ranks_of_all(layers, middle)) > most ? low : high) = middle;
    }
    tolerance = high;
    require(numbers(shape, ranks_of_all(layers, tolerance)) <= most, "[compress] ranks of 1 take more than ",
            options.size, " of the ", size_of(shape), " numbers of dense weights");
  }
  const std::vector<Index> ranks = ranks_of_all(layers, tolerance);

  FnoConfig config = static_cast<const FnoConfig&>(dense->config());
  config.spectral.factorization = "tucker", config.spectral.ranks.assign(ranks.begin(), ranks.end());
  if (fno->config().spectral.max_modes.empty() && fno->config().spectral.modes == config.spectral.modes)
    config.spectral.max_modes.clear();
  nn::Init init = nn::Init::blank();
  std::unique_ptr<Operator> made = config.make(init);
  CompressedModel out{Model(std::move(made)), {}, 0, 0, 0, 0};
  Arrays truncated;  // dense again, layer by layer
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Spectra& s = layers[l];
    Tensor core = s.tensor;
    for (std::size_t k = 0; k < shape.size(); ++k) core = project(core, s.vectors[k].leftCols(ranks[k]), k);
    const double left = std::max(0.0, s.squared - core.squared());
    out.layers.push_back({ranks, s.squared > 0 ? std::sqrt(left / s.squared) : 0, size_of(shape),
                          static_cast<Index>(numbers(shape, ranks))});
    const std::string name = text("fno_blocks.convs.", l, ".weight");
    for (const nn::NamedParameter& p : out.model.parameters()) {
      if (p.name == name + ".core") *p.value = array_of(core, p.value->dtype());
      for (std::size_t k = 0; k < shape.size(); ++k)
        if (p.name == text(name, ".factors.factor_", k)) {
          const Matrix u = s.vectors[k].leftCols(ranks[k]);
          *p.value = array_of({{shape[k], ranks[k]}, {u.data(), u.data() + u.size()}}, p.value->dtype());
        }
    }
  }
  const Operator& source = *dense;
  const nn::ConstParameterRefs from = source.parameters();
  for (const nn::NamedParameter& p : out.model.parameters())
    for (const nn::ConstNamedParameter& q : from)
      if (q.name == p.name) *p.value = *q.value;
  nn::copy_parameters(source.constants(), out.model.network().constants());
  out.model.input = model.input, out.model.output = model.output, out.model.card = model.card;
  out.parameters_before = nn::count_parameters(model.parameters());
  out.parameters_after = nn::count_parameters(static_cast<const Model&>(out.model).parameters());
  if (probe.empty()) return out;

  // What the weights' change does to the output: in first order, and as it is.
  const Array x = probe.as(model.config().field_dtype());
  const Array before = model.predict(x);
  out.measured = norm_of(out.model.predict(x) - before) / norm_of(before);
  const auto& small = static_cast<const Fno&>(out.model.network()).blocks().convolution().weights();
  std::vector<Array*> places;
  Arrays at, change;
  for (const nn::NamedParameter& p : dense->parameters())
    for (std::size_t l = 0; l < layers.size(); ++l)
      if (p.name == text("fno_blocks.convs.", l, ".weight.tensor")) {
        places.push_back(p.value);
        at.push_back(*p.value);
        change.push_back(detach(small.dense(static_cast<Index>(l))) - *p.value);
      }
  double squares = 0, scale = 0;
  for (Index b = 0; b < x.dim(0); ++b) {  // a sample at a time: the tape keeps its fields
    const Recording on(true);
    const Function f = [&](const Arrays& w) {
      for (std::size_t k = 0; k < places.size(); ++k) *places[k] = w[k];
      return Arrays{model.output.restore((*dense)(model.input.normalize(x.rows(b, b + 1))))};
    };
    const auto [value, slope] = jvp(f, at, change);
    squares += std::pow(norm_of(detach(slope[0])), 2);
    scale += std::pow(norm_of(detach(value[0])), 2);
  }
  out.predicted = std::sqrt(squares / scale);
  return out;
}

}  // namespace cartan::operators
