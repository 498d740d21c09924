#pragma once
// What vjp() of a primitive reads of its inputs and outputs. Of a primitive that says so, by one of these
// classes beside Primitive, the tape keeps that alone; in place of the others there are empty arrays, which
// carry their links, so that vjp() may not ask for their shapes either. Others keep all.

#include <cstddef>

namespace cartan {

class Reads {
 public:
  virtual bool reads_input(std::size_t k) const = 0;
  virtual bool reads_output(std::size_t k) const = 0;

 protected:
  ~Reads() = default;
};

// Linear maps with fixed coefficients. vjp() gives every cotangent that is wanted.
class ReadsNothing : public Reads {
 public:
  bool reads_input(std::size_t) const override { return false; }
  bool reads_output(std::size_t) const override { return false; }

 protected:
  ~ReadsNothing() = default;
};

class ReadsInputs : public Reads {
 public:
  bool reads_input(std::size_t) const override { return true; }
  bool reads_output(std::size_t) const override { return false; }

 protected:
  ~ReadsInputs() = default;
};

}  // namespace cartan
