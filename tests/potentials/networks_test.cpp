// What every network of the table must do: invariance, exact derivatives, files, precisions, batches.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/model.hpp>

#include <cmath>

#include "golden.hpp"
#include "potentials/small_networks.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

Prediction predict(const Model& m, const Frame& f) {
  return m.predict(golden::graph(f, m.cutoff()), {true, true, false});
}

// x -> R x, R any orthogonal matrix.
Frame turned(Frame f, bool mirror) {
  const double a = 0.7, b = 1.1, ca = std::cos(a), sa = std::sin(a), cb = std::cos(b), sb = std::sin(b);
  const double r[9] = {ca, -sa * cb, sa * sb, sa, ca * cb, -ca * sb, 0, sb, cb};
  const auto turn = [&](double* x) {
    const double y[3] = {x[0], x[1], x[2]};
    for (int k = 0; k < 3; ++k)
      x[k] = (mirror ? -1 : 1) * (r[3 * k] * y[0] + r[3 * k + 1] * y[1] + r[3 * k + 2] * y[2]);
  };
  for (Index i = 0; i < f.size(); ++i) turn(&f.positions[3 * i]);
  for (Index k = 0; k < 3; ++k) turn(&f.cell[3 * k]);
  return f;
}

class Networks : public ::testing::TestWithParam<std::string> {};

}  // namespace

TEST_P(Networks, MapsOfAParameterAreAllOfIt) {
  nn::Init init;
  const std::unique_ptr<Network> network = small::config(GetParam())->make(init);
  for (const nn::NamedParameter& p : network->parameters()) {
    Index end = 0;
    for (const nn::Matrix& map : p.maps) {
      EXPECT_EQ(map.offset, end) << p.name;
      end += map.rows * map.columns;
    }
    EXPECT_EQ(end, p.maps.empty() ? 0 : p.value->size()) << p.name;
    // shared weights of many channels that are no map would be trained number by number
    if (p.value->ndim() == 1 && p.name.find("weight") != std::string::npos && p.maps.empty()) {
      EXPECT_LT(p.value->size(), 200) << p.name;
    }
  }
}

TEST_P(Networks, WhatDoesNotFitIsRefusedBeforeItIsMade) {
  const std::unique_ptr<NetworkConfig> config = small::config(GetParam());
  for (config::Field& f : config::fields_of(*config)) {
    if (f.name() == "channels") f.set(std::int64_t{65536});
    if (f.name() == "layers") f.set(std::int64_t{100});
    if (f.name() == "irreps") f.set(std::string());
  }
  const std::size_t before = memory_use().fresh;
  try {
    Model(*config, 1);
    ADD_FAILURE() << "made";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("GiB of this machine"), std::string::npos) << error.what();
  }
  EXPECT_LT(memory_use().fresh, before + 1000);
  EXPECT_THROW(draw_network(*small::config(GetParam()), 1, 1e12), std::invalid_argument);
}

TEST_P(Networks, HearsTheStopFlagWhileItIsMade) {
  StopFlag stop{true};
  EXPECT_THROW(draw_network(*small::config(GetParam()), 1, 1, &stop), Stopped);
  stop = false;
  EXPECT_GT(nn::count_parameters(draw_network(*small::config(GetParam()), 1, 1, &stop)->parameters()), 0);
}

