#include "cartan/operators/spectral.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "cartan/autodiff/fft.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/fno.hpp"
#include "operators/resample.hpp"
#include "operators/spectral.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

Array complex_normal(const Shape& shape, std::uint64_t key) {
  return make_complex(random_normal(shape, DType::f64, Random(5, key)),
                      random_normal(shape, DType::f64, Random(6, key)));
}
// Re <a, b>
double inner(const Array& a, const Array& b) {
  if (!is_complex(a.dtype())) return sum(a * b).item();
  return sum(real(a) * real(b) + imag(a) * imag(b)).item();
}
double largest(const Array& a) {
  double worst = 0;
  const Array wide = is_complex(a.dtype()) ? concatenate({real(a), imag(a)}, 0) : a;
  for (const double x : wide.to_vector<double>()) worst = cartan::testing::worst_of(worst, std::abs(x));
  return worst;
}

KeptModes kept_of(const Shape& grid, const Shape& modes, bool real_fields) {
  KeptModes kept;
  kept.grid = grid, kept.real = real_fields;
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const bool half = real_fields && a + 1 == grid.size();
    std::vector<std::int32_t> bins;
    for (Index i = 0; i < modes[a]; ++i) {
      const Index k = half ? i : i - modes[a] / 2;
      bins.push_back(static_cast<std::int32_t>((k + grid[a]) % grid[a]));
    }
    kept.bins.push_back(bins);
  }
  return kept;
}

const std::vector<std::pair<Shape, Shape>> grids{{{8}, {5}},
                                                 {{9}, {3}},
                                                 {{7, 8}, {4, 5}},
                                                 {{6, 9}, {6, 5}},
                                                 {{4, 5, 6}, {3, 4, 4}},
                                                 {{64, 96}, {13, 7}},
                                                 {{32, 150}, {8, 60}},
                                                 {{1100}, {20}},
                                                 {{6, 512}, {4, 250}},
                                                 {{4, 4, 4, 4}, {2, 2, 2, 2}}};

TEST(Spectral, IsTheTruncatedTransform) {
  for (const auto& [grid, modes] : grids) {
    Shape shape = grid;
    shape.insert(shape.begin(), {2, 3});
    const Array x = random_normal(shape, DType::f64, Random(1, 2));
    std::vector<int> axes;
    for (std::size_t a = 0; a < grid.size(); ++a) axes.push_back(static_cast<int>(a) + 2);
    const KeptModes kept = kept_of(grid, modes, true);
    Array expected = rfft(x, axes);
    for (std::size_t a = 0; a < grid.size(); ++a) {
      Arrays rows;
      for (const std::int32_t b : kept.bins[a]) rows.push_back(slice(expected, axes[a], b, b + 1));
      expected = concatenate(rows, axes[a]);
    }
    EXPECT_LE(largest(modes_of(x, kept) - expected), 1e-12 * largest(expected));
    const Array narrow = modes_of(x.as(DType::f32), kept).as(DType::c128);
    EXPECT_LE(largest(narrow - expected), 2e-6 * largest(expected));
  }
}

// Sums of numbers of one sign lose nothing as they get longer, there and back.
TEST(Spectral, Float32KeepsItsDigitsInLongSums) {
  for (const Index n : {1100, 8192, 100000}) {
    const KeptModes kept = kept_of({n}, {20}, true);
    const Array x = Array::full({1, 1, n}, 0.7, DType::f32);
    const Array exact = modes_of(x.as(DType::f64), kept);
    EXPECT_LE(largest(modes_of(x, kept).as(DType::c128) - exact), 5e-7 * largest(exact)) << n;
  }
  const KeptModes rows = kept_of({4000, 8}, {9, 3}, true), many = kept_of({4096}, {350}, true);
  const Array x = Array::full({1, 1, 4000, 8}, 0.7, DType::f32), exact = modes_of(x.as(DType::f64), rows);
  EXPECT_LE(largest(modes_of(x, rows).as(DType::c128) - exact), 5e-7 * largest(exact));
  const Array y = Array::full({1, 1, 350}, 0.7, DType::f32), field = field_of(y.as(DType::c128), many);
  EXPECT_LE(largest(field_of(y.as(DType::c64), many).as(DType::f64) - field), 5e-7 * largest(field));
}

