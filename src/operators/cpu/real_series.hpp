#pragma once
// Kept modes of real fields, and back, by products with the few rows of the Fourier matrices that are needed.
//
// Along an axis of n points with frequencies k a real field has cosine and sine coefficients,
//   C_k = sum_j e_j cos(2 pi j k / n),  S_k = sum_j o_j sin(2 pi j k / n),  j = 0 .. n/2,
// with e_j = x_j + x_(n-j) and o_j = x_j - x_(n-j): half the products. Where n is even, even k need no more
// than e_j + e_(n/2-j) and o_j - o_(n/2-j), odd k e_j - e_(n/2-j) and o_j + o_(n/2-j), j = 0 .. n/4: half
// again, for all axes but the last. All axes one after the other give real coefficients of products of
// cosines and sines; complex modes are sums of 2^d of them. The first axis goes first, with all points of the
// others side by side in registers. The way back is the transpose. Sums of many terms are made by halves.
#include <cmath>
#include <map>
#include <mutex>

#include "core/workspace.hpp"
#include "operators/cpu/pairs.hpp"
#include "operators/cpu/panel.hpp"
#include "operators/spectral.hpp"

namespace cartan::operators {

template <class T>
struct SeriesTable {
  Index n, half, k, wide, high;  // points, j = 0 .. n/2, frequencies, half and k in whole registers
  std::vector<T> cos, sin;       // (k, wide)
  std::vector<T> cos_j, sin_j;   // (half, high)

  SeriesTable(Index points, const std::vector<Index>& frequencies) : n(points), half(points / 2 + 1) {
    k = static_cast<Index>(frequencies.size());
    wide = padded<T>(half), high = padded<T>(k);
    cos.assign(static_cast<std::size_t>(k * wide), T(0)), sin = cos;
    cos_j.assign(static_cast<std::size_t>(half * high), T(0)), sin_j = cos_j;
    for (Index i = 0; i < k; ++i)
      for (Index j = 0; j < half; ++j) {
        const Index turn = j * frequencies[static_cast<std::size_t>(i)] % n;
        const double angle = 2 * M_PI * static_cast<double>(turn) / static_cast<double>(n);
        const bool once = 2 * turn % n == 0 || 2 * j % n == 0;  // the sine is nothing
        cos[i * wide + j] = cos_j[j * high + i] = static_cast<T>(std::cos(angle));
        sin[i * wide + j] = sin_j[j * high + i] = once ? T(0) : static_cast<T>(std::sin(angle));
      }
  }

  static std::shared_ptr<const SeriesTable> of(Index n, const std::vector<Index>& frequencies) {
    using Tables = std::map<std::pair<Index, std::vector<Index>>, std::shared_ptr<const SeriesTable>>;
    static std::mutex& mutex = *new std::mutex;
    static Tables& tables = *new Tables;
    const std::lock_guard lock(mutex);
    auto& table = tables[{n, frequencies}];
    if (!table) table = std::make_shared<const SeriesTable>(n, frequencies);
    const auto out = table;
    if (tables.size() > 256) tables.clear();
    return out;
  }
};

template <class T>
class RealSeries {
 public:
  using C = std::complex<T>;

  // Products at about 150 flops a nanosecond (half as many of float64), FFTW's transforms at about 6.
  static bool is_faster(const KeptModes& kept) {
    if (!kept.real || kept.grid.size() > 3) return false;
    double products = 0, transforms = 0, rows = 1;
    for (std::size_t a = 0; a < kept.grid.size(); ++a) rows *= static_cast<double>(kept.grid[a]);
    for (std::size_t a = 0; a < kept.grid.size(); ++a) {
      const double n = static_cast<double>(kept.grid[a]), bins = static_cast<double>(kept.bins[a].size()),
                   k = a + 1 == kept.grid.size() ? bins : bins / 2 + 1;
      products += rows * 2 * k / (sizeof(T) == 4 ? 150 : 75);
      transforms += rows * 2.5 * std::log2(std::max(2.0, n)) / 6;
      rows *= std::min(1.0, 2 * k / n);
    }
    return products < transforms;
  }

