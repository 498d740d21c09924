#include "cartan/nn/optimizers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"

using namespace cartan;
using namespace cartan::nn;

namespace {

struct Weights {
  explicit Weights(DType dtype, std::vector<Shape> shapes = {{300, 200}, {200}, {7, 3}}) {
    for (std::size_t k = 0; k < shapes.size(); ++k)
      arrays.push_back(random_normal(shapes[k], dtype, Random(1, k)));
  }
  ParameterRefs refs() {
    ParameterRefs out;
    for (std::size_t k = 0; k < arrays.size(); ++k) out.push_back({text("p", k), &arrays[k]});
    return out;
  }
  Arrays gradients(std::uint64_t step) const {
    Arrays out;
    for (std::size_t k = 0; k < arrays.size(); ++k)
      out.push_back(random_normal(arrays[k].shape(), arrays[k].dtype(), Random(100 + step, k)));
    return out;
  }
  Arrays arrays;
};

bool same(const Arrays& a, const Arrays& b) {
  bool out = a.size() == b.size();
  for (std::size_t k = 0; out && k < a.size(); ++k) out = identical(a[k], b[k]);
  return out;
}

// torch.optim.AdamW's documentation, written out for one number.
struct Scalar {
  double p, m = 0, v = 0, largest = 0;
  int t = 0;
  void step(double g, double lr, const AdamWOptions& o) {
    ++t;
    p -= lr * o.weight_decay * p;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta1, t));
    largest = std::max(largest, v);
    const double v_hat = (o.amsgrad ? largest : v) / (1 - std::pow(o.beta2, t));
    p -= lr * m_hat / (std::sqrt(v_hat) + o.eps);
  }
};

}  // namespace

// Numbers from a separate implementation of torch's formula in 60-digit decimal arithmetic.
TEST(AdamW, AgainstDecimalArithmetic) {
  struct Case {
    bool amsgrad;
    double decay, eps, beta2;
    std::vector<double> expected;
  };
  for (const Case& c :
       {Case{false, 0, 1e-8, 0.999, {0.73568671562717436, -0.6945783699427569, 0.09518112345042512}},
        Case{false, 0.1, 1e-8, 0.999, {0.70958403798693015, -0.67706925194744627, 0.09000513945731696}},
        Case{true, 0.1, 1e-2, 0.9, {0.73360591336635739, -0.66631816463713611, 0.096070774401525158}}}) {
    AdamWOptions o;
    o.amsgrad = c.amsgrad;
    o.weight_decay = c.decay;
    o.eps = c.eps;
    o.beta2 = c.beta2;
    Array p = Array::from(std::vector<double>{1, -0.5, 0.25});
    const ParameterRefs refs{{"p", &p}};
    AdamW adam(refs, o);
    for (int t = 1; t <= 6; ++t) {
      std::vector<double> g;
      for (int i = 0; i < 3; ++i) g.push_back((0.1 * t - 0.3 * i * (t % 2 ? -1 : 1)) * (t > 3 ? 0.1 : 1));
      adam.step(refs, {Array::from(g)}, 0.05);
    }
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(p.data<double>()[i], c.expected[i], 2e-15);
  }
}

TEST(AdamW, AgainstTheScalarFormula) {
  for (bool amsgrad : {false, true})
    for (bool vectors : {false, true}) {
      AdamWOptions o;
      o.amsgrad = amsgrad;
      o.decay_vectors = vectors;
      o.weight_decay = 0.3;
      o.beta2 = 0.9;
      o.eps = 1e-3;
      Weights w(DType::f64, {{2, 3}, {4}});
      std::vector<std::vector<Scalar>> expected(2);
      for (std::size_t k = 0; k < 2; ++k)
        for (double p : w.arrays[k].to_vector<double>()) expected[k].push_back({p});
      AdamW adam(w.refs(), o);
      for (std::uint64_t t = 0; t < 20; ++t) {
        const double lr = 0.1 / static_cast<double>(t + 1), scale = t % 3 == 0 ? 0.5 : 1.0;
        const Arrays g = w.gradients(t);
        adam.step(w.refs(), g, lr, scale);
        for (std::size_t k = 0; k < 2; ++k) {
          AdamWOptions ok = o;
          if (k == 1 && !vectors) ok.weight_decay = 0;
          for (std::size_t i = 0; i < expected[k].size(); ++i) {
            expected[k][i].step(scale * g[k].data<double>()[i], lr, ok);
            EXPECT_NEAR(w.arrays[k].data<double>()[i], expected[k][i].p, 1e-14) << t << ' ' << k << ' ' << i;
          }
        }
      }
      EXPECT_EQ(adam.steps(), 20);
    }
}

