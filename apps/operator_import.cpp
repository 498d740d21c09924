// cartan operator import STATE --out MODEL.h5: an operator that neuraloperator trained.

#include <cartan/core/error.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/operators/import.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "config_flags.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  std::string state, config, out, licence;
  bool json = false, force = false;
};

operators::PeerValue peer_value(const nlohmann::json& j) {
  operators::PeerValue v;
  if (j.is_boolean()) {
    v.value = j.get<bool>();
  } else if (j.is_number_integer()) {
    v.value = j.get<std::int64_t>();
  } else if (j.is_number()) {
    v.value = j.get<double>();
  } else if (j.is_string()) {
    v.value = j.get<std::string>();
  } else if (j.is_array()) {
    v.is_list = true;
    for (const auto& x : j) v.list.push_back(peer_value(x));
  } else if (j.is_object()) {
    v.is_dict = true;
    for (const auto& [name, x] : j.items()) v.entries[name] = peer_value(x);
  }
  return v;
}

operators::PeerArguments parse(const std::string& text, const std::string& file) {
  const nlohmann::json j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object())
    throw FormatError(file, "", "is no JSON object of arguments: {\"n_modes\": [16, 16], ...}");
  return peer_value(j).entries;
}

std::optional<operators::PeerArguments> arguments_of(const Options& o) {
  if (!o.config.empty()) {
    std::ifstream in(o.config);
    if (!in) throw IoError(o.config, "cannot be read");
    return parse({std::istreambuf_iterator<char>(in), {}}, o.config);
  }
  const std::string stored = operators::stored_arguments(o.state);
  if (stored.empty()) return {};
  return parse(stored, o.state + ": kwargs");
}

void import_state(const Options& o) {
  refuse_existing({o.out}, o.force);
  operators::ImportedOperator imported = operators::import_operator(o.state, arguments_of(o), o.config);
  operators::Model& model = imported.model;
  model.card["origin"] =
      imported.source + ", imported from " + std::filesystem::path(o.state).filename().string();
  model.card["licence"] = o.licence.empty() ? "not stated: that of the weights holds" : o.licence;
  model.save(o.out);
  const auto lines = operators::model_card(operators::Model::open(o.out));
  if (o.json) {
    nlohmann::ordered_json j{{"model", o.out}};
    for (const auto& [name, value] : lines) j["card"][name] = value;
    j["notes"] = imported.notes;
    std::cout << j.dump(2) << "\n";
    return;
  }
  std::cout << o.state << ": " << imported.source << "\n";
  for (const auto& [name, value] : lines) std::cout << "  " << name << "  " << value << "\n";
  for (const std::string& note : imported.notes) std::cout << "note: " << note << "\n";
  std::cout << "written " << o.out << "\n";
}

}  // namespace

void add_operator_import(CLI::App& group) {
  CLI::App* verb =
      group.add_subcommand("import", "Make a model of an FNO or TFNO that neuraloperator trained");
  auto o = std::make_shared<Options>();
  verb->add_option("state", o->state, "State dict: .pt of torch.save, or HDF5 with an array a name")
      ->required();
  verb->add_option("--out", o->out, "Model file to write")->required();
  verb->add_option("--config", o->config,
                   "JSON file with the arguments of the constructor, where the state has none");
  verb->add_option("--licence", o->licence, "licence of the weights, kept in the model card");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_example(verb, "cartan operator import model_state_dict.pt --out model.h5");
  verb->callback([o] { import_state(*o); });
}

}  // namespace cartan::app
