// Reorderings of features: of coordinates along the last axis.
#include <algorithm>
#include <numeric>

#include "autodiff/reads.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/irreps.hpp"
#include "core/dispatch.hpp"

namespace cartan::so3 {
namespace {

// out[..., k] = x[..., index[k]]; its adjoint puts back[index[k]] = y[k] and zeros where no k points.
class Take : public Primitive, public ReadsNothing {
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

bool same_coordinates(const Irreps& a, const Irreps& b) {
  const auto blocks = [](const Irreps& irreps) {
    std::vector<MulIrrep> out;
    for (const MulIrrep& t : irreps) {
      if (t.mul == 0) continue;
      if (t.ir.l == 0 && !out.empty() && out.back().ir == t.ir)
        out.back().mul += t.mul;
      else
        out.push_back(t);
    }
    return out;
  };
  return blocks(a) == blocks(b);
}

Array recut(const Array& x, const Irreps& from, const Irreps& to) {
  require(x.ndim() >= 1 && x.dim(-1) == from.dim(), "[recut] x ", x.shape(), " for ", from,
          ": the last axis must have ", from.dim());
  require(from.simplify() == to.simplify(), "[recut] ", from, " and ", to,
          " must have the same channels in the same order");
  if (same_coordinates(from, to)) return x;
  struct Channel {
    Index first, step;
  };
  std::vector<Channel> channels;
  for (std::size_t t = 0; t < from.size(); ++t)
    for (Index u = 0; u < from[t].mul; ++u) channels.push_back({from.offset(t) + u, from[t].mul});
  std::vector<Index> index;
  auto channel = channels.begin();
  for (const MulIrrep& t : to) {
    for (Index m = 0; m < t.ir.dim(); ++m)
      for (Index u = 0; u < t.mul; ++u) index.push_back(channel[u].first + m * channel[u].step);
    channel += t.mul;
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
