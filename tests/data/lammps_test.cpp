// Dumps and data files of LAMMPS.

#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

Frame read(const std::string& bytes, const ReadOptions& options = {}) {
  Temporary t;
  const auto frames = read_frames(t.file("file", bytes), "", options);
  EXPECT_EQ(frames.size(), 1u);
  return frames.at(0);
}

void expect_refused(const std::string& bytes, const std::string& words, const ReadOptions& options = {}) {
  Temporary t;
  try {
    read_frames(t.file("file", bytes), "", options);
    ADD_FAILURE() << "no error; expected " << words;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12) << i;
}

bool unused(const Frame& f, const std::string& name) {
  return std::any_of(f.unused.begin(), f.unused.end(), [&](const Unused& u) { return u.name == name; });
}

const ReadOptions water_types{{"O", "H"}, "", ""};

std::string dump(const std::string& columns, const std::string& atoms, const std::string& before = "",
                 const std::string& box = "ITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n") {
  return before + "ITEM: TIMESTEP\n50\nITEM: NUMBER OF ATOMS\n" +
         std::to_string(std::count(atoms.begin(), atoms.end(), '\n')) + "\n" + box + "ITEM: ATOMS " +
         columns + "\n" + atoms;
}

const std::string data_head =
    "LAMMPS data file by hand\n\n3 atoms\n2 atom types\n2 bonds\n1 bond types\n\n"
    "0.0 9.0 xlo xhi\n0.0 9.0 ylo yhi\n0.0 9.0 zlo zhi\n\n";
const std::string masses = "Masses\n\n1 15.9994\n2 1.008 # H\n\n";
const std::string full =
    "Atoms # full\n\n3 1 2 0.41 -0.24 0.93 0 0 0 1\n1 1 1 -0.82 0 0 0 0 0 0\n2 1 2 0.41 0.96 0 0 0 -1 0\n\n";

}  // namespace

TEST(LammpsDump, ReadsFramesInTheOrderOfIds) {
  Temporary t;
  const std::string first = dump("id type element x y z vx vy vz fx fy fz q",
                                 "3 2 H -0.24 0.93 0 0 0 0 0 0 0 0.41\n"
                                 "1 1 O 0 0 0 1 2 3 -1 0 0.5 -0.82\n"
                                 "2 2 H 0.96 0 0 0 0 0 1 0 0 0.41\n");
  const std::string path = t.file("a.lammpstrj", first + dump("id type element x y z", "1 1 O 0 0 5\n"));
  const auto frames = read_frames(path);
  ASSERT_EQ(frames.size(), 2u);
  const Frame& f = frames[0];
  EXPECT_EQ(f.numbers, (std::vector<int>{8, 1, 1}));
  expect_near(f.positions, {0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0});
  expect_near(f.velocities, {0.001, 0.002, 0.003, 0, 0, 0, 0, 0, 0});  // metal: Angstrom/ps
  expect_near(f.forces, {-1, 0, 0.5, 1, 0, 0, 0, 0, 0});
  EXPECT_EQ(f.cell, (std::array<double, 9>{10, 0, 0, 0, 10, 0, 0, 0, 10}));
  EXPECT_EQ(f.pbc, (std::array<bool, 3>{true, true, true}));
  EXPECT_EQ(f.arrays.at("charges").to_vector<double>(), (std::vector<double>{-0.82, 0.41, 0.41}));
  EXPECT_EQ(std::get<std::int64_t>(f.info.at("timestep")), 50);
  EXPECT_TRUE(unused(f, "units"));  // velocities depend on what the file does not say
  EXPECT_FALSE(unused(frames[1], "units"));
  EXPECT_EQ(read_frames(path, "-1").at(0).positions[2], 5);
  EXPECT_EQ(frame_format(path).name, "lammps-dump");
}

TEST(LammpsDump, UnitsAreThoseOfTheFileOrOfTheOption) {
  const std::string atoms = "1 O 1 0 0 1 0 0 2 0 0\n", columns = "id element x y z vx vy vz fx fy fz";
  const double kcal = units::kcal_per_mol;
  const Frame real = read(dump(columns, atoms, "ITEM: UNITS\nreal\nITEM: TIME\n25\n"));
  EXPECT_EQ(real.velocities[0], 1);
  EXPECT_EQ(real.forces[0], 2 * kcal);
  EXPECT_EQ(std::get<double>(real.info.at("time_fs")), 25);
  EXPECT_FALSE(unused(real, "units"));
  const Frame asked = read(dump(columns, atoms), {{}, "real", ""});
  EXPECT_EQ(asked.forces[0], 2 * kcal);
  EXPECT_FALSE(unused(asked, "units"));
  const Frame electron = read(dump(columns, atoms, "ITEM: UNITS\nelectron\n"));
  EXPECT_NEAR(electron.positions[0], units::bohr, 1e-12);
  EXPECT_NEAR(electron.cell[0], 10 * units::bohr, 1e-12);
  EXPECT_NEAR(electron.velocities[0], units::bohr / 1.03275, 1e-5);
  EXPECT_NEAR(electron.forces[0], 2 * units::hartree / units::bohr, 1e-12);
  EXPECT_EQ(
      std::get<double>(read(dump(columns, atoms, "ITEM: UNITS\nmetal\nITEM: TIME\n2\n")).info.at("time_fs")),
      2000);
  expect_refused(dump(columns, atoms, "ITEM: UNITS\nlj\n"), "units lj have no scale");
  expect_refused(dump(columns, atoms, "ITEM: UNITS\nsi\n"), "metal, real and electron");
  Temporary t;
  EXPECT_THROW(read_frames(t.file("a", dump(columns, atoms)), "", {{}, "lj", ""}), std::invalid_argument);
}

