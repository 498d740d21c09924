// What the attributes of a model of mace-torch say, and whether its arrays agree.
#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "potentials/import/mace_arrays.hpp"
#include "potentials/networks/pair_terms.hpp"

namespace cartan::potentials {

std::int64_t MaceArrays::whole(const std::string& name, std::int64_t low, std::int64_t high) const {
  const std::int64_t value = group_.integer(name);
  if (value < low || value > high) fail(name, text("is ", value, ", not between ", low, " and ", high));
  return value;
}

// What files from before do not say.
std::int64_t MaceArrays::flag(const std::string& name, std::int64_t absent) const {
  return group_.attributes.count(name) > 0 ? group_.integer(name) : absent;
}
std::string MaceArrays::word(const std::string& name, const std::string& absent) const {
  return group_.attributes.count(name) > 0 ? group_.string(name) : absent;
}

void MaceArrays::choose_head(const std::string& task) {
  std::vector<std::string> names{"Default"};
  if (group_.attributes.count("heads")) names = group_.strings("heads");
  if (names.empty()) fail("heads", "names none");
  heads_ = static_cast<Index>(names.size());
  std::string all;
  for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
  const std::string wanted = task.empty() && heads_ == 1 ? names[0] : task;
  const auto found = std::find(names.begin(), names.end(), wanted);
  require(found != names.end(), "[import] ", group_.file(), " has the heads ", all,
          task.empty() ? "; choose one as task" : ", not '" + task + "'");
  head_ = found - names.begin();
  if (heads_ > 1) head_name_ = wanted;
}

void MaceArrays::read_config() {
  if (word("class", "ScaleShiftMACE") != "ScaleShiftMACE" && word("class", "MACE") != "MACE")
    fail("class", word("class", "") + " is not read; MACE and ScaleShiftMACE are");
  if (word("radial_type", "BesselBasis") != "BesselBasis")
    fail("radial_type", word("radial_type", "") + " is not read; BesselBasis is");
  made_.dtype = DType::f64;
  made_.cutoff = group_.number("r_max");
  made_.layers = whole("num_interactions", 1, 100);
  made_.parity = flag("use_so3", 0) == 0;
  made_.harmonics = static_cast<int>(whole("max_ell", 0, 8));
  made_.radial = whole("num_bessel", 1, 10000);
  made_.envelope = static_cast<int>(whole("num_polynomial_cutoff", 1, 20));
  made_.radial_layers = group_.integers("radial_MLP");
  made_.neighbors = group_.number("avg_num_neighbors");
  if (!(made_.neighbors > 0) || !std::isfinite(made_.neighbors))
    fail("avg_num_neighbors", text("is ", made_.neighbors));
  made_.cutoff_on_weights = flag("apply_cutoff", 1) == 0;
  made_.repulsion = group_.integer("pair_repulsion") != 0;
  read_blocks();
  read_orders();
  read_species();
  read_hidden();
  read_readouts();
  read_gate();
  read_distance();
  check_constants();
  check_sizes();
}

void MaceArrays::read_blocks() {
  const std::string &first = group_.string("interaction_first"), &other = group_.string("interaction");
  const auto is = [](const std::string& name, const char* kind) {
    return name == std::string("RealAgnostic") + kind + "InteractionBlock";
  };
  const auto residual = [&](const std::string& name) {
    return is(name, "Residual") || is(name, "DensityResidual");
  };
  const auto density = [&](const std::string& name) {
    return is(name, "Density") || is(name, "DensityResidual");
  };
  for (const std::string& name : {first, other})
    if (!is(name, "") && !residual(name) && !density(name))
      fail("interaction", name + " is not read; RealAgnostic, with Density or Residual, is");
  made_.first_residual = residual(first);
  made_.density = density(first);
  if (made_.layers == 1) return;
  made_.residual = residual(other);
  made_.density = density(first) || density(other);
  if (density(first) != density(other)) made_.density_layers = density(first) ? "first" : "later";
}

void MaceArrays::read_orders() {
  const auto order = group_.attributes.find("correlation");
  if (group_.attributes.count("correlations") > 0)
    orders_ = group_.integers("correlations");
  else if (order != group_.attributes.end() &&
           std::holds_alternative<std::vector<std::int64_t>>(order->second))
    orders_ = group_.integers("correlation");
  else
    orders_.assign(made_.layers, group_.integer("correlation"));
  if (static_cast<Index>(orders_.size()) != made_.layers)
    fail("correlations", text("are ", orders_.size(), " for ", made_.layers, " layers"));
  for (const std::int64_t n : orders_)
    if (n < 1 || n > 6) fail("correlation", text("is ", n, ", not between 1 and 6"));
  made_.correlation = static_cast<int>(*std::max_element(orders_.begin(), orders_.end()));
}

void MaceArrays::read_species() {
  for (const double z : array("atomic_numbers")) {
    if (!(z >= 1 && z <= 118 && z == std::floor(z))) fail("atomic_numbers", text("hold ", z));
    made_.species.push_back(data::element_symbol(static_cast<int>(z)));
    if (std::count(made_.species.begin(), made_.species.end(), made_.species.back()) > 1)
      fail("atomic_numbers", text("hold ", z, " twice"));
  }
}

void MaceArrays::read_hidden() {
  const so3::Irreps hidden(group_.string("hidden_irreps"));
  made_.channels = hidden.count({0, 1});
  made_.lmax = std::max(0, hidden.lmax());
  bool equal =
      !hidden.empty() && hidden[0].ir == so3::Irrep{0, 1} && made_.channels <= (1 << 20) && made_.lmax <= 8;
  for (const so3::MulIrrep& t : hidden)
    equal = equal && t.mul == made_.channels && hidden.count(t.ir) == t.mul;
  if (!equal)
    fail("hidden_irreps",
         hidden.text() + " are not read; 0e first, then others with as many channels each, to degree 8, are");
  if (made_.layers > 1 && hidden.text() != made_.features(made_.lmax).text())
    for (const so3::MulIrrep& t : hidden) made_.irreps += (made_.irreps.empty() ? "" : "+") + t.ir.text();
}

// Of files from before that do not name the readouts, the arrays tell.
void MaceArrays::read_readouts() {
  const so3::Irreps hidden(group_.string("hidden_irreps"));
  const std::string scalars = made_.features(0).text();
  made_.readout = so3::Irreps(group_.string("MLP_irreps")).count({0, 1});
  const std::string edges = word("edge_irreps", made_.layers > 1 ? hidden.text() : scalars),
                    last = word("last_irreps", scalars);
  if (so3::Irreps(edges).text() != (made_.layers > 1 ? hidden.text() : scalars))
    fail("edge_irreps", edges + " are not read; those of the features are");
  last_vectors_ = made_.layers > 1 && so3::Irreps(last).text() == hidden.text() && hidden.size() > 1;
  if (so3::Irreps(last).text() != scalars && !last_vectors_)
    fail("last_irreps", last + " are not read; scalars alone are, or the hidden irreps");
  if (group_.attributes.count("readouts") == 0) {
    last_readout_only_ = made_.layers > 1 && has("readouts.0.linear_1.weight");
    if (has(text("readouts.", last_readout_only_ ? 0 : made_.layers - 1, ".linear.weight")))
      made_.readout = 0;
    return;
  }
  const auto& kinds = group_.strings("readouts");
  last_readout_only_ = kinds.size() == 1 && made_.layers > 1;
  if (!last_readout_only_ && static_cast<Index>(kinds.size()) != made_.layers)
    fail("readouts", text("are ", kinds.size(), " for ", made_.layers, " layers"));
  for (std::size_t k = 0; k + 1 < kinds.size(); ++k)
    if (kinds[k] != "LinearReadoutBlock")
      fail("readouts", kinds[k] + " is not read where it is not the last; LinearReadoutBlock is");
  if (kinds.back() == "LinearReadoutBlock")
    made_.readout = 0;
  else if (kinds.back() != "NonLinearReadoutBlock")
    fail("readouts", kinds.back() + " is not read; LinearReadoutBlock and NonLinearReadoutBlock are");
}

void MaceArrays::read_gate() {
  const so3::Irreps mlp(group_.string("MLP_irreps"));
  if (made_.readout > 0 && mlp.dim() != made_.readout)
    fail("MLP_irreps", mlp.text() + " are not read; scalars are");
  width_ = made_.readout;
  const std::string gate = word("gate", "silu");
  if (made_.readout == 0) return;
  if (gate == "None")
    made_.readout = 0;
  else if (gate == "silu" || gate == "tanh" || gate == "abs")
    made_.gate = gate;
  else
    fail("gate", gate + " is not read; silu, tanh, abs and None are");
}

void MaceArrays::read_distance() {
  const std::string& distance = group_.string("distance_transform");
  const std::string transform = "radial_embedding.distance_transform.";
  if (distance == "Agnesi") {
    made_.distance = "agnesi";
    for (const char* name : {"a", "q", "p"})
      made_.distance_parameters.push_back(array(transform + name, Shape{})[0]);
  } else if (distance == "Soft") {
    made_.distance = "soft";
    made_.distance_parameters = array(transform + "alpha", Shape{});
  } else if (distance != "None") {
    fail("distance_transform", distance + " is not read; None, Agnesi and Soft are");
  }
}

void MaceArrays::check_constants() {
  const Weights cutoff{made_.cutoff}, power{static_cast<double>(made_.envelope)};
  check("r_max", cutoff);
  check("num_interactions", {static_cast<double>(made_.layers)});
  const std::string radial = "radial_embedding.", repulsion = "pair_repulsion_fn.";
  const std::string frequency = radial + "bessel_fn.bessel_weights";
  array(frequency, {made_.radial});
  Weights frequencies;
  for (Index n = 1; n <= made_.radial; ++n)
    frequencies.push_back(M_PI * static_cast<double>(n) / made_.cutoff);
  check(frequency, frequencies);
  check(radial + "bessel_fn.prefactor", {std::sqrt(2 / made_.cutoff)});
  check(radial + "bessel_fn.r_max", cutoff);
  check(radial + "cutoff_fn.r_max", cutoff);
  check(radial + "cutoff_fn.p", power);
  const std::string of_distance = radial + "distance_transform.covalent_radii",
                    of_repulsion = repulsion + "covalent_radii";
  for (const std::string& name : {of_distance, of_repulsion})
    if (has(name)) read_radii(name);
  if (has(of_distance) && has(of_repulsion) && array(of_distance) != array(of_repulsion))
    fail(of_repulsion, "are others than those of distance_transform");
  if (!made_.repulsion) return;
  for (const char* name : {"c", "a_exp", "a_prefactor", "p"})
    if (!has(repulsion + name)) fail(repulsion + name, "is missing");
  check(repulsion + "c", {0.1818, 0.5099, 0.2802, 0.02817});
  check(repulsion + "a_exp", {0.3});
  check(repulsion + "a_prefactor", {0.4543});
  check(repulsion + "p", power);
}

// Those of elements beyond curium are guesses, which differ between versions of ASE.
void MaceArrays::read_radii(const std::string& name) {
  const Weights radii = array(name);
  Weights mine;
  bool usual = true;
  for (const std::string& symbol : made_.species) {
    const int z = data::element_number(symbol);
    if (z >= static_cast<int>(radii.size())) fail(name, text("has no radius of ", symbol));
    const double theirs = radii[z], ours = covalent_radius(z);
    const bool same = std::abs(theirs - ours) <= 1e-6;
    if (!same && z <= 96) fail(name, text("has another radius of ", symbol, " than ", ours));
    if (!(theirs > 0)) fail(name, text("holds ", theirs, " for ", symbol));
    mine.push_back(same ? ours : theirs);
    usual = usual && same;
  }
  if (!usual) made_.radii = mine;
}

// Sizes that the arrays have too, before a network of that size is made.
void MaceArrays::check_sizes() {
  array("node_embedding.linear.weight", {static_cast<Index>(made_.species.size()) * made_.channels});
  for (Index t = 0; t < made_.layers; ++t) {
    Index rows = made_.radial;
    for (std::size_t k = 0; k <= made_.radial_layers.size(); ++k) {
      const std::string name = text("interactions.", t, ".conv_tp_weights.layer", k, ".weight");
      const Shape shape = weights_.array(name).shape();
      const bool last = k == made_.radial_layers.size();
      if (shape.size() != 2 || shape[0] != rows || (!last && shape[1] != made_.radial_layers[k]))
        fail(name, text("has the shape ", shape, ", not ", Shape{rows, last ? -1 : made_.radial_layers[k]}));
      rows = shape[1];
    }
    const std::string couplings = text("products.", t, ".symmetric_contractions.contractions.0.U_matrix_1");
    const Index d = made_.messages(t).dim() / made_.channels;
    if (has(couplings) && weights_.array(couplings).dim(0) != d)
      fail(couplings, text("has the shape ", weights_.array(couplings).shape(), ", not (", d,
                           ", ...), for max_ell ", made_.harmonics));
  }
}

}  // namespace cartan::potentials
