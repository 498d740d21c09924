#pragma once
// Models as export_mace.py writes them, with weights 2 sin(0.1 k^2 + the length of the name), k = 1, 2, ...

#include <cartan/autodiff/ops.hpp>
#include <cartan/so3/tensor_product.hpp>

#include <cmath>

#include "potentials/import/importer.hpp"

namespace cartan::potentials::testing {

struct MaceFile {
  std::string hidden = "2x0e+2x1o", first = "Residual", other = "Residual", gate = "silu", distance = "None";
  std::vector<std::int64_t> orders{2, 2}, radial_layers{3}, numbers{1, 6, 8};
  int max_ell = 2, radial = 3, envelope = 5;
  bool parity = true, last_vectors = false;

  data::Group group() const;

 private:
  static constexpr Index channels = 2, width = 3;
  Index layers() const { return static_cast<Index>(orders.size()); }
  so3::Irreps messages(Index t) const;
  void add(data::Group& weights, const std::string& name, const Shape& shape) const;
  void add_layer(data::Group& weights, Index t) const;
};

inline so3::Irreps MaceFile::messages(Index t) const {
  std::vector<so3::MulIrrep> terms;
  const bool both = t > 0 && so3::Irreps(hidden).count({0, -1}) > 0;
  for (int l = 0; l <= max_ell; ++l)
    for (const int p : {-1, 1})
      if (both || p == (parity && l % 2 ? -1 : 1)) terms.push_back({channels, {l, p}});
  return so3::Irreps(terms);
}

inline void MaceFile::add(data::Group& weights, const std::string& name, const Shape& shape) const {
  Index size = 1;
  for (const Index n : shape) size *= n;
  std::vector<double> values;
  for (Index k = 1; k <= size; ++k)
    values.push_back(2 * std::sin(0.1 * static_cast<double>(k * k) + static_cast<double>(name.size())));
  weights.set(name, Array::from<double>(values, shape));
}

inline void MaceFile::add_layer(data::Group& weights, Index t) const {
  const bool last = t + 1 == layers();
  const std::string block = t == 0 ? first : other, p = text("interactions.", t, "."),
                    q = text("products.", t, ".");
  const so3::Irreps scalars(text(channels, "x0e")),
      in = t == 0 ? scalars : so3::Irreps(hidden), target = messages(t),
      out = last && !last_vectors ? scalars : so3::Irreps(hidden);
  const Index square = channels * channels, kinds = static_cast<Index>(numbers.size());
  const auto product =
      so3::TensorProduct::channelwise(in, so3::Irreps::spherical_harmonics(max_ell, parity ? -1 : 1), target);
  add(weights, p + "linear_up.weight", {static_cast<Index>(in.size()) * square});
  std::vector<Index> sizes{radial};
  sizes.insert(sizes.end(), radial_layers.begin(), radial_layers.end());
  sizes.push_back(product.weight_numel());
  for (std::size_t k = 0; k + 1 < sizes.size(); ++k)
    add(weights, text(p, "conv_tp_weights.layer", k, ".weight"), {sizes[k], sizes[k + 1]});
  add(weights, p + "linear.weight", {static_cast<Index>(product.paths().size()) * square});
  Index skips = static_cast<Index>(target.size());
  if (block.find("Residual") != std::string::npos) {
    skips = 0;
    for (const so3::MulIrrep& term : out) skips += in.count(term.ir) > 0;
  }
  add(weights, p + "skip_tp.weight", {skips * square * kinds});
  if (block.find("Density") != std::string::npos) add(weights, p + "density_fn.layer0.weight", {radial, 1});
  for (std::size_t k = 0; k < out.size(); ++k)
    for (int nu = static_cast<int>(orders[t]), n = -1; nu >= 1; --nu, ++n) {
      const std::string one = text(q, "symmetric_contractions.contractions.", k, ".");
      add(weights, n < 0 ? one + "weights_max" : text(one, "weights.", n),
          {kinds, mace_couplings(target, out[k].ir, nu).dim(-1), channels});
    }
  add(weights, q + "linear.weight", {static_cast<Index>(out.size()) * square});
  const std::string r = text("readouts.", t, ".");
  if (!last) return add(weights, r + "linear.weight", {channels});
  add(weights, r + "linear_1.weight", {channels * width});
  add(weights, r + "linear_2.weight", {width});
}

inline data::Group MaceFile::group() const {
  data::Group g;
  const auto block = [](const std::string& kind) { return "RealAgnostic" + kind + "InteractionBlock"; };
  const double cutoff = 3;
  g.attributes = {{"class", std::string("ScaleShiftMACE")},
                  {"hidden_irreps", layers() > 1 ? hidden : text(channels, "x0e")},
                  {"last_irreps", last_vectors ? hidden : text(channels, "x0e")},
                  {"MLP_irreps", text(width, "x0e")},
                  {"max_ell", std::int64_t{max_ell}},
                  {"correlations", orders},
                  {"num_interactions", std::int64_t{layers()}},
                  {"num_bessel", std::int64_t{radial}},
                  {"num_polynomial_cutoff", std::int64_t{envelope}},
                  {"pair_repulsion", std::int64_t{0}},
                  {"radial_MLP", radial_layers},
                  {"r_max", cutoff},
                  {"use_so3", std::int64_t{!parity}},
                  {"gate", gate},
                  {"avg_num_neighbors", 2.0},
                  {"distance_transform", distance},
                  {"interaction_first", block(first)},
                  {"interaction", block(other)}};
  data::Group& w = g["weights"];
  std::vector<double> elements(numbers.begin(), numbers.end()), frequencies, energies{-0.5, -2, -4};
  for (int n = 1; n <= radial; ++n) frequencies.push_back(M_PI * n / cutoff);
  w.set("atomic_numbers", Array::from(elements));
  w.set("radial_embedding.bessel_fn.bessel_weights", Array::from(frequencies));
  w.set("atomic_energies_fn.atomic_energies", Array::from<double>(energies, {1, 3}));
  w.set("scale_shift.scale", Array::scalar(0.7, DType::f64));
  w.set("scale_shift.shift", Array::scalar(0.1, DType::f64));
  if (distance == "Soft") w.set("radial_embedding.distance_transform.alpha", Array::scalar(4.0, DType::f64));
  add(w, "node_embedding.linear.weight", {static_cast<Index>(numbers.size()) * channels});
  for (Index t = 0; t < layers(); ++t) add_layer(w, t);
  return g;
}

}  // namespace cartan::potentials::testing
