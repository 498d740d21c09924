// Ops of this module where the caller's memory may not be touched: the debug device gives the same bits, with
// first and second derivatives, so no vjp reads an array beside the tape.
#include <gtest/gtest.h>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/so3/edge_convolution.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/layers.hpp"
#include "cartan/so3/symmetric_contraction.hpp"
#include "so3/tensor_oracle.hpp"

namespace cartan::so3 {
namespace {

using oracle::normal;

void check_debug(const char* what, const Arrays& x, const std::function<Array(const Arrays&)>& f) {
  const auto all = [&](Device device) {
    Arrays in;
    for (const Array& a : x) in.push_back(track(a.to(device)));
    const Array y = f(in);
    Arrays result{y}, first = gradients(sum(square(y)), in, {}, true);
    Array total = sum(square(first[0]));
    for (std::size_t k = 1; k < first.size(); ++k) total = total + sum(square(first[k]));
    const Arrays second = gradients(total, in);
    result.insert(result.end(), first.begin(), first.end());
    result.insert(result.end(), second.begin(), second.end());
    for (Array& a : result) {
      EXPECT_EQ(a.device(), device) << what;
      a = detach(a).to(Device::cpu);
    }
    return result;
  };
  const Arrays cpu = all(Device::cpu), debug = all(Device::debug);
  for (std::size_t k = 0; k < cpu.size(); ++k) EXPECT_TRUE(identical(cpu[k], debug[k])) << what << " " << k;
}

TEST(DebugDevice, OpsAndTheirDerivatives) {
  const Irreps features = "3x0e+2x1o+1x2e", filter = Irreps::spherical_harmonics(2);
  const EdgeList edges({1, 2, 0, 2}, {0, 0, 1, 1}, 3);
  const Array x = normal({3, features.dim()}, 1), v = normal({4, 3}, 2);
  const Convolution convolution(TensorProduct::channelwise(features, filter, features));
  const Index weights = convolution.product().weight_numel();
  check_debug("convolution", {x, normal({4, 9}, 3), normal({4, weights}, 4)},
              [&](const Arrays& a) { return convolution(edges, a[0], a[1], a[2]); });
  const TensorProduct full = TensorProduct::full("2x0e+1x1o", "2x1o");
  check_debug("full product", {normal({5, 5}, 1), normal({5, 6}, 2)},
              [&](const Arrays& a) { return full(a[0], a[1]); });
  const TensorProduct joining = TensorProduct::fully_connected(features, filter, features);
  PlanOptions frames;
  frames.engine = "escn";
  for (const EdgeConvolution& c :
       {EdgeConvolution(joining), EdgeConvolution(joining, Normalization::component, frames)})
    check_debug("edge convolution", {x, v, normal({joining.weight_numel()}, 5)},
                [&](const Arrays& a) { return c(edges, a[0], a[1], a[2]); });
  SO2Options again;
  again.kept_bytes = 0;
  for (const SO2Options& options : {SO2Options{}, again}) {
    const SO2Convolution c(features, features, options);
    check_debug("SO(2) convolution", {x, v, normal({c.weight_size()}, 6), normal({4, c.radial_size()}, 7)},
                [&](const Arrays& a) { return c(edges, a[0], a[1], a[2], a[3]); });
  }
  for (const char* engine : {"cg", "grid", "fourier", "escn"}) {
    PlanOptions options;
    options.engine = engine;
    const GauntConvolution c(1, 2, 2, options);
    check_debug(engine, {normal({3, 8}, 8), v, normal({4, 3}, 9)},
                [&](const Arrays& a) { return c(edges, a[0], a[1], a[2]); });
  }
  const Linear linear(features, "2x0e+4x1o", true);
  check_debug("linear", {x, normal({linear.weight_numel()}, 10), normal({2}, 11)},
              [&](const Arrays& a) { return linear(a[0], a[1], a[2]); });
  check_debug("harmonics", {v}, [&](const Arrays& a) { return spherical_harmonics(a[0], 3); });
  const SymmetricContraction contraction("2x0e+2x1o", "2x0e+2x1o", 3);
  check_debug("symmetric contraction", {normal({4, 8}, 12), normal({2, contraction.num_paths(), 2}, 13)},
              [&](const Arrays& a) {
                return contraction(a[0], Indices({0, 1, 1, 0}, 2), a[1]);
              });
}

}  // namespace
}  // namespace cartan::so3
