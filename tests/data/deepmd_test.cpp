#include <cartan/core/error.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>
#include <algorithm>

#include <cmath>

#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;
namespace fs = std::filesystem;

namespace {

// Two frames of water in a triclinic cell with every label.
std::vector<Frame> water(bool periodic = true) {
  std::vector<Frame> frames(2);
  for (int k = 0; k < 2; ++k) {
    Frame& f = frames[static_cast<std::size_t>(k)];
    f.numbers = {8, 1, 1};
    f.positions = {0, 0, 0.1 * k, 0.96, 0, 0, -0.24, 0.93, 0};
    f.forces = {1, 2, 3, 4, 5, 6, -5, -7, -9};
    f.energy = -14.25 - k;
    if (!periodic) continue;
    f.cell = {4, 0, 0, 1, 4, 0, 0, 1, 4};
    f.pbc = {true, true, true};
    f.stress = std::array<double, 9>{1, 6, 5, 6, 2, 4, 5, 4, 3};
  }
  return frames;
}

void expect_same(const Frame& a, const Frame& b) {
  EXPECT_EQ(a.numbers, b.numbers);
  EXPECT_EQ(a.positions, b.positions);
  EXPECT_EQ(a.cell, b.cell);
  EXPECT_EQ(a.pbc, b.pbc);
  EXPECT_EQ(a.energy, b.energy);
  EXPECT_EQ(a.forces, b.forces);
  EXPECT_EQ(a.stress, b.stress);  // the volume is a power of two: division and multiplication are exact
}

// A writable deepmd folder made by hand: one frame of HO, float32, virial.
void make(const Temporary& t) {
  t.file("d/type.raw", "1 0\n");
  t.file("d/type_map.raw", "O\nH\n");
  fs::create_directories(t.path("d/set.000"));
  write_npy(t.path("d/set.000/coord.npy"), Array::from(std::vector<float>{0, 0, 0, 1, 0, 0}, {1, 6}));
  write_npy(t.path("d/set.000/box.npy"), Array::from(std::vector<float>{2, 0, 0, 0, 2, 0, 0, 0, 2}, {1, 9}));
  write_npy(t.path("d/set.000/energy.npy"), Array::from(std::vector<float>{-1.5f}, {1, 1}));
  write_npy(t.path("d/set.000/force.npy"), Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {1, 6}));
  write_npy(t.path("d/set.000/virial.npy"),
            Array::from(std::vector<float>{-8, 0, 0, 0, -16, 0, 0, 0, -24}, {1, 9}));
}

