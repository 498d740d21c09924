#pragma once
// Fast Fourier transforms by FFTW, not normalised. Its planner is not thread-safe: here alone plans are made
// and destroyed. Execution is thread-safe.

#include <complex>
#include <memory>
#include <vector>

#include "cartan/core/array.hpp"
#include "cartan/core/fft.hpp"

namespace cartan {

// With w = exp(-2 pi i / n):
//   forward, backward        y_k = sum_j x_j w^(jk) or w^(-jk)
//   real_forward             the same of real x, k <= n/2
//   real_backward            y_j = Re sum_{k <= n/2} c_k x_k w^(-jk), c_k = 1 for k = 0 and k = n/2, else 2
//   dct1, dct2, dct3         FFTW's REDFT00, REDFT10, REDFT01
//   dst2, dst3               RODFT10, RODFT01
//   halfcomplex and back     R2HC, HC2R
// Of several axes the last one is the real one: it is transformed first by real_forward, last by
// real_backward.
enum class FftKind {
  forward,
  backward,
  real_forward,
  real_backward,
  dct1,
  dct2,
  dct3,
  dst2,
  dst3,
  halfcomplex,
  from_halfcomplex
};

// `n` elements (of the real side, where the sides differ), so many apart.
struct FftAxis {
  Index n, in, out;
};

template <class T>
class FftPlan {
 public:
  // Transforms along `axes` for all indices of `loops`.
  // @param aligned  in and out lie on 16 bytes wherever it is executed
  FftPlan(FftKind kind, const std::vector<FftAxis>& axes, const std::vector<FftAxis>& loops, bool in_place,
          bool aligned, FftEffort effort = FftEffort::estimate);
  ~FftPlan();
  FftPlan(const FftPlan&) = delete;
  FftPlan& operator=(const FftPlan&) = delete;

  // One of these fits the kind, the others throw std::logic_error. In place where the plan is; otherwise `in`
  // is kept but by real_backward.
  void operator()(const std::complex<T>* in, std::complex<T>* out) const;
  void operator()(const T* in, std::complex<T>* out) const;
  void operator()(std::complex<T>* in, T* out) const;
  void operator()(const T* in, T* out) const;

 private:
  FftKind kind_;
  void* plan_ = nullptr;
};

// The plan for this, made once and kept, with the effort in force.
template <class T>
std::shared_ptr<const FftPlan<T>> fft_plan(FftKind kind, const std::vector<FftAxis>& axes,
                                           const std::vector<FftAxis>& loops, bool in_place, bool aligned);

// out = scale * transform of the row-major array `in` along distinct `axes` >= 0, on all threads. The shapes
// differ in the last of the axes alone, where the kind makes them. real_backward changes `in`; in == out for
// kinds whose sides have one type.
template <class In, class Out>
void fft_along(FftKind kind, In* in, const Shape& in_shape, Out* out, const Shape& out_shape,
               const std::vector<int>& axes, double scale = 1);

}  // namespace cartan
