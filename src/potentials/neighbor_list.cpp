#include <cartan/core/error.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/potentials/neighbor_list.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <tuple>

#include "potentials/lattice.hpp"
#include "potentials/pairs.hpp"

namespace cartan::potentials {
namespace {

constexpr double max_pairs = 1 << 28;
constexpr double max_neighbors = 1 << 20;  // of an atom: a sphere of 140 Angstrom in a dense solid
constexpr double pi = 3.14159265358979323846;

struct Entry {
  std::int32_t j;
  std::array<std::int32_t, 3> shift;
  Vec3 vector;
  bool operator<(const Entry& o) const { return std::tie(j, shift) < std::tie(o.j, o.shift); }
};

/// Pairs whose search and list, which exist side by side, take half of the memory of this machine, or fewer.
double most_pairs() {
  constexpr double bytes = sizeof(Entry) * 2 + 2 * sizeof(std::int32_t) + sizeof(Entry::shift) + sizeof(Vec3);
  static const double fit = 0.5 * static_cast<double>(machine_memory()) / bytes;
  return std::min(max_pairs, fit);
}

/// What one block of bins found: the entries of atom `atoms[k]` end at `ends[k]`.
struct Found {
  std::vector<Entry> entries;
  std::vector<std::int32_t> atoms;
  std::vector<std::size_t> ends;
};

struct CellList {
  const System& frame;
  double cutoff;
  Lattice lattice;
  std::array<Index, 3> bins{};                     // along each axis
  std::array<Index, 3> reach{};                    // bins to look at on either side
  std::vector<std::int64_t> keys;                  // bin of each atom, sorted
  std::vector<std::int32_t> order;                 // the atoms in that order
  std::vector<Vec3> wrapped;                       // their positions in the reduced cell
  std::vector<std::array<std::int64_t, 3>> wraps;  // x = wrapped + wraps · axes
  std::vector<std::int32_t> occupied;              // where each occupied bin starts, and n
  std::vector<std::int32_t> table;                 // first atom of each bin; empty: too many bins
  double slack = 0;                                // rounding of wrapped positions, Angstrom

  CellList(const System& f, double rc) : frame(f), cutoff(rc), lattice(reduced_lattice(f, "neighbor_list")) {
    check_size();
    fill();
  }

  void check_size() const {
    const double n = static_cast<double>(frame.size()), rc = cutoff;
    const auto& a = lattice.axes;
    double images = 0;  // lattice points within the cutoff
    if (lattice.periodic == 1) images = 2 * rc / std::sqrt(dot(a[0], a[0]));
    if (lattice.periodic == 2) {
      const Vec3 area = cross(a[0], a[1]);
      images = pi * rc * rc / std::sqrt(dot(area, area));
    }
    if (lattice.periodic == 3)
      images = n * 4 / 3 * pi * rc * rc * rc / std::abs(dot(a[0], cross(a[1], a[2])));
    require(images < max_neighbors && n * images / 2 < most_pairs(), "[neighbor_list] a cutoff of ", rc,
            " Angstrom meets about ", images, " images per atom, ", n * images / 2, " pairs for ", n,
            " atoms; the limits are ", max_neighbors, " images and, in the memory of this machine, ",
            most_pairs(), " pairs: use a smaller cutoff or check the cell");
  }

