#include "functional/entries.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"

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

using AddUp = decltype(&add_up<0, 0>);
AddUp add_up_for(int second, int first) {
  if (first == 1) switch (second) {
      case 1:
        return add_up<1, 1>;
      case 2:
        return add_up<2, 1>;
      case 3:
        return add_up<3, 1>;
      case 4:
        return add_up<4, 1>;
      case 5:
        return add_up<5, 1>;
      default:
        break;
    }
  if (first == 2) switch (second) {
      case 6:
        return add_up<6, 2>;
      case 7:
        return add_up<7, 2>;
      default:
        break;
    }
  return add_up<0, 0>;
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
    : index_(std::move(index)), sizes_(std::move(sizes)), values_(std::move(values)) {
  const int modes = static_cast<int>(index_.size());
  require(1 <= modes && modes <= most_modes, "[Entries] ", modes, " modes; expected 1 to ", most_modes);
  require(size() < (Index{1} << 31), "[Entries] ", size(), " observations; at most 2^31 - 1 are supported");
  start_.resize(index_.size()), order_.resize(index_.size()), others_.resize(index_.size());
  pieces_.resize(index_.size()), sorted_.resize(index_.size());
  for (int k = 0; k < modes; ++k) {
    const auto m = static_cast<std::size_t>(k);
    auto& start = start_[m];
    start.assign(static_cast<std::size_t>(sizes_[m]) + 1, 0);
    for (const std::int32_t i : index_[m]) ++start[static_cast<std::size_t>(i) + 1];
    for (std::size_t i = 1; i < start.size(); ++i) start[i] += start[i - 1];
    order_[m].resize(values_.size());
    std::vector<Index> next(start.begin(), start.end() - 1);
    for (std::size_t e = 0; e < values_.size(); ++e)
      order_[m][static_cast<std::size_t>(next[static_cast<std::size_t>(index_[m][e])]++)] =
          static_cast<std::int32_t>(e);
    sorted_[m].resize(values_.size());
    for (std::size_t e = 0; e < values_.size(); ++e)
      sorted_[m][e] = values_[static_cast<std::size_t>(order_[m][e])];
    const int others = modes - 1;
    others_[m].resize(values_.size() * static_cast<std::size_t>(others));
    std::int32_t* to = others_[m].data();
    for (const std::int32_t e : order_[m])
      for (int j = 0; j < modes; ++j)
        if (j != k) *to++ = index_[static_cast<std::size_t>(j)][static_cast<std::size_t>(e)];
    for (Index i = 0; i < sizes_[m]; ++i) {
      Index at = start[static_cast<std::size_t>(i)];
      const Index end = start[static_cast<std::size_t>(i + 1)];
      do {
        const Index to_ = std::min(end, at + piece);
        pieces_[m].push_back({static_cast<std::int32_t>(i), at, to_});
        at = to_;
      } while (at < end);
    }
  }
}

void Entries::sums(int k, const Moments2& table, const double* weight, double offset,
                   std::vector<Vector>& out) const {
  const auto m = static_cast<std::size_t>(k);
  const int vectors = table.vectors(), second = table.second_vectors(), others = modes() - 1;
  const auto& pieces = pieces_[m];
  const bool whole = static_cast<Index>(pieces.size()) == sizes_[m];
  std::vector<Vector> parts;
  out.resize(static_cast<std::size_t>(sizes_[m] * vectors));
  if (!whole) parts.resize(pieces.size() * static_cast<std::size_t>(vectors));
  Vector* to = whole ? out.data() : parts.data();
  const Vector* tables[most_modes];
  for (int j = 0, at = 0; j < modes(); ++j)
    if (j != k) tables[at++] = table.row(j, 0);
  std::vector<Vector> ones(static_cast<std::size_t>(vectors));
  std::vector<std::int32_t> nowhere;
  const std::int32_t* place = others_[m].data();
  int count = others;
  if (others == 0) {  // one mode: products of nothing
    const Index n = size();
    for (Vector& v : ones) v += 1;
    tables[0] = ones.data();
    nowhere.assign(static_cast<std::size_t>(n), 0);
    place = nowhere.data();
    count = 1;
  }
  const AddUp add = add_up_for(second, vectors - second);
  // groups of pieces whose borders depend on the data alone
  const Index per_piece = std::max<Index>(1, size() / std::max<Index>(1, static_cast<Index>(pieces.size())));
  const Index grain = std::clamp<Index>(2 * piece / per_piece, 1, 4096);
  parallel_for(static_cast<Index>(pieces.size()), grain, [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p)
      add(tables, count, second, vectors, place, order_[m].data(), weight, sorted_[m].data(), offset,
          pieces[static_cast<std::size_t>(p)].begin, pieces[static_cast<std::size_t>(p)].end, size(),
          to + p * vectors);
  });
  if (whole) return;
  std::fill(out.begin(), out.end(), Vector{});
  for (std::size_t p = 0; p < pieces.size(); ++p)
    for (int v = 0; v < vectors; ++v)
      out[static_cast<std::size_t>(pieces[p].coordinate * vectors + v)] +=
          parts[p * static_cast<std::size_t>(vectors) + static_cast<std::size_t>(v)];
}

void moments_at(const Moments2& table, const Vector* const* rows, int modes, double* mean, double* variance) {
  const int c = table.components(), vectors = table.vectors(), second = table.second_vectors();
  Vector p[most_vectors];
  for (int v = 0; v < vectors; ++v) {
    p[v] = rows[0][v];
    for (int j = 1; j < modes; ++j) p[v] *= rows[j][v];
  }
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

void Entries::moments(const Moments2& table, double* mean, double* variance) const {
  const int n = modes();
  parallel_for(size(), 1024, [&](Index begin, Index end) {
    const Vector* rows[most_modes];
    for (Index e = begin; e < end; ++e) {
      for (int j = 0; j < n; ++j) rows[j] = table.row(j, index(j, e));
      moments_at(table, rows, n, mean + e, variance + e);
    }
  });
}

}  // namespace cartan::functional
