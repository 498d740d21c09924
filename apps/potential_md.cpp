// cartan potential md MODEL.h5 START: molecular dynamics with a trained model.

#include <cartan/core/parallel.hpp>
#include <cartan/core/units.hpp>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "md_run.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using nlohmann::ordered_json;
using namespace cartan::potentials;

ordered_json report(const MdOptions& o, const MdRun& run, const DynamicsSummary& s) {
  const MdRecord& r = run.record();
  const DynamicsState& state = run.dynamics().state();
  const char* const names[] = {"finished", "interrupted", "exploded", "uncertain"};
  ordered_json j{{"status", names[static_cast<int>(s.status)]},
                 {"n_atoms", state.frame.size()},
                 {"steps", state.step},
                 {"steps_now", s.steps},
                 {"time_ps", 1e-3 * state.time},
                 {"seconds", s.seconds},
                 {"ns_per_day", s.ns_per_day},
                 {"us_per_atom_step", s.us_per_atom_step},
                 {"energy_drift_ev_per_atom_per_ps", r.drift()},
                 {"energy_deviation_ev_per_atom", r.deviation()},
                 {"temperature_mean_k", r.temperature()},
                 {"potential_mean_ev", r.potential()},
                 {"energy_last_ev", state.evaluation.energy}};
  if (std::isfinite(r.pressure())) {
    j["pressure_mean_gpa"] = r.pressure() / units::gigapascal;
    j["volume_mean_ang3"] = r.volume();
  }
  if (std::isfinite(r.forces_deviation())) {
    j["forces_deviation_mean_ev_per_ang"] = r.forces_deviation();
    j["forces_deviation_max_ev_per_ang"] = r.forces_deviation_max();
    j["committee_energy_deviation_ev"] = r.energy_deviation();
  }
  if (o.dynamics.ensemble == Ensemble::npt) j["volume_acceptance"] = s.volume_acceptance;
  if (!s.message.empty()) j["message"] = s.message;
  j["conservative"] = run.conservative();
  j["threads"] = threads();
  j.update(run.settings());
  j["trajectory"] = o.out.empty() ? ordered_json() : ordered_json(o.out);
  j["checkpoint"] = o.checkpoint.empty() ? ordered_json() : ordered_json(o.checkpoint);
  if (s.status == DynamicsStatus::uncertain && !o.out.empty()) j["uncertain"] = o.uncertain;
  j["energy_plot"] = o.plot.empty() ? ordered_json() : ordered_json(o.plot);
  return j;
}

void print(const MdOptions& o, const ordered_json& j) {
  if (!j["conservative"].get<bool>())
    std::printf("%-22s direct, not the gradient of the energy: nothing is conserved\n", "forces");
  const auto line = [](const char* what, double value, const char* unit) {
    std::printf("%-22s %.6g %s\n", what, value, unit);
  };
  std::printf("%-22s %lld, %.6g ps in all\n", "steps", j["steps"].get<long long>(),
              j["time_ps"].get<double>());
  line("speed", j["ns_per_day"], "ns/day");
  line("", j["us_per_atom_step"], "us/atom/step");
  line("temperature, mean", j["temperature_mean_k"], "K");
  line("potential, mean", j["potential_mean_ev"], "eV");
  if (j.contains("pressure_mean_gpa")) {
    line("pressure, mean", j["pressure_mean_gpa"], "GPa");
    line("volume, mean", j["volume_mean_ang3"], "A^3");
  }
  line("energy drift", 1e3 * j["energy_drift_ev_per_atom_per_ps"].get<double>(), "meV/atom/ps");
  line("energy, largest change", 1e3 * j["energy_deviation_ev_per_atom"].get<double>(), "meV/atom");
  if (j.contains("forces_deviation_max_ev_per_ang")) {
    line("members apart, mean", 1e3 * j["forces_deviation_mean_ev_per_ang"].get<double>(), "meV/A");
    line("members apart, largest", 1e3 * j["forces_deviation_max_ev_per_ang"].get<double>(), "meV/A");
  }
  if (!o.out.empty()) std::printf("%-22s %s\n", "trajectory", o.out.c_str());
  if (!o.plot.empty()) std::printf("%-22s %s\n", "energy plot", o.plot.c_str());
  if (!o.checkpoint.empty()) std::printf("%-22s %s\n", "checkpoint", o.checkpoint.c_str());
  std::fflush(stdout);
}

