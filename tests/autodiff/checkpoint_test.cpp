// Checkpoints: the same derivatives of any order, without what lies between.
#include <gtest/gtest.h>
#include <cartan/autodiff/checkpoint.hpp>
#include <cartan/autodiff/ops.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/random.hpp>

#include <cmath>

#include "worst.hpp"

using namespace cartan;

namespace {

Array drawn(const Shape& shape, std::uint64_t seed) {
  const Random random(seed);
  std::vector<double> v(size_of(shape));
  for (std::size_t k = 0; k < v.size(); ++k) v[k] = 2 * random.uniform(k) - 1;
  return Array::from(v, shape);
}

// Two results of three arguments, the second of which only one depends on.
Arrays two(const Arrays& x) {
  const Array y = tanh(matmul(x[0], x[2]));
  return {y * x[1], sum(sin(y + x[0]), 1)};
}

Function kept() {
  return [](const Arrays& x) { return checkpoint(two, x); };
}

double value_of(const Arrays& y) {
  return y[0].item();
}

double difference(const Arrays& a, const Arrays& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    EXPECT_EQ(a[k].shape(), b[k].shape());
    const auto x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
    for (std::size_t i = 0; i < x.size(); ++i)
      worst = cartan::testing::worst_of(worst, std::abs(x[i] - y[i]));
  }
  return worst;
}

const Arrays& arguments() {
  static const Arrays x{drawn({3, 3}, 1), drawn({3, 3}, 2), drawn({3, 3}, 3)};
  return x;
}

}  // namespace

TEST(Checkpoint, NoRowsAndEmptyBlocks) {
  const auto squares = [](std::size_t, const Arrays& x) { return Arrays{square(x[0])}; };
  const Array none = track(Array::zeros({0, 3}, DType::f64));
  const Array y = checkpoint([](const Arrays& x) { return Arrays{square(x[0])}; }, {none})[0];
  EXPECT_EQ(y.shape(), (Shape{0, 3}));
  EXPECT_EQ(gradients({sum(y)}, {none})[0].shape(), (Shape{0, 3}));
  EXPECT_EQ(checkpoint_blocks(squares, 2, {none}, {{0, 0, 0}}, {{0, 0, 0}})[0].shape(), (Shape{0, 3}));
  const Array x = track(drawn({3, 2}, 7));
  const Array z = checkpoint_blocks(squares, 2, {x}, {{0, 0, 3}}, {{0, 0, 3}})[0];
  EXPECT_EQ(difference({z}, {square(detach(x))}), 0);
  EXPECT_LE(difference(gradients({sum(z)}, {x}), {scale(detach(x), 2)}), 1e-15);
}

TEST(Checkpoint, BlocksOfResultsAreChecked) {
  const Array x = drawn({3, 2}, 7);
  const auto moved = [](std::size_t block, const Arrays& a) {  // rows that are as many in all, but elsewhere
    return Arrays{block == 0 ? slice(a[0], 0, 0, 1) : concatenate({a[0], a[0]}, 0)};
  };
  EXPECT_THROW(checkpoint_blocks(moved, 2, {x}, {{0, 2, 3}}, {{0, 2, 3}}), std::invalid_argument);
}

TEST(Checkpoint, DerivativesOfAnyOrderAreThoseOfTheFunction) {
  const Array c = drawn({3}, 4);
  const auto first = [&](const Function& f) {
    return ScalarFunction([f, c](const Arrays& x) {
      const Arrays y = f(x);
      return sum(square(y[0])) + sum(c * y[1]);
    });
  };
  const auto next = [](const ScalarFunction& f) {
    return ScalarFunction([f](const Arrays& x) {
      Array all = Array::scalar(0.0, DType::f64);
      const Arrays g = grad(f)(x);
      for (const Array& a : g) all = all + sum(sin(a));
      return all;
    });
  };
  const ScalarFunction a = first(two), b = first(kept());
  EXPECT_LE(std::abs(value_of({a(arguments())}) - value_of({b(arguments())})), 0);
  EXPECT_LE(difference(grad(a)(arguments()), grad(b)(arguments())), 1e-14);
  EXPECT_LE(difference(grad(next(a))(arguments()), grad(next(b))(arguments())), 1e-13);
  EXPECT_LE(difference(grad(next(next(a)))(arguments()), grad(next(next(b)))(arguments())), 1e-12);
  EXPECT_LE(check_gradients(next(b), arguments()).max_error, 1e-7);
}

