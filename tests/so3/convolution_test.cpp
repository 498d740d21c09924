// Convolutions along edges against their definition, and their derivatives.
#include "cartan/so3/convolution.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "nn/check_twice.hpp"
#include "so3/tensor_oracle.hpp"

namespace cartan::so3 {
namespace {

using oracle::difference;
using oracle::normal;

struct RandomEdges {
  std::vector<std::int32_t> senders, receivers;
  RandomEdges(unsigned seed, Index nodes, Index edges) {
    oracle::Dice dice(seed);
    for (Index e = 0; e < edges; ++e) {
      senders.push_back(static_cast<std::int32_t>(dice(0, static_cast<int>(nodes) - 1)));
      receivers.push_back(static_cast<std::int32_t>(dice(0, static_cast<int>(nodes) - 1)));
    }
  }
};

TEST(Convolution, RandomOnesEqualTheDefinition) {
  for (unsigned seed = 0; seed < 80; ++seed) {
    const TensorProduct tp = oracle::random_product(seed);
    const Index nodes = 1 + seed % 9, count = seed % 4 == 0 ? 0 : seed % 23;
    const RandomEdges list(seed, nodes, count);
    const EdgeList edges(list.senders, list.receivers, nodes);
    const Array x = normal({nodes, tp.irreps_in1().dim()}, 1), y = normal({count, tp.irreps_in2().dim()}, 2);
    for (const Array& w : {normal({count, tp.weight_numel()}, 3), normal({tp.weight_numel()}, 4)})
      ASSERT_LE(difference(Convolution(tp)(edges, x, y, w),
                           oracle::convolution(tp, list.senders, list.receivers, nodes, x, y, w)),
                1e-13)
          << "seed " << seed << ": " << tp.irreps_in1() << tp.irreps_in2() << tp.irreps_out();
  }
}

TEST(Convolution, DerivativesOfRandomOnes) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const TensorProduct tp = oracle::random_product(seed, 2);
    const Index nodes = 3, count = 5, size = tp.irreps_out().dim();
    const RandomEdges list(seed, nodes, count);
    const EdgeList edges(list.senders, list.receivers, nodes);
    const Array c = normal({nodes, size}, 5);
    for (const Shape& shape : {Shape{count, tp.weight_numel()}, Shape{tp.weight_numel()}}) {
      if (size_of(shape) > 300) continue;
      SCOPED_TRACE(text("seed ", seed, tp.irreps_in1(), tp.irreps_in2(), tp.irreps_out()));
      check_twice([&](const Arrays& a) { return sum(c * square(Convolution(tp)(edges, a[0], a[1], a[2]))); },
                  {normal({nodes, tp.irreps_in1().dim()}, 1), normal({count, tp.irreps_in2().dim()}, 2),
                   normal(shape, 3)},
                  1e-8);
    }
  }
}

// Many edges a node, some nodes without: against products gathered and summed by other ops.
TEST(Convolution, EqualsProductsGatheredAndSummed) {
  const Index nodes = 20, count = 700;
  const RandomEdges list(3, nodes - 4, count);
  const EdgeList edges(list.senders, list.receivers, nodes);
  const auto mixed = TensorProduct("6x0e+5x1o", "0e+1o+2e", "17x0e+5x1o+7x1o",
                                   {{0, 0, 0, Mode::uvw},
                                    {1, 1, 0, Mode::uvw},
                                    {1, 0, 1, Mode::uvu},
                                    {1, 2, 1, Mode::uvu},
                                    {0, 1, 2, Mode::uvw},
                                    {1, 2, 2, Mode::uvw}});
  for (const TensorProduct& tp : {TensorProduct::channelwise("18x0e+3x1o", "0e+1o+2e", "0e+1o+2e"), mixed})
    for (const bool shared : {false, true}) {
      const Array x = track(normal({nodes, tp.irreps_in1().dim()}, 1)),
                  y = track(normal({count, tp.irreps_in2().dim()}, 2)),
                  w = track(normal(shared ? Shape{tp.weight_numel()} : Shape{count, tp.weight_numel()}, 3));
      const auto both = [&](const Array& out) {
        Arrays g = gradients(sum(square(out)), {x, y, w}, {}, true);
        for (const Array& second :
             gradients(sum(square(g[0])) + sum(square(g[1])) + sum(square(g[2])), {x, y, w}))
          g.push_back(second);
        g.push_back(out);
        return g;
      };
      const Arrays fused = both(Convolution(tp)(edges, x, y, w));
      const Arrays apart = both(scatter_add(tp(gather(x, edges.senders()), y, w), edges.receivers()));
      for (std::size_t k = 0; k < fused.size(); ++k)
        EXPECT_LE(difference(detach(fused[k]), detach(apart[k])), 1e-13)
            << "array " << k << (shared ? ", shared" : "");
    }
}