TEST(Spectral, AdjointsFitToTwelveDigits) {
  for (const bool real_fields : {true, false})
    for (const auto& [grid, modes] : grids) {
      Shape shape = grid, spectrum = modes;
      shape.insert(shape.begin(), {2, 2}), spectrum.insert(spectrum.begin(), {2, 2});
      const KeptModes kept = kept_of(grid, modes, real_fields);
      const Array x = real_fields ? random_normal(shape, DType::f64, Random(1, 2)) : complex_normal(shape, 2);
      const Array y = complex_normal(spectrum, 3);
      const auto test = [&](const Function& f, const Array& in, const Array& out) {
        const auto [value, slope] = vjp(f, {in}, {out});
        const double left = inner(value[0], out), right = inner(in, slope[0]);
        EXPECT_LE(std::abs(left - right), 1e-12 * std::sqrt(inner(value[0], value[0]) * inner(out, out)));
      };
      test([&](const Arrays& a) { return Arrays{modes_of(a[0], kept, 0.5)}; }, x, y);
      test([&](const Arrays& a) { return Arrays{field_of(a[0], kept, 0.5)}; }, y, x);
      test([&](const Arrays& a) { return Arrays{field_of(a[0], kept, 0.5, 0)}; }, y, x);
    }
}

TEST(Spectral, MixesModes) {
  for (const Index k : {1, 7, 16, 37, 90})
    for (const Index samples : {1, 3, 6})
      for (const Index in : {3, 7, 10}) {
        const Array x = complex_normal({samples, in, k}, 1), r = complex_normal({in, 5, k}, 2);
        const Array columns = permute(x, {2, 0, 1}), matrices = permute(r, {2, 0, 1});
        const Array expected = permute(matmul(columns, matrices), {1, 2, 0});
        EXPECT_LE(largest(mix_modes(x, r) - expected), 1e-13);
        EXPECT_LE(largest(mix_modes(x.as(DType::c64), r.as(DType::c64)).as(DType::c128) - expected), 2e-5);
      }
}

// More numbers than a cache holds: sums stay in registers, forward and in both derivatives.
TEST(Spectral, MixesManyModesOfManySamples) {
  const Array x = complex_normal({12, 11, 770}, 1), r = complex_normal({11, 17, 770}, 2),
              c = complex_normal({12, 17, 770}, 3);
  const auto by_matrices = [](const Arrays& a) {
    return Arrays{permute(matmul(permute(a[0], {2, 0, 1}), permute(a[1], {2, 0, 1})), {1, 2, 0})};
  };
  const auto by_modes = [](const Arrays& a) { return Arrays{mix_modes(a[0], a[1])}; };
  const auto [value, slopes] = vjp(by_matrices, {x, r}, {c});
  for (const DType type : {DType::c64, DType::c128}) {
    Arrays first;
    for (const int threads : {1, 2, 3}) {
      set_threads(threads);
      const auto [y, g] = vjp(by_modes, {x.as(type), r.as(type)}, {c.as(type)});
      const Arrays all{y[0], g[0], g[1]};
      if (first.empty()) first = all;
      for (std::size_t k = 0; k < 3; ++k) EXPECT_TRUE(identical(all[k], first[k])) << k;
    }
    set_threads(0);
    const double most = type == DType::c64 ? 3e-5 : 1e-13;
    EXPECT_LE(largest(first[0].as(DType::c128) - value[0]), most);
    for (std::size_t k = 0; k < 2; ++k)
      EXPECT_LE(largest(first[k + 1].as(DType::c128) - slopes[k]), most) << k;
  }
}

// What is stored past the caches is the same.
TEST(Spectral, FieldsLargerThanTheCaches) {
  const Shape grid{64, 64};
  const Index images = (Index{16} << 20) / (size_of(grid) * 4), few = 5;
  const KeptModes kept = kept_of(grid, {6, 4}, true);
  const Array modes = complex_normal({1, images, 6, 4}, 1).as(DType::c64), all = field_of(modes, kept);
  for (const Index first : {Index{0}, images - few})
    EXPECT_TRUE(
        identical(slice(all, 1, first, first + few), field_of(slice(modes, 1, first, first + few), kept)));
}

