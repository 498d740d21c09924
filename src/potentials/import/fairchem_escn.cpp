// eSCN of fairchem.
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/potentials/networks/escn.hpp"
#include "potentials/import/fairchem_state.hpp"
#include "potentials/networks/escn_samples.hpp"

namespace cartan::potentials {
namespace {

constexpr double energy_factor = 0.001;  // of the original

// Stored points and harmonics must be those that are computed here.
void check_samples(FairchemState& state, const std::string& name, const Array& ours) {
  if (!state.has(name)) return;
  const Weights theirs = state.array(name, ours.shape()), mine = ours.to_vector<double>();
  for (std::size_t k = 0; k < mine.size(); ++k)
    if (!(std::abs(mine[k] - theirs[k]) <= 1e-5)) state.fail(name, "is not as in fairchem");
}

}  // namespace

ImportedModel import_escn(FairchemState& state, bool direct) {
  const std::string b = state.has("backbone.sphere_embedding.weight") ? "backbone." : "",
                    e = state.count_of("head.energy_block.") > 0 ? "head." : "",
                    layer0 = b + "layer_blocks.0.message_block.";
  if (!state.has_config()) state.fail("config", "is missing: cutoff and widths of eSCN are in no array");
  state.expect("distance_function", "gaussian");
  state.expect_one("lmax_list");
  state.expect_one("mmax_list");
  if (state.number("resolution", 0) != 0)
    state.fail("config.resolution", "another grid than that of lmax and mmax is not read");
  EscnConfig c;
  c.dtype = DType::f64;
  c.parity = false;
  c.envelope = false;
  c.activation = "grid";
  c.readout = "samples";
  c.neighbors = 1;  // sums of messages are not divided
  c.direct = direct;
  const Shape table = state.shape(b + "sphere_embedding.weight");
  if (table.size() != 2) state.fail("sphere_embedding.weight", "has another rank than eSCN's");
  c.species = state.species(table[0]);
  c.channels = table[1];
  const Shape m0 = state.shape(layer0 + "so2_block_source.fc1_m0.weight");
  c.hidden = m0.at(0);
  c.lmax = static_cast<int>(m0.at(1) / c.channels) - 1;
  c.mmax = static_cast<int>(state.count(layer0 + "so2_block_source.so2_conv."));
  c.layers = state.count(b + "layer_blocks.");
  const Shape distance = state.shape(layer0 + "edge_block.fc1_dist.weight");
  c.edge_channels = distance.at(0);
  c.radial = distance.at(1);
  c.samples = state.has(b + "sphere_points") ? state.shape(b + "sphere_points").at(0)
                                             : static_cast<Index>(state.number("num_sphere_samples", 128));
  const Weights centers = state.array(b + "distance_expansion.offset");
  c.cutoff = state.number("cutoff", centers.back());
  c.radial_width = state.number("basis_width_scalar", 1);
  if (static_cast<Index>(centers.size()) != c.radial || !(std::abs(centers.back() - c.cutoff) <= 1e-5))
    state.fail("distance_expansion.offset", text("ends at ", centers.back(), ", the cutoff is ", c.cutoff));
  c.validate();

  nn::Init init = nn::Init::blank();
  auto network = std::make_unique<Escn>(c, init);
  const nn::ParameterRefs to = network->parameters();
  const Index edge = c.edge_channels, h = c.hidden;
  const auto matrix = [&](const std::string& from, const std::string& name, Index out, Index in,
                          double factor = 1) {
    Weights w = state.array(from, {out, in});
    for (double& x : w) x *= factor;
    set_parameter(to, name, w);
  };
  set_parameter(to, "embedding.weight", state.element_rows(b + "sphere_embedding.weight", c.channels));
  for (Index k = 0; k < c.layers; ++k) {
    const std::string from = text(b, "layer_blocks.", k, "."), name = text("layers.", k, "."),
                      block = from + "message_block.edge_block.";
    state.pass_all(block + "distance_expansion.");
    for (const char* side : {"source_embedding", "target_embedding"})
      set_parameter(to, name + side, state.element_rows(block + side + ".weight", edge));
    set_linear(state, block + "fc1_dist", to, name + "distance", c.radial, edge);
    set_linear(state, block + "fc1_edge_attr", to, name + "attributes", edge, edge);
    for (const std::string side : {"source", "target"}) {
      const std::string maps = from + "message_block.so2_block_" + side + ".", ours = name + side + ".";
      set_linear(state, maps + "fc1_dist0", to, ours + "0.factors", edge, h);
      const Index size = (c.lmax + 1) * c.channels;
      matrix(maps + "fc1_m0.weight", ours + "0.r_in.weight", h, size);
      matrix(maps + "fc2_m0.weight", ours + "0.r_out.weight", size, h);
      for (int m = 1; m <= c.mmax; ++m) {
        const std::string conv = text(maps, "so2_conv.", m - 1, "."), order = text(ours, m, ".");
        const Index rows = (c.lmax + 1 - m) * c.channels;
        set_linear(state, conv + "fc1_dist", to, order + "factors", edge, 2 * h);
        for (const std::string part : {"r", "i"}) {
          matrix(conv + "fc1_" + part + ".weight", order + part + "_in.weight", h, rows);
          matrix(conv + "fc2_" + part + ".weight", order + part + "_out.weight", rows, h);
        }
      }
    }
    for (int g = 0; g < 3; ++g)
      matrix(text(from, "fc", g + 1, "_sphere.weight"), text(name, "maps.", g, ".weight"), c.channels,
             g == 0 ? 2 * c.channels : c.channels);
  }
  const auto head = [&](const std::string& from, const std::string& name, double factor) {
    for (int g = 0; g < 2; ++g)
      set_linear(state, text(from, "fc", g + 1), to, text(name, g), c.channels, c.channels);
    matrix(from + "fc3.weight", name + "2.weight", 1, c.channels, factor);
  };
  head(e + "energy_block.", "readout.", 1);
  std::vector<std::string> notes;
  if (direct) {
    head(e + "force_block.", "force.", 1 / energy_factor);
    notes.push_back("forces are those of the network's own head: they are not the gradient of its energy");
  } else if (state.count_of(e + "force_block.") > 0) {
    state.pass_all(e + "force_block.");
    notes.push_back(
        "the head of direct forces was left out: forces are the gradient of the energy, which the network "
        "was not "
        "trained on (direct_forces keeps the head)");
  }
  if (!b.empty()) {  // where a head is missing, the backbone keeps a block of its own, which nothing calls
    state.pass_all(b + "energy_block.");
    state.pass_all(b + "force_block.");
  }
  const Array points = sphere_samples(c.samples);
  check_samples(state, b + "sphere_points", points);
  check_samples(state, b + "sphharm_weights.0", sample_harmonics(points, c.lmax));
  notes.push_back(
      "no envelope: energies jump where an atom enters or leaves the cutoff; all neighbours count");
  notes.push_back(
      "activations on grids, turned by Euler's angles, and energies from samples: both change a little under "
      "rotations");
  return state.finish(std::move(network), energy_factor, std::move(notes));
}

}  // namespace cartan::potentials
