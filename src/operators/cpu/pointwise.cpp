// Tiles of points: the channels of a tile go through all products while they are in the second-level cache.
// Sums over points are made by blocks of tiles whose borders depend on the sizes alone, and added in their
// order.
#include "operators/pointwise.hpp"

#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/workspace.hpp"
#include "operators/cpu/normal.hpp"
#include "operators/cpu/panel.hpp"
#include "operators/cpu/transposed.hpp"

namespace cartan::operators {
namespace {

// The inputs by name, and extents; of the gradient u is u + b + W v.
template <class T>
struct Views {
  const T *v, *u = nullptr, *b = nullptr, *skip = nullptr, *w1, *b1, *w2, *b2, *gamma = nullptr;
  Index samples, in, points, middle, hidden, out;

  Views(const PointwiseParts& parts, const Arrays& a) {
    std::size_t k = 0;
    v = a[k++].data<T>();
    samples = a[0].dim(0), in = a[0].dim(1), points = a[0].dim(2);
    if (parts.spectral) u = a[k++].data<T>(), b = a[k++].data<T>();
    if (parts.skip) skip = a[k++].data<T>();
    hidden = a[k].dim(0), middle = a[k].dim(1), out = a[k + 2].dim(0);
    w1 = a[k++].data<T>(), b1 = a[k++].data<T>(), w2 = a[k++].data<T>(), b2 = a[k++].data<T>();
    if (parts.gate) gamma = a[k++].data<T>();
  }
};

// Points a tile: all channels in a quarter of a megabyte.
template <class T>
Index tile_points(Index channels, Index points) {
  const Index fit = (Index{1} << 18) / (static_cast<Index>(sizeof(T)) * std::max<Index>(channels, 1));
  return std::min(points, std::clamp<Index>(fit / 48 * 48, 48, 1008));
}

// Points of a panel: three cache lines.
template <class T>
constexpr Index panel_points = 3 * 64 / static_cast<Index>(sizeof(T));

// Rows of n points, `stride` apart, as panels of `high` rows one behind the other, each number by
// `change(value, row)`. Where rows lie powers of two apart few lines of them are in a cache at a time: they
// are read once, in long pieces.
template <class T, class Change>
void to_panels(const T* from, Index rows, Index stride, Index n, T* to, Index high, const Change& change) {
  constexpr Index width = panel_points<T>;
  for (Index r = 0; r < rows; ++r)
    for (Index q = 0; q < n; q += width) {
      T* panel = to + q * high + r * width;
      for_numbers(from + r * stride + q, std::min(width, n - q),
                  [&](auto value, auto access, Index i) { access.store(panel + i, change(value, r)); });
    }
}

// Asks for the points of a panel, of rows that lie `stride` apart.
template <class T>
void ask_for(const T* from, Index rows, Index stride) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  for (Index r = 0; r < rows; ++r)
    for (Index i = 0; i < panel_points<T>; i += line) __builtin_prefetch(from + r * stride + i, 0, 2);
}

// gelu of the first n numbers of rows that lie `stride` apart.
template <class T>
void gelu_rows(T* h, Index rows, Index n, Index stride) {
  if (n == stride) return gelu_row(h, h, rows * n);
  for (Index r = 0; r < rows; ++r) gelu_row(h + r * stride, h + r * stride, n);
}

// y, and u + b + W v in `sum` where that is given.
template <class T>
void forward(const PointwiseParts& parts, const Views<T>& x, T* y, T* sum) {
  constexpr Index width = panel_points<T>;
  const Index between = std::max(x.out, parts.spectral ? x.middle : 0);
  const Index n_tile = tile_points<T>(x.in + between, x.points), tiles = (x.points + n_tile - 1) / n_tile;
  const bool past = goes_past_caches<T>(x.samples * x.out, x.points);
  parallel_for(x.samples * tiles, 1, [&](Index begin, Index end) {
    const GeluOf<T> gelu;
    // panels of v, of h and then of the result, of the inner channels
    Scratch<T> vs(x.in * (n_tile + width)), hs(between * (n_tile + width)), a(x.hidden * width);
    for (Index t = begin; t < end; ++t) {
      const Index sample = t / tiles, p = t % tiles * n_tile, n = std::min(n_tile, x.points - p);
      to_panels(x.v + sample * x.in * x.points + p, x.in, x.points, n, vs.data(), x.in,
                [](auto value, Index) { return value; });
      if (parts.spectral)
        to_panels(x.u + sample * x.middle * x.points + p, x.middle, x.points, n, hs.data(), between,
                  [&](auto value, Index r) { return value + x.b[r]; });
      const auto add_skip = [&](Index q) {
        multiply<T>(x.middle, std::min(width, n - q), x.in, {x.skip, x.in, 1}, vs.data() + q * x.in, width,
                    hs.data() + q * between, width, true);
      };
      if (sum) {
        for (Index q = 0; parts.skip && q < n; q += width) add_skip(q);
        for (Index r = 0; r < x.middle; ++r) {
          T* to = sum + (sample * x.middle + r) * x.points + p;
          for (Index q = 0; q < n; q += width)
            std::copy_n(hs.data() + q * between + r * width, std::min(width, n - q), to + q);
        }
      }
      for (Index q = 0; q < n; q += width) {
        const Index w = std::min(width, n - q);
        const T* v = vs.data() + q * x.in;
        T* h = hs.data() + q * between;
        // where fields are large, of the next tile
        if (const Index next = p + n_tile + q; past && next + width <= x.points) {
          ask_for(x.v + sample * x.in * x.points + next, x.in, x.points);
          if (parts.spectral) ask_for(x.u + sample * x.middle * x.points + next, x.middle, x.points);
        }
        if (parts.skip && !sum) add_skip(q);
        if (parts.gelu_inside) gelu_rows(h, x.middle, w, width);
        multiply<T>(x.hidden, w, x.middle, {x.w1, x.middle, 1}, parts.spectral ? h : v, width, a.data(),
                    width, false, x.b1);
        gelu_rows(a.data(), x.hidden, w, width);
        multiply<T>(x.out, w, x.hidden, {x.w2, x.hidden, 1}, a.data(), width, h, width, false, x.b2);
      }
      for (Index r = 0; r < x.out; ++r)
        for (Index q = 0; q < n; q += width) {
          const T *z = hs.data() + q * between + r * width, *v = vs.data() + q * x.in + r * width;
          T* to = y + (sample * x.out + r) * x.points + p + q;
          const T gate = parts.gate ? x.gamma[r] : T(0);
          const auto each = [&](auto&& last) {
            for_numbers(z, std::min(width, n - q), [&](auto value, auto access, Index i) {
              if (parts.gate) value += gate * access.load(v + i);
              past ? store_past_caches(access, to + i, last(value)) : access.store(to + i, last(value));
            });
          };
          if (parts.gelu_outside)
            each(gelu);
          else
            each([](auto value) { return value; });
        }
    }
    if (past) stores_are_done();
  });
}

// row sums of (rows, n), added
template <class T>
void add_row_sums(const T* a, Index rows, Index n, Index stride, T* to) {
  for (Index r = 0; r < rows; ++r) {
    const T* row = a + r * stride;
    using V = Register<T>;
    constexpr Index lanes = register_lanes<T>;
    V sum{};
    Index i = 0;
    for (; i + lanes <= n; i += lanes) sum += load<V>(row + i);
    T s = horizontal_sum<T>(sum);
    for (; i < n; ++i) s += row[i];
    to[r] += s;
  }
}

// sums (m, k) += c (m, n) b (k, n)^T, rows n apart; in `turned` b is transposed.
template <class T>
void add_products(Index m, Index k, Index n, const T* c, const T* b, T* turned, T* sums) {
  transpose(b, n, k, n, turned);
  multiply<T>(m, k, n, {c, n, 1}, turned, padded<T>(k), sums, k, true);
}

// Where the gradients of the weights of one block of tiles lie.
template <class T>
struct WeightSums {
  T *b = nullptr, *skip = nullptr, *w1, *b1, *w2, *b2, *gamma = nullptr;
  static Index size(const PointwiseParts& parts, const Views<T>& x) {
    return (parts.spectral ? x.middle : 0) + (parts.skip ? x.middle * x.in : 0) + x.hidden * (x.middle + 1) +
           x.out * (x.hidden + 1) + (parts.gate ? x.in : 0);
  }
  WeightSums(const PointwiseParts& parts, const Views<T>& x, T* p) {
    if (parts.spectral) b = p, p += x.middle;
    if (parts.skip) skip = p, p += x.middle * x.in;
    w1 = p, p += x.hidden * x.middle;
    b1 = p, p += x.hidden;
    w2 = p, p += x.out * x.hidden;
    b2 = p, p += x.out;
    gamma = p;
  }
};

template <class T>
void backward(const PointwiseParts& parts, const Views<T>& x, const T* c, T* dv, T* du, T* weights) {
  const Index n_tile =
                  tile_points<T>(x.in + 3 * (parts.spectral ? x.middle : 0) + 3 * x.hidden + x.out, x.points),
              tiles = (x.points + n_tile - 1) / n_tile;
  const Index all = x.samples * tiles, blocks = std::min<Index>(all, 16),
              size = WeightSums<T>::size(parts, x);
  Scratch<T> partial(blocks * size, T(0));
  parallel_for(blocks, 1, [&](Index first, Index last) {
    const GeluSlopeOf<T> slope;
    Scratch<T> vs(x.in * n_tile), h(x.middle * n_tile), slope_h(x.middle * n_tile), a(x.hidden * n_tile),
        slope_a(x.hidden * n_tile), cz(x.out * n_tile), ca(x.hidden * n_tile), ch(x.middle * n_tile),
        turned(padded<T>(std::max({x.in, x.middle, x.hidden})) * n_tile);
    for (Index block = first; block < last; ++block) {
      WeightSums<T> sums(parts, x, partial.data() + block * size);
      for (Index t = all * block / blocks; t < all * (block + 1) / blocks; ++t) {
        const Index sample = t / tiles, p = t % tiles * n_tile, n = std::min(n_tile, x.points - p),
                    in_at = sample * x.in * x.points + p;
        const T* v = vs.data();
        for (Index r = 0; r < x.in; ++r) std::copy_n(x.v + in_at + r * x.points, n, vs.data() + r * n);
        for (Index r = 0; parts.spectral && r < x.middle; ++r) {
          const T* from = x.u + (sample * x.middle + r) * x.points + p;
          if (parts.gelu_inside)
            gelu_row(from, h.data() + r * n, slope_h.data() + r * n, n);
          else
            std::copy_n(from, n, h.data() + r * n);
        }
        const T* inner = parts.spectral ? h.data() : v;
        multiply<T>(x.hidden, n, x.middle, {x.w1, x.middle, 1}, inner, n, a.data(), n, false, x.b1);
        gelu_row(a.data(), a.data(), slope_a.data(), x.hidden * n);
        const T* given = c + sample * x.out * x.points + p;
        if (parts.gelu_outside)
          multiply<T>(x.out, n, x.hidden, {x.w2, x.hidden, 1}, a.data(), n, cz.data(), n, false, x.b2);
        for (Index r = 0; r < x.out; ++r) {
          T* row = cz.data() + r * n;
          const T gate = parts.gate ? x.gamma[r] : T(0);
          const T* from = given + r * x.points;
          for_numbers(from, n, [&](auto value, auto access, Index i) {
            if (parts.gelu_outside) {
              auto z = access.load(row + i);
              if (parts.gate) z += gate * access.load(v + r * n + i);
              auto y = z;
              value *= slope(z, y);
            }
            access.store(row + i, value);
          });
          if (parts.gate) {
            T sum = 0;
            using V = Register<T>;
            constexpr Index lanes = register_lanes<T>;
            V s{};
            Index i = 0;
            for (; i + lanes <= n; i += lanes) s += load<V>(row + i) * load<V>(v + r * n + i);
            sum = horizontal_sum<T>(s);
            for (; i < n; ++i) sum += row[i] * v[r * n + i];
            sums.gamma[r] += sum;
          }
        }
        add_row_sums(cz.data(), x.out, n, n, sums.b2);
        add_products(x.out, x.hidden, n, cz.data(), a.data(), turned.data(), sums.w2);
        multiply<T>(x.hidden, n, x.out, {x.w2, 1, x.hidden}, cz.data(), n, ca.data(), n, false);
        for_numbers(ca.data(), x.hidden * n, [&](auto value, auto access, Index i) {
          access.store(ca.data() + i, value * access.load(slope_a.data() + i));
        });
        add_row_sums(ca.data(), x.hidden, n, n, sums.b1);
        add_products(x.hidden, x.middle, n, ca.data(), inner, turned.data(), sums.w1);
        // the gradient of v takes its place
        if (!parts.spectral) {
          multiply<T>(x.in, n, x.hidden, {x.w1, 1, x.middle}, ca.data(), n, vs.data(), n, false);
        } else {
          multiply<T>(x.middle, n, x.hidden, {x.w1, 1, x.middle}, ca.data(), n, ch.data(), n, false);
          if (parts.gelu_inside)
            for_numbers(ch.data(), x.middle * n, [&](auto value, auto access, Index i) {
              access.store(ch.data() + i, value * access.load(slope_h.data() + i));
            });
          add_row_sums(ch.data(), x.middle, n, n, sums.b);
          for (Index r = 0; r < x.middle; ++r)
            std::copy_n(ch.data() + r * n, n, du + (sample * x.middle + r) * x.points + p);
          if (parts.skip) {
            add_products(x.middle, x.in, n, ch.data(), v, turned.data(), sums.skip);
            multiply<T>(x.in, n, x.middle, {x.skip, 1, x.in}, ch.data(), n, vs.data(), n, false);
          } else {
            std::fill_n(vs.data(), x.in * n, T(0));
          }
        }
        for (Index r = 0; r < x.in; ++r) {
          const T gate = parts.gate ? x.gamma[r] : T(0);
          T* to = dv + in_at + r * x.points;
          for_numbers(vs.data() + r * n, n, [&](auto value, auto access, Index i) {
            if (parts.gate) value += gate * access.load(cz.data() + r * n + i);
            access.store(to + i, value);
          });
        }
      }
    }
  });
  std::fill_n(weights, size, T(0));
  for (Index block = 0; block < blocks; ++block)
    for (Index k = 0; k < size; ++k) weights[k] += partial.data()[block * size + k];
}

}  // namespace