// Several small fields may be worked on at once: to the last bit as each by itself.
TEST(Spectral, ManyFieldsAreEachTheirOwn) {
  for (const DType type : {DType::f32, DType::f64})
    for (const auto& [grid, modes] : grids) {
      if (grid.size() == 1) continue;  // rows of one product, whose tiles are of other shapes
      const KeptModes kept = kept_of(grid, modes, true);
      Shape shape = grid;
      shape.insert(shape.begin(), {1, 19});
      const Array x = random_normal(shape, type, Random(9, 1)), all = modes_of(x, kept, 0.5),
                  back = field_of(all, kept, 2);
      for (const Index k : {0, 7, 15, 16, 18}) {
        const Array one = modes_of(slice(x, 1, k, k + 1), kept, 0.5);
        EXPECT_TRUE(identical(slice(all, 1, k, k + 1), one)) << text(grid, " ", type, " ", k);
        EXPECT_TRUE(identical(slice(back, 1, k, k + 1), field_of(one, kept, 2)))
            << text(grid, " ", type, " ", k);
      }
    }
}

TEST(Spectral, SumsOfNothingAreZero) {
  for (const DType type : {DType::c64, DType::c128}) {
    const Array y = mix_modes(Array::zeros({2, 0, 5}, type), Array::zeros({0, 3, 5}, type));
    EXPECT_TRUE(identical(y, Array::zeros({2, 3, 5}, type)));
    // the gradient of weights without samples
    const Array x = track(Array::zeros({0, 2, 5}, type)), r = track(Array::full({2, 3, 5}, 1, type));
    const Arrays g = gradients(mix_modes(x, r), {x, r}, Array::zeros({0, 3, 5}, type));
    EXPECT_EQ(g[0].shape(), (Shape{0, 2, 5}));
    EXPECT_TRUE(identical(g[1], Array::zeros({2, 3, 5}, type)));
    for (const Index right : {1, 4}) {
      const Array z = axis_product(Array::zeros({2, 0, right}, type), Array::zeros({3, 0}, type), 1);
      EXPECT_TRUE(identical(z, Array::zeros({2, 3, right}, type)));
      const Array none = axis_product(Array::zeros({0, 2, right}, type), Array::zeros({3, 2}, type), 1);
      EXPECT_EQ(none.shape(), (Shape{0, 3, right}));
    }
  }
}

TEST(Spectral, DerivativesOfAnyOrder) {
  const KeptModes kept = kept_of({5, 6}, {3, 3}, true);
  const Array r0 = random_normal({2, 2, 9, 2}, DType::f64, Random(1, 4));
  const auto complex_of = [](const Array& a) {
    const int last = a.ndim() - 1;
    Shape shape = a.shape();
    shape.pop_back();
    return make_complex(reshape(slice(a, last, 0, 1), shape), reshape(slice(a, last, 1, 2), shape));
  };
  const auto f = [&](const Arrays& a) {
    const Array modes = reshape(modes_of(a[0], kept), {1, 2, 9});
    const Array y = field_of(reshape(mix_modes(modes, complex_of(a[1])), {1, 2, 3, 3}), kept);
    return sum(y * square(y) + y * a[0]);
  };
  const Arrays at{random_normal({1, 2, 5, 6}, DType::f64, Random(1, 5)), r0};
  EXPECT_LE(check_gradients(f, at).max_error, 1e-7);
  const auto second = [&](const Arrays& a) {
    const Arrays g = grad(f)(a);
    return sum(square(g[0])) + sum(square(g[1]));
  };
  EXPECT_LE(check_gradients(second, at, 1e-3, 40).max_error, 1e-6);
}

TEST(Spectral, RefusesWhatDoesNotFit) {
  KeptModes kept = kept_of({8, 8}, {4, 3}, true);
  EXPECT_THROW(modes_of(Array::zeros({1, 1, 8, 9}, DType::f32), kept), std::invalid_argument);
  EXPECT_THROW(modes_of(Array::zeros({1, 1, 8, 8}, DType::c64), kept), std::invalid_argument);
  EXPECT_THROW(field_of(Array::zeros({1, 1, 4, 4}, DType::c64), kept), std::invalid_argument);
  kept.bins[1] = {0, 5, 1};
  EXPECT_THROW(modes_of(Array::zeros({1, 1, 8, 8}, DType::f32), kept), std::invalid_argument);
  kept.bins[1] = {0, 0, 1};
  EXPECT_THROW(modes_of(Array::zeros({1, 1, 8, 8}, DType::f32), kept), std::invalid_argument);
  EXPECT_THROW(mix_modes(Array::zeros({1, 2, 4}, DType::c64), Array::zeros({3, 2, 4}, DType::c64)),
               std::invalid_argument);
}

