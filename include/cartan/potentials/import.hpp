#pragma once
/// Models that other programs trained, as models of Cartan: the same energies, forces and stress.
///
/// To add a program: a source file in src/potentials/import and a line in its table.cpp.

#include <string>
#include <vector>

#include <cartan/potentials/model.hpp>

namespace cartan::potentials {

struct ImportOptions {
  /// Of a file that was trained on several kinds of labels (SevenNet-MF: "PBE", "R2SCAN"; MACE: a head;
  /// fairchem: a group of an HDF5 file):
  /// which.
  std::string task;
  /// Of files that do not say theirs (torchmd-net): "eV", "kcal/mol", "Hartree".
  std::string energy_unit = "eV";
  /// SO(3) models of torchmd-net: edges in the sense of its default operations (Warp), not of its plain ones.
  bool reverse_edges = false;
  /// EquiformerV2 and eSCN of fairchem: forces by the network's own head, which conserve nothing, rather than
  /// the gradient of its energy.
  bool direct_forces = false;
};
void describe(config::Fields& fields, ImportOptions& options);

struct ImportedModel {
  Model model;                     ///< float64, so that nothing is lost
  DType dtype = DType::f32;        ///< in which it was trained
  std::string source;              ///< "SevenNet 0.9.2"
  std::vector<std::string> notes;  ///< what was left out or assumed
};

/// Reads a checkpoint, whose program is told by its content. Throws FormatError for one of another program or
/// architecture, a damaged one, one that holds code; std::invalid_argument for a task that it does not have.
ImportedModel import_model(const std::string& path, const ImportOptions& options = {});

/// What import_model() reads.
struct Importer {
  const char* name;
  const char* files;  ///< in words
};
std::vector<Importer> importers();

}  // namespace cartan::potentials
