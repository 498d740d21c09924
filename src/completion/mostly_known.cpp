#include "completion/mostly_known.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"
#include "linalg/project_rows.hpp"

namespace cartan::completion {
namespace {

using V = vector_of<double>::type;
constexpr Index lanes = 8;
constexpr Index widest_row = 400;  ///< numbers whose normal matrix is formed

Index whole(Index n) {
  return (n + lanes - 1) / lanes * lanes;
}
Index triangle(Index n) {
  return n * (n + 1) / 2;
}
Index at(Index i, Index j) {  // of a symmetric matrix in its lower triangle
  return i >= j ? triangle(i) + j : triangle(j) + i;
}
// Items worth a thread, where each takes so many operations.
Index grain_for(double operations) {
  return std::max<Index>(1, static_cast<Index>(4e5 / std::max(1.0, operations)));
}

// The lower triangles of v_l v_l^T, each in whole vectors.
std::vector<double> lifted(const double* v, Index rows, Index r) {
  const Index width = whole(triangle(r));
  std::vector<double> out(static_cast<std::size_t>(rows * width));
  parallel_for(rows, grain_for(static_cast<double>(width)), [&](Index begin, Index end) {
    for (Index l = begin; l < end; ++l) {
      const double* u = v + l * r;
      double* to = out.data() + l * width;
      for (Index i = 0; i < r; ++i)
        for (Index j = 0; j <= i; ++j) *to++ = u[i] * u[j];
    }
  });
  return out;
}

std::vector<double> column_sums(const std::vector<double>& a, Index width) {
  std::vector<double> sum(static_cast<std::size_t>(width), 0.0);
  for (std::size_t i = 0; i < a.size(); i += static_cast<std::size_t>(width))
    for (Index c = 0; c < width; ++c) sum[static_cast<std::size_t>(c)] += a[i + static_cast<std::size_t>(c)];
  return sum;
}

// w (r, n) += v^T x for L rows of x (L, n), v (L, r); n in whole vectors.
template <int L>
void add_rows(const double* x, Index n, const double* v, Index r, double* w) {
  for (Index c = 0; c < n; c += lanes) {
    V row[L];
    for (int l = 0; l < L; ++l) row[l] = load<V>(x + l * n + c);
    for (Index q = 0; q < r; ++q) {
      V sum = load<V>(w + q * n + c);
      for (int l = 0; l < L; ++l) sum += v[l * r + q] * row[l];
      store(w + q * n + c, sum);
    }
  }
}

// A bit for each of eight numbers that is NaN.
unsigned nan_lanes(const double* x) {
#ifdef __AVX512F__
  const __m512d v = _mm512_loadu_pd(x);
  return _mm512_cmp_pd_mask(v, v, _CMP_UNORD_Q);
#else
  unsigned bits = 0;
  for (unsigned e = 0; e < lanes; ++e) bits |= static_cast<unsigned>(std::isnan(x[e])) << e;
  return bits;
#endif
}

double sum_of(V v) {
  v += shuffle<4, 5, 6, 7, 0, 1, 2, 3>(v, v);
  v += shuffle<2, 3, 0, 1, 6, 7, 4, 5>(v, v);
  return v[0] + v[1];
}

// y (L, R) = x b^T for L rows of x (L, n), b (R, n).
template <int L, int R>
void dots(const double* x, Index n, const double* b, double* y) {
  V sum[L][R] = {};
  for (Index c = 0; c < n; c += lanes) {
    V row[R];
    for (int q = 0; q < R; ++q) row[q] = load<V>(b + q * n + c);
    for (int l = 0; l < L; ++l) {
      const V v = load<V>(x + l * n + c);
      for (int q = 0; q < R; ++q) sum[l][q] += v * row[q];
    }
  }
  for (int l = 0; l < L; ++l)
    for (int q = 0; q < R; ++q) y[l * R + q] = sum_of(sum[l][q]);
}

// The sum of squares of x - u b over the lanes that `known` has, u (r), b (r, n). R: r where it is known to
// the compiler, else 0.
template <int R>
double square_of_row(const double* x, const std::uint8_t* known, Index n, const double* u, const double* b,
                     Index r_) {
  typedef std::int64_t Bits __attribute__((vector_size(64)));
  constexpr Bits bit{1, 2, 4, 8, 16, 32, 64, 128};
  const Index r = R ? R : r_;
  V sum{};
  for (Index c = 0; c < n; c += lanes) {
    V e = load<V>(x + c);
    for (Index q = 0; q < r; ++q) e -= u[q] * load<V>(b + q * n + c);
    e = (V)((Bits)e & ((bit & static_cast<std::int64_t>(known[c / lanes])) != 0));
    sum += e * e;
  }
  return sum_of(sum);
}

// a (rows, r) as (r, padded), zeros behind the rows
std::vector<double> across(const double* a, Index rows, Index r, Index padded) {
  std::vector<double> out(static_cast<std::size_t>(r * padded), 0.0);
  for (Index n = 0; n < rows; ++n)
    for (Index q = 0; q < r; ++q) out[static_cast<std::size_t>(q * padded + n)] = a[n * r + q];
  return out;
}

// g += d k d^T (lower triangle), b += d y for d (p, r), k a symmetric matrix in its lower triangle. P and R:
// p and r where they are known to the compiler, else 0.
template <int P, int R>
void add_fibre(Index p_, Index r_, const double* d, const double* y, const double* k, double* g, double* b,
               double* row) {
  const Index p = P ? P : p_, r = R ? R : r_;
  for (Index i = 0; i < p; ++i) {
    double right = 0;
    for (Index q = 0; q < r; ++q) {
      double s = 0;
      for (Index t = 0; t < r; ++t) s += d[i * r + t] * k[at(t, q)];
      row[q] = s, right += d[i * r + q] * y[q];
    }
    b[i] += right;
    for (Index j = 0; j <= i; ++j) {
      double s = 0;
      for (Index q = 0; q < r; ++q) s += row[q] * d[j * r + q];
      g[triangle(i) + j] += s;
    }
  }
}

const TuckerParts* tucker_of(const Parts& parts) {
  return dynamic_cast<const TuckerParts*>(&parts);
}

int longest(const Shape& shape) {
  int k = 0;
  for (int j = 1; j < static_cast<int>(shape.size()); ++j)
    if (shape[static_cast<std::size_t>(j)] >= shape[static_cast<std::size_t>(k)]) k = j;
  return k;
}

}  // namespace

Plan MostlyKnown::plan(const SparseTensor& x, const Parts& parts, const std::string& forced) {
  const auto known = static_cast<double>(x.size());
  double all = 1, row = 0, others = 1;
  const int along = longest(x.shape());
  const bool canonical = parts.canonical();
  const auto r = static_cast<double>(parts.width[static_cast<std::size_t>(along)]), h = r * (r + 1) / 2;
  for (int k = 0; k < x.order(); ++k) {
    all *= static_cast<double>(x.shape()[static_cast<std::size_t>(k)]);
    if (k != along && !canonical) others *= static_cast<double>(parts.width[static_cast<std::size_t>(k)]);
  }
  const double fibres = all / static_cast<double>(x.shape()[static_cast<std::size_t>(along)]);
  if (canonical) others = r;
  Candidate entries, dense;
  entries.engine = "entries", dense.engine = "dense";
  // of an entry: what the other parts make of it, its square, its product with the value; then the residual
  for (const Index p : parts.width) {
    const auto width = static_cast<double>(p);
    row += width * width + 4 * width + (canonical ? 0 : 2.5 * others * r);
  }
  entries.flops = known * (row + 2 * r + (canonical ? 0 : 2.5 * others * r));
  entries.bytes = known * 12 * static_cast<double>(parts.count());
  entries.seconds = entries.flops / 2e9;
  // four passes over all entries, three over the missing ones, the fibres for every other part
  dense.flops = 8 * all * r + 3 * (all - known) * h + fibres * others * r;
  for (int k = 0; k < parts.count(); ++k) {
    const auto p = static_cast<double>(parts.width[static_cast<std::size_t>(k)]);
    if (k == along) continue;
    if (canonical)
      dense.flops += 2 * fibres * (h + r);
    else if (k < x.order())
      dense.flops += fibres * (2 * p * r * r + p * p * r);
    else
      dense.flops += p <= static_cast<double>(widest_row) ? fibres * others * others * h
                                                          : 25 * fibres * (4 * others * r + 2 * r * r);
  }
  dense.bytes = 8 * (4 * all + fibres * (3 * h + 2 * others));
  dense.seconds = dense.flops / 8e9;
  if (!canonical && !tucker_of(parts))
    dense.why_not = "the format is neither CP nor Tucker";
  else if (!(fibres * (3 * h + 2 * others) <= std::max(4 * all, 4e6)))
    dense.why_not = "the ranks are too large for tables over all fibres";
  else if (!(all <= 20 * known))
    dense.why_not = "too few entries are known";
  else if (!(fibres * static_cast<double>(whole(x.shape()[static_cast<std::size_t>(along)])) < 2147483648.0))
    dense.why_not = "the tensor has more than 2^31 entries";
  return choose({entries, dense}, forced);
}

MostlyKnown::MostlyKnown(const SparseTensor& x, double scale) : shape_(x.shape()), long_(longest(x.shape())) {
  for (int k = 0; k < x.order(); ++k)
    if (k != long_) others_.push_back(k), fibres_ *= shape_[static_cast<std::size_t>(k)];
  length_ = shape_[static_cast<std::size_t>(long_)], padded_ = whole(length_);
  missing_ = fibres_ * length_ - x.size();
  std::vector<Index> stride(shape_.size(), 1);
  Index step = padded_;
  for (std::size_t j = others_.size(); j-- > 0;) {
    stride[static_cast<std::size_t>(others_[j])] = step;
    step *= shape_[static_cast<std::size_t>(others_[j])];
  }
  x_ = Scratch<double>(fibres_ * padded_, std::numeric_limits<double>::quiet_NaN());
  const Columns c = columns_of(x);
  const double *y = x.values().data(), by = 1 / scale;
  constexpr Index block = 64;
  std::int32_t place[block];
  for (Index n = 0; n < x.size(); n += block) {
    const Index count = std::min(block, x.size() - n);
    std::fill_n(place, block, 0);
    for (std::size_t k = 0; k < c.size(); ++k) {
      const auto far = static_cast<std::int32_t>(stride[k]);
      const std::int32_t* index = c[k] + n;
      if (count == block)
        for (Index e = 0; e < block; ++e) place[e] += index[e] * far;
      else
        for (Index e = 0; e < count; ++e) place[e] += index[e] * far;
    }
    for (Index e = 0; e < count; ++e) x_[place[e]] = y[n + e] * by;
  }
  except();
}

// Notes what is missing, NaN until now, and puts zeros there.
void MostlyKnown::except() {
  std::vector<std::uint32_t> count(static_cast<std::size_t>(length_), 0);
  along_.begin.push_back(0), across_.begin.push_back(0);
  along_.list.reserve(static_cast<std::size_t>(missing_));
  mask_.reserve(static_cast<std::size_t>(fibres_ * padded_ / lanes));
  const auto known_at = [&](Index l, Index n) {
    return (mask_[static_cast<std::size_t>(l * (padded_ / lanes) + n / lanes)] >> n % lanes & 1) != 0;
  };
  for (Index l = 0; l < fibres_; ++l) {
    const std::size_t first = along_.list.size();
    for (Index n = 0; n < padded_; n += lanes) {
      double* x = x_.data() + l * padded_ + n;
      unsigned missing = nan_lanes(x);
      mask_.push_back(static_cast<std::uint8_t>(~missing));
      for (; missing; missing &= missing - 1) {
        const Index at = n + __builtin_ctz(missing);
        x_[l * padded_ + at] = 0;
        if (at >= length_) continue;
        ++count[static_cast<std::size_t>(at)];
        along_.list.push_back(static_cast<std::int32_t>(at));
      }
    }
    const bool few = 2 * static_cast<Index>(along_.list.size() - first) > length_;
    if (few) {
      along_.list.resize(first);
      for (Index n = 0; n < length_; ++n)
        if (known_at(l, n)) along_.list.push_back(static_cast<std::int32_t>(n));
    }
    along_.known.push_back(few);
    along_.begin.push_back(static_cast<std::uint32_t>(along_.list.size()));
  }
  for (const std::uint32_t missing : count) {
    const bool few = 2 * static_cast<Index>(missing) > fibres_;
    across_.known.push_back(few);
    across_.begin.push_back(across_.begin.back() +
                            (few ? static_cast<std::uint32_t>(fibres_) - missing : missing));
  }
  across_.list.resize(across_.begin.back());
  std::vector<std::uint32_t> next(across_.begin.begin(), across_.begin.end() - 1);
  const auto any = [](const Exceptions& of) {
    return std::find(of.known.begin(), of.known.end(), true) != of.known.end();
  };
  const bool mixed = any(along_) || any(across_);
  for (Index l = 0; l < fibres_; ++l) {
    const auto add = [&](Index n) {
      across_.list[next[static_cast<std::size_t>(n)]++] = static_cast<std::int32_t>(l);
    };
    if (mixed) {
      for (Index n = 0; n < length_; ++n)
        if (known_at(l, n) == across_.known[static_cast<std::size_t>(n)]) add(n);
    } else {
      for (auto e = along_.begin[static_cast<std::size_t>(l)];
           e < along_.begin[static_cast<std::size_t>(l) + 1]; ++e)
        add(along_.list[e]);
    }
  }
}

// Products of the rows of all other modes but `without`, element by element (CP), or each with each (Tucker).
MostlyKnown::Table MostlyKnown::rows_of(const Parts& parts, int without) const {
  const bool one = parts.canonical();
  Index rows = 1, width = one ? parts.width[0] : 1;
  Table t(static_cast<std::size_t>(width), 1.0);
  for (const int j : others_) {
    if (j == without) continue;
    const Index n = shape_[static_cast<std::size_t>(j)], r = parts.width[static_cast<std::size_t>(j)],
                wide = one ? width : width * r;
    Table next(static_cast<std::size_t>(rows * n * wide));
    double* to = next.data();
    for (Index a = 0; a < rows; ++a)
      for (Index i = 0; i < n; ++i) {
        const double *from = t.data() + a * width, *u = parts.row(j, i);
        if (one)
          for (Index q = 0; q < r; ++q) *to++ = from[q] * u[q];
        else
          for (Index p = 0; p < width; ++p)
            for (Index q = 0; q < r; ++q) *to++ = from[p] * u[q];
      }
    t = std::move(next), rows *= n, width = wide;
  }
  return t;
}

namespace {

// For every place of the core, with the modes in this order, its place in the core.
std::vector<Index> core_places(const std::vector<Index>& ranks, const std::vector<int>& order) {
  std::vector<Index> places{0};
  for (const int k : order) {
    Index stride = 1;
    for (std::size_t j = static_cast<std::size_t>(k) + 1; j < ranks.size(); ++j) stride *= ranks[j];
    std::vector<Index> next;
    for (const Index p : places)
      for (Index i = 0; i < ranks[static_cast<std::size_t>(k)]; ++i) next.push_back(p + i * stride);
    places = std::move(next);
  }
  return places;
}

}  // namespace

// The core with the modes in the order: others but k, k (unless -1), the long one.
MostlyKnown::Table MostlyKnown::core_without(const Parts& parts, int k) const {
  std::vector<int> order;
  for (const int j : others_)
    if (j != k) order.push_back(j);
  if (k >= 0) order.push_back(k);
  order.push_back(long_);
  Table out;
  for (const Index p : core_places(tucker_of(parts)->ranks(), order))
    out.push_back(parts.data.back()[static_cast<std::size_t>(p)]);
  return out;
}

// v_l of every fibre.
MostlyKnown::Table MostlyKnown::seen_from(const Parts& parts) const {
  Table t = rows_of(parts, -1);
  if (parts.canonical()) return t;
  const Table c = core_without(parts, -1);
  const Index r = rank(parts), q = static_cast<Index>(c.size()) / r;
  Table v(static_cast<std::size_t>(fibres_ * r));
  gemm<double>(fibres_, r, q, {t.data(), q}, {c.data(), r}, v.data(), r);
  return v;
}

// Of every fibre or index: `whole` less the lifts of the missing ones, or the sum of those known.
void MostlyKnown::sums(const Exceptions& of, const Table& lifts, const Table& all, Index width,
                       Table& out) const {
  const Index items = static_cast<Index>(of.known.size());
  out.resize(static_cast<std::size_t>(items * width));
  const double each =
      static_cast<double>(width) * static_cast<double>(of.list.size()) / static_cast<double>(items);
  parallel_for(items, grain_for(2 * each), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const bool known = of.known[static_cast<std::size_t>(i)];
      const std::int32_t *first = of.list.data() + of.begin[static_cast<std::size_t>(i)],
                         *last = of.list.data() + of.begin[static_cast<std::size_t>(i) + 1];
      for (Index s = 0; s < width; s += lanes) {
        V sum{};
        for (const std::int32_t* e = first; e != last; ++e) sum += load<V>(lifts.data() + *e * width + s);
        store(out.data() + i * width + s, known ? sum : load<V>(all.data() + s) - sum);
      }
    }
  });
}

