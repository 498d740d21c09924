#include "cartan/so3/edge_convolution.hpp"

#include <cmath>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/directions.hpp"

namespace cartan::so3 {
namespace {

// Rates measured on one core with AVX-512 in float32, and how many edges share a node.
constexpr double gemm_flops = 110e9, filter_flops = 45e9, channel_flops = 18e9, map_flops = 6e9,
                 bandwidth = 10e9;
constexpr double edges_per_node = 20;

// Per path and channel a product with the filter's matrix (the pairs (i, k) that some j couples); shared
// weights that join channels are applied once a node.
Candidate cost_of_coefficients(const TensorProduct& p, double edges) {
  Candidate c;
  c.engine = "cg";
  double products = 0, mixing = 0;
  for (const Path& path : p.paths()) {
    const Instruction& ins = path.instruction;
    const MulIrrep &a = p.irreps_in1()[ins.in1], &b = p.irreps_out()[ins.out];
    std::set<std::pair<int, int>> pairs;
    for (const Coupling& k : couplings(a.ir.l, p.irreps_in2()[ins.in2].ir.l, b.ir.l))
      pairs.insert({k.i, k.k});
    products += 2.0 * static_cast<double>(pairs.size()) * static_cast<double>(a.mul);
    if (ins.mode == Mode::uvw) mixing += 2.0 * static_cast<double>(a.mul) * static_cast<double>(b.dim());
  }
  const bool per_edge = mixing == 0;
  mixing *= edges / edges_per_node;
  c.flops = edges * products + mixing;
  c.bytes =
      4 * edges *
      static_cast<double>(p.irreps_in1().dim() + p.irreps_out().dim() + (per_edge ? p.weight_numel() : 0));
  c.seconds = edges * products / filter_flops + mixing / gemm_flops + c.bytes / bandwidth;
  return c;
}

}  // namespace

EdgeConvolution::EdgeConvolution(TensorProduct product, Normalization normalization, const PlanOptions& plan)
    : convolution_(std::move(product)), harmonics_{true, normalization} {
  const TensorProduct& p = convolution_.product();
  const Irreps& in2 = p.irreps_in2();
  for (const MulIrrep& t : in2) {
    require(t.mul == 1, "[edge_convolution] the second input ", in2, " must have one channel of each irrep");
    for (int m = 0; m <= 2 * t.ir.l; ++m) columns_.push_back(Index{t.ir.l} * t.ir.l + m);
  }
  plan.validate();
  const double edges = static_cast<double>(plan.batch);
  Candidate cg = cost_of_coefficients(p, edges), escn;
  escn.engine = "escn";
  escn.why_not = SO2Weights::why_not(p);
  if (escn.possible()) {
    so2_ = std::make_shared<const SO2Weights>(p, normalization);
    const SO2Convolution& c = so2_->convolution();
    const bool channelwise = c.options().channelwise;
    const double work = c.flops_per_edge() * edges, map = so2_->flops() * (channelwise ? edges : 1);
    escn.flops = work + map;
    escn.bytes = 4 * edges * static_cast<double>(c.irreps_in().dim() + c.irreps_out().dim()) +
                 8.0 * static_cast<double>(c.weight_size()) * (channelwise ? edges : 1);
    escn.seconds =
        work / (channelwise ? channel_flops : gemm_flops) + map / map_flops + escn.bytes / bandwidth;
  }
  std::vector<Candidate> candidates{cg, escn};
  if (plan.measure) {
    const Index n = plan.batch, nodes = n / 20 + 1;
    std::vector<std::int32_t> senders, receivers;
    for (Index e = 0; e < n; ++e) {
      senders.push_back(static_cast<std::int32_t>(e * 7919 % nodes));
      receivers.push_back(static_cast<std::int32_t>(e * nodes / n));
    }
    const EdgeList list(senders, receivers, nodes);
    const bool uvu = p.paths().empty() || p.paths().front().instruction.mode == Mode::uvu;
    const Array x = random_normal({nodes, p.irreps_in1().dim()}, DType::f32, Random(1, 1)),
                r = random_normal({n, 3}, DType::f32, Random(1, 2)),
                w = random_normal(uvu ? Shape{n, p.weight_numel()} : Shape{p.weight_numel()}, DType::f32,
                                  Random(1, 3));
    for (Candidate& c : candidates)
      if (c.possible()) cartan::measure(c, [&] { run(c.engine == "escn", list, x, r, w); });
  }
  plan_ = choose(std::move(candidates), plan.engine);
}

Array EdgeConvolution::run(bool in_frames, const EdgeList& edges, const Array& x, const Array& vectors,
                           const Array& weights) const {
  const TensorProduct& p = product();
  if (!in_frames) {
    const Array y = spherical_harmonics(vectors, std::max(p.irreps_in2().lmax(), 0), harmonics_);
    return convolution_(
        edges, x, static_cast<Index>(columns_.size()) == y.dim(1) ? y : take_last(y, columns_), weights);
  }
  const SO2Convolution& c = so2_->convolution();
  Array w = so2_->from_tensor_product(weights);
  if (c.options().channelwise && w.ndim() == 1) w = broadcast_to(w, {edges.size(), c.weight_size()});
  return c(edges, x, vectors, w);
}

Array EdgeConvolution::operator()(const EdgeList& edges, const Array& x, const Array& vectors,
                                  const Array& weights) const {
  require(vectors.shape() == Shape({edges.size(), 3}) && is_real(vectors.dtype()),
          "[edge_convolution] vectors ", vectors.shape(), " ", vectors.dtype(), ": they must be real, (",
          edges.size(), ", 3)");
  check_vectors("edge_convolution", vectors);
  bool in_frames = plan_.engine == "escn";
  if (in_frames && !so2_->convolution().options().channelwise && weights.ndim() != 1) {
    require(!plan_.forced, "[edge_convolution] weights ", weights.shape(),
            " of every edge in mode uvw: the engine escn, which was asked for, needs shared ones");
    in_frames = false;
  }
  return run(in_frames, edges, x, vectors, weights);
}

}  // namespace cartan::so3
