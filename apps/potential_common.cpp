#include "potential_common.hpp"

#include "frame_files.hpp"
#include "unused_list.hpp"

#include <cartan/core/device.hpp>
#include <cartan/core/error.hpp>
#include <cartan/data/readers.hpp>

#include <map>

namespace cartan::app {
namespace {

data::Frame read_frame(const StartOptions& o) {
  return data::read_frames(o.file, std::to_string(o.frame), o.read).at(0);
}

}  // namespace

void add_model_options(CLI::App* verb, ModelOptions& o) {
  verb->add_option("model", o.model, "Model file, as `potential train` writes it")->required();
  verb->add_option("--precision", o.precision, "float32 or float64 (default: as the model was trained)")
      ->check(CLI::IsMember({"float32", "float64"}));
  verb->add_option("--device", o.device, "cpu, cuda or cuda:K (default cpu)");
}

potentials::Model open_model(const ModelOptions& o) {
  const Device device = device_from_name(o.device);
  require_device(device);
  std::optional<DType> dtype;
  if (!o.precision.empty()) dtype = dtype_from_name(o.precision);
  potentials::Model model = potentials::Model::open(o.model, dtype);
  model.to(device);
  return model;
}

void add_start_options(CLI::App* verb, StartOptions& o) {
  verb->add_option("start", o.file, "Frames: " + data::frame_format_names())->required();
  verb->add_option("--frame", o.frame, "Which frame of START; -1 is the last (default 0)");
  add_read_options(verb, o.read);
}

data::Frame read_start(const StartOptions& o, const potentials::Model& model) {
  data::Frame frame;
  try {
    frame = read_frame(o);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(o.file + ": " + error.what());
  }
  check_frame(model, frame, o.file, frame.index);
  warn_unused(o.file, {frame}, model.config());
  return frame;
}

void check_frame(const potentials::Model& model, const data::Frame& frame, const std::string& file,
                 Index index) {
  try {
    require(frame.size() > 0, "the frame has no atoms");
    model.check_elements(frame.numbers);
    potentials::neighbor_list(frame, model.cutoff());
  } catch (const std::invalid_argument& error) {
    throw FormatError(file, text("frame ", index), error.what());
  }
}

std::string describe(const data::Frame& frame) {
  std::map<int, Index> count;
  for (const int z : frame.numbers) ++count[z];
  std::string out;
  for (const auto& [z, n] : count) out += data::element_symbol(z) + (n > 1 ? std::to_string(n) : "") + " ";
  return out + text("(", frame.size(), frame.size() == 1 ? " atom)" : " atoms)");
}

}  // namespace cartan::app