void expect_refused(const Temporary& t, const std::string& what) {
  try {
    read_frames(t.path("d"));
    ADD_FAILURE() << "no error; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

}  // namespace

TEST(Deepmd, ReadsAFolder) {
  Temporary t;
  make(t);
  const auto frames = read_frames(t.path("d"));
  ASSERT_EQ(frames.size(), 1u);
  const Frame& f = frames[0];
  EXPECT_EQ(f.numbers, (std::vector<int>{1, 8}));
  EXPECT_EQ(f.energy, -1.5);
  EXPECT_EQ(f.forces, (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(f.periodic());
  ASSERT_TRUE(f.stress);
  EXPECT_EQ(*f.stress, (std::array<double, 9>{1, 0, 0, 0, 2, 0, 0, 0, 3}));  // -virial / volume
}

TEST(Deepmd, RefusesBadFolders) {
  Temporary t;
  make(t);
  const auto with = [&](const std::string& name, const std::string& bytes, const std::string& what) {
    const std::string path = t.path("d/" + name), old = Temporary::contents(path);
    t.file("d/" + name, bytes);
    expect_refused(t, what);
    t.file("d/" + name, old);
  };
  with("type.raw", "1 2\n", "type 2 is not among the 2");
  with("type.raw", "1\n", "expected the shape (frames, 3)");
  with("type.raw", "x y\n", "found 'x'");
  with("type.raw", "", "holds no atoms");
  with("type_map.raw", "O Hydrogen\n", "found 'Hydrogen'");
  with("set.000/energy.npy", "", "not a .npy");
  EXPECT_EQ(read_frames(t.path("d")).size(), 1u);
  write_npy(t.path("d/set.000/energy.npy"), Array::from(std::vector<double>{1, 2}));
  expect_refused(t, "expected real numbers of shape (1)");
  write_npy(t.path("d/set.000/energy.npy"), Array::from(std::vector<double>{std::nan("")}));
  expect_refused(t, "not finite");
  fs::remove(t.path("d/set.000/energy.npy"));
  EXPECT_FALSE(read_frames(t.path("d")).at(0).energy);
  fs::remove(t.path("d/set.000/box.npy"));
  expect_refused(t, "nopbc");
  t.file("d/nopbc", "");
  EXPECT_FALSE(read_frames(t.path("d")).at(0).periodic());
  fs::remove(t.path("d/type_map.raw"));
  expect_refused(t, "type_map.raw");
  fs::remove_all(t.path("d/set.000"));
  t.file("d/type_map.raw", "O H");
  expect_refused(t, "set.000");
  fs::remove(t.path("d/type.raw"));
  expect_refused(t, "type.raw");
}

TEST(Deepmd, TakesVirtualAtomsOut) {
  Temporary t;
  make(t);
  const auto set = [&](const char* name, const std::vector<double>& v, const Shape& shape) {
    write_npy(t.path(std::string("d/set.000/") + name + ".npy"), Array::from(v, shape));
  };
  set("coord", {0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0}, {2, 6});
  set("box", {2, 0, 0, 0, 2, 0, 0, 0, 2, 2, 0, 0, 0, 2, 0, 0, 0, 2}, {2, 9});
  set("force", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 6});
  set("energy", {1, 2}, {2});
  fs::remove(t.path("d/set.000/virial.npy"));
  set("real_atom_types", {-1, 1, 0, 1}, {2, 2});
  const auto frames = read_frames(t.path("d"));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].numbers, (std::vector<int>{1}));
  EXPECT_EQ(frames[0].positions, (std::vector<double>{1, 0, 0}));
  EXPECT_EQ(frames[0].forces, (std::vector<double>{4, 5, 6}));
  EXPECT_EQ(frames[1].numbers, (std::vector<int>{8, 1}));
  set("real_atom_types", {-1, -1, 0, 1}, {2, 2});
  expect_refused(t, "real_atom_types.npy: frame 0: all atoms are virtual");
  set("real_atom_types", {-2, 1, 0, 1}, {2, 2});
  expect_refused(t, "real_atom_types.npy: type -2 is not among the 2");
  set("real_atom_types", {0, 1, 0, 1}, {4, 1});
  expect_refused(t, "real_atom_types.npy: has the shape (4, 1)");
}

TEST(Deepmd, OneFrameMayLackItsAxis) {
  Temporary t;
  make(t);
  const auto set = [&](const char* name, const std::vector<double>& v, const Shape& shape) {
    write_npy(t.path(std::string("d/set.000/") + name + ".npy"), Array::from(v, shape));
  };
  for (const bool rows : {false, true}) {
    set("coord", {0, 0, 0, 1, 0, 0}, rows ? Shape{2, 3} : Shape{6});
    set("box", {2, 0, 0, 0, 2, 0, 0, 0, 2}, rows ? Shape{3, 3} : Shape{9});
    set("virial", {-8, 0, 0, 0, -16, 0, 0, 0, -24}, rows ? Shape{3, 3} : Shape{9});
    set("force", {1, 2, 3, 4, 5, 6}, rows ? Shape{2, 3} : Shape{6});
    set("energy", {-1.5}, rows ? Shape{} : Shape{1});
    const auto frames = read_frames(t.path("d"));
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].numbers, (std::vector<int>{1, 8}));
    EXPECT_EQ(frames[0].forces, (std::vector<double>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(frames[0].energy, -1.5);
  }
  set("coord", {0, 0, 0, 1, 0, 0}, {1, 2, 3});
  EXPECT_EQ(read_frames(t.path("d")).size(), 1u);
}

