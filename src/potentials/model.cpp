#include "cartan/potentials/model.hpp"

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"

namespace cartan::potentials {
namespace {

TensorNet network_from(const TensorNetConfig& config, std::uint64_t seed) {
  nn::Init init{seed};
  return TensorNet(config, init);
}

}  // namespace

Model::Model(const TensorNetConfig& config, std::uint64_t seed) : network_(network_from(config, seed)) {}

nn::ParameterRefs Model::parameters() {
  nn::ParameterRefs refs;
  network_.collect("", refs);
  return refs;
}

Model Model::as(DType dtype) const {
  TensorNetConfig converted = config();
  converted.dtype = dtype;
  Model out(converted, 0), source = *this;
  out.scale = scale;
  out.reference = reference;
  const nn::ParameterRefs from = source.parameters(), to = out.parameters();
  for (std::size_t k = 0; k < to.size(); ++k) *to[k].value = from[k].value->as(dtype);
  return out;
}

void Model::check_elements(const std::vector<int>& numbers) const {
  for (int z : numbers) {
    if (reference.count(z) > 0) continue;
    std::string known;
    for (const auto& [number, energy] : reference)
      known += (known.empty() ? "" : " ") + data::element_symbol(number);
    throw std::invalid_argument("[Model] the frame has " + data::element_symbol(z) +
                                ", the model was trained for " + known);
  }
}

Prediction Model::predict(const Graph& graph, const Derivatives& derivatives) const {
  check_elements(graph.numbers);
  std::vector<double> offset;
  for (int z : graph.numbers) offset.push_back(reference.at(z));

  const bool differentiate = derivatives.forces || derivatives.strain;
  Recording on(differentiate || recording());
  Array vectors = Array::from(graph.vectors, {graph.pairs(), 3}).as(config().dtype);
  if (differentiate) vectors = track(vectors);

  Prediction out;
  const Array atom = cast(network_(graph, vectors), DType::f64);
  out.atom_energies = cartan::scale(atom, scale) + Array::from(offset);
  out.energy = scatter_add(out.atom_energies, graph.molecule_of_atom);
  if (!differentiate) return out;

  // dE/dr of every pair carries all: r_ij = x_i - x_j gives the forces, r <- r(1 + strain) the stress.
  const Array slope =
      gradients(sum(atom), {vectors}, Array::scalar(scale, DType::f64), derivatives.create_graph)[0];
  Recording inner(derivatives.create_graph);
  if (derivatives.forces) out.forces = scatter_add(slope, graph.pair_j) - scatter_add(slope, graph.pair_i);
  if (derivatives.strain) {
    const Array r = detach(vectors);
    const Array outer = reshape(reshape(r, {graph.pairs(), 3, 1}) * reshape(slope, {graph.pairs(), 1, 3}),
                                {graph.pairs(), 9});
    const Array s = scatter_add(outer, graph.molecule_of_pair);
    out.strain = cartan::scale(s + reshape(transpose(reshape(s, {-1, 3, 3})), {-1, 9}), 0.5);
  }
  if (!derivatives.create_graph) {
    out.energy = detach(out.energy);
    out.atom_energies = detach(out.atom_energies);
  }
  return out;
}

void Model::save_description(data::Group& group) const {
  config().save(group);
  group.attributes["scale"] = scale;
  std::vector<std::string> elements;
  std::vector<double> energies;
  for (const auto& [z, energy] : reference) {
    elements.push_back(data::element_symbol(z));
    energies.push_back(energy);
  }
  group.attributes["elements"] = elements;
  group.set("reference_energy", Array::from(energies), "eV", "element");
}

void Model::save(data::Group& group) const {
  save_description(group);
  TensorNet copy = network_;  // collect() hands out writable pointers
  nn::ParameterRefs refs;
  copy.collect("", refs);
  nn::save_parameters(refs, group["parameters"]);
}

Model Model::load(const data::Group& group) {
  Model model(TensorNetConfig::load(group), 0);
  model.scale = group.number("scale");
  const auto& elements = group.strings("elements");
  const auto energies =
      group.array("reference_energy", DType::f64, {static_cast<Index>(elements.size())}).to_vector<double>();
  for (std::size_t k = 0; k < elements.size(); ++k) {
    const int z = data::element_number(elements[k]);
    if (z == 0) throw FormatError(group.file(), "elements", "'" + elements[k] + "' is no chemical element");
    model.reference[z] = energies[k];
  }
  nn::load_parameters(model.parameters(), group.group("parameters"));
  return model;
}

Model Model::open(const std::string& path) {
  const data::Group root = data::load(path, "cartan-model");
  return load(root.group("model"));
}

ModelPotential::ModelPotential(Model model, double skin)
    : model_(std::move(model)), list_(model_.cutoff(), skin) {}

namespace {

// -dE/dstrain of a molecule: sum_i x_i f_i, symmetric for an energy that rotations do not change. Positions
// count from the middle, since forces add up to zero only as far as the model's precision goes.
std::array<double, 9> molecular_virial(const Frame& frame, const std::vector<double>& forces) {
  std::array<double, 9> virial{}, product{};
  std::array<double, 3> middle{};
  const std::size_t n = frame.numbers.size();
  for (std::size_t c = 0; c < 3 * n; ++c) middle[c % 3] += frame.positions[c] / static_cast<double>(n);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t k = 0; k < 9; ++k)
      product[k] += (frame.positions[3 * a + k / 3] - middle[k / 3]) * forces[3 * a + k % 3];
  for (std::size_t k = 0; k < 9; ++k) virial[k] = 0.5 * (product[k] + product[k % 3 * 3 + k / 3]);
  return virial;
}

}  // namespace

Evaluation ModelPotential::evaluate(const Frame& frame) {
  const Graph graph = make_graph(frame, list_.update(frame));
  Recording off(false);
  const bool periodic = frame.periodic();
  const Prediction p = model_.predict(graph, {true, periodic, false});
  Evaluation e;
  e.energy = p.energy.item();
  e.forces = p.forces.to_vector<double>();
  e.energies = p.atom_energies.to_vector<double>();
  if (periodic) {
    const auto strain = p.strain.to_vector<double>();
    for (std::size_t k = 0; k < 9; ++k) e.virial[k] = -strain[k];
  } else {
    e.virial = molecular_virial(frame, e.forces);
  }
  return e;
}

}  // namespace cartan::potentials
