#include "functional/entries.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "functional/small.hpp"

namespace cartan::functional {
namespace {

using Vector = Moments2::Vector;
constexpr Index piece = 2048;
constexpr int most_modes = 32, most_vectors = 320;
constexpr Index ahead = 32;  // observations whose weight, anywhere in memory, is asked for in advance

// Sums over observations [begin, end) of one coordinate: S registers of second moments (0: not known to the
// compiler), then those of the means. There are `last` observations in all.
template <int S, int F>
void add_up(const Vector* const* tables, int others, int second, int vectors, const std::int32_t* place,
            const std::int32_t* order, const double* weight, const double* values, double offset, Index begin,
            Index end, Index last, Vector* sum) {
  const int s = S ? S : second, all = S ? S + F : vectors;
  if constexpr (S > 0) {
    Vector acc[S + F] = {};
    for (Index e = begin; e < end; ++e) {
      const std::int32_t* at = place + e * others;
      Vector p[S + F];
      const Vector* row = tables[0] + at[0] * (S + F);
      for (int v = 0; v < S + F; ++v) p[v] = row[v];
      for (int j = 1; j < others; ++j) {
        row = tables[j] + at[j] * (S + F);
        for (int v = 0; v < S + F; ++v) p[v] *= row[v];
      }
      if (weight && e + ahead < last) __builtin_prefetch(weight + order[e + ahead]);
      const double w = weight ? weight[order[e]] : 1, wy = w * (values[e] - offset);
      for (int v = 0; v < S; ++v) acc[v] += w * p[v];
      for (int v = S; v < S + F; ++v) acc[v] += wy * p[v];
    }
    for (int v = 0; v < S + F; ++v) sum[v] = acc[v];
  } else {
    for (int v = 0; v < all; ++v) sum[v] = Vector{};
    for (Index e = begin; e < end; ++e) {
      const std::int32_t* at = place + e * others;
      const double w = weight ? weight[order[e]] : 1, wy = w * (values[e] - offset);
      for (int v = 0; v < all; ++v) {
        Vector p = tables[0][at[0] * all + v];
        for (int j = 1; j < others; ++j) p *= tables[j][at[j] * all + v];
        sum[v] += (v < s ? w : wy) * p;
      }
    }
  }
}

// body(S{}, F{}) with the registers of second moments and of means, known to the compiler where these are
// few.
template <class Body>
auto with_vectors(int second, int first, Body&& body) {
  if (first == 1) switch (second) {
      case 1:
        return body(Fixed<1>{}, Fixed<1>{});
      case 2:
        return body(Fixed<2>{}, Fixed<1>{});
      case 3:
        return body(Fixed<3>{}, Fixed<1>{});
      case 4:
        return body(Fixed<4>{}, Fixed<1>{});
      case 5:
        return body(Fixed<5>{}, Fixed<1>{});
      default:
        break;
    }
  if (first == 2) switch (second) {
      case 6:
        return body(Fixed<6>{}, Fixed<2>{});
      case 7:
        return body(Fixed<7>{}, Fixed<2>{});
      default:
        break;
    }
  return body(Fixed<0>{}, Fixed<0>{});
}

}  // namespace

Moments2::Moments2(int components, const std::vector<Index>& sizes)
    : components_(components),
      second_((components * (components + 1) / 2 + width - 1) / width),
      first_((components + width - 1) / width) {
  require(vectors() <= most_vectors, "[Moments2] ", components, " components; at most 64 are supported");
  for (const Index n : sizes) tables_.emplace_back(static_cast<std::size_t>(n * vectors()), Vector{});
}

Entries::Entries(std::vector<std::vector<std::int32_t>> index, std::vector<Index> sizes,
                 std::vector<double> values)
    : values_(std::move(values)) {
  const std::size_t modes = index.size(), n = values_.size();
  require(1 <= modes && modes <= most_modes, "[Entries] ", modes, " modes; expected 1 to ", most_modes);
  require(size() < (Index{1} << 31), "[Entries] ", size(), " observations; at most 2^31 - 1 are supported");
  auto places = std::make_shared<Places>();
  places->sizes = std::move(sizes);
  for (std::size_t m = 0; m < modes; ++m) {
    Place& p = places->modes.emplace_back();
    p.start.assign(static_cast<std::size_t>(places->sizes[m]) + 1, 0);
    for (const std::int32_t i : index[m]) ++p.start[static_cast<std::size_t>(i) + 1];
    for (std::size_t i = 1; i < p.start.size(); ++i) p.start[i] += p.start[i - 1];
    p.order.resize(n);
    std::vector<Index> next(p.start.begin(), p.start.end() - 1);
    for (std::size_t e = 0; e < n; ++e)
      p.order[static_cast<std::size_t>(next[static_cast<std::size_t>(index[m][e])]++)] =
          static_cast<std::int32_t>(e);
    p.others.resize(n * (modes - 1));
    std::int32_t* to = p.others.data();
    for (const std::int32_t e : p.order)
      for (std::size_t j = 0; j < modes; ++j)
        if (j != m) *to++ = index[j][static_cast<std::size_t>(e)];
    for (std::size_t i = 0; i + 1 < p.start.size(); ++i) {
      Index at = p.start[i];
      const Index end = p.start[i + 1];
      do {
        const Index next_piece = std::min(end, at + piece);
        p.pieces.push_back({static_cast<std::int32_t>(i), at, next_piece});
        at = next_piece;
      } while (at < end);
    }
    p.pieces.shrink_to_fit();
  }
  for (std::size_t m = 0; m < modes; ++m) places->modes[m].index = std::move(index[m]);
  places_ = places;
  sort_values();
}

void Entries::sort_values() {
  sorted_.resize(places_->modes.size());
  for (std::size_t m = 0; m < sorted_.size(); ++m) {
    sorted_[m].resize(values_.size());
    for (std::size_t e = 0; e < values_.size(); ++e)
      sorted_[m][e] = values_[static_cast<std::size_t>(places_->modes[m].order[e])];
  }
}

Entries Entries::with(std::vector<double> values) const {
  require(values.size() == values_.size(), "[Entries] ", values.size(), " values for ", values_.size(),
          " observations");
  Entries out;
  out.places_ = places_, out.values_ = std::move(values);
  out.sort_values();
  return out;
}

void Entries::sums(int k, const Moments2& table, const double* weight, double offset, Vector* out) const {
  const auto m = static_cast<std::size_t>(k);
  const Place& at = places_->modes[m];
  const int vectors = table.vectors(), second = table.second_vectors(), others = modes() - 1;
  const auto& pieces = at.pieces;
  const bool whole = static_cast<Index>(pieces.size()) == size(k);
  std::vector<Vector> parts;
  if (!whole) parts.resize(pieces.size() * static_cast<std::size_t>(vectors));
  Vector* to = whole ? out : parts.data();
  const Vector* tables[most_modes];
  for (int j = 0, place = 0; j < modes(); ++j)
    if (j != k) tables[place++] = table.row(j, 0);
  std::vector<Vector> ones(static_cast<std::size_t>(vectors));
  std::vector<std::int32_t> nowhere;
  const std::int32_t* place = at.others.data();
  int count = others;
  if (others == 0) {  // one mode: products of nothing
    for (Vector& v : ones) v += 1;
    tables[0] = ones.data();
    nowhere.assign(static_cast<std::size_t>(size()), 0);
    place = nowhere.data();
    count = 1;
  }
  const auto add = with_vectors(second, vectors - second,
                                [](auto seconds, auto means) { return &add_up<seconds.value, means.value>; });
  // groups of pieces whose borders depend on the data alone
  const Index per_piece = std::max<Index>(1, size() / std::max<Index>(1, static_cast<Index>(pieces.size())));
  const Index grain = std::clamp<Index>(piece / 2 / per_piece, 1, 4096);
  parallel_for(static_cast<Index>(pieces.size()), grain, [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p)
      add(tables, count, second, vectors, place, at.order.data(), weight, sorted_[m].data(), offset,
          pieces[static_cast<std::size_t>(p)].begin, pieces[static_cast<std::size_t>(p)].end, size(),
          to + p * vectors);
  });
  if (whole) return;
  std::fill_n(out, size(k) * vectors, Vector{});
  for (std::size_t p = 0; p < pieces.size(); ++p)
    for (int v = 0; v < vectors; ++v)
      out[pieces[p].coordinate * vectors + v] +=
          parts[p * static_cast<std::size_t>(vectors) + static_cast<std::size_t>(v)];
}

