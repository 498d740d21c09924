#include "linalg/entry_forms.hpp"

#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/workspace.hpp"

namespace cartan::linalg {

Entries::Entries(const Array& indices, Shape shape) : shape_(std::move(shape)) {
  const Index d = static_cast<Index>(shape_.size());
  require(d >= 1 && indices.ndim() == 2 && indices.dim(1) == d && indices.dtype() == DType::i64,
          "[Entries] indices are ", indices.dtype(), " of shape ", indices.shape(), ", expected int64 (N, ",
          d, ")");
  const Array host = indices.to(Device::cpu);
  const Index* index = host.data<Index>();
  size_ = indices.dim(0);
  for (Index k = 0; k < d; ++k) {
    require(shape_[k] <= INT32_MAX, "[Entries] extent ", shape_[k], " of mode ", k, "; at most ", INT32_MAX);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(size_));
    for (Index n = 0; n < size_; ++n) {
      const Index i = index[n * d + k];
      require(i >= 0 && i < shape_[k], "[Entries] index ", i, " of mode ", k, " in row ", n,
              " is not in [0, ", shape_[k], ")");
      rows[n] = static_cast<std::int32_t>(i);
    }
    modes_.emplace_back(std::move(rows), shape_[k]);
  }
}

Arrays EntryForm::eval_cpu(const Arrays& in) const {
  const Shape shape = slot() == 0 ? Shape{entries_.size()} : shapes_[slot() - 1];
  Array out = Array::zeros(shape, in[0].dtype());
  if (out.empty()) return {out};
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    Arguments<T> a{slot() == 0 ? nullptr : in[0].data<T>(), {}};
    std::size_t next = slot() == 0 ? 0 : 1;
    for (int k = 0; k < static_cast<int>(shapes_.size()); ++k)
      a.parts.push_back(k + 1 == slot() ? nullptr : in[next++].data<T>());
    evaluate(a, out.mutable_data<T>());
  });
  return {out};
}

template <class Body>
void EntryForm::for_rows(int k, const Body& body) const {
  const Indices& rows = entries_.mode(k);
  if (rows.size() == 0) return;
  const auto& begin = rows.inverse_begin();
  const Index grain = std::max<Index>(1, 256 * rows.extent() / rows.size());
  parallel_for(rows.extent(), grain, [&](Index first, Index last) {
    for (Index i = first; i < last; ++i)
      if (begin[i + 1] > begin[i]) body(i, rows.inverse().data() + begin[i], begin[i + 1] - begin[i]);
  });
}

namespace {

constexpr Index entry_grain = 256;

// Form::compute in both types.
template <class Form>
class FormOf : public EntryForm {
 public:
  using EntryForm::EntryForm;

 protected:
  void evaluate(const Arguments<float>& in, float* out) const override {
    static_cast<const Form*>(this)->compute(in, out);
  }
  void evaluate(const Arguments<double>& in, double* out) const override {
    static_cast<const Form*>(this)->compute(in, out);
  }
  std::shared_ptr<const Primitive> by(int k) const override {
    return std::make_shared<Form>(entries_, shapes_, k);
  }
};

// X = sum over r of prod_k f_k[i_k, r]; parts are the factors.
class CanonicalForm final : public FormOf<CanonicalForm> {
 public:
  using FormOf::FormOf;
  const char* name() const override { return "canonical_at"; }