TEST_P(Networks, RotationReflectionTranslationPermutation) {
  const Model m = small::model(GetParam());
  for (const Frame& f : {small::molecule(), small::crystal()}) {
    const Prediction p = predict(m, f);
    const auto forces = p.forces.to_vector<double>();
    const double energy = p.energy.item(), tolerance = 1e-12 * small::largest(forces);
    for (const bool mirror : {false, true}) {
      const Prediction q = predict(m, turned(f, mirror));
      EXPECT_LE(std::abs(q.energy.item() - energy), 1e-12 * std::abs(energy));
      Frame as_positions = f;
      as_positions.positions = forces;
      const auto expected = turned(as_positions, mirror).positions, found = q.forces.to_vector<double>();
      for (std::size_t k = 0; k < found.size(); ++k)
        EXPECT_LE(std::abs(found[k] - expected[k]), tolerance) << k;
    }
    Frame moved = f;
    for (Index i = 0; i < f.size(); ++i)
      for (Index k = 0; k < 3; ++k)
        moved.positions[3 * i + k] += 0.3 * static_cast<double>(k + 1) + f.cell[3 * (i % 3) + k];
    EXPECT_LE(golden::difference(predict(m, moved).forces.to_vector<double>(), forces), tolerance);

    Frame permuted = f;
    const std::size_t order[] = {3, 0, 4, 1, 2};
    for (std::size_t i = 0; i < 5; ++i) {
      permuted.numbers[i] = f.numbers[order[i]];
      for (std::size_t k = 0; k < 3; ++k) permuted.positions[3 * i + k] = f.positions[3 * order[i] + k];
    }
    const auto b = predict(m, permuted).forces.to_vector<double>();
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t k = 0; k < 3; ++k)
        EXPECT_LE(std::abs(b[3 * i + k] - forces[3 * order[i] + k]), tolerance);
    double total[3] = {};
    for (std::size_t k = 0; k < forces.size(); ++k) total[k % 3] += forces[k];
    for (const double t : total) EXPECT_LE(std::abs(t), tolerance);
  }
}

// Energies, forces, virials, and the gradient of a loss that contains them.
TEST_P(Networks, SameBitsOnTheDebugDevice) {
  for (const Frame& f : {small::molecule(), small::crystal()}) {
    Arrays results[2];
    for (const Device device : {Device::cpu, Device::debug}) {
      Model m = small::model(GetParam());
      m.to(device);
      const nn::ParameterRefs refs = m.parameters();
      nn::track_parameters(refs);
      const Prediction p = m.predict(golden::graph(f, m.cutoff()), {true, true, true});
      const Array loss = sum(square(p.forces)) + sum(square(p.virial)) + sum(p.energy);
      Arrays all = gradients(loss, nn::values_of(refs));
      all.insert(all.end(), {p.energy, p.atom_energies, p.forces, p.virial});
      for (const Array& a : all) EXPECT_EQ(a.device(), device);
      results[device == Device::debug] = all;
    }
    ASSERT_EQ(results[0].size(), results[1].size());
    for (std::size_t k = 0; k < results[0].size(); ++k)
      EXPECT_TRUE(identical(results[0][k], results[1][k])) << k;
  }
}

TEST_P(Networks, ForcesAndVirialAreCentralDifferences) {
  const Model m = small::model(GetParam());
  for (const Frame& f : {small::molecule(), small::crystal()}) {
    const Prediction p = predict(m, f);
    const auto forces = p.forces.to_vector<double>(), virial = p.virial.to_vector<double>();
    const double tolerance = 1e-8 * small::largest(forces), h = 1e-4;
    const auto central = [&](auto move) {  // 4-point
      const auto e = [&](double d) {
        Frame g = f;
        move(g, d);
        return predict(m, g).energy.item();
      };
      return (8 * (e(h) - e(-h)) - (e(2 * h) - e(-2 * h))) / (12 * h);
    };
    for (std::size_t k = 0; k < forces.size(); ++k)
      EXPECT_LE(std::abs(forces[k] + central([&](Frame& g, double d) { g.positions[k] += d; })), tolerance)
          << k;
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t b = 0; b < 3; ++b) {
        const double slope = central([&](Frame& g, double d) {
          const auto strain = [&](double* x, const double* from) {
            for (auto [u, v] : {std::pair{a, b}, std::pair{b, a}}) x[u] += 0.5 * d * from[v];
          };
          for (Index i = 0; i < g.size(); ++i) strain(&g.positions[3 * i], &f.positions[3 * i]);
          for (Index i = 0; i < 3; ++i) strain(&g.cell[3 * i], &f.cell[3 * i]);
        });
        EXPECT_LE(std::abs(virial[3 * a + b] + slope), tolerance * small::largest(virial)) << a << b;
      }
  }
}

