// cartan chebyshev electrostatics FILE.pqr: the potential of point charges, with energy and forces.

#include <cartan/chebyshev/electrostatics.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/point_charges.hpp>
#include <cmath>

#include <cstdio>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "chebyshev_common.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

using namespace cartan::chebyshev;
using nlohmann::ordered_json;

constexpr double farthest = 1e9;  // A

struct Options {
  std::string file, out, kernel = "newton", pdb_charges = "formal", box, lattice, repeat;
  std::vector<std::string> slices;
  FieldOptions field;
  double screening = 0;
  bool json = false, force = false, no_energy = false;
};

/// Everything that is known at the end.
struct Outcome {
  FieldResult made;
  ElectrostaticField stored;
  FieldErrors errors;  // of what is stored
  ElectrostaticEnergy energy;
  double seconds = 0;
};

// What is the file's fault is said with its line: coordinates and charges whose squares overflow or drown all
// others, two charges at one place.
void check_file(const data::PointCharges& p, const Array& positions) {
  constexpr double largest = 1e100;
  for (std::size_t i = 0; i < p.charges.size(); ++i) {
    const auto fail = [&](const std::string& what) {
      throw FormatError(p.path, text("line ", p.lines[i]), what);
    };
    for (std::size_t k = 0; k < 3; ++k)
      if (const double x = p.positions[3 * i + k]; std::abs(x) > farthest)
        fail(text("the coordinate ", "xyz"[k], " is ", x, " A; expected at most ", farthest, " in size"));
    if (std::abs(p.charges[i]) > largest)
      fail(text("the charge is ", p.charges[i], " e; expected at most ", largest, " in size"));
  }
  const auto same = coincident(positions);
  if (same[0] < 0) return;
  const auto line = [&](Index i) { return p.lines[static_cast<std::size_t>(i)]; };
  const double* x = positions.data<double>() + 3 * same[0];
  throw FormatError(p.path, text("line ", line(same[1])),
                    text("the charge is at the same place as that of line ", line(same[0]), ", (", x[0], ", ",
                         x[1], ", ", x[2], "): the energy is infinite"));
}

// The long-range part with the smallest ranks that keep the tolerance.
ElectrostaticField store(const Options& o, const FieldResult& made, FieldErrors& errors) {
  for (double tolerance = 0.3 * o.field.tolerance; tolerance > 1e-13; tolerance *= 0.1) {
    ElectrostaticField small = made.field.rounded(tolerance);
    errors = compare_with_direct(small, 200, o.field.seed);
    if (errors.rel_max <= std::max(o.field.tolerance, made.errors.rel_max)) return small;
  }
  errors = made.errors;
  return made.field;
}

Lattice parse_lattice(const Options& o) {
  Lattice l;
  require(o.lattice.empty() == o.repeat.empty(), "--lattice and --repeat go together");
  if (o.lattice.empty()) return l;
  const auto edges = parse_numbers(o.lattice, "--lattice");
  const auto counts = parse_integers(o.repeat, "--repeat");
  require(edges.size() == 3 && counts.size() == 3, "--lattice A,B,C and --repeat NX,NY,NZ: found ",
          edges.size(), " and ", counts.size(), " numbers");
  constexpr double most = 1e7;
  double copies = 1;
  for (std::size_t k = 0; k < 3; ++k) {
    require(edges[k] > 0, "--lattice: the edge ", edges[k], " A is not positive");
    require(counts[k] >= 1, "--repeat: ", counts[k], " copies; expected at least 1");
    l.spacing[k] = edges[k];
    l.counts[k] = counts[k];
    copies *= static_cast<double>(counts[k]);
  }
  require(copies <= most, "--repeat: ", copies, " copies; at most ", most);
  return l;
}

ordered_json report(const Options& o, const data::PointCharges& p, const Outcome& r) {
  ordered_json j = fit_report(r.stored.long_range(), r.errors.rel_max, r.errors.rel_l2, r.seconds);
  double total = 0;
  for (const double q : p.charges) total += q;
  total *= static_cast<double>(r.stored.size() / p.size());
  j["n_charges"] = r.stored.size();
  j["total_charge_e"] = total;
  if (!o.no_energy) {
    j["energy_ev"] = r.energy.energy;
    j["energy_long_range_ev"] = r.energy.long_range;
    j["energy_short_range_ev"] = r.energy.short_range;
  }
  j["kernel"] = o.kernel;
  j["cutoff_ang"] = r.stored.cutoff();
  j["box_ang"] = {r.stored.box().low, r.stored.box().high};
  j["tolerance"] = o.field.tolerance;
  j["converged"] = r.made.converged;
  j["notes"] = ordered_json::array();
  for (const std::string& note : p.notes) j["notes"].push_back(printable(note));
  return j;
}

void save(const Options& o, const data::PointCharges& p, const Outcome& r, ordered_json j) {
  j.erase("seconds");  // equal runs give equal files
  data::Group root;
  r.stored.save(root["field"]);
  data::Group& field = root["field"];
  if (!o.no_energy) {
    field.set("potential", r.energy.potential, "V", "charge");
    field.set("forces", r.energy.forces, "eV/Angstrom", "charge, xyz");
    root.attributes["energy_ev"] = r.energy.energy;
  }
  root.attributes["rel_error_max"] = r.errors.rel_max;
  root.attributes["rel_error_l2"] = r.errors.rel_l2;
  root.attributes["source"] = p.path;
  data::save(o.out, root, {field_format, 1, "", json_text(j)});
}

