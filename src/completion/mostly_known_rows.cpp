// The normal equations of every part from what the fibres hold.
#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "completion/mostly_known.hpp"
#include "completion/mostly_known_kernels.hpp"
#include "core/gemm.hpp"

namespace cartan::completion {

using namespace dense;

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
      add_all_rows(x_.data() + begin * padded_, padded_, v.data() + begin * r, r, end - begin,
                   w.data() + begin / length * size);
    });
    for (Index piece = 1; piece < pieces; ++piece)
      for (Index i = 0; i < size; ++i)
        w[static_cast<std::size_t>(i)] += w[static_cast<std::size_t>(piece * size + i)];
  }
  const Table lifts = lifted(v.data(), fibres_, r);
  Table sum;
  sums(across_, lifts, r, sum);
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
  const Index others = before * after;
  // tables of quadratic forms, where they are small: a product of vectors for each number of the triangle
  const bool tabled = others * h * width <= 1 << 16;
  Table forms(static_cast<std::size_t>(tabled ? others * h * width : 0));
  for (Index l = 0; l < others && tabled; ++l)
    forms_of(d.data() + l * p * r, p, r, width, forms.data() + l * h * width);
  parallel_for(n, grain_for(static_cast<double>(others * (2 * p * r * r + p * p * r))),
               [&](Index begin, Index end) {
                 Scratch<double> row(r);
                 for (Index i = begin; i < end; ++i) {
                   double *left = g.data() + i * h, *right = b.data() + i * p;
                   for (Index a = 0; a < before; ++a) {
                     const Index l = (a * n + i) * after;
                     const double *of = d.data() + a * after * p * r, *k_l = k_.data() + l * width;
                     for (Index e = 0; e < after; ++e) {
                       add_product(of + e * p * r, y_.data() + (l + e) * r, p, r, right);
                       if (!tabled) add_form(p, r, of + e * p * r, k_l + e * width, left, row.data());
                     }
                     if (!tabled) continue;
                     const double* form = forms.data() + a * after * h * width;
                     Index f = 0;
                     for (; f + 3 <= h; f += 3)
                       add_forms<3>(form + f * width, h * width, k_l, width, after, width, left + f);
                     for (; f < h; ++f)
                       add_forms<1>(form + f * width, h * width, k_l, width, after, width, left + f);
                   }
                 }
               });
}

void MostlyKnown::core(const Parts& parts, std::vector<double>& g, std::vector<double>& b) const {
  const Index r = rank(parts), width = whole(triangle(r)), p = parts.width.back(), q = p / r,
              wide = triangle(q);
  const Table t = rows_of(parts, -1);
  std::vector<int> order = others_;
  order.push_back(long_);
  const std::vector<Index> place = core_places(parts, order);
  Table right(static_cast<std::size_t>(p));
  gemm<double>(q, r, fibres_, {t.data(), q, true}, {y_.data(), r}, right.data(), r);
  for (Index i = 0; i < p; ++i)
    b[static_cast<std::size_t>(place[static_cast<std::size_t>(i)])] = right[static_cast<std::size_t>(i)];
  if (g.empty()) return;
  Table sum(static_cast<std::size_t>(whole(wide) * width), 0.0);
  constexpr Index block = 512;
  for (Index l = 0; l < fibres_; l += block) {
    const Index count = std::min(block, fibres_ - l);
    const Table lifts = lifted(t.data() + l * q, count, q);
    if (width == lanes)
      add_all_rows(k_.data() + l * width, width, lifts.data(), whole(wide), count, sum.data());
    else
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
  const std::vector<Index> place = core_places(parts, order);
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

}  // namespace cartan::completion