TEST_P(Networks, GradientOfALossWithForcesAndVirialIsExact) {
  Model m = small::model(GetParam());
  const Graph g = golden::graph(small::crystal(), m.cutoff());
  const nn::ParameterRefs refs = m.parameters();
  const Arrays start = nn::values_of(refs);
  const Array forces = random_normal({g.atoms(), 3}, DType::f64, Random(3)),
              virial = random_normal({1, 9}, DType::f64, Random(4));
  const auto loss_at = [&](const Arrays& x) {
    for (std::size_t k = 0; k < refs.size(); ++k) *refs[k].value = x[k];
    const Prediction p = m.predict(g, {true, true, recording()});
    return sum(p.energy) + sum(square(p.forces - forces)) + sum(square(p.virial - virial));
  };
  const GradientReport report = check_gradients(loss_at, start, 1e-4, 4);
  EXPECT_LE(report.max_error, 1e-7) << refs[static_cast<std::size_t>(report.argument)].name << " element "
                                    << report.element << ": " << report.analytic << " against "
                                    << report.numeric;
}

TEST_P(Networks, AFileHoldsTheExactBits) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Model m = small::model(GetParam()).as(dtype);
    const cartan::testing::Temporary t;
    m.save(t.path("model.h5"));
    const Model back = Model::open(t.path("model.h5"));
    EXPECT_EQ(back.network().kind(), small::kind_of(GetParam()));
    EXPECT_EQ(back.config().summary(), m.config().summary());
    const nn::ConstParameterRefs a = m.parameters(), b = back.parameters();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t k = 0; k < a.size(); ++k) {
      EXPECT_EQ(a[k].name, b[k].name);
      EXPECT_TRUE(identical(*a[k].value, *b[k].value)) << a[k].name;
    }
    const Prediction p = predict(m, small::crystal()), q = predict(back, small::crystal());
    EXPECT_TRUE(identical(p.energy, q.energy) && identical(p.forces, q.forces) &&
                identical(p.virial, q.virial));
  }
}

TEST_P(Networks, SameBitsForAnyNumberOfThreads) {
  const Model m = small::model(GetParam()).as(DType::f32);
  Prediction first;
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    const Prediction p = predict(m, small::crystal());
    if (n == 1) first = p;
    EXPECT_TRUE(identical(p.energy, first.energy) && identical(p.forces, first.forces) &&
                identical(p.virial, first.virial))
        << n;
  }
  set_threads(0);
}

TEST_P(Networks, OtherPrecisionIsTheSameFunction) {
  const Model m = small::model(GetParam()), single = m.as(DType::f32), back = m.as(DType::f64);
  EXPECT_EQ(single.network().dtype(), DType::f32);
  const Prediction a = predict(m, small::crystal()), b = predict(single, small::crystal()),
                   c = predict(back, small::crystal());
  EXPECT_LE(golden::difference(b.energy.to_vector<double>(), a.energy.to_vector<double>()), 1e-5);
  EXPECT_LE(golden::difference(b.forces.to_vector<double>(), a.forces.to_vector<double>()),
            1e-4 * small::largest(a.forces.to_vector<double>()));
  EXPECT_TRUE(identical(a.energy, c.energy) && identical(a.forces, c.forces));
  EXPECT_THROW(m.as(DType::i32), std::invalid_argument);
}

TEST_P(Networks, AModelOnADeviceIsConvertedAndSaved) {
  const Model host = small::model(GetParam());
  Model there = host;
  there.to(Device::debug);
  EXPECT_EQ(there.network().device(), Device::debug);
  EXPECT_EQ(host.network().device(), Device::cpu);
  const Model single = there.as(DType::f32);
  EXPECT_EQ(single.network().device(), Device::debug);
  data::Group group;
  single.save(group);
  const Prediction a = predict(Model::load(group), small::crystal()), b = predict(single, small::crystal());
  EXPECT_EQ(b.forces.device(), Device::debug);
  EXPECT_TRUE(identical(a.forces, b.forces.to(Device::cpu)));
}

TEST_P(Networks, ACopyHasParametersOfItsOwn) {
  const Model m = small::model(GetParam());
  Model copy = m;
  const double before = predict(m, small::molecule()).energy.item();
  for (const nn::NamedParameter& p : copy.parameters()) *p.value = scale(*p.value, 1.5);
  EXPECT_EQ(predict(m, small::molecule()).energy.item(), before);
  EXPECT_NE(predict(copy, small::molecule()).energy.item(), before);
  EXPECT_NE(predict(small::model(GetParam(), 4), small::molecule()).energy.item(), before);  // another seed
}

