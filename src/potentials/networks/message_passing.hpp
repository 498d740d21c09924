#pragma once
// What networks of messages with irreps have in common: elements, radial networks, normalised activations.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cartan/potentials/network.hpp"
#include "cartan/so3/layers.hpp"

namespace cartan::potentials {

/// Activations of second moment 1.
const so3::Activation& silu_activation();
const so3::Activation& tanh_activation();

so3::Irreps even_scalars(Index count);
/// A weight (in, out) divided by the root of `in`.
Array divided_by_fan_in(const Array& weight);

/// Throws std::invalid_argument for a symbol that is no element and for one that stands twice.
void check_species(const char* network, const std::vector<std::string>& species);
/// Fills what is left empty: the elements of the frames, and the mean number of neighbours (0: to be found).
void adapt_to(const std::vector<Frame>& frames, double cutoff, std::vector<std::string>& species,
              double& neighbors);
/// Whether the element is among those, or they are left to the data.
bool is_among(const std::vector<std::string>& species, int atomic_number);
std::vector<int> element_numbers(const std::vector<std::string>& species);
/// element_numbers() of a network that is made; throws std::invalid_argument for what adapt_to() should have
/// filled.
std::vector<int> known_elements(const char* network, const std::vector<std::string>& species,
                                double neighbors);

/// The owned atoms of a graph by element.
struct Species {
  Indices kind;                                 ///< (owned) rows among the network's elements
  std::vector<std::pair<Index, Indices>> rows;  ///< the atoms of each element that is present
  Indices back;                                 ///< where an atom is among those rows, one after another
};
/// Throws std::invalid_argument for an element (of a ghost, too) that is not among `numbers`.
Species species_of(const Graph& graph, const std::vector<int>& numbers, const char* network);
/// A linear map with weights (elements, map.weight_numel()), those of each atom's element.
Array by_species(const so3::Linear& map, const Array& x, const Array& weights, const Species& species);

/// The matrices of a linear map's weights, for nn::NamedParameter; `count` maps one after another.
std::vector<nn::Matrix> matrices_of(const so3::Linear& map, Index count = 1);

/// The rows of those of `all` that are among `wanted`.
std::vector<std::int32_t> rows_of(const std::vector<int>& all, const std::vector<int>& wanted);
/// Copies parameters from one network into the same of fewer elements: where shapes differ the first axis is
/// of elements, of which the rows `kept` stay.
void keep_rows(const nn::ConstParameterRefs& from, const nn::ParameterRefs& to,
               const std::vector<std::int32_t>& kept, Index elements);
/// Network::with_elements() for one whose parameters by element keep_rows() knows.
/// @param numbers  the elements that `config.species` names
template <class Config>
std::unique_ptr<Network> of_elements(const Network& network, Config config, const std::vector<int>& numbers,
                                     const std::vector<int>& wanted) {
  const std::vector<std::int32_t> kept = rows_of(numbers, wanted);
  std::vector<std::string> species;
  for (const std::int32_t k : kept) species.push_back(config.species[static_cast<std::size_t>(k)]);
  config.species = std::move(species);
  nn::Init init = nn::Init::blank();
  std::unique_ptr<Network> out = config.make(init);
  keep_rows(network.parameters(), out->parameters(), kept, static_cast<Index>(numbers.size()));
  out->to(network.device());
  return out;
}

/// A perceptron without biases, silu between its maps: weights (in, hidden), ..., (hidden, out).
std::vector<Array> radial_weights(Index in, const std::vector<std::int64_t>& hidden, Index out, DType dtype,
                                  nn::Init& init);
Array radial_network(const Array& basis, const std::vector<Array>& weights);

}  // namespace cartan::potentials
