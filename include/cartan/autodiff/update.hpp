#pragma once
/// Work in place: optimiser steps, moving averages, clipping. An Update is to them what a Primitive is to an
/// op, only that it writes into its arrays and is never recorded.

#include <cartan/autodiff/primitive.hpp>

namespace cartan {

class Update {
 public:
  virtual ~Update() = default;
  virtual const char* name() const = 0;
  /// Changes the elements of `written`, which share memory with no other array, by those of `read`.
  virtual void run_cpu(const std::vector<Array*>& written, const Arrays& read) const = 0;
  /// The same on the arrays' CUDA device, in the order of its stream. Without an override: DeviceError, which
  /// names the update.
  virtual void run_cuda(const std::vector<Array*>& written, const Arrays& read) const;
};

/// Runs the update where its arrays lie. Throws std::invalid_argument, naming the update, for arrays on
/// different devices and for one to be written that is tracked.
void apply(const Update& update, const std::vector<Array*>& written, const Arrays& read);

/// a += b, in the memory of a. Same shape and type; a must not be tracked.
void add_in_place(Array& a, const Array& b);

}  // namespace cartan
