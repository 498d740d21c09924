// Committees: means and deviations, one search for all members, dynamics that stop where members disagree.
#include <gtest/gtest.h>
#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/committee.hpp>
#include <cartan/potentials/dynamics.hpp>
#include <cartan/potentials/trajectory.hpp>

#include <cmath>

#include "golden.hpp"
#include "potentials/small_networks.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::potentials;
using cartan::testing::Temporary;

namespace {

struct Answer {
  std::vector<double> forces, atom_energies;
  Results results;
  Answer(Engine& engine, const System& s) : forces(3 * s.size(), NAN), atom_energies(s.owned, NAN) {
    results.forces = forces;
    results.atom_energies = atom_energies;
    engine.compute(s, results);
  }
};

// Kinds, cutoffs and precisions mixed.
std::vector<Model> mixed() {
  std::vector<Model> out{small::model("tensornet", 1), small::model("nequip", 2)};
  std::unique_ptr<NetworkConfig> c = small::config("mace");
  c->cutoff = 2.9;
  Model near(*c, 3);
  near.energy_scale = 0.4;
  near.reference = out[0].reference;
  out.push_back(std::move(near));
  out.push_back(small::model("tensornet", 4).as(DType::f32));
  return out;
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  return golden::difference(a, b);
}

}  // namespace

TEST(Committees, CopiesAreTheModelToTheBit) {
  for (const std::string kind : {"tensornet", "nequip", "mace"}) {
    const Model m = small::model(kind);
    NetworkEngine one(m);
    for (const Frame& f : {small::molecule(), small::crystal()})
      for (const std::size_t count : {1, 2, 3, 7}) {
        Committee committee(std::vector<Model>(count, m));
        const Answer expected(one, f), found(committee, f);
        EXPECT_EQ(found.results.energy, expected.results.energy);
        EXPECT_EQ(found.forces, expected.forces);
        EXPECT_EQ(found.atom_energies, expected.atom_energies);
        EXPECT_EQ(found.results.virial, expected.results.virial);
        EXPECT_EQ(committee.deviation().energy, 0);
        EXPECT_EQ(committee.deviation().forces, std::vector<double>(f.numbers.size(), 0.0));
      }
  }
}

TEST(Committees, MeanAndDeviationAreThoseOfTheMembersAlone) {
  const std::vector<Model> members = mixed();
  Committee committee(members);
  EXPECT_EQ(committee.cutoff(), 3.6);
  for (const Frame& f : {small::molecule(), small::crystal()}) {
    std::vector<Answer> alone;
    for (const Model& m : members) {
      NetworkEngine engine(m);
      alone.emplace_back(engine, f);
    }
    const Answer found(committee, f);
    const double count = static_cast<double>(members.size());
    double energy = 0, energy2 = 0;
    std::vector<double> forces(f.positions.size()), apart(f.numbers.size()), atoms(f.numbers.size());
    std::array<double, 9> virial{};
    for (std::size_t k = 0; k < alone.size(); ++k) {
      EXPECT_EQ(committee.energies()[k], alone[k].results.energy);
      energy += alone[k].results.energy / count;
      for (std::size_t c = 0; c < forces.size(); ++c) forces[c] += alone[k].forces[c] / count;
      for (std::size_t a = 0; a < atoms.size(); ++a) atoms[a] += alone[k].atom_energies[a] / count;
      for (std::size_t c = 0; c < 9; ++c) virial[c] += alone[k].results.virial[c] / count;
    }
    for (const Answer& a : alone) {
      energy2 += std::pow(a.results.energy - energy, 2) / count;
      for (std::size_t c = 0; c < forces.size(); ++c)
        apart[c / 3] += std::pow(a.forces[c] - forces[c], 2) / count;
    }
    for (double& x : apart) x = std::sqrt(x);
    const double scale = small::largest(forces);
    EXPECT_LE(std::abs(found.results.energy - energy), 1e-12 * std::abs(energy));
    EXPECT_LE(worst(found.forces, forces), 1e-12 * scale);
    EXPECT_LE(worst(found.atom_energies, atoms), 1e-11);
    EXPECT_LE(
        worst({found.results.virial.begin(), found.results.virial.end()}, {virial.begin(), virial.end()}),
        1e-12 * small::largest({virial.begin(), virial.end()}));
    EXPECT_LE(std::abs(committee.deviation().energy - std::sqrt(energy2)), 1e-10);
    EXPECT_GT(committee.deviation().energy, 1e-3);
    EXPECT_LE(worst(committee.deviation().forces, apart), 1e-12 * scale);
    EXPECT_EQ(committee.deviation().largest(),
              *std::max_element(committee.deviation().forces.begin(), committee.deviation().forces.end()));

    // in batches too
    const FrameSet set{"frames", {f, f, f}};
    const Predictions p = predict(members, set, f.periodic(), 2 * f.size());
    ASSERT_EQ(p.deviation.size(), 3u);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_LE(std::abs(p.energy[k] - energy), 1e-7 * std::abs(energy));  // a member is in single precision
      EXPECT_LE(worst(p.forces[k], forces), 1e-6 * scale);
      EXPECT_LE(worst(p.deviation[k].forces, apart), 1e-6 * scale);
      EXPECT_LE(std::abs(p.deviation[k].energy - std::sqrt(energy2)), 1e-6 * std::abs(energy));
      for (std::size_t c = 0; f.periodic() && c < 9; ++c)
        EXPECT_LE(std::abs(p.stress[k][c] + virial[c] / f.volume()), 1e-6 * scale);
    }
  }
}

