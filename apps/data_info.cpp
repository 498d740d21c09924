// cartan data info FILE: what a file holds.

#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>
#include <cartan/data/point_charges.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/potentials/model_card.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "frame_files.hpp"
#include "frame_summary.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using nlohmann::ordered_json;

struct Options {
  data::ReadOptions read;
  std::string file;
  bool json = false, config = false;
};

// Smallest, largest and number of NaN of a real array.
ordered_json describe(const Array& a) {
  ordered_json out{{"dtype", name_of(a.dtype())}, {"shape", a.shape()}};
  if (a.empty() || is_complex(a.dtype())) return out;
  double low = INFINITY, high = -INFINITY;
  Index missing = 0;
  for (const double x : a.as(DType::f64).to_vector<double>()) {
    if (std::isnan(x))
      ++missing;
    else
      low = std::min(low, x), high = std::max(high, x);
  }
  if (low <= high) out["min"] = low, out["max"] = high;
  if (missing) out["nan"] = missing;
  return out;
}

void print_array(const std::string& name, const ordered_json& d) {
  std::cout << "  " << name << "  " << d["dtype"].get<std::string>() << " "
            << to_string(d["shape"].get<Shape>());
  if (d.contains("min")) std::cout << "  " << d["min"] << " to " << d["max"];
  if (d.contains("nan")) std::cout << ", " << d["nan"] << " NaN";
  if (d.contains("units")) std::cout << "  [" << d["units"].get<std::string>() << "]";
  std::cout << "\n";
}

void show_arrays(const Options& o, const std::vector<std::pair<std::string, Array>>& arrays,
                 const char* kind) {
  ordered_json all = ordered_json::object();
  for (const auto& [name, array] : arrays) all[name] = describe(array);
  if (o.json) {
    std::cout << json_text(ordered_json{{"file", o.file}, {"format", kind}, {"arrays", all}}) << "\n";
    return;
  }
  std::cout << o.file << ": " << kind << ", " << arrays.size()
            << (arrays.size() == 1 ? " array\n" : " arrays\n");
  for (const auto& [name, d] : all.items()) print_array(name, d);
}

ordered_json to_json(const data::Attribute& attribute) {
  return std::visit([](const auto& value) { return ordered_json(value); }, attribute);
}

// The tree of an HDF5 file as one flat list of objects.
void list_group(const data::Hdf5File& file, const data::Group& group, const std::string& path,
                ordered_json& out) {
  ordered_json attributes = ordered_json::object();
  for (const auto& [name, value] : group.attributes) attributes[name] = to_json(value);
  out.push_back({{"name", path.empty() ? "/" : path}, {"attributes", attributes}});
  for (const auto& [name, item] : group.items()) {
    const std::string full = path + "/" + name;
    ordered_json d{{"name", full}, {"dtype", name_of(file.dtype(full))}, {"shape", file.shape(full)}};
    for (const auto& [key, value] : item.attributes)
      d[key == "units" ? "units" : "attribute " + key] = to_json(value);
    out.push_back(d);
  }
  for (const auto& [name, sub] : group.groups()) list_group(file, sub, path + "/" + name, out);
}

void show_tree(const Options& o, const data::Hdf5File& file) {
  const data::Header& h = file.header();
  ordered_json objects = ordered_json::array();
  list_group(file, file.outline(), "", objects);
  for (const auto& [name, why] : file.not_read()) objects.push_back({{"name", name}, {"not_read", why}});
  if (o.json) {
    const ordered_json all{{"file", o.file},       {"format", h.format}, {"format_version", h.format_version},
                           {"creator", h.creator}, {"config", h.config}, {"objects", objects}};
    std::cout << json_text(all) << "\n";
    return;
  }
  std::cout << o.file << ": " << (h.format.empty() ? "HDF5 of another program" : h.format);
  if (!h.format.empty()) std::cout << " " << h.format_version << ", written by " << h.creator;
  std::cout << "\n";
  for (const auto& d : objects) {
    if (d.contains("dtype")) {
      print_array(d["name"], d);
      continue;
    }
    if (d.contains("not_read")) {
      std::cout << "  " << d["name"].get<std::string>() << "  not read: " << d["not_read"].get<std::string>()
                << "\n";
      continue;
    }
    if (d["name"] != "/") std::cout << "  " << d["name"].get<std::string>() << "/\n";
    for (const auto& [key, value] : d["attributes"].items()) {
      std::string shown = json_text(value, -1);
      if (shown.size() > 80) shown = shown.substr(0, 76) + " ...";
      std::cout << "    " << key << " = " << shown << "\n";
    }
  }
  if (h.config.empty()) return;
  if (o.config)
    std::cout << "configuration:\n" << h.config << (h.config.back() == '\n' ? "" : "\n");
  else
    std::cout << "  configuration of " << h.config.size() << " bytes: --config shows it\n";
}

