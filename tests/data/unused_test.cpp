#include <cartan/data/readers.hpp>
#include <cartan/data/unused.hpp>

#include <gtest/gtest.h>

#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

Frame frame_of(const std::string& keys, const std::string& columns = "", const std::string& values = "") {
  Temporary folder;
  return read_extxyz(folder.file("a.xyz", "1\nProperties=species:S:1:pos:R:3" + columns + " " + keys +
                                              "\nH 0 0 0" + values + "\n"))
      .at(0);
}

const Unused* find(const std::vector<Unused>& list, const std::string& name) {
  for (const Unused& u : list)
    if (u.name == name) return &u;
  return nullptr;
}

}  // namespace

// A key and a column of every kind of value, and physics under many names.
TEST(Unused, EveryKeyAndColumnIsInTheList) {
  const Frame f = frame_of(
      "number=1.5 integer=2 truth=T word=abc list=\"1 2\" nested=[[1,2],[3,4]] json=\"_JSON [1]\" flag",
      ":r:R:1:i:I:2:l:L:1:s:S:1", " 1 2 3 T x");
  const auto list = not_used(f);
  for (const char* name :
       {"number", "integer", "truth", "word", "list", "nested", "json", "flag", "r", "i", "l", "s"}) {
    const Unused* u = find(list, name);
    ASSERT_TRUE(u) << name;
    EXPECT_FALSE(u->physics) << name;
  }
  EXPECT_EQ(list.size(), 12u);
  for (const char* key : {"spin=1", "Spin_multiplicity=3", "total_magmom=2.0", "electric_field=\"0 0 1\"",
                          "constraints=abc", "energy_units=Ha", "config_weight=2", "energy_sigma=0.1",
                          "box=\"1 2 3\"", "isotope=2", "atomic_charges=\"0.5\"", "n_unpaired=2"}) {
    const std::string name = std::string(key).substr(0, std::string(key).find('='));
    const Frame given = frame_of(key);
    const auto keys = not_used(given);
    const Unused* u = find(keys, name);
    ASSERT_TRUE(u) << key;
    EXPECT_TRUE(u->physics) << key;
    EXPECT_FALSE(u->why.empty()) << key;
  }
  for (const char* column : {"magmoms", "initial_charges", "charge", "q", "spins", "force_sigma"}) {
    const Frame given = frame_of("", std::string(":") + column + ":R:1", " 0.5");
    const auto columns = not_used(given);
    const Unused* u = find(columns, column);
    ASSERT_TRUE(u) << column;
    EXPECT_TRUE(u->physics) << column;
  }
}

TEST(Unused, WhatIsUsedIsNotInTheList) {
  const Frame f = frame_of("Lattice=\"9 9 9\" energy=-1 charge=1 stress=\"0 0 0 0 0 0\"",
                           ":forces:R:3:masses:R:1:move_mask:L:1", " 0 0 0 1 T");
  EXPECT_TRUE(not_used(f).empty());
}

TEST(Unused, WhatAReaderPassedOverComesFirstAndOnce) {
  Frame f;
  f.unused.push_back({"block", "a block of the file", true});
  f.info["block"] = 1.0;
  f.info["comment"] = std::string("words");
  const auto list = not_used(f);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].why, "a block of the file");
}

TEST(Unused, FramesKnowTheirPlaceInTheFile) {
  Temporary folder;
  std::string text;
  std::vector<Frame> frames;
  for (int k = 0; k < 7; ++k) text += "1\nProperties=species:S:1:pos:R:3\nH 0 0 " + std::to_string(k) + "\n";
  const std::string xyz = folder.file("a.xyz", text), h5 = folder.path("a.h5"), npz = folder.path("a.npz");
  write_frames(h5, read_frames(xyz));
  write_frames(npz, read_frames(xyz));
  for (const std::string& path : {xyz, h5, npz})
    for (const char* range : {"", "3", "-2", "2:", "::2", "1:6:3", "::-1", "5:1:-2"}) {
      for (const Frame& f : read_frames(path, range))
        EXPECT_EQ(static_cast<double>(f.index), f.positions[2]) << path << " " << range;
    }
  EXPECT_EQ(FrameFile(h5).read(4).index, 4);
}