void MostlyKnown::contract(const Parts& parts) {
  const Table& b = parts.data[static_cast<std::size_t>(long_)];
  if (b == factor_) return;
  factor_ = b;
  const Index r = rank(parts), width = whole(triangle(r));
  y_.resize(static_cast<std::size_t>(fibres_ * r));
  const auto few = r == 1   ? dots<4, 1>
                   : r == 2 ? dots<4, 2>
                   : r == 3 ? dots<4, 3>
                   : r == 4 ? dots<4, 4>
                   : r == 5 ? dots<4, 5>
                            : nullptr;
  if (few && fibres_ >= 4) {
    const Table t = across(b.data(), length_, r, padded_);
    const Index groups = fibres_ / 4;
    parallel_for(groups, grain_for(8.0 * static_cast<double>(padded_ * r)), [&](Index begin, Index end) {
      for (Index l = 4 * begin; l < 4 * end; l += 4)
        few(x_.data() + l * padded_, padded_, t.data(), y_.data() + l * r);
    });
    if (fibres_ % 4)
      few(x_.data() + (fibres_ - 4) * padded_, padded_, t.data(), y_.data() + (fibres_ - 4) * r);
  } else {
    linalg::Matrix u(padded_, r);
    std::copy(b.begin(), b.end(), u.data.begin());
    linalg::project_rows<double>(x_.data(), fibres_, u, y_.data(), linalg::Residual::none);
  }
  const Table lifts = lifted(b.data(), length_, r);
  sums(along_, lifts, column_sums(lifts, width), width, k_);
}

