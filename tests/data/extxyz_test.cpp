#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "real_data.hpp"
#include "sanitized.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

std::vector<Frame> parse(const std::string& text) {
  Temporary folder;
  return read_extxyz(folder.file("a.xyz", text));
}

// A one-atom frame with this comment line.
Frame header(const std::string& line) {
  return parse("1\n" + line + "\nH 0 0 0\n").at(0);
}

template <class T>
T info(const Frame& frame, const std::string& key) {
  return std::get<T>(frame.info.at(key));
}

void expect_array(const Frame& frame, const std::string& key, const Array& expected) {
  EXPECT_TRUE(identical(info<Array>(frame, key), expected)) << key;
}

void expect_error(const std::string& text, const std::string& where, const std::string& what) {
  try {
    parse(text);
    ADD_FAILURE() << "no error for:\n" << text;
  } catch (const FormatError& error) {
    EXPECT_EQ(error.object(), where) << error.what();
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("a.xyz"), std::string::npos) << error.what();
  }
}

const std::string properties = "Properties=species:S:1:pos:R:3";

}  // namespace

TEST(Extxyz, ReadsEveryKindOfHeaderValue) {
  const Frame f = header(
      properties +
      " i=-7 r=1.5 d=1.5D2 t=T f=false word=abc name=\"two words\" single='it\"s' flag "
      "escaped=\"say \\\"hi\\\"\\nback\\\\slash\" n1=\"300\" ints=\"1 2 3\" reals=\"1 2.5\" bools=\"T F\" "
      "list=[1, 2] nested=[[1.0,2],[3,4]] old={4 5} one=[6] empty=\"\" \"odd key\"=1 "
      "texts=[a, \"b c\"] json=\"_JSON [209.44, 80.54, 59.96]\" bare=_JSON {\"a\": [1, 2]} spaced = 8 "
      "file=\"C:\\temp\"");
  EXPECT_EQ(info<std::int64_t>(f, "i"), -7);
  EXPECT_EQ(info<double>(f, "r"), 1.5);
  EXPECT_EQ(info<double>(f, "d"), 150);
  EXPECT_EQ(info<bool>(f, "t"), true);
  EXPECT_EQ(info<bool>(f, "f"), false);
  EXPECT_EQ(info<bool>(f, "flag"), true);
  EXPECT_EQ(info<std::string>(f, "word"), "abc");
  EXPECT_EQ(info<std::string>(f, "name"), "two words");
  EXPECT_EQ(info<std::string>(f, "single"), "it\"s");
  EXPECT_EQ(info<std::string>(f, "escaped"), "say \"hi\"\nback\\slash");
  EXPECT_EQ(info<std::string>(f, "n1"), "300");
  EXPECT_EQ(info<std::string>(f, "empty"), "");
  EXPECT_EQ(info<std::string>(f, "file"), "C:\\temp");
  expect_array(f, "ints", Array::from(std::vector<std::int64_t>{1, 2, 3}));
  expect_array(f, "reals", Array::from(std::vector<double>{1, 2.5}));
  expect_array(f, "bools", Array::from(std::vector<std::uint8_t>{1, 0}));
  expect_array(f, "list", Array::from(std::vector<std::int64_t>{1, 2}));
  expect_array(f, "nested", Array::from(std::vector<double>{1, 2, 3, 4}, {2, 2}));
  expect_array(f, "old", Array::from(std::vector<std::int64_t>{4, 5}));
  expect_array(f, "one", Array::from(std::vector<std::int64_t>{6}));
  EXPECT_EQ(info<std::int64_t>(f, "odd key"), 1);
  EXPECT_EQ(info<std::int64_t>(f, "spaced"), 8);
  EXPECT_EQ(info<std::string>(f, "texts"), "_JSON [\"a\", \"b c\"]");
  EXPECT_EQ(info<std::string>(f, "json"), "_JSON [209.44, 80.54, 59.96]");
  EXPECT_EQ(info<std::string>(f, "bare"), "_JSON {\"a\": [1, 2]}");
}