TEST(Committees, ForcesAndVirialAreDerivativesOfTheMean) {
  std::vector<Model> members = mixed();
  members.pop_back();  // the one in single precision
  Committee committee(members);
  Frame f = small::crystal();
  const Answer here(committee, f);
  const double step = 1e-5, scale = small::largest(here.forces);
  for (std::size_t c = 0; c < f.positions.size(); ++c) {
    Frame up = f, down = f;
    up.positions[c] += step;
    down.positions[c] -= step;
    const double slope =
        (Answer(committee, up).results.energy - Answer(committee, down).results.energy) / (2 * step);
    EXPECT_LE(std::abs(here.forces[c] + slope), 1e-7 * scale) << c;
  }
  for (std::size_t ab = 0; ab < 9; ++ab) {
    const auto strained = [&](double e) {
      Frame g = f;
      for (std::size_t v = 0; v < f.positions.size() / 3 + 3; ++v) {
        double* x = v < 3 ? &g.cell[3 * v] : &g.positions[3 * (v - 3)];
        const double row[3] = {x[0], x[1], x[2]};
        x[ab / 3] += 0.5 * e * row[ab % 3];
        x[ab % 3] += 0.5 * e * row[ab / 3];
      }
      return Answer(committee, g).results.energy;
    };
    EXPECT_LE(std::abs(here.results.virial[ab] + (strained(step) - strained(-step)) / (2 * step)),
              1e-6 * scale);
  }
}

TEST(Committees, ForcesOnGhostsCountForTheirOwners) {
  const std::vector<Model> members = mixed();
  Committee committee(members);
  Frame f = small::crystal();
  const Answer expected(committee, f);
  const Deviation apart = committee.deviation();
  // Images within reach, as ghosts.
  std::vector<int> numbers = f.numbers;
  std::vector<double> positions = f.positions;
  std::vector<std::int32_t> owner, neighbor;
  for (int a = -2; a <= 2; ++a)
    for (int b = -2; b <= 2; ++b)
      for (int c = -2; c <= 2; ++c)
        for (Index j = 0; (a || b || c) && j < f.size(); ++j) {
          numbers.push_back(f.numbers[j]);
          owner.push_back(static_cast<std::int32_t>(j));
          for (Index k = 0; k < 3; ++k)
            positions.push_back(f.positions[3 * j + k] + a * f.cell[k] + b * f.cell[3 + k] +
                                c * f.cell[6 + k]);
        }
  std::vector<Index> first{0};
  for (Index i = 0; i < f.size(); ++i) {
    for (std::size_t j = 0; j < numbers.size(); ++j)
      if (static_cast<Index>(j) != i) neighbor.push_back(static_cast<std::int32_t>(j));
    first.push_back(static_cast<Index>(neighbor.size()));
  }
  System s;
  s.owned = f.size();
  s.ghosts = static_cast<Index>(owner.size());
  s.numbers = numbers;
  s.positions = positions;
  s.owner = owner;
  s.pairs.first = first;
  s.pairs.neighbor = neighbor;
  const Answer found(committee, s);
  const double scale = small::largest(expected.forces);
  EXPECT_LE(std::abs(found.results.energy - expected.results.energy),
            1e-7 * std::abs(expected.results.energy));
  EXPECT_LE(worst(committee.deviation().forces, apart.forces), 1e-6 * scale);
  EXPECT_GT(apart.largest(), 1e-3);
}

