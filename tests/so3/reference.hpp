#pragma once
// Values of e3nn in reference/e3nn_reference.h5, beside the public data sets.

#include <gtest/gtest.h>

#include "cartan/data/hdf5.hpp"
#include "real_data.hpp"

/// Declares `const cartan::data::Group name`, the reference file, or ends the test.
#define CARTAN_E3NN_REFERENCE(name)                                \
  CARTAN_REAL_DATA(name##_path, "../reference/e3nn_reference.h5"); \
  const cartan::data::Group name = cartan::data::load(name##_path)