TEST(Extxyz, ReadsCellsAndPeriodicity) {
  const std::array<bool, 3> all{true, true, true}, none{}, slab{true, true, false};
  const Frame nine = header("Lattice=\"1 2 3 4 5 6 7 8 10\" " + properties);
  EXPECT_EQ(nine.cell, (std::array<double, 9>{1, 2, 3, 4, 5, 6, 7, 8, 10}));
  EXPECT_EQ(nine.pbc, all);
  EXPECT_NEAR(nine.volume(), 3, 1e-12);
  EXPECT_EQ(header("Lattice=\"2 3 4\" " + properties).cell,
            (std::array<double, 9>{2, 0, 0, 0, 3, 0, 0, 0, 4}));
  EXPECT_EQ(header("Lattice=[[1,0,0],[0,2,0],[0,0,3]] " + properties).cell[4], 2);
  EXPECT_EQ(header(properties).pbc, none);
  for (const char* pbc :
       {"pbc=\"T T F\"", "pbc=\"True true False\"", "pbc=[T, T, F]", "pbc=\"1 1 0\"", "pbc={T T F}"})
    EXPECT_EQ(header("Lattice=\"2 3 4\" " + properties + " " + pbc).pbc, slab) << pbc;
  EXPECT_EQ(header("Lattice=\"2 3 4\" pbc=F " + properties).pbc, none);
}

TEST(Extxyz, ReadsColumnsOfEveryTypeAndWidth) {
  const Frame f =
      parse(
          "2\nProperties=id:I:1:species:S:1:pos:R:3:q:R:1:u:R:2:pair:I:2:fixed:L:1:mask:L:3:tag:S:1:two:S:2\n"
          "7 Si 1 2 3 0.5 1 2 3 4 T T F T left a b\n"
          "8 o -1 -2.5e1 +3 nan 1 2 3 4 F F F F \"the right\" c d\n")
          .at(0);
  EXPECT_EQ(f.numbers, (std::vector<int>{14, 8}));
  EXPECT_EQ(f.positions, (std::vector<double>{1, 2, 3, -1, -25, 3}));
  EXPECT_TRUE(identical(f.arrays.at("id"), Array::from(std::vector<std::int64_t>{7, 8})));
  EXPECT_EQ(f.arrays.at("q").data<double>()[0], 0.5);
  EXPECT_TRUE(std::isnan(f.arrays.at("q").data<double>()[1]));
  EXPECT_EQ(f.arrays.at("u").shape(), (Shape{2, 2}));
  EXPECT_EQ(f.arrays.at("pair").shape(), (Shape{2, 2}));
  EXPECT_TRUE(identical(f.arrays.at("fixed"), Array::from(std::vector<std::uint8_t>{1, 0})));
  EXPECT_TRUE(
      identical(f.arrays.at("mask"), Array::from(std::vector<std::uint8_t>{1, 0, 1, 0, 0, 0}, {2, 3})));
  EXPECT_EQ(f.labels.at("tag"), (std::vector<std::string>{"left", "the right"}));
  EXPECT_EQ(f.labels.at("two"), (std::vector<std::string>{"a b", "c d"}));
}

TEST(Extxyz, ReadsAtomicNumbers) {
  EXPECT_EQ(parse("1\nProperties=Z:I:1:pos:R:3\n6 0 0 0\n").at(0).numbers.at(0), 6);
  EXPECT_EQ(parse("1\n\n6 0 0 0\n").at(0).numbers.at(0), 6);
  EXPECT_EQ(parse("1\nProperties=species:S:1:pos:R:3:Z:I:1\nC 0 0 0 6\n").at(0).numbers.at(0), 6);
  expect_error("1\nProperties=species:S:1:pos:R:3:Z:I:1\nC 0 0 0 7\n", "frame 0, line 3",
               "species is C but Z is 7");
  expect_error("1\nProperties=Z:I:1:pos:R:3\n119 0 0 0\n", "frame 0, line 3", "1 to 118");
}

