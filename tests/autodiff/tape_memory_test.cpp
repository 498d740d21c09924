// What the tape keeps, and when it is given back.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/random.hpp>

#include <functional>
#include <stdexcept>

#include "autodiff/last_gradients.hpp"
#include "autodiff/reads.hpp"

using namespace cartan;

namespace {

constexpr Index many = 1 << 18;  // 2 MiB of float64: a class of memory of its own

double arrays_in_use() {
  return static_cast<double>(memory_use().in_use) / (8.0 * many);
}

// x, whose vjp tells when it runs.
class Watched : public Primitive, public ReadsNothing {
 public:
  explicit Watched(std::function<void()> seen) : seen_(std::move(seen)) {}
  const char* name() const override { return "watched"; }
  Arrays eval_cpu(const Arrays& in) const override { return {scale(detach(in[0]), 1)}; }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    seen_();
    return cotangents;
  }

 private:
  std::function<void()> seen_;
};

// 2 x, counted, and made again where it is asked for.
class Counted : public Primitive, public ReadsInputs, public Remade {
 public:
  explicit Counted(int& count) : count_(count) {}
  const char* name() const override { return "counted"; }
  Arrays eval_cpu(const Arrays& in) const override {
    ++count_;
    return {scale(detach(in[0]), 2)};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    return {scale(cotangents[0], 2)};
  }

 private:
  int& count_;
};

// Cotangents of x y are made late.
class LateProduct : public Primitive, public ReadsInputs {
 public:
  const char* name() const override { return "late_product"; }
  Arrays eval_cpu(const Arrays& in) const override { return {detach(in[0]) * detach(in[1])}; }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& c, const std::vector<bool>&) const override {
    if (recording()) return {c[0] * in[1], c[0] * in[0]};
    const auto product = std::make_shared<LateProduct>();
    return {later(product, {detach(c[0]), detach(in[1])}), later(product, {detach(c[0]), detach(in[0])})};
  }
};

}  // namespace

TEST(TapeMemory, LinearOpsKeepNothing) {
  const Array x = track(random_normal({many / 64, 64}, DType::f64, Random(1, 1)));
  const double before = arrays_in_use();
  Array y = x;
  for (int k = 0; k < 10; ++k) {
    y = scale(shift(y + y, 0.5) - x, 0.25);
    y = concatenate({slice(y, 1, 32, 64), slice(y, 1, 0, 32)}, 1);
  }
  EXPECT_LE(arrays_in_use() - before, 2.5);  // y alone
  // 60 nodes of it, and their derivative is there: dy/dx = (dy/dx / 2 - 1/4) with halves exchanged
  double slope = 1;
  for (int k = 0; k < 10; ++k) slope = slope / 2 - 0.25;
  const Array g = gradients(sum(y), {x})[0];
  for (const Index i : {Index{0}, Index{77}, many - 1}) EXPECT_NEAR(g.data<double>()[i], slope, 1e-14);
}

TEST(TapeMemory, FunctionsKeepArgumentOrValue) {
  const Array x = track(random_normal({many}, DType::f64, Random(1, 2)));
  const double before = arrays_in_use();
  Array y = x;
  for (int k = 0; k < 8; ++k) y = sigmoid(scale(sin(y), 2));  // arguments of sin, values of sigmoid: the same
  EXPECT_LE(arrays_in_use() - before, 12);  // of 24; blocks at hand may be larger than asked for
}

TEST(TapeMemory, TheLastPassGivesItBack) {
  const auto in_use_at_the_end = [](bool last) {
    double seen = 0, before = arrays_in_use();
    const Array x = track(random_normal({many}, DType::f64, Random(1, 3)));
    Array y = run(std::make_shared<Watched>([&] { seen = arrays_in_use() - before; }), {x});
    for (int k = 0; k < 20; ++k) y = sin(y);
    const Array total = sum(y);
    const Array g = last ? last_gradients({total}, {x})[0] : gradients(total, {x})[0];
    return std::pair<double, Array>(seen, g);
  };
  const auto kept = in_use_at_the_end(false), given = in_use_at_the_end(true);
  EXPECT_GE(kept.first, 20);
  EXPECT_LE(given.first, 5);
  EXPECT_TRUE(identical(kept.second, given.second));
}

TEST(TapeMemory, WhatWasGivenBackIsNotWalkedAgain) {
  const Array x = track(Array::of({1, 2, 3}));
  const Array y = sum(sin(x));
  last_gradients({y}, {x});
  EXPECT_THROW(gradients(y, {x}), std::logic_error);
  const Array earlier = track(Array::of({1, 2}));
  Array leaked;
  value_and_grad([&](const Arrays& a) { return sum(leaked = exp(a[0])); }, {Array::of({1, 2})});
  EXPECT_THROW(gradients(sum(leaked), {earlier}), std::logic_error);
}

TEST(TapeMemory, CheapOutputsAreMadeAgain) {
  int count = 0;
  const auto tripled = [&](const Array& x) {
    const Array y = run(std::make_shared<Counted>(count), {x});
    return sum(y * y * y);
  };
  {
    const Array x = track(random_normal({many}, DType::f64, Random(1, 4)));
    const double before = arrays_in_use();
    const Array y = tripled(x);
    EXPECT_LE(arrays_in_use() - before, 2.5);  // y y, which the second product reads
    EXPECT_EQ(count, 1);
    gradients(y, {x});
    EXPECT_GE(count, 2);
  }
  const GradientReport first =
      check_gradients([&](const Arrays& a) { return tripled(a[0]); }, {Array::of({1, -2})});
  const GradientReport second = check_gradients(
      [&](const Arrays& t) {
        return sum(square(grad([&](const Arrays& a) { return tripled(a[0]); })(t)[0]));
      },
      {Array::of({1, -2})});
  EXPECT_LE(first.max_error, 1e-9);
  EXPECT_LE(second.max_error, 1e-9);
}

// Late cotangents that are added up, that go through other nodes, and that are results.
TEST(TapeMemory, LateCotangentsAreMade) {
  const auto f = [](const Array& x, const Array& y) {
    const auto product = std::make_shared<LateProduct>();
    return sum(run(product, {x, y}) * run(product, {sin(x), x}) + run(product, {y, y}));
  };
  const auto plain = [](const Array& x, const Array& y) { return sum((x * y) * (sin(x) * x) + y * y); };
  const Arrays at{track(Array::of({1, 2, 3})), track(Array::of({-1, 0.5, 2}))};
  const Arrays a = gradients(f(at[0], at[1]), at), b = gradients(plain(at[0], at[1]), at);
  for (std::size_t k = 0; k < 2; ++k)
    for (Index i = 0; i < 3; ++i) EXPECT_NEAR(a[k](i), b[k](i), 1e-14);
  const Array x = track(Array::of({2, 3})), y = track(Array::of({5, 7}));
  const Arrays direct = gradients(run(std::make_shared<LateProduct>(), {x, y}), {x, y});
  EXPECT_TRUE(identical(direct[0], detach(y)));
  EXPECT_TRUE(identical(direct[1], detach(x)));
}
