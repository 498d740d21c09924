#pragma once
// The text of the error that a call throws.

#include <stdexcept>
#include <string>

namespace cartan::so3 {

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing thrown";
}

}  // namespace cartan::so3