  // @param weights  of the indices of the last axis
  RealSeries(const KeptModes& kept, std::vector<double> weights)
      : weights_(weights.begin(), weights.end()), extents_(kept.extents()) {
    const std::size_t d = kept.grid.size();
    Index right = 1;
    for (const Index n : kept.grid) right *= n;
    points_ = right;
    for (std::size_t a = 0; a < d; ++a) {
      const Index n = kept.grid[a];
      right /= n;
      std::vector<Index> frequencies, rows(static_cast<std::size_t>(n / 2 + 1), -1);
      Leading axis;
      axis.first = a == 0, axis.folded = a + 1 < d && n % 2 == 0;
      // frequencies in the order in which they are met; of a folded axis the even ones first
      for (const Index rest : {Index{0}, Index{1}}) {
        for (const std::int32_t bin : kept.bins[a]) {
          const Index k = std::min<Index>(bin, n - bin);
          if (axis.folded ? k % 2 != rest : rest == 1) continue;
          Index& row = rows[static_cast<std::size_t>(k)];
          if (row < 0) row = static_cast<Index>(frequencies.size()), frequencies.push_back(k);
        }
        if (rest == 0) axis.even = static_cast<Index>(frequencies.size());
      }
      for (const std::int32_t bin : kept.bins[a]) {
        const Index k = std::min<Index>(bin, n - bin);
        axis.row.push_back(rows[static_cast<std::size_t>(k)]);
        axis.sign.push_back(bin == k ? T(1) : T(-1));
      }
      axis.terms = axis.folded ? n / 4 + 1 : n / 2 + 1;
      axis.table = SeriesTable<T>::of(n, frequencies);
      if (a + 1 == d) {
        last_ = axis.table;
      } else {
        axis.left = rows_, axis.right = right, axis.stride = padded<T>(right);
        rows_ *= 2 * axis.table->k;
        scratch_ = std::max({scratch_, rows_ * axis.stride, rows_ * right});
        leading_.push_back(std::move(axis));
      }
    }
    weights_.resize(static_cast<std::size_t>(last_->high));
    modes_ = size_of(extents_);
    if (!leading_.empty())
      together_ = std::clamp<Index>(widest_of(leading_.front()) / leading_.front().stride, 1, 16);
    scratch_ = scratch_ * together_ + 16 * lanes;
    tile_ = std::max({2 * row_block_ * piece_, 2 * row_block_ * width_of_last()});
    spare_ =
        2 * row_block_ * std::max(halvings(last_->half) * last_->high, halvings(last_->k) * width_of_last());
    for (const Leading& axis : leading_) {
      const Index w = width_of(axis), k = axis.table->k, most = std::max(axis.even, k - axis.even);
      tile_ = std::max(tile_, axis.parts() * axis.terms * w);
      spare_ = std::max({spare_, 2 * k * w * halvings(axis.terms), 2 * axis.terms * w * halvings(most)});
    }
  }

  // How many images are worked on together: those of one axis are rows of one product, small ones of more
  // axes lie side by side in the products of the first. What follows has the images after that axis.
  Index together() const { return together_; }
  Index points() const { return points_; }

  struct Memory {
    Scratch<T> a, b, tile, spare, series;
    explicit Memory(const RealSeries& s)
        : a(s.scratch_),
          b(s.scratch_),
          tile(s.tile_),
          spare(s.spare_),
          series(s.together() * s.rows_ * 2 * s.last_->high) {}
  };

  // `images` <= together(), one behind the other.
  void forward(const T* x, C* out, Index images, Memory& m) const {
    const T* from = x;
    Index stride = leading_.empty() ? last_->n : points_;
    for (const Leading& axis : leading_) {
      T* to = from == m.a.data() ? m.b.data() : m.a.data();
      analyse(axis, from, stride, images, to, m);
      from = to, stride = axis.stride;
    }
    analyse_last(from, stride, images * rows_, m);
    for (Index i = 0; i < images; ++i) gather(m.series.data(), images, i, out + i * modes_);
  }

