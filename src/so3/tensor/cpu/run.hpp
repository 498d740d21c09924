#pragma once
// One thread's work on a compiled tensor product, and the matrices of weights that mix channels.

#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"
#include "core/workspace.hpp"
#include "so3/tensor/cpu/kernels.hpp"

namespace cartan::so3 {

constexpr Index sample_grain = 64;

// One thread's work.
template <class T>
class TensorForm::Run {
  using V = Register<T>;

 public:
  Run(const TensorForm& form, const Topology& t, const Rows<T>& in)
      : form_(form),
        t_(t),
        in_(in),
        ones_(form.most_channels_),
        filters_(static_cast<Index>(form.filters_.size()) * batch),
        matrix_(form.matrix_size_ * batch),
        outer_(form.largest_group_),
        filter_sums_(static_cast<Index>(form.filters_.size()) * batch) {
    std::fill_n(ones_.data(), form.most_channels_, T(1));
  }

  // Samples that are computed together, with the places of their rows and how far the samples after them lie.
  struct Batch {
    int count = 0;
    bool together = false;  // one receiver
    Index sample[batch];
    const T *x1[batch], *x2[batch], *w[batch];
    Index ahead1[batch], ahead2[batch], ahead_w[batch];
  };

  // Calls each(batch) for samples [begin, end) of an order, with the filter matrices made. Where the order is
  // by receiver a batch has one receiver.
  template <class Each>
  void batches(const std::int32_t* order, bool by_receiver, Index begin, Index end, Each&& each) {
    const auto sample_at = [&](Index position) -> Index {
      return order != nullptr ? order[position] : position;
    };
    for (Index first = begin; first < end;) {
      Batch b;
      b.together = by_receiver;
      const Index r = receiver(sample_at(first));
      for (; b.count < batch && first < end; ++b.count, ++first) {
        b.sample[b.count] = sample_at(first);
        if (by_receiver && receiver(b.sample[b.count]) != r) break;
      }
      for (int n = 0; n < batch; ++n) {
        const Index s = b.sample[std::min(n, b.count - 1)];
        const Index next = sample_at(std::min(first + n, end - 1));
        b.sample[n] = s;
        b.x1[n] = x1(s);
        b.x2[n] = x2(s);
        b.w[n] = w(s);
        b.ahead1[n] = x1(next) - b.x1[n];
        b.ahead2[n] = x2(next) - b.x2[n];
        b.ahead_w[n] = w(next) - b.w[n];
      }
      make_matrices(b);
      each(b);
    }
  }

  // An argument that a derivative does not need is not there.
  static const T* row(const T* rows, Index offset) { return rows == nullptr ? nullptr : rows + offset; }
  const T* x1(Index s) const { return row(in_.x1, sender(s) * form_.dim1); }
  const T* x2(Index s) const { return row(in_.x2, s * form_.dim2); }
  const T* w(Index s) const { return in_.shared ? in_.w : row(in_.w, s * form_.weight_numel); }
  Index sender(Index s) const { return t_.sender != nullptr ? t_.sender->data()[s] : s; }
  Index receiver(Index s) const { return t_.receiver != nullptr ? t_.receiver->data()[s] : s; }

  const T* weights(const Pairwise& p, Index s) { return p.weights < 0 ? ones_.data() : w(s) + p.weights; }
  // What a group reads; c is left to the caller.
  BatchRows<T> lanes_of(const FilterGroup& g, const Batch& b) {
    BatchRows<T> lanes;
    lanes.count = b.count;
    lanes.together =
        b.together && (g.mix < 0 || in_.shared);  // products for weights of one sample are its own
    const bool first = g.operand == Operand::x1;
    for (int n = 0; n < batch; ++n) {
      lanes.a[n] = first ? b.x1[n] : b.x2[n];
      lanes.ahead_a[n] = first ? b.ahead1[n] : b.ahead2[n];
      lanes.w[n] = g.weighted ? b.w[n] : ones_.data();
      lanes.ahead_w[n] = g.weighted ? b.ahead_w[n] : 0;
    }
    return lanes;
  }
  const T* matrix(const FilterGroup& g) { return matrix_.data() + g.matrix * batch; }
  const T* ones() const { return ones_.data(); }

