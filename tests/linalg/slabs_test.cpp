// ST-HOSVD by slabs, from memory and from HDF5, and formats in files.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/linalg/slabs.hpp"
#include "linalg/oracle.hpp"
#include "temporary.hpp"

using namespace oracle;

namespace {

Array noisy(const Shape& s, const Shape& ranks, DType t) {
  const Array x = random_tucker(s, ranks, DType::f64, 1).full(), e = normal(s, DType::f64, 2, 0);
  return combine(x, e, 1, 1e-5 * size(x) / size(e)).as(t);
}

SlabSource from_memory(const Array& x, Index slab) {
  return {x.shape(), x.dtype(), [&x](Index begin, Index end) { return x.rows(begin, end); }, slab};
}

}  // namespace

TEST(Slabs, EqualTheInMemoryResult) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : std::vector<Shape>{{30, 40, 50}, {17, 12, 9, 11}, {50, 40}}) {
      const Array x = noisy(s, Shape(s.size(), 3), t);
      HosvdOptions o;
      o.tolerance = 1e-3;
      o.method = Method::gram;
      o.order = s.size() == 3   ? std::vector<int>{2, 1, 0}
                : s.size() == 4 ? std::vector<int>{1, 3, 2, 0}
                                : std::vector<int>{1, 0};
      const auto whole = st_hosvd(x, o);
      // Once the first mode is reduced it fits; or only after two.
      for (std::size_t memory : {x.bytes() / 2, x.bytes() / (s.size() == 2 ? 3 : 20)})
        for (Index slab : {1, 7, 100}) {
          o.memory = memory;
          const auto r = st_hosvd(from_memory(x, slab), o);
          EXPECT_EQ(r.report.ranks, whole.report.ranks);
          EXPECT_LE(distance(r.tensor.full(), whole.tensor.full()),
                    (t == DType::f32 ? 1e-6 : 1e-12) * size(x));
          EXPECT_LE(std::abs(r.report.relative_error - whole.report.relative_error),
                    t == DType::f32 ? 1e-6 : 1e-11);
          EXPECT_LE(std::abs(r.report.relative_error - distance(r.tensor.full(), x) / size(x)),
                    t == DType::f32 ? 1e-6 : 1e-11);
          EXPECT_TRUE(r.report.converged);
        }
      o.method = Method::randomized;
      o.memory = x.bytes() / 2;
      const auto r = st_hosvd(from_memory(x, 7), o);
      EXPECT_EQ(r.report.ranks, whole.report.ranks);
      EXPECT_LE(r.report.relative_error, 1e-3);
      EXPECT_LE(std::abs(r.report.relative_error - distance(r.tensor.full(), x) / size(x)),
                t == DType::f32 ? 1e-6 : 1e-11);
    }
}

TEST(Slabs, FromAFile) {
  const cartan::testing::Temporary folder;
  const std::string path = folder.path("x.h5");
  const Array x = noisy({30, 40, 50}, {3, 3, 3}, DType::f64);
  data::Group root;
  root.set("field", x);
  data::save(path, root, {"cartan-field", 1, "", ""});
  const data::Hdf5File file(path);
  SlabSource source = slabs_of(file, "field");
  source.slab = 8;
  HosvdOptions o;
  o.tolerance = 1e-3;
  o.memory = x.bytes() / 2;
  const auto r = st_hosvd(source, o);
  EXPECT_EQ(r.report.ranks, (std::vector<Index>{3, 3, 3}));
  EXPECT_LE(std::abs(r.report.relative_error - distance(r.tensor.full(), x) / size(x)), 1e-11);
  EXPECT_THROW(slabs_of(file, "nothing"), FormatError);
}

