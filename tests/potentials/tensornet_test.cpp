#include "golden.hpp"

#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

using namespace cartan;
using namespace cartan::potentials;

namespace {

Prediction predict(const Model& m, const Frame& f, bool virial = false) {
  return m.predict(golden::graph(f, m.cutoff()), {true, virial, false});
}

void expect_golden(const Model& m, const Frame& f, const std::string& name) {
  const Prediction p = predict(m, f, true);
  EXPECT_LE(golden::difference({p.energy.item()}, golden::value(name + ".energy")), 1e-12) << name;
  EXPECT_LE(golden::difference(p.forces.to_vector<double>(), golden::value(name + ".forces")), 1e-11) << name;
}

Frame rotated(Frame f, bool mirror) {
  const double a = 0.7, b = 1.1, ca = std::cos(a), sa = std::sin(a), cb = std::cos(b), sb = std::sin(b);
  const double r[9] = {ca, -sa * cb, sa * sb, sa, ca * cb, -ca * sb, 0, sb, cb};
  const auto turn = [&](double* x) {
    const double y[3] = {x[0], x[1], x[2]};
    for (int k = 0; k < 3; ++k)
      x[k] = (mirror ? -1 : 1) * (r[3 * k] * y[0] + r[3 * k + 1] * y[1] + r[3 * k + 2] * y[2]);
  };
  for (std::size_t i = 0; i < f.numbers.size(); ++i) turn(&f.positions[3 * i]);
  for (std::size_t k = 0; k < 3; ++k) turn(&f.cell[3 * k]);
  return f;
}

// Every test runs with the parameters on the host and on the debug device.
class TensorNetOn : public ::testing::TestWithParam<Device> {
 protected:
  Model model(const TensorNetConfig& config = golden::config()) const {
    Model m = golden::model(config);
    m.to(GetParam());
    return m;
  }
};
INSTANTIATE_TEST_SUITE_P(Device, TensorNetOn, ::testing::Values(Device::cpu, Device::debug),
                         [](const auto& test) { return to_string(test.param); });

}  // namespace

TEST_P(TensorNetOn, GoldenEnergiesAndForces) {
  expect_golden(model(), golden::molecule(), "o3");
  TensorNetConfig so3 = golden::config();
  so3.group = "SO(3)";
  expect_golden(model(so3), golden::molecule(), "so3");
  Frame mirrored = golden::molecule();
  for (double& x : mirrored.positions) x = -x;
  EXPECT_LE(
      golden::difference({predict(model(so3), mirrored).energy.item()}, golden::value("so3.energy_mirrored")),
      1e-12);
  EXPECT_LE(golden::difference({predict(model(), mirrored).energy.item()}, golden::value("o3.energy")),
            1e-12);
}

TEST_P(TensorNetOn, GoldenPeriodicWithImagesAndStrain) {
  for (const auto& [name, cutoff] : {std::pair{"pbc", 2.0}, std::pair{"pbc_long", 4.5}}) {
    TensorNetConfig c = golden::config();
    c.cutoff = cutoff;
    const Model m = model(c);
    expect_golden(m, golden::crystal(), name);
    const Prediction p = predict(m, golden::crystal(), true);
    EXPECT_LE(golden::difference(scale(p.virial, -1).to_vector<double>(),
                                 golden::value(std::string(name) + ".dE_dstrain")),
              1e-11)
        << name;
  }
  Frame boxed = golden::molecule();
  boxed.cell = {9.5, 0, 0, 1.1, 9.3, 0, -.7, .9, 9.1};
  boxed.pbc = {true, true, true};
  for (std::size_t k = 0; k < 3; ++k) {
    boxed.positions[6 + k] += boxed.cell[k];
    boxed.positions[9 + k] += boxed.cell[6 + k];
  }
  expect_golden(model(), boxed, "o3");
}

