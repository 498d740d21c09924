#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/readers.hpp"
#include "data/files.hpp"
#include "data/same_frames.hpp"

namespace cartan::data {
namespace {

using testing::expect_same;
using testing::Folder;

Frame molecule(int n, std::uint64_t seed) {
  const Random random(seed);
  Frame f;
  for (int i = 0; i < n; ++i) {
    f.numbers.push_back(1 + static_cast<int>(random.bits(static_cast<std::uint64_t>(i)) % 100));
    for (int k = 0; k < 3; ++k)
      f.positions.push_back(random.normal(static_cast<std::uint64_t>(100 + 3 * i + k)));
  }
  return f;
}

/// Frames that differ in everything a frame may have or lack.
std::vector<Frame> various() {
  std::vector<Frame> frames;
  for (int k = 0; k < 9; ++k) {
    const int n = k == 4 ? 0 : 1 + k % 5;
    Frame f = molecule(n, static_cast<std::uint64_t>(k));
    const auto rows = static_cast<std::size_t>(n);
    if (k % 2) f.energy = -1.5 * k;
    if (k % 3 == 0) f.forces.assign(3 * rows, 0.25 * k);
    if (k % 3 == 1) f.velocities.assign(3 * rows, -0.5);
    if (k % 4 == 0) f.stress = std::array<double, 9>{1, 2, 3, 2, 5, 6, 3, 6, -0.0};
    if (k > 5) f.cell = {5, 0, 0, 0.1, 6, 0, 0, 0.2, 7}, f.pbc = {true, false, k == 7};
    f.charge = k - 4;
    f.info["always"] = static_cast<double>(k);
    f.info["text"] = std::string(static_cast<std::size_t>(k), 'a') + std::string("\0\xce\xb1", 3);
    f.info["same_shape"] = Array::full({2, 3}, k, DType::f32);
    f.info["any_shape"] = Array::full({k, 2}, k, DType::i64);
    f.info["deep"] = Array::full({1, 1, 1, 1, 1, 1, 2}, k, DType::c128);
    f.info["scalar_array"] = Array::scalar(k, DType::f64);
    if (k % 2) f.info["a/b%c"] = std::int64_t{k};
    if (k == 3) f.info[""] = true;
    if (k == 3) f.info["."] = false;
    // One name, many types.
    if (k == 0) f.info["mixed"] = 1.0;
    if (k == 1) f.info["mixed"] = std::int64_t{1};
    if (k == 2) f.info["mixed"] = true;
    if (k == 3) f.info["mixed"] = std::string();
    if (k == 4) f.info["mixed"] = Array::zeros({0}, DType::f64);
    if (k == 5) f.info["mixed"] = Array::zeros({1}, DType::i32);
    if (k == 6) f.info["mixed"] = Array::zeros({1, 1}, DType::i32);
    if (k == 7) f.info["mixed"] = std::int64_t{7};
    f.arrays["mass"] = random_uniform({n}, 1, 9, DType::f64, Random(static_cast<std::uint64_t>(k)));
    if (k % 3) f.arrays["matrix"] = Array::full({n, 3, 3}, k, DType::f32);
    f.arrays["varying"] = Array::full({n, k % 2 + 1}, k, DType::i64);
    f.labels["name"].assign(rows, "CA" + std::string(static_cast<std::size_t>(k), '+'));
    if (k > 6) f.labels["residue"].assign(rows, "");
    frames.push_back(std::move(f));
  }
  return frames;
}

TEST(FrameFile, GroupRoundTrip) {
  const auto frames = various();
  const auto back = frames_from_group(frames_to_group(frames));
  ASSERT_EQ(back.size(), frames.size());
  for (std::size_t k = 0; k < frames.size(); ++k) {
    SCOPED_TRACE(k);
    expect_same(frames[k], back[k]);
  }
  EXPECT_TRUE(frames_from_group(frames_to_group({})).empty());
}

TEST(FrameFile, ReadsOnDemand) {
  const Folder folder;
  const auto frames = various();
  save(folder / "f.h5", frames_to_group(frames), {"cartan-frames", 1, "", ""});
  const FrameFile file(folder / "f.h5");
  ASSERT_EQ(file.size(), 9);
  for (Index k = 8; k >= 0; --k) {
    SCOPED_TRACE(k);
    EXPECT_EQ(file.atoms(k), frames[static_cast<std::size_t>(k)].size());
    expect_same(frames[static_cast<std::size_t>(k)], file.read(k));
  }
  for (Index begin = 0; begin <= 9; ++begin)
    for (Index end = begin; end <= 9; ++end) {
      const auto some = file.read(begin, end);
      ASSERT_EQ(static_cast<Index>(some.size()), end - begin);
      for (Index k = begin; k < end; ++k)
        expect_same(frames[static_cast<std::size_t>(k)], some[static_cast<std::size_t>(k - begin)]);
    }
  EXPECT_THROW(file.read(9), std::invalid_argument);
  EXPECT_THROW(file.read(-1), std::invalid_argument);
  EXPECT_THROW(file.read(3, 2), std::invalid_argument);
  save(folder / "g.h5", Group(), {"cartan-model", 1, "", ""});
  EXPECT_THROW(FrameFile(folder / "g.h5"), FormatError);
  save(folder / "g.h5", Group(), {"cartan-frames", 1, "", ""});
  EXPECT_THROW(FrameFile(folder / "g.h5"), FormatError);
}

TEST(FrameFile, WriteAndReadFrames) {
  const Folder folder;
  const auto frames = various();
  write_frames(folder / "f.h5", frames);
  const auto back = read_frames(folder / "f.h5");
  ASSERT_EQ(back.size(), frames.size());
  for (std::size_t k = 0; k < frames.size(); ++k) expect_same(frames[k], back[k]);
}

TEST(FrameFile, RefusesFramesThatDoNotFit) {
  const auto refused = [](const std::function<void(Frame&)>& change) {
    Frame f = molecule(3, 1);
    change(f);
    EXPECT_THROW(frames_to_group({f}), std::invalid_argument);
  };
  refused([](Frame& f) { f.positions.pop_back(); });
  refused([](Frame& f) { f.forces.assign(3, 0); });
  refused([](Frame& f) { f.velocities.assign(12, 0); });
  refused([](Frame& f) { f.arrays["a"] = Array::zeros({4}, DType::f64); });
  refused([](Frame& f) { f.arrays["a"] = Array::scalar(1, DType::f64); });
  refused([](Frame& f) { f.labels["a"] = {"x"}; });
}

/// Every dataset of the layout replaced by something of a wrong type, shape or value.
TEST(FrameFile, RefusesGroupsThatDoNotFit) {
  const Group good = frames_to_group(various());
  ASSERT_NO_THROW(frames_from_group(good));
  int cases = 0;
  const auto refused = [&](const std::string& path, const Array& a) {
    Group bad = good;
    const auto slash = path.rfind('/');
    auto& items = slash == std::string::npos ? bad.items() : bad[path.substr(0, slash)].items();
    items.at(slash == std::string::npos ? path : path.substr(slash + 1)).array = a;
    EXPECT_THROW(frames_from_group(bad), FormatError) << path << " " << to_string(a.shape());
    ++cases;
  };
  const std::function<void(const Group&, const std::string&)> walk = [&](const Group& group,
                                                                         const std::string& at) {
    for (const auto& [name, item] : group.items()) {
      const Array& a = item.array;
      if (name.rfind("mixed", 0) != 0) {
        Shape deeper = a.shape();
        deeper.insert(deeper.begin(), 1);
        refused(at + name, a.reshaped(deeper));
      }
      if (a.shape()[0] > 0) refused(at + name, a.rows(0, a.shape()[0] - 1));
      if (at != "arrays/" && name != "same_shape" && name != "any_shape" && name != "deep" &&
          name != "scalar_array" && name.rfind("mixed", 0) != 0)
        refused(at + name, a.as(DType::c128));
    }
    for (const auto& [name, child] : group.groups()) walk(child, at + name + "/");
  };
  walk(good, "");
  EXPECT_GT(cases, 60);

  const auto change = [&](const std::string& path, Index at, std::int64_t value) {
    Array a = good.array(path);
    a.mutable_data<std::int64_t>()[at] = value;
    refused(path, a);
  };
  change("offset", 0, 1);
  change("offset", 3, 1000);
  change("offset", 3, -5);
  change("info/text%offset", 0, 1);
  change("info/text%offset", 2, -1);
  change("info/text%offset", 2, std::int64_t{1} << 62);
  change("info/any_shape%shape", 1, -2);
  change("info/any_shape%shape", 2, std::int64_t{1} << 62);
  change("info/mixed%n2%frame", 0, -1);
  change("info/mixed%n2%frame", 0, 8);
  change("info/mixed%n2%frame", 1, 9);
  for (const char* missing : {"offset", "number", "position", "cell", "pbc", "charge"}) {
    Group bad = good;
    bad.items().erase(missing);
    EXPECT_THROW(frames_from_group(bad), FormatError) << missing;
  }
  Group bad = good;
  bad["info"].items().at("text").attributes["kind"] = std::string("poem");
  EXPECT_THROW(frames_from_group(bad), FormatError);
  bad["info"].items().at("text").attributes["kind"] = 1.0;
  EXPECT_THROW(frames_from_group(bad), FormatError);
}

}  // namespace
}  // namespace cartan::data
