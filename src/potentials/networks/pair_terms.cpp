#include "potentials/networks/pair_terms.hpp"

#include <cmath>
#include <iterator>

#include "cartan/autodiff/ops.hpp"
#include "cartan/nn/radial.hpp"

namespace cartan::potentials {
namespace {

// One number an edge, of the elements of its ends.
template <class Function>
Array of_pairs(const Graph& graph, const Array& like, Function&& function) {
  const Indices &senders = graph.edges.senders(), &receivers = graph.edges.receivers();
  std::vector<double> out(graph.edges.size());
  for (std::size_t e = 0; e < out.size(); ++e)
    out[e] = function(graph.numbers[senders.data()[e]], graph.numbers[receivers.data()[e]]);
  return Array::from(out).as(like.dtype()).to(like.device());
}

}  // namespace

double covalent_radius(int number) {
  static constexpr double radii[] = {
      0.2,  0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58, 1.66, 1.41, 1.21, 1.11, 1.07, 1.05,
      1.02, 1.06, 2.03, 1.76, 1.70, 1.60, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.20, 1.19,
      1.20, 1.20, 1.16, 2.20, 1.95, 1.90, 1.75, 1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44, 1.42, 1.39,
      1.39, 1.38, 1.39, 1.40, 2.44, 2.15, 2.07, 2.04, 2.03, 2.01, 1.99, 1.98, 1.98, 1.96, 1.94, 1.92, 1.92,
      1.89, 1.90, 1.87, 1.87, 1.75, 1.70, 1.62, 1.51, 1.44, 1.41, 1.36, 1.36, 1.32, 1.45, 1.46, 1.48, 1.40,
      1.50, 1.50, 2.60, 2.21, 2.15, 2.06, 2.00, 1.96, 1.90, 1.87, 1.80, 1.69};
  return number >= 0 && number < static_cast<int>(std::size(radii)) ? radii[number] : 0.2;
}

std::vector<double> covalent_radii() {
  std::vector<double> all;
  for (int z = 0; z <= 118; ++z) all.push_back(covalent_radius(z));
  return all;
}

Array agnesi_distance(const Graph& graph, const Array& lengths, const std::vector<double>& radii,
                      const std::vector<double>& parameters) {
  const std::vector<double> p = parameters.empty() ? std::vector<double>{1.0805, 0.9183, 4.5791} : parameters;
  const Array radius = of_pairs(graph, lengths, [&](int a, int b) { return 0.5 * (radii[a] + radii[b]); });
  const Array q = lengths / radius;
  return reciprocal(shift(scale(power(q, p[1]), p[0]) / shift(power(q, p[1] - p[2]), 1), 1));
}

Array soft_distance(const Graph& graph, const Array& lengths, const std::vector<double>& radii,
                    const std::vector<double>& parameters) {
  const double alpha = parameters.empty() ? 4 : parameters[0];
  const Array radius = of_pairs(graph, lengths, [&](int a, int b) { return radii[a] + radii[b]; });
  const double low = 3.0 / 4, high = 4.0 / 3;
  const Array start = scale(radius, low);
  const Array x = scale((lengths - scale(radius, (low + high) / 2)) / scale(radius, high - low), alpha);
  return start + scale((lengths - start) * shift(tanh(x), 1), 0.5);
}

Array screened_repulsion(const Graph& graph, const Array& lengths, const std::vector<double>& radii, int p) {
  const Array charges = of_pairs(graph, lengths, [](int a, int b) { return 0.5 * 14.3996 * a * b; });
  const Array inverse_length = of_pairs(
      graph, lengths, [](int a, int b) { return (std::pow(a, 0.3) + std::pow(b, 0.3)) / (0.4543 * 0.529); });
  const Array radius = of_pairs(graph, lengths, [&](int a, int b) { return radii[a] + radii[b]; });
  const Array x = lengths * inverse_length;
  Array phi;
  for (const auto& [weight, decay] :
       {std::pair{0.1818, 3.2}, {0.5099, 0.9423}, {0.2802, 0.4028}, {0.02817, 0.2016}}) {
    const Array term = scale(exp(scale(x, -decay)), weight);
    phi = phi.empty() ? term : phi + term;
  }
  const Array energy = charges / lengths * phi * nn::polynomial_cutoff(lengths / radius, 1, p);
  return scatter_add(energy, graph.edges.receivers());
}

}  // namespace cartan::potentials
