// A model, or several, on the frames of a set, in batches.
#include <algorithm>
#include <functional>

#include "cartan/core/error.hpp"
#include "potentials/committee.hpp"

namespace cartan::potentials {
namespace {

// Of a batch: frames with the pairs within each of the cutoffs that there are.
class Batch {
 public:
  explicit Batch(const std::vector<double>& cutoffs) : cutoffs_(cutoffs), lists_(cutoffs.size()) {}
  void add(const Frame& frame) {
    const NeighborList all = neighbor_list(frame, cutoffs_[0]);
    frames_.push_back(&frame);
    for (std::size_t c = 1; c < cutoffs_.size(); ++c) within(all, cutoffs_[c], lists_[c].emplace_back());
    lists_[0].push_back(all);
  }
  Graph graph(std::size_t c) const {
    std::vector<const NeighborList*> of;
    for (const NeighborList& l : lists_[c]) of.push_back(&l);
    return make_graph(frames_, of);
  }
  std::size_t size() const { return frames_.size(); }

 private:
  const std::vector<double>& cutoffs_;
  std::vector<const Frame*> frames_;
  std::vector<std::vector<NeighborList>> lists_;  // by cutoff
};

// What the members say of a batch, one after another, and their mean and deviations.
class Sums {
 public:
  explicit Sums(std::size_t members) : energy_(members), forces_(members), virial_(members) {}
  void set(std::size_t k, const Prediction& p, bool stress) {
    energy_[k] = p.energy.to_vector<double>();
    forces_[k] = p.forces.to_vector<double>();
    if (stress) virial_[k] = p.virial.to_vector<double>();
  }
  void append_to(Predictions& out, const Graph& graph, bool stress) {
    for (Index b = 0; energy_.size() > 1 && b < graph.molecules; ++b) {
      std::vector<double> energies;
      std::vector<const double*> forces;
      for (std::size_t k = 0; k < energy_.size(); ++k) {
        energies.push_back(energy_[k][b]);
        forces.push_back(forces_[k].data() + 3 * graph.first[b]);
      }
      out.deviation.push_back(deviation(energies, forces, graph.first[b + 1] - graph.first[b]));
    }
    for (auto* rows : {&energy_, &forces_, &virial_}) mean_in_first(*rows);
    for (Index b = 0; b < graph.molecules; ++b) {
      out.energy.push_back(energy_[0][b]);
      out.forces.emplace_back(forces_[0].begin() + 3 * graph.first[b],
                              forces_[0].begin() + 3 * graph.first[b + 1]);
      std::array<double, 9> s{};
      if (stress && graph.volume[b] > 0)
        for (std::size_t k = 0; k < 9; ++k) s[k] = -virial_[0][9 * b + k] / graph.volume[b];
      out.stress.push_back(s);
    }
  }

 private:
  std::vector<std::vector<double>> energy_, forces_, virial_;  // by member
};

Predictions predict_with(const std::vector<const Model*>& members, const FrameSet& set, bool stress,
                         Index atoms_per_batch, const ProgressCallback& progress, const StopFlag* stop) {
  check_members(members);
  std::vector<double> cutoffs;  // the largest first
  for (const Model* m : members) cutoffs.push_back(m->cutoff());
  std::sort(cutoffs.begin(), cutoffs.end(), std::greater<>());
  cutoffs.erase(std::unique(cutoffs.begin(), cutoffs.end()), cutoffs.end());

  Predictions out;
  const Index count = static_cast<Index>(set.frames.size());
  Recording off(false);
  for (Index begin = 0; begin < count;) {
    if (stop && *stop) break;
    Batch batch(cutoffs);
    Index atoms = 0, end = begin;
    for (; end < count &&
           (end == begin || atoms + set.frames[static_cast<std::size_t>(end)].size() <= atoms_per_batch);
         ++end) {
      const Frame& f = set.frames[static_cast<std::size_t>(end)];
      const std::string where = text("frame ", place(set, static_cast<std::size_t>(end)));
      if (f.size() == 0) throw FormatError(set.name, where, "has no atoms");
      try {
        members[0]->check_elements(f.numbers);
        batch.add(f);
      } catch (const std::invalid_argument& error) {
        throw FormatError(set.name, where, error.what());
      }
      atoms += f.size();
    }
    Sums sums(members.size());
    Graph graph;
    for (std::size_t c = 0; c < cutoffs.size(); ++c) {
      graph = batch.graph(c);
      for (std::size_t k = 0; k < members.size(); ++k)
        if (members[k]->cutoff() == cutoffs[c])
          sums.set(k, members[k]->predict(graph, {true, stress, false}), stress);
    }
    sums.append_to(out, graph, stress);
    begin = end;
    if (progress) progress({begin, count, ""});
  }
  return out;
}

}  // namespace

Predictions predict(const Model& model, const FrameSet& set, bool stress, Index atoms_per_batch,
                    const ProgressCallback& progress, const StopFlag* stop) {
  return predict_with({&model}, set, stress, atoms_per_batch, progress, stop);
}

Predictions predict(const std::vector<Model>& members, const FrameSet& set, bool stress,
                    Index atoms_per_batch, const ProgressCallback& progress, const StopFlag* stop) {
  std::vector<const Model*> all;
  for (const Model& m : members) all.push_back(&m);
  return predict_with(all, set, stress, atoms_per_batch, progress, stop);
}

}  // namespace cartan::potentials
