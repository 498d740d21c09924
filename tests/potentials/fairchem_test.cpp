// eSEN, EquiformerV2 and eSCN with the weights of a reference file against what fairchem gives.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/torch_file.hpp>
#include <cartan/potentials/import.hpp>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/pickle_maker.hpp"
#include "golden.hpp"
#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

std::vector<double> doubles(const Array& a) {
  return a.as(DType::f64).to_vector<double>();
}

Frame frame_of(const data::Group& g) {
  Frame f;
  for (const double z : doubles(g.array("z"))) f.numbers.push_back(static_cast<int>(z));
  f.positions = doubles(g.array("pos"));
  if (g.has("cell")) {
    const std::vector<double> cell = doubles(g.array("cell"));
    std::copy(cell.begin(), cell.end(), f.cell.begin());
    f.pbc = {true, true, true};
  }
  return f;
}

// Largest difference over the largest value.
double relative(const std::vector<double>& found, const std::vector<double>& wanted) {
  if (found.size() != wanted.size()) return INFINITY;
  double worst = 0, largest = 0;
  for (std::size_t k = 0; k < found.size(); ++k) {
    worst = cartan::testing::worst_of(worst, std::abs(found[k] - wanted[k]));
    largest = std::max(largest, std::abs(wanted[k]));
  }
  return worst / largest;
}

// How far forces in float32 may lie from those stated, of the largest: some structures and coarse grids make
// much of any rounding, that of the weights alone to begin with.
double of_rounding(const Model& single, const Graph& g, const std::vector<double>& stated) {
  const Model exact = single.as(DType::f64);
  return 1e-6 + 3 * relative(doubles(exact.predict(g, {true, false, false}).forces), stated);
}

}  // namespace

class Fairchem : public ::testing::TestWithParam<std::string> {};

