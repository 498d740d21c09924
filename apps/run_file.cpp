#include "run_file.hpp"

#include <cartan/core/error.hpp>

#include "run_paths.hpp"

namespace cartan::app {

void describe(config::Fields& f, DataOptions& o) {
  f("train", o.train, "frames to train on: .xyz .extxyz .h5 .npz, deepmd folder");
  f("train_range", o.train_range, "which of them, as a Python slice such as 0:1000")
      .optional("all")
      .or_number();
  f("validation", o.validation, "frames to validate on").optional("some of data.train are kept back");
  f("validation_range", o.validation_range, "which of them, as a Python slice").optional("all").or_number();
  f("validation_fraction", o.validation_fraction, "part of data.train that is kept back").from(0).below(1);
  f("validation_frames", o.validation_frames, "number of frames kept back (0: by the fraction)").from(0);
  f("split_by", o.split_by, "info key of frames; those with one value are kept back together or not at all")
      .optional("single frames");
  f("reference", o.reference, "energies of atoms: fit, none, or a file of isolated atoms");
  describe(f, o.labels);
}

namespace {

void describe_model(config::Fields& f, std::shared_ptr<potentials::NetworkConfig>& model) {
  std::vector<std::pair<std::string, std::function<void()>>> kinds;
  for (const potentials::NetworkKind& k : potentials::network_kinds())
    kinds.emplace_back(k.name, [&model, &k] { model = k.config(); });
  f.choice(
      "kind", [&model] { return std::string(model->kind()); }, std::move(kinds),
      "network of atomic energies");
  describe(f, *model);
}

}  // namespace

void describe(config::Fields& f, Run& r) {
  f.section("data");
  describe(f, r.data);
  f.section("model");
  describe_model(f, r.model);
  f("from", r.from, "a model whose parameters, scale and reference energies the run starts from")
      .optional("new parameters");
  f("keep_elements", r.keep_elements, "keep the elements of that model which the frames do not have");
  f("scale", r.scale, "eV per unit of a new network: forces (their root mean square) or a number")
      .or_number();
  f.section("loss");
  describe(f, r.loss);
  f.section("training");
  describe(f, r.training);
  f("threads", r.threads, "threads to use (0: OMP_NUM_THREADS or all cores)").from(0).to(4096).may_change();
  f.section("output");
  f("folder", r.out, "folder for the results, from the folder where the command runs");
}

namespace {

config::Values values_of(potentials::NetworkConfig& config) {
  config::Values out;
  for (const config::Field& f : config::fields_of(config)) out.emplace_back(f.name(), f.value());
  return out;
}

// The network of the model that a run starts from. Other keys of [model] would be lost: they must be the
// defaults, or the model's own; its precision may be chosen.
void take_network(Run& r) {
  const potentials::Model model = potentials::Model::open(r.from);
  std::shared_ptr<potentials::NetworkConfig> network = model.config().clone();
  const std::string kind = network->kind(), given_kind = r.model->kind();
  require(given_kind == kind || given_kind == Run().model->kind(), "[run] model.kind is ", given_kind,
          ", but model.from ", r.from, " is ", kind, ": leave the key out");
  const std::unique_ptr<potentials::NetworkConfig> defaults = potentials::network_config(r.model->kind());
  const auto given = values_of(*r.model), usual = values_of(*defaults);
  for (const config::Difference& d : config::differences(usual, given)) {
    if (d.name == "precision") {
      network->dtype = r.model->dtype;
      continue;
    }
    require(given_kind == kind, "[run] model.", d.name, " is of ", given_kind, ", but model.from ", r.from,
            " is ", kind, ": leave out the keys of [model] that tell the network");
    std::string own = "nothing";
    for (const auto& [name, value] : values_of(*network))
      if (name == d.name) own = config::to_text(value);
    require(own == d.now, "[run] model.", d.name, " is ", d.now, ", but model.from takes the network of ",
            r.from, ", where it is ", own, "; leave the key out");
  }
  require(r.scale == "forces", "[run] model.scale is ", r.scale,
          ", but model.from has a scale of its own: leave the key out");
  require(r.data.reference == "fit" || r.data.reference == "none",
          "[run] data.reference must be fit or none with model.from, which has energies of atoms, not '",
          r.data.reference, "'");
  r.model = std::move(network);
}

}  // namespace

Run read_run(const std::string& path, const std::vector<Override>& overrides) {
  Run r;
  read_toml(path, described(r), overrides);
  require(!r.data.train.empty(), path, ": data.train names no file");
  locate(path, overrides, "data.train", r.data.train);
  locate(path, overrides, "data.validation", r.data.validation);
  if (r.data.reference != "fit" && r.data.reference != "none")
    locate(path, overrides, "data.reference", r.data.reference);
  if (!r.from.empty()) {
    locate(path, overrides, "model.from", r.from);
    take_network(r);
  }
  require(!r.out.empty(), path, ": output.folder has no name; \".\" is the current folder");
  r.out = absolute(r.out);

  Run saved = r;  // what runs again from anywhere
  for (std::string* file : {&saved.data.train, &saved.data.validation, &saved.data.reference, &saved.from})
    *file = with_dollars(*file);
  r.text = to_toml(described(saved));
  r.training.config = r.text;
  return r;
}

}  // namespace cartan::app
