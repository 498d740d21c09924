#include "cartan/operators/patching.hpp"

#include <cmath>
#include <map>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/compress.hpp"
#include "cartan/operators/model.hpp"
#include "cartan/operators/multigrid.hpp"
#include "cartan/operators/spectral.hpp"
#include "neuralop.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

double distance(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return NAN;
  const Array e = a.as(DType::f64) - b.as(DType::f64);
  double worst = 0;
  for (const double x : e.to_vector<double>()) worst = cartan::testing::worst_of(worst, std::abs(x));
  return worst;
}

TEST(Patching, StitchOfPatchIsTheField) {
  for (const Shape& grid : {Shape{32}, Shape{16, 24}, Shape{8, 16, 8}})
    for (const bool periodic : {true, false})
      for (const double padding : {0.0, 0.1, 0.25})
        for (const Index levels : {0, 1, 2}) {
          if (levels == 2 && grid.size() > 1) continue;
          Shape shape = grid;
          shape.insert(shape.begin(), {2, 3});
          const Array x = random_normal(shape, DType::f32, Random(1, 2));
          const Patching patching({levels, {padding}, periodic}, grid);
          const Array p = patching.patch(x);
          EXPECT_EQ(p.dim(0), 2 * patching.patches());
          EXPECT_EQ(p.dim(1), 3 * (levels + 1));
          EXPECT_TRUE(identical(patching.stitch(slice(p, 1, 0, 3)), x));
        }
}

TEST(Patching, OnePaddedAxisAlone) {  // neuralop cuts [0:-0], an empty field
  const Array x = random_normal({1, 1, 8, 16}, DType::f64, Random(1, 2));
  const Patching patching({1, {0.25, 0.0}, true}, {8, 16});
  EXPECT_EQ(patching.patch_grid(), Shape({8, 8}));
  EXPECT_TRUE(identical(patching.stitch(slice(patching.patch(x), 1, 0, 1)), x));
}

TEST(Patching, RefusesWhatDoesNotDivide) {
  EXPECT_THROW(Patching({2, {0.0}, true}, {20, 20}), std::invalid_argument);
  EXPECT_THROW(Patching({3, {0.0}, true}, {64, 64}), std::invalid_argument);
  EXPECT_THROW(Patching({1, {0.0, 0.0, 0.0}, true}, {16, 16}), std::invalid_argument);
  EXPECT_THROW(Patching({1, {0.0}, true}, {16, 16}).patch(Array::zeros({1, 1, 16, 8}, DType::f32)),
               std::invalid_argument);
}

TEST(Patching, Gradient) {
  const Patching patching({1, {0.1}, false}, {8, 8});
  const Array w = random_normal({4, 2, 6, 6}, DType::f64, Random(3, 1));
  const auto report = check_gradients([&](const Arrays& x) { return sum(patching.patch(x[0]) * w); },
                                      {random_normal({1, 1, 8, 8}, DType::f64, Random(1, 2))});
  EXPECT_LE(report.max_error, 1e-9);
}

TEST(Patching, AsNeuraloperator) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_reference.h5");
  const data::Group root = data::load(path);
  int seen = 0;
  for (const auto& [name, g] : root.group("mg_patching").groups()) {
    SCOPED_TRACE(name);
    ++seen;
    const Array& x = g.array("input");
    const Shape grid(x.shape().begin() + 2, x.shape().end());
    PatchingOptions o;
    o.levels = g.integer("levels");
    if (name == "model") {
      o.padding = {g.number("padding_fraction")};
      const Patching patching(o, grid);
      FnoConfig config = fno_config_of(peer_arguments(g.string("kwargs")));
      nn::Init init = nn::Init::blank();
      auto fno = config.make(init);
      load_state(*fno, g.group("state"));
      nn::track_parameters(fno->parameters());
      EXPECT_LE(distance(patching.patch(x), g.array("patched")), 0);
      const Array y = patching.stitch((*fno)(patching.patch(x)));
      EXPECT_LE(distance(detach(y), g.array("output")), 1e-5);
      MultigridConfig whole;
      static_cast<FnoConfig&>(whole) = config;
      whole.in_channels = x.dim(1), whole.patching = o;
      auto mg = whole.make(init);
      load_state(*mg, g.group("state"));
      EXPECT_LE(distance((*mg)(x), g.array("output")), 1e-5);
      const Arrays slopes = gradients({y}, nn::values_of(fno->parameters()), {g.array("cotangent")});
      const nn::ParameterRefs parameters = fno->parameters();
      for (std::size_t k = 0; k < parameters.size(); ++k) {
        if (is_complex(slopes[k].dtype())) continue;
        EXPECT_LE(distance(slopes[k], g.array("grad/" + parameters[k].name)), 1e-3) << parameters[k].name;
      }
      continue;
    }
    o.padding = g.numbers("padding_fraction");
    const Patching patching(o, grid);
    EXPECT_LE(distance(patching.patch(x), g.array("patched")), 0);
    EXPECT_LE(distance(patching.stitch(g.array("patch_field")), g.array("stitched")), 0);
  }
  EXPECT_EQ(seen, 7);
}

