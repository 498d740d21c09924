#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

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
  expect("a.bin", "ITEM: x and so on", "ITEM: x");
  expect("a.dump",
         std::string("\xf6\xff\xff\xff\xff\xff\xff\xff"
                     "DUMPCUSTOM",
                     18),
         "a binary dump of LAMMPS");
  expect("log.lammps", "LAMMPS (2 Aug 2023)\n", "a log of LAMMPS");
  expect("a.pt", "PK\3\4" + std::string(26, '\0') + "archive/data.pkl", "PyTorch");
  expect("a.npz", "PK\3\4" + std::string(26, '\0') + "archive/data.pkl", "PyTorch");
  expect("a.db", std::string("SQLite format 3\0", 16), "SQLite");
  expect("a.traj", "- of UlmASE-Trajectory", "trajectory of ASE");
  expect("a.tar", std::string(257, 'x') + "ustar", "tar");
  expect("OUTCAR", " vasp.6.3.0 20Jan22\n", "OUTCAR");
  expect("vasprun.xml", "<?xml version=\"1.0\"?>\n<modeling>\n", "vasprun.xml of VASP");
  const std::string poscar = "Si\n1\n5 0 0\n0 5 0\n0 0 5\nSi\n1\n";
  expect("XDATCAR", poscar + "Direct configuration=     1\n0 0 0\nDirect configuration=     2\n0 0 .1\n",
         "an XDATCAR of VASP (ase convert");
  expect("OUTCAR", " POTCAR:    PAW_PBE Si 05Jan2001\n", "OUTCAR");
  expect("a.cif", "# by a program\ndata_Si\n_cell_length_a 5.43\n", "a CIF");
  expect("a.pdb", "CRYST1   30.000   30.000   30.000  90.00  90.00  90.00 P 1\n", "a PDB file");
  expect("a.ent", "ATOM      1  N   ALA A   1      11.104   6.134  -6.504  1.00  0.00\n",
         "a PDB or PQR file");
  expect("cp2k.out", "\n DBCSR| CPU Multiplication driver\n CP2K| version string: 2023.1\n",
         "an output of CP2K");
  expect("a.log", " Entering Gaussian System, Link 0=g16\n", "a log of Gaussian");
  expect("a.cube", "title\nouter\n 3 0.0 0.0 0.0\n 40 0.2 0.0 0.0\n 40 0.0 0.2 0.0\n 40 0.0 0.0 0.2\n",
         "a cube file");
  expect("a.gro", "water\n    3\n    1WATER  OW1    1   0.126   1.624   1.679\n", "a .gro of GROMACS");
  expect("a.sdf", "x\n  p\n\n  3  2  0  0  0  0  0  0  0  0999 V2000\n", "a MOL or SDF file");
  expect("pw.out", "\n     Program PWSCF v.7.0 starts on\n", "Quantum ESPRESSO");
  expect("data.mdb", std::string(16, '\0') + "\xde\xc0\xef\xbe" + std::string(40, '\0'), "LMDB");
  expect("a.pkl", "\x80\4\x95 and so on", "a pickle of Python");
  expect("a.ckpt", std::string("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", 15), "an old file of PyTorch");
  expect("a.nc", "CDF\1 and so on", "NetCDF");
  expect("a.nc", "CDF\5 and so on", "NetCDF");
  expect("a.parquet", "PAR1 and so on", "Parquet");
  expect("a.xml", "<?xml version=\"1.0\"?>\n<qes:espresso>\n", "Quantum ESPRESSO");
  expect("a.db", "{\"1\": {\n \"ctime\": 24.1", "a database of ASE in JSON");
  expect("train.xyz", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS");
  expect("train.xyz", "<!DOCTYPE html>\n<html>", "a page of HTML");
  expect("a.xyz",
         std::string("\xff\xfe"
                     "1\0\n\0",
                     6),
         "UTF-16");
  expect("md.h5.part", "CLOG and so on", "--resume");
  std::filesystem::create_directories(t.path("lmdb"));
  expect("lmdb/data.mdb", std::string(16, '\0') + "\xde\xc0\xef\xbe", "LMDB");
  const auto folder = [&](const std::string& name, const std::string& words) {
    try {
      read_frames(t.path(name));
      ADD_FAILURE() << name;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  folder("lmdb", "an LMDB database");
  t.file("vasp/OUTCAR", " vasp.6.3.0");
  folder("vasp", "the folder of a VASP run");
  t.file("raw/type.raw", "0\n");
  t.file("raw/coord.raw", "0 0 0\n");
  folder("raw", "raw_to_set.sh");
  std::filesystem::create_directories(t.path("empty"));
  folder("empty", "expected a deepmd folder");
  save(t.path("foreign.h5"), Group(), {"cartan-test", 1, "", ""});
  folder("foreign.h5", "is a 'cartan-test' file");
  expect("a.bin", "something else", "of no kind that is known; frames are read from .h5");
  expect("a.bin", "", "of no kind that is known");
}

TEST(Readers, ListTheirKinds) {
  std::vector<std::string> names;
  for (const auto& format : frame_formats()) {
    names.push_back(format.name);
    const std::string& n = format.name;
    EXPECT_EQ(format.names.empty(), n == "qm9" || n == "h5md") << n;  // known by their contents alone
    EXPECT_EQ(format.writes, n == "h5" || n == "npz" || n == "deepmd" || n == "xyz") << n;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"h5md", "h5", "npz", "deepmd", "lammps-dump", "lammps-data",
                                             "poscar", "qm9", "xyz"}));
  EXPECT_EQ(frame_format_names(),
            ".h5 .hdf5 .npz .lammpstrj .dump .lmp .data .vasp .poscar POSCAR CONTCAR .xyz .extxyz, or a "
            "deepmd folder");
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

TEST(Readers, CompareTheAxesOfArraysOneByOne) {
  Temporary t;
  const Array z = Array::from(std::vector<std::uint8_t>{8, 1, 1});
  const auto r = [](Shape shape) { return Array::zeros(shape, DType::f64); };
  const auto refused = [&](std::vector<std::pair<std::string, Array>> arrays, const std::string& words) {
    write_npz(t.path("a.npz"), arrays);
    EXPECT_TRUE(holds_frames(t.path("a.npz")));  // so that a reason is given, not a list of arrays
    try {
      read_frames(t.path("a.npz"));
      ADD_FAILURE() << words;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  refused({{"z", z}, {"R", r({4, 3, 3})}, {"F", r({3, 4, 3})}},
          "F: has the shape (3, 4, 3), R has (4, 3, 3)");
  refused({{"z", z}, {"R", r({4, 3, 3})}, {"F", r({4, 9})}}, "F: has the shape (4, 9)");
  refused({{"z", z}, {"R", r({1, 3, 3})}, {"F", r({3, 1, 3})}}, "F: has the shape (3, 1, 3)");
  refused({{"z", z}, {"R", r({4, 3, 3})}, {"E", r({1, 4})}}, "E: has the shape (1, 4)");
  refused({{"z", z}, {"R", r({4, 3, 3})}, {"E", r({3})}}, "E: has the shape (3)");
  refused({{"z", z}, {"R", r({3, 4, 3})}}, "z: has the shape (3), R has (3, 4, 3)");
  refused({{"z", r({4, 3})}, {"R", r({4, 3, 3})}}, "z: has the shape (4, 3)");
  refused({{"z", z}, {"R", r({4, 3, 3})}, {"E", Array::full({4}, std::nan(""), DType::f64)}},
          "E: a value is not finite");
  write_npz(t.path("a.npz"), {{"z", z}, {"R", r({3, 3})}, {"F", r({3, 3})}, {"E", r({})}});
  EXPECT_EQ(read_frames(t.path("a.npz")).at(0).forces.size(), 9u);  // one frame without its axis
}

TEST(Readers, SgdmlLatticesAreUsedAndOtherArraysListed) {
  Temporary t;
  write_npz(t.path("a.npz"), {{"z", Array::from(std::vector<std::uint8_t>{1})},
                              {"R", Array::zeros({2, 1, 3}, DType::f64)},
                              {"lattice", Array::of({{4, 1, 0}, {0, 4, 1}, {0, 0, 4}})},
                              {"velocities", Array::zeros({2, 1, 3}, DType::f64)},
                              {"old_indices", Array::zeros({2}, DType::f64)}});
  const auto frames = read_frames(t.path("a.npz"));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[1].cell, (std::array<double, 9>{4, 0, 0, 1, 4, 0, 0, 1, 4}));  // columns of the file
  EXPECT_TRUE(frames[1].pbc[2]);
  ASSERT_EQ(frames[1].unused.size(), 2u);
  EXPECT_EQ(frames[1].unused[0].name, "velocities");
  EXPECT_TRUE(frames[1].unused[0].physics);
  EXPECT_EQ(frames[1].unused[1].name, "old_indices");
}

TEST(Readers, WritersSayWhatTheyDoNotKeep) {
  Temporary t;
  auto frames = numbered(3);
  frames[1].charge = 1;
  for (Frame& f : frames) f.velocities.assign(f.positions.size(), 0.5);
  frames[0].info["run"] = std::int64_t{3};
  frames[0].arrays["masses"] = Array::full({frames[0].size()}, 2, DType::f64);
  using V = std::vector<std::string>;
  EXPECT_EQ(write_frames(t.path("a.npz"), frames),
            (V{"column masses (1 of 3 frames)", "info run (1 of 3 frames)", "velocities"}));
  EXPECT_EQ(read_frames(t.path("a.npz")).at(1).charge, 1);
  EXPECT_EQ(read_frames(t.path("a.npz")).at(2).charge, 0);
  EXPECT_EQ(write_frames(t.path("a/"), frames), (V{"charge (1 of 3 frames)", "column masses (1 of 3 frames)",
                                                   "info run (1 of 3 frames)", "velocities"}));
  EXPECT_TRUE(write_frames(t.path("a.h5"), frames).empty());
  EXPECT_TRUE(write_frames(t.path("a.xyz"), frames).empty());
  EXPECT_EQ(read_frames(t.path("a.xyz")).at(1).charge, 1);
  for (Frame& f : frames) f.stress.emplace(), f.cell[0] = f.cell[4] = f.cell[8] = 5;
  const V lost = write_frames(t.path("b.npz"), frames);
  EXPECT_EQ(lost.at(0), "cell");
  EXPECT_NE(std::find(lost.begin(), lost.end(), "stress"), lost.end());
}
