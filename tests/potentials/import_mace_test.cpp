// Models of mace-torch with parts that few models have, against its values; files that are damaged.
#include <gtest/gtest.h>
#include <cartan/core/error.hpp>
#include <cartan/potentials/training.hpp>

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>

#include "cartan/so3/tables.hpp"
#include "potentials/mace_file.hpp"

using namespace cartan;
using namespace cartan::potentials;
using cartan::potentials::testing::MaceFile;

namespace {

MaceFile file_of(const std::string& name) {
  MaceFile f;
  if (name == "above") f.hidden = "2x0e+2x1o+2x2e", f.max_ell = 1, f.orders = {3, 2};
  if (name == "one") f.radial = 1, f.envelope = 1, f.radial_layers = {}, f.gate = "tanh";
  if (name == "plain") f.other = "", f.gate = "abs", f.orders = {2, 2, 2};
  if (name == "density") f.first = "Density";
  if (name == "later") f.first = "", f.other = "DensityResidual";
  if (name == "some") f.hidden = "2x0e+2x2e";
  if (name == "pseudo") f.hidden = "2x0e+2x0o+2x1o+2x1e", f.max_ell = 1, f.orders = {3, 3, 3};
  if (name == "rotations") f.parity = false, f.hidden = "2x0e+2x1e", f.orders = {2, 2, 2};
  if (name == "four") f.max_ell = 1, f.orders = {4, 4};
  if (name == "vectors") f.last_vectors = true;
  if (name == "soft") f.distance = "Soft", f.numbers = {1, 8, 55};
  return f;
}

Frame frame_of(const MaceFile& file) {
  const bool heavy = file.numbers.back() == 55;
  Frame f;
  f.numbers = {static_cast<int>(file.numbers.back()), 1, 1, heavy ? 8 : 6};
  f.positions = {0, 0, 0, 0.1, 1.2, 0.3, -0.2, 0.4, -1.3, 1.4, -0.5, 0.6};
  if (heavy)
    for (double& x : f.positions) x *= 1.5;
  return f;
}

}  // namespace

// Golden values: benchmarks/peers/mace_golden.py, mace-torch 0.3.16, float64.
TEST(ImportMace, GivesTheValuesOfMaceTorch) {
  struct Golden {
    const char* name;
    double energy;
    std::vector<double> force;  // on the first atom
  };
  for (const Golden& golden : std::vector<Golden>{
           {"above", -8.119119160864473, {-3.039332496556164, -3.50216744066177, -2.262479963714934}},
           {"one", -7.406538326270033, {-0.5540638110526923, 1.5333519496174652, -0.6723453669569288}},
           {"plain", -5.3876702470694084, {-10.840739837122495, -2.1276802974531934, -5.4471622901874035}},
           {"density", -5.592466186672562, {2.133650157259565, -0.2575951995724335, 8.3535968160856}},
           {"later", -5.428488877989574, {-8.567337592191597, -2.874808793671092, 6.649539714573203}},
           {"some", -9.666464803618394, {-2.2369198846399323, 11.364960192198005, -6.202890691142354}},
           {"pseudo", 106.46796324540043, {-1265.4585354221022, -2324.6184292101616, -827.0219561376285}},
           {"rotations", 57.44624715977943, {-463.45412080075903, -31.579678848808612, -77.62194720157243}},
           {"four", -8.02791036138482, {-3.749242555884547, -2.9272658408312786, -0.682315546771753}},
           {"vectors", -7.662701630483512, {-20.56181060919753, 11.118576597573968, -9.27602523102654}},
           {"soft", -6.94047811468095, {-0.4492380132202838, 1.5873892386420037, -0.8694621179482004}}}) {
    SCOPED_TRACE(golden.name);
    const MaceFile file = file_of(golden.name);
    const Model model = import_mace(file.group(), {}).model;
    const Predictions p = predict(model, {"frame", {frame_of(file)}}, false);
    EXPECT_LE(std::abs(p.energy[0] - golden.energy), 1e-12 * std::max(1.0, std::abs(golden.energy)));
    double largest = 1;
    for (const double x : p.forces[0]) largest = std::max(largest, std::abs(x));
    for (std::size_t k = 0; k < 3; ++k)
      EXPECT_LE(std::abs(p.forces[0][k] - golden.force[k]), 1e-12 * largest) << k;
  }
}