TEST_P(TensorNetOn, GoldenChargesBatchesAndBases) {
  Frame ion = golden::molecule();
  ion.charge = 1;
  expect_golden(model(), ion, "charge_plus");
  ion.charge = -1;
  expect_golden(model(), ion, "charge_minus");

  Frame a = golden::molecule(), b = golden::crystal();
  b.pbc = {false, false, false};
  for (bool charged : {false, true}) {
    a.charge = charged ? 1 : 0;
    b.charge = charged ? -1 : 0;
    const NeighborList la = neighbor_list(a, 4.5), lb = neighbor_list(b, 4.5);
    const Prediction p = model().predict(make_graph({&a, &b}, {&la, &lb}), {true, false, false});
    const std::string name = charged ? "batch_charged" : "batch";
    EXPECT_LE(golden::difference(p.energy.to_vector<double>(), golden::value(name + ".energies")), 1e-12);
    EXPECT_LE(golden::difference(p.forces.to_vector<double>(), golden::value(name + ".forces")), 1e-11);
  }

  TensorNetConfig c = golden::config();
  c.radial_basis = "gauss";
  expect_golden(model(c), golden::molecule(), "rbf_gauss");
  c = golden::config();
  c.trainable_radial = true;
  expect_golden(model(c), golden::molecule(), "o3");
  c = golden::config();
  c.cutoff_lower = 0.5;
  expect_golden(model(c), golden::molecule(), "lower");
}

TEST_P(TensorNetOn, GoldenGradientOfAForceLoss) {
  for (const std::string group : {"O(3)", "SO(3)"}) {
    TensorNetConfig c = golden::config();
    c.group = group;
    Model m = model(c);
    const nn::ParameterRefs refs = m.parameters();
    nn::track_parameters(refs);
    const Prediction p = m.predict(golden::graph(golden::molecule(), 4.5), {true, false, true});
    const Array loss = mean(square(p.forces));
    const std::string name = group == "O(3)" ? "force_loss" : "so3_force_loss";
    EXPECT_LE(golden::difference({loss.item()}, golden::value(name)), 1e-12);
    const Arrays g = gradients(loss, nn::values_of(refs));
    const auto expected = golden::value(name + "_gradient.sumsq_of_each_t");
    const auto pieces = golden::pieces();
    for (const auto& piece : pieces)
      for (std::size_t k = 0; k < refs.size(); ++k) {
        if (refs[k].name != piece.name) continue;
        const auto v = g[k].to_vector<double>();
        const std::size_t part = v.size() / piece.tensors.size();
        for (std::size_t s = 0; s < piece.tensors.size(); ++s) {
          double total = 0;
          for (std::size_t e = s * part; e < (s + 1) * part; ++e) total += v[e] * v[e];
          const double want = expected[static_cast<std::size_t>(piece.tensors[s])];
          EXPECT_LE(std::abs(total - want), 1e-10 * want) << piece.name << " tensor " << piece.tensors[s];
        }
      }
  }
}

TEST_P(TensorNetOn, ForcesAndStressAreCentralDifferences) {
  TensorNetConfig c = golden::config();
  for (const std::string group : {"O(3)", "SO(3)"}) {
    c.group = group;
    const Model m = model(c);
    const Frame f = golden::crystal();
    const Prediction p = predict(m, f, true);
    const auto forces = p.forces.to_vector<double>(), virial = p.virial.to_vector<double>();
    const double scale = 40, h = 1e-4;  // forces here reach 40 eV/A
    auto central = [&](auto move) {     // 4-point
      auto e = [&](double d) {
        Frame g = f;
        move(g, d);
        return predict(m, g).energy.item();
      };
      return (8 * (e(h) - e(-h)) - (e(2 * h) - e(-2 * h))) / (12 * h);
    };
    for (std::size_t k = 0; k < forces.size(); ++k)
      EXPECT_LE(std::abs(forces[k] + central([&](Frame& g, double d) { g.positions[k] += d; })), 1e-8 * scale)
          << k;
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t b = 0; b < 3; ++b) {
        const double numeric = central([&](Frame& g, double d) {
          for (std::size_t i = 0; i < g.numbers.size(); ++i)
            for (auto [x, y] : {std::pair{a, b}, std::pair{b, a}})
              g.positions[3 * i + x] += 0.5 * d * f.positions[3 * i + y];
          for (std::size_t i = 0; i < 3; ++i)
            for (auto [x, y] : {std::pair{a, b}, std::pair{b, a}})
              g.cell[3 * i + x] += 0.5 * d * f.cell[3 * i + y];
        });
        EXPECT_LE(std::abs(virial[3 * a + b] + numeric), 1e-8 * scale) << a << b;
      }
  }
}

