// neuraloperator: state dicts of FNO and TFNO.
#include "cartan/operators/import.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/data/torch_file.hpp"

namespace cartan::operators {
namespace {

using data::TorchFile;
using data::TorchValue;

[[noreturn]] void unreadable(const std::string& name, const std::string& wanted) {
  throw std::invalid_argument("[import] argument " + name + " of neuraloperator is not " + wanted);
}

bool flag_of(const std::string& name, const PeerValue& v) {
  if (const bool* b = std::get_if<bool>(&v.value)) return *b;
  if (const auto* n = std::get_if<std::int64_t>(&v.value); n && (*n == 0 || *n == 1)) return *n == 1;
  unreadable(name, "true or false");
}
double number_of(const std::string& name, const PeerValue& v) {
  if (const auto* n = std::get_if<std::int64_t>(&v.value)) return static_cast<double>(*n);
  if (const auto* x = std::get_if<double>(&v.value)) return *x;
  unreadable(name, "a number");
}
Index whole_of(const std::string& name, const PeerValue& v) {
  const double x = number_of(name, v);
  if (!(std::abs(x) < 1e15 && x == std::floor(x))) unreadable(name, "a whole number");
  return static_cast<Index>(x);
}
std::string text_of(const std::string& name, const PeerValue& v) {
  if (const auto* s = std::get_if<std::string>(&v.value)) return *s;
  unreadable(name, "a text");
}
std::vector<Index> wholes_of(const std::string& name, const PeerValue& v) {
  if (!v.is_list) return {whole_of(name, v)};
  std::vector<Index> out;
  for (const PeerValue& x : v.list) out.push_back(whole_of(name, x));
  return out;
}
std::vector<double> numbers_of(const std::string& name, const PeerValue& v) {
  if (!v.is_list) return {number_of(name, v)};
  std::vector<double> out;
  for (const PeerValue& x : v.list) out.push_back(number_of(name, x));
  return out;
}
std::string lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(), [](unsigned char c) { return std::tolower(c); });
  return s;
}
std::string skip_of(const std::string& name, const PeerValue& v) {
  return v.none() ? "none" : lower(text_of(name, v));
}

void set_factorization(FnoConfig& c, const PeerValue& v) {
  if (v.none()) {
    c.spectral.factorization = "dense";
    return;
  }
  std::string kind = lower(text_of("factorization", v));
  for (const std::string prefix : {"complex"})
    if (kind.compare(0, prefix.size(), prefix) == 0) kind.erase(0, prefix.size());
  if (kind != "dense" && kind != "tucker" && kind != "cp" && kind != "tt")
    unreadable("factorization", "dense, Tucker, CP or TT, but '" + kind + "'");
  c.spectral.factorization = kind;
}

// 0.3 is a part of the numbers, 5 and (3, 2, 4, 3) are ranks.
void set_rank(FnoConfig& c, const PeerValue& v) {
  if (v.is_list) {
    c.spectral.ranks = wholes_of("rank", v);
  } else if (const auto* n = std::get_if<std::int64_t>(&v.value)) {
    const std::size_t order = c.spectral.modes.size() + (c.spectral.separable ? 1 : 2);
    if (c.spectral.factorization == "tucker") c.spectral.ranks.assign(order, *n);
    if (c.spectral.factorization == "cp") c.spectral.ranks = {*n};
    if (c.spectral.factorization == "tt") {
      c.spectral.ranks.assign(order + 1, *n);
      c.spectral.ranks.front() = c.spectral.ranks.back() = 1;
    }
    if (c.spectral.factorization == "dense") c.spectral.rank = 1;
  } else if (std::holds_alternative<std::string>(v.value)) {
    if (text_of("rank", v) != "same") unreadable("rank", "a number, a list or 'same'");
    c.spectral.rank = 1;
  } else {
    c.spectral.rank = number_of("rank", v);
  }
}

void set_grid(FnoConfig& c, const PeerValue& v) {
  if (v.none()) {
    c.grid_embedding = false;
    return;
  }
  if (std::holds_alternative<std::string>(v.value)) {
    if (lower(text_of("positional_embedding", v)) != "grid")
      unreadable("positional_embedding", "grid or None");
    return;
  }
  const auto found = v.entries.find("grid_boundaries");
  const PeerValue& bounds = found == v.entries.end() ? v : found->second;
  if (!bounds.is_list) unreadable("positional_embedding", "grid, None or one with grid_boundaries");
  c.grid_low.clear(), c.grid_high.clear();
  for (const PeerValue& pair : bounds.list) {
    const std::vector<double> b = numbers_of("grid_boundaries", pair);
    if (b.size() != 2) unreadable("grid_boundaries", "a list of pairs");
    c.grid_low.push_back(b[0]), c.grid_high.push_back(b[1]);
  }
}

