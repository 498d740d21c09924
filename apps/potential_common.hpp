#pragma once
// What the verbs that run a model share: the model, the frame to start from, and faults of that frame.

#include <cartan/data/readers.hpp>
#include <cartan/potentials/committee.hpp>

#include <CLI/CLI.hpp>

#include <string>

namespace cartan::app {

struct ModelOptions {
  std::string model;
  std::vector<std::string> others;  // of a committee
  std::string precision;            // "float32", "float64", "": as the model was trained
  std::string device = "cpu";

  std::string names() const;  // "a.h5, b.h5"
};
/// Adds MODEL, `--precision` and `--device`.
void add_model_options(CLI::App* verb, ModelOptions& options);
/// Adds what follows MODEL: further models, which make a committee of it, and a file of frames.
void add_frames_argument(CLI::App* verb, ModelOptions& options, const std::string& name, std::string& frames);
/// The models, which know the same elements. Throws DeviceError, IoError, FormatError.
std::vector<potentials::Model> open_models(const ModelOptions& options);

struct StartOptions {
  std::string file;
  Index frame = 0;  // negative: from the end
  data::ReadOptions read;
};
/// Adds START, after the models, and `--frame`.
void add_start_options(CLI::App* verb, ModelOptions& models, StartOptions& options);
/// The frame of a file of frames, or of a trajectory. Throws std::invalid_argument naming the file when there
/// is no such frame, FormatError when the models cannot take it: see check_frame.
data::Frame read_start(const StartOptions& options, const std::vector<potentials::Model>& models);

/// Throws FormatError naming file and frame for elements the models were not made for, overlapping atoms,
/// positions or a cell that are not finite, a cell of zero volume.
void check_frame(const std::vector<potentials::Model>& models, const data::Frame& frame,
                 const std::string& file, Index index);

/// "C2 H6 O, 9 atoms"
std::string describe(const data::Frame& frame);

}  // namespace cartan::app
