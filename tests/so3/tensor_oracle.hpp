#pragma once
// Tensor products by their definition, and random ones to compare.

#include <algorithm>
#include <cmath>
#include <random>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/convolution.hpp"
#include "cartan/so3/tables.hpp"
#include "worst.hpp"

namespace cartan::so3::oracle {

// Place of coordinate m of channel u of a term.
inline std::size_t place(const Irreps& irreps, std::size_t term, Index u, int m) {
  return irreps.offset(term) + m * irreps[term].mul + u;
}

// out += one sample of the product: every loop written out.
inline void product(const TensorProduct& tp, const double* x1, const double* x2, const double* w,
                    double* out) {
  const Irreps &in1 = tp.irreps_in1(), &in2 = tp.irreps_in2(), &irreps = tp.irreps_out();
  for (const Path& path : tp.paths()) {
    const auto [i1, i2, io, mode, has_weight, path_weight] = path.instruction;
    const auto [mul1, ir1] = in1[i1];
    const auto [mul2, ir2] = in2[i2];
    const Index mul3 = irreps[io].mul;
    const int d1 = ir1.dim(), d2 = ir2.dim(), d3 = irreps[io].ir.dim();
    const auto& c = wigner_3j(ir1.l, ir2.l, irreps[io].ir.l);
    const double* weights = w + path.weight_offset;
    for (Index u = 0; u < mul1; ++u)
      for (Index v = 0; v < mul2; ++v)
        for (Index o = 0; o < mul3; ++o) {
          double weight = 1;
          bool here = true;
          switch (mode) {
            case Mode::uvw:
              weight = weights[(u * mul2 + v) * mul3 + o];
              break;
            case Mode::uvu:
              here = o == u;
              if (has_weight) weight = weights[u * mul2 + v];
              break;
            case Mode::uvv:
              here = o == v;
              if (has_weight) weight = weights[u * mul2 + v];
              break;
            case Mode::uuw:
              here = u == v;
              if (has_weight) weight = weights[u * mul3 + o];
              break;
            case Mode::uuu:
              here = u == v && v == o;
              if (has_weight) weight = weights[u];
              break;
            case Mode::uvuv:
              here = o == u * mul2 + v;
              if (has_weight) weight = weights[u * mul2 + v];
              break;
          }
          if (!here) continue;
          for (int i = 0; i < d1; ++i)
            for (int j = 0; j < d2; ++j)
              for (int k = 0; k < d3; ++k)
                out[place(irreps, io, o, k)] += path.coefficient * weight * c[(i * d2 + j) * d3 + k] *
                                                x1[place(in1, i1, u, i)] * x2[place(in2, i2, v, j)];
        }
  }
}

// out[receiver] += product along edges; weights (edges, numel) or (numel).
inline Array convolution(const TensorProduct& tp, const std::vector<std::int32_t>& senders,
                         const std::vector<std::int32_t>& receivers, Index nodes, const Array& x,
                         const Array& y, const Array& w) {
  const Index d1 = tp.irreps_in1().dim(), d2 = tp.irreps_in2().dim(), d3 = tp.irreps_out().dim();
  std::vector<double> out(nodes * d3, 0);
  const auto xs = x.to_vector<double>(), ys = y.to_vector<double>(), ws = w.to_vector<double>();
  for (std::size_t e = 0; e < senders.size(); ++e)
    product(tp, xs.data() + senders[e] * d1, ys.data() + static_cast<Index>(e) * d2,
            ws.data() + (w.ndim() == 1 ? 0 : static_cast<Index>(e) * tp.weight_numel()),
            out.data() + receivers[e] * d3);
  return Array::from(out, {nodes, d3});
}

// Largest difference over the largest magnitude; NaN is infinite.
inline double difference(const Array& a, const Array& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0, scale = 1e-300;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (!std::isfinite(x[k])) return INFINITY;
    worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
    scale = std::max(scale, std::abs(y[k]));
  }
  return x.empty() ? 0 : worst / scale;
}

struct Dice {
  std::mt19937 engine;
  explicit Dice(unsigned seed) : engine(seed) {}
  // in [low, high]
  int operator()(int low, int high) {
    return low + static_cast<int>(engine() % static_cast<unsigned>(high - low + 1));
  }
  bool coin() { return engine() % 2 == 0; }
};

inline Index random_multiplicity(Dice& dice) {
  static const int some[] = {0, 1, 1, 2, 3, 5, 8, 16, 17, 19, 33};
  return some[dice(0, 10)];
}

inline Irreps random_irreps(Dice& dice, int lmax, int most_terms) {
  std::vector<MulIrrep> terms;
  for (int n = dice(1, most_terms); n > 0; --n)
    terms.push_back({random_multiplicity(dice), {dice(0, lmax), dice.coin() ? 1 : -1}});
  return terms;
}

// Random paths of all modes: instructions are drawn first and the output is made to fit.
inline TensorProduct random_product(unsigned seed, int lmax = 3) {
  Dice dice(seed);
  const Irreps in1 = random_irreps(dice, lmax, 3);
  std::vector<MulIrrep> second;
  for (int n = dice(1, 3); n > 0; --n)  // often as the first, so that modes uuu and uuw occur
    second.push_back({dice.coin()
                          ? in1[static_cast<std::size_t>(dice(0, static_cast<int>(in1.size()) - 1))].mul
                          : Index{dice(0, 3)},
                      {dice(0, lmax), dice.coin() ? 1 : -1}});
  const Irreps in2(second);
  std::vector<MulIrrep> out;
  std::vector<Instruction> list;
  for (int n = dice(1, 6); n > 0; --n) {
    Instruction ins;
    ins.in1 = static_cast<std::size_t>(dice(0, static_cast<int>(in1.size()) - 1));
    ins.in2 = static_cast<std::size_t>(dice(0, static_cast<int>(in2.size()) - 1));
    ins.mode = static_cast<Mode>(dice(0, 5));
    ins.has_weight = dice(0, 3) > 0 || ins.mode == Mode::uvw;
    ins.path_weight = dice.coin() ? 1 : 0.25 * dice(1, 9);
    const Index mul1 = in1[ins.in1].mul, mul2 = in2[ins.in2].mul;
    if ((ins.mode == Mode::uuu || ins.mode == Mode::uuw) && mul1 != mul2) continue;
    const auto products = in1[ins.in1].ir * in2[ins.in2].ir;
    const Irrep ir = products[static_cast<std::size_t>(dice(0, static_cast<int>(products.size()) - 1))];
    Index mul = dice(0, 6);
    if (ins.mode == Mode::uvu || ins.mode == Mode::uuu) mul = mul1;
    if (ins.mode == Mode::uvv) mul = mul2;
    if (ins.mode == Mode::uvuv) mul = mul1 * mul2;
    if (ins.mode == Mode::uuw && !ins.has_weight) mul = 1;
    const auto same = std::find(out.begin(), out.end(), MulIrrep{mul, ir});
    ins.out = static_cast<std::size_t>(same - out.begin());
    if (same == out.end()) out.push_back({mul, ir});
    list.push_back(ins);
  }
  TensorProductOptions options;
  options.irrep_normalization = static_cast<IrrepNormalization>(dice(0, 2));
  options.path_normalization = static_cast<PathNormalization>(dice(0, 2));
  return {in1, in2, Irreps(out), list, options};
}

inline Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(11, stream));
}

}  // namespace cartan::so3::oracle