TEST(Extxyz, FindsLabelsUnderTheirCommonNames) {
  for (const char* name : {"energy", "Energy", "REF_energy", "dft_energy", "free_energy"})
    EXPECT_EQ(header(properties + " " + name + "=-1.5").energy, -1.5) << name;
  const Frame both = header(properties + " free_energy=1 energy=2");
  EXPECT_EQ(both.energy, 2.0);
  EXPECT_EQ(info<std::int64_t>(both, "free_energy"), 1);
  for (const char* name : {"forces", "force", "REF_forces", "dft_forces"})
    EXPECT_EQ(parse("1\n" + properties + ":" + name + ":R:3\nH 0 0 0 1 2 3\n").at(0).forces,
              (std::vector<double>{1, 2, 3}))
        << name;
  EXPECT_EQ(header(properties + " charge=-1").charge, -1);
  EXPECT_EQ(header(properties + " total_charge=2").charge, 2);
}

TEST(Extxyz, ReadsStressAndVirial) {
  const std::array<double, 9> expected{1, 6, 5, 6, 2, 4, 5, 4, 3};
  EXPECT_EQ(header(properties + " stress=\"1 6 5 6 2 4 5 4 3\"").stress, expected);
  EXPECT_EQ(header(properties + " stress=\"1 2 3 4 5 6\"").stress, expected);
  EXPECT_EQ(header(properties + " stress=[[1,6,5],[6,2,4],[5,4,3]]").stress, expected);
  const auto from_virial =
      header("Lattice=\"2 2 2\" " + properties + " virial=\"-8 -48 -40 -48 -16 -32 -40 -32 -24\"");
  ASSERT_TRUE(from_virial.stress);
  EXPECT_EQ(*from_virial.stress, expected);
  EXPECT_TRUE(from_virial.info.empty());
  const auto loose = header(properties + " virials=\"1 2 3 4 5 6\"");  // no volume: nothing to divide by
  EXPECT_FALSE(loose.stress);
  EXPECT_EQ(loose.info.count("virials"), 1u);
  expect_error("1\n" + properties + " stress=\"1 6 5 7 2 4 5 4 3\"\nH 0 0 0\n", "frame 0, line 2",
               "symmetric");
}

TEST(Extxyz, ReadsVelocitiesAndMomenta) {
  for (const char* name : {"velo", "velocities"})
    EXPECT_EQ(parse("1\n" + properties + ":" + name + ":R:3\nH 0 0 0 1 2 3\n").at(0).velocities,
              (std::vector<double>{1, 2, 3}));
  const auto momenta = parse("1\n" + properties + ":momenta:R:3\nO 0 0 0 1 0 -2\n").at(0);
  // kinetic energy p^2/2m in eV, both ways
  const double m = element_mass(8), kinetic = 5 / (2 * m);
  double v2 = 0;
  for (const double v : momenta.velocities) v2 += v * v;
  EXPECT_TRUE(std::abs(0.5 * m * v2 * units::mass_velocity2 / kinetic - 1) <= 1e-14);
  EXPECT_LT(momenta.velocities[2], 0);
  const auto own = parse("1\n" + properties + ":masses:R:1:momenta:R:3\nH 0 0 0 2 2 0 0\n").at(0);
  EXPECT_TRUE(std::abs(own.velocities[0] * std::sqrt(units::mass_velocity2) - 1) <= 1e-14);
}

TEST(Extxyz, ReadsPlainXyz) {
  const auto f = parse("2\n glycine, near a minimum \nC 1 2 3 ignored 5\nCL 4 5 6\n").at(0);
  EXPECT_EQ(f.numbers, (std::vector<int>{6, 17}));
  EXPECT_EQ(info<std::string>(f, "comment"), "glycine, near a minimum");
  EXPECT_EQ(parse("1\nstep=3 energy=-2\nC 1 2 3\n").at(0).energy, -2.0);
  EXPECT_EQ(parse("1\n= E [=\nC 1 2 3\n").at(0).info.count("comment"), 1u);
}

