#pragma once
// What a product of matrices can leave out: columns of a factor that are zero throughout. Of a layer with a
// rectifier many units answer to no entry of a batch, and then neither to the gradient.

#include <cstdint>
#include <vector>

#include "core/gemm.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

/// Some of the numbers 0 .. of - 1, rising; `all` stands for all of them, without a list.
struct Live {
  Index of = 0;
  bool all = true;
  std::vector<std::int32_t> list;
  Index count() const { return all ? of : static_cast<Index>(list.size()); }
};

/// The columns of x (rows, columns), as it is stored, that hold a number other than zero; all, where those
/// are so many that leaving out the others does not pay.
Live live_columns(const float* x, Index rows, Index columns, Index stride);
/// Numbers that are in both.
Live common(const Live& a, const Live& b);

/// Some rows and columns of a stored matrix side by side; of all of them a view of the matrix itself.
class Selected {
 public:
  Selected(MatrixView<float> x, const Live& rows, const Live& columns);
  MatrixView<float> view;

 private:
  Scratch<float> memory_;
};

/// c, all rows and columns, from those that are live; zeros elsewhere.
void spread(const float* from, const Live& rows, const Live& columns, float* c);

}  // namespace cartan::completion
