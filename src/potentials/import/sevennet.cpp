// SevenNet (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)): its checkpoints hold the state dict of a
// NequIP network on e3nn, and the configuration. Normalisations that differ from ours go into the weights.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "cartan/core/error.hpp"
#include "cartan/data/torch_file.hpp"
#include "cartan/potentials/networks/nequip.hpp"
#include "cartan/so3/tables.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {
namespace {

using data::TorchFile;
using data::TorchValue;

// Names that older versions gave.
std::string modern(std::string name) {
  static const std::vector<std::pair<std::string, std::string>> renamed{
      {"EdgeEmbedding", "edge_embedding"},
      {"denumerator", "denominator"},
      {"reducing nn input to hidden", "reduce_input_to_hidden"},
      {"reducing nn hidden to energy", "reduce_hidden_to_energy"}};
  for (const auto& [old, now] : renamed)
    if (const auto at = name.find(old); at != std::string::npos) name.replace(at, old.size(), now);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The state dict: every array that is not read must be known to mean nothing.
class State {
 public:
  explicit State(const TorchFile& file) : path_(file.path()) {
    for (const auto& [key, value] : file.root()["model_state_dict"].entries())
      if (value.kind() == TorchValue::Kind::array) arrays_.emplace(modern(key.string()), value);
  }
  bool has(const std::string& name) const { return arrays_.count(name) > 0; }
  Shape shape(const std::string& name) const { return at(name).shape(); }
  Weights read(const std::string& name) {
    used_.insert(name);
    Weights values = at(name).array().as(DType::f64).to_vector<double>();
    for (const double x : values)
      if (!std::isfinite(x)) fail(name, text("holds ", x));
    return values;
  }
  Weights read(const std::string& name, const Shape& shape) {
    if (at(name).shape() != shape) fail(name, text("has shape ", at(name).shape(), ", not ", shape));
    return read(name);
  }
  /// The 3j symbols of e3nn's compiled code, empty where the file has none.
  Weights coupling(Index layer, const std::string& degrees) {
    const std::string begin = std::to_string(layer) + "_convolution", end = "_w3j_" + degrees;
    for (const auto& [name, value] : arrays_)
      if (name.compare(0, begin.size(), begin) == 0 && name.size() > end.size() &&
          name.compare(name.size() - end.size(), end.size(), end) == 0)
        return read(name);
    return {};
  }
  void check_all_used() const {
    for (const auto& [name, value] : arrays_) {
      bool empty = false;
      for (const Index n : value.shape()) empty = empty || n == 0;
      const bool known = empty || potentials::has(name, "output_mask") || potentials::has(name, "_w3j_");
      if (!known && used_.count(name) == 0) fail(name, "belongs to a part of SevenNet that is not read");
    }
  }
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw FormatError(path_, name, what);
  }

 private:
  const TorchValue& at(const std::string& name) const {
    const auto found = arrays_.find(name);
    if (found == arrays_.end()) fail(name, "is missing");
    return found->second;
  }
  std::string path_;
  std::map<std::string, TorchValue> arrays_;
  std::set<std::string> used_;
};

class SevenNet {
 public:
  SevenNet(const std::string& path, const ImportOptions& options)
      : file_(path), config_(file_.root()["config"]), state_(file_) {
    read_config();
    choose_task(options.task);
  }

  ImportedModel read();

 private:
  void read_config();
  void choose_task(const std::string& task);
  void fill(Nequip& network);
  void fill_layer(const Nequip::Layer& layer, Index t);
  Weights radial_columns(const Nequip::Layer& layer, Index t, const Weights& from, Index rows);
  Weights scalar_bias(const std::string& name, const Weights& weights, Index rows, Index fan_in,
                      Index columns);
  Weights self_connection(const so3::Linear& to, Index t, double even, double odd);
  void set(const std::string& name, const Weights& values);
  void expect(const TorchValue& value, const std::string& wanted) const {
    if (value.string() != wanted)
      throw FormatError(file_.path(), value.where(), value.string() + " is not read; " + wanted + " is");
  }
  bool flag(const char* name) const {
    const auto found = config_.find(name);
    return found && found->kind() == TorchValue::Kind::boolean && found->boolean();
  }
  /// Per element, of the task: stored for all, for each, or for each task and element.
  Weights by_element(const std::string& name);
  Weights frequencies();

