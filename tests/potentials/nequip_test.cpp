// NequIP against its equations, written out with loops.
#include <gtest/gtest.h>
#include <algorithm>
#include <cartan/potentials/networks/nequip.hpp>

#include <array>
#include <cmath>
#include <map>

#include "golden.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

using Vector = std::array<double, 3>;

NequipConfig config_of(const std::string& self_connection) {
  NequipConfig c;
  c.layers = 2;
  c.channels = 2;
  c.lmax = 1;
  c.radial = 3;
  c.radial_layers = {4};
  c.cutoff = 3.5;
  c.species = {"H", "C", "O"};
  c.neighbors = 2.5;
  c.self_connection = self_connection;
  c.dtype = DType::f64;
  return c;
}

// With two channels u and l <= 1 all couplings are products of numbers: (0,0,0) and (0,1,1) in the first
// layer, (0,0,0) and (1,1,0) in the last.
std::vector<double> energies_by_hand(const NequipConfig& c,
                                     const std::map<std::string, std::vector<double>>& w, const Frame& f) {
  const double cst = so3::second_moment_factor([](const Array& x) { return silu(x); });
  const auto act = [&](double x) { return cst * x / (1 + std::exp(-x)); };
  const Index n = f.size();
  const std::vector<int> numbers{1, 6, 8};
  const auto kind = [&](Index i) {
    return std::find(numbers.begin(), numbers.end(), f.numbers[i]) - numbers.begin();
  };
  const auto skip = [&](Index i, Index count) {
    return c.self_connection == "species" ? kind(i) * count : 0;
  };
  // R[path][u] of a distance
  const auto radial = [&](Index layer, double r) {
    const double x = r / c.cutoff, p = 6;
    const double cut = 1 - (p + 1) * (p + 2) / 2 * std::pow(x, p) + p * (p + 2) * std::pow(x, p + 1) -
                       p * (p + 1) / 2 * std::pow(x, p + 2);
    const std::string name = "layers." + std::to_string(layer) + ".radial.";
    const auto &first = w.at(name + "0.weight"), &second = w.at(name + "1.weight");
    std::array<double, 4> hidden{}, out{};
    for (Index h = 0; h < 4; ++h) {
      for (Index k = 0; k < 3; ++k)
        hidden[h] += std::sqrt(2 / c.cutoff) * std::sin((k + 1) * M_PI * x) / r * cut * first[4 * k + h] /
                     std::sqrt(3);
      hidden[h] = act(hidden[h]);
    }
    for (Index o = 0; o < 4; ++o)
      for (Index h = 0; h < 4; ++h) out[o] += hidden[h] * second[4 * h + o] / 2;
    return out;  // path 0: u = 0, 1; path 1: u = 0, 1
  };

  std::vector<std::array<double, 2>> x(n);
  for (Index i = 0; i < n; ++i)
    x[i] = {w.at("embedding.weight")[2 * kind(i)], w.at("embedding.weight")[2 * kind(i) + 1]};
  const auto map2 = [](const std::vector<double>& m, Index at, Index out, double in0, double in1, Index o) {
    return (in0 * m[at + o] + in1 * m[at + out + o]) / std::sqrt(2);
  };
  const double norm = 1 / std::sqrt(c.neighbors);

  // First layer: scalars to 4 scalars (two of them gates) and 2 vectors.
  const auto &in0 = w.at("layers.0.self_interaction_1.weight"),
             &out0 = w.at("layers.0.self_interaction_2.weight"),
             &skip0 = w.at("layers.0.self_connection.weight");
  std::vector<std::array<double, 2>> s(n);
  std::vector<std::array<Vector, 2>> v(n);
  for (Index i = 0; i < n; ++i) {
    std::array<double, 2> m0{};
    std::array<Vector, 2> m1{};
    for (Index j = 0; j < n; ++j) {
      Vector r;  // from the centre to its neighbour
      for (Index k = 0; k < 3; ++k) r[k] = f.positions[3 * j + k] - f.positions[3 * i + k];
      const double d = std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
      if (i == j || d >= c.cutoff) continue;
      const auto R = radial(0, d);
      for (Index u = 0; u < 2; ++u) {
        const double sent = map2(in0, 0, 2, x[j][0], x[j][1], u);
        m0[u] += R[u] * sent * norm;
        for (Index k = 0; k < 3; ++k) m1[u][k] += R[2 + u] * sent * std::sqrt(3) * r[k] / d * norm;
      }
    }
    std::array<double, 4> z{};
    for (Index o = 0; o < 4; ++o)
      z[o] = map2(out0, 0, 4, m0[0], m0[1], o) + map2(skip0, skip(i, 8), 4, x[i][0], x[i][1], o);
    for (Index u = 0; u < 2; ++u) {
      s[i][u] = act(z[u]);
      for (Index k = 0; k < 3; ++k) v[i][u][k] = act(z[2 + u]) * map2(out0, 8, 2, m1[0][k], m1[1][k], u);
    }
  }

  // Last layer: scalars alone.
  const auto &in1 = w.at("layers.1.self_interaction_1.weight"),
             &out1 = w.at("layers.1.self_interaction_2.weight"),
             &skip1 = w.at("layers.1.self_connection.weight");
  std::vector<double> energies;
  for (Index i = 0; i < n; ++i) {
    std::array<double, 4> m{};  // path 0, path 1
    for (Index j = 0; j < n; ++j) {
      Vector r;
      for (Index k = 0; k < 3; ++k) r[k] = f.positions[3 * j + k] - f.positions[3 * i + k];
      const double d = std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
      if (i == j || d >= c.cutoff) continue;
      const auto R = radial(1, d);
      for (Index u = 0; u < 2; ++u) {
        m[u] += R[u] * map2(in1, 0, 2, s[j][0], s[j][1], u) * norm;
        for (Index k = 0; k < 3; ++k)  // C^{110} = delta / sqrt(3)
          m[2 + u] += R[2 + u] / std::sqrt(3) * map2(in1, 4, 2, v[j][0][k], v[j][1][k], u) * std::sqrt(3) *
                      r[k] / d * norm;
      }
    }
    std::array<double, 2> y{};
    for (Index o = 0; o < 2; ++o) {
      for (Index u = 0; u < 4; ++u) y[o] += m[u] * out1[2 * u + o] / 2;
      y[o] = act(y[o] + map2(skip1, skip(i, 4), 2, s[i][0], s[i][1], o));
    }
    energies.push_back((y[0] * w.at("readout.0.weight")[0] + y[1] * w.at("readout.0.weight")[1]) /
                       std::sqrt(2) * w.at("readout.1.weight")[0]);
  }
  return energies;
}

}  // namespace

