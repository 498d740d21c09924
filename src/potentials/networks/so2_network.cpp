#include "cartan/potentials/networks/so2_network.hpp"

#include "cartan/core/error.hpp"
#include "potentials/networks/message_passing.hpp"

namespace cartan::potentials {

void SO2NetworkConfig::describe(config::Fields& f) {
  f("layers", layers, "interactions").from(1);
  f("channels", channels, "features of every degree").from(1);
  f("lmax", lmax, "largest degree of the features").from(0).to(8);
  f("mmax", mmax, "largest order in the frames of edges").from(0).to(8);
  f("hidden", hidden, hidden_help()).from(0);
  f("edge_channels", edge_channels, "of what an edge knows; 0: as many as channels").from(0);
  f("parity", parity, "mirror images have equal energies; false: as in fairchem");
  f("activation", activation, activation_help()).one_of(activations());
  f("radial", radial, "Gaussians of the distance").from(2);
  f("radial_width", radial_width, "width of the Gaussians over their distance").above(0);
  f("envelope", envelope, "messages go to 0 at the cutoff; false: energies jump there");
  f("cutoff", cutoff, "distance beyond which atoms do not see each other").above(0).unit("Angstrom");
  f("species", species, "elements; empty: those of the training frames");
  f("neighbors", neighbors, "mean number of neighbours of an atom; 0: that of the training frames").from(0);
  f("memory", memory, "that messages may take on the tape; beyond it they are made again, in blocks of atoms")
      .above(0)
      .unit("GiB")
      .may_change()
      .added_later();
  f("precision", dtype, "of parameters and arithmetic").stored_as("dtype");
}

const char* SO2NetworkConfig::derivatives() const {
  return "by torques at both ends of the maps of an edge's frame, which commute with turns about the edge: "
         "exact at every direction";
}

std::vector<std::pair<std::string, std::string>> SO2NetworkConfig::plan() const {
  const bool rolled = activation == "grid";
  const std::string by_vectors = rolled ? "through the Wigner matrices, on the tape: silu on a grid in an "
                                          "edge's frame does not commute with "
                                          "turns about the edge, which Euler's angles fix; energies jump "
                                          "where an edge crosses the polar axis"
                                        : derivatives();
  const LayerCost cost = layer_cost();
  std::vector<std::pair<std::string, std::string>> lines{
      {"derivatives by vectors", by_vectors},
      {"linear maps of an edge", text(static_cast<std::int64_t>(cost.maps), " flop, a layer")},
      {"activation of edges", cost.on_edges},
      {"activation of atoms", cost.on_atoms}};
  if (!envelope)
    lines.emplace_back("cutoff", "no envelope: energies jump where an atom comes within the cutoff");
  lines.emplace_back("memory",
                     text("messages are kept up to ", memory,
                          " GiB; beyond it they are made again in the backward pass, in blocks of atoms"));
  return lines;
}

void SO2NetworkConfig::validate() const {
  NetworkConfig::validate();
  require(mmax <= lmax, "[", kind(), "] mmax is ", mmax, ", at most that of the features, lmax ", lmax);
  require(!direct_forces() || lmax >= 1, "[", kind(), "] direct forces are features of degree 1; lmax is ",
          lmax);
  check_species(kind(), species);
}

bool SO2NetworkConfig::takes(int atomic_number) const {
  return is_among(species, atomic_number);
}

void SO2NetworkConfig::adapt(const std::vector<Frame>& frames) {
  adapt_to(frames, cutoff, species, neighbors);
}

std::string SO2NetworkConfig::summary_of(const std::string& name, const std::string& rest) const {
  return text(name, parity ? " O(3)" : " SO(3)", ", lmax ", lmax, ", mmax ", mmax, ", ", channels,
              " channels, ", layers, " layers, ", rest,
              direct_forces() ? ", direct forces (not conservative)" : "", ", cutoff ", cutoff, " A, ",
              dtype);
}

}  // namespace cartan::potentials
