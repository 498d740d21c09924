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

// No record that begins as an atom is lost.
TEST(PointCharges, SerialNumbersRunIntoNames) {
  Temporary folder;
  int k = 0;
  for (const char* record : {"ATOM  186a0 ", "ATOM  fffff ", "ATOM  ***** ", "ATOM  A0000 ", "HETATMabcdf ",
                             "HETATM***** ", "HETATMABCDE ", "ATOM100000 ", "ATOM  100000 ", "HETATM100000 ",
                             "HETAT100000 ", "hetatm12345 ", " ATOM      1 ", "\tATOM 1 ", "ATOM  -1 "}) {
    const PointCharges p = read_point_charges(folder.file(
        text(k++, ".pqr"), good + record + " O   HOH B   3      -2.000   4.000   5.000 -0.5000 1.7000\n"));
    ASSERT_EQ(p.size(), 2) << record;
    EXPECT_EQ(p.positions[3], -2) << record;
    EXPECT_EQ(p.charges[1], -0.5) << record;
    EXPECT_EQ(p.names[1], "O") << record;
  }
  EXPECT_NE(complaint(folder, "s.pqr", good + "ATOMS 2 C ALA 1 1 2 3 4 5\n").find("no serial number"),
            std::string::npos);
  EXPECT_NE(complaint(folder, "t.pqr", good + "ATOM-2 C ALA 1 1 2 3 4 5\n").find("line 2"),
            std::string::npos);
}

TEST(PointCharges, NumbersThatTouchAreSeveral) {
  Temporary folder;
  const PointCharges p = read_point_charges(
      folder.file("m.pqr",
                  "ATOM      1  N   ALA A   1    -149.000-148.000-147.000 -0.4000 1.8500\n"
                  "ATOM      2  C   ALA A10000-100.123 -20.456 -30.789  0.4000 1.8500\n"
                  "ATOM      3  CA  ALA A   1    1000.0001000.0001000.000-10.400010.8500\n"
                  "ATOM  100000 HH11ARG A   1    -147.600-148.000-147.000  0.3000 2.2750      N\n"
                  "ATOM      5  CB  ALA A-999    -101.000-148.000-147.000-10.3000 1.0000\n"
                  "ATOM  6 CB ALA B -7 -1.5e-01-2.5-3.5D+00 1.0D-01 1.5\n"));
  ASSERT_EQ(p.size(), 6);
  EXPECT_EQ(p.positions, (std::vector<double>{-149, -148, -147, -100.123, -20.456, -30.789, 1000, 1000, 1000,
                                              -147.6, -148, -147, -101, -148, -147, -0.15, -2.5, -3.5}));
  EXPECT_EQ(p.charges, (std::vector<double>{-0.4, 0.4, -10.4, 0.3, -10.3, 0.1}));
  EXPECT_EQ(p.radii, (std::vector<double>{1.85, 1.85, 10.85, 2.275, 1, 1.5}));
  // numbers too many or too few are not guessed at
  EXPECT_NE(complaint(folder, "f.pqr", good + "ATOM 2 C ALA 1 1.0 2.0 3.0 0.5 1.5 0.25\n").find("line 2"),
            std::string::npos);
  EXPECT_NE(
      complaint(folder, "g.pqr", good + "ATOM 2 C ALA A 1 1.0 2.0 3.0 1.00 0.00 0.5 1.5\n").find("line 2"),
      std::string::npos);
  EXPECT_NE(complaint(folder, "h.pqr", good + "ATOM 2 C ALA 1 ******** 2.0 3.0 0.5 1.5\n").find("line 2|"),
            std::string::npos);
}

TEST(PointCharges, ElementsBehindTheRadius) {
  Temporary folder;
  const PointCharges p = read_point_charges(
      folder.file("e.pqr",
                  "ATOM      1  N   ALA     1       1.000   2.000   3.000  0.1414  1.8240       N\n"
                  "ATOM      2  CA  ALA     1       2.000   2.000   3.000  -0.41000000   2.000 C  \n"
                  "ATOM 3 CA ALA A 10A 4 5 6 1e-1 0 PROT C1-\n"));
  EXPECT_EQ(p.charges, (std::vector<double>{0.1414, -0.41, 0.1}));
  EXPECT_EQ(p.radii, (std::vector<double>{1.824, 2, 0}));
  // a PDB file under another name
  EXPECT_NE(complaint(folder, "p.pqr",
                      "ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  1.00 15.20           C  \n")
                .find("occupancy"),
            std::string::npos);
}

