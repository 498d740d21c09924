// Models of torchmd-net, and files that are no models, or not whole, or of what is not read.
#include <gtest/gtest.h>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/import.hpp>
#include <cartan/potentials/model_card.hpp>
#include <cartan/potentials/training.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "data/zip_maker.hpp"
#include "potentials/import/importer.hpp"
#include "potentials/small_networks.hpp"
#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::potentials;
using cartan::testing::number;
using cartan::testing::stored;
using cartan::testing::Temporary;
using cartan::testing::zip;

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

void expect_refused(const std::string& path, const std::string& what) {
  try {
    import_model(path);
    ADD_FAILURE() << path << " was read; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

std::vector<double> numbers(const data::Group& group, const std::string& name) {
  return group.array(name).as(DType::f64).to_vector<double>();
}

Frame system_of(const data::Group& group) {
  Frame f;
  for (const double z : numbers(group, "numbers")) f.numbers.push_back(static_cast<int>(z));
  f.positions = numbers(group, "positions");
  if (group.has("box")) {
    const auto box = numbers(group, "box");
    std::copy(box.begin(), box.end(), f.cell.begin());
    f.pbc = {true, true, true};
  }
  return f;
}

}  // namespace

TEST(Import, TorchMdNetGivesItsEnergiesAndForces) {
  CARTAN_REAL_DATA(path, "../reference/torchmdnet/values.h5");
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const data::Group all = data::load(path);
  int compared = 0;
  for (const auto& [name, group] : all.groups()) {
    SCOPED_TRACE(name);
    const Model plain = import_model(folder + name).model;
    ImportOptions turned;
    turned.reverse_edges = true;
    const Model fused = import_model(folder + name, turned).model;
    for (const auto& system : group.groups()) {
      const data::Group& values = system.second;
      if (!values.has("positions")) continue;
      SCOPED_TRACE(system.first);
      const FrameSet set{system.first, {system_of(values)}};
      const auto check = [&](const Model& model, const char* energy, const char* forces, double tolerance) {
        const Predictions p = predict(model, set, false);
        const double e = numbers(values, energy).at(0);
        EXPECT_LE(std::abs(p.energy[0] - e), tolerance * std::abs(e));
        const auto want = numbers(values, forces);
        EXPECT_LE(golden::difference(p.forces[0], want), tolerance * small::largest(want));
      };
      check(plain, "energy", "forces", 1e-10);
      check(plain.as(DType::f32), "energy", "forces", 2e-5);
      // Their default operations are good to 1e-7.
      check(fused, "energy_fused", "forces_fused", 1e-6);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 18);

  // In another unit, and through a file: the constant of a molecule is kept.
  ImportOptions kcal;
  kcal.energy_unit = "kcal/mol";
  const Model a = import_model(folder + "tensornet_o3.ckpt").model,
              b = import_model(folder + "tensornet_o3.ckpt", kcal).model;
  EXPECT_LE(std::abs(b.offset - 0.0433641042418009 * a.offset), 1e-15);
  EXPECT_EQ(a.offset, -2.75);
  const Temporary temporary;
  a.save(temporary.path("a.h5"));
  const Model c = Model::open(temporary.path("a.h5"));
  EXPECT_EQ(c.offset, a.offset);
  EXPECT_EQ(Model(c).with_elements({1, 6}).offset, a.offset);
  const FrameSet set{"molecule", {small::molecule()}};
  EXPECT_EQ(predict(c, set, false).energy, predict(a, set, false).energy);
}

TEST(ImportErrors, OtherArchitecturesAreNamed) {
  CARTAN_REAL_DATA(other, "../reference/neuralop_dense2d_state_dict.pt");
  expect_refused(other, "is not read");
  const Temporary folder;
  expect_refused(folder.file("a.pth", "not a checkpoint"),
                 "is no model that is read. These are: checkpoints of SevenNet");
  expect_refused(folder.file("empty.pth", ""), "is no model that is read");
  small::model("tensornet").save(folder.path("own.h5"));
  expect_refused(folder.path("own.h5"), "is no model that is read");
  EXPECT_THROW(import_model(folder.path("absent.pth")), std::exception);
}

TEST(ImportErrors, CodeIsRefusedAndNotRun) {
  const Temporary folder;
  const std::string witness = folder.path("witness");
  const std::string command = "touch " + witness;
  const std::string pickle =
      std::string("\x80\x02") + "cposix\nsystem\nX" + number(command.size(), 4) + command + "\x85R.";
  for (const std::string name : {"archive/data.pkl", "any/data.pkl"}) {
    const std::string path = folder.file("code.pth", zip({stored(name, pickle)}));
    expect_refused(path, "posix.system");
  }
  EXPECT_FALSE(std::filesystem::exists(witness));
}

TEST(ImportErrors, TruncatedCheckpointsAreRefused) {
  CARTAN_REAL_DATA(path, "../reference/torchmdnet/tensornet_so3.ckpt");
  const std::string whole = bytes_of(path);
  const Temporary folder;
  ASSERT_GT(whole.size(), 100000u);
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 37) {
    const std::string cut = folder.file("cut.ckpt", whole.substr(0, size));
    EXPECT_THROW(import_model(cut), FormatError) << size;
  }
  // A changed byte is found, unless it lies in what is not read (the state of the optimiser).
  const Model good = import_model(path).model;
  const FrameSet set{"molecule", {small::molecule()}};
  const auto energy = predict(good, set, false).energy;
  int found = 0;
  for (std::size_t at = 100; at < whole.size(); at += whole.size() / 61) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 16);
    try {
      EXPECT_EQ(predict(import_model(folder.file("changed.ckpt", changed)).model, set, false).energy, energy);
    } catch (const FormatError&) {
      ++found;
    }
  }
  EXPECT_GT(found, 10);
}