TEST(Extxyz, AcceptsLineEndsOfAllSystems) {
  const std::string text =
      "1\n" + properties + " energy=1\nH 0 0 1\n2\n" + properties + "\nH 0 0 0\nO 1 0 0\n";
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const std::string& variant : {text, windows, text + "\n \n\n", text.substr(0, text.size() - 1),
                                     windows.substr(0, windows.size() - 2), "\n" + text}) {
    const auto frames = parse(variant);
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].energy, 1.0);
    EXPECT_EQ(frames[1].positions, (std::vector<double>{0, 0, 0, 1, 0, 0}));
  }
  EXPECT_TRUE(parse("").empty());
  EXPECT_TRUE(parse("\n\n").empty());
}

TEST(Extxyz, NamesFrameAndLineOfEveryError) {
  const std::string good = "1\n" + properties + "\nH 0 0 0\n", forces = "1\n" + properties + ":forces:R:3\n";
  expect_error(good + "x\n", "frame 1, line 4", "expected the number of atoms");
  expect_error(good + "-1\n", "frame 1, line 4", "expected the number of atoms");
  expect_error("0\n\n", "frame 0, line 1", "at least 1");
  expect_error("99999999999999999999\n\nH 0 0 0\n", "frame 0, line 1", "expected the number of atoms");
  expect_error("4611686018427387904\n\nH 0 0 0\n", "frame 0, line 1", "truncated");
  expect_error(good + "2\n", "frame 1, line 4", "truncated");
  expect_error(good + "1\n", "frame 1, line 4", "comment line");
  expect_error(good + "3\n" + properties + "\nH 0 0 0\nH 0 0 0\n", "frame 1, line 7",
               "the file ends after 2 of 3 atoms");
  expect_error(good + "H 0 0 0\n" + good, "frame 1, line 4",
               "expected the number of atoms");  // one atom too many
  expect_error("2\n" + properties + "\nH 0 0 0\n" + good, "frame 0, line 4", "expected 4 fields, found 1");
  expect_error("1\n" + properties + "\nXx 0 0 0\n", "frame 0, line 3", "symbol of an element, found 'Xx'");
  expect_error("1\n" + properties + "\nH 0 0\n", "frame 0, line 3", "expected 4 fields, found 3");
  expect_error("1\n" + properties + "\nH 0 0 0 9\n", "frame 0, line 3", "expected 4 fields, found more");
  expect_error("1\n" + properties + "\nH 0 1.2.3 0\n", "frame 0, line 3", "column pos, field 3");
  for (const char* bad : {"nan", "inf", "-inf", "1e999", "0x1p3", "1,5", "--1", "1e", "."})
    expect_error("1\n" + properties + "\nH 0 0 " + bad + "\n", "frame 0, line 3",
                 "column pos, field 4: expected a finite");
  expect_error(forces + "H 0 0 0 1 nan 1\n", "frame 0, line 3",
               "column forces, field 6: expected a finite number");
  expect_error("1\n" + properties + ":n:I:1\nH 0 0 0 1.5\n", "frame 0, line 3",
               "column n, field 5: expected an integer");
  expect_error("1\n" + properties + ":n:I:1\nH 0 0 0 99999999999999999999\n", "frame 0, line 3",
               "expected an integer");
  expect_error("1\n" + properties + ":n:L:1\nH 0 0 0 2\n", "frame 0, line 3", "expected T or F");
  const char* bad_headers[][2] = {{"energy=nan", "finite number, found 'nan'"},
                                  {"energy=abc", "finite number, found 'abc'"},
                                  {"energy=\"1 2\"", "expected one number"},
                                  {"stress=\"1 2 3\"", "expected 9 or 6"},
                                  {"charge=inf", "finite number"},
                                  {"Lattice=\"1 2\"", "expected 9 or 3"},
                                  {"Lattice=\"1 2 x\"", "found 'x'"},
                                  {"pbc=\"T T\"", "3 truth values"},
                                  {"pbc=maybe", "expected T or F"},
                                  {"pbc=T", "zero or not given"},
                                  {"a=\"open", "not closed"},
                                  {"a=[1, 2", "not closed"},
                                  {"a=[1}", "do not match"},
                                  {"a=", "expected a value"},
                                  {"=3", "expected a key"},
                                  {"a=\"b\"c", "expected a blank"},
                                  {"energy=1 energy=2", "given twice"},
                                  {"a= b=3", "expected a value"}};
  for (const auto& [entry, what] : bad_headers)
    expect_error("1\n" + properties + " " + entry + "\nH 0 0 0\n", "frame 0, line 2", what);
}