void MostlyKnown::scaled(const Parts& parts, const std::vector<double>& before) {
  const std::vector<double>& b = parts.data[static_cast<std::size_t>(long_)];
  if (before != factor_) return;
  const Index r = rank(parts), width = whole(triangle(r));
  Table by(static_cast<std::size_t>(r), 1.0), both(static_cast<std::size_t>(width), 0.0);
  for (Index q = 0; q < r; ++q) {
    Index most = q;
    for (Index i = q; i < static_cast<Index>(b.size()); i += r)
      if (std::abs(before[static_cast<std::size_t>(i)]) > std::abs(before[static_cast<std::size_t>(most)]))
        most = i;
    const double of = before[static_cast<std::size_t>(most)];
    if (of != 0) by[static_cast<std::size_t>(q)] = b[static_cast<std::size_t>(most)] / of;
  }
  for (Index i = 0; i < r; ++i)
    for (Index j = 0; j <= i; ++j)
      both[static_cast<std::size_t>(at(i, j))] =
          by[static_cast<std::size_t>(i)] * by[static_cast<std::size_t>(j)];
  for (Index l = 0; l < fibres_; ++l) {
    for (Index q = 0; q < r; ++q) y_[static_cast<std::size_t>(l * r + q)] *= by[static_cast<std::size_t>(q)];
    for (Index h = 0; h < width; ++h)
      k_[static_cast<std::size_t>(l * width + h)] *= both[static_cast<std::size_t>(h)];
  }
  factor_ = b;
}

