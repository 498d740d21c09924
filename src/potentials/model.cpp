#include "cartan/potentials/model.hpp"

#include <cmath>
#include <set>

#include "autodiff/last_gradients.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"

namespace cartan::potentials {
Model::Model(const NetworkConfig& config, std::uint64_t seed) : Model(draw_network(config, seed)) {}

Model::Model(std::unique_ptr<Network> network) : network_(std::move(network)) {
  require(network_ != nullptr, "[Model] a model needs a network");
}

Model::Model(const Model& other)
    : energy_scale(other.energy_scale),
      reference(other.reference),
      offset(other.offset),
      card(other.card),
      network_(other.network_->clone()) {}

Model& Model::operator=(const Model& other) {
  return *this = Model(other);
}

Model Model::as(DType dtype) const {
  Model out(network_->as(dtype));
  out.energy_scale = energy_scale;
  out.reference = reference;
  out.offset = offset;
  out.card = card;
  return out;
}

Model Model::with_elements(const std::vector<int>& numbers) const {
  check_elements(numbers);
  Model out(network_->with_elements(numbers));
  out.energy_scale = energy_scale;
  out.offset = offset;
  for (const int z : numbers) out.reference[z] = reference.at(z);
  out.card = card;
  return out;
}

std::string elements_of(const Model& model) {
  std::string known;
  for (const auto& [z, energy] : model.reference)
    known += (known.empty() ? "" : " ") + data::element_symbol(z);
  return known;
}

void Model::check_elements(const std::vector<int>& numbers) const {
  for (const int z : std::set<int>(numbers.begin(), numbers.end())) {
    require(reference.count(z) > 0, "[Model] the frame has ", data::element_symbol(z),
            ", the model was trained for ", elements_of(*this));
    require(config().takes(z), "[Model] the frame has ", data::element_symbol(z),
            ", for which the network has no parameters");
  }
}

Prediction Model::predict(const Graph& graph, const Derivatives& derivatives) const {
  check_elements(graph.numbers);
  std::vector<double> references;
  for (Index a = 0; a < graph.owned; ++a) references.push_back(reference.at(graph.numbers[a]));

  const Device device = network_->device();
  const bool direct = config().direct_forces();
  const bool differentiate = (derivatives.forces && !direct) || derivatives.virial;
  Recording on(differentiate || recording());
  Array vectors = graph.vectors.as(network_->dtype()).to(device);
  if (differentiate) vectors = track(vectors);

  Prediction out;
  const Network::Output output = network_->outputs(graph, vectors);
  const Array atom = cast(output.energies, DType::f64);
  if (direct && derivatives.forces) {
    const Array own = scale(output.forces, energy_scale);
    out.forces = graph.ghosts() > 0 ? pad(own, 0, 0, graph.ghosts()) : own;
    if (!derivatives.create_graph) out.forces = detach(out.forces);
  }
  out.atom_energies = scale(atom, energy_scale) + Array::from(references).to(device);
  out.energy = scatter_add(out.atom_energies, graph.molecule_of_atom);
  if (offset != 0) out.energy = shift(out.energy, offset);
  if (!differentiate) {
    if (direct && !derivatives.create_graph) {
      out.energy = detach(out.energy);
      out.atom_energies = detach(out.atom_energies);
    }
    return out;
  }

  // dE/dr of every edge carries all: r = x_receiver - x_sender gives the forces, r <- r(1 + strain) the
  // virial.
  const Arrays energy{sum(atom)}, weight{Array::scalar(energy_scale, DType::f64, device)};
  const Array slope = derivatives.create_graph ? gradients(energy, {vectors}, weight, true)[0]
                                               : last_gradients(energy, {vectors}, weight)[0];
  Recording inner(derivatives.create_graph);
  if (derivatives.forces && !direct) {
    const Array received = scatter_add(slope, graph.edges.receivers());
    out.forces = scatter_add(slope, graph.edges.senders()) -
                 (graph.ghosts() > 0 ? pad(received, 0, 0, graph.ghosts()) : received);
  }
  if (derivatives.virial) {
    const Array r = detach(vectors);
    const Index edges = graph.edges.size();
    const Array outer = reshape(reshape(r, {edges, 3, 1}) * reshape(slope, {edges, 1, 3}), {edges, 9});
    const Array s = scatter_add(outer, graph.molecule_of_edge);
    out.virial = scale(s + reshape(transpose(reshape(s, {-1, 3, 3})), {-1, 9}), -0.5);
  }
  if (!derivatives.create_graph) {
    out.energy = detach(out.energy);
    out.atom_energies = detach(out.atom_energies);
  }
  return out;
}

void Model::save_description(data::Group& group) const {
  group.attributes["scale"] = energy_scale;
  if (offset != 0) group.attributes["offset"] = offset;
  std::vector<std::string> elements;
  std::vector<double> energies;
  for (const auto& [z, energy] : reference) {
    elements.push_back(data::element_symbol(z));
    energies.push_back(energy);
  }
  group.attributes["elements"] = elements;
  config().save(group);
  if (config().direct_forces())
    group.attributes["forces"] = std::string("direct, not the gradient of the energy: not conservative");
  if (!card.empty()) group["card"].attributes = card;
  group.set("reference_energy", Array::from(energies), "eV", "element");
}

void Model::save(data::Group& group) const {
  save_description(group);
  nn::save_parameters(parameters(), group["parameters"]);
}

namespace {
std::unique_ptr<Network> blank_network(const data::Group& group, std::optional<DType> dtype) {
  const std::unique_ptr<NetworkConfig> config = load_network_config(group);
  if (dtype) config->dtype = *dtype;
  return nn::blank(*config, group);
}
}  // namespace

Model Model::load(const data::Group& group, std::optional<DType> dtype) {
  Model model(blank_network(group, dtype));
  model.energy_scale = group.number("scale");
  if (group.attributes.count("offset") > 0) model.offset = group.number("offset");
  const auto& elements = group.strings("elements");
  const auto energies =
      group.array("reference_energy", DType::f64, {static_cast<Index>(elements.size())}).to_vector<double>();
  const data::Attributes& said = group.items().at("reference_energy").attributes;
  if (const auto units = said.find("units");
      units != said.end() && units->second != data::Attribute(std::string("eV")))
    throw FormatError(group.file(), "reference_energy", "is not in eV, as models are");
  for (std::size_t k = 0; k < elements.size(); ++k) {
    const int z = data::element_number(elements[k]);
    if (z == 0) throw FormatError(group.file(), "elements", "'" + elements[k] + "' is no chemical element");
    model.reference[z] = energies[k];
  }
  nn::load_parameters(model.parameters(), group.group("parameters"), true);
  if (group.has_group("card")) model.card = group.group("card").attributes;
  return model;
}

void Model::save(const std::string& path, const std::string& config) const {
  data::Group root;
  save(root["model"]);
  data::save(path, root, {"cartan-model", 1, "", config});
}

Model Model::open(const std::string& path, std::optional<DType> dtype) {
  const data::Group root = data::load(path, "cartan-model");
  return load(root.group("model"), dtype);
}

}  // namespace cartan::potentials
