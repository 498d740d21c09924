#include "completion/mostly_known.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/mostly_known_kernels.hpp"
#include "core/gemm.hpp"
#include "linalg/project_rows.hpp"

namespace cartan::completion {

using namespace dense;

std::string MostlyKnown::obstacle(const SparseTensor& x, const Parts& parts) {
  const bool canonical = parts.canonical();
  const int along = longest(x.shape());
  const auto r = static_cast<double>(parts.width[static_cast<std::size_t>(along)]);
  double fibres = 1, others = canonical ? r : 1;
  for (int k = 0; k < x.order(); ++k) {
    if (k == along) continue;
    fibres *= static_cast<double>(x.shape()[static_cast<std::size_t>(k)]);
    if (!canonical) others *= static_cast<double>(parts.width[static_cast<std::size_t>(k)]);
  }
  const Index length = x.shape()[static_cast<std::size_t>(along)];
  const double all = fibres * static_cast<double>(length);
  if (!canonical && !dynamic_cast<const TuckerParts*>(&parts)) return "the format is neither CP nor Tucker";
  if (!(fibres * (1.5 * r * (r + 1) + 2 * others) <= std::max(4 * all, 4e6)))
    return "the ranks are too large for tables over all fibres";
  if (!(all <= 20 * static_cast<double>(x.size()))) return "too few entries are known";
  if (!(fibres * static_cast<double>(whole(length)) < 2147483648.0))
    return "the tensor has more than 2^31 entries";
  return "";
}

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
  dense.why_not = obstacle(x, parts);
  return choose({entries, dense}, forced);
}

