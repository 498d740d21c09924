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

  const T* x1(Index s) const { return in_.x1 + sender(s) * form_.dim1; }
  const T* x2(Index s) const { return in_.x2 + s * form_.dim2; }
  const T* w(Index s) const { return in_.shared ? in_.w : in_.w + s * form_.weight_numel; }
  Index sender(Index s) const { return t_.sender != nullptr ? t_.sender->data()[s] : s; }
  Index receiver(Index s) const { return t_.receiver != nullptr ? t_.receiver->data()[s] : s; }

  const T* weights(const Pairwise& p, Index s) { return p.weights < 0 ? ones_.data() : w(s) + p.weights; }
  // What a group reads; c is left to the caller.
  Lanes<T> lanes_of(const Group& g, const Batch& b) {
    Lanes<T> lanes;
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
  const T* matrix(const Group& g) { return matrix_.data() + g.matrix * batch; }

  // Adds what the samples give; to(lane, mix) is the row of products of a Mix, or of the output (-1). It is
  // the same for all lanes of a batch that is together.
  template <class To>
  void forward(const Batch& b, bool direct, To&& to) {
    for (const Group& g : form_.groups_) {
      if (!direct && g.mix < 0) continue;
      Lanes<T> lanes = lanes_of(g, b);
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
    for (const Group& g : form_.groups_) {
      const bool first = g.operand == Operand::x1;
      const bool want_a = first ? want1 : want2, want_f = first ? want2 : want1;
      Lanes<T> lanes = lanes_of(g, b);
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
        const Filter& filter = form_.filters_[at(f)];
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
  void make_matrices(const Batch& b) {
    typedef T Row __attribute__((vector_size(batch * sizeof(T))));
    T* f = filters_.data();
    const std::size_t filters = form_.filters_.size();
    for (int n = 0; n < batch; ++n)
      for (std::size_t q = 0; q < filters; ++q) {
        const Filter& filter = form_.filters_[q];
        f[q * batch + static_cast<std::size_t>(n)] =
            n < b.count ? (filter.operand == Operand::x1 ? b.x1 : b.x2)[n][filter.coordinate] : T(0);
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

  // filter_sums += C h for the rows of one group
  void contract(const Group& g, const V* h, V* filter_sums) {
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
    // Products of all receivers of the block, or of the samples of one batch.
    const Index rows = mix_receivers ? e - b : 1, copies = mix_receivers ? 1 : batch;
    Scratch<T> products(copies * rows * products_);
    if (mix_receivers) std::fill_n(products.data(), rows * products_, T(0));
    run.batches(range.order, t.receiver != nullptr, range.begin, range.end, [&](const auto& samples) {
      if (!mix_receivers) std::fill_n(products.data(), copies * products_, T(0));
      run.forward(samples, true, [&](int lane, int mix) {
        const Index r = run.receiver(samples.sample[lane]);
        if (mix < 0) return out + r * dim_out;
        const Mix& m = mixes_[at(mix)];
        return products.data() +
               (mix_receivers ? m.products * rows + (r - b) * m.dim * m.in : lane * products_ + m.products);
      });
      if (mix_receivers) return;
      for (int lane = 0; lane < samples.count; ++lane) {
        const Index s = samples.sample[lane];
        for (const Mix& m : mixes_)
          mix_forward(m, products.data() + lane * products_, run.w(s), 1, out + run.receiver(s) * dim_out,
                      dim_out);
      }
    });
    if (mix_receivers)
      for (const Mix& m : mixes_) mix_forward(m, products.data(), in.w, rows, out + b * dim_out, dim_out);
  });
}

template <class T>
void TensorForm::backward(const Topology& t, const Rows<T>& in, const Gradients<T>& to) const {
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

  // By sender, every sample fetches its own row of cotangents. Where that is much wider than a row of x1 it
  // is better to go by receiver and to sum the derivatives by x1 in a few parts of the receivers, each in
  // memory of its own.
  const bool per_sample = !in.shared || to.w == nullptr;
  const bool scatter =
      to.x1 != nullptr && t.sender != nullptr && per_sample && dim_out > 4 * dim1 && t.senders > 0;
  const Index parts = scatter ? std::clamp<Index>(t.samples / (4 * t.senders), 1, 16) : 0;
  const Indices* order = to.x1 != nullptr && !scatter ? t.sender : t.receiver;
  const auto block = [&](Index b, Index e, T* gx1, T* gw, auto&& flush) {
    Run<T> run(*this, t, in);
    Scratch<T> products(in.shared ? 0 : batch * products_);
    const Range range = range_of(order, b, e);
    if (!scatter && gx1 != nullptr) std::fill(gx1 + b * dim1, gx1 + e * dim1, T(0));
    run.batches(range.order, order != nullptr && order == t.receiver, range.begin, range.end,
                [&](const auto& samples) {
                  T *to1[batch] = {}, *to2[batch] = {}, *to_w[batch] = {};
                  for (int lane = 0; lane < samples.count; ++lane) {
                    const Index s = samples.sample[lane];
                    if (gx1 != nullptr) to1[lane] = gx1 + run.sender(s) * dim1;
                    if (to.x2 != nullptr) std::fill_n(to2[lane] = to.x2 + s * dim2, dim2, T(0));
                    if (gw != nullptr) to_w[lane] = in.shared ? gw : gw + s * weight_numel;
                  }
                  const auto cotangent = [&](int lane) {
                    return in.out + run.receiver(samples.sample[lane]) * dim_out;
                  };
                  if (!in.shared && !mixes_.empty()) {
                    const auto lane_products = [&](int lane) { return products.data() + lane * products_; };
                    if (gw != nullptr) {
                      std::fill_n(products.data(), batch * products_, T(0));
                      run.forward(samples, false, [&](int lane, int mix) {
                        return lane_products(lane) + mixes_[at(mix)].products;
                      });
                    }
                    for (int lane = 0; lane < samples.count; ++lane)
                      for (const Mix& m : mixes_) {
                        if (gw != nullptr)
                          mix_weights(m, lane_products(lane), cotangent(lane), dim_out, 1, to_w[lane]);
                        if (inputs)
                          mix_backward(m, cotangent(lane), dim_out, run.w(samples.sample[lane]), 1,
                                       lane_products(lane));
                      }
                  }
                  if (inputs || direct_)
                    run.backward(
                        samples,
                        [&](int lane, int mix) -> const T* {
                          if (mix < 0) return cotangent(lane);
                          const Mix& m = mixes_[at(mix)];
                          return in.shared ? cotangents.data() + m.products * t.receivers +
                                                 run.receiver(samples.sample[lane]) * m.dim * m.in
                                           : products.data() + lane * products_ + m.products;
                        },
                        to1, to2, to_w, in.shared);
                  flush(samples.count);
                });
  };

  if (parts > 0) {
    const Index size = t.senders * dim1, grain = std::max<Index>(1, (t.receivers + parts - 1) / parts);
    Scratch<T> sums(parts * size);
    std::fill_n(sums.data(), parts * size, T(0));
    parallel_for(t.receivers, grain,
                 [&](Index b, Index e) { block(b, e, sums.data() + b / grain * size, to.w, [](Index) {}); });
    parallel_for(size, 4096, [&](Index b, Index e) {
      std::copy(sums.data() + b, sums.data() + e, to.x1 + b);
      for (Index part = 1; part < parts; ++part)
        for (Index n = b; n < e; ++n) to.x1[n] += sums.data()[part * size + n];
    });
    return;
  }
  const Index rows = order != nullptr ? order->extent() : t.samples;
  if (!in.shared || to.w == nullptr) {
    parallel_for(rows, order != nullptr ? 4 : sample_grain,
                 [&](Index b, Index e) { block(b, e, to.x1, to.w, [](Index) {}); });
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
        run.batches(range.order, t.receiver != nullptr, range.begin, range.end, [&](const auto& samples) {
          run.forward(samples, false, [&](int lane, int mix) {
            const Mix& m = mixes_[at(mix)];
            return products.data() + m.products * count +
                   (run.receiver(samples.sample[lane]) - b) * m.dim * m.in;
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
      block(b, e, to.x1, gw.data(), [&](Index count) {
        if ((since += count) >= sample_grain) add();
      });
      add();
    });
  else if (inputs)
    parallel_for(rows, order != nullptr ? 4 : sample_grain,
                 [&](Index b, Index e) { block(b, e, to.x1, nullptr, [](Index) {}); });
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
