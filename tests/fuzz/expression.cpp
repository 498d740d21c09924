// Functions given as text.

#include "cartan/chebyshev/expression.hpp"
#include "fuzz/fuzz.hpp"

using namespace cartan;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const chebyshev::Expression f(std::string(reinterpret_cast<const char*>(data), size), 3);
    f({0.1, 0.2, 0.3});
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