// A model: its card, and then the tree.
void show_model(const Options& o, const data::Hdf5File& file) {
  const auto lines = potentials::model_card(potentials::Model::open(o.file));
  if (o.json) {
    ordered_json j{{"file", o.file}, {"format", file.header().format}, {"card", ordered_json::object()}};
    for (const auto& [name, value] : lines) j["card"][name] = value;
    list_group(file, file.outline(), "", j["objects"]);
    std::cout << j.dump(2) << "\n";
    return;
  }
  for (const auto& [name, value] : lines) std::cout << name << ": " << value << "\n";
  std::cout << "\n";
  show_tree(o, file);
}

void show_frames(const Options& o, const std::string& kind) {
  FrameSummary summary;
  ProgressBar bar("reading");
  data::for_each_frame(
      o.file,
      [&](data::Frame&& frame) {
        summary.add(frame);
        Progress progress;
        progress.done = summary.frames();
        bar(progress);
        stop_if_asked();
        return true;
      },
      "", o.read);
  bar.finish();
  if (o.json)
    std::cout << json_text(summary.json(o.file, kind)) << "\n";
  else
    summary.print(std::cout, o.file, kind);
}

// Charges of a molecule: their number and sum, where they lie, what was left out.
void show_charges(const Options& o) {
  const data::PointCharges p = data::read_point_charges(o.file, data::PdbCharges::formal);
  double total = 0;
  std::array<double, 6> box{INFINITY, -INFINITY, INFINITY, -INFINITY, INFINITY, -INFINITY};
  for (std::size_t i = 0; i < p.charges.size(); ++i) {
    total += p.charges[i];
    for (std::size_t k = 0; k < 3; ++k) {
      box[2 * k] = std::min(box[2 * k], p.positions[3 * i + k]);
      box[2 * k + 1] = std::max(box[2 * k + 1], p.positions[3 * i + k]);
    }
  }
  ordered_json j{{"file", o.file},
                 {"format", "point charges"},
                 {"n_charges", p.size()},
                 {"total_charge_e", total},
                 {"radii", !p.radii.empty()},
                 {"box_ang", box},
                 {"notes", ordered_json::array()}};
  for (const std::string& note : p.notes) j["notes"].push_back(printable(note));
  if (o.json) {
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << o.file << ": point charges\n  charges  " << p.size() << ", " << total << " e in all"
            << (p.radii.empty() ? "" : ", with radii") << "\n  box      " << box[0] << " to " << box[1]
            << ", " << box[2] << " to " << box[3] << ", " << box[4] << " to " << box[5] << " A\n";
  for (const auto& note : j["notes"]) std::cout << "  note     " << note.get<std::string>() << "\n";
}

void run(const Options& o) {
  if (data::is_charge_file(o.file)) return show_charges(o);
  if (data::is_npy(o.file)) return show_arrays(o, {{"array", data::read_npy(o.file)}}, "npy");
  const auto format = data::frame_format(o.file);
  const bool hdf5 = format.name == "h5" || format.name == "h5md";
  if (!(o.config && hdf5) && data::holds_frames(o.file)) return show_frames(o, format.title);
  if (format.name == "npz") return show_arrays(o, data::read_npz(o.file), "npz");
  const data::Hdf5File file(o.file);
  if (file.header().format == "cartan-model") return show_model(o, file);
  show_tree(o, file);
}

}  // namespace

void add_data_info(CLI::App& data) {
  CLI::App* verb = data.add_subcommand("info", "Say what a file of frames, arrays or a model holds");
  auto options = std::make_shared<Options>();
  verb->add_option(
          "file", options->file,
          "Frames (" + data::frame_format_names() + "), any HDF5, .npy or .npz, charges (.pqr .pdb .pdbqt)")
      ->required();
  verb->add_flag("--config", options->config, "Show the configuration stored in an HDF5 file");
  add_read_options(verb, options->read);
  add_json_option(verb, options->json);
  add_threads_option(verb);
  add_example(verb, "cartan data info data/xtb_molecules.h5");
  verb->callback([options] { run(*options); });
}

}  // namespace cartan::app
