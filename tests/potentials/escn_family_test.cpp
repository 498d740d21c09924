// Networks of the eSCN family: direct forces, exactness of gradients, bad input.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/core/error.hpp>
#include <cartan/potentials/dynamics.hpp>
#include <cartan/potentials/model.hpp>
#include <cartan/potentials/model_card.hpp>

#include <cmath>

#include "golden.hpp"
#include "potentials/small_networks.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

Model direct_model(const std::string& kind) {
  std::unique_ptr<NetworkConfig> c = small::config(kind);
  for (config::Field& f : config::fields_of(*c))
    if (f.name() == "direct") f.set(true);
  Model m(*c, 5);
  m.energy_scale = 0.7;
  m.reference = {{1, -0.5}, {6, -2}, {7, -3}, {8, -4}};
  return m;
}

}  // namespace

TEST(DirectForces, AreLabelledAndRefusedWhereEnergyShouldBeConserved) {
  for (const std::string kind : {"equiformer", "escn"}) {
    SCOPED_TRACE(kind);
    const Model m = direct_model(kind);
    const Frame f = small::molecule();
    const Graph g = golden::graph(f, m.cutoff());
    const Prediction p = m.predict(g, {true, true, false});
    EXPECT_EQ(p.forces.shape(), Shape({f.size(), 3}));
    EXPECT_FALSE(p.virial.empty());
    data::Group group;
    m.save(group);
    EXPECT_NE(group.string("forces").find("not conservative"), std::string::npos);
    EXPECT_NE(m.config().summary().find("not conservative"), std::string::npos);
    const Model back = Model::load(group);
    EXPECT_TRUE(identical(back.predict(g, {true, false, false}).forces, p.forces));
    ModelPotential potential(m);
    EXPECT_FALSE(potential.conservative());
    DynamicsOptions options;
    options.ensemble = Ensemble::nve;
    try {
      Dynamics(potential, f, options);
      ADD_FAILURE() << "nve with direct forces";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("allow_direct_forces"), std::string::npos) << error.what();
    }
    options.allow_direct_forces = true;
    EXPECT_NO_THROW(Dynamics(potential, f, options));
    options.allow_direct_forces = false;
    options.ensemble = Ensemble::nvt;
    EXPECT_NO_THROW(Dynamics(potential, f, options));
  }
  ModelPotential gradient(small::model("esen"));
  EXPECT_TRUE(gradient.conservative());
}

// They turn with the frame, mirrored too.
TEST(DirectForces, TurnWithTheFrame) {
  for (const std::string kind : {"equiformer", "escn"}) {
    const Model m = direct_model(kind);
    const Frame f = small::molecule();
    const auto forces =
        m.predict(golden::graph(f, m.cutoff()), {true, false, false}).forces.to_vector<double>();
    Frame turned = f;  // x -> y -> z -> x, and z changes sign
    const auto turn = [](const double* from, double* to) {
      to[0] = -from[2], to[1] = from[0], to[2] = from[1];
    };
    for (Index i = 0; i < f.size(); ++i) turn(&f.positions[3 * i], &turned.positions[3 * i]);
    const auto found =
        m.predict(golden::graph(turned, m.cutoff()), {true, false, false}).forces.to_vector<double>();
    for (Index i = 0; i < f.size(); ++i) {
      double expected[3];
      turn(&forces[3 * i], expected);
      for (int k = 0; k < 3; ++k)
        EXPECT_LE(std::abs(found[3 * i + k] - expected[k]), 1e-12 * small::largest(forces)) << kind;
    }
  }
}

// The curl of the forces vanishes: their Jacobian, by differences, is symmetric.
TEST(EdgeNetworks, ForcesHaveNoCurlAlongEveryAxis) {
  for (const std::string kind : {"esen", "equiformer", "escn", "esen_product", "equiformer_gate"}) {
    SCOPED_TRACE(kind);
    const Model m = small::model(kind);
    Frame f;  // edges along +-x, +-y, +-z
    f.numbers = {8, 1, 6, 7};
    f.positions = {0, 0, 0, 1.1, 0, 0, 0, 1.2, 0, 0, 0, -1.3};
    const double h = 1e-4;
    std::vector<std::vector<double>> rows;
    const auto forces = [&](const Frame& g) {
      return m.predict(golden::graph(g, m.cutoff()), {true, false, false}).forces.to_vector<double>();
    };
    for (std::size_t k = 0; k < 12; ++k) {
      std::vector<double> row(12, 0.0);
      for (const auto& [step, weight] : {std::pair{1.0, 8.0}, {-1.0, -8.0}, {2.0, -1.0}, {-2.0, 1.0}}) {
        Frame g = f;
        g.positions[k] += step * h;
        const std::vector<double> at = forces(g);
        for (std::size_t j = 0; j < 12; ++j) row[j] += weight * at[j] / (12 * h);
      }
      rows.push_back(std::move(row));
    }
    double largest = 1e-3, curl = 0;
    for (std::size_t i = 0; i < 12; ++i)
      for (std::size_t j = 0; j < 12; ++j) {
        largest = std::max(largest, std::abs(rows[i][j]));
        curl = cartan::testing::worst_of(curl, std::abs(rows[i][j] - rows[j][i]));
      }
    EXPECT_LE(curl, 1e-8 * std::max(1.0, largest));
  }
}

