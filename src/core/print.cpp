// Arrays as text.
#include <complex>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "cartan/core/array.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace {

constexpr Index whole = 1000, edge = 3;  // elements shown at all, and at each end of an axis otherwise

template <class T>
void print_element(std::ostream& out, T x) {
  if constexpr (is_complex_v<T>)
    out << x.real() << (x.imag() < 0 ? "-" : "+") << std::abs(x.imag()) << "i";
  else
    out << +x;
}

// The block of axes from `axis` on that begins at `x`.
template <class T>
void print_axis(std::ostream& out, const Array& a, std::size_t axis, const T* x, Index block) {
  if (axis == a.shape().size()) return print_element(out, *x);
  const Index n = a.shape()[axis], step = n > 0 ? block / n : 0;
  const bool last = axis + 1 == a.shape().size(), cut = a.size() > whole && n > 2 * edge;
  out << '[';
  for (Index i = 0; i < n; ++i) {
    if (i > 0) out << (last ? ", " : ",\n" + std::string(axis + 1, ' '));
    if (cut && i == edge) {
      out << "...";
      i = n - edge - 1;
      continue;
    }
    print_axis(out, a, axis + 1, x + i * step, step);
  }
  out << ']';
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Array& array) {
  const Array a = array.to(Device::cpu);
  std::ostringstream values;
  values << std::setprecision(6);
  dispatch_any(a.dtype(), [&]<class T>(T) { print_axis(values, a, 0, a.data<T>(), a.size()); });
  out << values.str() << "  " << to_string(a.shape()) << ' ' << a.dtype();
  if (array.device() != Device::cpu) out << " on " << array.device();
  return out;
}

}  // namespace cartan
