// Models of other programs against what these give.
#include <gtest/gtest.h>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/import.hpp>
#include <cartan/potentials/training.hpp>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "potentials/import/importer.hpp"
#include "real_data.hpp"
#include "temporary.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::potentials;
using cartan::testing::Temporary;

namespace {

std::vector<double> doubles(const Array& a) {
  return a.as(DType::f64).to_vector<double>();
}

data::Frame frame_of(const data::Group& g) {
  data::Frame f;
  for (const double z : doubles(g.array("numbers"))) f.numbers.push_back(static_cast<int>(z));
  f.positions = doubles(g.array("positions"));
  const std::vector<double> cell = doubles(g.array("cell")), pbc = doubles(g.array("pbc"));
  std::copy(cell.begin(), cell.end(), f.cell.begin());
  for (int k = 0; k < 3; ++k) f.pbc[k] = pbc[k] != 0;
  return f;
}

// Energy, forces and stress on every structure of a reference file.
void expect_agreement(const Model& model, const data::Group& structures, const data::Group& results,
                      const std::string& precision, double tolerance) {
  int compared = 0;
  for (const auto& [name, group] : structures.groups()) {
    SCOPED_TRACE(name);
    const data::Frame f = frame_of(group);
    const data::Group& want = results.group(precision.empty() ? name : name + "/" + precision);
    const FrameSet set{name, {f}};
    const Predictions p = predict(model, set, f.periodic());
    // Energies: of the largest of an atom, forces of the largest force or 1 eV/A, stress of the largest.
    EXPECT_TRUE(std::abs(p.energy[0] - doubles(want.array("energy"))[0]) <=
                tolerance * std::max(1.0, std::abs(p.energy[0])))
        << p.energy[0] << " " << doubles(want.array("energy"))[0];
    const std::vector<double> forces = doubles(want.array("forces"));
    double worst = 0, largest = 1e-2;
    for (std::size_t k = 0; k < forces.size(); ++k) {
      worst = std::max(worst, std::abs(forces[k] - p.forces[0][k]));
      largest = std::max(largest, std::abs(forces[k]));
    }
    EXPECT_TRUE(worst <= tolerance * largest) << worst << " of " << largest;
    if (f.periodic() && want.has("stress")) {
      std::vector<double> stress = doubles(want.array("stress"));
      if (stress.size() == 6) {  // ASE's order: xx yy zz yz xz xy
        const auto s = stress;
        stress = {s[0], s[5], s[4], s[5], s[1], s[3], s[4], s[3], s[2]};
      }
      double off = 0, most = 1e-3;
      for (std::size_t k = 0; k < 9; ++k) {
        off = std::max(off, std::abs(stress[k] - p.stress[0][k]));
        most = std::max(most, std::abs(stress[k]));
      }
      EXPECT_TRUE(off <= tolerance * most) << off << " of " << most;
    }
    ++compared;
  }
  EXPECT_GE(compared, 6);
}

void expect_sevennet(const std::string& path, const std::string& name, const std::string& task = "") {
  SCOPED_TRACE(name);
  CARTAN_REAL_DATA(reference, "../reference/sevennet_reference.h5");
  const data::Group all = data::load(reference);
  ImportOptions options;
  options.task = task;
  const ImportedModel imported = import_model(path, options);
  const data::Group &structures = all.group("structures"), &results = all.group("models/" + name);
  expect_agreement(imported.model, structures, results, "f64", 1e-10);
  expect_agreement(imported.model.as(DType::f32), structures, results, "f64", 2e-5);
}

}  // namespace

TEST(Import, SevenNetGivesItsEnergiesForcesAndStress) {
  CARTAN_REAL_DATA(path, "sevennet/checkpoint_sevennet_0.pth");
  expect_sevennet(path, "sevennet_0_11jul2024");
}

// The other checkpoints are in the wheel of sevenn 0.13: CARTAN_SEVENNET names its folder
// pretrained_potentials.
TEST(Import, EverySevenNetOfTheWheel) {
  const char* folder = std::getenv("CARTAN_SEVENNET");
  if (!folder) GTEST_SKIP() << "CARTAN_SEVENNET is not set";
  const std::string f = folder;
  expect_sevennet(f + "/SevenNet_0__22May2024/checkpoint_sevennet_0.pth", "sevennet_0_22may2024");
  expect_sevennet(f + "/SevenNet_l3i5/checkpoint_l3i5.pth", "sevennet_l3i5");
  for (const std::string task : {"PBE", "R2SCAN"})
    expect_sevennet(f + "/SevenNet_MF_0/checkpoint_sevennet_mf_0.pth", "sevennet_mf_0_" + task, task);
  EXPECT_THROW(import_model(f + "/SevenNet_MF_0/checkpoint_sevennet_mf_0.pth"), std::invalid_argument);
}

namespace {

// A model of the reference file as export_mace.py writes it: the arguments as attributes.
data::Group exported(const data::Group& model) {
  data::Group out;
  const auto config = nlohmann::json::parse(model.string("config"));
  for (const auto& [key, value] : config.items()) {
    if (value.is_boolean())
      out.attributes[key] = std::int64_t{value.get<bool>()};
    else if (value.is_number_integer())
      out.attributes[key] = value.get<std::int64_t>();
    else if (value.is_number())
      out.attributes[key] = value.get<double>();
    else if (value.is_string())
      out.attributes[key] = value.get<std::string>();
    else if (value.is_array() && value[0].is_string())
      out.attributes[key] = value.get<std::vector<std::string>>();
    else
      out.attributes[key] = value.get<std::vector<std::int64_t>>();
  }
  for (const auto& [name, item] : model.group("weights").items()) out["weights"].items()[name] = item;
  return out;
}

}  // namespace