// A field of few frequencies at the points of a grid.
Array band_limited(const Shape& grid) {
  std::vector<double> values;
  const Index points = size_of(grid);
  for (Index p = 0; p < points; ++p) {
    double phase[3] = {};
    Index rest = p;
    for (std::size_t a = grid.size(); a-- > 0; rest /= grid[a])
      phase[a] = 2 * M_PI * static_cast<double>(rest % grid[a]) / static_cast<double>(grid[a]);
    values.push_back(0.3 + std::cos(phase[0] - 2 * phase[1] + 0.4) + std::sin(2 * phase[0] + phase[1]) +
                     0.5 * std::cos(phase[0] + phase[1] + phase[2]));
  }
  Shape shape = grid;
  shape.insert(shape.begin(), {1, 1});
  return Array::from(values, shape);
}

TEST(Spectral, ResamplesWhatIsBandLimitedExactly) {
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{
           {{8}, {16}}, {{16}, {7}}, {{9, 8}, {16, 15}}, {{16, 15}, {7, 8}}, {{8, 9, 8}, {6, 16, 7}}}) {
    const Array x = band_limited(from);
    EXPECT_LE(largest(resample_spectral(x, to) - band_limited(to)), 1e-12) << to_string(to);
    // neuralop's: negative frequencies of upsampled fields land elsewhere
    SpectralOptions o;
    o.modes.assign(from.size(), 5);
    o.conv_bias = false;
    nn::Init init{1};
    SpectralConvolution identity(o, 1, 1, 1, DType::f64, init);
    nn::ParameterRefs parameters;
    identity.collect("", parameters);
    *parameters[0].value = Array::full(parameters[0].value->shape(), 1, DType::f64).as(DType::c128);
    EXPECT_LE(largest(identity(x, 0, to) - band_limited(to)), 1e-12)
        << to_string(from) << " to " << to_string(to);
  }
}

// neuraloperator: where the result has a Nyquist frequency, the last bin of what went in is made real, on odd
// grids too.
TEST(Spectral, LastBinsAreRealAsInNeuraloperator) {
  for (const auto& [from, to] : std::vector<std::pair<Index, Index>>{
           {5, 8}, {5, 7}, {6, 8}, {6, 9}, {1, 4}, {2, 4}, {3, 4}, {5, 4}, {6, 5}, {6, 4}, {5, 3}}) {
    SpectralOptions o;
    o.modes = {12}, o.conv_bias = false, o.compat = true;
    nn::Init init{1};
    SpectralConvolution c(o, 1, 1, 1, DType::f64, init);
    nn::ParameterRefs parameters;
    c.collect("", parameters);
    const Array r = complex_normal({1, 1, 7}, 4);
    *parameters[0].value = r;
    const Array x = random_normal({1, 1, from}, DType::f64, Random(1, 3));
    const double* field = x.data<double>();
    std::vector<double> expected;
    for (Index j = 0; j < to; ++j) {
      double y = 0;
      for (Index k = 0; k <= std::min(from, to) / 2; ++k) {
        std::complex<double> sum = 0;
        for (Index i = 0; i < from; ++i)
          sum +=
              field[i] * std::polar(1 / static_cast<double>(from), -2 * M_PI * double(k * i) / double(from));
        sum *= r.data<std::complex<double>>()[k];
        if (to % 2 == 0 && k == from / 2) sum = sum.real();
        const bool once = k == 0 || 2 * k == to;
        y += (once ? 1 : 2) * (sum * std::polar(1.0, 2 * M_PI * double(k * j) / double(to))).real();
      }
      expected.push_back(y);
    }
    const Array want = Array::from(expected, {1, 1, to});
    EXPECT_LE(largest(c(x, 0, {to}) - want), 1e-12 * largest(want)) << from << " to " << to;
  }
}

