#pragma once
/// Several models of the same elements as one: their mean, and how far they are apart, which tells where none
/// of them should be trusted.

#include <memory>
#include <vector>

#include <cartan/potentials/training.hpp>

namespace cartan::potentials {

/// The mean of its members as an engine: energies, forces and virial of one function, derivatives of one
/// another. Pairs are searched once, and members of one cutoff share one graph.
class Committee : public Engine {
 public:
  /// Members may be of any kinds, precisions and cutoffs.
  /// @param skin  Angstrom, of the Verlet list
  /// Throws std::invalid_argument for no members, and for members of other elements than the first.
  explicit Committee(std::vector<Model> members, double skin = 0.5);
  ~Committee() override;
  Committee(Committee&&) noexcept;

  void compute(const System& system, Results& results) override;
  double cutoff() const override { return list_.cutoff(); }  ///< the largest of the members'
  const std::vector<Model>& members() const { return members_; }

  /// Of the last call, of owned atoms; of forces where those were asked for. Forces on ghosts count for their
  /// owners, where those are known.
  const Deviation& deviation() const { return deviation_; }
  /// Energy of each member in the last call, eV.
  const std::vector<double>& energies() const { return energies_; }

 private:
  struct Workspace;
  std::vector<Model> members_;
  VerletList list_;
  Deviation deviation_;
  std::vector<double> energies_;
  std::unique_ptr<Workspace> work_;
};

/// A committee as a Potential for dynamics and relaxation. Evaluations hold the deviations, unless it has one
/// member alone.
class CommitteePotential : public Potential {
 public:
  explicit CommitteePotential(std::vector<Model> members, double skin = 0.5)
      : engine_(std::move(members), skin) {}
  Evaluation evaluate(const Frame& frame) override;
  double cutoff() const override { return engine_.cutoff(); }
  bool conservative() const override;  ///< all members are
  const std::vector<Model>& members() const { return engine_.members(); }

 private:
  Committee engine_;
};

/// predict() for the members at once, with deviations. Throws as that does and as Committee does.
Predictions predict(const std::vector<Model>& members, const FrameSet& set, bool stress,
                    Index atoms_per_batch = 256, const ProgressCallback& progress = {},
                    const StopFlag* stop = nullptr);

}  // namespace cartan::potentials