std::string activation_of(const PeerValue& v) {
  if (v.none()) return "gelu";
  std::string name = lower(text_of("non_linearity", v));
  if (const auto dot = name.rfind('.'); dot != std::string::npos) name.erase(0, dot + 1);
  if (name != "gelu" && name != "silu" && name != "relu" && name != "tanh")
    unreadable("non_linearity", "gelu, silu, relu or tanh, but '" + name + "'");
  return name;
}

}  // namespace

namespace {

// Those that were given by position, under their names.
PeerArguments named(PeerArguments arguments) {
  static const char* const names[] = {"n_modes",
                                      "in_channels",
                                      "out_channels",
                                      "hidden_channels",
                                      "n_layers",
                                      "lifting_channel_ratio",
                                      "projection_channel_ratio",
                                      "positional_embedding",
                                      "non_linearity",
                                      "norm"};  // from here on versions differ
  const auto found = arguments.find("args");
  if (found == arguments.end()) return arguments;
  const std::vector<PeerValue> given = found->second.list;
  require(given.size() <= std::size(names), "[import] ", given.size(),
          " arguments of neuraloperator have no names; at most ", std::size(names), " are read");
  for (std::size_t k = 0; k < given.size(); ++k) arguments[names[k]] = given[k];
  return arguments;
}

}  // namespace

FnoConfig fno_config_of(const PeerArguments& given, bool tensorised) {
  const PeerArguments arguments = named(given);
  FnoConfig c;
  c.spectral.compat = true;
  std::string norm = "none";
  if (tensorised) {
    c.spectral.factorization = "tucker";
    c.spectral.rank = 0.1;
  }
  const auto argument = [&](const char* name) -> const PeerValue* {
    const auto found = arguments.find(name);
    return found == arguments.end() ? nullptr : &found->second;
  };
  const auto* modes = argument("n_modes");
  if (modes == nullptr)
    throw std::invalid_argument("[import] the arguments of neuraloperator have no n_modes");
  c.spectral.modes = wholes_of("n_modes", *modes);
  if (const auto* v = argument("factorization")) set_factorization(c, *v);
  if (const auto* v = argument("separable")) c.spectral.separable = flag_of("separable", *v);
  for (const auto& [name, v] : arguments) {
    if (name == "n_modes" || name == "factorization" || name == "separable") continue;
    if (name == "in_channels")
      c.in_channels = whole_of(name, v);
    else if (name == "out_channels")
      c.out_channels = whole_of(name, v);
    else if (name == "hidden_channels")
      c.hidden_channels = whole_of(name, v);
    else if (name == "n_layers")
      c.layers = whole_of(name, v);
    else if (name == "lifting_channel_ratio")
      c.lifting_ratio = number_of(name, v);
    else if (name == "projection_channel_ratio")
      c.projection_ratio = number_of(name, v);
    else if (name == "positional_embedding")
      set_grid(c, v);
    else if (name == "non_linearity")
      c.activation = activation_of(v);
    else if (name == "norm")
      norm = v.none() ? "none" : lower(text_of(name, v));
    else if (name == "norm_groups")
      c.norm_groups = whole_of(name, v);
    else if (name == "complex_data")
      c.spectral.complex_fields = flag_of(name, v);
    else if (name == "use_channel_mlp")
      c.channel_mlp = flag_of(name, v);
    else if (name == "channel_mlp_expansion")
      c.mlp_expansion = number_of(name, v);
    else if (name == "channel_mlp_skip")
      c.mlp_skip = skip_of(name, v);
    else if (name == "fno_skip")
      c.skip = skip_of(name, v);
    else if (name == "conv_bias_kernel")
      c.skip_kernel = whole_of(name, v);
    else if (name == "preactivation")
      c.preactivation = flag_of(name, v);
    else if (name == "stabilizer")
      c.stabilizer = v.none() ? "none" : lower(text_of(name, v));
    else if (name == "domain_padding") {
      // neuraloperator passes tuples over
      if (!v.none() && !v.is_tuple) c.padding = numbers_of(name, v);
    } else if (name == "resolution_scaling_factor") {
      if (!v.none()) c.resolution_scaling = numbers_of(name, v);
    } else if (name == "max_n_modes") {
      if (!v.none()) c.spectral.max_modes = wholes_of(name, v);
    } else if (name == "rank")
      set_rank(c, v);
    else if (name == "fixed_rank_modes")
      c.spectral.fixed_rank_modes = !v.none() && (v.is_list ? !v.list.empty() : flag_of(name, v));
    else if (name == "implementation")
      c.spectral.contraction = v.none() ? "automatic" : lower(text_of(name, v));
    else if (name == "fft_norm")
      c.spectral.fft_norm = text_of(name, v);
    else if (name == "bias")
      c.spectral.conv_bias = flag_of(name, v);
    else if (name == "ada_in_features")
      c.embedding_features = v.none() ? 0 : whole_of(name, v);
    else if (name == "channel_mlp_dropout") {
      if (!v.none() && number_of(name, v) != 0) unreadable(name, "0: dropout is not read");
    } else if (name == "fno_block_precision") {
      if (!v.none() && lower(text_of(name, v)) != "full")
        unreadable(name, "'full': half and mixed precision are not read");
    } else if (name == "enforce_hermitian_symmetry") {
      if (!v.none() && !flag_of(name, v)) unreadable(name, "true: the other is not read");
    } else if (name == "decomposition_kwargs" || name == "conv_module" || name == "_name" ||
               name == "_version" || name == "args" || name == "init_std" || name == "device" ||
               name == "dtype" || name == "model_arch")
      continue;
    else
      throw std::invalid_argument("[import] neuraloperator's argument " + name + " is not known");
  }
  static const std::map<std::string, std::string> norms{{"none", "none"},
                                                        {"instance_norm", "instance"},
                                                        {"group_norm", "group"},
                                                        {"batch_norm", "batch"},
                                                        {"ada_in", "adaptive"}};
  const auto found = norms.find(norm);
  if (found == norms.end())
    unreadable("norm", "None, instance_norm, group_norm, batch_norm or ada_in, but '" + norm + "'");
  c.norm = found->second;
  if (c.complex_fields() && !c.resolution_scaling.empty() &&
      (c.skip != "none" || (c.channel_mlp && c.mlp_skip != "none")))
    unreadable("resolution_scaling_factor",
               "read with complex_data and skips, of which neuraloperator drops the imaginary part");
  c.validate();
  return c;
}