  void fill() {
    const auto n = static_cast<std::size_t>(frame.size());
    std::vector<Vec3> s(n), x(n);
    std::vector<std::array<std::int64_t, 3>> w(n);
    Vec3 low{}, high{}, largest{};
    double far = 0;
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t c = 0; c < 3; ++c) {
        x[a][c] = frame.positions[3 * a + c];
        far = std::max(far, std::abs(x[a][c]));
      }
      for (std::size_t k = 0; k < 3; ++k) {
        s[a][k] = dot(x[a], lattice.reciprocal[k]);
        largest[k] = std::max(largest[k], std::abs(s[a][k]));
        low[k] = a == 0 ? s[a][k] : std::min(low[k], s[a][k]);
        high[k] = a == 0 ? s[a][k] : std::max(high[k], s[a][k]);
      }
    }
    set_bins(low, high, largest);
    slack = 1e-9 + 1e-14 * far;
    std::vector<std::pair<std::int64_t, std::int32_t>> sorted(n);
    for (std::size_t a = 0; a < n; ++a) {
      const Vec3 given = s[a];
      std::int64_t key = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        const bool wrap = static_cast<int>(k) < lattice.periodic;
        const double whole = wrap ? std::floor(given[k]) : 0;
        w[a][k] = static_cast<std::int64_t>(whole);
        if (wrap)
          for (std::size_t c = 0; c < 3; ++c) x[a][c] -= whole * lattice.axes[k][c];
        const double from = wrap ? whole : low[k], range = wrap ? 1 : high[k] - low[k];
        const double at = range > 0 ? (given[k] - from) / range * static_cast<double>(bins[k]) : 0;
        key = key * bins[k] + std::clamp<std::int64_t>(static_cast<std::int64_t>(at), 0, bins[k] - 1);
      }
      sorted[a] = {key, static_cast<std::int32_t>(a)};
    }
    std::sort(sorted.begin(), sorted.end());
    keys.resize(n), order.resize(n), wrapped.resize(n), wraps.resize(n);
    for (std::size_t a = 0; a < n; ++a) {
      const auto atom = static_cast<std::size_t>(sorted[a].second);
      keys[a] = sorted[a].first;
      order[a] = sorted[a].second;
      wrapped[a] = x[atom];
      wraps[a] = w[atom];
      if (a == 0 || keys[a] != keys[a - 1]) occupied.push_back(static_cast<std::int32_t>(a));
    }
    occupied.push_back(static_cast<std::int32_t>(n));
    const double all =
        static_cast<double>(bins[0]) * static_cast<double>(bins[1]) * static_cast<double>(bins[2]);
    if (all > 8.0 * static_cast<double>(n) + 4096) return;
    table.assign(static_cast<std::size_t>(all) + 1, 0);
    for (const std::int64_t key : keys) ++table[static_cast<std::size_t>(key) + 1];
    for (std::size_t b = 1; b < table.size(); ++b) table[b] += table[b - 1];
  }

  void set_bins(const Vec3& low, const Vec3& high, const Vec3& largest) {
    std::array<double, 3> shift_bound{};
    for (std::size_t k = 0; k < 3; ++k) {
      const bool wrap = static_cast<int>(k) < lattice.periodic;
      const double range = wrap ? 1 : high[k] - low[k];
      const double count = range * lattice.spacing[k] / (0.5 * cutoff * (1 + 1e-6));
      bins[k] = count >= 1 ? static_cast<Index>(std::min(count, double(1 << 20))) : 1;
      const double per_unit = range > 0 ? static_cast<double>(bins[k]) / range : 0;
      const double rounding = 1e-9 + 64 * std::numeric_limits<double>::epsilon() * largest[k] * per_unit;
      const double bins_away = std::ceil(cutoff / lattice.spacing[k] * per_unit + rounding);
      reach[k] =
          wrap ? static_cast<Index>(bins_away) : static_cast<Index>(std::min(bins_away, double(bins[k] - 1)));
      if (!wrap) continue;
      for (std::size_t c = 0; c < 3; ++c)
        shift_bound[c] +=
            (2 * largest[k] + static_cast<double>(reach[k]) + 3) * std::abs(lattice.to_cell[k][c]);
    }
    for (std::size_t c = 0; c < 3; ++c)
      require(shift_bound[c] < std::numeric_limits<std::int32_t>::max(), "[neighbor_list] atoms lie up to ",
              shift_bound[c], " lattice vectors apart along direction ", c,
              ", more than 32 bits count; wrap the positions into the cell");
  }

  Index first_at(std::int64_t key) const {
    if (!table.empty()) return table[static_cast<std::size_t>(key)];
    return std::lower_bound(keys.begin(), keys.end(), key) - keys.begin();
  }

  /// Atoms of neighbouring bins in one image of the cell.
  struct Span {
    Index begin, end;
    std::array<std::int64_t, 3> image;
    Vec3 offset;
  };

  void spans_around(std::int64_t key, std::vector<Span>& spans) const {
    spans.clear();
    const std::array<Index, 3> at{key / (bins[1] * bins[2]), key / bins[2] % bins[1], key % bins[2]};
    const auto split = [&](std::size_t k, Index b) {  // image and bin of an unwrapped bin number
      const Index image = (b >= 0 ? b : b - bins[k] + 1) / bins[k];
      return std::pair{image, b - image * bins[k]};
    };
    const auto outside = [&](std::size_t k, Index image) {
      return image != 0 && static_cast<int>(k) >= lattice.periodic;
    };
    for (Index b0 = at[0] - reach[0]; b0 <= at[0] + reach[0]; ++b0) {
      const auto [t0, c0] = split(0, b0);
      if (outside(0, t0)) continue;
      for (Index b1 = at[1] - reach[1]; b1 <= at[1] + reach[1]; ++b1) {
        const auto [t1, c1] = split(1, b1);
        if (outside(1, t1)) continue;
        const Index row = (c0 * bins[1] + c1) * bins[2], last = at[2] + reach[2];
        for (Index b2 = at[2] - reach[2]; b2 <= last;) {
          const auto [t2, c2] = split(2, b2);
          const Index end = std::min(bins[2], c2 + last - b2 + 1);
          b2 += end - c2;
          if (outside(2, t2)) continue;
          Span span{first_at(row + c2), first_at(row + end), {t0, t1, t2}, {}};
          if (span.begin == span.end) continue;
          for (std::size_t c = 0; c < 3; ++c)
            span.offset[c] = double(t0) * lattice.axes[0][c] + double(t1) * lattice.axes[1][c] +
                             double(t2) * lattice.axes[2][c];
          spans.push_back(span);
        }
      }
    }
  }

  /// t + wrap_i - wrap_j in the lattice vectors of the frame.
  std::array<std::int32_t, 3> frame_shift(const Span& span, std::size_t a, std::size_t b) const {
    std::array<double, 3> s{};
    for (std::size_t n = 0; n < static_cast<std::size_t>(lattice.periodic); ++n) {
      const auto t = static_cast<double>(span.image[n] + wraps[a][n] - wraps[b][n]);
      for (std::size_t k = 0; k < 3; ++k) s[k] += t * lattice.to_cell[n][k];
    }
    return {static_cast<std::int32_t>(s[0]), static_cast<std::int32_t>(s[1]),
            static_cast<std::int32_t>(s[2])};
  }

  /// The pairs (i, j >= i) of atom i = order[a], sorted.
  void pairs_of(std::size_t a, const std::vector<Span>& spans, Found& found, Overlap& overlap) const {
    const std::int32_t i = order[a];
    const auto begin = static_cast<std::ptrdiff_t>(found.entries.size());
    const Vec3 x = wrapped[a];
    const double wide = (cutoff + slack) * (cutoff + slack), exact = cutoff * cutoff;
    for (const Span& span : spans) {
      const Vec3 from{x[0] - span.offset[0], x[1] - span.offset[1], x[2] - span.offset[2]};
      for (auto b = static_cast<std::size_t>(span.begin); b < static_cast<std::size_t>(span.end); ++b) {
        const std::int32_t j = order[b];
        if (j < i) continue;
        const double d0 = from[0] - wrapped[b][0], d1 = from[1] - wrapped[b][1], d2 = from[2] - wrapped[b][2];
        if (!(d0 * d0 + d1 * d1 + d2 * d2 < wide)) continue;
        const auto shift = frame_shift(span, a, b);
        if (i == j && !(shift > std::array<std::int32_t, 3>{})) continue;
        const Vec3 r =
            pair_vector(&frame.positions[3 * static_cast<std::size_t>(i)],
                        &frame.positions[3 * static_cast<std::size_t>(j)], shift.data(), frame.cell.data());
        const double square = squared_norm(r);
        if (!(square < exact)) continue;
        if (square < overlap_distance * overlap_distance) overlap.merge({i, j, std::sqrt(square)});
        found.entries.push_back({j, shift, r});
      }
    }
    std::sort(found.entries.begin() + begin, found.entries.end());
    found.atoms.push_back(i);
    found.ends.push_back(found.entries.size());
  }
};

}  // namespace

