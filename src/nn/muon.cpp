#include "cartan/nn/muon.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "nn/updates.hpp"

namespace cartan::nn {
namespace {

enum Part : std::size_t { first, second };  // of the state: m, and v of AdamW, which matrices leave 0

// The matrices of a parameter; none: it is trained as by AdamW.
std::vector<Matrix> matrices_of(const NamedParameter& p) {
  const Array& a = *p.value;
  if (!is_real(a.dtype())) return {};
  std::vector<Matrix> maps = p.maps;
  if (maps.empty() && a.ndim() >= 2 && a.size() == a.dim(0) * a.dim(1)) maps = {{0, a.dim(0), a.dim(1)}};
  Index covered = 0;
  for (const Matrix& m : maps) {
    require(m.offset == covered && m.rows >= 0 && m.columns >= 0, "[Muon] the matrices of '", p.name,
            "' do not follow one another");
    covered += m.rows * m.columns;
  }
  require(maps.empty() || covered == a.size(), "[Muon] the matrices of '", p.name, "' have ", covered, " of ",
          a.size(), " elements");
  const auto vector = [](const Matrix& m) { return std::min(m.rows, m.columns) < 2; };
  return std::all_of(maps.begin(), maps.end(), vector) ? std::vector<Matrix>{} : maps;
}

}  // namespace

void describe(config::Fields& f, MuonOptions& o) {
  f("momentum", o.momentum, "decay of the running mean of the gradient of matrices").from(0).below(1);
  f("nesterov", o.nesterov, "look ahead along the momentum");
  f("size", o.size, "root mean square of a step of a matrix, times the learning rate").above(0);
  f("weight_decay", o.weight_decay, "part of a weight that a step takes away, times the learning rate")
      .from(0);
  f("beta1", o.beta1, "of all else than matrices: decay of the running mean of the gradient")
      .from(0)
      .below(1);
  f("beta2", o.beta2, "decay of the running mean of its square").from(0).below(1);
  f("eps", o.eps, "added to the root of the mean square").from(0);
}

Muon::Muon(const ParameterRefs& parameters, const MuonOptions& options, const ParameterGroups& groups)
    : Optimizer(MuonOptions::kind, "Muon", parameters, groups), options_(options) {
  config::validate("Muon", options);
  for (const NamedParameter& p : parameters) maps_.push_back(matrices_of(p));
  add_state("first");
  add_state("second");
}

void Muon::update(const Step& step) {
  update_matrices(step);
  update_others(step);
}

void Muon::update_matrices(const Step& step) {
  std::vector<Array*> weights, means;
  Arrays gradients;
  MuonUpdate update;
  update.scale = step.gradient_scale;
  update.momentum = options_.momentum;
  update.size = options_.size;
  update.nesterov = options_.nesterov;
  for (std::size_t k = 0; k < maps_.size(); ++k) {
    if (maps_[k].empty()) continue;
    weights.push_back(step.parameters[k].value);
    means.push_back(&state(first)[k]);
    gradients.push_back(step.gradients[k]);
    const double rate = step.learning_rate * rate_factor(k);
    update.tensors.push_back({rate, 1 - rate * weight_decay(k, options_.weight_decay), maps_[k]});
  }
  if (weights.empty()) return;
  weights.insert(weights.end(), means.begin(), means.end());
  apply(update, weights, gradients);
}

void Muon::update_others(const Step& step) {
  std::vector<Array*> weights, means, squares;
  Arrays gradients;
  AdamWUpdate update(options_, false, step.number, step.gradient_scale);
  for (std::size_t k = 0; k < maps_.size(); ++k) {
    if (!maps_[k].empty()) continue;
    weights.push_back(step.parameters[k].value);
    means.push_back(&state(first)[k]);
    squares.push_back(&state(second)[k]);
    gradients.push_back(step.gradients[k]);
    const double rate = step.learning_rate * rate_factor(k);
    update.tensors.push_back({rate / update.bias1, 1 - rate * weight_decay(k, options_.weight_decay)});
  }
  if (weights.empty()) return;
  weights.insert(weights.end(), means.begin(), means.end());
  weights.insert(weights.end(), squares.begin(), squares.end());
  apply(update, weights, gradients);
}

std::unique_ptr<Optimizer> make_optimizer(const MuonOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups) {
  return std::make_unique<Muon>(parameters, options, groups);
}

}  // namespace cartan::nn