Arrays Pointwise::eval_cpu(const Arrays& in) const {
  const Array& w2 = in[static_cast<std::size_t>(parts_.arrays() - (parts_.gate ? 3 : 2))];
  Arrays out{Array::uninitialized({in[0].dim(0), w2.dim(0), in[0].dim(2)}, in[0].dtype())};
  if (keep_) out.push_back(Array::uninitialized(in[1].shape(), in[1].dtype()));
  dispatch_real(name(), in[0].dtype(), [&]<class T>(T) {
    forward<T>(parts_, Views<T>(parts_, in), out[0].mutable_data<T>(),
               keep_ ? out[1].mutable_data<T>() : nullptr);
  });
  return out;
}

Arrays PointwiseGradient::eval_cpu(const Arrays& in) const {
  const Arrays own(in.begin(), in.end() - 1);
  Arrays g;
  for (const Array& a : own) g.push_back(Array::uninitialized(a.shape(), a.dtype()));
  dispatch_real(name(), in[0].dtype(), [&]<class T>(T) {
    const Views<T> x(parts_, own);
    Scratch<T> weights(WeightSums<T>::size(parts_, x));
    backward<T>(parts_, x, in.back().data<T>(), g[0].mutable_data<T>(),
                parts_.spectral ? g[1].mutable_data<T>() : nullptr, weights.data());
    const T* from = weights.data();
    for (std::size_t k = parts_.spectral ? 2 : 1; k < g.size(); ++k) {
      std::copy_n(from, g[k].size(), g[k].mutable_data<T>());
      from += g[k].size();
    }
  });
  return g;
}

}  // namespace cartan::operators
