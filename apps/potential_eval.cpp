// cartan potential eval MODEL.h5 FRAMES: errors on labelled frames, or labels for frames without.

#include <cartan/core/error.hpp>
#include <cartan/data/figure.hpp>
#include <cartan/data/readers.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "errors_json.hpp"
#include "frame_files.hpp"
#include "json_text.hpp"
#include "potential_common.hpp"
#include "unused_list.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  data::ReadOptions read;
  ModelOptions model;
  std::string frames, range, out, parity;
  bool json = false, force = false;
};

data::Figure parity(const std::string& what, const std::string& unit, std::vector<double> x,
                    std::vector<double> y, double rmse) {
  data::Figure f;
  f.title = what;
  f.x_label = "reference (" + unit + ")";
  f.y_label = "predicted (" + unit + ")";
  f.diagonal = true;
  f.note = text("RMSE ", std::round(1e6 * rmse) / 1e3, " m", unit);
  f.series.push_back({"", std::move(x), std::move(y), false});
  return f;
}

// Energies are drawn per atom and relative to the model's reference energies, so that compositions far apart
// share one scale.
std::vector<std::string> draw_parity(const std::string& prefix, const potentials::Model& model,
                                     const potentials::FrameSet& set, const potentials::Predictions& p,
                                     const potentials::Errors& e) {
  std::vector<std::string> files;
  std::vector<double> x, y;
  if (e.has_energy) {
    for (std::size_t k = 0; k < set.frames.size(); ++k) {
      const data::Frame& f = set.frames[k];
      if (!f.energy) continue;
      double reference = 0;
      for (const int z : f.numbers) reference += model.reference.at(z);
      x.push_back((*f.energy - reference) / static_cast<double>(f.size()));
      y.push_back((p.energy[k] - reference) / static_cast<double>(f.size()));
    }
    files.push_back(prefix + "_energy.svg");
    parity("Energy less reference energies", "eV/atom", x, y, e.energy_per_atom_rmse).save(files.back());
  }
  if (e.has_forces) {
    x.clear(), y.clear();
    for (std::size_t k = 0; k < set.frames.size(); ++k) {
      x.insert(x.end(), set.frames[k].forces.begin(), set.frames[k].forces.end());
      if (!set.frames[k].forces.empty()) y.insert(y.end(), p.forces[k].begin(), p.forces[k].end());
    }
    files.push_back(prefix + "_forces.svg");
    parity("Force components", "eV/Å", x, y, e.forces_rmse).save(files.back());
  }
  return files;
}

// How far the members of a committee are apart, over all frames and atoms.
struct Apart {
  double energy = 0, forces = 0, most = 0;  // mean, root mean square, largest
};

Apart how_far_apart(const potentials::Predictions& p) {
  Apart out;
  double atoms = 0;
  for (const potentials::Deviation& d : p.deviation) {
    out.energy += d.energy / static_cast<double>(p.deviation.size());
    for (const double f : d.forces) out.forces += f * f;
    atoms += static_cast<double>(d.forces.size());
    out.most = std::max(out.most, d.largest());
  }
  out.forces = atoms > 0 ? std::sqrt(out.forces / atoms) : 0;
  return out;
}

void eval(const Options& o) {
  if (!o.out.empty()) {
    data::check_written(o.out);
    refuse_existing({o.out}, o.force);
  }
  if (!o.parity.empty()) refuse_existing({o.parity + "_energy.svg", o.parity + "_forces.svg"}, o.force);
  const std::vector<potentials::Model> models = open_models(o.model);
  const potentials::Model& model = models[0];
  const potentials::FrameSet set{o.frames, data::read_frames(o.frames, o.range, o.read)};
  require(!set.frames.empty(), o.frames, ": has no frames");
  warn_unused(o.frames, set.frames, model.config());
  bool periodic = false;
  for (const data::Frame& f : set.frames) periodic = periodic || f.periodic();

  ProgressBar bar("evaluating");
  const potentials::Predictions p =
      potentials::predict(models, set, periodic, 256, bar.callback(), &context().stop);
  bar.finish();
  stop_if_asked();
  const potentials::Errors errors = potentials::compare(set, p);
  const Apart apart = how_far_apart(p);
  for (std::size_t k = 0; k < p.energy.size(); ++k)
    if (!std::isfinite(p.energy[k])) {
      std::cerr << "cartan: " << o.frames << ": frame " << potentials::place(set, k)
                << ": the predicted energy is not finite\n";
      context().exit_code = not_reached;
    }
  std::vector<std::string> files;
  if (!o.out.empty()) {
    std::vector<data::Frame> predicted = set.frames;
    for (std::size_t k = 0; k < predicted.size(); ++k) {
      predicted[k].energy = p.energy[k];
      predicted[k].forces = p.forces[k];
      predicted[k].info.erase("free_energy");  // of the labels, not of the model
      predicted[k].stress.reset();
      if (predicted[k].periodic() && predicted[k].volume() > 0) predicted[k].stress = p.stress[k];
      if (models.size() == 1) continue;
      predicted[k].info["energy_deviation"] = p.deviation[k].energy;
      predicted[k].arrays["forces_deviation"] = Array::from(p.deviation[k].forces);
    }
    save_frames(o.out, predicted);
    files.push_back(o.out);
  }
  if (!o.parity.empty())
    for (std::string& f : draw_parity(o.parity, model, set, p, errors)) files.push_back(std::move(f));

  if (o.json) {
    nlohmann::json j = to_json(errors);
    if (models.size() > 1) {
      j["members"] = models.size();
      j["energy_deviation_mean_ev"] = apart.energy;
      j["forces_deviation_rms_ev_per_ang"] = apart.forces;
      j["forces_deviation_max_ev_per_ang"] = apart.most;
    }
    j["files"] = files;
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << o.model.names() << " on " << o.frames << ", " << table(errors);
  if (models.size() > 1)
    std::printf("  members apart    energy %.3f meV (mean), forces %.3f meV/A (RMS), %.3f (largest)\n",
                1e3 * apart.energy, 1e3 * apart.forces, 1e3 * apart.most);
  if (!errors.has_energy && !errors.has_forces)
    std::cout << "  (the frames have no labels to compare with; --out writes the predictions)\n";
  for (const std::string& f : files) std::cout << "written " << f << "\n";
}

}  // namespace

void add_potential_eval(CLI::App& potential) {
  CLI::App* verb = potential.add_subcommand("eval", "Errors of a model on frames, and its predictions");
  auto o = std::make_shared<Options>();
  add_model_options(verb, o->model);
  add_frames_argument(verb, o->model, "frames", o->frames);
  verb->add_option("--range", o->range, "which frames, as a Python slice: 0:100, ::2, -1");
  verb->add_option("--out", o->out, "write the frames with predicted energies, forces and stress");
  verb->add_option("--parity", o->parity, "draw PREFIX_energy.svg and PREFIX_forces.svg");
  add_read_options(verb, o->read);
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan potential eval demo/model.h5 data/xtb_molecules.h5 --range ::10 --parity demo/parity");
  verb->callback([o] { eval(*o); });
}

}  // namespace cartan::app
