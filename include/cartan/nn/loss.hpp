#pragma once
/// Losses: weighted means over elements of e(prediction - target).
///
/// loss = sum_i w_i e_i / sum_i w_i, or the plain mean without weights; 0 when all weights are 0. Elements of
/// weight 0 are left out altogether: a target that is NaN there (a label that is absent) leaves no trace in
/// the value or in any derivative. `weight` broadcasts to the shape of `prediction`; it is not
/// differentiated. All return rank 0 and throw std::invalid_argument when shapes or types do not fit.

#include <cartan/autodiff/ops.hpp>

namespace cartan::nn {

Array mse(const Array& prediction, const Array& target, const Array& weight = {});
Array mae(const Array& prediction, const Array& target, const Array& weight = {});
/// e(x) = x^2/2 for |x| <= delta, delta (|x| - delta/2) beyond (torch's HuberLoss).
Array huber(const Array& prediction, const Array& target, double delta, const Array& weight = {});

/// 1 where a label is finite, 0 where it is absent: a weight for the losses above. Not tracked.
Array present(const Array& labels);

}  // namespace cartan::nn