  // past: x is stored past the caches
  void backward(const C* in, T* x, Index images, bool past, Memory& m) const {
    std::fill_n(m.series.data(), images * rows_ * 2 * last_->high, T(0));
    for (Index i = 0; i < images; ++i) scatter(in + i * modes_, images, i, m.series.data());
    T* to = leading_.empty() ? x : m.a.data();
    synthesise_last(images * rows_, to, m);
    for (std::size_t a = leading_.size(); a-- > 0;) {
      T* next = a == 0 ? x : to == m.a.data() ? m.b.data() : m.a.data();
      synthesise(leading_[a], to, images, next, past && a == 0, m);
      to = next;
    }
  }

 private:
  static constexpr Index lanes = register_lanes<T>;
  using V = Register<T>;

  struct Leading {
    std::shared_ptr<const SeriesTable<T>> table;
    std::vector<Index> row;  // of each kept index: its frequency, and the sign of it
    std::vector<T> sign;
    Index left = 1, right = 1, stride = 1;  // rows before, points after, and those in whole registers
    bool first = false, folded = false;
    Index even = 0,
          terms = 0;  // frequencies of the first kind (of an axis that is not folded all), j of a sum
    Index parts() const { return folded ? 4 : 2; }
  };

  // Lanes a tile: all parts of it in the first-level cache.
  static Index widest_of(const Leading& axis) {
    const Index fit = 40960 / (axis.parts() * axis.terms * static_cast<Index>(sizeof(T))) / strip_points<T> *
                      strip_points<T>;
    return std::clamp<Index>(fit, strip_points<T>, 10 * strip_points<T>);
  }
  // Those of a block of rows: a part of one, or, of the first axis, several images side by side.
  Index width_of(const Leading& axis) const {
    return axis.first && together_ > 1 ? together_ * axis.stride : std::min(axis.stride, widest_of(axis));
  }
  static constexpr Index row_block_ = 16;
  // Points of the last axis at a time on the way back.
  Index width_of_last() const { return std::min<Index>(last_->wide, 512); }

  // (left, n, right) -> (left, 2 k, right): cosines, then sines; of the first axis (images, n, right) -> (2
  // k, images, right). The input's rows of n right lie `stride` apart. A tile is folded into e and o, or into
  // what even and odd frequencies need of e, then of o; what the next tile reads is asked for meanwhile: rows
  // lie too far apart for the processor to foresee it.
  void analyse(const Leading& axis, const T* x, Index stride, Index images, T* y, Memory& m) const {
    const SeriesTable<T>& t = *axis.table;
    const Index side = axis.first ? images : 1, w = side > 1 ? side * axis.stride : width_of(axis),
                part = axis.terms * w, even = axis.even, odd = t.k - even, row = side * axis.stride;
    T *e = m.tile.data(), *o = e + (axis.folded ? 2 : 1) * part;
    for (Index l = 0; l < axis.left * (axis.first ? 1 : images); ++l)
      for (Index p = 0; p < axis.right; p += w) {
        const Index count = std::min(w, axis.right - p);
        const auto fold = [&](const T* from, Index column) {
          const auto sum_and_difference = [&](auto access, Index j, Index i, V& sum, V& difference) {
            const T *a = from + j * axis.right + i, *b = from + (j == 0 ? 0 : t.n - j) * axis.right + i;
            const bool alone = a == b;
            const V u = access.load(a), v = alone ? V{} : access.load(b);
            __builtin_prefetch(a + w, 0, 2);
            __builtin_prefetch(b + w, 0, 2);
            sum = u + v, difference = alone ? V{} : u - v;
          };
          for (Index j = 0; j < axis.terms; ++j)
            for_registers<T>(count, [&](auto access, Index i) {
              const Index at = j * w + column + i;
              V sum, difference, other_sum{}, other_difference{};
              sum_and_difference(access, j, i, sum, difference);
              if (!axis.folded) return store<V>(e + at, sum), store<V>(o + at, difference);
              const Index k = t.n / 2 - j;
              if (k != j) sum_and_difference(access, k, i, other_sum, other_difference);
              store<V>(e + at, sum + other_sum);
              store<V>(e + part + at, k == j ? V{} : sum - other_sum);
              store<V>(o + at, k == j ? V{} : difference - other_difference);
              store<V>(o + part + at, difference + other_difference);
            });
        };
        for (Index s = 0; s < side; ++s) fold(x + (l + s) * stride + p, s * axis.stride);
        T* to = y + l * 2 * t.k * row + p;
        const Index whole = side > 1 ? row : padded<T>(count);
        sum_by_halves(Index{0}, axis.terms, 2 * t.k, whole, to, row, m.spare.data(),
                      [&](Index j, Index end, T* c, Index c_stride) {
                        const auto product = [&](Index rows, const std::vector<T>& table, Index first,
                                                 const T* b, Index to_row) {
                          multiply<T>(rows, whole, end - j, {table.data() + first * t.wide + j, t.wide, 1},
                                      b + j * w, w, c + to_row * c_stride, c_stride, false);
                        };
                        product(even, t.cos, 0, e, 0);
                        product(odd, t.cos, even, e + part, even);
                        product(even, t.sin, 0, o, t.k);
                        product(odd, t.sin, even, o + part, t.k + even);
                      });
      }
  }