void MostlyKnown::long_rows(const Parts& parts, std::vector<double>& g, std::vector<double>& b) const {
  const Index r = rank(parts), h = triangle(r), width = whole(h);
  const Table v = seen_from(parts);
  Table w(static_cast<std::size_t>(r * padded_), 0.0);
  if (r > 16) {
    gemm<double>(r, padded_, fibres_, {v.data(), r, true}, {x_.data(), padded_}, w.data(), padded_);
  } else {
    const Index pieces = std::clamp<Index>(fibres_ * padded_ / 65536, 1, 16),
                length = (fibres_ + pieces - 1) / pieces, size = r * padded_;
    w.resize(static_cast<std::size_t>(pieces * size), 0.0);
    parallel_for(fibres_, length, [&](Index begin, Index end) {
      double* sum = w.data() + begin / length * size;
      Index l = begin;
      for (; l + 4 <= end; l += 4) add_rows<4>(x_.data() + l * padded_, padded_, v.data() + l * r, r, sum);
      for (; l < end; ++l) add_rows<1>(x_.data() + l * padded_, padded_, v.data() + l * r, r, sum);
    });
    for (Index piece = 1; piece < pieces; ++piece)
      for (Index i = 0; i < size; ++i)
        w[static_cast<std::size_t>(i)] += w[static_cast<std::size_t>(piece * size + i)];
  }
  const Table lifts = lifted(v.data(), fibres_, r);
  Table sum;
  sums(across_, lifts, column_sums(lifts, width), width, sum);
  for (Index n = 0; n < length_; ++n) {
    std::copy_n(sum.data() + n * width, h, g.data() + n * h);
    for (Index q = 0; q < r; ++q)
      b[static_cast<std::size_t>(n * r + q)] = w[static_cast<std::size_t>(q * padded_ + n)];
  }
}

