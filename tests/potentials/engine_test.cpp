// Systems of a host: ghosts, pair lists, buffers of the caller, memory.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/potentials/dynamics.hpp>
#include <cartan/potentials/model.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <map>
#include <new>

#include "golden.hpp"
#include "potentials/small_networks.hpp"
#include "sanitized.hpp"

// Every allocation of this program, counted, where no sanitizer counts them.
namespace {
std::atomic<std::int64_t> allocations{0}, large_allocations{0};
[[maybe_unused]] constexpr std::size_t large = 16384;
}  // namespace

#if !defined(CARTAN_THREAD_SANITIZER) && !defined(CARTAN_ADDRESS_SANITIZER)
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (size >= large) ++large_allocations;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
#endif

using namespace cartan;
using namespace cartan::potentials;

namespace {

struct Buffers {
  std::vector<double> forces, atom_energies;
  Results results;
  explicit Buffers(const System& s) : forces(3 * s.size(), NAN), atom_energies(s.owned, NAN) {
    results.forces = forces;
    results.atom_energies = atom_energies;
  }
};

// A frame as a host has it: images of atoms are ghosts, every pair of owned atoms is listed twice.
struct Host {
  std::vector<int> numbers;
  std::vector<double> positions;
  std::vector<std::int32_t> owner, neighbor, shift;
  std::vector<Index> first;
  System system;

  /// @param cutoff  of the list
  Host(const Frame& f, double cutoff, bool ghosts) : numbers(f.numbers), positions(f.positions) {
    const NeighborList list = neighbor_list(f, cutoff);
    std::map<std::array<std::int32_t, 4>, std::int32_t> ghost_of;
    std::vector<std::vector<std::array<std::int32_t, 4>>> of(f.numbers.size());
    const auto add = [&](std::int32_t i, std::int32_t j, std::array<std::int32_t, 3> s) {
      if (!ghosts || s == std::array<std::int32_t, 3>{}) return of[i].push_back({j, s[0], s[1], s[2]});
      const auto [it, fresh] =
          ghost_of.try_emplace({j, s[0], s[1], s[2]}, static_cast<std::int32_t>(numbers.size()));
      if (fresh) {
        numbers.push_back(f.numbers[j]);
        owner.push_back(j);
        for (Index c = 0; c < 3; ++c)
          positions.push_back(f.positions[3 * j + c] + s[0] * f.cell[c] + s[1] * f.cell[3 + c] +
                              s[2] * f.cell[6 + c]);
      }
      of[i].push_back({it->second, 0, 0, 0});
    };
    for (Index p = 0; p < list.size(); ++p) {
      const std::int32_t* s = &list.shift[3 * p];
      add(list.i[p], list.j[p], {s[0], s[1], s[2]});
      add(list.j[p], list.i[p], {-s[0], -s[1], -s[2]});
    }
    first.push_back(0);
    for (const auto& entries : of) {
      for (const auto& e : entries) {
        neighbor.push_back(e[0]);
        shift.insert(shift.end(), e.begin() + 1, e.end());
      }
      first.push_back(static_cast<Index>(neighbor.size()));
    }
    system.owned = f.size();
    system.ghosts = static_cast<Index>(owner.size());
    system.cell = f.cell;
    system.charge = f.charge;
    view(ghosts);
  }
  void view(bool ghosts) {
    system.numbers = numbers;
    system.positions = positions;
    system.owner = owner;
    system.pairs.first = first;
    system.pairs.neighbor = neighbor;
    system.pairs.shift = ghosts ? Span<const std::int32_t>() : Span<const std::int32_t>(shift);
  }
};

class Engines : public ::testing::TestWithParam<std::string> {};

}  // namespace

