#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/hdf5.hpp"
#include "data/files.hpp"

namespace cartan::data {
namespace {

using testing::Child;
using testing::Folder;
using testing::read_bytes;
using testing::same;
using testing::write_bytes;

const Header header{"cartan-trajectory", 1, "", "steps = 3"};

/// Rows [begin, end) of a sequence that knows its own numbers.
Array positions(Index begin, Index end, Index atoms = 5) {
  Array a = Array::uninitialized({end - begin, atoms, 3}, DType::f64);
  double* x = a.mutable_data<double>();
  for (Index i = 0; i < a.size(); ++i) x[i] = static_cast<double>(begin * atoms * 3 + i) / 7;
  return a;
}

Array steps(Index begin, Index end) {
  Array a = Array::uninitialized({end - begin}, DType::i64);
  for (Index i = begin; i < end; ++i) a.mutable_data<std::int64_t>()[i - begin] = i;
  return a;
}

TEST(Hdf5Appender, GivesTheBytesOfSave) {
  const Folder folder;
  Group g;
  g.set("p/position", positions(0, 900, 400), "angstrom", "frame,atom,xyz");
  g.set("p/step", steps(0, 900), "", "frame");
  g.set("mass", Array::from(std::vector<double>{1, 2}), "amu");
  g.set("dt", Array::scalar(0.5, DType::f64), "fs");
  g.set("field", Array::full({50, 3}, 2, DType::c64));
  g.set("none", Array::zeros({0, 4}, DType::f32));
  g.set("hollow", Array::zeros({12, 0}, DType::f32));
  g["p"].attributes["kind"] = std::string("particles");
  g.attributes["list"] = std::vector<std::string>{"a", "bc", ""};
  g.items()["dt"].attributes["factor"] = 2.5;
  save(folder / "saved.h5", g, header);

  Hdf5Appender out(folder / "grown.h5", header);
  EXPECT_EQ(out.rows("p/position"), 0);
  out.write("mass", g.array("mass"), "amu");
  out.write("/dt", g.array("dt"), "fs");
  out.set_attribute("dt", "factor", 2.5);
  out.set_attribute("", "list", g.attributes["list"]);
  out.set_attribute("/p", "kind", std::string("particles"));
  out.append("none", g.array("none"));
  const Random random(4);
  for (Index i = 0, k = 0; i < 900; ++k) {
    const Index n =
        std::min<Index>(900 - i, static_cast<Index>(random.bits(static_cast<std::uint64_t>(k)) % 60));
    out.append("p/position", positions(0, 900, 400).rows(i, i + n), "angstrom", "frame,atom,xyz");
    out.append("/p/step", steps(i, i + n), "", "frame");
    i += n;
    if (k % 5 == 0) out.flush();
  }
  for (Index k = 0; k < 6; ++k) out.append("hollow", Array::zeros({2, 0}, DType::f32));
  out.write("field", g.array("field"));
  EXPECT_EQ(out.rows("p/position"), 900);
  EXPECT_EQ(out.rows("hollow"), 12);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"grown.h5.part", "saved.h5"}));
  out.close();
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"grown.h5", "saved.h5"}));
  EXPECT_TRUE(same(load(folder / "grown.h5"), g));
  EXPECT_TRUE(read_bytes(folder / "grown.h5") == read_bytes(folder / "saved.h5"));
  EXPECT_THROW(out.flush(), std::invalid_argument);
}

