#include "completion/neural/cpu/live.hpp"

#include <algorithm>
#include <cstring>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"

namespace cartan::completion {
namespace {

constexpr Index lanes = register_bytes / 4;
typedef std::uint32_t Bits __attribute__((vector_size(register_bytes)));

// Rows of a copy that are worth a thread.
Index grain_of(Index columns) {
  return std::max<Index>(1, 65536 / std::max<Index>(1, columns));
}

}  // namespace

Live live_columns(const float* x, Index rows, Index columns, Index stride) {
  Live out{columns, true, {}};
  const Index whole = (columns + lanes - 1) / lanes * lanes;
  Scratch<std::uint32_t> seen(whole, 0u);  // the bits of a column, without signs, one over the other
  constexpr std::uint32_t size = 0x7fffffffu;
  Index live = 0;
  for (Index begin = 0; begin < rows; begin += lanes) {  // of most factors all live is known after few rows
    for (Index i = begin; i < std::min(rows, begin + lanes); ++i) {
      const float* row = x + i * stride;
      Index j = 0;
      for (; j + lanes <= columns; j += lanes)
        store(seen.data() + j, load<Bits>(seen.data() + j) | (load<Bits>(row + j) & size));
      for (; j < columns; ++j) {
        std::uint32_t bits;
        std::memcpy(&bits, row + j, sizeof bits);
        seen[j] |= bits & size;
      }
    }
    live = columns - std::count(seen.begin(), seen.begin() + columns, 0u);
    if (8 * live > 7 * columns) return out;
  }
  out.all = false;
  out.list.reserve(static_cast<std::size_t>(live));
  for (Index j = 0; j < columns; ++j)
    if (seen[j] != 0) out.list.push_back(static_cast<std::int32_t>(j));
  return out;
}

Live common(const Live& a, const Live& b) {
  if (a.all) return b;
  if (b.all) return a;
  Live out{a.of, false, {}};
  std::set_intersection(a.list.begin(), a.list.end(), b.list.begin(), b.list.end(),
                        std::back_inserter(out.list));
  return out;
}

Selected::Selected(MatrixView<float> x, const Live& rows, const Live& columns) : view(x) {
  if (rows.all && columns.all) return;
  const Index m = rows.count(), n = columns.count();
  memory_ = Scratch<float>(m * n);
  parallel_for(m, grain_of(n), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const float* from = x.data + (rows.all ? i : rows.list[static_cast<std::size_t>(i)]) * x.stride;
      float* to = memory_.data() + i * n;
      if (columns.all) std::copy_n(from, n, to);
      for (const std::int32_t j : columns.list) *to++ = from[j];
    }
  });
  view.data = memory_.data(), view.stride = n;
}

void spread(const float* from, const Live& rows, const Live& columns, float* c) {
  const Index m = rows.count(), n = columns.count(), wide = columns.of;
  parallel_for(m, grain_of(n), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      // the rows from this one to the next, so that every row is written once
      const Index row = rows.all ? i : rows.list[static_cast<std::size_t>(i)], first = i == 0 ? 0 : row,
                  next = i + 1 == m ? rows.of
                         : rows.all ? i + 1
                                    : rows.list[static_cast<std::size_t>(i) + 1];
      std::fill(c + first * wide, c + next * wide, 0.0f);
      float* to = c + row * wide;
      if (columns.all) std::copy_n(from + i * n, n, to);
      for (std::size_t j = 0; j < columns.list.size(); ++j)
        to[columns.list[j]] = from[i * n + static_cast<Index>(j)];
    }
  });
  if (m == 0) std::fill_n(c, rows.of * wide, 0.0f);
}

}  // namespace cartan::completion
