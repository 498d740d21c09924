#pragma once
// The fixed-weight TensorNet of the golden values (benchmarks/peers/tensornet_golden.txt).

#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/potentials/model.hpp>
#include <cartan/potentials/networks/tensornet.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include "worst.hpp"

namespace cartan::potentials::golden {

// "name = 1.2" and "name (n) =" with the numbers on the lines below.
inline std::map<std::string, std::vector<double>> read_values() {
  std::ifstream in(CARTAN_SOURCE_DIR "/benchmarks/peers/tensornet_golden.txt");
  if (!in) ADD_FAILURE() << "benchmarks/peers/tensornet_golden.txt is missing";
  std::map<std::string, std::vector<double>> values;
  std::string line, name;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#' || line[0] == '[') continue;
    const auto equals = line.find('=');
    if (equals != std::string::npos && line[0] != ' ') {
      name = line.substr(0, line.find_first_of(" ("));
      std::istringstream rest(line.substr(equals + 1));
      for (double v; rest >> v;) values[name].push_back(v);
    } else if (line[0] == ' ' && !name.empty()) {
      std::istringstream rest(line);
      for (double v; rest >> v;) values[name].push_back(v);
    }
  }
  return values;
}

inline const std::vector<double>& value(const std::string& name) {
  static const auto values = read_values();
  const auto it = values.find(name);
  if (it == values.end()) throw std::runtime_error("no golden value " + name);
  return it->second;
}

// Tensor t of the peer's numbering: rows x columns (columns 0: a vector).
inline Array tensor(int t, Index rows, Index columns, bool norm_weight = false) {
  const Index n = rows * std::max<Index>(columns, 1);
  std::vector<double> v;
  for (Index i = 0; i < n; ++i) {
    const double s = std::sin(0.37 * static_cast<double>(i + 1) + 1.3 * t);
    v.push_back(norm_weight    ? 1 + 0.1 * s
                : columns == 0 ? 0.1 * s
                               : s * std::sqrt(3.0 / static_cast<double>(columns)));
  }
  return Array::from(v, columns ? Shape{rows, columns} : Shape{rows});
}

inline Array stack(const Arrays& parts, const Shape& shape) {
  return reshape(concatenate(parts, 0), shape);
}

// Where the peer's 50 tensors lie in ours: (parameter, first row along the flattened leading axes).
struct Piece {
  std::string name;
  std::vector<int> tensors;  // stacked along the first axis
};
inline std::vector<Piece> pieces() {
  std::vector<Piece> p{{"embedding.projection.weight", {0, 2, 4}},
                       {"embedding.projection.bias", {1, 3, 5}},
                       {"embedding.species.weight", {6}},
                       {"embedding.pair_species.weight", {7}},
                       {"embedding.pair_species.bias", {8}},
                       {"embedding.mix", {9, 10, 11}},
                       {"embedding.gate.0.weight", {12}},
                       {"embedding.gate.0.bias", {13}},
                       {"embedding.gate.1.weight", {14}},
                       {"embedding.gate.1.bias", {15}},
                       {"embedding.norm.weight", {16}},
                       {"embedding.norm.bias", {17}}};
  for (int l = 0; l < 2; ++l) {
    const std::string n = "interactions." + std::to_string(l) + ".";
    const int t = 18 + 12 * l;
    for (int k = 0; k < 3; ++k) {
      p.push_back({n + "scalar." + std::to_string(k) + ".weight", {t + 2 * k}});
      p.push_back({n + "scalar." + std::to_string(k) + ".bias", {t + 2 * k + 1}});
    }
    p.push_back({n + "mix_in", {t + 6, t + 7, t + 8}});
    p.push_back({n + "mix_out", {t + 9, t + 10, t + 11}});
  }
  const std::vector<Piece> rest{{"readout.linear.weight", {42}}, {"readout.linear.bias", {43}},
                                {"readout.norm.weight", {44}},   {"readout.norm.bias", {45}},
                                {"readout.head.0.weight", {46}}, {"readout.head.0.bias", {47}},
                                {"readout.head.2.weight", {48}}, {"readout.head.2.bias", {49}}};
  p.insert(p.end(), rest.begin(), rest.end());
  return p;
}

inline TensorNetConfig config() {
  TensorNetConfig c;
  c.channels = 8;
  c.layers = 2;
  c.radial = 16;
  c.cutoff = 4.5;
  c.dtype = DType::f64;
  return c;
}

inline Model model(const TensorNetConfig& config = golden::config()) {
  Model m(config, 1);
  std::map<std::string, Piece> by_name;
  for (const Piece& p : pieces()) by_name[p.name] = p;
  for (const nn::NamedParameter& parameter : m.parameters()) {
    const auto it = by_name.find(parameter.name);
    if (it == by_name.end()) continue;  // trainable radial constants keep their formulas
    const Shape shape = parameter.value->shape();
    const auto& ts = it->second.tensors;
    Arrays parts;
    const bool vector = shape.size() == 1;
    const Index columns = vector ? 0 : shape.back();
    const Index rows = parameter.value->size() / std::max<Index>(columns, 1) / static_cast<Index>(ts.size());
    for (int t : ts)
      parts.push_back(tensor(t, rows, columns, parameter.name.find("norm.weight") != std::string::npos));
    *parameter.value = stack(parts, shape);
    by_name.erase(it);
  }
  for (const auto& [name, piece] : by_name) ADD_FAILURE() << "the model has no parameter " << name;
  for (int z = 1; z < 20; ++z) m.reference[z] = 0;
  return m;
}

inline Frame molecule() {
  Frame f;
  f.numbers = {8, 1, 1, 6};
  f.positions = {0, 0, 0, .96, .1, 0, -.24, .93, .05, 1.5, -1.2, 2.1};
  return f;
}

inline Frame crystal() {
  Frame f;
  f.numbers = {8, 1, 1, 6, 7};
  f.positions = {.1, .2, .3, 1.06, .3, .3, -.24, 1.13, .35, 3.3, 0, .2, -.3, .7, 3.3};
  f.cell = {4.4, 0, 0, .6, 4.3, 0, -.5, .7, 4.2};
  f.pbc = {true, true, true};
  return f;
}

inline Graph graph(const Frame& frame, double cutoff) {
  return make_graph(frame, neighbor_list(frame, cutoff));
}

// largest |a - b| / max(1, |b|)
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double d = std::abs(a[k] - b[k]) / std::max(1.0, std::abs(b[k]));
    worst = cartan::testing::worst_of(worst, d);
  }
  return worst;
}

}  // namespace cartan::potentials::golden
