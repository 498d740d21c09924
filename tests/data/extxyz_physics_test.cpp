// What users of other programs write into extended XYZ: it is used, refused or listed.

#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/data/unused.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "data/extxyz_names.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

const std::string water = "O 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n";

std::vector<Frame> read(const std::string& text, const LabelKeys& keys = {}) {
  Temporary folder;
  ReadOptions options;
  options.labels = keys;
  return read_frames(folder.file("a.xyz", text), "", options);
}
Frame frame_of(const std::string& keys) {
  return read("3\nProperties=species:S:1:pos:R:3 " + keys + "\n" + water).at(0);
}
Frame with_column(const std::string& column, const std::string& values, const std::string& keys = "") {
  return read("1\nProperties=species:S:1:pos:R:3:" + column + " " + keys + "\nO 0 0 0 " + values + "\n")
      .at(0);
}

template <class Read>
void expect_error(const Read& read_it, const std::string& what) {
  try {
    read_it();
    ADD_FAILURE() << "not refused; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}
void expect_refused(const std::string& keys, const std::string& what) {
  expect_error([&] { frame_of(keys); }, what);
}

bool is_listed(const Frame& f, const std::string& name, bool physics = true) {
  for (const Unused& u : not_used(f))
    if (u.name == name) return u.physics == physics;
  return false;
}

}  // namespace

TEST(ExtxyzPhysics, SkipsAByteOrderMarkAndNamesOtherLineEnds) {
  const std::string plain = "3\nProperties=species:S:1:pos:R:3 energy=-4.5\n" + water;
  EXPECT_EQ(read("\xEF\xBB\xBF" + plain).at(0).energy, -4.5);
  std::string mac = plain;
  for (char& c : mac)
    if (c == '\n') c = '\r';
  expect_error([&] { read(mac); }, "line 1: has carriage returns (CR) for line ends");
  expect_error(
      [&] {
        read(
            "\xFF\xFE"
            "3\n");
      },
      "UTF-16");
}

TEST(ExtxyzPhysics, PeriodicityInEveryNotation) {
  const std::array<bool, 3> slab{true, true, false};
  for (const char* pbc :
       {"pbc=T T F", "pbc=TTF", "pbc=\"TTF\"", "PBC=\"T T F\"", "pbc=1 1 0", "pbc=\"T, T, F\"",
        "pbc=True True False", "pbc=_JSON [true, true, false]", "Periodic=\"T T F\"",
        "pbc=\"_JSON [true, true, false]\"", "pbc=\"[ True  True False]\"", "pbc=t t f"})
    EXPECT_EQ(frame_of(std::string("Lattice=\"9 0 0 0 9 0 0 0 9\" ") + pbc + " energy=1").pbc, slab) << pbc;
  for (const char* cell : {"lattice=\"9 0 0 0 9 0 0 0 9\"", "LATTICE=\"9 9 9\"", "Lattice=9 0 0 0 9 0 0 0 9",
                           "cell=[[9,0,0],[0,9,0],[0,0,9]]", "Lattice=\"9,0,0,0,9,0,0,0,9\"",
                           "cell=\"_JSON [[9,0,0],[0,9,0],[0,0,9]]\"", "Lattice=\"9 9 9\" cell=\"9 9 9\""}) {
    EXPECT_EQ(frame_of(cell).volume(), 729) << cell;
    EXPECT_TRUE(frame_of(cell).periodic()) << cell;
  }
  expect_refused("Lattice=\"9 9 9\" cell=\"8 8 8\"", "contradict each other");
  expect_refused("energy=1 2", "expected one number");
}

TEST(ExtxyzPhysics, JsonScalarsAreNumbers) {
  for (const char* e :
       {"energy=_JSON -4.5", "energy=\"_JSON -4.5\"", "energy='_JSON -4.5'", "Energy = _JSON -4.5"})
    EXPECT_EQ(frame_of(std::string(e) + " pbc=\"F F F\"").energy, -4.5) << e;
  EXPECT_EQ(frame_of("charge=_JSON 1").charge, 1);
  const Frame f = frame_of("a=_JSON 2 b=\"_JSON true\" c=_JSON \"two words\" d=_JSON null e2=_JSON 2.5");
  EXPECT_EQ(std::get<std::int64_t>(f.info.at("a")), 2);
  EXPECT_EQ(std::get<bool>(f.info.at("b")), true);
  EXPECT_EQ(std::get<std::string>(f.info.at("c")), "_JSON \"two words\"");
  EXPECT_EQ(std::get<double>(f.info.at("e2")), 2.5);
}

TEST(ExtxyzPhysics, KeysAndColumnsInAnyCase) {
  const Frame f =
      read(
          "3\nlattice=\"9 0 0 0 9 0 0 0 9\" PROPERTIES=Species:s:1:Pos:r:3:FORCES:r:3 ENERGY=-4.5\n"
          "O 0 0 0 1 0 0\nH 0.96 0 0 -1 0 0\nH -0.24 0.93 0 0 0 0\n")
          .at(0);
  EXPECT_EQ(f.pbc, (std::array<bool, 3>{true, true, true}));
  EXPECT_EQ(f.forces.size(), 9u);
  EXPECT_EQ(f.energy, -4.5);
  EXPECT_TRUE(f.info.empty());
}

TEST(ExtxyzPhysics, SlipsAreRefusedWithTheNameThatWasMeant) {
  const std::pair<const char*, const char*> slips[] = {
      {"Lattise=\"9 9 9\"", "lattice is meant"},
      {"latice=\"9 9 9\"", "lattice is meant"},
      {"energi=-4.5", "energy is meant"},
      {"enregy=-4.5", "energy is meant"},
      {"engery=-4.5", "energy is meant"},
      {"REF_energi=-4.5", "REF_energy is meant"},
      {"Propertis=species:S:1:pos:R:3", "properties is meant"},
      {"strss=\"0 0 0 0 0 0\"", "stress is meant"},
      {"viral=\"0 0 0 0 0 0\"", "virial is meant"},
      {"chrage=1", "charge is meant"}};
  for (const auto& [key, meant] : slips) expect_refused(key, meant);
  for (const char* name : {"froces", "dft_forcs", "velocites", "momnta", "massess", "move_masc"})
    expect_error([&] { with_column(std::string(name) + ":R:3", "0 0 0"); }, "is meant");
  // words of their own
  for (const char* own :
       {"change=1", "entry=2", "charges=\"1 2\"", "energies=\"1 2\"", "energy_per_atom=1", "step=3",
        "serial=4", "strain=0.1", "force_sigma=1", "entropy=2", "kinetic_energy=1", "stage=2",
        "config_type=x", "source=abc", "latency=1", "formation_energy=-1", "max_force=2"})
    EXPECT_EQ(frame_of(own).info.size(), 1u) << own;
}

TEST(ExtxyzPhysics, AtomicNumbersUnderTheirNames) {
  for (const char* name : {"numbers", "Z", "z", "atomic_numbers", "Atomic_Number", "species"}) {
    const Frame f =
        read(std::string("3\nProperties=") + name + ":I:1:pos:R:3\n8 0 0 0\n1 0.96 0 0\n1 0 1 0\n").at(0);
    EXPECT_EQ(f.numbers, (std::vector<int>{8, 1, 1})) << name;
    EXPECT_TRUE(f.arrays.empty()) << name;
  }
  for (const char* name : {"symbols", "element", "chemical_symbols", "type"})
    EXPECT_EQ(read(std::string("1\nProperties=positions:R:3:") + name + ":S:1\n0 0 0 Si\n").at(0).numbers[0],
              14);
  expect_error([&] { with_column("numbers:I:1", "7"); }, "species is O but numbers is 7");
  expect_error([&] { read("1\nProperties=species:S:1:coord_x:R:3\nO 0 0 0\n"); }, "found species, coord_x");
}

TEST(ExtxyzPhysics, LabelsUnderTheUsualNames) {
  for (const char* name : {"energy",           "Energy",
                           "ENERGY",           "REF_energy",
                           "ref_energy",       "dft_energy",
                           "DFT_energy",       "DFT_Energy",
                           "energy_dft",       "E_dft",
                           "mace_energy",      "MACE_energy",
                           "gap_energy",       "nequip_energy",
                           "free_energy",      "E",
                           "total_energy",     "TotEnergy",
                           "Total_Energy",     "etot",
                           "potential_energy", "Epot",
                           "qm_energy",        "xtb_energy",
                           "vasp_energy",      "energy_pbe",
                           "wb97m_energy",     "energy_eV",
                           "DFT-energy",       "corrected_total_energy",
                           "reference_energy", "dftenergy"}) {
    const Frame f = frame_of(std::string(name) + "=-1.5");
    EXPECT_EQ(f.energy, -1.5) << name;
    EXPECT_TRUE(f.info.empty()) << name;
  }
  for (const char* name : {"forces", "force", "Forces", "REF_forces", "dft_force", "DFT_forces", "gap_force",
                           "mace_forces", "F", "forces_dft", "qm_forces", "MACE_forces", "F_ref"}) {
    const Frame f = with_column(std::string(name) + ":R:3", "1 2 3");
    EXPECT_EQ(f.forces, (std::vector<double>{1, 2, 3})) << name;
    EXPECT_TRUE(f.arrays.empty()) << name;
  }
  const std::string cell = "Lattice=\"2 2 2\" ";
  for (const char* name : {"stress", "REF_stress", "DFT_stress", "dft_stress", "mace_stress", "Stress"})
    EXPECT_EQ((*frame_of(cell + name + "=\"1 2 3 4 5 6\"").stress)[4], 2) << name;
  for (const char* name :
       {"virial", "virials", "REF_virial", "REF_virials", "dft_virial", "Virial", "gap_virial"})
    EXPECT_EQ((*frame_of(cell + name + "=\"-8 -16 -24 0 0 0\"").stress)[4], 2) << name;
  for (const char* name : {"charge", "Charge", "total_charge", "net_charge", "tot_charge"})
    EXPECT_EQ(frame_of(std::string(name) + "=-1").charge, -1) << name;
  EXPECT_EQ(frame_of("E=abc").info.size(), 1u);  // a letter is a label where it is a number
  EXPECT_EQ(with_column("f:R:1", "2").arrays.size(), 1u);
}

TEST(ExtxyzPhysics, TwoThatDifferAreRefusedWithTheOption) {
  expect_refused("energy=-4.5 REF_energy=-4.6",
                 "energy (-4.5) and REF_energy (-4.6) contradict each other; --energy-key");
  expect_refused("dft_energy=1 MACE_energy=2", "--energy-key");
  expect_refused("charge=1 total_charge=0", "contradict");
  EXPECT_EQ(frame_of("energy=-4.5 REF_energy=-4.5").energy, -4.5);
  expect_error([&] { with_column("forces:R:3:REF_forces:R:3", "1 2 3 1 2 4"); }, "--forces-key");
  EXPECT_EQ(with_column("forces:R:3:REF_forces:R:3", "1 2 3 1 2 3").forces[2], 3);
  expect_error([&] { with_column("velo:R:3:momenta:R:3", "1 2 3 1 2 3"); }, "contradict");
  const Frame ase = frame_of("energy=-4.5 free_energy=-4.6");  // as ASE writes them: two quantities
  EXPECT_EQ(ase.energy, -4.5);
  EXPECT_TRUE(is_listed(ase, "free_energy"));
  LabelKeys keys;
  keys.energy = "REF_energy";
  keys.forces = "mine";
  const std::string both =
      "1\nProperties=species:S:1:pos:R:3:forces:R:3:mine:R:3 energy=1 REF_energy=2 \nO 0 0 0 1 1 1 2 2 2\n";
  const Frame chosen = read(both, keys).at(0);
  EXPECT_EQ(chosen.energy, 2);
  EXPECT_EQ(chosen.forces[0], 2);
  EXPECT_TRUE(is_listed(chosen, "energy", false) && is_listed(chosen, "forces", false));
  keys.energy = "absent";
  expect_error([&] { read(both, keys); },
               "no frame has absent, which energy_key names; the first has forces");
  // and in files whose readers know no names
  Temporary folder;
  Frame f = frame_of("");
  f.info["my_e"] = -7.0;
  f.arrays["my_f"] = Array::from(std::vector<double>(9, 0.5), {3, 3});
  write_frames(folder.path("a.h5"), {f});
  keys.energy = "my_e";
  keys.forces = "my_f";
  ReadOptions options;
  options.labels = keys;
  const Frame back = read_frames(folder.path("a.h5"), "", options).at(0);
  EXPECT_EQ(back.energy, -7);
  EXPECT_EQ(back.forces, std::vector<double>(9, 0.5));
}

TEST(ExtxyzPhysics, StressAgainstVirial) {
  const std::string cell = "Lattice=\"10 10 10\" stress=\"0.001 0 0 0 0.001 0 0 0 0.001\" ";
  EXPECT_EQ((*frame_of(cell + "virial=\"-1 0 0 0 -1 0 0 0 -1\"").stress)[0], 0.001);
  for (const char* wrong : {"virial=\"1 0 0 0 1 0 0 0 1\"", "virials=\"1 1 1 0 0 0\"",
                            "REF_virial=\"-2 0 0 0 -2 0 0 0 -2\"", "dft_stress=\"0.002 0.001 0.001 0 0 0\""})
    expect_refused(cell + wrong, "contradict each other");
  const Frame loose = frame_of("virial=\"1 0 0 0 1 0 0 0 1\"");
  EXPECT_FALSE(loose.stress);
  EXPECT_TRUE(is_listed(loose, "virial"));
}

TEST(ExtxyzPhysics, IsotopesAndMasses) {
  const Frame d2o = read("3\nProperties=species:S:1:pos:R:3\nO 0 0 0\nD 0.96 0 0\nT -0.24 0.93 0\n").at(0);
  EXPECT_EQ(d2o.numbers, (std::vector<int>{8, 1, 1}));
  const auto masses = d2o.arrays.at("masses").to_vector<double>();
  EXPECT_NEAR(masses[0], 15.999, 1e-9);
  EXPECT_NEAR(masses[1], 2.014, 2e-4);
  EXPECT_NEAR(masses[2], 3.016, 2e-4);
  for (const auto& [word, mass] :
       {std::pair{"2H", 2.0141}, {"13C", 13.00335}, {"C-13", 13.00335}, {"18O", 17.99916}, {"H(2)", 2.0141}})
    EXPECT_NEAR(read(std::string("1\n\n") + word + " 0 0 0\n").at(0).arrays.at("masses").data<double>()[0],
                mass, 1e-9)
        << word;
  expect_error([&] { read("1\n\n11C 0 0 0\n"); }, "mass of the isotope 11C");
  for (const char* label : {"H2", "C13", "O2-", "Fe3+", "1D"})
    expect_error([&] { read(std::string("1\n\n") + label + " 0 0 0\n"); }, "symbol of an element");
  for (const char* name : {"mass", "masses", "Mass", "atomic_mass"})
    EXPECT_EQ(with_column(std::string(name) + ":R:1", "17.5").arrays.at("masses").data<double>()[0], 17.5)
        << name;
  EXPECT_EQ(with_column("mass:I:1", "18").arrays.at("masses").data<double>()[0], 18);
  expect_error([&] { with_column("mass:R:1:masses:R:1", "1 2"); }, "masses");
  expect_error([&] { read("1\nProperties=species:S:1:pos:R:3:mass:R:1\nD 0 0 0 1.008\n"); }, "isotope");
}

TEST(ExtxyzPhysics, VelocitiesAreWrittenForAse) {
  const Frame f = with_column("momenta:R:3", "1 -2 0.5");
  Temporary folder;
  write_extxyz(folder.path("b.xyz"), {f});
  const std::string text = Temporary::contents(folder.path("b.xyz"));
  EXPECT_NE(text.find(":momenta:R:3"), std::string::npos) << text;
  const Frame back = read_extxyz(folder.path("b.xyz")).at(0);
  for (std::size_t c = 0; c < 3; ++c) {
    const double momentum = f.velocities[c] * 15.999 * std::sqrt(units::mass_velocity2);
    EXPECT_NEAR(momentum, (std::array{1.0, -2.0, 0.5}[c]), 1e-14);
    EXPECT_LE(std::abs(back.velocities[c] / f.velocities[c] - 1), 5e-16);
  }
  // p = m v with the masses of the column, whatever its name
  const Frame heavy = with_column("mass:R:1:momenta:R:3", "20 1 0 0");
  EXPECT_NEAR(heavy.velocities[0] * 20 * std::sqrt(units::mass_velocity2), 1, 1e-14);
  for (const char* name : {"velo", "velocities", "vel", "Velocity"})
    EXPECT_EQ(with_column(std::string(name) + ":R:3", "1 2 3").velocities, (std::vector<double>{1, 2, 3}))
        << name;
}

TEST(ExtxyzPhysics, FixedAtomsHaveOneName) {
  for (const char* c : {"move_mask:L:1", "move_mask:I:1", "Move_Mask:L:1", "mobile:L:1"})
    EXPECT_EQ(with_column(c, "0").arrays.count("move_mask"), 1u) << c;
  for (const char* c : {"fixed:L:1", "frozen:I:1"})
    EXPECT_EQ(with_column(c, "1").arrays.count("fixed"), 1u) << c;
  EXPECT_EQ(with_column("move_mask:L:3", "T F T").arrays.at("move_mask").shape(), (Shape{1, 3}));
  EXPECT_TRUE(not_used(with_column("move_mask:L:1", "F")).empty());
}

TEST(ExtxyzPhysics, CommentsOfPrograms) {
  const auto comment = [](const std::string& line) { return read("3\n" + line + "\n" + water).at(0); };
  const double energy = -17.25 * units::hartree;
  for (const char* line :
       {" i =        5, time =        2.500, E =       -17.25",
        " energy: -17.25 gnorm: 0.000057 xtb: 6.4.1 (x)", "Coordinates from ORCA-job opt E -17.25"})
    EXPECT_NEAR(comment(line).energy.value_or(0), energy, 1e-10) << line;
  const Frame ipi = comment(
      "# CELL(abcABC):   10.0  11.0  12.0  90.0 90.0 90.0  Step: 0  Bead: 0 positions{angstrom}  "
      "cell{angstrom}");
  EXPECT_NEAR(ipi.volume(), 1320, 1e-9);
  EXPECT_TRUE(ipi.pbc[0] && ipi.pbc[1] && ipi.pbc[2]);
  EXPECT_EQ(ipi.positions[3], 0.96);
  const Frame atomic = comment("# CELL(abcABC): 10 10 10 90 90 60 Step: 0 Bead: 0");
  EXPECT_NEAR(atomic.cell[0], 10 * units::bohr, 1e-12);
  EXPECT_NEAR(atomic.cell[3], 5 * units::bohr, 1e-12);
  EXPECT_NEAR(atomic.positions[3], 0.96 * units::bohr, 1e-12);
  const Frame h = comment("# CELL(H): 9 1 0 0 9 0 0 0 9 positions{angstrom} cell{angstrom}");
  EXPECT_EQ(h.cell[3], 1);  // columns are the vectors
  expect_error([&] { comment("# CELL(abcABC): 9 9 9 90 90 90 forces{atomic_unit} cell{angstrom}"); },
               "forces");
  const Frame more = read("1\ncharges behind\nO 0 0 0 -0.8\n").at(0);
  EXPECT_TRUE(is_listed(more, "columns after x y z"));
  expect_error([&] { comment("energy=-4.5 name=\"open"); }, "not closed");  // nothing is lost to a comment
}
