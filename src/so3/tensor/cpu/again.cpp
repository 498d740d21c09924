// The second derivatives of a channelwise tensor product that training on forces takes, in one pass by
// receiver. With directions dx, df, dw of the operand x, the filter f and the weights w, the sum of the first
// derivatives times them is, path by path,
//
//   sum over k, i, u of  c[k, u] (M[k, i] y[i, u] + N[k, i] z[i, u]),   y = w dx + dw x,  z = w x,
//
// M the filter's matrix and N that of its direction.
#include "so3/tensor/cpu/run.hpp"

namespace cartan::so3 {
namespace {

// The rows of a batch; results that are not wanted are null.
template <class T>
struct AgainRows {
  int count = 0;
  bool together = false;  // one receiver
  const T *x[batch], *dx[batch], *w[batch], *dw[batch], *c[batch];
  T *to_c[batch] = {}, *to_x[batch] = {}, *to_w[batch] = {};
  Index ahead_w[batch], ahead_dw[batch];
};

// Samples first .. first + L of one receiver: to_c += M y + N z.
template <class T, int D, int L>
void add_values(const FilterGroup& g, const AgainRows<T>& b, int first, const T* m_all, const T* n_all) {
  const Index paths = static_cast<Index>(g.weights.size()), stride = g.a.stride, c_stride = g.c.stride;
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    for (Index p = 0; p < paths; ++p) {
      V y[L][D], z[L][D];
      repeat<L>([&](auto l) {
        const T *w = b.w[first + l] + g.weights[p] + f, *dw = b.dw[first + l] + g.weights[p] + f;
        const T *x = b.x[first + l] + g.a.offset + f, *dx = b.dx[first + l] + g.a.offset + f;
        __builtin_prefetch(w + b.ahead_w[first + l], 0, 2);
        __builtin_prefetch(dw + b.ahead_dw[first + l], 0, 2);
        const V weight = r.load(w), direction = r.load(dw);
        repeat<D>([&](auto i) {
          const V xi = r.load(x + i * stride);
          y[l][i] = weight * r.load(dx + i * stride) + direction * xi;
          z[l][i] = weight * xi;
        });
      });
      const T *m = m_all + first + p * D * batch, *n = n_all + first + p * D * batch;
      T* to = b.to_c[first] + g.c.offset + f;
      for (int k = 0; k < g.c.dim; ++k, to += c_stride, m += paths * D * batch, n += paths * D * batch) {
        V total = r.load(to), other{};
        repeat<D>([&](auto i) {
          repeat<L>([&](auto l) {
            total += y[l][i] * m[i * batch + l];
            other += z[l][i] * n[i * batch + l];
          });
        });
        r.store(to, V(total + other));
      }
    }
  });
}

// With t = M^T c and s = N^T c: to_x += dw t + w s, to_w (+)= dx . t + x . s.
template <class T, int D, int L>
void add_derivatives(const FilterGroup& g, const AgainRows<T>& b, int first, const T* m_all, const T* n_all) {
  const Index paths = static_cast<Index>(g.weights.size()), stride = g.a.stride, c_stride = g.c.stride;
  const int count = b.count - first;
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    for (Index p = 0; p < paths; ++p) {
      V t[L][D] = {}, s[L][D] = {};
      const T *m = m_all + first + p * D * batch, *n = n_all + first + p * D * batch;
      const T* c = b.c[first] + g.c.offset + f;
      for (int k = 0; k < g.c.dim; ++k, c += c_stride, m += paths * D * batch, n += paths * D * batch) {
        const V ck = r.load(c);
        repeat<D>([&](auto i) {
          repeat<L>([&](auto l) {
            t[l][i] += ck * m[i * batch + l];
            s[l][i] += ck * n[i * batch + l];
          });
        });
      }
      repeat<L>([&](auto l) {
        if (l >= count) return;
        if (b.to_w[first + l] && g.weighted) {
          const T *x = b.x[first + l] + g.a.offset + f, *dx = b.dx[first + l] + g.a.offset + f;
          V sum{};
          repeat<D>(
              [&](auto i) { sum += r.load(dx + i * stride) * t[l][i] + r.load(x + i * stride) * s[l][i]; });
          T* to = b.to_w[first + l] + g.weights[p] + f;
          r.store(to, g.again ? V(sum + r.load(to)) : sum);
        }
        if (b.to_x[first + l]) {
          const V w = r.load(b.w[first + l] + g.weights[p] + f),
                  dw = r.load(b.dw[first + l] + g.weights[p] + f);
          T* to = b.to_x[first + l] + g.a.offset + f;
          repeat<D>([&](auto i) {
            r.store(to + i * stride, V(r.load(to + i * stride) + dw * t[l][i] + w * s[l][i]));
          });
        }
      });
    }
  });
}

// Both, where M and N are multiples of the unit matrix.
template <class T>
void add_diagonal(const FilterGroup& g, const AgainRows<T>& b, int l, const T* m, const T* n) {
  const T *x = b.x[l] + g.a.offset, *dx = b.dx[l] + g.a.offset, *w = b.w[l], *dw = b.dw[l],
          *c = b.c[l] + g.c.offset;
  T *to_c = b.to_c[l], *to_x = b.to_x[l], *to_w = g.weighted ? b.to_w[l] : nullptr;
  m += l, n += l;
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    V of_x{}, of_dx{}, xc{}, dxc{};
    for (std::size_t p = 0; p < g.weights.size(); ++p) {
      const V weight = r.load(w + g.weights[p] + f);
      of_x += weight * n[p * batch] + r.load(dw + g.weights[p] + f) * m[p * batch];
      of_dx += weight * m[p * batch];
    }
    for (int k = 0; k < g.c.dim; ++k) {
      const V xk = r.load(x + k * g.a.stride + f), dxk = r.load(dx + k * g.a.stride + f);
      const V ck = r.load(c + k * g.c.stride + f);
      xc += xk * ck;
      dxc += dxk * ck;
      if (to_c) {
        T* to = to_c + g.c.offset + k * g.c.stride + f;
        r.store(to, V(r.load(to) + of_x * xk + of_dx * dxk));
      }
      if (to_x) {
        T* to = to_x + g.a.offset + k * g.a.stride + f;
        r.store(to, V(r.load(to) + of_x * ck));
      }
    }
    for (std::size_t p = 0; to_w && p < g.weights.size(); ++p) {
      T* to = to_w + g.weights[p] + f;
      const V sum = dxc * m[p * batch] + xc * n[p * batch];
      r.store(to, g.again ? V(sum + r.load(to)) : sum);
    }
  });
}