TEST_P(Engines, AHostWithGhostsOrShiftsIsTheSameSystem) {
  const Model m = small::model(GetParam());
  NetworkEngine engine(m);
  for (Frame f : {small::crystal(), small::molecule()}) {
    f.charge = 1;
    Buffers expected(f);
    engine.compute(f, expected.results);
    for (const bool ghosts : {false, true}) {
      const Host host(f, m.cutoff() + 0.4, ghosts);
      EXPECT_EQ(host.system.ghosts > 0, ghosts && f.periodic());
      Buffers found(host.system);
      engine.compute(host.system, found.results);
      const double scale = small::largest(expected.forces);
      EXPECT_LE(std::abs(found.results.energy - expected.results.energy),
                1e-12 * std::abs(expected.results.energy));
      EXPECT_LE(golden::difference(found.atom_energies, expected.atom_energies), 1e-12);
      std::vector<double> folded(found.forces.begin(), found.forces.begin() + 3 * f.size());
      for (Index g = 0; g < host.system.ghosts; ++g)
        for (Index c = 0; c < 3; ++c) folded[3 * host.owner[g] + c] += found.forces[3 * (f.size() + g) + c];
      EXPECT_LE(golden::difference(folded, expected.forces), 1e-12 * scale);
      EXPECT_LE(golden::difference({found.results.virial.begin(), found.results.virial.end()},
                                   {expected.results.virial.begin(), expected.results.virial.end()}),
                1e-11 * scale);
    }
  }
}

TEST_P(Engines, WhatIsNotWantedIsNotWritten) {
  NetworkEngine engine(small::model(GetParam()));
  const Frame f = small::crystal();
  Buffers all(f);
  engine.compute(f, all.results);
  Results energy;
  energy.wants_virial = false;
  engine.compute(f, energy);
  EXPECT_EQ(energy.energy, all.results.energy);
  EXPECT_EQ(energy.virial, (std::array<double, 9>{}));
  Results virial;  // and no forces
  engine.compute(f, virial);
  EXPECT_EQ(virial.virial, all.results.virial);
}

TEST_P(Engines, AnEmptySubdomainHasNoEnergy) {
  NetworkEngine engine(small::model(GetParam()));
  const std::vector<Index> first{0};
  System nothing;
  nothing.pairs.first = first;
  Results r;
  r.energy = 5;
  engine.compute(nothing, r);
  EXPECT_EQ(r.energy, 0);
  EXPECT_EQ(r.virial, (std::array<double, 9>{}));
}

void no_step_takes_memory(const std::string& kind, Device device) {
  Model model = small::model(kind).as(DType::f32);
  model.energy_scale *= 0.01;  // random networks are rough
  model.to(device);
  ModelPotential potential(std::move(model));
  DynamicsOptions options;
  options.dt = 0.05;
  options.temperature = 20;
  Dynamics dynamics(potential, small::molecule(), options);
  for (int step = 0; step < 20; ++step) ASSERT_TRUE(dynamics.step());
  const MemoryUse before = memory_use(device);
  const std::int64_t start = allocations, large_start = large_allocations;
  ASSERT_TRUE(dynamics.step());
  const std::int64_t a_step = allocations - start;
  for (int step = 0; step < 50; ++step) {
    const std::int64_t at = allocations;
    ASSERT_TRUE(dynamics.step());
    EXPECT_EQ(allocations - at, a_step) << step;  // the tape's small nodes: the same at every step
    const MemoryUse now = memory_use(device);
    EXPECT_EQ(now.fresh, before.fresh) << step;
    EXPECT_EQ(now.in_use, before.in_use) << step;
  }
  EXPECT_EQ(large_allocations, large_start);
  std::printf("%s on %s: %d small allocations a step\n", kind.c_str(), to_string(device).c_str(),
              static_cast<int>(a_step));
}

TEST_P(Engines, NoStepOfDynamicsTakesMemoryOnceWarm) {
  set_threads(1);
  for (const Device device : {Device::cpu, Device::debug}) no_step_takes_memory(GetParam(), device);
  set_threads(0);
}

