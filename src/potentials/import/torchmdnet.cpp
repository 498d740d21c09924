// torchmd-net: checkpoints of Lightning that hold a TensorNet, its prior and the scale of its labels.
#include <map>
#include <set>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "cartan/data/torch_file.hpp"
#include "cartan/potentials/networks/tensornet.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {
namespace {

using data::TorchFile;
using data::TorchValue;

class TorchMdNet {
 public:
  TorchMdNet(const std::string& path, const ImportOptions& options)
      : file_(path), given_(file_.root()["hyper_parameters"]), options_(options) {
    require(options.task.empty(), "[import] ", path, " was trained for one task; leave '", options.task,
            "' out");
    for (const auto& [key, value] : file_.root()["state_dict"].entries())
      if (value.kind() == TorchValue::Kind::array) arrays_.emplace(modern(key.string()), value);
    read_config();
  }

  ImportedModel read();

 private:
  /// The names of today: without the prefix of Lightning, and with that of the MLP.
  static std::string modern(std::string name) {
    if (name.compare(0, 6, "model.") == 0) name.erase(0, 6);
    const std::string network = "output_model.output_network.";
    if (name.compare(0, network.size(), network) == 0 && name.compare(network.size(), 7, "layers.") != 0)
      name.insert(network.size(), "layers.");
    return name;
  }
  [[noreturn]] void fail(const std::string& where, const std::string& what) const {
    throw FormatError(file_.path(), where, what);
  }
  Weights array(const std::string& name, const Shape& shape) {
    const auto found = arrays_.find(name);
    if (found == arrays_.end()) fail(name, "is missing");
    if (found->second.shape() != shape)
      fail(name, text("has shape ", found->second.shape(), ", not ", shape));
    used_.insert(name);
    return found->second.array().as(DType::f64).to_vector<double>();
  }
  double number(const std::string& name, double absent) {
    return arrays_.count(name) > 0 ? array(name, arrays_.at(name).shape()).at(0) : absent;
  }
  void set(const std::string& name, const Weights& values) { set_parameter(parameters_, name, values); }
  void linear(const std::string& ours, const std::string& theirs, Index out, Index in, bool by_rank = false);
  Weights mixes(const std::string& theirs, int first);
  void expect(const char* name, const std::string& wanted) const {
    const auto found = given_.find(name);
    if (found && found->kind() == TorchValue::Kind::text && found->string() == wanted) return;
    fail(text("hyper_parameters.", name),
         (found && found->kind() == TorchValue::Kind::text ? "'" + found->string() + "'" : "what it says") +
             " is not read; " + wanted + " is");
  }
  bool flag(const char* name) const {
    const auto found = given_.find(name);
    return found && found->kind() == TorchValue::Kind::boolean && found->boolean();
  }
  void read_config();
  void fill();
  Weights atom_energies(Index count);
  void check_all_used() const;

