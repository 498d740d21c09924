// Runs over the samples of a compiled tensor product: forward, and the derivatives.
#include "so3/tensor/cpu/run.hpp"

namespace cartan::so3 {
namespace {

// Adds sums over blocks of rows to one shared gradient: body(begin, end, sum) adds in float64 to a private
// sum, and the sums are added in order.
template <class T, class Body>
void shared_sum(Index rows, Index count, T* out, Body&& body) {
  const Index most = std::clamp<Index>((Index{1} << 22) / std::max<Index>(count, 1), 1, 32);
  const Index blocks = std::min(most, std::max<Index>(1, (rows + sample_grain - 1) / sample_grain));
  const Index grain = (rows + blocks - 1) / blocks;
  std::vector<double> sums(blocks * count, 0.0);
  parallel_for(rows, std::max<Index>(grain, 1),
               [&](Index b, Index e) { body(b, e, &sums[b / grain * count]); });
  for (Index n = 0; n < count; ++n) {
    double total = 0;
    for (Index b = 0; b < blocks; ++b) total += sums[b * count + n];
    out[n] += static_cast<T>(total);
  }
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
        const Mix& m = mixes_[mix];
        return products.data() +
               (mix_receivers ? m.products * rows + (r - b) * m.dim * m.in : lane * products_ + m.products);
      });
      if (mix_receivers) return;
      for (int lane = 0; lane < samples.count; ++lane) {
        const Index s = samples.sample[lane];
        for (const Mix& m : mixes_)
          mix_forward(m, products.data() + lane * products_ + m.products, run.w(s), 1,
                      out + run.receiver(s) * dim_out, dim_out);
      }
    });
    if (mix_receivers)
      for (const Mix& m : mixes_)
        mix_forward(m, products.data() + m.products * rows, in.w, rows, out + b * dim_out, dim_out);
  });
}

// The derivatives by x1, x2 and w in one pass where they have the same order of samples.
template <class T>
class TensorForm::Backward {
 public:
  Backward(const TensorForm& form, const Topology& t, const Rows<T>& in, const Gradients<T>& to)
      : form_(form),
        t_(t),
        in_(in),
        to_(to),
        mixes_(form.mixes_),
        inputs_(to.x1 != nullptr || to.x2 != nullptr),
        shared_gradient_(in.shared && to.w != nullptr),
        parts_(parts()),
        order_(to.x1 != nullptr && parts_ == 0 ? t.sender : t.receiver),
        cotangents_(in.shared && inputs_ ? t.receivers * form.products_ : 0) {}

  void operator()() {
    if (in_.shared && inputs_ && !mixes_.empty()) mixed_cotangents();
    if (parts_ > 0) return by_parts();
    if (!shared_gradient_) return by_rows(to_.w);
    if (mixes_.empty())
      std::fill_n(to_.w, form_.weight_numel, T(0));
    else
      mixing_weights();
    if (form_.direct_)
      direct_weights();
    else if (inputs_)
      by_rows(nullptr);
  }

 private:
  // By sender, every sample fetches its own row of cotangents. Where that is much wider than a row of x1 it
  // is better to go by receiver and to sum the derivatives by x1 in a few parts of the receivers, each in
  // memory of its own.
  Index parts() const {
    if (to_.x1 == nullptr || t_.sender == nullptr || t_.senders == 0 || shared_gradient_) return 0;
    if (form_.dim_out <= 4 * form_.dim1) return 0;
    return std::clamp<Index>(t_.samples / (2 * t_.senders), 1, 16);
  }

  // The cotangents of the products that shared weights mix, by receiver.
  void mixed_cotangents() {
    parallel_for(t_.receivers, sample_grain, [&](Index b, Index e) {
      for (const Mix& m : mixes_)
        mix_backward(m, in_.out + b * form_.dim_out, form_.dim_out, in_.w, e - b,
                     mixed(m) + b * m.dim * m.in);
    });
  }
  T* mixed(const Mix& m) { return cotangents_.data() + m.products * t_.receivers; }

  // The samples of rows [b, e) of the order; gw: of one sample's own weights, or the sum over all. `after` is
  // told how many samples were added.
  template <class After>
  void block(Index b, Index e, T* gx1, T* gw, After&& after) {
    Run<T> run(form_, t_, in_);
    Scratch<T> products(in_.shared ? 0 : batch * form_.products_);
    const Range range = range_of(order_, b, e);
    const bool by_receiver = order_ != nullptr && order_ == t_.receiver;
    run.batches(range.order, by_receiver, range.begin, range.end, [&](const auto& samples) {
      const T* g[batch];
      T *to1[batch] = {}, *to2[batch] = {}, *to_w[batch] = {};
      for (int n = 0; n < samples.count; ++n) {
        const Index s = samples.sample[n];
        g[n] = in_.out + run.receiver(s) * form_.dim_out;
        if (gx1 != nullptr) to1[n] = gx1 + run.sender(s) * form_.dim1;
        if (to_.x2 != nullptr) std::fill_n(to2[n] = to_.x2 + s * form_.dim2, form_.dim2, T(0));
        if (gw != nullptr) to_w[n] = in_.shared ? gw : gw + s * form_.weight_numel;
      }
      if (!in_.shared && !mixes_.empty()) mix_own(run, samples, g, to_w, products.data());
      if (inputs_ || form_.direct_)
        run.backward(
            samples,
            [&](int n, int mix) -> const T* {
              if (mix < 0) return g[n];
              const Mix& m = mixes_[mix];
              if (!in_.shared) return products.data() + n * form_.products_ + m.products;
              return mixed(m) + run.receiver(samples.sample[n]) * m.dim * m.in;
            },
            to1, to2, to_w, in_.shared);
      after(samples.count);
    });
  }

