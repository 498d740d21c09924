// Runs over the samples of a compiled tensor product.
#include <Eigen/Core>
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "so3/tensor_kernels.hpp"

namespace cartan::so3 {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Memory of a block of work, aligned for vectors.
template <class T>
class Scratch {
 public:
  explicit Scratch(Index n)
      : memory_(static_cast<T*>(std::aligned_alloc(64, (at(n) * sizeof(T) / 64 + 1) * 64)), &std::free) {
    if (!memory_) throw std::bad_alloc();
  }
  T* data() { return memory_.get(); }

 private:
  std::unique_ptr<T, decltype(&std::free)> memory_;
};

constexpr Index sample_grain = 64;

}  // namespace

// One thread's work.
template <class T>
class TensorForm::Run {
  using V = typename vector_of<T>::type;

 public:
  Run(const TensorForm& form, const Topology& t, const Rows<T>& in)
      : form_(form),
        t_(t),
        in_(in),
        ones_(form.most_channels_),
        filters_(static_cast<Index>(form.filters_.size()) * batch),
        matrix_(static_cast<Index>(form.matrix_begin_.size()) * batch) {
    std::fill_n(ones_.data(), form.most_channels_, T(1));
  }

  // Calls each(sample, lane) for the positions [begin, end) of an order of the samples, with the filter
  // matrices made.
  template <class Each>
  void samples(const std::int32_t* order, Index begin, Index end, bool matrices, Each&& each) {
    for (Index first = begin; first < end; first += batch) {
      const int count = static_cast<int>(std::min<Index>(batch, end - first));
      Index sample[batch];
      for (int lane = 0; lane < batch; ++lane) {
        const Index position = first + std::min(lane, count - 1);
        sample[lane] = order != nullptr ? order[position] : position;
      }
      if (matrices) make_matrices(sample);
      for (int lane = 0; lane < count; ++lane) each(sample[lane], lane);
    }
  }

  const T* x1(Index s) const { return in_.x1 + sender(s) * form_.dim1; }
  const T* x2(Index s) const { return in_.x2 + s * form_.dim2; }
  const T* w(Index s) const { return in_.shared ? in_.w : in_.w + s * form_.weight_numel; }
  Index sender(Index s) const { return t_.sender != nullptr ? t_.sender->data()[s] : s; }
  Index receiver(Index s) const { return t_.receiver != nullptr ? t_.receiver->data()[s] : s; }

  PathPointers<T> weights(const Group& g, const T* row) {
    PathPointers<T> out;
    for (std::size_t p = 0; p < g.weights.size(); ++p)
      out.w[p] = g.weights[p] < 0 ? ones_.data() : row + g.weights[p];
    return out;
  }
  const T* weights(const Pairwise& p, const T* row) { return p.weights < 0 ? ones_.data() : row + p.weights; }
  const T* operand(const Group& g, const T* x1, const T* x2) const {
    return g.operand == Operand::x1 ? x1 : x2;
  }
  const T* matrix(const Group& g, int lane) { return matrix_.data() + g.matrix * batch + lane; }

  // Adds what one sample gives; to(mix) is the row of products of a Mix, or of the output (-1).
  template <class To>
  void forward(Index s, int lane, bool direct, To&& to) {
    const T *a1 = x1(s), *a2 = x2(s), *row = w(s);
    for (const Group& g : form_.groups_)
      if (direct || g.mix >= 0)
        filter_forward(g, operand(g, a1, a2), weights(g, row), matrix(g, lane), to(g.mix));
    for (const Pairwise& p : form_.pairs_)
      if (direct || p.mix >= 0)
        pair_forward(p.to_c, p.channels, p.x1, a1, p.x2, a2, weights(p, row), p.c, to(p.mix));
  }