void md(MdOptions& o) {
  o.complete();
  MdRun run(o);
  const DynamicsSummary summary = run.advance();
  const ordered_json j = report(o, run, summary);
  if (o.json)
    std::cout << json_text(j) << "\n";
  else
    print(o, j);
  if (run.record().deviation() > 0.1)
    std::cerr << "cartan: warning: the conserved energy changed by " << run.record().deviation()
              << " eV/atom; a smaller --dt keeps it\n";
  if (summary.status == DynamicsStatus::stopped) {
    context().exit_code = interrupted;
    std::cerr << "cartan: interrupted"
              << (o.checkpoint.empty() ? "" : "; the same command with --resume goes on") << "\n";
  }
  if (summary.status == DynamicsStatus::uncertain) {
    context().exit_code = not_reached;
    std::cerr << "cartan: stopped at " << summary.message << " (--max-deviation)"
              << (o.out.empty() ? "" : "; its frame is in " + o.uncertain)
              << (o.checkpoint.empty() ? "" : "; --resume goes on with a larger --max-deviation") << "\n";
  }
  if (summary.status == DynamicsStatus::exploded) {
    context().exit_code = not_reached;
    std::cerr << "cartan: the run exploded at " << summary.message << "; "
              << (o.out.empty() ? "" : "the trajectory ends before. ")
              << "Try a smaller --dt, --relax-first, or a model trained on such geometries\n";
  }
}

void add_options(CLI::App* verb, MdOptions& o) {
  add_model_options(verb, o.model);
  add_start_options(verb, o.model, o.start);
  verb->add_option("--steps", o.steps, "Steps of the whole run, those before --resume included")
      ->required()
      ->check([](const std::string& word) {
        return word[0] == '-' ? "expected 0 or more steps, found " + word : std::string();
      });
  verb->add_option("--out", o.out, "Trajectory (H5MD)");
  add_field_options(verb, config::fields_of(o.dynamics),
                    {"ensemble", "dt", "temperature", "thermostat", "friction", "tau", "chain",
                     "pressure_tau", "barostat_every", "seed", "allow_direct_forces", "remove_rotation",
                     "max_temperature", "max_drift", "max_deviation"});
  verb->get_option("--ensemble")->required();
  config::Fields own;  // in the units of people
  own("pressure", o.pressure_gpa, "npt: pressure").unit("GPa");
  own("compressibility", o.compressibility_per_gpa, "npt: of the sample, roughly; that of water")
      .above(0)
      .unit("1/GPa");
  own("sample_every", o.sample_every, "steps between frames of the trajectory").from(1);
  own("keep_velocities", o.keep_velocities, "start with START's velocities");
  own("relax_first", o.relax_first, "relax START before velocities are drawn");
  own("checkpoint", o.checkpoint, "where the run is saved").optional("OUT with .restart.h5");
  own("checkpoint_seconds", o.checkpoint_seconds, "how often it is saved").from(0).unit("s");
  own("resume", o.resume, "go on from the checkpoint, bit for bit; START is not read");
  own("energy_plot", o.plot, "picture of the conserved energy").optional("OUT with .svg");
  add_field_options(verb, own);
  add_force_option(verb, o.force);
  add_json_option(verb, o.json);
  add_threads_option(verb);
}

}  // namespace

void add_potential_md(CLI::App& potential) {
  CLI::App* verb = potential.add_subcommand("md", "Molecular dynamics with a model");
  auto o = std::make_shared<MdOptions>();
  add_options(verb, *o);
  add_example(verb,
              "cartan potential md demo/model.h5 data/xtb_molecules.h5 --ensemble nvt --steps 1000 --dt 0.5 "
              "--temperature 300 --out demo/md.h5 --force");
  verb->callback([o] { md(*o); });
}

}  // namespace cartan::app
