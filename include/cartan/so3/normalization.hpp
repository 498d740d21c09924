#pragma once
/// How sums over paths are scaled so that outputs keep the variance of their inputs, in e3nn's words.

namespace cartan::so3 {

/// element: every product that enters an output counts alike. path: every path into an output counts alike.
/// none: no path is scaled.
enum class PathNormalization { element, path, none };

}  // namespace cartan::so3
