#include "data/hdf5_driver.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>
#endif

namespace cartan::data {
namespace {

struct Driver {
  H5FD_t base;  // HDF5's own part, must come first
  DriverTarget* target;
  haddr_t eoa, eof;
};

Driver& self(H5FD_t* file) {
  return *reinterpret_cast<Driver*>(file);
}
const Driver& self(const H5FD_t* file) {
  return *reinterpret_cast<const Driver*>(file);
}

H5FD_t* open_file(const char*, unsigned, hid_t fapl, haddr_t) {
  const void* info = H5Pget_driver_info(fapl);
  if (!info) return nullptr;
  auto* driver = new (std::nothrow) Driver{};
  if (driver) std::memcpy(&driver->target, info, sizeof driver->target);
  return driver ? &driver->base : nullptr;
}

herr_t close_file(H5FD_t* file) {
  delete &self(file);
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t get_eoa(const H5FD_t* file, H5FD_mem_t) {
  return self(file).eoa;
}

herr_t set_eoa(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  self(file).eoa = address;
  return 0;
}

haddr_t get_eof(const H5FD_t* file, H5FD_mem_t) {
  return self(file).eof;
}

herr_t read_bytes(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* buffer) {
  DriverTarget& target = *self(file).target;
  char* p = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t n = target.error ? 0 : ::pread(target.fd, p, size, static_cast<off_t>(address));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) target.error = errno;
    if (n <= 0) {
      std::memset(p, 0, size);
      return 0;
    }
    p += n;
    size -= static_cast<std::size_t>(n);
    address += static_cast<haddr_t>(n);
  }
  return 0;
}

herr_t write_bytes(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, const void* buffer) {
  Driver& driver = self(file);
  DriverTarget& target = *driver.target;
  driver.eof = std::max(driver.eof, address + size);
  const char* p = static_cast<const char*>(buffer);
  while (size > 0 && !target.error) {
    const ssize_t n = ::pwrite(target.fd, p, size, static_cast<off_t>(address));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      target.error = errno;
      break;
    }
    p += n;
    size -= static_cast<std::size_t>(n);
    address += static_cast<haddr_t>(n);
  }
  return 0;
}

herr_t truncate_file(H5FD_t* file, hid_t, hbool_t) {
  Driver& driver = self(file);
  if (driver.eof == driver.eoa) return 0;
  if (!driver.target->error && ::ftruncate(driver.target->fd, static_cast<off_t>(driver.eoa)) != 0)
    driver.target->error = errno;
  driver.eof = driver.eoa;
  return 0;
}

/// The table that HDF5 calls. Set by name: later versions of the library have more members.
H5FD_class_t driver_class() {
  H5FD_class_t c{};
#ifdef H5FD_CLASS_VERSION
  c.version = H5FD_CLASS_VERSION;
  c.value = static_cast<H5FD_class_value_t>(H5_VFD_RESERVED + 1);
#endif
  c.name = "cartan";
  c.maxaddr = static_cast<haddr_t>(INT64_MAX);
  c.fc_degree = H5F_CLOSE_STRONG;
  c.fapl_size = sizeof(DriverTarget*);
  c.open = open_file;
  c.close = close_file;
  c.query = query;
  c.get_eoa = get_eoa;
  c.set_eoa = set_eoa;
  c.get_eof = get_eof;
  c.read = read_bytes;
  c.write = write_bytes;
  c.truncate = truncate_file;
  std::fill(std::begin(c.fl_map), std::end(c.fl_map), H5FD_MEM_SUPER);
  c.fl_map[H5FD_MEM_DEFAULT] = H5FD_MEM_DEFAULT;
  c.fl_map[H5FD_MEM_DRAW] = H5FD_MEM_DRAW;
  c.fl_map[H5FD_MEM_GHEAP] = H5FD_MEM_DRAW;
  return c;
}

}  // namespace

Handle create_hdf5(DriverTarget& target, const Place& place) {
  static const H5FD_class_t table = driver_class();
  target.driver = checked(H5FDregister(&table), H5FDunregister, place, "the file driver failed");
  const Handle access = checked(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, place, "out of memory");
  DriverTarget* pointer = &target;
  checked(H5Pset_driver(access.get(), target.driver.get(), &pointer), place, "the file driver failed");
  // Version 3 superblock, checksummed metadata everywhere, and files that HDF5 1.10 reads.
  checked(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), place, "libver bounds");
  checked(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG), place, "close degree");
  const Handle creation = checked(H5Pcreate(H5P_FILE_CREATE), H5Pclose, place, "out of memory");
  checked(H5Pset_obj_track_times(creation.get(), false), place, "times");
  set_compact(creation.get(), place);
  return checked(H5Fcreate(place.file.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose, place,
                 "cannot be created");
}

}  // namespace cartan::data