  // The derivatives of one sample; from(mix) is the cotangent of what `to` was above. Adds to g1 and g2, and
  // where `add` to gw.
  template <class From>
  void backward(Index s, int lane, From&& from, T* g1, T* g2, T* gw, bool add, V* outer, V* filter_sums) {
    const T *a1 = x1(s), *a2 = x2(s), *row = w(s);
    const std::size_t filters = form_.filters_.size();
    if (outer != nullptr) std::fill_n(filter_sums, filters, V{});
    for (const Group& g : form_.groups_) {
      const bool first = g.operand == Operand::x1;
      const T *a = first ? a1 : a2, *c = from(g.mix);
      T* ga = first ? g1 : g2;
      const PathPointers<T> pointers = weights(g, row);
      T* to[Group::most_paths] = {};
      bool any = ga != nullptr;
      if (gw != nullptr)
        for (std::size_t p = 0; p < g.weights.size(); ++p)
          if (g.weights[p] >= 0) {
            to[p] = gw + g.weights[p];
            any = true;
          }
      if (any) filter_backward(g, a, c, pointers, matrix(g, lane), ga, to, add || g.again);
      if ((first ? g2 : g1) != nullptr) {
        filter_outer(g, a, c, pointers, outer);
        contract(g, outer, filter_sums);
      }
    }
    if (outer != nullptr)
      for (std::size_t f = 0; f < filters; ++f) {
        const Filter& filter = form_.filters_[f];
        T* g = filter.operand == Operand::x1 ? g1 : g2;
        if (g != nullptr) g[filter.coordinate] += horizontal_sum<T>(filter_sums[f]);
      }
    for (const Pairwise& p : form_.pairs_) {
      const T *c = from(p.mix), *weight = weights(p, row);
      if (g1 != nullptr) pair_forward(p.to_x1, p.channels, p.c, c, p.x2, a2, weight, p.x1, g1);
      if (g2 != nullptr) pair_forward(p.to_x2, p.channels, p.x1, a1, p.c, c, weight, p.x2, g2);
      if (gw != nullptr && p.weights >= 0) pair_weights(p, a1, a2, c, gw + p.weights, add);
    }
  }

 private:
  void make_matrices(const Index (&sample)[batch]) {
    typedef T Lanes __attribute__((vector_size(batch * sizeof(T))));
    T* f = filters_.data();
    const std::size_t filters = form_.filters_.size();
    for (int lane = 0; lane < batch; ++lane) {
      const T *a1 = x1(sample[lane]), *a2 = x2(sample[lane]);
      for (std::size_t q = 0; q < filters; ++q) {
        const Filter& filter = form_.filters_[q];
        f[q * batch + static_cast<std::size_t>(lane)] =
            (filter.operand == Operand::x1 ? a1 : a2)[filter.coordinate];
      }
    }
    const auto& begin = form_.matrix_begin_;
    const T* value = form_.values<T>().data();
    const std::int32_t* index = form_.matrix_filter_.data();
    T* m = matrix_.data();
    for (std::size_t row = 0; row + 1 < begin.size(); ++row, m += batch) {
      Lanes total{};
      for (Index n = begin[row]; n < begin[row + 1]; ++n)
        total += load<Lanes>(f + index[n] * batch) * value[n];
      store(m, total);
    }
  }

  // filter_sums += C h for the rows of one group
  void contract(const Group& g, const V* h, V* filter_sums) {
    const Index rows = g.diagonal ? 1 : Index{g.c.dim} * g.a.dim;
    const Index count = rows * static_cast<Index>(g.weights.size());
    const Index* begin = form_.matrix_begin_.data() + g.matrix;
    const T* value = form_.values<T>().data();
    for (Index m = 0; m < count; ++m)
      for (Index n = begin[m]; n < begin[m + 1]; ++n)
        filter_sums[form_.matrix_filter_[at(n)]] += h[m] * value[n];
  }

  const TensorForm& form_;
  const Topology& t_;
  const Rows<T>& in_;
  Scratch<T> ones_, filters_, matrix_;
};

namespace {

// Sums over blocks of rows into one shared gradient: body(begin, end, sum) adds in float64 to a private sum,
// and the sums are added in order.
template <class T, class Body>
void shared_sum(Index rows, Index count, T* out, Body&& body) {
  const Index most = std::clamp<Index>((Index{1} << 22) / std::max<Index>(count, 1), 1, 32);
  const Index blocks = std::min(most, std::max<Index>(1, (rows + sample_grain - 1) / sample_grain));
  const Index grain = (rows + blocks - 1) / blocks;
  std::vector<double> sums(at(blocks * count), 0.0);
  parallel_for(rows, std::max<Index>(grain, 1),
               [&](Index b, Index e) { body(b, e, &sums[at(b / grain * count)]); });
  for (Index n = 0; n < count; ++n) {
    double total = 0;
    for (Index b = 0; b < blocks; ++b) total += sums[at(b * count + n)];
    out[n] = static_cast<T>(total);
  }
}

// The matrix (rows, mix.dim) x channels of a block of features whose rows are `stride` apart.
template <class T>
Matrix<T> gather_block(const T* x, Index stride, const Mix& mix, Index rows) {
  Matrix<T> out(rows * mix.dim, mix.out);
  for (Index r = 0; r < rows; ++r)
    std::copy_n(x + r * stride + mix.offset, mix.dim * mix.out, out.data() + r * mix.dim * mix.out);
  return out;
}

template <class T>
auto weights_of(const Mix& mix, const T* w) {
  return Eigen::Map<const Matrix<T>>(w + mix.weights, mix.in, mix.out);
}
template <class T>
auto products_of(const Mix& mix, T* products, Index rows) {
  return Eigen::Map<Matrix<T>>(products + mix.products * rows, rows * mix.dim, mix.in);
}

template <class T>
void mix_forward(const Mix& mix, T* products, const T* w, Index rows, T* out, Index stride) {
  const Matrix<T> y = products_of(mix, products, rows) * weights_of(mix, w);
  const Index size = mix.dim * mix.out;
  for (Index r = 0; r < rows; ++r) {
    T* to = out + r * stride + mix.offset;
    for (Index n = 0; n < size; ++n) to[n] += y.data()[r * size + n];
  }
}

template <class T>
void mix_backward(const Mix& mix, const T* g, Index stride, const T* w, Index rows, T* products) {
  products_of(mix, products, rows).noalias() =
      gather_block(g, stride, mix, rows) * weights_of(mix, w).transpose();
}

// to[(u, v), w] = products^T g
template <class T>
void mix_weights(const Mix& mix, T* products, const T* g, Index stride, Index rows, T* to) {
  Eigen::Map<Matrix<T>>(to + mix.weights, mix.in, mix.out).noalias() =
      products_of(mix, products, rows).transpose() * gather_block(g, stride, mix, rows);
}

// Samples of the rows [begin, end) of an index list: their order and the range of positions.
struct Range {
  const std::int32_t* order;
  Index begin, end;
};
Range range_of(const Indices* list, Index begin, Index end) {
  if (list == nullptr) return {nullptr, begin, end};
  if (list->size() == 0) return {nullptr, 0, 0};
  return {list->inverse().data(), list->inverse_begin()[at(begin)], list->inverse_begin()[at(end)]};
}

}  // namespace

