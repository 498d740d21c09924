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

std::string ModelOptions::names() const {
  std::string out = model;
  for (const std::string& other : others) out += ", " + other;
  return out;
}

void add_frames_argument(CLI::App* verb, ModelOptions& o, const std::string& name, std::string& frames) {
  verb->add_option_function<std::vector<std::string>>(
          name,
          [&o, &frames](const std::vector<std::string>& words) {
            o.others.assign(words.begin(), words.end() - 1);
            frames = words.back();
          },
          "Frames: " + data::frame_format_names() + "; before them further models of a committee")
      ->required();
}

std::vector<potentials::Model> open_models(const ModelOptions& o) {
  const Device device = device_from_name(o.device);
  require_device(device);
  std::optional<DType> dtype;
  if (!o.precision.empty()) dtype = dtype_from_name(o.precision);
  std::vector<std::string> files{o.model};
  files.insert(files.end(), o.others.begin(), o.others.end());
  std::vector<potentials::Model> models;
  for (const std::string& file : files) {
    models.push_back(potentials::Model::open(file, dtype));
    models.back().to(device);
    require(potentials::elements_of(models.back()) == potentials::elements_of(models[0]), file, " knows ",
            potentials::elements_of(models.back()), ", ", o.model, " ", potentials::elements_of(models[0]),
            "; a committee needs models of the same elements");
  }
  return models;
}

void add_start_options(CLI::App* verb, ModelOptions& models, StartOptions& o) {
  add_frames_argument(verb, models, "start", o.file);
  verb->add_option("--frame", o.frame, "Which frame of START; -1 is the last (default 0)");
  add_read_options(verb, o.read);
}

data::Frame read_start(const StartOptions& o, const std::vector<potentials::Model>& models) {
  data::Frame frame;
  try {
    frame = read_frame(o);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(o.file + ": " + error.what());
  }
  check_frame(models, frame, o.file, frame.index);
  warn_unused(o.file, {frame}, models[0].config());
  return frame;
}

void check_frame(const std::vector<potentials::Model>& models, const data::Frame& frame,
                 const std::string& file, Index index) {
  try {
    require(frame.size() > 0, "the frame has no atoms");
    models[0].check_elements(frame.numbers);
    potentials::neighbor_list(frame, models[0].cutoff());
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