TEST(Hdf5Appender, ResumesUnfinishedAndFinished) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  {
    Hdf5Appender out(path, header);
    out.append("x", positions(0, 10), "angstrom");
    out.append("step", steps(0, 10));
    out.write("mass", Array::scalar(1, DType::f64));
    out.set_attribute("p/q", "name", std::string("n"));
  }
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a.h5.part"}));
  {
    Hdf5Appender out(path, header, true);
    EXPECT_EQ(out.rows("x"), 10);
    out.truncate("x", 7);
    out.truncate("step", 7);
    EXPECT_EQ(out.rows("x"), 7);
    out.append("x", positions(7, 20));
    out.append("step", steps(7, 20));
    out.write("mass", Array::scalar(3, DType::f64), "amu");
    out.close();
  }
  Group expected;
  expected.set("x", positions(0, 20), "angstrom");
  expected.set("step", steps(0, 20));
  expected.set("mass", Array::scalar(3, DType::f64), "amu");
  expected["p/q"].attributes["name"] = std::string("n");
  EXPECT_TRUE(same(load(path), expected));
  {
    Hdf5Appender out(path, header, true);  // the finished file
    EXPECT_EQ(out.rows("x"), 20);
    out.append("x", positions(20, 30));
  }
  EXPECT_TRUE(same(load(path), expected)) << "not closed: unchanged";
  {
    Hdf5Appender out(path, header, true);  // the log again
    EXPECT_EQ(out.rows("x"), 30);
    out.truncate("x", 5);
    out.truncate("x", 0);
    out.append("x", positions(0, 30));
    out.close();
  }
  expected.set("x", positions(0, 30), "angstrom");
  EXPECT_TRUE(same(load(path), expected));
  {
    Hdf5Appender out(path, header);  // anew
    EXPECT_EQ(out.rows("x"), 0);
    out.close();
  }
  EXPECT_TRUE(same(load(path), Group()));
}

TEST(Hdf5Appender, RefusesBadCalls) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  Hdf5Appender out(path, header);
  out.append("x", positions(0, 2));
  EXPECT_THROW(out.append("x", steps(0, 2)), std::invalid_argument);
  EXPECT_THROW(out.append("x", positions(0, 2, 6)), std::invalid_argument);
  EXPECT_THROW(out.append("s", Array::scalar(1, DType::f64)), std::invalid_argument);
  EXPECT_THROW(out.append("x/y", steps(0, 2)), std::invalid_argument) << "below a dataset";
  EXPECT_THROW(out.append("a/../b", steps(0, 2)), std::invalid_argument);
  EXPECT_THROW(out.append("", steps(0, 2)), std::invalid_argument);
  EXPECT_THROW(out.append("r", Array::zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}, DType::f32)), std::invalid_argument);
  EXPECT_THROW(out.set_attribute("x", "complex", std::int64_t{1}), std::invalid_argument);
  EXPECT_THROW(out.set_attribute("", "format", std::string("y")), std::invalid_argument);
  EXPECT_THROW(out.truncate("x", 3), std::invalid_argument);
  EXPECT_THROW(out.truncate("y", 0), std::invalid_argument);
  EXPECT_THROW(Hdf5Appender(path, header), IoError) << "already being written";
  EXPECT_THROW(Hdf5Appender(folder / "no/such.h5", header), IoError);
  EXPECT_THROW(Hdf5Appender(folder / "b.h5", Header{}), std::invalid_argument);
  out.close();
  EXPECT_THROW(Hdf5Appender(path, Header{"cartan-other", 1, "", ""}, true), FormatError);
  Group expected;
  expected.set("x", positions(0, 2));
  EXPECT_TRUE(same(load(path), expected));
}

/// Killed at a random moment while it appends, the next one finds exactly a flushed state, not older than the
/// last that was reported.
TEST(Hdf5Appender, KilledAtRandomTimes) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  const Random random(11);
  Index reported = 0, kills = 0, grown = 0;
  for (int trial = 0; trial < 60; ++trial) {
    Child child([&](int report) {
      Hdf5Appender out(path, header, true);
      Index n = out.rows("x");
      for (Index k = 0;; ++k) {
        const Index more = 1 + static_cast<Index>(random.bits(static_cast<std::uint64_t>(n + k)) % 400);
        for (Index i = 0; i < more; ++i) {
          out.append("x", positions(n + i, n + i + 1, 30));
          out.append("step", steps(n + i, n + i + 1));
        }
        n += more;
        out.flush();
        if (::write(report, &n, sizeof n) != sizeof n) return 1;
      }
    });
    ::usleep(static_cast<useconds_t>(random.bits(static_cast<std::uint64_t>(1000 + trial)) % 40000));
    child.kill();
    ++kills;
    const std::string told = child.read_all();
    if (told.size() >= sizeof reported)
      std::memcpy(&reported, told.data() + (told.size() / sizeof reported - 1) * sizeof reported,
                  sizeof reported);
    Hdf5Appender out(path, header, true);
    ASSERT_GE(out.rows("x"), reported);
    ASSERT_EQ(out.rows("x"), out.rows("step"));
    grown += out.rows("x") > 0;
    if (out.rows("x") > 20000 || trial % 10 == 9) {
      const Index n = out.rows("x");
      if (n == 0) continue;
      out.close();
      const Group g = load(path);
      ASSERT_TRUE(identical(g.array("x"), positions(0, n, 30)));
      ASSERT_TRUE(identical(g.array("step"), steps(0, n)));
      std::filesystem::remove(path);
      reported = 0;
    }
  }
  EXPECT_EQ(kills, 60);
  EXPECT_GT(grown, 20);
}