TEST(LammpsDump, ScaledUnwrappedAndTiltedCoordinates) {
  // xy 1, xz -2, yz 3: bounds of the corners
  const std::string tilted = "ITEM: BOX BOUNDS xy xz yz pp pp ff\n-1 12 1\n0 13 -2\n5 15 3\n";
  const Frame f = read(dump("id element xs ys zs", "1 H 0.5 0.5 0.5\n2 H 0 0 0\n", "", tilted));
  EXPECT_EQ(f.cell, (std::array<double, 9>{10, 0, 0, 1, 10, 0, -2, 3, 10}));
  EXPECT_EQ(f.pbc, (std::array<bool, 3>{true, true, false}));
  expect_near(f.positions, {1 + 4.5, 6.5, 10, 1, 0, 5});  // the corner lies at (1, 0, 5)
  expect_near(read(dump("id element xsu ysu zsu", "1 H 1.5 0 -1\n")).positions, {15, 0, -10});
  const Frame both = read(dump("id element xu yu zu xs ys zs ix iy iz", "1 H 12 0 0 0.2 0 0 1 0 0\n"));
  expect_near(both.positions, {12, 0, 0});
  EXPECT_TRUE(unused(both, "xs"));
  EXPECT_TRUE(unused(both, "ix"));
  const Frame general = read(dump("id element xs ys zs", "1 H 0.5 0 0.5\n", "",
                                  "ITEM: BOX BOUNDS abc origin pp pp pp\n0 4 0 1\n4 0 0 2\n0 0 4 3\n"));
  EXPECT_EQ(general.cell, (std::array<double, 9>{0, 4, 0, 4, 0, 0, 0, 0, 4}));
  expect_near(general.positions, {1, 4, 5});
  EXPECT_FALSE(read(dump("id element x y z", "1 H 0 0 0\n", "", "ITEM: BOX BOUNDS ff ss mm\n0 1\n0 1\n0 1\n"))
                   .periodic());
}

TEST(LammpsDump, ElementsByColumnMassTypeOrOption) {
  EXPECT_EQ(read(dump("id type mass x y z", "1 1 15.9994 0 0 0\n2 2 2.014 1 0 0\n")).numbers,
            (std::vector<int>{8, 1}));
  EXPECT_EQ(read(dump("id type mass x y z", "1 1 15.9994 0 0 0\n2 2 2.014 1 0 0\n"))
                .arrays.at("masses")
                .to_vector<double>(),
            (std::vector<double>{15.9994, 2.014}));
  EXPECT_EQ(read(dump("id type x y z", "1 1 0 0 0\n2 2 1 0 0\n"), water_types).numbers,
            (std::vector<int>{8, 1}));
  EXPECT_EQ(read(dump("id type x y z", "1 O 0 0 0\n")).numbers, (std::vector<int>{8}));  // a label
  expect_refused(dump("id type x y z", "1 1 0 0 0\n"), "which element is type 1? --elements");
  expect_refused(dump("id x y z", "1 0 0 0\n"), "no column says the elements");
  expect_refused(dump("id type x y z", "1 3 0 0 0\n"), "type 3, but --elements names 2", water_types);
  expect_refused(dump("id type element x y z", "1 1 H 0 0 0\n"), "--elements says O", water_types);
  expect_refused(dump("id type mass x y z", "1 1 1.008 0 0 0\n"), "in the order of the types", water_types);
  expect_refused(dump("id mass x y z", "1 15.035 0 0 0\n"), "of no element");  // CH3 in one
  expect_refused(dump("id mass x y z", "1 14.027 0 0 0\n"), "of no element");  // CH2
  Temporary t;
  EXPECT_THROW(read_frames(t.file("a", dump("id type x y z", "1 1 0 0 0\n")), "", {{"Oxygen"}, "", ""}),
               std::invalid_argument);
}

