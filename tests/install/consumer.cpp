// What a simulation code does with the installed library: C++17, no compiler extensions, none of Cartan's
// flags.
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <vector>

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
    require_device(Device::cuda);
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
  expect(!(std::abs(deterministic_sum(squares.data(), n) - expected) > 1e-9 * expected), "parallel_for");

  const Array x = random_normal({1000}, DType::f32, Random(1));
  expect(all_finite(x) && identical(x, random_normal({1000}, DType::f32, Random(1))), "random_normal");

  if (failures == 0) std::printf("consumer: everything is right\n");
  return failures == 0 ? 0 : 1;
}