TEST(Slabs, RefuseWhatDoesNotFit) {
  const Array x = noisy({30, 40, 50}, {3, 3, 3}, DType::f64);
  HosvdOptions o;
  o.tolerance = 1e-3;
  o.memory = 100;
  EXPECT_THROW(st_hosvd(from_memory(x, 8), o), std::invalid_argument);
  o.memory = x.bytes() / 2;
  o.method = Method::lq;
  EXPECT_THROW(st_hosvd(from_memory(x, 8), o), std::invalid_argument);
  o.method = Method::automatic;
  SlabSource wrong = from_memory(x, 8);
  wrong.rows = [&](Index, Index) { return x.rows(0, 3); };
  EXPECT_THROW(st_hosvd(wrong, o), std::invalid_argument);
  for (std::size_t memory : {x.bytes() / 2, 2 * x.bytes()}) {
    o.memory = memory;
    Array bad = noisy({30, 40, 50}, {3, 3, 3}, DType::f64);
    bad.mutable_data<double>()[59999] = INFINITY;
    EXPECT_THROW(st_hosvd(from_memory(bad, 8), o), std::invalid_argument);
    const auto zero = st_hosvd(from_memory(Array::zeros({30, 40, 50}, DType::f32), 8), o);
    EXPECT_EQ(zero.report.ranks, (std::vector<Index>{1, 1, 1}));
  }
}

TEST(Files, RoundTripAndDamage) {
  const cartan::testing::Temporary folder;
  const std::string path = folder.path("x.h5");
  const Shape s{4, 3, 5};
  const Canonical cp = random_canonical(s, 2, DType::f64, 3);
  const Tucker tucker = random_tucker(s, {2, 3, 2}, DType::f32, 4);
  const TensorTrain train = random_train(s, 3, DType::f64, 5);
  data::Group root;
  cp.save(root["cp"]);
  tucker.save(root["tucker"]);
  train.save(root["train"]);
  data::save(path, root, {"cartan-tensors", 1, "", ""});
  const data::Group back = data::load(path, "cartan-tensors");
  EXPECT_TRUE(identical(Canonical::load(back.group("cp")).full(), cp.full()));
  EXPECT_TRUE(identical(Tucker::load(back.group("tucker")).full(), tucker.full()));
  EXPECT_TRUE(identical(TensorTrain::load(back.group("train")).full(), train.full()));

  // Foreign and damaged groups, one fault at a time.
  auto expect_refused = [&](const char* name, const std::function<void(data::Group&)>& damage) {
    data::Group copy = back;
    damage(copy);
    auto load = [&] {
      if (std::string(name) == "cp") Canonical::load(copy.group(name));
      if (std::string(name) == "tucker") Tucker::load(copy.group(name));
      if (std::string(name) == "train") TensorTrain::load(copy.group(name));
    };
    EXPECT_THROW(load(), FormatError) << name;
  };
  auto put = [](const char* where, const Array& a) { return [=](data::Group& g) { g.set(where, a); }; };
  auto z = [](const Shape& shape, DType t) { return Array::zeros(shape, t); };
  for (const char* name : {"cp", "tucker", "train"}) {
    expect_refused(name, [&](data::Group& g) { g[name].attributes["kind"] = std::string("matrix"); });
    expect_refused(name, [&](data::Group& g) { g[name].attributes.erase("kind"); });
    expect_refused(name, [&](data::Group& g) { g[name] = data::Group(); });
  }
  expect_refused("cp", put("cp/factors/1", z({3, 4}, DType::f64)));
  expect_refused("cp", put("cp/factors/1", z({3, 2}, DType::f32)));
  expect_refused("cp", put("cp/factors/7", z({3, 2}, DType::f64)));
  expect_refused("cp", put("cp/weights", z({2}, DType::i64)));
  expect_refused("cp", put("cp/weights", Array::full({2}, NAN, DType::f64)));
  expect_refused("tucker", put("tucker/core", z({2, 3}, DType::f32)));
  expect_refused("tucker", put("tucker/core", z({2, 3, 3}, DType::f32)));
  expect_refused("tucker", put("tucker/factors/0", z({4}, DType::f32)));
  expect_refused("train", put("train/cores/0", z({2, 4, 3}, DType::f64)));
  expect_refused("train", put("train/cores/1", z({2, 3, 3}, DType::f64)));
  expect_refused("train", put("train/cores/2", z({3, 5, 2}, DType::f64)));
}