  // The transpose; rows of the result lie one behind the other.
  void synthesise(const Leading& axis, const T* y, Index images, T* x, bool past, Memory& m) const {
    const SeriesTable<T>& t = *axis.table;
    const Index side = axis.first ? images : 1, w = width_of(axis), part = axis.terms * w,
                row = side * axis.right;
    T *first = m.tile.data(),
      *second = first + 2 * part;  // e and o of even frequencies (or all), of odd ones
    for (Index l = 0; l < axis.left * (axis.first ? 1 : images); ++l)
      for (Index p = 0; p < row; p += w) {
        const Index count = std::min(w, row - p), whole = padded<T>(count);
        const T *cosines = y + l * 2 * t.k * row + p, *sines = cosines + t.k * row;
        const auto sum = [&](Index begin, Index end, T* to) {
          sum_by_halves(begin, end, 2 * axis.terms, whole, to, w, m.spare.data(),
                        [&](Index k, Index k_end, T* c, Index c_stride) {
                          const auto product = [&](const std::vector<T>& table, const T* b, Index to_row) {
                            multiply<T>(axis.terms, whole, k_end - k, {table.data() + k * t.wide, 1, t.wide},
                                        b + k * row, row, c + to_row * c_stride, c_stride, false);
                          };
                          product(t.cos, cosines, 0);
                          product(t.sin, sines, axis.terms);
                        });
        };
        sum(0, axis.even, first);
        if (axis.folded) sum(axis.even, t.k, second);
        const auto unfold = [&](T* to, Index column, Index numbers) {
          const auto put = [&](auto access, Index j, Index i, const V& even, const V& odd) {
            T *a = to + j * axis.right + i, *b = to + (j == 0 ? 0 : t.n - j) * axis.right + i;
            past ? store_past_caches(access, a, even + odd) : access.store(a, even + odd);
            if (a != b) past ? store_past_caches(access, b, even - odd) : access.store(b, even - odd);
          };
          for (Index j = 0; j < axis.terms; ++j)
            for_registers<T>(numbers, [&](auto access, Index i) {
              const Index at = j * w + column + i, k = t.n / 2 - j;
              const V e = load<V>(first + at), o = load<V>(first + part + at);
              if (!axis.folded) return put(access, j, i, e, o);
              const V e_odd = load<V>(second + at), o_odd = load<V>(second + part + at);
              put(access, j, i, e + e_odd, o + o_odd);
              if (k != j) put(access, k, i, e - e_odd, o_odd - o);
            });
        };
        if (side == 1) unfold(x + l * t.n * axis.right + p, 0, count);
        for (Index s = 0; side > 1 && s < side; ++s) unfold(x + s * points_, s * axis.right, axis.right);
      }
  }