void check_pair_input(const System& frame, double cutoff) {
  require(std::isfinite(cutoff) && cutoff > 0, "[neighbor_list] the cutoff is ", cutoff,
          " Angstrom; give a positive number");
  const Index n = frame.size();
  require(frame.ghosts == 0, "[neighbor_list] the system has ", frame.ghosts,
          " ghosts; they come with a pair list of the host");
  require(static_cast<Index>(frame.positions.size()) == 3 * n, "[neighbor_list] ", n, " atomic numbers but ",
          frame.positions.size(), " coordinates; give three an atom");
  require(n < (Index{1} << 31), "[neighbor_list] ", n, " atoms; the limit is 2^31 - 1");
  for (Index c = 0; c < frame.positions.size(); ++c)
    require(std::isfinite(frame.positions[c]), "[neighbor_list] coordinate ", c % 3, " of atom ", c / 3,
            " is ", frame.positions[c], "; positions must be finite");
}

NeighborList neighbor_list(const System& frame, double cutoff) {
  check_pair_input(frame, cutoff);
  NeighborList list;
  list.cutoff = cutoff;
  list.atoms = frame.size();
  if (list.atoms == 0) return list;
  const CellList cells(frame, cutoff);

  constexpr Index grain = 64;  // bins
  const auto occupied = static_cast<Index>(cells.occupied.size()) - 1;
  std::vector<Found> found(static_cast<std::size_t>((occupied + grain - 1) / grain));
  const double limit = most_pairs();
  std::atomic<Index> pairs{0};
  std::mutex mutex;
  Overlap overlap;
  parallel_for(occupied, grain, [&](Index begin, Index end) {
    Found& mine = found[static_cast<std::size_t>(begin / grain)];
    Overlap closest;
    std::vector<CellList::Span> spans;
    for (Index b = begin; b < end; ++b) {
      const auto first = static_cast<std::size_t>(cells.occupied[static_cast<std::size_t>(b)]);
      const auto last = static_cast<std::size_t>(cells.occupied[static_cast<std::size_t>(b) + 1]);
      cells.spans_around(cells.keys[first], spans);
      for (std::size_t a = first; a < last; ++a) {
        const auto before = static_cast<Index>(mine.entries.size());
        cells.pairs_of(a, spans, mine, closest);
        const Index more = static_cast<Index>(mine.entries.size()) - before;
        require(static_cast<double>(pairs.fetch_add(more, std::memory_order_relaxed) + more) <= limit,
                "[neighbor_list] more than ", limit, " pairs within ", cutoff, " Angstrom for ", list.atoms,
                " atoms; use a smaller cutoff or check the positions");
      }
    }
    const std::lock_guard lock(mutex);
    overlap.merge(closest);
  });
  overlap.check("neighbor_list");

  std::vector<std::size_t> start(static_cast<std::size_t>(list.atoms) + 1);
  for (const Found& f : found)
    for (std::size_t k = 0; k < f.atoms.size(); ++k)
      start[static_cast<std::size_t>(f.atoms[k]) + 1] = f.ends[k] - (k == 0 ? 0 : f.ends[k - 1]);
  for (std::size_t a = 1; a < start.size(); ++a) start[a] += start[a - 1];
  const std::size_t n = start.back();
  list.i.resize(n), list.j.resize(n), list.shift.resize(3 * n), list.vectors.resize(3 * n);
  parallel_for(static_cast<Index>(found.size()), 1, [&](Index begin, Index) {
    Found& f = found[static_cast<std::size_t>(begin)];
    std::size_t e = 0;
    for (std::size_t k = 0; k < f.atoms.size(); ++k) {
      for (std::size_t p = start[static_cast<std::size_t>(f.atoms[k])]; e < f.ends[k]; ++e, ++p) {
        list.i[p] = f.atoms[k];
        list.j[p] = f.entries[e].j;
        std::copy_n(f.entries[e].shift.begin(), 3, list.shift.begin() + static_cast<std::ptrdiff_t>(3 * p));
        std::copy_n(f.entries[e].vector.begin(), 3,
                    list.vectors.begin() + static_cast<std::ptrdiff_t>(3 * p));
      }
    }
    f = {};
  });
  return list;
}

}  // namespace cartan::potentials
