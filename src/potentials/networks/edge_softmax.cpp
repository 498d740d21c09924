#include "potentials/networks/edge_softmax.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"

namespace cartan::potentials {
namespace {

constexpr double tiny = 1e-16;     // in T
constexpr double nothing = 1e-20;  // an envelope that no weight comes from

// m (receivers, heads), on the host: a pass over the logits that records nothing.
Array largest_logits(const Array& logits, const Array& envelope, const Indices& receivers) {
  const Array a = detach(logits).to(Device::cpu);
  const Array u = envelope.empty() ? Array() : detach(envelope).to(Device::cpu);
  const Index heads = a.dim(1);
  Array out = Array::full({receivers.extent(), heads}, std::log(tiny), a.dtype());
  dispatch_real("edge_softmax", a.dtype(), [&]<class T>(T) {
    const T* value = a.data<T>();
    const T* factor = u.empty() ? nullptr : u.data<T>();
    T* m = out.mutable_data<T>();
    const auto& begin = receivers.inverse_begin();
    parallel_for(receivers.extent(), 64, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i)
        for (Index k = begin[i]; k < begin[i + 1]; ++k) {
          const Index e = receivers.inverse()[k];
          const double f = factor ? static_cast<double>(factor[e]) : 1;
          if (!(f > nothing)) continue;
          const T more = static_cast<T>(std::log(f));
          for (Index h = 0; h < heads; ++h)
            m[i * heads + h] = std::max(m[i * heads + h], value[e * heads + h] + more);
        }
    });
  });
  return out.to(logits.device());
}

}  // namespace

EdgeSoftmax edge_softmax(const Array& logits, const Array& envelope, const Indices& receivers) {
  require(logits.ndim() == 2 && logits.dim(0) == receivers.size() && is_real(logits.dtype()),
          "[edge_softmax] logits ", logits.shape(), " ", logits.dtype(), ": they must be real, (",
          receivers.size(), ", heads)");
  require(envelope.empty() || envelope.shape() == Shape({receivers.size(), 1}), "[edge_softmax] envelope ",
          envelope.shape(), ": it must be (", receivers.size(), ", 1) or empty");
  const Array m = largest_logits(logits, envelope, receivers);
  Array weight;
  if (envelope.empty()) {
    weight = exp(logits - gather(m, receivers));
  } else {
    // a_e - m_i <= -log u_e; where nothing comes from the edge it must not overflow either.
    const Array most = Array::full({1, 1}, -std::log(nothing), logits.dtype(), logits.device());
    weight = exp(minimum(logits - gather(m, receivers), most)) * envelope;
  }
  return {weight, scatter_add(weight, receivers) + scale(exp(negative(m)), tiny)};
}

}  // namespace cartan::potentials