TEST(LammpsDump, KeepsFurtherColumns) {
  const Frame f = read(dump("id element x y z c_pe mol f_tag", "2 H 1 0 0 0.25 7 b\n1 O 0 0 0 -0.5 7 a\n"));
  EXPECT_EQ(f.arrays.at("c_pe").to_vector<double>(), (std::vector<double>{-0.5, 0.25}));
  EXPECT_EQ(f.arrays.at("mol").dtype(), DType::i64);
  EXPECT_EQ(f.labels.at("f_tag"), (std::vector<std::string>{"a", "b"}));
}

TEST(LammpsDump, RefusesDamage) {
  const std::string good = dump("id element x y z", "1 O 0 0 0\n2 H 1 0 0\n");
  for (std::size_t n = 6; n + 4 < good.size(); ++n) {  // the last number may lose digits
    Temporary t;
    EXPECT_THROW(read_frames(t.file("a.dump", good.substr(0, n))), FormatError) << n;
  }
  expect_refused(dump("id element x y z", "1 O 0 0\n"), "expected 5 columns, found 4");
  expect_refused(dump("id element x y z", "1 O 0 0 nan\n"), "frame 0, line 10: expected a finite number");
  expect_refused(dump("id element x y z", "1 O 0 0 0\n1 O 1 0 0\n"), "atom 1 stands twice");
  expect_refused(dump("id element y z", "1 O 0 0\n"), "no coordinates");
  expect_refused(dump("id element x y z", "1 O 0 0 0\n", "", "ITEM: BOX BOUNDS pp pp pp\n0 0\n0 1\n0 1\n"),
                 "extent");
  expect_refused("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n999999999\n", "truncated");
  expect_refused("ITEM: TIMESTEP\n0\nITEM: NUMBER OF ENTRIES\n3\n", "dump atom and dump custom");
}

TEST(LammpsData, ReadsSectionsAndSaysWhatIsNotUsed) {
  const Frame f = read(data_head + masses + full +
                       "Velocities\n\n1 1 2 3\n2 0 0 0\n3 0 0 -1\n\nBonds\n\n1 1 1 2\n2 1 1 3\n");
  EXPECT_EQ(f.numbers, (std::vector<int>{8, 1, 1}));
  expect_near(f.positions, {0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0});
  expect_near(f.velocities, {0.001, 0.002, 0.003, 0, 0, 0, 0, 0, -0.001});
  EXPECT_EQ(f.cell, (std::array<double, 9>{9, 0, 0, 0, 9, 0, 0, 0, 9}));
  EXPECT_EQ(f.arrays.at("masses").to_vector<double>(), (std::vector<double>{15.9994, 1.008, 1.008}));
  EXPECT_EQ(f.arrays.at("charges").to_vector<double>(), (std::vector<double>{-0.82, 0.41, 0.41}));
  EXPECT_EQ(f.arrays.at("mol").size(), 3);
  for (const char* name : {"boundary", "image flags", "section Bonds", "units"})
    EXPECT_TRUE(unused(f, name)) << name;
  const std::string real =
      "LAMMPS data file via write_data, version 2 Aug 2023, timestep = 0, units = real\n" +
      data_head.substr(data_head.find('\n') + 1);
  const Frame g = read(real + masses + full + "Velocities\n\n1 1 2 3\n2 0 0 0\n3 0 0 -1\n");
  EXPECT_EQ(g.velocities[2], 3);
  EXPECT_FALSE(unused(g, "units"));
}

