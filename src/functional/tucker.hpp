#pragma once
// FunBaT in Tucker format.

#include "functional/builder.hpp"

namespace cartan::functional {

Fit published_tucker(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& o,
                     std::vector<std::string> outputs, std::vector<double> offset, std::vector<double> scale);

}  // namespace cartan::functional