TEST(AdamW, FloatAndComplexFollowDouble) {
  Weights w64(DType::f64, {{5, 4}}), w32(DType::f32, {{5, 4}});
  auto paired = [](const Array& a) {
    const double* x = a.data<double>();
    std::vector<std::complex<double>> z;
    for (Index i = 0; i < a.size(); i += 2) z.emplace_back(x[i], x[i + 1]);
    return Array::from(z, {5, 2});
  };
  Array z = paired(w64.arrays[0]);
  const ParameterRefs zr{{"z", &z}};
  AdamW a64(w64.refs()), a32(w32.refs()), az(zr);
  for (std::uint64_t t = 0; t < 10; ++t) {
    const Arrays g = w64.gradients(t);
    a64.step(w64.refs(), g, 0.01);
    a32.step(w32.refs(), {g[0].as(DType::f32)}, 0.01);
    az.step(zr, {paired(g[0])}, 0.01);
  }
  EXPECT_TRUE(identical(z, paired(w64.arrays[0])));
  for (Index i = 0; i < 20; ++i)
    EXPECT_NEAR(w32.arrays[0].data<float>()[i], w64.arrays[0].data<double>()[i], 1e-6);
}

TEST(AdamW, BitsDoNotDependOnThreads) {
  auto run = [](int n) {
    set_threads(n);
    Weights w(DType::f32);
    AdamW adam(w.refs());
    Ema ema(w.refs(), 0.99);
    for (std::uint64_t t = 0; t < 3; ++t) {
      Arrays g = w.gradients(t);
      clip_gradients(g, 1);
      adam.step(w.refs(), g, 0.01);
      ema.update(w.refs());
    }
    Arrays out = w.arrays;
    ema.swap(w.refs());
    out.insert(out.end(), w.arrays.begin(), w.arrays.end());
    set_threads(0);
    return out;
  };
  EXPECT_TRUE(same(run(1), run(3)));
}

TEST(AdamW, ResumesBitForBit) {
  AdamWOptions o;
  o.amsgrad = true;
  o.weight_decay = 0.01;
  Weights a(DType::f32), b(DType::f32);
  AdamW one(a.refs(), o), two(b.refs(), o);
  Ema ema_one(a.refs(), 0.9), ema_two(b.refs(), 0.9);
  for (std::uint64_t t = 0; t < 5; ++t) {
    one.step(a.refs(), a.gradients(t), 0.1);
    ema_one.update(a.refs());
  }
  data::Group group;
  one.save(group["adam"]);
  ema_one.save(group["ema"]);
  b.arrays = a.arrays;
  two.load(group.group("adam"));
  ema_two.load(group.group("ema"));
  for (std::uint64_t t = 5; t < 9; ++t) {
    one.step(a.refs(), a.gradients(t), 0.1);
    two.step(b.refs(), b.gradients(t), 0.1);
    ema_one.update(a.refs());
    ema_two.update(b.refs());
  }
  EXPECT_TRUE(same(a.arrays, b.arrays));
  ema_one.swap(a.refs());
  ema_two.swap(b.refs());
  EXPECT_TRUE(same(a.arrays, b.arrays));

  Weights other(DType::f32, {{300, 200}, {201}, {7, 3}});
  AdamW wrong(other.refs(), o);
  EXPECT_THROW(wrong.load(group.group("adam")), FormatError);
  data::Group damaged = group.group("adam");
  damaged.attributes.erase("steps");
  EXPECT_THROW(two.load(damaged), FormatError);
}