MultigridConfig small_multigrid() {
  MultigridConfig c;
  c.in_channels = 2;
  c.spectral.modes = {4, 5}, c.spectral.rank = 0.5;
  c.hidden_channels = 4, c.layers = 2;
  return c;
}

TEST(Multigrid, WithoutLevelsAndPaddingIsTfno) {
  MultigridConfig c = small_multigrid();
  c.patching.levels = 0, c.patching.padding = {0.0};
  const Array x = random_normal({2, 2, 8, 12}, DType::f32, Random(1, 2));
  const TfnoConfig tfno = c;
  const Model whole(tfno, 1), patches(c, 1);
  EXPECT_EQ(whole.network().kind(), std::string("tfno"));
  EXPECT_LE(distance(patches.predict(x), whole.predict(x)), 0);
}

TEST(Multigrid, APatchSeesWhatIsAroundItAndFilesKeepIt) {
  for (const auto& [coarse, norm] :
       {std::pair{"views", "none"}, {"views", "batch"}, {"solution", "none"}, {"solution", "batch"}}) {
    SCOPED_TRACE(std::string(coarse) + ", norm " + norm);
    MultigridConfig c = small_multigrid();
    c.coarse = coarse, c.norm = norm;
    Model model(c, 1);
    const Array x = random_normal({3, 2, 16, 24}, DType::f32, Random(1, 2));
    model.input = Normalizer::of(x);
    nn::StateUpdate update;
    EXPECT_EQ(model.train(x, update).shape(), Shape({3, 1, 16, 24}));
    EXPECT_EQ(update.empty(), c.norm == "none");
    update.apply(model.network().constants());
    const std::string path = ::testing::TempDir() + "multigrid.h5";
    model.save(path);
    const Model again = Model::open(path);
    EXPECT_EQ(model_card(again), model_card(model));
    EXPECT_TRUE(identical(again.predict(x), model.predict(x)));
    std::remove(path.c_str());
    if (c.norm != "none") continue;
    // a point in one corner changes the patch in the other one, by the coarse view
    Array other = x.rows(0, 1);
    const Array before = model.predict(other);
    Array at = Array::zeros({1, 2, 16, 24}, DType::f32);
    at.mutable_data<float>()[0] = 1;
    EXPECT_GT(std::abs((model.predict(other + at) - before)(0, 0, 12, 18)), 0);
  }
}

TEST(Multigrid, Gradient) {
  for (const char* coarse : {"views", "solution"}) {
    MultigridConfig c = small_multigrid();
    c.dtype = DType::f64, c.coarse = coarse;
    const Model model(c, 1);
    const auto f = [&](const Arrays& a) { return sum(square(model(a[0]))); };
    EXPECT_LE(check_gradients(f, {random_normal({1, 2, 8, 8}, DType::f64, Random(1, 2))}, 1e-3, 20).max_error,
              1e-7)
        << coarse;
  }
}

// Sets the parameters whose names `chosen` takes to zero.
template <class Chosen>
void clear_parameters(Model& model, const Chosen& chosen) {
  for (const nn::NamedParameter& p : model.network().parameters())
    if (chosen(p.name)) *p.value = Array::zeros(p.value->shape(), p.value->dtype());
}