 private:
  friend class FormOf;
  template <class T>
  void compute(const Arguments<T>& in, T* out) const {
    const Index rank = shapes_[0][1];
    const int d = entries_.order(), mode = slot() - 1;
    // the product over all factors but the mode's, times `start`
    const auto product = [&](Index n, double start, double* p) {
      std::fill_n(p, rank, start);
      for (int k = 0; k < d; ++k) {
        if (k == mode) continue;
        const T* row = in.parts[k] + entries_.mode(k)[n] * rank;
        for (Index r = 0; r < rank; ++r) p[r] *= static_cast<double>(row[r]);
      }
    };
    if (slot() == 0)
      return parallel_for(entries_.size(), entry_grain, [&](Index begin, Index end) {
        Scratch<double> p(rank);
        for (Index n = begin; n < end; ++n) {
          product(n, 1, p.data());
          double sum = 0;
          for (Index r = 0; r < rank; ++r) sum += p[r];
          out[n] = static_cast<T>(sum);
        }
      });
    for_rows(mode, [&](Index i, const std::int32_t* list, Index count) {
      Scratch<double> p(rank), sum(rank, 0.0);
      for (Index j = 0; j < count; ++j) {
        product(list[j], static_cast<double>(in.g[list[j]]), p.data());
        for (Index r = 0; r < rank; ++r) sum[r] += p[r];
      }
      for (Index r = 0; r < rank; ++r) out[i * rank + r] = static_cast<T>(sum[r]);
    });
  }
};

// X = core contracted with the rows of all factors; parts are the core and the factors.
class TuckerForm final : public FormOf<TuckerForm> {
 public:
  using FormOf::FormOf;
  const char* name() const override { return "tucker_at"; }

 private:
  friend class FormOf;
  const Shape& ranks() const { return shapes_[0]; }
  template <class T>
  const T* row(const Arguments<T>& in, int k, Index n) const {
    return in.parts[k + 1] + entries_.mode(k)[n] * ranks()[k];
  }
  // work (size of the core): the core contracted with the rows of entry n in all modes but `mode` (-1: in
  // all); what is left stands first.
  template <class T>
  void contract(const Arguments<T>& in, Index n, int mode, double* work) const {
    const int d = entries_.order();
    const Index total = size_of(ranks());
    std::copy_n(in.parts[0], total, work);
    Index size = total;
    for (int k = d - 1; k > mode; --k) {  // the last mode of what is left
      const Index r = ranks()[k], rows = size / r;
      const T* u = row(in, k, n);
      for (Index i = 0; i < rows; ++i) {
        double sum = 0;
        for (Index a = 0; a < r; ++a) sum += work[i * r + a] * static_cast<double>(u[a]);
        work[i] = sum;
      }
      size = rows;
    }
    for (int k = 0; k < mode; ++k) {  // the first one
      const Index r = ranks()[k], rest = size / r;
      const T* u = row(in, k, n);
      for (Index j = 0; j < rest; ++j) work[j] *= static_cast<double>(u[0]);
      for (Index a = 1; a < r; ++a)
        for (Index j = 0; j < rest; ++j) work[j] += work[a * rest + j] * static_cast<double>(u[a]);
      size = rest;
    }
  }
  // work (size of the core) = scale times the outer product of the rows of entry n
  template <class T>
  void outer(const Arguments<T>& in, Index n, double scale, double* work) const {
    work[0] = scale;
    Index size = 1;
    for (int k = 0; k < entries_.order(); ++k) {
      const Index r = ranks()[k];
      const T* u = row(in, k, n);
      for (Index i = size; i-- > 0;) {  // from the end: in place
        const double v = work[i];
        for (Index a = r; a-- > 0;) work[i * r + a] = v * static_cast<double>(u[a]);
      }
      size *= r;
    }
  }

