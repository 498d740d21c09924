#include <cartan/core/device.hpp>
#include <cartan/core/error.hpp>

#include <gtest/gtest.h>

using namespace cartan;

TEST(Device, CpuIsAlwaysThere) {
  EXPECT_NO_THROW(require_device(Device::cpu));
}

TEST(Device, CountAvailabilityAndRequirementAgree) {
  EXPECT_GE(cuda_device_count(), 0);
  EXPECT_EQ(cuda_available(), cuda_device_count() > 0);
  if (cuda_available()) {
    EXPECT_NO_THROW(require_device(Device::cuda()));
    EXPECT_FALSE(cuda_device_name(0).empty());
    EXPECT_THROW(cuda_device_name(-1), std::invalid_argument);
    EXPECT_THROW(cuda_device_name(cuda_device_count()), std::invalid_argument);
  } else {
    EXPECT_THROW(require_device(Device::cuda()), DeviceError);
    EXPECT_THROW(cuda_device_name(0), DeviceError);
  }
}

TEST(Device, TheErrorSaysWhatToDo) {
  if (cuda_available()) GTEST_SKIP() << "this machine has a CUDA device";
  try {
    require_device(Device::cuda());
    FAIL() << "no error";
  } catch (const DeviceError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("CUDA"), std::string::npos) << text;
    EXPECT_NE(text.find("device cpu"), std::string::npos) << text;
  }
}

TEST(Device, NamesGoBothWays) {
  for (const Device device : {Device::cpu, Device::debug, Device::cuda(0), Device::cuda(7), Device::cuda(12)})
    EXPECT_EQ(device_from_name(to_string(device)), device);
  EXPECT_EQ(device_from_name("cuda"), Device::cuda(0));
  for (const char* name :
       {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:1x", "cuda:99999999999", "cpu:0", "debug:1"})
    EXPECT_THROW(device_from_name(name), std::invalid_argument) << name;
}

TEST(Device, ThatIsNotThereIsNamed) {
  EXPECT_NO_THROW(require_device(Device::debug));
  const int count = cuda_device_count();
  for (const int index : {count, count + 7, -1}) {
    try {
      require_device(Device::cuda(index));
      FAIL() << "no error for " << index;
    } catch (const DeviceError& error) {
      const std::string named = count > 0 ? "cuda:" + std::to_string(index) : "CUDA";
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  }
}
