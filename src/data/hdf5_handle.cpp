#include "data/hdf5_handle.hpp"

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

std::recursive_mutex& hdf5_mutex() {
  static auto* mutex = new std::recursive_mutex;  // never destroyed: files may be closed at exit
  return *mutex;
}

}  // namespace

Hdf5Session::Hdf5Session() : lock_(hdf5_mutex()) {
  // Every file is closed explicitly. HDF5's own closing at exit would print "infinite loop closing library"
  // after a file with damaged metadata was refused. No effect where HDF5 is in use already.
  [[maybe_unused]] static const herr_t once = H5dont_atexit();
  H5open();
  H5Eget_auto2(H5E_DEFAULT, &report_, &report_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLget_loading_state(&plugins_);
  H5PLset_loading_state(0);
}

Hdf5Session::~Hdf5Session() {
  H5Eclear2(H5E_DEFAULT);
  H5PLset_loading_state(plugins_);
  H5Eset_auto2(H5E_DEFAULT, report_, report_data_);
}

std::string hdf5_message() {
  std::string message;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
        try {
          if (n == 0 && error->desc) *static_cast<std::string*>(out) = error->desc;
        } catch (...) {
          return -1;
        }
        return 0;
      },
      &message);
  return message;
}

void Place::fail(const std::string& what) const {
  throw FormatError(file, object, what);
}

void Place::fail_with_message(const std::string& what) const {
  const std::string message = hdf5_message();
  fail(message.empty() ? what : what + " (" + message + ")");
}

Place Place::at(const std::string& name) const {
  return {file, object.empty() || object == "/" ? "/" + name : object + "/" + name};
}

void set_compact(hid_t creation, const Place& place) {
  constexpr unsigned most = 65535;
  checked(H5Pset_attr_phase_change(creation, most, 0), place, "attributes");
  if (H5Pisa_class(creation, H5P_GROUP_CREATE) > 0)
    checked(H5Pset_link_phase_change(creation, most, 0), place, "links");
}

Handle checked(hid_t id, Handle::Closer closer, const Place& place, const char* what) {
  if (id < 0) place.fail_with_message(what);
  return Handle(id, closer);
}

}  // namespace cartan::data
