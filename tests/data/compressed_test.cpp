// Text files compressed by gzip: read on the way, damage named with its place.

#include <cartan/core/error.hpp>
#include <cartan/data/point_charges.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <fstream>
#include <thread>

#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

std::string gzip(const std::string& bytes) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

const std::string water =
    "3\nProperties=species:S:1:pos:R:3 energy=-4.5\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n";

// Frames that deflate cannot shrink much.
std::string many(int count) {
  std::string out;
  unsigned x = 1;
  for (int i = 0; i < count; ++i) {
    out += "1\nProperties=species:S:1:pos:R:3 energy=" + std::to_string(i) + "\nH";
    for (int k = 0; k < 3; ++k) out += " 0." + std::to_string(x = x * 1664525u + 1013904223u);
    out += "\n";
  }
  return out;
}

void expect_refused(const Temporary& t, const std::string& name, const std::string& bytes,
                    const std::string& words) {
  try {
    read_frames(t.file(name, bytes));
    ADD_FAILURE() << name << ": no error; expected " << words;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

}  // namespace

TEST(Compressed, TextFormatsReadAsTheyAre) {
  Temporary t;
  for (const char* name : {"a.xyz.gz", "a.XYZ.GZ", "a.gz", "no_name"}) {
    const auto frames = read_frames(t.file(name, gzip(water)));
    ASSERT_EQ(frames.size(), 1u) << name;
    EXPECT_EQ(frames[0].numbers, (std::vector<int>{8, 1, 1}));
    EXPECT_EQ(frames[0].energy, -4.5);
    EXPECT_EQ(frame_format(t.path(name)).name, "xyz");
  }
  EXPECT_EQ(read_extxyz(t.path("a.gz")).size(), 1u);
  const auto poscar =
      read_frames(t.file("POSCAR.gz", gzip("c\n1\n4 0 0\n0 4 0\n0 0 4\nO\n1\nDirect\n0 0 .5\n")));
  EXPECT_EQ(poscar.at(0).positions[2], 2);
  EXPECT_EQ(
      read_point_charges(t.file("a.pqr.gz", gzip("ATOM 1 N ALA 1 0 0 0 -1 1\nATOM 2 N ALA 1 0 0 1 1 1\n")))
          .size(),
      2);
}

TEST(Compressed, SeveralMembersAndRangesAreOneFile) {
  Temporary t;
  const std::string path =
      t.file("a.xyz.gz", gzip(many(2000)) + gzip(water) + gzip("") + std::string(512, '\0'));
  const auto frames = read_frames(path);
  ASSERT_EQ(frames.size(), 2001u);
  EXPECT_EQ(frames[1999].energy, 1999);
  EXPECT_EQ(frames[2000].energy, -4.5);
  EXPECT_EQ(read_frames(path, "-2").at(0).energy, 1999);
}

TEST(Compressed, APipeIsUnpackedToo) {
  Temporary t;
  const std::string path = t.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path, std::ios::binary) << gzip(many(300)); });
  EXPECT_EQ(read_frames(path).size(), 300u);
  writer.join();
  EXPECT_THROW(read_frames(path, "::2"), std::invalid_argument);  // it would have to be read twice
}

TEST(Compressed, DamageIsNamedWithItsPlace) {
  Temporary t;
  const std::string good = gzip(many(3000));
  expect_refused(t, "a.xyz.gz", good.substr(0, good.size() / 2), "truncated");
  expect_refused(t, "a.xyz.gz", good.substr(0, good.size() / 2),
                 "byte " + std::to_string(good.size() / 2) + " of the compressed file");
  for (const std::size_t n : {good.size() - 1, good.size() - 7, std::size_t{5}, std::size_t{2}})
    expect_refused(t, "a.xyz.gz", good.substr(0, n), "truncated");
  std::string wrong = good;
  wrong[good.size() - 6] = static_cast<char>(wrong[good.size() - 6] ^ 1);  // of the checksum
  expect_refused(t, "a.xyz.gz", wrong, "damaged");
  expect_refused(t, "a.xyz.gz", good + "more", "damaged");
  expect_refused(t, "a.xyz.gz", "\x1f\x8b\x08 and so on", "damaged");
  expect_refused(t, "a.xyz.gz", gzip("no frames\n"), "number of atoms");
}

TEST(Compressed, BombsAreRefusedBeforeMemoryIsTaken) {
  Temporary t;
  expect_refused(t, "a.xyz.gz", gzip("999999999\n\n" + std::string(1000, ' ')), "999999999 atoms announced");
  // 80 MB of one line out of 80 kB
  expect_refused(t, "b.xyz.gz", gzip("1\n" + std::string(80 << 20, ' ')), "longer than");
}

TEST(Compressed, OthersAreNamed) {
  Temporary t;
  expect_refused(t, "a.xyz.xz",
                 "\xfd"
                 "7zXZ and so on",
                 "compressed file (xz");
  expect_refused(t, "a.xyz.bz2", "BZh91AY", "compressed file (bzip2");
  expect_refused(t, "a.xyz.zst", "\x28\xb5\x2f\xfd and", "compressed file (zstd");
  expect_refused(t, "a.xyz.Z", "\x1f\x9d\x90", "compressed file (compress");
  std::string zip("PK\3\4" + std::string(26, '\0') + "frames.xyz and so on");
  zip[26] = 10;
  expect_refused(t, "a.zip", zip, "compressed archive (zip of frames.xyz: unzip it)");
  expect_refused(t, "a.npz", zip, "compressed archive");
  expect_refused(t, "a.tar.gz", gzip(std::string(257, 'x') + "ustar" + std::string(300, '\0')), "tar");
  write_frames(t.path("a.h5"), {});
  expect_refused(t, "a.h5.gz", gzip(Temporary::contents(t.path("a.h5"))), "gunzip it");
  expect_refused(t, "OUTCAR.gz", gzip(" vasp.6.3.0 20Jan22\n"), "OUTCAR");
  EXPECT_THROW(write_frames(t.path("a.xyz.gz"), {}), std::invalid_argument);
}
