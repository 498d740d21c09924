#include "potentials/import/fairchem_state.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/data/torch_file.hpp"

namespace cartan::potentials {
namespace {

using data::TorchFile;
using data::TorchValue;
using nlohmann::json;

// Numbers, texts, lists and dicts; anything else is left out.
json to_json(const TorchValue& value) {
  switch (value.kind()) {
    case TorchValue::Kind::boolean:
      return value.boolean();
    case TorchValue::Kind::integer:
      return value.integer();
    case TorchValue::Kind::real:
      return value.number();
    case TorchValue::Kind::text:
      return value.string();
    case TorchValue::Kind::list: {
      json out = json::array();
      for (Index k = 0; k < value.size(); ++k) out.push_back(to_json(value[k]));
      return out;
    }
    case TorchValue::Kind::dict: {
      json out = json::object();
      for (const auto& [key, entry] : value.entries())
        if (key.kind() == TorchValue::Kind::text) out[key.string()] = to_json(entry);
      return out;
    }
    case TorchValue::Kind::array:
      return value.array().as(DType::f64).to_vector<double>();
    default:
      return nullptr;
  }
}

// Without what wrappers put before names.
std::string bare(std::string name) {
  while (name.compare(0, 7, "module.") == 0) name.erase(0, 7);
  const std::string heads = "output_heads.";
  if (name.compare(0, heads.size(), heads) == 0) {
    const auto dot = name.find('.', heads.size());
    if (dot != std::string::npos) name = "head" + name.substr(dot);
  }
  return name;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::vector<std::string> torch_names(const TorchValue& root) {
  std::vector<std::string> names;
  if (root.kind() != TorchValue::Kind::dict) return names;
  const auto nested = root.find("state_dict");
  const TorchValue& state = nested && nested->kind() == TorchValue::Kind::dict ? *nested : root;
  for (const auto& [key, value] : state.entries())
    if (key.kind() == TorchValue::Kind::text && value.kind() == TorchValue::Kind::array)
      names.push_back(bare(key.string()));
  return names;
}

void add_names(const data::Group& group, const std::string& prefix, std::vector<std::string>& names) {
  for (const auto& [name, item] : group.items()) names.push_back(bare(prefix + name));
  for (const auto& [name, inner] : group.groups()) add_names(inner, prefix + name + ".", names);
}

// The models of an HDF5 file by name, "" where it is one.
std::vector<std::string> models_of(const data::Group& outline) {
  const auto is_model = [](const data::Group& g) {
    std::vector<std::string> names;
    if (g.has_group("weights")) add_names(g.group("weights"), "", names);
    return !FairchemState::architecture(names).empty();
  };
  if (is_model(outline)) return {""};
  std::vector<std::string> out;
  for (const auto& [name, group] : outline.groups())
    if (is_model(group)) out.push_back(name);
  return out;
}

}  // namespace

namespace {

// Constants that every network of its size has: recurrences of Wigner matrices, tables of indices and grids.
bool is_buffer(const std::string& name) {
  const std::string last = name.substr(name.rfind('.') + 1);
  if (last.compare(0, 3, "Jd_") == 0) return true;
  for (const char* known : {"balance_degree_weight", "expand_index", "to_grid_mat", "from_grid_mat",
                            "l_harmonic", "m_harmonic", "m_complex", "to_m", "device_buffer"})
    if (last == known) return true;
  return false;
}

// What has no gradient, and so no average: constants, and eSCN's samples of the sphere.
bool is_fixed(const std::string& name) {
  return is_buffer(name) || ends_with(name, ".offset") || contains(name, "sphere_points") ||
         contains(name, "sphharm_weights");
}

// What makes a network of fairchem 2 another function than eSEN, by names of its arrays; "" for none.
std::string beyond(const std::string& name) {
  if (contains(name, "routing_mlp") || ends_with(name, "fc_m0.weights"))
    return "is a mixture of experts (UMA), whose weights depend on composition, charge, spin and task: that "
           "is "
           "not read";
  for (const char* known :
       {"charge_embedding", "spin_embedding", "dataset_embedding", "csd_embedding", "mix_csd"})
    if (contains(name, known))
      return "is of a network that takes the charge, the spin or the data set of a frame (fairchem 2: UMA, "
             "eSEN of OMol25): that is not read; eSEN, EquiformerV2 and eSCN of fairchem 1 are";
  return "";
}

}  // namespace

std::string FairchemState::architecture(const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (!beyond(name).empty()) return "fairchem 2";
  for (const std::string& name : names) {
    if (ends_with(name, "edge_wise.so2_conv_1.fc_m0.weight")) return "esen";
    if (ends_with(name, ".ga.alpha_dot")) return "equiformer";
    if (ends_with(name, "message_block.so2_block_source.fc1_m0.weight")) return "escn";
  }
  return "";
}

bool FairchemState::of_torch(const TorchValue& root) {
  return !architecture(torch_names(root)).empty();
}
bool FairchemState::of_hdf5(const data::Group& outline) {
  return !models_of(outline).empty();
}

FairchemState::FairchemState(const std::string& path, const std::string& task) : path_(path) {
  if (TorchFile::recognises(path))
    read_torch(task);
  else
    read_hdf5(task);
  std::vector<std::string> names;
  for (const auto& [name, array] : arrays_) names.push_back(name);
  architecture_ = architecture(names);
  for (const std::string& name : names)
    if (const std::string why = beyond(name); !why.empty()) fail(name, why);
  if (architecture_.empty()) fail("", "has no arrays of eSEN, EquiformerV2 or eSCN");
}

void FairchemState::add(const std::string& name, Array array) {
  if (array.size() == 0 || !is_real(array.dtype())) return;  // indices
  if (has(bare(name)))
    fail(name, "is there twice: of several heads of one kind, or of several networks, none is read");
  take(name, std::move(array));
}

void FairchemState::add_all(const data::Group& group, const std::string& prefix) {
  for (const auto& [name, item] : group.items()) add(prefix + name, item.array);
  for (const auto& [name, inner] : group.groups()) add_all(inner, prefix + name + ".");
}

void FairchemState::take(std::string name, Array array) {
  for (const double x : array.as(DType::f64).to_vector<double>())
    if (!std::isfinite(x)) fail(name, "has numbers that are not finite");
  arrays_[bare(std::move(name))] = std::move(array);
}

void FairchemState::read_torch(const std::string& task) {
  require(task.empty(), "[import] ", path_, " was trained for one task; leave '", task, "' out");
  const TorchFile file = [this] {
    try {
      return TorchFile(path_);
    } catch (const FormatError& error) {
      if (!contains(error.what(), "mentions fairchem.")) throw;
      fail("",
           "is a checkpoint of fairchem 2, an object of its own class; benchmarks/peers/export_fairchem.py "
           "writes its weights and configuration as plain values");
    }
  }();
  const auto nested = file.root().find("state_dict");
  const bool checkpoint = nested && nested->kind() == TorchValue::Kind::dict;
  for (const auto& [key, value] : (checkpoint ? *nested : file.root()).entries())
    if (key.kind() == TorchValue::Kind::text && value.kind() == TorchValue::Kind::array)
      add(key.string(), value.array());
  source_ = checkpoint ? "fairchem, a checkpoint" : "fairchem, a state dict";
  const auto ema = file.root().find("ema");
  if (checkpoint && ema && ema->kind() == TorchValue::Kind::dict) take_averages(*nested, *ema);
  const auto named = file.root().find("config");
  if (const auto config = named ? named : file.root().find("model_config")) take_config(to_json(*config));
  if (const auto labels = file.root().find("normalizers")) labels_ = to_json(*labels);
  if (const auto references = file.root().find("elementrefs")) references_ = to_json(*references);
}

void FairchemState::take_config(json config) {
  if (config.is_string()) config = json::parse(config.get<std::string>(), nullptr, false);
  for (const char* inner : {"model", "model_attributes", "backbone"}) {
    if (!config.is_object()) break;
    if (config.contains("heads") && config["heads"].is_object())
      for (const auto& [name, head] : config["heads"].items())
        if (head.is_object() && head.contains("reduce") && head["reduce"] != "sum")
          fail("config.heads." + name + ".reduce", head["reduce"].dump() + " is not read; \"sum\" is");
    if (config.contains(inner) && config[inner].is_object()) config = json(config[inner]);
  }
  if (!config.is_object()) fail("config", "is not read; a dict of the constructor's arguments is");
  config_ = std::move(config);
}

void FairchemState::take_averages(const TorchValue& state, const TorchValue& ema) {
  const auto averages = ema.find("shadow_params");
  if (!averages || averages->kind() != TorchValue::Kind::list) fail("ema", "has no list 'shadow_params'");
  std::vector<std::string> parameters;  // in the order of the module
  for (const auto& [key, value] : state.entries())
    if (value.kind() == TorchValue::Kind::array && !is_fixed(bare(key.string())))
      parameters.push_back(key.string());
  if (averages->size() != static_cast<Index>(parameters.size()))
    fail("ema",
         text("has averages of ", averages->size(), " parameters; the state dict has ", parameters.size()));
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const TorchValue average = (*averages)[static_cast<Index>(k)];
    if (average.shape() != state[parameters[k]].shape())
      fail("ema", text("has an average of shape ", average.shape(), " in the place of ", parameters[k], ", ",
                       state[parameters[k]].shape()));
    take(parameters[k], average.array());
  }
  notes_.push_back("the file is of a training that goes on; weights are its running averages ('ema')");
}

std::optional<double> FairchemState::label(const char* kind, const char* older, const char* what) const {
  for (const char* name : {kind, older}) {
    if (!labels_.is_object() || !labels_.contains(name)) continue;
    const json& n = labels_[name];
    if (!n.is_object() || !n.contains(what)) fail(text("normalizers.", name), text("has no ", what));
    const json& value = n[what].is_array() && n[what].size() == 1 ? n[what][0] : n[what];
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      fail(text("normalizers.", name, ".", what), value.dump() + " is no number");
    return value.get<double>();
  }
  return std::nullopt;
}

void FairchemState::read_hdf5(const std::string& task) {
  const data::Group all = data::load(path_);
  const std::vector<std::string> models = models_of(all);
  std::string listed;
  for (const std::string& m : models) listed += (listed.empty() ? "" : ", ") + m;
  if (models.empty()) fail("", "has no group 'weights' of eSEN, EquiformerV2 or eSCN");
  const std::string wanted = task.empty() && models.size() == 1 ? models[0] : task;
  require(std::find(models.begin(), models.end(), wanted) != models.end(), "[import] ", path_,
          " has the models ", listed, task.empty() ? "; choose one as task" : ", not '" + task + "'");
  const data::Group& model = wanted.empty() ? all : all.group(wanted);
  add_all(model.group("weights"), "");
  source_ = "fairchem, arrays" + (wanted.empty() ? "" : " of " + wanted);
  if (model.attributes.count("config") == 0) return;
  take_config(model.string("config"));
}

const Shape& FairchemState::shape(const std::string& name) const {
  const auto it = arrays_.find(name);
  if (it == arrays_.end()) fail(name, "is missing");
  return it->second.shape();
}

Weights FairchemState::array(const std::string& name) {
  shape(name);
  used_.insert(name);
  return arrays_.at(name).as(DType::f64).to_vector<double>();
}

Weights FairchemState::array(const std::string& name, const Shape& wanted) {
  if (shape(name) != wanted) fail(name, text("has shape ", shape(name), ", not ", wanted));
  return array(name);
}

void FairchemState::pass_all(const std::string& prefix) {
  for (const auto& [name, array] : arrays_)
    if (name.compare(0, prefix.size(), prefix) == 0) used_.insert(name);
}

Index FairchemState::count_of(const std::string& prefix) const {
  Index n = 0;
  for (const auto& [name, array] : arrays_) n += name.compare(0, prefix.size(), prefix) == 0;
  return n;
}

Index FairchemState::count(const std::string& prefix) const {
  Index n = 0;
  const auto any = [&](const std::string& start) {
    const auto it = arrays_.lower_bound(start);
    return it != arrays_.end() && it->first.compare(0, start.size(), start) == 0;
  };
  while (any(text(prefix, n, "."))) ++n;
  return n;
}

const json* FairchemState::find(const char* name) const {
  if (!config_.is_object()) return nullptr;
  const auto it = config_.find(name);
  return it == config_.end() || it->is_null() ? nullptr : &*it;
}

double FairchemState::number(const char* name, double absent) const {
  const json* value = find(name);
  if (!value) return absent;
  if (value->is_array() && value->size() == 1 && (*value)[0].is_number()) return (*value)[0].get<double>();
  if (!value->is_number()) fail(text("config.", name), value->dump() + " is no number");
  return value->get<double>();
}

bool FairchemState::flag(const char* name, bool absent) const {
  const json* value = find(name);
  if (!value) return absent;
  if (!value->is_boolean()) fail(text("config.", name), value->dump() + " is neither true nor false");
  return value->get<bool>();
}

std::string FairchemState::word(const char* name, const std::string& absent) const {
  const json* value = find(name);
  if (!value) return absent;
  if (!value->is_string()) fail(text("config.", name), value->dump() + " is no text");
  return value->get<std::string>();
}

void FairchemState::expect(const char* name, const json& wanted) const {
  const json* value = find(name);
  if (value && *value != wanted)
    fail(text("config.", name), value->dump() + " is not read; " + wanted.dump() + " is");
}

void FairchemState::expect(const char* name, const json& wanted, const json& absent) const {
  expect(name, wanted);
  if (has_config() && !find(name))
    fail(text("config.", name),
         "is missing; fairchem takes " + absent.dump() + ", which is not read; " + wanted.dump() + " is");
}

void FairchemState::expect_one(const char* name) const {
  const json* value = find(name);
  if (value && value->is_array() && value->size() != 1)
    fail(text("config.", name), value->dump() + ": several resolutions are not read");
}

std::string FairchemState::norm(const std::string& name) const {
  // layer_norm has the parameters of rms_norm_sh and is another function; it has no buffers.
  const bool rms = has(name + ".affine_bias");
  const std::string unsaid =
      rms && !has_config() && !has(name + ".balance_degree_weight") ? "layer_norm" : "";
  if (word("norm_type", unsaid) == "layer_norm")
    fail(has_config() ? "config.norm_type" : name,
         "layer_norm, each degree by itself, is not read; rms_norm_sh and layer_norm_sh are");
  return rms ? "rms" : "layer";
}

std::vector<std::string> FairchemState::species(Index rows) const {
  std::vector<std::string> out;
  for (int z = 1; z < rows && z <= 118; ++z) out.push_back(data::element_symbol(z));
  if (out.empty()) fail("", text("a table of ", rows, " elements has none"));
  return out;
}

Weights FairchemState::element_rows(const std::string& name, Index columns) {
  const Index rows = shape(name).at(0);
  const Weights all = array(name, {rows, columns});
  return Weights(all.begin() + columns, all.begin() + columns * std::min<Index>(rows, 119));
}

ImportedModel FairchemState::finish(std::unique_ptr<Network> network, double per_atom,
                                    std::vector<std::string> notes) {
  std::string left;
  for (const auto& [name, array] : arrays_)
    if (used_.count(name) == 0 && !is_buffer(name)) left += (left.empty() ? "" : ", ") + name;
  if (!left.empty()) fail("", "has arrays that this network has no place for: " + left);
  const std::unique_ptr<NetworkConfig> config = network->config().clone();
  std::vector<std::string> elements;
  for (config::Field& f : config::fields_of(*config))
    if (f.name() == "species") elements = std::get<std::vector<std::string>>(f.value());
  Model model(std::move(network));
  const double scale = label("energy", "target", "std").value_or(1);
  if (!(scale > 0)) fail("normalizers", text("the scale of energies is ", scale, ": it must be positive"));
  model.energy_scale = scale * per_atom;
  model.offset = label("energy", "target", "mean").value_or(0);
  const double of_forces = label("forces", "grad_target", "std").value_or(scale);
  if (of_forces != scale) {
    if (model.config().direct_forces())
      fail("normalizers", text("forces were divided by ", of_forces, ", energies by ", scale,
                               ": direct forces need the same number"));
    notes.push_back(text("forces were divided by ", of_forces, " in training, energies by ", scale,
                         "; forces here are the gradient of the energy"));
  }
  std::vector<double> references;  // by atomic number
  if (references_.is_object() && references_.contains("energy")) {
    const json& of_energy = references_["energy"];
    if (!of_energy.is_object() || !of_energy.contains("element_references") ||
        !of_energy["element_references"].is_array())
      fail("elementrefs.energy", "has no array 'element_references'");
    for (const json& e : of_energy["element_references"]) {
      if (!e.is_number() || !std::isfinite(e.get<double>()))
        fail("elementrefs.energy.element_references", "has " + e.dump() + " in the place of an energy");
      references.push_back(e.get<double>());
    }
  }
  for (const std::string& symbol : elements) {
    const auto z = static_cast<std::size_t>(data::element_number(symbol));
    if (!references.empty() && z >= references.size())
      fail("elementrefs.energy.element_references",
           text("has ", references.size(), " energies, none of ", symbol));
    model.reference[static_cast<int>(z)] = references.empty() ? 0 : references[z];
  }
  notes.insert(notes.begin(), notes_.begin(), notes_.end());
  if (!labels_.is_null())
    notes.push_back(text("energies were scaled as the file states ('normalizers'): times ", scale, ", plus ",
                         model.offset, " a structure"));
  notes.push_back(references.empty()
                      ? "reference energies of elements are 0: the file has none"
                      : "reference energies of elements are those of the file ('elementrefs')");
  return {std::move(model), DType::f32, source_, std::move(notes)};
}

}  // namespace cartan::potentials