TEST_P(TensorNetOn, GradientOfALossWithForcesAndStressIsExact) {
  Model m = model();
  const Graph g = golden::graph(golden::crystal(), 4.5);
  const nn::ParameterRefs refs = m.parameters();
  Arrays start;
  for (const Array& a : nn::values_of(refs)) start.push_back(a.to(Device::cpu));
  const Device device = GetParam();
  const Array wf = random_normal({g.atoms(), 3}, DType::f64, Random(3)).to(device),
              ws = random_normal({1, 9}, DType::f64, Random(4)).to(device);
  const auto loss_at = [&](const Arrays& x) {
    for (std::size_t k = 0; k < refs.size(); ++k) *refs[k].value = to(x[k], device);
    const Prediction p = m.predict(g, {true, true, recording()});
    return sum(p.energy) + sum(square(p.forces - wf)) + sum(square(p.virial + ws));
  };
  const GradientReport report = check_gradients(loss_at, start, 1e-4, 4);
  EXPECT_LE(report.max_error, 1e-7) << refs[static_cast<std::size_t>(report.argument)].name << " element "
                                    << report.element << ": " << report.analytic << " against "
                                    << report.numeric;
}

TEST_P(TensorNetOn, RotationReflectionTranslationPermutation) {
  const Model m = model();
  const Frame f = golden::crystal();
  const Prediction p = predict(m, f, true);
  for (bool mirror : {false, true}) {
    const Frame r = rotated(f, mirror);
    const Prediction q = predict(m, r, true);
    EXPECT_LE(std::abs(q.energy.item() - p.energy.item()), 1e-12 * std::abs(p.energy.item()));
    Frame forces = f;  // turn the forces as if they were positions
    forces.positions = p.forces.to_vector<double>();
    EXPECT_LE(golden::difference(q.forces.to_vector<double>(), rotated(forces, mirror).positions), 1e-12);
  }
  Frame moved = f;
  for (std::size_t i = 0; i < moved.numbers.size(); ++i)
    for (std::size_t k = 0; k < 3; ++k)
      moved.positions[3 * i + k] += 0.3 * static_cast<double>(k + 1) + f.cell[3 * (i % 3) + k];
  EXPECT_LE(golden::difference(predict(m, moved).forces.to_vector<double>(), p.forces.to_vector<double>()),
            1e-12);

  Frame permuted = f;
  const std::size_t order[] = {3, 0, 4, 1, 2};
  for (std::size_t i = 0; i < 5; ++i) {
    permuted.numbers[i] = f.numbers[order[i]];
    for (std::size_t k = 0; k < 3; ++k) permuted.positions[3 * i + k] = f.positions[3 * order[i] + k];
  }
  const auto a = p.forces.to_vector<double>(), b = predict(m, permuted).forces.to_vector<double>();
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t k = 0; k < 3; ++k) EXPECT_LE(std::abs(b[3 * i + k] - a[3 * order[i] + k]), 1e-12 * 40);
}

TEST_P(TensorNetOn, SameBitsForAnyNumberOfThreadsAndThroughAGroup) {
  TensorNetConfig c = golden::config();
  c.channels = 32;
  c.dtype = DType::f32;
  Model m(c, 5);
  for (int z = 1; z < 20; ++z) m.reference[z] = -z;
  m.to(GetParam());
  data::Group group;
  m.save(group);
  const Model copy = Model::load(group);  // on the host
  Prediction first;
  for (int n : {1, 2, 3, 4}) {
    set_threads(n);
    const Prediction p = predict(n == 4 ? copy : m, golden::crystal(), true);
    if (n == 1) first = p;
    EXPECT_TRUE(identical(p.energy, first.energy) && identical(p.forces, first.forces) &&
                identical(p.virial, first.virial))
        << n;
  }
  set_threads(0);
}

TEST_P(TensorNetOn, UnknownElementsAreNamed) {
  Model m(golden::config(), 1);
  m.reference = {{1, 0.0}, {6, 0.0}};
  try {
    predict(m, golden::molecule());
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::string(e.what()).find("has O, the model was trained for H C"), std::string::npos)
        << e.what();
  }
}
