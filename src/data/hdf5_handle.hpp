#pragma once
/// RAII over the HDF5 C library: handles, one lock, errors as exceptions. Only src/data/hdf5*.cpp include it.

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

namespace cartan::data {

/// An HDF5 identifier and how it is closed.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      close();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
      closer_ = other.closer_;
    }
    return *this;
  }
  ~Handle() { close(); }
  hid_t get() const { return id_; }
  /// False when the library could not close it.
  bool close() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id < 0 || closer_(id) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Closer closer_ = nullptr;
};

/// Held during every use of HDF5: one thread at a time, nothing printed, no filter plugins loaded. What the
/// host program had set comes back afterwards.
class Hdf5Session {
 public:
  Hdf5Session();
  ~Hdf5Session();
  Hdf5Session(const Hdf5Session&) = delete;
  Hdf5Session& operator=(const Hdf5Session&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  H5E_auto2_t report_ = nullptr;
  void* report_data_ = nullptr;
  unsigned plugins_ = 0;
};

/// What the HDF5 library said of its last failure, innermost first; "" when it said nothing.
std::string hdf5_message();

/// A file and an object in it, for error messages.
struct Place {
  std::string file, object;
  [[noreturn]] void fail(const std::string& what) const;               ///< FormatError
  [[noreturn]] void fail_with_message(const std::string& what) const;  ///< with hdf5_message()
  Place at(const std::string& name) const;
};

/// Links and attributes of what is created so stay in the (checksummed) object header, however many there
/// are: HDF5 1.10 frees what it has not set when the heap of a large group is damaged.
void set_compact(hid_t creation, const Place& place);

/// Wraps an identifier; a negative one is a FormatError.
Handle checked(hid_t id, Handle::Closer closer, const Place& place, const char* what);
inline void checked(herr_t status, const Place& place, const char* what) {
  if (status < 0) place.fail_with_message(what);
}

}  // namespace cartan::data
