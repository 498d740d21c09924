// Errors of fields against neuraloperator's values (shared/reference) and against what they must be.

#include "cartan/operators/losses.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/operators/normalizer.hpp"
#include "real_data.hpp"

namespace cartan::operators {
namespace {

constexpr double pi = 3.14159265358979323846;

// The text after "key": in a flat JSON object.
std::string value_of(const std::string& json, const std::string& key) {
  const auto at = json.find("\"" + key + "\": ");
  if (at == std::string::npos) return "";
  const auto begin = at + key.size() + 4;
  return json.substr(begin, json[begin] == '[' ? json.find(']', begin) - begin + 1
                                               : json.find_first_of(",}", begin) - begin);
}

TEST(Normalizer, AgreesWithNeuraloperator) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_reference.h5");
  const data::Group want = data::load(path).group("normalizer").group("channel_wise");
  const Array x = want.array("input").as(DType::f64);
  const Normalizer n = Normalizer::of(x, std::get<double>(want.attributes.at("eps")));
  const auto close = [](const Array& found, const Array& wanted) {
    ASSERT_EQ(found.size(), wanted.size());
    const Array w = wanted.as(DType::f64);
    for (Index k = 0; k < w.size(); ++k)
      EXPECT_LE(std::abs(found.data<double>()[k] - w.data<double>()[k]), 1e-13) << k;
  };
  close(n.mean(), want.array("mean"));
  close(n.deviation(), want.array("std"));
  close(n.normalize(x), want.array("transformed"));
  close(n.restore(x), want.array("inverse_of_input"));
}

TEST(Losses, AgreeWithNeuraloperator) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_reference.h5");
  const data::Group losses = data::load(path).group("losses");
  int checked = 0;
  for (const auto& [dimension, group] : losses.groups()) {
    const Array truth = group.array("truth"), prediction = track(group.array("prediction"));
    for (const auto& [name, one] : group.groups()) {
      SCOPED_TRACE(dimension + "/" + name);
      const std::string arguments = one.string("arguments"), call = one.string("call");
      NormOptions o;
      o.relative = call.find(".rel") != std::string::npos;
      o.root = one.string("keywords").find("false") == std::string::npos;
      const std::string measure = value_of(arguments, "measure");
      for (std::size_t at = 1; at < measure.size();) {
        std::size_t used = 0;
        o.lengths.push_back(std::stod(measure.substr(at), &used));
        at += used + 2;
      }
      Array errors;
      if (call.rfind("H1", 0) == 0) {
        for (int axis = 0; axis < prediction.ndim() - 2; ++axis)
          o.periodic.push_back(value_of(arguments, std::string("periodic_in_") + "xyz"[axis]) == "true");
        errors = h1_error(prediction, truth, o);
      } else {
        errors = lp_error(prediction, truth, std::stod(value_of(arguments, "p")), o);
      }
      const Array value = value_of(arguments, "reduction") == "\"mean\"" ? mean(errors) : sum(errors);
      const double expected = one.array("value").item();
      EXPECT_LE(std::abs(value.item() - expected), 1e-12 * std::abs(expected));
      const Array gradient = gradients(value, {prediction})[0], wanted = one.array("grad_prediction");
      for (Index k = 0; k < wanted.size(); ++k)
        EXPECT_LE(std::abs(gradient.data<double>()[k] - wanted.data<double>()[k]),
                  1e-11 * std::abs(expected));
      ++checked;
    }
  }
  EXPECT_GE(checked, 50);
}

Array wave(Index n, int k1, int k2, double size) {
  Array u = Array::uninitialized({1, 1, n, n}, DType::f64);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      u.mutable_data<double>()[i * n + j] =
          size * std::cos(2 * pi * static_cast<double>(k1 * i + k2 * j) / static_cast<double>(n));
  return u;
}