void MostlyKnown::canonical_rows(const Parts& parts, int k, std::vector<double>& g,
                                 std::vector<double>& b) const {
  const Index r = rank(parts), h = triangle(r), width = whole(h), n = shape_[static_cast<std::size_t>(k)];
  Index after = 1;
  for (const int j : others_) after *= j > k ? shape_[static_cast<std::size_t>(j)] : 1;
  const Index before = fibres_ / (n * after);
  const Table o = rows_of(parts, k), lifts = lifted(o.data(), before * after, r);
  parallel_for(n, grain_for(2.0 * static_cast<double>(before * after * (width + r))),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   double* right = b.data() + i * r;
                   for (Index a = 0; a < before; ++a)
                     for (Index c = 0; c < after; ++c) {
                       const double *u = o.data() + (a * after + c) * r,
                                    *y = y_.data() + ((a * n + i) * after + c) * r;
                       for (Index q = 0; q < r; ++q) right[q] += u[q] * y[q];
                     }
                   for (Index s = 0; s < width; s += lanes) {
                     V sum{};
                     for (Index a = 0; a < before; ++a)
                       for (Index c = 0; c < after; ++c)
                         sum += load<V>(lifts.data() + (a * after + c) * width + s) *
                                load<V>(k_.data() + ((a * n + i) * after + c) * width + s);
                     double each[lanes];
                     store(each, sum);
                     std::copy_n(each, std::min(lanes, h - s), g.data() + i * h + s);
                   }
                 }
               });
}