namespace {

// S registers of second moments and F of means in a row (S = 0: not known to the compiler).
template <int S, int F>
void moments_of(const Moments2& table, const Vector* const* rows, int modes, double* mean, double* variance) {
  const int c = table.components(), second = S ? S : table.second_vectors(),
            vectors = S ? S + F : table.vectors();
  Vector p[S ? S + F : most_vectors];
  for (int v = 0; v < vectors; ++v) p[v] = rows[0][v];
  for (int j = 1; j < modes; ++j)
    for (int v = 0; v < vectors; ++v) p[v] *= rows[j][v];
  const double* x = reinterpret_cast<const double*>(p);
  // sums of whole registers: twice all second moments less the diagonal
  Vector all = p[0];
  for (int v = 1; v < second; ++v) all += p[v];
  double square = 2 * horizontal_sum<double>(all);
  for (int a = 0; a < c; ++a) square -= x[Moments2::place(a, a)];
  Vector first = p[second];
  for (int v = second + 1; v < vectors; ++v) first += p[v];
  *mean = horizontal_sum<double>(first);
  *variance = std::max(0.0, square - *mean * *mean);
}

}  // namespace

void Entries::moments(const Moments2& table, Index begin, Index end, double* mean, double* variance) const {
  const int n = modes();
  with_vectors(table.second_vectors(), table.vectors() - table.second_vectors(),
               [&](auto second, auto first) {
                 const Vector* rows[most_modes];
                 for (Index e = begin; e < end; ++e) {
                   for (int j = 0; j < n; ++j) rows[j] = table.row(j, index(j, e));
                   moments_of<second.value, first.value>(table, rows, n, mean + e, variance + e);
                 }
               });
}

void Entries::moments(const Moments2& table, double* mean, double* variance) const {
  parallel_for(size(), 1024, [&](Index begin, Index end) { moments(table, begin, end, mean, variance); });
}

}  // namespace cartan::functional