TEST(Losses, SpectralH1OfWavesAndItsDerivative) {
  // ||cos||^2 = 1/2, the gradient's (2 pi |k|)^2/2.
  const Array x = wave(12, 2, -3, 1) + wave(12, 1, 1, 0.5), y = wave(12, 1, 1, 0.5);
  NormOptions absolute;
  absolute.relative = false;
  EXPECT_NEAR(h1_spectral_error(x, y, absolute).item(), std::sqrt((1 + 4 * pi * pi * 13) / 2), 1e-12);
  EXPECT_NEAR(h1_spectral_error(x, y).item(),
              std::sqrt(1 + 4 * pi * pi * 13) / (0.5 * std::sqrt(1 + 4 * pi * pi * 2)), 1e-6);
  // Finite differences get there as the grid is refined.
  EXPECT_NEAR(h1_error(wave(512, 2, -3, 1), wave(512, 1, 1, 1)).item(),
              h1_spectral_error(wave(512, 2, -3, 1), wave(512, 1, 1, 1)).item(), 1e-2);
  const Array a = random_normal({2, 2, 5, 6}, DType::f64, Random(1)),
              b = random_normal({2, 2, 5, 6}, DType::f64, Random(2));
  const GradientReport r =
      check_gradients([&](const Arrays& in) { return sum(h1_spectral_error(in[0], b)); }, {a});
  EXPECT_LE(r.max_error, 1e-8);
}

TEST(Losses, DifferencesAreLinearWithExactAdjoint) {
  for (const bool periodic : {true, false})
    for (const int axis : {0, 1, 2})
      for (const Index n : {4, 5, 9}) {
        const Array u = track(random_normal({n, n, n}, DType::f64, Random(1))),
                    v = random_normal({n, n, n}, DType::f64, Random(2));
        const Array du = difference(u, axis, 0.3, periodic), adjoint = gradients(du, {u}, v, true)[0];
        const double left = sum(du * v).item(), right = sum(u * adjoint).item();
        EXPECT_LE(std::abs(left - right), 1e-12 * (std::abs(left) + 1)) << periodic << axis << n;
      }
  // Cubics: exact at one-sided ends, second order within.
  const Array line = Array::of({0, 1, 8, 27, 64, 125});
  const Array d = difference(reshape(line, {1, 1, 6}), 2, 1, false);
  EXPECT_NEAR(d.data<double>()[0], 0, 1e-13);
  EXPECT_NEAR(d.data<double>()[5], 75, 1e-12);
  EXPECT_NEAR(d.data<double>()[2], 13, 1e-13);
}

TEST(Losses, VrmseAndSpectrum) {
  const Array y = random_normal({3, 2, 8, 8}, DType::f64, Random(5));
  const Array flat = reshape(y, {3, 2, -1}), centre = reshape(mean(flat, -1, true), {3, 2, 1, 1});
  const Array ones = vrmse(broadcast_to(centre, y.shape()), y);
  for (Index k = 0; k < 6; ++k) EXPECT_NEAR(ones.data<double>()[k], 1, 1e-6);
  EXPECT_EQ(sum(vrmse(y, y)).item(), 0);
  for (const Index n : {8, 9}) {
    const Array u = random_normal({3, 2, n, n}, DType::f64, Random(6));
    double total = 0;
    for (double s : spectrum(u)) total += s;
    EXPECT_NEAR(total, mean(square(u)).item(), 1e-12);
  }
  const std::vector<double> s = spectrum(wave(16, 3, 4, 2));
  EXPECT_NEAR(s[5], 2, 1e-12);
}

TEST(Losses, ZeroErrorHasAGradientAndWrongFieldsAreNamed) {
  const Array y = random_normal({2, 1, 8}, DType::f32, Random(5)), x = track(y);
  const Array g = gradients(sum(lp_error(x, y)), {x})[0];
  EXPECT_TRUE(all_finite(g));
  EXPECT_THROW(lp_error(y, random_normal({2, 1, 9}, DType::f32, Random(5))), std::invalid_argument);
  EXPECT_THROW(lp_error(y, y.as(DType::f64)), std::invalid_argument);
  EXPECT_THROW(lp_error(y, y, 0.5), std::invalid_argument);
  NormOptions o;
  o.lengths = {1, 1};
  EXPECT_THROW(h1_error(y, y, o), std::invalid_argument);
  EXPECT_THROW(h1_error(Array::zeros({1, 8}, DType::f32), Array::zeros({1, 8}, DType::f32)),
               std::invalid_argument);
  EXPECT_THROW(difference(y, 2, 0), std::invalid_argument);
  EXPECT_THROW(difference(Array::zeros({3}, DType::f64), 0, 1, false), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::operators
