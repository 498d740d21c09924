// A model as a potential, and in another precision.
#include "golden.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

std::vector<double> virial_of(const Model& m, const Frame& f) {
  return m.predict(golden::graph(f, m.cutoff()), {true, true, false}).virial.to_vector<double>();
}

}  // namespace

TEST(ModelPotential, EnergiesForcesAndVirialAreThoseOfTheModel) {
  const Model m = golden::model();
  ModelPotential potential(m);
  Frame far = golden::molecule();
  for (double& x : far.positions) x += 50;
  for (const Frame& f : {golden::molecule(), golden::crystal(), far}) {
    const Prediction p = m.predict(golden::graph(f, m.cutoff()), {true, true, false});
    const Evaluation e = potential.evaluate(f);
    EXPECT_LE(golden::difference({e.energy}, p.energy.to_vector<double>()), 1e-13);
    EXPECT_LE(golden::difference(e.atom_energies, p.atom_energies.to_vector<double>()), 1e-13);
    EXPECT_LE(golden::difference(e.forces, p.forces.to_vector<double>()), 1e-12);
    EXPECT_LE(golden::difference({e.virial.begin(), e.virial.end()}, virial_of(m, f)), 1e-12);
  }
}

TEST(Model, OtherPrecisionIsTheSameFunction) {
  Model m = golden::model();
  m.energy_scale = 2.5;
  m.reference[8] = -3;
  const Model single = m.as(DType::f32), back = single.as(DType::f64);
  EXPECT_EQ(single.config().dtype, DType::f32);
  const Graph g = golden::graph(golden::molecule(), m.cutoff());
  const Prediction a = m.predict(g, {}), b = single.predict(g, {}), c = back.predict(g, {});
  EXPECT_LE(golden::difference(b.energy.to_vector<double>(), a.energy.to_vector<double>()), 1e-5);
  EXPECT_LE(golden::difference(b.forces.to_vector<double>(), a.forces.to_vector<double>()), 1e-4);
  EXPECT_LE(golden::difference(c.forces.to_vector<double>(), a.forces.to_vector<double>()), 1e-5);
  Model same = m.as(DType::f64);
  const nn::ParameterRefs p = m.parameters(), q = same.parameters();
  ASSERT_EQ(p.size(), q.size());
  for (std::size_t k = 0; k < p.size(); ++k) EXPECT_TRUE(identical(*p[k].value, *q[k].value)) << p[k].name;
  EXPECT_THROW(m.as(DType::i32), std::invalid_argument);
}

TEST(Model, ElementsItWasNotMadeFor) {
  const Model m = golden::model();
  EXPECT_NO_THROW(m.check_elements({1, 6, 8}));
  try {
    m.check_elements({6, 92});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("has U,"), std::string::npos) << error.what();
  }
}
