#include "cartan/potentials/training.hpp"

#include <cmath>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/data/unused.hpp"
#include "cartan/nn/loss.hpp"

namespace cartan::potentials {
namespace {

Array label_loss(const LossOptions& o, const Array& prediction, const Array& target,
                 const Array& weight = {}) {
  if (o.kind == "mse") return nn::mse(prediction, target, weight);
  if (o.kind == "mae") return nn::mae(prediction, target, weight);
  return nn::huber(prediction, target, o.huber_delta, weight);
}

// What there is instead of a label that is missing, and what to do.
std::string instead(const Frame& f, const char* key) {
  return text(" (it has ", data::stated(f), "); data.", key, " names it, or set its weight to 0");
}

bool finite(const std::vector<double>& v) {
  for (double x : v)
    if (!std::isfinite(x)) return false;
  return true;
}

// A frame of the set is at fault: its file, or the program that made the set, must be mended.
void demand(bool condition, const FrameSet& set, std::size_t frame, const std::string& what) {
  if (!condition) throw FormatError(set.name, text("frame ", place(set, frame)), what);
}

void check_labels(const FrameSet& set, const LossOptions& loss, const Model& model) {
  for (std::size_t k = 0; k < set.frames.size(); ++k) {
    const Frame& f = set.frames[k];
    demand(f.size() > 0, set, k, "has no atoms");
    for (const int z : std::set<int>(f.numbers.begin(), f.numbers.end())) {
      const std::string has = "has " + data::element_symbol(z);
      demand(model.reference.count(z) > 0, set, k, has + ", which the model does not know");
      demand(model.config().takes(z), set, k,
             has + ", for which the network has no parameters (model.species)");
    }
    if (loss.energy > 0) {
      demand(f.energy.has_value(), set, k, "has no energy" + instead(f, "energy_key"));
      demand(std::isfinite(*f.energy), set, k, "the energy is not finite");
    }
    if (loss.forces > 0) {
      demand(!f.forces.empty() || loss.energy > 0, set, k, "has no forces" + instead(f, "forces_key"));
      demand(finite(f.forces), set, k, "a force is not finite");
    }
    if (loss.stress > 0) {
      demand(f.stress || !f.periodic() || loss.energy + loss.forces > 0, set, k,
             "is periodic and has no stress" + instead(f, "stress_key"));
      for (const data::Unused& u : f.unused)
        demand(f.volume() > 0 || u.why.rfind("a virial", 0) != 0, set, k,
               "has a virial, and a cell without a volume: a stress needs three lattice vectors");
      if (!f.stress) continue;
      demand(finite({f.stress->begin(), f.stress->end()}), set, k, "the stress is not finite");
      const bool zero = *f.stress == std::array<double, 9>{};
      demand(f.volume() > 0 || (zero && !f.periodic()), set, k,
             "has a stress, and a cell without a volume: a stress needs three lattice vectors");
    }
  }
}

bool has_stress(const Frame& f) {
  return f.stress && f.periodic() && f.volume() > 0;
}

// A label with a weight is there in some frame at least.
void check_some(const FrameSet& set, const LossOptions& loss) {
  bool forces = loss.forces == 0, stress = loss.stress == 0;
  for (const Frame& f : set.frames) {
    forces = forces || !f.forces.empty();
    stress = stress || has_stress(f);
  }
  const Frame& first = set.frames.front();
  demand(forces, set, 0, "has no forces, nor has any other" + instead(first, "forces_key"));
  demand(stress, set, 0, "has no stress, nor has any other" + instead(first, "stress_key"));
}

std::vector<NeighborList> lists_of(const FrameSet& set, double cutoff) {
  std::vector<NeighborList> lists(set.frames.size());
  parallel_for(static_cast<Index>(lists.size()), 1, [&](Index b, Index e) {
    for (auto k = static_cast<std::size_t>(b); k < static_cast<std::size_t>(e); ++k) {
      try {
        lists[k] = neighbor_list(set.frames[k], cutoff);
      } catch (const std::invalid_argument& error) {
        demand(false, set, k, error.what());
      }
    }
  });
  return lists;
}

}  // namespace

Index place(const FrameSet& set, std::size_t frame) {
  const Index index = set.frames[frame].index;
  return index >= 0 ? index : static_cast<Index>(frame);
}

void describe(config::Fields& f, LossOptions& o) {
  f("energy", o.energy, "weight of the energies (0: not used)").from(0);
  f("forces", o.forces, "weight of the forces (0: not used)").from(0);
  f("stress", o.stress, "weight of the stress (0: not used)").from(0);
  f("energy_per_atom", o.energy_per_atom, "energies are divided by the number of atoms");
  f("kind", o.kind, "mean of squares, of magnitudes, or of the Huber function")
      .one_of({"mse", "mae", "huber"});
  f("huber_delta", o.huber_delta, "huber: where squares go over to magnitudes, in the label's unit").above(0);
}

PotentialTask::PotentialTask(Model& model, FrameSet train, FrameSet validation, const LossOptions& loss)
    : model_(model), train_(std::move(train)), validation_(std::move(validation)), loss_(loss) {
  config::validate("loss", loss);
  require(loss.energy + loss.forces + loss.stress > 0,
          "[loss] the weights of energy, forces and stress are 0; "
          "give one that is positive");
  require(!train_.frames.empty(), train_.name, ": has no frames to train on");
  check_labels(train_, loss, model);
  check_some(train_, loss);
  check_labels(validation_, loss, model);
  train_lists_ = lists_of(train_, model.cutoff());
  validation_lists_ = lists_of(validation_, model.cutoff());
}

Array PotentialTask::loss_of(const FrameSet& set, const std::vector<NeighborList>& lists,
                             const std::vector<Index>& samples, bool create_graph, ErrorSums* sums) const {
  std::vector<const Frame*> frames;
  std::vector<const NeighborList*> neighbors;
  for (Index s : samples) {
    frames.push_back(&set.frames[static_cast<std::size_t>(s)]);
    neighbors.push_back(&lists[static_cast<std::size_t>(s)]);
  }
  const Graph graph = make_graph(frames, neighbors);
  const bool stress = loss_.stress > 0;
  const Prediction p = model_.predict(graph, {loss_.forces > 0, stress, create_graph});

  const Device device = p.energy.device();
  const auto there = [&](const std::vector<double>& values, Shape shape, DType dtype = DType::f64) {
    return Array::from(values, std::move(shape)).as(dtype).to(device);
  };
  Array total = Array::scalar(0, DType::f64, device);
  const Index molecules = graph.molecules;
  std::vector<double> energy, per_atom, forces, forces_given, minus_inverse_volume, sigma, stress_given,
      predicted_stress;
  bool all_forces = true;
  for (const Frame* f : frames) {
    energy.push_back(loss_.energy > 0 ? *f->energy : 0);
    per_atom.push_back(1 / static_cast<double>(f->size()));
    if (loss_.forces > 0) {
      const bool given = !f->forces.empty();
      all_forces = all_forces && given;
      forces_given.insert(forces_given.end(), 3 * f->numbers.size(), given ? 1 : 0);
      forces.insert(forces.end(), f->forces.begin(), f->forces.end());
      forces.resize(forces_given.size(), 0);
    }
    if (!stress) continue;
    minus_inverse_volume.push_back(f->periodic() && f->volume() > 0 ? -1 / f->volume() : 0);
    for (std::size_t k = 0; k < 9; ++k) {
      sigma.push_back(has_stress(*f) ? (*f->stress)[k] : 0);
      stress_given.push_back(has_stress(*f) ? 1 : 0);
    }
  }
  const auto add_term = [&](double weight, const Array& term) {
    total = total + scale(cast(term, DType::f64), weight);
  };
  if (loss_.energy > 0) {
    const Array factor = loss_.energy_per_atom ? there(per_atom, {molecules})
                                               : Array::full({molecules}, 1, DType::f64, device);
    const Array difference = (p.energy - there(energy, {molecules})) * factor;
    add_term(loss_.energy, label_loss(loss_, difference, Array::zeros({molecules}, DType::f64, device)));
  }
  if (loss_.forces > 0) {
    const Shape shape{graph.atoms(), 3};
    const Array given = all_forces ? Array() : there(forces_given, shape, p.forces.dtype());
    add_term(loss_.forces, label_loss(loss_, p.forces, there(forces, shape, p.forces.dtype()), given));
  }
  if (stress) {
    const DType t = p.virial.dtype();
    const Array predicted = p.virial * there(minus_inverse_volume, {molecules, 1}, t);
    add_term(loss_.stress, label_loss(loss_, predicted, there(sigma, {molecules, 9}, t),
                                      there(stress_given, {molecules, 9}, t)));
    if (sums) predicted_stress = predicted.to_vector<double>();
  }
  if (sums) {
    const auto predicted_energy = p.energy.to_vector<double>();
    const auto predicted_forces = loss_.forces > 0 ? p.forces.to_vector<double>() : std::vector<double>();
    for (std::size_t b = 0; b < frames.size(); ++b)
      sums->add(*frames[b], loss_.energy > 0 ? &predicted_energy[b] : nullptr,
                loss_.forces > 0 ? predicted_forces.data() + 3 * graph.first[b] : nullptr,
                stress ? predicted_stress.data() + 9 * b : nullptr);
  }
  return total;
}

Array PotentialTask::loss(const nn::Batch& batch) {
  return loss_of(train_, train_lists_, batch.samples, true, nullptr);
}

nn::Metrics PotentialTask::validate() {
  if (validation_.frames.empty()) return {};
  ErrorSums sums;
  double loss = 0, weight = 0;
  std::vector<Index> batch;
  Index atoms = 0;
  const auto flush = [&] {
    if (batch.empty()) return;
    Recording off(false);
    loss += loss_of(validation_, validation_lists_, batch, false, &sums).item() *
            static_cast<double>(batch.size());
    weight += static_cast<double>(batch.size());
    batch.clear();
    atoms = 0;
  };
  for (std::size_t k = 0; k < validation_.frames.size(); ++k) {
    batch.push_back(static_cast<Index>(k));
    atoms += validation_.frames[k].size();
    if (atoms >= 256) flush();
  }
  flush();
  nn::Metrics m{{"loss", loss / weight}};
  const Errors e = sums.errors();
  if (loss_.energy > 0) m.push_back({"energy_rmse_ev", e.energy_rmse, "eV", "E", 1e3, "meV"});
  if (loss_.forces > 0 && e.has_forces) {
    m.push_back({"forces_rmse_ev_per_ang", e.forces_rmse, "eV/A", "F", 1e3, "meV/A"});
    m.push_back({"forces_mae_ev_per_ang", e.forces_mae, "eV/A", "F MAE", 1e3, "meV/A"});
  }
  if (e.has_stress)
    m.push_back({"stress_rmse_ev_per_ang3", e.stress_rmse, "eV/A^3", "stress", 1e3, "meV/A^3"});
  return m;
}

void PotentialTask::save(data::Group& group) const {
  model_.save_description(group);
}

namespace {
// Of a field that checkpoints of earlier versions lack: whether it has its default, which is what they mean.
bool may_be_missing(const NetworkConfig& config, const std::string& name, const data::Attribute& value) {
  for (const NetworkKind& kind : network_kinds()) {
    if (kind.name != std::string(config.kind())) continue;
    const std::unique_ptr<NetworkConfig> usual = kind.config();
    data::Group defaults;
    usual->save(defaults);
    for (const config::Field& f : config::fields_of(*usual))
      if (f.stored_name() == name) return f.may_be_missing() && defaults.attributes.at(name) == value;
  }
  return false;
}
}  // namespace

void PotentialTask::load(const data::Group& group) {
  data::Group mine;
  model_.save_description(mine);
  for (const auto& [name, value] : mine.attributes) {
    const auto it = group.attributes.find(name);
    if (it == group.attributes.end() && may_be_missing(model_.config(), name, value)) continue;
    if (it == group.attributes.end() || it->second != value)
      throw FormatError(group.file(), name,
                        "the checkpoint was made for another model or another training set");
  }
  if (!identical(mine.array("reference_energy"), group.array("reference_energy")))
    throw FormatError(group.file(), "reference_energy",
                      "the checkpoint was made with other reference energies");
}

}  // namespace cartan::potentials