  TorchFile file_;
  TorchValue config_;
  State state_;
  NequipConfig made_;
  std::vector<Index> rows_;  // of the elements, among kinds_ in the file
  Index kinds_ = 0;
  int degree_ = 0;  // largest of the messages
  std::vector<int> version_{0, 0, 0};
  std::string version_text_ = "of an unknown version";
  Index tasks_ = 0, task_ = 0;                                                // 0: one, without a name
  Index in_rows_ = 0, out_rows_ = 0, embedding_rows_ = 0, readout_rows_ = 0;  // that tell the task
  std::string task_name_;
  nn::ParameterRefs parameters_;
};

void SevenNet::read_config() {
  if (const auto version = config_.find("version")) {
    version_text_ = version->string();
    std::sscanf(version_text_.c_str(), "%d.%d.%d", &version_[0], &version_[1], &version_[2]);
  }
  made_.dtype = DType::f64;
  made_.cutoff = config_["cutoff"].number();
  made_.layers = config_["num_convolution_layer"].integer();
  const std::string last = text(made_.layers - 1, "_convolution.denominator");
  if (made_.layers < 1 || !state_.has(last))  // before anything is made for that many
    throw FormatError(file_.path(), "config.num_convolution_layer",
                      text("is ", made_.layers, ", but there is no ", last));
  made_.parity = config_["is_parity"].boolean();
  made_.train_radial = true;
  made_.bias = flag("use_modality") || flag("use_bias_in_linear");

  const auto irreps = config_["irreps_manual"].kind() == TorchValue::Kind::list
                          ? config_["irreps_manual"].strings()
                          : std::vector<std::string>{};
  const std::int64_t lmax = config_["lmax"].integer(), channels = config_["channel"].integer();
  const auto degree = [&](const char* name) {
    const auto found = config_.find(name);
    return static_cast<int>(found && found->integer() >= 0 ? found->integer() : lmax);
  };
  made_.harmonics = degree("lmax_edge");
  degree_ = degree("lmax_node");
  if (irreps.empty()) {
    made_.channels = channels;
    made_.lmax = degree_;
    // Both parities of every degree, of which a layer has what its messages reach.
    for (int l = 0; made_.parity && l <= degree_; ++l)
      made_.irreps += text(l > 0 ? "+" : "", channels, "x", l, "o+", channels, "x", l, "e");
  } else {
    if (static_cast<Index>(irreps.size()) != made_.layers + 1)
      throw FormatError(file_.path(), "config.irreps_manual",
                        text("has ", irreps.size(), " entries for ", made_.layers, " layers"));
    // The first is the embedding, whose channels are those of the first layer's scalars.
    for (std::size_t k = 1; k < irreps.size(); ++k) made_.irreps += (k > 1 ? ", " : "") + irreps[k];
  }

  const TorchValue basis = config_["radial_basis"], cutoff = config_["cutoff_function"];
  expect(basis["radial_basis_name"], "bessel");
  const auto integer = [](const TorchValue& from, const char* name, std::int64_t otherwise) {
    const auto found = from.find(name);
    return found ? found->integer() : otherwise;
  };
  made_.radial = integer(basis, "bessel_basis_num", 8);
  if (cutoff["cutoff_function_name"].string() == "XPLOR") {
    made_.onset = cutoff["cutoff_on"].number();
  } else {
    expect(cutoff["cutoff_function_name"], "poly_cut");
    made_.envelope = static_cast<int>(integer(cutoff, "poly_cut_p_value", 6));
  }
  made_.radial_layers = config_["weight_nn_hidden_neurons"].integers();
  expect(config_["act_radial"], "silu");
  for (const char* name : {"act_scalar", "act_gate"}) expect(config_[name]["e"], "silu");
  if (const auto odd = config_["act_scalar"].find("o")) expect(*odd, "tanh");
  if (const auto type = config_.find("interaction_type")) expect(*type, "nequip");
  if (flag("readout_as_fcn"))
    throw FormatError(file_.path(), "config.readout_as_fcn", "such a readout is not read");

  const TorchValue connection = config_["self_connection_type"];
  const std::vector<std::string> types = connection.kind() == TorchValue::Kind::list
                                             ? connection.strings()
                                             : std::vector<std::string>{connection.string()};
  for (const std::string& type : types)
    if ((type != "linear" && type != "nequip") || type != types[0])
      throw FormatError(file_.path(), connection.where(),
                        "'" + type + "' is not read; linear or nequip, in all layers, is");
  made_.self_connection = types[0] == "linear" ? "linear" : "species";
  // Versions before the switch took the harmonics of the vectors as they are.
  const auto normalized = config_.find("_normalize_sph");
  made_.normalize_harmonics = normalized && normalized->boolean();

  std::map<std::int64_t, std::int64_t> rows;
  for (const auto& [number, row] : config_["_type_map"].entries()) {
    const std::int64_t z = number.integer();  // 0 stands in the table of all elements
    if (z < 0 || z > 118 || !rows.emplace(row.integer(), z).second)
      throw FormatError(file_.path(), row.where(), "is no element, or shares its row with another one");
  }
  for (const auto& [row, z] : rows) {
    if (row != kinds_)
      throw FormatError(file_.path(), "config._type_map", text("row ", kinds_, " has no element"));
    ++kinds_;
    if (z == 0) continue;
    made_.species.push_back(data::element_symbol(static_cast<int>(z)));
    rows_.push_back(row);
  }
}

void SevenNet::choose_task(const std::string& task) {
  if (!flag("use_modality")) {
    require(task.empty(), "[import] ", file_.path(), " was trained for one task; leave '", task, "' out");
    return;
  }
  std::vector<std::string> names;
  for (const auto& [name, number] : config_["_modal_map"].entries()) {
    names.push_back(name.string());
    if (name.string() == task) {
      task_ = number.integer();
      task_name_ = task;
    }
  }
  tasks_ = static_cast<Index>(names.size());
  if (task_ < 0 || task_ >= std::max<Index>(tasks_, 1))
    throw FormatError(file_.path(), "config._modal_map", text("has row ", task_, " of ", tasks_));
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  require(!task_name_.empty(), "[import] ", file_.path(), " was trained for the tasks ", all,
          task.empty() ? "; choose one" : ", not '" + task + "'");
  const auto rows = [&](const char* part) { return flag(part) ? tasks_ : 0; };
  embedding_rows_ = rows("use_modal_node_embedding");
  in_rows_ = rows("use_modal_self_inter_intro");
  out_rows_ = rows("use_modal_self_inter_outro");
  readout_rows_ = rows("use_modal_output_block");
}

Weights SevenNet::by_element(const std::string& name) {
  const Shape shape = state_.shape(name);
  const Weights all = state_.read(name);
  const auto pick = [&](Index first, Index step) {
    Weights out;
    for (const Index row : rows_) out.push_back(all[first + step * row]);
    return out;
  };
  if (all.size() == 1) return pick(0, 0);
  if (shape == Shape{kinds_}) return pick(0, 1);
  if (tasks_ > 0 && shape == Shape{tasks_, kinds_}) return pick(task_ * kinds_, 1);
  if (tasks_ > 0 && shape == Shape{tasks_}) return pick(task_, 0);
  state_.fail(name, text("has shape ", shape, " for ", kinds_, " elements and ", tasks_, " tasks"));
}

// That are in the file where they were trained; made in float32 otherwise.
Weights SevenNet::frequencies() {
  const std::string name = "edge_embedding.basis_function.coeffs";
  const auto trained = config_["radial_basis"].find("trainable_coeff");
  if (!trained || trained->boolean()) return state_.read(name, {made_.radial});
  Weights out;
  for (Index n = 1; n <= made_.radial; ++n)
    out.push_back(static_cast<float>(static_cast<double>(n) * M_PI / made_.cutoff));
  return out;
}

void SevenNet::set(const std::string& name, const Weights& values) {
  if (made_.bias || !has(name, ".bias")) set_parameter(parameters_, name, values);
}

// What a task adds to scalars: the last rows of a linear map; and the bias of the map itself.
Weights SevenNet::scalar_bias(const std::string& name, const Weights& weights, Index rows, Index fan_in,
                              Index columns) {
  Weights out(static_cast<std::size_t>(columns), 0.0);
  if (rows > 0) {
    const std::size_t first = weights.size() - (rows - task_) * columns;
    for (Index w = 0; w < columns; ++w)
      out[w] = weights[first + w] / std::sqrt(static_cast<double>(fan_in + rows));
  }
  const std::string bias = name + ".bias";
  if (!state_.has(bias) || state_.shape(bias) == Shape{0}) return out;
  const Weights more = state_.read(bias, {columns});
  for (Index w = 0; w < columns; ++w) out[w] += more[w];
  return out;
}

Weights SevenNet::self_connection(const so3::Linear& to, Index t, double even, double odd) {
  const std::string name = text(t, "_self_connection_intro.");
  if (made_.self_connection == "linear")
    return linear_weights(to, state_.read(name + "linear.weight"), {1, 0, 0, even, odd});
  const Weights from = state_.read(name + "fc_tensor_product.weight");
  Weights out;
  for (const Index row : rows_) {
    const Weights one = linear_weights(to, from, {kinds_, row, 0, even, odd});
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

// The columns of the file are paths in its order, to all that lmax lets through; ours are those that the
// features take up. e3nn 0.4 and 0.5 give 3j symbols of the other sign than 0.6 for some degrees: the file
// tells by those that it holds.
Weights SevenNet::radial_columns(const Nequip::Layer& layer, Index t, const Weights& from, Index rows) {
  const so3::TensorProduct& product = layer.convolution.product();
  std::vector<so3::MulIrrep> reached;
  for (int l = 0; l <= (t + 1 < made_.layers ? degree_ : 0); ++l)
    for (const int p : {-1, 1})
      if (t + 1 < made_.layers || p == 1) reached.push_back({1, {l, p}});
  const so3::TensorProduct theirs = so3::TensorProduct::channelwise(
      product.irreps_in1(), product.irreps_in2(), so3::Irreps(std::move(reached)),
      version_ >= std::vector<int>{0, 11, 0});
  const std::string name = text(t, "_convolution.weight_nn");
  if (static_cast<Index>(from.size()) != rows * theirs.weight_numel())
    state_.fail(name,
                text("has ", from.size(), " weights in its last layer, not ", rows * theirs.weight_numel()));
  const auto out_of = [](const so3::TensorProduct& of, const so3::Path& path) {
    return of.irreps_out()[path.instruction.out].ir;
  };

  const Index columns = product.weight_numel();
  Weights out(static_cast<std::size_t>(rows * columns));
  std::size_t found = 0;
  for (const so3::Path& their : theirs.paths()) {
    const so3::Path* path = nullptr;
    for (const so3::Path& ours : product.paths())
      if (ours.instruction.in1 == their.instruction.in1 && ours.instruction.in2 == their.instruction.in2 &&
          out_of(product, ours) == out_of(theirs, their))
        path = &ours;
    if (!path) continue;
    ++found;
    const int l1 = product.irreps_in1()[path->instruction.in1].ir.l,
              l2 = product.irreps_in2()[path->instruction.in2].ir.l, l3 = out_of(product, *path).l;
    double sign = 1;
    if (const Weights symbol = state_.coupling(t, text(l1, "_", l2, "_", l3)); !symbol.empty()) {
      const std::vector<double>& ours = so3::wigner_3j(l1, l2, l3);
      if (symbol.size() != ours.size()) state_.fail(text("3j symbol ", l1, l2, l3), "has another size");
      double along = 0;
      for (std::size_t k = 0; k < ours.size(); ++k) along += ours[k] * symbol[k];
      sign = along < 0 ? -1 : 1;
      for (std::size_t k = 0; k < ours.size(); ++k)
        if (!(std::abs(symbol[k] - sign * ours[k]) < 1e-6))
          state_.fail(text("3j symbol ", l1, l2, l3), "is not that of e3nn");
    } else if (l1 > 0 && l2 > 0 && l3 > 0) {
      state_.fail(text(t, "_convolution"), "holds no 3j symbols, whose signs depend on the version of e3nn");
    }
    const Index count = path->weight_count();
    for (Index r = 0; r < rows; ++r)
      for (Index u = 0; u < count; ++u)
        out[r * columns + path->weight_offset + u] =
            sign * from[r * theirs.weight_numel() + their.weight_offset + u];
  }
  if (found != product.paths().size())
    state_.fail("config.irreps_manual", text("has degrees above lmax, ", degree_, ", which is not read"));
  return out;
}

void SevenNet::fill_layer(const Nequip::Layer& layer, Index t) {
  const double ratio = silu_ratio();        // of their activations to ours
  const double input = t == 0 ? 1 : ratio;  // features have come through one
  const double odd = t == 0 ? 1 : tanh_ratio();
  const std::string name = text("layers.", t, "."), theirs = text(t, "_");
  const so3::Irrep scalar{0, 1};

  set(name + "self_connection.weight", self_connection(layer.self_connection, t, input, odd));
  const Weights in = state_.read(theirs + "self_interaction_1.linear.weight");
  set(name + "self_interaction_1.weight", linear_weights(layer.in, in, {1, 0, in_rows_, input, odd}));
  const Index sent = layer.in.irreps_out().count(scalar);
  set(name + "self_interaction_1.bias",
      scalar_bias(theirs + "self_interaction_1.linear", in, in_rows_, sent, sent));

  Index width = made_.radial;
  for (std::size_t k = 0; k < layer.radial.size(); ++k) {
    const Index next = layer.radial[k].dim(1);
    const bool last = k + 1 == layer.radial.size();
    const std::string from = text(theirs, "convolution.weight_nn.layer", k, ".weight");
    Weights w = last ? state_.read(from) : state_.read(from, {width, next});
    const double factor = k == 0 ? std::sqrt(2 / made_.cutoff) : ratio;  // 2/rc in their basis
    for (double& x : w) x *= factor;
    if (last) w = radial_columns(layer, t, w, width);
    set(text(name, "radial.", k, ".weight"), w);
    width = next;
  }

  const double denominator = state_.read(theirs + "convolution.denominator", {1})[0];
  if (!(denominator > 0)) state_.fail(theirs + "convolution.denominator", "is not positive");
  const Weights out = state_.read(theirs + "self_interaction_2.linear.weight");
  const double mean = std::sqrt(made_.neighbors) / denominator;
  set(name + "self_interaction_2.weight", linear_weights(layer.out, out, {1, 0, out_rows_, mean, mean}));
  Weights bias = scalar_bias(theirs + "self_interaction_2.linear", out, out_rows_,
                             layer.out.irreps_in().count(scalar), layer.out.irreps_out().count(scalar));
  const std::string more = theirs + "self_connection_intro.linear.bias";
  if (state_.has(more) && state_.shape(more) == Shape{static_cast<Index>(bias.size())}) {
    const Weights extra = state_.read(more);
    for (std::size_t k = 0; k < bias.size(); ++k) bias[k] += extra[k];
  }
  set(name + "self_interaction_2.bias", bias);
}

void SevenNet::fill(Nequip& network) {
  parameters_ = network.parameters();
  set("radial_basis.frequencies", frequencies());

  const Index channels = made_.features(0).count({0, 1});
  const std::string embedding = "onehot_to_feature_x.linear";
  const Index rows = kinds_ + embedding_rows_;
  const Weights all = state_.read(embedding + ".weight", {rows * channels});
  const Weights constant = scalar_bias(embedding, all, embedding_rows_, kinds_, channels);
  const double norm = 1 / std::sqrt(static_cast<double>(rows));
  Weights e;
  for (const Index row : rows_)
    for (Index c = 0; c < channels; ++c) e.push_back(norm * all[row * channels + c] + constant[c]);
  set("embedding.weight", e);

  for (Index t = 0; t < made_.layers; ++t) fill_layer(network.layers()[t], t);
}

ImportedModel SevenNet::read() {
  made_.neighbors = std::pow(state_.read("0_convolution.denominator", {1})[0], 2);
  const Weights scale = by_element("rescale_atomic_energy.scale"),
                shift = by_element("rescale_atomic_energy.shift");
  Weights relative(scale.size());
  const double level = scale.at(0) != 0 ? scale[0] : 1;
  for (std::size_t z = 0; z < scale.size(); ++z) relative[z] = scale[z] / level;
  made_.species_scale = relative != Weights(scale.size(), 1.0);
  made_.validate();
  nn::Init init = nn::Init::blank();
  auto network = std::make_unique<Nequip>(made_, init);
  fill(*network);

  // Readout: two linear maps of scalars.
  const double ratio = silu_ratio();
  const Index channels = network->layers().back().gate.irreps_out().count({0, 1}),
              half = std::max<Index>(1, channels / 2);
  const std::string hidden = "reduce_input_to_hidden.linear", last = "reduce_hidden_to_energy.linear";
  Weights w = state_.read(hidden + ".weight", {(channels + readout_rows_) * half});
  set("readout.0.bias", scalar_bias(hidden, w, readout_rows_, channels, half));
  w.resize(channels * half);
  for (double& x : w)
    x *= ratio * std::sqrt(static_cast<double>(channels) / static_cast<double>(channels + readout_rows_));
  set("readout.0.weight", w);
  set("readout.1.weight", state_.read(last + ".weight", {half}));
  const bool constant = state_.has(last + ".bias") && state_.shape(last + ".bias") == Shape{1};
  const double offset = constant ? state_.read(last + ".bias")[0] : 0;

  if (made_.species_scale) set("species_scale", relative);
  state_.check_all_used();

  Model model(std::move(network));
  model.energy_scale = level;
  for (std::size_t z = 0; z < scale.size(); ++z)
    model.reference[data::element_number(made_.species[z])] = shift[z] + scale[z] * offset;
  return {std::move(model),
          DType::f32,
          "SevenNet " + version_text_ + (task_name_.empty() ? "" : ", task " + task_name_),
          {}};
}

}  // namespace

bool is_sevennet(const std::string& path) {
  if (!TorchFile::recognises(path)) return false;
  const TorchFile file(path);
  if (file.root().kind() != TorchValue::Kind::dict) return false;
  const auto config = file.root().find("config");
  return file.root().has("model_state_dict") && config && config->kind() == TorchValue::Kind::dict &&
         config->has("_type_map") && config->has("num_convolution_layer");
}

ImportedModel import_sevennet(const std::string& path, const ImportOptions& options) {
  try {
    return SevenNet(path, options).read();
  } catch (const std::invalid_argument& error) {
    // What a task asks for is the caller's; everything else is in the file.
    if (std::string(error.what()).compare(0, 8, "[import]") == 0) throw;
    throw FormatError(path, "", error.what());
  }
}

}  // namespace cartan::potentials
