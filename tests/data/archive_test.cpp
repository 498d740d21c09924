#include "data/archive.hpp"

#include <gtest/gtest.h>

#include "cartan/core/error.hpp"
#include "data/zip_maker.hpp"
#include "temporary.hpp"

using namespace cartan;
using cartan::data::Archive;
using namespace cartan::testing;

namespace {

std::string text_of(const std::vector<unsigned char>& bytes) {
  return {bytes.begin(), bytes.end()};
}

void expect_refused(const std::string& bytes, const std::string& what) {
  Temporary folder;
  try {
    const Archive archive(folder.file("a.zip", bytes));
    for (const auto& member : archive.members()) archive.read(member.name);
    ADD_FAILURE() << "no error; expected " << what;
  } catch (const FormatError& error) {
    // libzip 1.11 looks more closely than 1.7 and may be first.
    const std::string said = error.what();
    EXPECT_TRUE(said.find(what) != std::string::npos ||
                said.find("the directory and the members do not agree") != std::string::npos)
        << said;
  }
}

}  // namespace

TEST(Archive, ReadsStoredAndDeflatedMembers) {
  Temporary folder;
  const std::string large(100000, 'x');
  const Archive archive(folder.file(
      "a.zip", zip({stored("a", "first"), deflated("b/c", large), stored("b/", ""), stored("", "")})));
  ASSERT_EQ(archive.members().size(), 2u);  // folders are left out
  EXPECT_EQ(archive.members()[1].name, "b/c");
  EXPECT_EQ(archive.members()[1].size, 100000u);
  EXPECT_LT(archive.members()[1].packed, 1000u);
  EXPECT_TRUE(archive.has("a"));
  EXPECT_FALSE(archive.has("b/"));
  EXPECT_EQ(text_of(archive.read("a")), "first");
  EXPECT_EQ(text_of(archive.read("b/c")), large);
  EXPECT_EQ(text_of(archive.read("a", 5)), "first");
  EXPECT_THROW(archive.read("a", 4), FormatError);
  EXPECT_THROW(archive.read("x"), FormatError);
  EXPECT_THROW(Archive(folder.path("absent")), IoError);
  EXPECT_EQ(Archive(folder.file("none.zip", zip({}))).members().size(), 0u);
}

TEST(Archive, RefusesWhatItDoesNotRead) {
  Entry secret = stored("a", "secret");
  secret.flags = 1;
  expect_refused(zip({secret}), "a is encrypted");
  Entry bzip = stored("a", "BZh9");
  bzip.method = 12;
  expect_refused(zip({bzip}), "compression method 12");
  expect_refused(zip({stored("a", "1"), stored("a", "2")}), "stands twice");
  expect_refused("no archive at all, only a text that is long enough", "not a zip archive");
  expect_refused("", "not a zip archive");
}

TEST(Archive, RefusesWrongSizesAndChecksums) {
  Entry e = stored("a", "some bytes");
  e.crc ^= 1;
  expect_refused(zip({e}), "CRC-32");
  e = deflated("a", std::string(1000, 'y'));
  e.crc ^= 1;
  expect_refused(zip({e}), "CRC-32");
  e = deflated("a", std::string(1000, 'y'));
  e.size = 999;
  expect_refused(zip({e}), "a");
  e.size = 1001;
  expect_refused(zip({e}), "a");
  e.size = 100000000;  // more than deflate can pack
  expect_refused(zip({e}), "sizes of a do not agree");
  e = stored("a", "some bytes");
  e.size = 11;
  expect_refused(zip({e}), "sizes of a do not agree");
}

// Small files that ask for much: one deflated member under many names, and members inside members.
TEST(Archive, RefusesMembersThatShareBytes) {
  const Entry bomb = deflated("0", std::string(10000000, '\0'));
  std::vector<Entry> entries{bomb};
  for (int k = 1; k < 400; ++k) {
    entries.push_back(bomb);
    entries.back().offset = 0;  // under the name of the first, then under its own
    if (k % 2) entries.back().name = std::to_string(k);
  }
  expect_refused(zip(entries), "damaged");
  for (Entry& e : entries) e.name = "0";
  expect_refused(zip(entries), "stands twice");

  const Entry inner = deflated("inner", std::string(100000, '\0'));
  Entry outer = stored("outer", std::string(400, ' ') + local(inner));
  Entry shared = inner;
  shared.offset = 30 + 5 + 400;
  expect_refused(zip({outer, shared}), "members overlap");
}
