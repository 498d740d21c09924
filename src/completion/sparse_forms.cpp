// Products of sparse tensors with factors as primitives.
#include <algorithm>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/completion/fibres.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/walk.hpp"
#include "core/dispatch.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {
namespace {

std::vector<double> in_tree_order(const Fibres& x, const std::vector<double>& values) {
  if (x.entry().empty()) return values;
  std::vector<double> out(values.size());
  for (std::size_t n = 0; n < out.size(); ++n) out[n] = values[x.entry()[static_cast<Index>(n)]];
  return out;
}

// F(v, A_0 .. A_(d-1)) = sum_n v_n sum_r prod_k A_k[i_k, r]. Slot 0 is v, k + 1 the factor of mode k.
class CanonicalForm final : public Multilinear {
 public:
  CanonicalForm(Fibres x, Index rank, int slot)
      : Multilinear(x.order() + 1, slot), x_(std::move(x)), rank_(rank) {}
  const char* name() const override { return "sparse mttkrp"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const DType dtype = in[0].dtype();
    const int d = x_.order();
    if (slot() == 0) {
      std::vector<std::vector<double>> factors;
      for (const Array& a : in) factors.push_back(a.to_vector<double>());
      std::vector<double> out(static_cast<std::size_t>(x_.tensor().size()));
      parallel_for(x_.tensor().size(), 1024, [&](Index b, Index e) {
        for (Index n = b; n < e; ++n) {
          double sum = 0;
          for (Index r = 0; r < rank_; ++r) {
            double p = 1;
            for (int k = 0; k < d; ++k)
              p *= factors[static_cast<std::size_t>(k)]
                          [static_cast<std::size_t>(x_.tensor().index(k)[n] * rank_ + r)];
            sum += p;
          }
          out[static_cast<std::size_t>(n)] = sum;
        }
      });
      return {Array::from(out).as(dtype)};
    }
    Walk walk(x_, rank_);
    const std::vector<double> values = in_tree_order(x_, in[0].to_vector<double>());
    walk.set_values(values.data());
    std::size_t next = 1;
    for (int k = 0; k < d; ++k)
      if (k + 1 != slot()) walk.set_factor(x_.level_of(k), in[next++].as(DType::f64).data<double>());
    const Index n = x_.shape()[static_cast<std::size_t>(slot() - 1)], w = walk.width();
    Array padded = Array::uninitialized({n, w}, DType::f64),
          out = Array::uninitialized({n, rank_}, DType::f64);
    walk.product(x_.level_of(slot() - 1), padded.mutable_data<double>());
    for (Index i = 0; i < n; ++i)
      std::copy_n(padded.data<double>() + i * w, rank_, out.mutable_data<double>() + i * rank_);
    return {out.as(dtype)};
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    return run(std::make_shared<CanonicalForm>(x_, rank_, k), without(full, k));
  }

 private:
  Fibres x_;
  Index rank_;
};

// F(v, A_0 .. A_(d-1)) = sum_n v_n sum_a A_m[i_m, a_1 .. (no a_m) .. a_d] prod_{k != m} A_k[i_k, a_k], the
// argument of mode m being the cotangent of the chain of products.
class ChainForm final : public Multilinear {
 public:
  ChainForm(Fibres x, std::vector<Index> ranks, int mode, int slot)
      : Multilinear(x.order() + 1, slot), x_(std::move(x)), ranks_(std::move(ranks)), mode_(mode) {
    for (std::size_t k = 0; k < ranks_.size(); ++k)
      if (static_cast<int>(k) != mode_) others_.push_back(static_cast<int>(k)), size_ *= ranks_[k];
  }
  const char* name() const override { return "sparse ttm chain"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const int d = x_.order();
    const Index entries = x_.tensor().size();
    std::vector<std::vector<double>> a(static_cast<std::size_t>(d));
    std::vector<double> v;
    std::size_t next = 0;
    if (slot() != 0) v = in[next++].to_vector<double>();
    for (int k = 0; k < d; ++k)
      if (k + 1 != slot()) a[static_cast<std::size_t>(k)] = in[next++].to_vector<double>();
    const auto index = [&](int k, Index n) { return static_cast<Index>(x_.tensor().index(k)[n]); };
    const auto row = [&](int k, Index n) {
      return a[static_cast<std::size_t>(k)].data() +
             index(k, n) * (k == mode_ ? size_ : ranks_[static_cast<std::size_t>(k)]);
    };
    // work (size) = scale times the outer product of the rows of all modes but m and `open`, whose place in
    // the product is `open_rows` wide
    const auto outer = [&](Index n, double scale, double* work) {
      work[0] = scale;
      Index size = 1;
      for (const int k : others_) {
        const double* u = row(k, n);
        const Index r = ranks_[static_cast<std::size_t>(k)];
        for (Index i = size; i-- > 0;) {
          const double x = work[i];
          for (Index c = r; c-- > 0;) work[i * r + c] = x * u[c];
        }
        size *= r;
      }
    };
    if (slot() == 0) {
      std::vector<double> out(static_cast<std::size_t>(entries));
      parallel_for(entries, 256, [&](Index b, Index e) {
        Scratch<double> work(size_);
        for (Index n = b; n < e; ++n) {
          outer(n, 1, work.data());
          const double* c = row(mode_, n);
          double sum = 0;
          for (Index i = 0; i < size_; ++i) sum += work[i] * c[i];
          out[static_cast<std::size_t>(n)] = sum;
        }
      });
      return {Array::from(out).as(in[0].dtype())};
    }
    // the rows of the slot's mode, each from its entries in their order
    const int k = slot() - 1;
    const Index rows = x_.shape()[static_cast<std::size_t>(k)],
                wide = k == mode_ ? size_ : ranks_[static_cast<std::size_t>(k)];
    std::vector<Index> begin(static_cast<std::size_t>(rows) + 1, 0);
    for (Index n = 0; n < entries; ++n) ++begin[static_cast<std::size_t>(index(k, n)) + 1];
    for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    std::vector<Index> list(static_cast<std::size_t>(entries)), at(begin.begin(), begin.end() - 1);
    for (Index n = 0; n < entries; ++n)
      list[static_cast<std::size_t>(at[static_cast<std::size_t>(index(k, n))]++)] = n;
    std::vector<double> out(static_cast<std::size_t>(rows * wide), 0.0);
    parallel_for(rows, std::max<Index>(1, 256 * rows / entries), [&](Index b, Index e) {
      Scratch<double> work(size_);
      for (Index i = b; i < e; ++i)
        for (Index p = begin[static_cast<std::size_t>(i)]; p < begin[static_cast<std::size_t>(i) + 1]; ++p) {
          const Index n = list[static_cast<std::size_t>(p)];
          double* to = out.data() + i * wide;
          if (k == mode_) {
            outer(n, v[static_cast<std::size_t>(n)], work.data());
            for (Index c = 0; c < size_; ++c) to[c] += work[c];
          } else {
            contract(
                row(mode_, n), k, v[static_cast<std::size_t>(n)], [&](int q) { return row(q, n); },
                work.data(), to);
          }
        }
    });
    Shape shape{rows, wide};
    if (k == mode_) {
      shape = {rows};
      for (const int q : others_) shape.push_back(ranks_[static_cast<std::size_t>(q)]);
    }
    return {Array::from(out, shape).as(in[0].dtype())};
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    return run(std::make_shared<ChainForm>(x_, ranks_, mode_, k), without(full, k));
  }

