#pragma once
/// The tape: an op is a free function that checks its arguments and runs a Primitive; a primitive's `vjp` is
/// written in ops, so derivatives of any order come for free. Ops run at once; a node is recorded only
/// where an input is tracked.

#include <cstdint>
#include <memory>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan {

using Arrays = std::vector<Array>;

/// One differentiable operation with its parameters (axes, exponents, index lists, ...).
class Primitive {
 public:
  virtual ~Primitive() = default;
  virtual const char* name() const = 0;
  /// The value; inputs have been checked by the op.
  virtual Array eval_cpu(const Arrays& inputs) const = 0;
  /// Vector-Jacobian product: the cotangents of inputs[k] for which wanted[k] holds (others may stay
  /// empty), given the output's cotangent. For complex arrays, cotangents follow dL = Re(sum conj(c) dx).
  virtual Arrays vjp(const Arrays& inputs, const Array& output, const Array& cotangent,
                     const std::vector<bool>& wanted) const = 0;
};

/// How a tracked array was computed. Nodes are numbered in the order of computation, which is a
/// topological order of the tape.
struct Node {
  explicit Node(std::shared_ptr<const Primitive> primitive = nullptr, Arrays inputs = {}, Array value = {});
  ~Node();  // iterative: chains of any length
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  std::uint64_t number;
  std::shared_ptr<const Primitive> primitive;  ///< nullptr: a leaf
  Arrays inputs;
  Array value;  ///< the output, not tracked (no cycle)
};

/// Runs the primitive and records it where recording is on and an input is tracked.
Array evaluate(std::shared_ptr<const Primitive> primitive, Arrays inputs);

/// Whether ops of this thread record.
bool recording() noexcept;

/// Switches recording on or off for its lifetime: `Recording off(false);`
class Recording {
 public:
  explicit Recording(bool on) noexcept;
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  bool before_;
};

}  // namespace cartan
