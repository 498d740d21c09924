// The network of a model as an engine, and as a potential of frames.
#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/potentials/model.hpp"
#include "potentials/system_graph.hpp"

namespace cartan::potentials {
namespace {

void copy_out(const Array& from, Span<double> to) {
  const Array host = from.to(Device::cpu);
  if (host.dtype() == DType::f64)
    std::copy_n(host.data<double>(), to.size(), to.data());
  else
    std::copy_n(host.data<float>(), to.size(), to.data());
}

}  // namespace

void run_network(const Model& model, const Graph& graph, const System& system, Results& results) {
  // A molecule's virial follows from its forces.
  const bool from_forces = results.wants_virial && !model.config().direct_forces() &&
                           system.pairs.first.empty() && !system.periodic() && !results.forces.empty();
  Recording off(false);
  const Prediction p =
      model.predict(graph, {!results.forces.empty(), results.wants_virial && !from_forces, false});
  results.energy = p.energy.item();
  copy_out(p.forces, results.forces);
  copy_out(p.atom_energies, results.atom_energies);
  if (from_forces)
    results.virial = molecular_virial(system, {results.forces.data(), results.forces.size()});
  else if (results.wants_virial)
    copy_out(p.virial, {results.virial.data(), 9});
}

NetworkEngine::NetworkEngine(Model model, double skin)
    : model_(std::move(model)), list_(model_.cutoff(), skin), graph_(std::make_unique<SystemGraph>()) {}
NetworkEngine::~NetworkEngine() = default;
NetworkEngine::NetworkEngine(NetworkEngine&&) noexcept = default;

void NetworkEngine::compute(const System& system, Results& results) {
  check(system, results);
  const Graph& graph = system.pairs.first.empty() ? graph_->update(system, list_.update(system))
                                                  : graph_->update(system, model_.cutoff());
  run_network(model_, graph, system, results);
}

Evaluation evaluate_frame(Engine& engine, const Frame& frame) {
  Evaluation e;
  e.forces.resize(frame.positions.size());
  e.atom_energies.resize(frame.numbers.size());
  Results results;
  results.forces = e.forces;
  results.atom_energies = e.atom_energies;
  engine.compute(frame, results);
  e.energy = results.energy;
  e.virial = results.virial;
  return e;
}

Evaluation ModelPotential::evaluate(const Frame& frame) {
  return evaluate_frame(engine_, frame);
}

}  // namespace cartan::potentials
