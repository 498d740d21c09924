#pragma once
// A model of mace-torch: arrays of its state dict with the arguments of its constructor, which a .model file
// has only as pickled classes. benchmarks/peers/export_mace.py writes them.

#include <set>
#include <string>
#include <vector>

#include "cartan/potentials/networks/mace.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {

class MaceArrays {
 public:
  MaceArrays(const data::Group& group, const ImportOptions& options);
  ImportedModel read();

 private:
  [[noreturn]] void fail(const std::string& where, const std::string& what) const;
  bool has(const std::string& name) const { return weights_.has(name); }
  /// Finite numbers.
  Weights array(const std::string& name);
  /// Of that shape; of one axis less where that one has length 1.
  Weights array(const std::string& name, const Shape& shape);
  /// Constants that the network makes itself: they must be those of the file.
  void check(const std::string& name, const Weights& ours);
  void set(const std::string& name, const Weights& values) { set_parameter(parameters_, name, values); }

  // mace_config.cpp: what the attributes say
  std::int64_t whole(const std::string& name, std::int64_t low, std::int64_t high) const;
  std::int64_t flag(const std::string& name, std::int64_t absent) const;
  std::string word(const std::string& name, const std::string& absent) const;
  void choose_head(const std::string& task);
  void read_config();
  void read_blocks();
  void read_orders();
  void read_hidden();
  void read_readouts();
  void read_gate();
  void read_distance();
  void read_species();
  void check_constants();
  void read_radii(const std::string& name);
  void check_sizes();

  // mace.cpp: the arrays
  /// One number a head, or one for all.
  double of_head(const std::string& name);
  void fill_layer(const Mace::Layer& layer, Index t);
  Weights radial_columns(const Mace::Layer& layer, Index t, Weights last);
  Weights linear(const so3::Linear& to, const std::string& name, const Weights& from,
                 const LinearMap& how) const;
  Weights without_vectors(const std::string& name, Index scalars);
  Weights contraction(const Mace::Layer& layer, Index t);
  Weights linear_readout(Index t);
  void fill_last_readout();
  double gate_ratio() const;
  double coupling_sign(const std::string& name, int a, int b, int c) const;
  void check_all_used() const;

  const data::Group& group_;
  const data::Group& weights_;
  std::set<std::string> used_;
  MaceConfig made_;
  std::vector<std::int64_t> orders_;  // of the polynomials of each layer
  bool last_readout_only_ = false;
  bool last_vectors_ = false;  // the last layer has more than scalars, which nothing reads
  Index heads_ = 1, head_ = 0;
  Index width_ = 0;  // hidden units of the last readout, of a head
  std::string head_name_;
  nn::ParameterRefs parameters_;
};

}  // namespace cartan::potentials