TEST(Spectral, OddModesOfEvenWeightsKeepTheirFrequencies) {
  // iFNO: as more modes are used, those that were keep their weights.
  SpectralOptions o;
  o.modes = {16, 9}, o.max_modes = {16, 9}, o.conv_bias = false;
  nn::Init init{1};
  SpectralConvolution c(o, 1, 1, 1, DType::f64, init);
  const Array x = random_normal({1, 1, 32, 32}, DType::f64, Random(1, 3));
  const KeptModes low = kept_of({32, 32}, {4, 3}, true);
  Array first;
  for (const Index m : {5, 6, 7, 8, 9, 15, 16}) {
    c.set_modes({m, 8});
    const Array y = modes_of(c(x), low);
    if (first.empty()) first = y;
    EXPECT_LE(largest(y - first), 1e-12) << m;
  }
}

TEST(Weights, EveryContractionIsTheDenseOne) {
  for (const char* format : {"tucker", "cp", "tt", "joint_tucker"})
    for (const Shape& modes : {Shape{5}, Shape{4, 3}, Shape{2, 3, 4}}) {
      WeightOptions o;
      o.factorization = format, o.rank = 0.6;
      nn::Init init{2};
      o.contraction = "factorized";
      const SpectralWeights a(o, 3, 4, modes, 2, DType::c128, init);
      nn::Init again{2};
      o.contraction = "reconstructed";
      const SpectralWeights b(o, 3, 4, modes, 2, DType::c128, again);
      std::vector<ModeRange> part;
      for (const Index m : modes) part.push_back({m > 2 ? 1 : 0, m - (m > 2 ? 1 : 0)});
      Index k = 1;
      for (const ModeRange& r : part) k *= r.count;
      const Array x = complex_normal({2, 3, k}, 7);
      for (Index layer = 0; layer < 2; ++layer) {
        Array dense = b.dense(layer);
        for (std::size_t i = 0; i < part.size(); ++i)
          dense = slice(dense, static_cast<int>(i) + 2, part[i].first, part[i].first + part[i].count);
        const Array expected = mix_modes(x, reshape(dense, {3, 4, k}));
        EXPECT_LE(largest(apply_form(a.forms(part, 2)[layer], x) - expected), 1e-13) << format;
        EXPECT_LE(largest(apply_form(b.forms(part, 2)[layer], x) - expected), 1e-13) << format;
      }
    }
}

// Of numbers that fill registers and that do not, along the last axis and inside; of one block of columns or
// rows and of several.
TEST(Weights, ProductsAlongAnAxis) {
  for (const auto& [left, right] :
       std::vector<std::pair<Index, Index>>{{3, 1}, {3, 3}, {3, 16}, {3, 37}, {3, 1500}, {40, 1}, {600, 1}})
    for (const Index n : {1, 5, 16}) {
      const Array x = complex_normal({left, 7, right}, 1), u = complex_normal({n, 7}, 2),
                  c = complex_normal({left, n, right}, 3);
      const auto exact = [&](const Array& v, const Array& m) {
        return permute(matmul(permute(v, {0, 2, 1}), m, false, true), {0, 2, 1});
      };
      EXPECT_LE(largest(axis_product(x, u, 1) - exact(x, u)), 1e-13) << right << " " << n;
      const Array wx = track(x), wu = track(u);
      const Arrays e = gradients(exact(wx, wu), {wx, wu}, c);
      for (const bool narrow : {false, true}) {
        const DType type = narrow ? DType::c64 : DType::c128;
        const Array tx = track(x.as(type)), tu = track(u.as(type));
        const Array y = axis_product(tx, tu, 1);
        EXPECT_LE(largest(detach(y).as(DType::c128) - exact(x, u)), narrow ? 1e-5 : 1e-13);
        const Arrays g = gradients(y, {tx, tu}, c.as(type));
        for (int k = 0; k < 2; ++k)
          EXPECT_LE(largest(g[k].as(DType::c128) - e[k]), (narrow ? 1e-5 : 1e-14) * (1 + largest(e[k])))
              << k << " of " << left << " " << right << " " << n;
      }
    }
  EXPECT_THROW(axis_product(complex_normal({3, 7}, 1), complex_normal({2, 6}, 1), 1), std::invalid_argument);
  EXPECT_THROW(axis_product(complex_normal({3, 7}, 1), complex_normal({2, 7}, 1), 2), std::invalid_argument);
}

