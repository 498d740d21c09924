#pragma once
// What a TensorProduct holds.

#include "so3/tensor/form.hpp"

namespace cartan::so3 {

struct TensorProduct::State {
  State(Irreps in1, Irreps in2, Irreps out, const std::vector<Instruction>& instructions,
        TensorProductOptions options);
  // Checked, in the order of the kernels.
  Array kernel_weights(const char* op, const Array& weights, const Array& like) const;

  Irreps in1, in2, out;
  TensorProductOptions options;
  std::vector<Path> paths;
  std::shared_ptr<const TensorForm> form;
  std::vector<Index> weight_order;  // empty: as they come
  Plan plan;
};

}  // namespace cartan::so3
