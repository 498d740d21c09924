#include <cartan/core/error.hpp>
#include <cartan/data/readers.hpp>

#include <gtest/gtest.h>
#include <algorithm>

#include <complex>
#include <cstring>

#include "real_data.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

template <class T>
std::string bytes_of(std::vector<T> values, bool swap = false) {
  std::string out(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  if (swap)
    for (std::size_t i = 0; i < out.size(); i += sizeof(T))
      std::reverse(out.begin() + static_cast<long>(i), out.begin() + static_cast<long>(i + sizeof(T)));
  return out;
}

std::string npy(const std::string& dict, const std::string& data, int version = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  for (int k = 0; k < (version == 1 ? 2 : 4); ++k) out += static_cast<char>(dict.size() >> 8 * k & 255);
  return out + dict + data;
}

std::string dict(const std::string& type, const std::string& shape, const char* fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

Array read(const std::string& bytes) {
  Temporary folder;
  return read_npy(folder.file("a.npy", bytes));
}

void expect_refused(const std::string& bytes, const std::string& what) {
  try {
    read(bytes);
    ADD_FAILURE() << "no error; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

std::string from_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

// Made by Python's zipfile: x = [1.5, 2.5, 3.5] (f8) and n = -7 (i8), deflated, n with zip64 sizes.
const std::string deflated = from_hex(
    "504b030414000000080000002100580acb3e500000009800000005000000782e6e70799bec17ea1b10c9c850c650ad9e"
    "925a9c5ca46ea5a06e9366a1aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91ac63a9a3a"
    "0ab50a14002e0630f8610fa1591c20348f0300504b03042d000000080000002100c8b83ce4ffffffffffffffff050014"
    "006e2e6e707901001000880000000000000046000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e"
    "9369a1aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a9a3a0ab50a1401ae9fff210000"
    "504b0102140314000000080000002100580acb3e5000000098000000050000000000000000000000800100000000782e"
    "6e7079504b01022d032d000000080000002100c8b83ce446000000880000000500000000000000000000008001730000"
    "006e2e6e7079504b0506000000000200020066000000f00000000000");

}  // namespace

TEST(Npy, ReadsEveryTypeInBothByteOrders) {
  const auto check = [](const char* type, auto from, auto to) {
    using From = decltype(from);
    using To = decltype(to);
    std::vector<From> values;
    std::vector<To> expected;
    for (int i : {0, 1, 100, 127}) {
      values.push_back(static_cast<From>(i));
      expected.push_back(static_cast<To>(values.back()));
    }
    for (const char order : {'<', '>', '='}) {
      const Array a = read(npy(dict(order + std::string(type), "(2, 2)"), bytes_of(values, order == '>')));
      EXPECT_TRUE(identical(a, Array::from(expected, {2, 2}))) << order << type;
    }
  };
  check("f4", float{}, float{});
  check("f8", double{}, double{});
  check("i1", std::int8_t{}, std::int32_t{});
  check("i2", std::int16_t{}, std::int32_t{});
  check("i4", std::int32_t{}, std::int32_t{});
  check("i8", std::int64_t{}, std::int64_t{});
  check("u1", std::uint8_t{}, std::uint8_t{});
  check("u2", std::uint16_t{}, std::int32_t{});
  check("u4", std::uint32_t{}, std::int64_t{});
  check("u8", std::uint64_t{}, std::int64_t{});
  EXPECT_TRUE(identical(read(npy(dict("|b1", "(2,)"), std::string("\1\0", 2))),
                        Array::from(std::vector<std::uint8_t>{1, 0})));
  const std::vector<std::complex<double>> z{{1, -2}, {3, 4}};
  EXPECT_TRUE(identical(read(npy(dict("<c16", "(2,)"), bytes_of(z))), Array::from(z)));
  EXPECT_TRUE(identical(read(npy(dict(">c16", "(2,)"), bytes_of(std::vector<double>{1, -2, 3, 4}, true))),
                        Array::from(z)));
  const std::vector<std::complex<float>> c{{1, -2}, {3, 4}};
  EXPECT_TRUE(identical(read(npy(dict("<c8", "(2,)"), bytes_of(c))), Array::from(c)));
  EXPECT_EQ(read(npy(dict("<i2", "(1,)"), bytes_of(std::vector<std::int16_t>{-3}))).item(), -3);
  EXPECT_EQ(read(npy(dict("<u4", "(1,)"), bytes_of(std::vector<std::uint32_t>{4000000000u}))).item(), 4e9);
}

TEST(Npy, ReadsFortranOrderShapesAndVersions) {
  // element (i, j, k) = 100 i + 10 j + k, first index fastest
  std::vector<double> fortran, expected;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) fortran.push_back(100 * i + 10 * j + k);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) expected.push_back(100 * i + 10 * j + k);
  EXPECT_TRUE(identical(read(npy(dict("<f8", "(2, 3, 4)", "True"), bytes_of(fortran))),
                        Array::from(expected, {2, 3, 4})));
  const std::string one = bytes_of(std::vector<double>{7});
  for (const int version : {1, 2, 3}) EXPECT_EQ(read(npy(dict("<f8", "()"), one, version)).shape(), Shape{});
  EXPECT_EQ(read(npy(dict("<f8", "(1L, 1L)"), one)).shape(), (Shape{1, 1}));  // Python 2
  EXPECT_EQ(read(npy(dict("<f8", "(0, 5)"), "")).shape(), (Shape{0, 5}));
  EXPECT_EQ(read(npy(dict("<f8", "(0, 5)", "True"), "")).shape(), (Shape{0, 5}));
  EXPECT_EQ(read(npy("{\"shape\": (1,),\"descr\":\"<f8\" , 'fortran_order':False}", one)).item(), 7);
}

TEST(Npy, RefusesDamagedFiles) {
  const std::string one = bytes_of(std::vector<double>{7}), good = npy(dict("<f8", "(1,)"), one);
  EXPECT_EQ(read(good).item(), 7);
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_THROW(read(good.substr(0, n)), FormatError) << n;
  expect_refused("PK\3\4 and so on", "not a .npy");
  expect_refused(good + "x", "needs 8 bytes, found 9");
  expect_refused(npy(dict("<f8", "(1,)"), one, 4), "version 4");
  expect_refused(npy(dict("<f2", "(4,)"), one), "'<f2' cannot be read");
  expect_refused(npy(dict("<f16", "(1,)"), one + one), "cannot be read");
  expect_refused(npy(dict("|O", "(1,)"), one), "cannot be read");
  expect_refused(npy(dict("<U2", "(1,)"), one), "texts");
  expect_refused(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", one), "records");
  expect_refused(npy(dict("<f8", "(2,)"), one), "needs 16 bytes, found 8");
  expect_refused(npy(dict("<f8", "(-1,)"), one), "expected an extent");
  expect_refused(npy(dict("<f8", "(99999999999999999999,)"), one), "too large");
  expect_refused(npy(dict("<f8", "(4611686018427387904, 4611686018427387904)"), one), "needs more bytes");
  expect_refused(npy(dict("<f8", "(0, 4611686018427387904, 4611686018427387904)"), ""), "needs more bytes");
  expect_refused(npy(dict("<f8", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), one),
                 "axes");
  expect_refused(npy("{'descr': '<f8', 'fortran_order': False}", one), "header");
  expect_refused(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}", one),
                 "unexpected key");
  expect_refused(npy("__import__('os')", one), "expected '{'");
  expect_refused(npy(dict("<u8", "(1,)"), bytes_of(std::vector<std::uint64_t>{~0ull})), "larger than");
  Temporary folder;
  EXPECT_THROW(read_npy(folder.path("absent.npy")), IoError);
}

TEST(Npy, WrittenArraysReadBack) {
  Temporary folder;
  const std::vector<Array> arrays{Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}),
                                  Array::scalar(2.5, DType::f64),
                                  Array::zeros({0, 3}, DType::f32),
                                  Array::from(std::vector<std::int32_t>{-1, 2}),
                                  Array::from(std::vector<std::int64_t>{1LL << 60}),
                                  Array::from(std::vector<std::uint8_t>{255}),
                                  Array::from(std::vector<std::complex<float>>{{1, 2}}),
                                  Array::from(std::vector<std::complex<double>>{{1, 2}, {3, 4}}, {1, 2})};
  std::vector<std::pair<std::string, Array>> named;
  for (const Array& a : arrays) {
    const std::string path = folder.path("a.npy");
    write_npy(path, a);
    EXPECT_TRUE(identical(read_npy(path), a)) << a.dtype();
    // the elements start at a multiple of 64, as numpy has it
    EXPECT_EQ((std::filesystem::file_size(path) - a.bytes()) % 64, 0u);
    named.emplace_back("array " + std::to_string(named.size()), a);
  }
  write_npz(folder.path("a.npz"), named);
  const auto back = read_npz(folder.path("a.npz"));
  ASSERT_EQ(back.size(), named.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].first, named[i].first);
    EXPECT_TRUE(identical(back[i].second, named[i].second));
  }
  EXPECT_THROW(write_npz(folder.path("b.npz"), {named[0], named[0]}), std::invalid_argument);
}