  // Weights of each sample that mix: their derivatives, and the cotangents of the products.
  template <class Samples>
  void mix_own(Run<T>& run, const Samples& samples, const T* const (&g)[batch], T* const (&to_w)[batch],
               T* products) {
    const Index size = form_.products_;
    if (to_w[0] != nullptr) {
      std::fill_n(products, batch * size, T(0));
      run.forward(samples, false, [&](int n, int mix) { return products + n * size + mixes_[mix].products; });
    }
    for (int n = 0; n < samples.count; ++n)
      for (const Mix& m : mixes_) {
        if (to_w[n] != nullptr) {
          const Scratch<T> gw = mix_weights(m, products + n * size + m.products, g[n], form_.dim_out, 1);
          std::copy_n(gw.data(), gw.size(), to_w[n] + m.weights);
        }
        if (inputs_)
          mix_backward(m, g[n], form_.dim_out, run.w(samples.sample[n]), 1, products + n * size + m.products);
      }
  }

  void by_rows(T* gw) {
    parallel_for(rows(), order_ != nullptr ? 4 : sample_grain, [&](Index b, Index e) {
      clear(b, e);
      block(b, e, to_.x1, gw, [](Index) {});
    });
  }
  Index rows() const { return order_ != nullptr ? order_->extent() : t_.samples; }
  void clear(Index b, Index e) {
    if (to_.x1 != nullptr) std::fill(to_.x1 + b * form_.dim1, to_.x1 + e * form_.dim1, T(0));
  }

  void by_parts() {
    const Index size = t_.senders * form_.dim1,
                grain = std::max<Index>(1, (t_.receivers + parts_ - 1) / parts_);
    Scratch<T> sums(parts_ * size);
    std::fill_n(sums.data(), parts_ * size, T(0));
    parallel_for(t_.receivers, grain,
                 [&](Index b, Index e) { block(b, e, sums.data() + b / grain * size, to_.w, [](Index) {}); });
    parallel_for(size, 4096, [&](Index b, Index e) {
      std::copy(sums.data() + b, sums.data() + e, to_.x1 + b);
      for (Index part = 1; part < parts_; ++part)
        for (Index n = b; n < e; ++n) to_.x1[n] += sums.data()[part * size + n];
    });
  }

  // Shared weights that mix: products^T g, by receiver.
  void mixing_weights() {
    std::fill_n(to_.w, form_.weight_numel, T(0));
    shared_sum(t_.receivers, form_.weight_numel, to_.w, [&](Index begin, Index end, double* sum) {
      Run<T> run(form_, t_, in_);
      Scratch<T> products(std::min(end - begin, sample_grain) * form_.products_);
      for (Index b = begin; b < end; b += sample_grain) {
        const Index count = std::min(end - b, sample_grain);
        std::fill_n(products.data(), count * form_.products_, T(0));
        const auto products_at = [&](const Mix& m) { return products.data() + m.products * count; };
        const Range range = range_of(t_.receiver, b, b + count);
        run.batches(range.order, t_.receiver != nullptr, range.begin, range.end, [&](const auto& samples) {
          run.forward(samples, false, [&](int n, int mix) {
            const Mix& m = mixes_[mix];
            return products_at(m) + (run.receiver(samples.sample[n]) - b) * m.dim * m.in;
          });
        });
        for (const Mix& m : mixes_) {
          const Scratch<T> gw =
              mix_weights(m, products_at(m), in_.out + b * form_.dim_out, form_.dim_out, count);
          for (Index n = 0; n < gw.size(); ++n) sum[m.weights + n] += static_cast<double>(gw.data()[n]);
        }
      }
    });
  }

  // The other shared weights, and the inputs.
  void direct_weights() {
    shared_sum(rows(), form_.weight_numel, to_.w, [&](Index b, Index e, double* sum) {
      std::vector<T> gw(form_.weight_numel, T(0));
      Index since = 0;
      const auto add = [&] {
        for (std::size_t n = 0; n < gw.size(); ++n) sum[n] += static_cast<double>(gw[n]);
        std::fill(gw.begin(), gw.end(), T(0));
        since = 0;
      };
      clear(b, e);
      block(b, e, to_.x1, gw.data(), [&](Index count) {
        if ((since += count) >= sample_grain) add();
      });
      add();
    });
  }

  const TensorForm& form_;
  const Topology& t_;
  const Rows<T>& in_;
  const Gradients<T>& to_;
  const std::vector<Mix>& mixes_;
  bool inputs_, shared_gradient_;
  Index parts_;
  const Indices* order_;
  Scratch<T> cotangents_;
};

template <class T>
void TensorForm::backward(const Topology& t, const Rows<T>& in, const Gradients<T>& to) const {
  Backward<T>(*this, t, in, to)();
}

template void TensorForm::forward(const Topology&, const Rows<float>&, float*) const;
template void TensorForm::forward(const Topology&, const Rows<double>&, double*) const;
template void TensorForm::backward(const Topology&, const Rows<float>&, const Gradients<float>&) const;
template void TensorForm::backward(const Topology&, const Rows<double>&, const Gradients<double>&) const;

}  // namespace cartan::so3