template <class T, int D, int L>
void add_dense(const FilterGroup& g, const AgainRows<T>& b, const T* m, const T* n) {
  const bool values = b.to_c[0], derivatives = b.to_x[0] || (b.to_w[0] && g.weighted);
  const auto run = [&]<int many>(int first) {
    if (values) add_values<T, D, many>(g, b, first, m, n);
    if (derivatives) add_derivatives<T, D, many>(g, b, first, m, n);
  };
  int first = 0;
  if (b.together)
    for (; first + 1 < b.count; first += L) run.template operator()<L>(first);
  for (; first < b.count; ++first) run.template operator()<1>(first);
}

// As many samples together as registers allow; matrices of those that do not exist are zero.
template <class T>
void add_group(const FilterGroup& g, const AgainRows<T>& b, const T* m, const T* n) {
  if (g.diagonal) {
    for (int l = 0; l < b.count; ++l) add_diagonal(g, b, l, m, n);
    return;
  }
  with_width(g.a.dim, [&](auto d) { add_dense<T, d, d <= 3 ? 4 : d <= 7 ? 2 : 1>(g, b, m, n); });
}

}  // namespace

bool TensorForm::channelwise() const {
  return mixes_.empty() && pairs_.empty() &&
         std::all_of(groups_.begin(), groups_.end(),
                     [](const FilterGroup& g) { return g.operand == Operand::x1; });
}

template <class T>
void TensorForm::again(const Topology& t, const Rows<T>& in, const Rows<T>& along, const Again<T>& to) const {
  const Index parts = to.x1 == nullptr || t.sender == nullptr || t.senders == 0
                          ? 0
                          : std::clamp<Index>(t.samples / (2 * t.senders), 1, 16);
  const Index size = t.senders * dim1;
  const Index grain = parts > 0               ? std::max<Index>(1, (t.receivers + parts - 1) / parts)
                      : t.receiver != nullptr ? 4
                                              : sample_grain;
  Scratch<T> sums(parts * size), zeros(std::max({dim1, weight_numel, Index{1}}), T(0));
  if (parts > 0) std::fill_n(sums.data(), parts * size, T(0));
  parallel_for(t.receivers, grain, [&](Index first, Index last) {
    Run<T> run(*this, t, in), moved(*this, t, along);
    if (to.out) std::fill(to.out + first * dim_out, to.out + last * dim_out, T(0));
    T* x1 = parts > 0 ? sums.data() + first / grain * size : to.x1;
    if (parts == 0 && x1) std::fill(x1 + first * dim1, x1 + last * dim1, T(0));
    const Range range = range_of(t.receiver, first, last);
    run.batches(range.order, t.receiver != nullptr, range.begin, range.end, [&](const auto& samples) {
      auto directions = samples;
      AgainRows<T> rows;
      rows.count = samples.count;
      rows.together = samples.together;
      const auto given = [&](const T* row) { return row == nullptr ? zeros.data() : row; };
      for (int n = 0; n < batch; ++n) {
        const Index s = samples.sample[n], r = run.receiver(s);
        directions.x2[n] = moved.x2(s);
        rows.x[n] = samples.x1[n];
        rows.dx[n] = given(moved.x1(s));
        rows.dw[n] = given(moved.w(s));
        rows.w[n] = samples.w[n];
        rows.ahead_w[n] = samples.ahead_w[n];
        rows.ahead_dw[n] = along.w == nullptr ? 0 : samples.ahead_w[n];
        rows.c[n] = in.out + r * dim_out;
        if (to.out) rows.to_c[n] = to.out + r * dim_out;
        if (x1) rows.to_x[n] = x1 + run.sender(s) * dim1;
        if (to.w) rows.to_w[n] = to.w + s * weight_numel;
      }
      moved.make_matrices(directions);
      for (const FilterGroup& g : groups_) {
        AgainRows<T> own = rows;
        if (!g.weighted)
          for (int n = 0; n < batch; ++n) {
            own.w[n] = run.ones();
            own.dw[n] = zeros.data();
            own.ahead_w[n] = own.ahead_dw[n] = 0;
          }
        add_group(g, own, run.matrix(g), moved.matrix(g));
      }
    });
  });
  if (parts > 0)
    parallel_for(size, 4096, [&](Index b, Index e) {
      std::copy(sums.data() + b, sums.data() + e, to.x1 + b);
      for (Index part = 1; part * grain < t.receivers; ++part)
        for (Index n = b; n < e; ++n) to.x1[n] += sums.data()[part * size + n];
    });
}

template void TensorForm::again(const Topology&, const Rows<float>&, const Rows<float>&,
                                const Again<float>&) const;
template void TensorForm::again(const Topology&, const Rows<double>&, const Rows<double>&,
                                const Again<double>&) const;

}  // namespace cartan::so3
