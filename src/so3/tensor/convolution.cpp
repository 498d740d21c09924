#include "cartan/so3/convolution.hpp"

#include <algorithm>
#include <set>

#include "cartan/core/error.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/tensor/state.hpp"

namespace cartan::so3 {

Convolution::Convolution(TensorProduct product, ConvolutionOptions options)
    : product_(std::move(product)), options_(options) {
  const TensorProduct::State& s = *product_.state_;
  if (options_.vectors) {
    std::set<int> degrees;
    for (const MulIrrep& t : s.in2)
      require(t.mul == 1 && degrees.insert(t.ir.l).second,
              "[convolution] harmonics of edges have each degree once, with one channel; in2 is ", s.in2);
  }
  options_.plan.validate();
  plan_ = choose({s.form->candidate(options_.plan.batch)}, options_.plan.engine);
}

// The harmonics of the terms of in2.
Array Convolution::harmonics(const EdgeList& edges, const Array& vectors) const {
  require(vectors.shape() == Shape({edges.size(), 3}), "[convolution] vectors ", vectors.shape(), " of ",
          edges.size(), " edges must be (", edges.size(), ", 3)");
  check_vectors("convolution", vectors, false);
  const Irreps& in2 = product_.irreps_in2();
  std::vector<Index> index;
  for (const MulIrrep& t : in2)
    for (Index m = 0; m < t.ir.dim(); ++m) index.push_back(Index{t.ir.l} * t.ir.l + m);
  const Array y = spherical_harmonics(vectors, std::max(in2.lmax(), 0), options_.harmonics);
  const bool all = static_cast<Index>(index.size()) == y.dim(1) && std::is_sorted(index.begin(), index.end());
  return all ? y : take_last(y, index);
}

Array Convolution::operator()(const EdgeList& edges, const Array& x, const Array& second,
                              const Array& weights) const {
  const TensorProduct::State& s = *product_.state_;
  require(x.shape() == Shape({edges.sender_nodes(), s.in1.dim()}), "[convolution] x ", x.shape(), " for ",
          edges.sender_nodes(), " nodes of ", s.in1, " must be (", edges.sender_nodes(), ", ", s.in1.dim(),
          ")");
  const Array y = options_.vectors ? harmonics(edges, second) : second;
  require(y.shape() == Shape({edges.size(), s.in2.dim()}), "[convolution] y ", y.shape(), " for ",
          edges.size(), " edges of ", s.in2, " must be (", edges.size(), ", ", s.in2.dim(), ")");
  const Array w = s.kernel_weights("convolution", weights, x);
  require(w.ndim() == 1 || (w.ndim() == 2 && w.dim(0) == edges.size()), "[convolution] weights ", w.shape(),
          " for ", edges.size(), " edges must be (", w.dim(-1), ") or (", edges.size(), ", ", w.dim(-1), ")");
  require(x.dtype() == y.dtype() && y.dtype() == w.dtype(), "[convolution] types ", x.dtype(), ", ",
          y.dtype(), " and ", w.dtype(), " differ");
  return tensor_form(s.form, &edges.senders(), &edges.receivers(), x, y, w);
}

}  // namespace cartan::so3
