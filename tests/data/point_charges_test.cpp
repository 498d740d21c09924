#include <cartan/core/error.hpp>
#include <cartan/data/point_charges.hpp>

#include <gtest/gtest.h>

#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

std::string complaint(const Temporary& folder, const std::string& name, const std::string& bytes) {
  try {
    read_point_charges(folder.file(name, bytes));
  } catch (const FormatError& error) {
    return error.object() + "|" + error.what();
  }
  return "accepted";
}

const std::string good = "ATOM  1 N   ALA   1   0.5 -1.0  2.0  0.25 1.5\n";

}  // namespace

TEST(PointCharges, PqrInItsDialects) {
  Temporary folder;
  const PointCharges p = read_point_charges(
      folder.file("a.PQR", "REMARK x\n" + good +
                               "ATOM   1700  N    ALA B   1       0.439   8.268  18.275   0.1414  1.8240 \r\n"
                               "HETATM12345  O HOH -7 1 2 3 -0.8 1.6\n"
                               "ATOM 3 CA ALA A 10A 4 5 6 1e-1 0\n"
                               "ATOM 4 CB ALA A 10 B 7 8 9 -2 0\n"
                               "TER\nEND"));
  ASSERT_EQ(p.size(), 5);
  EXPECT_EQ(p.positions, (std::vector<double>{0.5, -1, 2, 0.439, 8.268, 18.275, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(p.charges, (std::vector<double>{0.25, 0.1414, -0.8, 0.1, -2}));
  EXPECT_EQ(p.radii, (std::vector<double>{1.5, 1.824, 1.6, 0, 0}));
  EXPECT_EQ(p.names, (std::vector<std::string>{"N", "N", "O", "CA", "CB"}));
  EXPECT_EQ(p.lines, (std::vector<Index>{2, 3, 4, 5, 6}));
}

TEST(PointCharges, NoAtomIsLostToItsSpelling) {
  Temporary folder;
  const PointCharges p = read_point_charges(
      folder.file("a.pqr", "\xEF\xBB\xBF" + good + "atom 2 C ALA 1 1.0 0.0 0.0 -1.0 1.5\n"));
  EXPECT_EQ(p.charges, (std::vector<double>{0.25, -1}));
  EXPECT_NE(complaint(folder, "mac.pqr", "REMARK\rATOM 1 N ALA 1 0 0 0 1 1\rEND\r").find("carriage returns"),
            std::string::npos);
}

TEST(PointCharges, BadPqrLinesAreNamed) {
  Temporary folder;
  for (const auto& [line, words] : std::vector<std::pair<std::string, std::string>>{
           {"ATOM 2 C ALA 1 1.0 0.0 -1.0 1.5\n", "at least 10 fields"},
           {"ATOM 2 C ALA A 1 1.0 0.0 -1.0 1.5\n", "residue number"},
           {"ATOM 2 C ALA 1 1.0 x 0.0 -1.0 1.5\n", "y: a number is expected, found 'x'"},
           {"ATOM 2 C ALA 1 1.0 inf 0.0 -1.0 1.5\n", "y is not finite"},
           {"ATOM 2 C ALA 1 1.0 0 0.0 nan 1.5\n", "charge is not finite"},
           {"ATOM 2 C ALA 1 1.0 0 0.0 1 -1.5\n", "negative"},
           {"ATOM\n", "at least 10 fields"}}) {
    const std::string said = complaint(folder, "b.pqr", good + "\n" + line);
    EXPECT_EQ(said.rfind("line 3|", 0), 0u) << said;
    EXPECT_NE(said.find(words), std::string::npos) << said;
  }
  EXPECT_NE(complaint(folder, "c.pqr", "").find("has no ATOM"), std::string::npos);
  EXPECT_THROW(read_point_charges(folder.path("none.pqr")), IoError);
  EXPECT_THROW(read_point_charges(folder.file("d.cif", good)), std::invalid_argument);
}

TEST(PointCharges, PdbColumns) {
  Temporary folder;
  const std::string a = "ATOM      1  CA AALA A   1      11.104   6.134  -6.504  0.50 -0.25           C2+\n",
                    b = "HETATM    2  OXTBALA A   1     111.104-106.134-106.504  0.25  0.75           O1-\n",
                    c = "HETATM    3  O   HOH A   2       1.000   2.000   3.000  1.00  0.00           O\n";
  const std::string path = folder.file("a.pdb", a + b + c + "ENDMDL\n" + a);
  const PointCharges p = read_point_charges(path);
  ASSERT_EQ(p.size(), 2);  // alternate location B and the second model are left out
  EXPECT_EQ(p.charges, (std::vector<double>{2, 0}));
  EXPECT_EQ(p.positions, (std::vector<double>{11.104, 6.134, -6.504, 1, 2, 3}));
  EXPECT_EQ(read_point_charges(path, PdbCharges::occupancy).charges, (std::vector<double>{0.5, 1}));
  EXPECT_EQ(read_point_charges(path, PdbCharges::b_factor).charges, (std::vector<double>{-0.25, 0}));
  EXPECT_NE(complaint(folder, "b.pdb", c).find("no atom has a formal charge"), std::string::npos);
  EXPECT_NE(complaint(folder, "c.pdb", "ATOM      1  CA  ALA A   1      11.104\n").find("line 1"),
            std::string::npos);
  std::string wrong = a;
  wrong.replace(wrong.size() - 3, 2, "xx");
  EXPECT_NE(complaint(folder, "d.pdb", wrong).find("columns 79-80"), std::string::npos);
  const PointCharges q = read_point_charges(folder.file(
      "a.pdbqt", "ATOM      1  N   ALA A   1       1.000   2.000   3.000  1.00  0.00    -0.347 N\n"));
  EXPECT_EQ(q.charges, (std::vector<double>{-0.347}));
}

TEST(PointCharges, XyzWithCharges) {
  Temporary folder;
  const PointCharges p =
      read_point_charges(folder.file("a.xyz", "2\nsalt\nNa 0 0 0 1\nCl 0 0 2.8 -1 extra\n"));
  EXPECT_EQ(p.charges, (std::vector<double>{1, -1}));
  EXPECT_EQ(p.names[1], "Cl");
  const PointCharges e = read_point_charges(folder.file(
      "b.extxyz", "2\nProperties=species:S:1:pos:R:3:initial_charges:R:1\nNa 0 0 0 1\nCl 0 0 2.8 -1\n"));
  EXPECT_EQ(e.charges, p.charges);
  EXPECT_EQ(e.positions, p.positions);
  EXPECT_NE(complaint(folder, "c.xyz", "2\nsalt\nNa 0 0 0 1\nCl 0 0 2.8\n").find("line 4"),
            std::string::npos);
  EXPECT_NE(complaint(folder, "d.xyz", "3\nsalt\nNa 0 0 0 1\nCl 0 0 2.8 1\n").find("ends after 2 of 3"),
            std::string::npos);
  EXPECT_NE(complaint(folder, "e.xyz", "x\n\n").find("line 1"), std::string::npos);
  EXPECT_NE(complaint(folder, "f.xyz", "2\nsalt\nNa 0 0 nan 1\nCl 0 0 2.8 1\n").find("line 3"),
            std::string::npos);
  EXPECT_NE(
      complaint(folder, "g.xyz", "1\nProperties=species:S:1:pos:R:3\nNa 0 0 0\n").find("no column charge"),
      std::string::npos);
  EXPECT_NE(complaint(folder, "h.xyz", "").find("has no atoms"), std::string::npos);
}

// Numbers of atoms and sums of charges as awk finds them.
TEST(PointCharges, ProteinsOfApbs) {
  struct Known {
    const char* name;
    Index atoms;
    double total;
  };
  for (const auto& [name, atoms, total] : {Known{"1ajj", 519, -5.0000}, Known{"fas2", 906, 4.0530},
                                           Known{"barnase", 1730, 2.0000}, Known{"1a63", 2065, -1.0000}}) {
    CARTAN_REAL_DATA(path, std::string("proteins/") + name + ".pqr");
    const PointCharges p = read_point_charges(path);
    EXPECT_EQ(p.size(), atoms);
    double sum = 0;
    for (const double q : p.charges) sum += q;
    EXPECT_LE(std::abs(sum - total), 1e-9) << name;
  }
}