TEST(Committees, BadInputIsRefused) {
  EXPECT_THROW(Committee({}), std::invalid_argument);
  EXPECT_THROW(predict(std::vector<Model>{}, FrameSet{"x", {small::molecule()}}, false),
               std::invalid_argument);
  Model few = small::model("tensornet");
  few.reference.erase(8);
  try {
    Committee({small::model("mace"), small::model("nequip"), few});
    FAIL() << "members of different elements were taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("member 2 is a model of H C N, member 0 of H C N O"),
              std::string::npos)
        << error.what();
  }
  // a model in other units is none
  data::Group group;
  few.save(group);
  EXPECT_NO_THROW(Model::load(group));
  group.items().at("reference_energy").attributes["units"] = std::string("kcal/mol");
  EXPECT_THROW(Model::load(group), FormatError);

  Committee committee({small::model("mace"), small::model("nequip")});
  Frame f = small::molecule();
  f.numbers[0] = 14;
  Results results;
  EXPECT_THROW(committee.compute(f, results), std::invalid_argument);
  std::vector<double> forces(4);
  results.forces = forces;
  EXPECT_THROW(committee.compute(small::molecule(), results), std::invalid_argument);

  // a limit, and nothing that could reach it
  ModelPotential one(small::model("tensornet"));
  DynamicsOptions options;
  options.max_deviation = 0.1;
  EXPECT_THROW(Dynamics(one, small::molecule(), options), std::invalid_argument);
  options.max_deviation = -1;
  CommitteePotential two({small::model("tensornet"), small::model("tensornet", 4)});
  EXPECT_THROW(Dynamics(two, small::molecule(), options), std::invalid_argument);
}

TEST(Committees, DynamicsStopWhereMembersDisagreeAndGoOnBitForBit) {
  const std::vector<Model> members{small::model("tensornet", 1), small::model("nequip", 2)};
  DynamicsOptions options;
  options.ensemble = Ensemble::nvt;
  options.dt = 0.2;
  options.seed = 5;
  options.temperature = 3000;
  options.max_drift = 1e9;
  options.max_temperature = 1e9;
  const auto run_all = [&](Dynamics& d, Index steps, std::vector<double>* seen) {
    return run(d, steps, [&](const Dynamics&, const Observables& o) {
      if (seen) seen->push_back(o.forces_deviation);
    });
  };
  options.sample_every = 1;
  CommitteePotential potential(members);
  Dynamics whole(potential, small::molecule(), options);
  std::vector<double> seen;
  EXPECT_EQ(run_all(whole, 30, &seen).status, DynamicsStatus::finished);
  ASSERT_EQ(seen.size(), 31u);
  // A limit that a later step passes for the first time.
  std::size_t at = 1;
  while (at < 30 && seen[at] <= *std::max_element(seen.begin(), seen.begin() + at)) ++at;
  ASSERT_LT(at, 30u);
  const double before = *std::max_element(seen.begin(), seen.begin() + at);
  options.max_deviation = 0.5 * (before + seen[at]);

  Dynamics stops(potential, small::molecule(), options);
  const DynamicsSummary s = run_all(stops, 30, nullptr);
  EXPECT_EQ(s.status, DynamicsStatus::uncertain);
  EXPECT_EQ(s.steps, static_cast<Index>(at));
  EXPECT_NE(s.message.find("about the force on atom"), std::string::npos) << s.message;
  EXPECT_EQ(run_all(stops, 1, nullptr).steps, 0);  // it stands where it is

  data::Group group;
  stops.state().save(group);
  const DynamicsState kept = DynamicsState::load(group);
  EXPECT_EQ(kept.evaluation.deviation.forces, stops.state().evaluation.deviation.forces);
  EXPECT_EQ(kept.evaluation.deviation.energy, stops.state().evaluation.deviation.energy);
  options.max_deviation = 0;
  CommitteePotential again(members);
  Dynamics rest(again, kept, options);
  EXPECT_EQ(run_all(rest, 30 - static_cast<Index>(at), nullptr).status, DynamicsStatus::finished);
  EXPECT_EQ(rest.state().frame.positions, whole.state().frame.positions);
  EXPECT_EQ(rest.state().evaluation.deviation.forces, whole.state().evaluation.deviation.forces);
}

TEST(Committees, TrajectoriesHoldDeviations) {
  const Temporary folder;
  const std::string path = folder.path("committee.h5");
  CommitteePotential potential({small::model("tensornet", 1), small::model("mace", 2)});
  DynamicsOptions options;
  options.dt = 0.1;
  options.max_drift = 1e9;
  options.max_temperature = 1e9;
  Dynamics d(potential, small::molecule(), options);
  const Index n = d.state().frame.size();
  std::vector<std::vector<double>> forces;
  {
    TrajectoryWriter writer(path, d.state().frame);
    for (int k = 0; k < 3; ++k) {
      writer.append(d, d.observables());
      forces.push_back(d.state().evaluation.deviation.forces);
      d.step();
    }
    writer.close();
  }
  const data::Group file = data::load(path);
  const Array of_atoms = file.group("particles/atoms/forces_deviation").array("value", DType::f64, {3, n});
  const Array most = file.group("observables/forces_deviation_max").array("value", DType::f64, {3});
  for (Index k = 0; k < 3; ++k) {
    const auto row = of_atoms.to_vector<double>();
    EXPECT_EQ(std::vector<double>(row.begin() + k * n, row.begin() + (k + 1) * n), forces[k]);
    EXPECT_EQ(most.data<double>()[k], *std::max_element(forces[k].begin(), forces[k].end()));
  }
  EXPECT_EQ(file.group("observables/energy_deviation").array("value").size(), 3);
}
