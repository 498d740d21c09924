#pragma once
// Public data sets for tests, in the folder $CARTAN_DATA (default ../shared/data beside the source tree).
//
//   TEST(Model, LearnsEthanol) {
//     CARTAN_REAL_DATA(path, "ethanol/train.xyz");  // a std::string
//     auto frames = data::read_frames(path);
//
// Where the file is absent the test is skipped with a message; with CARTAN_REQUIRE_DATA=1 it fails.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace cartan::testing {

/// Path of a file of the public data sets; it need not exist.
inline std::string real_data(const std::string& relative) {
  const char* root = std::getenv("CARTAN_DATA");
  const std::filesystem::path base = root && *root
                                         ? std::filesystem::path(root)
                                         : std::filesystem::path(CARTAN_SOURCE_DIR) / "../shared/data";
  return (base / relative).lexically_normal().string();
}

/// True when absent data must fail a test.
inline bool real_data_required() {
  const char* value = std::getenv("CARTAN_REQUIRE_DATA");
  return value && std::string(value) == "1";
}

}  // namespace cartan::testing

/// Declares `const std::string name`, the path of a data file, or ends the test.
#define CARTAN_REAL_DATA(name, relative)                                                    \
  const std::string name = ::cartan::testing::real_data(relative);                          \
  do {                                                                                      \
    if (!std::filesystem::exists(name)) {                                                   \
      if (::cartan::testing::real_data_required()) FAIL() << name << " is absent";          \
      GTEST_SKIP() << name << " is absent; set CARTAN_DATA to the folder of the data sets"; \
    }                                                                                       \
  } while (false)
