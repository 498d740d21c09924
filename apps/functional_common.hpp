#pragma once
// What the verbs of functional models share.

#include <cartan/data/hdf5.hpp>
#include <cartan/data/table.hpp>
#include <cartan/functional/scores.hpp>

#include <string>
#include <vector>

#include "score_table.hpp"

namespace cartan::app {

inline constexpr const char* functional_format = "cartan-functional";  // group /model

/// A model with what its file says of the columns.
struct FunctionalFile {
  functional::Model model;
  std::vector<std::string> times;  ///< inputs that were time stamps
};
FunctionalFile open_functional(const std::string& path);
void save_functional(const std::string& path, const functional::Model& model,
                     const std::vector<std::string>& times, const std::string& config);

/// "a, b,c": words between commas; throws std::invalid_argument naming `what` for none, or for one twice.
std::vector<std::string> words_of(const std::string& list, const std::string& what);

/// The rows of a table that a model takes.
struct Rows {
  Array x;                  ///< (N, inputs)
  Array y;                  ///< (N) or (N, targets); empty without targets
  std::vector<Index> rows;  ///< of the table
};
/// Categories of words get numbers: those of `modes` or, where `fresh`, new ones, sorted. A row with a
/// missing input, or without any target, is dropped where `drop`; otherwise FormatError names line and
/// column.
Rows take_rows(const data::Table& table, std::vector<functional::Mode>& modes,
               const std::vector<std::string>& targets, bool drop, bool fresh);

}  // namespace cartan::app
