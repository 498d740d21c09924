#include "cartan/data/hdf5.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <thread>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "data/files.hpp"
#include "real_data.hpp"
#include "sanitized.hpp"

namespace cartan::data {
namespace {

using testing::Child;
using testing::Folder;
using testing::read_bytes;
using testing::same;
using testing::write_bytes;

const Header header{"cartan-test", 3, "", "[run]\nseed = 1\n"};

/// A tree with every element type, ranks 0 to 7, empty extents, special values, every kind of attribute.
Group full_sample() {
  Group g;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  g.set("f64", Array::from(std::vector<double>{0.0, -0.0, nan, 1e-310, HUGE_VAL, -1.5}, {2, 3}), "eV",
        "frame,xyz");
  g.set("f32", Array::from(std::vector<float>{0.1f, -0.0f, std::numeric_limits<float>::denorm_min()}));
  g.set("c64", Array::from(std::vector<std::complex<float>>{{1, 2}, {3, -4}}, {2, 1}));
  g.set("c128", Array::from(std::vector<std::complex<double>>{{1, 2}}, {}));
  g.set("i32", Array::from(std::vector<std::int32_t>{-2147483647 - 1, 2147483647}));
  g.set("i64",
        Array::from(std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(), 5}, {1, 1, 1, 1, 2}));
  g.set("u8", Array::from(std::vector<std::uint8_t>{0, 255, 7}));
  g.set("scalar", Array::scalar(0.1, DType::f64));
  g.set("empty", Array::zeros({0}, DType::f64));
  g.set("empty2", Array::zeros({3, 0, 2}, DType::c64));
  g.set("rank8", Array::full({1, 2, 1, 2, 1, 2, 1, 2}, 3, DType::f32));
  g.set("rank7", Array::full({1, 2, 1, 2, 1, 2, 1}, 3, DType::c64));
  g.set("group/large", random_normal({300, 700}, DType::f64, Random(1)), "angstrom");
  g.set("group/wide", random_normal({3, 2, 150000}, DType::f32, Random(2)));
  g.set("group/long", Array::full({40000}, 2, DType::c128));
  g["group/none"];
  g["group"].attributes = {{"i", std::int64_t{-7}},
                           {"d", -0.0},
                           {"s", std::string("\xce\xb1 to omega")},
                           {"blank", std::string()},
                           {"is", std::vector<std::int64_t>{1, -2}},
                           {"ds", std::vector<double>{nan, 1}},
                           {"ss", std::vector<std::string>{"", "long text", "x"}},
                           {"no_i", std::vector<std::int64_t>{}},
                           {"no_d", std::vector<double>{}},
                           {"no_s", std::vector<std::string>{}},
                           {"one_blank", std::vector<std::string>{""}}};
  g.attributes["long"] = std::string(200000, 'x');
  for (int k = 0; k < 40; ++k) g["many/" + std::to_string(k)].attributes["k"] = std::int64_t{k};
  return g;
}

TEST(Hdf5, RoundTripKeepsEveryBit) {
  const Folder folder;
  const Group g = full_sample();
  save(folder / "a.h5", g, header);
  Header read;
  const Group back = load(folder / "a.h5", "cartan-test", &read);
  EXPECT_TRUE(same(back, g));
  EXPECT_EQ(read.format, header.format);
  EXPECT_EQ(read.format_version, 3);
  EXPECT_EQ(read.config, header.config);
  EXPECT_EQ(read.creator.rfind("cartan ", 0), 0u) << read.creator;
  save(folder / "b.h5", back, read);
  EXPECT_TRUE(read_bytes(folder / "a.h5") == read_bytes(folder / "b.h5")) << "save, load, save";
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a.h5", "b.h5"}));
}

TEST(Hdf5, EveryTypeAndShape) {
  const Folder folder;
  for (DType dtype : {DType::f32, DType::f64, DType::c64, DType::c128, DType::i32, DType::i64, DType::u8})
    for (const Shape& shape :
         {Shape{}, {0}, {1}, {5, 0}, {0, 5}, {7, 3}, {1 << 17}, {3, 1 << 17}, {1 << 17, 3}}) {
      Array a = Array::uninitialized(shape, dtype);
      auto* bytes = static_cast<unsigned char*>(a.mutable_raw());
      for (std::size_t i = 0; i < a.bytes(); ++i) bytes[i] = static_cast<unsigned char>(i * 167 + i / 251);
      Group g;
      g.set("x", a);
      save(folder / "a.h5", g, header);
      EXPECT_TRUE(identical(load(folder / "a.h5").array("x"), a)) << text(dtype, shape);
    }
}

TEST(Hdf5, RefusesWhatAFileCannotHold) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  Group g;
  g.set("x", Array::zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}, DType::f32));
  EXPECT_THROW(save(path, g, header), std::invalid_argument);
  g.set("x", Array::zeros({1, 1, 1, 1, 1, 1, 1, 1}, DType::c64));
  EXPECT_THROW(save(path, g, header), std::invalid_argument);
  const auto refused = [&](const std::function<void(Group&)>& change) {
    Group h;
    h.set("x", Array::zeros({1}, DType::f32));
    change(h);
    EXPECT_THROW(save(path, h, header), std::invalid_argument);
  };
  refused([](Group& h) { h.attributes["format"] = std::string("x"); });
  refused([](Group& h) { h["a"].attributes["digest"] = 1.0; });
  refused([](Group& h) { h.attributes["t"] = std::string("a\0b", 3); });
  refused([](Group& h) { h.attributes["t"] = std::vector<std::string>{std::string("\0", 1)}; });
  refused([](Group& h) { h.attributes[""] = 1.0; });
  refused([](Group& h) { h.items()["x"].attributes["complex"] = std::int64_t{1}; });
  refused([](Group& h) { h.items()["a/b"]; });
  refused([](Group& h) { h.items()[".."]; });
  refused([](Group& h) {
    h["both"];
    h.items()["both"];
  });
  refused([](Group& h) {
    std::string deep = "g";
    for (int k = 0; k < 70; ++k) deep += "/g";
    h[deep];
  });
  EXPECT_THROW(save(path, Group(), Header{}), std::invalid_argument) << "no format";
  EXPECT_TRUE(folder.names().empty());
}