template <class T>
void TensorForm::forward(const Topology& t, const Rows<T>& in, T* out) const {
  const bool mix_receivers = !mixes_.empty() && in.shared;
  const Index grain = t.receiver == nullptr || mix_receivers ? sample_grain : 4;
  parallel_for(t.receivers, grain, [&](Index b, Index e) {
    Run<T> run(*this, t, in);
    std::fill(out + b * dim_out, out + e * dim_out, T(0));
    const Range range = range_of(t.receiver, b, e);
    // Products of all receivers of the block, or of one sample.
    const Index rows = mix_receivers ? e - b : 1;
    Scratch<T> products(rows * products_);
    std::fill_n(products.data(), rows * products_, T(0));
    run.samples(range.order, range.begin, range.end, true, [&](Index s, int lane) {
      const Index r = run.receiver(s);
      const Index place = mix_receivers ? r - b : 0;
      run.forward(s, lane, true, [&](int mix) {
        if (mix < 0) return out + r * dim_out;
        const Mix& m = mixes_[at(mix)];
        return products.data() + m.products * rows + place * m.dim * m.in;
      });
      if (mix_receivers || mixes_.empty()) return;
      for (const Mix& m : mixes_) mix_forward(m, products.data(), run.w(s), 1, out + r * dim_out, dim_out);
      std::fill_n(products.data(), products_, T(0));
    });
    if (mix_receivers)
      for (const Mix& m : mixes_) mix_forward(m, products.data(), in.w, rows, out + b * dim_out, dim_out);
  });
}

