#include "operators/pointwise.hpp"

#include <algorithm>
#include <stdexcept>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "operators/activation.hpp"

namespace cartan::operators {

Array pointwise_by_ops(const PointwiseParts& parts, const Arrays& in) {
  std::size_t k = 0;
  const auto column = [](const Array& a) { return reshape(a, {a.size(), 1}); };
  const Array v = in[k++];
  Array h = v;
  if (parts.spectral) {
    h = in[k] + column(in[k + 1]);
    k += 2;
    if (parts.skip) h = h + matmul(in[k++], v);
    if (parts.gelu_inside) h = gelu(h);
  }
  h = gelu(matmul(in[k], h) + column(in[k + 1]));
  Array y = matmul(in[k + 2], h) + column(in[k + 3]);
  k += 4;
  if (parts.gate) y = y + v * column(in[k]);
  return parts.gelu_outside ? gelu(y) : y;
}

namespace {

// u of h = u + b + W v.
Array first_of_sum(const PointwiseParts& parts, const Arrays& in, const Array& h) {
  const Recording off(false);
  const Array rest = reshape(in[2], {in[2].size(), 1});
  return detach(parts.skip ? h - (rest + matmul(in[3], in[0])) : h - rest);
}

}  // namespace

Array pointwise(const PointwiseParts& parts, const Arrays& in) {
  if (in[0].device() != Device::cpu) return pointwise_by_ops(parts, in);
  const bool keep = parts.spectral && recording() &&
                    std::any_of(in.begin(), in.end(), [](const Array& a) { return a.tracked(); });
  return run(std::make_shared<Pointwise>(parts, keep), in);
}

Arrays Pointwise::vjp(const Arrays& inputs, const Arrays& outputs, const Arrays& cotangents,
                      const std::vector<bool>& wanted) const {
  Arrays in = inputs;
  if (!recording()) {
    if (keep_) in[1] = outputs[1];
    in.push_back(cotangents[0]);
    return run_all(std::make_shared<PointwiseGradient>(parts_), in);
  }
  if (keep_) in[1] = first_of_sum(parts_, in, outputs[1]).with_node(in[1].node(), in[1].output());
  Arrays to;
  for (std::size_t k = 0; k < in.size(); ++k)
    if (wanted[k]) to.push_back(in[k]);
  const Arrays found = gradients({pointwise_by_ops(parts_, in)}, to, {cotangents[0]}, true);
  Arrays g(in.size());
  for (std::size_t k = 0, j = 0; k < in.size(); ++k)
    if (wanted[k]) g[k] = found[j++];
  return g;
}

Arrays PointwiseGradient::vjp(const Arrays&, const Arrays&, const Arrays&, const std::vector<bool>&) const {
  throw std::logic_error("[pointwise_gradient] is computed where nothing is recorded");
}

}  // namespace cartan::operators
