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
