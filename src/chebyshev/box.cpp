#include <cmath>

#include "cartan/chebyshev/chebyshev_tucker.hpp"
#include "cartan/core/error.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {

void Box::check(const char* caller) const {
  require(!low.empty() && low.size() == high.size(), "[", caller, "] a box with ", low.size(), " lower and ",
          high.size(), " upper ends; expected one of each a variable");
  for (std::size_t k = 0; k < low.size(); ++k)
    require(std::isfinite(low[k]) && std::isfinite(high[k]) && low[k] < high[k] &&
                std::isfinite(high[k] - low[k]),
            "[", caller, "] variable ", k, " of the box goes from ", low[k], " to ", high[k],
            "; expected finite ends, the lower one first, and a width above zero");
}

double Box::half_width(int k) const {
  return 0.5 * (high[k] - low[k]);
}
double Box::centre(int k) const {
  return low[k] + half_width(k);
}
double Box::volume() const {
  double v = 1;
  for (int k = 0; k < dim(); ++k) v *= high[k] - low[k];
  return v;
}
bool Box::contains(const double* point) const {
  for (std::size_t k = 0; k < low.size(); ++k)
    if (!(low[k] <= point[k] && point[k] <= high[k])) return false;
  return true;
}

Box cube(int dim, double a) {
  require(dim >= 1, "[cube] ", dim, " variables; expected at least 1");
  Box box{std::vector<double>(dim, -a), std::vector<double>(dim, a)};
  box.check("cube");
  return box;
}

const char* name_of(Outside outside) {
  const char* const names[] = {"error", "nearest", "zero"};
  return names[static_cast<int>(outside)];
}

Outside outside_from_name(const std::string& name) {
  for (const Outside o : {Outside::error, Outside::nearest, Outside::zero})
    if (name == name_of(o)) return o;
  throw std::invalid_argument(text("[outside_from_name] '", name, "'; expected error, nearest or zero"));
}

}  // namespace cartan::chebyshev