void MostlyKnown::tucker_rows(const Parts& parts, int k, std::vector<double>& g,
                              std::vector<double>& b) const {
  const Index r = rank(parts), width = whole(triangle(r)), n = shape_[static_cast<std::size_t>(k)],
              p = parts.width[static_cast<std::size_t>(k)], h = triangle(p);
  Index after = 1;
  for (const int j : others_) after *= j > k ? shape_[static_cast<std::size_t>(j)] : 1;
  const Index before = fibres_ / (n * after);
  const Table o = rows_of(parts, k), c = core_without(parts, k);
  const Index q = static_cast<Index>(c.size()) / (p * r);
  Table d(static_cast<std::size_t>(before * after * p * r));
  gemm<double>(before * after, p * r, q, {o.data(), q}, {c.data(), p * r}, d.data(), p * r);
  const auto add = p == 2 && r == 2   ? add_fibre<2, 2>
                   : p == 3 && r == 3 ? add_fibre<3, 3>
                   : p == 4 && r == 4 ? add_fibre<4, 4>
                                      : add_fibre<0, 0>;
  parallel_for(n, grain_for(static_cast<double>(before * after * (2 * p * r * r + p * p * r))),
               [&](Index begin, Index end) {
                 Scratch<double> row(r);
                 for (Index i = begin; i < end; ++i)
                   for (Index a = 0; a < before; ++a)
                     for (Index e = 0; e < after; ++e) {
                       const Index l = (a * n + i) * after + e;
                       add(p, r, d.data() + (a * after + e) * p * r, y_.data() + l * r, k_.data() + l * width,
                           g.data() + i * h, b.data() + i * p, row.data());
                     }
               });
}