/// A log cut anywhere gives the last state flushed before the cut; a byte changed before the last commit is
/// noticed; after it nothing is lost.
TEST(Hdf5Appender, DamagedLogs) {
  const Folder folder;
  const std::string path = folder / "a.h5", part = path + ".part";
  std::vector<std::size_t> flushed{0};
  {
    Hdf5Appender out(path, header);
    for (Index k = 0; k < 3; ++k) {
      out.append("x", positions(2 * k, 2 * k + 2, 2), "angstrom");
      out.flush();
      flushed.push_back(std::filesystem::file_size(part));
    }
    out.append("x", positions(6, 8, 2));
    out.set_attribute("", "late", 1.0);
  }
  std::string bytes = read_bytes(part);
  const std::string tail = bytes.substr(flushed.back());
  ASSERT_GT(tail.size(), 100u);
  const auto rows_after = [&](const std::string& content) -> Index {
    write_bytes(part, content);
    try {
      return Hdf5Appender(path, header, true).rows("x");
    } catch (const FormatError&) {
      return -1;
    }
  };
  EXPECT_EQ(rows_after(bytes), 8);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    Index expected = 0;
    for (std::size_t k = 0; k < flushed.size(); ++k)
      if (n >= flushed[k]) expected = 2 * static_cast<Index>(k);
    ASSERT_EQ(rows_after(bytes.substr(0, n)), expected) << n;
  }
  std::string damaged = bytes;
  int seen = 0, padding = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    damaged[i] = static_cast<char>(bytes[i] ^ (1 << i % 8));
    const Index rows = rows_after(damaged);
    damaged[i] = bytes[i];
    // Unless the last commit itself is hit, damage is reported; bytes that fill up a record carry nothing.
    if (i + 48 >= bytes.size()) {
      ASSERT_EQ(rows, 6) << i;
    } else if (rows == 8) {
      ++padding;
    } else {
      ASSERT_EQ(rows, -1) << i;
      ++seen;
    }
  }
  EXPECT_GT(seen, 600);
  EXPECT_LT(padding, 60);
}

TEST(Hdf5Appender, FullDisk) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  Child child([&](int) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    Hdf5Appender out(path, header);
    out.append("x", positions(0, 1000, 100));
    out.flush();
    const rlimit small{3000000, limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    try {
      for (Index k = 1;; ++k) {
        out.append("x", positions(1000 * k, 1000 * k + 1000, 100));
        out.flush();
      }
    } catch (const IoError&) {
    }
    const Index n = out.rows("x");
    if (std::filesystem::exists(path) || n < 1000) return 11;
    // Closing needs room for the HDF5 file: none.
    const rlimit smaller{2000000, limit.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &smaller);
    try {
      out.close();
      return 12;
    } catch (const IoError&) {
    }
    if (folder.names() != std::vector<std::string>{"a.h5.part"}) return 13;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    out.close();
    std::exit(identical(load(path).array("x"), positions(0, n, 100)) ? 0 : 14);
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(Hdf5Appender, FollowsNoLinkToItsLog) {
  const Folder folder;
  write_bytes(folder / "precious", "precious");
  for (const bool resume : {false, true}) {
    std::filesystem::create_symlink("precious", folder / "a.h5.part");
    EXPECT_THROW(Hdf5Appender(folder / "a.h5", header, resume), IoError);
    std::filesystem::remove(folder / "a.h5.part");
    std::filesystem::create_hard_link(folder / "precious", folder / "a.h5.part");
    EXPECT_THROW(Hdf5Appender(folder / "a.h5", header, resume), IoError);
    std::filesystem::remove(folder / "a.h5.part");
  }
  EXPECT_EQ(read_bytes(folder / "precious"), "precious");
}

}  // namespace
}  // namespace cartan::data
