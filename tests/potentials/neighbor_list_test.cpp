#include <gtest/gtest.h>

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/potentials/neighbor_list.hpp>

#include <cmath>
#include <numeric>
#include <set>
#include <tuple>

namespace cartan::potentials {
namespace {

using Pair = std::tuple<int, int, int, int, int>;
using Cell = std::array<double, 9>;

double det(const Cell& c) {
  return c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) +
         c[2] * (c[3] * c[7] - c[4] * c[6]);
}

/// Distance of the lattice planes crossed by lattice vector k: volume over the area of the two others.
double plane_distance(const Cell& c, std::size_t k) {
  const double* a = &c[3 * ((k + 1) % 3)];
  const double* b = &c[3 * ((k + 2) % 3)];
  return std::abs(det(c)) /
         std::hypot(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]);
}

/// All pairs by going through every image that could be near enough: |s_k| <= (cutoff + spread) / plane
/// distance, with spread the largest distance of two atoms. Needs independent lattice vectors.
std::set<Pair> brute_force(const Frame& f, double cutoff) {
  double spread = 0;
  const auto n = f.numbers.size();
  const auto& x = f.positions;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      spread = std::max(
          spread, std::hypot(x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1], x[3 * i + 2] - x[3 * j + 2]));
  std::array<int, 3> m{};
  for (std::size_t k = 0; k < 3; ++k)
    if (f.pbc[k]) m[k] = static_cast<int>((cutoff + spread) / plane_distance(f.cell, k)) + 1;
  std::set<Pair> pairs;
  for (int a = -m[0]; a <= m[0]; ++a)
    for (int b = -m[1]; b <= m[1]; ++b)
      for (int c = -m[2]; c <= m[2]; ++c)
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = i; j < n; ++j) {
            if (i == j && std::tuple(a, b, c) <= std::tuple(0, 0, 0)) continue;
            double r2 = 0;
            for (std::size_t d = 0; d < 3; ++d) {
              const double r =
                  x[3 * i + d] - x[3 * j + d] - (a * f.cell[d] + b * f.cell[3 + d] + c * f.cell[6 + d]);
              r2 += r * r;
            }
            if (std::sqrt(r2) < cutoff) pairs.emplace(i, j, a, b, c);
          }
  return pairs;
}

Pair pair_at(const NeighborList& l, std::size_t p) {
  return {l.i[p], l.j[p], l.shift[3 * p], l.shift[3 * p + 1], l.shift[3 * p + 2]};
}

std::vector<Pair> pairs_of(const NeighborList& l) {
  std::vector<Pair> pairs;
  for (std::size_t p = 0; p < l.i.size(); ++p) pairs.push_back(pair_at(l, p));
  return pairs;
}

/// Sorted, complete, and with vectors of the documented formula.
void expect_right(const Frame& f, double cutoff, const std::string& what) {
  const NeighborList list = neighbor_list(f, cutoff);
  const auto want = brute_force(f, cutoff);
  EXPECT_EQ(pairs_of(list), std::vector<Pair>(want.begin(), want.end())) << what;
  ASSERT_EQ(list.vectors.size(), 3 * list.i.size());
  for (std::size_t p = 0; p < list.i.size(); ++p) {
    for (std::size_t c = 0; c < 3; ++c) {
      double r = f.positions[3 * static_cast<std::size_t>(list.i[p]) + c] -
                 f.positions[3 * static_cast<std::size_t>(list.j[p]) + c];
      for (std::size_t k = 0; k < 3; ++k) r -= list.shift[3 * p + k] * f.cell[3 * k + c];
      ASSERT_TRUE(std::abs(r - list.vectors[3 * p + c]) <= 1e-11) << what;
    }
  }
}

/// n atoms in the cell, none closer than 0.3 Angstrom within it.
Frame random_frame(const Cell& cell, std::array<bool, 3> pbc, int n, std::uint64_t seed, double spread = 1) {
  const Random random(seed, 99);
  Frame f;
  f.cell = cell;
  f.pbc = pbc;
  std::uint64_t draw = 0;
  while (f.size() < n) {
    const double s[3] = {spread * random.uniform(draw), spread * random.uniform(draw + 1),
                         spread * random.uniform(draw + 2)};
    draw += 3;
    for (std::size_t c = 0; c < 3; ++c)
      f.positions.push_back(s[0] * cell[c] + s[1] * cell[3 + c] + s[2] * cell[6 + c]);
    f.numbers.push_back(6);
    bool clash = false;
    for (int image = 0; image < 27; ++image)
      for (std::size_t i = 0; i + 1 < f.numbers.size(); ++i) {
        double r2 = 0;
        for (std::size_t c = 0; c < 3; ++c) {
          const double t =
              (image % 3 - 1) * cell[c] + (image / 3 % 3 - 1) * cell[3 + c] + (image / 9 - 1) * cell[6 + c];
          r2 += std::pow(f.positions[3 * i + c] - f.positions[f.positions.size() - 3 + c] - t, 2);
        }
        clash = clash || r2 < 0.09;
      }
    if (clash) f.numbers.pop_back(), f.positions.resize(f.positions.size() - 3);
  }
  return f;
}

