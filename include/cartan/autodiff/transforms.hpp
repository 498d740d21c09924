#pragma once
/// Derivatives of recorded computations and of functions, to any order.

#include <functional>
#include <utility>

#include <cartan/autodiff/primitive.hpp>

namespace cartan {

/// The same elements, tracked: what is computed from it is recorded. A tracked array gives a new identity
/// node linked to it, so that nested derivatives stay exact.
Array track(const Array& x);
/// The same elements, not tracked.
Array detach(const Array& x);

/// d<cotangent, y>/dx for tracked x, each with the shape of its x. Zeros where y does not depend on it as far
/// as that was recorded: what is computed from detached arrays, or while recording is off, is a constant.
/// @param cotangent  same shape as y; empty: ones
/// @param create_graph  record the backward pass, so that the result can be differentiated again
Arrays gradients(const Array& y, const Arrays& x, const Array& cotangent = {}, bool create_graph = false);
/// Several outputs at once: the derivative of sum_k <cotangents[k], y[k]>.
Arrays gradients(const Arrays& y, const Arrays& x, const Arrays& cotangents, bool create_graph = false);

using Function = std::function<Arrays(const Arrays&)>;
using ScalarFunction = std::function<Array(const Arrays&)>;

/// f(x) and the vector-Jacobian products c^T df/dx.
std::pair<Arrays, Arrays> vjp(const Function& f, const Arrays& x, const Arrays& cotangents);
/// f(x) and the Jacobian-vector product df/dx t (by differentiating the vjp, which is linear in c).
std::pair<Arrays, Arrays> jvp(const Function& f, const Arrays& x, const Arrays& tangents);
/// The function x -> df/dx of a function with one single-element result. Can be nested: grad(grad(f)).
Function grad(const ScalarFunction& f);
/// f(x) and df/dx.
std::pair<Array, Arrays> value_and_grad(const ScalarFunction& f, const Arrays& x);

/// Result of check_gradients.
struct GradientReport {
  double max_error = 0;  ///< max |analytic - numeric| / (largest |gradient| of that argument, at least 1e-6)
  int argument = -1;     ///< where it happens
  Index element = -1;
  double analytic = 0, numeric = 0;
  bool finite = true;  ///< false: a NaN or infinity was met; max_error is then infinite
};

/// Compares df/dx with 4-point central differences (float64 arguments).
/// @param step   difference step; the truncation error is O(step^4)
/// @param samples  elements checked per argument, evenly spread; 0: all
GradientReport check_gradients(const ScalarFunction& f, const Arrays& x, double step = 1e-3,
                               Index samples = 0);

}  // namespace cartan
