// Spectral convolutions along one axis after another, or their sum.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/compress.hpp"
#include "cartan/operators/fno.hpp"
#include "cartan/operators/model.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

using Complex = std::complex<double>;

double largest(const Array& a) {
  double worst = 0;
  const Array wide = is_complex(a.dtype()) ? concatenate({real(a), imag(a)}, 0) : a;
  for (const double x : wide.to_vector<double>()) worst = cartan::testing::worst_of(worst, std::abs(x));
  return worst;
}

SpectralOptions options_of(const std::vector<Index>& modes, const char* one_way, bool complex_fields) {
  SpectralOptions o;
  o.modes = modes, o.one_way = one_way, o.complex_fields = complex_fields;
  return o;
}

// The weight (in, out) that axis `a` of a one-way convolution has for frequency k, all of a real field's.
Complex weight(const SpectralConvolution& one, bool complex_fields, Index k, Index c, Index o) {
  const Array r = one.weights().dense(0);
  const Index m = r.dim(2), at = complex_fields ? k + m / 2 : std::abs(k);
  if (at < 0 || at >= m) return 0;
  const Complex w = r.data<Complex>()[(c * r.dim(1) + o) * m + at];
  return complex_fields ? w : k == 0 ? Complex(w.real()) : k > 0 ? w : std::conj(w);
}

// One convolution of all axes and all frequencies, whose weights are sums or products of those of the axes.
TEST(OneWay, IsAConvolutionOfAllAxes) {
  const Index channels = 2;
  for (const bool complex_fields : {false, true})
    for (const bool sum : {true, false})
      for (const Shape& grid : {Shape{7}, Shape{5, 7}, Shape{3, 5, 7}}) {
        SCOPED_TRACE(to_string(grid) + (sum ? " sum" : " product") + (complex_fields ? " complex" : ""));
        const std::size_t d = grid.size();
        nn::Init init{1};
        const std::vector<Index> few{3, 5, 4};
        const SpectralConvolution one(options_of({few.end() - static_cast<std::ptrdiff_t>(d), few.end()},
                                                 sum ? "sum" : "product", complex_fields),
                                      channels, channels, 1, DType::f64, init);
        ASSERT_EQ(one.axes().size(), d);
        SpectralConvolution all(options_of({grid.begin(), grid.end()}, "none", complex_fields), channels,
                                channels, 1, DType::f64, init);
        nn::ParameterRefs refs;
        all.collect("", refs);
        Array dense = all.weights().dense(0);
        const Shape extents(dense.shape().begin() + 2, dense.shape().end());
        std::vector<Complex> values;
        for (Index c = 0; c < channels; ++c)
          for (Index o = 0; o < channels; ++o)
            for (Index p = 0; p < size_of(extents); ++p) {
              std::vector<Complex> row(static_cast<std::size_t>(channels), 0);  // of products: from c to each
              row[static_cast<std::size_t>(c)] = 1;
              Complex total = 0;
              Index rest = p, inner = size_of(extents);
              for (std::size_t a = 0; a < d; ++a) {
                inner /= extents[a];
                const Index i = rest / inner, k = complex_fields || a + 1 < d ? i - extents[a] / 2 : i;
                rest %= inner;
                std::vector<Complex> next(row.size(), 0);
                for (Index from = 0; from < channels; ++from)
                  for (Index to = 0; to < channels; ++to)
                    next[static_cast<std::size_t>(to)] += row[static_cast<std::size_t>(from)] *
                                                          weight(one.axes()[a], complex_fields, k, from, to);
                row = next;
                total += weight(one.axes()[a], complex_fields, k, c, o);
              }
              values.push_back(sum ? total : row[static_cast<std::size_t>(o)]);
            }
        *refs[0].value = Array::from(values, dense.shape());
        Shape shape = grid;
        shape.insert(shape.begin(), {3, channels});
        const Array re = random_normal(shape, DType::f64, Random(1, 1)),
                    x = complex_fields ? make_complex(re, random_normal(shape, DType::f64, Random(1, 2)))
                                       : re;
        const Array expected = all.without_bias(x);
        EXPECT_LE(largest(one.without_bias(x) - expected), 1e-13 * (1 + largest(expected)));
      }
}

// What both grids hold goes to its place: band-limited fields on a finer grid, cut again.
TEST(OneWay, OtherGridsKeepFrequencies) {
  const auto field = [](Index n1, Index n2) {
    std::vector<double> v;
    for (Index i = 0; i < n1; ++i)
      for (Index j = 0; j < n2; ++j) {
        const double s = 2 * M_PI * static_cast<double>(i) / static_cast<double>(n1),
                     t = 2 * M_PI * static_cast<double>(j) / static_cast<double>(n2);
        v.push_back(0.3 + std::sin(s + 2 * t) + std::cos(2 * s - t));
      }
    return Array::from(v, {1, 1, n1, n2});
  };
  for (const char* way : {"sum", "product"}) {
    for (const auto& [norm, power] :
         {std::pair<const char*, double>{"forward", 0}, {"ortho", 0.5}, {"backward", 1}}) {
      SCOPED_TRACE(std::string(way) + " " + norm);
      nn::Init init{2};
      SpectralOptions options = options_of({5, 5}, way, false);
      options.fft_norm = norm, options.conv_bias = false;
      const SpectralConvolution k(options, 1, 1, 1, DType::f64, init);
      const Array fine = k(field(11, 12));
      EXPECT_LE(largest(k(field(8, 7), 0, {11, 12}) - scale(fine, std::pow(56.0 / 132, power))), 1e-13);
      EXPECT_LE(largest(k(field(15, 16), 0, {11, 12}) - scale(fine, std::pow(240.0 / 132, power))), 1e-13);
    }
  }
}