namespace {

PeerValue value_of(const TorchValue& v) {
  PeerValue out;
  switch (v.kind()) {
    case TorchValue::Kind::none:
      break;
    case TorchValue::Kind::boolean:
      out.value = v.boolean();
      break;
    case TorchValue::Kind::integer:
      out.value = v.integer();
      break;
    case TorchValue::Kind::real:
      out.value = v.number();
      break;
    case TorchValue::Kind::text:
    case TorchValue::Kind::name:
      out.value = v.string();
      break;
    case TorchValue::Kind::list:
      out.is_list = true, out.is_tuple = v.is_tuple();
      for (Index k = 0; k < v.size(); ++k) out.list.push_back(value_of(v[k]));
      break;
    case TorchValue::Kind::dict:
      out.is_dict = true;
      for (const auto& [key, entry] : v.entries())
        if (key.kind() == TorchValue::Kind::text) out.entries[key.string()] = value_of(entry);
      break;
    default:
      out.value = std::string("?");
  }
  return out;
}

struct State {
  data::Group arrays;
  std::optional<PeerArguments> arguments;
  std::string version;
};

State read_torch(const std::string& path) {
  const TorchFile file(
      path, {"torch._C._nn.gelu", "torch.nn.functional.gelu", "torch.nn.functional.silu", "torch._C._nn.silu",
             "torch.nn.functional.relu", "torch.nn.functional.tanh",
             "neuralop.layers.spectral_convolution.SpectralConv",
             "neuralop.layers.embeddings.GridEmbeddingND", "neuralop.layers.embeddings.GridEmbedding2D"});
  if (file.root().kind() != TorchValue::Kind::dict)
    throw FormatError(path, "", "is no state dict: the root is no dict");
  State out;
  out.arrays.set_origin(path, "");
  for (const auto& [key, value] : file.root().entries()) {
    if (key.kind() != TorchValue::Kind::text)
      throw FormatError(path, key.where(), "a key of a state dict is no text");
    if (value.kind() == TorchValue::Kind::array) {
      out.arrays.set(key.string(), value.array());
    } else if (key.string() == "_metadata" && value.kind() == TorchValue::Kind::dict) {
      out.arguments = value_of(value).entries;
    }
  }
  return out;
}

State read_hdf5(const std::string& path) {
  const data::Group root = data::load(path);
  State out;
  out.arrays.set_origin(path, "");
  const data::Group& from = root.has_group("state") ? root.group("state") : root;
  for (const auto& [name, item] : from.items()) out.arrays.set(name, item.array);
  return out;
}

bool ends_with(const std::string& s, const std::string& end) {
  return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

// Complex numbers that are stored as pairs of real ones.
Array paired(const Array& a, const Shape& shape) {
  Shape pairs = shape;
  pairs.push_back(2);
  if (a.shape() != pairs || !is_real(a.dtype())) return a;
  const Array flat = a.reshaped({size_of(shape), 2});
  Array out = Array::uninitialized(shape, a.dtype() == DType::f32 ? DType::c64 : DType::c128);
  if (a.dtype() == DType::f32)
    std::copy_n(flat.data<float>(), flat.size(),
                reinterpret_cast<float*>(out.mutable_data<std::complex<float>>()));
  else
    std::copy_n(flat.data<double>(), flat.size(),
                reinterpret_cast<double*>(out.mutable_data<std::complex<double>>()));
  return out;
}

}  // namespace

void load_state(Operator& network, const data::Group& state) {
  std::string problems;
  const auto complain = [&](const std::string& what) { problems += (problems.empty() ? "" : "; ") + what; };
  std::set<std::string> used;
  const nn::ParameterRefs parameters = network.parameters(), constants = network.constants();
  std::vector<std::pair<Array*, Array>> found;
  for (const nn::ParameterRefs* refs : {&parameters, &constants})
    for (const nn::NamedParameter& p : *refs) {
      used.insert(p.name);
      if (!state.has(p.name)) {
        complain("'" + p.name + "' is missing");
        continue;
      }
      const DType want = p.value->dtype();
      Array a = is_complex(want) ? paired(state.array(p.name), p.value->shape()) : state.array(p.name);
      const bool fits = is_complex(want) ? is_complex(a.dtype()) || is_real(a.dtype()) : is_real(a.dtype());
      if (a.shape() != p.value->shape() || !fits) {
        complain(text("'", p.name, "' is ", a.dtype(), " of shape ", a.shape(), ", expected ", want,
                      " of shape ", p.value->shape()));
        continue;
      }
      if (!all_finite(a)) complain("'" + p.name + "' has numbers that are not finite");
      found.emplace_back(p.value, a);
    }
  for (const auto& [name, item] : state.items())
    if (used.count(name) == 0 && !ends_with(name, "num_batches_tracked"))
      complain("nothing is called '" + name + "'");
  if (!problems.empty()) throw FormatError(state.file(), "state dict", problems);
  for (auto& [to, from] : found) *to = from.as(to->dtype()).to(to->device());
}

std::string stored_arguments(const std::string& path) {
  if (TorchFile::recognises(path)) return {};
  const data::Group root = data::load(path);
  for (const data::Group* g : {&root, root.has_group("state") ? &root.group("state") : &root}) {
    const auto found = g->attributes.find("kwargs");
    if (found != g->attributes.end())
      if (const auto* s = std::get_if<std::string>(&found->second)) return *s;
  }
  return {};
}

ImportedOperator import_operator(const std::string& path, const std::optional<PeerArguments>& arguments,
                                 const std::string& arguments_file) {
  const State state = TorchFile::recognises(path) ? read_torch(path) : read_hdf5(path);
  std::optional<PeerArguments> given = arguments ? arguments : state.arguments;
  require(given.has_value(), "[import] ", path,
          " does not say the arguments of its constructor; give them with --config FILE.json");
  const auto name = given->find("_name");
  const bool tensorised = name != given->end() && std::holds_alternative<std::string>(name->second.value) &&
                          lower(std::get<std::string>(name->second.value)).find("tfno") != std::string::npos;
  FnoConfig config;
  try {
    config = fno_config_of(*given, tensorised);
  } catch (const std::invalid_argument& error) {
    throw FormatError(arguments && !arguments_file.empty() ? arguments_file : path, "arguments",
                      error.what());
  }
  std::vector<std::string> notes;
  double elements = 0;
  bool wide = false;
  for (const auto& [key, item] : state.arrays.items()) {
    elements += static_cast<double>(item.array.size());
    wide = wide || item.array.dtype() == DType::f64 || item.array.dtype() == DType::c128;
  }
  if (wide) config.dtype = DType::f64;
  nn::Init init = nn::Init::blank();
  init.most = (1 << 20) + 32 * elements;
  std::unique_ptr<Operator> network;
  try {
    network = config.make(init);
  } catch (const std::invalid_argument& error) {
    if (!init.full) throw FormatError(path, "arguments", error.what());
    throw FormatError(path, "arguments",
                      "they describe an operator of far more parameters than the file has");
  }
  load_state(*network, state.arrays);
  notes.push_back("odd modes and rescaled grids are taken as neuraloperator takes them (compat)");
  std::string version = "neuraloperator";
  if (const auto v = given->find("_version");
      v != given->end() && std::holds_alternative<std::string>(v->second.value))
    version += " (" + std::get<std::string>(v->second.value) + ")";
  return {Model(std::move(network)), version, notes};
}

}  // namespace cartan::operators