/// Rows with random directions: angles down to 20 degrees, both hands.
Cell random_cell(std::uint64_t seed, double size) {
  const Random random(seed, 7);
  for (std::uint64_t draw = 0;; draw += 9) {
    Cell c;
    for (std::size_t k = 0; k < 9; ++k) c[k] = size * (2 * random.uniform(draw + k) - 1);
    bool good = std::abs(det(c)) > 0.1 * size * size * size;
    for (std::size_t k = 0; k < 3; ++k) good = good && plane_distance(c, k) > 0.3 * size;
    if (good) return c;
  }
}

TEST(NeighborList, AgreesWithBruteForceForAnyCellCutoffAndPbc) {
  int left_handed = 0;
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const Cell cell = random_cell(seed, 5);
    left_handed += det(cell) < 0;
    const std::array<bool, 3> pbc{(seed & 1) != 0, (seed & 2) != 0, (seed & 4) != 0};
    const Frame f =
        random_frame(cell, seed < 8 ? std::array<bool, 3>{true, true, true} : pbc, 2 + int(seed % 7), seed);
    for (const double cutoff : {0.8, 2.5, 6.0, 13.0})
      expect_right(f, cutoff, "seed " + std::to_string(seed) + " cutoff " + std::to_string(cutoff));
  }
  EXPECT_GT(left_handed, 4);
  EXPECT_LT(left_handed, 20);
}

TEST(NeighborList, ManyAtomsManyBins) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Frame f = random_frame(random_cell(seed, 16), {seed != 1, true, seed != 2}, 150, seed);
    expect_right(f, 3.1, "seed " + std::to_string(seed));
  }
}

TEST(NeighborList, OneAtomSeesItsImages) {
  Frame f;
  f.numbers = {13};
  f.positions = {0.3, -7, 2};
  const double h = 2.025;
  f.cell = {0, h, h, h, 0, h, h, h, 0};
  f.pbc = {true, true, true};
  expect_right(f, 12.1, "fcc");
  // Shells of fcc: 12, 6, 24, 12 neighbours, each counted once for two.
  const double a = 2 * h;
  EXPECT_EQ(neighbor_list(f, 0.75 * a).size(), 6);
  EXPECT_EQ(neighbor_list(f, 1.01 * a).size(), 9);
  EXPECT_EQ(neighbor_list(f, 1.23 * a).size(), 21);
  EXPECT_EQ(neighbor_list(f, 1.42 * a).size(), 27);
}

TEST(NeighborList, CountApproachesTheVolumeOfTheSphere) {
  const Frame f = random_frame(random_cell(3, 4), {true, true, true}, 3, 3);
  const double cutoff = 60, n = 3;
  const double expected =
      n * (n / std::abs(det(f.cell)) * 4 / 3 * 3.14159265358979 * cutoff * cutoff * cutoff - 1) / 2;
  const double count = static_cast<double>(neighbor_list(f, cutoff).size());
  EXPECT_TRUE(std::abs(count / expected - 1) <= 2e-3) << count << " " << expected;
}