TEST(Import, MaceGivesItsEnergiesForcesAndStress) {
  CARTAN_REAL_DATA(path, "../reference/mace_reference.h5");
  const data::Group all = data::load(path);
  int models = 0;
  for (const auto& [name, group] : all.group("models").groups()) {
    SCOPED_TRACE(name);
    const ImportedModel imported = import_mace(exported(group), {});
    expect_agreement(imported.model, all.group("structures"), group.group("results"), "", 1e-10);
    ++models;
  }
  EXPECT_EQ(models, 6);
}

// Two linear maps without a function between them are one: as a file that has their product says it.
TEST(Import, MaceWithoutAGate) {
  CARTAN_REAL_DATA(path, "../reference/mace_reference.h5");
  const data::Group all = data::load(path);
  data::Group two = exported(all.group("models/b")), one = two;
  two.attributes["gate"] = std::string("None");
  one.attributes["readouts"] = std::vector<std::string>{"LinearReadoutBlock", "LinearReadoutBlock"};
  const std::string p = "readouts.1.";
  const Array first = reshape(two["weights"].array(p + "linear_1.weight"), {8, 16});
  const Array second = reshape(two["weights"].array(p + "linear_2.weight"), {16, 1});
  one["weights"].set(p + "linear.weight", reshape(scale(matmul(first, second), 0.25), {8}));  // 1/sqrt(16)
  for (const char* name : {"linear_1.weight", "linear_2.weight"}) one["weights"].items().erase(p + name);
  const Array a = import_mace(two, {}).model.network().parameters().back().value->as(DType::f64);
  const Array b = import_mace(one, {}).model.network().parameters().back().value->as(DType::f64);
  ASSERT_EQ(a.shape(), (Shape{8, 1}));
  ASSERT_EQ(b.shape(), a.shape());
  for (Index c = 0; c < 8; ++c) EXPECT_NEAR(a.data<double>()[c], b.data<double>()[c], 1e-14);
}

// Edges along the polar axis of the harmonics, both ways: values of mace-torch 0.3.16, float64.
TEST(Import, MaceAlongThePolarAxis) {
  CARTAN_REAL_DATA(path, "../reference/mace_reference.h5");
  const data::Group all = data::load(path);
  Frame f;
  f.numbers = {8, 1, 1, 6};
  f.positions = {0, 0, 0, 0, 0.97, 0, 0, -1.03, 0, 1.1, 1.2, 0};
  struct Golden {
    const char* model;
    double energy;
    std::vector<double> forces;
  };
  for (const Golden& golden :
       {Golden{"b_zbl",
               -3095.4989678901384,
               {0.15278292962083528, 1.053132122837454, 0, 0.3125039769645369, 1.1914197773041226, 0,
                0.07851271171769897, -1.853371193434927, 0, -0.5437996183030713, -0.39118070670664956, 0}},
        Golden{"c_density_agnesi_zbl",
               -3086.88834683638,
               {4.377470590715451, -2.655440739860144, 0, 2.8985712113952555, 6.634276853910983, 0,
                -1.9080600680570923, -2.4655068997670817, 0, -5.367981734053615, -1.5133292142837573, 0}}}) {
    const Model m = import_mace(exported(all.group(std::string("models/") + golden.model)), {}).model;
    const Predictions p = predict(m, {"axis", {f}}, false);
    EXPECT_LE(std::abs(p.energy[0] - golden.energy), 1e-12 * std::abs(golden.energy));
    for (std::size_t k = 0; k < 12; ++k)
      EXPECT_LE(std::abs(p.forces[0][k] - golden.forces[k]), 1e-10) << golden.model << " " << k;
  }
}

TEST(Import, CouplingsOfMace) {
  CARTAN_REAL_DATA(path, "../reference/mace_reference.h5");
  const data::Group all = data::load(path).group("U");
  for (const auto& [name, group] : all.groups()) {
    SCOPED_TRACE(name);
    int lmax = 0, degree = 0, nu = 0;
    ASSERT_EQ(std::sscanf(name.c_str(), "lmax%d_L%d_nu%d", &lmax, &degree, &nu), 3);
    const Array u =
        mace_couplings(so3::Irreps::spherical_harmonics(lmax, -1), {degree, degree % 2 ? -1 : 1}, nu);
    std::vector<double> want(u.size(), 0.0);
    const std::vector<double> index = doubles(group.array("index")), value = doubles(group.array("value"));
    const Index rank = static_cast<Index>(u.shape().size());
    ASSERT_EQ(index.size(), value.size() * rank);
    for (std::size_t k = 0; k < value.size(); ++k) {
      Index at = 0;
      for (Index axis = 0; axis < rank; ++axis)
        at = at * u.shape()[axis] + static_cast<Index>(index[k * rank + axis]);
      want[at] = value[k];
    }
    const std::vector<double> have = doubles(u);
    double worst = 0;
    for (std::size_t k = 0; k < have.size(); ++k) worst = std::max(worst, std::abs(have[k] - want[k]));
    EXPECT_TRUE(worst <= 1e-10) << worst;
  }
}