TEST(Hdf5, ErrorsOfTheReader) {
  const Folder folder;
  EXPECT_THROW(load(folder / "absent.h5"), IoError);
  EXPECT_THROW(load(folder.path("")), IoError);
  EXPECT_THROW(load("/dev/null"), IoError);
  write_bytes(folder / "empty.h5", "");
  EXPECT_THROW(load(folder / "empty.h5"), FormatError);
  write_bytes(folder / "text.h5", "not at all an HDF5 file");
  EXPECT_THROW(load(folder / "text.h5"), FormatError);
  save(folder / "a.h5", Group(), header);
  EXPECT_NO_THROW(load(folder / "a.h5"));
  EXPECT_THROW(load(folder / "a.h5", "cartan-model"), FormatError);
  try {
    load(folder / "a.h5").array("/x/y");
    ADD_FAILURE();
  } catch (const FormatError& e) {
    EXPECT_EQ(e.path(), folder / "a.h5");
    EXPECT_EQ(e.object(), "/x/y");
  }
}

TEST(Hdf5, SaveKeepsPermissionsAndFollowsLinks) {
  const Folder folder;
  Group g;
  g.set("x", Array::scalar(1, DType::f64));
  save(folder / "a.h5", g, header);
  ASSERT_EQ(::chmod((folder / "a.h5").c_str(), 0640), 0);
  std::filesystem::create_symlink("a.h5", folder / "link.h5");
  g.set("x", Array::scalar(2, DType::f64));
  save(folder / "link.h5", g, header);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.h5"));
  std::filesystem::create_symlink("later.h5", folder / "second.h5");
  std::filesystem::create_symlink("second.h5", folder / "first.h5");
  save(folder / "first.h5", g, header);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "first.h5"))
      << "a link that leads nowhere yet is followed";
  EXPECT_EQ(load(folder / "later.h5").array("x").item(), 2);
  std::filesystem::create_symlink("round.h5", folder / "round.h5");
  EXPECT_THROW(save(folder / "round.h5", g, header), IoError);
  EXPECT_EQ(load(folder / "a.h5").array("x").item(), 2);
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a.h5").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0640u);
  EXPECT_THROW(save(folder.path(""), g, header), IoError);
  EXPECT_THROW(save(folder / "no/such/a.h5", g, header), IoError);
  EXPECT_THROW(save("/dev/full", g, header), IoError);
}