TEST(EdgeNetworks, OptionsThatDoNotFitAreRefused) {
  for (const std::string kind : {"esen", "equiformer", "escn"})
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::int64_t>>{
             {"lmax", 9}, {"lmax", -1}, {"mmax", 4}, {"mmax", -1}, {"layers", 0}}) {
      std::unique_ptr<NetworkConfig> c = small::config(kind);
      nn::Init init{1};
      EXPECT_THROW(
          {
            for (config::Field& f : config::fields_of(*c))
              if (f.name() == name) f.set(value);
            c->make(init);
          },
          std::invalid_argument)
          << kind << " " << name << " " << value;
    }
  for (const std::string kind : {"esen", "equiformer", "escn"}) {
    const Model m = small::model(kind);
    Graph g = golden::graph(small::molecule(), m.cutoff());
    std::vector<double> v = g.vectors.to_vector<double>();
    v[0] = v[1] = v[2] = 0;
    g.vectors = Array::from(v, g.vectors.shape());
    EXPECT_THROW(m.predict(g, {true, false, false}), std::invalid_argument) << kind;
  }
}

namespace {

std::string plan_line(const NetworkConfig& config, const std::string& name) {
  for (const auto& [key, line] : config.plan())
    if (key == name) return line;
  return "";
}

std::unique_ptr<NetworkConfig> on_grids(const std::string& kind) {
  std::unique_ptr<NetworkConfig> c = small::config(kind);
  for (config::Field& f : config::fields_of(*c)) {
    if (f.name() == "activation") f.set(std::string("grid"));
    if (f.name() == "feed_forward_activation") f.set(std::string("grid_mlp"));
  }
  return c;
}

}  // namespace

TEST(EdgeNetworks, ThePlanSaysHowAndHowExact) {
  for (const std::string kind : {"esen", "equiformer", "escn"}) {
    SCOPED_TRACE(kind);
    const std::unique_ptr<NetworkConfig> c = small::config(kind);
    const char* way = kind == "escn" ? "Wigner matrices" : "torques";
    EXPECT_NE(plan_line(*c, "derivatives by vectors").find(way), std::string::npos);
    EXPECT_NE(plan_line(*c, "activation of edges").find("exact"), std::string::npos);
    EXPECT_NE(plan_line(*c, "linear maps of an edge").find("flop"), std::string::npos);
    if (kind == "esen") continue;
    const std::unique_ptr<NetworkConfig> grid = on_grids(kind);
    EXPECT_NE(plan_line(*grid, "derivatives by vectors").find("polar axis"), std::string::npos);
    // lmax 3, mmax 2: 8 x 5 points in the frames, 8 x 9 at atoms.
    EXPECT_NE(plan_line(*grid, "activation of edges").find("8 x 5 points"), std::string::npos);
    EXPECT_NE(plan_line(*grid, "activation of edges").find("about the axis for powers up to 1"),
              std::string::npos);
    EXPECT_NE(plan_line(*grid, "activation of atoms").find("8 x 9 points"), std::string::npos);
    EXPECT_NE(plan_line(*grid, "activation of atoms").find("exact for powers up to 1"), std::string::npos);
  }
  EXPECT_TRUE(small::config("tensornet")->plan().empty());
}

TEST(EdgeNetworks, TheCardHasTheMeasuredSymmetry) {
  for (const std::string kind : {"esen", "equiformer", "escn", "equiformer_gate"}) {
    SCOPED_TRACE(kind);
    Model m = small::model(kind).as(DType::f32);
    const SymmetryError exact = symmetry_error(m, small::molecule());
    EXPECT_LE(exact.energy, 1e-13);
    EXPECT_LE(exact.forces, 1e-11);
    EXPECT_GT(exact.energy, 0);
    Model far = m;
    for (auto& [z, energy] : far.reference) energy -= 1e7;
    EXPECT_EQ(symmetry_error(far, small::molecule()).energy, exact.energy);  // constants hide nothing
    describe_symmetry(m);                                                    // on a cluster of its own
    EXPECT_LE(std::get<double>(m.card.at("equivariance_error_energy")), 1e-13);
    EXPECT_LE(std::get<double>(m.card.at("equivariance_error_forces")), 1e-11);
    bool said = false, planned = false;
    for (const auto& [name, line] : model_card(m)) {
      said = said || name == "equivariance_error_forces";
      planned = planned || name == "activation of edges";
    }
    EXPECT_TRUE(said && planned);
    if (kind == "esen" || kind == "equiformer_gate") continue;
    Model grid(*on_grids(kind), 3);
    grid.reference = m.reference;
    const SymmetryError broken = symmetry_error(grid, small::crystal(), 3);
    EXPECT_GE(broken.energy, 1e-9);
    EXPECT_LE(broken.energy, 1);
    EXPECT_GE(broken.forces, 1e-8);
  }
  EXPECT_THROW(symmetry_error(small::model("esen"), Frame{}), std::invalid_argument);
  EXPECT_THROW(symmetry_error(small::model("esen"), small::molecule(), 0), std::invalid_argument);
  Model other = small::model("tensornet");
  describe_symmetry(other);
  EXPECT_TRUE(other.card.empty());
}