TEST(Multigrid, SolutionIsThatOfTheCoarseGridAndACorrection) {
  MultigridConfig c = small_multigrid();
  c.dtype = DType::f64, c.coarse = "solution";
  const auto is_coarse = [](const std::string& name) { return name.rfind("coarse.", 0) == 0; };
  // without the patches: a TFNO on every second point of fields that have no higher frequencies
  Model model(c, 1);
  clear_parameters(model, [&](const std::string& name) { return !is_coarse(name); });
  const TfnoConfig tfno = c;
  const Model alone(tfno, 2);
  std::map<std::string, Array> values;
  for (const nn::NamedParameter& p : model.network().parameters()) values[p.name] = *p.value;
  Model coarse(tfno, 2);
  for (const nn::NamedParameter& p : coarse.network().parameters()) *p.value = values.at("coarse." + p.name);
  KeptModes kept{{16, 24}, {{0, 1, 2, 3, 13, 14, 15}, {0, 1, 2, 3, 4}}, true};
  const Array x =
      field_of(modes_of(random_normal({2, 2, 16, 24}, DType::f64, Random(1, 2)), kept), kept, 1e-2);
  const auto halved = [](const Array& a) {
    Array out = Array::uninitialized({a.dim(0), a.dim(1), a.dim(2) / 2, a.dim(3) / 2}, a.dtype());
    double* to = out.mutable_data<double>();
    for (Index s = 0; s < a.dim(0); ++s)
      for (Index k = 0; k < a.dim(1); ++k)
        for (Index i = 0; i < a.dim(2); i += 2)
          for (Index j = 0; j < a.dim(3); j += 2) *to++ = a(s, k, i, j);
    return out;
  };
  const Array y = model.predict(x);
  EXPECT_LE(distance(halved(y), coarse.predict(halved(x))), 1e-12);
  EXPECT_GT(distance(halved(y), alone.predict(halved(x))), 1e-3);
  // without the coarse grid: patches that see nothing but their padding
  clear_parameters(model, is_coarse);
  EXPECT_EQ(distance(model.predict(x), Array::zeros(y.shape(), DType::f64)), 0);
}

TEST(Multigrid, SomePatchesAtATimeAreAllOfThem) {
  for (const char* coarse : {"views", "solution"})
    for (const bool periodic : {true, false}) {
      MultigridConfig c = small_multigrid();
      c.dtype = DType::f64, c.coarse = coarse, c.patching.periodic = periodic;
      Model all(c, 1);
      c.patches_at_once = 3;  // does not divide 2 * 4
      Model some(c, 1);
      const Array x = random_normal({2, 2, 16, 24}, DType::f64, Random(1, 2)),
                  cotangent = random_normal({2, 1, 16, 24}, DType::f64, Random(1, 3));
      EXPECT_LE(distance(some.predict(x), all.predict(x)), 1e-13);
      Arrays slopes[2];
      for (Model* m : {&all, &some}) {
        const nn::ParameterRefs p = m->network().parameters();
        nn::track_parameters(p);
        nn::StateUpdate update;
        slopes[m == &some] = gradients({m->train(x, update)}, nn::values_of(p), {cotangent});
      }
      ASSERT_EQ(slopes[0].size(), slopes[1].size());
      for (std::size_t k = 0; k < slopes[0].size(); ++k) {
        const auto flat = [](const Array& a) {
          return is_complex(a.dtype()) ? concatenate({real(a), imag(a)}, 0) : a;
        };
        EXPECT_LE(distance(flat(slopes[0][k]), flat(slopes[1][k])), 1e-10);
      }
    }
}

TEST(Multigrid, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Model(small_multigrid(), 1).predict(Array::zeros({1, 2, 8, 9}, DType::f32)),
               std::invalid_argument);
  MultigridConfig c = small_multigrid();
  c.patching.padding = {0.1, 0.1, 0.1};
  EXPECT_THROW(Model(c, 1), std::invalid_argument);
  c = small_multigrid();
  c.patches_at_once = 1, c.norm = "batch";
  EXPECT_THROW(Model(c, 1), std::invalid_argument);
  c = small_multigrid();
  c.coarse = "half";
  EXPECT_THROW(Model(c, 1), std::invalid_argument);
  c = small_multigrid();
  c.resolution_scaling = {2};
  EXPECT_THROW(Model(c, 1), std::invalid_argument);
  EXPECT_THROW(compress(Model(small_multigrid(), 1), {0.1, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::operators