TEST(Hdf5, ReadsPartsOfDatasets) {
  const Folder folder;
  const Group g = full_sample();
  save(folder / "a.h5", g, header);
  const Hdf5File file(folder / "a.h5");
  EXPECT_EQ(file.header().format, "cartan-test");
  EXPECT_TRUE(file.has("group/large"));
  EXPECT_FALSE(file.has("group"));
  EXPECT_EQ(file.shape("group/large"), (Shape{300, 700}));
  EXPECT_EQ(file.dtype("/c128"), DType::c128);
  EXPECT_EQ(file.shape("/c128"), Shape{});
  EXPECT_TRUE(identical(file.read("c128"), g.array("c128")));
  for (const char* name : {"group/large", "group/long", "group/wide", "c64", "u8"})
    for (Index begin = 0, n = g.array(name).shape()[0]; begin < n; begin += 1 + n / 3)
      EXPECT_TRUE(identical(file.read_rows(name, begin, std::min(n, begin + n / 2 + 1)),
                            g.array(name).rows(begin, std::min(n, begin + n / 2 + 1))))
          << name;
  EXPECT_EQ(file.read_rows("group/large", 5, 5).shape(), (Shape{0, 700}));
  EXPECT_THROW(file.read_rows("group/large", 5, 301), std::invalid_argument);
  EXPECT_THROW(file.read_rows("group/large", -1, 3), std::invalid_argument);
  EXPECT_THROW(file.read_rows("scalar", 0, 1), std::invalid_argument);
  EXPECT_THROW(file.read("none"), FormatError);
  const Group outline = file.outline();
  EXPECT_TRUE(outline.array("group/large").empty());
  EXPECT_EQ(outline.group("group").integer("i"), -7);
}

/// The position of `part` in a file, which must be there once.
std::size_t find_once(const std::string& bytes, const std::string& part) {
  const std::size_t at = bytes.find(part);
  EXPECT_NE(at, std::string::npos);
  EXPECT_EQ(bytes.find(part, at + 1), std::string::npos);
  return at;
}

// Fletcher-32 takes the words 0x0000 and 0xffff for one another: parts must be verified by more than that.
TEST(Hdf5, PartsAreVerified) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  std::vector<double> values(400000, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i % 8 ? 0.5 : 0.25 * static_cast<double>(i);
  Group g;
  g.set("x", Array::from(values, {100000, 4}));
  save(path, g, header);
  EXPECT_TRUE(Hdf5File(path).verify());
  std::string bytes = read_bytes(path);
  // 0.5 is 0x3fe0000000000000: its lower words become 0xffff.
  const double marked[] = {values[199992], 0.5};
  const std::size_t at = find_once(bytes, std::string(reinterpret_cast<const char*>(marked), sizeof marked));
  bytes[at + 8] = bytes[at + 9] = '\xff';
  write_bytes(path, bytes);
  const Hdf5File file(path);
  EXPECT_THROW(file.read("x"), FormatError);
  EXPECT_THROW(file.read_rows("x", 49998, 49999), FormatError);
  EXPECT_THROW(file.read_rows("x", 49998, 49999), FormatError) << "twice";
  EXPECT_THROW(file.read_rows("x", 1, 99999), FormatError);
  EXPECT_THROW(file.verify(), FormatError);
  EXPECT_TRUE(identical(file.read_rows("x", 0, 10), g.array("x").rows(0, 10))) << "another block is intact";
}