// Derivatives by one argument alone, where the arrays of that slot are not there.
TEST(Convolution, ByOneArgumentAlone) {
  const RandomEdges list(9, 8, 40);
  const EdgeList edges(list.senders, list.receivers, 10);
  const TensorProduct tp = TensorProduct::channelwise("5x0e+16x1o+2x3o", "0e+1o+2e+3o", "0e+1o+2e+3o");
  const Arrays a{normal({10, tp.irreps_in1().dim()}, 1), normal({40, tp.irreps_in2().dim()}, 2),
                 normal({40, tp.weight_numel()}, 3)};
  const auto by = [&](const std::vector<std::size_t>& which) {
    Arrays x = a, asked;
    for (const std::size_t k : which) asked.push_back(x[k] = track(x[k]));
    return gradients(sum(square(Convolution(tp)(edges, x[0], x[1], x[2]))), asked);
  };
  const Arrays all = by({0, 1, 2});
  for (const std::size_t k : {0, 1, 2}) EXPECT_LE(difference(by({k})[0], all[k]), 1e-14) << k;
}

// A training on forces: a function of the derivatives, differentiated by all but the harmonics, in the pass
// that serves it alone and, where the tape goes on, as at any order. On any number of threads the same bits.
TEST(Convolution, TrainingOnForces) {
  const auto some = TensorProduct("19x0e+19x1o+19x5o", "0e+1o+3o+5o", "19x0e+19x1o+19x2e+19x4e",
                                  {{0, 0, 0, Mode::uvu},
                                   {1, 1, 0, Mode::uvu, false},
                                   {1, 0, 1, Mode::uvu},
                                   {2, 3, 0, Mode::uvu},
                                   {2, 2, 2, Mode::uvu},
                                   {1, 1, 2, Mode::uvu, false},
                                   {2, 1, 3, Mode::uvu}});
  const Index nodes = 12, count = 70;
  const RandomEdges list(9, nodes - 4, count);
  const EdgeList edges(list.senders, list.receivers, nodes);
  for (const TensorProduct& tp :
       {TensorProduct::channelwise("18x0e", "0e+1o+2e", "0e+1o+2e"),
        TensorProduct::channelwise("5x0e+16x1o+33x2e+2x3o+1x4e", "0e+1o+2e+3o", "0e+1o+2e+3o"), some})
    for (const int inner : {7, 6, 5, 3})  // what is differentiated by first: x 1, y 2, w 4
      for (const bool gathered : {false, true}) {
        std::vector<std::size_t> which;
        const auto run = [&](DType dtype, bool tape) {
          const Arrays a{track(normal({nodes, tp.irreps_in1().dim()}, 1, dtype)),
                         track(normal({count, tp.irreps_in2().dim()}, 2, dtype)),
                         track(normal({count, tp.weight_numel()}, 3, dtype))};
          Arrays by;
          for (std::size_t k = 0; k < 3; ++k)
            if (inner >> k & 1) by.push_back(a[k]);
          const Array out = gathered ? tp(gather(a[0], edges.senders()), a[1], a[2])
                                     : Convolution(tp)(edges, a[0], a[1], a[2]);
          const Arrays g = gradients(sum(square(out) * out), by, {}, true);
          Array loss = sum(square(out));
          for (std::size_t k = 0; k < g.size(); ++k)
            loss = loss + sum(square(g[k]) * normal(g[k].shape(), 4 + k, dtype));
          Arrays asked;
          for (const std::size_t k : which) asked.push_back(a[k]);
          return gradients(loss, asked, {}, tape);
        };
        for (const auto& some_of : {std::vector<std::size_t>{0}, {2}, {0, 2}}) {
          which = some_of;
          const Arrays last = run(DType::f64, false), any = run(DType::f64, true);
          for (std::size_t k = 0; k < last.size(); ++k) {
            EXPECT_FALSE(last[k].tracked());
            EXPECT_LE(difference(last[k], detach(any[k])), 1e-13)
                << tp.irreps_in1() << inner << gathered << which[k];
          }
        }
        if (inner != 7) continue;
        set_threads(1);
        const Arrays one = run(DType::f32, false);
        set_threads(3);
        const Arrays three = run(DType::f32, false);
        set_threads(0);
        for (std::size_t k = 0; k < one.size(); ++k) EXPECT_TRUE(identical(one[k], three[k])) << inner << k;
      }
}

