#include "training_run.hpp"

#include <algorithm>
#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/nn/run_folder.hpp>
#include <cartan/potentials/model_card.hpp>
#include <cartan/potentials/neighbor_list.hpp>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "unused_list.hpp"

namespace cartan::app {
namespace {

using potentials::FrameSet;

std::string value_text(const data::Frame& frame, const std::string& key) {
  const auto it = frame.info.find(key);
  if (it == frame.info.end()) return "";
  return std::visit(
      [](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, Array>)
          return std::string("array");
        else
          return text(v);
      },
      it->second);
}

// Keeps some frames of the training set back: whole groups of equal `split_by`, or single frames.
void keep_back(const Run& run, FrameSet& train, FrameSet& validation) {
  const Index total = static_cast<Index>(train.frames.size());
  Index wanted =
      run.data.validation_frames > 0
          ? run.data.validation_frames
          : static_cast<Index>(std::llround(run.data.validation_fraction * static_cast<double>(total)));
  require(wanted < total, train.name, ": ", total, " frames, and ", wanted, " of them wanted for validation");
  std::map<std::string, std::vector<Index>> groups;
  for (Index k = 0; k < total; ++k) {
    if (potentials::is_isolated_atom(train.frames[static_cast<std::size_t>(k)]))
      continue;  // for the references
    std::string key = text(k);
    if (!run.data.split_by.empty()) {
      key = value_text(train.frames[static_cast<std::size_t>(k)], run.data.split_by);
      require(!key.empty(), train.name, ": frame ", potentials::place(train, static_cast<std::size_t>(k)),
              " has no '", run.data.split_by, "', by which data.split_by splits");
    }
    groups[key].push_back(k);
  }
  std::vector<std::vector<Index>> list;
  for (auto& [key, members] : groups) list.push_back(std::move(members));
  if (run.data.split_by.empty()) std::sort(list.begin(), list.end());
  std::set<Index> back;
  for (Index g : Random(run.training.seed, 0x76616c6964).permutation(static_cast<Index>(list.size()))) {
    if (static_cast<Index>(back.size()) >= wanted) break;
    back.insert(list[static_cast<std::size_t>(g)].begin(), list[static_cast<std::size_t>(g)].end());
  }
  FrameSet rest{train.name, {}};
  validation.name = train.name;
  for (Index k = 0; k < total; ++k)
    (back.count(k) ? validation : rest)
        .frames.push_back(std::move(train.frames[static_cast<std::size_t>(k)]));
  train = std::move(rest);
  require(!train.frames.empty(), train.name,
          ": no frame is left to train on; make data.validation_fraction smaller");
}

std::map<int, double> references(const Run& run, const FrameSet& train) {
  if (run.data.reference == "fit") return potentials::fit_reference_energies(train);
  std::map<int, double> given;
  if (run.data.reference == "none") {
    for (const data::Frame& f : train.frames)
      for (int z : f.numbers) given[z] = 0;
    return potentials::shifted_reference_energies(train, given);
  }
  data::ReadOptions atoms;
  atoms.labels.energy = run.data.labels.energy;
  for (const data::Frame& f : data::read_frames(run.data.reference, "", atoms)) {
    require(f.size() == 1 && f.energy, run.data.reference,
            ": isolated atoms are frames of one atom with an energy");
    given[f.numbers[0]] = *f.energy;
  }
  return potentials::shifted_reference_energies(train, given);
}

// Frames whose atoms do not see each other teach nothing about forces.
void say_lonely(const FrameSet& train, double cutoff, const std::function<void(const std::string&)>& say) {
  if (std::all_of(train.frames.begin(), train.frames.end(),
                  [&](const data::Frame& f) { return potentials::neighbor_list(f, cutoff).size() == 0; }))
    say(text("warning: no atom of ", train.name, " has a neighbour within the cutoff of ", cutoff,
             " A: all forces of the model are 0"));
}

// What of the labels is not as in most sets.
void say_labels(const FrameSet& train, const potentials::LossOptions& loss,
                const std::function<void(const std::string&)>& say) {
  std::string atoms;
  for (const auto& [z, energy] : potentials::isolated_energies(train))
    atoms += (atoms.empty() ? "" : ", ") + text(data::element_symbol(z), " ", energy, " eV");
  if (!atoms.empty()) say("isolated atoms among the frames: " + atoms);
  std::size_t forces = 0;
  for (const data::Frame& f : train.frames) forces += !f.forces.empty();
  if (loss.forces > 0 && forces < train.frames.size())
    say(text(forces, " of ", train.frames.size(), " frames have forces; the others count by their energies"));
}

double number_of(const std::string& scale) {
  double value = 0;
  const auto [end, error] = std::from_chars(scale.data(), scale.data() + scale.size(), value);
  require(error == std::errc() && end == scale.data() + scale.size() && std::isfinite(value) && value > 0,
          "[run] model.scale must be forces or a positive number of eV, not '", scale, "'");
  return value;
}

potentials::Model new_model(const Run& run, const FrameSet& train, const StopFlag* stop) {
  const std::unique_ptr<potentials::NetworkConfig> config = run.model->clone();
  try {
    config->adapt(train.frames);
  } catch (const std::invalid_argument& error) {
    throw FormatError(train.name, "", error.what());
  }
  // Weights, gradients, two arrays of the optimiser, averages, the best weights.
  constexpr double copies = 6;
  potentials::Model model(potentials::draw_network(*config, run.training.seed, copies, stop));
  model.reference = references(run, train);
  model.energy_scale =
      run.scale == "forces" ? potentials::fit_scale(train, model.reference) : number_of(run.scale);
  return model;
}

// Energies of atoms that no training frame tells would stay where the model had them, eV off.
void check_fitted(const FrameSet& validation, const potentials::EnergyShift& shift,
                  const std::string& train) {
  for (std::size_t k = 0; k < validation.frames.size(); ++k)
    for (const int z : validation.frames[k].numbers)
      if (validation.frames[k].energy && shift.by_element.count(z) == 0)
        throw FormatError(validation.name, text("frame ", potentials::place(validation, k)),
                          text("has ", data::element_symbol(z), ", which no frame of ", train,
                               " with an energy has: its energy cannot be fitted"));
}

// A model to fine-tune: its elements as asked, its energies of atoms moved to where the energies of the
// frames are.
potentials::Model started_model(const Run& run, const FrameSet& train, const FrameSet& validation,
                                const std::function<void(const std::string&)>& say) {
  potentials::Model model = potentials::Model::open(run.from, run.model->dtype);
  std::error_code none;
  require(!std::filesystem::equivalent(run.from, nn::RunFolder(run.out).model(), none),
          "[run] model.from is ", run.from, ", which this run would replace: name another output.folder");
  std::set<int> present;
  for (const FrameSet* set : {&train, &validation})
    for (std::size_t k = 0; k < set->frames.size(); ++k) {
      const std::vector<int>& numbers = set->frames[k].numbers;
      present.insert(numbers.begin(), numbers.end());
      try {
        model.check_elements(numbers);
      } catch (const std::invalid_argument& error) {
        throw FormatError(set->name, text("frame ", potentials::place(*set, k)), error.what());
      }
    }
  if (!run.keep_elements) model = model.with_elements({present.begin(), present.end()});
  model.card["started_from"] = std::filesystem::path(run.from).filename().string();
  const potentials::EnergyShift shift = potentials::fit_shift(model, train);
  if (shift.frames == 0) return model;
  if (run.data.reference == "fit") check_fitted(validation, shift, train.name);
  std::string by_element;
  for (const auto& [z, energy] : shift.by_element) {
    by_element += text(" ", data::element_symbol(z), " ", std::round(1e4 * energy) / 1e4);
    if (run.data.reference == "fit") model.reference[z] += energy;
  }
  say(text("energies of ", train.name, " lie ", std::round(1e4 * shift.per_atom) / 1e4,
           " eV/atom above those of ", run.from,
           run.data.reference == "fit" ? "; energies of atoms are moved (eV):" : "; by element (eV):",
           by_element, ", which leaves ", std::round(1e4 * shift.left_per_atom) / 1e4, " eV/atom RMS"));
  return model;
}

}  // namespace