// data/xtb_molecules.h5 was written before there were digests of blocks.
TEST(Hdf5, PartsOfOlderFilesAreVerifiedToo) {
  const Folder folder;
  const std::string path = folder / "old.h5";
  std::string bytes = read_bytes(CARTAN_SOURCE_DIR "/data/xtb_molecules.h5");
  ASSERT_EQ(bytes.find("block_digests"), std::string::npos);
  write_bytes(path, bytes);
  Array forces;
  {
    const Hdf5File file(path);
    forces = file.read("forces");
    EXPECT_TRUE(identical(file.read_rows("forces", 7, 99), forces.rows(7, 99)));
    EXPECT_TRUE(file.verify());
  }
  // The molecules have no cells: zeros, in which Fletcher-32 sees nothing.
  const std::size_t cell_bytes = Hdf5File(path).read("cell").bytes();
  const std::size_t at = bytes.find(std::string(cell_bytes, '\0'));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 800] = bytes[at + 801] = '\xff';
  write_bytes(path, bytes);
  EXPECT_THROW(Hdf5File(path).read_rows("cell", 70, 72), FormatError);
  EXPECT_TRUE(identical(Hdf5File(path).read_rows("forces", 7, 99), forces.rows(7, 99)));
  EXPECT_THROW(Hdf5File(path).verify(), FormatError);
}

// Groups and attribute lists of any length stay in object headers.
TEST(Hdf5, NothingLiesInHeaps) {
  const Folder folder;
  Group g;
  for (int k = 0; k < 300; ++k) {
    g["many/" + std::to_string(k)].attributes["k"] = std::int64_t{k};
    g["many"].attributes["a" + std::to_string(k)] = 0.5 * k;
    g.set("x" + std::to_string(k), Array::scalar(k, DType::f64));
  }
  save(folder / "a.h5", g, header);
  EXPECT_TRUE(same(load(folder / "a.h5"), g));
  const std::string bytes = read_bytes(folder / "a.h5");
  for (const char* heap : {"FRHP", "FHDB", "FHIB", "BTHD", "BTLF"})
    EXPECT_EQ(bytes.find(heap), std::string::npos) << heap;
}

// The heap of `unit`, which HDF5 1.10 reads without looking, is left alone: damage there changes nothing.
TEST(Hdf5, TheHeapOfUnitsIsNotRead) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  Group g;
  g.set("x", Array::full({3}, 1, DType::f64), "Angstrom");
  g.items().at("x").attributes["unit"] = std::string("Angstrom");
  g["sub"].attributes["unit"] = std::string("fs");
  save(path, g, header);
  std::string bytes = read_bytes(path);
  const std::size_t heap = find_once(bytes, "GCOL");
  for (std::size_t at = heap; at < std::min(bytes.size(), heap + 200); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(~damaged[at]);
    write_bytes(path, damaged);
    EXPECT_TRUE(same(load(path), g)) << at - heap;
  }
  g.items().at("x").attributes["unit_text"] = std::string("reserved");
  EXPECT_THROW(save(path, g, header), std::invalid_argument);
}