namespace {

void expect_refused(data::Group group, const std::string& what,
                    const std::function<void(data::Group&)>& change) {
  change(group);
  const auto start = std::chrono::steady_clock::now();
  try {
    import_mace(group, {});
    ADD_FAILURE() << "read; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)) << what;
}

}  // namespace

TEST(ImportMace, AttributesOutOfRangeAreRefusedAtOnce) {
  const data::Group good = MaceFile().group();
  ASSERT_NO_THROW(import_mace(good, {}));
  for (const char* name : {"hidden_irreps", "MLP_irreps", "max_ell", "num_interactions", "num_bessel",
                           "num_polynomial_cutoff", "pair_repulsion", "radial_MLP", "r_max",
                           "avg_num_neighbors", "distance_transform", "interaction_first", "interaction"})
    expect_refused(good, name, [&](data::Group& g) { g.attributes.erase(name); });
  const auto refused = [&](const std::string& name, const data::Attribute& value, const std::string& what) {
    expect_refused(good, what, [&](data::Group& g) { g.attributes[name] = value; });
  };
  using Many = std::vector<std::int64_t>;
  for (const std::int64_t value :
       {std::int64_t{-1}, std::int64_t{1} << 31, std::numeric_limits<std::int64_t>::max()})
    for (const char* name : {"max_ell", "num_interactions", "num_bessel", "num_polynomial_cutoff"})
      refused(name, value, name);
  refused("correlations", Many{2, 7}, "correlation: is 7");
  refused("correlations", Many{2, 0}, "correlation: is 0");
  refused("correlations", Many{2, (std::int64_t{1} << 32) + 2}, "correlation: is 4294967298");
  refused("correlations", Many{2, 2, 2}, "are 3 for 2 layers");
  refused("radial_MLP", Many{std::int64_t{1} << 40}, "conv_tp_weights.layer0.weight: has the shape (3, 3)");
  refused("radial_MLP", Many{3, 3}, "conv_tp_weights");
  refused("avg_num_neighbors", 0.0, "avg_num_neighbors");
  refused("avg_num_neighbors", NAN, "avg_num_neighbors");
  refused("hidden_irreps", std::string("2x0e+1x1o"), "2x0e+1x1o are not read");
  refused("hidden_irreps", std::string("2x1o"), "2x1o are not read");
  refused("hidden_irreps", std::string("2x0e+2x1o+2x1o"), "are not read");
  refused("hidden_irreps", std::string("2x0e+2x9o"), "are not read");
  refused("last_irreps", std::string("2x0e+2x2e"), "last_irreps");
  refused("heads", std::vector<std::string>{}, "heads");
  // Polynomials whose coefficients would take minutes and gigabytes.
  MaceFile large;
  large.orders = {1, 1};
  large.max_ell = 8;
  expect_refused(large.group(), "too many to make", [](data::Group& g) {
    g.attributes["correlations"] = Many{6, 6};
  });
}

TEST(ImportMace, ArraysOfOtherValuesAreRefused) {
  const data::Group good = MaceFile().group();
  for (const std::vector<double>& elements : std::vector<std::vector<double>>{
           {0, 6, 8}, {1, 6, 119}, {1, 6.5, 8}, {1, 6, 6}, {1, 6, 1e300}, {1, 6, NAN}})
    expect_refused(good, "atomic_numbers",
                   [&](data::Group& g) { g["weights"].set("atomic_numbers", Array::from(elements)); });
  for (const auto& entry : good.group("weights").items()) {
    const std::string& name = entry.first;
    expect_refused(good, name, [&](data::Group& g) { g["weights"].items().erase(name); });
    expect_refused(good, name + ": holds nan", [&](data::Group& g) {
      Array bad = scale(g["weights"].array(name), NAN);
      g["weights"].set(name, bad);
    });
  }
}

// Signs of 3j symbols are those of the file.
TEST(ImportMace, SymbolsOfTheOtherSignTurnTheWeightsOfTheirPath) {
  MaceFile file;
  file.parity = false;
  file.hidden = "2x0e+2x1e";
  data::Group one = file.group(), other = one;
  const std::string name = "interactions.1.conv_tp._compiled_main_left_right._w3j_1_1_1";
  const std::vector<double>& ours = so3::wigner_3j(1, 1, 1);
  one["weights"].set(name, Array::from<double>(ours, {3, 3, 3}));
  other["weights"].set(name, scale(Array::from<double>(ours, {3, 3, 3}), -1));
  const Frame f = frame_of(file);
  const auto energy = [&](const data::Group& g) {
    return predict(import_mace(g, {}).model, {"", {f}}, false).energy[0];
  };
  EXPECT_EQ(energy(one), energy(file.group()));
  EXPECT_GT(std::abs(energy(one) - energy(other)), 1e-6);
}
