#pragma once
/// Operators that neuraloperator trained, as models of Cartan: the same function.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <cartan/operators/fno.hpp>
#include <cartan/operators/model.hpp>

namespace cartan::operators {

/// A keyword argument of neuraloperator's constructors: None, bool, number, text, (nested) list.
struct PeerValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string> value;
  std::vector<PeerValue> list;                              ///< of a list or tuple
  std::map<std::string, PeerValue> entries;                 ///< of a dict or an object
  bool is_list = false, is_tuple = false, is_dict = false;  ///< a tuple is a list too

  bool none() const { return !is_list && !is_dict && std::holds_alternative<std::monostate>(value); }
};
using PeerArguments = std::map<std::string, PeerValue>;

/// The configuration that these arguments of FNO(...) or TFNO(...) mean; defaults are neuraloperator's.
/// Throws std::invalid_argument for an argument that is not known and for values that cannot be read.
/// @param tensorised  defaults of TFNO
FnoConfig fno_config_of(const PeerArguments& arguments, bool tensorised = false);

struct ImportedOperator {
  Model model;
  std::string source;              ///< "neuraloperator 2.0.0"
  std::vector<std::string> notes;  ///< what was left out or assumed
};

/// A state dict: .pt by torch.save (constructor arguments in its entry `_metadata`), or HDF5 with an array a
/// name, in the root or a group `state`. Weights dense or in Tucker, CP, TT format, complex numbers native or
/// as pairs.
/// @param arguments  of the constructor, where the file has none (HDF5: attribute `kwargs`, see
/// stored_arguments)
/// @param arguments_file  where they are from, for messages
/// Throws FormatError for other files, arguments that are not read, arrays that are missing, left over, of
/// another shape or not finite; std::invalid_argument where there are no arguments.
ImportedOperator import_operator(const std::string& path, const std::optional<PeerArguments>& arguments = {},
                                 const std::string& arguments_file = "");
/// The JSON text of the arguments that an HDF5 file has (attribute `kwargs` of the root); empty: none.
std::string stored_arguments(const std::string& path);
/// The parameters from arrays by neuraloperator's names; throws FormatError.
void load_state(Operator& network, const data::Group& state);

}  // namespace cartan::operators