TEST(Hdf5, SeveralThreads) {
  const Folder folder;
  const Group g = full_sample();
  save(folder / "a.h5", g, header);
  const Hdf5File file(folder / "a.h5");
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int k = 0; k < 5; ++k) {
        good += identical(file.read_rows("group/large", t, t + 50), g.array("group/large").rows(t, t + 50));
        const std::string name = folder / text("t", t, ".h5");
        save(name, g, header);
        good += same(load(name), g);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

/// A small file with every kind of thing in it.
Group small_sample() {
  Group g;
  g.set("chunked", random_normal({20, 9}, DType::f64, Random(3)), "eV", "a,b");
  // Fletcher-32 cannot tell 0x0000 from 0xffff here: only the digest sees that damage.
  std::vector<float> sparse(300, 0.0f);
  sparse[0] = 1;
  g.set("sparse", Array::from(sparse));
  g.set("scalar", Array::scalar(-1, DType::f64));
  g.set("complex", Array::full({3}, 2, DType::c64));
  g.set("sub/i", Array::from(std::vector<std::int32_t>{1, 2, 3}));
  g["sub"].attributes = {{"name", std::string("text")}, {"list", std::vector<std::string>{"a", "bc"}}};
  return g;
}

/// Runs `damage` on copies of the sample in a child with little memory and time; returns how often a load
/// gave the same contents (0), an error (1), something else (2).
std::array<int, 3> outcomes(
    const Group& g,
    const std::function<void(const std::string& bytes, const std::function<void(const std::string&)>&)>&
        damage) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  save(path, g, header);
  const std::string bytes = read_bytes(path);
  Child child([&](int out) {
    ::alarm(100);
    rlimit memory{std::size_t{3} << 30, std::size_t{3} << 30};
    if (!sanitized) ::setrlimit(RLIMIT_AS, &memory);
    std::array<int, 3> count{};
    damage(bytes, [&](const std::string& damaged) {
      write_bytes(path, damaged);
      int what = 2;
      try {
        Header read;
        const Group back = load(path, "cartan-test", &read);
        if (same(back, g) && read.config == header.config && read.format_version == 3) what = 0;
        // Reading by parts must see the same.
        const Hdf5File file(path);
        if (!identical(file.read_rows("chunked", 3, 11), g.array("chunked").rows(3, 11))) what = 2;
      } catch (const FormatError&) {
        what = 1;
      } catch (const IoError&) {
        what = 1;
      } catch (...) {
      }
      ++count[static_cast<std::size_t>(what)];
    });
    return ::write(out, count.data(), sizeof count) == sizeof count ? 0 : 1;
  });
  std::array<int, 3> count{-1, -1, -1};
  const std::string told = child.read_all();
  EXPECT_EQ(child.wait(), 0) << "the child died";
  if (told.size() == sizeof count) std::memcpy(count.data(), told.data(), sizeof count);
  return count;
}

TEST(Hdf5, NoFlippedByteGoesUnseen) {
  int size = 0;
  const auto count = outcomes(small_sample(), [&](const std::string& bytes, const auto& attempt) {
    std::string damaged = bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      damaged[i] = static_cast<char>(bytes[i] ^ (i % 2 ? 0xff : 1 << (i / 2 % 8)));
      attempt(damaged);
      damaged[i] = bytes[i];
    }
  });
  size = count[0] + count[1] + count[2];
  RecordProperty("harmless", count[0]);
  RecordProperty("detected", count[1]);
  EXPECT_EQ(count[2], 0);
  EXPECT_GT(count[1], size / 2);
  EXPECT_GT(size, 4000);
}

TEST(Hdf5, NoTruncationGoesUnseen) {
  const auto count = outcomes(small_sample(), [&](const std::string& bytes, const auto& attempt) {
    for (std::size_t n = 0; n < bytes.size(); ++n) attempt(bytes.substr(0, n));
  });
  EXPECT_EQ(count[0], 0) << "every byte of the file is needed";
  EXPECT_EQ(count[2], 0);
  EXPECT_GT(count[1], 4000);
}

TEST(Hdf5, NoRandomDamageGoesUnseen) {
  const auto count = outcomes(small_sample(), [&](const std::string& bytes, const auto& attempt) {
    const Random random(7);
    std::uint64_t k = 0;
    for (int trial = 0; trial < 3000; ++trial) {
      std::string damaged = bytes;
      const std::size_t edits = 1 + random.bits(k++) % 4;
      for (std::size_t e = 0; e < edits; ++e) {
        const std::size_t at = random.bits(k++) % bytes.size(), length = 1 + random.bits(k++) % 16;
        const auto kind = random.bits(k++) % 4;
        for (std::size_t i = at; i < std::min(at + length, bytes.size()); ++i)
          damaged[i] = kind == 0   ? '\0'
                       : kind == 1 ? '\xff'
                       : kind == 2 ? bytes[random.bits(k++) % bytes.size()]
                                   : static_cast<char>(random.bits(k++));
      }
      attempt(damaged);
    }
  });
  EXPECT_EQ(count[2], 0);
  EXPECT_GT(count[1], 1500);
}

