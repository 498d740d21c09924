#include "md_run.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/printable.hpp>
#include <cartan/core/units.hpp>
#include <cartan/potentials/relax.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "app.hpp"
#include "frame_files.hpp"
#include "json_text.hpp"
#include "md_checkpoint.hpp"

namespace cartan::app {

using nlohmann::ordered_json;
using namespace cartan::potentials;

namespace {

// What a run that goes on must have in common with the one before.
ordered_json settings_of(const MdOptions& o, const std::vector<Model>& models) {
  const DynamicsOptions& d = o.dynamics;
  ordered_json j{{"ensemble", name_of(d.ensemble)},
                 {"dt_fs", d.dt},
                 {"temperature_k", d.temperature},
                 {"seed", d.seed},
                 {"precision", name_of(models[0].config().dtype)},
                 {"sample_every", o.sample_every}};
  if (models.size() > 1) j["members"] = models.size();
  for (const Model& m : models)
    if (m.config().direct_forces()) j["forces"] = "direct, not conservative";
  if (d.ensemble != Ensemble::nve) {
    j["thermostat"] = name_of(d.thermostat);
    if (d.thermostat == Thermostat::langevin)
      j["friction_per_fs"] = d.friction;
    else
      j["tau_fs"] = d.tau;
    if (d.thermostat == Thermostat::nose_hoover && d.chain != DynamicsOptions().chain) j["chain"] = d.chain;
  }
  if (d.ensemble == Ensemble::npt) {
    j["pressure_gpa"] = o.pressure_gpa;
    j["pressure_tau_fs"] = d.pressure_tau;
    j["compressibility_per_gpa"] = o.compressibility_per_gpa;
    j["barostat_every"] = d.barostat_every;
  }
  j["remove_rotation"] = d.remove_rotation;
  j["trajectory"] = !o.out.empty();
  return j;
}

void relax_start(CommitteePotential& potential, data::Frame& frame) {
  RelaxOptions options;
  options.fmax = 0.02;
  ProgressBar bar("relaxing");
  const RelaxSummary s = relax(
      potential, frame, options,
      [&](const RelaxProgress& p) {
        bar({p.step, options.steps, text("fmax ", p.fmax, " eV/A")});
      },
      &context().stop);
  bar.finish();
  stop_if_asked();
  std::cerr << "relaxed in " << s.steps << " steps to " << s.energy << " eV, largest force " << s.fmax
            << " eV/A" << (s.converged ? "" : " (not converged)") << "\n";
}

data::Frame first_frame(const MdOptions& o, CommitteePotential& potential) {
  data::Frame frame = read_start(o.start, potential.members());
  if (o.keep_velocities)
    require(!frame.velocities.empty(), o.start.file, ": frame ", frame.index,
            " has no velocities; leave --keep-velocities away to draw them");
  else if (!frame.velocities.empty())
    std::cerr << "cartan: warning: " << printable(o.start.file)
              << ": not used: velocities, which are drawn anew; --keep-velocities starts with them\n";
  if (!o.keep_velocities) frame.velocities.clear();
  if (o.relax_first) relax_start(potential, frame);
  return frame;
}

}  // namespace

void MdOptions::complete() {
  dynamics.pressure = pressure_gpa * units::gigapascal;
  dynamics.compressibility = compressibility_per_gpa / units::gigapascal;
  dynamics.sample_every = 1;  // the record looks at every step
  const auto beside = [&](const char* extension) {
    return std::filesystem::path(out).replace_extension(extension).string();
  };
  if (!out.empty() && plot.empty()) plot = beside(".svg");
  if (!out.empty() && checkpoint.empty()) checkpoint = beside(".restart.h5");
  if (!out.empty()) uncertain = beside(".uncertain.extxyz");
  require(!resume || !checkpoint.empty(), "--resume needs --out or --checkpoint: where the run was saved");
  require(plot.empty() || std::filesystem::path(plot).extension() == ".svg", "--energy-plot ", plot,
          ": the picture is an SVG, and its name must end in .svg");
  refuse_same({{"--out", out},
               {"the trajectory that is being written", out.empty() ? "" : out + ".part"},
               {"--checkpoint", checkpoint},
               {"--energy-plot", plot},
               {"uncertain frames", uncertain}});
}

MdRun::MdRun(const MdOptions& o)
    : o_(o), potential_(open_models(o.model)), settings_(settings_of(o, potential_.members())) {
  require(o.dynamics.max_deviation == 0 || !o.model.others.empty(),
          "--max-deviation is of a committee: give "
          "further models after ",
          o.model.model);
  if (!conservative())
    std::cerr << "cartan: warning: forces of " << printable(o.model.names())
              << " are direct, not the gradient of its energy: the energy is not conserved\n";
  if (o.resume && std::filesystem::exists(o.checkpoint)) {
    resume();
    return;
  }
  if (o.resume) std::cerr << o.checkpoint << " is not there yet: the run starts at its first step\n";
  if (!o.out.empty()) refuse_existing({o.out, o.out + ".part", o.uncertain}, o.force);
  for (const std::string* file : {&o.checkpoint, &o.plot})
    if (!file->empty()) refuse_existing({*file}, o.force);
  begin();
}

TrajectoryOptions MdRun::trajectory() const {
  TrajectoryOptions t;
  t.config = json_text(ordered_json{{"command", "potential md"},
                                    {"model", o_.model.names()},
                                    {"start", o_.start.file},
                                    {"frame", o_.start.frame},
                                    {"dynamics", settings_}});
  return t;
}

void MdRun::begin() {
  dynamics_.emplace(potential_, first_frame(o_, potential_), o_.dynamics);
  record_.emplace(dynamics_->state().frame.size());
  const auto open = [&] {
    if (!o_.out.empty()) writer_.emplace(o_.out, dynamics_->state().frame, trajectory());
  };
  // The checkpoint first, so that what is stopped from here on goes on. A log that is there already (--force)
  // may belong to a run that is going on, which opening it tells.
  if (!o_.out.empty() && std::filesystem::exists(o_.out + ".part")) open();
  if (!dynamics_->exploded()) save();
  if (!writer_) open();
}

void MdRun::resume() {
  MdCheckpoint c = MdCheckpoint::load(o_.checkpoint, settings_);
  check_model(potential_, c.state, o_.checkpoint);
  record_.emplace(std::move(c.record));
  dynamics_.emplace(potential_, std::move(c.state), o_.dynamics);
  if (!o_.out.empty() && c.frames > 0)
    writer_.emplace(o_.out, dynamics_->state().frame, trajectory(), c.frames);
  else if (!o_.out.empty())  // nothing was recorded yet, and perhaps no file begun
    writer_.emplace(o_.out, dynamics_->state().frame, trajectory());
  std::cerr << "going on after step " << dynamics_->state().step << " of " << o_.checkpoint << "\n";
}

// The trajectory first: the checkpoint must not know of frames that are not on the disk.
void MdRun::save() {
  saved_ = Clock::now();
  if (writer_) writer_->flush();
  if (!o_.checkpoint.empty())
    MdCheckpoint::save(o_.checkpoint, settings_, dynamics_->state(), *record_,
                       writer_ ? writer_->frames() : 0);
}

// What the members disagree about is worth a label.
void MdRun::keep_uncertain_frame() const {
  const DynamicsState& state = dynamics_->state();
  data::Frame frame = state.frame;
  frame.energy = state.evaluation.energy;
  frame.forces = state.evaluation.forces;
  frame.arrays["forces_deviation"] = Array::from(state.evaluation.deviation.forces);
  frame.info["step"] = static_cast<std::int64_t>(state.step);
  save_frames(o_.uncertain, {frame});
}

DynamicsSummary MdRun::advance() {
  const Index first = dynamics_->state().step, wanted = std::max<Index>(0, o_.steps - first);
  std::cerr << describe(dynamics_->state().frame) << ", " << name_of(o_.dynamics.ensemble) << ", "
            << o_.dynamics.dt << " fs, steps " << first << " to " << std::max(first, o_.steps) << ", "
            << threads() << (threads() == 1 ? " thread\n" : " threads\n");
  ProgressBar bar("dynamics");
  auto shown = Clock::now();
  const auto each = [&](const Dynamics& d, const Observables& now) {
    record_->add(now);
    if (writer_ && now.step % o_.sample_every == 0) writer_->append(d, now);
    const auto time = Clock::now();
    if (time - shown > std::chrono::milliseconds(100) || now.step == o_.steps) {
      shown = time;
      char words[80];
      std::snprintf(words, sizeof words, "%.3f ps  %.0f K  %.4f eV", 1e-3 * now.time, now.temperature,
                    now.potential);
      bar({now.step - first, wanted, words});
    }
    if (time - saved_ > std::chrono::duration<double>(o_.checkpoint_seconds)) save();
  };
  DynamicsSummary summary = potentials::run(*dynamics_, wanted, each, &context().stop);
  bar.finish();
  if (summary.status != DynamicsStatus::exploded) save();
  if (summary.status == DynamicsStatus::uncertain && !o_.out.empty()) keep_uncertain_frame();
  if (writer_) writer_->close();
  if (!o_.plot.empty())
    record_->figure(text("Molecular dynamics, ", name_of(o_.dynamics.ensemble))).save(o_.plot);
  return summary;
}

}  // namespace cartan::app