TEST_P(Fairchem, EnergiesAndForcesOfTheReferenceFile) {
  CARTAN_REAL_DATA(path, "../reference/equiformer_reference.h5");
  const data::Group all = data::load(path);
  ImportOptions options;
  options.task = GetParam();
  const ImportedModel imported = import_model(path, options);
  const bool direct = imported.model.network().kind() != std::string("esen");
  options.direct_forces = direct;
  const Model other = direct ? import_model(path, options).model : imported.model;
  const Model single = imported.model.as(DType::f32);
  for (const auto& [name, group] : all.group("structures").groups()) {
    SCOPED_TRACE(name);
    const Frame f = frame_of(group);
    const data::Group& want = all.group(GetParam() + "/values/" + name);
    const Graph g = golden::graph(f, imported.model.cutoff());
    EXPECT_EQ(g.edges.size(), group.array("edge_vec").dim(0));
    const Prediction p = imported.model.predict(g, {true, true, false}),
                     q = single.predict(g, {true, false, false});
    const std::vector<double> energy = doubles(want.array("energy"));
    EXPECT_LE(relative(doubles(p.energy), energy), 1e-10);
    // In float32 of the largest energy of an atom; of their sum without signs where it is that of a molecule,
    // since atoms may cancel (fifteenfold in `yaxis` of equiformer_v2).
    const std::vector<double> atoms = doubles(p.atom_energies);
    EXPECT_LE(relative(doubles(q.atom_energies), atoms), 1e-6);
    double size = 0;
    for (const double e : atoms) size += std::abs(e);
    EXPECT_LE(std::abs(q.energy.item() - energy[0]), 1e-6 * size);
    if (direct) {
      EXPECT_TRUE(other.config().direct_forces());
      const std::vector<double> stated = doubles(want.array("forces"));
      EXPECT_LE(relative(doubles(other.predict(g, {true, false, false}).forces), stated), 1e-10);
      const Model rounded = other.as(DType::f32);
      EXPECT_LE(relative(doubles(rounded.predict(g, {true, false, false}).forces), stated),
                of_rounding(rounded, g, stated));
    }
    if (!want.has("gradient_forces")) continue;
    const std::vector<double> forces = doubles(want.array("gradient_forces"));
    const double stated = GetParam() == "equiformer_v2" ? 1e-8 : 1e-10;
    EXPECT_LE(relative(doubles(p.forces), forces), stated);
    EXPECT_LE(relative(doubles(q.forces), forces), of_rounding(single, g, forces));
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, Fairchem,
                         ::testing::Values("esen", "equiformer_v2", "equiformer_v2_gate",
                                           "equiformer_v2_default", "escn"),
                         [](const auto& model) { return model.param; });

namespace {

using namespace cartan::testing;

// A state dict whose arrays are of two elements, in whatever `around` puts it into.
std::string file_of(const std::vector<std::string>& names, const std::string& before = "",
                    const std::string& after = "") {
  std::string body = "}(";
  for (const std::string& name : names)
    body += word(name) + tensor(storage("FloatStorage", "0", 2), 0, tuple(small(2)), tuple(small(1)));
  return archive(before + body + "u" + after, {stored("any/data/0", bytes_of(std::vector<float>{1, 2}))});
}

void expect_refused(const std::string& bytes, const std::string& what) {
  const Temporary folder;
  try {
    import_model(folder.file("a.pt", bytes));
    ADD_FAILURE() << "read; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

}  // namespace

// What the trainer of fairchem 1.10 writes (benchmarks/peers/fairchem_checkpoint_golden.py, which printed
// these numbers): names with the prefix of distributed training and of a head, scaled labels, energies of
// elements, running averages beside the weights.
TEST(FairchemFiles, CheckpointsOfATraining) {
  const ImportedModel imported = import_model(CARTAN_SOURCE_DIR "/tests/golden/fairchem_checkpoint.pt");
  const Model& m = imported.model;
  EXPECT_EQ(m.energy_scale, 2.5);
  EXPECT_EQ(m.offset, -0.75);
  EXPECT_EQ(m.reference.at(8), -2);
  EXPECT_EQ(m.reference.at(7), 0);
  std::string notes;
  for (const std::string& note : imported.notes) notes += note + "\n";
  for (const char* said :
       {"running averages ('ema')", "('normalizers'): times 2.5, plus -0.75", "('elementrefs')"})
    EXPECT_NE(notes.find(said), std::string::npos) << said << " in " << notes;
  Frame f;
  f.numbers = {8, 1, 1, 6};
  f.positions = {0, 0, 0, 0.9, 0.3, 0.1, -0.4, 0.8, 0.2, 0.3, -1.1, 0.6};
  const Prediction p = m.predict(golden::graph(f, m.cutoff()), {true, false, false});
  const std::vector<double> forces{-0.004333965647344812, 0.004092253589796907, -0.0055180079134799255,
                                   0.019297750686313276,  0.007798363266035807, -0.0043478564319457645,
                                   -0.021524425632341415, 0.0315689454791026,   -0.003592265404728997,
                                   0.006560640593372952,  -0.04345956233493531, 0.013458129750154686};
  EXPECT_LE(std::abs(p.energy.item() - (-9.686266237312557)), 1e-9);
  EXPECT_LE(relative(doubles(p.forces), forces), 1e-6);  // fairchem keeps some constants in float32
}

TEST(FairchemFiles, OthersAreRefusedByName) {
  const std::string esen = "module.backbone.blocks.0.edge_wise.so2_conv_1.fc_m0.weight";
  expect_refused(file_of({esen, "module.backbone.routing_mlp.0.weight"}), "is a mixture of experts (UMA)");
  expect_refused(file_of({"backbone.blocks.0.edge_wise.so2_conv_1.fc_m0.weights"}),
                 "is a mixture of experts (UMA)");
  expect_refused(file_of({esen, "backbone.csd_embedding.charge_embedding.weight"}),
                 "takes the charge, the spin");
  // An object of fairchem 2.
  expect_refused(
      archive(global("fairchem.core.units.mlip_unit.api.inference", "MLIPInferenceCheckpoint") + ")\x81}b"),
      "is a checkpoint of fairchem 2");
  // Averages that are of other weights.
  const std::string one = tensor(storage("FloatStorage", "0", 2), 0, tuple(small(2)), tuple(small(1))),
                    shorter = tensor(storage("FloatStorage", "0", 2), 0, tuple(small(1)), tuple(small(1)));
  const auto checkpoint = [&](const std::string& averages) {
    return file_of({esen}, "}(" + word("state_dict"),
                   word("ema") + "}" + word("shadow_params") + averages + "su");
  };
  expect_refused(checkpoint("](" + one + one + "e"), "has averages of 2 parameters; the state dict has 1");
  expect_refused(checkpoint("](" + shorter + "e"), "has an average of shape (1) in the place of " + esen);
  expect_refused(checkpoint("N"), "has no list 'shadow_params'");
}

namespace {

// The weights of the small eSEN above and its constructor's arguments.
data::Group small_esen() {
  const data::TorchFile file(CARTAN_SOURCE_DIR "/tests/golden/fairchem_checkpoint.pt");
  data::Group out;
  for (const auto& [key, value] : file.root()["state_dict"].entries())
    if (value.kind() == data::TorchValue::Kind::array) out["weights"].set(key.string(), value.array());
  const data::TorchValue config = file.root()["config"]["model"]["backbone"];
  nlohmann::json arguments;
  for (const char* name : {"act_type", "mlp_type", "norm_type", "distance_function"})
    arguments[name] = config[name].string();
  arguments["cutoff"] = config["cutoff"].number();
  arguments["use_envelope"] = config["use_envelope"].boolean();
  out.attributes["config"] = arguments.dump();
  return out;
}

// With other arguments; null takes one away.
data::Group with(data::Group model, const nlohmann::json& changes) {
  nlohmann::json arguments = nlohmann::json::parse(model.string("config"));
  for (const auto& [name, value] : changes.items())
    if (value.is_null())
      arguments.erase(name);
    else
      arguments[name] = value;
  model.attributes["config"] = arguments.dump();
  return model;
}

ImportedModel read(const data::Group& model, const ImportOptions& options = {}) {
  const Temporary folder;
  data::Group root;
  root["network"] = model;
  data::save(folder.path("model.h5"), root, {"arrays", 1, "", ""});
  return import_model(folder.path("model.h5"), options);
}

double energy_of(const Model& m) {
  Frame f;
  f.numbers = {8, 1, 1, 6};
  f.positions = {0, 0, 0, 0.9, 0.3, 0.1, -0.4, 0.8, 0.2, 0.3, -1.1, 0.6};
  return m.predict(golden::graph(f, m.cutoff()), {true, false, false}).energy.item();
}

void expect_refused(const data::Group& model, const std::string& what) {
  try {
    read(model);
    ADD_FAILURE() << "read; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("model.h5"), std::string::npos) << error.what();
  }
}

}  // namespace

// What a configuration does not say is what fairchem's constructor takes, not what this network is made for.
TEST(FairchemFiles, ArgumentsThatAreNotGivenAreFairchems) {
  const data::Group model = small_esen();
  const double energy = energy_of(read(model).model);
  EXPECT_EQ(energy_of(read(with(model, {{"norm_type", nullptr}})).model), energy);
  const double without = energy_of(read(with(model, {{"use_envelope", false}})).model);
  EXPECT_GT(std::abs(without - energy), 1e-4);
  EXPECT_EQ(energy_of(read(with(model, {{"use_envelope", nullptr}})).model), without);
  // With lmax 1 the arrays of both activations have the same shapes.
  expect_refused(with(model, {{"act_type", nullptr}}), "config.act_type: is missing; fairchem takes \"s2\"");
  expect_refused(with(model, {{"mlp_type", nullptr}}),
                 "config.mlp_type: is missing; fairchem takes \"grid\"");
}

TEST(FairchemFiles, NormsDegreeByDegreeAreRefused) {
  data::Group model = small_esen();
  expect_refused(with(model, {{"norm_type", "layer_norm"}}), "config.norm_type: layer_norm");
  model.attributes.erase("config");
  EXPECT_NO_THROW(read(model));
  data::Group bare;
  for (const auto& [name, item] : model.group("weights").items())
    if (name.find("balance_degree_weight") == std::string::npos) bare["weights"].set(name, item.array);
  expect_refused(bare, "norm_1: layer_norm");
}

TEST(FairchemFiles, HeadsOfEnergies) {
  const data::Group model = small_esen();
  data::Group two = model;
  for (const auto& [name, item] : model.group("weights").items())
    if (const auto at = name.find("mptrj"); at != std::string::npos)
      two["weights"].set(std::string(name).replace(at, 5, "omat"), item.array);
  expect_refused(two, "is there twice");
  const auto heads = [](const char* reduce) {
    return nlohmann::json{{"heads", {{"mptrj", {{"module", "esen_mlp_energy_head"}, {"reduce", reduce}}}}}};
  };
  expect_refused(with(model, heads("mean")), "config.heads.mptrj.reduce: \"mean\" is not read");
  EXPECT_EQ(energy_of(read(with(model, heads("sum"))).model), energy_of(read(model).model));
}

TEST(FairchemFiles, GroupsWithinGroupsAndIndices) {
  const data::Group model = small_esen();
  data::Group nested;
  nested.attributes = model.attributes;
  for (const auto& [name, item] : model.group("weights").items()) {
    const auto dot = name.find('.');
    nested["weights"][name.substr(0, dot)].set(name.substr(dot + 1), item.array);
  }
  nested["weights"].set("backbone.mapping.res_size", Array::from(std::vector<std::int32_t>{3, 4}));
  EXPECT_EQ(energy_of(read(nested).model), energy_of(read(model).model));
}

TEST(FairchemFiles, EquiformerAndEscn) {
  CARTAN_REAL_DATA(path, "../reference/equiformer_reference.h5");
  const data::Group all = data::load(path);
  const data::Group& equiformer = all.group("equiformer_v2_gate");
  const data::Group& escn = all.group("escn");
  const double energy = energy_of(read(equiformer).model);
  // used nowhere, whatever they name
  const nlohmann::json unused{{"attn_activation", "scaled_silu"}, {"ffn_activation", "scaled_silu"}};
  EXPECT_EQ(energy_of(read(with(equiformer, unused)).model), energy);
  expect_refused(with(equiformer, {{"norm_type", "layer_norm"}}), "config.norm_type");
  expect_refused(with(equiformer, {{"lmax_list", {3, 2}}}), "config.lmax_list");
  expect_refused(with(escn, {{"mmax_list", {2, 1}}}), "config.mmax_list");
  expect_refused(with(escn, {{"resolution", 14}}), "config.resolution");
  data::Group stressed = equiformer;
  for (const char* part : {"block.scalar_MLP.0.bias", "xedge_layer_norm.weight", "sphharm_norm.affine_bias"})
    stressed["weights"].set("output_heads.stress." + std::string(part), Array::zeros({4}, DType::f32));
  const ImportedModel left_out = read(stressed);
  EXPECT_EQ(energy_of(left_out.model), energy);
  EXPECT_NE(left_out.notes.at(1).find("the head of direct stresses was left out"), std::string::npos);
  // A backbone with one head keeps the block of the other, which nothing calls.
  data::Group hydra;
  hydra.attributes = escn.attributes;
  for (const auto& [name, item] : escn.group("weights").items()) {
    const bool energies = name.find("energy_block.") == 0;
    hydra["weights"].set((energies ? "output_heads.energy." : "backbone.") + name, item.array);
  }
  EXPECT_EQ(energy_of(read(hydra).model), energy_of(read(escn).model));
}