MostlyKnown::MostlyKnown(const SparseTensor& x, double square, double scale)
    : shape_(x.shape()), long_(longest(x.shape())) {
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
  square_ = square * by * by;
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
  along_.begin.reserve(static_cast<std::size_t>(fibres_) + 1);
  along_.begin.push_back(0), across_.begin.push_back(0);
  along_.list.resize(static_cast<std::size_t>(missing_ + lanes));
  mask_.resize(static_cast<std::size_t>(fibres_ * padded_ / lanes));
  std::int32_t* next_along = along_.list.data();
  for (Index l = 0; l < fibres_; ++l) {
    std::int32_t* const first = next_along;
    double* x = x_.data() + l * padded_;
    std::uint8_t* known = mask_.data() + l * padded_ / lanes;
    for (Index n = 0; n < padded_; n += lanes) {
      unsigned missing = zero_nans(x + n);
      known[n / lanes] = static_cast<std::uint8_t>(~missing);
      if (n + lanes > length_) missing &= (1u << (length_ - n)) - 1;
      next_along = append_bits(missing, static_cast<std::int32_t>(n), next_along);
    }
    for (const std::int32_t* at = first; at != next_along; ++at) ++count[static_cast<std::size_t>(*at)];
    const bool few = 2 * (next_along - first) > length_;
    if (few) {
      next_along = first;
      for (Index n = 0; n < length_; ++n)
        if (knows(l, n)) *next_along++ = static_cast<std::int32_t>(n);
    }
    along_.known.push_back(few);
    along_.begin.push_back(static_cast<std::uint32_t>(next_along - along_.list.data()));
  }
  along_.list.resize(along_.begin.back());
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
        if (knows(l, n) == across_.known[static_cast<std::size_t>(n)]) add(n);
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

// For every place of the core, with the modes in this order, its place in the core.
std::vector<Index> MostlyKnown::core_places(const Parts& parts, const std::vector<int>& order) {
  const std::vector<Index> ranks(parts.width.begin(), parts.width.end() - 1);
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

// The core with the modes in the order: others but k, k (unless -1), the long one.
MostlyKnown::Table MostlyKnown::core_without(const Parts& parts, int k) const {
  std::vector<int> order;
  for (const int j : others_)
    if (j != k) order.push_back(j);
  if (k >= 0) order.push_back(k);
  order.push_back(long_);
  Table out;
  for (const Index p : core_places(parts, order))
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

// Of every fibre or index: the sum of all lifts less those of the missing ones, or the sum of those known.
// Where the missing ones are nearly all of the sum, its digits are theirs, and those known are summed too.
void MostlyKnown::sums(const Exceptions& of, const Table& lifts, Index r, Table& out) const {
  const Index items = static_cast<Index>(of.known.size()), width = whole(triangle(r)),
              others = static_cast<Index>(lifts.size()) / width;
  const Table all = column_sums(lifts, width);
  const bool fibres = &of == &along_;
  out.resize(static_cast<std::size_t>(items * width));
  const double each =
      static_cast<double>(width) * static_cast<double>(of.list.size()) / static_cast<double>(items);
  parallel_for(items, grain_for(2 * each), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const bool known = of.known[static_cast<std::size_t>(i)];
      const std::int32_t *first = of.list.data() + of.begin[static_cast<std::size_t>(i)],
                         *last = of.list.data() + of.begin[static_cast<std::size_t>(i) + 1];
      double* to = out.data() + i * width;
      for (Index s = 0; s < width; s += lanes) {
        const V sum = sum_of_rows(lifts.data() + s, width, first, last);
        store(to + s, known ? sum : load<V>(all.data() + s) - sum);
      }
      bool cancels = false;
      for (Index q = 0; q < r && !known; ++q)
        cancels = cancels || to[at(q, q)] < 1e-3 * all[static_cast<std::size_t>(at(q, q))];
      if (!cancels) continue;
      std::fill_n(to, width, 0.0);
      for (Index e = 0; e < others; ++e)
        if (fibres ? knows(i, e) : knows(e, i))
          for (Index s = 0; s < width; ++s) to[s] += lifts[static_cast<std::size_t>(e * width + s)];
    }
  });
}

void MostlyKnown::contract(const Parts& parts) {
  const Table& b = parts.data[static_cast<std::size_t>(long_)];
  if (b == factor_) return;
  factor_ = b;
  const Index r = rank(parts);
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
  sums(along_, lifts, r, k_);
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

MostlyKnown::Squares MostlyKnown::square_by_fibres(const Table& v, Index r) const {
  const Index width = whole(triangle(r)), grain = grain_for(2.0 * static_cast<double>(r * r)),
              pieces = (fibres_ + grain - 1) / grain;
  Table sums(static_cast<std::size_t>(pieces)), sizes(sums.size());
  parallel_for(fibres_, grain, [&](Index begin, Index end) {
    double total = 0, terms = 0;
    for (Index l = begin; l < end; ++l) {
      const double *u = v.data() + l * r, *y = y_.data() + l * r, *k = k_.data() + l * width;
      for (Index i = 0; i < r; ++i) {
        double row = -y[i];
        for (Index j = 0; j < i; ++j) row += *k++ * u[j];
        const double own = *k++ * u[i];
        total += u[i] * (2 * row + own), terms += u[i] * own;
      }
    }
    sums[static_cast<std::size_t>(begin / grain)] = total;
    sizes[static_cast<std::size_t>(begin / grain)] = terms;
  });
  return {deterministic_sum(sums.data(), pieces), deterministic_sum(sizes.data(), pieces)};
}

double MostlyKnown::square(const Parts& parts) const {
  const Index r = rank(parts);
  const Table v = seen_from(parts);
  if (parts.data[static_cast<std::size_t>(long_)] == factor_) {
    // ||x||^2 - 2 <x, m> + ||m||^2 by what the fibres hold, where that leaves eleven digits: against ||x||^2,
    // and against the squares of the terms, which may be large and cancel in m
    const Squares fibres = square_by_fibres(v, r);
    const double sum = square_ + fibres.sum;
    if (sum > 1e-4 * (square_ + fibres.size)) return sum;
  }
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
