#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

// Water with made-up properties, in the words of the set.
const std::string water =
    "3\n"
    "gdb "
    "3\t799.6\t437.9\t282.9\t1.85\t6.31\t-0.29\t0.0687\t0.3615\t19.0\t0.0213\t-76.404\t-76.401\t-76.4\t-76."
    "42\t6.0\n"
    "O\t-0.034\t 0.978\t 0.0076\t-0.59\n"
    "H\t 0.065\t 2.2*^-6\t 0.0015\t 0.29\n"
    "H\t 0.872\t 1.3*^-5\t 0.0006\t 0.29\n"
    "1671.4\t3803.6\t3907.7\n"
    "O\tO\t\n"
    "InChI=1S/H2O/h1H2\tInChI=1S/H2O/h1H2\n";
const std::string short_tag =
    "2\ngdb 9\t157.7\nH 0 0 0 0.1\nH 0 0 2.2*^-1 -0.1\n4401\n[H][H]\nInChI=1S/H2/h1H\n";

}  // namespace

TEST(Qm9, ReadsMoleculesOfTheSet) {
  Temporary t;
  const auto frames = read_frames(t.file("dsgdb9nsd_000003.xyz", water + short_tag + water));
  ASSERT_EQ(frames.size(), 3u);
  const Frame& f = frames[0];
  EXPECT_EQ(f.numbers, (std::vector<int>{8, 1, 1}));
  EXPECT_EQ(f.positions[4], 2.2e-6);
  EXPECT_EQ(f.positions[7], 1.3e-5);
  ASSERT_TRUE(f.energy);
  EXPECT_NEAR(*f.energy, (-76.404 - 0.0213) * units::hartree, 1e-9);  // without the zero-point energy
  EXPECT_EQ(std::get<double>(f.info.at("U0")), -76.404 * units::hartree);
  EXPECT_EQ(std::get<double>(f.info.at("alpha")), 6.31);
  EXPECT_EQ(std::get<std::int64_t>(f.info.at("gdb")), 3);
  EXPECT_EQ(std::get<std::string>(f.info.at("smiles")), "O");
  EXPECT_EQ(std::get<Array>(f.info.at("frequencies")).size(), 3);
  EXPECT_EQ(f.arrays.at("mulliken_charges").data<double>()[0], -0.59);
  EXPECT_FALSE(frames[1].energy);
  EXPECT_EQ(frames[1].positions[5], 0.22);
  EXPECT_EQ(read_frames(t.path("dsgdb9nsd_000003.xyz"), "1").at(0).size(), 2);
  EXPECT_EQ(frame_format(t.path("dsgdb9nsd_000003.xyz")).name, "qm9");
  // Molecules put one behind the other without their last three lines.
  const std::string bare = "1\ngdb 1\t1.0\nH 0 0 0\n";
  EXPECT_EQ(read_frames(t.file("bare.xyz", bare + bare + bare)).size(), 3u);
}

TEST(Qm9, RefusesDamage) {
  Temporary t;
  const auto refused = [&](const std::string& bytes, const std::string& words) {
    try {
      read_frames(t.file("a.xyz", bytes));
      ADD_FAILURE() << "no error; expected " << words;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  refused("3\ngdb 1\nH 0 0 0\n", "the file ends where an atom was expected");
  refused("1\ngdb 1\nXx 0 0 0 0\n", "found 'Xx 0 0 0 0'");
  refused("1\ngdb 1\nH 0 0 nan 0\n", "frame 0, line 3: expected a finite number, found 'nan'");
  refused("1\ngdb 1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nH 0 0 0 0\n", "15 properties, found 16");
  refused(water + "2\nno tag\n", "frame 1, line 10");
  refused(water + "text\n", "frame 1, line 9: expected the number of atoms");
}

TEST(Qm9, ExponentsOfMathematicaReadAnywhere) {
  Temporary t;
  EXPECT_EQ(read_frames(t.file("a.xyz", "1\n\nH 2.2*^-6 1*^2 0\n")).at(0).positions,
            (std::vector<double>{2.2e-6, 100, 0}));
  EXPECT_THROW(read_frames(t.file("b.xyz", "1\n\nH 2.2* 1 0\n")), FormatError);
  EXPECT_THROW(read_frames(t.file("b.xyz", "1\n\nH 2.2*^ 1 0\n")), FormatError);
}