// Pairs come and go: results are those of a fresh engine, and the pool does not grow for ever.
TEST_P(Engines, PairsThatComeAndGo) {
  set_threads(1);
  Model m = small::model(GetParam());
  m.energy_scale *= 0.01;  // random networks are rough
  ModelPotential potential(m);
  DynamicsOptions options;
  options.dt = 0.2;
  options.temperature = 600;
  options.sample_every = 1;
  Dynamics dynamics(potential, small::crystal(), options);
  std::size_t most = 0, early = 0;
  Index changes = 0, pairs = -1, most_pairs = 0, early_pairs = 0, least_pairs = 1 << 30;
  for (int step = 0; step < 300; ++step) {
    if (!dynamics.step()) break;
    const Frame& now = dynamics.state().frame;
    const Index found = neighbor_list(now, m.cutoff()).size();
    changes += found != pairs;
    pairs = found;
    most_pairs = std::max(most_pairs, pairs), least_pairs = std::min(least_pairs, pairs);
    if (step % 20 == 0) {
      const Prediction fresh = m.predict(golden::graph(now, m.cutoff()), {true, true, false});
      EXPECT_LE(golden::difference(dynamics.state().evaluation.forces, fresh.forces.to_vector<double>()),
                1e-12 * small::largest(dynamics.state().evaluation.forces));
    }
    const MemoryUse use = memory_use();
    most = std::max(most, use.in_use + use.kept);
    if (step == 150) early = most, early_pairs = most_pairs;
  }
  EXPECT_GT(changes, 10);
  // Blocks come in four sizes an octave. Lists of each size that was met may have a set of their own, no
  // more.
  const double grown = static_cast<double>(most_pairs) / static_cast<double>(early_pairs);
  const double sizes =
      1 + std::ceil(4 * std::log2(static_cast<double>(most_pairs) / static_cast<double>(least_pairs)));
  EXPECT_LE(static_cast<double>(most), std::max(2.0, sizes) * grown * static_cast<double>(early));
  set_threads(0);
}

TEST_P(Engines, BadInputIsRefused) {
  NetworkEngine engine(small::model(GetParam()));
  const auto refused = [&](const System& s, Results r = {}) {
    try {
      engine.compute(s, r);
      return std::string();
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
  };
  const auto says = [](const std::string& what, const std::string& part) {
    return what.find(part) != std::string::npos ? std::string() : "'" + part + "' is not in '" + what + "'";
  };
  const Frame f = small::crystal();
  const double reach = engine.cutoff() + 0.4;
  Host host(f, reach, true);
  EXPECT_EQ(refused(host.system), "");

  std::vector<double> few(4);
  Results small_forces, small_energies;
  small_forces.forces = few;
  small_energies.atom_energies = few;
  EXPECT_EQ(says(refused(host.system, small_forces), "room for 4 force components"), "");
  EXPECT_EQ(says(refused(host.system, small_energies), "room for 4 atomic energies"), "");

  System s = host.system;
  s.owner = {};
  EXPECT_EQ(says(refused(s), "does not say of which atoms they are copies"), "");
  s = host.system;
  s.pairs = {};
  EXPECT_EQ(says(refused(s), "they come with a pair list"), "");
  s = host.system;
  s.positions = {s.positions.data(), 7};
  EXPECT_EQ(says(refused(s), "7 coordinates for"), "");
  Host bad = Host(f, reach, true);
  bad.neighbor[3] = 1000;
  bad.view(true);
  EXPECT_EQ(says(refused(bad.system), "neighbour 1000 of the pair list"), "");
  bad = Host(f, reach, true);
  bad.first[2] = 0;
  bad.view(true);
  EXPECT_EQ(says(refused(bad.system), "the pair list of atom 1 goes from"), "");
  bad = Host(f, reach, true);
  bad.positions[5] = NAN;
  bad.view(true);
  EXPECT_EQ(says(refused(bad.system), "positions must be finite"), "");
  bad = Host(f, reach, true);
  bad.positions[3] = bad.positions[0], bad.positions[4] = bad.positions[1],
  bad.positions[5] = bad.positions[2];
  bad.view(true);
  EXPECT_EQ(says(refused(bad.system), "closer than"), "");

  // Each pair once.
  std::vector<std::int32_t> once;
  std::vector<Index> first{0};
  Host half(small::molecule(), reach, false);
  for (Index i = 0; i < half.system.owned; ++i) {
    for (Index k = half.first[i]; k < half.first[i + 1]; ++k)
      if (half.neighbor[k] > i) once.push_back(half.neighbor[k]);
    first.push_back(static_cast<Index>(once.size()));
  }
  half.system.pairs.neighbor = once;
  half.system.pairs.first = first;
  half.system.pairs.shift = {};
  EXPECT_EQ(says(refused(half.system), "give a full list"), "");
  EXPECT_EQ(refused(host.system), "");  // an error leaves the engine as it was
}

INSTANTIATE_TEST_SUITE_P(Table, Engines, ::testing::ValuesIn(small::kinds()),
                         [](const auto& kind) { return kind.param; });
