// cartan potential import WEIGHTS --out MODEL.h5: a model that another program trained.

#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/potentials/import.hpp>
#include <cartan/potentials/model_card.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "config_flags.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  potentials::ImportOptions import;
  std::string weights, out, licence;
  bool json = false, force = false;
};

void import_weights(const Options& o) {
  refuse_existing({o.out}, o.force);
  potentials::ImportedModel imported = potentials::import_model(o.weights, o.import);
  potentials::Model& model = imported.model;
  model.card["origin"] =
      imported.source + ", imported from " + std::filesystem::path(o.weights).filename().string();
  model.card["licence"] = o.licence.empty() ? "not stated: that of the weights holds" : o.licence;
  potentials::describe_symmetry(model);

  // Parameters keep all their digits; the model computes as it was trained unless asked otherwise.
  data::Group root;
  model.save(root["model"]);
  root["model"].attributes["dtype"] = std::string(name_of(imported.dtype));
  data::save(o.out, root, {"cartan-model", 1, "", ""});

  const auto lines = potentials::model_card(potentials::Model::open(o.out));
  if (o.json) {
    nlohmann::ordered_json j{{"model", o.out}};
    for (const auto& [name, value] : lines) j["card"][name] = value;
    j["notes"] = imported.notes;
    std::cout << j.dump(2) << "\n";
    return;
  }
  std::cout << o.weights << ": " << imported.source << "\n";
  for (const auto& [name, value] : lines) std::cout << "  " << name << "  " << value << "\n";
  for (const std::string& note : imported.notes) std::cout << "note: " << note << "\n";
  std::cout << "written " << o.out << "\n";
}

}  // namespace

void add_potential_import(CLI::App& potential) {
  CLI::App* verb = potential.add_subcommand("import", "Make a model of weights that another program trained");
  auto o = std::make_shared<Options>();
  std::string files;
  for (const potentials::Importer& importer : potentials::importers())
    files += (files.empty() ? "" : "; ") + std::string(importer.files);
  verb->add_option("weights", o->weights, "One of: " + files)->required();
  verb->add_option("--out", o->out, "Model file to write")->required();
  add_field_options(verb, config::fields_of(o->import));
  verb->add_option("--licence", o->licence, "licence of the weights, kept in the model card");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_example(verb, "cartan potential import checkpoint_sevennet_0.pth --out sevennet0.h5 --licence MIT");
  verb->callback([o] { import_weights(*o); });
}

}  // namespace cartan::app
