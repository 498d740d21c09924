#pragma once
/// How HDF5 reaches a file that is being written: through a file descriptor of ours. HDF5 has no way out of a
/// failed write (its caches stay dirty and the file cannot be closed), so it is never told of one: the first
/// error is kept here, later writes are dropped, and the writer looks at `error` when HDF5 is done.

#include "data/hdf5_handle.hpp"

namespace cartan::data {

struct DriverTarget {
  int fd = -1;
  int error = 0;  ///< errno of the first failed read, write or truncation
  Handle driver;  ///< its table: HDF5 1.10 frees it too early where a file holds the last reference
                  ///< closes the file
};

/// Creates an empty HDF5 file on `target`, which must outlive the handle; within one session.
Handle create_hdf5(DriverTarget& target, const Place& place);

}  // namespace cartan::data