TEST(Nequip, TheEquationsWrittenOut) {
  for (const std::string self_connection : {"species", "linear"}) {
    const NequipConfig c = config_of(self_connection);
    Model m(c, 11);
    m.reference = {{1, 0}, {6, 0}, {8, 0}};
    std::map<std::string, std::vector<double>> w;
    for (const nn::NamedParameter& p : m.parameters()) w[p.name] = p.value->to_vector<double>();
    const Frame f = golden::molecule();
    const auto found = m.predict(golden::graph(f, c.cutoff), {}).atom_energies.to_vector<double>();
    EXPECT_LE(golden::difference(found, energies_by_hand(c, w, f)), 1e-13) << self_connection;
  }
}

TEST(Nequip, WhatIsLeftToTheDataIsTakenFromIt) {
  NequipConfig c;
  nn::Init init{1};
  EXPECT_NO_THROW(c.validate());
  EXPECT_THROW(c.make(init), std::invalid_argument);  // no elements
  c.adapt({golden::molecule(), golden::crystal()});
  EXPECT_EQ(c.species, (std::vector<std::string>{"H", "C", "N", "O"}));
  double edges = 0;
  for (const Frame& f : {golden::molecule(), golden::crystal()})
    edges += 2 * static_cast<double>(neighbor_list(f, c.cutoff).size());
  EXPECT_EQ(c.neighbors, edges / 9);
  EXPECT_NO_THROW(c.make(init));
  NequipConfig given;
  given.species = {"O", "H"};
  given.neighbors = 3;
  given.adapt({golden::crystal()});
  EXPECT_EQ(given.species, (std::vector<std::string>{"O", "H"}));
  EXPECT_EQ(given.neighbors, 3);
}

TEST(Nequip, FeaturesAreReadAndChecked) {
  NequipConfig c = config_of("species");
  EXPECT_EQ(c.features(0).text(), "2x0e+2x1o");
  c.parity = false;
  EXPECT_EQ(c.features(0).text(), "2x0e+2x1e");
  c.irreps = "4x0e+3x0o+2x1o+2x1e+1x2e";
  EXPECT_THROW(c.validate(), std::invalid_argument);  // odd ones without parity
  c.parity = true;
  nn::Init init{1};
  EXPECT_NO_THROW(c.make(init));
  for (const char* bad : {"2x1o", "2x0e+2x0e", "2x0e+2xq", "0x0e+2x1o"}) {
    c.irreps = bad;
    EXPECT_THROW(c.validate(), std::invalid_argument) << bad;
  }
  c.irreps.clear();
  for (const std::vector<std::string>& bad : {std::vector<std::string>{"H", "H"}, {"Xq"}}) {
    c.species = bad;
    EXPECT_THROW(c.validate(), std::invalid_argument) << bad[0];
  }
}

TEST(Nequip, LoadingDrawsNothing) {
  nn::Init init = nn::Init::blank();
  const std::unique_ptr<Network> network = config_of("species").make(init);
  for (const nn::NamedParameter& p : network->parameters())
    for (const double x : p.value->to_vector<double>()) ASSERT_EQ(x, 0) << p.name;
}