TEST_P(Networks, ABatchIsItsFrames) {
  const Model m = small::model(GetParam());
  Frame lonely;  // nobody to send
  lonely.numbers = {6};
  lonely.positions = {1, 2, 3};
  const std::vector<Frame> frames{small::molecule(), lonely, small::crystal(), small::molecule()};
  std::vector<NeighborList> lists;
  std::vector<const Frame*> frame_of;
  std::vector<const NeighborList*> list_of;
  for (const Frame& f : frames) lists.push_back(neighbor_list(f, m.cutoff()));
  for (std::size_t k = 0; k < frames.size(); ++k)
    frame_of.push_back(&frames[k]), list_of.push_back(&lists[k]);
  const Prediction all = m.predict(make_graph(frame_of, list_of), {true, true, false});
  std::vector<double> energy, forces, virial;
  for (const Frame& f : frames) {
    const Prediction p = predict(m, f);
    for (auto [to, from] : {std::pair{&energy, p.energy}, {&forces, p.forces}, {&virial, p.virial}}) {
      const auto v = from.to_vector<double>();
      to->insert(to->end(), v.begin(), v.end());
    }
  }
  EXPECT_LE(golden::difference(all.energy.to_vector<double>(), energy), 1e-13);
  EXPECT_LE(golden::difference(all.forces.to_vector<double>(), forces), 1e-12 * small::largest(forces));
  EXPECT_LE(golden::difference(all.virial.to_vector<double>(), virial), 1e-12 * small::largest(virial));
}

TEST_P(Networks, NothingFarAwayIsSeen) {
  const Model m = small::model(GetParam());
  // At the cutoff energies and forces go to zero smoothly: one neighbour just inside is next to none.
  Frame pair;
  pair.numbers = {6, 8};
  pair.positions = {0, 0, 0, 0, m.cutoff() * (1 - 1e-7), 0};
  Frame apart = pair;
  apart.positions[4] = m.cutoff() + 1;
  EXPECT_LE(std::abs(predict(m, pair).energy.item() - predict(m, apart).energy.item()), 1e-10);
  EXPECT_LE(small::largest(predict(m, pair).forces.to_vector<double>()), 1);
  for (const double x : predict(m, pair).forces.to_vector<double>()) EXPECT_LE(std::abs(x), 1e-4);
  for (const double x : predict(m, apart).forces.to_vector<double>()) EXPECT_EQ(x, 0);
}

TEST_P(Networks, VectorsOfAnotherShapeOrTypeAreRefused) {
  const Model m = small::model(GetParam());
  const Graph g = golden::graph(small::molecule(), m.cutoff());
  EXPECT_THROW(m.network()(g, g.vectors.as(DType::f32)), std::invalid_argument);
  EXPECT_THROW(m.network()(g, g.vectors.rows(0, 3)), std::invalid_argument);
  Frame strange = small::molecule();
  strange.numbers[0] = 92;
  EXPECT_THROW(predict(m, strange), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Table, Networks, ::testing::ValuesIn(small::kinds()),
                         [](const auto& kind) { return kind.param; });

TEST(NetworkTable, AnUnknownKindIsRefusedWithThoseThereAre) {
  EXPECT_THROW(network_config("nosuch"), std::invalid_argument);
  const cartan::testing::Temporary t;
  data::Group root;
  small::model("tensornet").save(root["model"]);
  root["model"].attributes["kind"] = std::string("nosuch");
  data::save(t.path("model.h5"), root, {"cartan-model", 1, "", ""});
  try {
    Model::open(t.path("model.h5"));
    FAIL();
  } catch (const FormatError& e) {
    const std::string what = e.what();
    EXPECT_NE(what.find("nosuch"), std::string::npos) << what;
    EXPECT_NE(what.find("tensornet"), std::string::npos) << what;
  }
}

TEST(NetworkTable, FieldsOfAFileAreChecked) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, data::Attribute>>{{"channels", std::int64_t{0}},
                                                            {"channels", std::int64_t{7}},
                                                            {"cutoff", -1.0},
                                                            {"group", std::string("SU(2)")},
                                                            {"dtype", std::string("int32")},
                                                            {"layers", std::string("two")}}) {
    data::Group group;
    small::model("tensornet").save(group);
    group.attributes[name] = value;
    EXPECT_THROW(Model::load(group), FormatError) << name;
    group.attributes.erase(name);
    EXPECT_THROW(Model::load(group), FormatError) << name;
  }
}
