// Edges in blocks, with messages that are made again: the same function with less memory.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/potentials/model.hpp>

#include <array>
#include <cmath>
#include <set>

#include "golden.hpp"
#include "potentials/networks/edge_blocks.hpp"
#include "potentials/small_networks.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

Model limited(const std::string& name, double memory, bool direct = false) {
  std::unique_ptr<NetworkConfig> c = small::config(name);
  for (config::Field& f : config::fields_of(*c)) {
    if (f.name() == "memory") f.set(memory);
    if (f.name() == "direct" && direct) f.set(true);
  }
  Model m(*c, 3);
  m.reference = {{1, -0.5}, {6, -2}, {7, -3}, {8, -4}};
  return m;
}

// Forces, virial, and the derivatives of a loss of both by the parameters.
Arrays results(Model& m, const Graph& g) {
  const nn::ParameterRefs parameters = m.parameters();
  nn::track_parameters(parameters);
  const Prediction p = m.predict(g, {true, true, true});
  const Array loss = sum(square(cast(p.forces, DType::f64))) + sum(square(cast(p.virial, DType::f64))) +
                     sum(square(p.energy));
  Arrays all{detach(p.energy), detach(p.forces), detach(p.virial)};
  for (Array& a : gradients(loss, nn::values_of(parameters))) all.push_back(std::move(a));
  return all;
}

std::size_t blocks_of(const Graph& g) {
  return g.derived->get<KeptBlocks>([]() -> const KeptBlocks* { return nullptr; })->blocks->size();
}

// A limit at which there are fewer blocks than atoms, but several.
double memory_of_some(const std::string& name, const Frame& f) {
  double memory = 1e-9;
  for (std::size_t blocks = 1000; blocks >= static_cast<std::size_t>(f.size()); memory *= 1.3) {
    const Model m = limited(name, memory);
    const Graph g = golden::graph(f, m.cutoff());
    m.predict(g, {false, false, false});
    blocks = blocks_of(g);
  }
  return memory / 1.3;
}

}  // namespace

TEST(EdgeBlocks, AtomsAreDividedWhole) {
  const Frame f = small::crystal();
  const Graph g = golden::graph(f, 3.6);
  const std::vector<int> numbers{1, 6, 7, 8};
  EXPECT_EQ(edge_blocks(g, numbers, "test", g.edges.size())->size(), 1u);
  for (const Index most : {Index{1}, g.edges.size() / 3, g.edges.size() - 1}) {
    const auto blocks = edge_blocks(g, numbers, "test", most);
    EXPECT_GT(blocks->size(), 1u);
    for (std::size_t k = 0; k < blocks->size(); ++k) {
      const EdgeList& edges = blocks->parts[k]->edges;
      EXPECT_TRUE(edges.size() <= most || blocks->atoms[k + 1] == blocks->atoms[k] + 1);
      EXPECT_EQ(edges.size(), blocks->edges[k + 1] - blocks->edges[k]);
      for (Index e = 0; e < edges.size(); ++e) {
        const Index row = blocks->rows[blocks->edges[k] + e];
        EXPECT_EQ(edges.receivers()[e] + blocks->atoms[k], g.edges.receivers()[row]);
        EXPECT_EQ(edges.senders()[e], g.edges.senders()[row]);
      }
    }
    EXPECT_EQ(blocks->atoms.back(), g.owned);
    EXPECT_EQ(blocks->edges.back(), g.edges.size());
  }
}

// Blocks of one atom, and of several.
TEST(EdgeBlocks, AreTheSameFunctionOnAnyNumberOfThreads) {
  for (const std::string kind : {"esen", "equiformer", "escn"})
    for (const bool several : {false, true}) {
      SCOPED_TRACE(kind);
      Model whole = limited(kind, 4);
      const Graph g = golden::graph(small::molecule(), whole.cutoff());
      // The graph keeps the blocks of the first network that sees it.
      const Graph h = golden::graph(small::molecule(), whole.cutoff());
      Model blocks = limited(kind, several ? memory_of_some(kind, small::molecule()) : 1e-9);
      const Arrays a = results(whole, g), b = results(blocks, h);
      const auto atoms = static_cast<std::size_t>(h.owned);
      EXPECT_TRUE(several ? blocks_of(h) > 1 && blocks_of(h) < atoms : blocks_of(h) == atoms) << blocks_of(h);
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        const auto x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
        double worst = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
          worst = cartan::testing::worst_of(worst, std::abs(x[i] - y[i]));
        double size = 0;
        for (const double v : x) size = std::max(size, std::abs(v));
        EXPECT_LE(worst, 1e-11 * size) << k;
      }
      const int before = threads();
      set_threads(before == 1 ? 3 : 1);
      const Arrays again = results(blocks, h);
      set_threads(before);
      for (std::size_t k = 0; k < b.size(); ++k) EXPECT_TRUE(identical(again[k], b[k])) << k;
    }
}