void MostlyKnown::core(const Parts& parts, std::vector<double>& g, std::vector<double>& b) const {
  const Index r = rank(parts), width = whole(triangle(r)), p = parts.width.back(), q = p / r,
              wide = triangle(q);
  const Table t = rows_of(parts, -1);
  std::vector<int> order = others_;
  order.push_back(long_);
  const std::vector<Index> place = core_places(tucker_of(parts)->ranks(), order);
  Table right(static_cast<std::size_t>(p));
  gemm<double>(q, r, fibres_, {t.data(), q, true}, {y_.data(), r}, right.data(), r);
  for (Index i = 0; i < p; ++i)
    b[static_cast<std::size_t>(place[static_cast<std::size_t>(i)])] = right[static_cast<std::size_t>(i)];
  if (g.empty()) return;
  Table sum(static_cast<std::size_t>(wide * width), 0.0);
  constexpr Index block = 512;
  for (Index l = 0; l < fibres_; l += block) {
    const Index count = std::min(block, fibres_ - l);
    const Table lifts = lifted(t.data() + l * q, count, q);
    gemm<double>(wide, width, count, {lifts.data(), whole(wide), true}, {k_.data() + l * width, width},
                 sum.data(), width, 1, 1);
  }
  for (Index i = 0; i < q; ++i)
    for (Index j = 0; j <= i; ++j)
      for (Index a = 0; a < r; ++a)
        for (Index c = 0; c < r; ++c)
          g[static_cast<std::size_t>(
              at(place[static_cast<std::size_t>(i * r + a)], place[static_cast<std::size_t>(j * r + c)]))] =
              sum[static_cast<std::size_t>((triangle(i) + j) * width + at(a, c))];
}

void MostlyKnown::core_product(const Parts& parts, const double* v, double* out) {
  contract(parts);
  const Index r = rank(parts), width = whole(triangle(r)), p = parts.width.back(), q = p / r;
  const Table t = rows_of(parts, -1);
  std::vector<int> order = others_;
  order.push_back(long_);
  const std::vector<Index> place = core_places(tucker_of(parts)->ranks(), order);
  Table sorted(static_cast<std::size_t>(p)), rows(static_cast<std::size_t>(fibres_ * r));
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = v[place[i]];
  gemm<double>(fibres_, r, q, {t.data(), q}, {sorted.data(), r}, rows.data(), r);
  parallel_for(fibres_, grain_for(2.0 * static_cast<double>(r * r)), [&](Index begin, Index end) {
    Scratch<double> u(r);
    for (Index l = begin; l < end; ++l) {
      double* row = rows.data() + l * r;
      std::copy_n(row, r, u.data());
      for (Index i = 0; i < r; ++i) {
        row[i] = 0;
        for (Index j = 0; j < r; ++j) row[i] += k_[static_cast<std::size_t>(l * width + at(i, j))] * u[j];
      }
    }
  });
  gemm<double>(q, r, fibres_, {t.data(), q, true}, {rows.data(), r}, sorted.data(), r);
  for (std::size_t i = 0; i < sorted.size(); ++i) out[place[i]] = sorted[i];
}

void MostlyKnown::normal(const Parts& parts, int k, std::vector<double>& g, std::vector<double>& b) {
  const Index p = parts.width[static_cast<std::size_t>(k)], rows = parts.rows(k);
  g.assign(p <= widest_row || k < parts.order() ? static_cast<std::size_t>(rows * triangle(p)) : 0, 0.0);
  b.assign(static_cast<std::size_t>(rows * p), 0.0);
  if (k == long_) return long_rows(parts, g, b);
  contract(parts);
  if (k == parts.order()) return core(parts, g, b);
  return parts.canonical() ? canonical_rows(parts, k, g, b) : tucker_rows(parts, k, g, b);
}

double MostlyKnown::square(const Parts& parts) const {
  const Index r = rank(parts);
  const Table v = seen_from(parts);
  const Table b = across(parts.row(long_, 0), length_, r, padded_);
  const auto square_row = r == 1   ? square_of_row<1>
                          : r == 2 ? square_of_row<2>
                          : r == 3 ? square_of_row<3>
                          : r == 4 ? square_of_row<4>
                                   : square_of_row<0>;
  const Index grain = grain_for(2.0 * static_cast<double>(padded_ * (r + 2)));
  Table squares(static_cast<std::size_t>((fibres_ + grain - 1) / grain));
  parallel_for(fibres_, grain, [&](Index begin, Index end) {
    double total = 0;
    for (Index l = begin; l < end; ++l)
      total += square_row(x_.data() + l * padded_, mask_.data() + l * (padded_ / lanes), padded_,
                          v.data() + l * r, b.data(), r);
    squares[static_cast<std::size_t>(begin / grain)] = total;
  });
  return deterministic_sum(squares.data(), static_cast<Index>(squares.size()));
}

}  // namespace cartan::completion
