// What a simulation code does with the installed library: C++17, no compiler extensions, none of Cartan's
// flags.
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/array.hpp>
#include <cartan/core/device.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

namespace {
int failures = 0;
void expect(bool ok, const char* what) {
  if (ok) return;
  std::printf("wrong: %s\n", what);
  ++failures;
}
}  // namespace

int main() {
  using namespace cartan;

  Array a = Array::from(std::vector<double>{1, 2, 3, 4, 5, 6}, {2, 3});
  Array b = a;
  b.mutable_data<double>()[0] = 7;
  expect(a.data<double>()[0] == 1, "a copy is a value");
  expect(a.shape() == Shape{2, 3}, "shape");
  expect(deterministic_sum(a.data<double>(), a.size()) == 21, "sum");

  // An exception of the library is caught as its own type across the library's border.
  bool caught = false;
  try {
    a.reshaped({5});
  } catch (const std::invalid_argument&) {
    caught = true;
  }
  expect(caught, "std::invalid_argument");
  caught = cuda_available();
  try {
    require_device(Device::cuda());
  } catch (const DeviceError&) {
    caught = true;
  }
  expect(caught, "DeviceError");

  // A loop over the library's threads with a body of the caller.
  const Index n = 100000;
  std::vector<double> squares(static_cast<std::size_t>(n));
  set_threads(2);
  parallel_for(n, 1000, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      squares[static_cast<std::size_t>(i)] = static_cast<double>(i) * static_cast<double>(i);
  });
  const double expected = 333328333350000.0;
  expect(std::abs(deterministic_sum(squares.data(), n) - expected) <= 1e-9 * expected, "parallel_for");

  const Array x = random_normal({1000}, DType::f32, Random(1));
  expect(all_finite(x) && identical(x, random_normal({1000}, DType::f32, Random(1))), "random_normal");

  // A function of the caller, differentiated twice by the library.
  const ScalarFunction f = [](const Arrays& in) { return sum(square(in[0]) * exp(in[0])); };
  const Array at = Array::from(std::vector<double>{0.5, -1, 2});
  const auto [value, slope] = value_and_grad(f, {at});
  expect(value.ndim() == 0 && slope.size() == 1 && slope[0].shape() == at.shape(), "value_and_grad");
  const Array curvature = grad([&](const Arrays& in) { return sum(grad(f)(in)[0]); })({at})[0];
  for (Index i = 0; i < at.size(); ++i) {
    const double t = at.data<double>()[i];
    const double exact1 = (t * t + 2 * t) * std::exp(t), exact2 = (t * t + 4 * t + 2) * std::exp(t);
    expect(std::abs(slope[0].data<double>()[i] - exact1) <= 1e-13 * (1 + std::abs(exact1)), "gradient");
    expect(std::abs(curvature.data<double>()[i] - exact2) <= 1e-13 * (1 + std::abs(exact2)),
           "second derivative");
  }

  if (failures == 0) std::printf("consumer: everything is right\n");
  return failures == 0 ? 0 : 1;
}