  template <class T>
  void compute(const Arguments<T>& in, T* out) const {
    const Index total = size_of(ranks()), entries = entries_.size();
    if (total == 0) return;
    if (slot() == 0)
      return parallel_for(entries, entry_grain, [&](Index begin, Index end) {
        Scratch<double> work(total);
        for (Index n = begin; n < end; ++n) {
          contract(in, n, -1, work.data());
          out[n] = static_cast<T>(work[0]);
        }
      });
    if (slot() == 1) {  // parts of the entries are summed in order
      const Index parts = std::clamp<Index>(entries / entry_grain, 1, 16),
                  length = (entries + parts - 1) / parts;
      Scratch<double> sums(parts * total, 0.0);
      parallel_for(entries, std::max<Index>(length, 1), [&](Index begin, Index end) {
        Scratch<double> work(total);
        double* sum = sums.data() + begin / length * total;
        for (Index n = begin; n < end; ++n) {
          outer(in, n, static_cast<double>(in.g[n]), work.data());
          for (Index a = 0; a < total; ++a) sum[a] += work[a];
        }
      });
      for (Index a = 0; a < total; ++a) {
        double sum = 0;
        for (Index p = 0; p < parts; ++p) sum += sums[p * total + a];
        out[a] = static_cast<T>(sum);
      }
      return;
    }
    const int mode = slot() - 2;
    const Index rank = ranks()[mode];
    for_rows(mode, [&](Index i, const std::int32_t* list, Index count) {
      Scratch<double> work(total), sum(rank, 0.0);
      for (Index j = 0; j < count; ++j) {
        contract(in, list[j], mode, work.data());
        for (Index a = 0; a < rank; ++a) sum[a] += static_cast<double>(in.g[list[j]]) * work[a];
      }
      for (Index a = 0; a < rank; ++a) out[i * rank + a] = static_cast<T>(sum[a]);
    });
  }
};

// X = c_0[0, i_0, :] c_1[:, i_1, :] ... ; parts are the cores.
class TrainForm final : public FormOf<TrainForm> {
 public:
  using FormOf::FormOf;
  const char* name() const override { return "tensor_train_at"; }

 private:
  friend class FormOf;
  // v = v c_k[:, i, :] for k < last; `other` is of the same size
  template <class T>
  const double* from_left(const Arguments<T>& in, Index n, int last, double* v, double* other) const {
    v[0] = 1;
    for (int k = 0; k < last; ++k) {
      const Index extent = shapes_[k][1], after = shapes_[k][2];
      std::fill_n(other, after, 0.0);
      for (Index a = 0; a < shapes_[k][0]; ++a) {
        const T* c = in.parts[k] + (a * extent + entries_.mode(k)[n]) * after;
        for (Index b = 0; b < after; ++b) other[b] += v[a] * static_cast<double>(c[b]);
      }
      std::swap(v, other);
    }
    return v;
  }
  template <class T>
  const double* from_right(const Arguments<T>& in, Index n, int first, double* v, double* other) const {
    v[0] = 1;
    for (int k = entries_.order() - 1; k > first; --k) {
      const Index extent = shapes_[k][1], after = shapes_[k][2];
      for (Index a = 0; a < shapes_[k][0]; ++a) {
        const T* c = in.parts[k] + (a * extent + entries_.mode(k)[n]) * after;
        double sum = 0;
        for (Index b = 0; b < after; ++b) sum += static_cast<double>(c[b]) * v[b];
        other[a] = sum;
      }
      std::swap(v, other);
    }
    return v;
  }