TEST(AdamW, Errors) {
  Weights w(DType::f32, {{2, 2}});
  AdamWOptions bad;
  bad.beta1 = 1;
  EXPECT_THROW(AdamW(w.refs(), bad), std::invalid_argument);
  AdamW adam(w.refs());
  EXPECT_THROW(adam.step(w.refs(), {}, 0.1), std::invalid_argument);
  EXPECT_THROW(adam.step(w.refs(), {Array::zeros({4}, DType::f32)}, 0.1), std::invalid_argument);
  EXPECT_THROW(adam.step(w.refs(), {Array::zeros({2, 2}, DType::f64)}, 0.1), std::invalid_argument);
  track_parameters(w.refs());
  EXPECT_THROW(adam.step(w.refs(), {Array::zeros({2, 2}, DType::f32)}, 0.1), std::invalid_argument);
}

TEST(Sgd, AgainstTheScalarFormula) {
  for (bool nesterov : {false, true}) {
    SgdOptions o;
    o.nesterov = nesterov;
    o.momentum = 0.8;
    o.weight_decay = 0.2;
    Weights w(DType::f64, {{2, 3}});
    std::vector<double> p = w.arrays[0].to_vector<double>(), m(p.size(), 0.0);
    Sgd sgd(w.refs(), o);
    for (std::uint64_t t = 0; t < 10; ++t) {
      const Arrays g = w.gradients(t);
      const double rate = 0.1 / static_cast<double>(t + 1), scale = t % 3 == 0 ? 0.5 : 1.0;
      sgd.step(w.refs(), g, rate, scale);
      for (std::size_t i = 0; i < p.size(); ++i) {
        const double gi = scale * g[0].data<double>()[i];
        m[i] = o.momentum * m[i] + gi;
        p[i] = (1 - rate * o.weight_decay) * p[i] - rate * (nesterov ? gi + o.momentum * m[i] : m[i]);
        EXPECT_NEAR(w.arrays[0].data<double>()[i], p[i], 1e-14) << t << ' ' << i;
      }
    }
  }
  SgdOptions bad;
  bad.momentum = 1;
  Weights w(DType::f32, {{2}});
  EXPECT_THROW(Sgd(w.refs(), bad), std::invalid_argument);
}

TEST(Optimizers, EveryKindResumesBitForBitOnAnyNumberOfThreads) {
  for (const OptimizerOptions& kind :
       {OptimizerOptions(AdamWOptions{}), OptimizerOptions(SgdOptions{}), OptimizerOptions(MuonOptions{})}) {
    Weights a(DType::f32), b(DType::f32);
    set_threads(1);
    auto straight = make_optimizer(kind, a.refs());
    for (std::uint64_t t = 0; t < 6; ++t) straight->step(a.refs(), a.gradients(t), 0.01);
    set_threads(3);
    auto first = make_optimizer(kind, b.refs());
    for (std::uint64_t t = 0; t < 3; ++t) first->step(b.refs(), b.gradients(t), 0.01);
    data::Group group;
    first->save(group);
    auto second = make_optimizer(kind, b.refs());
    second->load(group);
    for (std::uint64_t t = 3; t < 6; ++t) second->step(b.refs(), b.gradients(t), 0.01);
    set_threads(0);
    EXPECT_TRUE(same(a.arrays, b.arrays));
  }
}