// In training the whole core is not kept: the same gradients as by the dense tensor, of second order too.
TEST(Weights, RecomputedCoresHaveTheGradientsOfKeptOnes) {
  WeightOptions o;
  o.factorization = "tucker", o.ranks = {2, 3, 2, 2}, o.contraction = "factorized";
  nn::Init init{2};
  SpectralWeights w(o, 3, 4, {4, 3}, 1, DType::c128, init);
  nn::ParameterRefs refs;
  w.collect("", refs);
  const std::vector<ModeRange> part{{0, 4}, {0, 3}};
  const Array x = complex_normal({2, 3, 12}, 7), c = complex_normal({2, 4, 12}, 8);
  EXPECT_TRUE(w.forms(part, 2)[0].last.empty());  // in use it is whole
  nn::track_parameters(refs);
  const Arrays at = nn::values_of(refs);
  const auto dense = [&] { return mix_modes(x, reshape(w.dense(0), {3, 4, 12})); };
  const auto form = [&] {
    const SpectralForm f = w.forms(part, 2)[0];
    EXPECT_FALSE(f.last.empty());
    return apply_form(f, x);
  };
  EXPECT_LE(largest(dense() - form()), 1e-13);
  const auto both = [&](const Array& y) {
    const Arrays g = gradients(y, at, c, true);
    Array norm;
    for (const Array& a : g) {
      const Array s = sum(square(real(a)) + square(imag(a)));
      norm = norm.empty() ? s : norm + s;
    }
    Arrays all = gradients(norm, at);
    all.insert(all.end(), g.begin(), g.end());
    return all;
  };
  const Arrays a = both(dense()), b = both(form());
  for (std::size_t k = 0; k < a.size(); ++k)
    EXPECT_LE(largest(a[k] - b[k]), 1e-10 * (1 + largest(a[k]))) << k;
}

// What the layers of a pass share is made once, and has the gradient of all of them; with more ranks of the
// layers than it pays for each makes its own.
TEST(Weights, LayersOfAPassShareTheirCore) {
  const std::vector<ModeRange> part{{0, 4}, {0, 3}}, fewer{{1, 2}, {0, 3}};
  const Array x = complex_normal({2, 3, 12}, 7), c = complex_normal({2, 4, 12}, 8);
  for (const Index rank : {1, 2})
    for (const char* contraction : {"factorized", "reconstructed"}) {
      WeightOptions o;
      o.factorization = "joint_tucker", o.ranks = {rank, 2, 3, 2, 2}, o.contraction = contraction;
      nn::Init init{2};
      SpectralWeights w(o, 3, 4, {4, 3}, 3, DType::c128, init);
      nn::ParameterRefs refs;
      w.collect("", refs);
      nn::track_parameters(refs);
      const Arrays at = nn::values_of(refs);
      SharedCores shared;
      {  // what was made unrecorded is not used where derivatives are
        const Recording off(false);
        static_cast<void>(w.forms(part, 2, 0, &shared));
      }
      const std::size_t before = shared.cores.size();
      Array exact, one, each;
      const auto add = [](Array& sum, const Array& y) { sum = sum.empty() ? y : sum * y; };
      for (Index l = 0; l < 3; ++l) {
        add(exact, mix_modes(x, reshape(w.dense(l), {3, 4, 12})));
        add(one, apply_form(w.forms(part, 2, l, &shared)[l], x));
        add(each, apply_form(w.forms(part, 2, l)[l], x));
      }
      EXPECT_EQ(shared.cores.size(), before + (rank == 1 ? 1u : 0u));
      EXPECT_TRUE(rank != 1 || shared.cores.back().core.tracked());
      if (rank == 1) {
        static_cast<void>(w.forms(fewer, 2, 0, &shared));
        EXPECT_EQ(shared.cores.size(), before + 2);
      }
      EXPECT_LE(largest(one - exact), 1e-12 * largest(exact));
      const Arrays a = gradients(exact, at, c), b = gradients(one, at, c), d = gradients(each, at, c);
      for (std::size_t k = 0; k < a.size(); ++k) {
        EXPECT_LE(largest(a[k] - b[k]), 1e-12 * (1 + largest(a[k]))) << refs[k].name << " " << rank;
        EXPECT_LE(largest(a[k] - d[k]), 1e-12 * (1 + largest(a[k]))) << refs[k].name << " " << rank;
      }
      nn::detach_parameters(refs);
    }
}