void print(const Options& o, const data::PointCharges& p, const Outcome& r) {
  const ChebyshevTucker& f = r.stored.long_range();
  const auto d = f.degrees();
  std::printf("%-16s %lld in %s\n", "charges", static_cast<long long>(p.size()), o.file.c_str());
  if (r.stored.size() > p.size())
    std::printf("%-16s %lld charges, cell %s A, repeated %s\n", "lattice",
                static_cast<long long>(r.stored.size()), o.lattice.c_str(), o.repeat.c_str());
  std::printf("%-16s ranks %lld %lld %lld, degrees %lld %lld %lld, %.0f times smaller than full\n",
              "long range", static_cast<long long>(f.ranks()[0]), static_cast<long long>(f.ranks()[1]),
              static_cast<long long>(f.ranks()[2]), static_cast<long long>(d[0]),
              static_cast<long long>(d[1]), static_cast<long long>(d[2]), f.compression());
  std::printf("%-16s below %.4g A\n", "short range", r.stored.cutoff());
  std::printf(
      "%-16s max %.2e of the largest potential, L2 %.2e of the root mean square, against direct sums\n",
      "error", r.errors.rel_max, r.errors.rel_l2);
  if (!o.no_energy) std::printf("%-16s %.10g eV\n", "energy", r.energy.energy);
  std::printf("%-16s %.3f s\n", "time", r.seconds);
  std::fflush(stdout);
}

void run(const Options& o) {
  const data::PointCharges p = data::read_point_charges(o.file, data::pdb_charges_from_name(o.pdb_charges));
  for (const std::string& note : p.notes) std::cerr << "cartan: " << printable(note) << "\n";
  const Array positions = Array::from(p.positions, {p.size(), 3}), charges = Array::from(p.charges);
  check_file(p, positions);
  FieldOptions f = o.field;
  f.kernel = {kernel_from_name(o.kernel), o.screening};
  f.stop = &context().stop;
  f.lattice = parse_lattice(o);
  if (!o.box.empty()) f.box = parse_box(o.box, 3);
  const Box box = f.box.dim() ? f.box : bounding_box(f.lattice.positions(positions), f.margin);
  std::vector<Slice> slices;
  for (const std::string& s : o.slices) slices.push_back(parse_slice(s, box));
  std::vector<std::string> files = slice_paths(o.out, slices);
  files.insert(files.begin(), o.out);
  refuse_existing(files, o.force);

  ProgressBar bar("planning");
  f.progress = bar.callback();
  const double begin = seconds_since_start();
  FieldResult made = make_field(positions, charges, f);
  stop_if_asked();
  FieldErrors errors;
  ElectrostaticField stored = store(o, made, errors);
  stop_if_asked();
  Outcome r{made, stored, errors, {}, 0};
  if (!o.no_energy) r.energy = made.field.energy();
  r.made.converged = errors.rel_max <= o.field.tolerance && std::isfinite(errors.rel_l2) &&
                     (o.no_energy || std::isfinite(r.energy.energy));
  r.seconds = seconds_since_start() - begin;
  bar.finish();
  stop_if_asked();
  ordered_json j = report(o, p, r);
  save(o, p, r, j);
  for (std::size_t k = 0; k < slices.size(); ++k)
    draw_slice(
        files[k + 1], slices[k], box, [&](const Array& x) { return r.stored.potential(x); }, field_words());
  j["files"] = files;
  if (o.json)
    std::cout << json_text(j) << "\n";
  else {
    print(o, p, r);
    for (const std::string& name : files) std::printf("%-16s %s\n", "written", name.c_str());
  }
  if (!r.made.converged) {
    context().exit_code = not_reached;
    std::cerr << "cartan: the error is " << r.errors.rel_max << ", the tolerance " << o.field.tolerance
              << ": a larger --cutoff helps\n";
  }
}

}  // namespace

void add_chebyshev_electrostatics(CLI::App& chebyshev) {
  CLI::App* verb =
      chebyshev.add_subcommand("electrostatics", "Potential, energy and forces of point charges");
  auto o = std::make_shared<Options>();
  verb->add_option("file", o->file, "Charges: .pqr, .pdb .ent .pdbqt, .xyz .extxyz with charges")->required();
  verb->add_option("--out", o->out, "The field, for `chebyshev eval` (default field.h5)");
  verb->add_option("--kernel", o->kernel, "newton, yukawa or slater (default newton)")
      ->check(CLI::IsMember({"newton", "yukawa", "slater"}));
  CLI::Option* screening = verb->add_option("--screening", o->screening, "Constant of yukawa and slater, 1/A")
                               ->check(number_from(0, farthest));
  add_field_options(verb, config::fields_of(o->field));
  verb->add_option("--box", o->box, "XLOW,XHIGH,YLOW,YHIGH,ZLOW,ZHIGH instead of one around the charges, A");
  verb->add_option("--lattice", o->lattice, "A,B,C: edges of a rectangular cell of which the file is one, A");
  verb->add_option("--repeat", o->repeat, "NX,NY,NZ: cells along the edges, in free space");
  verb->add_option("--pdb-charges", o->pdb_charges, "Where a .pdb has charges: formal, occupancy, b-factor")
      ->check(CLI::IsMember({"formal", "occupancy", "b-factor"}));
  verb->add_option("--slice", o->slices,
                   "Draw the plane x, y or z (in the middle), or x=VALUE, as SVG; repeatable")
      ->allow_extra_args(false);
  verb->add_flag("--no-energy", o->no_energy, "The potential alone");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_example(verb,
              "cartan chebyshev electrostatics data/salt.pqr --tolerance 1e-6 --slice z=5.64 --out "
              "field.h5 --force");
  verb->callback([o, screening] {
    require((o->kernel != "newton") == (screening->count() > 0),
            "--screening goes with --kernel yukawa or slater, which need it");
    if (o->out.empty()) o->out = "field.h5";
    run(*o);
  });
}

}  // namespace cartan::app