// Blocks of rows: of x[0] and the second result; x[1] and x[2] are shared, the first result is a sum.
TEST(Checkpoint, BlocksAreTheWhole) {
  const Function whole = [](const Arrays& x) {
    const Array y = tanh(matmul(x[0], x[2]));
    return Arrays{sum(y * y, 0), sum(sin(y + x[0]), 1) * sum(square(x[1]))};
  };
  const BlockFunction block = [whole](std::size_t, const Arrays& x) { return whole(x); };
  const Function blocks = [block](const Arrays& x) {
    return checkpoint_blocks(block, 2, x, {{0, 2, 3}, {}, {}}, {{}, {0, 2, 3}});
  };
  const auto loss = [](const Function& f) {
    return ScalarFunction([f](const Arrays& x) {
      const Arrays y = f(x);
      return sum(square(y[0])) + sum(y[0] * y[1]);
    });
  };
  const auto next = [](const ScalarFunction& f) {
    return ScalarFunction([f](const Arrays& x) {
      Array all = Array::scalar(0.0, DType::f64);
      for (const Array& a : grad(f)(x)) all = all + sum(sin(a));
      return all;
    });
  };
  const ScalarFunction a = loss(whole), b = loss(blocks);
  EXPECT_LE(std::abs(a(arguments()).item() - b(arguments()).item()), 1e-14);
  EXPECT_LE(difference(grad(a)(arguments()), grad(b)(arguments())), 1e-13);
  EXPECT_LE(difference(grad(next(a))(arguments()), grad(next(b))(arguments())), 1e-12);
  EXPECT_THROW(checkpoint_blocks(block, 2, arguments(), {{0, 2, 4}, {}, {}}, {{}, {0, 2, 3}}),
               std::invalid_argument);
  EXPECT_THROW(checkpoint_blocks(block, 2, arguments(), {{0, 3}, {}, {}}, {{}, {0, 2, 3}}),
               std::invalid_argument);
  EXPECT_THROW(checkpoint_blocks(block, 2, arguments(), {{0, 2, 3}, {}, {}}, {{}}), std::invalid_argument);
  EXPECT_THROW(checkpoint_blocks(block, 2, arguments(), {{0, 2, 3}}, {{}, {}}), std::invalid_argument);
}

TEST(Checkpoint, ResultsThatNobodyUsesAndArgumentsThatNobodyAsksFor) {
  for (const std::size_t result : {0, 1})
    for (const std::size_t argument : {0, 1, 2}) {
      const auto at = [&](const Function& f) {
        Arrays x = arguments();
        x[argument] = track(x[argument]);
        return gradients(f(x)[result], {x[argument]});
      };
      EXPECT_LE(difference(at(two), at(kept())), 1e-14) << result << " " << argument;
    }
  Recording off(false);
  EXPECT_FALSE(checkpoint(two, arguments())[0].tracked());
}

TEST(Checkpoint, LosesNoDerivative) {
  const Array hidden = track(drawn({3, 3}, 5));
  const Function f = [&](const Arrays& x) { return Arrays{x[0] * hidden}; };
  try {
    checkpoint(f, {arguments()[0]});
    ADD_FAILURE() << "a tracked array beside the arguments";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("not among the arguments"), std::string::npos) << error.what();
  }
}

TEST(Checkpoint, KeepsArgumentsAndResultsAlone) {
  const Function f = [](const Arrays& x) {
    Array y = x[0];
    for (int k = 0; k < 20; ++k) y = sin(y);
    return Arrays{y};
  };
  const Array x = drawn({1 << 16}, 6);
  const auto more = [&](const Function& of) {
    const Array t = track(x);
    const std::size_t before = memory_use().in_use;
    const Array y = of({t})[0];
    const std::size_t forward = memory_use().in_use - before;
    const Array g = gradients(sum(y), {t}, {}, true)[0];
    return std::pair{forward, memory_use().in_use - before};
  };
  const auto all = more(f), few = more([&](const Arrays&a) { return checkpoint(f, a); });
  const std::size_t one = x.bytes();
  EXPECT_GE(all.first, 19 * one);
  EXPECT_LE(few.first, 2 * one);
  EXPECT_GE(all.second, 50 * one);
  EXPECT_LE(few.second, 5 * one);
}
