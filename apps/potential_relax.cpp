// cartan potential relax MODEL.h5 START: to the nearest minimum of the energy, with or without the cell.

#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/potentials/relax.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "config_flags.hpp"
#include "frame_files.hpp"
#include "json_text.hpp"
#include "potential_common.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::potentials;

struct Options {
  ModelOptions model;
  StartOptions start;
  RelaxOptions relax;
  std::string out = "relaxed.extxyz";
  double pressure_gpa = 0;
  bool json = false, force = false;
};

const char* name_of(RelaxStatus status) {
  const char* const names[] = {"converged", "step_limit", "interrupted", "stalled", "failed"};
  return names[static_cast<int>(status)];
}

RelaxSummary minimize(const Options& o, data::Frame& frame, CommitteePotential& potential) {
  ProgressBar bar("relaxing");
  const auto show = [&](const RelaxProgress& p) {
    char words[80];
    std::snprintf(words, sizeof words, "%.5f eV  fmax %.4f eV/A", p.energy, p.fmax);
    bar({p.step, o.relax.steps, words});
  };
  return relax(potential, frame, o.relax, show, &context().stop);
}

nlohmann::ordered_json report(const Options& o, const RelaxSummary& s, const data::Frame& frame,
                              const Deviation& apart) {
  nlohmann::ordered_json j{{"converged", s.converged},     {"status", name_of(s.status)},
                           {"n_atoms", frame.size()},      {"steps", s.steps},
                           {"evaluations", s.evaluations}, {"energy_start_ev", s.energy_start},
                           {"energy_ev", s.energy},        {"fmax_ev_per_ang", s.fmax}};
  if (o.relax.cell != CellFreedom::fixed) j["smax_ev_per_ang3"] = s.smax;
  if (frame.periodic()) j["volume_ang3"] = frame.volume();
  if (apart.known()) {
    j["energy_deviation_ev"] = apart.energy;
    j["forces_deviation_max_ev_per_ang"] = apart.largest();
  }
  j["seconds"] = s.seconds;
  if (!s.message.empty()) j["message"] = s.message;
  j["out"] = o.out;
  return j;
}

void print(const Options& o, const RelaxSummary& s, const data::Frame& frame, const Deviation& apart) {
  std::printf("%-14s %s\n", "frame", describe(frame).c_str());
  std::printf("%-14s %lld (%lld evaluations, %s)\n", "steps", static_cast<long long>(s.steps),
              static_cast<long long>(s.evaluations), duration(s.seconds).c_str());
  std::printf("%-14s %.6f eV, at the start %.6f\n", "energy", s.energy, s.energy_start);
  std::printf("%-14s %.5f eV/A\n", "largest force", s.fmax);
  if (o.relax.cell != CellFreedom::fixed)
    std::printf("%-14s %.5f GPa from the pressure asked for\n", "stress", s.smax / units::gigapascal);
  if (frame.periodic()) std::printf("%-14s %.4f A^3\n", "volume", frame.volume());
  if (apart.known())
    std::printf("%-14s %.6f eV, about a force %.5f eV/A at most\n", "members apart", apart.energy,
                apart.largest());
  std::printf("%-14s %s\n", "written", o.out.c_str());
  std::fflush(stdout);
}

void run(Options& o) {
  o.relax.pressure = o.pressure_gpa * units::gigapascal;
  require(o.pressure_gpa == 0 || o.relax.cell != CellFreedom::fixed,
          "--pressure needs a cell that moves: --cell isotropic or full");
  data::check_written(o.out);
  refuse_existing({o.out}, o.force);

  CommitteePotential potential(open_models(o.model));
  data::Frame frame = read_start(o.start, potential.members());
  frame.velocities.clear();
  const RelaxSummary s = minimize(o, frame, potential);
  if (s.status == RelaxStatus::failed && s.evaluations <= 1)
    throw FormatError(o.start.file, text("frame ", frame.index), s.message);
  Deviation apart;
  if (!o.model.others.empty() && s.status != RelaxStatus::failed) {
    apart = potential.evaluate(frame).deviation;
    frame.arrays["forces_deviation"] = Array::from(apart.forces);
  }
  save_frames(o.out, {frame});
  if (o.json)
    std::cout << json_text(report(o, s, frame, apart)) << "\n";
  else
    print(o, s, frame, apart);

  if (s.status == RelaxStatus::stopped) {
    context().exit_code = interrupted;
    std::cerr << "cartan: interrupted\n";
  } else if (!s.converged) {
    context().exit_code = not_reached;
    std::cerr << "cartan: not converged: "
              << (s.message.empty() ? text("--steps ", o.relax.steps, " are done") : s.message) << "\n";
  }
}

}  // namespace

void add_potential_relax(CLI::App& potential) {
  CLI::App* verb = potential.add_subcommand("relax", "Relax atoms, and the cell, with a model");
  auto o = std::make_shared<Options>();
  add_model_options(verb, o->model);
  add_start_options(verb, o->model, o->start);
  verb->add_option("--out", o->out, "The relaxed frame (default relaxed.extxyz)");
  add_field_options(verb, config::fields_of(o->relax),
                    {"fmax", "smax", "optimizer", "cell", "steps", "max_step", "memory"});
  config::Fields own;  // in the units of people
  own("pressure", o->pressure_gpa, "pressure, with a cell that moves").unit("GPa");
  add_field_options(verb, own);
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan potential relax demo/model.h5 data/xtb_molecules.h5 --out demo/relaxed.extxyz --force");
  verb->callback([o] { run(*o); });
}

}  // namespace cartan::app