TEST(NeighborList, UnwrappedAtomsAndShearedCells) {
  Frame f = random_frame(random_cell(11, 6), {true, true, true}, 8, 11);
  const auto reference = neighbor_list(f, 7);
  Frame moved = f;
  const Random random(5);
  std::vector<std::array<int, 3>> w(8);
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t k = 0; k < 3; ++k) {
      w[i][k] = static_cast<int>(random.bits(3 * i + k) % 9) - 4;
      for (std::size_t c = 0; c < 3; ++c) moved.positions[3 * i + c] += w[i][k] * f.cell[3 * k + c];
    }
  expect_right(moved, 7, "unwrapped");
  std::set<Pair> expected;
  for (const auto& [i, j, a, b, c] : pairs_of(reference)) {
    const auto &wi = w[static_cast<std::size_t>(i)], &wj = w[static_cast<std::size_t>(j)];
    expected.emplace(i, j, a + wi[0] - wj[0], b + wi[1] - wj[1], c + wi[2] - wj[2]);
  }
  const auto got = neighbor_list(moved, 7);
  EXPECT_EQ(pairs_of(got), std::vector<Pair>(expected.begin(), expected.end()));

  // The same lattice in a basis sheared a thousand times: as many pairs, the same distances.
  Frame sheared = f;
  for (std::size_t c = 0; c < 3; ++c) {
    sheared.cell[3 + c] += 1000 * f.cell[c];
    sheared.cell[6 + c] += 300 * sheared.cell[3 + c] - 77 * f.cell[c];
  }
  const auto list = neighbor_list(sheared, 7);
  ASSERT_EQ(list.size(), reference.size());
  const auto moments = [](const NeighborList& l) {
    double second = 0;
    for (const double r : l.vectors) second += r * r;
    return second;
  };
  EXPECT_TRUE(std::abs(moments(list) / moments(reference) - 1) <= 1e-9);
}

TEST(NeighborList, FarFromTheOriginAndAcrossALargeVoid) {
  Frame f = random_frame({12, 1, 0, 0, 11, 2, 1, 0, 9}, {true, false, true}, 30, 2);
  const auto reference = neighbor_list(f, 4);
  Frame far = f;
  for (double& x : far.positions) x += 98765.25;
  EXPECT_EQ(neighbor_list(far, 4).size(), reference.size());
  // Two clusters 10^8 Angstrom apart keep their pairs and take no memory for the void.
  Frame two = f;
  two.pbc = {false, false, false};
  const Index one = neighbor_list(two, 4).size();
  two.numbers.insert(two.numbers.end(), f.numbers.begin(), f.numbers.end());
  for (const double x : f.positions) two.positions.push_back(x + 1e8);
  EXPECT_EQ(neighbor_list(two, 4).size(), 2 * one);
}

TEST(NeighborList, InvariantUnderTranslationAndPermutation) {
  const Frame f = random_frame(random_cell(21, 7), {true, true, false}, 20, 21);
  const auto reference = neighbor_list(f, 5.5);
  Frame moved = f;
  for (std::size_t c = 0; c < moved.positions.size(); ++c)
    moved.positions[c] += std::array{1.7, -33.1, 4.2}[c % 3];
  EXPECT_EQ(pairs_of(neighbor_list(moved, 5.5)), pairs_of(reference));
  const auto order = Random(8).permutation(20);
  Frame mixed = f;
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      mixed.positions[3 * static_cast<std::size_t>(order[i]) + c] = f.positions[3 * i + c];
  std::set<Pair> expected;
  for (const auto& [i, j, a, b, c] : pairs_of(reference)) {
    const int x = int(order[static_cast<std::size_t>(i)]), y = int(order[static_cast<std::size_t>(j)]);
    if (x < y || (x == y))
      expected.emplace(x, y, a, b, c);
    else
      expected.emplace(y, x, -a, -b, -c);
  }
  EXPECT_EQ(pairs_of(neighbor_list(mixed, 5.5)), std::vector<Pair>(expected.begin(), expected.end()));
}

TEST(NeighborList, NonPeriodicCellMayBeMissing) {
  Frame f = random_frame({6, 0, 0, 0, 6, 0, 0, 0, 6}, {false, false, false}, 12, 4);
  const auto with = neighbor_list(f, 3);
  f.cell = {};
  EXPECT_EQ(pairs_of(neighbor_list(f, 3)), pairs_of(with));
  f.cell = {0, 0, 0, 0, 6, 0, 0, 0, 0};  // a wire
  f.pbc = {false, true, false};
  const auto wire = neighbor_list(f, 8);
  f.cell = {50, 3, 1, 0, 6, 0, 0, 2, 70};
  EXPECT_EQ(pairs_of(wire), pairs_of(neighbor_list(f, 8)));
  expect_right(f, 8, "wire");
  EXPECT_EQ(neighbor_list(Frame{}, 3).size(), 0);
}

