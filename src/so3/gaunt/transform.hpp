#pragma once
// Between coefficients of degree l and values on a grid of the sphere, for one block of lanes, in two steps:
// along theta for every m, then along phi row by row, so that products of functions are formed in the nearest
// cache. What a row is depends on the grid; its coefficients are [slot][...][lane], slots being the 2 L + 1
// functions cos(m phi), sin(m phi).

#include <memory>

#include "so3/gaunt/lanes.hpp"
#include "so3/harmonics/sphere_grid_tables.hpp"

namespace cartan::so3 {

template <class T>
class SphereTransform {
 public:
  virtual ~SphereTransform() = default;

  virtual int rows() const = 0;
  virtual Index row_size(int l) const = 0;  // coefficients of one row
  virtual Index values_size() const = 0;    // values of one row
  virtual Index work_size() const = 0;      // scratch of the functions below

  // f (rows, row_size) from x ((l + 1)^2, w)
  virtual void theta_values(int l, Derivative derivative, const T* x, T* work, T* f) const = 0;
  // values (values_size) of one row from its coefficients
  virtual void phi_values(int l, const T* f, T* work, T* values) const = 0;
  // The adjoints, with the weights of the quadrature: together the projection on harmonics of degree <= l.
  virtual void phi_project(int l, T* values, T* work, T* g) const = 0;  // changes values
  virtual void theta_project(int l, T* g, T* work, T* z) const = 0;     // changes g
};

}  // namespace cartan::so3
