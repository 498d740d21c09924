#pragma once
// What vjp() of a primitive reads of its inputs and outputs. Of a primitive that says so, by one of these
// classes beside Primitive, the tape keeps that alone; in place of the others there are empty arrays, which
// carry their links, so that vjp() may not ask for their shapes either. Others keep all.

#include "cartan/autodiff/primitive.hpp"

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

// Beside Primitive: outputs that cost little to make again from the inputs, which the node keeps. Where they
// are inputs of a node of Reads it keeps their links, and inputs_of() makes them when the derivative asks.
class Remade {
 public:
  virtual ~Remade() = default;
};
// The inputs of a node as its vjp() reads them.
Arrays inputs_of(const Node& node);

// A cotangent that vjp() may give where recording is off: it is made when the walk over the tape needs it.
// Until then it is an empty array with a link to the primitive, of one output, and its inputs; of those that
// can be made again it keeps what they are made of.
Array later(std::shared_ptr<const Primitive> primitive, Arrays inputs);
bool is_later(const Array& a);
// That array itself; others as they are.
Array made(const Array& a);

}  // namespace cartan