  template <class T>
  void compute(const Arguments<T>& in, T* out) const {
    Index widest = 1;
    for (const Shape& s : shapes_) widest = std::max(widest, s[2]);
    const int d = entries_.order(), mode = slot() - 1;
    if (slot() == 0)
      return parallel_for(entries_.size(), entry_grain, [&](Index begin, Index end) {
        Scratch<double> v(widest), other(widest);
        for (Index n = begin; n < end; ++n)
          out[n] = static_cast<T>(from_left(in, n, d, v.data(), other.data())[0]);
      });
    const Index before = shapes_[mode][0], extent = shapes_[mode][1], after = shapes_[mode][2];
    for_rows(mode, [&](Index i, const std::int32_t* list, Index count) {
      Scratch<double> work(4 * widest), sum(before * after, 0.0);
      for (Index j = 0; j < count; ++j) {
        const Index n = list[j];
        const double* left = from_left(in, n, mode, work.data(), work.data() + widest);
        const double* right = from_right(in, n, mode, work.data() + 2 * widest, work.data() + 3 * widest);
        for (Index a = 0; a < before; ++a) {
          const double scale = static_cast<double>(in.g[n]) * left[a];
          for (Index b = 0; b < after; ++b) sum[a * after + b] += scale * right[b];
        }
      }
      for (Index a = 0; a < before; ++a)
        for (Index b = 0; b < after; ++b)
          out[(a * extent + i) * after + b] = static_cast<T>(sum[a * after + b]);
    });
  }
};

void check_types(const char* op, const Arrays& parts) {
  require(is_real(parts[0].dtype()), "[", op, "] elements are ", parts[0].dtype(),
          "; use float32 or float64");
  for (const Array& a : parts)
    require(a.dtype() == parts[0].dtype(), "[", op, "] types ", parts[0].dtype(), " and ", a.dtype(),
            " differ; use cast");
}

template <class Form>
Array entries_of(const Entries& entries, Arrays parts) {
  std::vector<Shape> shapes;
  for (const Array& a : parts) shapes.push_back(a.shape());
  return run(std::make_shared<Form>(entries, std::move(shapes), 0), std::move(parts));
}

void check_rows(const char* op, const std::vector<Array>& factors, const Entries& entries) {
  require(static_cast<int>(factors.size()) == entries.order(), "[", op, "] ", factors.size(),
          " factors for entries of a tensor of shape ", entries.shape());
  for (int k = 0; k < entries.order(); ++k)
    require(factors[k].ndim() == 2 && factors[k].dim(0) == entries.shape()[k], "[", op, "] factor ", k,
            " has shape ", factors[k].shape(), " for entries of a tensor of shape ", entries.shape());
}

}  // namespace

Array canonical_at(const std::vector<Array>& factors, const Entries& entries, const Array& weights) {
  check_rows("canonical_at", factors, entries);
  check_types("canonical_at", factors);
  const Index rank = factors[0].dim(1);
  for (const Array& f : factors)
    require(f.dim(1) == rank, "[canonical_at] factors of shapes ", factors[0].shape(), " and ", f.shape(),
            ": numbers of columns differ");
  Arrays parts = factors;
  if (weights.shape() != Shape{0} || rank == 0) {
    require(weights.shape() == Shape{rank}, "[canonical_at] weights of shape ", weights.shape(), " for ",
            rank, " terms");
    if (rank > 0) parts[0] = parts[0] * weights;
  }
  return entries_of<CanonicalForm>(entries, std::move(parts));
}

Array tucker_at(const Array& core, const std::vector<Array>& factors, const Entries& entries) {
  check_rows("tucker_at", factors, entries);
  require(core.ndim() == entries.order(), "[tucker_at] a core of shape ", core.shape(), " for ",
          factors.size(), " factors");
  for (int k = 0; k < entries.order(); ++k)
    require(factors[k].dim(1) == core.dim(k), "[tucker_at] factor ", k, " of shape ", factors[k].shape(),
            " for a core ", core.shape());
  Arrays parts{core};
  parts.insert(parts.end(), factors.begin(), factors.end());
  check_types("tucker_at", parts);
  return entries_of<TuckerForm>(entries, std::move(parts));
}

Array tensor_train_at(const std::vector<Array>& cores, const Entries& entries) {
  require(static_cast<int>(cores.size()) == entries.order(), "[tensor_train_at] ", cores.size(),
          " cores for entries of a tensor of shape ", entries.shape());
  Index before = 1;
  for (int k = 0; k < entries.order(); ++k) {
    const Array& c = cores[k];
    require(c.ndim() == 3 && c.dim(0) == before && c.dim(1) == entries.shape()[k] &&
                (k + 1 < entries.order() || c.dim(2) == 1),
            "[tensor_train_at] core ", k, " has shape ", c.shape(), ", expected (", before, ", ",
            entries.shape()[k], ", ", k + 1 < entries.order() ? "r" : "1", ")");
    before = c.dim(2);
  }
  check_types("tensor_train_at", cores);
  return entries_of<TrainForm>(entries, cores);
}

}  // namespace cartan::linalg
