#pragma once
// The files that sets of fields are read from; each says what it found.

#include <memory>
#include <string>
#include <vector>

#include "cartan/data/hdf5.hpp"
#include "cartan/operators/field_set.hpp"

namespace cartan::operators {

struct Found {
  std::shared_ptr<const FieldSource> x, y;          // y may be missing
  std::shared_ptr<const FieldSource> trajectories;  // beside x and y: the same as frames in a row; or alone
  bool periodic = true;
  std::vector<std::string> x_channels, y_channels;
};

// Nothing where the file is not one of theirs.
Found own_fields(const std::shared_ptr<const data::Hdf5File>& file, const std::string& path);
Found pdebench_fields(const std::shared_ptr<const data::Hdf5File>& file, const std::string& path);
Found well_fields(const std::shared_ptr<const data::Hdf5File>& file, const std::string& path);
Found torch_fields(const std::string& path);

// Rows that lie in memory: (rows, frames, channels, grid).
std::shared_ptr<const FieldSource> memory_source(const Array& fields);

// Real or complex of either precision; numbers of other types become float32.
Array as_floating(const Array& a);

}  // namespace cartan::operators
