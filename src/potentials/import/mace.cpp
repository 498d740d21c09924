// The arrays of a model of mace-torch.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/so3/symmetric_contraction.hpp"
#include "cartan/so3/tables.hpp"
#include "potentials/import/mace_arrays.hpp"

namespace cartan::potentials {

MaceArrays::MaceArrays(const data::Group& group, const ImportOptions& options)
    : group_(group), weights_(group.group("weights")) {
  choose_head(options.task);
  read_config();
}

void MaceArrays::fail(const std::string& where, const std::string& what) const {
  throw FormatError(group_.file(), where, what);
}

Weights MaceArrays::array(const std::string& name) {
  used_.insert(name);
  Weights out = weights_.array(name).as(DType::f64).to_vector<double>();
  for (const double x : out)
    if (!std::isfinite(x)) fail(name, text("holds ", x));
  return out;
}

Weights MaceArrays::array(const std::string& name, const Shape& shape) {
  const Shape found = weights_.array(name).shape();
  const bool fewer = !shape.empty() && shape[0] == 1 && found == Shape(shape.begin() + 1, shape.end());
  if (found != shape && !fewer) fail(name, text("has the shape ", found, ", not ", shape));
  return array(name);
}

void MaceArrays::check(const std::string& name, const Weights& ours) {
  if (!has(name)) return;
  const Weights theirs = array(name);
  if (theirs.size() != ours.size()) fail(name, text("has ", theirs.size(), " numbers, not ", ours.size()));
  for (std::size_t k = 0; k < ours.size(); ++k)
    if (!(std::abs(theirs[k] - ours[k]) <= 1e-6 * std::max(1.0, std::abs(ours[k]))))
      fail(name, text("is ", theirs[k], ", not ", ours[k]));
}

double MaceArrays::of_head(const std::string& name) {
  const Weights all = array(name);
  if (all.size() == 1) return all[0];
  if (static_cast<Index>(all.size()) != heads_)
    fail(name, text("has ", all.size(), " numbers for ", heads_, " heads"));
  return all[head_];
}

// Their couplings are linearly dependent and of another basis; what the file holds goes before what we make.
Weights MaceArrays::contraction(const Mace::Layer& layer, Index t) {
  const so3::Irreps in = made_.messages(t);
  const so3::SymmetricContraction ours(in, layer.out.irreps_in(), made_.correlation);
  const int order = static_cast<int>(orders_[t]);
  const Index kinds = static_cast<Index>(made_.species.size()), channels = made_.channels;
  Weights out(kinds * ours.num_paths() * channels, 0.0);
  for (const auto& block : ours.paths()) {
    if (block.nu > order) continue;  // of a layer of lower order than another: no weight
    const std::string p = text("products.", t, ".symmetric_contractions.contractions.", block.out, ".");
    const int below = order - block.nu;
    const std::string name = below == 0 ? p + "weights_max" : text(p, "weights.", below - 1);
    const std::string stored = text(p, "U_matrix_", block.nu);
    if (!has(stored) && std::pow(in.dim() / made_.channels, block.nu) > 1e5)
      fail(stored, "is missing, and too large to be made here");
    const Array u = has(stored) ? weights_.array(stored).as(DType::f64)
                                : mace_couplings(in, layer.out.irreps_in()[block.out].ir, block.nu);
    used_.insert(stored);
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

// Our 3j symbols may have other signs than e3nn's of that version: along a path they turn the weights.
Weights MaceArrays::radial_columns(const Mace::Layer& layer, Index t, Weights last) {
  const so3::TensorProduct& product = layer.convolution.product();
  const Index columns = product.weight_numel(), rows = static_cast<Index>(last.size()) / columns;
  for (const auto& path : product.paths()) {
    const int a = product.irreps_in1()[path.instruction.in1].ir.l,
              b = product.irreps_in2()[path.instruction.in2].ir.l,
              c = product.irreps_out()[path.instruction.out].ir.l;
    const std::string coupling = text("_w3j_", a, "_", b, "_", c);
    const double sign =
        coupling_sign(text("interactions.", t, ".conv_tp._compiled_main_left_right.", coupling), a, b, c);
    for (Index r = 0; r < rows; ++r)
      for (Index u = 0; u < made_.channels; ++u) last[r * columns + path.weight_offset + u] *= sign;
  }
  return last;
}

// Of a linear map, or one for each element.
Weights MaceArrays::linear(const so3::Linear& to, const std::string& name, const Weights& from,
                           const LinearMap& how) const {
  try {
    return linear_weights(to, from, how);
  } catch (const std::invalid_argument& error) {
    fail(name, error.what());
  }
}

// Of a last layer that has more than scalars: the weights of the scalars, which stand first.
Weights MaceArrays::without_vectors(const std::string& name, Index scalars) {
  Weights all = array(name);
  if (last_vectors_ && static_cast<Index>(all.size()) > scalars) all.resize(scalars);
  return all;
}

void MaceArrays::fill_layer(const Mace::Layer& layer, Index t) {
  const std::string name = text("layers.", t, "."), theirs = text("interactions.", t, ".");
  const Index kinds = static_cast<Index>(made_.species.size()), square = made_.channels * made_.channels;
  const bool last = t + 1 == made_.layers;
  const auto map = [&](const so3::Linear& to, const std::string& from, Index scalars, Index maps) {
    const Weights weights = last && scalars > 0 ? without_vectors(from, scalars) : array(from);
    Weights all;
    for (Index z = 0; z < maps; ++z) {
      const Weights one = linear(to, from, weights, {maps, z, 0, 1});
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  };
  set(name + "up.weight", map(layer.up, theirs + "linear_up.weight", 0, 1));
  for (std::size_t k = 0; k < layer.radial.size(); ++k) {
    Weights w = array(text(theirs, "conv_tp_weights.layer", k, ".weight"), layer.radial[k].shape());
    if (k > 0)
      for (double& x : w) x *= silu_ratio();
    if (k + 1 == layer.radial.size()) w = radial_columns(layer, t, std::move(w));
    set(text(name, "radial.", k, ".weight"), w);
  }
  if (!layer.density.empty())
    set(name + "density.weight", array(theirs + "density_fn.layer0.weight", layer.density.shape()));
  set(name + "mix.weight", map(layer.mix, theirs + "linear.weight", 0, 1));
  set(name + "skip.weight",
      map(layer.skip, theirs + "skip_tp.weight", layer.residual ? kinds * square : 0, kinds));
  set(name + "product.contraction", contraction(layer, t));
  set(name + "out.weight", map(layer.out, text("products.", t, ".linear.weight"), square, 1));
  if (layer.readout.empty()) return;
  set(name + "readout.weight", last_readout_only_ ? Weights(made_.channels, 0.0) : linear_readout(t));
}

Weights MaceArrays::linear_readout(Index t) {
  const Weights all = array(text("readouts.", t, ".linear.weight"), {made_.channels * heads_});
  Weights mine;
  for (Index c = 0; c < made_.channels; ++c) mine.push_back(all[c * heads_ + head_]);
  return mine;
}

double MaceArrays::gate_ratio() const {
  return made_.gate == "abs" ? e3nn_abs : made_.gate == "tanh" ? tanh_ratio() : silu_ratio();
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
    out.push_back(gate_ratio() * second[(head_ * width + k) * heads_ + head_] /
                  std::sqrt(static_cast<double>(heads_)));
  set("readout.0.weight", hidden);
  set("readout.1.weight", out);
}

// Of the 3j symbols in e3nn's compiled code, beside ours; files without them are of e3nn 0.4.4, as mace-torch
// is.
double MaceArrays::coupling_sign(const std::string& name, int a, int b, int c) const {
  if (!has(name)) return e3nn_sign(a, b, c);
  const std::vector<double>& ours = so3::wigner_3j(a, b, c);
  const Weights theirs = weights_.array(name).as(DType::f64).to_vector<double>();
  for (const double sign : {1.0, -1.0}) {
    bool same = theirs.size() == ours.size();
    for (std::size_t k = 0; same && k < ours.size(); ++k) same = std::abs(theirs[k] - sign * ours[k]) <= 1e-6;
    if (same) return sign;
  }
  fail(name, "is another 3j symbol than e3nn's of real harmonics");
}

void MaceArrays::check_all_used() const {
  const std::string vectors = text("products.", made_.layers - 1, ".symmetric_contractions.contractions.");
  for (const auto& [name, item] : weights_.items()) {
    if (const std::size_t at = name.find("_w3j_"); at != std::string::npos) {
      int a = 0, b = 0, c = 0;
      if (std::sscanf(name.c_str() + at, "_w3j_%d_%d_%d", &a, &b, &c) != 3 || std::min({a, b, c}) < 0 ||
          std::max({a, b, c}) > 20 || a > b + c || b > a + c || c > a + b)
        fail(name, "names no 3j symbol");
      coupling_sign(name, a, b, c);
      continue;
    }
    const bool passed = used_.count(name) > 0 || item.array.size() == 0 || name == "heads" ||
                        name.find("U_matrix") != std::string::npos ||
                        name.find("output_mask") != std::string::npos ||
                        name.find("_zeroed") != std::string::npos ||
                        (last_vectors_ && name.compare(0, vectors.size(), vectors) == 0);
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
  const bool scaled = word("class", has("scale_shift.scale") ? "ScaleShiftMACE" : "MACE") == "ScaleShiftMACE";
  const double scale = scaled ? of_head("scale_shift.scale") : 1,
               shift = scaled ? of_head("scale_shift.shift") : 0;
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

bool is_mace(const std::string& path) {
  try {
    const data::Hdf5File file(path);
    const data::Group outline = file.outline();
    const auto program = outline.attributes.find("program");
    if (!outline.has_group("weights")) return false;
    if (program != outline.attributes.end())
      return program->second == data::Attribute(std::string("mace-torch"));
    return outline.attributes.count("hidden_irreps") > 0 && outline.attributes.count("max_ell") > 0;
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