TEST(ImportErrors, PartsOfMaceThatAreNotReadAreNamed) {
  CARTAN_REAL_DATA(path, "../reference/mace_reference.h5");
  const data::Group model = data::load(path).group("models/b");
  data::Group good;
  for (const auto& [name, item] : model.group("weights").items()) good["weights"].items()[name] = item;
  good.attributes = {{"hidden_irreps", std::string("8x0e+8x1o+8x2e")},
                     {"MLP_irreps", std::string("16x0e")},
                     {"max_ell", std::int64_t{3}},
                     {"correlation", std::int64_t{3}},
                     {"num_interactions", std::int64_t{2}},
                     {"num_bessel", std::int64_t{8}},
                     {"num_polynomial_cutoff", std::int64_t{5}},
                     {"pair_repulsion", std::int64_t{0}},
                     {"radial_MLP", std::vector<std::int64_t>{16, 16, 16}},
                     {"r_max", 5.0},
                     {"avg_num_neighbors", 10.0},
                     {"distance_transform", std::string("None")},
                     {"interaction_first", std::string("RealAgnosticResidualInteractionBlock")},
                     {"interaction", std::string("RealAgnosticResidualInteractionBlock")}};
  const auto refused = [&](const std::string& what, const auto& change) {
    data::Group bad = good;
    change(bad);
    try {
      import_mace(bad, {});
      ADD_FAILURE() << "read; expected " << what;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  };
  ASSERT_NO_THROW(import_mace(good, {}));
  const auto attribute = [&](const std::string& name, const data::Attribute& value, const std::string& what) {
    refused(what, [&](data::Group& g) { g.attributes[name] = value; });
  };
  attribute("interaction", std::string("RealAgnosticResidualNonLinearInteractionBlock"),
            "RealAgnosticResidualNonLinearInteractionBlock is not read");
  attribute("class", std::string("PolarMACE"), "PolarMACE is not read");
  attribute("gate", std::string("sigmoid"), "sigmoid is not read");
  attribute("radial_type", std::string("GaussianBasis"), "GaussianBasis is not read");
  attribute("use_so3", std::int64_t{1}, "has the shape");  // those irreps have other couplings
  attribute("edge_irreps", std::string("4x0e"), "4x0e are not read");
  attribute("readouts", std::vector<std::string>{"LinearReadoutBlock", "NonLinearBiasReadoutBlock"},
            "NonLinearBiasReadoutBlock is not read");
  attribute("readouts", std::vector<std::string>{"LinearReadoutBlock", "x", "y"}, "are 3 for 2 layers");
  attribute("correlations", std::vector<std::int64_t>{3}, "are 1 for 2 layers");
  attribute("distance_transform", std::string("Morse"), "Morse is not read");
  refused("belongs to a part of MACE that is not read",
          [](data::Group& g) { g["weights"].set("joint_embedding.weight", Array::zeros({3}, DType::f64)); });
  const std::string w3j = "interactions.1.conv_tp._compiled_main_left_right._w3j_1_1_2";
  refused("is another 3j symbol", [&](data::Group& g) {
    g["weights"].set(w3j, Array::full({3, 3, 5}, 0.1, DType::f64));
  });
  refused("there is no array",
          [](data::Group& g) { g["weights"].items().erase("node_embedding.linear.weight"); });
  // Arrays of the right size that are not what they should be.
  const auto array = [&](const std::string& name, const Shape& shape, double value, const std::string& what) {
    refused(name + ": " + what,
            [&](data::Group& g) { g["weights"].set(name, Array::full(shape, value, DType::f64)); });
  };
  array("readouts.0.linear.weight", {8}, NAN, "holds nan");
  array("readouts.0.linear.weight", {8}, INFINITY, "holds inf");
  array("interactions.0.conv_tp_weights.layer0.weight", {16, 8}, 1, "has the shape (16, 8), not (8, 16)");
  array("atomic_energies_fn.atomic_energies", {3, 1}, 1, "has the shape (3, 1), not (1, 3)");
  array("products.0.symmetric_contractions.contractions.0.weights.1", {8, 1, 3}, 1,
        "has the shape (8, 1, 3), not (3, 1, 8)");
  array("radial_embedding.cutoff_fn.r_max", {}, 4, "is 4, not 5");
  array("radial_embedding.cutoff_fn.p", {}, 6, "is 6, not 5");
  array("radial_embedding.bessel_fn.prefactor", {}, 1, "is 1, not 0.632");
  array("radial_embedding.distance_transform.covalent_radii", {119}, 1, "has another radius of H than 0.31");
  array("products.0.symmetric_contractions.contractions.0.U_matrix_1", {16, 1}, 1, "[change_of_basis]");
  attribute("num_bessel", std::int64_t{9000}, "bessel_weights: has the shape (8), not");
}

TEST(ImportErrors, AnElementThatTheModelLacksIsNamedEverywhere) {
  const Model model = small::model("mace");
  Frame f = small::molecule();
  f.numbers[0] = 14;
  const auto said = [&](const auto& call) {
    try {
      call();
      ADD_FAILURE() << "no error";
    } catch (const std::exception& error) {
      EXPECT_NE(std::string(error.what()).find("Si"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("H C N O"), std::string::npos) << error.what();
    }
  };
  said([&] { predict(model, {"set", {f}}, false); });
  said([&] { ModelPotential(model).evaluate(f); });
  said([&] { (void)model.with_elements({1, 14}); });
}

// Checkpoints from before a field was there go on where it has its default.
TEST(FineTuning, CheckpointsOfEarlierVersionsGoOn) {
  Frame f = small::molecule();
  f.energy = -30;
  f.forces.assign(f.positions.size(), 0.1);
  for (const bool other : {false, true}) {
    std::unique_ptr<NetworkConfig> c = small::config("mace");
    for (config::Field& field : config::fields_of(*c))
      if (field.name() == "cutoff_on_weights") field.set(other);
    Model model(*c, 1);
    model.reference = small::model("mace").reference;
    PotentialTask task(model, {"train", {f, f}}, {}, {});
    data::Group group;
    task.save(group);
    EXPECT_NO_THROW(task.load(group));
    ASSERT_EQ(group.attributes.erase("cutoff_on_weights"), 1u);
    if (other)
      EXPECT_THROW(task.load(group), FormatError);
    else
      EXPECT_NO_THROW(task.load(group));
    group.attributes.erase("channels");
    EXPECT_THROW(task.load(group), FormatError);
  }
}

// Another functional, say: the energies of atoms differ, and a fine-tuning run says by how much.
TEST(FineTuning, TheShiftOfAnotherEnergyScaleIsFound) {
  const Model model = small::model("nequip");
  FrameSet set{"other", {}};
  for (const std::vector<int>& numbers :
       {std::vector<int>{8, 1, 1}, {6, 1, 1, 1, 1}, {6, 8}, {7, 1, 1, 1}, {6, 6, 1, 1}, {8, 8}}) {
    Frame f;
    f.numbers = numbers;
    for (std::size_t k = 0; k < numbers.size(); ++k)
      for (const double x : {1.1 * static_cast<double>(k % 2), 1.2 * static_cast<double>(k / 2), 0.3 * k})
        f.positions.push_back(x);
    set.frames.push_back(f);
  }
  const Predictions p = predict(model, set, false);
  const std::map<int, double> moved{{1, -3.25}, {6, 11.5}, {7, 0.75}, {8, -60}};
  for (std::size_t k = 0; k < set.frames.size(); ++k) {
    set.frames[k].energy = p.energy[k];
    for (const int z : set.frames[k].numbers) *set.frames[k].energy += moved.at(z);
  }
  const EnergyShift shift = fit_shift(model, set);
  EXPECT_EQ(shift.frames, 6);
  for (const auto& [z, energy] : moved) EXPECT_LE(std::abs(shift.by_element.at(z) - energy), 1e-9) << z;
  EXPECT_LE(shift.left_per_atom, 1e-9);

  // an element that two of a thousand frames have is among those looked at
  FrameSet large{"large", {}};
  for (int k = 0; k < 1000; ++k) large.frames.push_back(set.frames[k == 1 || k == 998 ? 3 : k % 3]);
  const EnergyShift rare = fit_shift(model, large);
  EXPECT_LE(rare.frames, 202);
  EXPECT_LE(std::abs(rare.by_element.at(7) - 0.75), 1e-9);
}