TEST(ParameterGroups, RatesAndDecaysByName) {
  AdamWOptions o;
  o.weight_decay = 0.1;
  Weights a(DType::f64, {{4}, {4}, {4}}), b = a;
  ParameterGroups groups;
  groups.names = {"p0", "*1", "p*"};
  groups.rates = {0.5, 0, 1};
  groups.weight_decays = {0, 0.3, 0.2};
  AdamW grouped(a.refs(), o, groups);
  std::vector<std::unique_ptr<AdamW>> single;
  for (std::size_t k = 0; k < 3; ++k) {
    o.weight_decay = groups.weight_decays[k];
    single.push_back(std::make_unique<AdamW>(ParameterRefs{b.refs()[k]}, o));
  }
  for (std::uint64_t t = 0; t < 3; ++t) {
    const Arrays g = a.gradients(t);
    grouped.step(a.refs(), g, 0.1);
    for (std::size_t k = 0; k < 3; ++k) single[k]->step({b.refs()[k]}, {g[k]}, 0.1 * groups.rates[k]);
  }
  EXPECT_TRUE(same(a.arrays, b.arrays));

  const auto refused = [&](const char* what) {
    try {
      rules_for(a.refs(), groups);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what()).find(what) != std::string::npos;
    }
    return false;
  };
  groups.names = {"p*", "p1"};
  groups.rates = {1, 1};
  groups.weight_decays = {};
  EXPECT_TRUE(refused("'p1' fits none"));
  groups.names = {"p*"};
  EXPECT_TRUE(refused("1 patterns and 2 group_rates"));
  groups.rates = {-1};
  EXPECT_TRUE(refused("group_rates must be at least 0, not -1"));
}

TEST(Optimizers, MadeByKindAndSavedWithIt) {
  Weights w(DType::f32, {{2, 2}});
  OptimizerOptions options;
  EXPECT_STREQ(std::get<0>(options).kind, "adamw");
  const auto made = make_optimizer(options, w.refs());
  made->step(w.refs(), w.gradients(0), 0.1);
  data::Group group;
  made->save(group);
  EXPECT_EQ(group.string("kind"), "adamw");
  const auto copy = made->clone();
  EXPECT_EQ(copy->steps(), 1);
  group.attributes.erase("kind");  // as in files from before there were kinds
  EXPECT_NO_THROW(copy->load(group));
  group.attributes["kind"] = std::string("other");
  EXPECT_THROW(copy->load(group), FormatError);
}

TEST(Clip, GlobalNorm) {
  Arrays g{Array::from(std::vector<float>{3, 0}), Array::from(std::vector<std::complex<double>>{{0, 4}})};
  EXPECT_NEAR(global_norm(g), 5, 1e-14);
  EXPECT_EQ(clip_gradients(g, 10), 5);
  EXPECT_EQ(g[0].data<float>()[0], 3);
  EXPECT_EQ(clip_gradients(g, 0), 5);
  EXPECT_EQ(g[0].data<float>()[0], 3);
  EXPECT_EQ(clip_gradients(g, 1), 5);
  EXPECT_NEAR(global_norm(g), 1, 1e-6);
  EXPECT_NEAR(g[1].data<std::complex<double>>()[0].imag(), 0.8, 1e-6);
  g.push_back(Array::from(std::vector<float>{std::numeric_limits<float>::quiet_NaN()}));
  EXPECT_FALSE(std::isfinite(clip_gradients(g, 1)));
  EXPECT_NEAR(g[1].data<std::complex<double>>()[0].imag(), 0.8, 1e-6);
  // large float32 values do not overflow
  EXPECT_NEAR(global_norm({Array::full({10000}, 1e30, DType::f32)}) / 1e32, 1, 1e-6);
  EXPECT_THROW(clip_scale(1, -1), std::invalid_argument);
}

TEST(Ema, FollowsTheFormula) {
  Array p = Array::from(std::vector<double>{1, -2});
  const ParameterRefs refs{{"p", &p}};
  Ema ema(refs, 0.95);
  double expected = 1;
  for (int t = 0; t < 200; ++t) {
    p.mutable_data<double>()[0] = std::sin(t);
    ema.update(refs);
    const double d = std::min(0.95, (1.0 + t) / (10.0 + t));
    expected = d * expected + (1 - d) * std::sin(t);
  }
  const double last = p.data<double>()[0];
  ema.swap(refs);
  EXPECT_NEAR(p.data<double>()[0], expected, 1e-14);
  EXPECT_NEAR(p.data<double>()[1], -2, 1e-14);
  ema.swap(refs);
  EXPECT_EQ(p.data<double>()[0], last);
  EXPECT_EQ(ema.updates(), 200);
  EXPECT_THROW(Ema(refs, 1), std::invalid_argument);
}
