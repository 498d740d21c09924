// eSEN, EquiformerV2 and eSCN with the weights of a reference file against what fairchem gives.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/import.hpp>

#include <cmath>

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
      EXPECT_LE(relative(doubles(other.as(DType::f32).predict(g, {true, false, false}).forces), stated),
                3e-6);
    }
    if (!want.has("gradient_forces")) continue;
    const std::vector<double> forces = doubles(want.array("gradient_forces"));
    const double stated = GetParam() == "equiformer_v2" ? 1e-8 : 1e-10;
    EXPECT_LE(relative(doubles(p.forces), forces), stated);
    // Rounding the vectors alone changes forces through coarse grids by 2e-6 of the largest.
    EXPECT_LE(relative(doubles(q.forces), forces), GetParam() == "equiformer_v2_default" ? 1e-5 : 4e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, Fairchem,
                         ::testing::Values("esen", "equiformer_v2", "equiformer_v2_gate",
                                           "equiformer_v2_default", "escn"),
                         [](const auto& model) { return model.param; });