  // Of the filters of a batch.
  void make_matrices(const Batch& b) {
    typedef T Row __attribute__((vector_size(batch * sizeof(T))));
    T* f = filters_.data();
    const std::size_t filters = form_.filters_.size();
    // The input by which alone is differentiated is not there; nothing that is wanted takes its filters.
    const bool has1 = in_.x1 != nullptr, has2 = in_.x2 != nullptr;
    for (int n = 0; n < batch; ++n)
      for (std::size_t q = 0; q < filters; ++q) {
        const Filter& filter = form_.filters_[q];
        const bool first = filter.operand == Operand::x1;
        f[q * batch + static_cast<std::size_t>(n)] =
            n < b.count && (first ? has1 : has2) ? (first ? b.x1 : b.x2)[n][filter.coordinate] : T(0);
      }
    const T* value = form_.values<T>().data();
    const std::int32_t *index = form_.matrix_filter_.data(), *row = form_.matrix_row_.data();
    const Index size = form_.matrix_size_, entries = static_cast<Index>(form_.matrix_row_.size());
    T* m = matrix_.data();
    for (Index n = 0; n < size; ++n) store(m + n * batch, Row(load<Row>(f + index[n] * batch) * value[n]));
    for (Index n = size; n < entries; ++n) {
      T* to = m + row[n] * batch;
      store(to, Row(load<Row>(to) + load<Row>(f + index[n] * batch) * value[n]));
    }
  }

  // Adds what the samples give; to(lane, mix) is the row of products of a Mix, or of the output (-1). It is
  // the same for all lanes of a batch that is together.
  template <class To>
  void forward(const Batch& b, bool direct, To&& to) {
    for (const FilterGroup& g : form_.groups_) {
      if (!direct && g.mix < 0) continue;
      BatchRows<T> lanes = lanes_of(g, b);
      for (int n = 0; n < b.count; ++n) lanes.to_c[n] = to(n, g.mix);
      filter_forward(g, lanes, matrix(g));
    }
    for (const Pairwise& p : form_.pairs_)
      if (direct || p.mix >= 0)
        for (int n = 0; n < b.count; ++n)
          pair_forward(p.to_c, p.channels, p.x1, b.x1[n], p.x2, b.x2[n], weights(p, b.sample[n]), p.c,
                       to(n, p.mix));
  }

  // The derivatives of the samples; from(lane, mix) is the cotangent of what `to` was above. Adds to the rows
  // to1 and to2, and where `add` to gw; rows that are not wanted are null.
  template <class From>
  void backward(const Batch& b, From&& from, T* const (&to1)[batch], T* const (&to2)[batch],
                T* const (&gw)[batch], bool add) {
    const bool want1 = to1[0] != nullptr, want2 = to2[0] != nullptr, want_w = gw[0] != nullptr;
    const Index filters = static_cast<Index>(form_.filters_.size());
    std::fill_n(filter_sums_.data(), filters * b.count, V{});
    for (const FilterGroup& g : form_.groups_) {
      const bool first = g.operand == Operand::x1;
      const bool want_a = first ? want1 : want2, want_f = first ? want2 : want1;
      BatchRows<T> lanes = lanes_of(g, b);
      for (int n = 0; n < b.count; ++n) {
        lanes.c[n] = from(n, g.mix);
        lanes.to_a[n] = (first ? to1 : to2)[n];
        lanes.to_w[n] = gw[n];
      }
      if (want_a || (want_w && g.weighted))
        filter_backward(g, lanes, matrix(g), want_a, want_w && g.weighted, add || g.again);
      if (want_f)
        for (int n = 0; n < b.count; ++n) {
          filter_outer(g, lanes.a[n], lanes.c[n], lanes.w[n], outer_.data());
          contract(g, outer_.data(), filter_sums_.data() + filters * n);
        }
    }
    for (int lane = 0; lane < b.count; ++lane) {
      for (Index f = 0; f < filters; ++f) {
        const Filter& filter = form_.filters_[f];
        T* g = (filter.operand == Operand::x1 ? to1 : to2)[lane];
        if (g != nullptr) g[filter.coordinate] += horizontal_sum<T>(filter_sums_.data()[filters * lane + f]);
      }
      const Index s = b.sample[lane];
      for (const Pairwise& p : form_.pairs_) {
        const T *c = from(lane, p.mix), *weight = weights(p, s);
        if (want1) pair_forward(p.to_x1, p.channels, p.c, c, p.x2, x2(s), weight, p.x1, to1[lane]);
        if (want2) pair_forward(p.to_x2, p.channels, p.x1, x1(s), p.c, c, weight, p.x2, to2[lane]);
        if (want_w && p.weights >= 0) pair_weights(p, x1(s), x2(s), c, gw[lane] + p.weights, add);
      }
    }
  }

