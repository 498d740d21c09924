// MACE (mace-torch): arrays of its state dict with the arguments of its constructor, which a .model file has
// only as pickled classes. benchmarks/peers/export_mace.py writes them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/potentials/networks/mace.hpp"
#include "cartan/so3/symmetric_contraction.hpp"
#include "cartan/so3/tables.hpp"
#include "potentials/import/importer.hpp"
#include "potentials/networks/pair_terms.hpp"

namespace cartan::potentials {
namespace {

class MaceArrays {
 public:
  MaceArrays(const data::Group& group, const ImportOptions& options)
      : group_(group), weights_(group.group("weights")) {
    choose_head(options.task);
    read_config();
  }
  ImportedModel read();

 private:
  [[noreturn]] void fail(const std::string& where, const std::string& what) const {
    throw FormatError(group_.file(), where, what);
  }
  Weights array(const std::string& name) {
    used_.insert(name);
    Weights out = weights_.array(name).as(DType::f64).to_vector<double>();
    for (const double x : out)
      if (!std::isfinite(x)) fail(name, text("holds ", x));
    return out;
  }
  /// Of that shape; of one axis less where that one has length 1.
  Weights array(const std::string& name, const Shape& shape) {
    const Shape found = weights_.array(name).shape();
    const bool fewer = !shape.empty() && shape[0] == 1 && found == Shape(shape.begin() + 1, shape.end());
    if (found != shape && !fewer) fail(name, text("has the shape ", found, ", not ", shape));
    return array(name);
  }
  /// Constants that the network makes itself: they must be those of the file.
  void check(const std::string& name, const Weights& ours) {
    if (!has(name)) return;
    const Weights theirs = array(name);
    if (theirs.size() != ours.size()) fail(name, text("has ", theirs.size(), " numbers, not ", ours.size()));
    for (std::size_t k = 0; k < ours.size(); ++k)
      if (!(std::abs(theirs[k] - ours[k]) <= 1e-6 * std::max(1.0, std::abs(ours[k]))))
        fail(name, text("is ", theirs[k], ", not ", ours[k]));
  }
  bool has(const std::string& name) const { return weights_.has(name); }
  /// One number a head, or one for all.
  double of_head(const std::string& name, double absent) {
    if (!has(name)) return absent;
    const Weights all = array(name);
    if (all.size() == 1) return all[0];
    if (static_cast<Index>(all.size()) != heads_)
      fail(name, text("has ", all.size(), " numbers for ", heads_, " heads"));
    return all[head_];
  }
  void set(const std::string& name, const Weights& values) { set_parameter(parameters_, name, values); }
  /// What files from before do not say.
  std::int64_t flag(const std::string& name, std::int64_t absent) const {
    return group_.attributes.count(name) > 0 ? group_.integer(name) : absent;
  }
  std::string word(const std::string& name, const std::string& absent) const {
    return group_.attributes.count(name) > 0 ? group_.string(name) : absent;
  }
  /// The order of the polynomials of a layer.
  int correlation(Index t) const { return static_cast<int>(orders_[t]); }
  void choose_head(const std::string& task);
  void read_config();
  void read_blocks();
  void read_readouts(const so3::Irreps& hidden);
  Weights linear_readout(Index t);
  void fill_last_readout();
  void fill_layer(const Mace::Layer& layer, Index t);
  Weights contraction(Index t, int l_out);
  void check_constants();
  void check_coupling(const std::string& name) const;
  void check_all_used() const;

