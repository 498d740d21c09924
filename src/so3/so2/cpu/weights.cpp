// The derivative of an SO(2) convolution by its weights.
#include "so3/so2/cpu/outer.hpp"

namespace cartan::so3 {

template <class T>
void by_weights(const SO2Arguments<T>& f, T* out) {
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  sum_products(f, subsets, out, [&](unsigned set, EdgeBlock<T>& block, auto& x, auto& g) {
    for (Index e = 0; e < block.count(); ++e) {
      x.put(e, block.from(), block.sent(e, everything & ~set, f.rotations), block.radial(e));
      g.put(e, block.to(), block.received(e, set, f.rotations));
    }
  });
}

template void by_weights(const SO2Arguments<float>&, float*);
template void by_weights(const SO2Arguments<double>&, double*);

}  // namespace cartan::so3