 private:
  // filter_sums += C h for the rows of one group
  void contract(const FilterGroup& g, const V* h, V* filter_sums) {
    const T* value = form_.values<T>().data();
    const std::int32_t *filter = form_.matrix_filter_.data(), *row = form_.matrix_row_.data();
    h -= g.matrix;
    const auto end = g.entries.end();
    for (auto n = g.entries.begin(); n != end;) {
      const std::int32_t f = filter[*n];
      V total = filter_sums[f];
      for (; n != end && filter[*n] == f; ++n) total += h[row[*n]] * value[*n];
      filter_sums[f] = total;
    }
  }

  const TensorForm& form_;
  const Topology& t_;
  const Rows<T>& in_;
  Scratch<T> ones_, filters_, matrix_;
  Scratch<V> outer_, filter_sums_;
};

// The matrix (rows, mix.dim) x channels of a block of features whose rows are `stride` apart.
template <class T>
Scratch<T> gather_block(const T* x, Index stride, const Mix& mix, Index rows) {
  Scratch<T> out(rows * mix.dim * mix.out);
  for (Index r = 0; r < rows; ++r)
    std::copy_n(x + r * stride + mix.offset, mix.dim * mix.out, out.data() + r * mix.dim * mix.out);
  return out;
}

template <class T>
void mix_forward(const Mix& mix, const T* products, const T* w, Index rows, T* out, Index stride) {
  const Index size = mix.dim * mix.out;
  Scratch<T> y(rows * size);
  gemm_serial<T>(rows * mix.dim, mix.out, mix.in, {products, mix.in}, {w + mix.weights, mix.out}, y.data(),
                 mix.out);
  for (Index r = 0; r < rows; ++r) {
    T* to = out + r * stride + mix.offset;
    for (Index n = 0; n < size; ++n) to[n] += y[r * size + n];
  }
}

// To `products` of this Mix.
template <class T>
void mix_backward(const Mix& mix, const T* g, Index stride, const T* w, Index rows, T* products) {
  const Scratch<T> block = gather_block(g, stride, mix, rows);
  gemm_serial<T>(rows * mix.dim, mix.in, mix.out, {block.data(), mix.out}, {w + mix.weights, mix.out, true},
                 products, mix.in);
}

// The derivative (mix.in, mix.out) by the weights: products^T g
template <class T>
Scratch<T> mix_weights(const Mix& mix, const T* products, const T* g, Index stride, Index rows) {
  const Scratch<T> block = gather_block(g, stride, mix, rows);
  Scratch<T> out(mix.in * mix.out);
  gemm_serial<T>(mix.in, mix.out, rows * mix.dim, {products, mix.in, true}, {block.data(), mix.out},
                 out.data(), mix.out);
  return out;
}

// Samples of the rows [begin, end) of an index list: their order and the range of positions.
struct Range {
  const std::int32_t* order;
  Index begin, end;
};
inline Range range_of(const Indices* list, Index begin, Index end) {
  if (list == nullptr) return {nullptr, begin, end};
  if (list->size() == 0) return {nullptr, 0, 0};
  return {list->inverse().data(), list->inverse_begin()[begin], list->inverse_begin()[end]};
}

}  // namespace cartan::so3