TEST(LammpsData, StylesByCommentOrByTheirColumns) {
  const auto style = [&](const std::string& atoms, const ReadOptions& options = {}) {
    return read(data_head + masses + atoms, options);
  };
  const std::vector<double> x{0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0};
  const auto lines = [](const std::string& a, const std::string& b, const std::string& image = "") {
    return "1 " + a + " 0 0 0" + image + "\n2 " + b + " 0.96 0 0" + image + "\n3 " + b + " -0.24 0.93 0" +
           image + "\n";
  };
  for (const std::string image : {"", " 0 -1 2"})
    for (const std::string comment : {"", " # from another program"}) {
      const std::string head = "Atoms" + comment + "\n\n";
      for (const auto& [a, b] : {std::pair<const char*, const char*>{"1", "2"},
                                 {"1 -0.82", "2 0.41"},
                                 {"7 1", "7 2"},
                                 {"7 1 -0.82", "7 2 0.41"}}) {
        const Frame f = style(head + lines(a, b, image));
        EXPECT_EQ(f.numbers, (std::vector<int>{8, 1, 1})) << a;
        expect_near(f.positions, x);
      }
    }
  for (const char* name : {"bond", "angle", "molecular"})
    expect_near(style(std::string("Atoms # ") + name + "\n\n" + lines("7 1", "7 2")).positions, x);
  expect_near(style("Atoms # sphere\n\n" + lines("1 2 3", "2 2 3")).positions, x);
  const Frame spin =
      style("Atoms # spin\n\n1 1 0 0 0 0 0 1 2.2\n2 2 0.96 0 0 0 0 1 2.2\n3 2 -0.24 0.93 0 0 0 1 0\n");
  expect_near(spin.positions, x);
  EXPECT_EQ(spin.arrays.at("sp").to_vector<double>(), (std::vector<double>{2.2, 2.2, 0}));
  // Charges written as whole numbers could be types.
  expect_refused(data_head + masses + "Atoms\n\n" + lines("1 1", "2 2"), "--atom-style");
  const Frame told = style("Atoms\n\n" + lines("1 1", "2 2"), {{}, "", "charge"});
  EXPECT_EQ(told.arrays.at("charges").to_vector<double>(), (std::vector<double>{1, 2, 2}));
  expect_refused(data_head + masses + "Atoms # hybrid\n\n" + lines("1", "2"), "hybrid is not read");
  expect_refused(data_head + masses + "Atoms # body\n\n" + lines("1 1 1.0", "2 1 1.0"), "body is not read");
  expect_refused(data_head + masses + "Atoms # full\n\n" + lines("1", "2"), "style full have 7 columns");
}

TEST(LammpsData, ElementsByMassLabelCommentOrOption) {
  const std::string atoms = "Atoms # atomic\n\n1 1 0 0 0\n2 2 1 0 0\n3 2 2 0 0\n";
  const auto numbers = [&](const std::string& section, const ReadOptions& options = {}) {
    return read(data_head + section + atoms, options).numbers;
  };
  const std::vector<int> water{8, 1, 1};
  EXPECT_EQ(numbers("Masses\n\n1 16\n2 1\n\n"), water);
  EXPECT_EQ(numbers("Masses\n\n1 16.5 # O\n2 2.014\n\n"), water);
  EXPECT_EQ(numbers("Atom Type Labels\n\n1 O\n2 H\n\n"), water);
  EXPECT_EQ(numbers("", water_types), water);
  EXPECT_EQ(read(data_head + "Atom Type Labels\n\n1 O\n2 H\n\nMasses\n\nO 15.999\nH 1.008\n\n"
                             "Atoms # atomic\n\n1 O 0 0 0\n2 H 1 0 0\n3 H 2 0 0\n")
                .numbers,
            water);
  expect_refused(data_head + atoms, "The file has no Masses; --elements");
  expect_refused(data_head + "Masses\n\n1 16.043\n2 15.035\n\n" + atoms, "of no element");
  expect_refused(data_head + "Masses\n\n1 1.008\n2 15.999\n\n" + atoms, "in the order of the types",
                 water_types);
  expect_refused(data_head + masses + atoms, "--elements names 1", {{"O"}, "", ""});
}

TEST(LammpsData, TiltedAndGeneralBoxes) {
  const std::string head = "by hand\n\n1 atoms\n1 atom types\n",
                    rest = "\nMasses\n\n1 1.008\n\nAtoms # atomic\n\n1 1 0 0 1\n";
  EXPECT_EQ(read(head + "-1 9 xlo xhi\n0 10 ylo yhi\n0 10 zlo zhi\n1 -2 3 xy xz yz\n" + rest).cell,
            (std::array<double, 9>{10, 0, 0, 1, 10, 0, -2, 3, 10}));
  EXPECT_EQ(read(head + "0 4 0 avec\n4 0 0 bvec\n0 0 4 cvec\n0 0 0 abc origin\n" + rest).cell,
            (std::array<double, 9>{0, 4, 0, 4, 0, 0, 0, 0, 4}));
}

TEST(LammpsData, RefusesDamage) {
  const std::string good = data_head + masses + full;
  for (std::size_t n = 30; n + 4 < good.size(); ++n) {
    Temporary t;
    EXPECT_THROW(read_frames(t.file("a.lmp", good.substr(0, n))), FormatError) << n;
  }
  expect_refused(good + "4 1 1 0 0 0 0\n", "expected the next section after 3 lines of Atoms");
  expect_refused(good + masses, "Masses stands twice");
  expect_refused(data_head + masses + "Atoms # atomic\n\n1 1 0 0 0\n1 2 1 0 0\n3 2 2 0 0\n",
                 "atom 1 stands twice");
  expect_refused(data_head + masses + "Atoms # atomic\n\n1 3 0 0 0\n2 2 1 0 0\n3 2 2 0 0\n",
                 "type 3 is not among the 2");
  expect_refused(good + "Velocities\n\n1 0 0 0\n2 0 0 0\n4 0 0 0\n", "atom 3 has no velocity");
}
