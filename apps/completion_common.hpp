#pragma once
// What the verbs of completion share.

#include <cartan/completion/model.hpp>
#include <cartan/completion/splits.hpp>
#include <cartan/core/score.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cartan::app {

inline constexpr const char* completion_format = "cartan-completion";  // group /model

/// Names of the indices of every mode; empty where these are numbers of the file.
using Labels = std::vector<std::vector<std::string>>;

/// Where entries come from, as flags say it.
struct EntrySource {
  std::string path, shape, inputs, target;
  bool zero_based = false;
  completion::Duplicates duplicates = completion::Duplicates::refuse;
};
/// @param values  false: the entries are places to predict, without values
void add_source_options(CLI::App* verb, EntrySource& source, bool values);

/// Entries of a file. A table with names of columns (--inputs, --target): words and numbers of a column
/// become indices; those of `labels` where it is not empty, else new ones, sorted, which are put there. A
/// name that is not among them gets the index after the last, of which nothing is known.
completion::SparseTensor read_source(const EntrySource& source, Labels& labels);
/// Places (N, d) int64 of a file: text of indices (a value behind them is passed over), .npy of integers, a
/// table. `modes` are expected.
Array read_places(const EntrySource& source, const Labels& labels, int modes);

/// Options of all methods as flags, collected as they are typed.
using Settings = std::vector<std::pair<std::string, std::string>>;
void add_method_options(CLI::App* verb, Settings& settings);
/// Sets the options of one method. A setting that it does not have is an error that names the nearest; for
/// one of several methods (`some`) it is passed over.
void apply(const Settings& settings, completion::Method& method, bool some = false);
/// "cp, tucker": the names there are.
std::string method_names();
/// A setting that no chosen method has is an error.
void check_settings(const Settings& settings, const std::vector<std::string>& methods);

struct CompletionFile {
  completion::Model model;
  Labels labels;
};
CompletionFile open_completion(const std::string& path);
void save_completion(const std::string& path, const CompletionFile& file, const std::string& config);

/// Errors of a model at known entries, with the coverage of 90 % intervals; `fallbacks` counts entries where
/// the method knows nothing of an index.
Score score_of(const completion::Model& model, const completion::SparseTensor& entries,
               Index* fallbacks = nullptr);
/// Says on standard error that so many predictions fell back.
void say_fallbacks(Index count, Index of);

/// Root mean square error of the entries of every index of a mode, as dots.
data::Figure error_figure(const completion::Model& model, const completion::SparseTensor& entries, int mode);
/// Errors over the iterations.
data::Figure learning_figure(const completion::Summary& summary, const std::string& title);

}  // namespace cartan::app