TEST(EdgeBlocks, DirectForcesToo) {
  for (const std::string kind : {"equiformer", "escn"}) {
    const Model whole = limited(kind, 4, true), blocks = limited(kind, 1e-9, true);
    const Graph g = golden::graph(small::molecule(), whole.cutoff());
    const auto a = whole.predict(g, {true, false, false}).forces.to_vector<double>(),
               b = blocks.predict(g, {true, false, false}).forces.to_vector<double>();
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      worst = cartan::testing::worst_of(worst, std::abs(a[i] - b[i]));
    EXPECT_LE(worst, 1e-12) << kind;
  }
}

TEST(EdgeBlocks, KeepLessOnTheTape) {
  for (const std::string kind : {"esen", "equiformer", "escn"}) {
    Model whole = limited(kind, 4), blocks = limited(kind, 1e-9);
    const Graph g = golden::graph(small::crystal(), whole.cutoff());
    const auto kept = [&](Model& m) {
      nn::track_parameters(m.parameters());
      const std::size_t before = memory_use().in_use;
      const Prediction p = m.predict(g, {true, false, true});
      return static_cast<double>(memory_use().in_use - before);
    };
    EXPECT_LE(kept(blocks), kept(whole) / 2) << kind;
  }
}

namespace {

// Of all arrays that nodes keep.
double bytes_on_tape(const Arrays& y) {
  std::set<const Node*> seen;
  std::set<const void*> known;
  std::vector<const Node*> stack;
  const auto visit = [&](const Array& a) {
    if (a.node() && seen.insert(a.node().get()).second) stack.push_back(a.node().get());
  };
  for (const Array& a : y) visit(a);
  double bytes = 0;
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    for (const Arrays* arrays : {&node->inputs, &node->outputs})
      for (const Array& a : *arrays) {
        if (!a.empty() && known.insert(a.address()).second) bytes += static_cast<double>(a.bytes());
        visit(a);
      }
  }
  return bytes;
}

Model on_silicon(const std::string& kind, const std::string& activation, double memory) {
  const std::unique_ptr<NetworkConfig> c = network_config(kind);
  for (config::Field& f : config::fields_of(*c)) {
    if (f.name() == "lmax") f.set(std::int64_t{4});
    if (f.name() == "channels") f.set(std::int64_t{32});
    if (f.name() == "activation" && !activation.empty()) f.set(activation);
    if (f.name() == "memory") f.set(memory);
    if (f.name() == "cutoff") f.set(5.0);
    if (f.name() == "neighbors") f.set(28.0);
    if (f.name() == "species") f.set(std::vector<std::string>{"Si"});
  }
  Model m(*c, 3);
  m.reference = {{14, -3}};
  return m;
}

Frame silicon() {
  Frame f;
  for (const double z : {0.0, 0.25})
    for (const auto& [x, y, w] :
         {std::array{0.0, 0.0, 0.0}, {0.0, 0.5, 0.5}, {0.5, 0.0, 0.5}, {0.5, 0.5, 0.0}})
      for (const double c : {x, y, w}) f.positions.push_back(5.43 * (c + z));
  f.numbers.assign(8, 14);
  f.cell = {5.43, 0, 0, 0, 5.43, 0, 0, 0, 5.43};
  f.pbc = {true, true, true};
  return f;
}

}  // namespace

// What is kept for derivatives by the parameters of a loss of forces, beside what energies keep; as in
// docs/networks.md, for a smaller crystal.
TEST(EdgeBlocks, SecondDerivativesKeepAsMuchAgainAtMost) {
  for (const std::string kind : {"esen", "equiformer", "escn"}) {
    Model m = on_silicon(kind, "", 4);
    const Graph g = golden::graph(silicon(), m.cutoff());
    nn::track_parameters(m.parameters());
    const Prediction p = m.predict(g, {true, false, true});
    const double forces = bytes_on_tape({p.energy, p.forces}),
                 energies = bytes_on_tape({m.network().outputs(g, track(g.vectors.as(DType::f32))).energies});
    EXPECT_GT(energies, 1e6);
    EXPECT_LE(forces, 2 * energies) << kind;
  }
}

// A limit that energies and forces keep more than makes blocks, one of twice as much makes none.
TEST(EdgeBlocks, BeginWhereTheTapeDoesNotFit) {
  for (const auto& [kind, activation] : {std::pair{"esen", "gate"},
                                         {"esen", "product"},
                                         {"equiformer", "gate"},
                                         {"equiformer", "product"},
                                         {"equiformer", "grid"},
                                         {"escn", "gate"},
                                         {"escn", "product"},
                                         {"escn", "grid"}}) {
    SCOPED_TRACE(text(kind, " ", activation));
    Model whole = on_silicon(kind, activation, 4);
    const Graph g = golden::graph(silicon(), whole.cutoff());
    nn::track_parameters(whole.parameters());
    const Prediction p = whole.predict(g, {true, false, true});
    ASSERT_EQ(blocks_of(g), 1u);
    const double kept = bytes_on_tape({p.energy, p.forces}) / static_cast<double>(Index{1} << 30);
    const auto blocks = [&, name = kind, act = activation](double memory) {
      const Model m = on_silicon(name, act, memory);
      const Graph h = golden::graph(silicon(), m.cutoff());
      m.predict(h, {false, false, false});
      return blocks_of(h);
    };
    EXPECT_EQ(blocks(2 * kept), 1u);
    EXPECT_GT(blocks(kept), 1u);
  }
}
