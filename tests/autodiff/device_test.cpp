// What ops and updates do with arrays of a device.
#include <gtest/gtest.h>

#include <thread>

#include "cartan/autodiff/edge_list.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/autodiff/update.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/memory.hpp"
#include "cartan/core/random.hpp"

using namespace cartan;

namespace {

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

const Array host = random_normal({6, 3}, DType::f64, Random(1));

}  // namespace

TEST(OnDevice, ArgumentsOnTwoDevicesAreRefused) {
  const Array there = host.to(Device::debug);
  EXPECT_EQ(refusal([&] { add(host, there); }),
            "[add] arguments on cpu and debug; bring them to one device with to()");
  EXPECT_EQ(refusal([&] { matmul(there, transpose(host)); }),
            "[matmul] arguments on debug and cpu; bring them to one device with to()");
  Array a = host, b = there;
  EXPECT_EQ(refusal([&] { add_in_place(a, b); }),
            "[add_in_place] arguments on cpu and debug; bring them to one device with to()");
  EXPECT_TRUE(identical(a, host));
}

// Reshaping and rows change no element: they share the memory, on the device too.
TEST(OnDevice, ViewsAreViews) {
  const Array there = track(host.to(Device::debug));
  EXPECT_EQ(reshape(there, {3, 6}).address(), there.address());
  EXPECT_EQ(slice(there, 0, 0, 2).address(), there.address());
  EXPECT_EQ(track(there).address(), there.address());
}

TEST(OnDevice, ToIsDifferentiable) {
  const Array x = track(host);
  const Array y = to(square(to(x, Device::debug)), Device::cpu);
  EXPECT_EQ(to(x, Device::debug).device(), Device::debug);
  const Array g = gradients(sum(y), {x})[0];
  EXPECT_EQ(g.device(), Device::cpu);
  EXPECT_TRUE(identical(g, 2.0 * host));
}

TEST(OnDevice, IndicesHaveOneCopyADevice) {
  const Indices rows({2, 0, 2, 1}, 4);
  std::vector<const Indices::OnDevice*> found(8);
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < found.size(); ++k)
    threads.emplace_back([&, k] { found[k] = &rows.on(Device::debug); });
  for (auto& t : threads) t.join();
  const Indices copy = rows;
  for (const auto* f : found) EXPECT_EQ(f, &copy.on(Device::debug));
  EXPECT_EQ(found[0]->rows.device(), Device::debug);
  EXPECT_EQ(found[0]->rows.to_vector<std::int32_t>(), (std::vector<std::int32_t>{2, 0, 2, 1}));
  EXPECT_EQ(found[0]->inverse.to_vector<std::int32_t>(), (std::vector<std::int32_t>{1, 3, 0, 2}));
  EXPECT_EQ(found[0]->inverse_begin.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 1, 2, 4, 4}));
  EXPECT_EQ(Indices().on(Device::debug).rows.size(), 0);
  const EdgeList edges({0, 1}, {1, 0}, 2);
  EXPECT_EQ(edges.senders().on(Device::debug).rows.to_vector<std::int32_t>(),
            (std::vector<std::int32_t>{0, 1}));
  EXPECT_THROW(rows.on(Device::cuda(cuda_device_count())), DeviceError);
}

TEST(OnDevice, SumsInPlaceStayInPlace) {
  for (const DType t : {DType::f32, DType::f64, DType::c64, DType::c128})
    for (const Device device : {Device::cpu, Device::debug}) {
      Array a = Array::zeros(host.shape(), t, device);
      const void* place = a.address();
      const Array b = host.as(t).to(device);
      add_in_place(a, b);
      add_in_place(a, b);
      EXPECT_EQ(a.address(), place);
      EXPECT_TRUE(identical(a, scale(host.as(t), 2))) << t << ' ' << device;
    }
}

TEST(OnDevice, UpdatesCheckTheirArrays) {
  Array a = track(host);
  EXPECT_EQ(refusal([&] { add_in_place(a, host); }),
            "[add_in_place] an array to be written is tracked; detach it first");
  Array b = host;
  EXPECT_EQ(refusal([&] { add_in_place(b, host.reshaped({18})); }),
            "[add_in_place] float64 of shape (18) to float64 of shape (6, 3)");
}

// What every step needs again comes from what the step before gave back.
TEST(OnDevice, DerivativesTakeNoFreshMemoryOnceWarm) {
  for (const Device device : {Device::cpu, Device::debug}) {
    const Array w = random_normal({40, 40}, DType::f64, Random(2)).to(device), x = w;
    const auto step = [&] {
      const auto f = [&](const Arrays& a) { return sum(square(silu(matmul(a[0], x)))); };
      grad([&](const Arrays& a) { return sum(square(grad(f)(a)[0])); })({w});
    };
    for (int k = 0; k < 3; ++k) step();
    const std::size_t fresh = memory_use(device).fresh, on_host = memory_use().fresh;
    for (int k = 0; k < 10; ++k) step();
    EXPECT_EQ(memory_use(device).fresh, fresh) << device;
    EXPECT_EQ(memory_use().fresh, on_host) << device;
  }
}
