#include "cartan/so3/so2_convolution.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/so2/form.hpp"

namespace cartan::so3 {
namespace {

bool is_natural(Irrep ir) {
  return ir.p == (ir.l % 2 == 0 ? 1 : -1);
}

SO2Side make_side(const Irreps& irreps, int mmax, bool parity, bool framed) {
  SO2Side side;
  const Irreps rows = framed ? in_frames(irreps, mmax) : irreps;
  side.framed = framed;
  side.dim = rows.dim();
  side.lmax = std::max(irreps.lmax(), 0);
  for (std::size_t k = 0; k < irreps.size(); ++k)
    side.terms.push_back({irreps[k].ir.l, irreps[k].mul, round_up(irreps[k].mul, pad_channels),
                          rows.offset(k), parity && !is_natural(irreps[k].ir)});
  side.dense = framed && std::all_of(side.terms.begin(), side.terms.end(),
                                     [](const SO2Side::Term& t) { return t.mul == t.padded; });
  for (int m = 0; m <= mmax; ++m) {
    Index columns = 0;
    std::vector<Index> column;
    for (const auto& t : side.terms) {
      column.push_back(t.l >= m ? columns : -1);
      if (t.l >= m) columns += t.padded;
    }
    side.columns.push_back(columns);
    side.column.push_back(std::move(column));
  }
  return side;
}

bool has_own_rows(const Indices& rows) {
  const auto& begin = rows.inverse_begin();
  for (std::size_t k = 0; k + 1 < begin.size(); ++k)
    if (begin[k + 1] != begin[k] + 1) return false;
  return true;
}

}  // namespace

Irreps in_frames(const Irreps& irreps, int mmax) {
  std::vector<MulIrrep> terms(irreps.begin(), irreps.end());
  for (MulIrrep& t : terms) t.ir.l = std::min(t.ir.l, mmax);
  return Irreps(std::move(terms));
}

SO2Convolution::SO2Convolution(Irreps in, Irreps out, SO2Options options) {
  require(in.lmax() >= 0 && out.lmax() >= 0, "[so2_convolution] from ", in, " to ", out,
          ": both sides need at least one channel");
  require(options.mmax >= -1, "[so2_convolution] mmax ", options.mmax, ": an order, or -1 for all");
  require(!options.from_frames || !options.to_frames,
          "[so2_convolution] from frames to frames: it would not see the edges");
  require(options.kept_bytes >= 0, "[so2_convolution] kept_bytes ", options.kept_bytes,
          ": a number of bytes, 0 to keep nothing");
  const int largest = std::min(in.lmax(), out.lmax());
  auto s = std::make_shared<SO2Shape>();
  s->in = std::move(in), s->out = std::move(out);
  s->mmax = options.mmax < 0 ? largest : std::min(options.mmax, largest);
  s->parity = options.parity, s->channelwise = options.channelwise;
  s->from = make_side(s->in, s->mmax, s->parity && !s->channelwise, options.from_frames);
  s->to = make_side(s->out, s->mmax, s->parity && !s->channelwise, options.to_frames);
  std::vector<bool> joined(s->out.size() * s->in.size(), options.pairs.empty());
  for (const auto& [o, i] : options.pairs) {
    require(o < s->out.size() && i < s->in.size(), "[so2_convolution] the pair (", o, ", ", i,
            ") names no terms of ", s->out, " and ", s->in);
    require(!s->channelwise || s->out[o].mul == s->in[i].mul, "[so2_convolution] channelwise from ",
            s->in[i].mul, " to ", s->out[o].mul, " channels: they must be as many");
    require(!joined[o * s->in.size() + i], "[so2_convolution] the pair (", o, ", ", i, ") is given twice");
    joined[o * s->in.size() + i] = true;
  }
  for (int m = 0; m <= s->mmax; ++m) {
    for (bool sine : {false, true})
      for (std::size_t o = 0; o < s->out.size(); ++o)
        for (std::size_t i = 0; i < s->in.size(); ++i) {
          const MulIrrep &a = s->out[o], &b = s->in[i];
          if (!joined[o * s->in.size() + i] || a.ir.l < m || b.ir.l < m || (sine && m == 0)) continue;
          if (s->parity && sine != (is_natural(a.ir) != is_natural(b.ir))) continue;
          if (s->channelwise && a.mul != b.mul) continue;
          const Index columns = s->channelwise ? 1 : b.mul;
          s->blocks.push_back({m, sine, o, i, s->weight_size, a.mul, columns});
          s->weight_size = size_of(Shape{s->weight_size + size_of(Shape{a.mul, columns})});
        }
    s->radial_place.emplace_back();
    for (const auto& t : s->in) {
      s->radial_place.back().push_back(s->radial_size);
      if (t.ir.l >= m && !s->channelwise) s->radial_size = size_of(Shape{s->radial_size + t.mul});
    }
  }
  s->options = std::move(options);
  s->options.mmax = s->mmax;
  shape_ = std::move(s);
}

const Irreps& SO2Convolution::irreps_in() const {
  return shape_->in;
}
const Irreps& SO2Convolution::irreps_out() const {
  return shape_->out;
}
const SO2Options& SO2Convolution::options() const {
  return shape_->options;
}
const std::vector<SO2Convolution::Block>& SO2Convolution::blocks() const {
  return shape_->blocks;
}
Index SO2Convolution::weight_size() const {
  return shape_->weight_size;
}
Index SO2Convolution::radial_size() const {
  return shape_->radial_size;
}

double SO2Convolution::flops_per_edge() const {
  double flops = 0;
  for (const auto& b : shape_->blocks) {
    const double pairs = b.m == 0 ? 1 : 2;
    flops += 2 * pairs * static_cast<double>(b.rows) * static_cast<double>(b.columns);
  }
  const SO2Options& options = shape_->options;
  for (const auto& [side, framed] :
       {std::pair{&shape_->in, options.from_frames}, {&shape_->out, options.to_frames}})
    for (const auto& t : *side)
      if (!framed) flops += 2.0 * static_cast<double>(t.dim()) * (2 * std::min(t.ir.l, shape_->mmax) + 1);
  return flops;
}

Array SO2Convolution::operator()(const EdgeList& edges, const Array& x, const Array& vectors,
                                 const Array& weights, const Array& radial) const {
  const Index n = edges.size();
  const DType dtype = x.dtype();
  require(is_real(dtype) && weights.dtype() == dtype && vectors.dtype() == dtype &&
              (radial.empty() || radial.dtype() == dtype),
          "[so2_convolution] types of x, vectors, weights, radial: ", dtype, ", ", vectors.dtype(), ", ",
          weights.dtype(), ", ", radial.dtype(), ": all float32 or all float64; use cast");
  require(x.shape() == Shape({edges.sender_nodes(), shape_->from.dim}), "[so2_convolution] x ", x.shape(),
          ": it must be (", edges.sender_nodes(), ", ", shape_->from.dim, ") for ", shape_->in);
  const Shape size = shape_->channelwise ? Shape{n, shape_->weight_size} : Shape{shape_->weight_size};
  require(weights.shape() == size, "[so2_convolution] weights ", weights.shape(), ": they must be ", size);
  require(vectors.shape() == Shape({n, 3}), "[so2_convolution] vectors ", vectors.shape(), ": they must be (",
          n, ", 3), one an edge");
  const bool scaled = !radial.empty();
  require(!scaled || radial.shape() == Shape({n, shape_->radial_size}), "[so2_convolution] radial ",
          radial.shape(), ": it must be (", n, ", ", shape_->radial_size, ") or empty");
  for (const auto& [framed, rows] :
       {std::pair{shape_->from.framed, &edges.senders()}, {shape_->to.framed, &edges.receivers()}})
    require(!framed || has_own_rows(*rows),
            "[so2_convolution] in the frames of edges every edge has a row of its own");
  check_vectors("so2_convolution", vectors);
  Arrays in{x, vectors, weights};
  if (scaled) in.push_back(radial);
  return SO2Form::convolve(shape_, edges, scaled, std::move(in));
}

namespace {

// Shapes of fairchem's matrices, and where each of their elements, one after the other, lies in our weights.
struct FairchemOrder {
  explicit FairchemOrder(const SO2Convolution& c) {
    const SO2Options& options = c.options();
    require(!options.parity && !options.channelwise && options.pairs.empty(),
            "[so2_weights] fairchem's convolutions have no parity, shared weights and all pairs of terms");
    const auto channels = [](const Irreps& irreps, int m, std::size_t end) {
      Index n = 0;
      for (std::size_t k = 0; k < end; ++k)
        if (irreps[k].ir.l >= m) n += irreps[k].mul;
      return n;
    };
    const Irreps &in = c.irreps_in(), &out = c.irreps_out();
    Index begin = 0;
    for (int m = 0; m <= options.mmax; ++m) {
      const Index rows = channels(out, m, out.size()), columns = channels(in, m, in.size());
      shapes.push_back({m == 0 ? rows : 2 * rows, columns});
      place.resize(begin + size_of(shapes.back()));
      for (const auto& b : c.blocks()) {
        if (b.m != m) continue;
        const Index row = channels(out, m, b.out) + (b.sine ? rows : 0), column = channels(in, m, b.in);
        for (Index i = 0; i < b.rows; ++i)
          for (Index j = 0; j < b.columns; ++j)
            place[begin + (row + i) * columns + column + j] = b.offset + i * b.columns + j;
      }
      begin = static_cast<Index>(place.size());
    }
  }
  std::vector<Shape> shapes;
  std::vector<Index> place;
};

}  // namespace

Array so2_weights_from_fairchem(const SO2Convolution& convolution, const Arrays& matrices) {
  const FairchemOrder order(convolution);
  require(matrices.size() == order.shapes.size(), "[so2_weights] ", matrices.size(), " matrices for ",
          order.shapes.size(), " orders: one of each");
  Arrays flat;
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    require(matrices[m].shape() == order.shapes[m], "[so2_weights] the matrix of order ", m, " is ",
            matrices[m].shape(), ": it must be ", order.shapes[m]);
    flat.push_back(reshape(matrices[m], {-1}));
  }
  std::vector<Index> inverse(order.place.size());
  for (std::size_t k = 0; k < inverse.size(); ++k) inverse[order.place[k]] = static_cast<Index>(k);
  return take_last(concatenate(flat, 0), inverse);
}

Arrays so2_weights_to_fairchem(const SO2Convolution& convolution, const Array& weights) {
  const FairchemOrder order(convolution);
  require(weights.shape() == Shape({convolution.weight_size()}), "[so2_weights] weights ", weights.shape(),
          ": they must be (", convolution.weight_size(), ")");
  const Array flat = take_last(weights, order.place);
  Arrays out;
  Index begin = 0;
  for (const Shape& shape : order.shapes) {
    out.push_back(reshape(slice(flat, 0, begin, begin + size_of(shape)), shape));
    begin += size_of(shape);
  }
  return out;
}

}  // namespace cartan::so3