  TorchFile file_;
  TorchValue given_;
  ImportOptions options_;
  std::map<std::string, TorchValue> arrays_;
  std::set<std::string> used_;
  TensorNetConfig made_;
  nn::ParameterRefs parameters_;
};

void TorchMdNet::read_config() {
  expect("model", "tensornet");
  expect("output_model", "Scalar");
  expect("activation", "silu");
  expect("rbf_type", "expnorm");
  expect("reduce_op", "add");
  if (flag("remove_ref_energy"))
    fail("hyper_parameters.remove_ref_energy", "energies without those of atoms are not read");
  if (const auto layers = given_.find("output_mlp_num_layers");
      layers && layers->kind() == TorchValue::Kind::integer && layers->integer() != 0)
    fail(layers->where(), text("is ", layers->integer(), ", which is not read; 0 is"));
  made_.dtype = DType::f64;
  made_.channels = given_["embedding_dimension"].integer();
  made_.layers = given_["num_layers"].integer();
  made_.radial = given_["num_rbf"].integer();
  made_.cutoff = given_["cutoff_upper"].number();
  made_.cutoff_lower = given_["cutoff_lower"].number();
  made_.trainable_radial = true;  // theirs are rounded to float32: they are kept as parameters
  made_.group = given_["equivariance_invariance_group"].string();
  made_.max_number = given_["max_z"].integer();
}

// y = W x + b, both of rows; `by_rank`: rows (F, 3) of files from before are (3, F) now.
void TorchMdNet::linear(const std::string& ours, const std::string& theirs, Index out, Index in,
                        bool by_rank) {
  Weights w = array(theirs + ".weight", {out, in}), b = array(theirs + ".bias", {out});
  if (by_rank && given_.has("check_errors")) {
    const Weights old_w = w, old_b = b;
    const Index f = out / 3;
    for (Index c = 0; c < 3; ++c)
      for (Index k = 0; k < f; ++k) {
        b[c * f + k] = old_b[3 * k + c];
        for (Index i = 0; i < in; ++i) w[(c * f + k) * in + i] = old_w[(3 * k + c) * in + i];
      }
  }
  set(ours + ".weight", w);
  set(ours + ".bias", b);
}

// A matrix a rank.
Weights TorchMdNet::mixes(const std::string& theirs, int first) {
  Weights out;
  for (int k = first; k < first + 3; ++k) {
    const Weights one = array(text(theirs, k, ".weight"), {made_.channels, made_.channels});
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

void TorchMdNet::fill() {
  const Index f = made_.channels, r = made_.radial;
  const std::string net = "representation_model.", embedding = net + "tensor_embedding.";
  set("radial_basis.means", array(net + "distance_expansion.means", {r}));
  set("radial_basis.betas", array(net + "distance_expansion.betas", {r}));
  Weights w, b;
  for (int k = 1; k <= 3; ++k) {
    Weights rows = array(text(embedding, "distance_proj", k, ".weight"), {f, r}),
            constants = array(text(embedding, "distance_proj", k, ".bias"), {f});
    // Edges the other way: what is odd in their direction changes sign.
    if (k == 2 && options_.reverse_edges)
      for (Weights* part : {&rows, &constants})
        for (double& x : *part) x = -x;
    w.insert(w.end(), rows.begin(), rows.end());
    b.insert(b.end(), constants.begin(), constants.end());
  }
  set("embedding.projection.weight", w);
  set("embedding.projection.bias", b);
  set("embedding.species.weight", array(embedding + "emb.weight", {made_.max_number, f}));
  linear("embedding.pair_species", embedding + "emb2", f, 2 * f);
  set("embedding.mix", mixes(embedding + "linears_tensor.", 0));
  linear("embedding.gate.0", embedding + "linears_scalar.0", 2 * f, f);
  linear("embedding.gate.1", embedding + "linears_scalar.1", 3 * f, 2 * f, true);
  set("embedding.norm.weight", array(embedding + "init_norm.weight", {f}));
  set("embedding.norm.bias", array(embedding + "init_norm.bias", {f}));
  for (Index l = 0; l < made_.layers; ++l) {
    const std::string ours = text("interactions.", l, "."), theirs = text(net, "layers.", l, ".");
    linear(ours + "scalar.0", theirs + "linears_scalar.0", f, r);
    linear(ours + "scalar.1", theirs + "linears_scalar.1", 2 * f, f);
    linear(ours + "scalar.2", theirs + "linears_scalar.2", 3 * f, 2 * f, true);
    set(ours + "mix_in", mixes(theirs + "linears_tensor.", 0));
    set(ours + "mix_out", mixes(theirs + "linears_tensor.", 3));
  }
  set("readout.norm.weight", array(net + "out_norm.weight", {3 * f}));
  set("readout.norm.bias", array(net + "out_norm.bias", {3 * f}));
  linear("readout.linear", net + "linear", f, 3 * f);
  linear("readout.head.0", "output_model.output_network.layers.0", f / 2, f);
  linear("readout.head.2", "output_model.output_network.layers.2", 1, f / 2);
}

// Of atomic numbers below `count`: what the priors say, which must be tables of atoms.
Weights TorchMdNet::atom_energies(Index count) {
  Weights out(count, 0.0);
  const auto add = [&](const std::string& kind, const std::string& place, bool enabled) {
    if (kind != "Atomref" && kind != "LearnableAtomref")
      fail("hyper_parameters.prior_model", "'" + kind + "' is not read; Atomref is");
    const std::string table = arrays_.count("prior_model." + place + "atomref.weight") > 0
                                  ? "prior_model." + place
                                  : "prior_model.";
    const Shape shape = arrays_.count(table + "atomref.weight") > 0
                            ? arrays_.at(table + "atomref.weight").shape()
                            : Shape{count, 1};
    const Weights all = array(table + "atomref.weight", shape);
    used_.insert(table + "initial_atomref");
    for (Index z = 0; enabled && z < std::min<Index>(count, static_cast<Index>(all.size())); ++z)
      out[z] += all[z];
    if (static_cast<Index>(all.size()) < count) out.resize(all.size());  // further elements have no energy
  };
  const auto priors = given_.find("prior_model");
  if (!priors || priors->kind() == TorchValue::Kind::none) return out;
  if (priors->kind() == TorchValue::Kind::text) {
    add(priors->string(), "0.", true);
    return out;
  }
  for (Index k = 0; k < priors->size(); ++k) {
    const TorchValue prior = (*priors)[k];
    if (prior.kind() == TorchValue::Kind::text) {
      add(prior.string(), text(k, "."), true);
      continue;
    }
    for (const auto& [kind, arguments] : prior.entries()) {
      const auto enable =
          arguments.kind() == TorchValue::Kind::dict ? arguments.find("enable") : std::nullopt;
      add(kind.string(), text(k, "."), !enable || enable->boolean());
    }
  }
  return out;
}

void TorchMdNet::check_all_used() const {
  for (const auto& [name, value] : arrays_)
    if (used_.count(name) == 0 && name != "representation_model.distance.box")
      fail(name, "belongs to a part of torchmd-net that is not read");
}

ImportedModel TorchMdNet::read() {
  made_.validate();
  nn::Init init = nn::Init::blank();
  auto network = std::make_unique<TensorNet>(made_, init);
  parameters_ = network->parameters();
  fill();
  const double unit = options_.energy_unit == "Hartree"    ? units::hartree
                      : options_.energy_unit == "kcal/mol" ? units::kcal_per_mol
                                                           : 1;
  Model model(std::move(network));
  model.energy_scale = unit * number("std", 1);
  model.offset = unit * number("mean", 0);
  const Weights energies = atom_energies(std::min<Index>(made_.max_number, 119));
  for (std::size_t z = 1; z < energies.size(); ++z) model.reference[static_cast<int>(z)] = unit * energies[z];
  check_all_used();

  std::vector<std::string> notes{
      "the file does not say its units: energies are taken for " + options_.energy_unit +
          " (--energy-unit), lengths for Angstrom",
      text("the file does not say which elements it was trained on: those up to ",
           data::element_symbol(static_cast<int>(energies.size()) - 1), " are taken")};
  if (made_.group == "SO(3)")
    notes.push_back(text("SO(3): the sense of edges is that of torchmd-net's plain operations",
                         options_.reverse_edges ? " turned round" : "",
                         "; its default (Warp) operations have the other one (--reverse-edges)"));
  return {std::move(model), DType::f32, "torchmd-net", notes};
}

}  // namespace

bool is_torchmdnet(const std::string& path) {
  if (!TorchFile::recognises(path)) return false;
  const TorchFile file(path);
  if (file.root().kind() != TorchValue::Kind::dict) return false;
  const auto given = file.root().find("hyper_parameters");
  return file.root().has("state_dict") && given && given->kind() == TorchValue::Kind::dict &&
         given->has("embedding_dimension") && given->has("output_model");
}

ImportedModel import_torchmdnet(const std::string& path, const ImportOptions& options) {
  try {
    return TorchMdNet(path, options).read();
  } catch (const std::invalid_argument& error) {
    if (std::string(error.what()).compare(0, 8, "[import]") == 0) throw;
    throw FormatError(path, "", error.what());
  }
}

}  // namespace cartan::potentials