TrainingResult train_potential(const Run& run, bool resume,
                               const std::function<void(const std::string&)>& say,
                               const ProgressCallback& progress, const StopFlag* stop) {
  const DataOptions& data = run.data;
  data::ReadOptions read;
  read.labels = data.labels;
  FrameSet train{data.train, data::read_frames(data.train, data.train_range, read)};
  require(!train.frames.empty(), data.train, ": has no frames",
          data.train_range.empty() ? "" : " in the range " + data.train_range);
  warn_unused(data.train, train.frames, *run.model);
  FrameSet validation;
  if (!data.validation.empty())
    validation = {data.validation, data::read_frames(data.validation, data.validation_range, read)};
  else
    keep_back(run, train, validation);

  potentials::Model model =
      run.from.empty() ? new_model(run, train, stop) : started_model(run, train, validation, say);
  potentials::PotentialTask task(model, train, validation, run.loss);

  TrainingResult result;
  result.parameters = nn::count_parameters(model.parameters());
  result.train_frames = static_cast<Index>(train.frames.size());
  result.validation_frames = static_cast<Index>(validation.frames.size());
  std::string elements;
  for (const auto& [z, e] : model.reference) elements += " " + data::element_symbol(z);
  say(text("training on ", result.train_frames, " frames of ", data.train, ", validation on ",
           result.validation_frames, "; elements", elements));
  say_lonely(train, model.cutoff(), say);
  say_labels(train, run.loss, say);
  say(text(model.config().summary(), ": ", result.parameters, " parameters; ", threads(), " threads"));
  for (const auto& [name, line] : model.config().plan()) say(text("  ", name, ": ", line));

  const nn::RunFolder folder(run.out);
  result.model = folder.model();
  result.checkpoint = folder.checkpoint();
  result.history = folder.history();
  result.curve = folder.learning_curve();
  if (resume) say_resumed(run.out, run, say);
  result.summary = nn::train(task, run.training, folder, resume, progress, stop);

  if (!validation.frames.empty()) {
    // Where frames have it, trained on or not.
    const auto& frames = validation.frames;
    const bool stress =
        std::any_of(frames.begin(), frames.end(), [](const data::Frame& f) { return f.stress.has_value(); });
    result.validation = potentials::compare(validation, potentials::predict(model, validation, stress));
  }
  potentials::describe_training(model, train, validation, result.validation);
  model.save(result.model, run.text);
  return result;
}

}  // namespace cartan::app