TEST(Npz, ReadsDeflatedMembersAndZip64) {
  Temporary folder;
  const auto arrays = read_npz(folder.file("a.npz", deflated));
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays[0].first, "x");
  EXPECT_TRUE(identical(arrays[0].second, Array::from(std::vector<double>{1.5, 2.5, 3.5})));
  EXPECT_EQ(arrays[1].first, "n");
  EXPECT_EQ(arrays[1].second.item(), -7);
}

TEST(Npz, EveryDamageIsFound) {
  Temporary folder;
  write_npz(folder.path("stored.npz"), {{"x", Array::from(std::vector<double>{1.5, 2.5, 3.5})}});
  for (const std::string& good : {deflated, Temporary::contents(folder.path("stored.npz"))}) {
    for (std::size_t n = 0; n < good.size(); ++n)
      EXPECT_THROW(read_npz(folder.file("a.npz", good.substr(0, n))), FormatError) << n;
    const auto expected = read_npz(folder.file("a.npz", good));
    std::size_t found = 0;
    for (std::size_t i = 0; i < good.size(); ++i)
      for (const int bit : {0, 3, 7}) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
        try {  // a changed bit is an error, or (dates, versions, names) leaves the elements as they were
          const auto arrays = read_npz(folder.file("a.npz", bad));
          for (std::size_t k = 0; k < arrays.size(); ++k)
            EXPECT_TRUE(identical(arrays[k].second, expected.at(k).second)) << "byte " << i << " bit " << bit;
        } catch (const FormatError&) {
          ++found;
        }
      }
    EXPECT_GT(found, good.size());
  }
}

TEST(Npz, ReadsRevisedMd17) {
  CARTAN_REAL_DATA(path, "rmd17/rmd17_aspirin_train_01.npz");
  const auto arrays = read_npz(path);
  const auto find = [&](const std::string& name) {
    for (const auto& [key, array] : arrays)
      if (key == name) return array;
    return Array();
  };
  EXPECT_EQ(find("coords").shape(), (Shape{1000, 21, 3}));
  EXPECT_EQ(find("forces").shape(), (Shape{1000, 21, 3}));
  EXPECT_EQ(find("energies").size(), 1000);
  EXPECT_EQ(find("nuclear_charges").size(), 21);
  EXPECT_TRUE(all_finite(find("coords")));
}