  // Rows of n points, `stride` apart -> rows (cosines, sines) of 2 high. Rows are folded in long pieces: they
  // may lie far apart.
  void analyse_last(const T* x, Index stride, Index rows, Memory& m) const {
    const SeriesTable<T>& t = *last_;
    T *e = m.tile.data(), *o = e + row_block_ * piece_;
    for (Index r = 0; r < rows; r += row_block_) {
      const Index count = std::min(row_block_, rows - r);
      const auto part = [&](Index j0, Index end, T* to, Index to_stride) {
        const Index at = j0 % piece_;
        if (at == 0)
          for (Index i = 0; i < count; ++i)
            fold(x + (r + i) * stride, j0, std::min(j0 + piece_, t.half), e + i * piece_, o + i * piece_);
        multiply<T>(count, t.high, end - j0, {e + at, piece_, 1}, t.cos_j.data() + j0 * t.high, t.high, to,
                    to_stride, false);
        multiply<T>(count, t.high, end - j0, {o + at, piece_, 1}, t.sin_j.data() + j0 * t.high, t.high,
                    to + t.high, to_stride, false);
      };
      sum_by_halves(Index{0}, t.half, count, 2 * t.high, m.series.data() + r * 2 * t.high, 2 * t.high,
                    m.spare.data(), part);
    }
  }
  static constexpr Index piece_ = 8 * term_block;
  // x_j + x_(n-j) and x_j - x_(n-j) of the terms j0 .. end - 1
  void fold(const T* x, Index j0, Index end, T* even, T* odd) const {
    const Index n = last_->n;
    Index j = j0;
    if (j == 0) *even++ = x[0], *odd++ = 0, ++j;
    const Index last = 2 * (end - 1) == n ? end - 1 : end;  // without n/2
    for (; j + lanes <= last; j += lanes, even += lanes, odd += lanes) {
      const V a = load<V>(x + j), b = backwards(load<V>(x + n - j - lanes + 1));
      store<V>(even, a + b), store<V>(odd, a - b);
    }
    for (; j < last; ++j) *even++ = x[j] + x[n - j], *odd++ = x[j] - x[n - j];
    if (last < end) *even = x[last], *odd = 0;
  }

  void synthesise_last(Index rows, T* x, Memory& m) const {
    const SeriesTable<T>& t = *last_;
    const Index width = width_of_last();
    for (Index r = 0; r < rows; r += row_block_) {
      const Index count = std::min(row_block_, rows - r);
      T *e = m.tile.data(), *o = e + count * width;
      const T *cosines = m.series.data() + r * 2 * t.high, *sines = cosines + t.high;
      for (Index j0 = 0; j0 < t.half; j0 += width) {
        const Index w = std::min(width, t.half - j0), whole = std::min(width, t.wide - j0);
        sum_by_halves(Index{0}, t.k, 2 * count, whole, e, width, m.spare.data(),
                      [&](Index k, Index end, T* c, Index c_stride) {
                        multiply<T>(count, whole, end - k, {cosines + k, 2 * t.high, 1},
                                    t.cos.data() + k * t.wide + j0, t.wide, c, c_stride, false);
                        multiply<T>(count, whole, end - k, {sines + k, 2 * t.high, 1},
                                    t.sin.data() + k * t.wide + j0, t.wide, c + count * c_stride, c_stride,
                                    false);
                      });
        for (Index i = 0; i < count; ++i) {
          T* to = x + (r + i) * t.n;
          const T *even = e + i * width, *odd = o + i * width;
          for (Index j = 0; j < w; ++j) to[j0 + j] = even[j] + odd[j];
          // the mirrored half, but for j = 0 and n/2
          const Index first = j0 == 0 ? 1 : 0, last = std::min(w, (t.n + 1) / 2 - j0);
          T* back = to + t.n - j0;
          for (Index j = first; j < last; ++j) back[-j] = even[j] - odd[j];
        }
      }
    }
  }

