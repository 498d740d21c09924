#pragma once
/// The differentiable ops. Shapes broadcast as in NumPy where said. All throw std::invalid_argument
/// "[op] ..." for shapes or types that do not fit. Types never mix: convert with `cast`.

#include <vector>

#include <cartan/autodiff/indices.hpp>
#include <cartan/autodiff/primitive.hpp>

namespace cartan {

/// @name Arithmetic, with broadcasting; float and complex
///@{
Array add(const Array& a, const Array& b);
Array subtract(const Array& a, const Array& b);
Array multiply(const Array& a, const Array& b);
Array divide(const Array& a, const Array& b);
Array scale(const Array& a, double factor);  ///< factor * a
Array shift(const Array& a, double offset);  ///< a + offset
Array negative(const Array& a);
inline Array operator+(const Array& a, const Array& b) {
  return add(a, b);
}
inline Array operator-(const Array& a, const Array& b) {
  return subtract(a, b);
}
inline Array operator*(const Array& a, const Array& b) {
  return multiply(a, b);
}
inline Array operator/(const Array& a, const Array& b) {
  return divide(a, b);
}
inline Array operator*(double s, const Array& a) {
  return scale(a, s);
}
inline Array operator*(const Array& a, double s) {
  return scale(a, s);
}
inline Array operator/(const Array& a, double s) {
  return scale(a, 1 / s);
}
inline Array operator+(const Array& a, double s) {
  return shift(a, s);
}
inline Array operator+(double s, const Array& a) {
  return shift(a, s);
}
inline Array operator-(const Array& a, double s) {
  return shift(a, -s);
}
inline Array operator-(double s, const Array& a) {
  return shift(negative(a), s);
}
inline Array operator-(const Array& a) {
  return negative(a);
}
///@}

/// @name Real functions of one array, elementwise
///@{
Array exp(const Array& a);
Array log(const Array& a);
Array sin(const Array& a);
Array cos(const Array& a);
Array tanh(const Array& a);
Array sqrt(const Array& a);
Array reciprocal(const Array& a);
Array square(const Array& a);
Array power(const Array& a, double exponent);  ///< a^p; a > 0 unless p is a non-negative integer
Array abs(const Array& a);                     ///< derivative sign(a), 0 at 0
Array sign(const Array& a);                    ///< -1, 0, 1; derivative 0
Array sigmoid(const Array& a);                 ///< 1/(1 + exp(-a))
Array silu(const Array& a);                    ///< a sigmoid(a)
Array erf(const Array& a);                     ///< 2/sqrt(pi) times the integral of exp(-t^2) from 0 to a
Array softplus(const Array& a);                ///< log(1 + exp(a)), no overflow
///@}

/// @name Choice (the conditions themselves have derivative 0)
///@{
Array less(const Array& a, const Array& b);  ///< 1 where a < b, else 0; broadcasts
Array where(const Array& condition, const Array& a,
            const Array& b);                    ///< a where condition != 0, else b; equal shapes
Array maximum(const Array& a, const Array& b);  ///< NaN where one of both is; of equal ones b
Array minimum(const Array& a, const Array& b);  ///< so too
///@}

/// @name Sums (accumulated in float64, the same bits for any number of threads)
///@{
Array sum(const Array& a);  ///< all elements, rank 0
Array sum(const Array& a, int axis, bool keep_axis = false);
Array mean(const Array& a);
Array mean(const Array& a, int axis, bool keep_axis = false);
Array broadcast_to(const Array& a, const Shape& shape);
Array sum_to(const Array& a, const Shape& shape);  ///< adjoint of broadcast_to
///@}

/// @name Structure
///@{
Array reshape(const Array& a, const Shape& shape);  ///< one extent may be -1
Array permute(const Array& a, const std::vector<int>& axes);
Array transpose(const Array& a);  ///< swaps the last two axes
Array slice(const Array& a, int axis, Index begin, Index end);
Array pad(const Array& a, int axis, Index before, Index after);  ///< with zeros; adjoint of slice
Array concatenate(const Arrays& parts, int axis);
Array gather(const Array& a, const Indices& rows);       ///< out[k] = a[rows[k]] along the first axis
Array scatter_add(const Array& a, const Indices& rows);  ///< out[r] = sum over k with rows[k] = r of a[k]
Array cast(const Array& a, DType dtype);                 ///< between float32 and float64, or real to complex
Array to(const Array& a, Device device);                 ///< the elements on another device
///@}

/// @name Products of matrices
///@{
/// op(a) op(b) over the last two axes; leading axes are equal, or absent on one side.
Array matmul(const Array& a, const Array& b, bool transpose_a = false, bool transpose_b = false);
/// x W^T + bias: x (..., in), W (out, in), bias (out) or empty.
Array linear(const Array& x, const Array& weight, const Array& bias = {});
///@}

/// @name Complex
///@{
Array conjugate(const Array& a);  ///< a itself when real
Array real(const Array& a);
Array imag(const Array& a);
Array make_complex(const Array& re, const Array& im);
///@}

}  // namespace cartan
