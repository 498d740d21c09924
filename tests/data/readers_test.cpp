#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

std::vector<Frame> numbered(int count) {
  std::vector<Frame> frames(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    Frame& f = frames[static_cast<std::size_t>(i)];
    f.numbers = {1, 8};
    f.positions = {0, 0, 0, 0.1 * i, 0, 1};
    f.forces = {1, 2, 3, -1, -2, -3};
    f.energy = i;
  }
  return frames;
}

std::vector<int> energies(const std::vector<Frame>& frames) {
  std::vector<int> out;
  for (const Frame& f : frames) out.push_back(static_cast<int>(std::lround(f.energy.value())));
  return out;
}

}  // namespace

TEST(Elements, AreAllThere) {
  for (int z = 1; z <= 118; ++z) {
    EXPECT_EQ(element_number(element_symbol(z)), z);
    EXPECT_GT(element_mass(z), z);  // no nucleus has fewer nucleons than protons; H 1.008
  }
  EXPECT_EQ(element_symbol(1), "H");
  EXPECT_EQ(element_symbol(79), "Au");
  EXPECT_EQ(element_symbol(118), "Og");
  EXPECT_EQ(element_mass(6), 12.011);
  EXPECT_EQ(element_mass(92), 238.03);
  for (const char* word : {"", "h", "HE", "Xx", "Hee", "1", "C1", "J"})
    EXPECT_EQ(element_number(word), 0) << word;
  for (const int z : {0, -1, 119}) {
    EXPECT_THROW(element_symbol(z), std::invalid_argument);
    EXPECT_THROW(element_mass(z), std::invalid_argument);
  }
}