  // Of the leading axes: rows of cosines and sines that make index `lead` of the modes, as p + i q.
  struct Term {
    Index row;
    T sign;
    bool imaginary;
  };
  Index terms_of(Index lead, Index images, Index image, Term (&terms)[4]) const {
    const std::size_t d = leading_.size();
    if (d == 0) {
      terms[0] = {image, T(1), false};
      return 1;
    }
    if (d == 1) {
      const Leading& a = leading_[0];
      terms[0] = {a.row[lead] * images + image, T(1), false};
      terms[1] = {(a.table->k + a.row[lead]) * images + image, -a.sign[lead], true};
      return 2;
    }
    const Leading &a = leading_[0], &b = leading_[1];
    const Index i = lead / extents_[1], j = lead % extents_[1], ka = a.table->k, kb = b.table->k;
    const T sa = a.sign[i], sb = b.sign[j];
    const auto row = [&](bool sine_a, bool sine_b) {
      return ((a.row[i] + (sine_a ? ka : 0)) * images + image) * 2 * kb + b.row[j] + (sine_b ? kb : 0);
    };
    terms[0] = {row(false, false), T(1), false};
    terms[1] = {row(true, true), -sa * sb, false};
    terms[2] = {row(true, false), -sa, true};
    terms[3] = {row(false, true), -sb, true};
    return 4;
  }

  // X = (p + i q)(C - i S) along the last axis, times its weights; p and q are sums of rows, each (C, S).
  void gather(const T* series, Index images, Index image, C* out) const {
    const Index k = last_->k, high = last_->high, leads = modes_ / k;
    for (Index lead = 0; lead < leads; ++lead, out += k) {
      Term terms[4];
      const Index count = terms_of(lead, images, image, terms);
      for (Index i = 0; i < k; i += lanes) {
        V re{}, im{};
        for (Index n = 0; n < count; ++n) {
          const T* from = series + terms[n].row * 2 * high + i;
          const V c = terms[n].sign * load<V>(from), s = terms[n].sign * load<V>(from + high);
          terms[n].imaginary ? (re += s, im += c) : (re += c, im -= s);
        }
        const V w = load<V>(weights_.data() + i);
        store_some<T>(out + i, {w * re, w * im}, k - i);
      }
    }
  }

  // The transpose, added.
  void scatter(const C* in, Index images, Index image, T* series) const {
    const Index k = last_->k, high = last_->high, leads = modes_ / k;
    for (Index lead = 0; lead < leads; ++lead, in += k) {
      Term terms[4];
      const Index count = terms_of(lead, images, image, terms);
      for (Index i = 0; i < k; i += lanes) {
        const Pair<T> v = i + lanes <= k ? load_pair(in + i) : load_some(in + i, k - i);
        const V w = load<V>(weights_.data() + i), re = w * v.re, im = w * v.im;
        for (Index n = 0; n < count; ++n) {
          T* to = series + terms[n].row * 2 * high + i;
          const V c = terms[n].sign * (terms[n].imaginary ? im : re),
                  s = terms[n].sign * (terms[n].imaginary ? re : -im);
          store<V>(to, load<V>(to) + c), store<V>(to + high, load<V>(to + high) + s);
        }
      }
    }
  }

  std::vector<T> weights_;  // of the last axis, in whole registers
  Shape extents_;
  std::vector<Leading> leading_;
  std::shared_ptr<const SeriesTable<T>> last_;
  Index points_ = 1, modes_ = 1, rows_ = 1, together_ = 16, scratch_ = 0, tile_ = 0, spare_ = 0;
};

}  // namespace cartan::operators
