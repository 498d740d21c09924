#include <cartan/core/error.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

const std::string cell = "4 0 0\n0 5 0\n1 0 6\n";

Frame read(const std::string& text) {
  Temporary folder;
  const auto frames = read_frames(folder.file("POSCAR", text));
  EXPECT_EQ(frames.size(), 1u);
  return frames.at(0);
}

void expect_refused(const std::string& text, const std::string& what) {
  try {
    read(text);
    ADD_FAILURE() << "no error; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_LE(std::abs(a[i] - b[i]), 1e-13) << i;
}

}  // namespace

TEST(Poscar, ReadsDirectAndCartesianCoordinates) {
  const Frame f = read("water in a box\n1.0\n" + cell + "O H\n1 2\nDirect\n0 0 0\n0.5 0.5 0.5 H2\n0 0 1\n");
  EXPECT_EQ(f.numbers, (std::vector<int>{8, 1, 1}));
  EXPECT_EQ(f.pbc, (std::array<bool, 3>{true, true, true}));
  EXPECT_EQ(f.cell, (std::array<double, 9>{4, 0, 0, 0, 5, 0, 1, 0, 6}));
  expect_near(f.positions, {0, 0, 0, 2.5, 2.5, 3, 1, 0, 6});
  EXPECT_EQ(std::get<std::string>(f.info.at("comment")), "water in a box");
  EXPECT_TRUE(f.velocities.empty());

  const Frame c = read("\n2.0\n" + cell + "O_s H/1a2b\n1 1\r\ncartesian\n0 0 0\n0.5 0.25 1\n");
  EXPECT_EQ(c.cell[0], 8);
  expect_near(c.positions, {0, 0, 0, 1, 0.5, 2});
  const Frame v = read("volume\n-960\n" + cell + "O\n1\nK\n1 1 1\n");  // 120 A^3 scaled to 960: twice as long
  expect_near(v.positions, {2, 2, 2});
  EXPECT_NEAR(v.volume(), 960, 1e-10);
  const Frame t = read("three scales\n1 2 3\n" + cell + "O\n1\nD\n0 0 1\n");
  expect_near(t.positions, {1, 0, 18});
}

TEST(Poscar, TakesSymbolsOfTheOldestFormFromTheComment) {
  EXPECT_EQ(read("Si O\n1\n" + cell + "1 2\nDirect\n0 0 0\n0 0 0\n0 0 0\n").numbers,
            (std::vector<int>{14, 8, 8}));
  expect_refused("my cell\n1\n" + cell + "1 2\nDirect\n0 0 0\n0 0 0\n0 0 0\n", "without symbols");
}

TEST(Poscar, KeepsFixedAtomsAndVelocities) {
  const std::string start =
      "c\n1\n" + cell + "O H\n1 1\nSelective dynamics\nDirect\n0 0 0 T T F\n0 0 .5 .FALSE. F T\n";
  const Frame f = read(start + "\n0.1 0 0\n0 0 -0.2\n");
  EXPECT_TRUE(
      identical(f.arrays.at("move_mask"), Array::from(std::vector<std::uint8_t>{1, 1, 0, 0, 0, 1}, {2, 3})));
  EXPECT_EQ(f.velocities, (std::vector<double>{0.1, 0, 0, 0, 0, -0.2}));
  expect_near(read(start + "Direct\n0.1 0 0\n0 0 0.1\n").velocities, {0.4, 0, 0, 0.1, 0, 0.6});
  EXPECT_TRUE(read(start + "\n0 0 0\n0 0 0\n").velocities.empty());
  EXPECT_TRUE(read(start + "\n\n\n").velocities.empty());
  const Frame p = read(start + "\n0.1 0 0\n0 0 -0.2\n\n1\n0.5\n0 0 0\n");
  ASSERT_EQ(p.unused.size(), 1u);
  EXPECT_EQ(p.unused[0].name, "predictor-corrector coordinates");
  expect_refused(start + "\n0.1 0 0\n", "velocities of 1 of 2");
  expect_refused("c\n1\n" + cell + "O\n1\nS\nDirect\n0 0 0 T T\n", "selective");
}

TEST(Poscar, GridsBehindTheAtomsAreNotVelocities) {
  // CHGCAR: a blank line, the numbers of points, values
  const Frame f = read("c\n1\n" + cell + "O\n1\nDirect\n0 0 0\n\n2 1 2\n 0.1 0.2 0.3 0.4\n");
  EXPECT_TRUE(f.velocities.empty());
  ASSERT_EQ(f.unused.size(), 1u);
  EXPECT_EQ(f.unused[0].name, "grid of 2 x 1 x 2");
  expect_refused("c\n1\n" + cell + "O\n1\nDirect\n0 0 0\n\n0.1 0.2 0.3 0.4\n",
                 "velocity of an atom, 3 numbers; found 4");
}

TEST(Poscar, RefusesDamage) {
  const std::string good = "c\n1\n" + cell + "O H\n1 1\nDirect\n0 0 0\n0 0 .5\n";
  EXPECT_EQ(read(good).size(), 2);
  for (std::size_t n = 0; n < good.size() - 4; ++n) {
    Temporary folder;
    EXPECT_THROW(read_frames(folder.file("POSCAR", good.substr(0, n))), FormatError) << n;
  }
  expect_refused("c\n0\n" + cell + "O\n1\nDirect\n0 0 0\n", "scale");
  expect_refused("c\n1\n1 0 0\n0 1 0\n1 1 0\nO\n1\nDirect\n0 0 0\n", "no volume");
  expect_refused("c\n1\n" + cell + "O Xx\n1 1\nDirect\n0 0 0\n", "'Xx'");
  expect_refused("c\n1\n" + cell + "O H\n1\nDirect\n0 0 0\n", "2 elements and 1 numbers");
  expect_refused("c\n1\n" + cell + "O\n999999999999\nDirect\n0 0 0\n", "truncated");
  expect_refused("c\n1\n" + cell + "O\n-1\nDirect\n0 0 0\n", "number of atoms");
  expect_refused("c\n1\n" + cell + "O\n0\nDirect\n", "no atoms");
  expect_refused("c\n1\n" + cell + "O\n1\nfractional\n0 0 0\n", "'Direct' or 'Cartesian'");
  expect_refused("c\n1\n" + cell + "O\n1\nDirect\n0 nan 0\n", "'nan'");
  expect_refused("c\n1\n" + cell + "O\n1\nDirect\n0 0 0\nmore\n", "found 'more'");
}

TEST(Poscar, IsKnownByContentAndByName) {
  Temporary t;
  const std::string good = "c\n1\n" + cell + "O H\n1 1\nDirect\n0 0 0\n0 0 .5\n";
  for (const char* name : {"POSCAR", "CONTCAR_relaxed", "a.vasp", "a.VASP", "whatever", "wrong.xyz"})
    EXPECT_EQ(read_frames(t.file(name, good)).at(0).numbers, (std::vector<int>{8, 1})) << name;
  EXPECT_EQ(frame_format(t.path("whatever")).name, "poscar");
  EXPECT_TRUE(read_frames(t.path("POSCAR"), "5:").empty());
  EXPECT_THROW(read_frames(t.path("POSCAR"), "1"), std::invalid_argument);
  EXPECT_THROW(read_frames(t.file("CONTCAR", "")), FormatError);
  try {
    write_frames(t.path("b.vasp"), read_frames(t.path("POSCAR")));
    ADD_FAILURE();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("read, not written"), std::string::npos) << error.what();
  }
}
