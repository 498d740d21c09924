// The programs whose models are read.
#include <exception>

#include "cartan/core/error.hpp"
#include "potentials/import/importer.hpp"

namespace cartan::potentials {
namespace {

struct Row {
  Importer importer;
  bool (*recognises)(const std::string& path);
  ImportedModel (*read)(const std::string& path, const ImportOptions& options);
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {{"SevenNet", "checkpoints of SevenNet (.pth)"}, is_sevennet, import_sevennet},
      {{"torchmd-net", "checkpoints of torchmd-net (.ckpt, TensorNet)"}, is_torchmdnet, import_torchmdnet},
      {{"MACE", "arrays of MACE (.h5, by benchmarks/peers/export_mace.py)"}, is_mace, import_mace},
      {{"fairchem",
        "state dicts and checkpoints of fairchem (.pt; eSEN, EquiformerV2, eSCN), or their arrays "
        "with the attribute config (.h5)"},
       is_fairchem,
       import_fairchem},
  };
  return rows;
}

}  // namespace

void describe(config::Fields& f, ImportOptions& o) {
  f("task", o.task, "the kind of labels, where a file was trained on several (PBE, R2SCAN)")
      .optional("the file has one");
  f("energy_unit", o.energy_unit, "torchmd-net: of its energies, which the file does not say")
      .one_of({"eV", "kcal/mol", "Hartree"});
  f("reverse_edges", o.reverse_edges, "torchmd-net, SO(3): trained with its default operations");
  f("direct_forces", o.direct_forces, "fairchem: forces of the network's own head, which conserve nothing");
}

std::vector<Importer> importers() {
  std::vector<Importer> out;
  for (const Row& row : table()) out.push_back(row.importer);
  return out;
}

ImportedModel import_model(const std::string& path, const ImportOptions& options) {
  std::string known;
  std::exception_ptr damaged;  // of a file that some cannot open; others may know better
  const auto recognises = [&](const Row& row) {
    try {
      return row.recognises(path);
    } catch (const FormatError& error) {
      if (std::string(error.what()).find("mentions mace.") != std::string::npos)
        throw FormatError(path, "",
                          "is a whole model of mace-torch, which only Python can open; write its arrays with "
                          "benchmarks/peers/export_mace.py and import these");
      if (!damaged) damaged = std::current_exception();
      return false;
    }
  };
  for (const Row& row : table()) {
    if (recognises(row)) {
      const bool own = row.read == import_torchmdnet;
      require(own || (options.energy_unit == "eV" && !options.reverse_edges), "[import] ", path,
              " is a file of ", row.importer.name, "; energy_unit and reverse_edges are for torchmd-net");
      require(!options.direct_forces || row.read == import_fairchem, "[import] ", path, " is a file of ",
              row.importer.name, "; direct_forces is for fairchem");
      return row.read(path, options);
    }
    known += (known.empty() ? "" : "; ") + std::string(row.importer.files);
  }
  if (damaged) std::rethrow_exception(damaged);
  throw FormatError(path, "", "is no model that is read. These are: " + known);
}

}  // namespace cartan::potentials
