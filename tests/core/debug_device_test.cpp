// Arrays on a device: no element is seen but through a copy.
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "cartan/core/array.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/memory.hpp"

using namespace cartan;

namespace {

std::vector<Device> devices() {
  std::vector<Device> out{Device::debug};
  if (cuda_available()) out.push_back(Device::cuda());
  return out;
}

}  // namespace

TEST(DeviceArray, CopiesComeBackAsTheyWere) {
  const Array a = Array::from(std::vector<double>{1, 2, 3, 4, 5, 6}, {3, 2});
  for (const Device device : devices()) {
    const Array b = a.to(device);
    EXPECT_EQ(b.device(), device);
    EXPECT_TRUE(identical(b.to(Device::cpu), a));
    EXPECT_TRUE(identical(b, a));
    EXPECT_TRUE(identical(b.rows(1, 3).reshaped({4}), a.rows(1, 3).reshaped({4})));
    EXPECT_EQ(b(1, -1), 4);
    EXPECT_EQ(b.rows(2, 3).rows(0, 1).to_vector<double>(), (std::vector<double>{5, 6}));
    EXPECT_EQ(b.to(device).address(), b.address());
    EXPECT_TRUE(all_finite(b));
    std::ostringstream out;
    out << b;
    EXPECT_NE(out.str().find("on " + to_string(device)), std::string::npos) << out.str();
  }
}

TEST(DeviceArray, IsFilledOnItsDevice) {
  for (const Device device : devices())
    for (const DType t :
         {DType::f32, DType::f64, DType::c64, DType::c128, DType::i32, DType::i64, DType::u8}) {
      EXPECT_TRUE(identical(Array::full({1000, 3}, 3, t, device), Array::full({1000, 3}, 3, t))) << t;
      EXPECT_TRUE(identical(Array::zeros({7}, t, device), Array::zeros({7}, t))) << t;
      EXPECT_EQ(Array::full({0}, 3, t, device).size(), 0);
    }
}

TEST(DeviceArray, IsACopyOnceWritten) {
  for (const Device device : devices()) {
    const Array a = Array::full({4}, 2, DType::f64, device);
    Array b = a;
    EXPECT_EQ(a.address(), b.address());
    b.mutable_address();
    EXPECT_NE(a.address(), b.address());
    EXPECT_TRUE(identical(a, b));
  }
}

TEST(DeviceArray, RefusesTheHost) {
  for (const Device device : devices()) {
    Array a = Array::zeros({4}, DType::f64, device);
    const auto expect_refusal = [&](const auto& touch) {
      try {
        touch();
        ADD_FAILURE() << "no error on " << device;
      } catch (const std::invalid_argument& error) {
        EXPECT_EQ(std::string(error.what()), "[Array] the elements lie on " + to_string(device) +
                                                 "; bring them to the host with to(Device::cpu)");
      }
    };
    expect_refusal([&] { a.data<double>(); });
    expect_refusal([&] { a.mutable_data<double>(); });
    expect_refusal([&] { a.raw(); });
    expect_refusal([&] { a.as(DType::f32); });
  }
}

TEST(DeviceArrayDeathTest, FaultsWhereTheHostTouchesItAllTheSame) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Array a = Array::zeros({4}, DType::f64, Device::debug);
  const auto* p = static_cast<const volatile double*>(a.address());
  const auto touch = [p] {
    std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report and exit
    std::exit(p[1] == 0);
  };
  EXPECT_EXIT(touch(), ::testing::KilledBySignal(SIGSEGV), "");
}

// Blocks are kept and used again on every device, and counted where they are new.
TEST(DeviceArray, MemoryIsReused) {
  for (const Device device : devices()) {
    { const Array warm[2]{Array::zeros({5000}, DType::f64, device), Array::zeros({9}, DType::u8, device)}; }
    const MemoryUse before = memory_use(device);
    for (int k = 0; k < 100; ++k) {
      const Array a = Array::zeros({5000}, DType::f64, device), b = Array::zeros({9}, DType::u8, device);
      EXPECT_GT(memory_use(device).in_use, before.in_use);
    }
    EXPECT_EQ(memory_use(device).fresh, before.fresh);
    EXPECT_EQ(memory_use(device).in_use, before.in_use);
    Array::zeros({500000}, DType::f64, device);
    EXPECT_EQ(memory_use(device).fresh, before.fresh + 1);
    release_memory(device);
    EXPECT_EQ(memory_use(device).kept, 0u);
  }
}

TEST(DeviceArray, NeedsADeviceThatIsThere) {
  const Array a = Array::zeros({4}, DType::f64);
  for (const int index : {7, -1, 1000})
    if (index >= cuda_device_count() || index < 0) {
      EXPECT_THROW(a.to(Device::cuda(index)), DeviceError);
      EXPECT_THROW(Array::zeros({4}, DType::f64, Device::cuda(index)), DeviceError);
    }
}

TEST(DeviceArray, SaysHowMuchMemoryWasAskedFor) {
  if (!cuda_available()) GTEST_SKIP() << "this machine has no CUDA device";
  const Array kept = Array::full({1000}, 3, DType::f64, Device::cuda());
  const std::size_t before = memory_use(Device::cuda()).in_use;
  try {
    Array::uninitialized({Index{1} << 48}, DType::u8, Device::cuda());
    FAIL() << "no error";
  } catch (const DeviceError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("cuda:0 has no room for "), std::string::npos) << what;
    EXPECT_NE(what.find(" GiB free"), std::string::npos) << what;
  }
  EXPECT_EQ(memory_use(Device::cuda()).in_use, before);
  EXPECT_TRUE(identical(kept, Array::full({1000}, 3, DType::f64)));
  EXPECT_TRUE(identical(Array::zeros({10}, DType::f64, Device::cuda()), Array::zeros({10}, DType::f64)));
}
