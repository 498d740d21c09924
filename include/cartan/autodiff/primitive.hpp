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

/// One differentiable operation with its parameters (axes, exponents, index lists, ...). What one pass
/// computes together it returns together, as several outputs.
class Primitive {
 public:
  virtual ~Primitive() = default;
  virtual const char* name() const = 0;
  /// The outputs; inputs have been checked by the op.
  virtual Arrays eval_cpu(const Arrays& inputs) const = 0;
  /// The same on the inputs' CUDA device, in the order of its stream. Without an override: DeviceError, which
  /// names the primitive.
  virtual Arrays eval_cuda(const Arrays& inputs) const;
  /// True where eval_cpu looks at no element (views, copies between devices): it then runs on every device.
  virtual bool on_any_device() const { return false; }
  /// Vector-Jacobian product: the cotangents of inputs[k] for which wanted[k] holds (others may stay empty),
  /// given those of the outputs; cotangents[j] is empty where nothing depends on output j. Of a primitive of
  /// one output it is always given. For complex arrays, cotangents follow dL = Re(sum conj(c) dx).
  virtual Arrays vjp(const Arrays& inputs, const Arrays& outputs, const Arrays& cotangents,
                     const std::vector<bool>& wanted) const = 0;
};

/// How tracked arrays were computed. Nodes are numbered in the order of computation, which is a
/// topological order of the tape.
struct Node {
  explicit Node(std::shared_ptr<const Primitive> primitive = nullptr, Arrays inputs = {},
                Arrays outputs = {});
  ~Node();  // iterative: chains of any length
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  std::uint64_t number;
  std::shared_ptr<const Primitive> primitive;  ///< nullptr: a leaf
  Arrays inputs;
  Arrays outputs;  ///< not tracked (no cycle)
};

/// Runs the primitive on the device where its inputs lie, and records it where recording is on and an input
/// is tracked. Throws std::invalid_argument, naming the primitive, for inputs on different devices.
Arrays run_all(std::shared_ptr<const Primitive> primitive, Arrays inputs);
/// Of a primitive of one output.
Array run(std::shared_ptr<const Primitive> primitive, Arrays inputs);
/// Records what has been computed already, as run_all() would; the same values where nothing is tracked.
Arrays record(std::shared_ptr<const Primitive> primitive, Arrays inputs, Arrays outputs);

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