TEST(Hdf5, FullDiskLeavesTheOldFile) {
  if (thread_sanitized) GTEST_SKIP() << "the sanitizer's record of OpenMP's threads does not survive a fork";
  const Folder folder;
  const std::string path = folder / "a.h5";
  const Group old = small_sample();
  save(path, old, header);
  Group large = full_sample();
  const std::string before = read_bytes(path);
  Child child([&](int) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    for (rlim_t most : {0, 1, 100, 2048, 10000, 500000, 1048576, 3000000, 5000000}) {
      const rlimit small{most, limit.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &small);
      try {
        save(path, large, header);
        return 10;
      } catch (const IoError&) {
      }
      if (read_bytes(path) != before) return 11;
      if (folder.names() != std::vector<std::string>{"a.h5"}) return 12;
    }
    ::setrlimit(RLIMIT_FSIZE, &limit);
    save(path, large, header);
    std::exit(same(load(path), large) ? 0 : 13);  // through HDF5's own clean-up
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(same(load(path), large));
}

TEST(Hdf5, LeftoversOfDeadProcessesAreRemoved) {
  const Folder folder;
  pid_t dead = 0;
  {
    Child child([](int) { return 0; });
    dead = child.pid();
    child.wait();
  }
  const std::string alive = text("b.h5.tmp.", ::getppid(), ".0"), gone = text("b.h5.tmp.", dead, ".3");
  const std::vector<std::string> kept{"b.h5.tmp", "b.h5.tmp.12", text("b.h5.tmp.", dead, ".x"),
                                      text("other.h5.tmp.", dead, ".3"), alive};
  for (const std::string& name : kept) write_bytes(folder / name, "x");
  write_bytes(folder / gone, "x");
  const timespec past[2] = {{1000, 0}, {1000, 0}};
  ::utimensat(AT_FDCWD, (folder / gone).c_str(), past, 0);
  save(folder / "b.h5", Group(), header);
  for (const std::string& name : kept) EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  EXPECT_FALSE(std::filesystem::exists(folder / gone));
}

TEST(Hdf5, KilledWhileSavingLeavesOldOrNew) {
  const Folder folder;
  const std::string path = folder / "a.h5";
  const auto state = [](int k) {
    Group g;
    g.set("k", Array::scalar(k, DType::f64));
    g.set("x", Array::full({200000}, k, DType::f64));
    return g;
  };
  save(path, state(0), header);
  int before = 0;
  for (int trial = 0; trial < 30; ++trial) {
    Child child([&](int) {
      for (int k = before + 1;; ++k) save(path, state(k), header);
      return 0;
    });
    // at random, and later and later until a slow machine gets a file written
    const std::uint64_t pause = Random(5).bits(static_cast<std::uint64_t>(trial)) % 30000;
    ::usleep(static_cast<useconds_t>(pause + (before == 0 ? static_cast<std::uint64_t>(trial) * 30000 : 0)));
    child.kill();
    const Group g = load(path);
    const int k = static_cast<int>(g.array("k").item());
    ASSERT_GE(k, before);
    ASSERT_TRUE(same(g, state(k)));
    before = k;
  }
  EXPECT_GT(before, 0);
}

TEST(Hdf5, ReadsFilesOfOtherPrograms) {
  CARTAN_REAL_DATA(path, "../reference/e3nn_reference.h5");
  const Group g = load(path);
  EXPECT_EQ(g.array("linear/in").shape(), (Shape{8, 25}));
  EXPECT_FALSE(g.group("linear").string("irreps_in").empty());
  EXPECT_THROW(load(path, "cartan-model"), FormatError);
}

// The layout and the digests are part of the format: a change makes every older file unreadable.
TEST(Hdf5, ReadsFilesOfVersion01) {
  const std::string path = CARTAN_SOURCE_DIR "/tests/golden/hdf5_0.1.h5";
  Group g;
  g.set("a/x", Array::from(std::vector<double>{1, 2, 3}), "eV", "n");
  g.set("a/z", Array::full({2, 90}, 0.5, DType::c64));
  g["b"].attributes = {
      {"i", std::int64_t{1}}, {"s", std::string("text")}, {"list", std::vector<std::string>{"p", "qr"}}};
  if (std::getenv("CARTAN_MAKE_GOLDEN")) save(path, g, header);
  Header read;
  EXPECT_TRUE(same(load(path, "cartan-test", &read), g));
  EXPECT_EQ(read.creator, "cartan 0.1.0");
  EXPECT_EQ(read.config, header.config);
}

}  // namespace
}  // namespace cartan::data