  const data::Group& group_;
  const data::Group& weights_;
  std::set<std::string> used_;
  MaceConfig made_;
  std::vector<std::int64_t> orders_;
  bool last_readout_only_ = false;
  Index heads_ = 1, head_ = 0;
  Index width_ = 0;  // hidden units of the last readout, of a head
  std::string head_name_;
  nn::ParameterRefs parameters_;
};

void MaceArrays::choose_head(const std::string& task) {
  std::vector<std::string> names{"Default"};
  if (group_.attributes.count("heads")) names = group_.strings("heads");
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
  if (flag("use_so3", 0) != 0) fail("use_so3", "harmonics that are all even are not read");
  if (word("radial_type", "BesselBasis") != "BesselBasis")
    fail("radial_type", word("radial_type", "") + " is not read; BesselBasis is");
  made_.dtype = DType::f64;
  made_.cutoff = group_.number("r_max");
  made_.layers = group_.integer("num_interactions");
  if (made_.layers < 1 || made_.layers > 100) fail("num_interactions", text("is ", made_.layers));
  read_blocks();
  made_.harmonics = static_cast<int>(group_.integer("max_ell"));
  const auto order = group_.attributes.find("correlation");
  if (group_.attributes.count("correlations") > 0)
    orders_ = group_.integers("correlations");
  else if (order != group_.attributes.end() &&
           std::holds_alternative<std::vector<std::int64_t>>(order->second))
    orders_ = group_.integers("correlation");
  else
    orders_.assign(made_.layers, group_.integer("correlation"));
  if (static_cast<Index>(orders_.size()) != made_.layers || orders_.empty())
    fail("correlations", text("are ", orders_.size(), " for ", made_.layers, " layers"));
  made_.correlation = static_cast<int>(*std::max_element(orders_.begin(), orders_.end()));
  made_.radial = group_.integer("num_bessel");
  made_.envelope = static_cast<int>(group_.integer("num_polynomial_cutoff"));
  made_.radial_layers = group_.integers("radial_MLP");
  made_.neighbors = group_.number("avg_num_neighbors");
  made_.cutoff_on_weights = flag("apply_cutoff", 1) == 0;
  made_.repulsion = group_.integer("pair_repulsion") != 0;
  const so3::Irreps hidden(group_.string("hidden_irreps")), last(group_.string("MLP_irreps"));
  made_.channels = hidden.count({0, 1});
  made_.lmax = std::max(0, hidden.lmax());
  if (hidden.text() != made_.features(made_.lmax).text())
    fail("hidden_irreps", hidden.text() + " are not read; equal channels of 0e, 1o, ... are");
  read_readouts(hidden);
  if (made_.readout > 0 && last.dim() != made_.readout)
    fail("MLP_irreps", last.text() + " are not read; scalars are");
  width_ = made_.readout;
  const std::string gate = word("gate", "silu");
  if (gate == "None")
    made_.readout = 0;
  else if (made_.readout > 0 && gate != "silu")
    fail("gate", gate + " is not read; silu and None are");

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
  for (const double z : array("atomic_numbers"))
    made_.species.push_back(data::element_symbol(static_cast<int>(z)));
  // Sizes that the arrays have too, before a network of that size is made.
  array("radial_embedding.bessel_fn.bessel_weights", {made_.radial});
  array("node_embedding.linear.weight", {static_cast<Index>(made_.species.size()) * made_.channels});
  check_constants();
}

// Of files from before that do not name the readouts, the arrays tell.
void MaceArrays::read_readouts(const so3::Irreps& hidden) {
  const std::string scalars = made_.features(0).text();
  made_.readout = so3::Irreps(group_.string("MLP_irreps")).count({0, 1});
  const std::string edges = word("edge_irreps", made_.layers > 1 ? hidden.text() : scalars);
  if (so3::Irreps(edges).text() != (made_.layers > 1 ? hidden.text() : scalars))
    fail("edge_irreps", edges + " are not read; those of the features are");
  if (so3::Irreps(word("last_irreps", scalars)).text() != scalars)
    fail("last_irreps", word("last_irreps", "") + " are not read; scalars alone are");
  if (group_.attributes.count("readouts") == 0) {
    last_readout_only_ = made_.layers > 1 && has("readouts.0.linear_1.weight");
    const Index last = last_readout_only_ ? 0 : made_.layers - 1;
    if (has(text("readouts.", last, ".linear.weight"))) made_.readout = 0;
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

void MaceArrays::read_blocks() {
  const std::string &first = group_.string("interaction_first"), &other = group_.string("interaction");
  const auto is = [](const std::string& name, const char* kind) {
    return name == std::string("RealAgnostic") + kind + "InteractionBlock";
  };
  for (const std::string& name : {first, other})
    if (!is(name, "") && !is(name, "Residual") && !is(name, "Density") && !is(name, "DensityResidual"))
      fail("interaction", name + " is not read; RealAgnostic, with Density or Residual, is");
  made_.first_residual = is(first, "Residual") || is(first, "DensityResidual");
  made_.density = is(first, "Density") || is(first, "DensityResidual");
  if (made_.layers > 1 &&
      (is(other, "") || is(other, "Density") || made_.density != is(other, "DensityResidual")))
    fail("interaction", other + " after " + first + " is not read");
}

void MaceArrays::check_constants() {
  const Weights cutoff{made_.cutoff}, power{static_cast<double>(made_.envelope)};
  check("r_max", cutoff);
  check("num_interactions", {static_cast<double>(made_.layers)});
  const std::string radial = "radial_embedding.", repulsion = "pair_repulsion_fn.";
  Weights frequencies;
  for (Index n = 1; n <= made_.radial; ++n)
    frequencies.push_back(M_PI * static_cast<double>(n) / made_.cutoff);
  check(radial + "bessel_fn.bessel_weights", frequencies);
  check(radial + "bessel_fn.prefactor", {std::sqrt(2 / made_.cutoff)});
  check(radial + "bessel_fn.r_max", cutoff);
  check(radial + "cutoff_fn.r_max", cutoff);
  check(radial + "cutoff_fn.p", power);
  for (const std::string& name :
       {radial + "distance_transform.covalent_radii", repulsion + "covalent_radii"}) {
    if (!has(name)) continue;
    const Weights radii = array(name);
    for (const std::string& symbol : made_.species) {
      const std::size_t z = data::element_number(symbol);
      if (z >= radii.size() || !(std::abs(radii[z] - covalent_radius(static_cast<int>(z))) <= 1e-6))
        fail(name, text("has another radius of ", symbol, " than ", covalent_radius(static_cast<int>(z))));
    }
  }
  if (!made_.repulsion) return;
  for (const char* name : {"c", "a_exp", "a_prefactor", "p"})
    if (!has(repulsion + name)) fail(repulsion + name, "is missing");
  check(repulsion + "c", {0.1818, 0.5099, 0.2802, 0.02817});
  check(repulsion + "a_exp", {0.3});
  check(repulsion + "a_prefactor", {0.4543});
  check(repulsion + "p", power);
}

// Their couplings are linearly dependent and of another basis; what the file holds goes before what we make.
Weights MaceArrays::contraction(Index t, int l_out) {
  const so3::SymmetricContraction ours(made_.features(made_.harmonics), made_.features(l_out),
                                       made_.correlation);
  const Index kinds = static_cast<Index>(made_.species.size()), channels = made_.channels;
  Weights out(kinds * ours.num_paths() * channels, 0.0);
  for (const auto& block : ours.paths()) {
    if (block.nu > correlation(t)) continue;  // of a layer of lower order than another: no weight
    const std::string p = text("products.", t, ".symmetric_contractions.contractions.", block.out, ".");
    const int below = correlation(t) - block.nu;
    const std::string name = below == 0 ? p + "weights_max" : text(p, "weights.", below - 1);
    const std::string stored = text(p, "U_matrix_", block.nu);
    Array u = has(stored) ? weights_.array(stored).as(DType::f64)
                          : mace_couplings(made_.harmonics, static_cast<int>(block.out), block.nu);
    if (has(stored)) used_.insert(stored);
    Array to_ours;
    try {
      to_ours = ours.change_of_basis(block.out, block.nu, u);
    } catch (const std::invalid_argument& error) {
      fail(stored, error.what());
    }
    const Index columns = to_ours.dim(1);
    // One row of weights serves all elements where the product does not depend on them.
    const Shape found = weights_.array(name).shape();
    const bool shared = !found.empty() && found[0] == 1;
    const Weights theirs = array(name, {shared ? 1 : kinds, columns, channels});
    const Weights m = to_ours.as(DType::f64).to_vector<double>();
    for (Index z = 0; z < kinds; ++z)
      for (Index q = 0; q < block.count; ++q)
        for (Index e = 0; e < columns; ++e)
          for (Index c = 0; c < channels; ++c)
            out[(z * ours.num_paths() + block.begin + q) * channels + c] +=
                m[q * columns + e] * theirs[((shared ? 0 : z) * columns + e) * channels + c];
  }
  return out;
}

void MaceArrays::fill_layer(const Mace::Layer& layer, Index t) {
  const std::string name = text("layers.", t, "."), theirs = text("interactions.", t, ".");
  const Index kinds = static_cast<Index>(made_.species.size());
  set(name + "up.weight", linear_weights(layer.up, array(theirs + "linear_up.weight"), {}));
  for (std::size_t k = 0; k < layer.radial.size(); ++k) {
    Weights w = array(text(theirs, "conv_tp_weights.layer", k, ".weight"), layer.radial[k].shape());
    if (k > 0)
      for (double& x : w) x *= silu_ratio();
    set(text(name, "radial.", k, ".weight"), w);
  }
  if (made_.density)
    set(name + "density.weight", array(theirs + "density_fn.layer0.weight", layer.density.shape()));
  set(name + "mix.weight", linear_weights(layer.mix, array(theirs + "linear.weight"), {}));
  const Weights skip = array(theirs + "skip_tp.weight");
  Weights all;
  for (Index z = 0; z < kinds; ++z) {
    const Weights one = linear_weights(layer.skip, skip, {kinds, z, 0, 1});
    all.insert(all.end(), one.begin(), one.end());
  }
  set(name + "skip.weight", all);
  const int l_out = layer.out.irreps_out().lmax();
  set(name + "product.contraction", contraction(t, l_out));
  set(name + "out.weight", linear_weights(layer.out, array(text("products.", t, ".linear.weight")), {}));
  if (layer.readout.empty()) return;
  set(name + "readout.weight", last_readout_only_ ? Weights(made_.channels, 0.0) : linear_readout(t));
}

Weights MaceArrays::linear_readout(Index t) {
  const Weights all = array(text("readouts.", t, ".linear.weight"), {made_.channels * heads_});
  Weights mine;
  for (Index c = 0; c < made_.channels; ++c) mine.push_back(all[c * heads_ + head_]);
  return mine;
}

// The last one: hidden units of head after head.
void MaceArrays::fill_last_readout() {
  const Index t = last_readout_only_ ? 0 : made_.layers - 1;
  if (made_.readout == 0 && width_ == 0) return set("readout.1.weight", linear_readout(t));
  const std::string p = text("readouts.", t, ".");
  const Index width = width_, all = width * heads_;
  const Weights first = array(p + "linear_1.weight", {made_.channels * all}),
                second = array(p + "linear_2.weight", {all * heads_});
  if (made_.readout == 0) {  // without a gate: two linear maps are one
    Weights both(made_.channels, 0.0);
    for (Index c = 0; c < made_.channels; ++c)
      for (Index k = head_ * width; k < (head_ + 1) * width; ++k)
        both[c] += first[c * all + k] * second[k * heads_ + head_] / std::sqrt(static_cast<double>(all));
    return set("readout.1.weight", both);
  }
  Weights hidden, out;
  for (Index c = 0; c < made_.channels; ++c)
    for (Index k = 0; k < width; ++k) hidden.push_back(first[c * all + head_ * width + k]);
  for (Index k = 0; k < width; ++k)
    out.push_back(silu_ratio() * second[(head_ * width + k) * heads_ + head_] /
                  std::sqrt(static_cast<double>(heads_)));
  set("readout.0.weight", hidden);
  set("readout.1.weight", out);
}

// The 3j symbols of e3nn's compiled code. Those of natural parity have one sign in all its versions.
void MaceArrays::check_coupling(const std::string& name) const {
  int a = 0, b = 0, c = 0;
  const std::size_t at = name.find("_w3j_");
  if (std::sscanf(name.c_str() + at, "_w3j_%d_%d_%d", &a, &b, &c) != 3 || std::min({a, b, c}) < 0 ||
      std::max({a, b, c}) > 20 || a > b + c || b > a + c || c > a + b)
    fail(name, "names no 3j symbol");
  const std::vector<double>& ours = so3::wigner_3j(a, b, c);
  const Weights theirs = weights_.array(name).as(DType::f64).to_vector<double>();
  bool same = theirs.size() == ours.size();
  for (std::size_t k = 0; same && k < ours.size(); ++k) same = std::abs(theirs[k] - ours[k]) <= 1e-6;
  if (!same) fail(name, "is another 3j symbol than e3nn's of real harmonics");
}

void MaceArrays::check_all_used() const {
  for (const auto& [name, item] : weights_.items()) {
    if (name.find("conv_tp.") != std::string::npos && name.find("_w3j_") != std::string::npos) {
      check_coupling(name);
      continue;
    }
    const bool passed = used_.count(name) > 0 || item.array.size() == 0 || name == "heads" ||
                        name.find("U_matrix") != std::string::npos ||
                        name.find("output_mask") != std::string::npos ||
                        name.find("_zeroed") != std::string::npos;
    if (!passed) fail(name, "belongs to a part of MACE that is not read");
  }
}

ImportedModel MaceArrays::read() {
  made_.validate();
  nn::Init init = nn::Init::blank();
  auto network = std::make_unique<Mace>(made_, init);
  parameters_ = network->parameters();
  const Index kinds = static_cast<Index>(made_.species.size());

  Weights e = array("node_embedding.linear.weight");
  for (double& x : e) x /= std::sqrt(static_cast<double>(kinds));
  set("embedding.weight", e);
  for (Index t = 0; t < made_.layers; ++t) fill_layer(network->layers()[t], t);

  fill_last_readout();

  const Shape table = weights_.array("atomic_energies_fn.atomic_energies").shape();
  const Index rows = table.size() == 2 && table[0] == heads_ ? heads_ : 1;
  const Weights energies = array("atomic_energies_fn.atomic_energies", {rows, kinds});
  const Index row = rows == 1 ? 0 : head_;
  const double scale = of_head("scale_shift.scale", 1), shift = of_head("scale_shift.shift", 0);
  check_all_used();

  Model model(std::move(network));
  model.energy_scale = scale;
  for (Index z = 0; z < kinds; ++z)
    model.reference[data::element_number(made_.species[z])] = energies[row * kinds + z] + shift;
  const bool single = weights_.array("interactions.0.linear_up.weight").dtype() == DType::f32;
  return {std::move(model),
          single ? DType::f32 : DType::f64,
          "MACE" + (head_name_.empty() ? "" : ", head " + head_name_),
          {}};
}

}  // namespace

bool is_mace(const std::string& path) {
  try {
    const data::Hdf5File file(path);
    const data::Group outline = file.outline();
    return outline.has_group("weights") && outline.attributes.count("hidden_irreps") > 0 &&
           outline.attributes.count("max_ell") > 0;
  } catch (const FormatError&) {
    return false;
  }
}

ImportedModel import_mace(const data::Group& group, const ImportOptions& options) {
  try {
    return MaceArrays(group, options).read();
  } catch (const std::invalid_argument& error) {
    if (std::string(error.what()).compare(0, 8, "[import]") == 0) throw;
    throw FormatError(group.file(), "", error.what());
  }
}

ImportedModel import_mace(const std::string& path, const ImportOptions& options) {
  return import_mace(data::load(path), options);
}

}  // namespace cartan::potentials
