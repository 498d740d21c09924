// Sets of fields from files of several programs.

#include "cartan/operators/field_set.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/hdf5.hpp"
#include "real_data.hpp"
#include "temporary.hpp"

namespace cartan::operators {
namespace {

using cartan::testing::Temporary;

Array numbers(const Shape& shape, std::uint64_t seed = 1) {
  return random_normal(shape, DType::f32, Random(seed));
}
float at(const Array& a, Index k) {
  return a.data<float>()[k];
}

TEST(FieldSet, OwnFilesInMemoryAndStreamed) {
  const Temporary folder;
  data::Group root;
  const Array x = numbers({6, 2, 5, 4}), y = numbers({6, 1, 5, 4}, 2);
  root.set("x", x);
  root.set("y", y);
  data::save(folder.path("own.h5"), root, {"cartan-fields", 1, "", ""});
  for (const double memory : {0.0, 100.0}) {
    FieldSetOptions o;
    o.memory_mb = memory;
    const FieldSet set = FieldSet::open(folder.path("own.h5"), o);
    EXPECT_EQ(set.in_memory(), memory > 0);
    EXPECT_EQ(set.samples(), 6);
    EXPECT_EQ(set.x_shape(), (Shape{2, 5, 4}));
    EXPECT_EQ(set.y_shape(), (Shape{1, 5, 4}));
    const auto [a, b] = set.read({4, 1}, DType::f32);
    EXPECT_TRUE(identical(a.rows(0, 1), x.rows(4, 5)));
    EXPECT_TRUE(identical(b.rows(1, 2), y.rows(1, 2)));
    const auto [c, d] = set.part({5, 4, 3}).part({1}).read({0}, DType::f64);
    EXPECT_TRUE(identical(c, x.rows(4, 5).as(DType::f64)));
    EXPECT_EQ(d.dtype(), DType::f64);
    o.first = 4;
    EXPECT_TRUE(
        identical(FieldSet::open(folder.path("own.h5"), o).read(0, 1, DType::f32).first, x.rows(4, 5)));
    o.count = 3;
    EXPECT_THROW(FieldSet::open(folder.path("own.h5"), o), FormatError);
  }
  FieldSetOptions frames;
  frames.frames_in = 1;
  EXPECT_THROW(FieldSet::open(folder.path("own.h5"), frames), FormatError);
  EXPECT_THROW(FieldSet::open(folder.path("absent.h5")), IoError);
  const std::string whole = Temporary::contents(folder.path("own.h5"));
  EXPECT_THROW(FieldSet::open(folder.file("cut.h5", whole.substr(0, whole.size() / 2))), std::runtime_error);
  EXPECT_THROW(FieldSet::open(folder.file("text.h5", "nothing")), FormatError);
}

TEST(FieldSet, ComplexFieldsForOperatorsOfThem) {
  const Temporary folder;
  data::Group root;
  const Array x = numbers({3, 2, 4, 2}).as(DType::c64);
  root.set("x", x);
  root.set("y", numbers({3, 1, 4, 2}));
  data::save(folder.path("x.h5"), root, {"cartan-fields", 1, "", ""});
  const FieldSet set = FieldSet::open(folder.path("x.h5"));
  const auto [a, b] = set.read(1, 3, DType::c128);
  EXPECT_TRUE(identical(a, x.rows(1, 3).as(DType::c128)));
  EXPECT_EQ(b.dtype(), DType::c128);
  try {
    set.read(0, 1, DType::f32);
    ADD_FAILURE() << "read as real numbers";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("x.h5: x: holds complex numbers"), std::string::npos)
        << error.what();
  }
}

TEST(FieldSet, ValuesThatAreNotFiniteAreNamed) {
  Array x = numbers({3, 1, 8});
  x.mutable_data<float>()[2 * 8 + 3] = NAN;
  const FieldSet set = FieldSet::of(x, numbers({3, 1, 8}));
  EXPECT_NO_THROW(set.read({0, 1}, DType::f32));
  try {
    set.read({1, 2}, DType::f32);
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_EQ(error.object(), "x, sample 2");
  }
  EXPECT_THROW(FieldSet::of(x, numbers({2, 1, 8})), std::invalid_argument);
  EXPECT_THROW(set.read({3}, DType::f32), std::invalid_argument);
}

TEST(FieldSet, WindowsOfTrajectories) {
  const Temporary folder;
  // PDEBench, one dimension: (samples, time, x); read without the marks of our own files.
  data::Group root;
  const Array tensor = numbers({3, 7, 8});
  root.set("tensor", tensor);
  data::save(folder.path("pde.h5"), root, {"foreign", 1, "", ""});
  FieldSetOptions o;
  o.frames_in = 2, o.frames_out = 3;
  const FieldSet set = FieldSet::open(folder.path("pde.h5"), o);
  EXPECT_EQ(set.samples(), 3 * 3);
  EXPECT_EQ(set.x_shape(), (Shape{2, 8}));
  EXPECT_EQ(set.y_shape(), (Shape{3, 8}));
  const auto [x, y] = set.read({5}, DType::f32);  // trajectory 1, window 2
  for (Index k = 0; k < 8; ++k) {
    EXPECT_EQ(at(x, k), at(tensor, (7 + 2) * 8 + k));
    EXPECT_EQ(at(x, 8 + k), at(tensor, (7 + 3) * 8 + k));
    EXPECT_EQ(at(y, 16 + k), at(tensor, (7 + 6) * 8 + k));
  }
  o.frame_stride = 2;
  o.frames_out = 1;
  EXPECT_EQ(FieldSet::open(folder.path("pde.h5"), o).samples(), 3 * 2);
  o.frames_out = 6;
  EXPECT_THROW(FieldSet::open(folder.path("pde.h5"), o), FormatError);

  // Our own frames: x and y are one trajectory.
  data::Group own;
  const Array ox = numbers({2, 2, 8}), oy = numbers({2, 3, 8}, 2);
  own.set("x", ox);
  own.set("y", oy);
  own["equation"].attributes["frames"] = std::int64_t{1};
  data::save(folder.path("own.h5"), own, {"cartan-fields", 1, "", ""});
  FieldSetOptions w;
  w.frames_in = 1;
  const FieldSet windows = FieldSet::open(folder.path("own.h5"), w);
  EXPECT_EQ(windows.samples(), 2 * 4);
  const auto [a, b] = windows.read({5}, DType::f32);  // trajectory 1, from the last frame of x
  EXPECT_EQ(at(a, 3), at(ox, (2 + 1) * 8 + 3));
  EXPECT_EQ(at(b, 3), at(oy, (3 + 0) * 8 + 3));
  EXPECT_EQ(FieldSet::open(folder.path("own.h5")).samples(), 2);
}

TEST(FieldSet, LayoutsOfPdeBenchAndTheWell) {
  const Temporary folder;
  {
    data::Group root;
    const Array nu = numbers({3, 4, 5}), tensor = numbers({3, 1, 4, 5}, 2);
    root.set("nu", nu);
    root.set("tensor", tensor);
    data::save(folder.path("darcy.h5"), root, {"foreign", 1, "", ""});
    const auto [x, y] = FieldSet::open(folder.path("darcy.h5")).read({2}, DType::f32);
    EXPECT_TRUE(identical(x.reshaped({1, 4, 5}), nu.rows(2, 3)));
    EXPECT_TRUE(identical(y, tensor.rows(2, 3)));
  }
  {
    data::Group root;
    const Array vx = numbers({2, 3, 4, 4}), p = numbers({2, 3, 4, 4}, 2);
    root.set("Vx", vx);
    root.set("pressure", p);
    data::save(folder.path("cfd.h5"), root, {"foreign", 1, "", ""});
    const auto [x, y] = FieldSet::open(folder.path("cfd.h5")).read({3}, DType::f32);
    EXPECT_EQ(x.shape(), (Shape{1, 2, 4, 4}));
    EXPECT_EQ(at(x, 5), at(vx, (3 + 1) * 16 + 5));
    EXPECT_EQ(at(x, 16 + 5), at(p, (3 + 1) * 16 + 5));
    EXPECT_EQ(at(y, 16 + 5), at(p, (3 + 2) * 16 + 5));
  }
  {
    data::Group root;
    const Array first = numbers({3, 4, 5, 2}), second = numbers({3, 4, 5, 2}, 2);
    root.set("0000/data", first);
    root.set("0001/data", second);
    data::save(folder.path("react.h5"), root, {"foreign", 1, "", ""});
    const FieldSet set = FieldSet::open(folder.path("react.h5"));
    EXPECT_EQ(set.samples(), 4);
    const auto [x, y] = set.read({2}, DType::f32);
    EXPECT_EQ(x.shape(), (Shape{1, 2, 4, 5}));
    EXPECT_EQ(at(x, 20 + 7), at(second, 7 * 2 + 1));
    EXPECT_EQ(at(y, 7), at(second, 40 + 7 * 2));
  }
  {
    data::Group root;
    const Array density = numbers({2, 3, 4, 5}), velocity = numbers({2, 3, 4, 5, 2}, 2);
    root.set("t0_fields/density", density);
    root.set("t0_fields/mask", numbers({4, 5}));
    root["t0_fields"].items().at("mask").attributes["time_varying"] = std::int64_t{0};
    root.set("t1_fields/velocity", velocity);
    root["boundary_conditions/x_wall"].attributes["bc_type"] = std::string("WALL");
    data::save(folder.path("well.h5"), root, {"foreign", 1, "", ""});
    const FieldSet set = FieldSet::open(folder.path("well.h5"));
    EXPECT_FALSE(set.periodic());
    EXPECT_EQ(set.samples(), 4);
    const auto [x, y] = set.read({2}, DType::f32);
    EXPECT_EQ(x.shape(), (Shape{1, 3, 4, 5}));
    EXPECT_EQ(at(x, 7), at(density, 3 * 20 + 7));
    EXPECT_EQ(at(x, 40 + 7), at(velocity, (3 * 20 + 7) * 2 + 1));
    EXPECT_EQ(at(y, 20 + 7), at(velocity, (4 * 20 + 7) * 2));
  }
  data::Group nothing;
  nothing.set("z", numbers({2, 3}));
  data::save(folder.path("z.h5"), nothing, {"foreign", 1, "", ""});
  EXPECT_THROW(FieldSet::open(folder.path("z.h5")), FormatError);
}

TEST(FieldSet, SmallDarcy) {
  CARTAN_REAL_DATA(path, "darcy/darcy_test_32.pt");
  const FieldSet set = FieldSet::open(path);
  EXPECT_EQ(set.samples(), 50);
  EXPECT_EQ(set.x_shape(), (Shape{1, 32, 32}));
  EXPECT_EQ(set.y_shape(), (Shape{1, 32, 32}));
  const auto [x, y] = set.read(0, 50, DType::f32);
  double mean = 0;
  for (Index k = 0; k < x.size(); ++k) {
    ASSERT_TRUE(at(x, k) == 0 || at(x, k) == 1);
    mean += at(y, k) / static_cast<double>(y.size());
  }
  EXPECT_NEAR(mean, 0.386, 0.05);
}

}  // namespace
}  // namespace cartan::operators
