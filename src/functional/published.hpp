#pragma once
// FunBaT as published, in CP and in Tucker format.

#include "functional/builder.hpp"

namespace cartan::functional {

/// `state` is the solution; the model is made of it by the caller.
Fit published_cp(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& o,
                 Variational& state);
Fit published_tucker(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& o,
                     std::vector<std::string> outputs, Targets targets);

}  // namespace cartan::functional