// Flops of contractions that were counted by hand; complex products have eight.
TEST(Weights, PlansCountWhatIsDone) {
  const auto flops = [](const WeightOptions& o, bool cached) {
    nn::Init init{2};
    const SpectralWeights w(o, 3, 4, {4, 3}, 2, DType::c64, init);
    const Plan plan = w.plan({4, 3}, 5, cached);
    return std::vector<double>{plan.candidates.at(0).flops / 8, plan.candidates.at(1).flops / 8};
  };
  const double modes = 12, samples = 5;
  WeightOptions o;
  o.factorization = "tucker", o.ranks = {2, 3, 2, 2};
  // 3 of rank 2 before 4 of rank 2: 12 + 24 products a number of (2, 3), where 4 before 3 are 16 + 24
  const double apply = samples * modes * (3 * 2 + 2 * 3 + 3 * 4), whole = samples * modes * 3 * 4;
  const double channels = modes * (3 * 2 * 3 + 3 * 3 * 4);
  EXPECT_EQ(flops(o, true), (std::vector<double>{apply, whole}));
  EXPECT_EQ(flops(o, false), (std::vector<double>{apply + 6 * 36 + 6 * 24, whole + 6 * 36 + channels}));
  o.factorization = "joint_tucker", o.ranks = {2, 2, 3, 2, 2};
  // the core of a layer, 2 * 4 products a number of (2, 3), is expanded by itself: (16 + 72) / 2 is less than
  // (2 * 36 + 2 * 2 * 12) / 2 by that of both layers
  const double apart = 6 * (2 * 4 + 36);
  EXPECT_EQ(flops(o, false), (std::vector<double>{apply + apart + 6 * 24, whole + apart + channels}));
  o.ranks = {1, 2, 3, 2, 2};  // one for both: half of its 36 products for each, and 12 to take it
  const double together = 6 * (36 / 2 + modes);
  EXPECT_EQ(flops(o, false), (std::vector<double>{apply + together, whole + together + channels}));
  o.factorization = "tt", o.ranks = {1, 2, 3, 2, 1};
  // (3, 4, 2) (2, 3), then (2, 4, 3) (3, 12)
  const double train = 3 * 4 * 2 * 3 + 2 * 4 * 3 * modes;
  EXPECT_EQ(flops(o, false), (std::vector<double>{samples * modes * (3 * 2 + 2 * 4) + train,
                                                  whole + train + modes * 3 * 2 * 4}));
}

TEST(Weights, RanksAreTensorlys) {
  EXPECT_EQ(tucker_ranks({64, 64, 64, 33}, 0.1), (std::vector<Index>{36, 36, 36, 19}));
  EXPECT_EQ(tucker_ranks({64, 64, 64, 33}, 0.01), (std::vector<Index>{20, 20, 20, 10}));
  EXPECT_EQ(tucker_ranks({32, 32, 16, 9}, 0.42), (std::vector<Index>{26, 26, 13, 7}));
  EXPECT_EQ(canonical_rank({64, 64, 64, 33}, 0.1), 3845);
  EXPECT_EQ(canonical_rank({64, 64, 16, 9}, 0.05), 193);
  EXPECT_EQ(tensor_train_ranks({64, 64, 64, 33}, 0.1), (std::vector<Index>{1, 87, 87, 66, 1}));
  EXPECT_EQ(tensor_train_ranks({32, 32, 16, 9}, 0.42), (std::vector<Index>{1, 46, 34, 18, 1}));
}

TEST(Weights, WhatIsKeptFollowsTheParameters) {
  FnoConfig c;
  c.spectral.modes = {4, 4}, c.spectral.factorization = "tucker", c.hidden_channels = 4;
  nn::Init init{1};
  const auto fno = c.make(init);
  const Array x = random_normal({1, 1, 8, 8}, DType::f32, Random(1, 2));
  const Array before = (*fno)(x);
  for (const nn::NamedParameter& p : fno->parameters())
    if (p.name.find("core") != std::string::npos) {  // in place, as an optimiser does
      auto* w = p.value->mutable_data<std::complex<float>>();
      for (Index k = 0; k < p.value->size(); ++k) w[k] *= 3;
    }
  const Array after = (*fno)(x), copy = (*fno->clone())(x);
  EXPECT_FALSE(identical(after, before));
  EXPECT_TRUE(identical(after, copy));
}

}  // namespace
}  // namespace cartan::operators
