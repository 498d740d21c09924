#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/same_frames.hpp"
#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::expect_same;
using cartan::testing::Temporary;

TEST(Extxyz, WrittenFramesReadBackWithTheSameBits) {
  const Random random(5);
  std::vector<Frame> frames;
  for (std::uint64_t k = 0; k < 20; ++k) {
    Frame f;
    const std::size_t n = 1 + k;
    const auto reals = [&](std::size_t count, std::uint64_t stream) {
      std::vector<double> out;
      while (out.size() < count) {
        double x = 0;
        const std::uint64_t bits = Random(stream, k).bits(out.size() + 7 * k);
        std::memcpy(&x, &bits, sizeof x);  // any finite double, denormals too
        out.push_back(std::isfinite(x) ? x : static_cast<double>(k));
      }
      return out;
    };
    for (std::size_t i = 0; i < n; ++i)
      f.numbers.push_back(1 + static_cast<int>(random.bits(100 * k + i) % 118));
    f.positions = reals(3 * n, 1);
    const auto cell = reals(9, 2);
    if (k % 2) std::copy(cell.begin(), cell.end(), f.cell.begin());
    if (k % 2) f.pbc = {true, k % 4 == 1, false};
    if (k % 3) f.energy = reals(1, 3)[0];
    if (k % 3) f.forces = reals(3 * n, 4);
    if (k % 4 == 0)
      for (std::uint64_t c = 0; c < 3 * n; ++c) f.velocities.push_back(0.1 * Random(5, k).normal(c));
    const auto s = reals(6, 6);
    if (k % 5 == 0) f.stress = std::array<double, 9>{s[0], s[5], s[4], s[5], s[1], s[3], s[4], s[3], s[2]};
    f.charge = static_cast<double>(k % 3) - 1;
    f.info["pi"] = 3.141592653589793;
    f.info["whole"] = 3.0;
    f.info["huge"] = 1e300;
    f.info["nan"] = std::numeric_limits<double>::quiet_NaN();
    f.info["n"] = std::int64_t{std::numeric_limits<std::int64_t>::min()};
    f.info["yes"] = true;
    f.info["vector"] = Array::from(reals(3, 8));
    f.info["whole vector"] = Array::from(std::vector<double>{1, 2});
    f.info["one"] = Array::from(std::vector<double>{1});
    f.info["none"] = Array::from(std::vector<double>{});
    f.info["matrix"] = Array::from(std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}, {2, 3});
    f.info["mask"] = Array::from(std::vector<std::uint8_t>{1, 0, 1});
    const char* nasty[] = {"",
                           " ",
                           "T",
                           "1.5",
                           "1 2 3",
                           "1\t2",
                           "T F",
                           "a\"b\\c",
                           "two\nlines\r",
                           "'",
                           "_JSON [1, \"x\"]",
                           "C:\\new",
                           "ends with \\",
                           "a=b",
                           "[1, 2]",
                           "\\ "};
    for (const char* text : nasty) f.info[std::string("key ") + text] = std::string(text);
    f.arrays["q"] = Array::from(reals(n, 9));
    f.arrays["tensor"] = Array::from(reals(9 * n, 10), {static_cast<Index>(n), 9});
    f.arrays["id"] = Array::from(std::vector<std::int64_t>(n, -5));
    f.arrays["fixed"] = Array::from(std::vector<std::uint8_t>(n, 1));
    f.labels["name"] = std::vector<std::string>(n, nasty[k % std::size(nasty)]);
    frames.push_back(f);
  }
  Temporary folder;
  write_extxyz(folder.path("a.xyz"), frames);
  const auto back = read_extxyz(folder.path("a.xyz"));
  ASSERT_EQ(back.size(), frames.size());
  for (std::size_t k = 0; k < frames.size(); ++k) {
    SCOPED_TRACE(k);
    // Momenta are written, ASE's: velocities come back to rounding, everything else bit by bit.
    Frame given = frames[k];
    ASSERT_EQ(back[k].velocities.size(), given.velocities.size());
    for (std::size_t c = 0; c < given.velocities.size(); ++c)
      EXPECT_LE(std::abs(back[k].velocities[c] / given.velocities[c] - 1), 5e-16);
    given.velocities = back[k].velocities;
    expect_same(given, back[k]);
  }
}

TEST(Extxyz, RefusesToWriteWhatCouldNotBeReadBack) {
  Temporary folder;
  const std::string path = folder.path("a.xyz");
  Frame good;
  good.numbers = {1};
  good.positions = {0, 0, 0};
  const auto refused = [&](auto&& change) {
    Frame bad = good;
    change(bad);
    EXPECT_THROW(write_extxyz(path, {bad}), std::invalid_argument);
  };
  refused([](Frame& f) { f.positions[1] = std::nan(""); });
  refused([](Frame& f) { f.positions.pop_back(); });
  refused([](Frame& f) { f.forces = {0, 0}; });
  refused([](Frame& f) { f.energy = HUGE_VAL; });
  refused([](Frame& f) { f.numbers[0] = 0; });
  refused([](Frame& f) { f.arrays["pos"] = Array::from(std::vector<double>{1}); });
  refused([](Frame& f) { f.arrays["a:b"] = Array::from(std::vector<double>{1}); });
  refused([](Frame& f) { f.arrays["a"] = Array::from(std::vector<double>{1, 2}); });
  refused([](Frame& f) { f.info["Lattice"] = 1.0; });
  EXPECT_FALSE(std::filesystem::exists(path));  // and leaves nothing behind
  EXPECT_THROW(write_extxyz(folder.path("no/such/folder.xyz"), {good}), IoError);
  EXPECT_THROW(read_extxyz(folder.path("absent.xyz")), IoError);
}

TEST(Extxyz, ReadsThreeBpa) {
  CARTAN_REAL_DATA(path, "3bpa/train_300K.xyz");
  const auto frames = read_extxyz(path);
  ASSERT_EQ(frames.size(), 500u);
  const Frame& f = frames[0];
  EXPECT_EQ(f.size(), 27);
  EXPECT_EQ(f.energy, -17660.461737861464);
  EXPECT_EQ(f.cell, (std::array<double, 9>{50, 0, 0, 0, 50, 0, 0, 0, 50}));
  EXPECT_FALSE(f.periodic());
  EXPECT_EQ(std::get<std::string>(f.info.at("dihedrals")), "_JSON [209.44, 80.54, 59.96]");
  EXPECT_EQ(f.positions[1], -1.01286015);
  EXPECT_EQ(f.forces[5], -1.90941638);
  Temporary folder;
  write_extxyz(folder.path("a.xyz"), frames);
  const auto back = read_extxyz(folder.path("a.xyz"));
  for (std::size_t i = 0; i < frames.size(); ++i) expect_same(frames[i], back.at(i));
}
