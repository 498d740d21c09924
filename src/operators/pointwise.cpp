#include "operators/pointwise.hpp"

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

Array pointwise(const PointwiseParts& parts, const Arrays& in) {
  if (in[0].device() != Device::cpu) return pointwise_by_ops(parts, in);
  return run(std::make_shared<Pointwise>(parts), in);
}

Arrays Pointwise::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                      const std::vector<bool>& wanted) const {
  if (!recording()) {
    Arrays with = in;
    with.push_back(cotangents[0]);
    return run_all(std::make_shared<PointwiseGradient>(parts_), with);
  }
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
