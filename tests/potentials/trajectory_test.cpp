#include <gtest/gtest.h>

#include <cartan/core/error.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/potentials/trajectory.hpp>

#include <filesystem>

#include "potentials/test_potentials.hpp"
#include "temporary.hpp"

namespace cartan::potentials {
namespace {

using cartan::testing::Temporary;
using test::fcc;
using test::LennardJones;

LennardJones argon() {
  return LennardJones(0.0104, 3.4, 6.5);
}

DynamicsOptions npt() {
  DynamicsOptions o;
  o.ensemble = Ensemble::npt;
  o.temperature = 60;
  o.compressibility = 20;
  o.sample_every = 5;
  return o;
}

TrajectoryOptions everything() {
  TrajectoryOptions t;
  t.forces = true;
  t.author = "A. Tester";
  t.config = "steps = 40";
  return t;
}

TEST(Trajectory, HoldsTheRunAsH5md) {
  const Temporary folder;
  const std::string path = folder.path("run.h5");
  LennardJones lj = argon();
  Dynamics md(lj, fcc(2, 5.4, 0.1), npt());
  std::vector<DynamicsState> states;
  std::vector<Observables> seen;
  {
    TrajectoryWriter out(path, md.state().frame, everything());
    run(md, 40, [&](const Dynamics& d, const Observables& o) {
      out.append(d, o);
      states.push_back(d.state());
      seen.push_back(o);
    });
    EXPECT_EQ(out.frames(), 9);
    EXPECT_FALSE(std::filesystem::exists(path));
    out.close();
  }
  const TrajectoryReader in(path);
  ASSERT_EQ(in.frames(), 9);
  for (Index k = 0; k < 9; ++k) {
    const DynamicsState& s = states[static_cast<std::size_t>(k)];
    const Frame f = in.read(k);
    EXPECT_EQ(in.step(k), 5 * k);
    EXPECT_EQ(in.time(k), s.time);
    EXPECT_EQ(f.numbers, s.frame.numbers);
    EXPECT_EQ(f.positions, s.frame.positions);
    EXPECT_EQ(f.velocities, s.frame.velocities);
    EXPECT_EQ(f.forces, s.evaluation.forces);
    EXPECT_EQ(f.cell, s.frame.cell);
    EXPECT_EQ(f.pbc, s.frame.pbc);
    EXPECT_EQ(*f.energy, s.evaluation.energy);
    EXPECT_EQ(in.observable("temperature")[static_cast<std::size_t>(k)],
              seen[static_cast<std::size_t>(k)].temperature);
    EXPECT_EQ(in.observable("volume")[static_cast<std::size_t>(k)], s.frame.volume());
  }
  EXPECT_NE(in.read(0).cell, in.read(8).cell);
  EXPECT_THROW(in.read(9), std::invalid_argument);
  EXPECT_THROW(in.observable("entropy"), FormatError);

  // What the H5MD specification asks for.
  const data::Hdf5File file(path);
  const data::Group g = file.outline();
  EXPECT_EQ(g.group("h5md").integers("version"), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(g.group("h5md/author").string("name"), "A. Tester");
  EXPECT_EQ(g.group("h5md/creator").string("name"), "cartan");
  EXPECT_FALSE(g.group("h5md/creator").string("version").empty());
  const data::Group& box = g.group("particles/atoms/box");
  EXPECT_EQ(box.integer("dimension"), 3);
  EXPECT_EQ(box.strings("boundary"), (std::vector<std::string>{"periodic", "periodic", "periodic"}));
  const auto unit = [&](const std::string& group, const std::string& item) {
    return std::get<std::string>(g.group(group).items().at(item).attributes.at("unit"));
  };
  EXPECT_EQ(unit("particles/atoms/position", "value"), "Angstrom");
  EXPECT_EQ(unit("particles/atoms/position", "time"), "fs");
  EXPECT_EQ(unit("particles/atoms/velocity", "value"), "Angstrom fs-1");
  EXPECT_EQ(unit("observables/pressure", "value"), "eV Angstrom-3");
  EXPECT_EQ(file.shape("particles/atoms/position/value"), (Shape{9, 32, 3}));
  EXPECT_EQ(file.shape("particles/atoms/box/edges/value"), (Shape{9, 3, 3}));
  EXPECT_EQ(file.shape("particles/atoms/position/step"), (Shape{9}));
  EXPECT_EQ(file.header().config, "steps = 40");
}

TEST(Trajectory, MoleculeWithoutCellInSinglePrecision) {
  const Temporary folder;
  const std::string path = folder.path("molecule.h5");
  Frame f;
  f.numbers = {8, 1, 1};
  f.positions = {0, 0, 0.1, 0.7, 0, -0.4, -0.7, 0, -0.4};
  TrajectoryOptions t;
  t.velocities = false;
  t.dtype = DType::f32;
  TrajectoryWriter out(path, f, t);
  out.append(f, 0, 0, {{"potential_energy", -1.5}, {"dipole", 2}});
  f.positions[0] = 1;
  out.append(f, 4, 2.5, {{"potential_energy", -2.5}, {"dipole", 3}});
  EXPECT_THROW(out.append(f, 5, 3, {{"quadrupole", 2}}), std::invalid_argument);
  Frame boxed = f;
  boxed.cell[0] = 3;
  EXPECT_THROW(out.append(boxed, 5, 3, {{"potential_energy", 1}, {"dipole", 3}}), std::invalid_argument);
  out.close();
  const TrajectoryReader in(path);
  EXPECT_EQ(in.frames(), 2);  // a refused frame leaves nothing behind
  EXPECT_EQ(in.read(1).positions[0], 1);
  EXPECT_EQ(in.read(0).positions[3], double(0.7F));
  EXPECT_TRUE(in.read(1).velocities.empty());
  EXPECT_FALSE(in.read(1).periodic());
  EXPECT_EQ(in.observable("dipole"), (std::vector<double>{2, 3}));
}

TEST(Trajectory, IsAKindOfFileOfFrames) {
  const Temporary folder;
  const std::string path = folder.path("run.h5");
  LennardJones lj = argon();
  Frame start = fcc(1, 5.4, 0.1);
  start.charge = 2;
  start.arrays["masses"] = Array::full({start.size()}, 36.0, DType::f64);
  DynamicsOptions o;
  Dynamics md(lj, start, o);
  TrajectoryWriter out(path, start);
  run(md, 40, [&](const Dynamics& d, const Observables& now) { out.append(d, now); });
  out.close();
  EXPECT_EQ(data::frame_format(path).name, "h5md");
  EXPECT_TRUE(data::holds_frames(path));
  const TrajectoryReader in(path);
  const auto frames = data::read_frames(path);
  ASSERT_EQ(static_cast<Index>(frames.size()), in.frames());
  for (Index k = 0; k < in.frames(); ++k) {
    const Frame &a = frames[static_cast<std::size_t>(k)], b = in.read(k);
    EXPECT_EQ(a.positions, b.positions);
    EXPECT_EQ(a.velocities, b.velocities);
    EXPECT_EQ(a.cell, b.cell);
    EXPECT_EQ(a.energy, b.energy);
    EXPECT_EQ(a.charge, 2);
    EXPECT_EQ(a.arrays.at("masses").data<double>()[0], 36);
    EXPECT_EQ(std::get<std::int64_t>(a.info.at("step")), in.step(k));
    EXPECT_EQ(std::get<double>(a.info.at("time_fs")), in.time(k));
    EXPECT_EQ(std::get<double>(a.info.at("temperature")),
              in.observable("temperature")[static_cast<std::size_t>(k)]);
  }
  EXPECT_EQ(data::read_frames(path, "-1").at(0).positions, frames.back().positions);
  EXPECT_EQ(data::read_frames(path, "::20").size(), (frames.size() + 19) / 20);
  // through text and back
  data::write_frames(folder.path("run.xyz"), frames);
  const auto back = data::read_frames(folder.path("run.xyz"));
  ASSERT_EQ(back.size(), frames.size());
  EXPECT_EQ(back.back().positions, frames.back().positions);
  // written as momenta, to a rounding
  ASSERT_EQ(back.back().velocities.size(), frames.back().velocities.size());
  for (std::size_t c = 0; c < back.back().velocities.size(); ++c)
    EXPECT_LE(std::abs(back.back().velocities[c] / frames.back().velocities[c] - 1), 5e-16);
  EXPECT_EQ(back.back().energy, frames.back().energy);
  EXPECT_EQ(back.back().charge, 2);
}

TEST(Trajectory, OfAnotherProgramIsNamed) {
  const Temporary folder;
  data::Group root;
  root["h5md"].attributes["version"] = std::vector<std::int64_t>{1, 1};
  root.set("particles/all/position/value", Array::zeros({2, 3, 3}, DType::f64));
  data::save(folder.path("other.h5"), root, {"h5md", 1, "", ""});
  EXPECT_THROW(data::read_frames(folder.path("other.h5")), FormatError);  // no atoms where Cartan has them
}

std::string bytes_of_run(const Temporary& folder, const std::string& name, Index cut, bool finished) {
  const std::string path = folder.path(name);
  LennardJones lj = argon();
  const Frame start = fcc(1, 5.4, 0.1);
  if (cut < 0) {
    Dynamics md(lj, start, npt());
    TrajectoryWriter out(path, start, everything());
    run(md, 60, [&](const Dynamics& d, const Observables& o) { out.append(d, o); });
    out.close();
    return Temporary::contents(path);
  }
  DynamicsState checkpoint;
  Index frames = 0;
  {
    Dynamics md(lj, start, npt());
    TrajectoryWriter out(path, start, everything());
    const auto write = [&](const Dynamics& d, const Observables& o) { out.append(d, o); };
    run(md, cut, write);
    out.flush();
    checkpoint = md.state();
    frames = out.frames();
    run(md, 14, write);  // lost work: past the checkpoint
    if (finished) out.close();
  }
  LennardJones fresh = argon();
  Dynamics md(fresh, checkpoint, npt());
  TrajectoryWriter out(path, start, everything(), frames);
  EXPECT_EQ(out.frames(), frames);
  run(md, 60 - cut, [&](const Dynamics& d, const Observables& o) { out.append(d, o); });
  out.close();
  return Temporary::contents(path);
}

TEST(Trajectory, GoesOnFromACheckpointToTheSameFile) {
  const Temporary folder;
  const std::string whole = bytes_of_run(folder, "whole.h5", -1, false);
  EXPECT_GT(whole.size(), 1000U);
  EXPECT_EQ(bytes_of_run(folder, "killed.h5", 22, false), whole);
  EXPECT_EQ(bytes_of_run(folder, "finished.h5", 38, true), whole);
}

TEST(Trajectory, RefusesToGoOnWithSomethingElse) {
  const Temporary folder;
  const std::string path = folder.path("run.h5");
  const Frame f = fcc(1, 5.4);
  TrajectoryOptions t;
  t.velocities = false;
  {
    TrajectoryWriter out(path, f, t);
    out.append(f, 0, 0, {{"potential_energy", 1}});
    EXPECT_THROW(out.append(fcc(2, 5), 1, 1, {{"potential_energy", 1}}), std::invalid_argument);
    out.close();
  }
  EXPECT_THROW(TrajectoryWriter(path, f, t, 2), FormatError);
  EXPECT_THROW(TrajectoryWriter(path, fcc(2, 5.4), t, 1), FormatError);
  t.velocities = true;
  EXPECT_THROW(TrajectoryWriter(path, f, t, 1), FormatError);
  EXPECT_THROW(TrajectoryWriter(path, f, t, -1), std::invalid_argument);
  EXPECT_THROW(TrajectoryWriter(path, f, t).append(f, 0, 0, {}), std::invalid_argument);  // no velocities
  EXPECT_THROW(TrajectoryReader(folder.path("none.h5")), IoError);
  data::Group other;
  other.set("a", Array::zeros({2}, DType::f64));
  data::save(folder.path("other.h5"), other, {"cartan-other", 1, "", ""});
  EXPECT_THROW(TrajectoryReader(folder.path("other.h5")), FormatError);
}

}  // namespace
}  // namespace cartan::potentials
