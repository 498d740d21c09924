// Reorderings of the last axis.
#include <algorithm>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/irreps.hpp"
#include "core/dispatch.hpp"

namespace cartan::so3 {
namespace {

// out[..., k] = x[..., index[k]]; its adjoint puts back[index[k]] = y[k] and zeros where no k points.
class Take : public Primitive {
 public:
  Take(std::shared_ptr<const std::vector<Index>> index, Index extent, bool adjoint)
      : index_(std::move(index)), extent_(extent), adjoint_(adjoint) {}
  const char* name() const override { return "take_last"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Index taken = static_cast<Index>(index_->size());
    const Index n = adjoint_ ? extent_ : taken, from = adjoint_ ? taken : extent_;
    Shape shape = in[0].shape();
    shape.back() = n;
    const Index rows = in[0].size() / std::max<Index>(from, 1);
    Array out = adjoint_ && taken < extent_ ? Array::zeros(shape, in[0].dtype())
                                            : Array::uninitialized(shape, in[0].dtype());
    if (out.empty() || in[0].empty()) return {out};
    dispatch_any(out.dtype(), [&]<class T>(T) {
      const T* x = in[0].data<T>();
      T* y = out.mutable_data<T>();
      const Index* index = index_->data();
      parallel_for(rows, std::max<Index>(1, 16384 / n), [&](Index b, Index e) {
        for (Index r = b; r < e; ++r) {
          const T* source = x + r * from;
          T* target = y + r * n;
          if (adjoint_)
            for (Index k = 0; k < taken; ++k) target[index[k]] = source[k];
          else
            for (Index k = 0; k < taken; ++k) target[k] = source[index[k]];
        }
      });
    });
    return {out};
  }

  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {run(std::make_shared<Take>(index_, extent_, !adjoint_), {c})};
  }

 private:
  std::shared_ptr<const std::vector<Index>> index_;
  Index extent_;
  bool adjoint_;
};

}  // namespace

Array take_last(const Array& x, const std::vector<Index>& index) {
  require(x.ndim() >= 1, "[take_last] a rank-0 array has no last axis");
  std::vector<bool> seen(x.dim(-1), false);
  for (Index k : index) {
    require(k >= 0 && k < x.dim(-1) && !seen[k], "[take_last] index ", k, " in an axis of ", x.dim(-1),
            ": it must be inside and occur once");
    seen[k] = true;
  }
  return run(std::make_shared<Take>(std::make_shared<const std::vector<Index>>(index), x.dim(-1), false),
             {x});
}

Array to_layout(const Array& x, const Irreps& irreps, Layout from, Layout to) {
  require(x.ndim() >= 1 && x.dim(-1) == irreps.dim(), "[to_layout] x ", x.shape(), " for ", irreps,
          ": the last axis must have ", irreps.dim());
  if (from == to ||
      std::all_of(irreps.begin(), irreps.end(), [](const MulIrrep& t) { return t.mul <= 1 || t.ir.l == 0; }))
    return x;
  std::vector<Index> index;
  index.reserve(irreps.dim());
  for (std::size_t t = 0; t < irreps.size(); ++t) {
    const Index mul = irreps[t].mul, dim = irreps[t].ir.dim();
    const Index outer = to == Layout::ir_mul ? dim : mul, inner = to == Layout::ir_mul ? mul : dim;
    for (Index o = 0; o < outer; ++o)
      for (Index i = 0; i < inner; ++i) index.push_back(irreps.offset(t) + i * outer + o);
  }
  return take_last(x, index);
}

Array sort_features(const Array& x, const Irreps& irreps) {
  require(x.ndim() >= 1 && x.dim(-1) == irreps.dim(), "[sort_features] x ", x.shape(), " for ", irreps,
          ": the last axis must have ", irreps.dim());
  const auto sorted = irreps.sort();
  std::vector<Index> index(irreps.dim());
  for (std::size_t t = 0; t < irreps.size(); ++t)
    for (Index k = 0; k < irreps[t].dim(); ++k)
      index[sorted.irreps.offset(sorted.permutation[t]) + k] = irreps.offset(t) + k;
  return take_last(x, index);
}

}  // namespace cartan::so3
