#include "cartan/completion/sparse.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/readers.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::completion;

namespace {

using Columns = std::vector<std::vector<std::int32_t>>;

template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

TEST(Sparse, EntriesAreSortedAndKept) {
  const SparseTensor x({3, 2, 4}, Columns{{2, 0, 2, 0}, {1, 1, 0, 0}, {3, 2, 1, 0}}, {1, 2, 3, 4});
  ASSERT_EQ(x.size(), 4);
  const std::vector<double> values(x.values().begin(), x.values().end());
  EXPECT_EQ(values, (std::vector<double>{4, 2, 3, 1}));
  EXPECT_EQ(x.counts(0), (std::vector<Index>{2, 0, 2}));
  const Array dense = x.dense(-1);
  EXPECT_EQ(dense(2, 1, 3), 1);
  EXPECT_EQ(dense(1, 0, 0), -1);
  EXPECT_TRUE(identical(SparseTensor::from_dense(x.dense(NAN)).dense(-1), dense));
  EXPECT_EQ(x.chosen({1, 3}).dense(0)(2, 1, 3), 1);
}

// Sorting by slices, by keys and by comparison agree with a plain sort, whatever the extents.
TEST(Sparse, SortingMeetsAnOracle) {
  const std::vector<Shape> shapes{
      {40, 7, 9}, {3, 2000000000, 2000000000, 2000000000}, {50}, {1, 1, 6, 2, 90}};
  for (const Shape& shape : shapes) {
    const Random random(5);
    const std::size_t n = shape.size() == 1 ? 50 : 400;
    Columns index(shape.size());
    std::vector<double> values;
    std::vector<std::vector<Index>> plain;
    for (std::size_t e = 0; e < n; ++e) {
      std::vector<Index> at;
      for (std::size_t k = 0; k < shape.size(); ++k)
        at.push_back(static_cast<Index>(random.uniform(e * 8 + k) * static_cast<double>(shape[k])));
      for (std::size_t k = 0; k < shape.size(); ++k) index[k].push_back(static_cast<std::int32_t>(at[k]));
      values.push_back(1);
      plain.push_back(at);
    }
    std::sort(plain.begin(), plain.end());
    plain.erase(std::unique(plain.begin(), plain.end()), plain.end());
    const SparseTensor x(shape, index, values, Duplicates::sum);
    ASSERT_EQ(x.size(), static_cast<Index>(plain.size()));
    double sum = 0;
    for (Index e = 0; e < x.size(); ++e) {
      for (std::size_t k = 0; k < shape.size(); ++k)
        ASSERT_EQ(x.index(static_cast<int>(k))[e], plain[static_cast<std::size_t>(e)][k]);
      sum += x.values()[e];
    }
    EXPECT_EQ(sum, static_cast<double>(n));
  }
}

TEST(Sparse, DuplicatesAsAsked) {
  const Columns index{{1, 0, 1}, {0, 0, 0}};
  EXPECT_EQ(SparseTensor({2, 1}, index, {1, 5, 2}, Duplicates::sum).values()[1], 3);
  EXPECT_EQ(SparseTensor({2, 1}, index, {1, 5, 2}, Duplicates::average).values()[1], 1.5);
  expect_has(message_of([&] { SparseTensor({2, 1}, index, {1, 5, 2}); }), "entry (1, 0) is there 2 times");
}

TEST(Sparse, RefusesWhatItCannotHold) {
  expect_has(message_of([] { SparseTensor({2, 1}, Columns{{2}, {0}}, {1}); }), "index 2 of mode 0 in row 0");
  expect_has(message_of([] { SparseTensor({2, 1}, Columns{{-1}, {0}}, {1}); }), "index -1 of mode 0");
  expect_has(message_of([] { SparseTensor({2, 1}, Columns{{1}, {0}}, {NAN}); }), "(1, 0) is nan");
  expect_has(message_of([] { SparseTensor({2, 1}, Columns{{1}}, {1}); }), "1 lists of indices for 2 modes");
  expect_has(message_of([] { SparseTensor({2, 0}, Columns{{1}, {0}}, {1}); }), "extent 0 of mode 1");
  expect_has(message_of([] { SparseTensor({2}, Array::of({1}), Array::of({1})); }),
             "expected int32 or int64");
}

TEST(Sparse, FilesOfEveryKindReadBack) {
  const cartan::testing::Temporary folder;
  const Random random(3);
  Columns index(3);
  std::vector<double> values;
  for (std::int32_t e = 0; e < 60; ++e) {
    index[0].push_back(e), index[1].push_back(e % 7), index[2].push_back((e * e) % 11);
    values.push_back(random.normal(static_cast<std::uint64_t>(e)));
  }
  const SparseTensor x({60, 7, 11}, index, values);
  for (const char* name : {"entries.tns", "entries.npz", "entries.h5"}) {
    const std::string path = folder.path(name);
    write_entries(path, x);
    EntryOptions o;
    o.shape = {60, 7, 11};
    const SparseTensor y = read_entries(path, o);
    EXPECT_TRUE(identical(x.index_array(), y.index_array())) << name;
    EXPECT_TRUE(identical(x.value_array(), y.value_array())) << name;
  }
  const std::string path = folder.path("entries.npy");
  data::write_npy(path, x.dense(NAN));
  EXPECT_TRUE(identical(read_entries(path).value_array(), x.value_array()));
}

TEST(Sparse, TextsThatAreRead) {
  const cartan::testing::Temporary folder;
  const SparseTensor a = read_entries(folder.file("a.tns", "# c\n1 2 3 4.5\n\n2 1 1 -1e-3\n"));
  EXPECT_EQ(a.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(a.dense(0)(0, 1, 2), 4.5);
  EntryOptions zero;
  zero.zero_based = true;
  const SparseTensor b = read_entries(folder.file("b.csv", "i,j,value\r\n0, 1, 2\r\n1.0,0,3\r\n"), zero);
  EXPECT_EQ(b.dense(0)(1, 0), 3);
}

TEST(Sparse, TextsThatAreRefusedNameTheLine) {
  const cartan::testing::Temporary folder;
  const auto why = [&](const std::string& words, const EntryOptions& o = {}) {
    return message_of([&] { read_entries(folder.file("bad.tns", words), o); });
  };
  expect_has(why("1 1 2\n0 1 3\n"), "line 2: index 0 of mode 0; indices start at 1: --zero-based");
  expect_has(why("1 1 2\n1 3\n"), "line 2: has 2 fields; the lines before have 3");
  expect_has(why("1 1 nan\n"), "line 1: the value is nan");
  expect_has(why("1 1 x\n"), "line 1: 'x' is no number");
  expect_has(why("1 1.5 2\n"), "line 1: '1.5' of mode 1 is no whole number");
  expect_has(why("1 9999999999 2\n"), "9999999999");
  expect_has(why("1 1 2\n1 1 3\n"), "entry (0, 0) is there 2 times");
  expect_has(why("# nothing\n"), "has no entry");
  EntryOptions shaped;
  shaped.shape = {2, 2};
  expect_has(why("1 1 2\n1 3 3\n", shaped), "line 2: index 3 of mode 1; the shape (2, 2) ends at 2");
}

TEST(Splits, PartsAreDisjointWholeAndOfTheSeed) {
  Columns index(2);
  std::vector<double> values;
  for (std::int32_t e = 0; e < 1000; ++e)
    index[0].push_back(e / 40), index[1].push_back(e % 40), values.push_back(e);
  const SparseTensor x({25, 40}, index, values);
  const Split a = split(x, {0.1, 0.2, 7}), b = split(x, {0.1, 0.2, 7}), c = split(x, {0.1, 0.2, 8});
  EXPECT_EQ(a.train.size(), 700);
  EXPECT_EQ(a.validation.size(), 100);
  EXPECT_EQ(a.test.size(), 200);
  EXPECT_TRUE(identical(a.train.joined(a.validation).joined(a.test).value_array(), x.value_array()));
  EXPECT_TRUE(identical(a.test.value_array(), b.test.value_array()));
  EXPECT_FALSE(identical(a.test.value_array(), c.test.value_array()));
  std::vector<int> seen(1000, 0);
  for (const auto& fold : folds(x, 3, 1))
    for (const Index e : fold) ++seen[static_cast<std::size_t>(e)];
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
  EXPECT_THROW(split(x, {0.6, 0.4, 0}), std::invalid_argument);
  EXPECT_THROW(folds(x, 1, 0), std::invalid_argument);
}

}  // namespace
