#pragma once
// State dicts of fairchem: arrays by name, the arguments of the constructor where the file has them, and maps
// of their modules to ours.

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "cartan/core/error.hpp"
#include "cartan/data/torch_file.hpp"
#include "cartan/so3/so2_convolution.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {

class FairchemState {
 public:
  /// Which network the arrays are of, by their names: "esen", "equiformer", "escn"; "" for none.
  static std::string architecture(const std::vector<std::string>& names);
  static bool of_torch(const data::TorchValue& root);
  static bool of_hdf5(const data::Group& outline);
  /// A file of torch.save with a state dict or a checkpoint; an HDF5 file with a group `weights` of arrays
  /// and the attribute `config`, or several such groups, of which `task` names one.
  FairchemState(const std::string& path, const std::string& task);

  const std::string& path() const { return path_; }
  const std::string& architecture() const { return architecture_; }
  [[noreturn]] void fail(const std::string& where, const std::string& what) const {
    throw FormatError(path_, where, what);
  }

  bool has(const std::string& name) const { return arrays_.count(name) > 0; }
  const Shape& shape(const std::string& name) const;
  Weights array(const std::string& name);
  Weights array(const std::string& name, const Shape& shape);
  /// All arrays whose names begin so count as used.
  void pass_all(const std::string& prefix);
  Index count_of(const std::string& prefix) const;  ///< arrays whose names begin so
  /// The number of blocks "prefix0", "prefix1", ... that have arrays.
  Index count(const std::string& prefix) const;

  bool has_config() const { return !config_.empty(); }
  /// An argument of the constructor; `absent` where it is not given.
  double number(const char* name, double absent) const;
  bool flag(const char* name, bool absent) const;
  std::string word(const char* name, const std::string& absent) const;
  const nlohmann::json* find(const char* name) const;
  /// Refuses every value but `wanted`, which is also what a file means that does not say.
  void expect(const char* name, const nlohmann::json& wanted) const;
  /// The same, where fairchem takes `absent` if the argument is not given.
  void expect(const char* name, const nlohmann::json& wanted, const nlohmann::json& absent) const;
  /// Refuses lists of several numbers.
  void expect_one(const char* name) const;
  /// Our name of the normalisation at `name`: "rms" or "layer".
  std::string norm(const std::string& name) const;

  /// A model of the network: energies of atoms by what the file says of its labels.
  ImportedModel finish(std::unique_ptr<Network> network, double per_atom, std::vector<std::string> notes);
  /// Symbols of the rows of a table of elements, whose row 0 is none.
  std::vector<std::string> species(Index rows) const;
  /// Rows of those elements alone.
  Weights element_rows(const std::string& name, Index columns);

 private:
  void read_torch(const std::string& task);
  /// The averages of the weights that a checkpoint of a training has beside them, in their place.
  void take_averages(const data::TorchValue& state, const data::TorchValue& ema);
  /// The number `what` of the normalizer of a kind of labels, under fairchem's or the older name.
  std::optional<double> label(const char* kind, const char* older, const char* what) const;
  void read_hdf5(const std::string& task);
  void take_config(nlohmann::json config);
  /// An array of the weights; names must differ without what stands before them.
  void add(const std::string& name, Array array);
  void add_all(const data::Group& group, const std::string& prefix);
  void take(std::string name, Array array);

  std::string path_, architecture_, source_;
  std::map<std::string, Array> arrays_;
  std::set<std::string> used_;
  nlohmann::json config_, labels_, references_;
  std::vector<std::string> notes_;
};

/// @name Their modules, into the parameters of a network
///@{
/// Where the rows of an SO(2) convolution of theirs lie: `first` is of the extra scalars of m = 0, the rest
/// are degrees l = m .. lmax of `channels`.
struct SO2Rows {
  std::vector<Index> extra;  ///< first row of every extra term of ours, which follow the degrees
  Index before = 0;          ///< rows of all extra scalars
  int lmax = 0;
  Index channels = 0;
};
/// The weights of one of `sides` inputs of equal size, `side` of them, channels side by side. `bias`: the
/// constant input term 0 of ours.
Weights so2_weights(FairchemState& state, const std::string& prefix, const so3::SO2Convolution& ours,
                    const SO2Rows& rows, Index channels_in, int sides, int side, bool constant,
                    const std::vector<double>& degree_factors = {});
/// rad_func.net.6 of one side, of `orders` groups (by_degree: one).
void set_pair_radial(FairchemState& state, const std::string& net, const nn::ParameterRefs& to,
                     const std::string& name, int lmax, int mmax, Index channels, int side, bool by_degree);
void set_edge_network(FairchemState& state, const std::string& net, const nn::ParameterRefs& to,
                      const std::string& name, Index basis, Index channels);
void set_degree_norm(FairchemState& state, const std::string& from, const nn::ParameterRefs& to,
                     const std::string& name, int lmax, Index channels);
/// `factors` by degree multiply the weights.
void set_degree_linear(FairchemState& state, const std::string& from, const nn::ParameterRefs& to,
                       const std::string& name, int lmax, Index in, Index out,
                       const std::vector<double>& factors = {});
void set_linear(FairchemState& state, const std::string& from, const nn::ParameterRefs& to,
                const std::string& name, Index in, Index out);
///@}

ImportedModel import_esen(FairchemState& state);
ImportedModel import_equiformer(FairchemState& state, bool direct);
ImportedModel import_escn(FairchemState& state, bool direct);

}  // namespace cartan::potentials
