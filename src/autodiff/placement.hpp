#pragma once
// Where the arguments of a primitive or update lie.

#include "cartan/autodiff/primitive.hpp"
#include "cartan/core/error.hpp"

namespace cartan {

// The device of the arrays shown to it, which must be one; an array without memory lies everywhere.
class Placement {
 public:
  explicit Placement(const char* name) : name_(name) {}
  void add(const Array& a) {
    if (!a.address()) return;
    if (!known_) device_ = a.device(), known_ = true;
    require(a.device() == device_, "[", name_, "] arguments on ", device_, " and ", a.device(),
            "; bring them to one device with to()");
  }
  Device device() const { return device_; }

 private:
  const char* name_;
  Device device_ = Device::cpu;
  bool known_ = false;
};

inline Arrays copies_on(Device device, const Arrays& arrays) {
  Arrays out;
  out.reserve(arrays.size());
  for (const Array& a : arrays) out.push_back(a.to(device));
  return out;
}

}  // namespace cartan
