// Tensors in a format as whole tensors, composed of other ops.
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/linalg/modes.hpp"
#include "cartan/linalg/ops.hpp"

namespace cartan::linalg {

Array tucker_full(const Array& core, const std::vector<Array>& factors) {
  require(!factors.empty() && static_cast<int>(factors.size()) == core.ndim(), "[tucker_full] ",
          factors.size(), " factors for a core of shape ", core.shape());
  for (std::size_t k = 0; k < factors.size(); ++k)
    require(factors[k].ndim() == 2 && factors[k].dim(1) == core.dim(static_cast<int>(k)),
            "[tucker_full] factor ", k, " has shape ", factors[k].shape(), " for a core of shape ",
            core.shape());
  return mode_products(core, factors);
}

Array canonical_full(const std::vector<Array>& factors, const Array& weights) {
  require(!factors.empty(), "[canonical_full] no factors");
  Shape shape;
  for (const Array& f : factors) {
    require(f.ndim() == 2 && f.dim(1) == factors[0].dim(1), "[canonical_full] factors of shapes ",
            factors[0].shape(), " and ", f.shape(), ": one number of columns is needed");
    shape.push_back(f.dim(0));
  }
  const Index rank = factors[0].dim(1);
  Array first = factors[0];
  if (weights.shape() != Shape{0} || rank == 0) {
    require(weights.shape() == Shape{rank}, "[canonical_full] weights of shape ", weights.shape(), " for ",
            rank, " terms");
    if (rank > 0) first = first * weights;
  }
  if (factors.size() == 1) return sum(first, 1);
  return reshape(matmul(first, khatri_rao({factors.begin() + 1, factors.end()}), false, true), shape);
}

Array tensor_train_full(const std::vector<Array>& cores) {
  require(!cores.empty(), "[tensor_train_full] no cores");
  Shape shape;
  Index before = 1;
  for (std::size_t k = 0; k < cores.size(); ++k) {
    const Array& c = cores[k];
    const bool last = k + 1 == cores.size();
    require(c.ndim() == 3 && c.dim(0) == before && (!last || c.dim(2) == 1), "[tensor_train_full] core ", k,
            " has shape ", c.shape(), ", expected (", before, ", n, ", last ? "1" : "r", ")");
    shape.push_back(c.dim(1));
    before = c.dim(2);
  }
  Array x = reshape(cores[0], {cores[0].dim(1), cores[0].dim(2)});
  for (std::size_t k = 1; k < cores.size(); ++k) {
    const Array& c = cores[k];
    x = matmul(x, reshape(c, {c.dim(0), c.dim(1) * c.dim(2)}));
    x = reshape(x, {x.dim(0) * c.dim(1), c.dim(2)});
  }
  return reshape(x, shape);
}

}  // namespace cartan::linalg