TEST(Readers, SliceAsPythonDoes) {
  Temporary t;
  const auto frames = numbered(10);
  using V = std::vector<int>;
  const std::pair<const char*, V> cases[] = {{"", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
                                             {":", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
                                             {"0", {0}},
                                             {"-1", {9}},
                                             {"3:6", {3, 4, 5}},
                                             {":3", {0, 1, 2}},
                                             {"-3:", {7, 8, 9}},
                                             {":-7", {0, 1, 2}},
                                             {"-100:2", {0, 1}},
                                             {"8:100", {8, 9}},
                                             {"6:3", {}},
                                             {"20:", {}},
                                             {"::4", {0, 4, 8}},
                                             {"1::4", {1, 5, 9}},
                                             {"1:9:4", {1, 5}},
                                             {"::100", {0}},
                                             {"::-1", {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
                                             {"::-4", {9, 5, 1}},
                                             {"7:2:-2", {7, 5, 3}},
                                             {"2::-1", {2, 1, 0}},
                                             {"::9223372036854775807", {0}},
                                             {"::-9223372036854775808", {9}}};
  for (const char* name : {"a.xyz", "a.npz", "a.h5", "a/"}) {
    write_frames(t.path(name), frames);
    for (const auto& [range, expected] : cases)
      EXPECT_EQ(energies(read_frames(t.path(name), range)), expected) << name << " " << range;
    for (const char* bad : {"x", "1:2:3:4", "::0", "1.5", "10", "-11", "1 :2", ":a"})
      EXPECT_THROW(read_frames(t.path(name), bad), std::invalid_argument) << name << " " << bad;
    std::vector<Frame> some;
    for_each_frame(
        t.path(name), [&](Frame&& f) { return some.push_back(std::move(f)), some.size() < 3; }, "1::2");
    EXPECT_EQ(energies(some), (V{1, 3, 5}));
    EXPECT_THROW(for_each_frame(
                     t.path(name), [](Frame&&) { return true; }, "::-1"),
                 std::invalid_argument);
  }
}

TEST(Readers, RecogniseKindsByContent) {
  Temporary t;
  for (const char* name : {"a.xyz", "a.npz", "a.h5"}) {
    write_frames(t.path(name), numbered(2));
    const std::string other = t.file(std::string(name) + ".data", Temporary::contents(t.path(name)));
    EXPECT_EQ(read_frames(other).size(), 2u) << name;
  }
  // The content decides, whatever the name says.
  EXPECT_EQ(read_frames(t.file("text.h5", "1\n\nH 0 0 0\n")).size(), 1u);
  EXPECT_EQ(read_frames(t.file("text.npz", "1\n\nH 0 0 0\n")).size(), 1u);
  EXPECT_EQ(read_frames(t.file("b.xyz", Temporary::contents(t.path("a.h5")))).size(), 2u);
  // What says nothing is taken at its name.
  EXPECT_THROW(read_frames(t.file("noise.h5", "noise")), FormatError);
  EXPECT_THROW(read_frames(t.file("noise.npz", "noise")), FormatError);
  EXPECT_THROW(read_frames(t.file("noise.xyz", "noise")), FormatError);
  EXPECT_TRUE(read_frames(t.file("empty.xyz", "")).empty());
  EXPECT_THROW(read_frames(t.path("absent")), IoError);
  EXPECT_THROW(write_frames(t.path("a.pdb"), numbered(1)), std::invalid_argument);
}

TEST(Readers, NameFilesOfOtherPrograms) {
  Temporary t;
  const auto expect = [&](const std::string& name, const std::string& bytes, const std::string& words) {
    try {
      read_frames(t.file(name, bytes));
      ADD_FAILURE() << name;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  write_npy(t.path("a.npy"), Array::zeros({3}, DType::f64));
  expect("b.npy", Temporary::contents(t.path("a.npy")), "a single array of numpy");
  expect("a.xyz.gz", "\x1f\x8b\x08 and so on", "compressed file (gzip");
  expect("a.dump", "ITEM: TIMESTEP\n0\n", "a dump of LAMMPS");
  expect("a.xyz", "ITEM: TIMESTEP\n0\n", "a dump of LAMMPS");
  expect("a.pt", "PK\3\4" + std::string(26, '\0') + "archive/data.pkl", "PyTorch");
  expect("a.npz", "PK\3\4" + std::string(26, '\0') + "archive/data.pkl", "PyTorch");
  expect("a.db", std::string("SQLite format 3\0", 16), "SQLite");
  expect("a.traj", "- of UlmASE-Trajectory", "trajectory of ASE");
  expect("a.tar", std::string(257, 'x') + "ustar", "tar");
  expect("OUTCAR", " vasp.6.3.0 20Jan22\n", "OUTCAR");
  expect("vasprun.xml", "<?xml version=\"1.0\"?>\n<modeling>\n", "vasprun.xml of VASP");
  expect("a.bin", "something else", "of no kind that is known; frames are read from .h5");
  expect("a.bin", "", "of no kind that is known");
}

TEST(Readers, ListTheirKinds) {
  std::vector<std::string> names;
  for (const auto& format : frame_formats()) {
    names.push_back(format.name);
    EXPECT_FALSE(format.names.empty()) << format.name;
    EXPECT_EQ(format.writes, format.name != "poscar");
  }
  EXPECT_EQ(names, (std::vector<std::string>{"h5", "npz", "deepmd", "poscar", "xyz"}));
  EXPECT_EQ(frame_format_names(),
            ".h5 .hdf5 .npz .vasp .poscar POSCAR CONTCAR .xyz .extxyz, or a deepmd folder");
  EXPECT_EQ(frame_format_names(true),
            ".h5 .hdf5 .npz .xyz .extxyz, or a name ending in / for a deepmd folder");
  Temporary t;
  write_frames(t.path("a/"), numbered(1));
  EXPECT_EQ(frame_format(t.path("a")).name, "deepmd");
  write_npz(t.path("x.npz"), {{"x", Array::zeros({3}, DType::f64)}});
  EXPECT_FALSE(holds_frames(t.path("x.npz")));
  save(t.path("x.h5"), Group(), {"cartan-test", 1, "", ""});
  EXPECT_FALSE(holds_frames(t.path("x.h5")));
  EXPECT_EQ(frame_format(t.path("x.h5")).name, "h5");
}

TEST(Readers, ReadRevisedMd17InItsUnits) {
  Temporary t;
  const std::vector<double> coords{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2},
      forces{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  write_npz(t.path("a.npz"), {{"nuclear_charges", Array::from(std::vector<std::uint8_t>{6, 8})},
                              {"coords", Array::from(coords, {2, 2, 3})},
                              {"energies", Array::from(std::vector<double>{100, 200})},
                              {"forces", Array::from(forces, {2, 2, 3})},
                              {"old_energies", Array::from(std::vector<double>{1})},
                              {"old_indices", Array::from(std::vector<std::int64_t>{1, 2, 3})}});
  const auto frames = read_frames(t.path("a.npz"));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1].numbers, (std::vector<int>{6, 8}));
  EXPECT_EQ(frames[1].positions[5], 2);
  EXPECT_EQ(frames[1].energy, 200 * units::kcal_per_mol);
  EXPECT_EQ(frames[1].forces[0], 7 * units::kcal_per_mol);
  EXPECT_TRUE(frames[1].info.empty());

  write_npz(t.path("s.npz"), {{"z", Array::from(std::vector<std::int32_t>{6, 8})},
                              {"R", Array::from(coords, {2, 2, 3})},
                              {"E", Array::from(std::vector<double>{100, 200}, {2, 1})},
                              {"F", Array::from(forces, {2, 2, 3})}});
  EXPECT_EQ(read_frames(t.path("s.npz"))[0].energy, 100 * units::kcal_per_mol);
  EXPECT_EQ(read_frames(t.path("s.npz"))[1].forces[0], 7 * units::kcal_per_mol);
}

TEST(Readers, RefuseBadMd17) {
  Temporary t;
  const Array z = Array::from(std::vector<std::int32_t>{6, 8}), r = Array::zeros({3, 2, 3}, DType::f64);
  const auto refused = [&](std::vector<std::pair<std::string, Array>> arrays) {
    write_npz(t.path("a.npz"), arrays);
    EXPECT_THROW(read_frames(t.path("a.npz")), FormatError);
  };
  refused({{"z", z}});
  refused({{"z", z}, {"R", Array::zeros({3, 2, 2}, DType::f64)}});
  refused({{"z", Array::from(std::vector<std::int32_t>{6, 0})}, {"R", r}});
  refused({{"z", Array::from(std::vector<std::int32_t>{6})}, {"R", r}});
  refused({{"z", z}, {"R", r}, {"E", Array::zeros({2}, DType::f64)}});
  refused({{"z", z}, {"R", r}, {"F", Array::zeros({3, 3}, DType::f64)}});
  refused({{"z", z}, {"R", Array::full({3, 2, 3}, std::nan(""), DType::f64)}});
}

TEST(Readers, ConvertBetweenAllKinds) {
  Temporary t;
  const auto frames = numbered(3);
  std::string last = t.path("0.xyz");
  write_frames(last, frames);
  for (const char* name : {"1.h5", "2/", "3.extxyz", "4.npz", "5.h5"}) {
    write_frames(t.path(name), read_frames(last));
    last = t.path(name);
    const auto back = read_frames(last);
    ASSERT_EQ(back.size(), 3u) << name;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(back[i].numbers, frames[i].numbers) << name;
      EXPECT_EQ(back[i].positions, frames[i].positions) << name;
      EXPECT_TRUE(std::abs(*back[i].energy - *frames[i].energy) <= 1e-15 * i)
          << name;  // kcal/mol and back: one rounding
      EXPECT_TRUE(std::abs(back[i].forces[1] - 2) <= 1e-15) << name;
    }
  }
}

TEST(Readers, ReadRealRevisedMd17) {
  CARTAN_REAL_DATA(path, "rmd17/rmd17_ethanol_train_01.npz");
  const auto frames = read_frames(path, "::100");
  ASSERT_EQ(frames.size(), 10u);
  for (const Frame& f : frames) {
    EXPECT_EQ(f.size(), 9);
    EXPECT_NEAR(*f.energy, -4209, 5);  // eV, the total energy of ethanol
    double largest = 0;
    for (const double x : f.forces) largest = std::max(largest, std::abs(x));
    EXPECT_GT(largest, 0.1);
    EXPECT_LT(largest, 15);
  }
}
