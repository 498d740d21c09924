#include <cartan/core/error.hpp>
#include <cartan/potentials/relax.hpp>

#include <chrono>
#include <cmath>

#include "potentials/relax_surface.hpp"

namespace cartan::potentials {

Optimizer optimizer_from_name(const std::string& name) {
  if (name == "lbfgs") return Optimizer::lbfgs;
  if (name == "fire") return Optimizer::fire;
  throw std::invalid_argument("[optimizer] there is no \"" + name + "\"; use lbfgs or fire");
}

CellFreedom cell_freedom_from_name(const std::string& name) {
  if (name == "fixed") return CellFreedom::fixed;
  if (name == "isotropic") return CellFreedom::isotropic;
  if (name == "full") return CellFreedom::full;
  throw std::invalid_argument("[cell] there is no \"" + name + "\"; use fixed, isotropic or full");
}

void describe(config::Fields& f, RelaxOptions& o) {
  f("optimizer", o.optimizer, {{"lbfgs", Optimizer::lbfgs}, {"fire", Optimizer::fire}}, "way downhill");
  f("cell", o.cell,
    {{"fixed", CellFreedom::fixed}, {"isotropic", CellFreedom::isotropic}, {"full", CellFreedom::full}},
    "what of the cell moves");
  f("steps", o.steps, "steps at most").from(0);
  f("fmax", o.fmax, "largest force to leave").above(0).unit("eV/A");
  f("smax", o.smax, "largest stress to leave, with a cell that moves").above(0).unit("eV/A^3");
  f("pressure", o.pressure, "pressure, with a cell that moves").unit("eV/A^3");
  f("max_step", o.max_step, "distance an atom moves at most in a step").above(0).unit("A");
  f("memory", o.memory, "lbfgs: steps that are remembered").from(1).to(10000);
}

RelaxSummary relax(Potential& potential, Frame& frame, const RelaxOptions& options,
                   const RelaxCallback& callback, const StopFlag* stop) {
  require(frame.size() > 0 && frame.positions.size() == 3 * frame.numbers.size(), "[relax] ", frame.size(),
          " atoms, ", frame.positions.size(),
          " coordinates; give at least one atom and three coordinates an atom");
  config::validate("relax", options);
  const auto begin = std::chrono::steady_clock::now();
  Surface surface(potential, frame, options);
  const auto minimizer = options.optimizer == Optimizer::fire ? make_fire() : make_lbfgs(options.memory);
  RelaxSummary summary;
  SurfacePoint point = surface.start();
  const auto report = [&] {
    if (callback) callback({summary.steps, *point.frame.energy, point.fmax, point.smax, point.frame});
  };
  if (!surface.failure().empty()) {
    summary.status = RelaxStatus::failed;
  } else {
    summary.energy_start = *point.frame.energy;
    report();
    while (true) {
      if (surface.converged(point)) {
        summary.status = RelaxStatus::converged;
        break;
      }
      if (summary.steps >= options.steps) break;
      if (stop != nullptr && stop->load()) {
        summary.status = RelaxStatus::stopped;
        break;
      }
      const Advance advance = minimizer->advance(surface, point);
      if (advance != Advance::moved) {
        summary.status = advance == Advance::failed ? RelaxStatus::failed : RelaxStatus::stalled;
        break;
      }
      ++summary.steps;
      report();
    }
    frame = point.frame;
    summary.energy = *point.frame.energy;
    summary.fmax = point.fmax;
    summary.smax = point.smax;
  }
  if (summary.status == RelaxStatus::failed) summary.message = surface.failure();
  if (summary.status == RelaxStatus::stalled)
    summary.message =
        "no shorter step lowers the energy: the forces are not its derivatives, or fmax is below rounding";
  summary.converged = summary.status == RelaxStatus::converged;
  summary.evaluations = surface.evaluations();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return summary;
}

}  // namespace cartan::potentials