TEST(PointCharges, TheFirstModelWithANote) {
  Temporary folder;
  const std::string second = "ATOM 1 N ALA 1 0.8 -1.0 2.0 0.25 1.5\n";
  int k = 0;
  for (const char* between : {"ENDMDL\nMODEL        2\n", "END\n", "MODEL 2\n", "endmdl\r\n", " END   \n"}) {
    const PointCharges p = read_point_charges(folder.file(
        text(k++, ".pqr"), "MODEL        1\n" + good + "TER\n" + good + between + second + "END\n"));
    EXPECT_EQ(p.size(), 2) << between;
    ASSERT_EQ(p.notes.size(), 1u) << between;
    EXPECT_NE(p.notes[0].find("first model"), std::string::npos);
    EXPECT_NE(p.notes[0].find(".pqr: "), std::string::npos);
    EXPECT_NE(p.notes[0].find("in line 5, 1 atom is left out"), std::string::npos) << p.notes[0];
  }
  EXPECT_TRUE(read_point_charges(folder.file("one.pqr", "MODEL 1\n" + good + "ENDMDL\nEND\n")).notes.empty());
  EXPECT_TRUE(read_point_charges(
                  folder.file("ter.pqr", good + "TER\nANISOU 1 N ALA 1 1 2 3 4 5 6\nCONECT 1 2\n" + good))
                  .notes.empty());
  const std::string a = "ATOM      1  CA  ALA A   1      11.104   6.134  -6.504  0.50 -0.25           C2+\n";
  for (const char* name : {"a.pdb", "a.pdbqt"}) {
    const std::string atom =
        name == std::string("a.pdb")
            ? a
            : "ATOM      1  N   ALA A   1       1.000   2.000   3.000  1.00  0.00    -0.347 N\n";
    const PointCharges p =
        read_point_charges(folder.file(name, "MODEL 1\n" + atom + "ENDMDL\nMODEL 2\n" + atom + "ENDMDL\n"));
    EXPECT_EQ(p.size(), 1);
    EXPECT_EQ(p.notes.size(), 1u);
  }
}

TEST(PointCharges, OneLocationOfEachResidue) {
  Temporary folder;
  const auto atom = [](const char* name, char location, int residue, double x) {
    char line[100];
    std::snprintf(line, sizeof line,
                  "ATOM      1 %-4s%cSER A%4d    %8.3f   6.134  -6.504  0.50 -0.25           C1+\n", name,
                  location, residue, x);
    return std::string(line);
  };
  // B and C where there is no A; an atom that only the second has; a location of its own in the next residue
  const PointCharges p = read_point_charges(
      folder.file("b.pdb", atom(" N", ' ', 1, 0) + atom(" CA", 'B', 1, 1) + atom(" CA", 'C', 1, 1.2) +
                               atom(" OG", 'C', 1, 2) + atom(" CA", 'C', 2, 3)));
  EXPECT_EQ(p.positions.size(), 9u);
  EXPECT_EQ(p.lines, (std::vector<Index>{1, 2, 5}));
  ASSERT_EQ(p.notes.size(), 1u);
  EXPECT_NE(p.notes[0].find("2 atoms of other locations left out, the first in line 3"), std::string::npos)
      << p.notes[0];
  // an atom without a letter is the first location of one with a letter, in its residue alone
  const PointCharges plain = read_point_charges(
      folder.file("plain.pdb", atom(" CA", ' ', 1, 1) + atom(" OG", ' ', 1, 2) + atom(" OG", 'B', 1, 2.2) +
                                   atom(" CA", 'A', 2, 3) + atom(" OG", 'A', 2, 4)));
  EXPECT_EQ(plain.lines, (std::vector<Index>{1, 2, 4, 5}));
  EXPECT_EQ(plain.notes.size(), 1u);
  // PQR: the letter before the residue; four letters that name ends of chains are none
  const PointCharges q = read_point_charges(
      folder.file("q.pqr",
                  "ATOM      1  CA AALA A   1       1.000   2.000   3.000 -0.4000 1.8500\n"
                  "ATOM      2  CA BALA A   1       1.300   2.000   3.000 -0.4000 1.8500\n"
                  "ATOM 3 CA NALA B 1 2.4 2.0 3.0 0.3 2.275\nATOM 4 CA CALA C 1 2.9 2.0 3.0 0.3 2.275\n"
                  "ATOM 5 CB ASER C 2 1 0 0 0.3 2.275\nATOM 6 CB BSER C 2 2 0 0 0.3 2.275\n"));
  EXPECT_EQ(q.lines, (std::vector<Index>{1, 3, 4, 5}));
  EXPECT_EQ(q.notes.size(), 1u);
  const PointCharges r = read_point_charges(
      folder.file("r.pqr",
                  "ATOM      1  CA  ALA A   1       1.000   2.000   3.000 -0.4000 1.8500\n"
                  "ATOM      2  CA BALA A   1       1.300   2.000   3.000 -0.4000 1.8500\n"
                  "ATOM      3  CA BALA A   2       2.300   2.000   3.000 -0.4000 1.8500\n"));
  EXPECT_EQ(r.lines, (std::vector<Index>{1, 3}));
}