 private:
  // to[a_k] += scale * c contracted with the rows of all other modes.
  template <class RowOf>
  void contract(const double* c, int k, double scale, const RowOf& row, double* work, double* to) const {
    std::copy_n(c, size_, work);
    Index size = size_;
    std::size_t last = others_.size();
    for (; others_[last - 1] != k; --last) {  // from behind
      const Index r = ranks_[static_cast<std::size_t>(others_[last - 1])];
      const double* u = row(others_[last - 1]);
      size /= r;
      for (Index i = 0; i < size; ++i) {
        double sum = 0;
        for (Index q = 0; q < r; ++q) sum += work[i * r + q] * u[q];
        work[i] = sum;
      }
    }
    for (std::size_t first = 0; others_[first] != k; ++first) {  // from the front
      const Index r = ranks_[static_cast<std::size_t>(others_[first])];
      const double* u = row(others_[first]);
      size /= r;
      for (Index i = 0; i < size; ++i) {
        double sum = 0;
        for (Index q = 0; q < r; ++q) sum += work[q * size + i] * u[q];
        work[i] = sum;
      }
    }
    for (Index i = 0; i < size; ++i) to[i] += scale * work[i];
  }

  Fibres x_;
  std::vector<Index> ranks_;
  int mode_;
  std::vector<int> others_;
  Index size_ = 1;
};

// Values and factors but that of `mode`, all of one type.
Arrays arguments(const char* op, const Fibres& x, const std::vector<Array>& factors, int mode,
                 const Array& values) {
  require(x.order() >= 2, "[", op, "] fibres of no tensor");
  require(mode >= 0 && mode < x.order(), "[", op, "] mode ", mode, " of a tensor of order ", x.order());
  require(static_cast<int>(factors.size()) == x.order(), "[", op, "] ", factors.size(),
          " factors for a tensor of order ", x.order());
  const DType dtype = factors[mode == 0 ? 1 : 0].dtype();
  Arrays in{values.empty() ? x.tensor().value_array().as(dtype) : values};
  require(in[0].ndim() == 1 && in[0].size() == x.tensor().size() && in[0].dtype() == dtype, "[", op,
          "] values are ", in[0].dtype(), " of shape ", in[0].shape(), ", expected ", dtype, " (",
          x.tensor().size(), ")");
  for (int k = 0; k < x.order(); ++k) {
    if (k == mode) continue;
    const Array& a = factors[static_cast<std::size_t>(k)];
    require(a.ndim() == 2 && a.dim(0) == x.shape()[static_cast<std::size_t>(k)] && a.dim(1) >= 1 &&
                a.dtype() == dtype && is_real(dtype),
            "[", op, "] the factor of mode ", k, " is ", a.dtype(), " of shape ", a.shape(), ", expected (",
            x.shape()[static_cast<std::size_t>(k)], ", rank), all of one real type");
    in.push_back(a);
  }
  return in;
}

}  // namespace

Array mttkrp(const Fibres& x, const std::vector<Array>& factors, int mode, const Array& values) {
  Arrays in = arguments("mttkrp", x, factors, mode, values);
  for (const Array& a : in)
    require(a.ndim() == 1 || a.dim(1) == in[1].dim(1), "[mttkrp] factors with ", in[1].dim(1), " and ",
            a.dim(-1), " columns");
  const Index rank = in[1].dim(1);
  return run(std::make_shared<CanonicalForm>(x, rank, mode + 1), std::move(in));
}

Array ttm_chain(const Fibres& x, const std::vector<Array>& factors, int mode, const Array& values) {
  Arrays in = arguments("ttm_chain", x, factors, mode, values);
  std::vector<Index> ranks;
  std::size_t next = 1;
  for (int k = 0; k < x.order(); ++k) ranks.push_back(k == mode ? 1 : in[next++].dim(1));
  return run(std::make_shared<ChainForm>(x, ranks, mode, mode + 1), std::move(in));
}

}  // namespace cartan::completion