template <class T>
void TensorForm::backward(const Topology& t, const Rows<T>& in, const Gradients<T>& to) const {
  using V = typename vector_of<T>::type;
  // The cotangents of the products that shared weights mix, by receiver.
  const bool mix_receivers = !mixes_.empty() && in.shared;
  const bool inputs = to.x1 != nullptr || to.x2 != nullptr;
  Scratch<T> cotangents(mix_receivers && inputs ? t.receivers * products_ : 0);
  if (mix_receivers && inputs)
    parallel_for(t.receivers, sample_grain, [&](Index b, Index e) {
      Matrix<T> s;
      for (const Mix& m : mixes_) {
        s.noalias() = gather_block(in.out + b * dim_out, dim_out, m, e - b) * weights_of(m, in.w).transpose();
        std::copy_n(s.data(), s.size(), cotangents.data() + m.products * t.receivers + b * m.dim * m.in);
      }
    });

  // Runs over the rows [b, e) of the senders, or of the receivers where x1 is not wanted.
  Index outer_size = 0;
  for (const Group& g : groups_)
    outer_size = std::max(outer_size,
                          (g.diagonal ? 1 : Index{g.c.dim} * g.a.dim) * static_cast<Index>(g.weights.size()));
  bool filters1 = false, filters2 = false;
  for (const Filter& f : filters_) (f.operand == Operand::x1 ? filters1 : filters2) = true;
  const bool outer = (to.x1 != nullptr && filters1) || (to.x2 != nullptr && filters2);
  const Indices* order = to.x1 != nullptr ? t.sender : t.receiver;
  const auto block = [&](Index b, Index e, T* gw, auto&& flush) {
    Run<T> run(*this, t, in);
    Scratch<V> h(outer ? outer_size : 0), filter_sums(outer ? static_cast<Index>(filters_.size()) : 0);
    Scratch<T> products(in.shared ? 0 : products_);
    const Range range = range_of(order, b, e);
    if (to.x1 != nullptr) std::fill(to.x1 + b * dim1, to.x1 + e * dim1, T(0));
    run.samples(range.order, range.begin, range.end, true, [&](Index s, int lane) {
      const Index r = run.receiver(s);
      const T* g = in.out + r * dim_out;
      T* gw_row = in.shared ? gw : gw != nullptr ? gw + s * weight_numel : nullptr;
      if (!in.shared && !mixes_.empty()) {
        if (gw_row != nullptr) {
          std::fill_n(products.data(), products_, T(0));
          run.forward(s, lane, false, [&](int mix) { return products.data() + mixes_[at(mix)].products; });
          for (const Mix& m : mixes_) mix_weights(m, products.data(), g, dim_out, 1, gw_row);
        }
        if (inputs)
          for (const Mix& m : mixes_) mix_backward(m, g, dim_out, run.w(s), 1, products.data());
      }
      if (inputs || direct_) {
        T* g2 = to.x2 != nullptr ? to.x2 + s * dim2 : nullptr;
        if (g2 != nullptr) std::fill_n(g2, dim2, T(0));
        run.backward(
            s, lane,
            [&](int mix) -> const T* {
              if (mix < 0) return g;
              const Mix& m = mixes_[at(mix)];
              return in.shared ? cotangents.data() + m.products * t.receivers + r * m.dim * m.in
                               : products.data() + m.products;
            },
            to.x1 != nullptr ? to.x1 + run.sender(s) * dim1 : nullptr, g2, gw_row, in.shared,
            outer ? h.data() : nullptr, filter_sums.data());
      }
      flush(s);
    });
  };

  const Index rows = order != nullptr ? order->extent() : t.samples;
  if (!in.shared || to.w == nullptr) {
    parallel_for(rows, order != nullptr ? 4 : sample_grain,
                 [&](Index b, Index e) { block(b, e, to.w, [](Index) {}); });
    return;
  }

  // Shared weights that mix: products^T g, by receiver.
  if (!mixes_.empty())
    shared_sum(t.receivers, weight_numel, to.w, [&](Index begin, Index end, double* sum) {
      Run<T> run(*this, t, in);
      Scratch<T> products(std::min(end - begin, sample_grain) * products_);
      Matrix<T> gw;
      for (Index b = begin; b < end; b += sample_grain) {
        const Index count = std::min(end - b, sample_grain);
        std::fill_n(products.data(), count * products_, T(0));
        const Range range = range_of(t.receiver, b, b + count);
        run.samples(range.order, range.begin, range.end, true, [&](Index s, int lane) {
          run.forward(s, lane, false, [&](int mix) {
            const Mix& m = mixes_[at(mix)];
            return products.data() + m.products * count + (run.receiver(s) - b) * m.dim * m.in;
          });
        });
        for (const Mix& m : mixes_) {
          gw.noalias() = products_of(m, products.data(), count).transpose() *
                         gather_block(in.out + b * dim_out, dim_out, m, count);
          for (Index n = 0; n < gw.size(); ++n) sum[m.weights + n] += static_cast<double>(gw.data()[n]);
        }
      }
    });
  // The others, and the inputs.
  std::vector<T> direct(direct_ ? at(weight_numel) : 0);
  if (direct_)
    shared_sum(rows, weight_numel, direct.data(), [&](Index b, Index e, double* sum) {
      std::vector<T> gw(at(weight_numel), T(0));
      Index since = 0;
      const auto add = [&] {
        for (std::size_t n = 0; n < gw.size(); ++n) sum[n] += static_cast<double>(gw[n]);
        std::fill(gw.begin(), gw.end(), T(0));
        since = 0;
      };
      block(b, e, gw.data(), [&](Index) {
        if (++since == sample_grain) add();
      });
      add();
    });
  else if (inputs)
    parallel_for(rows, order != nullptr ? 4 : sample_grain,
                 [&](Index b, Index e) { block(b, e, nullptr, [](Index) {}); });
  if (direct_) {
    if (mixes_.empty()) std::fill_n(to.w, weight_numel, T(0));
    for (Index n = 0; n < weight_numel; ++n) to.w[n] += direct[at(n)];
  }
}

template void TensorForm::forward(const Topology&, const Rows<float>&, float*) const;
template void TensorForm::forward(const Topology&, const Rows<double>&, double*) const;
template void TensorForm::backward(const Topology&, const Rows<float>&, const Gradients<float>&) const;
template void TensorForm::backward(const Topology&, const Rows<double>&, const Gradients<double>&) const;

}  // namespace cartan::so3