TEST(OneWay, IsAnOptionOfFno) {
  const Array x = random_normal({2, 1, 6, 8}, DType::f64, Random(1, 1));
  for (const char* way : {"sum", "product"})
    for (const char* format : {"dense", "tucker", "joint_tucker", "cp", "tt"}) {
      SCOPED_TRACE(std::string(way) + " " + format);
      FnoConfig c;
      c.spectral.modes = {4, 5}, c.spectral.one_way = way, c.spectral.factorization = format;
      if (format != std::string("dense")) c.spectral.rank = 0.5;
      c.hidden_channels = 4, c.layers = 2, c.dtype = DType::f64;
      Model model(c, 1);
      EXPECT_NE(c.summary().find(std::string("one-way weights (") + way), std::string::npos) << c.summary();
      const Array y = model.predict(x);
      data::Group group;
      model.save(group);
      EXPECT_TRUE(identical(Model::load(group).predict(x), y));
      const auto f = [&](const Arrays& a) { return sum(square(model(a[0]))); };
      EXPECT_LE(check_gradients(f, {x}, 1e-3, 10).max_error, 1e-7);
      for (const nn::NamedParameter& p : model.parameters()) {
        if (!is_complex(p.value->dtype())) continue;
        // along a random direction, of real numbers
        const Array at = *p.value, step = random_normal(at.shape(), DType::f64, Random(3, 1));
        const auto by = [&](const Arrays& a) {
          *p.value = at + make_complex(step * a[0], step * (a[0] * 0.5));
          return sum(square(model(x)));
        };
        EXPECT_LE(check_gradients(by, {Array::full({1}, 0, DType::f64)}, 1e-4, 1).max_error, 1e-6) << p.name;
        *p.value = at;
      }
      // modes are added as to others
      auto& fno = static_cast<Fno&>(model.network());
      for (const double share : fno.blocks().convolution().share_beyond({2, 3})) {
        EXPECT_GT(share, 0);
        EXPECT_LT(share, 1);
      }
      fno.set_modes({2, 3});
      fno.clear_unused();
      const Array few = model.predict(x);
      data::Group small;
      model.save(small);
      EXPECT_TRUE(identical(Model::load(small).predict(x), few));
      fno.set_modes({4, 5});
      EXPECT_LE(largest(model.predict(x) - few), 1e-13);
      EXPECT_EQ(fno.blocks().convolution().share_beyond({2, 3}), (std::vector<double>{0, 0}));
      EXPECT_THROW(fno.set_modes({5, 5}), std::invalid_argument);
      EXPECT_THROW(compress(model, {0.1, 0}, {}), std::invalid_argument);
    }
}

// Weights grow with the sum of the modes, not with their product.
TEST(OneWay, HasFewWeights) {
  FnoConfig c;
  c.spectral.modes = {16, 16}, c.hidden_channels = 8, c.layers = 1;
  const auto spectral = [&] {
    Index n = 0;
    for (const nn::NamedParameter& p : Model(c, 1).parameters())
      if (is_complex(p.value->dtype())) n += p.value->size();
    return n;
  };
  EXPECT_EQ(spectral(), 8 * 8 * 16 * 9);
  c.spectral.one_way = "sum";
  EXPECT_EQ(spectral(), 8 * 8 * (9 + 9));
}

TEST(OneWay, RefusesWhatDoesNotFit) {
  nn::Init init{1};
  SpectralOptions o = options_of({4, 4}, "product", false);
  EXPECT_THROW(SpectralConvolution(o, 2, 3, 1, DType::f64, init), std::invalid_argument);
  o.compat = true;
  EXPECT_THROW(SpectralConvolution(o, 2, 2, 1, DType::f64, init), std::invalid_argument);
  const SpectralConvolution k(options_of({4, 4}, "sum", false), 2, 3, 1, DType::f64, init);
  EXPECT_EQ(k(Array::zeros({1, 2, 6, 6}, DType::f64)).shape(), (Shape{1, 3, 6, 6}));
  EXPECT_EQ(k(Array::zeros({1, 2, 1, 2}, DType::f64)).shape(), (Shape{1, 3, 1, 2}));
  EXPECT_THROW(k(Array::zeros({1, 3, 6, 6}, DType::f64)), std::invalid_argument);
  EXPECT_THROW(k.layout({6, 6}, {6, 6}), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::operators