TEST(PointCharges, PdbRecordsAreAtomsOrErrors) {
  Temporary folder;
  const std::string tail = "  O   HOH A   2       1.000   2.000   3.000  1.00  0.50           O1-\n";
  for (const char* record :
       {"HETATM*****", "HETATMA0000", "ATOM  A0000", "atom      1", "ATOM  100000", "HETATM1000000"}) {
    const PointCharges p = read_point_charges(folder.file("r.pdb", record + tail));
    ASSERT_EQ(p.size(), 1) << record;
    EXPECT_EQ(p.charges[0], -1) << record;
    EXPECT_EQ(p.positions, (std::vector<double>{1, 2, 3})) << record;
    EXPECT_EQ(read_point_charges(folder.path("r.pdb"), PdbCharges::b_factor).charges[0], 0.5) << record;
  }
  EXPECT_EQ(
      read_point_charges(
          folder.file("two.pdb",
                      "ATOM      1  CA  ALA A   1       11.10    6.13   -6.50  1.00 15.00           C1+\n"))
          .positions[0],
      11.1);
  for (const char* line :
       {" ATOM      1  O   HOH A   2       1.000   2.000   3.000  1.00  0.00           O1-",
        "ATOM\t1\tO\tHOH\tA\t2\t1.000\t2.000\t3.000\t1.00\t0.00\tO1-\t                           ",
        "ATOM     1 O HOH A   2       1.000   2.000   3.000  1.00  0.00           O1-     ",
        "ATOMS     1  O   HOH A   2   1.000   2.000   3.000  1.00  0.00           O1-     "})
    EXPECT_EQ(complaint(folder, "w.pdb", std::string(line) + "\n").rfind("line 1|", 0), 0u) << line;
}

TEST(PointCharges, XyzFramesAndFieldsBehindTheFirst) {
  Temporary folder;
  const std::string salt = "\n2\nsalt\nNa 0 0 0 1\nCl 0 0 2.8 -1\n";
  EXPECT_TRUE(read_point_charges(folder.file("a.xyz", salt + "\n\n")).notes.empty());
  EXPECT_NE(read_point_charges(folder.file("b.xyz", salt + salt)).notes.at(0).find("begins in line 7"),
            std::string::npos);
  EXPECT_NE(complaint(folder, "c.xyz", salt + "Cl 0 0 -2.8 -1\n").find("line 6"), std::string::npos);
  EXPECT_EQ(read_point_charges(folder.file("d.xyz", "1\n\nNa 0 0 0 1 7 7\n")).notes.size(), 1u);
  const std::string extended = "1\nProperties=species:S:1:pos:R:3:charge:R:1\nNa 0 0 0 1\n";
  EXPECT_EQ(read_point_charges(folder.file("e.xyz", extended + extended)).notes.size(), 1u);
  EXPECT_NE(complaint(folder, "f.xyz", extended + "Cl 0 0 1 1\n").find("line 4"), std::string::npos);
  EXPECT_NE(complaint(folder, "g.xyz", "1\nProperties=species:S:1:pos:R:3:charge:R:1:q:R:1\nNa 0 0 0 1 2\n")
                .find("different charges"),
            std::string::npos);
}