TEST(Convolution, TakesVectorsForTheirHarmonics) {
  const RandomEdges list(4, 5, 12);
  const EdgeList edges(list.senders, list.receivers, 5);
  const auto tp =
      TensorProduct::channelwise("3x0e+2x1o", "2e+0e+1o", "0e+1o+2e");  // in2 is no prefix 0, 1, 2
  ConvolutionOptions options;
  options.vectors = true;
  options.harmonics.normalization = Normalization::norm;
  const Array x = normal({5, tp.irreps_in1().dim()}, 1), v = normal({12, 3}, 2),
              w = normal({12, tp.weight_numel()}, 3);
  const Array all = spherical_harmonics(v, 2, options.harmonics);
  const Array y = concatenate({slice(all, 1, 4, 9), slice(all, 1, 0, 1), slice(all, 1, 1, 4)}, 1);
  EXPECT_TRUE(identical(Convolution(tp, options)(edges, x, v, w), Convolution(tp)(edges, x, y, w)));
  EXPECT_THROW(Convolution(tp, options)(edges, x, y, w), std::invalid_argument);
  EXPECT_THROW(Convolution(TensorProduct::channelwise("3x0e", "2x1o", "1o"), options), std::invalid_argument);
}

TEST(Convolution, PlanTellsTheEngineAndItsCost) {
  ConvolutionOptions options;
  options.plan.batch = 1000;
  const Convolution conv(TensorProduct::channelwise("128x0e+128x1o+128x2e", "0e+1o+2e+3o", "0e+1o+2e+3o"),
                         options);
  EXPECT_EQ(conv.product().paths().size(), 17u);
  EXPECT_EQ(conv.plan().engine, "cg");
  const Candidate& c = conv.plan().candidates.at(0);
  // 217 products of filter and channel a path (each degree 0 filter a factor), 128 channels, and little else.
  EXPECT_GE(c.flops, 2e3 * 217 * 128);
  EXPECT_LE(c.flops, 2.6e3 * 217 * 128);
  EXPECT_EQ(c.bytes, 4e3 * (9 * 128 + 16 + 71 * 128 + 17 * 128));
  options.plan.engine = "grid";
  EXPECT_THROW(Convolution(conv.product(), options), std::invalid_argument);
}

TEST(Convolution, SendersAndReceiversOfDifferentSets) {
  const auto tp = TensorProduct::channelwise("3x0e+3x1o", "0e+1o", "0e+1o");
  const EdgeList edges({6, 1, 4}, {0, 0, 1}, 7, 2);
  const Array x = normal({7, tp.irreps_in1().dim()}, 1), y = normal({3, 4}, 2),
              w = normal({3, tp.weight_numel()}, 3);
  const Array out = Convolution(tp)(edges, x, y, w);
  EXPECT_LE(difference(out, scatter_add(tp(gather(x, edges.senders()), y, w), edges.receivers())), 1e-14);
}

TEST(Convolution, RefusesWhatDoesNotFit) {
  EXPECT_THROW(EdgeList({0, 1}, {0}, 2), std::invalid_argument);
  EXPECT_THROW(EdgeList({0, 2}, {0, 1}, 2), std::invalid_argument);
  EXPECT_THROW(EdgeList({0, -1}, {0, 1}, 2), std::invalid_argument);
  const auto tp = TensorProduct::channelwise("3x0e", "1o", "1o");
  const Convolution conv(tp);
  const EdgeList edges({0, 1}, {1, 0}, 2);
  const Array x = normal({2, 3}, 1), y = normal({2, 3}, 2), w = normal({2, 3}, 3);
  EXPECT_NO_THROW(conv(edges, x, y, w));
  EXPECT_THROW(conv(edges, normal({3, 3}, 1), y, w), std::invalid_argument);
  EXPECT_THROW(conv(edges, x, normal({3, 3}, 1), w), std::invalid_argument);
  EXPECT_THROW(conv(edges, x, y, normal({3, 3}, 1)), std::invalid_argument);
  EXPECT_THROW(conv(edges, x, y), std::invalid_argument);
  EXPECT_THROW(conv(edges, cast(x, DType::f32), y, w), std::invalid_argument);
  ConvolutionOptions options;
  options.vectors = true;
  const Convolution by_vectors(tp, options);
  Array r = normal({2, 3}, 4);
  EXPECT_NO_THROW(by_vectors(edges, x, r, w));
  r.mutable_data<double>()[4] = NAN;
  EXPECT_THROW(by_vectors(edges, x, r, w), std::invalid_argument);
  options.plan.batch = 0;
  EXPECT_THROW(Convolution(tp, options), std::invalid_argument);
  TensorProductOptions empty;
  empty.plan.batch = -1;
  EXPECT_THROW(TensorProduct::channelwise("3x0e", "1o", "1o", true, empty), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::so3
