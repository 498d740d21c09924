#pragma once
// Generators of rotations for loops over samples: the table of generator() is behind a lock.

#include "cartan/so3/tables.hpp"

namespace cartan::so3 {

class Generators {
 public:
  Generators(int first, int last) : first_(first) {
    for (int l = first; l <= last; ++l)
      for (int axis = 0; axis < 3; ++axis) tables_.push_back(&generator(l, axis));
  }
  const std::vector<Entry>& operator()(int l, int axis) const { return *tables_[3 * (l - first_) + axis]; }

 private:
  int first_;
  std::vector<const std::vector<Entry>*> tables_;
};

}  // namespace cartan::so3
