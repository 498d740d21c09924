#pragma once
// What the verbs that run a model share: the model, the frame to start from, and faults of that frame.

#include <cartan/data/readers.hpp>
#include <cartan/potentials/model.hpp>

#include <CLI/CLI.hpp>

#include <string>

namespace cartan::app {

struct ModelOptions {
  std::string model;
  std::string precision;  // "float32", "float64", "": as the model was trained
  std::string device = "cpu";
};
/// Adds MODEL, `--precision` and `--device`.
void add_model_options(CLI::App* verb, ModelOptions& options);
/// Throws DeviceError, IoError, FormatError.
potentials::Model open_model(const ModelOptions& options);

struct StartOptions {
  std::string file;
  Index frame = 0;  // negative: from the end
  data::ReadOptions read;
};
/// Adds START and `--frame`.
void add_start_options(CLI::App* verb, StartOptions& options);
/// The frame of a file of frames, or of a trajectory. Throws std::invalid_argument naming the file when there
/// is no such frame, FormatError when the model cannot take it: see check_frame.
data::Frame read_start(const StartOptions& options, const potentials::Model& model);

/// Throws FormatError naming file and frame for elements the model was not made for, overlapping atoms,
/// positions or a cell that are not finite, a cell of zero volume.
void check_frame(const potentials::Model& model, const data::Frame& frame, const std::string& file,
                 Index index);

/// "C2 H6 O, 9 atoms"
std::string describe(const data::Frame& frame);

}  // namespace cartan::app
