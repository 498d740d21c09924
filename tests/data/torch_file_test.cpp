#include "cartan/data/torch_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "data/pickle_maker.hpp"
#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using cartan::data::TorchFile;
using cartan::data::TorchValue;
using namespace cartan::testing;

namespace {

void expect_refused(const std::string& bytes, const std::string& what) {
  Temporary folder;
  try {
    const TorchFile file(folder.file("a.pt", bytes));
    if (file.root().kind() == TorchValue::Kind::array) file.root().array();
    ADD_FAILURE() << "no error; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

void expect_equal(const Array& a, const Array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_EQ(std::string(static_cast<const char*>(a.raw()), a.bytes()),
            std::string(static_cast<const char*>(b.raw()), b.bytes()));
}

}  // namespace

TEST(TorchFile, ReadsPlainValues) {
  Temporary folder;
  const std::string body =
      "}(" + word("none") + "N" + word("yes") + "\x88" + word("no") + "\x89" + word("byte") + small(200) +
      word("minus") + "J" + number(0xfffffffe, 4) + word("long") + "\x8a\x05" +
      std::string("\x00\x00\x00\x00\xff", 5) + word("real") + "G" +
      std::string("\xc0\x04\x00\x00\x00\x00\x00\x00", 8) + word("list") + "](" + small(1) + "G" +
      std::string("\x3f\xe0\x00\x00\x00\x00\x00\x00", 8) + "e" + word("pair") + small(3) + small(4) + "\x86" +
      word("words") + "]" + word("a") + "a" + word("type") + global("torch", "float32") + word("place") +
      global("torch", "device") + word("cuda") + small(1) + "\x86R" + small(7) + word("seven") + "u";
  const TorchFile file(folder.file("a.pt", archive(body)));
  const TorchValue& root = file.root();
  EXPECT_EQ(root.size(), 13);
  EXPECT_EQ(root["none"].kind(), TorchValue::Kind::none);
  EXPECT_TRUE(root["yes"].boolean());
  EXPECT_FALSE(root["no"].boolean());
  EXPECT_EQ(root["byte"].integer(), 200);
  EXPECT_EQ(root["minus"].integer(), -2);
  EXPECT_EQ(root["long"].integer(), -(std::int64_t{1} << 32));
  EXPECT_EQ(root["real"].number(), -2.5);
  EXPECT_EQ(root["list"].numbers(), (std::vector<double>{1, 0.5}));
  EXPECT_EQ(root["pair"].integers(), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(root["words"].strings(), std::vector<std::string>{"a"});
  EXPECT_EQ(root["type"].string(), "torch.float32");
  EXPECT_EQ(root["place"].string(), "cuda:1");
  EXPECT_EQ(root.entries().back().first.integer(), 7);
  EXPECT_EQ(root.entries().back().second.string(), "seven");
  EXPECT_FALSE(root.has("absent"));
  EXPECT_THROW(root["absent"], FormatError);
  EXPECT_THROW(root["real"].integer(), FormatError);
  EXPECT_THROW(root["list"][2], FormatError);
  try {
    root["list"][1].integer();
    ADD_FAILURE();
  } catch (const FormatError& error) {
    EXPECT_EQ(error.object(), "list.1");
  }
}

TEST(TorchFile, HonoursStridesAndOffsets) {
  Temporary folder;
  const Entry data = stored("any/data/0", bytes_of<float>({0, 1, 2, 3, 4, 5, 6}));
  const std::string from = storage("FloatStorage", "0", 7);
  const auto read = [&](int offset, const std::string& shape, const std::string& stride) {
    return TorchFile(folder.file("a.pt", archive(tensor(from, offset, shape, stride), {data})))
        .root()
        .array();
  };
  const std::string two_three = small(2) + small(3) + "\x86", one_two = small(1) + small(2) + "\x86";
  expect_equal(read(1, two_three, one_two), Array::from<float>({1, 3, 5, 2, 4, 6}, {2, 3}));
  expect_equal(read(6, ")", ")"), Array::from<float>({6}, {}));
  expect_equal(read(2, two_three, small(3) + small(0) + "\x86"),
               Array::from<float>({2, 2, 2, 5, 5, 5}, {2, 3}));
  EXPECT_EQ(read(0, small(0) + small(3) + "\x86", one_two).shape(), (Shape{0, 3}));
  EXPECT_THROW(read(2, two_three, one_two), FormatError);  // one past the end
  EXPECT_THROW(read(0, small(2) + "\x85", "J" + number(0xffffffff, 4) + "\x85"), FormatError);  // stride -1
  EXPECT_THROW(read(0, small(2) + "\x85", one_two), FormatError);
  // 10^10 elements out of 7
  const std::string many = "J" + number(100000, 4);
  EXPECT_THROW(read(0, many + many + "\x86", small(0) + small(0) + "\x86"), FormatError);
}

TEST(TorchFile, ReadsHalves) {
  Temporary folder;
  const auto read = [&](const std::string& type, const std::vector<std::uint16_t>& bits) {
    const int n = static_cast<int>(bits.size());
    return TorchFile(folder.file("a.pt", archive(tensor(storage(type, "0", n), 0, small(n) + "\x85",
                                                        small(1) + "\x85"),
                                                 {stored("any/data/0", bytes_of(bits))})))
        .root()
        .array()
        .to_vector<float>();
  };
  const std::vector<float> ieee{0.F, 1.F, -2.F, 65504.F, 0x1p-14F, 0x1p-24F};
  const auto have = read("HalfStorage", {0, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555});
  for (int k = 0; k < 6; ++k) EXPECT_EQ(have[k], ieee[k]);
  EXPECT_EQ(have[6], 0x1.554p-2F);
  EXPECT_EQ(read("HalfStorage", {0x7c00})[0], std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(read("HalfStorage", {0x7e00})[0]));
  EXPECT_EQ(read("BFloat16Storage", {0x3f80, 0xc040}), (std::vector<float>{1.F, -3.F}));
}

TEST(TorchFile, RefusesCodeAndOtherFiles) {
  expect_refused(archive(global("posix", "system") + word("true") + "\x85R"), "mentions posix.system");
  expect_refused(archive(word("builtins") + word("eval") + "\x93"), "mentions builtins.eval");
  expect_refused(archive(global("torch", "float32") + ")R"), "calls torch.float32");
  expect_refused(archive(word("text") + ")R"), "calls what is no function");
  expect_refused(archive("ios\nsystem\n"), "operation 105");
  expect_refused(archive("]2a"), "holds itself");
  expect_refused(archive("](e0"), "stack is empty");
  expect_refused(archive("h\x05"), "refers to a value");
  expect_refused(archive("X" + number(1000, 4) + "short"), "ends too early");
  expect_refused(archive("NN"), "left on the stack");
  expect_refused(archive(std::string(300, ']') + std::string(299, 'a')), "nested deeper");
  expect_refused(archive("N", {stored("any/constants.pkl", "")}), "TorchScript");
  expect_refused(archive("N", {stored("any/byteorder", "big")}), "little-endian");
  expect_refused(zip({stored("weights.npy", "")}), "without data.pkl");
  expect_refused(pickle("N"), "bare pickle");
  expect_refused("energy = 1", "no file of torch.save");
  expect_refused("", "no file of torch.save");
  expect_refused(archive(tensor(storage("FloatStorage", "0", 2), 0, small(2) + "\x85", small(1) + "\x85"),
                         {stored("any/data/0", "1234")}),
                 "has 4 bytes");
  expect_refused(archive(tensor(storage("FloatStorage", "0", 2), 0, small(2) + "\x85", small(1) + "\x85")),
                 "no member");
  expect_refused(archive(tensor(storage("QInt8Storage", "0", 2), 0, small(2) + "\x85", small(1) + "\x85")),
                 "torch.QInt8Storage");
  Temporary folder;
  const std::string named = folder.file("a.pt", archive(global("torch._C._nn", "gelu")));
  EXPECT_THROW(TorchFile{named}, FormatError);
  EXPECT_EQ(TorchFile(named, {"torch._C._nn.gelu"}).root().string(), "torch._C._nn.gelu");
  EXPECT_THROW(TorchFile(folder.path("absent.pt")), IoError);
}

TEST(TorchFile, ObjectsOfClassesThatTheCallerNamesAreTheirAttributes) {
  const std::string made = global("some.module", "Class") + ")\x81",
                    state = "}" + word("low") + small(3) + "sb";
  Temporary folder;
  EXPECT_THROW(TorchFile(folder.file("a.pt", archive(made + state))), FormatError);
  const TorchFile file(folder.path("a.pt"), {"some.module.Class"});
  EXPECT_EQ(file.root().kind(), TorchValue::Kind::dict);
  EXPECT_EQ(file.root()["low"].integer(), 3);
  for (const std::string& bad :
       {made + "]b", made + small(3) + "b", global("some.module", "Class") + small(3) + "\x85\x81",
        global("some.module", "Class") + ")R", global("torch", "float32") + ")\x81"})
    EXPECT_THROW(TorchFile(folder.file("b.pt", archive(bad)), {"some.module.Class"}), FormatError);
}

TEST(TorchFile, TellsTuplesFromLists) {
  Temporary folder;
  const TorchFile file(folder.file("a.pt", archive("](" + tuple(small(1)) + small(2) + "\x85)]e")));
  for (const Index k : {0, 1, 2}) EXPECT_TRUE(file.root()[k].is_tuple()) << k;
  EXPECT_FALSE(file.root()[3].is_tuple());
  EXPECT_FALSE(file.root().is_tuple());
}

// A file that is cut off is one of torch.save, so that opening it says what is wrong.
TEST(TorchFile, RecognisesWhatIsCutOff) {
  const std::string whole = archive("N");
  Temporary folder;
  for (const std::size_t size : {whole.size(), whole.size() - 1, whole.size() / 2, std::size_t{8}})
    EXPECT_TRUE(TorchFile::recognises(folder.file("a.pt", whole.substr(0, size)))) << size;
  EXPECT_FALSE(TorchFile::recognises(folder.file("a.pt", "")));
  EXPECT_FALSE(TorchFile::recognises(folder.file("a.pt", zip({stored("weights.npy", "")}))));
}

// Every value of numpy, and every element type and view of torch, as PyTorch itself wrote them.
TEST(TorchFile, ReadsWhatPyTorchWrites) {
  CARTAN_REAL_DATA(file, "../reference/neuralop_kinds.pt");
  CARTAN_REAL_DATA(reference, "../reference/neuralop_reference.h5");
  const TorchFile kinds(file);
  const data::Group all = data::load(reference).group("pt_files/kinds");
  int compared = 0;
  for (const auto& [key, value] : kinds.root()["tensors"].entries()) {
    SCOPED_TRACE(key.string());
    const Array have = value.array(), want = all.array(key.string());
    EXPECT_EQ(have.shape(), value.shape());
    ASSERT_EQ(have.shape(), want.shape());
    const bool complex = want.dtype() == DType::c64 || want.dtype() == DType::c128;
    const DType common = complex ? DType::c128 : DType::f64;
    expect_equal(have.as(common), want.as(common));
    ++compared;
  }
  EXPECT_EQ(compared, 18);
}

// The same state dict as an archive, with every tensor a strided piece of a pool, and as the older stream.
TEST(TorchFile, ReadsEveryContainer) {
  CARTAN_REAL_DATA(reference, "../reference/neuralop_reference.h5");
  const data::Group all = data::load(reference).group("pt_files");
  const std::vector<std::string> names{"torch._C._nn.gelu",
                                       "neuralop.layers.spectral_convolution.SpectralConv"};
  for (const auto& [name, model] :
       std::vector<std::pair<std::string, std::string>>{{"dense2d_state_dict", "dense2d"},
                                                        {"dense2d_strided_state_dict", "dense2d"},
                                                        {"dense2d_legacy_format_state_dict", "dense2d"},
                                                        {"tucker2d_state_dict", "tucker2d"}}) {
    SCOPED_TRACE(name);
    CARTAN_REAL_DATA(path, "../reference/neuralop_" + name + ".pt");
    EXPECT_TRUE(TorchFile::recognises(path));
    const TorchFile file(path, names);
    const data::Group& state = all.group(model + "/state");
    std::size_t compared = 0;
    for (const auto& [key, value] : file.root().entries()) {
      if (value.kind() != TorchValue::Kind::array) continue;
      expect_equal(value.array(), state.array(key.string()));
      ++compared;
    }
    EXPECT_EQ(compared, state.items().size());
  }
}

TEST(TorchFile, ReadsACheckpointOfSevenNet) {
  CARTAN_REAL_DATA(path, "sevennet/checkpoint_sevennet_0.pth");
  const TorchFile file(path);
  const TorchValue config = file.root()["config"], state = file.root()["model_state_dict"];
  EXPECT_EQ(config["cutoff"].number(), 5);
  EXPECT_EQ(config["_type_map"].size(), 89);
  std::int64_t numbers = 0;
  for (const auto& [key, value] : state.entries()) numbers += value.array().size();
  EXPECT_EQ(numbers, 863456);
}

// A cut or changed byte gives an error, or what Python would read too: never a crash.
TEST(TorchFile, SurvivesDamage) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_dense2d_legacy_format_state_dict.pt");
  const std::string good = Temporary::contents(path);
  Temporary folder;
  const auto try_to_read = [&](const std::string& bytes) {
    try {
      const TorchFile file(folder.file("a.pt", bytes));
      if (file.root().kind() != TorchValue::Kind::dict) return;
      for (const auto& [key, value] : file.root().entries())
        if (value.kind() == TorchValue::Kind::array) value.array();
    } catch (const FormatError&) {
    }
  };
  for (std::size_t k = 0; k < 4100; k += 3) {
    std::string bad = good;
    bad[k] = static_cast<char>(bad[k] ^ (k % 2 ? 0xff : 1 << k / 6 % 8));
    try_to_read(bad);
    if (k % 27 == 0) {
      EXPECT_THROW(TorchFile(folder.file("cut.pt", good.substr(0, k))), FormatError);
    }
  }
}