TEST(Deepmd, ComparesAxesOneByOne) {
  Temporary t;
  make(t);
  const auto zeros = [&](const char* name, const Shape& shape) {
    write_npy(t.path(std::string("d/set.000/") + name + ".npy"), Array::zeros(shape, DType::f64));
  };
  zeros("force", {1, 3, 2});
  expect_refused(t, "force.npy: has the shape (1, 3, 2), expected real numbers of shape (1, 6)");
  zeros("force", {6, 1});
  expect_refused(t, "force.npy: has the shape (6, 1)");
  zeros("force", {1, 6});
  zeros("box", {9, 1});
  expect_refused(t, "box.npy: has the shape (9, 1)");
}

TEST(Deepmd, ListsWhatItDoesNotUse) {
  Temporary t;
  make(t);
  write_npy(t.path("d/set.000/fparam.npy"), Array::zeros({1, 2}, DType::f64));
  write_npy(t.path("d/set.000/atom_ener.npy"), Array::zeros({1, 2}, DType::f64));
  const auto names = [&] {
    std::vector<std::string> out;
    const auto frames = read_frames(t.path("d"));
    for (const Unused& u : frames.at(0).unused) out.push_back(u.name);
    return out;
  };
  EXPECT_EQ(names(), (std::vector<std::string>{"atom_ener.npy", "fparam.npy"}));
  t.file("d/nopbc", "");
  EXPECT_EQ(names(), (std::vector<std::string>{"box.npy", "atom_ener.npy", "fparam.npy", "virial.npy"}));
}

TEST(Deepmd, WrittenFoldersReadBack) {
  for (const bool periodic : {true, false}) {
    Temporary t;
    const auto frames = water(periodic);
    write_frames(t.path("out/"), frames);
    EXPECT_EQ(fs::exists(t.path("out/nopbc")), !periodic);
    const auto back = read_frames(t.path("out"));
    ASSERT_EQ(back.size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) expect_same(frames[i], back[i]);
    EXPECT_THROW(write_frames(t.path("out/"), frames), IoError);  // nothing is mixed into a folder
  }
}

TEST(Deepmd, DifferentMoleculesGoToFoldersOfTheirOwn) {
  Temporary t;
  auto frames = water();
  Frame other = frames[0];
  std::swap(other.numbers[0], other.numbers[1]);  // same formula, other order
  frames.push_back(other);
  write_frames(t.path("out/"), frames);
  EXPECT_TRUE(fs::exists(t.path("out/H2O/type.raw")));
  EXPECT_TRUE(fs::exists(t.path("out/H2O_1/type.raw")));
  const auto back = read_frames(t.path("out"));
  ASSERT_EQ(back.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) expect_same(frames[i], back[i]);
  EXPECT_EQ(read_frames(t.path("out"), "1:").size(), 2u);
  EXPECT_EQ(read_frames(t.path("out"), "-1").at(0).numbers, other.numbers);
  other.pbc = {true, true, false};
  EXPECT_THROW(write_frames(t.path("slab/"), {other}), std::invalid_argument);
}

TEST(Deepmd, ReadsWater) {
  CARTAN_REAL_DATA(path, "water/data_0");
  const auto frames = read_frames(path);
  ASSERT_GT(frames.size(), 1u);
  const auto& f = frames.back();
  EXPECT_EQ(f.size(), 192);
  EXPECT_EQ(std::count(f.numbers.begin(), f.numbers.end(), 8), 64);
  EXPECT_TRUE(f.periodic() && f.energy && !f.forces.empty());
  // float32 in the file: 192 atoms in a box of liquid water
  EXPECT_NEAR(192 / f.volume(), 0.1, 0.02);
  double sum = 0;
  for (const double x : f.forces) sum += std::abs(x);
  EXPECT_NEAR(sum / static_cast<double>(f.forces.size()), 0.8, 0.5);  // eV/Angstrom, of a thermal liquid
  const auto all = read_frames(std::filesystem::path(path).parent_path().string());
  EXPECT_GT(all.size(), frames.size());
}