TEST(NeighborList, LargeSystemIsTheSameForAnyThreads) {
  Frame f;
  const int m = 47;  // 103823 atoms
  const Random random(1);
  const double a = 2.15;
  f.cell = {m * a, 0, 0, 0.3 * m * a, m * a, 0, 0, -0.2 * m * a, m * a};
  f.pbc = {true, true, true};
  std::uint64_t draw = 0;
  for (int x = 0; x < m; ++x)
    for (int y = 0; y < m; ++y)
      for (int z = 0; z < m; ++z) {
        f.numbers.push_back(18);
        for (std::size_t c = 0; c < 3; ++c)
          f.positions.push_back((x * f.cell[c] + y * f.cell[3 + c] + z * f.cell[6 + c]) / m +
                                0.4 * random.uniform(draw++));
      }
  set_threads(1);
  const auto one = neighbor_list(f, 5);
  set_threads(3);
  const auto three = neighbor_list(f, 5);
  set_threads(0);
  const double expected =
      double(f.size()) * double(f.size()) / det(f.cell) * 4 / 3 * 3.14159265358979 * 125 / 2;
  EXPECT_TRUE(std::abs(double(one.size()) / expected - 1) <= 0.05) << one.size() << " " << expected;
  EXPECT_EQ(one.i, three.i);
  EXPECT_EQ(one.j, three.j);
  EXPECT_EQ(one.shift, three.shift);
  EXPECT_EQ(one.vectors, three.vectors);
}

std::string message(const Frame& f, double cutoff) {
  try {
    neighbor_list(f, cutoff);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "no error";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(NeighborList, RefusesWhatCannotBeRight) {
  const Frame good = random_frame({6, 0, 0, 0, 6, 0, 0, 0, 6}, {true, true, true}, 5, 4);
  EXPECT_HAS(message(good, 0), "cutoff is 0");
  EXPECT_HAS(message(good, std::nan("")), "cutoff is nan");
  EXPECT_HAS(message(good, 1e5), "images per atom");
  // a few bytes that ask for much: 6e6 neighbours of one atom
  Frame dense = random_frame({1.8, 0, 0, 0, 1.8, 0, 0, 0, 1.8}, {true, true, true}, 1, 4);
  EXPECT_HAS(message(dense, 200), "images per atom");
  Frame f = good;
  f.positions[7] = std::nan("");
  EXPECT_HAS(message(f, 3), "coordinate 1 of atom 2");
  f = good;
  f.positions.pop_back();
  EXPECT_HAS(message(f, 3), "14 coordinates");
  f = good;
  for (std::size_t c = 0; c < 3; ++c) f.positions[9 + c] = f.positions[3 + c] + (c == 0 ? 12.0 : 0.0);
  EXPECT_HAS(message(f, 3), "atoms 1 and 3 are");
  for (const Cell& flat : {Cell{6, 0, 0, 0, 6, 0, 3, 2, 0}, Cell{}, Cell{6, 0, 0, 12, 0, 0, 0, 0, 6},
                           Cell{1, 0, 0, 0, 1, 0, 0, 0, 1e-4}}) {
    f = good;
    f.cell = flat;
    EXPECT_HAS(message(f, 3), "no volume");
  }
  f = good;
  f.cell[4] = INFINITY;
  EXPECT_HAS(message(f, 3), "lattice vector 1 is not finite");
  f = good;
  f.positions[0] = 1e13;
  EXPECT_HAS(message(f, 3), "wrap the positions");
}

TEST(VerletList, AgreesWithAFreshList) {
  Frame f = random_frame(random_cell(31, 9), {true, true, true}, 40, 31);
  VerletList verlet(4, 0.8);
  const Random random(17);
  std::uint64_t draw = 0;
  const int steps = 60;
  for (int step = 0; step < steps; ++step) {
    const auto fresh = neighbor_list(f, 4);
    const auto& list = verlet.update(f);
    ASSERT_EQ(pairs_of(list), pairs_of(fresh)) << step;
    ASSERT_EQ(list.vectors, fresh.vectors) << step;
    for (double& x : f.positions) x += 0.04 * random.normal(draw++);
    if (step == 30)
      for (double& c : f.cell) c *= 1.01;
  }
  EXPECT_GT(verlet.rebuilds(), 2);
  EXPECT_LT(verlet.rebuilds(), steps / 3);
  // A bad frame is refused, the next good one works.
  Frame bad = f;
  bad.positions[0] = NAN;
  EXPECT_THROW(verlet.update(bad), std::invalid_argument);
  EXPECT_EQ(pairs_of(verlet.update(f)), pairs_of(neighbor_list(f, 4)));
  EXPECT_THROW(VerletList(0), std::invalid_argument);
  EXPECT_THROW(VerletList(1, -1), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::potentials
