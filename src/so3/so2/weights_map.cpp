// Weights of tensor products with harmonics as weights of SO(2) convolutions, and back.
#include <cmath>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/edge_convolution.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"

namespace cartan::so3 {
namespace {

bool is_polar(const Irreps& irreps) {
  return std::all_of(irreps.begin(), irreps.end(),
                     [](const MulIrrep& t) { return t.ir.p == (t.ir.l % 2 == 0 ? 1 : -1); });
}
bool is_axial(const Irreps& irreps) {
  return std::all_of(irreps.begin(), irreps.end(), [](const MulIrrep& t) { return t.ir.p == 1; });
}

// Y_l0 along the polar axis
double harmonic_at_pole(int l, Normalization n) {
  switch (n) {
    case Normalization::norm:
      return 1;
    case Normalization::integral:
      return std::sqrt((2 * l + 1) / (4 * std::acos(-1.0)));
    default:
      return std::sqrt(2.0 * l + 1);
  }
}

SO2Convolution convolution_of(const TensorProduct& product, int mmax) {
  const std::string why = SO2Weights::why_not(product);
  require(why.empty(), "[so2_weights] ", why);
  SO2Options options;
  options.mmax = mmax;
  options.parity = is_polar(product.irreps_in2());
  options.channelwise = product.paths().front().instruction.mode == Mode::uvu;
  std::set<std::array<std::size_t, 2>> pairs;  // joined by one degree of the harmonics or by several
  for (const Path& p : product.paths()) pairs.insert({p.instruction.out, p.instruction.in1});
  options.pairs.assign(pairs.begin(), pairs.end());
  return {product.irreps_in1(), product.irreps_out(), std::move(options)};
}

}  // namespace

// A linear map of the last axis, block by block, or its adjoint.
class SO2Weights::Map : public Primitive {
 public:
  Map(std::shared_ptr<const std::vector<Entry>> entries, Index from, Index to, bool adjoint)
      : entries_(std::move(entries)), from_(from), to_(to), adjoint_(adjoint) {}
  const char* name() const override { return "so2_weights"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index n = adjoint_ ? from_ : to_, size = adjoint_ ? to_ : from_;
    Shape shape = in[0].shape();
    shape.back() = n;
    Array out = Array::zeros(shape, in[0].dtype());
    if (out.empty() || in[0].empty()) return {out};
    dispatch_real("so2_weights", out.dtype(), [&]<class T>(T) {
      const T* x = in[0].data<T>();
      T* y = out.mutable_data<T>();
      parallel_for(in[0].size() / size, 64, [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r)
          for (const Entry& e : *entries_) {
            const T value = static_cast<T>(e.value);
            const T* source = x + r * size + (adjoint_ ? e.to : e.from);
            T* target = y + r * n + (adjoint_ ? e.from : e.to);
            if (!e.transposed) {
              for (Index k = 0; k < e.rows * e.columns; ++k) target[k] += value * source[k];
            } else {
              const Index rows = adjoint_ ? e.columns : e.rows, columns = adjoint_ ? e.rows : e.columns;
              for (Index i = 0; i < rows; ++i)
                for (Index j = 0; j < columns; ++j) target[i * columns + j] += value * source[j * rows + i];
            }
          }
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {run(std::make_shared<Map>(entries_, from_, to_, !adjoint_), {c})};
  }

 private:
  std::shared_ptr<const std::vector<Entry>> entries_;
  Index from_, to_;
  bool adjoint_;
};

std::string SO2Weights::why_not(const TensorProduct& product) {
  const Irreps& in2 = product.irreps_in2();
  if (product.paths().empty()) return "there are no paths";
  if (!is_polar(in2) && !is_axial(in2))
    return text("the parities of ", in2, " are neither (-1)^l nor all even");
  const Mode mode = product.paths().front().instruction.mode;
  std::vector<std::array<std::size_t, 3>> seen;
  for (const MulIrrep& t : in2)
    if (t.mul != 1) return text("a degree of ", in2, " has not one channel");
  for (const Path& p : product.paths()) {
    const Instruction& ins = p.instruction;
    if ((mode != Mode::uvw && mode != Mode::uvu) || ins.mode != mode)
      return "not all paths are uvw, or all uvu";
    if (!ins.has_weight) return "a path has no weights";
    const std::array<std::size_t, 3> key{ins.in1, static_cast<std::size_t>(in2[ins.in2].ir.l), ins.out};
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) return "two paths join the same terms";
    seen.push_back(key);
  }
  return "";
}

SO2Weights::SO2Weights(const TensorProduct& product, Normalization normalization, int mmax)
    : convolution_(convolution_of(product, mmax)), product_size_(product.weight_numel()) {
  auto there = std::make_shared<std::vector<Entry>>(), back = std::make_shared<std::vector<Entry>>();
  const bool channelwise = convolution_.options().channelwise;
  for (const auto& b : convolution_.blocks())
    for (const Path& p : product.paths()) {
      if (p.instruction.out != b.out || p.instruction.in1 != b.in) continue;
      const int l = product.irreps_in1()[b.in].ir.l, lf = product.irreps_in2()[p.instruction.in2].ir.l,
                k = product.irreps_out()[b.out].ir.l;
      const auto& c = wigner_3j(l, lf, k);
      // z'_m from z_m, or z'_-m from z_m
      const double coupling = c[((l + b.m) * (2 * lf + 1) + lf) * (2 * k + 1) + k + (b.sine ? -b.m : b.m)];
      if (coupling == 0) continue;
      const double pole = harmonic_at_pole(lf, normalization) * p.coefficient;
      const Index columns = channelwise ? 1 : b.columns;
      there->push_back({b.offset, p.weight_offset, b.rows, columns, !channelwise, pole * coupling});
      // for fixed lf the squares of C[i, lf 0, k] sum to 1/(2 lf + 1), those of different lf are orthogonal
      const double inverse = (2 * lf + 1) * coupling * (b.m == 0 ? 1 : 2) / pole;
      if (pole != 0) back->push_back({p.weight_offset, b.offset, columns, b.rows, !channelwise, inverse});
    }
  there_ = std::move(there), back_ = std::move(back);
}

Array SO2Weights::from_tensor_product(const Array& weights) const {
  require(weights.ndim() >= 1 && weights.dim(-1) == product_size_, "[so2_weights] weights ", weights.shape(),
          " of the product: the last axis must have ", product_size_);
  return run(std::make_shared<Map>(there_, product_size_, convolution_.weight_size(), false), {weights});
}

Array SO2Weights::to_tensor_product(const Array& weights) const {
  require(weights.ndim() >= 1 && weights.dim(-1) == convolution_.weight_size(), "[so2_weights] weights ",
          weights.shape(), " of the SO(2) convolution: the last axis must have ", convolution_.weight_size());
  const int full = std::min(convolution_.irreps_in().lmax(), convolution_.irreps_out().lmax());
  require(convolution_.options().mmax == full, "[so2_weights] mmax ", convolution_.options().mmax,
          " drops orders: the way back needs all of them, mmax ", full);
  return run(std::make_shared<Map>(back_, convolution_.weight_size(), product_size_, false), {weights});
}

double SO2Weights::flops() const {
  double flops = 0;
  for (const Entry& e : *there_) flops += 2.0 * static_cast<double>(e.rows * e.columns);
  return flops;
}

}  // namespace cartan::so3