TEST(Extxyz, RefusesBadProperties) {
  for (const char* p :
       {"species:S:1", "pos:R:3", "species:S:1:pos:R", "species:S:1:pos:R:2", "species:X:1:pos:R:3",
        "species:S:1:pos:R:3:a:R:0", "species:S:1:pos:R:3:a:R:99999999999", "species:S:1:pos:R:3:pos:R:3",
        "species:S:1:pos:R:3:forces:R:1", "species:S:1:pos:R:3::R:3", ""})
    EXPECT_THROW(parse(std::string("1\nProperties=\"") + p + "\"\nH 0 0 0 0 0 0\n"), FormatError) << p;
}

TEST(Extxyz, ReadsDecimalsWithCorrectRounding) {
  const Random random(3);
  std::string text = "3000\n" + properties + "\n";
  std::vector<double> expected;
  for (std::uint64_t i = 0; i < 9000; ++i) {
    const std::uint64_t bits = random.bits(i);
    char word[64];
    const int digits = static_cast<int>(bits % 18);
    const double scale = std::pow(10.0, static_cast<double>(bits >> 8 & 15) - 6);
    std::snprintf(word, sizeof word, "%.*f", digits, (random.uniform(i + 10000) - 0.5) * scale);
    if (i % 3 == 0) text += "H";
    text += std::string(" ") + word + (i % 3 == 2 ? "\n" : "");
    expected.push_back(std::strtod(word, nullptr));
  }
  EXPECT_EQ(parse(text).at(0).positions, expected);
}

TEST(Extxyz, ReadsSilicon) {
  CARTAN_REAL_DATA(path, "silicon/si_train.xyz");
  const auto frames = read_extxyz(path);
  ASSERT_EQ(frames.size(), 214u);
  for (const Frame& f : frames) {
    EXPECT_TRUE(f.stress && f.energy && f.periodic());
    EXPECT_EQ(f.forces.size(), f.positions.size());
    EXPECT_EQ(f.numbers, std::vector<int>(f.numbers.size(), 14));
  }
  EXPECT_EQ(frames[0].size(), 63);
  EXPECT_EQ((*frames[0].stress)[1], -5.6715506655e-03);
  EXPECT_EQ(info<std::string>(frames[0], "config_type"), "Vacancy");
}

// Small files that ask for much.
TEST(Extxyz, SmallFilesAskForLittle) {
  // 5000 atoms of 100000 words each would be 4 GB.
  std::string wide = "5000\n" + properties + ":w:R:100000\n";
  for (int i = 0; i < 5000; ++i) wide += "H 0 0 0 1\n";
  expect_error(wide, "frame 0, line 2", "100004 words a line");
  EXPECT_EQ(parse("1\n" + properties + ":w:R:3\nH 0 0 0 1 2 3").at(0).arrays.at("w").size(),
            3);  // no room to spare

  std::string keys = "1\n" + properties, columns = "1\nProperties=species:S:1:pos:R:3", line = "H 0 0 0";
  for (int k = 0; k < 60000; ++k) {
    keys += " k" + std::to_string(k) + "=1";
    columns += ":c" + std::to_string(k) + ":R:1";
    line += " 1";
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(parse(keys + "\nH 0 0 0\n").at(0).info.size(), 60000u);
  EXPECT_EQ(parse(columns + "\n" + line + "\n").at(0).arrays.size(), 60000u);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LT(seconds, sanitized ? 300 : 5) << "not quadratic";  // 3.6e9 comparisons would take longer
}
